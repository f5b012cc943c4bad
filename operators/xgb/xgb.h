/*
 * Gradient-boosted trees of two parties, shared by the files of operators/xgb.
 *
 * Rows and features lie in two blocks, one per party: of horizontal data a block
 * is a party's rows with all features, of vertical data all rows with a party's
 * features. Within a block its owner knows every value, so every bin; everything
 * else (labels, margins, gradients, which row is in which node, histograms,
 * gains, splits, leaf weights) is shared.
 *
 * Numbers. Margins and leaf weights have XGB_SCALE fractional bits in a ring of
 * XGB_BITS. Gradients have f = min(16, 28 - L) fractional bits in a ring of
 * k = L + f + 5, where 2^L is more than the rows and lambda together, so that
 * sums over all rows are exact. Regression works on labels divided by 2^exponent.
 */
#ifndef PET_XGB_XGB_H
#define PET_XGB_XGB_H

#include <jansson.h>
#include <stdint.h>

#include "mpc/columns.h"
#include "mpc/hist.h"
#include "mpc/mpc.h"
#include "mpc/share.h"
#include "op.h"

#define XGB_SCALE 20
#define XGB_BITS 44
#define XGB_ROWS_MAX (UINT32_C(1) << 22)
#define XGB_FEATURES_MAX 10000u
#define XGB_ID 16

enum xpartition { XGB_HORIZONTAL, XGB_VERTICAL };

/* --- data.c ------------------------------------------------------------------ */

/* A party's file: columns of numbers, one after the other; the label apart. */
struct xtable {
	uint32_t rows, columns;
	char **name;
	double *v;		/* columns · rows */
	double *label;		/* NULL: the file has none */
};

/* want: names that must be there, in this order (NULL: all columns but the label and `id`, in the file's order). */
int xtable_read(struct xtable *t, const struct op_ctx *ctx, const char *slot, char **want, uint32_t wanted, struct errmsg *em) PET_MUST_USE;
/* Columns in the order of their names. */
int xtable_sort(struct xtable *t) PET_MUST_USE;
/* The rows whose numbers stand in `keep`, in that order. */
int xtable_rows(struct xtable *out, const struct xtable *t, const uint32_t *keep, uint32_t n) PET_MUST_USE;
void xtable_free(struct xtable *t);

/* --- cuts.c ------------------------------------------------------------------- */

/* Where a feature is cut: x is in the first bin b with x <= cut[b], or in the last one. Unused cuts are infinite. */
struct xcuts {
	unsigned beta;		/* 2^beta bins, 2^beta - 1 cuts per feature */
	uint32_t features;
	double *cut;
};

static inline uint32_t xcuts_per_feature(const struct xcuts *c)
{
	return (1u << c->beta) - 1;
}

int xcuts_new(struct xcuts *c, unsigned beta, uint32_t features) PET_MUST_USE;
void xcuts_free(struct xcuts *c);
/* From a table's own values: between distinct ones where they are few enough, else at quantiles. */
int xcuts_local(struct xcuts *c, const struct xtable *t) PET_MUST_USE;
/* Common quantiles of both parties' rows: opens the cuts, and nothing else (the course of each search follows from its cut). */
int xcuts_common(struct mpc *m, struct xcuts *c, const struct xtable *t, uint32_t all_rows) PET_MUST_USE;
/* bin: feature after feature, t->rows each. */
void xcuts_bins(const struct xcuts *c, const struct xtable *t, uint8_t *bin);

/* --- trees ----------------------------------------------------------------------- */

struct xblock {
	int owner;
	uint32_t r0, rows, f0, features;
	uint8_t *bin;		/* at the owner */
	uint64_t *col;		/* at the owner: per feature and cut the bits "x <= cut" of all rows */
	struct hist *hist;
};

/* Nodes of level d are 2^d - 1 … 2^(d+1) - 2; those to the left of a cut come first. */
struct xtree {
	unsigned depth;
	struct bvec *split;	/* 2^depth - 1: a bit per feature and cut, at most one of them set */
	struct avec leaf;	/* 2^depth */
};

