/*
 * Products of shared values by oblivious transfer: Gilboa, Two party RSA key
 * generation, CRYPTO 1999, section 4, in the form of correlated OT mod 2^k
 * with messages that shrink by a bit per position: bit t of x times y is only
 * needed mod 2^{k-t}. No triples, nothing opened.
 *
 * With k = bits of the ring and c = bits of x, per product of a value that one
 * party knows and one that the other knows (one "cross term"): c COTs,
 * c + (c·k - c(c-1)/2) bits beside what the COTs cost, two flights.
 *
 *	mpc_mul_priv	1 cross term	c as given
 *	mpc_square	1 cross term	c = k - 1, ring k - 1
 *	mpc_mul		2 cross terms, one in each direction, at once
 *	mpc_mul_parts	2 cross terms, c as given
 *
 * out may be an input. The scale of out is the sum of the scales of x and y.
 */
#ifndef PET_MPC_MUL_H
#define PET_MPC_MUL_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/*
 * x is known to `owner` as integers of x->bits bits without sign (the other
 * party gives a vector of the same shape whose words are not read, and may be
 * NULL); y is shared. x->bits <= y->bits = out->bits <= 64 or all three 128.
 */
int mpc_mul_priv(struct mpc *m, int owner, struct avec *out, const struct avec *x,
		 const struct avec *y) PET_MUST_USE;
/* Both shared, same bits. */
int mpc_mul(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;
/*
 * The same for an x that is the sum of a part of each party, both integers of x->bits bits without sign, which is
 * cheaper when x->bits is less than the ring's: (x0 + x1)·y. Not for shares: those wrap. Rings as in mpc_mul_priv.
 */
int mpc_mul_parts(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;
int mpc_square(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;

#endif
