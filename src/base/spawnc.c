#include "base/spawnc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/conf.h"

#define QUICK_MS 10000
#define DISK_MS 60000	/* publishing fsyncs */

/* --- messages ------------------------------------------------------------- */

/* Moves exactly len bytes before `deadline`. */
static int move_all(int fd, void *data, size_t len, int sending, int64_t deadline)
{
	char *p = data;

	while (len) {
		struct pollfd pfd = { .fd = fd, .events = sending ? POLLOUT : POLLIN };
		int64_t left = deadline - util_mono_ms();
		ssize_t n;

		if (left <= 0)
			return ERR_TIMEOUT;
		if (poll(&pfd, 1, (int)left) <= 0)
			continue;
		n = sending ? send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(fd, p, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return ERR_IO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int spawn_send(int fd, const json_t *message, int timeout_ms)
{
	char *text = json_dumps(message, JSON_COMPACT);
	int64_t deadline = util_mono_ms() + timeout_ms;
	size_t len = text ? strlen(text) : 0;
	unsigned char head[4] = { (unsigned char)len, (unsigned char)(len >> 8),
				  (unsigned char)(len >> 16), (unsigned char)(len >> 24) };
	int rc = ERR_NOMEM;

	if (!text)
		return rc;
	rc = ERR_INPUT;
	if (len > SPAWN_MESSAGE_MAX)
		goto out;
	TRY(move_all(fd, head, sizeof(head), 1, deadline));
	TRY(move_all(fd, text, len, 1, deadline));
out:
	/* a start holds the channel's key */
	explicit_bzero(text, len);
	free(text);
	return rc;
}

int spawn_recv(int fd, json_t **message, int timeout_ms)
{
	int64_t deadline = util_mono_ms() + timeout_ms;
	unsigned char head[4];
	size_t len = 0;
	char *text = NULL;
	int rc;

	*message = NULL;
	TRY(move_all(fd, head, sizeof(head), 0, deadline));
	len = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	rc = ERR_INPUT;
	if (len == 0 || len > SPAWN_MESSAGE_MAX)
		goto out;
	text = malloc(len);
	rc = ERR_NOMEM;
	if (!text)
		goto out;
	TRY(move_all(fd, text, len, 0, deadline));
	*message = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	rc = json_is_object(*message) ? 0 : ERR_INPUT;
	if (rc) {
		json_decref(*message);
		*message = NULL;
	}
out:
	if (text)
		explicit_bzero(text, len);
	free(text);
	return rc;
}

/* --- client --------------------------------------------------------------- */

static int reach(int *fd, struct errmsg *em)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *dir = conf_get("PET_RUN_DIR", "/run/petplatform");

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/spawn.sock", dir) >= (int)sizeof(sa.sun_path))
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG",
				  "PET_RUN_DIR is too long: a socket's path ends at 107 bytes");
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return errmsg_set(em, ERR_INTERNAL, "NO_SOCKET", "no socket: %s", strerror(errno));
	if (connect(*fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		return errmsg_set(em, ERR_IO, "SPAWN_AWAY", "pet-spawn does not answer at %s: %s",
				  sa.sun_path, strerror(errno));
	return 0;
}

static int answer_error(const json_t *answer, struct errmsg *em)
{
	const char *code = json_string_value(json_object_get(answer, "code"));
	const char *pub = json_string_value(json_object_get(answer, "pub"));
	const char *local = json_string_value(json_object_get(answer, "local"));
	int rc = (int)json_integer_value(json_object_get(answer, "err"));

	if (rc == 0)
		return 0;
	errmsg_set(em, rc, code ? code : "SPAWN_ERROR", "%s", pub ? pub : "pet-spawn refused");
	errmsg_local(em, "%s", local ? local : "pet-spawn refused");
	return rc < 0 ? rc : ERR_INTERNAL;
}

/* One request, one answer. `request` is stolen; *answer may be NULL when the caller wants only the error. */
static int ask(json_t *request, int timeout_ms, json_t **answer, struct errmsg *em)
{
	json_t *got = NULL;
	int fd = -1, rc = ERR_NOMEM;

	if (!request)
		goto out;
	TRY(reach(&fd, em));
	rc = spawn_send(fd, request, timeout_ms);
	/* refused before it was read: the answer says why */
	if (rc == 0 || rc == ERR_IO)
		rc = spawn_recv(fd, &got, timeout_ms);
	if (rc)
		errmsg_set(em, rc, rc == ERR_TIMEOUT ? "SPAWN_TIMEOUT" : "SPAWN_AWAY",
			   "pet-spawn did not answer (%s)", err_name(rc));
	else
		rc = answer_error(got, em);
	if (rc == 0 && answer) {
		*answer = got;
		got = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	json_decref(got);
	json_decref(request);
	return rc;
}

static json_t *about(const char *what, const struct task_id *id)
{
	char name[TASKDIR_NAME_MAX];

	task_id_name(id, name);
	return json_pack("{s:s, s:s}", "ask", what, "task", name);
}

int spawnc_start(const json_t *document, const json_t *replace, const json_t *gateway, struct errmsg *em)
{
	/* O* adds a reference and takes NULL */
	return ask(json_pack("{s:s, s:O, s:O*, s:O*}", "ask", "start", "document", document, "replace", replace,
			     "gateway", gateway), QUICK_MS, NULL, em);
}

int spawnc_signal(const struct task_id *id, int sig, struct errmsg *em)
{
	json_t *request = about("signal", id);

	if (request && json_object_set_new(request, "signal", json_integer(sig))) {
		json_decref(request);
		request = NULL;
	}
	return ask(request, QUICK_MS, NULL, em);
}

int spawnc_alive(const struct task_id *id, int *alive, struct errmsg *em)
{
	json_t *answer = NULL;
	int rc = ask(about("alive", id), QUICK_MS, &answer, em);

	*alive = json_is_true(json_object_get(answer, "alive"));
	json_decref(answer);
	return rc;
}

static int may_replace(const json_t *replace, const char *path)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)replace, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), path) == 0)
			return 1;
	return 0;
}

