/* How many buckets, and how many keys a bucket may have: public functions of public numbers. */
#ifndef PET_PSI_BINS_H
#define PET_PSI_BINS_H

#include <stdint.h>

#define PSI_BUCKETS_MAX 1024

/*
 * 1 when n (the larger party's padded row count) is at most `rows`; else the smallest power of two, at most
 * PSI_BUCKETS_MAX, with buckets of at most 15/16 of `rows` keys on average. Integers only: both parties find the same.
 */
unsigned psi_bins_count(uint64_t n, uint64_t rows);

/*
 * The least capacity that none of `buckets` buckets exceeds, but for a
 * probability of at most 2^-40, when n keys fall into them independently and
 * uniformly. In log space: with X ~ Binomial(n, 1/buckets), Pr[X > c] is at most
 * the term at c + 1 times 1 / (1 - r), r the quotient of the next two terms (each
 * further quotient is smaller), and the union bound multiplies it by buckets.
 */
uint64_t psi_bins_capacity(uint64_t n, unsigned buckets);

#endif
