#include "psi/bins.h"

#include <math.h>

#define BITS 40.5	/* half a bit more than promised pays for rounding */

unsigned psi_bins_count(uint64_t n, uint64_t rows)
{
	unsigned b = 1;

	if (n <= rows)
		return 1;
	while (b < PSI_BUCKETS_MAX && n > b * (rows - rows / 16))
		b *= 2;
	return b;
}

/* The natural logarithm of a bound of buckets * Pr[Binomial(n, 1/buckets) > c]; for c + 1 above the mean. */
static double log_overflow(double n, double buckets, double c)
{
	double k = c + 1, p = 1 / buckets;
	double term = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p);
	double r = (n - k) / (k + 1) * p / (1 - p);

	return log(buckets) + term - log1p(-r);
}

uint64_t psi_bins_capacity(uint64_t n, unsigned buckets)
{
	uint64_t low = n / buckets + 1, high = n;

	if (buckets == 1 || low >= n)
		return n;
	/* Above the mean the bound falls with c. */
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (log_overflow((double)n, buckets, (double)mid) <= -BITS * log(2))
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}
