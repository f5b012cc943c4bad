/*
 * A block of 128 bits: the unit of keys, correlations and hashes.
 *
 * Two little-endian words, w[0] first, so that memory order is byte order of
 * AES. As an element of GF(2^128), bit i of w[0] is the coefficient of x^i and
 * bit i of w[1] that of x^(64+i). As a string xL||xR of eprint 2019/074,
 * xL = w[1] and xR = w[0]. All functions are constant time.
 */
#ifndef PET_MPC_BLOCK_H
#define PET_MPC_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "blocks are little-endian in memory and on the wire");

struct block {
	_Alignas(16) uint64_t w[2];
};

static inline struct block block_set(uint64_t lo, uint64_t hi)
{
	return (struct block){ { lo, hi } };
}

static inline struct block block_zero(void)
{
	return block_set(0, 0);
}

static inline struct block block_xor(struct block a, struct block b)
{
	return block_set(a.w[0] ^ b.w[0], a.w[1] ^ b.w[1]);
}

static inline struct block block_and(struct block a, struct block b)
{
	return block_set(a.w[0] & b.w[0], a.w[1] & b.w[1]);
}

/* All zeros for bit 0, all ones for bit 1; other bits of the argument are ignored. */
static inline struct block block_mask(uint64_t bit)
{
	uint64_t m = -(bit & 1);

	return block_set(m, m);
}

static inline unsigned block_lsb(struct block a)
{
	return (unsigned)(a.w[0] & 1);
}

/* Bit i, 0 … 127; i is public. */
static inline unsigned block_bit(struct block a, unsigned i)
{
	return (unsigned)(a.w[i >> 6 & 1] >> (i & 63) & 1);
}

/* The linear orthomorphism of eprint 2019/074, section 7.3: sigma(xL||xR) = (xL^xR)||xL. */
static inline struct block block_sigma(struct block a)
{
	return block_set(a.w[1], a.w[0] ^ a.w[1]);
}

static inline int block_equal(struct block a, struct block b)
{
	uint64_t d = (a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]);

	return (int)(1 & ~((d | -d) >> 63));
}

/* From and to 16 bytes at any address. */
static inline struct block block_load(const void *p)
{
	struct block a;

	memcpy(&a, p, sizeof(a));
	return a;
}

static inline void block_store(void *p, struct block a)
{
	memcpy(p, &a, sizeof(a));
}

#endif
