/*
 * Gains and leaf weights, for all cuts of all nodes of a level at once. With
 * T(G) = sign(G)·max(|G| - alpha, 0):
 *
 *	score(G, H) = T(G)^2 / (H + lambda)
 *	gain = score(left) + score(right) - score(node) - gamma, split where it is above 0
 *	leaf = -eta·T(G) / (H + lambda)
 *
 * A cut with less than min_child_weight on a side counts as no gain. Nothing is opened.
 */
#include <math.h>
#include <string.h>

#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/fixed.h"
#include "mpc/mux.h"
#include "mpc/select.h"
#include "mpc/trunc.h"
#include "xgb/xgb.h"

/* Bits and scales that hold weights and scores, whatever the data. */
struct scales {
	unsigned w_bits, w_scale, s_bits, s_scale;
};

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* |G| < 2^(L+1), |w| < 2^(L+1) / smallest divisor, score < their product. */
static struct scales scales_of(const struct xjob *j)
{
	double smallest = j->p.lambda + j->p.min_child_weight;
	unsigned extra = 0, whole;
	struct scales s;

	while (ldexp(smallest, (int)extra) < 1 && extra < 8)
		extra++;
	whole = 2 * j->rows_bits + 2 + extra;
	s.w_scale = least(20, 60 - whole - j->f);
	s.w_bits = least(43, j->rows_bits + 1 + extra + s.w_scale + 2);
	s.s_scale = least(s.w_scale + j->f < 24 ? s.w_scale + j->f : 24, 58 - whole);
	s.s_bits = whole + s.s_scale + 3;
	return s;
}

static int64_t fixed(double v, unsigned scale)
{
	return (int64_t)llround(ldexp(v, (int)scale));
}

/* out = x > 0 ? x : 0 */
static int positive(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct bvec neg = { 0 };
	int rc;

	TRY(bvec_new(&neg, x->n));
	TRY(mpc_ltz(m, &neg, x));
	bvec_not(&neg, &neg, mpc_party(m));
	bvec_trim(&neg);
	TRY(mpc_mux(m, out, &neg, x));
out:
	bvec_free(&neg);
	return rc;
}

/* max(G - alpha, 0) - max(-G - alpha, 0) */
static int soft_threshold(struct xjob *j, struct avec *g)
{
	struct avec up = { 0 }, down = { 0 };
	int64_t alpha = fixed(j->p.alpha, j->f);
	int rc = 0, me = mpc_party(j->m);

	if (alpha == 0)
		return 0;
	TRY(avec_new(&up, g->n, g->bits, g->scale));
	TRY(avec_new(&down, g->n, g->bits, g->scale));
	avec_add_pub(&up, g, -alpha, me);
	avec_neg(&down, g);
	avec_add_pub(&down, &down, -alpha, me);
	TRY(positive(j->m, &up, &up));
	TRY(positive(j->m, &down, &down));
	TRY(avec_sub(g, &up, &down));
out:
	avec_free(&up);
	avec_free(&down);
	return rc;
}

/* w = g / (h + lambda); g is changed to T(g). */
static int weights(struct xjob *j, struct avec *w, struct avec *g, const struct avec *h)
{
	struct avec sum = { 0 }, y = { 0 };
	int rc;

	TRY(avec_new(&sum, h->n, h->bits, h->scale));
	TRY(avec_new(&y, h->n, j->rows_bits + j->f + 2, h->scale));
	avec_add_pub(&sum, h, fixed(j->p.lambda, j->f), mpc_party(j->m));
	TRY(avec_reduce(&y, &sum));
	TRY(soft_threshold(j, g));
	TRY(mpc_div(j->m, w, g, &y));
out:
	avec_free(&sum);
	avec_free(&y);
	return rc;
}

