/*
 * The LPN instances that this platform uses for COT, and no others.
 *
 * Primal LPN with regular noise over a 10-local matrix (eprint 2020/924): k
 * secrets, t blocks of 2^h samples with one error each. Both have k = 128 * 2^h,
 * as the VOLE's (vole_params.h); docs/parameters.md has the estimators' output
 * for each. Refused are the tuples that circulate: emp-ot's with k = 64 * 2^h,
 * since sparse rows let an attacker work on a part of the columns (some 115
 * bits), and its older ones, which the hybrid attack of eprint 2025/1284 breaks
 * down as well.
 *
 * Only attacks that the estimators know and that one were counted. Each instance
 * has secrets, errors and a matrix of its own.
 */
#ifndef PET_MPC_LPN_PARAMS_H
#define PET_MPC_LPN_PARAMS_H

#include <stdint.h>

#include "base/err.h"

enum lpn_set { LPN_C9, LPN_C10 };
#define LPN_SETS 2

struct lpn_params {
	const char *name;
	uint32_t trees;		/* t, a multiple of four: trees go in groups (ggm.h) */
	unsigned log_k, depth;	/* k = 2^log_k, blocks of 2^depth */
	unsigned bits;		/* least figure of docs/parameters.md, rounded down */
};

const struct lpn_params *lpn_params(enum lpn_set set);
static inline uint64_t lpn_secrets(const struct lpn_params *p) { return UINT64_C(1) << p->log_k; }
static inline uint64_t lpn_samples(const struct lpn_params *p) { return (uint64_t)p->trees << p->depth; }
/* M: base correlations of one instance: k for the secrets, h for each tree, 128 for a consistency check. */
static inline uint64_t lpn_base(const struct lpn_params *p) { return lpn_secrets(p) + (uint64_t)p->trees * p->depth + 128; }
/* ERR_INPUT with a sentence unless (k, t, h) is a row of the table. */
int lpn_params_check(uint64_t k, uint64_t trees, unsigned depth, struct errmsg *em) PET_MUST_USE;

#endif
