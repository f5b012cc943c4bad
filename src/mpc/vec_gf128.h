/*
 * GF(2^128) for kernels, over the vector layer. A product is 256 bits until it
 * is reduced; sums of products are kept unreduced in struct gf_acc, so that an
 * inner product pays for one reduction. Karatsuba would save one of four
 * products and cost three shuffles: schoolbook is faster where clmul is.
 */
#ifndef PET_MPC_VEC_GF128_H
#define PET_MPC_VEC_GF128_H

#include "mpc/vec.h"

/* lo + mid x^64 + hi x^128, per block. */
struct gf_acc {
	vec lo, mid, hi;
};

static inline struct gf_acc gf_acc_zero(void)
{
	return (struct gf_acc){ vec_zero(), vec_zero(), vec_zero() };
}

static inline struct gf_acc gf_wide(vec a, vec b)
{
	return (struct gf_acc){
		vec_clmul00(a, b), vec_xor(vec_clmul01(a, b), vec_clmul10(a, b)), vec_clmul11(a, b),
	};
}

static inline void gf_acc_xor(struct gf_acc *acc, struct gf_acc x)
{
	acc->lo = vec_xor(acc->lo, x.lo);
	acc->mid = vec_xor(acc->mid, x.mid);
	acc->hi = vec_xor(acc->hi, x.hi);
}

static inline void gf_acc_mul(struct gf_acc *acc, vec a, vec b)
{
	gf_acc_xor(acc, gf_wide(a, b));
}

/*
 * x^128 = x^7 + x^2 + x + 1 = 0x87, twice 64 bits at a time: the top word's
 * product is below 2^71 and lands on the third word, which may grow, then that
 * one's lands on the lowest two.
 */
static inline vec gf_reduce(struct gf_acc a)
{
	vec r = vec_set1(block_set(0x87, 0));
	/* mid straddles: its high word belongs to hi's low, its low word to lo's high. */
	vec t = vec_clmul10(a.hi, r);

	t = vec_xor(a.mid, t);
	a.lo = vec_xor(a.lo, vec_lo64(vec_zero(), t));
	a.hi = vec_xor(a.hi, vec_swap(t));
	return vec_xor(a.lo, vec_clmul00(a.hi, r));
}

static inline vec gf_mul(vec a, vec b)
{
	return gf_reduce(gf_wide(a, b));
}

#endif
