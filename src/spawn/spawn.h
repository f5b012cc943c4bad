/*
 * pet-spawn: the only program of the platform that may start with root's
 * rights, and therefore a small one. It keeps no state of its own: every task
 * is found again through the folders of taskdir.h and a pid file that
 * operators cannot write.
 */
#ifndef PET_SPAWN_H
#define PET_SPAWN_H

#include <jansson.h>
#include <limits.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/taskdir.h"

struct spawn {
	int root;		/* the safe work dir */
	int private_dir;	/* .pet in it: the staging folders */
	int tasks, pids;	/* folders below the state dir */
	char safe_path[PATH_MAX], state_path[PATH_MAX], run_path[PATH_MAX];
	char operators[PATH_MAX];
	uid_t client_uid, op_uid;
	gid_t client_gid, op_gid, data_gid;
	char op_user[64];
	int drop;		/* started as root: tasks become op_user */
	int64_t memory_bytes, file_bytes;	/* limits of a task; 0 = none */
};

#define LAUNCH_INPUTS 64
#define LAUNCH_FD 10		/* the first inherited input */
#define LAUNCH_LIFE_FD 9

/* What the forked child needs, all of it prepared before the fork. */
struct launch {
	const struct spawn *sp;
	char program[PATH_MAX], control[PATH_MAX], staging[PATH_MAX];
	int document, log, go, report;
	int life;		/* held by the task's processes: its gateway ends when it closes; -1: no gateway */
	int inputs[LAUNCH_INPUTS];
	size_t input_count;
	int threads;
	int tcp;		/* scheme tcp: may open TCP sockets */
};

/* setup.c: configuration, folders, users. */
int spawn_setup(struct spawn *sp, struct errmsg *em) PET_MUST_USE;
void spawn_fini(struct spawn *sp);

/* start.c, publish.c, tasks.c: one function per request; `answer` may be added to. */
int spawn_start(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em) PET_MUST_USE;
int spawn_publish(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em) PET_MUST_USE;
int spawn_signal(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em) PET_MUST_USE;
int spawn_alive(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em) PET_MUST_USE;
int spawn_clean(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em) PET_MUST_USE;
int spawn_list(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em) PET_MUST_USE;

/* tasks.c: the pid file ties a pid to its start time and this boot: a recycled pid is never taken for the task. */
int task_pid_write(struct spawn *sp, const char *name, pid_t pid) PET_MUST_USE;
/* A pidfd of the living supervisor, or -1. */
int task_pidfd(struct spawn *sp, const char *name, pid_t *pid);
int task_alive(struct spawn *sp, const char *name);
/* Removes what is left of a task that does not live. */
void task_remove(struct spawn *sp, const char *name);
/*
 * The work folder of a dead attempt, below its staging folder, becomes that of the next one, whose staging folder is
 * made for it: what nobody starts is found by `list` and removed like any other. Best effort: without it the next
 * attempt starts anew.
 */
void task_hand_over(struct spawn *sp, const struct task_id *id);
/* The request's `task`, checked. */
int task_named(const json_t *request, const char **name, struct errmsg *em) PET_MUST_USE;

/*
 * gateway.c: a pet-netd for one attempt (`request`: see spawnc_start), ready when this returns. It lives as long as
 * somebody holds *life, and its socket's path goes into the document. `name` has its control folder already.
 */
int gateway_start(struct spawn *sp, const json_t *request, json_t *doc, const char *name, int *life,
		  struct errmsg *em) PET_MUST_USE;
/* Removes sockets of gateways that were killed. */
void gateway_sweep(const struct spawn *sp);

/* launch.c: in the forked child; returns only on failure, after telling the parent why. */
void launch_child(const struct launch *l);
/* sandbox.c: in the child, after the change of user. Returns 0, or -1 with errno and *what. */
int sandbox_enter(const struct launch *l, const char **what) PET_MUST_USE;

#endif
