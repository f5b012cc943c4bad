#include "mpc/trunc.h"

#include <string.h>

#include "mpc/cmp.h"
#include "mpc/cross.h"
#include "mpc/mux.h"

struct job {
	const struct avec *x;
	struct avec *out;
	unsigned drop;			/* bits of scale that go away */
	unsigned ring;			/* bits of the wrap that matter */
	enum mpc_opcode op;
};

/* Half of the elements in each direction. */
static int wrap_part(struct mpc *m, uint64_t *sum, const uint64_t *top, unsigned ring, size_t n, int sender)
{
	struct cross_terms t = { .bits = ring, .x_bits = 1, .out = sum };

	if (n == 0)
		return 0;
	t.on[sender] = 1;
	t.x[sender] = t.y[sender] = top;
	return cross_run(m, &t, n);
}

/* wrap = a OR b = a + b - a·b mod 2^ring, from this party's top bits. */
static int wraps(struct mpc *m, uint64_t *wrap, const uint64_t *top, unsigned ring, size_t n)
{
	size_t half = n / 2;
	int rc;

	memset(wrap, 0, n * sizeof(*wrap));
	TRY(wrap_part(m, wrap, top, ring, half, 0));
	TRY(wrap_part(m, wrap + half, top + half, ring, n - half, 1));
	for (size_t i = 0; i < n; i++)
		wrap[i] = top[i] - wrap[i];
out:
	return rc;
}

/*
 * This party's part of (x + 2^{k-2}) >> f, less its part of the wrap; party 0
 * also takes the offset away again.
 */
static void combine(const struct avec *out, const struct avec *x, const uint64_t *wrap, unsigned f, int party)
{
	unsigned k = x->bits;
	uint64_t offset = party == 0 ? UINT64_C(1) << (k - 2) : 0;

	for (size_t i = 0; i < x->n; i++) {
		uint64_t v = ((x->v[i] + offset) & bits_mask(k)) >> f;

		/* A wrap of 2^k in the old scale is 2^{k-f} in the new one: nothing at all in a ring of that size. */
		if (k - f < 64)
			v -= wrap[i] << (k - f);
		out->v[i] = (v - (offset >> f)) & bits_mask(out->bits);
	}
}

static int lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	struct arena_mark mark = arena_mark(mpc_arena(m));
	struct avec x = avec_slice(j->x, begin, end - begin), out = avec_slice(j->out, begin, end - begin);
	uint64_t *top = arena_take(mpc_arena(m), x.n, sizeof(*top)), *wrap = arena_take(mpc_arena(m), x.n, sizeof(*wrap));
	uint64_t offset = mpc_party(m) == 0 ? UINT64_C(1) << (x.bits - 2) : 0;
	int rc = ERR_NOMEM;

	if (!top || !wrap)
		goto out;
	TRY(mpc_op(m, j->op, x.n, x.bits | (uint64_t)j->out->bits << 8 | (uint64_t)j->drop << 16));
	for (size_t i = 0; i < x.n; i++)
		top[i] = (x.v[i] + offset) >> (x.bits - 1) & 1;
	if (j->ring)
		TRY(wraps(m, wrap, top, j->ring, x.n));
	else
		memset(wrap, 0, x.n * sizeof(*wrap));
	combine(&out, &x, wrap, j->drop, mpc_party(m));
	rc = 0;
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

int mpc_trunc(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct job j = { .x = x, .out = out, .op = MPC_OP_TRUNC };

	if (out->n != x->n || out->bits != x->bits || x->bits > 64 || out->scale > x->scale ||
	    x->bits < x->scale - out->scale + 2)
		return ERR_INPUT;
	j.drop = j.ring = (unsigned)x->scale - out->scale;
	return mpc_split(m, x->n, 64, lane, &j);
}

/* The carry out of the low f bits: 2^f - 1 - x0 < x1. */
static int low_carry(struct mpc *m, struct avec *carry, const struct avec *x, unsigned f)
{
	struct avec low = { 0 };
	struct bvec bit = { 0 };
	int rc;

	TRY(avec_new(&low, x->n, f, 0));
	TRY(bvec_new(&bit, x->n));
	for (size_t i = 0; i < x->n; i++) {
		uint64_t v = x->v[i] & bits_mask(f);

		low.v[i] = mpc_party(m) == 0 ? bits_mask(f) - v : v;
	}
	TRY(mpc_mill(m, &bit, &low));
	TRY(mpc_b2a(m, carry, &bit));
out:
	avec_free(&low);
	bvec_free(&bit);
	return rc;
}

int mpc_trunc_exact(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct avec carry = { 0 };
	unsigned f = (unsigned)x->scale - out->scale;
	int rc;

	if (out->scale > x->scale || out->n != x->n || out->bits != x->bits || x->bits > 64)
		return ERR_INPUT;
	if (f == 0) {
		avec_copy(out, x);
		return 0;
	}
	TRY(avec_new(&carry, x->n, x->bits, 0));
	TRY(low_carry(m, &carry, x, f));
	TRY(mpc_trunc(m, out, x));
	/* In units of the new scale. */
	carry.scale = out->scale;
	rc = avec_add(out, out, &carry);
out:
	avec_free(&carry);
	return rc;
}

int mpc_extend(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct job j = { .x = x, .out = out, .op = MPC_OP_EXTEND };

	if (out->n != x->n || out->bits < x->bits || out->bits > 64 || out->scale != x->scale || x->bits < 2)
		return ERR_INPUT;
	j.ring = (unsigned)out->bits - x->bits;
	return mpc_split(m, x->n, 64, lane, &j);
}
