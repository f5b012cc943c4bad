/*
 * Two views of the same jobs, compared every few seconds: what each party
 * believes, and the steps that mend a difference. Which step a difference
 * needs is decided in src/sched (pure); here it is read and done.
 */
#ifndef PET_DB_DB_RECONCILE_H
#define PET_DB_DB_RECONCILE_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

#define RECONCILE_JOBS_MAX 200

/*
 * Own views for a peer: jobs that have not ended, or did within `recent_s`
 * seconds, in the order of their age and from `after` on (jobs.id; 0: from the
 * start), at most RECONCILE_JOBS_MAX. *next: where to go on, 0 at the end.
 * A view: {"job_id", "known", "tombstone"?, "status", "killing", "accepted",
 * "epoch", "seq_in", "seq_out", "pending", "groups": [{"state", "attempt", "epoch"}]}
 */
int db_reconcile_views(struct db *db, const char *peer, int64_t recent_s, int64_t after, json_t **out,
		       int64_t *next) PET_MUST_USE;
/* One job, as it is now. A job of another peer counts as not known. */
int db_reconcile_view(struct db *db, const char *peer, const char *job_id, json_t **out) PET_MUST_USE;

/* What src/sched's tables can ask for. Each reads the job again under its lock and does nothing when it has moved. */
enum mend {
	MEND_NONE,
	MEND_SUBMIT,		/* the submit again; a job that the peer had accepted and forgot ends FAILED */
	MEND_ACCEPTED,		/* the peer has it: the answer was lost */
	MEND_SEND_STATE,	/* leader: the end, or the commits of a SUCCESS, again */
	MEND_SEND_RERUN,
	MEND_SEND_KILL,		/* follower: the kill again */
	MEND_KILL,		/* leader: decide CANCELED */
	MEND_TAKE,		/* the other's epoch and end */
	MEND_TAKE_RERUN,	/* follower: the other's epoch */
	MEND_LOST,		/* follower: the leader does not know the job */
	MEND_ABORT,		/* leader: this database is older than its own decisions: FAILED in the newer epoch */
	MEND_BURY,		/* a tombstone */
	/* of one group */
	MEND_G_RETRY, MEND_G_SEND_END, MEND_G_PREPARED, MEND_G_SEND_COMMIT, MEND_G_COMMITTED, MEND_G_FAIL, MEND_G_END,
};

struct mend_job {
	const char *actor, *peer, *job_id;
	int64_t epoch;		/* ours, as it was compared */
	int64_t their_epoch;
	const char *their_status;	/* a word of job.status */
	int64_t group, their_attempt;	/* of the MEND_G_ ones */
	const json_t *their_groups;	/* of their view: where a commit is taken over; borrowed, may be NULL */
};
/* ERR_CONFLICT: the job has moved on since the views were taken. */
int db_reconcile_mend(struct db *db, enum mend what, const struct mend_job *m) PET_MUST_USE;

/* Messages of ours that the peer applied and we forgot (an old backup): go on above its number. */
int db_reconcile_seq(struct db *db, const char *job_id, int64_t seen) PET_MUST_USE;

#endif
