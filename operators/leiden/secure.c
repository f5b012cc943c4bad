#include "leiden/secure.h"

#include <stdlib.h>
#include <string.h>

#include "mpc/mul.h"
#include "mpc/open.h"
#include "mpc/ragged.h"

#define SLICE ((size_t)1 << 19)	/* candidates that are scored at once: bounds memory */

typedef unsigned __int128 u128;

unsigned lsecure_bits(const struct lquality *q, unsigned total_bits, uint32_t nodes)
{
	unsigned most;

	if (q->cpm)	/* 2^t·M + g·N^2 */
		most = 1 + (total_bits + q->t > lquality_bits(q->g) + 2 * lquality_bits(nodes) ? total_bits + q->t : lquality_bits(q->g) + 2 * lquality_bits(nodes));
	else		/* (2^t + g)·M^2 */
		most = 2 * total_bits + lquality_bits(((u128)1 << q->t) + q->g);
	most += 1;	/* the sign */
	return most <= 64 ? most : most <= 128 ? 128 : 0;
}

static int broke(struct lsecure *s, const char *what)
{
	return errmsg_set(s->em, ERR_PEER, "BAD_PEER", "leiden: the other party sent %s", what);
}

/* --- candidates ------------------------------------------------------------------ */

/* Numbers in bytes of 7 bits, lowest first. */
struct bytes {
	uint8_t *p;
	size_t n, cap;
};

static int put(struct bytes *b, uint32_t v)
{
	if (b->cap - b->n < 5) {
		size_t cap = b->cap * 2 + 4096;
		uint8_t *p = realloc(b->p, cap);

		if (!p)
			return ERR_NOMEM;
		b->p = p;
		b->cap = cap;
	}
	for (; v >= 128; v >>= 7)
		b->p[b->n++] = (uint8_t)(v | 128);
	b->p[b->n++] = (uint8_t)v;
	return 0;
}

/* -1: the bytes end, or are none of put's. */
static int get(const struct bytes *b, size_t *at, uint32_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t c;

		if (*at >= b->n)
			return -1;
		c = b->p[(*at)++];
		if (shift == 28 && c > 15)
			return -1;
		*v |= (uint32_t)(c & 127) << shift;
		if (c < 128)
			return 0;
	}
	return -1;
}

/* Per node: how many, then the distance of each from the one before it, less 1. */
static int encode(const struct lbatch *b, struct bytes *out)
{
	int rc = 0;

	for (size_t i = 0; i < b->n; i++) {
		uint32_t next = 0;

		TRY(put(out, (uint32_t)(b->first[i + 1] - b->first[i] - 1)));
		for (size_t j = b->first[i] + 1; j < b->first[i + 1]; j++) {
			TRY(put(out, b->label[j] - next));
			next = b->label[j] + 1;
		}
	}
out:
	return rc;
}

/* Both at once: lengths, then bytes. */
static int swap_bytes(struct lsecure *s, const struct lbatch *b, const struct bytes *own, struct bytes *theirs)
{
	uint64_t mine = own->n, peer;
	int rc;

	TRY(chan_exchange(mpc_chan(s->m), &mine, sizeof(mine), &peer, sizeof(peer)));
	if (peer > 5 * ((uint64_t)b->n + 2 * s->peer_edges))
		return broke(s, "more candidates than it has edges");
	theirs->p = malloc(peer + 1);
	if (!theirs->p)
		return ERR_NOMEM;
	theirs->n = theirs->cap = peer;
	TRY(chan_exchange(mpc_chan(s->m), own->p, own->n, theirs->p, theirs->n));
out:
	return rc;
}

/* One node's lists become one, in `to`. */
static int unite(struct lsecure *s, const struct lbatch *b, size_t i, const struct bytes *theirs, size_t *at, uint32_t nodes,
		 struct lbatch *to)
{
	size_t j = b->first[i] + 1, end = b->first[i + 1], out = to->first[i];
	uint32_t count, own = b->label[b->first[i]], next = 0;
	int rc;