static int scores(struct xjob *j, const struct scales *s, struct avec *out, struct avec *g, const struct avec *h)
{
	struct avec w = { 0 };
	int rc;

	TRY(avec_new(&w, g->n, s->w_bits, s->w_scale));
	TRY(weights(j, &w, g, h));
	TRY(mpc_fixmul(j->m, out, &w, g));
out:
	avec_free(&w);
	return rc;
}

/* --- cuts -------------------------------------------------------------------------- */

struct level {
	struct avec g, h, score;	/* left of all cuts of all nodes, right of them, the nodes */
	struct avec gain;
	struct bvec invalid;
	size_t cuts, all;		/* of a node; of all */
};

static void level_free(struct level *l)
{
	avec_free(&l->g);
	avec_free(&l->h);
	avec_free(&l->score);
	avec_free(&l->gain);
	bvec_free(&l->invalid);
}

/* Prefix sums over bins, and what is left of the node. */
static void sides(const struct xjob *j, const struct avec *hist, uint64_t total, uint64_t *left, uint64_t *right)
{
	size_t bins = (size_t)1 << j->beta;
	uint64_t mask = bits_mask(j->k);

	for (uint32_t f = 0; f < j->features; f++) {
		uint64_t sum = 0;

		for (size_t b = 0; b + 1 < bins; b++) {
			sum += hist->v[f * bins + b];
			*left++ = sum & mask;
			*right++ = (total - sum) & mask;
		}
	}
}

static int level_new(struct level *l, const struct xjob *j, const struct xnodes *n, const struct scales *s)
{
	int rc;

	l->cuts = j->features * (((size_t)1 << j->beta) - 1);
	l->all = l->cuts * n->n;
	TRY(avec_new(&l->g, 2 * l->all + n->n, j->k, j->f));
	TRY(avec_new(&l->h, 2 * l->all + n->n, j->k, j->f));
	TRY(avec_new(&l->score, 2 * l->all + n->n, s->s_bits, s->s_scale));
	TRY(avec_new(&l->gain, l->all, s->s_bits, s->s_scale));
	TRY(bvec_new(&l->invalid, l->all));
	for (size_t i = 0; i < n->n; i++) {
		sides(j, &n->g[i], n->total_g.v[i], l->g.v + i * l->cuts, l->g.v + l->all + i * l->cuts);
		sides(j, &n->h[i], n->total_h.v[i], l->h.v + i * l->cuts, l->h.v + l->all + i * l->cuts);
	}
	memcpy(l->g.v + 2 * l->all, n->total_g.v, n->n * sizeof(*l->g.v));
	memcpy(l->h.v + 2 * l->all, n->total_h.v, n->n * sizeof(*l->h.v));
out:
	return rc;
}

/* A side with less than min_child_weight; of rows that weigh nothing in any case. */
static int find_invalid(struct xjob *j, struct level *l)
{
	struct avec less = { 0 };
	struct bvec bad = { 0 }, right = { 0 };
	int64_t weight = fixed(j->p.min_child_weight, j->f);
	int rc;

	TRY(avec_new(&less, 2 * l->all, j->k, j->f));
	TRY(bvec_new(&bad, 2 * l->all));
	TRY(bvec_new(&right, l->all));
	memcpy(less.v, l->h.v, 2 * l->all * sizeof(*less.v));
	avec_add_pub(&less, &less, -(weight > 0 ? weight : 1), mpc_party(j->m));
	TRY(mpc_ltz(j->m, &bad, &less));
	for (size_t i = 0; i < l->all; i++) {
		l->invalid.w[i / 64] |= (uint64_t)bits_get(bad.w, i) << (i % 64);
		right.w[i / 64] |= (uint64_t)bits_get(bad.w, l->all + i) << (i % 64);
	}
	TRY(mpc_or(j->m, &l->invalid, &l->invalid, &right));
out:
	avec_free(&less);
	bvec_free(&bad);
	bvec_free(&right);
	return rc;
}

