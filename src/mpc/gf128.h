/*
 * GF(2^128) = GF(2)[x] / (x^128 + x^7 + x^2 + x + 1); elements as in block.h.
 * Addition is block_xor. Constant time; outputs may be inputs, other overlaps
 * are not allowed.
 */
#ifndef PET_MPC_GF128_H
#define PET_MPC_GF128_H

#include "mpc/block.h"

struct block gf128_mul(struct block a, struct block b);
/* a^(2^128 - 2): the inverse, and 0 of 0. 139 products, one after the other. */
struct block gf128_inv(struct block a);
/* a * b for n pairs. */
void gf128_mul_each(struct block *out, const struct block *a, const struct block *b, size_t n);
/* out[i] = a[i] * k. */
void gf128_mul_by(struct block *out, const struct block *a, struct block k, size_t n);
/* acc[i] ^= a[i] * k. */
void gf128_add_mul_by(struct block *acc, const struct block *a, struct block k, size_t n);
/* Sum of a[i] * b[i], reduced once at the end. */
struct block gf128_inner(const struct block *a, const struct block *b, size_t n);

/* The kernels of one level. Kernels elsewhere multiply with vec_gf128.h. */
struct gf128_ops {
	struct block (*mul)(struct block a, struct block b);
	void (*mul_each)(struct block *out, const struct block *a, const struct block *b, size_t n);
	/* out[i] = (add ? out[i] : 0) ^ a[i] * k; add is public. */
	void (*mul_by)(struct block *out, const struct block *a, struct block k, size_t n, int add);
	struct block (*inner)(const struct block *a, const struct block *b, size_t n);
};

#endif
