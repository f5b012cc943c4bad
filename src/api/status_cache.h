/*
 * The last status bodies that one thread has printed. A body is good while the
 * job's revision is the same, which is asked of the database at every call: one
 * integer by a unique key. rev grows in the transaction of every change that a
 * user can see; what somebody changes by hand is seen after STATUS_CACHE_MS.
 */
#ifndef PET_API_STATUS_CACHE_H
#define PET_API_STATUS_CACHE_H

#include "base/buf.h"
#include "db/db_job.h"

#define STATUS_CACHE_MS 1000
#define STATUS_CACHE_SLOTS 64		/* a job has one, by the hash of its id */
#define STATUS_CACHE_BODY_MAX 65536

struct status_entry {
	char job_id[65];	/* "" = free */
	char owner[65], submitter[65];	/* who may see it is asked at every call */
	int64_t rev, at_ms;	/* monotonic */
	int finished;
	struct buf body;
};

struct status_cache {
	struct status_entry slot[STATUS_CACHE_SLOTS];
};

/* NULL: not there, or too old. The caller compares rev. cache NULL: never there. */
const struct status_entry *status_cache_find(struct status_cache *cache, const char *job_id);
/* Out of memory forgets. A status whose waiting_for was derived is not kept: it depends on more than the job. */
void status_cache_keep(struct status_cache *cache, const struct job_status *s, int finished, const struct buf *body);
void status_cache_fini(struct status_cache *cache);

#endif