	if (get(theirs, at, &count) != 0 || count > theirs->n - *at)
		return broke(s, "a list of candidates that is none");
	TRY(lbatch_reserve(to, out + 1 + (end - j) + count));
	to->label[out] = own;
	to->w[out++] = b->w[b->first[i]];
	while (count || j < end) {
		uint32_t gap, c = UINT32_MAX;

		if (count) {
			size_t keep = *at;

			if (get(theirs, at, &gap) != 0 || gap >= nodes - next)
				return broke(s, "a candidate that is none");
			c = next + gap;
			if (c == own)
				return broke(s, "a node's own community as a candidate");
			if (j < end && b->label[j] < c)
				*at = keep;	/* its turn comes later */
		}
		if (j < end && b->label[j] <= c) {
			if (b->label[j] == c)
				next = c + 1, count--;
			to->label[out] = b->label[j];
			to->w[out++] = b->w[j++];
		} else {
			to->label[out] = c;
			to->w[out++] = 0;
			next = c + 1;
			count--;
		}
	}
	to->first[i + 1] = out;
out:
	return rc;
}

static int merge(void *arg, struct lbatch *b, uint32_t nodes)
{
	struct lsecure *s = arg;
	struct bytes own = { 0 }, theirs = { 0 };
	struct lbatch to = { .node = b->node, .n = b->n };
	size_t at = 0;
	int rc = ERR_NOMEM;

	to.first = calloc(b->n + 2, sizeof(*to.first));
	if (!to.first)
		goto out;
	TRY(encode(b, &own));
	TRY(swap_bytes(s, b, &own, &theirs));
	for (size_t i = 0; i < b->n; i++)
		TRY(unite(s, b, i, &theirs, &at, nodes, &to));
	if (at != theirs.n) {
		rc = broke(s, "more candidates than nodes that choose");
		goto out;
	}
	memcpy(b->first, to.first, (b->n + 1) * sizeof(*b->first));
	free(b->label);
	free(b->w);
	b->label = to.label;
	b->w = to.w;
	b->label_cap = to.label_cap;
	to.label = NULL;
	to.w = NULL;
out:
	to.node = NULL;
	lbatch_free(&to);
	free(own.p);
	free(theirs.p);
	return rc;
}

/* --- scores --------------------------------------------------------------------------- */

/* Element i of a ring of 64 bits or less, or of 128. */
static void store(struct avec *a, size_t i, u128 v)
{
	if (a->bits > AVEC_BITS_MAX) {
		a->v[2 * i] = (uint64_t)v;
		a->v[2 * i + 1] = (uint64_t)(v >> 64);
	} else {
		a->v[i] = (uint64_t)v & bits_mask(a->bits);
	}
}

struct scores {
	struct avec x, y, z, sum;
	unsigned bits, x_bits;
};

static int scores_new(struct scores *v, const struct lsecure *s, uint32_t nodes, size_t n)
{
	int rc;

	*v = (struct scores){ .bits = lsecure_bits(&s->q, s->total_bits, nodes) };
	v->x_bits = v->bits > AVEC_BITS_MAX ? AVEC_BITS_WIDE : s->total_bits ? s->total_bits : 1;
	TRY(avec_new(&v->sum, n, v->bits, 0));
	if (s->q.cpm)
		goto out;
	TRY(avec_new(&v->x, n, v->x_bits, 0));
	TRY(avec_new(&v->y, n, v->bits, 0));
	TRY(avec_new(&v->z, n, v->bits, 0));
out:
	return rc;
}

static void scores_free(struct scores *v)
{
	avec_free(&v->x);
	avec_free(&v->y);
	avec_free(&v->z);
	avec_free(&v->sum);
}

/* Calls f for every candidate of nodes [from, to): i counts them. */
struct each {
	const struct lphase *p;
	const struct lbatch *b;
	size_t from, to;
};

