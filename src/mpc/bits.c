#include "mpc/bits.h"

#include <string.h>

/* Widths of whole bytes, which a loop of the compiler's does well. */
static void pack_bytes(uint8_t *out, const uint64_t *in, size_t n, unsigned bytes)
{
	for (size_t i = 0; i < n; i++)
		memcpy(out + i * bytes, &in[i], bytes);
}

static void unpack_bytes(uint64_t *out, const uint8_t *in, size_t n, unsigned bytes)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;

		memcpy(&v, in + i * bytes, bytes);
		out[i] = v;
	}
}

void bits_pack(uint8_t *out, const uint64_t *in, size_t n, unsigned width)
{
	uint64_t mask = bits_mask(width), acc = 0;
	unsigned have = 0;

	if (width % 8 == 0) {
		pack_bytes(out, in, n, width / 8);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t v = in[i] & mask;

		acc |= v << have;
		have += width;
		if (have >= 64) {
			memcpy(out, &acc, 8);
			out += 8;
			have -= 64;
			acc = have ? v >> (width - have) : 0;
		}
	}
	memcpy(out, &acc, (have + 7) / 8);
}

void bits_unpack(uint64_t *out, const uint8_t *in, size_t n, unsigned width)
{
	uint64_t mask = bits_mask(width), acc = 0, next;
	size_t left = bits_bytes(n, width), take;
	unsigned have = 0;

	if (width % 8 == 0) {
		unpack_bytes(out, in, n, width / 8);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (have >= width) {
			out[i] = acc & mask;
			acc >>= width;
			have -= width;
			continue;
		}
		next = 0;
		take = left < 8 ? left : 8;
		memcpy(&next, in, take);
		in += take;
		left -= take;
		out[i] = (acc | next << have) & mask;
		/* width - have bits of next are used; both below 64 since width is no multiple of 8. */
		acc = next >> (width - have);
		have += 64 - width;
	}
}

void bits_transpose64(uint64_t w[64])
{
	uint64_t mask = 0x00000000ffffffff;

	for (unsigned j = 32; j != 0; j >>= 1, mask ^= mask << j) {
		for (unsigned k = 0; k < 64; k = ((k | j) + 1) & ~j) {
			uint64_t t = (w[k] >> j ^ w[k | j]) & mask;

			w[k] ^= t << j;
			w[k | j] ^= t;
		}
	}
}

void bits_to_planes(uint64_t *planes, size_t stride, const uint64_t *in, size_t n, unsigned width)
{
	uint64_t w[64];

	for (size_t b = 0; b < bits_words(n); b++) {
		size_t take = n - 64 * b < 64 ? n - 64 * b : 64;

		memcpy(w, in + 64 * b, take * sizeof(*w));
		memset(w + take, 0, (64 - take) * sizeof(*w));
		bits_transpose64(w);
		for (unsigned t = 0; t < width; t++)
			planes[t * stride + b] = w[t];
	}
	explicit_bzero(w, sizeof(w));
}

void bits_from_planes(uint64_t *out, const uint64_t *planes, size_t stride, size_t n, unsigned width)
{
	uint64_t w[64];

	for (size_t b = 0; b < bits_words(n); b++) {
		size_t take = n - 64 * b < 64 ? n - 64 * b : 64;

		for (unsigned t = 0; t < width; t++)
			w[t] = planes[t * stride + b];
		memset(w + width, 0, (64 - width) * sizeof(*w));
		bits_transpose64(w);
		memcpy(out + 64 * b, w, take * sizeof(*w));
	}
	explicit_bzero(w, sizeof(w));
}
