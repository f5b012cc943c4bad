/*
 * Transposition over the vector layer: seven levels of exchanges, as in any
 * recursive transposition.
 *
 * Number the bits of a plane's number p6 … p0 and those of a row's r6 … r0. In
 * memory, a bit's address is (p6 … p0) for the block, (r6 … r3) for the byte in
 * it and (r2 r1 r0) for the bit in that. Step 1 exchanges (p6 … p3) with
 * (r6 … r3) by four levels of interleaving among sixteen vecs; step 2
 * (p2 p1 p0) with (r2 r1 r0) by shifts and masks between eight, which then are
 * eight rows in order. Before, a line of each plane is copied together: the
 * stride is often a power of two, and the first level's cache would forget a
 * line before its second half is asked for.
 */
#ifndef PET_MPC_TRANSPOSE_KERN_H
#define PET_MPC_TRANSPOSE_KERN_H

#include "mpc/transpose.h"
#include "mpc/vec.h"

#define T_WIDE (4 / VEC_BLOCKS)		/* vecs per cache line */

/*
 * x[i] and x[i + 8] interleaved by bytes become y[2i], y[2i + 1]: with the
 * number of the vec above that of the byte, these eight bits rotate by one.
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
#define T_EACH16(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(a) F(b) F(c) F(d) F(e) F(f)

/* Step 1 for the planes 8g + p of one p, g = 0 … 15: t[j] takes byte j of each, j = r6 … r3. */
static inline void transpose_kern_bytes(vec *t, const struct block *tile)
{
	vec y0, y1, y2, y3, y4, y5, y6, y7, y8, y9, ya, yb, yc, yd, ye, yf;

#define T_LOAD(g) vec x##g = vec_load(tile + 8 * 0x##g * 4);
	T_EACH16(T_LOAD)
#undef T_LOAD
	T_LEVEL(y, x);
	T_LEVEL(x, y);
	T_LEVEL(y, x);
	T_LEVEL(x, y);
#define T_STORE(j) t[0x##j] = x##j;
	T_EACH16(T_STORE)
#undef T_STORE
}

static inline void transpose_kern_swap(vec *a, vec *b, int n, vec low)
{
	vec t = vec_and(vec_xor(vec_shr64(*a, n), *b), low);

	*b = vec_xor(*b, t);
	*a = vec_xor(*a, vec_shl64(t, n));
}

/* Step 2 for one j: rows 8j … 8j + 7 of each block in the vec. t[16p] is step 1's vec j for p. */
static inline void transpose_kern_bits(struct block *out, const vec *t)
{
	vec m1 = vec_set1(block_set(UINT64_C(0x5555555555555555), UINT64_C(0x5555555555555555)));
	vec m2 = vec_set1(block_set(UINT64_C(0x3333333333333333), UINT64_C(0x3333333333333333)));
	vec m4 = vec_set1(block_set(UINT64_C(0x0f0f0f0f0f0f0f0f), UINT64_C(0x0f0f0f0f0f0f0f0f)));
	vec v0 = t[0], v1 = t[16], v2 = t[32], v3 = t[48], v4 = t[64], v5 = t[80], v6 = t[96], v7 = t[112];

	transpose_kern_swap(&v0, &v4, 4, m4);
	transpose_kern_swap(&v1, &v5, 4, m4);
	transpose_kern_swap(&v2, &v6, 4, m4);
	transpose_kern_swap(&v3, &v7, 4, m4);
	transpose_kern_swap(&v0, &v2, 2, m2);
	transpose_kern_swap(&v1, &v3, 2, m2);
	transpose_kern_swap(&v4, &v6, 2, m2);
	transpose_kern_swap(&v5, &v7, 2, m2);
	transpose_kern_swap(&v0, &v1, 1, m1);
	transpose_kern_swap(&v2, &v3, 1, m1);
	transpose_kern_swap(&v4, &v5, 1, m1);
	transpose_kern_swap(&v6, &v7, 1, m1);
	vec_store_rows(out, 128, v0, v1, v2, v3);
	vec_store_rows(out + 4, 128, v4, v5, v6, v7);
}

/* 512 rows at a time, a cache line of each plane; scratch of a call, wiped at its end. */
struct transpose_kern {
	struct block tile[128][4];
	vec t[T_WIDE][8][16];
	struct block rows[512];		/* for fewer than 512 only */
};

static inline void transpose_kern_tile(struct block *out, struct transpose_kern *k)
{
	for (size_t p = 0; p < 8; p++)
		for (size_t s = 0; s < T_WIDE; s++)
			transpose_kern_bytes(k->t[s][p], &k->tile[p][s * VEC_BLOCKS]);
	for (size_t s = 0; s < T_WIDE; s++)
		for (size_t j = 0; j < 16; j++)
			transpose_kern_bits(out + s * 128 * VEC_BLOCKS + 8 * j, &k->t[s][0][j]);
}

static void transpose_kern_planes(struct block *out, const struct block *planes, size_t stride, size_t n)
{
	size_t blocks = n / 128, i = 0;
	struct transpose_kern k;

	for (; blocks - i >= 4; i += 4) {
		for (size_t p = 0; p < 128; p++)
			for (size_t s = 0; s < 4; s += VEC_BLOCKS)
				vec_store(&k.tile[p][s], vec_load(planes + p * stride + i + s));
		transpose_kern_tile(out + 128 * i, &k);
	}
	if (i < blocks) {
		memset(k.tile, 0, sizeof(k.tile));
		for (size_t p = 0; p < 128; p++)
			memcpy(k.tile[p], planes + p * stride + i, (blocks - i) * sizeof(k.rows[0]));
		transpose_kern_tile(k.rows, &k);
		memcpy(out + 128 * i, k.rows, 128 * (blocks - i) * sizeof(k.rows[0]));
		explicit_bzero(k.rows, sizeof(k.rows));
	}
	if (blocks) {
		explicit_bzero(k.tile, sizeof(k.tile));
		explicit_bzero(k.t, sizeof(k.t));
	}
}

extern const struct transpose_ops VEC_NAME(transpose_ops);
const struct transpose_ops VEC_NAME(transpose_ops) = { transpose_kern_planes };

#endif