static int gains(struct xjob *j, struct level *l)
{
	struct avec left = avec_slice(&l->score, 0, l->all), right = avec_slice(&l->score, l->all, l->all);
	int rc;

	TRY(avec_add(&l->gain, &left, &right));
	bvec_not(&l->invalid, &l->invalid, mpc_party(j->m));
	bvec_trim(&l->invalid);
	TRY(mpc_mux(j->m, &l->gain, &l->invalid, &l->gain));
out:
	return rc;
}

/* The best of each node, kept where it is more than the node's score and gamma. */
static int choose(struct xjob *j, struct level *l, size_t nodes, struct bvec *split)
{
	struct avec best = { 0 }, need = { 0 };
	struct bvec hot = { 0 }, worth = { 0 }, keep = { 0 };
	struct select out = { .value = &best, .onehot = &hot };
	int rc;

	TRY(avec_new(&best, nodes, l->gain.bits, l->gain.scale));
	TRY(avec_new(&need, nodes, l->gain.bits, l->gain.scale));
	TRY(bvec_new(&hot, l->all));
	TRY(bvec_new(&worth, nodes));
	TRY(bvec_new(&keep, l->all));
	TRY(mpc_argmax(j->m, &out, &l->gain, l->cuts));
	memcpy(need.v, l->score.v + 2 * l->all, nodes * sizeof(*need.v));
	avec_add_pub(&need, &need, fixed(j->p.gamma, l->gain.scale), mpc_party(j->m));
	TRY(mpc_lt(j->m, &worth, &need, &best));
	for (size_t i = 0; i < l->all; i++)
		keep.w[i / 64] |= (uint64_t)bits_get(worth.w, i / l->cuts) << (i % 64);
	TRY(mpc_and(j->m, &hot, &hot, &keep));
	for (size_t i = 0; i < nodes; i++) {
		memset(split[i].w, 0, bits_words(l->cuts) * sizeof(*split[i].w));
		for (size_t c = 0; c < l->cuts; c++)
			split[i].w[c / 64] |= (uint64_t)bits_get(hot.w, i * l->cuts + c) << (c % 64);
	}
out:
	avec_free(&best);
	avec_free(&need);
	bvec_free(&hot);
	bvec_free(&worth);
	bvec_free(&keep);
	return rc;
}

int xgain_splits(struct xjob *j, const struct xnodes *n, struct bvec *split)
{
	struct scales s = scales_of(j);
	struct level l = { 0 };
	int rc;

	TRY(level_new(&l, j, n, &s));
	if (l.cuts == 0)
		goto out;
	TRY(find_invalid(j, &l));
	TRY(scores(j, &s, &l.score, &l.g, &l.h));
	TRY(gains(j, &l));
	TRY(choose(j, &l, n->n, split));
out:
	level_free(&l);
	return rc;
}

int xgain_leaves(struct xjob *j, const struct avec *g, const struct avec *h, struct avec *leaf)
{
	struct scales s = scales_of(j);
	struct avec own = { 0 }, w = { 0 }, product = { 0 }, wide = { 0 };
	int rc;

	TRY(avec_new(&own, g->n, g->bits, g->scale));
	TRY(avec_new(&w, g->n, 43, least(20, 41 - (s.w_bits - s.w_scale))));
	TRY(avec_new(&wide, g->n, 62, w.scale));
	TRY(avec_new(&product, g->n, 62, w.scale + 18u));
	avec_copy(&own, g);
	TRY(weights(j, &w, &own, h));
	TRY(mpc_extend(j->m, &wide, &w));
	avec_mul_pub(&wide, &wide, -fixed(j->p.eta, 18));
	avec_copy(&product, &wide);
	product.scale = (uint8_t)(w.scale + 18);
	wide.scale = XGB_SCALE;
	TRY(mpc_trunc(j->m, &wide, &product));
	TRY(avec_reduce(leaf, &wide));
out:
	avec_free(&own);
	avec_free(&w);
	avec_free(&product);
	avec_free(&wide);
	return rc;
}
