#include "api/listen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define BACKLOG 1024
#define WORKERS_MAX 64

static int is_listening(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

/* A socket that somebody still answers on is not ours to remove. */
static int remove_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, used;

	if (lstat(sa->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : ERR_IO;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return ERR_IO;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	used = fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;
	close(fd);
	if (used) {
		errno = EADDRINUSE;
		return ERR_IO;
	}
	return unlink(sa->sun_path) == 0 ? 0 : ERR_IO;
}

int listen_socket(int *out, const struct api *api, struct errmsg *em)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	mode_t old;
	int fd, bound;

	if (is_listening(0)) {
		*out = 0;
		return 0;
	}
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/api.sock", api->run_dir) >= (int)sizeof(sa.sun_path))
		return errmsg_set(em, ERR_INPUT, "BAD_CONF", "PET_RUN_DIR is too long for a unix socket: %s", api->run_dir);
	if (remove_stale(&sa))
		return errmsg_set(em, ERR_IO, "BAD_SOCKET", "%s: %s", sa.sun_path, strerror(errno));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Owner and group only: the group is nginx's. */
	old = umask(0117);
	bound = fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, BACKLOG) == 0;
	umask(old);
	if (!bound) {
		errmsg_set(em, ERR_IO, "BAD_SOCKET", "%s: %s", sa.sun_path, strerror(errno));
		close(fd);
		return ERR_IO;
	}
	*out = fd;
	return 0;
}

static pid_t start_worker(int (*run)(void *arg), void *arg, const sigset_t *old)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	sigprocmask(SIG_SETMASK, old, NULL);
	/* Nobody would end a worker whose parent was killed. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	_exit(run(arg) ? 1 : 0);
}

static void reap(pid_t *pid, int count, int stopping)
{
	pid_t gone;
	int status;

	while ((gone = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < count; i++)
			if (pid[i] == gone) {
				pid[i] = 0;
				if (!stopping)
					log_warning("worker %d ended with status %d: starting another", (int)gone, status);
			}
}

static int alive(const pid_t *pid, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n += pid[i] > 0;
	return n;
}

int listen_workers(int count, int (*run)(void *arg), void *arg, struct errmsg *em)
{
	pid_t pid[WORKERS_MAX] = { 0 };
	sigset_t set, old;
	int stopping = 0, sig;

	if (count < 1 || count > WORKERS_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_CONF", "%d workers: expected 1 to %d", count, WORKERS_MAX);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	do {
		for (int i = 0; i < count && !stopping; i++)
			if (pid[i] <= 0)
				pid[i] = start_worker(run, arg, &old);
		/* A second's pause at most: a worker that cannot start must not make a busy loop. */
		sig = sigtimedwait(&set, NULL, &(struct timespec){ .tv_sec = 1 });
		if (sig == SIGTERM || sig == SIGINT) {
			stopping = 1;
			for (int i = 0; i < count; i++)
				if (pid[i] > 0)
					kill(pid[i], SIGTERM);
		}
		reap(pid, count, stopping);
		if (sig == SIGCHLD && !stopping)
			nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
	} while (!stopping || alive(pid, count));
	return 0;
}
