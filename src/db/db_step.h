/*
 * The steps that a locked job can take: what becomes ready, what is decided
 * when tasks end, how a job ends. The decisions are those of src/base/dag.c,
 * applied here and nowhere else. Private to src/db; docs/agreement.md draws the states.
 */
#ifndef PET_DB_DB_STEP_H
#define PET_DB_DB_STEP_H

#include "db/db_row.h"

#define STEP_GRACE_MS 1000	/* how long a consequence waits for the other party's own reason */

/* How a task of an attempt ended; texts are borrowed. */
struct task_end {
	int prepared;			/* 1: outputs staged; 0: failed */
	int retryable;
	const char *code, *message;	/* public; of a failed one */
	const char *local;		/* "" for the other party's */
	const char *result;		/* JSON object or NULL: own tasks: all values; the other party's: the public ones */
	int64_t bytes_sent, bytes_received, rounds, peak_rss_bytes;
	const char *log_tail;		/* own tasks only */
};

/*
 * Does what dag_next says: groups become READY, failed ones are tried again or
 * end the job. At the follower only the job's success after its last group.
 */
int step_next(struct db *db, struct job_row *j, const char *actor) PET_MUST_USE;
/* Writes the end of a task of the current attempt; step_decide or step_tell follows. */
int step_task_ended(struct db *db, struct job_row *j, struct task_row *t, const struct task_end *e,
		    const char *actor) PET_MUST_USE;
/* Leader: commits, retries or fails the group when its tasks' states say so. */
int step_decide(struct db *db, struct job_row *j, struct group_row *g, const char *actor) PET_MUST_USE;
/* Follower: own group prepared or failed; the message about the task is the caller's. */
int step_follow(struct db *db, struct job_row *j, struct group_row *g, const char *actor) PET_MUST_USE;

/* COMMITTED, at either party: with nothing to publish here it is DONE at once. */
int step_committed(struct db *db, struct job_row *j, struct group_row *g, const char *actor) PET_MUST_USE;
/* PUBLISHING or COMMITTED → DONE; the job is SUCCESS after the last one. */
int step_done(struct db *db, struct job_row *j, struct group_row *g, const char *actor) PET_MUST_USE;
/* Saves the group with the caller's new state, attempt and delay_ms; its tasks are INIT, lease and slot given up. */
int step_next_attempt(struct db *db, struct job_row *j, struct group_row *g, const char *actor,
		      const char *detail) PET_MUST_USE;
/* Ends the job here: groups that are not committed end with it. Tells nobody. */
int step_end(struct db *db, struct job_row *j, enum job_state status, const char *actor, const char *detail) PET_MUST_USE;
/* Leader: ends the job and tells the follower; code and message become the job's error. */
int step_end_all(struct db *db, struct job_row *j, enum job_state status, const char *code, const char *message,
		 const char *actor) PET_MUST_USE;
/* Leader: the outcome of a committed group, once more or for the first time. */
int step_send_commit(struct db *db, struct job_row *j, const struct group_row *g) PET_MUST_USE;
/* Leader: another attempt, told to the follower. */
int step_retry(struct db *db, struct job_row *j, struct group_row *g, const char *actor) PET_MUST_USE;
/* Next epoch at either party: unfinished groups start over. The message is the caller's. */
int step_rerun(struct db *db, struct job_row *j, int64_t epoch, const char *actor) PET_MUST_USE;
/* 1 when every group is committed: the job's success can not be taken back. */
int step_sealed(const struct job_row *j);
/* The reasons of this epoch that may cross, as a JSON array. */
int step_errors(struct db *db, const struct job_row *j, json_t **out) PET_MUST_USE;
/* Takes over reasons that the other party sent; malformed ones are ERR_INPUT. */
int step_take_errors(struct db *db, const struct job_row *j, const json_t *errors) PET_MUST_USE;
/* Public results and counters of own tasks of a group, for the other party; and taking them over. */
int step_results(struct db *db, const struct job_row *j, const struct group_row *g, json_t **out) PET_MUST_USE;
int step_take_results(struct db *db, struct job_row *j, const json_t *tasks) PET_MUST_USE;

#endif
