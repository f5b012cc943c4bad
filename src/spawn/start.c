/* Starting a task: everything is checked, opened and made here, as the user the operator will be; the child only steps in. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/catalog.h"
#include "base/log.h"
#include "base/safepath.h"
#include "base/util.h"
#include "spawn/spawn.h"

static int find_program(struct launch *l, const json_t *doc, struct errmsg *em)
{
	const char *name = json_string_value(json_object_get(doc, "operator"));
	const struct catalog_op *op = name ? catalog_find(name) : NULL;

	/* by its own name only, never by a path or a class */
	if (!op || strcmp(op->name, name) != 0)
		return errmsg_set(em, ERR_INPUT, "UNKNOWN_OPERATOR", "there is no operator '%.64s'; did you mean '%s'?",
				  name ? name : "", op ? op->name : catalog_nearest(name ? name : ""));
	if (snprintf(l->program, sizeof(l->program), "%s/op-%s", l->sp->operators, op->name) >= PATH_MAX)
		return ERR_INTERNAL;
	if (access(l->program, X_OK) != 0) {
		errmsg_set(em, ERR_NOTFOUND, "OPERATOR_MISSING", "the operator '%s' is not installed", op->name);
		errmsg_local(em, "the operator '%s' is not installed: %s: %s", op->name, l->program,
			     strerror(errno));
		return ERR_NOTFOUND;
	}
	return 0;
}

/* --- inputs and outputs ------------------------------------------------------ */

/* With the operator's own rights: root must not lend it files that it could not read by itself. */
static int open_as_operator(const struct spawn *sp, const char *clean, int *fd, struct errmsg *em)
{
	int rc;

	if (!sp->drop)
		return safepath_open(sp->root, clean, fd, em);
	if (setegid(sp->op_gid) != 0 || seteuid(sp->op_uid) != 0) {
		rc = errmsg_set(em, ERR_INTERNAL, "NO_USER", "cannot become the operators' user");
	} else {
		rc = safepath_open(sp->root, clean, fd, em);
		if (rc == ERR_DENIED)
			errmsg_local(em, "%s (below the safe work dir) cannot be read by the operators' user %s: give it or its group the right",
				     clean, sp->op_user);
	}
	if (seteuid(0) != 0 || setegid(0) != 0)
		abort();	/* nothing may go on with half the rights */
	return rc;
}

static json_t *open_one(struct launch *l, const json_t *path, struct errmsg *em, int *rc)
{
	char clean[SAFEPATH_MAX];
	int fd = -1;

	*rc = ERR_INPUT;
	if (!json_is_string(path)) {
		errmsg_set(em, *rc, "BAD_DOCUMENT", "inputs: expected a path or a list of paths in each slot");
		return NULL;
	}
	if (l->input_count == LAUNCH_INPUTS) {
		errmsg_set(em, *rc, "BAD_DOCUMENT", "inputs: more than %d files", LAUNCH_INPUTS);
		return NULL;
	}
	*rc = safepath_clean(json_string_value(path), clean, em);
	if (*rc == 0)
		*rc = open_as_operator(l->sp, clean, &fd, em);
	if (*rc)
		return NULL;
	/* the number it will have in the child */
	l->inputs[l->input_count] = fd;
	return json_sprintf("/proc/self/fd/%zu", LAUNCH_FD + l->input_count++);
}

/* The document's inputs become descriptors; the names that the request used are kept for messages. */
static int open_inputs(struct launch *l, json_t *doc, struct errmsg *em)
{
	json_t *in = json_object_get(doc, "inputs"), *opened = json_object(), *v;
	const char *slot;
	int rc = 0;

	json_object_foreach(in, slot, v) {
		json_t *list = json_array(), *path;
		size_t i;

		if (json_is_array(v)) {
			json_array_foreach(v, i, path)
				if (rc == 0 && json_array_append_new(list, open_one(l, path, em, &rc)) && rc == 0)
					rc = ERR_NOMEM;
			json_object_set_new(opened, slot, list);
		} else {
			json_decref(list);
			if (rc == 0 && json_object_set_new(opened, slot, open_one(l, v, em, &rc)) && rc == 0)
				rc = ERR_NOMEM;
		}
	}
	if (rc == 0 && in && (json_object_set(doc, "input_names", in) || json_object_set(doc, "inputs", opened)))
		rc = ERR_NOMEM;
	json_decref(opened);
	return rc;
}

static int listed(const json_t *list, const char *path)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)list, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), path) == 0)
			return 1;
	return 0;
}

static int check_output(const struct spawn *sp, const json_t *path, const json_t *replace, json_t *seen,
			struct errmsg *em)
{
	const char *text = json_string_value(path);
	char clean[SAFEPATH_MAX];
	int rc;

