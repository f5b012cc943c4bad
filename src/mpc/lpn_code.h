/*
 * The public matrix of Ferret's LPN (eprint 2020/924, section 5): 10-local, binary.
 *
 * Row r has ten entries 1, at places uniform below k = 2^log_k, drawn with
 * repetition; a place that comes twice cancels. They come from AES-CTR under a
 * public key that both parties derive for one LPN instance: AES block b is the
 * little-endian words 4b … 4b+3 of 32 bits, row r has words 10r … 10r+9, and a
 * word w stands for place (w >> 4) mod k (times 16 that is a table's offset).
 *
 * Only for correlations whose sums stay in one bit of noise, as COT. VOLE over
 * GF(2^128) must not use a binary matrix (vole_lpn.h).
 *
 * The matrix is public, so places may be addresses: time does not depend on tables or sums.
 */
#ifndef PET_MPC_LPN_CODE_H
#define PET_MPC_LPN_CODE_H

#include "mpc/aes.h"

#define LPN_WEIGHT 10
#define LPN_GROUP 64		/* rows are asked for in multiples of it */

struct lpn_code {
	struct aes_key key;
	uint32_t mask;		/* (k - 1) << 4 */
};

/* log_k 2 … 28. */
void lpn_code_init(struct lpn_code *c, struct block public_seed, unsigned log_k);
/* out[i] ^= XOR of the table at row (first + i)'s places; first and n multiples of LPN_GROUP, table of k blocks. */
void lpn_code_add(const struct lpn_code *c, uint64_t first, const struct block *table, struct block *out, size_t n);
/* The places themselves, one row. */
void lpn_code_row(const struct lpn_code *c, uint64_t row, uint32_t at[LPN_WEIGHT]);

/* Kernels. */
struct lpn_ops {
	void (*add)(const struct lpn_code *c, uint64_t first, const struct block *table, struct block *out, size_t n);
};

#endif
