/*
 * Bits on the wire: integers of `width` bits (1 to 64) one after the other,
 * least significant bit first, no gaps; the last byte is filled with zeros.
 * Also the 64 x 64 transposition that turns words into bit planes.
 */
#ifndef PET_MPC_BITS_H
#define PET_MPC_BITS_H

#include <stddef.h>
#include <stdint.h>

/* 2^width - 1. */
static inline uint64_t bits_mask(unsigned width)
{
	return width >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << width) - 1;
}

static inline size_t bits_bytes(size_t n, unsigned width)
{
	return n / 8 * width + (n % 8 * width + 7) / 8;
}

static inline size_t bits_words(size_t n)
{
	return n / 64 + (n % 64 != 0);
}

static inline unsigned bits_get(const uint64_t *w, size_t i)
{
	return (unsigned)(w[i / 64] >> (i % 64)) & 1;
}

/* ~0 or 0: constant time selection by a secret bit. */
static inline uint64_t bits_select(const uint64_t *w, size_t i)
{
	return -(uint64_t)bits_get(w, i);
}

/* out holds bits_bytes(n, width); bits of in[i] above width are ignored. */
void bits_pack(uint8_t *out, const uint64_t *in, size_t n, unsigned width);
/* in holds bits_bytes(n, width). */
void bits_unpack(uint64_t *out, const uint8_t *in, size_t n, unsigned width);

/* In place: bit j of w[i] becomes bit i of w[j]. Hacker's Delight, section 7-3. */
void bits_transpose64(uint64_t w[64]);
/*
 * n words to `width` planes of bits_words(n) words: plane t (at
 * planes + t * stride words) holds bit t of every word, zeros after n.
 */
void bits_to_planes(uint64_t *planes, size_t stride, const uint64_t *in, size_t n, unsigned width);
/* And back; bits from width on are zero. */
void bits_from_planes(uint64_t *out, const uint64_t *planes, size_t stride, size_t n, unsigned width);

#endif
