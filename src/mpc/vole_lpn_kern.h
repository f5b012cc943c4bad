/* The LPN product of the VOLE over the vector layer; the matrix is drawn in vole_lpn.h. */
#ifndef PET_MPC_VOLE_LPN_KERN_H
#define PET_MPC_VOLE_LPN_KERN_H

#include "mpc/vec_gf128.h"
#include "mpc/vole_lpn.h"

#define VOLE_STREAM 736			/* AES blocks of a group: 160 of places, 9 * 64 of coefficients */
#define VOLE_PLACES 160
_Static_assert(VOLE_STREAM == VOLE_PLACES + (VOLE_LPN_WEIGHT - 1) * VOLE_LPN_GROUP, "the stream as drawn");
_Static_assert(VOLE_STREAM % VEC_CHUNK == 0, "whole chunks");

/* The stream of 64 rows. Public. */
struct vole_rows {
	struct block stream[VOLE_STREAM];
};

static inline void vole_kern_rows(const struct vole_lpn *l, uint64_t group, struct vole_rows *r)
{
	uint64_t two = l->mask * UINT64_C(0x100000001), first = group * VOLE_STREAM;
	vec mask = vec_set1(block_set(two, two));

	for (size_t i = 0; i < VOLE_STREAM; i += VEC_CHUNK)
		vec8_store(r->stream + i, vec8_aes(&l->key, vec8_index(vec_index(first + i))));
	for (size_t i = 0; i < VOLE_PLACES; i += VEC_BLOCKS)
		vec_store(r->stream + i, vec_and(vec_load(r->stream + i), mask));
}

static inline const uint32_t *vole_kern_idx(const struct vole_rows *r, size_t i)
{
	return (const uint32_t *)(const void *)r->stream + i * VOLE_LPN_WEIGHT;
}

static inline const struct block *vole_kern_coef(const struct vole_rows *r, size_t i, size_t j)
{
	return r->stream + VOLE_PLACES + (j - 1) * VOLE_LPN_GROUP + i;
}

/* Blocks at VEC_BLOCKS places: lane j from t[(size_t)idx[j * VOLE_LPN_WEIGHT] * step]. */
static inline vec vole_kern_gather(const struct block *t, const uint32_t *idx, size_t step)
{
#if VEC_BLOCKS == 1
	return vec_load(t + (size_t)idx[0] * step);
#elif VEC_BLOCKS == 2
	return _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_load_si128((const __m128i *)(const void *)(t + (size_t)idx[0] * step))),
		_mm_load_si128((const __m128i *)(const void *)(t + (size_t)idx[VOLE_LPN_WEIGHT] * step)), 1);
#else
	struct block x[VEC_BLOCKS];

	for (int j = 0; j < VEC_BLOCKS; j++)
		x[j] = t[(size_t)idx[j * VOLE_LPN_WEIGHT] * step];
	return vec_load(x);
#endif
}

/* VEC_BLOCKS rows from row i of the group on. */
static inline vec vole_kern_dot(const struct vole_rows *r, size_t i, const struct block *t, size_t step)
{
	const uint32_t *idx = vole_kern_idx(r, i);
	struct gf_acc acc = gf_acc_zero();

	for (size_t j = 1; j < VOLE_LPN_WEIGHT; j++)
		gf_acc_mul(&acc, vole_kern_gather(t, idx + j, step), vec_load(vole_kern_coef(r, i, j)));
	return vec_xor(gf_reduce(acc), vole_kern_gather(t, idx, step));
}

/* b[0 ... n-1], n at most VEC_BLOCKS. */
static inline void vole_kern_add(struct block *b, size_t n, vec v)
{
	struct block x[VEC_BLOCKS];

	if (n >= VEC_BLOCKS) {
		vec_store(b, vec_xor(vec_load(b), v));
		return;
	}
	vec_store(x, v);
	for (size_t i = 0; i < n; i++)
		b[i] = block_xor(b[i], x[i]);
	explicit_bzero(x, sizeof(x));
}

