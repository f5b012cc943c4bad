/* The table of LPN instances is the published one; everything else is refused, the broken tuples by name. */
#include "mpc/lpn_params.h"
#include "test.h"

static int allowed(uint64_t k, uint64_t t, unsigned h)
{
	struct errmsg em = { 0 };
	int rc = lpn_params_check(k, t, h, &em);

	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc)
		CHECK_HAS(em.pub, "not in the table of docs/parameters.md");
	return rc == 0;
}

TEST(the_table)
{
	static const struct { const char *name; uint64_t t, k, n, base; unsigned h; } rows[LPN_SETS] = {
		[LPN_B10] = { "b10", 850, 65536, 870400, 74164, 10 },
		[LPN_B11] = { "b11", 1170, 131072, 2396160, 144070, 11 },
		[LPN_B12] = { "b12", 1520, 262144, 6225920, 280512, 12 },
		[LPN_B13] = { "b13", 1900, 524288, 15564800, 549116, 13 },
	};

	for (int i = 0; i < LPN_SETS; i++) {
		const struct lpn_params *p = lpn_params((enum lpn_set)i);

		CHECK_STR(p->name, rows[i].name);
		CHECK_INT(p->trees, rows[i].t);
		CHECK_INT(p->depth, rows[i].h);
		CHECK_INT(lpn_secrets(p), rows[i].k);
		CHECK_INT(lpn_samples(p), rows[i].n);
		CHECK_INT(lpn_base(p), rows[i].base);
		CHECK(p->bits >= 128);
		CHECK(allowed(rows[i].k, rows[i].t, rows[i].h));
	}
}

TEST(broken_tuples_are_refused)
{
	CHECK(!allowed(452000, 1280, 13));
	CHECK(!allowed(32768, 918, 9));
	CHECK(!allowed(238000, 2507, 12));
	CHECK(!allowed(124000, 4971, 11));
}

/* One number changed, in every row, in both directions, or taken from another row. */
TEST(neighbours_are_refused)
{
	for (int i = 0; i < LPN_SETS; i++) {
		const struct lpn_params *p = lpn_params((enum lpn_set)i);
		const uint64_t k = lpn_secrets(p);

		CHECK(!allowed(k - 1, p->trees, p->depth) && !allowed(k + 1, p->trees, p->depth));
		CHECK(!allowed(k / 2, p->trees, p->depth) && !allowed(k * 2, p->trees, p->depth));
		CHECK(!allowed(k, p->trees - 1, p->depth) && !allowed(k, p->trees + 1, p->depth));
		CHECK(!allowed(k, p->trees, p->depth - 1) && !allowed(k, p->trees, p->depth + 1));
		CHECK(!allowed(k + (UINT64_C(1) << 32), p->trees, p->depth));
		CHECK(!allowed(k, p->trees + (UINT64_C(1) << 32), p->depth));
		for (int j = 0; j < LPN_SETS; j++)
			CHECK(allowed(k, lpn_params((enum lpn_set)j)->trees, p->depth) == (i == j));
	}
	CHECK(!allowed(0, 0, 0));
	CHECK_INT(lpn_params_check(1, 1, 1, NULL), ERR_INPUT);
}

TEST_MAIN(CASE(the_table), CASE(broken_tuples_are_refused), CASE(neighbours_are_refused))
