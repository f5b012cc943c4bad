/* Rows go down a tree whose splits nobody knows. */
#include <stdlib.h>
#include <string.h>

#include "mpc/mux.h"
#include "xgb/xgb.h"

/* to[at …] ^= from[begin … begin + n - 1] */
static void xor_range(struct bvec *to, size_t at, const struct bvec *from, size_t begin, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to->w[(at + i) / 64] ^= (uint64_t)bits_get(from->w, begin + i) << ((at + i) % 64);
}

static void vectors_free(struct bvec *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		bvec_free(&v[i]);
	free(v);
}

static int vectors_new(struct bvec **out, size_t n, size_t bits)
{
	int rc = 0;

	*out = calloc(n + 1, sizeof(**out));
	for (size_t i = 0; *out && i < n && !rc; i++)
		rc = bvec_new(&(*out)[i], bits);
	return *out ? rc : ERR_NOMEM;
}

/* The part of the splits that speaks of the block's features, on the block's rows. */
static int block_sides(struct xjob *j, const struct xblock *b, const struct xtree *t, size_t first, size_t n, struct bvec *side)
{
	size_t cuts = ((size_t)1 << j->beta) - 1, candidates = b->features * cuts;
	struct columns c = { b->owner, b->rows, candidates, b->col };
	struct bvec *sel = NULL, *out = NULL;
	int rc;

	TRY(vectors_new(&sel, n, candidates));
	TRY(vectors_new(&out, n, b->rows));
	for (size_t i = 0; i < n; i++)
		xor_range(&sel[i], 0, &t->split[first + i], b->f0 * cuts, candidates);
	TRY(mpc_columns(j->m, out, sel, n, &c));
	for (size_t i = 0; i < n; i++)
		xor_range(&side[i], b->r0, &out[i], 0, b->rows);
out:
	vectors_free(sel, n);
	vectors_free(out, n);
	return rc;
}

int xtree_sides(struct xjob *j, const struct xtree *t, size_t first, size_t n, struct bvec *side)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		memset(side[i].w, 0, bits_words(side[i].n) * sizeof(*side[i].w));
	for (int p = 0; p < 2; p++)
		TRY(block_sides(j, &j->block[p], t, first, n, side));
out:
	return rc;
}

/* value[i] of a level's node i and all rows, from those of the level below: right + side·(left - right). */
static int up(struct xjob *j, size_t level, const struct bvec *side, struct avec *value)
{
	size_t nodes = (size_t)1 << level, rows = j->rows;
	struct avec diff = { 0 };
	struct bvec sel = { 0 };
	int rc;

	TRY(avec_new(&diff, nodes * rows, XGB_BITS, XGB_SCALE));
	TRY(bvec_new(&sel, nodes * rows));
	for (size_t i = 0; i < nodes; i++) {
		struct avec left = avec_slice(value, 2 * i * rows, rows), right = avec_slice(value, (2 * i + 1) * rows, rows),
			    part = avec_slice(&diff, i * rows, rows);

		TRY(avec_sub(&part, &left, &right));
		xor_range(&sel, i * rows, &side[nodes - 1 + i], 0, rows);
	}
	TRY(mpc_mux(j->m, &diff, &sel, &diff));
	for (size_t i = 0; i < nodes; i++) {
		struct avec to = avec_slice(value, i * rows, rows), right = avec_slice(value, (2 * i + 1) * rows, rows),
			    part = avec_slice(&diff, i * rows, rows);

		TRY(avec_add(&to, &right, &part));
	}
out:
	avec_free(&diff);
	bvec_free(&sel);
	return rc;
}

int xtree_leaves(struct xjob *j, const struct xtree *t, const struct bvec *side, struct avec *margin)
{
	size_t leaves = (size_t)1 << t->depth, rows = j->rows;
	struct avec value = { 0 }, own;
	int rc;

	TRY(avec_new(&value, leaves * rows, XGB_BITS, XGB_SCALE));
	for (size_t i = 0; i < leaves * rows; i++)
		value.v[i] = t->leaf.v[i / (rows ? rows : 1)];
	for (size_t level = t->depth; level-- > 0;)
		TRY(up(j, level, side, &value));
	own = avec_slice(&value, 0, rows);
	TRY(avec_add(margin, margin, &own));
out:
	avec_free(&value);
	return rc;
}
