/*
 * Between numbers and their bits. A vector of numbers as bits is an array of
 * bvec, lowest bit first, each with one bit per number.
 *
 *	mpc_a2b		the sum of the two parties' shares by the prefix adder of
 *			Sklansky (IEEE Trans. EC-9, 1960): generate = AND of the
 *			parties' bits, then ceil(log2 (b-1)) levels. For b bits
 *			b - 1 ANDs and about (b-1)/2·log2 (b-1) pairs of ANDs with a
 *			common factor (bool.h), 1 + ceil(log2 (b-1)) flights
 *	mpc_prefix_or	the same tree: b/2·log2 b ANDs, ceil(log2 b) flights
 *	mpc_b2a_int	b times mpc_b2a at once: b COTs, b·k bits, 2 flights
 *
 * per chunk (mpc.h). Nothing is opened.
 */
#ifndef PET_MPC_ADDER_H
#define PET_MPC_ADDER_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* `count` vectors of n zero bits; legal to free after a failure. */
int adder_bits_new(struct bvec *bits, unsigned count, size_t n) PET_MUST_USE;
void adder_bits_free(struct bvec *bits, unsigned count);

/* The lowest `count` bits of x, 1 to x->bits, 64 at most. */
int mpc_a2b(struct mpc *m, struct bvec *bits, const struct avec *x, unsigned count) PET_MUST_USE;
/* out[t] = OR of in[t], …, in[count - 1]. out may be in. */
int mpc_prefix_or(struct mpc *m, struct bvec *out, const struct bvec *in, unsigned count) PET_MUST_USE;
/* out = the sum of 2^t·bits[t], at out's scale; count at most 64. */
int mpc_b2a_int(struct mpc *m, struct avec *out, const struct bvec *bits, unsigned count) PET_MUST_USE;

#endif
