/*
 * Base OTs out of transfers that are there already: 128 chosen-choice random
 * OTs of another object take the place of ot_base.h's, so that one direction of
 * one lane pays for curve arithmetic and all others do not. The keys are hashes
 * of correlations that nothing else uses (ot_derive.h), as random and as secret
 * as ot_base's. session = BLAKE2b(session of `from`, number of its first transfer).
 *
 * Bytes: those of 128 COTs of `from` and 16 more; one flight, from the chooser.
 */
#ifndef PET_MPC_OT_SEED_H
#define PET_MPC_OT_SEED_H

#include "mpc/ot.h"
#include "mpc/ot_base.h"

/* from: this party's sender; the other party's call is ot_seed_recv. */
int ot_seed_send(struct ot *from, struct block (*keys)[2], struct block *session) PET_MUST_USE;
/* from: this party's receiver. choice: bit i is that of OT i. Flushes. */
int ot_seed_recv(struct ot *from, struct block choice, struct block *keys, struct block *session) PET_MUST_USE;

#endif
