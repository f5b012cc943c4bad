/* Columns that one party knows, chosen by shared bits: one-hot, several, none; sizes around words; both owners. */
#include "mpc/columns.h"

#include <string.h>

#include "mpc/bits.h"
#include "mpc/open.h"
#include "mpc/prg.h"
#include "pair.h"
#include "../unit/test.h"

struct shape {
	int owner;
	size_t n, columns, groups;
	size_t bad[2];
};

/* Everything from one generator, which both parties have. */
struct plain {
	uint64_t *col, *share[2];
};

static void make(const struct shape *s, struct plain *p)
{
	size_t words = bits_words(s->n), sw = bits_words(s->columns);
	struct prg g;

	prg_init(&g, block_set(s->n, s->columns * 10 + s->groups));
	p->col = calloc(words * s->columns + 1, 8);
	prg_fill(&g, p->col, words * s->columns * 8);
	for (size_t c = 0; c < s->columns && s->n % 64; c++)
		p->col[c * words + words - 1] &= bits_mask(s->n % 64);
	for (int i = 0; i < 2; i++) {
		p->share[i] = calloc(sw * s->groups + 1, 8);
		prg_fill(&g, p->share[i], sw * s->groups * 8);
		for (size_t k = 0; k < s->groups && s->columns % 64; k++)
			p->share[i][k * sw + sw - 1] &= bits_mask(s->columns % 64);
	}
	for (size_t k = 0; k < s->groups; k++) {	/* the first group chooses nothing, the second one column */
		if (k == 0)
			memcpy(p->share[1], p->share[0], sw * 8);
		if (k == 1) {
			memcpy(p->share[1] + sw, p->share[0] + sw, sw * 8);
			p->share[1][sw] ^= 1;
		}
	}
}

static size_t compare(const struct shape *s, const struct plain *p, const struct bvec *out)
{
	size_t words = bits_words(s->n), sw = bits_words(s->columns), bad = 0;

	for (size_t k = 0; k < s->groups; k++)
		for (size_t i = 0; i < s->n; i++) {
			unsigned want = 0;

			for (size_t c = 0; c < s->columns; c++)
				want ^= (bits_get(p->share[0] + k * sw, c) ^ bits_get(p->share[1] + k * sw, c)) & bits_get(p->col + c * words, i);
			bad += bits_get(out[k].w, i) != want;
		}
	return bad;
}

static int run(struct mpc *m, void *arg)
{
	struct shape *s = arg;
	struct bvec out[8] = { { 0 } }, sel[8] = { { 0 } };
	struct columns c = { s->owner, s->n, s->columns, NULL };
	struct plain p;
	int rc = 0;

	make(s, &p);
	c.col = mpc_party(m) == s->owner ? p.col : NULL;
	for (size_t k = 0; k < s->groups; k++) {
		TRY(bvec_new(&out[k], s->n));
		TRY(bvec_new(&sel[k], s->columns));
		memcpy(sel[k].w, p.share[mpc_party(m)] + k * bits_words(s->columns), bits_words(s->columns) * 8);
	}
	TRY(mpc_columns(m, out, sel, s->groups, &c));
	for (size_t k = 0; k < s->groups; k++)
		TRY(mpc_reveal_bits(m, MPC_BOTH, &out[k], &out[k]));
	s->bad[mpc_party(m)] = compare(s, &p, out);
out:
	for (size_t k = 0; k < s->groups; k++) {
		bvec_free(&out[k]);
		bvec_free(&sel[k]);
	}
	free(p.col);
	free(p.share[0]);
	free(p.share[1]);
	return rc;
}

TEST(columns)
{
	static const size_t sizes[][3] = { { 0, 3, 2 }, { 1, 1, 1 }, { 63, 64, 2 }, { 64, 65, 3 }, { 65, 7, 8 }, { 1000, 130, 2 }, { 10, 0, 2 }, { 10, 5, 0 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int owner = 0; owner < 2; owner++) {
			struct shape s = { owner, sizes[i][0], sizes[i][1], sizes[i][2], { 1, 1 } };
			struct pair_side side[2] = { { .run = run, .arg = &s }, { .run = run, .arg = &s } };

			for (int p = 0; p < 2; p++)
				side[p].conf = (struct mpc_conf){ .kind = OT_SOFTSPOKEN4, .threads = 1 };
			pair_run(side);
			for (int p = 0; p < 2; p++) {
				CHECK_INT(side[p].rc, 0);
				CHECK_INT(s.bad[p], 0);
			}
		}
}

TEST_MAIN(CASE(columns))
