/*
 * Values in and out: a party's own values become shares, shares become values
 * that one party or both see. These are the only functions of the engine that
 * open anything.
 *
 *	mpc_input	no bytes: the other party's share comes from a generator
 *			whose seed the owner sent it when the lane began
 *	mpc_reveal	`bits` bits per element and receiving party, one flight
 */
#ifndef PET_MPC_OPEN_H
#define PET_MPC_OPEN_H

#include "mpc/mpc.h"
#include "mpc/share.h"

#define MPC_BOTH 2

/* The owner's values (of out's shape; at the other party `in` may be NULL) become fresh shares. */
int mpc_input(struct mpc *m, int owner, struct avec *out, const struct avec *in) PET_MUST_USE;
int mpc_input_bits(struct mpc *m, int owner, struct bvec *out, const struct bvec *in) PET_MUST_USE;
/* to: 0, 1 or MPC_BOTH. At a party that does not receive, out is not written and may be NULL. */
int mpc_reveal(struct mpc *m, int to, struct avec *out, const struct avec *in) PET_MUST_USE;
int mpc_reveal_bits(struct mpc *m, int to, struct bvec *out, const struct bvec *in) PET_MUST_USE;

#endif