/* One row per output that the operator wrote: the staged name, the final one, and which file it is. */
static int add_file(json_t *files, const char *staged, const char *final, const json_t *record,
		    const json_t *replace)
{
	json_t *row, *which = json_object_get(json_object_get(record, "files"), staged);

	if (!final || !which)
		return ERR_INPUT;
	row = json_pack("{s:s, s:s, s:b}", "staged", staged, "final", final, "replace",
			may_replace(replace, final));
	if (!row || json_object_update(row, which)) {
		json_decref(row);
		return ERR_NOMEM;
	}
	return json_array_append_new(files, row) ? ERR_NOMEM : 0;
}

static int add_slot(json_t *files, const json_t *wanted, const json_t *staged, const json_t *record,
		    const json_t *replace)
{
	const json_t *item;
	size_t i;
	int rc = 0;

	json_array_foreach((json_t *)staged, i, item) {
		const char *name = json_string_value(item);
		const json_t *final = json_is_array(wanted) ? json_array_get(wanted, i) :
				      i == 0 ? wanted : NULL;

		if (rc == 0 && name && *name)
			rc = add_file(files, name, json_string_value(final), record, replace);
	}
	return rc;
}

int spawnc_publish(const struct task_id *id, const json_t *outputs, const json_t *record,
		   const json_t *replace, struct errmsg *em)
{
	json_t *request = about("publish", id), *files = json_array(), *staged;
	const char *slot;
	int rc = request && files ? 0 : ERR_NOMEM;

	json_object_foreach(json_object_get(record, "outputs"), slot, staged)
		if (rc == 0)
			rc = add_slot(files, json_object_get(outputs, slot), staged, record, replace);
	if (rc == 0)
		rc = json_object_set(request, "files", files) ? ERR_NOMEM : 0;
	if (rc) {
		errmsg_set(em, rc, "BAD_RECORD", "the exit record's outputs are not those that the request names");
		json_decref(request);
	} else {
		rc = ask(request, DISK_MS, NULL, em);
	}
	json_decref(files);
	return rc;
}

int spawnc_clean(const struct task_id *id, struct errmsg *em)
{
	return ask(about("clean", id), DISK_MS, NULL, em);
}

int spawnc_clean_failed(const struct task_id *id, struct errmsg *em)
{
	json_t *request = about("clean", id);

	if (request && json_object_set_new(request, "keep_work", json_true())) {
		json_decref(request);
		request = NULL;
	}
	return ask(request, DISK_MS, NULL, em);
}

int spawnc_list(json_t **names, struct errmsg *em)
{
	json_t *answer = NULL;
	int rc = ask(json_pack("{s:s}", "ask", "list"), QUICK_MS, &answer, em);

	*names = rc ? NULL : json_incref(json_object_get(answer, "tasks"));
	json_decref(answer);
	return rc == 0 && !*names ? ERR_INTERNAL : rc;
}
