/*
 * Selection by a bit, and bits as integers. One transfer per direction, each a
 * cross term (cross.h) whose choice is one bit:
 *
 *	mpc_b2a		b0 + b1 - 2·b0·b1	1 COT, k bits, in one direction
 *	mpc_mux		sel·x: each party's x under the other's share of the bit
 *			2 COTs, 2(k + 1) bits: CrypTFlow2 (eprint 2020/1002), appendix A.3
 *	mpc_mux_priv	the bit is known to one party: 1 COT, k + 1 bits
 *	mpc_select	sel ? x : y = y + sel·(x - y): as mpc_mux
 *
 * Two flights each, k = bits of the ring (64 at most, or 128). out may be an input.
 */
#ifndef PET_MPC_MUX_H
#define PET_MPC_MUX_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* out[i] = bit i, as 0 or 1 at out's scale (that is, 0 or 2^scale). */
int mpc_b2a(struct mpc *m, struct avec *out, const struct bvec *b) PET_MUST_USE;
/* out[i] = sel[i] ? x[i] : 0. */
int mpc_mux(struct mpc *m, struct avec *out, const struct bvec *sel, const struct avec *x) PET_MUST_USE;
/* The owner's bits; the other party's sel is not read. */
int mpc_mux_priv(struct mpc *m, int owner, struct avec *out, const struct bvec *sel,
		 const struct avec *x) PET_MUST_USE;
int mpc_select(struct mpc *m, struct avec *out, const struct bvec *sel, const struct avec *x,
	       const struct avec *y) PET_MUST_USE;

#endif
