#include "table/csv_mask.h"

#include <stdatomic.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static int always(void)
{
	return 1;
}

/* Bit i of the result is the parity of bits 0 … i. */
static uint64_t prefix_xor(uint64_t x)
{
	for (unsigned shift = 1; shift < 64; shift *= 2)
		x ^= x << shift;
	return x;
}

static uint64_t set_inside(struct csv_masks *m, uint64_t before)
{
	m->inside = prefix_xor(m->quote) ^ before;
	return m->inside >> 63 ? ~(uint64_t)0 : 0;
}

static uint64_t masks_portable(struct csv_masks *out, const uint8_t *data, size_t blocks, uint8_t delim, uint64_t inside)
{
	for (; blocks; blocks--, out++, data += CSV_BLOCK) {
		memset(out, 0, sizeof(*out));
		for (unsigned i = 0; i < CSV_BLOCK; i++) {
			uint64_t c = data[i];

			out->quote |= (uint64_t)(c == '"') << i;
			out->delim |= (uint64_t)(c == delim) << i;
			out->lf |= (uint64_t)(c == '\n') << i;
			out->cr |= (uint64_t)(c == '\r') << i;
			out->odd |= (uint64_t)(c == 0 || c >= 0x80) << i;
		}
		inside = set_inside(out, inside);
	}
	return inside;
}

#ifdef __SSE2__
static uint64_t equal_mask(const __m128i v[4], uint8_t c)
{
	__m128i k = _mm_set1_epi8((char)c);
	uint64_t m = 0;

	for (int i = 0; i < 4; i++)
		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], k)) << (16 * i);
	return m;
}

static uint64_t masks_sse2(struct csv_masks *out, const uint8_t *data, size_t blocks, uint8_t delim, uint64_t inside)
{
	for (; blocks; blocks--, out++, data += CSV_BLOCK) {
		uint64_t high = 0;
		__m128i v[4];

		for (int i = 0; i < 4; i++) {
			v[i] = _mm_loadu_si128((const __m128i *)(data + 16 * i));
			high |= (uint64_t)(uint32_t)_mm_movemask_epi8(v[i]) << (16 * i);
		}
		out->quote = equal_mask(v, '"');
		out->delim = equal_mask(v, delim);
		out->lf = equal_mask(v, '\n');
		out->cr = equal_mask(v, '\r');
		out->odd = high | equal_mask(v, 0);
		inside = set_inside(out, inside);
	}
	return inside;
}
#endif

#if defined(__x86_64__)
static int has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul");
}
#endif

const struct csv_mask_path csv_mask_paths[] = {
	{ "portable", masks_portable, always },
#ifdef __SSE2__
	{ "sse2", masks_sse2, always },
#endif
#if defined(__x86_64__)
	{ "avx2", csv_mask_avx2, has_avx2 },
#endif
	{ NULL, NULL, NULL },
};

/* Every byte value at every place of some block, with quotes among them. */
static int agrees(csv_mask_fn *f)
{
	struct csv_masks a[32], b[32];
	uint8_t text[32 * CSV_BLOCK];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i % 7 ? i * 167 + (i >> 8) * 31 : '"');
	return f(a, text, 32, ';', 0) == masks_portable(b, text, 32, ';', 0) && memcmp(a, b, sizeof(a)) == 0;
}

csv_mask_fn *csv_mask_best(void)
{
	static csv_mask_fn *_Atomic chosen;
	csv_mask_fn *f = atomic_load(&chosen);

	if (f)
		return f;
	for (const struct csv_mask_path *p = csv_mask_paths; p->name; p++) {
		if (p->usable() && agrees(p->masks))
			f = p->masks;
	}
	atomic_store(&chosen, f);
	return f;
}
