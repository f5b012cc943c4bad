/*
 * What to do next with a job: states in, actions out. Pure: no clock, no
 * database, no memory of earlier calls. Only the leader asks it: the follower
 * does what the leader's messages say.
 *
 * Every action is one compare-and-set on the row that it names; a caller that
 * loses one (somebody else was first) drops the rest, reads again and asks
 * again. The same states give the same actions, so nothing is lost by a crash
 * between two of them.
 */
#ifndef PET_SCHED_DAG_H
#define PET_SCHED_DAG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"

#define DAG_GROUPS_MAX 64	/* as MISSION_TASKS_MAX */

struct dag_group {
	enum group_state state;
	unsigned retries;	/* of this epoch: attempts after the first */
	int fatal;		/* FAILED for a reason that a retry cannot mend (wrong input, refused, no such column) */
	int64_t not_before_ms;	/* READY: end of the back-off; 0 = at once */
	const unsigned *depends;	/* indexes of groups; borrowed */
	unsigned depend_count;
};

struct dag_job {
	enum job_state status;
	unsigned max_retries;	/* of each group */
	int kill;		/* a user of either party wants it ended */
	int64_t deadline_ms;	/* 0: none */
	int64_t backoff_ms;	/* before the first retry; doubles with each; 0 = DAG_BACKOFF_MS */
	const struct dag_group *group;	/* borrowed */
	unsigned group_count;
};

#define DAG_BACKOFF_MS 1000
#define DAG_BACKOFF_MAX_MS 60000

enum dag_act {
	DAG_GROUP_READY,	/* WAITING -> READY: every dependency is DONE */
	DAG_GROUP_START,	/* READY -> RESERVING: ask for slots, then start */
	DAG_GROUP_RETRY,	/* FAILED -> READY, attempt + 1, not before at_ms */
	DAG_GROUP_CANCEL,	/* -> CANCELED: end its processes at both parties, give its slots back */
	DAG_GROUP_RESET,	/* rerun: -> WAITING in the next epoch, its retries forgotten */
	DAG_JOB_RUN,		/* INIT -> RUNNING */
	DAG_JOB_SUCCESS,
	DAG_JOB_FAILED,
	DAG_JOB_CANCELED,
	DAG_JOB_RERUN,		/* FAILED or CANCELED -> RUNNING in the next epoch */
};

enum dag_why { DAG_WHY_NONE, DAG_WHY_GROUP, DAG_WHY_KILL, DAG_WHY_TIMEOUT };

struct dag_action {
	enum dag_act act;
	unsigned group;		/* of the DAG_GROUP_ ones; DAG_JOB_FAILED because of a group: that group */
	enum dag_why why;	/* of the job's end, also on the groups that it cancels */
	int64_t at_ms;		/* DAG_GROUP_RETRY */
};

struct dag_actions {
	struct dag_action list[DAG_GROUPS_MAX + 1];	/* in this order; a job's end comes last */
	unsigned count;
	int64_t wake_ms;	/* ask again by then even if nothing happens; 0: no need */
};

/*
 * ERR_INPUT when the rows cannot be a job: no groups, too many, a dependency
 * on itself or out of range. A job that has ended gives no actions, ever.
 */
int dag_next(struct dag_actions *out, const struct dag_job *job, int64_t now_ms) PET_MUST_USE;

/*
 * A rerun: resets every group that is not committed, DONE ones keep their
 * results. ERR_CONFLICT when the job is not FAILED or CANCELED.
 */
int dag_rerun(struct dag_actions *out, const struct dag_job *job) PET_MUST_USE;

/* backoff_ms * 2^retries, at most DAG_BACKOFF_MAX_MS. */
int64_t dag_backoff(int64_t backoff_ms, unsigned retries);
/* A kill now comes too late: every group is committed, the job will be SUCCESS. */
int dag_past_kill(const struct dag_job *job);

const char *dag_act_name(enum dag_act act);

#endif
