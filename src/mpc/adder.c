#include "mpc/adder.h"

#include <string.h>

#include "mpc/bool.h"
#include "mpc/mux.h"

int adder_bits_new(struct bvec *bits, unsigned count, size_t n)
{
	int rc = 0;

	memset(bits, 0, count * sizeof(*bits));
	for (unsigned t = 0; t < count; t++)
		TRY(bvec_new(&bits[t], n));
out:
	return rc;
}

void adder_bits_free(struct bvec *bits, unsigned count)
{
	for (unsigned t = 0; t < count; t++)
		bvec_free(&bits[t]);
}

/* --- chunks ------------------------------------------------------------------- */

struct job {
	struct bvec *out;
	const struct bvec *in;
	const struct avec *x;
	unsigned count;
	int (*chunk)(struct mpc *m, const struct job *j, size_t begin, size_t n);
};

/* kind tells the two operations apart in the tag. */
static int lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	size_t chunk = mpc_chunk(m);
	int rc;

	TRY(mpc_op(m, MPC_OP_AND, end - begin, j->count | (j->x ? 2u : 3u) << 8));
	for (size_t at = begin; at < end; at += chunk)
		TRY(j->chunk(m, j, at, end - at < chunk ? end - at : chunk));
out:
	return rc;
}

static int run(struct mpc *m, struct job *j, size_t n)
{
	int rc = mpc_split(m, n, 64, lane, j);

	for (unsigned t = 0; t < j->count; t++)
		bvec_trim(&j->out[t]);
	return rc;
}

/* --- numbers to bits ------------------------------------------------------------ */

/* Planes of one chunk: plane t at g + t * words. */
struct carries {
	uint64_t *g, *p, *t;
	size_t words;
	unsigned count;			/* positions that generate a carry that is needed */
};

/* Generate: party 0's bits times party 1's. */
static int generate(struct mpc *m, const struct carries *c, const uint64_t *own)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	size_t words = c->count * c->words;
	uint64_t *zero = arena_take(mpc_arena(m), words, sizeof(*zero));
	struct bool_and job = { .a = own, .b = zero, .ab = c->g, .words = words };
	int rc = ERR_NOMEM;

	if (!zero)
		goto out;
	memset(zero, 0, words * sizeof(*zero));
	if (mpc_party(m) == 1) {
		job.a = zero;
		job.b = own;
	}
	TRY(bool_and_many(m, &job, 1));
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

/* The upper half of each block of 2·step positions takes in the top of the lower half. */
static int carry_level(struct mpc *m, const struct carries *c, unsigned step)
{
	struct bool_and job[64] = { { 0 } };
	unsigned jobs = 0, at[64];
	size_t w = c->words;
	int rc;

	for (unsigned i = step; i < c->count; i++) {
		unsigned low = i / step * step - 1;

		if (!(i & step))
			continue;
		at[jobs] = i;
		job[jobs] = (struct bool_and){ .a = c->p + i * w, .b = c->g + low * w, .ab = c->t + i * w, .words = w };
		/* From position 0 on nothing is left to propagate. */
		if (i >= 2 * step) {
			job[jobs].c = c->p + low * w;
			job[jobs].ac = c->p + i * w;
		}
		jobs++;
	}
	TRY(bool_and_many(m, job, jobs));
	for (unsigned k = 0; k < jobs; k++) {
		for (size_t i = at[k] * w; i < (at[k] + 1) * w; i++)
			c->g[i] ^= c->t[i];
	}
out:
	return rc;
}

static int a2b_chunk(struct mpc *m, const struct job *j, size_t begin, size_t n)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	struct carries c = { .words = bits_words(n), .count = j->count - 1 };
	size_t all = j->count * c.words;
	uint64_t *own = arena_take(a, all, sizeof(*own));
	int rc = ERR_NOMEM;

	c.g = arena_take(a, all, sizeof(*c.g));
	c.p = arena_take(a, all, sizeof(*c.p));
	c.t = arena_take(a, all, sizeof(*c.t));
	if (!own || !c.g || !c.p || !c.t)
		goto out;
	rc = 0;
	bits_to_planes(own, c.words, j->x->v + begin, n, j->count);
	/* A party's own bits are its share of x0 XOR x1, which is "propagate". */
	memcpy(c.p, own, all * sizeof(*own));
	if (c.count)
		TRY(generate(m, &c, own));
	for (unsigned step = 1; step < c.count; step *= 2)
		TRY(carry_level(m, &c, step));
	for (unsigned t = 0; t < j->count; t++) {
		uint64_t *out = j->out[t].w + begin / 64;

		for (size_t i = 0; i < c.words; i++)
			out[i] = own[t * c.words + i] ^ (t ? c.g[(t - 1) * c.words + i] : 0);
	}
