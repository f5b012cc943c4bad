/*
 * Sizes of an OKVS (docs/okvs.md has the derivation and the measurements). Failure budget, over all bins:
 * 2^-41 that a bin overflows, 2^-42 that peeling leaves a large gap, 2^-42 that the gap exceeds the dense columns.
 */
#ifndef PET_MPC_OKVS_PARAMS_H
#define PET_MPC_OKVS_PARAMS_H

#include <stdint.h>

#define OKVS_BIN_ITEMS 16384	/* items of a bin aimed at: its table stays in the second-level cache */

/*
 * Bits on top of the peeling budget, since a straight line through the last rates that can be counted is flatter than the
 * fit, which expects the curve to go on bending. Of a single bin all 42 bits are extrapolated; of many, what counts is
 * bins that are both fuller and unluckier than most, at rates nearer to those.
 */
#define OKVS_MARGIN_ONE 8
#define OKVS_MARGIN_MANY 3

/* log2 of P(Binomial(n, 1/bins) > c), computed in log space; -inf when impossible. */
double okvs_log_tail(uint64_t n, uint32_t bins, uint64_t c);
/* Least c such that, of n balls in `bins` bins, P(some bin holds more than c) <= 2^-bits by the union bound. */
uint32_t okvs_bin_capacity(uint64_t n, uint32_t bins, double bits);
/* Expansion e at which a bin of n rows fails to peel with probability 2^-bits: the fit of RR22 for weight 3. */
double okvs_expansion(uint32_t n, double bits);
/*
 * Sparse columns m of each bin for P(some bin fails to peel) <= 2^-(bits + margin): the sum over a bin's load c of
 * P(Binomial(n, 1/bins) = c) times the fit's rate at expansion m/c. Loads over `capacity` are another budget's.
 * For one bin: the fit's m for bits + OKVS_MARGIN_ONE.
 */
uint32_t okvs_sparse_columns(uint64_t n, uint32_t bins, uint32_t capacity, double bits);
/* log2 of the bound on P(gap > dense) from repeated rows. */
double okvs_log_gap(uint32_t n, uint32_t sparse, uint32_t dense);
/* Dense columns for that bound to be at most 2^-bits, at least 3 and never more than n. */
uint32_t okvs_dense_columns(uint32_t n, uint32_t sparse, double bits);

#endif
