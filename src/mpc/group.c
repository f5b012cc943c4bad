#include "mpc/group.h"

#include <sodium.h>
#include <string.h>

#include "base/util.h"
#include "mpc/fe25519.h"

#define EXPAND 48	/* L of RFC 9380: 255 bits and 128 more, so that the remainder mod p is uniform */
#define SHA512_BLOCK 128

/* SHA-512 after the block of zeros that expand_message_xmd begins with. Set once by group_init, then only read. */
static crypto_hash_sha512_state after_zeros;

int group_init(void)
{
	static const uint8_t zeros[SHA512_BLOCK];

	if (sodium_init() < 0)
		return ERR_INTERNAL;
	crypto_hash_sha512_init(&after_zeros);
	crypto_hash_sha512_update(&after_zeros, zeros, sizeof(zeros));
	return 0;
}

void group_key_new(struct group_key *k)
{
	util_random(k->scalar, sizeof(k->scalar));
	/* RFC 7748 section 5; libsodium does the same to its copy. */
	k->scalar[0] &= 248;
	k->scalar[31] = (uint8_t)((k->scalar[31] & 127) | 64);
}

void group_key_wipe(struct group_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

/* expand_message_xmd with SHA-512 for 48 bytes: one output block. */
static int expand(uint8_t out[64], const void *msg, size_t len, const char *dst)
{
	static const uint8_t mid[3] = { 0, EXPAND, 0 }, one = 1;
	crypto_hash_sha512_state st = after_zeros;
	size_t dst_len = strlen(dst);
	uint8_t b0[64], tail = (uint8_t)dst_len;

	if (dst_len < 1 || dst_len > 255)
		return ERR_INTERNAL;
	crypto_hash_sha512_update(&st, msg, len);
	crypto_hash_sha512_update(&st, mid, sizeof(mid));
	crypto_hash_sha512_update(&st, (const uint8_t *)dst, dst_len);
	crypto_hash_sha512_update(&st, &tail, 1);
	crypto_hash_sha512_final(&st, b0);
	crypto_hash_sha512_init(&st);
	crypto_hash_sha512_update(&st, b0, sizeof(b0));
	crypto_hash_sha512_update(&st, &one, 1);
	crypto_hash_sha512_update(&st, (const uint8_t *)dst, dst_len);
	crypto_hash_sha512_update(&st, &tail, 1);
	crypto_hash_sha512_final(&st, out);
	sodium_memzero(&st, sizeof(st));
	sodium_memzero(b0, sizeof(b0));
	return 0;
}

int group_hash_to_field(uint8_t u[32], const void *msg, size_t len, const char *dst)
{
	uint8_t wide[64], low[32], high[32] = { 0 };
	struct fe a, b;
	int rc = expand(wide, msg, len, dst);

	if (rc)
		return rc;
	/* The 48 bytes are big-endian: low 32, and 16 more that count 2^256 = 38 each. */
	for (int i = 0; i < 32; i++)
		low[i] = wide[EXPAND - 1 - i];
	for (int i = 0; i < EXPAND - 32; i++)
		high[i] = wide[EXPAND - 33 - i];
	fe_load(&a, low);
	fe_load(&b, high);
	fe_mul_small(&b, &b, 38);
	fe_add(&a, &a, &b);
	fe_store(u, &a);
	sodium_memzero(wide, sizeof(wide));
	return 0;
}

/*
 * Elligator 2 on v^2 = u^3 + A u^2 + u with Z = 2: x1 = -A / (1 + 2 r^2), and
 * x = x1 where its right side is a square, else x = -x1 - A = x1 * 2 r^2.
 * In fractions with d = 1 + 2 r^2 (never 0: -1/2 is no square), the right side
 * is N / d^3 with N = -A (A^2 - A^2 d + d^2), a square exactly when N * d is.
 */
struct fraction {
	struct fe x, d, other;	/* x/d, or other/d when `test` is no square */
	struct fe test;
};

static void map_fraction(struct fraction *f, const uint8_t u[32])
{
	static const struct fe one = { { 1 } }, zero = { { 0 } };
	static const struct fe a = { { 486662 } }, a_square = { { UINT64_C(486662) * 486662 } };
	struct fe t, s;

	fe_sub(&f->x, &zero, &a);
	fe_load(&t, u);
	fe_sq(&t, &t);
	fe_mul_small(&t, &t, 2);		/* 2 r^2 */
	fe_add(&f->d, &t, &one);
	fe_mul(&f->other, &f->x, &t);
	fe_mul(&s, &f->d, &a_square);
	fe_sub(&s, &a_square, &s);
	fe_sq(&t, &f->d);
	fe_add(&s, &s, &t);
	fe_mul(&s, &s, &f->x);			/* N */
	fe_mul(&f->test, &s, &f->d);
}

void group_map(uint8_t (*out)[GROUP_BYTES], const uint8_t (*u)[32], unsigned n)
{
	struct fe x[GROUP_MAP_MAX], d[GROUP_MAP_MAX], tmp[GROUP_MAP_MAX], test[FE_LANES];
	struct fraction f[FE_LANES];

	for (unsigned i = 0; i < n; i += FE_LANES) {
		unsigned lanes = n - i < FE_LANES ? n - i : FE_LANES;
		uint64_t mask[FE_LANES];

		for (unsigned j = 0; j < lanes; j++) {
			map_fraction(&f[j], u[i + j]);
			test[j] = f[j].test;
		}
		fe_nonsquare_masks(mask, test, lanes);
		for (unsigned j = 0; j < lanes; j++) {
			fe_select(&f[j].x, &f[j].other, mask[j]);
			x[i + j] = f[j].x;
			d[i + j] = f[j].d;
		}
	}
	fe_invert_batch(d, tmp, n);
	for (unsigned i = 0; i < n; i++) {
		fe_mul(&x[i], &x[i], &d[i]);
		fe_store(out[i], &x[i]);
	}
	sodium_memzero(x, sizeof(x));
	sodium_memzero(d, sizeof(d));
	sodium_memzero(tmp, sizeof(tmp));
	sodium_memzero(f, sizeof(f));
	sodium_memzero(test, sizeof(test));
}

int group_hash(uint8_t (*out)[GROUP_BYTES], const uint8_t (*in)[GROUP_HASH_BYTES], size_t n,
	       const char *dst)
{
	uint8_t u[GROUP_MAP_MAX][32];

	for (size_t i = 0; i < n; i += GROUP_MAP_MAX) {
		unsigned k = n - i < GROUP_MAP_MAX ? (unsigned)(n - i) : GROUP_MAP_MAX;

		for (unsigned j = 0; j < k; j++) {
			int rc = group_hash_to_field(u[j], in[i + j], GROUP_HASH_BYTES, dst);

			if (rc)
				return rc;
		}
		group_map(out + i, (const uint8_t (*)[32])u, k);
	}
	sodium_memzero(u, sizeof(u));
	return 0;
}

/* 1 when in < 2^255 - 19, in constant time. */
static int canonical(const uint8_t in[32])
{
	/* Subtract p from the lowest byte up: a borrow at the end means in < p. */
	unsigned borrow = in[0] < 0xed;

	for (int i = 1; i < 31; i++)
		borrow = ((unsigned)in[i] - 0xff - borrow) >> 31;
	return (int)(((unsigned)in[31] - 0x7f - borrow) >> 31);
}

int group_mul(uint8_t out[GROUP_BYTES], const struct group_key *k, const uint8_t in[GROUP_BYTES])
{
	uint8_t point[GROUP_BYTES];

	if (!canonical(in))
		return ERR_PEER;
	/* libsodium builds the clamped scalar in its output, so that may not be the input. */
	memcpy(point, in, sizeof(point));
	/* It refuses the points of small order, on the curve and on the twist. */
	return crypto_scalarmult_curve25519(out, k->scalar, point) == 0 ? 0 : ERR_PEER;
}
