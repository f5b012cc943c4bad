/* The vector layer (vec.h) for SSSE3, SSE4.1, AES-NI and PCLMULQDQ: a vec is one block. */
#ifndef PET_MPC_VEC_AESNI_H
#define PET_MPC_VEC_AESNI_H

#pragma GCC target("ssse3,sse4.1,aes,pclmul")
#include <immintrin.h>

#include "mpc/block.h"

#define VEC_BLOCKS 1
#define VEC_NAME(x) x##_aesni
#define VEC_STREAMS_WIN 1

typedef __m128i vec;

static inline vec vec_load(const struct block *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }
static inline void vec_store(struct block *p, vec v) { _mm_storeu_si128((__m128i *)(void *)p, v); }
static inline void vec_store1(struct block *p, vec v) { vec_store(p, v); }
static inline vec vec_zero(void) { return _mm_setzero_si128(); }
static inline vec vec_set1(struct block b) { return _mm_set_epi64x((long long)b.w[1], (long long)b.w[0]); }
static inline vec vec_index(uint64_t i) { return _mm_set_epi64x(0, (long long)i); }
static inline vec vec_xor(vec a, vec b) { return _mm_xor_si128(a, b); }
static inline vec vec_and(vec a, vec b) { return _mm_and_si128(a, b); }
static inline vec vec_andnot(vec a, vec b) { return _mm_andnot_si128(a, b); }
static inline vec vec_add64(vec a, vec b) { return _mm_add_epi64(a, b); }
static inline vec vec_eq64(vec a, vec b) { return _mm_cmpeq_epi64(a, b); }
static inline vec vec_shl64(vec a, int n) { return _mm_slli_epi64(a, n); }
static inline vec vec_shr64(vec a, int n) { return _mm_srli_epi64(a, n); }
static inline vec vec_swap(vec a) { return _mm_shuffle_epi32(a, 0x4e); }
static inline vec vec_lo8(vec a, vec b) { return _mm_unpacklo_epi8(a, b); }
static inline vec vec_hi8(vec a, vec b) { return _mm_unpackhi_epi8(a, b); }
static inline vec vec_lo16(vec a, vec b) { return _mm_unpacklo_epi16(a, b); }
static inline vec vec_hi16(vec a, vec b) { return _mm_unpackhi_epi16(a, b); }
static inline vec vec_lo32(vec a, vec b) { return _mm_unpacklo_epi32(a, b); }
static inline vec vec_hi32(vec a, vec b) { return _mm_unpackhi_epi32(a, b); }
static inline vec vec_lo64(vec a, vec b) { return _mm_unpacklo_epi64(a, b); }
static inline vec vec_hi64(vec a, vec b) { return _mm_unpackhi_epi64(a, b); }
static inline vec vec_aesenc(vec s, vec k) { return _mm_aesenc_si128(s, k); }
static inline vec vec_aesenclast(vec s, vec k) { return _mm_aesenclast_si128(s, k); }
static inline vec vec_clmul00(vec a, vec b) { return _mm_clmulepi64_si128(a, b, 0x00); }
static inline vec vec_clmul01(vec a, vec b) { return _mm_clmulepi64_si128(a, b, 0x10); }
static inline vec vec_clmul10(vec a, vec b) { return _mm_clmulepi64_si128(a, b, 0x01); }
static inline vec vec_clmul11(vec a, vec b) { return _mm_clmulepi64_si128(a, b, 0x11); }

static inline vec vec_sigma(vec a)
{
	return _mm_xor_si128(_mm_shuffle_epi32(a, 0x4e), _mm_and_si128(a, _mm_set_epi64x(-1, 0)));
}

static inline vec vec_lsb_mask(vec a)
{
	return _mm_shuffle_epi32(_mm_srai_epi32(_mm_slli_epi32(a, 31), 31), 0);
}

/*
 * FIPS 197, section 5.2. With one word in all four columns ShiftRows does
 * nothing, so enclast is SubWord and XOR of the round constant.
 */
static inline vec vec_key_round(vec k, uint32_t rcon)
{
	vec t = _mm_shuffle_epi8(k, _mm_set1_epi32(0x0c0f0e0d));

	t = _mm_aesenclast_si128(t, _mm_set1_epi32((int)rcon));
	k = _mm_xor_si128(k, _mm_slli_si128(k, 4));
	k = _mm_xor_si128(k, _mm_slli_si128(k, 8));
	return _mm_xor_si128(k, t);
}

static inline struct block vec_fold(vec a)
{
	struct block b;

	vec_store(&b, a);
	return b;
}

static inline void vec_store_rows(struct block *p, size_t stride, vec a, vec b, vec c, vec d)
{
	(void)stride;
	vec_store(p, a);
	vec_store(p + 1, b);
	vec_store(p + 2, c);
	vec_store(p + 3, d);
}

#endif
