#include "mpc/mux.h"

#include <string.h>

#include "mpc/cross.h"

typedef unsigned __int128 u128;

struct job {
	const struct bvec *sel;
	const struct avec *x;
	struct avec *out;
	int owner;		/* -1: both hold a share of the bit */
};

/* This party's operands, from the arena: its bits as words, its messages, and the sum that the terms add to. */
struct work {
	struct arena_mark mark;
	size_t words;
	uint64_t *bit, *msg, *sum;
};

static int work_take(struct mpc *m, struct work *w, const struct avec *shape)
{
	size_t words = shape->n * avec_words(shape);

	w->mark = arena_mark(mpc_arena(m));
	w->words = words;
	w->bit = arena_take(mpc_arena(m), words, sizeof(*w->bit));
	w->msg = arena_take(mpc_arena(m), words, sizeof(*w->msg));
	w->sum = arena_take(mpc_arena(m), words, sizeof(*w->sum));
	return w->bit && w->msg && w->sum ? 0 : ERR_NOMEM;
}

static void work_release(struct mpc *m, const struct work *w)
{
	arena_release(mpc_arena(m), w->mark);
}

/* One word per element, or two: the number 0 or 1. */
static void spread(uint64_t *out, const struct bvec *b, size_t per)
{
	for (size_t i = 0; i < b->n; i++) {
		out[i * per] = bits_get(b->w, i);
		if (per == 2)
			out[2 * i + 1] = 0;
	}
}

static void reduce(struct avec *out, const uint64_t *v)
{
	uint64_t mask = bits_mask(out->bits < 64 ? out->bits : 64);

	for (size_t i = 0; i < out->n * avec_words(out); i++)
		out->v[i] = v[i] & mask;
}

/* msg = (1 - 2·b)·x and sum = b·x, with b this party's bit: s·x0 = b0·x0 + b1·(1 - 2·b0)·x0. */
static void mux_operands(struct work *w, const struct avec *x)
{
	if (avec_words(x) == 1) {
		for (size_t i = 0; i < x->n; i++) {
			uint64_t s = -w->bit[i];

			w->msg[i] = (x->v[i] ^ s) - s;
			w->sum[i] = x->v[i] & s;
		}
		return;
	}
	for (size_t i = 0; i < x->n; i++) {
		u128 v = (u128)x->v[2 * i + 1] << 64 | x->v[2 * i], s = -(u128)w->bit[2 * i], n = (v ^ s) - s;

		w->msg[2 * i] = (uint64_t)n;
		w->msg[2 * i + 1] = (uint64_t)(n >> 64);
		w->sum[2 * i] = (uint64_t)(v & s);
		w->sum[2 * i + 1] = (uint64_t)((v & s) >> 64);
	}
}

static int mux_lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	int me = mpc_party(m), rc;
	struct bvec sel = bvec_slice(j->sel, begin, end - begin);
	struct avec x = avec_slice(j->x, begin, end - begin), out = avec_slice(j->out, begin, end - begin);
	struct cross_terms t = { .bits = out.bits, .x_bits = 1, .on = { j->owner != 0, j->owner != 1 } };
	struct work w;

	TRY(work_take(m, &w, &out));
	TRY(mpc_op(m, MPC_OP_MUX, out.n, out.bits | (uint64_t)(j->owner + 1) << 8));
	if (j->owner == 1 - me)
		memset(w.bit, 0, w.words * sizeof(*w.bit));
	else
		spread(w.bit, &sel, avec_words(&out));
	mux_operands(&w, &x);
	t.y[me] = w.msg;
	t.x[1 - me] = w.bit;
	t.out = w.sum;
	TRY(cross_run(m, &t, out.n));
	reduce(&out, w.sum);
out:
	work_release(m, &w);
	return rc;
}

static int same_ring(const struct avec *out, const struct avec *x, const struct bvec *sel)
{
	return avec_same(out, x) && sel->n == x->n;
}

int mpc_mux(struct mpc *m, struct avec *out, const struct bvec *sel, const struct avec *x)
{
	struct job j = { .sel = sel, .x = x, .out = out, .owner = -1 };

	return same_ring(out, x, sel) ? mpc_split(m, x->n, 64, mux_lane, &j) : ERR_INPUT;
}

int mpc_mux_priv(struct mpc *m, int owner, struct avec *out, const struct bvec *sel, const struct avec *x)
{
	struct job j = { .sel = sel, .x = x, .out = out, .owner = owner };

	if ((owner != 0 && owner != 1) || !same_ring(out, x, sel))
		return ERR_INPUT;
	return mpc_split(m, x->n, 64, mux_lane, &j);
}

int mpc_select(struct mpc *m, struct avec *out, const struct bvec *sel, const struct avec *x, const struct avec *y)
{
	struct avec d = { 0 };
	int rc;

	if (!same_ring(out, x, sel) || !avec_same(x, y))
		return ERR_INPUT;
	TRY(avec_new(&d, x->n, x->bits, x->scale));
	TRY(avec_sub(&d, x, y));
	TRY(mpc_mux(m, &d, sel, &d));
	rc = avec_add(out, &d, y);
out:
	avec_free(&d);
	return rc;
}

/* --- bits to integers ----------------------------------------------------------- */

/* b0·b1 mod 2^{k-1}, doubled; the parties take turns as sender so that both work as much. */
static int b2a_part(struct mpc *m, uint64_t *sum, const uint64_t *bit, unsigned bits, size_t n, int sender)
{
	struct cross_terms t = { .bits = bits > 64 ? bits : bits - 1, .x_bits = 1, .out = sum };

	if (bits == 1 || n == 0)
		return 0;
	t.on[sender] = 1;
	t.x[sender] = t.y[sender] = bit;
	return cross_run(m, &t, n);
}

/* (b - 2·sum)·2^scale */
static void b2a_finish(struct avec *out, const uint64_t *bit, const uint64_t *sum)
{
	for (size_t i = 0; i < out->n; i++) {
		u128 v;

		if (avec_words(out) == 1) {
			out->v[i] = ((bit[i] - 2 * sum[i]) << out->scale) & bits_mask(out->bits);
			continue;
		}
		v = bit[2 * i] - 2 * ((u128)sum[2 * i + 1] << 64 | sum[2 * i]);
		v <<= out->scale;
		out->v[2 * i] = (uint64_t)v;
		out->v[2 * i + 1] = (uint64_t)(v >> 64);
	}
}

static int b2a_lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	struct bvec b = bvec_slice(j->sel, begin, end - begin);
	struct avec out = avec_slice(j->out, begin, end - begin);
	size_t half = out.n / 2 * avec_words(&out);
	struct work w;
	int rc;

	TRY(work_take(m, &w, &out));
	TRY(mpc_op(m, MPC_OP_B2A, out.n, out.bits));
	spread(w.bit, &b, avec_words(&out));
	memset(w.sum, 0, w.words * sizeof(*w.sum));
	TRY(b2a_part(m, w.sum, w.bit, out.bits, out.n / 2, 0));
	TRY(b2a_part(m, w.sum + half, w.bit + half, out.bits, out.n - out.n / 2, 1));
	b2a_finish(&out, w.bit, w.sum);
out:
	work_release(m, &w);
	return rc;
}

int mpc_b2a(struct mpc *m, struct avec *out, const struct bvec *b)
{
	struct job j = { .sel = b, .out = out };

	return out->n == b->n ? mpc_split(m, out->n, 64, b2a_lane, &j) : ERR_INPUT;
}
