/*
 * Other scales and other rings, without failure probability.
 *
 * For -2^{k-2} <= x < 2^{k-2}, x + 2^{k-2} has a clear top bit, so its two
 * shares wrap around 2^k exactly when the top bit of either is set: one
 * transfer of a short message, instead of a comparison, gives the wrap.
 * (The idea is in SIRNN, eprint 2021/459, section 3.1.3; spu's documentation
 * counts 36 bits for its version.)
 *
 *	mpc_trunc	floor(x / 2^f) or one less	1 COT, f + 1 bits, 2 flights
 *	mpc_trunc_exact	floor(x / 2^f)			and a comparison of f bits (cmp.h)
 *			with its bit as an integer, k more bits and 1 COT
 *	mpc_extend	the same value in a larger ring	1 COT, k' - k + 1 bits, 2 flights
 *
 * Local truncation of shares, which other systems use, is off by 2^{k-f} with
 * probability |x| / 2^{k-1} per value, and is not offered. Rings up to 64 bits;
 * an input outside the range gives a wrong value: scale first, or use a larger ring.
 */
#ifndef PET_MPC_TRUNC_H
#define PET_MPC_TRUNC_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* f = x->scale - out->scale bits are dropped; out->bits = x->bits, of at least f + 2. */
int mpc_trunc(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;
int mpc_trunc_exact(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;
/* x->bits <= out->bits <= 64, same scale. */
int mpc_extend(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;

#endif
