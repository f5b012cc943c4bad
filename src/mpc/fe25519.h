/*
 * The field of 2^255 - 19 in five limbs of 51 bits (Bernstein, Curve25519,
 * PKC 2006; the radix of its 64-bit implementations). Only what hashing to the
 * curve needs; scalar multiplication is libsodium's. Constant time throughout:
 * no branch and no index depends on a value.
 *
 * Bounds: fe_mul, fe_sq and fe_mul_small take limbs below 2^54 and return limbs
 * below 2^51 + 2^15; fe_add adds limbs, fe_sub adds 2^53 and demands that of b
 * (below 2^52). Nothing else carries, so the caller counts.
 */
#ifndef PET_MPC_FE25519_H
#define PET_MPC_FE25519_H

#include <stdint.h>

struct fe {
	uint64_t v[5];
};

/* 32 bytes, little-endian, the top bit included (as 2^255 = 19). */
void fe_load(struct fe *out, const uint8_t in[32]);
/* The unique representative below 2^255 - 19. */
void fe_store(uint8_t out[32], const struct fe *a);
void fe_add(struct fe *out, const struct fe *a, const struct fe *b);
void fe_sub(struct fe *out, const struct fe *a, const struct fe *b);
void fe_mul(struct fe *out, const struct fe *a, const struct fe *b);
void fe_sq(struct fe *out, const struct fe *a);
/* k below 2^20. */
void fe_mul_small(struct fe *out, const struct fe *a, uint32_t k);
/* a^(p-2): 1/a, and 0 for 0. */
void fe_invert(struct fe *out, const struct fe *a);
/* mask[i]: all ones when a[i] is no square, else (a square, 0 included) zero. At most FE_LANES values. */
#define FE_LANES 4
void fe_nonsquare_masks(uint64_t *mask, const struct fe *a, unsigned lanes);
/* out = mask ? a : out, for a mask of all ones or zero. */
void fe_select(struct fe *out, const struct fe *a, uint64_t mask);
/* 1/a for n values at once (Montgomery's trick: 3 products each); none may be 0. `tmp` holds n. */
void fe_invert_batch(struct fe *a, struct fe *tmp, unsigned n);

#endif
