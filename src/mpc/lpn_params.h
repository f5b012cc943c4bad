/*
 * The LPN instances that this platform uses, and no others.
 *
 * Primal LPN with regular noise over a 10-local matrix (eprint 2020/924): k
 * secrets, t blocks of 2^h samples with one error each. The tuples are those of
 * emp-ot's tuning.h; docs/parameters.md has the estimators' output for each.
 * The older tuples that circulate (k = 452000, 238000, 124000, and 32768 for
 * set-up) are refused: the hybrid attack of eprint 2025/1284 brings them to
 * 138, 104, 92 and 119 bits.
 *
 * Only attacks that the estimators know were counted. Each instance has secrets,
 * errors and a matrix of its own.
 */
#ifndef PET_MPC_LPN_PARAMS_H
#define PET_MPC_LPN_PARAMS_H

#include <stdint.h>

#include "base/err.h"

enum lpn_set { LPN_B10, LPN_B11, LPN_B12, LPN_B13 };
#define LPN_SETS 4

struct lpn_params {
	const char *name;
	uint32_t trees;		/* t */
	unsigned log_k, depth;	/* k = 2^log_k, blocks of 2^depth */
	unsigned bits;		/* least of the estimators' figures over F_2, rounded down */
};

const struct lpn_params *lpn_params(enum lpn_set set);
static inline uint64_t lpn_secrets(const struct lpn_params *p) { return UINT64_C(1) << p->log_k; }
static inline uint64_t lpn_samples(const struct lpn_params *p) { return (uint64_t)p->trees << p->depth; }
/* M: base correlations of one instance: k for the secrets, h for each tree, 128 for a consistency check. */
static inline uint64_t lpn_base(const struct lpn_params *p) { return lpn_secrets(p) + (uint64_t)p->trees * p->depth + 128; }
/* ERR_INPUT with a sentence unless (k, t, h) is a row of the table. */
int lpn_params_check(uint64_t k, uint64_t trees, unsigned depth, struct errmsg *em) PET_MUST_USE;

#endif
