/* The vector layer (vec.h) for AVX-512 with VAES and VPCLMULQDQ: a vec is four blocks. */
#ifndef PET_MPC_VEC_AVX512_H
#define PET_MPC_VEC_AVX512_H

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,gfni,aes,vaes,pclmul,vpclmulqdq")
#include <immintrin.h>

#include "mpc/block.h"

#define VEC_BLOCKS 4
#define VEC_NAME(x) x##_avx512
#define VEC_STREAMS_WIN 1

typedef __m512i vec;

static inline vec vec_load(const struct block *p) { return _mm512_loadu_si512((const void *)p); }
static inline void vec_store(struct block *p, vec v) { _mm512_storeu_si512((void *)p, v); }
static inline vec vec_zero(void) { return _mm512_setzero_si512(); }
static inline vec vec_xor(vec a, vec b) { return _mm512_xor_si512(a, b); }
static inline vec vec_and(vec a, vec b) { return _mm512_and_si512(a, b); }
static inline vec vec_andnot(vec a, vec b) { return _mm512_andnot_si512(a, b); }
static inline vec vec_add64(vec a, vec b) { return _mm512_add_epi64(a, b); }
static inline vec vec_eq64(vec a, vec b) { return _mm512_movm_epi64(_mm512_cmpeq_epi64_mask(a, b)); }
static inline vec vec_shl64(vec a, int n) { return _mm512_slli_epi64(a, (unsigned)n); }
static inline vec vec_shr64(vec a, int n) { return _mm512_srli_epi64(a, (unsigned)n); }
static inline vec vec_swap(vec a) { return _mm512_shuffle_epi32(a, (_MM_PERM_ENUM)0x4e); }
static inline vec vec_lo8(vec a, vec b) { return _mm512_unpacklo_epi8(a, b); }
static inline vec vec_hi8(vec a, vec b) { return _mm512_unpackhi_epi8(a, b); }
static inline vec vec_lo16(vec a, vec b) { return _mm512_unpacklo_epi16(a, b); }
static inline vec vec_hi16(vec a, vec b) { return _mm512_unpackhi_epi16(a, b); }
static inline vec vec_lo32(vec a, vec b) { return _mm512_unpacklo_epi32(a, b); }
static inline vec vec_hi32(vec a, vec b) { return _mm512_unpackhi_epi32(a, b); }
static inline vec vec_lo64(vec a, vec b) { return _mm512_unpacklo_epi64(a, b); }
static inline vec vec_hi64(vec a, vec b) { return _mm512_unpackhi_epi64(a, b); }
static inline vec vec_aesenc(vec s, vec k) { return _mm512_aesenc_epi128(s, k); }
static inline vec vec_aesenclast(vec s, vec k) { return _mm512_aesenclast_epi128(s, k); }
static inline vec vec_clmul00(vec a, vec b) { return _mm512_clmulepi64_epi128(a, b, 0x00); }
static inline vec vec_clmul01(vec a, vec b) { return _mm512_clmulepi64_epi128(a, b, 0x10); }
static inline vec vec_clmul10(vec a, vec b) { return _mm512_clmulepi64_epi128(a, b, 0x01); }
static inline vec vec_clmul11(vec a, vec b) { return _mm512_clmulepi64_epi128(a, b, 0x11); }

static inline void vec_store1(struct block *p, vec v)
{
	_mm_storeu_si128((__m128i *)(void *)p, _mm512_castsi512_si128(v));
}

static inline vec vec_set1(struct block b)
{
	return _mm512_broadcast_i32x4(_mm_set_epi64x((long long)b.w[1], (long long)b.w[0]));
}

static inline vec vec_index(uint64_t i)
{
	return _mm512_maskz_add_epi64(0x55, _mm512_set1_epi64((long long)i), _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0));
}

static inline vec vec_sigma(vec a)
{
	return _mm512_mask_xor_epi64(vec_swap(a), 0xaa, vec_swap(a), a);
}

static inline vec vec_lsb_mask(vec a)
{
	return _mm512_shuffle_epi32(_mm512_srai_epi32(_mm512_slli_epi32(a, 31), 31), (_MM_PERM_ENUM)0);
}

/* As in vec_aesni.h. */
static inline vec vec_key_round(vec k, uint32_t rcon)
{
	vec t = _mm512_shuffle_epi8(k, _mm512_set1_epi32(0x0c0f0e0d));

	t = _mm512_aesenclast_epi128(t, _mm512_set1_epi32((int)rcon));
	k = _mm512_xor_si512(k, _mm512_bslli_epi128(k, 4));
	k = _mm512_xor_si512(k, _mm512_bslli_epi128(k, 8));
	return _mm512_xor_si512(k, t);
}

static inline struct block vec_fold(vec a)
{
	struct block b;
	__m256i h = _mm256_xor_si256(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));

	_mm_storeu_si128((__m128i *)(void *)&b,
			 _mm_xor_si128(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1)));
	return b;
}

/* A 4x4 transpose of blocks: blocks 0 and 1, then 2 and 3, of each pair; then pairs. */
static inline void vec_store_rows(struct block *p, size_t stride, vec a, vec b, vec c, vec d)
{
	vec ab0 = _mm512_shuffle_i64x2(a, b, 0x44), cd0 = _mm512_shuffle_i64x2(c, d, 0x44);
	vec ab2 = _mm512_shuffle_i64x2(a, b, 0xee), cd2 = _mm512_shuffle_i64x2(c, d, 0xee);

	vec_store(p, _mm512_shuffle_i64x2(ab0, cd0, 0x88));
	vec_store(p + stride, _mm512_shuffle_i64x2(ab0, cd0, 0xdd));
	vec_store(p + 2 * stride, _mm512_shuffle_i64x2(ab2, cd2, 0x88));
	vec_store(p + 3 * stride, _mm512_shuffle_i64x2(ab2, cd2, 0xdd));
}

#endif
