/*
 * The vector layer (vec.h) in plain C: a vec is four blocks, since the
 * bit-sliced AES works on four. Carry-less products come from integer ones
 * whose operands have holes that take the carries.
 */
#ifndef PET_MPC_VEC_PORTABLE_H
#define PET_MPC_VEC_PORTABLE_H

#include "mpc/aes_bits.h"
#include "mpc/block.h"

#define VEC_BLOCKS 4
#define VEC_NAME(x) x##_portable
#define VEC_STREAMS_WIN 0

typedef struct {
	uint64_t w[2 * VEC_BLOCKS];
} vec;

#define VEC_WORDS(i) for (int i = 0; i < 2 * VEC_BLOCKS; i++)

static inline vec vec_load(const struct block *p)
{
	vec v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void vec_store(struct block *p, vec v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void vec_store1(struct block *p, vec v)
{
	memcpy(p, &v, sizeof(*p));
}

static inline vec vec_zero(void)
{
	return (vec){ { 0 } };
}

static inline vec vec_set1(struct block b)
{
	vec v;

	VEC_WORDS(i) v.w[i] = b.w[i & 1];
	return v;
}

static inline vec vec_index(uint64_t first)
{
	vec v;

	VEC_WORDS(i) v.w[i] = i & 1 ? 0 : first + (uint64_t)i / 2;
	return v;
}

#define VEC_WORDWISE(name, expr) \
static inline vec vec_##name(vec a, vec b) \
{ \
	VEC_WORDS(i) a.w[i] = (expr); \
	return a; \
}
VEC_WORDWISE(xor, a.w[i] ^ b.w[i])
VEC_WORDWISE(and, a.w[i] & b.w[i])
VEC_WORDWISE(andnot, ~a.w[i] & b.w[i])
VEC_WORDWISE(add64, a.w[i] + b.w[i])
/* d | -d has its top bit clear for d = 0 only. */
VEC_WORDWISE(eq64, (((a.w[i] ^ b.w[i]) | -(a.w[i] ^ b.w[i])) >> 63) - 1)

static inline vec vec_shl64(vec a, int n)
{
	VEC_WORDS(i) a.w[i] <<= n;
	return a;
}

static inline vec vec_shr64(vec a, int n)
{
	VEC_WORDS(i) a.w[i] >>= n;
	return a;
}

static inline vec vec_swap(vec a)
{
	vec v;

	VEC_WORDS(i) v.w[i] = a.w[i ^ 1];
	return v;
}

static inline vec vec_sigma(vec a)
{
	vec v;

	VEC_WORDS(i) v.w[i] = i & 1 ? a.w[i] ^ a.w[i ^ 1] : a.w[i ^ 1];
	return v;
}

static inline vec vec_lsb_mask(vec a)
{
	vec v;

	VEC_WORDS(i) v.w[i] = -(a.w[i & ~1] & 1);
	return v;
}

/* The 32 low bits spread out: unit j of 2^log bits goes to twice its place. */
static inline uint64_t vec_spread(uint64_t x, int log)
{
	x &= UINT64_C(0xffffffff);
	if (log <= 4)
		x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
	if (log <= 3)
		x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
	return x;
}

static inline vec vec_interleave(vec a, vec b, int high, int log)
{
	vec v;

	for (int i = 0; i < 2 * VEC_BLOCKS; i += 2) {
		uint64_t x = a.w[i + high], y = b.w[i + high];

		v.w[i] = vec_spread(x, log) | vec_spread(y, log) << (1 << log);
		v.w[i + 1] = vec_spread(x >> 32, log) | vec_spread(y >> 32, log) << (1 << log);
	}
	return v;
}

static inline vec vec_lo8(vec a, vec b) { return vec_interleave(a, b, 0, 3); }
static inline vec vec_hi8(vec a, vec b) { return vec_interleave(a, b, 1, 3); }
static inline vec vec_lo16(vec a, vec b) { return vec_interleave(a, b, 0, 4); }
static inline vec vec_hi16(vec a, vec b) { return vec_interleave(a, b, 1, 4); }
static inline vec vec_lo32(vec a, vec b) { return vec_interleave(a, b, 0, 5); }
static inline vec vec_hi32(vec a, vec b) { return vec_interleave(a, b, 1, 5); }
VEC_WORDWISE(lo64, i & 1 ? b.w[i - 1] : a.w[i])
VEC_WORDWISE(hi64_rev, i & 1 ? a.w[i] : b.w[i + 1])

static inline vec vec_hi64(vec a, vec b)
{
	return vec_hi64_rev(b, a);
}

static inline vec vec_aesenc(vec s, vec k)
{
	aes_bits_turn(s.w);
	aes_bits_sub(s.w);
	aes_bits_shift_rows(s.w);
	aes_bits_mix_columns(s.w);
	aes_bits_turn(s.w);
	return vec_xor(s, k);
}

static inline vec vec_aesenclast(vec s, vec k)
{
	aes_bits_turn(s.w);
	aes_bits_sub(s.w);
	aes_bits_shift_rows(s.w);
	aes_bits_turn(s.w);
	return vec_xor(s, k);
}

/* FIPS 197, section 5.2, as in vec_aesni.h: with equal columns ShiftRows does nothing. */
static inline vec vec_key_round(vec k, uint32_t rcon)
{
	vec t;

	VEC_WORDS(i) {
		uint32_t last = (uint32_t)(k.w[i | 1] >> 32);

		t.w[i] = (last >> 8 | last << 24) * UINT64_C(0x100000001);
	}
	t = vec_aesenclast(t, vec_set1(block_set(rcon * UINT64_C(0x100000001), rcon * UINT64_C(0x100000001))));
	for (int i = 0; i < 2 * VEC_BLOCKS; i += 2) {
		k.w[i] ^= k.w[i] << 32;
		k.w[i + 1] ^= k.w[i + 1] << 32 ^ (k.w[i] >> 32) * UINT64_C(0x100000001);
	}
	return vec_xor(k, t);
}

/* Low 64 bits of the carry-less product: bits 4 apart, so that at most 16 ones meet, and a 16th only at the very top. */
static inline uint64_t vec_clmul_low(uint64_t a, uint64_t b)
{
	const uint64_t m = UINT64_C(0x1111111111111111);
	uint64_t r = 0;

	for (int k = 0; k < 4; k++) {
		uint64_t z = 0;

		for (int i = 0; i < 4; i++)
			z ^= (a & m << i) * (b & m << ((k - i) & 3));
		r |= z & m << k;
	}
	return r;
}

static inline uint64_t vec_reverse(uint64_t x)
{
	x = (x >> 1 & UINT64_C(0x5555555555555555)) | (x & UINT64_C(0x5555555555555555)) << 1;
	x = (x >> 2 & UINT64_C(0x3333333333333333)) | (x & UINT64_C(0x3333333333333333)) << 2;
	x = (x >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (x & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
	return __builtin_bswap64(x);
}

/* The high half is the low half of the reversed operands, reversed, one place down. */
static inline vec vec_clmul(vec a, int i, vec b, int j)
{
	vec v;

	for (int k = 0; k < 2 * VEC_BLOCKS; k += 2) {
		uint64_t x = a.w[k + i], y = b.w[k + j];

		v.w[k] = vec_clmul_low(x, y);
		v.w[k + 1] = vec_reverse(vec_clmul_low(vec_reverse(x), vec_reverse(y))) >> 1;
	}
	return v;
}

static inline vec vec_clmul00(vec a, vec b) { return vec_clmul(a, 0, b, 0); }
static inline vec vec_clmul01(vec a, vec b) { return vec_clmul(a, 0, b, 1); }
static inline vec vec_clmul10(vec a, vec b) { return vec_clmul(a, 1, b, 0); }
static inline vec vec_clmul11(vec a, vec b) { return vec_clmul(a, 1, b, 1); }

static inline struct block vec_fold(vec a)
{
	struct block b = block_zero();

	VEC_WORDS(i) b.w[i & 1] ^= a.w[i];
	return b;
}

static inline void vec_store_rows(struct block *p, size_t stride, vec a, vec b, vec c, vec d)
{
	for (size_t i = 0; i < VEC_BLOCKS; i++) {
		p[i * stride] = block_set(a.w[2 * i], a.w[2 * i + 1]);
		p[i * stride + 1] = block_set(b.w[2 * i], b.w[2 * i + 1]);
		p[i * stride + 2] = block_set(c.w[2 * i], c.w[2 * i + 1]);
		p[i * stride + 3] = block_set(d.w[2 * i], d.w[2 * i + 1]);
	}
}

#endif
