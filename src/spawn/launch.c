/* The forked child on its way to the operator: descriptors, limits, user, rule set, exec. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawn/spawn.h"

#define HIGH_FD 200	/* above every number that the operator will have */

static int raise_fd(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
}

/* 0 the document, 1 and 2 the log, LAUNCH_LIFE_FD, LAUNCH_FD… the inputs; everything else closes at exec. */
static int place_fds(struct launch *l)
{
	l->report = raise_fd(l->report);
	l->document = raise_fd(l->document);
	l->log = raise_fd(l->log);
	if (l->life >= 0 && (l->life = raise_fd(l->life)) < 0)
		return -1;
	for (size_t i = 0; i < l->input_count; i++)
		if ((l->inputs[i] = raise_fd(l->inputs[i])) < 0)
			return -1;
	if (l->report < 0 || dup2(l->document, 0) < 0 || dup2(l->log, 1) < 0 || dup2(l->log, 2) < 0)
		return -1;
	if (syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) != 0)
		return -1;
	for (size_t i = 0; i < l->input_count; i++)
		if (dup2(l->inputs[i], LAUNCH_FD + (int)i) < 0)
			return -1;
	return l->life >= 0 && dup2(l->life, LAUNCH_LIFE_FD) < 0 ? -1 : 0;
}

static int limit(int what, rlim_t most)
{
	const struct rlimit r = { most, most };

	return setrlimit((__rlimit_resource_t)what, &r);
}

static int set_limits(const struct spawn *sp)
{
	/* a core file would put a party's data on disk */
	if (limit(RLIMIT_CORE, 0) != 0 || limit(RLIMIT_NOFILE, 1024) != 0)
		return -1;
	if (sp->memory_bytes && limit(RLIMIT_AS, (rlim_t)sp->memory_bytes) != 0)
		return -1;
	return sp->file_bytes ? limit(RLIMIT_FSIZE, (rlim_t)sp->file_bytes) : 0;
}

static int change_user(const struct spawn *sp)
{
	if (!sp->drop)
		return 0;
	if (initgroups(sp->op_user, sp->op_gid) != 0 || setresgid(sp->op_gid, sp->op_gid, sp->op_gid) != 0 ||
	    setresuid(sp->op_uid, sp->op_uid, sp->op_uid) != 0)
		return -1;
	/* there must be no way back */
	if (setuid(0) == 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int step_in(struct launch *l, const char **what)
{
	char go;

	*what = "pid file";
	errno = ESRCH;
	if (read(l->go, &go, 1) != 1)
		return -1;
	*what = "descriptors";
	if (place_fds(l) != 0)
		return -1;
	*what = "session";
	if (setsid() < 0 || chdir("/") != 0 || reset_signals() != 0)
		return -1;
	umask(027);
	*what = "limits";
	if (set_limits(l->sp) != 0)
		return -1;
	*what = "user";
	if (change_user(l->sp) != 0)
		return -1;
	*what = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return sandbox_enter(l, what);
}

void launch_child(const struct launch *from)
{
	struct launch l = *from;
	const char *base = strrchr(l.program, '/'), *what = "", *log = getenv("PET_LOG");
	char threads[40], level[32], tmp[PATH_MAX + 16], text[160];
	char *argv[] = { (char *)(base ? base + 1 : l.program), NULL };
	char *env[] = { (char *)"PATH=/usr/bin:/bin", (char *)"LANG=C.UTF-8", tmp, level, threads,
#ifdef __SANITIZE_ADDRESS__
			/* the leak checker ptraces, which the rule set forbids */
			(char *)"ASAN_OPTIONS=detect_leaks=0",
#endif
			NULL };
	int n;

	snprintf(tmp, sizeof(tmp), "TMPDIR=%s", l.staging);
	snprintf(level, sizeof(level), "PET_LOG=%.16s", log ? log : "info");
	snprintf(threads, sizeof(threads), "OMP_NUM_THREADS=%d", l.threads > 0 ? l.threads :
		 (int)sysconf(_SC_NPROCESSORS_ONLN));
	if (step_in(&l, &what) == 0) {
		what = "exec";
		execve(l.program, argv, env);
	}
	n = snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	if (write(l.report, text, (size_t)n) < 0)
		return;
}
