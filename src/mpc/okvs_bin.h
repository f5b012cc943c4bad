/* Encoding of one bin of an OKVS, and the dense part of decoding. */
#ifndef PET_MPC_OKVS_BIN_H
#define PET_MPC_OKVS_BIN_H

#include "mpc/okvs.h"
#include "mpc/okvs_peel.h"

/* Scratch of one thread, reused for all its bins. */
struct okvs_work {
	struct okvs_peel peel;
	struct block *value;	/* capacity blocks: values minus the dense part */
	uint32_t capacity;
};

int okvs_work_init(struct okvs_work *w, const struct okvs_params *p) PET_MUST_USE;
void okvs_work_free(struct okvs_work *w);	/* wipes */

/*
 * Fills table[sparse + dense] so that the n keys hashed to h decode to value. Free columns come from rng, or are zero
 * where it is NULL. ERR_CONFLICT when the rows are not solvable (equal keys included), ERR_NOMEM.
 */
int okvs_bin_encode_var(struct okvs_work *w, const struct okvs_params *p, const struct block *h,
			const struct block *value, uint32_t n, struct prg *rng, struct block *table) PET_MUST_USE;

/* out[i] = sum_j h[i]^j d[j-1], j = 1 … dense; out is neither h nor d. Constant time. */
void okvs_dense_eval(struct block *out, const struct block *h, size_t n, const struct block *d, uint32_t dense);

/*
 * Solves the rows x cols system m * d = rhs over GF(2^128); m is stored by rows and destroyed, as rhs is. Columns without a
 * pivot keep the d they have. ERR_CONFLICT when the rows are not independent.
 */
int okvs_solve_var(struct block *m, struct block *rhs, uint32_t rows, uint32_t cols, struct block *d) PET_MUST_USE;

#endif
