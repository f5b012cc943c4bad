/* Sizes of an OKVS: the balls-in-bins bound against exact integer arithmetic (constants from it), and the failure budget. */
#include <math.h>

#include "mpc/okvs.h"
#include "mpc/okvs_params.h"
#include "mpc/okvs_peel.h"
#include "test.h"

static int near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

/* From sums of C(n,k) (b-1)^(n-k) over b^n in whole numbers. */
TEST(tail_is_the_exact_one)
{
	CHECK(near(okvs_log_tail(10, 3, 5), -3.707198805));
	CHECK(near(okvs_log_tail(10, 3, 9), -15.849625007));
	CHECK(near(okvs_log_tail(100, 7, 40), -33.820654547));
	CHECK(near(okvs_log_tail(1000, 16, 120), -37.374349016));
	CHECK(near(okvs_log_tail(5000, 2, 2800), -56.668868510));
	CHECK(near(okvs_log_tail(2, 2, 1), -2));
	CHECK(near(okvs_log_tail(1 << 20, 64, 17371), -47.086327495));
	CHECK(near(okvs_log_tail(1 << 22, 256, 17399), -49.010242704));
}

TEST(tail_at_its_ends)
{
	CHECK(okvs_log_tail(10, 3, 10) == -INFINITY);
	CHECK(okvs_log_tail(10, 3, 11) == -INFINITY);
	CHECK(okvs_log_tail(0, 4, 0) == -INFINITY);
	CHECK(okvs_log_tail(10, 1, 9) == 0);
	/* below the mean the sum runs over many terms: P(X > 0) = 1 - (3/4)^10 */
	CHECK(near(okvs_log_tail(10, 4, 0), log2(1 - pow(0.75, 10))));
}

TEST(capacity_is_the_least)
{
	CHECK_INT(okvs_bin_capacity(1000, 16, 41), 127);
	CHECK_INT(okvs_bin_capacity(5000, 2, 41), 2756);
	CHECK_INT(okvs_bin_capacity(3000, 5, 20), 714);
	CHECK_INT(okvs_bin_capacity(1 << 20, 64, 40), 17359);
	CHECK_INT(okvs_bin_capacity(1 << 20, 64, 41), 17371);
	CHECK_INT(okvs_bin_capacity(77, 1, 41), 77);
	CHECK_INT(okvs_bin_capacity(3, 2, 41), 3);
	for (uint64_t n = 100; n < 1 << 24; n = n * 3 + 1)
		for (uint32_t bins = 2; bins < n / 20 && bins < 3000; bins = bins * 5 + 1) {
			uint32_t c = okvs_bin_capacity(n, bins, 41);

			CHECK(okvs_log_tail(n, bins, c) + log2(bins) <= -41);
			CHECK(okvs_log_tail(n, bins, c - 1) + log2(bins) > -41);
		}
}

/* RR22's fit, by hand for n = 2^14: slope 2^(0.555*14 + 2.3364) = 1101.9. */
TEST(expansion_is_the_fit)
{
	CHECK(fabs(okvs_expansion(1 << 14, 40) - (1.223 + 49.2 / 1101.9)) < 1e-5);
	CHECK(okvs_expansion(1 << 14, 48) > okvs_expansion(1 << 14, 40));
	CHECK(okvs_expansion(1 << 10, 40) > okvs_expansion(1 << 14, 40));
}

TEST(dense_columns_follow_the_bound)
{
	for (uint32_t n = 1; n < 60000; n = n * 3 / 2 + 1) {
		uint32_t s = (uint32_t)ceil(okvs_expansion(n, 48) * n), g = okvs_dense_columns(n, s, 48);

		CHECK(okvs_log_gap(n, s, g) <= -48);
		CHECK(g <= n && g >= (n < 3 ? n : 3));
		CHECK(g <= 3 || okvs_log_gap(n, s, g - 1) > -48);
	}
}