#define EACH(e, i, u, j) \
	for (size_t node_ = (e)->from, i = 0; node_ < (e)->to; node_++) \
		for (size_t j = (e)->b->first[node_], u = (e)->b->node[node_]; j < (e)->b->first[node_ + 1]; j++, i++)

/* cpm: sizes are public, party 0 has them in its share. */
static void score_sizes(const struct lsecure *s, const struct each *e, struct scores *v)
{
	int first = mpc_party(s->m) == 0;

	EACH(e, i, u, j) {
		uint32_t c = e->b->label[j], n = e->p->g->size[u];
		u128 out = (u128)s->q.g * n * (e->p->size[c] - (e->p->label[u] == c ? n : 0));

		store(&v->sum, i, ((u128)e->b->w[j] << s->q.t) - (first ? out : 0));
	}
}

/* sum += x·y of the parties' parts. */
static int add_product(const struct lsecure *s, struct scores *v)
{
	int rc = mpc_mul_parts(s->m, &v->z, &v->x, &v->y);

	return rc ? rc : avec_add(&v->sum, &v->sum, &v->z);
}

static int score_degrees(const struct lsecure *s, const struct each *e, struct scores *v)
{
	const struct lphase *p = e->p;
	int rc;

	EACH(e, i, u, j) {
		uint32_t c = e->b->label[j];
		uint64_t k = p->g->k[u];

		store(&v->x, i, k);
		store(&v->y, i, -((u128)s->q.g * (p->total[c] - (p->label[u] == c ? k : 0))));
		store(&v->sum, i, s->q.total ? ((u128)e->b->w[j] << s->q.t) * s->q.total : 0);
	}
	TRY(add_product(s, v));
	if (s->q.total)
		goto out;
	EACH(e, i, u, j) {
		(void)u;
		store(&v->x, i, e->b->w[j]);
		store(&v->y, i, (u128)s->own_total << s->q.t);
	}
	TRY(add_product(s, v));
out:
	return rc;
}

/* --- choices --------------------------------------------------------------------------- */

static int read_choices(struct lsecure *s, const struct each *e, const struct bvec *hot, uint32_t *choice)
{
	size_t i = 0;

	for (size_t node = e->from; node < e->to; node++) {
		size_t n = e->b->first[node + 1] - e->b->first[node], found = 0;

		for (size_t j = 0; j < n; j++, i++) {
			if (!bits_get(hot->w, i))
				continue;
			choice[node] = (uint32_t)j;
			found++;
		}
		if (found != 1)
			return broke(s, "shares of a choice that is none");
	}
	return 0;
}

static int best_of(struct lsecure *s, const struct each *e, uint32_t *choice)
{
	size_t n = e->b->first[e->to] - e->b->first[e->from];
	uint32_t *count = calloc(e->to - e->from + 1, sizeof(*count));
	struct bvec hot = { 0 };
	struct scores v = { 0 };
	int rc = ERR_NOMEM;

	if (!count)
		goto out;
	for (size_t i = e->from; i < e->to; i++)
		count[i - e->from] = (uint32_t)(e->b->first[i + 1] - e->b->first[i]);
	TRY(scores_new(&v, s, e->p->g->n, n));
	TRY(bvec_new(&hot, n));
	if (s->q.cpm)
		score_sizes(s, e, &v);
	else
		TRY(score_degrees(s, e, &v));
	TRY(mpc_argmax_ragged(s->m, &hot, &v.sum, count, e->to - e->from));
	TRY(mpc_reveal_bits(s->m, MPC_BOTH, &hot, &hot));
	TRY(read_choices(s, e, &hot, choice));
	s->evaluated += n;
out:
	scores_free(&v);
	bvec_free(&hot);
	free(count);
	return rc;
}

