/*
 * Every operation of the vector layer on four blocks, so that levels can be
 * compared one operation at a time: at start (vec_selftest) and in test_vec.
 * An operation is a name and an expression in the vecs a and b.
 */
#ifndef PET_MPC_VEC_OPS_H
#define PET_MPC_VEC_OPS_H

#include "mpc/block.h"

#define VEC_OPS(X) \
	X(XOR, vec_xor(a, b)) X(AND, vec_and(a, b)) X(ANDNOT, vec_andnot(a, b)) X(ADD64, vec_add64(a, b)) \
	X(SHL64, vec_shl64(a, 13)) X(SHR64, vec_shr64(a, 57)) \
	X(SWAP, vec_swap(a)) X(SIGMA, vec_sigma(a)) X(LSB_MASK, vec_lsb_mask(a)) \
	X(LO8, vec_lo8(a, b)) X(HI8, vec_hi8(a, b)) X(LO16, vec_lo16(a, b)) X(HI16, vec_hi16(a, b)) \
	X(LO32, vec_lo32(a, b)) X(HI32, vec_hi32(a, b)) X(LO64, vec_lo64(a, b)) X(HI64, vec_hi64(a, b)) \
	X(AESENC, vec_aesenc(a, b)) X(AESENCLAST, vec_aesenclast(a, b)) X(KEY_ROUND, vec_key_round(a, 0x1b)) \
	X(CLMUL00, vec_clmul00(a, b)) X(CLMUL01, vec_clmul01(a, b)) \
	X(CLMUL10, vec_clmul10(a, b)) X(CLMUL11, vec_clmul11(a, b))

#define VEC_OP_NUMBER(name, expr) VEC_OP_##name,
enum vec_op { VEC_OPS(VEC_OP_NUMBER) VEC_OP_COUNT };
#undef VEC_OP_NUMBER

/* out[op][i] for the four blocks; the others as named. */
struct vec_results {
	struct block out[VEC_OP_COUNT][4];
	struct block index[4];		/* vec_index from a[0].w[0] on */
	struct block rows[4][4];	/* rows[i] = a[i], b[i], b[i], a[i] ^ b[i] by vec_store_rows */
	struct block set[4];		/* a[0] in all */
	struct block first, fold;	/* a[0] by vec_store1; XOR of all of a */
};

struct vec_ops {
	void (*all)(struct vec_results *r, const struct block a[4], const struct block b[4]);
};

#endif
