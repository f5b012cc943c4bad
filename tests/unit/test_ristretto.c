#include "mpc/ristretto.h"

#include <sodium.h>

#include "test.h"

#define TIMES 50

static void random_scalar(uint8_t s[32])
{
	crypto_core_ristretto255_scalar_random(s);
}

static void encode_one(uint8_t out[32], const struct ristretto *p)
{
	ristretto_encode_doubled((uint8_t (*)[32])out, p, 1);
}

static void check_bytes(const uint8_t got[32], const uint8_t want[32], const char *what)
{
	if (memcmp(got, want, 32) == 0)
		return;
	test_failed = 1;
	printf("# %s differs from libsodium's\n", what);
}

/* The element of libsodium, doubled by it. */
static void doubled(uint8_t out[32], const uint8_t in[32])
{
	CHECK_INT(crypto_core_ristretto255_add(out, in, in), 0);
}

TEST(decode_and_encode)
{
	uint8_t in[200][32], want[32], out[200][32];
	static struct ristretto p[200];

	/* Numbers around the batch of one inversion. */
	for (unsigned n = 0; n <= 200; n += n < 3 ? 1 : n < 62 ? 59 : n < 66 ? 1 : 67) {
		for (unsigned i = 0; i < n; i++) {
			crypto_core_ristretto255_random(in[i]);
			CHECK_INT(ristretto_decode(&p[i], in[i]), 0);
		}
		ristretto_encode_doubled(out, p, n);
		for (unsigned i = 0; i < n; i++) {
			doubled(want, in[i]);
			check_bytes(out[i], want, "2P");
		}
	}
}

/* What libsodium refuses is refused, and the other way round: RFC 9496, A.2 and A.3, and random strings. */
TEST(refusals)
{
	static const uint8_t odd_one[][32] = {
		{ 0 },
		{ 1 },
		{ 0xed, [1 ... 30] = 0xff, 0x7f },		/* p */
		{ 0xee, [1 ... 30] = 0xff, 0x7f },		/* p + 1 */
		{ 0xec, [1 ... 30] = 0xff, 0x7f },		/* -1 */
		{ [0 ... 31] = 0xff },
		{ 0, [31] = 0x80 },
	};
	struct ristretto p;
	uint8_t s[32];
	size_t refused = 0;

	for (size_t i = 0; i < PET_ARRAY_SIZE(odd_one); i++)
		CHECK_INT(ristretto_decode(&p, odd_one[i]), ERR_PEER);
	for (int i = 0; i < 2000; i++) {
		int valid;

		randombytes_buf(s, sizeof(s));
		s[31] &= 0x7f;
		valid = crypto_core_ristretto255_is_valid_point(s);
		CHECK_INT(ristretto_decode(&p, s), valid ? 0 : ERR_PEER);
		refused += !valid;
	}
	CHECK(refused > 1500 && refused < 1950);
}

TEST(add_and_subtract)
{
	uint8_t a[32], b[32], want[32], out[32];
	struct ristretto p, q, r;
	struct ristretto_cached c;

	for (int i = 0; i < TIMES; i++) {
		crypto_core_ristretto255_random(a);
		crypto_core_ristretto255_random(b);
		CHECK_INT(ristretto_decode(&p, a) | ristretto_decode(&q, b), 0);
		ristretto_cache(&c, &q);
		ristretto_add(&r, &p, &c);
		encode_one(out, &r);
		CHECK_INT(crypto_core_ristretto255_add(want, a, b), 0);
		doubled(want, want);
		check_bytes(out, want, "P + Q");
		ristretto_sub(&r, &p, &c);
		encode_one(out, &r);
		CHECK_INT(crypto_core_ristretto255_sub(want, a, b), 0);
		doubled(want, want);
		check_bytes(out, want, "P - Q");
		ristretto_double(&r, &p);
		encode_one(out, &r);
		doubled(want, a);
		doubled(want, want);
		check_bytes(out, want, "2P");
		ristretto_select(&r, &q, 0);
		encode_one(out, &r);
		check_bytes(out, want, "not selected");
		ristretto_select(&r, &q, UINT64_MAX);
		encode_one(out, &r);
		doubled(want, b);
		check_bytes(out, want, "selected");
	}
}

static void check_mul(const uint8_t scalar[32])
{
	static struct ristretto_table t;
	uint8_t a[32], want[32], out[32];
	struct ristretto p, q;

	crypto_core_ristretto255_random(a);
	CHECK_INT(ristretto_decode(&p, a), 0);
	CHECK_INT(crypto_scalarmult_ristretto255(want, scalar, a), 0);
	doubled(want, want);
	ristretto_mul(&q, &p, scalar);
	encode_one(out, &q);
	check_bytes(out, want, "s P");
	ristretto_table_set(&t, &p);
	ristretto_table_mul(&q, &t, scalar);
	encode_one(out, &q);
	check_bytes(out, want, "s P by table");
	ristretto_base(&p);
	ristretto_mul(&q, &p, scalar);
	encode_one(out, &q);
	CHECK_INT(crypto_scalarmult_ristretto255_base(want, scalar), 0);
	doubled(want, want);
	check_bytes(out, want, "s G");
}

TEST(multiply)
{
	/* The group's order less one, and scalars whose digits all carry or none. */
	static const uint8_t edge[][32] = {
		{ 1 }, { 2 }, { 8 }, { 9 }, { 16 }, { [31] = 0x10 },
		{ 0xec, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 },
		{ [0 ... 30] = 0x88, 0x08 }, { [0 ... 30] = 0x77, 0x07 }, { [0 ... 30] = 0xff, 0x0f },
	};
	uint8_t s[32];

	for (size_t i = 0; i < PET_ARRAY_SIZE(edge); i++)
		check_mul(edge[i]);
	for (int i = 0; i < TIMES; i++) {
		random_scalar(s);
		check_mul(s);
	}
}

TEST_MAIN(CASE(decode_and_encode), CASE(refusals), CASE(add_and_subtract), CASE(multiply))
