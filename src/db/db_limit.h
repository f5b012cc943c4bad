/*
 * How much one user, or one other party, may have at once. Checked when a job
 * is taken (submitted, rerun, or sent by the other party), never while it runs.
 */
#ifndef PET_DB_DB_LIMIT_H
#define PET_DB_DB_LIMIT_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

#define LIMIT_DEFAULT (-1)	/* a row's: the configuration's default */
#define LIMIT_KEEP (-2)		/* db_user_limit: as it is */

/* 0: no limit. */
struct job_limits {
	int64_t running;	/* RUNNING jobs */
	int64_t queued;		/* INIT jobs */
	int64_t bytes_day;	/* sent and received by the tasks of the jobs of the last 24 hours */
};

/* Each that is LIMIT_DEFAULT becomes the default's. */
void limit_fill(struct job_limits *l, const struct job_limits *defaults);

/*
 * For one more job of `owner`, submitted at `submitter`: 0, or ERR_BUSY with
 * code LIMIT_RUNNING_JOBS, LIMIT_QUEUED_JOBS or LIMIT_BYTES_PER_DAY. Without a
 * limit it asks nothing. Within a transaction the count holds until its end.
 */
int limit_check(struct db *db, const struct job_limits *l, const char *submitter, const char *owner,
		struct errmsg *em) PET_MUST_USE;

#endif
