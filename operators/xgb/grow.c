/* One tree, level by level: histograms of left children, splits, sides, masked gradients of the children. */
#include <stdlib.h>
#include <string.h>

#include "mpc/mux.h"
#include "xgb/xgb.h"

/* The nodes of a level: gradients of the rows in each (0 elsewhere), histograms, sums. */
struct level {
	size_t nodes;
	struct avec *g, *h;		/* rows each */
	struct avec *hist_g, *hist_h;	/* features · bins each */
};

static void vectors_free(struct avec *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		avec_free(&v[i]);
	free(v);
}

static int vectors_new(struct avec **out, size_t n, size_t len, unsigned bits, unsigned scale)
{
	int rc = 0;

	*out = calloc(n + 1, sizeof(**out));
	for (size_t i = 0; *out && i < n && !rc; i++)
		rc = avec_new(&(*out)[i], len, bits, scale);
	return *out ? rc : ERR_NOMEM;
}

static void level_free(struct level *l)
{
	vectors_free(l->g, l->nodes);
	vectors_free(l->h, l->nodes);
	vectors_free(l->hist_g, l->nodes);
	vectors_free(l->hist_h, l->nodes);
	*l = (struct level){ 0 };
}

static int level_new(struct level *l, const struct xjob *j, size_t nodes)
{
	size_t bins = (size_t)j->features << j->beta;
	int rc;

	*l = (struct level){ .nodes = nodes };
	TRY(vectors_new(&l->g, nodes, j->rows, j->k, j->f));
	TRY(vectors_new(&l->h, nodes, j->rows, j->k, j->f));
	TRY(vectors_new(&l->hist_g, nodes, bins, j->k, j->f));
	TRY(vectors_new(&l->hist_h, nodes, bins, j->k, j->f));
out:
	return rc;
}

/* What one pass over a block sums up: gradients of the left children, into their histograms. */
struct pass {
	struct avec *v, *sum;
	const struct avec **in;
	struct avec **out;
};

static void pass_free(struct pass *p)
{
	free(p->v);
	free(p->sum);
	free(p->in);
	free(p->out);
}

static int pass_new(struct pass *p, const struct xjob *j, const struct xblock *b, struct level *l, size_t values)
{
	size_t bins = (size_t)1 << j->beta, step = l->nodes > 1 ? 2 : 1;

	*p = (struct pass){ calloc(values, sizeof(*p->v)), calloc(values, sizeof(*p->sum)), calloc(values, sizeof(*p->in)), calloc(values, sizeof(*p->out)) };
	if (!p->v || !p->sum || !p->in || !p->out)
		return ERR_NOMEM;
	for (size_t i = 0; i < values; i++) {
		size_t node = i / 2 * step;

		p->v[i] = avec_slice(i % 2 ? &l->h[node] : &l->g[node], b->r0, b->rows);
		p->sum[i] = avec_slice(i % 2 ? &l->hist_h[node] : &l->hist_g[node], b->f0 * bins, b->features * bins);
		p->in[i] = &p->v[i];
		p->out[i] = &p->sum[i];
	}
	return 0;
}

/* All left children in one pass: trees of the histogram are grown once for all of them. A right child's is its parent's less its sibling's. */
static int level_hists(struct xjob *j, struct level *l, const struct level *above)
{
	size_t values = l->nodes > 1 ? l->nodes : 2;
	int rc = 0;

	for (int b = 0; b < 2; b++) {
		struct pass p;

		rc = pass_new(&p, j, &j->block[b], l, values);
		if (rc == 0)
			rc = hist_add(j->block[b].hist, p.out, p.in, (unsigned)values);
		pass_free(&p);
		if (rc)
			goto out;
	}
	for (size_t i = 0; i < l->nodes && above; i += 2) {
		TRY(avec_sub(&l->hist_g[i + 1], &above->hist_g[i / 2], &l->hist_g[i]));
		TRY(avec_sub(&l->hist_h[i + 1], &above->hist_h[i / 2], &l->hist_h[i]));
	}
out:
	return rc;
}

static int sums_of(const struct level *l, struct avec *g, struct avec *h)
{
	int rc = 0;

	for (size_t i = 0; i < l->nodes; i++) {
		struct avec to = avec_slice(g, i, 1);

		TRY(avec_sum(&to, &l->g[i]));
		to = avec_slice(h, i, 1);
		TRY(avec_sum(&to, &l->h[i]));
	}
out:
	return rc;
}

