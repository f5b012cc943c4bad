/* Which tasks there are, whether they live, how they are ended and removed. */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "spawn/spawn.h"

#define REMOVE_DEPTH 16

int task_named(const json_t *request, const char **name, struct errmsg *em)
{
	struct task_id id;

	*name = json_string_value(json_object_get(request, "task"));
	if (*name && task_id_parse(&id, *name) == 0)
		return 0;
	return errmsg_set(em, ERR_INPUT, "BAD_REQUEST", "task: expected JOB.EPOCH.GROUP.ATTEMPT.TASK");
}

/* --- pid files -------------------------------------------------------------- */

/* Ticks since boot at which the process started; 0 when it is gone or a zombie. */
static unsigned long long start_time(pid_t pid)
{
	char path[64], text[1024], *p, state = 0;
	unsigned long long start = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* the command's name may hold anything: its closing parenthesis is the last one */
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			 &state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

static void boot_id(char out[64])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, 63) : -1;

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

int task_pid_write(struct spawn *sp, const char *name, pid_t pid)
{
	char text[160], boot[64];
	int n, fd, rc = ERR_IO;

	boot_id(boot);
	n = snprintf(text, sizeof(text), "%d %llu %s\n", (int)pid, start_time(pid), boot);
	unlinkat(sp->pids, name, 0);
	fd = openat(sp->pids, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return rc;
	rc = util_write_all(fd, text, (size_t)n);
	close(fd);
	return rc;
}

static int pid_read(struct spawn *sp, const char *name, pid_t *pid, unsigned long long *start)
{
	char text[160] = "", boot[64], now[64];
	int fd = openat(sp->pids, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), p;
	ssize_t n;

	if (fd < 0)
		return ERR_NOTFOUND;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	boot_id(now);
	if (n <= 0 || sscanf(text, "%d %llu %63s", &p, start, boot) != 3 || strcmp(boot, now) != 0 ||
	    p <= 1 || *start == 0)
		return ERR_NOTFOUND;
	*pid = p;
	return 0;
}

int task_pidfd(struct spawn *sp, const char *name, pid_t *pid)
{
	unsigned long long start;
	int fd;

	if (pid_read(sp, name, pid, &start))
		return -1;
	fd = (int)syscall(SYS_pidfd_open, *pid, 0);
	/* first hold the process, then compare: it cannot be exchanged in between */
	if (fd >= 0 && start_time(*pid) != start) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int task_alive(struct spawn *sp, const char *name)
{
	pid_t pid;
	int fd = task_pidfd(sp, name, &pid);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* --- requests --------------------------------------------------------------- */

int spawn_alive(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em)
{
	const char *name;
	int rc = task_named(request, &name, em);

	if (rc == 0 && json_object_set_new(answer, "alive", json_boolean(task_alive(sp, name))))
		rc = ERR_NOMEM;
	return rc;
}

int spawn_signal(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em)
{
	json_int_t sig = json_integer_value(json_object_get(request, "signal"));
	const char *name;
	pid_t pid = 0;
	int fd, bad, rc;

	(void)answer;
	TRY(task_named(request, &name, em));
	if (sig != SIGTERM && sig != SIGKILL)
		return errmsg_set(em, ERR_INPUT, "BAD_REQUEST", "signal: expected 15 (TERM) or 9 (KILL)");
	fd = task_pidfd(sp, name, &pid);
	if (fd < 0)
		return 0;
	/* TERM is for the supervisor, which ends its work in order; a group's number is not reused while its leader is unreaped */
	bad = sig == SIGKILL ? kill(-pid, SIGKILL) != 0 :
	      syscall(SYS_pidfd_send_signal, fd, (int)sig, NULL, 0) != 0;
	if (bad && errno != ESRCH)
		rc = errmsg_set(em, ERR_INTERNAL, "NO_SIGNAL", "the task cannot be signalled: %s", strerror(errno));
	close(fd);
out:
	return rc;
}

/* Empties and removes a folder that an operator may have filled with anything; follows nothing. */
static void remove_tree(int at, const char *name, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (fd >= 0 && !d)
		close(fd);
	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) != 0 && depth > 0 && (errno == EISDIR || errno == EPERM))
			remove_tree(dirfd(d), e->d_name, depth - 1);
	}
	if (d)
		closedir(d);
	if (unlinkat(at, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		log_warning("%s cannot be removed: %s", name, strerror(errno));
}

void task_remove(struct spawn *sp, const char *name)
{
	remove_tree(sp->private_dir, name, REMOVE_DEPTH);
	remove_tree(sp->tasks, name, REMOVE_DEPTH);
	unlinkat(sp->pids, name, 0);
}

/* A supervisor that has written its record is about to end: worth waiting for. */
static int still_alive(struct spawn *sp, const char *name)
{
	char record[TASKDIR_NAME_MAX + 16];
	struct stat st;
	pid_t pid;
	struct pollfd p = { .fd = task_pidfd(sp, name, &pid), .events = POLLIN };
	int ended;

	if (p.fd < 0)
		return 0;
	snprintf(record, sizeof(record), "%s/exit.json", name);
	ended = fstatat(sp->tasks, record, &st, AT_SYMLINK_NOFOLLOW) == 0 && poll(&p, 1, 1000) == 1;
	close(p.fd);
	return !ended;
}

void task_hand_over(struct spawn *sp, const struct task_id *id)
{
	char old[TASKDIR_NAME_MAX + 8], next[TASKDIR_NAME_MAX + 8];
	struct task_id to = *id;
	struct stat st;

	to.attempt++;
	task_id_name(id, old);
	task_id_name(&to, next);
	strcat(old, "/work");
	if (fstatat(sp->private_dir, old, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
		return;
	if (mkdirat(sp->private_dir, next, 0770) != 0 && errno != EEXIST)
		return;
	strcat(next, "/work");
	if (renameat(sp->private_dir, old, sp->private_dir, next) != 0)
		log_warning("%s is not handed over: %s", old, strerror(errno));
}

int spawn_clean(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em)
{
	struct task_id id;
	const char *name;
	struct stat st;
	int rc;

	(void)answer;
	TRY(task_named(request, &name, em));
	if (still_alive(sp, name))
		return errmsg_set(em, ERR_BUSY, "TASK_ALIVE", "the task still runs: end it before its folders are removed");
	if (json_is_true(json_object_get(request, "keep_work")) && task_id_parse(&id, name) == 0)
		task_hand_over(sp, &id);
	task_remove(sp, name);
	if (fstatat(sp->private_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatat(sp->tasks, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		rc = errmsg_set(em, ERR_IO, "NOT_REMOVED", "the task's folders could not be removed");
out:
	return rc;
}

/* Names of tasks in a folder, each once. */
static int list_folder(int at, json_t *names)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct task_id id;
	struct dirent *e;
	int rc = d ? 0 : ERR_IO;

	if (fd >= 0 && !d)
		close(fd);
	while (rc == 0 && (e = readdir(d)))
		if (task_id_parse(&id, e->d_name) == 0 &&
		    json_object_set_new(names, e->d_name, json_true()))
			rc = ERR_NOMEM;
	if (d)
		closedir(d);
	return rc;
}

int spawn_list(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em)
{
	json_t *set = json_object(), *names = json_array(), *v;
	const char *name;
	int rc = list_folder(sp->tasks, set);

	(void)request;
	gateway_sweep(sp);
	/* staging folders whose control folder is gone are orphans that must be found too */
	if (rc == 0)
		rc = list_folder(sp->private_dir, set);
	json_object_foreach(set, name, v)
		if (json_array_append_new(names, json_string(name)))
			rc = ERR_NOMEM;
	if (rc)
		errmsg_set(em, rc, "NO_LIST", "the folders of the tasks cannot be read");
	if (json_object_set_new(answer, "tasks", names) && rc == 0)
		rc = ERR_NOMEM;
	json_decref(set);
	return rc;
}
