/*
 * Comparison: the millionaires' protocol of CrypTFlow2 (eprint 2020/1002,
 * algorithm 1) in radix 16. Each digit is one 1-of-16 transfer, made of four
 * COTs whose keys are hashed and then combined (never the other way round),
 * that gives shares of "less" and "equal"; a tree of ANDs (bool.h) joins the
 * digits. Half of the elements go in each direction, so both parties work alike.
 *
 * With ell bits, q = ceil(ell / 4) digits:
 *
 *	mpc_mill	4q + 2(q-1) COTs, 34q + 6(q-1) - 2·ceil(log2 q) bits
 *	mpc_ltz		a mill of bits - 1: the carry into the sign
 *	mpc_eqz		4q + 2(q-1) COTs, 19q + 4(q-1) bits, q over all bits
 *
 * beside the bytes of the COTs; 2 + ceil(log2 q) flights. Nothing is opened.
 * Rings of up to 64 bits, or 128; pass the smallest that holds the values.
 */
#ifndef PET_MPC_CMP_H
#define PET_MPC_CMP_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* out[i] = x[i] < y[i] for integers of `bits` bits without sign: x known to party 0, y to party 1; own words in v. */
int mpc_mill(struct mpc *m, struct bvec *out, const struct avec *v) PET_MUST_USE;
/* out[i] = x[i] < 0. */
int mpc_ltz(struct mpc *m, struct bvec *out, const struct avec *x) PET_MUST_USE;
/* The sign of x mod 2^bits, bits at most x->bits: cheaper for small values. */
int mpc_ltz_low(struct mpc *m, struct bvec *out, const struct avec *x, unsigned bits) PET_MUST_USE;
/* out[i] = x[i] < y[i], signed; right as long as x - y does not overflow the ring. */
int mpc_lt(struct mpc *m, struct bvec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;
int mpc_eqz(struct mpc *m, struct bvec *out, const struct avec *x) PET_MUST_USE;
int mpc_eq(struct mpc *m, struct bvec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;

#endif