	if (!text)
		return errmsg_set(em, ERR_INPUT, "BAD_DOCUMENT", "outputs: expected a path or a list of paths in each slot");
	TRY(safepath_clean(text, clean, em));
	if (json_object_get(seen, clean)) {
		errmsg_set(em, ERR_INPUT, "BAD_OUTPUT", "two outputs of a task have the same path");
		errmsg_local(em, "two outputs of the task have the same path %s", clean);
		return ERR_INPUT;
	}
	if (json_object_set_new(seen, clean, json_true()))
		return ERR_NOMEM;
	rc = safepath_target(sp->root, clean, listed(replace, text), em);
out:
	return rc;
}

static int check_outputs(const struct spawn *sp, const json_t *doc, const json_t *replace, struct errmsg *em)
{
	json_t *out = json_object_get(doc, "outputs"), *seen = json_object(), *v, *path;
	const char *slot;
	size_t i;
	int rc = seen ? 0 : ERR_NOMEM;

	json_object_foreach(out, slot, v) {
		if (!json_is_array(v) && rc == 0)
			rc = check_output(sp, v, replace, seen, em);
		json_array_foreach(v, i, path)
			if (rc == 0)
				rc = check_output(sp, path, replace, seen, em);
	}
	json_decref(seen);
	return rc;
}

/* --- folders and the document -------------------------------------------------- */

static int make_folder(const struct spawn *sp, int at, const char *name, gid_t gid, struct errmsg *em)
{
	/* a staging folder may be there already: with what an earlier attempt handed over */
	if (mkdirat(at, name, 0770) != 0 && !(errno == EEXIST && at == sp->private_dir))
		return errmsg_set(em, ERR_IO, "NO_FOLDER", "the task's folder cannot be made: %s", strerror(errno));
	/* first the owner, then the mode: a change of owner clears the set-group bit */
	if ((geteuid() == 0 && fchownat(at, name, sp->op_uid, gid, AT_SYMLINK_NOFOLLOW) != 0) ||
	    fchmodat(at, name, 02770, 0) != 0)
		return errmsg_set(em, ERR_IO, "NO_FOLDER", "the task's folder cannot be given to the operator: %s",
				  strerror(errno));
	return 0;
}

