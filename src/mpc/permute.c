#include "mpc/permute.h"

#include <stdlib.h>
#include <string.h>

#include "mpc/perm.h"
#include "mpc/waksman.h"

#define HASH_BATCH 512

/*
 * A switch on shares: with d = x_b - x_a and its state s, which the owner
 * knows, x_a + s·d and x_b - s·d. The owner's part of d is local; the other's
 * is one correlated transfer with choice s. The sender's share is its first
 * pad, so that it can walk the whole network without waiting for anybody.
 */
struct net {
	struct mpc *m;
	struct avec *const *column;
	size_t columns, lanes;		/* lanes: hash blocks per switch, each for two columns */
	size_t n;
	int sender;			/* the party that does not know the order */
	uint64_t *buf[2];		/* columns one after the other, n words each */
	uint64_t *route;		/* at the owner */
	uint64_t switches, index;
	size_t batch;			/* switches per message; a multiple of 64 */
	struct waksman_walk walk;
};

/* Switches [at, at + n): the owner keeps pads from asking to taking. */
struct batch {
	uint64_t at;
	size_t n;
	uint64_t *pad;			/* columns * batch words */
};

static const uint64_t *route_words(const struct net *t, uint64_t at)
{
	return t->route + at / 64;
}

/* Where a part's rows come from and go to: row a of switch i at a + i * a_step. */
struct rows {
	const uint64_t *a, *b;
	uint64_t *to_a, *to_b;
	size_t step, to_step;
};

static struct rows rows_of(const struct net *t, const struct waksman_part *p, size_t column)
{
	uint64_t *node = t->buf[p->depth % 2] + column * t->n + p->base;
	uint64_t *mid = t->buf[1 - p->depth % 2] + column * t->n + p->base;
	size_t half = p->n / 2;

	switch (p->layer) {
	case WAKSMAN_FIRST:
		return (struct rows){ node, node + 1, mid, mid + half, 2, 1 };
	case WAKSMAN_LAST:
		return (struct rows){ mid, mid + half, node, node + 1, 1, 2 };
	default:
		return (struct rows){ node, node + 1, node, node + 1, 1, 1 };
	}
}

/* Rows without a switch move when their layer is complete. */
static void move_rest(const struct net *t, const struct waksman_part *p, size_t column)
{
	uint64_t *node = t->buf[p->depth % 2] + column * t->n + p->base;
	uint64_t *mid = t->buf[1 - p->depth % 2] + column * t->n + p->base;
	size_t n = p->n, half = n / 2;

	if (p->to != p->count || p->layer == WAKSMAN_PAIR)
		return;
	if (p->layer == WAKSMAN_FIRST) {
		if (n % 2)
			mid[n - 1] = node[n - 1];
		return;
	}
	if (n % 2 == 0)
		node[n - 2] = mid[half - 1];
	node[n - 1] = mid[n - 1];
}

/* --- the owner --------------------------------------------------------------------- */

static int ask(struct net *t, struct batch *b)
{
	struct arena *a = mpc_arena(t->m);
	struct arena_mark mark = arena_mark(a);
	struct block *r = arena_take(a, b->n, sizeof(*r)), h[HASH_BATCH];
	uint64_t *d = arena_take(a, bits_words(b->n), sizeof(*d));
	int rc = ERR_NOMEM;

	if (!r || !d)
		goto out;
	TRY(mpc_cot_recv(t->m, r, b->n));
	memcpy(d, route_words(t, b->at), bits_words(b->n) * sizeof(*d));
	if (b->n % 64)
		d[b->n / 64] &= bits_mask(b->n % 64);
	for (size_t i = 0; i < b->n; i++)
		d[i / 64] ^= (r[i].w[0] & 1) << (i % 64);
	TRY(mpc_send(t->m, d, bits_words(b->n) * sizeof(*d)));
	for (size_t lane = 0; lane < t->lanes; lane++) {
		for (size_t at = 0; at < b->n; at += HASH_BATCH) {
			size_t n = b->n - at < HASH_BATCH ? b->n - at : HASH_BATCH;
			uint64_t *pad = b->pad + 2 * lane * t->batch + at;

			hash_blocks(mpc_hash(t->m), t->index + lane * t->switches + b->at + at, r + at, h, n);
			for (size_t i = 0; i < n; i++) {
				pad[i] = h[i].w[0];
				pad[t->batch + i] = h[i].w[1];
			}
		}
	}
out:
	explicit_bzero(h, sizeof(h));
	arena_release(a, mark);
	return rc;
}

/* at: of the part's first switch in the batch. */
static void take_part(const struct net *t, const struct waksman_part *p, size_t column,
		      const uint64_t *state, size_t at, const uint64_t *e, const uint64_t *pad)
{
	struct rows r = rows_of(t, p, column);

	for (size_t i = p->from; i < p->to; i++, at++) {
		uint64_t a = r.a[i * r.step], b = r.b[i * r.step];
		uint64_t v = pad[at] + (bits_select(state, at) & (e[at] + b - a));

		r.to_a[i * r.to_step] = a + v;
		r.to_b[i * r.to_step] = b - v;
	}
	move_rest(t, p, column);
}

