/*
 * What happens next with a job: states in, actions out. Pure: no clock, no
 * database, no memory of earlier calls. The transitions of src/db ask it while
 * they hold the job's row, and apply what it says in the same transaction. The
 * decisions are the leader's; the follower asks only for the job's end.
 */
#ifndef PET_BASE_DAG_H
#define PET_BASE_DAG_H

#include <stdint.h>

#include "base/err.h"
#include "base/state.h"

#define DAG_GROUPS_MAX 64	/* as MISSION_TASKS_MAX */

struct dag_group {
	enum group_state state;
	int64_t retries;	/* of this epoch: attempts after the first that counted */
	int fatal;		/* FAILED for a reason that a retry cannot mend (wrong input, refused, no such column) */
	int held;		/* FAILED, but the other party's own reason is waited for: nothing is decided yet */
	uint64_t depends;	/* a bit per group */
};

struct dag_job {
	enum job_state status;
	int64_t max_retries;	/* of each group */
	int pending;		/* the other party has not accepted the job: nothing becomes ready */
	const struct dag_group *group;	/* borrowed */
	unsigned group_count;
};

#define DAG_BACKOFF_MS 500
#define DAG_BACKOFF_MAX_MS 60000

enum dag_act {
	DAG_GROUP_READY,	/* WAITING -> READY: every dependency is DONE */
	DAG_GROUP_RETRY,	/* FAILED -> READY, the next attempt, after dag_backoff */
	DAG_GROUP_END,		/* -> CANCELED, a FAILED one stays so: end its processes, give its slots back */
	DAG_GROUP_RESET,	/* rerun: -> WAITING in the next epoch, its retries forgotten */
	DAG_JOB_SUCCESS,
	DAG_JOB_FAILED,
};

struct dag_action {
	enum dag_act act;
	unsigned group;		/* of DAG_JOB_FAILED: the root cause */
};

struct dag_actions {
	struct dag_action list[DAG_GROUPS_MAX + 1];	/* in this order; a job's end comes last */
	unsigned count;
};

/*
 * ERR_INPUT when the rows cannot be a job: no groups, too many, a dependency
 * on itself or out of range. A job that has ended gives no actions, ever.
 */
int dag_next(struct dag_actions *out, const struct dag_job *job) PET_MUST_USE;

/* The job ends otherwise (killed, late, lost): DAG_GROUP_END for every group that is not committed. */
int dag_end(struct dag_actions *out, const struct dag_job *job) PET_MUST_USE;
/* A rerun: resets every group that is not committed, the others keep their results. */
int dag_rerun(struct dag_actions *out, const struct dag_job *job) PET_MUST_USE;

/* DAG_BACKOFF_MS * 2^retries, at most DAG_BACKOFF_MAX_MS. */
int64_t dag_backoff(int64_t retries);
/* A kill now comes too late: every group is committed, the job will be SUCCESS. */
int dag_past_kill(const struct dag_job *job);

#endif
