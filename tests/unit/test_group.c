#include "mpc/group.h"

#include <sodium.h>

#include "base/util.h"
#include "mpc/fe25519.h"
#include "mpc/perm.h"
#include "test.h"

static void from_hex(uint8_t out[32], const char *big_endian)
{
	uint8_t t[32];

	CHECK_INT(util_unhex(t, 32, big_endian), 0);
	for (int i = 0; i < 32; i++)
		out[i] = t[31 - i];
}

/* RFC 9380, appendix J.4.2: curve25519_XMD:SHA-512_ELL2_NU_. */
TEST(rfc9380)
{
	static const char dst[] = "QUUX-V01-CS02-with-curve25519_XMD:SHA-512_ELL2_NU_";
	static const struct {
		const char *msg, *u, *q;
	} v[] = {
		{ "", "608d892b641f0328523802a6603427c26e55e6f27e71a91a478148d45b5093cd",
		  "51125222da5e763d97f3c10fcc92ea6860b9ccbbd2eb1285728f566721c1e65b" },
		{ "abc", "46f5b22494bfeaa7f232cc8d054be68561af50230234d7d1d63d1d9abeca8da5",
		  "7d56d1e08cb0ccb92baf069c18c49bb5a0dcd927eff8dcf75ca921ef7f3e6eeb" },
		{ "abcdef0123456789", "235fe40c443766ce7e18111c33862d66c3b33267efa50d50f9e8e5d252a40aaa",
		  "3fbe66b9c9883d79e8407150e7c2a1c8680bee496c62fabe4619a72b3cabe90f" },
		{ NULL, "001e92a544463bda9bd04ddbe3d6eed248f82de32f522669efc5ddce95f46f5b",
		  "227e0bb89de700385d19ec40e857db6e6a3e634b1c32962f370d26f84ff19683" },
		{ NULL, "1a68a1af9f663592291af987203393f707305c7bac9c8d63d6a729bdc553dc19",
		  "3bcd651ee54d5f7b6013898aab251ee8ecc0688166fce6e9548d38472f6bd196" },
	};
	uint8_t u[5][32], q[5][32], got[5][32];

	for (int i = 0; i < 5; i++) {
		from_hex(u[i], v[i].u);
		from_hex(q[i], v[i].q);
		if (v[i].msg) {
			CHECK_INT(group_hash_to_field(got[i], v[i].msg, strlen(v[i].msg), dst), 0);
			CHECK(memcmp(got[i], u[i], 32) == 0);
		}
	}
	/* Any number at once gives the same. */
	for (unsigned n = 1; n <= 5; n++) {
		group_map(got, (const uint8_t (*)[32])u, n);
		CHECK(memcmp(got, q, n * 32) == 0);
	}
}

TEST(bad_tag)
{
	uint8_t u[32];
	char dst[257];

	memset(dst, 'x', 256);
	dst[256] = '\0';
	CHECK_INT(group_hash_to_field(u, "", 0, dst), ERR_INTERNAL);
	CHECK_INT(group_hash_to_field(u, "", 0, ""), ERR_INTERNAL);
	CHECK_INT(group_hash_to_field(u, "", 0, dst + 1), 0);
}

TEST(hash_batches)
{
	enum { N = 200 };
	static uint8_t in[N][32], all[N][32], one[1][32];

	for (int i = 0; i < N; i++)
		util_random(in[i], 32);
	CHECK_INT(group_hash(all, (const uint8_t (*)[32])in, N, "tag of the test"), 0);
	for (int i = 0; i < N; i++) {
		CHECK_INT(group_hash(one, (const uint8_t (*)[32])in + i, 1, "tag of the test"), 0);
		CHECK(memcmp(one[0], all[i], 32) == 0);
	}
	CHECK_INT(group_hash(one, (const uint8_t (*)[32])in, 1, "another tag"), 0);
	CHECK(memcmp(one[0], all[0], 32) != 0);
}

/* Every image of the map lies on the curve: u^3 + A u^2 + u is a square. */
TEST(on_curve)
{
	static const struct fe a = { { 486662 } }, one = { { 1 } };
	uint8_t u[64][32], out[64][32];

	for (int i = 0; i < 64; i++)
		util_random(u[i], 32);
	memset(u[0], 0, 32);
	memset(u[1], 0xff, 32);
	group_map(out, (const uint8_t (*)[32])u, 64);
	for (int i = 0; i < 64; i++) {
		struct fe x, t;
		uint64_t mask;

		fe_load(&x, out[i]);
		fe_add(&t, &x, &a);
		fe_mul(&t, &t, &x);
		fe_add(&t, &t, &one);
		fe_mul(&t, &t, &x);
		fe_nonsquare_masks(&mask, &t, 1);
		CHECK(mask == 0);
	}
}

