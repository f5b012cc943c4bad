/*
 * Slots: how many task pairs run at once here (setting `slots`). The
 * lower-named party of a pair grants from one queue; the other takes a slot of
 * its own when a start comes. Nobody waits while holding a slot: whoever gets
 * none gives back what it has and asks again. Within a transaction, after the
 * job's row (lock order: job, slots).
 */
#ifndef PET_DB_DB_SLOT_H
#define PET_DB_DB_SLOT_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

#define SLOT_EXPIRY_S 10	/* a grant that is not used, or a question that is not repeated, ends */

struct slot_ask {
	const char *id;		/* 32 hex digits */
	const char *peer, *leader, *job_id;
	int64_t epoch, group, attempt, priority;
};

/* Asks, or asks again: 0 granted (*position 0), ERR_BUSY with the place in the queue. */
int slot_ask(struct db *db, const struct slot_ask *a, int64_t *position) PET_MUST_USE;
/* A granted slot is used: ERR_CONFLICT when it is not there or has expired. 0 also when it was started before. */
int slot_start(struct db *db, const char *id) PET_MUST_USE;
/* A slot at once, without a queue: ERR_BUSY when none is free. 0 also when this id holds one. */
int slot_take(struct db *db, const struct slot_ask *a) PET_MUST_USE;
int slot_give(struct db *db, const char *id) PET_MUST_USE;
/* Free ones now. */
int slot_free(struct db *db, int64_t *count) PET_MUST_USE;
/* Drops what expired, and started ones that no active group and no operator keeps. Own transaction not needed. */
int slot_sweep(struct db *db) PET_MUST_USE;

#endif
