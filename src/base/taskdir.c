#include "base/taskdir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"

#define RECORD_MAX (8u << 20)
#define LINE_MAX_BYTES 4096

static int name_ok(const char *s, size_t max)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n < max && s[n] == '\0';
}

int task_id_set(struct task_id *id, const char *job, uint32_t epoch, uint32_t group,
		uint32_t attempt, const char *task)
{
	memset(id, 0, sizeof(*id));
	if (!job || !task || util_job_id_ok(job) || !name_ok(task, sizeof(id->task)))
		return ERR_INPUT;
	snprintf(id->job, sizeof(id->job), "%s", job);
	snprintf(id->task, sizeof(id->task), "%s", task);
	id->epoch = epoch;
	id->group = group;
	id->attempt = attempt;
	return 0;
}

static int u32_of(const json_t *doc, const char *key, uint32_t *out)
{
	const json_t *v = json_object_get(doc, key);
	json_int_t n = json_integer_value(v);

	*out = (uint32_t)n;
	return (v && !json_is_integer(v)) || n < 0 || n > UINT32_MAX ? ERR_INPUT : 0;
}

int task_id_from(struct task_id *id, const json_t *doc, struct errmsg *em)
{
	uint32_t epoch, group, attempt;

	if (u32_of(doc, "epoch", &epoch) || u32_of(doc, "group", &group) ||
	    u32_of(doc, "attempt", &attempt) ||
	    task_id_set(id, json_string_value(json_object_get(doc, "job_id")), epoch, group, attempt,
			json_string_value(json_object_get(doc, "task"))))
		return errmsg_set(em, ERR_INPUT, "BAD_DOCUMENT",
				  "the task's document lacks a valid job_id, epoch, group, attempt or task (a name of A-Z a-z 0-9 _ -, at most 64)");
	return 0;
}

void task_id_name(const struct task_id *id, char out[TASKDIR_NAME_MAX])
{
	snprintf(out, TASKDIR_NAME_MAX, "%s.%" PRIu32 ".%" PRIu32 ".%" PRIu32 ".%s", id->job,
		 id->epoch, id->group, id->attempt, id->task);
}

int task_id_parse(struct task_id *id, const char *name)
{
	char job[UTIL_JOB_ID_MAX], task[TASK_NAME_MAX], back[TASKDIR_NAME_MAX];
	uint32_t epoch, group, attempt;

	if (sscanf(name, "%63[a-z0-9_].%" SCNu32 ".%" SCNu32 ".%" SCNu32 ".%64[A-Za-z0-9_-]", job,
		   &epoch, &group, &attempt, task) != 5 ||
	    task_id_set(id, job, epoch, group, attempt, task))
		return ERR_INPUT;
	/* only the one spelling: no leading zeros, no rest */
	task_id_name(id, back);
	return strcmp(back, name) == 0 ? 0 : ERR_INPUT;
}

int taskdir_control(const struct task_id *id, char out[PATH_MAX])
{
	char name[TASKDIR_NAME_MAX];

	task_id_name(id, name);
	return snprintf(out, PATH_MAX, "%s/tasks/%s", conf_get("PET_STATE_DIR", "/var/lib/petplatform"),
			name) < PATH_MAX ? 0 : ERR_INPUT;
}

/* A regular file of the control folder, whatever an operator may have put there instead. */
static int open_in(const struct task_id *id, const char *file, int flags, int *fd, off_t *size)
{
	char path[PATH_MAX + 32], dir[PATH_MAX];
	struct stat st;

	if (taskdir_control(id, dir))
		return ERR_INPUT;
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	*fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (*fd < 0)
		return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
	if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(*fd);
		return ERR_INPUT;
	}
	*size = st.st_size;
	return 0;
}