static int take(struct net *t, const struct batch *b)
{
	struct arena *a = mpc_arena(t->m);
	struct arena_mark mark = arena_mark(a);
	uint64_t *e = arena_take(a, t->columns * b->n, sizeof(*e));
	struct waksman_part p;
	int rc = ERR_NOMEM;

	if (!e)
		goto out;
	rc = 0;
	for (size_t c = 0; c < t->columns; c++)
		TRY(mpc_recv_bits(t->m, e + c * b->n, b->n, t->column[c]->bits));
	for (size_t at = 0; at < b->n && waksman_next(&t->walk, b->n - at, &p); at += p.to - p.from) {
		for (size_t c = 0; c < t->columns; c++)
			take_part(t, &p, c, route_words(t, b->at), at, e + c * b->n, b->pad + c * t->batch);
	}
out:
	arena_release(a, mark);
	return rc;
}

static int run_owner(struct net *t)
{
	struct arena *a = mpc_arena(t->m);
	struct arena_mark mark = arena_mark(a);
	struct batch now = { 0 }, before = { 0 };
	int rc = ERR_NOMEM;

	now.pad = arena_take(a, 2 * t->lanes * t->batch, sizeof(*now.pad));
	before.pad = arena_take(a, 2 * t->lanes * t->batch, sizeof(*before.pad));
	if (!now.pad || !before.pad)
		goto out;
	rc = 0;
	for (uint64_t at = 0; at < t->switches; at += now.n) {
		uint64_t *pad = now.pad;

		now.at = at;
		now.n = t->switches - at < t->batch ? t->switches - at : t->batch;
		if (!mpc_reserved(t->m, 0, now.n)) {
			if (before.n)
				TRY(take(t, &before));
			before.n = 0;
			TRY(mpc_reserve(t->m, 0, now.n));
		}
		TRY(ask(t, &now));
		if (before.n)
			TRY(take(t, &before));
		now.pad = before.pad;
		before = now;
		before.pad = pad;
	}
	if (before.n)
		TRY(take(t, &before));
out:
	arena_release(a, mark);
	return rc;
}

/* --- the other party ------------------------------------------------------------------ */

static void answer_part(const struct net *t, const struct waksman_part *p, size_t column, size_t at,
			const uint64_t *pad, const uint64_t *pad1, uint64_t *e)
{
	struct rows r = rows_of(t, p, column);

	for (size_t i = p->from; i < p->to; i++, at++) {
		uint64_t a = r.a[i * r.step], b = r.b[i * r.step];

		e[at] = b - a + pad[at] - pad1[at];
		r.to_a[i * r.to_step] = a - pad[at];
		r.to_b[i * r.to_step] = b + pad[at];
	}
	move_rest(t, p, column);
}

/* Both pads of every switch and column: pad0 at `pad`, pad1 behind all of them. */
static int answer_pads(struct net *t, const struct batch *b)
{
	struct arena *a = mpc_arena(t->m);
	struct arena_mark mark = arena_mark(a);
	struct block *q = arena_take(a, b->n, sizeof(*q)), h0[HASH_BATCH], h1[HASH_BATCH], delta = mpc_delta(t->m);
	uint64_t *d = arena_take(a, bits_words(b->n), sizeof(*d)), *pad1 = b->pad + 2 * t->lanes * t->batch;
	int rc = ERR_NOMEM;

	if (!q || !d)
		goto out;
	TRY(mpc_cot_send(t->m, q, b->n));
	TRY(mpc_recv(t->m, d, bits_words(b->n) * sizeof(*d)));
	for (size_t i = 0; i < b->n; i++) {
		uint64_t s = bits_select(d, i);

		q[i].w[0] ^= s & delta.w[0];
		q[i].w[1] ^= s & delta.w[1];
	}
	for (size_t lane = 0; lane < t->lanes; lane++) {
		for (size_t at = 0; at < b->n; at += HASH_BATCH) {
			size_t n = b->n - at < HASH_BATCH ? b->n - at : HASH_BATCH, to = 2 * lane * t->batch + at;

			hash_pairs(mpc_hash(t->m), t->index + lane * t->switches + b->at + at, q + at, delta, h0, h1, n);
			for (size_t i = 0; i < n; i++) {
				b->pad[to + i] = h0[i].w[0];
				b->pad[to + t->batch + i] = h0[i].w[1];
				pad1[to + i] = h1[i].w[0];
				pad1[to + t->batch + i] = h1[i].w[1];
			}
		}
	}
out:
	explicit_bzero(h0, sizeof(h0));
	explicit_bzero(h1, sizeof(h1));
	arena_release(a, mark);
	return rc;
}

