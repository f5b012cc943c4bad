/* The AVX2 path of csv_mask.h; called only on machines that have it. */
#if defined(__x86_64__)
#pragma GCC target("avx2,pclmul")
#include <immintrin.h>

#include "table/csv_mask.h"

static uint64_t equal_mask(__m256i low, __m256i high, __m256i k)
{
	uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, k));
	uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, k));

	return a | (uint64_t)b << 32;
}

/* x times the polynomial of all ones: its low half is the prefix XOR. */
static uint64_t prefix_xor(uint64_t x)
{
	__m128i all = _mm_set1_epi8((char)0xff);

	return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x), all, 0));
}

uint64_t csv_mask_avx2(struct csv_masks *out, const uint8_t *data, size_t blocks, uint8_t delim, uint64_t inside)
{
	const __m256i quote = _mm256_set1_epi8('"'), sep = _mm256_set1_epi8((char)delim);
	const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r'), nul = _mm256_setzero_si256();

	for (; blocks; blocks--, out++, data += CSV_BLOCK) {
		__m256i a = _mm256_loadu_si256((const __m256i *)data);
		__m256i b = _mm256_loadu_si256((const __m256i *)(data + 32));
		uint32_t low = (uint32_t)_mm256_movemask_epi8(a), high = (uint32_t)_mm256_movemask_epi8(b);

		out->quote = equal_mask(a, b, quote);
		out->delim = equal_mask(a, b, sep);
		out->lf = equal_mask(a, b, lf);
		out->cr = equal_mask(a, b, cr);
		out->odd = equal_mask(a, b, nul) | low | (uint64_t)high << 32;
		out->inside = prefix_xor(out->quote) ^ inside;
		inside = out->inside >> 63 ? ~(uint64_t)0 : 0;
	}
	return inside;
}
#else
/* ISO C wants a declaration in every file. */
typedef int csv_mask_avx2_is_for_x86;
#endif
