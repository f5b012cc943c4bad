#include "mpc/cmp.h"

#include <string.h>

#include "mpc/bool.h"
#include "mpc/leaf.h"

typedef unsigned __int128 u128;

#define DIGITS_MAX LEAF_DIGITS_MAX
#define ODD UINT64_C(0x55555555)	/* the "less" bit of all 16 entries of 2 bits */

/* Entry i of a digit's table: bit 0 "less", bit 1 "equal". */
static uint64_t table_mine_less(unsigned x)
{
	return (ODD << (2 * x + 2) & 0xffffffff) | UINT64_C(2) << (2 * x);
}

static uint64_t table_index_less(unsigned y)
{
	return (ODD & ((UINT64_C(1) << (2 * y)) - 1)) | UINT64_C(2) << (2 * y);
}

static uint64_t table_equal(unsigned x)
{
	return UINT64_C(1) << x;
}

/* --- digits ------------------------------------------------------------------- */

/* One chunk: own values, and the planes of all digits that come out. */
struct digits {
	size_t n, words;
	unsigned digits, width;
	const uint64_t *value;		/* word k of element i at value[k * n + i] */
	uint64_t *plane[2];		/* less (or equal when width is 1), equal */
};

/* Elements of the step from `at`. */
static size_t left(const struct digits *g, size_t at, size_t end)
{
	size_t step = leaf_step(g->digits);

	if (at >= end)
		return 0;
	return end - at < step ? end - at : step;
}

static struct leaf part(const struct digits *g, int sender, size_t begin, size_t end, size_t at)
{
	size_t from = begin + at;
	struct leaf l = {
		.sender = sender, .digits = g->digits, .width = g->width,
		.n = left(g, from, end),
		.value = g->value + from, .value_stride = g->n, .stride = g->words,
	};

	if (g->width == 1)
		l.table = table_equal;
	else
		l.table = sender == 0 ? table_mine_less : table_index_less;
	for (unsigned k = 0; k < g->width; k++)
		l.out[k] = g->plane[k] + from / 64;
	return l;
}

/* The first half goes in the direction in which party 0 sends, the rest in the other: see cross_run for the order. */
static int run_digits(struct mpc *m, const struct digits *g)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	int me = mpc_party(m), turn = 0, rc = ERR_NOMEM;
	size_t half = g->n / 2 / 64 * 64, step = leaf_step(g->digits);
	size_t begin[2] = { 0, half }, end[2] = { half, g->n };
	struct leaf asked, before = { 0 }, other;
	uint8_t *pad[2];

	pad[0] = arena_take(a, step, g->digits);
	pad[1] = arena_take(a, step, g->digits);
	if (!pad[0] || !pad[1])
		goto out;
	rc = 0;
	for (size_t at = 0; at < g->n - half; at += step, turn ^= 1) {
		size_t in = left(g, begin[1 - me] + at, end[1 - me]), send = left(g, begin[me] + at, end[me]);
		size_t per = 4 * g->digits;

		if (!mpc_reserved(m, send * per, in * per)) {
			if (before.n)
				TRY(leaf_take(m, &before));
			before.n = 0;
			TRY(mpc_reserve(m, send * per, in * per));
		}
		if (in) {
			asked = part(g, 1 - me, begin[1 - me], end[1 - me], at);
			asked.pad = pad[turn];
			leaf_begin(m, &asked);
			TRY(leaf_ask(m, &asked));
		}
		if (before.n)
			TRY(leaf_take(m, &before));
		if (send) {
			other = part(g, me, begin[me], end[me], at);
			leaf_begin(m, &other);
			TRY(leaf_answer(m, &other));
		}
		before = in ? asked : (struct leaf){ 0 };
	}
	if (before.n)
		TRY(leaf_take(m, &before));
out:
	arena_release(a, mark);
	return rc;
}

static int digits_take(struct mpc *m, struct digits *g)
{
	for (unsigned k = 0; k < g->width; k++) {
		g->plane[k] = arena_take(mpc_arena(m), g->digits * g->words, sizeof(uint64_t));
		if (!g->plane[k])
			return ERR_NOMEM;
	}
	return 0;
}

/*
 * Joins neighbours, highest digit last, until one is left:
 * less = less_hi XOR (equal_hi AND less_lo); equal = equal_hi AND equal_lo.
 * The lowest digit's "equal" says nothing that is needed.
 */
static int join_less(struct mpc *m, struct digits *g)
{
	struct bool_and job[DIGITS_MAX / 2];
	unsigned q = g->digits;
	size_t w = g->words;
	int rc = 0;

	for (; q > 1; q = (q + 1) / 2) {
		for (unsigned i = 0; i < q / 2; i++) {
			uint64_t *lt = g->plane[0] + 2 * i * w, *eq = g->plane[1] + 2 * i * w;

			job[i] = (struct bool_and){ .a = eq + w, .b = lt, .ab = lt, .words = w };
			if (i > 0) {
				job[i].c = eq;
				job[i].ac = eq;
			}
		}
		TRY(bool_and_many(m, job, q / 2));
		for (unsigned i = 0; i < q / 2; i++) {
			uint64_t *lt = g->plane[0] + 2 * i * w, *to = g->plane[0] + i * w;

			for (size_t k = 0; k < w; k++)
				to[k] = lt[k] ^ lt[w + k];
			memmove(g->plane[1] + i * w, g->plane[1] + 2 * i * w, w * sizeof(*to));
		}
		if (q % 2) {
			memmove(g->plane[0] + q / 2 * w, g->plane[0] + (q - 1) * w, w * sizeof(uint64_t));
			memmove(g->plane[1] + q / 2 * w, g->plane[1] + (q - 1) * w, w * sizeof(uint64_t));
		}
	}
out:
	return rc;
}