static int best(void *arg, const struct lphase *p, const struct lbatch *b, uint32_t *choice)
{
	struct lsecure *s = arg;
	int rc = 0;

	for (size_t from = 0, to; from < b->n; from = to) {
		for (to = from + 1; to < b->n && b->first[to + 1] - b->first[from] <= SLICE; to++)
			;
		TRY(best_of(s, &(struct each){ p, b, from, to }, choice));
	}
	s->batches++;
out:
	if (rc && !s->em->code[0])
		errmsg_set(s->em, rc, rc == ERR_PEER ? "PEER_LOST" : "ENGINE", "leiden: %s", mpc_error(s->m));
	return rc;
}

/* The bits of both parties. */
static int either(void *arg, uint64_t *bits, size_t words)
{
	struct lsecure *s = arg;
	uint64_t *theirs = calloc(words + 1, sizeof(*theirs));
	int rc = ERR_NOMEM;

	if (!theirs)
		return rc;
	TRY(chan_exchange(mpc_chan(s->m), bits, words * sizeof(*bits), theirs, words * sizeof(*bits)));
	for (size_t i = 0; i < words; i++)
		bits[i] |= theirs[i];
out:
	free(theirs);
	return rc;
}

static int step(void *arg, unsigned level, int refining)
{
	struct lsecure *s = arg;

	return s->step ? s->step(s->arg, level, refining) : 0;
}

struct leval lsecure_eval(struct lsecure *s)
{
	return (struct leval){ .arg = s, .merge = merge, .best = best, .either = either, .step = step };
}

/* --- quality ------------------------------------------------------------------------------ */

/* 2^t·(weight inside)·M, and the sums of the communities' degrees or sizes. */
struct inside {
	uint64_t weight;	/* this party's, both ways */
	uint64_t *total, *size;
};

static int inside_new(struct inside *in, const struct lgraph *g, const uint32_t *label)
{
	*in = (struct inside){ .total = calloc((size_t)g->n + 1, sizeof(uint64_t)), .size = calloc((size_t)g->n + 1, sizeof(uint64_t)) };
	if (!in->total || !in->size)
		return ERR_NOMEM;
	for (uint32_t u = 0; u < g->n; u++) {
		in->total[label[u]] += g->k[u];
		in->size[label[u]] += g->size[u];
		in->weight += 2 * g->self[u];
		for (uint64_t j = g->start[u]; j < g->start[u + 1]; j++)
			in->weight += label[g->to[j]] == label[u] ? g->w[j] : 0;
	}
	return 0;
}

static void inside_free(struct inside *in, uint32_t nodes)
{
	if (in->total)
		explicit_bzero(in->total, nodes * sizeof(*in->total));
	free(in->total);
	free(in->size);
}

/* A vector of a product per community and one for the weight, summed up. */
static int quality_degrees(struct lsecure *s, const struct inside *in, uint32_t n, struct avec *out)
{
	struct scores v = { 0 };
	int rc;

	TRY(scores_new(&v, s, n, (size_t)n + 1));
	for (uint32_t c = 0; c < n; c++) {
		store(&v.x, c, in->total[c]);
		store(&v.y, c, -((u128)s->q.g * in->total[c]));
	}
	store(&v.x, n, s->q.total ? 0 : in->weight);
	store(&v.y, n, s->q.total ? 0 : (u128)s->own_total << s->q.t);
	store(&v.sum, n, ((u128)in->weight << s->q.t) * s->q.total);
	TRY(add_product(s, &v));
	TRY(avec_sum(out, &v.sum));
out:
	scores_free(&v);
	return rc;
}

int lsecure_quality(struct lsecure *s, const struct lgraph *g, const uint32_t *label, struct avec *out)
{
	struct inside in;
	u128 sizes = 0;
	int rc = inside_new(&in, g, label);

	if (rc)
		goto out;
	if (!s->q.cpm) {
		rc = quality_degrees(s, &in, g->n, out);
		goto out;
	}
	for (uint32_t c = 0; c < g->n; c++)
		sizes += (u128)in.size[c] * in.size[c];
	store(out, 0, ((u128)in.weight << s->q.t) - (mpc_party(s->m) == 0 ? s->q.g * sizes : 0));
out:
	inside_free(&in, g->n);
	return rc;
}