struct xparams {
	double lambda, alpha, gamma, eta, min_child_weight;
	unsigned depth;
};

/* What one training or prediction works with. */
struct xjob {
	struct mpc *m;
	struct xparams p;
	enum xpartition partition;
	int classifier;
	uint32_t rows, features;
	unsigned beta, rows_bits;	/* L */
	unsigned f, k;			/* of gradients */
	unsigned threads;
	struct xblock block[2];
};

/* The sizes of numbers, once rows and lambda are known. */
int xjob_sizes(struct xjob *j, struct errmsg *em) PET_MUST_USE;
/* Blocks of both parties over `rows` rows; own is this party's table, rows0 the rows of party 0 (horizontal), features0 its features (vertical). */
int xjob_blocks(struct xjob *j, const struct xtable *own, const struct xcuts *c, uint32_t rows0, uint32_t features0) PET_MUST_USE;
int xjob_hists(struct xjob *j) PET_MUST_USE;
void xjob_free(struct xjob *j);

int xtree_new(struct xtree *t, unsigned depth, size_t candidates) PET_MUST_USE;
void xtree_free(struct xtree *t);

/* apply.c: side[i]: which rows go to the left at node first + i, n nodes of one level or all of a tree. */
int xtree_sides(struct xjob *j, const struct xtree *t, size_t first, size_t n, struct bvec *side) PET_MUST_USE;
/* margin += the leaf of each row; side: of all nodes. */
int xtree_leaves(struct xjob *j, const struct xtree *t, const struct bvec *side, struct avec *margin) PET_MUST_USE;

/* gain.c: the best cut of each of n nodes into split[i], none where none is worth it. g, h: histograms; total_g, total_h: of the nodes. */
struct xnodes {
	size_t n;
	const struct avec *g, *h;	/* features · 2^beta each */
	struct avec total_g, total_h;	/* n elements */
};
int xgain_splits(struct xjob *j, const struct xnodes *n, struct bvec *split) PET_MUST_USE;
/* gain.c: -eta · T(G) / (H + lambda), T the soft threshold of alpha. */
int xgain_leaves(struct xjob *j, const struct avec *g, const struct avec *h, struct avec *leaf) PET_MUST_USE;

/* grow.c: a tree from gradients; its leaves are added to margin. */
int xtree_grow(struct xjob *j, struct xtree *t, const struct avec *g, const struct avec *h, struct avec *margin) PET_MUST_USE;

/* --- model.c -------------------------------------------------------------------------- */

/* One party's half. */
struct xmodel {
	uint8_t id[XGB_ID];	/* of both halves */
	int party, classifier, exponent;
	enum xpartition partition;
	char objective[16];
	double base;		/* margin before the first tree */
	uint32_t features, f0, own;	/* of both; where this party's begin and how many (horizontal: all) */
	char **name;		/* own */
	struct xcuts cuts;	/* own */
	unsigned depth;
	size_t trees, room;
	struct xtree *tree;
};

int xmodel_add(struct xmodel *md, struct xtree *t /* taken */) PET_MUST_USE;
int xmodel_write(const struct xmodel *md, const char *path, struct errmsg *em) PET_MUST_USE;
int xmodel_read(struct xmodel *md, const char *path, const char *name, struct errmsg *em) PET_MUST_USE;
void xmodel_free(struct xmodel *md);
/* The margins of all rows: base and all trees. */
int xmodel_margins(struct xjob *j, const struct xmodel *md, struct avec *margin, const struct op_ctx *ctx) PET_MUST_USE;

/* fit.c, predict.c */
int xgb_fit(struct op_ctx *ctx, int classifier) PET_MUST_USE;
int xgb_predict(struct op_ctx *ctx, int classifier) PET_MUST_USE;

/* ERR_PEER and the like get the engine's sentence. */
int xgb_lost(struct op_ctx *ctx, struct mpc *m, int rc);

#endif