TEST(field)
{
	static const struct fe two = { { 2 } };
	struct fe a[7], b[7], tmp[7], t;
	uint8_t in[32], out[32];
	uint64_t mask;

	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 7; i++) {
			util_random(in, 32);
			fe_load(&a[i], in);
			b[i] = a[i];
		}
		fe_invert_batch(b, tmp, 7);
		for (int i = 0; i < 7; i++) {
			fe_mul(&t, &a[i], &b[i]);
			fe_store(out, &t);
			CHECK_INT(out[0], 1);
			CHECK(sodium_is_zero(out + 1, 31));
		}
		fe_sq(&t, &a[0]);
		fe_nonsquare_masks(&mask, &t, 1);
		CHECK(mask == 0);
		fe_mul(&t, &t, &two);	/* 2 is no square */
		fe_nonsquare_masks(&mask, &t, 1);
		CHECK(mask == UINT64_MAX);
	}
	/* p, p + 1, 2^256 - 1 = 37 mod p are reduced. */
	memset(in, 0xff, 32);
	in[0] = 0xed;
	in[31] = 0x7f;
	fe_load(&t, in);
	fe_store(out, &t);
	CHECK(sodium_is_zero(out, 32));
	fe_nonsquare_masks(&mask, &t, 1);
	CHECK(mask == 0);
	in[0] = 0xee;
	fe_load(&t, in);
	fe_store(out, &t);
	CHECK_INT(out[0], 1);
	memset(in, 0xff, 32);
	fe_load(&t, in);
	fe_store(out, &t);
	CHECK_INT(out[0], 37);
	CHECK(sodium_is_zero(out + 1, 31));
}

TEST(commutes)
{
	struct group_key a, b;
	uint8_t in[1][32], x[1][32], ab[32], ba[32];

	group_key_new(&a);
	group_key_new(&b);
	CHECK(memcmp(&a, &b, sizeof(a)) != 0);
	util_random(in, 32);
	CHECK_INT(group_hash(x, (const uint8_t (*)[32])in, 1, "tag"), 0);
	CHECK_INT(group_mul(ab, &a, x[0]), 0);
	CHECK_INT(group_mul(ab, &b, ab), 0);
	CHECK_INT(group_mul(ba, &b, x[0]), 0);
	CHECK(memcmp(ab, ba, 32) != 0);
	CHECK_INT(group_mul(ba, &a, ba), 0);
	CHECK(memcmp(ab, ba, 32) == 0);
	group_key_wipe(&a);
	CHECK(sodium_is_zero(a.scalar, 32));
}

TEST(refused_elements)
{
	/* Small order on the curve and the twist: 0, 1, p-1, and the two of order 8. */
	static const char *const small[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000001",
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec",
		"00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0",
		"57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5f",
	};
	/* Not canonical: p, p + 1, p + 9, 2^255 - 1, and a good one with its top bit set. */
	static const char *const large[] = {
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffee",
		"7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff6",
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"8000000000000000000000000000000000000000000000000000000000000009",
	};
	struct group_key k;
	uint8_t in[32], out[32];

	group_key_new(&k);
	for (size_t i = 0; i < PET_ARRAY_SIZE(small); i++) {
		from_hex(in, small[i]);
		CHECK_INT(group_mul(out, &k, in), ERR_PEER);
	}
	for (size_t i = 0; i < PET_ARRAY_SIZE(large); i++) {
		from_hex(in, large[i]);
		CHECK_INT(group_mul(out, &k, in), ERR_PEER);
	}
	from_hex(in, "0000000000000000000000000000000000000000000000000000000000000009");
	CHECK_INT(group_mul(out, &k, in), 0);
	from_hex(in, "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeb");
	CHECK_INT(group_mul(out, &k, in), 0);
}

TEST(permutation)
{
	static uint32_t p[5000];
	static uint8_t seen[5000];
	unsigned first[4] = { 0 }, fixed = 0;

	perm_random(p, 0);
	perm_random(p, 1);
	CHECK_INT(p[0], 0);
	perm_random(p, 5000);
	for (int i = 0; i < 5000; i++) {
		CHECK(p[i] < 5000);
		seen[p[i]]++;
		fixed += p[i] == (uint32_t)i;
	}
	CHECK(memchr(seen, 0, 5000) == NULL);
	CHECK(fixed < 30);
	for (int i = 0; i < 4000; i++) {
		perm_random(p, 4);
		first[p[0]]++;
	}
	/* 1000 each; 200 off is more than 7 standard deviations. */
	for (int i = 0; i < 4; i++)
		CHECK(first[i] > 800 && first[i] < 1200);
}

TEST(init)
{
	CHECK_INT(group_init(), 0);
}

TEST_MAIN(CASE(init), CASE(rfc9380), CASE(bad_tag), CASE(hash_batches), CASE(on_curve), CASE(field),
	  CASE(commutes), CASE(refused_elements), CASE(permutation))
