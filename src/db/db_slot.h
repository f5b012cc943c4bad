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
	int64_t port;		/* slot_take: what the granter chose; 0: none */
};

/*
 * How the operators of this party reach the other one's: NETWORK_SCHEME
 * "agent", or "socket" with its range of ports. The scheduler stores it, so
 * that API and scheduler choose from one place.
 */
int slot_scheme_set(struct db *db, const char *scheme, int64_t low, int64_t high) PET_MUST_USE;
#define SLOT_SCHEME_MAX 16
int slot_scheme(struct db *db, char out[SLOT_SCHEME_MAX]) PET_MUST_USE;	/* "agent" before any was stored */
#define SLOT_PORT_MIN 49152
#define SLOT_PORT_MAX 65535
/* The port that goes with a slot; 0: none. */
int slot_port(struct db *db, const char *id, int64_t *port) PET_MUST_USE;

/* Asks, or asks again: 0 granted (*position 0), with a port in scheme socket; ERR_BUSY with the place in the queue. */
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
