/* GF(2^128) kernels over the vector layer. What is left below one vec is padded with zeros. */
#ifndef PET_MPC_GF128_KERN_H
#define PET_MPC_GF128_KERN_H

#include "mpc/gf128.h"
#include "mpc/vec_gf128.h"

static inline vec gf128_kern_load(const struct block *p, size_t n)
{
	struct block t[VEC_BLOCKS];
	vec v;

	if (n >= VEC_BLOCKS)
		return vec_load(p);
	memset(t, 0, sizeof(t));
	memcpy(t, p, n * sizeof(t[0]));
	v = vec_load(t);
	explicit_bzero(t, sizeof(t));
	return v;
}

static inline void gf128_kern_store(struct block *p, vec v, size_t n)
{
	struct block t[VEC_BLOCKS];

	if (n >= VEC_BLOCKS) {
		vec_store(p, v);
		return;
	}
	vec_store(t, v);
	memcpy(p, t, n * sizeof(t[0]));
	explicit_bzero(t, sizeof(t));
}

static struct block gf128_kern_mul(struct block a, struct block b)
{
	struct block r;

	vec_store1(&r, gf_mul(vec_set1(a), vec_set1(b)));
	return r;
}

static void gf128_kern_mul_each(struct block *out, const struct block *a, const struct block *b, size_t n)
{
	size_t i = 0;

	for (; n - i >= VEC_BLOCKS; i += VEC_BLOCKS)
		vec_store(out + i, gf_mul(vec_load(a + i), vec_load(b + i)));
	if (i < n)
		gf128_kern_store(out + i, gf_mul(gf128_kern_load(a + i, n - i), gf128_kern_load(b + i, n - i)), n - i);
}

static void gf128_kern_mul_by(struct block *out, const struct block *a, struct block k, size_t n, int add)
{
	vec kk = vec_set1(k);

	for (size_t i = 0; i < n; i += VEC_BLOCKS) {
		vec p = gf_mul(gf128_kern_load(a + i, n - i), kk);

		if (add)
			p = vec_xor(p, gf128_kern_load(out + i, n - i));
		gf128_kern_store(out + i, p, n - i);
	}
}

static struct block gf128_kern_inner(const struct block *a, const struct block *b, size_t n)
{
	struct gf_acc acc = gf_acc_zero();
	size_t i = 0;

	for (; n - i >= VEC_BLOCKS; i += VEC_BLOCKS)
		gf_acc_mul(&acc, vec_load(a + i), vec_load(b + i));
	if (i < n)
		gf_acc_mul(&acc, gf128_kern_load(a + i, n - i), gf128_kern_load(b + i, n - i));
	return vec_fold(gf_reduce(acc));
}

extern const struct gf128_ops VEC_NAME(gf128_ops);
const struct gf128_ops VEC_NAME(gf128_ops) = { gf128_kern_mul, gf128_kern_mul_each, gf128_kern_mul_by, gf128_kern_inner };

#endif