static int join_equal(struct mpc *m, struct digits *g)
{
	struct bool_and job[DIGITS_MAX / 2];
	unsigned q = g->digits;
	size_t w = g->words;
	int rc = 0;

	for (; q > 1; q = (q + 1) / 2) {
		for (unsigned i = 0; i < q / 2; i++) {
			uint64_t *p = g->plane[0] + i * w;

			/* The upper half folds onto the lower one; an odd one in the middle stays. */
			job[i] = (struct bool_and){ .a = p, .b = g->plane[0] + (q - 1 - i) * w, .ab = p, .words = w };
		}
		TRY(bool_and_many(m, job, q / 2));
	}
out:
	return rc;
}

/* value: own integers of `bits` bits. out: bits_words(n) words, this party's share. */
static int run_chunk(struct mpc *m, uint64_t *out, const uint64_t *value, size_t n, unsigned bits, unsigned width)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	struct digits g = { .n = n, .words = bits_words(n), .digits = (bits + 3) / 4, .width = width, .value = value };
	int rc;

	if (bits == 0) {
		/* Nothing to compare: "less" is false. */
		memset(out, 0, g.words * sizeof(*out));
		return 0;
	}
	TRY(digits_take(m, &g));
	TRY(run_digits(m, &g));
	TRY(width == 2 ? join_less(m, &g) : join_equal(m, &g));
	memcpy(out, g.plane[0], g.words * sizeof(*out));
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

/* --- operations ---------------------------------------------------------------- */

struct job {
	struct bvec *out;
	const struct avec *x;
	/* What this party puts into the digits; the low `bits` bits count. */
	u128 (*value)(u128 share, unsigned bits, int party);
	unsigned bits, width;		/* of the comparison */
	enum mpc_opcode op;
};

static u128 mask(unsigned bits)
{
	return bits >= 128 ? ~(u128)0 : ((u128)1 << bits) - 1;
}

static u128 share(const struct avec *x, size_t i)
{
	return avec_words(x) == 2 ? (u128)x->v[2 * i + 1] << 64 | x->v[2 * i] : x->v[i];
}

static int lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	struct arena_mark mark = arena_mark(mpc_arena(m));
	size_t chunk = mpc_chunk(m);
	uint64_t *value = arena_take(mpc_arena(m), 2 * chunk, sizeof(*value));
	int rc = ERR_NOMEM;

	if (!value)
		goto out;
	TRY(mpc_op(m, j->op, end - begin, j->bits | j->width << 8));
	for (size_t at = begin; at < end; at += chunk) {
		size_t n = end - at < chunk ? end - at : chunk;

		for (size_t i = 0; i < n; i++) {
			u128 v = j->value(share(j->x, at + i), j->bits, mpc_party(m)) & mask(j->bits);

			value[i] = (uint64_t)v;
			value[n + i] = (uint64_t)(v >> 64);
		}
		TRY(run_chunk(m, j->out->w + at / 64, value, n, j->bits, j->width));
	}
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

static u128 value_own(u128 v, unsigned bits, int party)
{
	(void)bits;
	(void)party;
	return v;
}

/* The low parts carry into the sign when 2^l - 1 - x0 < x1. */
static u128 value_carry(u128 v, unsigned bits, int party)
{
	return party == 0 ? mask(bits) - (v & mask(bits)) : v;
}

/* x0 + x1 = 0 when x0 equals -x1. */
static u128 value_zero(u128 v, unsigned bits, int party)
{
	(void)bits;
	return party == 0 ? v : -v;
}

static int run(struct mpc *m, struct job *j)
{
	int rc;

	if (j->out->n != j->x->n)
		return ERR_INPUT;
	rc = mpc_split(m, j->x->n, 64, lane, j);
	bvec_trim(j->out);
	return rc;
}

int mpc_mill(struct mpc *m, struct bvec *out, const struct avec *v)
{
	struct job j = { .out = out, .x = v, .value = value_own, .bits = v->bits, .width = 2, .op = MPC_OP_MILL };

	return run(m, &j);
}

int mpc_ltz(struct mpc *m, struct bvec *out, const struct avec *x)
{
	return mpc_ltz_low(m, out, x, x->bits);
}

int mpc_ltz_low(struct mpc *m, struct bvec *out, const struct avec *x, unsigned bits)
{
	struct job j = { .out = out, .x = x, .value = value_carry, .bits = bits - 1, .width = 2, .op = MPC_OP_MILL };
	int rc = bits < 1 || bits > x->bits ? ERR_INPUT : run(m, &j);

	for (size_t i = 0; rc == 0 && i < x->n; i++)
		out->w[i / 64] ^= (uint64_t)(share(x, i) >> (bits - 1) & 1) << (i % 64);
	return rc;
}

int mpc_eqz(struct mpc *m, struct bvec *out, const struct avec *x)
{
	struct job j = { .out = out, .x = x, .value = value_zero, .bits = x->bits, .width = 1, .op = MPC_OP_EQ };

	return run(m, &j);
}

static int of_difference(struct mpc *m, struct bvec *out, const struct avec *x, const struct avec *y,
			 int (*f)(struct mpc *, struct bvec *, const struct avec *))
{
	struct avec d = { 0 };
	int rc;

	TRY(avec_new(&d, x->n, x->bits, x->scale));
	TRY(avec_sub(&d, x, y));
	TRY(f(m, out, &d));
out:
	avec_free(&d);
	return rc;
}

int mpc_lt(struct mpc *m, struct bvec *out, const struct avec *x, const struct avec *y)
{
	return of_difference(m, out, x, y, mpc_ltz);
}

int mpc_eq(struct mpc *m, struct bvec *out, const struct avec *x, const struct avec *y)
{
	return of_difference(m, out, x, y, mpc_eqz);
}
