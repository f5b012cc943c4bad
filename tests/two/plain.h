/* Plain values into shares and back, for tests whose two sides run over the same plain values. */
#ifndef PET_TESTS_TWO_PLAIN_H
#define PET_TESTS_TWO_PLAIN_H

#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "mpc/open.h"
#include "pair.h"

static inline int64_t plain_signed(uint64_t v, unsigned bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

/* The same at both sides of a pair, another stream for each seed: splitmix64. */
static inline uint64_t plain_random(uint64_t *seed)
{
	uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Makes out, with fresh shares of v; the owner changes with n so that both directions are seen. */
static inline int plain_share(struct mpc *m, struct avec *out, const int64_t *v, size_t n, unsigned bits, unsigned scale)
{
	struct avec in = { 0 };
	int rc;

	TRY(avec_new(out, n, bits, scale));
	TRY(avec_new(&in, n, bits, scale));
	for (size_t i = 0; i < n; i++)
		in.v[i] = (uint64_t)v[i] & bits_mask(bits);
	TRY(mpc_input(m, (int)(n % 2), out, &in));
out:
	avec_free(&in);
	return rc;
}

/* Opens x in place and gives signed integers. */
static inline int plain_open(struct mpc *m, int64_t *out, struct avec *x)
{
	int rc;

	TRY(mpc_reveal(m, MPC_BOTH, x, x));
	for (size_t i = 0; i < x->n; i++)
		out[i] = plain_signed(x->v[i], x->bits);
out:
	return rc;
}

/* Both sides run f; 0 when both went well. */
static inline int plain_run(int (*f)(struct mpc *, void *), void *arg, enum ot_kind kind, int threads)
{
	struct pair_side side[2] = {
		{ .conf = { .kind = kind, .threads = threads }, .run = f, .arg = arg },
		{ .conf = { .kind = kind, .threads = threads }, .run = f, .arg = arg },
	};

	pair_run(side);
	if (side[0].rc || side[1].rc)
		printf("# %s / %s\n", side[0].em.local, side[1].em.local);
	return side[0].rc ? side[0].rc : side[1].rc;
}

#endif