/* P(some bin fails to peel) by the fit, every load with the slope and the probability of its own. */
static double peel_sum(const struct okvs_params *p, double n, double sparse)
{
	double sum = 0;

	for (double c = p->bins > 1 ? 1 : n; c <= p->capacity; c++) {
		double slope = exp2(0.555 * log2(c) + 2.33639), bits = slope * (sparse / c - 1.223) - 9.2, point = 0;

		if (p->bins > 1)
			point = lgamma(n + 1) - lgamma(c + 1) - lgamma(n - c + 1) - c * log(p->bins) +
				(n - c) * log1p(-1.0 / p->bins);
		sum += exp(point) * (bits > 0 ? exp2(-bits) : 1);
	}
	return p->bins * sum;
}

static void check_budget(const struct okvs_params *p, uint64_t items)
{
	double overflow = p->bins * exp2(okvs_log_tail(items, p->bins, p->capacity));
	double gap = p->bins * exp2(okvs_log_gap(p->capacity, p->sparse, p->dense));
	double peel = peel_sum(p, (double)items, p->sparse);

	CHECK(peel <= exp2(-42 - OKVS_MARGIN_MANY) * 1.001);
	CHECK(overflow + gap + peel <= 0x1.001p-40);
	if (p->bins > 1)
		CHECK(peel_sum(p, (double)items, p->sparse * 0.995) > 0x1p-45);	/* no waste */
	else
		CHECK_INT(p->sparse, ceil(okvs_expansion((uint32_t)items, 42 + OKVS_MARGIN_ONE) * (double)items));
	CHECK(p->sparse <= OKVS_MAX_SPARSE && p->sparse >= 3);
	CHECK(p->capacity >= 1 && (uint64_t)p->capacity * p->bins >= items);
}

TEST(params_keep_the_budget)
{
	static const int around[] = { -1, 0, 1 };
	struct okvs_params p, q;

	for (uint64_t base = 1; base <= OKVS_MAX_ITEMS / 2; base *= 2)
		for (unsigned k = 0; k < 3; k++) {
			uint64_t items = base + (uint64_t)(int64_t)around[k];

			CHECK_INT(okvs_params_set(&p, items), 0);
			check_budget(&p, items ? items : 1);
			CHECK_INT(okvs_params_set(&q, items), 0);
			CHECK(memcmp(&p, &q, sizeof(p)) == 0);
		}
}

TEST(params_at_the_boundaries_of_bins)
{
	struct okvs_params p;

	for (uint64_t bins = 1; bins < 70; bins++) {
		uint64_t first = bins * OKVS_BIN_ITEMS + OKVS_BIN_ITEMS / 2;	/* one bin more from here */

		CHECK_INT(okvs_params_set(&p, first - 1), 0);
		CHECK_INT(p.bins, bins);
		check_budget(&p, first - 1);
		CHECK_INT(okvs_params_set(&p, first), 0);
		CHECK_INT(p.bins, bins + 1);
		check_budget(&p, first);
	}
}

TEST(sizes)
{
	struct okvs_params p;

	CHECK_INT(okvs_params_set(&p, (uint64_t)OKVS_MAX_ITEMS + 1), ERR_INPUT);
	CHECK_INT(okvs_params_set(&p, UINT64_MAX), ERR_INPUT);
	CHECK_INT(okvs_params_set(&p, OKVS_MAX_ITEMS), 0);
	CHECK_INT(okvs_params_set(&p, 0), 0);
	CHECK(okvs_size(&p) > 0 && okvs_size(&p) < 20);
	CHECK_INT(okvs_params_set(&p, 1 << 20), 0);
	CHECK_INT(p.bins, 64);
	CHECK_INT(p.dense, 3);
	CHECK_INT(okvs_size(&p), (uint64_t)p.bins * (p.sparse + p.dense));
	CHECK(okvs_size(&p) < 1.32 * (1 << 20));
	CHECK_INT(okvs_params_set(&p, 1 << 10), 0);
	CHECK(okvs_size(&p) < 1.52 * (1 << 10));
}

TEST_MAIN(CASE(tail_is_the_exact_one), CASE(tail_at_its_ends), CASE(capacity_is_the_least), CASE(expansion_is_the_fit),
	  CASE(dense_columns_follow_the_bound), CASE(params_keep_the_budget), CASE(params_at_the_boundaries_of_bins),
	  CASE(sizes))
