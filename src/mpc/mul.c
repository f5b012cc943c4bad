#include "mpc/mul.h"

#include <string.h>

#include "mpc/cross.h"

static size_t words_of(const struct cross_terms *t)
{
	return t->bits > 64 ? 2 : 1;
}

/* What an operation hands to each lane. */
struct job {
	const struct avec *x, *y;
	struct avec *out;
	int owner;
};

static void local_product(uint64_t *out, const uint64_t *x, const uint64_t *y, size_t n, unsigned bits)
{
	if (bits <= 64) {
		for (size_t i = 0; i < n; i++)
			out[i] = x[i] * y[i];
		return;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned __int128 p = ((unsigned __int128)x[2 * i + 1] << 64 | x[2 * i]) *
				      ((unsigned __int128)y[2 * i + 1] << 64 | y[2 * i]);

		out[2 * i] = (uint64_t)p;
		out[2 * i + 1] = (uint64_t)(p >> 64);
	}
}

/* Runs the terms into scratch, since out may be an input, adds `add` and reduces. */
static int finish(struct mpc *m, struct cross_terms *t, const struct avec *out, const uint64_t *own, int twice)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	size_t words = out->n * words_of(t);
	uint64_t mask = bits_mask(out->bits < 64 ? out->bits : 64);
	int rc = ERR_NOMEM;

	t->out = arena_take(mpc_arena(m), words, sizeof(*t->out));
	if (!t->out)
		goto out;
	memset(t->out, 0, words * sizeof(*t->out));
	TRY(cross_run(m, t, out->n));
	for (size_t i = 0; i < out->n; i++) {
		if (words_of(t) == 1) {
			out->v[i] = ((t->out[i] << twice) + (own ? own[i] : 0)) & mask;
		} else {
			unsigned __int128 v = (unsigned __int128)t->out[2 * i + 1] << 64 | t->out[2 * i];

			v <<= twice;
			if (own)
				v += (unsigned __int128)own[2 * i + 1] << 64 | own[2 * i];
			out->v[2 * i] = (uint64_t)v;
			out->v[2 * i + 1] = (uint64_t)(v >> 64);
		}
	}
	explicit_bzero(t->out, words * sizeof(*t->out));
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

/* own: scratch for the product of this party's parts. */
static int with_local(struct mpc *m, struct cross_terms *t, const struct avec *out, const uint64_t *x, const uint64_t *y)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	uint64_t *own = arena_take(mpc_arena(m), out->n * words_of(t), sizeof(*own));
	int rc = ERR_NOMEM;

	if (own) {
		local_product(own, x, y, out->n, out->bits);
		rc = finish(m, t, out, own, 0);
		explicit_bzero(own, out->n * words_of(t) * sizeof(*own));
	}
	arena_release(mpc_arena(m), mark);
	return rc;
}

static int mul_priv_lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	int me = mpc_party(m), sender = 1 - j->owner;
	struct avec out = avec_slice(j->out, begin, end - begin), x = avec_slice(j->x, begin, end - begin),
		    y = avec_slice(j->y, begin, end - begin);
	struct cross_terms t = { .bits = out.bits, .x_bits = x.bits };
	int rc;

	TRY(mpc_op(m, MPC_OP_MUL, out.n, (uint64_t)out.bits | (uint64_t)x.bits << 8 | (uint64_t)j->owner << 16));
	t.on[sender] = 1;
	t.x[sender] = x.v;
	t.y[sender] = y.v;
	rc = me == j->owner ? with_local(m, &t, &out, x.v, y.v) : finish(m, &t, &out, NULL, 0);
out:
	return rc;
}

int mpc_mul_priv(struct mpc *m, int owner, struct avec *out, const struct avec *x, const struct avec *y)
{
	struct job j = { .x = x, .y = y, .out = out, .owner = owner };

	if (x->n != y->n || out->n != y->n || out->bits != y->bits || x->bits > y->bits ||
	    avec_words(x) != avec_words(y) || out->scale != x->scale + y->scale)
		return ERR_INPUT;
	return mpc_split(m, out->n, 64, mul_priv_lane, &j);
}

static int mul_lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	struct avec out = avec_slice(j->out, begin, end - begin), x = avec_slice(j->x, begin, end - begin),
		    y = avec_slice(j->y, begin, end - begin);
	struct cross_terms t = { .bits = out.bits, .x_bits = x.bits };
	int rc, me = mpc_party(m);

	TRY(mpc_op(m, MPC_OP_MUL, out.n, out.bits | (unsigned)x.bits << 8 | 1u << 24));
	/* x of each party meets y of the other: as sender a party gives its y, as receiver its x. */
	t.on[0] = t.on[1] = 1;
	t.y[me] = y.v;
	t.x[1 - me] = x.v;
	rc = with_local(m, &t, &out, x.v, y.v);
out:
	return rc;
}

int mpc_mul_parts(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y)
{
	struct job j = { .x = x, .y = y, .out = out };

	if (x->n != y->n || out->n != y->n || x->bits > y->bits || out->bits != y->bits || avec_words(x) != avec_words(y) ||
	    out->scale != x->scale + y->scale)
		return ERR_INPUT;
	return mpc_split(m, out->n, 64, mul_lane, &j);
}

int mpc_mul(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y)
{
	return x->bits == y->bits ? mpc_mul_parts(m, out, x, y) : ERR_INPUT;
}

/* Half of the elements in each direction, so that both parties work as much. */
static int square_half(struct mpc *m, struct avec out, struct avec x, int sender)
{
	struct cross_terms t = { .bits = out.bits - 1u, .x_bits = out.bits - 1u };

	/* 2·x0·x1 mod 2^k needs x0·x1 mod 2^{k-1}; a ring of one bit has nothing but the squares of the shares. */
	t.on[sender] = out.bits > 1;
	t.x[sender] = t.y[sender] = x.v;
	return finish(m, &t, &out, NULL, 1);
}

static int square_lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	struct arena_mark mark = arena_mark(mpc_arena(m));
	struct avec out = avec_slice(j->out, begin, end - begin), x = avec_slice(j->x, begin, end - begin), own = out;
	size_t half = out.n / 2;
	int rc;

	own.v = arena_take(mpc_arena(m), out.n * avec_words(&out), sizeof(*own.v));
	if (!own.v) {
		rc = ERR_NOMEM;
		goto out;
	}
	TRY(mpc_op(m, MPC_OP_MUL, out.n, out.bits | 2u << 24));
	local_product(own.v, x.v, x.v, out.n, out.bits);
	TRY(square_half(m, avec_slice(&out, 0, half), avec_slice(&x, 0, half), 0));
	TRY(square_half(m, avec_slice(&out, half, out.n - half), avec_slice(&x, half, out.n - half), 1));
	rc = avec_add(&out, &out, &own);
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

int mpc_square(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct job j = { .x = x, .out = out };

	if (x->n != out->n || out->bits != x->bits || out->scale != 2 * x->scale)
		return ERR_INPUT;
	return mpc_split(m, out->n, 64, square_lane, &j);
}

