/* Sizes of numbers, blocks, trees. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "xgb/xgb.h"

int xjob_sizes(struct xjob *j, struct errmsg *em)
{
	double most = (double)j->rows + j->p.lambda + 2;

	for (j->rows_bits = 2; ldexp(1, (int)j->rows_bits) <= most && j->rows_bits < 40; j->rows_bits++)
		;
	if (j->rows_bits > 24)
		return errmsg_set(em, ERR_INPUT, "TOO_MANY_ROWS", "rows and reg_lambda together are 2^24 and more: expected less");
	j->f = 28 - j->rows_bits < 16 ? 28 - j->rows_bits : 16;
	j->k = j->rows_bits + j->f + 5;
	return 0;
}

/* The column of a cut: bit i says that row i is not above it. */
static void make_columns(struct xblock *b, unsigned beta)
{
	uint32_t cuts = (1u << beta) - 1;
	size_t words = bits_words(b->rows);

	for (uint32_t f = 0; f < b->features; f++)
		for (uint32_t c = 0; c < cuts; c++) {
			uint64_t *col = b->col + ((size_t)f * cuts + c) * words;
			const uint8_t *bin = b->bin + (size_t)f * b->rows;

			for (uint32_t i = 0; i < b->rows; i++)
				col[i / 64] |= (uint64_t)(bin[i] <= c) << (i % 64);
		}
}

static int own_block(struct xblock *b, const struct xtable *own, const struct xcuts *c)
{
	size_t cells = (size_t)b->features * b->rows, words = bits_words(b->rows);

	b->bin = calloc(cells + 1, 1);
	b->col = calloc((size_t)b->features * xcuts_per_feature(c) * words + 1, sizeof(*b->col));
	if (!b->bin || !b->col)
		return ERR_NOMEM;
	xcuts_bins(c, own, b->bin);
	make_columns(b, c->beta);
	return 0;
}

int xjob_blocks(struct xjob *j, const struct xtable *own, const struct xcuts *c, uint32_t rows0, uint32_t features0)
{
	int me = mpc_party(j->m);

	for (int p = 0; p < 2; p++) {
		struct xblock *b = &j->block[p];

		*b = (struct xblock){ .owner = p, .rows = j->rows, .features = j->features };
		if (j->partition == XGB_HORIZONTAL) {
			b->r0 = p ? rows0 : 0;
			b->rows = p ? j->rows - rows0 : rows0;
		} else {
			b->f0 = p ? features0 : 0;
			b->features = p ? j->features - features0 : features0;
		}
	}
	return own_block(&j->block[me], own, c);
}

int xjob_hists(struct xjob *j)
{
	int rc = 0;

	for (int p = 0; p < 2; p++) {
		const struct xblock *b = &j->block[p];
		struct hist_conf conf = { .owner = p, .rows = b->rows, .features = b->features, .beta = j->beta, .threads = (int)j->threads, .bin = b->bin };

		TRY(hist_new(&j->block[p].hist, j->m, &conf));
	}
out:
	return rc;
}

void xjob_free(struct xjob *j)
{
	for (int p = 0; p < 2; p++) {
		struct xblock *b = &j->block[p];

		hist_free(b->hist);
		if (b->bin)
			explicit_bzero(b->bin, (size_t)b->features * b->rows);
		free(b->bin);
		free(b->col);
	}
	mpc_free(j->m);
	*j = (struct xjob){ 0 };
}

int xtree_new(struct xtree *t, unsigned depth, size_t candidates)
{
	size_t nodes = ((size_t)1 << depth) - 1;
	int rc;

	*t = (struct xtree){ .depth = depth, .split = calloc(nodes + 1, sizeof(*t->split)) };
	if (!t->split)
		return ERR_NOMEM;
	for (size_t i = 0; i < nodes; i++)
		TRY(bvec_new(&t->split[i], candidates));
	TRY(avec_new(&t->leaf, nodes + 1, XGB_BITS, XGB_SCALE));
out:
	return rc;
}

void xtree_free(struct xtree *t)
{
	for (size_t i = 0; t->split && i < ((size_t)1 << t->depth) - 1; i++)
		bvec_free(&t->split[i]);
	free(t->split);
	avec_free(&t->leaf);
	*t = (struct xtree){ 0 };
}

int xgb_lost(struct op_ctx *ctx, struct mpc *m, int rc)
{
	struct errmsg *em = op_errmsg(ctx);

	if (rc == 0 || em->code[0])
		return rc;
	if (rc == ERR_NOMEM)
		return errmsg_set(em, rc, "NO_MEMORY", "not enough memory for the rows");
	return errmsg_set(em, rc, rc == ERR_PEER ? "PEER_LOST" : "ENGINE", "%s", m && mpc_error(m)[0] ? mpc_error(m) : chan_error(op_chan(ctx)));
}