static int answer(struct net *t, const struct batch *b)
{
	struct arena *a = mpc_arena(t->m);
	struct arena_mark mark = arena_mark(a);
	uint64_t *e = arena_take(a, t->columns * b->n, sizeof(*e)), *pad1 = b->pad + 2 * t->lanes * t->batch;
	struct waksman_part p;
	int rc = ERR_NOMEM;

	if (!e)
		goto out;
	TRY(answer_pads(t, b));
	for (size_t at = 0; at < b->n && waksman_next(&t->walk, b->n - at, &p); at += p.to - p.from) {
		for (size_t c = 0; c < t->columns; c++)
			answer_part(t, &p, c, at, b->pad + c * t->batch, pad1 + c * t->batch, e + c * b->n);
	}
	for (size_t c = 0; c < t->columns; c++)
		TRY(mpc_send_bits(t->m, e + c * b->n, b->n, t->column[c]->bits));
out:
	arena_release(a, mark);
	return rc;
}

static int run_other(struct net *t)
{
	struct arena *a = mpc_arena(t->m);
	struct arena_mark mark = arena_mark(a);
	struct batch b = { .pad = arena_take(a, 4 * t->lanes * t->batch, sizeof(*b.pad)) };
	int rc = ERR_NOMEM;

	if (!b.pad)
		goto out;
	rc = 0;
	for (b.at = 0; b.at < t->switches; b.at += b.n) {
		b.n = t->switches - b.at < t->batch ? t->switches - b.at : t->batch;
		TRY(mpc_reserve(t->m, b.n, 0));
		TRY(answer(t, &b));
	}
out:
	arena_release(a, mark);
	return rc;
}

/* --- both ---------------------------------------------------------------------------- */

/* Switches per message: about 512 KiB of corrections and transfers. */
static size_t batch_size(unsigned bits)
{
	size_t n = ((size_t)1 << 22) / (bits + 32) / 64 * 64;

	return n < 64 ? 64 : n > 1 << 15 ? 1 << 15 : n;
}

static int check(struct avec *const *column, size_t columns, unsigned *bits)
{
	*bits = 0;
	if (columns < 1 || columns > PERMUTE_COLUMNS_MAX)
		return ERR_INPUT;
	for (size_t c = 0; c < columns; c++) {
		if (column[c]->n != column[0]->n || column[c]->bits > 64 || column[c]->n > INT32_MAX)
			return ERR_INPUT;
		*bits += column[c]->bits;
	}
	return 0;
}

static int net_new(struct net *t, int owner, const uint32_t *perm)
{
	size_t words = t->n * t->columns + 1;
	int rc = ERR_NOMEM;

	t->buf[0] = malloc(words * sizeof(uint64_t));
	t->buf[1] = malloc(words * sizeof(uint64_t));
	if (!t->buf[0] || !t->buf[1])
		return rc;
	for (size_t c = 0; c < t->columns; c++)
		memcpy(t->buf[0] + c * t->n, t->column[c]->v, t->n * sizeof(uint64_t));
	if (mpc_party(t->m) != owner)
		return 0;
	t->route = calloc(t->switches / 64 + 2, sizeof(*t->route));
	return t->route ? waksman_route_var(t->route, perm, (uint32_t)t->n) : rc;
}

static void net_free(struct net *t)
{
	for (int i = 0; i < 2; i++) {
		if (t->buf[i])
			explicit_bzero(t->buf[i], t->n * t->columns * sizeof(uint64_t));
		free(t->buf[i]);
	}
	if (t->route)
		explicit_bzero(t->route, (t->switches / 64 + 2) * sizeof(*t->route));
	free(t->route);
}

int mpc_permute(struct mpc *m, int owner, struct avec *const *column, size_t columns, const uint32_t *perm)
{
	struct net t = { .m = m, .column = column, .columns = columns, .lanes = (columns + 1) / 2, .sender = 1 - owner };
	unsigned bits;
	int rc;

	TRY(check(column, columns, &bits));
	t.n = column[0]->n;
	t.switches = waksman_switches(t.n);
	t.batch = batch_size(bits);
	TRY(net_new(&t, owner, perm));
	TRY(mpc_op(m, MPC_OP_PERM, t.n, (uint64_t)columns | (uint64_t)bits << 16 | (uint64_t)owner << 32));
	t.index = mpc_index(m, t.sender, t.switches * t.lanes);
	waksman_begin(&t.walk, t.n);
	TRY(mpc_party(m) == owner ? run_owner(&t) : run_other(&t));
	TRY(chan_flush(mpc_chan(m)));
	for (size_t c = 0; c < columns; c++) {
		for (size_t i = 0; i < t.n; i++)
			column[c]->v[i] = t.buf[0][c * t.n + i] & bits_mask(column[c]->bits);
	}
out:
	net_free(&t);
	return rc;
}

int mpc_shuffle(struct mpc *m, struct avec *const *column, size_t columns)
{
	size_t n = columns ? column[0]->n : 0;
	uint32_t *perm = n <= INT32_MAX ? malloc((n + 1) * sizeof(*perm)) : NULL;
	int rc = ERR_NOMEM;

	if (!perm)
		return rc;
	perm_random(perm, (uint32_t)n);
	TRY(mpc_permute(m, 0, column, columns, perm));
	TRY(mpc_permute(m, 1, column, columns, perm));
out:
	explicit_bzero(perm, n * sizeof(*perm));
	free(perm);
	return rc;
}
