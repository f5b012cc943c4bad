#include "mpc/cross.h"

#include <string.h>

#include "mpc/bits.h"

typedef unsigned __int128 u128;

/* Elements that are hashed at once: three arrays of blocks in the first-level cache. */
#define BATCH 512

void cross_begin(struct mpc *m, struct cross *c)
{
	c->index = mpc_index(m, c->sender, (uint64_t)c->n * c->x_bits);
}

static u128 wide(struct block b)
{
	return (u128)b.w[1] << 64 | b.w[0];
}

static void add_wide(uint64_t *out, u128 v)
{
	u128 sum = ((u128)out[1] << 64 | out[0]) + v;

	out[0] = (uint64_t)sum;
	out[1] = (uint64_t)(sum >> 64);
}

/* Bit t of each x, 64 per word. Elements of two words when the ring has 128 bits. */
static void plane(uint64_t *out, const struct cross *c, unsigned t)
{
	size_t step = c->bits > 64 ? 2 : 1;
	const uint64_t *x = c->x + t / 64 % step;

	for (size_t b = 0; b < bits_words(c->n); b++) {
		size_t n = c->n - 64 * b < 64 ? c->n - 64 * b : 64;
		uint64_t w = 0;

		for (size_t i = 0; i < n; i++)
			w |= (x[(64 * b + i) * step] >> (t % 64) & 1) << i;
		out[b] = w;
	}
}

static void choices(uint64_t *out, const struct block *r, size_t n)
{
	for (size_t b = 0; b < bits_words(n); b++) {
		size_t k = n - 64 * b < 64 ? n - 64 * b : 64;
		uint64_t w = 0;

		for (size_t i = 0; i < k; i++)
			w |= (r[64 * b + i].w[0] & 1) << i;
		out[b] = w;
	}
}

/* The receiver's pads of bit t are its share of that bit's product already, before the corrections. */
static void ask_add(struct mpc *m, const struct cross *c, unsigned t, const struct block *r)
{
	struct block h[BATCH];

	for (size_t at = 0; at < c->n; at += BATCH) {
		size_t n = c->n - at < BATCH ? c->n - at : BATCH;

		hash_blocks(mpc_hash(m), c->index + t * (uint64_t)c->n + at, r + at, h, n);
		if (c->bits > 64) {
			for (size_t i = 0; i < n; i++)
				add_wide(c->out + 2 * (at + i), wide(h[i]) << t);
		} else {
			for (size_t i = 0; i < n; i++)
				c->out[at + i] += h[i].w[0] << t;
		}
	}
	explicit_bzero(h, sizeof(h));
}

int cross_ask(struct mpc *m, const struct cross *c)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	size_t words = bits_words(c->n);
	struct block *r = arena_take(a, c->n, sizeof(*r));
	uint64_t *x = arena_take(a, words, sizeof(*x)), *d = arena_take(a, words, sizeof(*d));
	int rc = ERR_NOMEM;

	if (!r || !x || !d)
		goto out;
	rc = 0;
	for (unsigned t = 0; t < c->x_bits; t++) {
		TRY(mpc_cot_recv(m, r, c->n));
		plane(x, c, t);
		choices(d, r, c->n);
		for (size_t i = 0; i < words; i++)
			d[i] ^= x[i];
		TRY(mpc_send_bits(m, d, words, 64));
		ask_add(m, c, t, r);
	}
out:
	arena_release(a, mark);
	return rc;
}

/* One batch: this party's share is minus the pad of choice 0; the correction takes pad 1 to pad 0 plus y. */
static void answer_batch(const struct cross *c, unsigned t, size_t at, size_t n,
			 const struct block *h0, const struct block *h1, uint64_t *e)
{
	if (c->bits <= 64) {
		for (size_t i = 0; i < n; i++) {
			e[at + i] = c->y[at + i] + h0[i].w[0] - h1[i].w[0];
			c->out[at + i] -= h0[i].w[0] << t;
		}
		return;
	}
	for (size_t i = 0; i < n; i++) {
		u128 y = (u128)c->y[2 * (at + i) + 1] << 64 | c->y[2 * (at + i)];
		u128 v = y + wide(h0[i]) - wide(h1[i]);

		e[at + i] = (uint64_t)v;
		e[c->n + at + i] = (uint64_t)(v >> 64);
		add_wide(c->out + 2 * (at + i), -(wide(h0[i]) << t));
	}
}

/* Turns q so that the pad of choice 0 is H(q): the receiver's random choice differs from its bit where d says so. */
static void derandomise(struct block *q, const uint64_t *d, size_t n, struct block delta)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t s = bits_select(d, i);

		q[i].w[0] ^= s & delta.w[0];
		q[i].w[1] ^= s & delta.w[1];
	}
}