out:
	arena_release(a, mark);
	return rc;
}

int mpc_a2b(struct mpc *m, struct bvec *bits, const struct avec *x, unsigned count)
{
	struct job j = { .out = bits, .x = x, .count = count, .chunk = a2b_chunk };

	if (count < 1 || count > x->bits || x->bits > AVEC_BITS_MAX)
		return ERR_INPUT;
	for (unsigned t = 0; t < count; t++) {
		if (bits[t].n != x->n)
			return ERR_INPUT;
	}
	return run(m, &j, x->n);
}

/* --- prefixes --------------------------------------------------------------------- */

/* Position i counts from the top; no[i] = NOT of the OR so far. */
static int or_level(struct mpc *m, uint64_t *no, unsigned count, size_t w, unsigned step)
{
	struct bool_and job[64] = { { 0 } };
	unsigned jobs = 0;

	for (unsigned i = step; i < count; i++) {
		if (i & step)
			job[jobs++] = (struct bool_and){ .a = no + i * w, .b = no + (i / step * step - 1) * w,
							 .ab = no + i * w, .words = w };
	}
	return bool_and_many(m, job, jobs);
}

static int or_chunk(struct mpc *m, const struct job *j, size_t begin, size_t n)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	size_t w = bits_words(n);
	uint64_t *no = arena_take(mpc_arena(m), j->count * w, sizeof(*no));
	uint64_t flip = mpc_party(m) == 0 ? ~(uint64_t)0 : 0;
	int rc = ERR_NOMEM;

	if (!no)
		goto out;
	rc = 0;
	for (unsigned i = 0; i < j->count; i++) {
		for (size_t k = 0; k < w; k++)
			no[i * w + k] = j->in[j->count - 1 - i].w[begin / 64 + k] ^ flip;
	}
	for (unsigned step = 1; step < j->count; step *= 2)
		TRY(or_level(m, no, j->count, w, step));
	for (unsigned i = 0; i < j->count; i++) {
		for (size_t k = 0; k < w; k++)
			j->out[j->count - 1 - i].w[begin / 64 + k] = no[i * w + k] ^ flip;
	}
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

int mpc_prefix_or(struct mpc *m, struct bvec *out, const struct bvec *in, unsigned count)
{
	struct job j = { .out = out, .in = in, .count = count, .chunk = or_chunk };

	if (count < 1 || count > 64)
		return ERR_INPUT;
	for (unsigned t = 0; t < count; t++) {
		if (in[t].n != in[0].n || out[t].n != in[0].n)
			return ERR_INPUT;
	}
	return run(m, &j, in[0].n);
}

/* --- bits to numbers ---------------------------------------------------------------- */

static int b2a_chunk(struct mpc *m, struct avec *out, const struct bvec *bits, unsigned count, size_t begin)
{
	size_t w = bits_words(out->n);
	struct bvec all = { 0 };
	struct avec v = { 0 };
	int rc;

	TRY(bvec_new(&all, count * w * 64));
	TRY(avec_new(&v, count * w * 64, out->bits, out->scale));
	for (unsigned t = 0; t < count; t++)
		memcpy(all.w + t * w, bits[t].w + begin / 64, w * sizeof(*all.w));
	TRY(mpc_b2a(m, &v, &all));
	memset(out->v, 0, out->n * sizeof(*out->v));
	for (unsigned t = 0; t < count; t++) {
		for (size_t i = 0; i < out->n; i++)
			out->v[i] += v.v[t * w * 64 + i] << t;
	}
	for (size_t i = 0; i < out->n; i++)
		out->v[i] &= bits_mask(out->bits);
out:
	bvec_free(&all);
	avec_free(&v);
	return rc;
}

struct b2a_job {
	struct avec *out;
	const struct bvec *bits;
	unsigned count;
};

static int b2a_lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct b2a_job *j = arg;
	size_t chunk = mpc_chunk(m);
	int rc = 0;

	for (size_t at = begin; at < end; at += chunk) {
		struct avec out = avec_slice(j->out, at, end - at < chunk ? end - at : chunk);

		TRY(b2a_chunk(m, &out, j->bits, j->count, at));
	}
out:
	return rc;
}

int mpc_b2a_int(struct mpc *m, struct avec *out, const struct bvec *bits, unsigned count)
{
	struct b2a_job j = { .out = out, .bits = bits, .count = count };

	if (count < 1 || count > 64 || out->bits > AVEC_BITS_MAX)
		return ERR_INPUT;
	for (unsigned t = 0; t < count; t++) {
		if (bits[t].n != out->n)
			return ERR_INPUT;
	}
	return mpc_split(m, out->n, 64, b2a_lane, &j);
}
