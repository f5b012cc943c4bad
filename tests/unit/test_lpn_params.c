/* The table of LPN instances is the published one; everything else is refused, the tuples that circulate by name. */
#include <math.h>

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
		[LPN_C9] = { "c9", 852, 65536, 436224, 73332, 9 },
		[LPN_C10] = { "c10", 2340, 131072, 2396160, 154600, 10 },
	};

	for (int i = 0; i < LPN_SETS; i++) {
		const struct lpn_params *p = lpn_params((enum lpn_set)i);

		CHECK_STR(p->name, rows[i].name);
		CHECK_INT(p->trees, rows[i].t);
		CHECK_INT(p->depth, rows[i].h);
		CHECK_INT(lpn_secrets(p), rows[i].k);
		CHECK_INT(lpn_samples(p), rows[i].n);
		CHECK_INT(lpn_base(p), rows[i].base);
		CHECK_INT(p->trees % 4, 0);
		CHECK_INT(lpn_secrets(p), 128 * (UINT64_C(1) << p->depth));
		CHECK(p->bits >= 128);
		CHECK(allowed(rows[i].k, rows[i].t, rows[i].h));
	}
}

/*
 * docs/parameters.md, "Rows on few columns": s = k (k/n)^(1/9) columns carry about s whole rows of ten, and those are
 * free of errors with probability (1 - s/n)^t.
 */
static double few_columns(double k, double t, double n)
{
	const double s = k * pow(k / n, 1.0 / 9);

	return -t * log2(1 - s / n) + 2.8 * log2(s);
}

TEST(rows_on_few_columns)
{
	for (int i = 0; i < LPN_SETS; i++) {
		const struct lpn_params *p = lpn_params((enum lpn_set)i);

		CHECK(few_columns((double)lpn_secrets(p), p->trees, (double)lpn_samples(p)) >= p->bits);
	}
}

/* emp-ot's, k = 64 * 2^h: below 128 bits for that reason alone. */
TEST(sparse_rows_break_what_circulates)
{
	static const struct { uint64_t t, k; unsigned h; } old[] = {
		{ 850, 65536, 10 }, { 1170, 131072, 11 }, { 1520, 262144, 12 }, { 1900, 524288, 13 },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(old); i++) {
		CHECK(few_columns((double)old[i].k, (double)old[i].t, (double)(old[i].t << old[i].h)) < 117);
		CHECK(!allowed(old[i].k, old[i].t, old[i].h));
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

TEST_MAIN(CASE(the_table), CASE(rows_on_few_columns), CASE(sparse_rows_break_what_circulates), CASE(broken_tuples_are_refused),
	  CASE(neighbours_are_refused))
