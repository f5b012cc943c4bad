/*
 * Transposition over the vector layer: seven levels of exchanges, as in any
 * recursive transposition, 128 * VEC_BLOCKS rows at a time.
 *
 * Number the bits of a plane's number p6 … p0 and those of a row's r6 … r0. In
 * memory, a bit's address is (p6 … p0) for the block, (r6 … r3) for the byte in
 * it and (r2 r1 r0) for the bit in that. Step 1 exchanges (p2 p1 p0) with
 * (r2 r1 r0) by shifts and masks between eight vecs; step 2 exchanges
 * (p6 … p3) with (r6 … r3) by four levels of interleaving among sixteen.
 */
#ifndef PET_MPC_TRANSPOSE_KERN_H
#define PET_MPC_TRANSPOSE_KERN_H

#include "mpc/transpose.h"
#include "mpc/vec.h"

#define TRANSPOSE_ROWS (128 * VEC_BLOCKS)

static inline void transpose_kern_swap(vec *a, vec *b, int n, vec low)
{
	vec t = vec_and(vec_xor(vec_shr64(*a, n), *b), low);

	*b = vec_xor(*b, t);
	*a = vec_xor(*a, vec_shl64(t, n));
}

/* Step 1 for planes 8g … 8g+7; t[r] takes the vec whose bits 2 … 0 of the row are r. */
static inline void transpose_kern_bits(vec *t, size_t step, const struct block *planes, size_t stride)
{
	vec m1 = vec_set1(block_set(UINT64_C(0x5555555555555555), UINT64_C(0x5555555555555555)));
	vec m2 = vec_set1(block_set(UINT64_C(0x3333333333333333), UINT64_C(0x3333333333333333)));
	vec m4 = vec_set1(block_set(UINT64_C(0x0f0f0f0f0f0f0f0f), UINT64_C(0x0f0f0f0f0f0f0f0f)));
	struct vec8 s;

#define T_LOAD(i) s.v##i = vec_load(planes + (i) * stride);
	VEC_EACH8(T_LOAD)
#undef T_LOAD
	transpose_kern_swap(&s.v0, &s.v4, 4, m4);
	transpose_kern_swap(&s.v1, &s.v5, 4, m4);
	transpose_kern_swap(&s.v2, &s.v6, 4, m4);
	transpose_kern_swap(&s.v3, &s.v7, 4, m4);
	transpose_kern_swap(&s.v0, &s.v2, 2, m2);
	transpose_kern_swap(&s.v1, &s.v3, 2, m2);
	transpose_kern_swap(&s.v4, &s.v6, 2, m2);
	transpose_kern_swap(&s.v5, &s.v7, 2, m2);
	transpose_kern_swap(&s.v0, &s.v1, 1, m1);
	transpose_kern_swap(&s.v2, &s.v3, 1, m1);
	transpose_kern_swap(&s.v4, &s.v5, 1, m1);
	transpose_kern_swap(&s.v6, &s.v7, 1, m1);
#define T_STORE(i) t[(i) * step] = s.v##i;
	VEC_EACH8(T_STORE)
#undef T_STORE
}

/*
 * One level of step 2: x[i] and x[i + 8] interleaved by units of 8 bits become
 * y[2i], y[2i + 1]. Four such levels rotate four bits of the vec's number into
 * the byte's and back: a perfect shuffle each.
 */
#define T_LEVEL(y, x) do { \
	y##0 = vec_lo8(x##0, x##8); y##1 = vec_hi8(x##0, x##8); \
	y##2 = vec_lo8(x##1, x##9); y##3 = vec_hi8(x##1, x##9); \
	y##4 = vec_lo8(x##2, x##a); y##5 = vec_hi8(x##2, x##a); \
	y##6 = vec_lo8(x##3, x##b); y##7 = vec_hi8(x##3, x##b); \
	y##8 = vec_lo8(x##4, x##c); y##9 = vec_hi8(x##4, x##c); \
	y##a = vec_lo8(x##5, x##d); y##b = vec_hi8(x##5, x##d); \
	y##c = vec_lo8(x##6, x##e); y##d = vec_hi8(x##6, x##e); \
	y##e = vec_lo8(x##7, x##f); y##f = vec_hi8(x##7, x##f); \
} while (0)
#define T_VECS(x) x##0, x##1, x##2, x##3, x##4, x##5, x##6, x##7, x##8, x##9, x##a, x##b, x##c, x##d, x##e, x##f

/* Step 2 for one r: t[g], g = p6 … p3, to rows 8j + r, j = 0 … 15, in each block of the vec. */
static inline void transpose_kern_bytes(struct block *out, const vec *t)
{
	vec x0 = t[0], x1 = t[1], x2 = t[2], x3 = t[3], x4 = t[4], x5 = t[5], x6 = t[6], x7 = t[7];
	vec x8 = t[8], x9 = t[9], xa = t[10], xb = t[11], xc = t[12], xd = t[13], xe = t[14], xf = t[15];
	vec T_VECS(y);

	T_LEVEL(y, x);
	T_LEVEL(x, y);
	T_LEVEL(y, x);
	T_LEVEL(x, y);
	{
		const vec row[16] = { T_VECS(x) };

		for (size_t j = 0; j < 16; j++)
			vec_scatter(out + 8 * j, 128, row[j]);
	}
}

/* 128 planes of one vec each; t is scratch. */
static inline void transpose_kern_square(struct block *out, const struct block *planes, size_t stride, vec t[8][16])
{
	for (size_t g = 0; g < 16; g++)
		transpose_kern_bits(&t[0][g], 16, planes + 8 * g * stride, stride);
	for (size_t r = 0; r < 8; r++)
		transpose_kern_bytes(out + r, t[r]);
}

/* The columns of blocks that are fewer than a vec's, padded with zeros. */
static void transpose_kern_rest(struct block *out, const struct block *planes, size_t stride, size_t blocks,
				vec t[8][16])
{
	struct block in[128 * VEC_BLOCKS], rows[TRANSPOSE_ROWS];

	memset(in, 0, sizeof(in));
	for (size_t p = 0; p < 128; p++)
		memcpy(in + p * VEC_BLOCKS, planes + p * stride, blocks * sizeof(in[0]));
	transpose_kern_square(rows, in, VEC_BLOCKS, t);
	memcpy(out, rows, 128 * blocks * sizeof(rows[0]));
	explicit_bzero(in, sizeof(in));
	explicit_bzero(rows, sizeof(rows));
}

static void transpose_kern_planes(struct block *out, const struct block *planes, size_t stride, size_t n)
{
	size_t blocks = n / 128, i = 0;
	vec t[8][16];

	for (; blocks - i >= VEC_BLOCKS; i += VEC_BLOCKS)
		transpose_kern_square(out + 128 * i, planes + i, stride, t);
	if (i < blocks)
		transpose_kern_rest(out + 128 * i, planes + i, stride, blocks - i, t);
	explicit_bzero(t, sizeof(t));
}

extern const struct transpose_ops VEC_NAME(transpose_ops);
const struct transpose_ops VEC_NAME(transpose_ops) = { transpose_kern_planes };

#endif