/* The lease belongs to the scheduler, which alone renews it. */
static int make_lease(const struct spawn *sp, int control, struct errmsg *em)
{
	int fd = openat(control, "lease", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int bad = fd < 0 || util_write_all(fd, "00000000000000000000\n", 21) ||
		  (geteuid() == 0 && fchown(fd, sp->client_uid, sp->client_gid) != 0) || fchmod(fd, 0644) != 0;

	if (fd >= 0)
		close(fd);
	return bad ? errmsg_set(em, ERR_IO, "NO_FOLDER", "the task's lease cannot be made: %s", strerror(errno)) : 0;
}

static int make_folders(struct launch *l, const char *name, struct errmsg *em)
{
	const struct spawn *sp = l->sp;
	int control = -1, rc;

	TRY(make_folder(sp, sp->private_dir, name, sp->data_gid, em));
	TRY(make_folder(sp, sp->tasks, name, sp->client_gid, em));
	control = openat(sp->tasks, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (control < 0) {
		rc = errmsg_set(em, ERR_IO, "NO_FOLDER", "the task's folder cannot be opened: %s", strerror(errno));
		goto out;
	}
	TRY(make_lease(sp, control, em));
	l->log = openat(control, "log", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (l->log < 0 || (geteuid() == 0 && fchown(l->log, sp->op_uid, sp->client_gid) != 0))
		rc = errmsg_set(em, ERR_IO, "NO_FOLDER", "the task's log cannot be made: %s", strerror(errno));
out:
	if (control >= 0)
		close(control);
	return rc;
}

static int write_document(struct launch *l, json_t *doc, const char *name, struct errmsg *em)
{
	char *text = NULL;
	int rc = ERR_NOMEM;

	snprintf(l->control, sizeof(l->control), "%.*s/tasks/%s", PATH_MAX - 300, l->sp->state_path, name);
	snprintf(l->staging, sizeof(l->staging), "%.*s/" SAFEPATH_PRIVATE "/%s", PATH_MAX - 300,
		 l->sp->safe_path, name);
	if (json_object_set_new(doc, "control_dir", json_string(l->control)) ||
	    json_object_set_new(doc, "staging_dir", json_string(l->staging)))
		goto out;
	text = json_dumps(doc, JSON_COMPACT);
	l->document = memfd_create("document", MFD_CLOEXEC);
	if (!text || l->document < 0)
		goto out;
	rc = util_write_all(l->document, text, strlen(text));
	if (rc == 0 && lseek(l->document, 0, SEEK_SET) != 0)
		rc = ERR_IO;
out:
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	if (rc)
		errmsg_set(em, rc, "NO_DOCUMENT", "the task's document cannot be handed over");
	return rc;
}

/* Plain TCP is for tests and benches on one machine; between machines operators talk through gateways. */
static int check_channel(struct launch *l, const json_t *doc, struct errmsg *em)
{
	const json_t *channel = json_object_get(doc, "channel");
	const char *scheme = json_string_value(json_object_get(channel, "scheme"));
	const char *address = json_string_value(json_object_get(channel, "address"));

	l->tcp = scheme && strcmp(scheme, "tcp") == 0;
	if (!l->tcp || (address && (strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0)))
		return 0;
	return errmsg_set(em, ERR_DENIED, "BAD_CHANNEL",
			  "channel.address: scheme tcp is not encrypted and reaches loopback only; use scheme agent");
}

/* --- fork ------------------------------------------------------------------------ */

/* The child waits until its pid is on disk; then its report pipe closes by exec, or brings the reason. */
static int fork_task(struct spawn *sp, struct launch *l, const char *name, struct errmsg *em)
{
	int go[2] = { -1, -1 }, report[2] = { -1, -1 }, rc = ERR_IO;
	char why[200];
	ssize_t n;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) {
		errmsg_set(em, rc, "NO_PROCESS", "no pipe for the task: %s", strerror(errno));
		goto out;
	}
	l->go = go[0];
	l->report = report[1];
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		launch_child(l);
		_exit(127);	/* in the child of a fork, not in this program */
	}
	if (pid < 0 || task_pid_write(sp, name, pid)) {
		errmsg_set(em, rc, "NO_PROCESS", "the task's process cannot be made: %s", strerror(errno));
		goto out;	/* the child sees its pipe close, and ends */
	}
	close(report[1]);
	report[1] = -1;
	n = write(go[1], "g", 1) == 1 ? read(report[0], why, sizeof(why) - 1) : -1;
	rc = n == 0 ? 0 : ERR_INTERNAL;
	if (rc) {
		why[n > 0 ? n : 0] = '\0';
		errmsg_set(em, rc, "NOT_STARTED", "the operator could not be started");
		errmsg_local(em, "the operator could not be started: %s", why);
	}
out:
	for (int i = 0; i < 2; i++) {
		if (go[i] >= 0)
			close(go[i]);
		if (report[i] >= 0)
			close(report[i]);
	}
	return rc;
}

/* An attempt is started once: asked again, it is there already, unless we died half way the first time. */
static int started_before(struct spawn *sp, const char *name)
{
	char record[TASKDIR_NAME_MAX + 16];
	struct stat st;

	snprintf(record, sizeof(record), "%s/exit.json", name);
	if (fstatat(sp->tasks, record, &st, AT_SYMLINK_NOFOLLOW) == 0 || task_alive(sp, name))
		return 1;
	/* without a control folder, its staging folder holds at most what was handed over */
	if (fstatat(sp->tasks, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		task_remove(sp, name);
	return 0;
}

/* An attempt that was prepared, and failed at the other party only, has not been cleaned yet. */
static void take_over(struct spawn *sp, const struct task_id *id)
{
	struct task_id before = *id;
	char name[TASKDIR_NAME_MAX];

	if (id->attempt == 0)
		return;
	before.attempt--;
	task_id_name(&before, name);
	if (!task_alive(sp, name))
		task_hand_over(sp, &before);
}

static void launch_fini(struct launch *l)
{
	for (size_t i = 0; i < l->input_count; i++)
		close(l->inputs[i]);
	if (l->document >= 0)
		close(l->document);
	if (l->log >= 0)
		close(l->log);
	if (l->life >= 0)
		close(l->life);
	free(l);
}

static int prepare(struct launch *l, json_t *doc, const json_t *replace, struct errmsg *em)
{
	int rc;

	TRY(find_program(l, doc, em));
	TRY(check_channel(l, doc, em));
	TRY(open_inputs(l, doc, em));
	TRY(check_outputs(l->sp, doc, replace, em));
	l->threads = (int)json_integer_value(json_object_get(doc, "threads"));
out:
	return rc;
}

int spawn_start(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em)
{
	const json_t *replace = json_object_get(request, "replace"), *gateway = json_object_get(request, "gateway");
	json_t *doc = json_deep_copy(json_object_get(request, "document"));
	struct launch *l = calloc(1, sizeof(*l));
	char name[TASKDIR_NAME_MAX];
	struct task_id id;
	int rc = ERR_NOMEM, made = 0;

	if (!l)
		goto out;
	l->sp = sp;
	l->document = l->log = l->life = -1;
	TRY(task_id_from(&id, doc, em));
	task_id_name(&id, name);
	if (started_before(sp, name)) {
		rc = json_object_set_new(answer, "again", json_true()) ? ERR_NOMEM : 0;
		goto out;
	}
	TRY(prepare(l, doc, replace, em));
	made = 1;
	take_over(sp, &id);
	TRY(make_folders(l, name, em));
	if (gateway)
		TRY(gateway_start(sp, gateway, doc, name, &l->life, em));
	TRY(write_document(l, doc, name, em));
	TRY(fork_task(sp, l, name, em));
	log_info("task %s started", name);
out:
	if (rc && made)
		task_remove(sp, name);
	if (rc && !em->code[0])
		errmsg_set(em, rc, "NOT_STARTED", "the task could not be started: %s", err_name(rc));
	if (l)
		launch_fini(l);
	json_decref(doc);
	return rc;
}