int taskdir_beat(const struct task_id *id, uint64_t beat)
{
	char text[24];
	int fd, n, rc;
	off_t size;

	rc = open_in(id, "lease", O_WRONLY, &fd, &size);
	if (rc)
		return rc;
	/* one width: an overwrite in place is always whole */
	n = snprintf(text, sizeof(text), "%020" PRIu64 "\n", beat);
	rc = pwrite(fd, text, (size_t)n, 0) == n ? 0 : ERR_IO;
	close(fd);
	return rc;
}

/* At most the last max bytes of a file, appended. */
static int read_end(const struct task_id *id, const char *file, size_t max, struct buf *out, int *cut)
{
	int fd, rc;
	off_t size;
	ssize_t n;

	rc = open_in(id, file, O_RDONLY, &fd, &size);
	if (rc)
		return rc;
	*cut = size > (off_t)max;
	rc = buf_reserve(out, max);
	if (rc == 0) {
		n = pread(fd, out->data + out->len, max, *cut ? size - (off_t)max : 0);
		rc = n < 0 ? ERR_IO : 0;
		if (n > 0)
			out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
	close(fd);
	return rc;
}

static uint64_t u64_of(const json_t *row, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(row, key));

	return n < 0 ? 0 : (uint64_t)n;
}

static int parse_progress(const char *line, size_t n, struct task_progress *out)
{
	json_t *row = json_loadb(line, n, 0, NULL);
	const char *stage = json_string_value(json_object_get(row, "stage"));

	memset(out, 0, sizeof(*out));
	out->t = json_number_value(json_object_get(row, "t"));
	out->progress = json_number_value(json_object_get(row, "progress"));
	if (!(out->progress >= 0 && out->progress <= 1))
		out->progress = 0;
	snprintf(out->stage, sizeof(out->stage), "%s", stage ? stage : "");
	out->bytes_sent = u64_of(row, "bytes_sent");
	out->bytes_received = u64_of(row, "bytes_received");
	out->rounds = u64_of(row, "rounds");
	out->rss = u64_of(row, "rss");
	json_decref(row);
	return row ? 0 : ERR_INPUT;
}

int taskdir_progress(const struct task_id *id, struct task_progress *out)
{
	struct buf b = { 0 };
	size_t end, start;
	int cut, rc;

	TRY(read_end(id, "progress", LINE_MAX_BYTES, &b, &cut));
	for (end = b.len; end > 0 && b.data[end - 1] != '\n'; end--)
		;
	for (start = end ? end - 1 : 0; start > 0 && b.data[start - 1] != '\n'; start--)
		;
	rc = end == 0 || (cut && start == 0) ? ERR_NOTFOUND :
	     parse_progress(b.data + start, end - start, out);
out:
	buf_free(&b);
	return rc;
}

int taskdir_exit(const struct task_id *id, json_t **record)
{
	struct buf b = { 0 };
	int cut, rc;

	*record = NULL;
	TRY(read_end(id, "exit.json", RECORD_MAX, &b, &cut));
	*record = cut ? NULL : json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
	rc = json_is_integer(json_object_get(*record, "status")) ? 0 : ERR_INPUT;
	if (rc) {
		json_decref(*record);
		*record = NULL;
	}
out:
	buf_free(&b);
	return rc;
}

int taskdir_log_tail(const struct task_id *id, size_t max, struct buf *out)
{
	size_t start = out->len, drop;
	int cut = 0, rc = read_end(id, "log", max, out, &cut);
	char *line;

	/* empty, as it is just after a rotation: the older half is the tail */
	if (rc == 0 && out->len == start) {
		rc = read_end(id, "log.1", max, out, &cut);
		rc = rc == ERR_NOTFOUND ? 0 : rc;
	}
	line = rc == 0 && cut ? strchr(out->data + start, '\n') : NULL;
	if (line) {
		drop = (size_t)(line + 1 - (out->data + start));
		memmove(out->data + start, line + 1, out->len - start - drop + 1);
		out->len -= drop;
	}
	return rc;
}
