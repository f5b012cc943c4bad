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

/*
 * RR22, section 4.3, as fitted there: lambda = a * (e - 1.223) - 9.2 with
 * log2 a = 0.555 log2 n + 0.093 log2(w)^3 - 1.01 log2(w)^2 + 2.925 log2 w - 0.133, here for w = 3.
 */
double okvs_expansion(uint32_t n, double bits)
{
	double w = log2(3), a;

	a = exp2(0.555 * log2(n) + 0.093 * w * w * w - 1.01 * w * w + 2.925 * w - 0.133);
	return 1.223 + (bits + 9.2) / a;
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
	double bits;

	memset(p, 0, sizeof(*p));
	if (items > OKVS_MAX_ITEMS)
		return ERR_INPUT;
	p->items = (uint32_t)items;
	p->bins = (uint32_t)((n + OKVS_BIN_ITEMS / 2) / OKVS_BIN_ITEMS);
	p->bins += p->bins == 0;
	p->capacity = okvs_bin_capacity(n, p->bins, OKVS_STAT_BITS + 1);
	bits = OKVS_STAT_BITS + 2 + log2(p->bins);
	p->sparse = (uint32_t)ceil(okvs_expansion(p->capacity, bits) * p->capacity);
	p->dense = okvs_dense_columns(p->capacity, p->sparse, bits);
	return p->sparse <= OKVS_MAX_SPARSE ? 0 : ERR_INTERNAL;
}

uint64_t okvs_size(const struct okvs_params *p)
{
	return (uint64_t)p->bins * (p->sparse + p->dense);
}