static void answer_bit(struct mpc *m, const struct cross *c, unsigned t, struct block *q, uint64_t *e)
{
	struct block h0[BATCH], h1[BATCH];

	for (size_t at = 0; at < c->n; at += BATCH) {
		size_t n = c->n - at < BATCH ? c->n - at : BATCH;

		hash_pairs(mpc_hash(m), c->index + t * (uint64_t)c->n + at, q + at, mpc_delta(m), h0, h1, n);
		answer_batch(c, t, at, n, h0, h1, e);
	}
	explicit_bzero(h0, sizeof(h0));
	explicit_bzero(h1, sizeof(h1));
}

/* Corrections of w bits; those of more than 64 as low and high words. */
static int send_corrections(struct mpc *m, const uint64_t *e, size_t n, unsigned w)
{
	int rc = mpc_send_bits(m, e, n, w < 64 ? w : 64);

	return rc || w <= 64 ? rc : mpc_send_bits(m, e + n, n, w - 64);
}

static int recv_corrections(struct mpc *m, uint64_t *e, size_t n, unsigned w)
{
	int rc = mpc_recv_bits(m, e, n, w < 64 ? w : 64);

	return rc || w <= 64 ? rc : mpc_recv_bits(m, e + n, n, w - 64);
}

int cross_answer(struct mpc *m, const struct cross *c)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	size_t words = bits_words(c->n), per = c->bits > 64 ? 2 : 1;
	struct block *q = arena_take(a, c->n, sizeof(*q));
	uint64_t *d = arena_take(a, words, sizeof(*d)), *e = arena_take(a, c->n * per, sizeof(*e));
	int rc = ERR_NOMEM;

	if (!q || !d || !e)
		goto out;
	rc = 0;
	for (unsigned t = 0; t < c->x_bits; t++) {
		TRY(mpc_cot_send(m, q, c->n));
		TRY(mpc_recv_bits(m, d, words, 64));
		derandomise(q, d, c->n, mpc_delta(m));
		answer_bit(m, c, t, q, e);
		TRY(send_corrections(m, e, c->n, c->bits - t));
	}
out:
	arena_release(a, mark);
	return rc;
}

static void take_bit(const struct cross *c, unsigned t, const uint64_t *e)
{
	if (c->bits <= 64) {
		for (size_t i = 0; i < c->n; i++)
			c->out[i] += (-(c->x[i] >> t & 1) & e[i]) << t;
		return;
	}
	for (size_t i = 0; i < c->n; i++) {
		u128 x = (u128)c->x[2 * i + 1] << 64 | c->x[2 * i];
		u128 v = (u128)e[c->n + i] << 64 | e[i];

		add_wide(c->out + 2 * i, (-(x >> t & 1) & v) << t);
	}
}

int cross_take(struct mpc *m, const struct cross *c)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	size_t per = c->bits > 64 ? 2 : 1;
	uint64_t *e = arena_take(a, c->n * per, sizeof(*e));
	int rc = ERR_NOMEM;

	if (!e)
		goto out;
	rc = 0;
	for (unsigned t = 0; t < c->x_bits; t++) {
		unsigned w = c->bits - t;

		if (w <= 64)
			memset(e, 0, c->n * per * sizeof(*e));
		TRY(recv_corrections(m, e, c->n, w));
		take_bit(c, t, e);
	}
out:
	arena_release(a, mark);
	return rc;
}

/*
 * In each step a party asks for its own direction, takes what was answered
 * one step before, and answers the other's: a link's delay hides behind a step.
 */
static struct cross term(const struct cross_terms *t, int sender, size_t at, size_t n)
{
	size_t o = at * (t->bits > 64 ? 2 : 1);

	return (struct cross){
		.sender = sender, .bits = t->bits, .x_bits = t->x_bits, .n = n,
		.x = t->x[sender] ? t->x[sender] + o : NULL, .y = t->y[sender] ? t->y[sender] + o : NULL,
		.out = t->out + o,
	};
}

int cross_run(struct mpc *m, const struct cross_terms *t, size_t n)
{
	int me = mpc_party(m), peer = 1 - me, rc = 0;
	size_t step = cross_step(t->x_bits), k, use;
	struct cross asked, before = { 0 }, other;

	for (size_t at = 0; at < n; at += k) {
		k = n - at < step ? n - at : step;
		use = k * t->x_bits;
		if (!mpc_reserved(m, t->on[me] ? use : 0, t->on[peer] ? use : 0)) {
			if (before.n)
				TRY(cross_take(m, &before));
			before.n = 0;
			TRY(mpc_reserve(m, t->on[me] ? use : 0, t->on[peer] ? use : 0));
		}
		if (t->on[peer]) {
			asked = term(t, peer, at, k);
			cross_begin(m, &asked);
			TRY(cross_ask(m, &asked));
		}
		if (before.n)
			TRY(cross_take(m, &before));
		if (t->on[me]) {
			other = term(t, me, at, k);
			cross_begin(m, &other);
			TRY(cross_answer(m, &other));
		}
		if (t->on[peer])
			before = asked;
	}
	if (before.n)
		TRY(cross_take(m, &before));
out:
	return rc;
}