static void vole_kern_send(const struct vole_lpn *l, uint64_t first, struct block *b, size_t n,
			   const struct block *b0)
{
	struct vole_rows r;

	for (size_t g = 0; g < n; g += VOLE_LPN_GROUP) {
		size_t m = n - g < VOLE_LPN_GROUP ? n - g : VOLE_LPN_GROUP;

		vole_kern_rows(l, (first + g) / VOLE_LPN_GROUP, &r);
		for (size_t i = 0; i < m; i += VEC_BLOCKS)
			vole_kern_add(b + g + i, m - i, vole_kern_dot(&r, i, b0, 1));
	}
}

#if VEC_BLOCKS == 2
#define VOLE_AHEAD 4	/* rows between fetching a row's places and using them */

/*
 * Row i's places into the first cache: they lie anywhere in the seed, which is
 * larger. always_inline, since GCC takes a function that only prefetches for
 * one without effect and drops the call.
 */
static inline __attribute__((always_inline)) void vole_kern_fetch(const struct vole_rows *r, size_t i,
								  const struct block *ac0)
{
	const uint32_t *idx = vole_kern_idx(r, i);

#pragma GCC unroll 10
	for (size_t j = 0; j < VOLE_LPN_WEIGHT; j++)
		__builtin_prefetch(ac0 + 2 * (size_t)idx[j]);
}

/*
 * A row at a time: one load brings a and c, both lanes take the same
 * coefficient. Karatsuba: here, where products and not shuffles are short of
 * ports, three products are faster than four (36 ns a row instead of 39).
 */
static inline vec vole_kern_pair(const struct vole_rows *r, size_t i, const struct block *ac0)
{
	const uint32_t *idx = vole_kern_idx(r, i);
	struct gf_acc acc = gf_acc_zero();

#pragma GCC unroll 9
	for (size_t j = 1; j < VOLE_LPN_WEIGHT; j++) {
		vec x = vec_load(ac0 + 2 * (size_t)idx[j]), f = vec_set1(*vole_kern_coef(r, i, j));

		acc.lo = vec_xor(acc.lo, vec_clmul00(x, f));
		acc.hi = vec_xor(acc.hi, vec_clmul11(x, f));
		acc.mid = vec_xor(acc.mid, vec_clmul00(vec_xor(x, vec_swap(x)), vec_xor(f, vec_swap(f))));
	}
	acc.mid = vec_xor(acc.mid, vec_xor(acc.lo, acc.hi));
	return vec_xor(gf_reduce(acc), vec_load(ac0 + 2 * (size_t)idx[0]));
}

static inline void vole_kern_both(const struct vole_rows *r, struct block *a, struct block *c, size_t m,
				  const struct block *ac0)
{
	for (size_t i = 0; i < VOLE_AHEAD; i++)
		vole_kern_fetch(r, i, ac0);
	for (size_t i = 0; i < m; i++) {
		struct block x[2];

		if (i + VOLE_AHEAD < VOLE_LPN_GROUP)
			vole_kern_fetch(r, i + VOLE_AHEAD, ac0);
		vec_store(x, vole_kern_pair(r, i, ac0));
		a[i] = block_xor(a[i], x[0]);
		c[i] = block_xor(c[i], x[1]);
	}
}
#else
static inline void vole_kern_both(const struct vole_rows *r, struct block *a, struct block *c, size_t m,
				  const struct block *ac0)
{
	for (size_t i = 0; i < m; i += VEC_BLOCKS) {
		vole_kern_add(a + i, m - i, vole_kern_dot(r, i, ac0, 2));
		vole_kern_add(c + i, m - i, vole_kern_dot(r, i, ac0 + 1, 2));
	}
}
#endif

static void vole_kern_recv(const struct vole_lpn *l, uint64_t first, struct block *a, struct block *c, size_t n,
			   const struct block *ac0)
{
	struct vole_rows r;

	for (size_t g = 0; g < n; g += VOLE_LPN_GROUP) {
		size_t m = n - g < VOLE_LPN_GROUP ? n - g : VOLE_LPN_GROUP;

		vole_kern_rows(l, (first + g) / VOLE_LPN_GROUP, &r);
		vole_kern_both(&r, a + g, c + g, m, ac0);
	}
}

const struct vole_lpn_ops VEC_NAME(vole_lpn_ops) = { vole_kern_send, vole_kern_recv };

#endif