static int level_splits(struct xjob *j, struct level *l, struct bvec *split)
{
	struct xnodes n = { .n = l->nodes, .g = l->hist_g, .h = l->hist_h };
	int rc;

	TRY(avec_new(&n.total_g, l->nodes, j->k, j->f));
	TRY(avec_new(&n.total_h, l->nodes, j->k, j->f));
	TRY(sums_of(l, &n.total_g, &n.total_h));
	TRY(xgain_splits(j, &n, split));
out:
	avec_free(&n.total_g);
	avec_free(&n.total_h);
	return rc;
}

/* left = side·node, right = node - left, for g and h of all nodes in one selection. */
static int children(struct xjob *j, const struct level *l, const struct bvec *side, struct level *below)
{
	size_t rows = j->rows, n = 2 * l->nodes * rows;
	struct avec all = { 0 };
	struct bvec sel = { 0 };
	int rc;

	TRY(avec_new(&all, n, j->k, j->f));
	TRY(bvec_new(&sel, n));
	for (size_t i = 0; i < 2 * l->nodes; i++) {
		const struct avec *from = i % 2 ? &l->h[i / 2] : &l->g[i / 2];

		memcpy(all.v + i * rows, from->v, rows * sizeof(*all.v));
		for (size_t r = 0; r < rows; r++)
			sel.w[(i * rows + r) / 64] |= (uint64_t)bits_get(side[i / 2].w, r) << ((i * rows + r) % 64);
	}
	TRY(mpc_mux(j->m, &all, &sel, &all));
	for (size_t i = 0; i < 2 * l->nodes; i++) {
		const struct avec *from = i % 2 ? &l->h[i / 2] : &l->g[i / 2];
		struct avec *to = i % 2 ? below->h : below->g;

		memcpy(to[i / 2 * 2].v, all.v + i * rows, rows * sizeof(*all.v));
		TRY(avec_sub(&to[i / 2 * 2 + 1], from, &to[i / 2 * 2]));
	}
out:
	avec_free(&all);
	bvec_free(&sel);
	return rc;
}

static int leaves(struct xjob *j, const struct level *l, struct xtree *t)
{
	struct avec g = { 0 }, h = { 0 };
	int rc;

	TRY(avec_new(&g, l->nodes, j->k, j->f));
	TRY(avec_new(&h, l->nodes, j->k, j->f));
	TRY(sums_of(l, &g, &h));
	TRY(xgain_leaves(j, &g, &h, &t->leaf));
out:
	avec_free(&g);
	avec_free(&h);
	return rc;
}

static int sides_new(struct bvec **out, size_t n, size_t rows)
{
	int rc = 0;

	*out = calloc(n + 1, sizeof(**out));
	for (size_t i = 0; *out && i < n && !rc; i++)
		rc = bvec_new(&(*out)[i], rows);
	return *out ? rc : ERR_NOMEM;
}

int xtree_grow(struct xjob *j, struct xtree *t, const struct avec *g, const struct avec *h, struct avec *margin)
{
	size_t nodes = ((size_t)1 << t->depth) - 1;
	struct level here = { 0 }, above = { 0 }, below = { 0 };
	struct bvec *side = NULL;
	int rc;

	TRY(sides_new(&side, nodes, j->rows));
	TRY(level_new(&here, j, 1));
	avec_copy(&here.g[0], g);
	avec_copy(&here.h[0], h);
	for (unsigned d = 0; d < t->depth; d++) {
		size_t first = ((size_t)1 << d) - 1;

		TRY(level_hists(j, &here, d ? &above : NULL));
		TRY(level_splits(j, &here, t->split + first));
		TRY(xtree_sides(j, t, first, here.nodes, side + first));
		TRY(level_new(&below, j, 2 * here.nodes));
		TRY(children(j, &here, side + first, &below));
		level_free(&above);
		above = here;
		here = below;
		below = (struct level){ 0 };
	}
	TRY(leaves(j, &here, t));
	TRY(xtree_leaves(j, t, side, margin));
out:
	for (size_t i = 0; side && i < nodes; i++)
		bvec_free(&side[i]);
	free(side);
	level_free(&here);
	level_free(&above);
	level_free(&below);
	return rc;
}
