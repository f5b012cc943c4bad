/*
 * The scheduler's side of the database: leases, starting groups, timeouts.
 * Each call is complete in itself; `*did` grows by the transitions made.
 */
#ifndef PET_DB_DB_SCHED_H
#define PET_DB_DB_SCHED_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

#define SCHED_ID_MAX 65

struct sched_who {
	const char *id;		/* this instance: stays the same over a restart of the same home */
	const char *self;	/* the party */
};

/* Checks that the database belongs to this party (a fresh one is taken), stores the number of slots. */
int db_sched_register(struct db *db, const struct sched_who *w, int64_t slots, struct errmsg *em) PET_MUST_USE;
/* This instance is there, from now on: the missions are stored, jobs may come (/readyz looks at its row). */
int db_sched_up(struct db *db, const struct sched_who *w) PET_MUST_USE;
/* The heartbeat: own row and every lease of this instance. */
int db_sched_beat(struct db *db, const struct sched_who *w) PET_MUST_USE;
/* Housekeeping: expired slots, old jti rows. */
int db_sched_sweep(struct db *db) PET_MUST_USE;

/* Leases of other instances, for the observer's clock. Owned: free(). */
struct lease_row {
	int64_t group, gen, beat;
	char owner[SCHED_ID_MAX];
};
int db_sched_leases(struct db *db, const struct sched_who *w, struct lease_row **out, size_t *count) PET_MUST_USE;
/* Takes a lease over, and the runs with it: compare-and-set on (owner, gen, beat). ERR_CONFLICT: it lives. */
int db_sched_take_over(struct db *db, const struct sched_who *w, const struct lease_row *l) PET_MUST_USE;

/* READY groups ask for slots; those whose slots this party grants may be RESERVED, with the start message, or STARTING at once. */
int db_sched_claim(struct db *db, const struct sched_who *w, int64_t peer_wait_ms, unsigned *did) PET_MUST_USE;
/* FAILED groups whose grace is over are decided; RESERVED ones that nobody answered are given up; deadlines end jobs. */
int db_sched_timeouts(struct db *db, const struct sched_who *w, int64_t peer_wait_ms, unsigned *did) PET_MUST_USE;

/* A group that asks the other party for slots. */
struct reserve_row {
	int64_t job, group, epoch, attempt, priority;
	char job_id[65], reservation[33];
	int64_t idx;
	int64_t port;		/* of the answer `granted`; 0: it has none */
};
int db_sched_reserving(struct db *db, const struct sched_who *w, const char *peer, struct reserve_row *out,
		       size_t max, size_t *count) PET_MUST_USE;
/* The other party granted: own slot, start message. Without an own slot the grant goes back and the group waits a little. */
int db_sched_granted(struct db *db, const struct sched_who *w, const struct reserve_row *r, int64_t peer_wait_ms) PET_MUST_USE;

#endif
