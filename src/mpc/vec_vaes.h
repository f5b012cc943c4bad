/* The vector layer (vec.h) for AVX2 with VAES and VPCLMULQDQ: a vec is two blocks. */
#ifndef PET_MPC_VEC_VAES_H
#define PET_MPC_VEC_VAES_H

#pragma GCC target("avx2,aes,vaes,pclmul,vpclmulqdq")
#include <immintrin.h>

#include "mpc/block.h"

#define VEC_BLOCKS 2
#define VEC_NAME(x) x##_vaes
#define VEC_STREAMS_WIN 1

typedef __m256i vec;

static inline vec vec_load(const struct block *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline void vec_store(struct block *p, vec v) { _mm256_storeu_si256((__m256i *)(void *)p, v); }
static inline vec vec_zero(void) { return _mm256_setzero_si256(); }
static inline vec vec_xor(vec a, vec b) { return _mm256_xor_si256(a, b); }
static inline vec vec_and(vec a, vec b) { return _mm256_and_si256(a, b); }
static inline vec vec_andnot(vec a, vec b) { return _mm256_andnot_si256(a, b); }
static inline vec vec_add64(vec a, vec b) { return _mm256_add_epi64(a, b); }
static inline vec vec_eq64(vec a, vec b) { return _mm256_cmpeq_epi64(a, b); }
static inline vec vec_shl64(vec a, int n) { return _mm256_slli_epi64(a, n); }
static inline vec vec_shr64(vec a, int n) { return _mm256_srli_epi64(a, n); }
static inline vec vec_swap(vec a) { return _mm256_shuffle_epi32(a, 0x4e); }
static inline vec vec_lo8(vec a, vec b) { return _mm256_unpacklo_epi8(a, b); }
static inline vec vec_hi8(vec a, vec b) { return _mm256_unpackhi_epi8(a, b); }
static inline vec vec_lo16(vec a, vec b) { return _mm256_unpacklo_epi16(a, b); }
static inline vec vec_hi16(vec a, vec b) { return _mm256_unpackhi_epi16(a, b); }
static inline vec vec_lo32(vec a, vec b) { return _mm256_unpacklo_epi32(a, b); }
static inline vec vec_hi32(vec a, vec b) { return _mm256_unpackhi_epi32(a, b); }
static inline vec vec_lo64(vec a, vec b) { return _mm256_unpacklo_epi64(a, b); }
static inline vec vec_hi64(vec a, vec b) { return _mm256_unpackhi_epi64(a, b); }
static inline vec vec_aesenc(vec s, vec k) { return _mm256_aesenc_epi128(s, k); }
static inline vec vec_aesenclast(vec s, vec k) { return _mm256_aesenclast_epi128(s, k); }
static inline vec vec_clmul00(vec a, vec b) { return _mm256_clmulepi64_epi128(a, b, 0x00); }
static inline vec vec_clmul01(vec a, vec b) { return _mm256_clmulepi64_epi128(a, b, 0x10); }
static inline vec vec_clmul10(vec a, vec b) { return _mm256_clmulepi64_epi128(a, b, 0x01); }
static inline vec vec_clmul11(vec a, vec b) { return _mm256_clmulepi64_epi128(a, b, 0x11); }

static inline void vec_store1(struct block *p, vec v)
{
	_mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(v));
}

static inline vec vec_set1(struct block b)
{
	return _mm256_broadcastsi128_si256(_mm_set_epi64x((long long)b.w[1], (long long)b.w[0]));
}

static inline vec vec_index(uint64_t i)
{
	return _mm256_add_epi64(_mm256_set_epi64x(0, (long long)i, 0, (long long)i), _mm256_set_epi64x(0, 1, 0, 0));
}

static inline vec vec_sigma(vec a)
{
	return _mm256_xor_si256(_mm256_shuffle_epi32(a, 0x4e), _mm256_and_si256(a, _mm256_set_epi64x(-1, 0, -1, 0)));
}

static inline vec vec_lsb_mask(vec a)
{
	return _mm256_shuffle_epi32(_mm256_srai_epi32(_mm256_slli_epi32(a, 31), 31), 0);
}

/* As in vec_aesni.h. */
static inline vec vec_key_round(vec k, uint32_t rcon)
{
	vec t = _mm256_shuffle_epi8(k, _mm256_set1_epi32(0x0c0f0e0d));

	t = _mm256_aesenclast_epi128(t, _mm256_set1_epi32((int)rcon));
	k = _mm256_xor_si256(k, _mm256_slli_si256(k, 4));
	k = _mm256_xor_si256(k, _mm256_slli_si256(k, 8));
	return _mm256_xor_si256(k, t);
}

static inline struct block vec_fold(vec a)
{
	struct block b;

	_mm_storeu_si128((__m128i *)(void *)&b,
			 _mm_xor_si128(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
	return b;
}

static inline void vec_store_rows(struct block *p, size_t stride, vec a, vec b, vec c, vec d)
{
	vec_store(p, _mm256_permute2x128_si256(a, b, 0x20));
	vec_store(p + 2, _mm256_permute2x128_si256(c, d, 0x20));
	vec_store(p + stride, _mm256_permute2x128_si256(a, b, 0x31));
	vec_store(p + stride + 2, _mm256_permute2x128_si256(c, d, 0x31));
}

#endif
