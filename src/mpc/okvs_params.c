#include "mpc/okvs_params.h"

#include <math.h>
#include <string.h>

#include "mpc/okvs.h"
#include "mpc/okvs_peel.h"

/* log2 of P(Binomial(n, 1/bins) = k). */
static double log_point(double n, double bins, double k)
{
	double ln = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);

	return (ln - k * log(bins) + (n - k) * log1p(-1 / bins)) / M_LN2;
}

double okvs_log_tail(uint64_t n, uint32_t bins, uint64_t c)
{
	double term = 1, sum = 0, first;

	if (c >= n || bins < 2)
		return c >= n ? -INFINITY : 0;
	/* Terms relative to the first one: above the mean they fall at least geometrically, so the sum ends soon. */
	for (uint64_t k = c + 1; k <= n && term > 0x1p-60 * sum; k++) {
		sum += term;
		term *= (double)(n - k) / ((double)(k + 1) * ((double)bins - 1));
	}
	first = log_point((double)n, bins, (double)(c + 1));
	return first + log2(sum);
}

uint32_t okvs_bin_capacity(uint64_t n, uint32_t bins, double bits)
{
	uint64_t lo = n / bins, hi = n;		/* not enough (or all there are), enough */
	double want = -bits - log2(bins);

	if (bins < 2)
		return (uint32_t)n;
	while (lo + 1 < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (okvs_log_tail(n, bins, mid) <= want)
			hi = mid;
		else
			lo = mid;
	}
	return (uint32_t)hi;
}

#define FIT_START 1.223
#define FIT_OFFSET 9.2

/*
 * RR22, section 4.3, as fitted there: lambda = a * (e - 1.223) - 9.2 with
 * log2 a = 0.555 log2 n + 0.093 log2(w)^3 - 1.01 log2(w)^2 + 2.925 log2 w - 0.133, here for w = 3.
 */
static double fit_slope(double n)
{
	double w = log2(3);

	return exp2(0.555 * log2(n) + 0.093 * w * w * w - 1.01 * w * w + 2.925 * w - 0.133);
}

double okvs_expansion(uint32_t n, double bits)
{
	return FIT_START + (bits + FIT_OFFSET) / fit_slope(n);
}

/*
 * P(one bin fails), over its loads from the mean upwards; all lower loads count as one of the mean. The slope is the
 * mean's for all loads, which is the least of them.
 */
static double peel_failure(uint64_t n, uint32_t bins, uint32_t capacity, double m)
{
	uint32_t mean = (uint32_t)(n / bins);
	double a = fit_slope(mean), sum = 0, load = exp2(log_point((double)n, bins, mean));

	for (uint32_t c = mean; c <= capacity; c++) {
		double bits = a * (m / c - FIT_START) - FIT_OFFSET;

		sum += (c == mean ? 1 : load) * (bits > 0 ? exp2(-bits) : 1);
		load *= (double)(n - c) / ((double)(c + 1) * ((double)bins - 1));
	}
	return sum;
}

uint32_t okvs_sparse_columns(uint64_t n, uint32_t bins, uint32_t capacity, double bits)
{
	double want = bins > 1 ? bits + OKVS_MARGIN_MANY + log2(bins) : bits + OKVS_MARGIN_ONE;
	uint32_t lo = capacity, hi = (uint32_t)ceil(okvs_expansion(capacity, want) * capacity);

	if (bins == 1)
		return hi;
	/* hi is enough for the fullest load; lo is not, since peeling needs 1.22 columns a row */
	while (lo + 1 < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (bins * peel_failure(n, bins, capacity, mid) <= exp2(-bits - OKVS_MARGIN_MANY))
			hi = mid;
		else
			lo = mid;
	}
	return hi;
}

/*
 * Gap rows of a small bin, or of a bin that peels, come from few rows on few columns, above all pairs of equal rows:
 * C(n,2) / C(sparse,3) of them on average. Twice that rate, r, stands for all small configurations (measured: at most
 * 1.13 times it), and g + 1 of them at once have probability about r^(g+1) / (g+1)!.
 */
double okvs_log_gap(uint32_t n, uint32_t sparse, uint32_t dense)
{
	double s = sparse, r = 2 * ((double)n * ((double)n - 1) / 2) / (s * (s - 1) * (s - 2) / 6), k = (double)dense + 1;

	if (dense >= n)
		return -INFINITY;
	return k * log2(r) - lgamma(k + 1) / M_LN2;
}

uint32_t okvs_dense_columns(uint32_t n, uint32_t sparse, double bits)
{
	uint32_t g = n < 3 ? n : 3;

	while (okvs_log_gap(n, sparse, g) > -bits)
		g++;
	return g;
}

int okvs_params_set(struct okvs_params *p, uint64_t items)
{
	uint64_t n = items ? items : 1;
	double bits = OKVS_STAT_BITS + 2;

	memset(p, 0, sizeof(*p));
	if (items > OKVS_MAX_ITEMS)
		return ERR_INPUT;
	p->items = (uint32_t)items;
	p->bins = (uint32_t)((n + OKVS_BIN_ITEMS / 2) / OKVS_BIN_ITEMS);
	p->bins += p->bins == 0;
	p->capacity = okvs_bin_capacity(n, p->bins, OKVS_STAT_BITS + 1);
	p->sparse = okvs_sparse_columns(n, p->bins, p->capacity, bits);
	p->dense = okvs_dense_columns(p->capacity, p->sparse, bits + log2(p->bins));
	return p->sparse <= OKVS_MAX_SPARSE ? 0 : ERR_INTERNAL;
}

uint64_t okvs_size(const struct okvs_params *p)
{
	return (uint64_t)p->bins * (p->sparse + p->dense);
}
