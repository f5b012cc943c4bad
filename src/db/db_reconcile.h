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

/* Messages of ours that the peer applied and we forgot (an old backup): go on above its number. */
int db_reconcile_seq(struct db *db, const char *job_id, int64_t seen) PET_MUST_USE;

#endif
