/* Mission files into the database, each with what its operators say of themselves. */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mission.h"
#include "base/util.h"
#include "db/db_mission.h"
#include "sched/sched.h"

#define DESCRIBE_MAX (1 << 20)
#define DESCRIBE_MS 10000

/* Reads fd to its end, within the time and the size. */
static int read_all(int fd, struct buf *out)
{
	int64_t until = util_mono_ms() + DESCRIBE_MS;
	int rc;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - util_mono_ms();
		ssize_t n;

		if (left <= 0 || out->len > DESCRIBE_MAX)
			return ERR_TIMEOUT;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		TRY(buf_reserve(out, 65536));
		n = read(fd, out->data + out->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : ERR_IO;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
out:
	return rc;
}

/* The child's half: only what exec needs. */
static void exec_describe(const char *program, int fd)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0)
		dup2(null, 0);
	dup2(fd, 1);
	execl(program, program, "--describe", (char *)NULL);
	_exit(127);
}

static int run_describe(const char *program, struct buf *out)
{
	int fd[2], rc, status;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return ERR_IO;
	pid = fork();
	if (pid == 0)
		exec_describe(program, fd[1]);
	close(fd[1]);
	rc = pid < 0 ? ERR_IO : read_all(fd[0], out);
	close(fd[0]);
	if (pid < 0)
		return rc;
	if (rc != 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return rc != 0 ? rc : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ERR_IO;
}

/* NULL: the program is missing or says nothing sensible. Owned. */
static json_t *describe(const struct sched *s, const char *op)
{
	struct buf path = { 0 }, text = { 0 };
	json_t *doc = NULL;
	int rc;

	TRY(buf_fmt(&path, "%s/op-%s", s->conf.operator_dir, op));
	if (access(path.data, X_OK) != 0)
		goto out;
	TRY(run_describe(path.data, &text));
	doc = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(doc)) {
		json_decref(doc);
		doc = NULL;
	}
	if (!doc)
		log_error("%s --describe prints no JSON object: the operator counts as missing", path.data);
out:
	buf_free(&path);
	buf_free(&text);
	return doc;
}

struct load {
	struct sched *s;
	struct db *db;
	json_t *known;	/* operator -> description; null for a missing one */
};

static json_t *described(struct load *l, const char *op)
{
	json_t *doc = json_object_get(l->known, op);

	if (!doc) {
		doc = describe(l->s, op);
		json_object_set_new(l->known, op, doc ? doc : json_null());
		doc = json_object_get(l->known, op);
	}
	return json_is_null(doc) ? NULL : doc;
}

static void note_missing(struct mission_row *row, const char *op)
{
	size_t n = strlen(row->missing);

	if (!strstr(row->missing, op) && n + strlen(op) + 3 < sizeof(row->missing))
		snprintf(row->missing + n, sizeof(row->missing) - n, "%s%s", n ? ", " : "", op);
}

static int store(struct load *l, const struct mission *m)
{
	struct mission_row row = { .version = m->version };
	json_t *params = json_object();
	int rc;

	snprintf(row.name, sizeof(row.name), "%s", m->name);
	for (unsigned i = 0; i < m->task_count; i++) {
		const char *op = m->task[i].op->name;
		json_t *doc = described(l, op);

		if (doc)
			json_object_set(params, op, doc);
		else
			note_missing(&row, op);
	}
	TRY(mission_print(m, &row.dag));
	TRY(mission_digest(m, row.digest));
	row.params = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
	rc = row.params ? db_mission_put(l->db, &row) : ERR_NOMEM;
	if (rc == 0)
		log_info("mission %s@%u loaded%s%s", m->name, m->version, row.missing[0] ? "; operators missing: " : "", row.missing);
out:
	json_decref(params);
	free(row.dag);
	free(row.params);
	return rc;
}

static int is_yaml(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return e->d_name[0] != '.' && dot && (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0);
}

static int load_one(struct load *l, const char *name)
{
	struct buf path = { 0 };
	struct mission *m = NULL;
	struct errmsg em = { 0 };
	int rc;

	TRY(buf_fmt(&path, "%s/%s", l->s->conf.mission_dir, name));
	if (mission_load(&m, path.data, &em) != 0) {
		log_error("%s: this mission is left out", em.local);
		goto out;
	}
	rc = store(l, m);
out:
	mission_free(m);
	buf_free(&path);
	return rc;
}

int sched_missions(struct sched *s, struct db *db)
{
	struct load l = { .s = s, .db = db, .known = json_object() };
	struct dirent **list = NULL;
	int n = scandir(s->conf.mission_dir, &list, is_yaml, alphasort), rc = 0;

	if (n < 0)
		log_error("%s cannot be read: %s (PET_MISSION_DIR)", s->conf.mission_dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = load_one(&l, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	json_decref(l.known);
	return rc;
}
