/* GF(2^128) against a bit-by-bit reference and the field's laws; every level. */
#include "base/util.h"
#include "levels.h"
#include "mpc/gf128.h"

/* Shift and add, straight from the definition. */
static struct block slow_mul(struct block a, struct block b)
{
	struct block r = block_zero();

	for (unsigned i = 0; i < 128; i++) {
		uint64_t top = a.w[1] >> 63;

		r = block_xor(r, block_and(a, block_mask(block_bit(b, i))));
		a = block_set(a.w[0] << 1 ^ top * 0x87, a.w[1] << 1 | a.w[0] >> 63);
	}
	return r;
}

#define MOST 130
static struct block a[MOST], b[MOST], want[MOST], got[MOST + 1];

/* Random, and with edges in front: 0, 1, x^127, all ones, x^64, x^63. */
static void operands(void)
{
	cpu_test_data(a, MOST, 1);
	cpu_test_data(b, MOST, 2);
	a[0] = block_zero();
	a[1] = b[2] = block_set(1, 0);
	a[3] = b[3] = b[4] = block_set(0, UINT64_C(1) << 63);
	a[5] = b[5] = b[6] = block_set(UINT64_MAX, UINT64_MAX);
	a[7] = b[7] = block_set(0, 1);
	a[8] = b[8] = block_set(UINT64_C(1) << 63, 0);
	for (size_t i = 0; i < MOST; i++)
		want[i] = slow_mul(a[i], b[i]);
}

TEST(known_answers)
{
	EACH_LEVEL {
		struct block x = block_set(2, 0), p = block_set(1, 0);

		/* x^128 = x^7 + x^2 + x + 1, and x^(2^128) = x */
		for (int i = 0; i < 128; i++)
			p = gf128_mul(p, x);
		CHECK(block_equal(p, block_set(0x87, 0)));
		for (int i = 0; i < 128; i++)
			x = gf128_mul(x, x);
		CHECK(block_equal(x, block_set(2, 0)));
	}
}

TEST(every_single_bit_pair)
{
	EACH_LEVEL
		for (unsigned i = 0; i < 128; i++)
			for (unsigned j = 0; j < 128; j++) {
				struct block x = block_zero(), y = block_zero(), p;

				x.w[i / 64] = UINT64_C(1) << i % 64;
				y.w[j / 64] = UINT64_C(1) << j % 64;
				p = gf128_mul(x, y);
				CHECK(block_equal(p, slow_mul(x, y)));
			}
}

TEST(mul_each_all_sizes)
{
	operands();
	EACH_LEVEL {
		for (size_t n = 0; n <= MOST; n++) {
			memset(got, 0x5a, sizeof(got));
			gf128_mul_each(got, a, b, n);
			CHECK_BLOCKS(got, want, n);
			CHECK(got[n].w[0] == UINT64_C(0x5a5a5a5a5a5a5a5a));
		}
		memcpy(got, a, sizeof(a));
		gf128_mul_each(got, got, b, MOST);
		CHECK_BLOCKS(got, want, MOST);
		for (size_t i = 0; i < MOST; i++)
			CHECK(block_equal(gf128_mul(a[i], b[i]), want[i]));
	}
}

TEST(mul_by_all_sizes)
{
	operands();
	EACH_LEVEL
		for (size_t n = 0; n <= MOST; n++) {
			struct block k = b[20];

			for (size_t i = 0; i < n; i++)
				want[i] = slow_mul(a[i], k);
			gf128_mul_by(got, a, k, n);
			CHECK_BLOCKS(got, want, n);
			for (size_t i = 0; i < n; i++)
				want[i] = block_xor(want[i], b[i]);
			memcpy(got, b, sizeof(b));
			gf128_add_mul_by(got, a, k, n);
			CHECK_BLOCKS(got, want, n);
			CHECK(n == MOST || block_equal(got[n], b[n]));
		}
}

TEST(odd_starts)
{
	operands();
	EACH_LEVEL
		for (size_t o = 0; o < 4; o++) {
			struct block sum = block_zero();

			gf128_mul_each(got + 3 - o, a + o, b + o, MOST - 3);
			CHECK_BLOCKS(got + 3 - o, want + o, MOST - 3);
			for (size_t i = o; i < MOST; i++)
				sum = block_xor(sum, want[i]);
			CHECK(block_equal(gf128_inner(a + o, b + o, MOST - o), sum));
		}
}

TEST(inner_all_sizes)
{
	operands();
	EACH_LEVEL {
		struct block sum = block_zero();

		for (size_t n = 0; n <= MOST; n++) {
			CHECK(block_equal(gf128_inner(a, b, n), sum));
			if (n < MOST)
				sum = block_xor(sum, want[n]);
		}
	}
}

TEST(field_laws_and_inverse)
{
	operands();
	EACH_LEVEL
		for (size_t i = 0; i + 2 < MOST; i++) {
			struct block ab = gf128_mul(a[i], b[i]), c = a[i + 1];

			CHECK(block_equal(ab, gf128_mul(b[i], a[i])));
			CHECK(block_equal(gf128_mul(ab, c), gf128_mul(a[i], gf128_mul(b[i], c))));
			CHECK(block_equal(gf128_mul(block_xor(a[i], c), b[i]), block_xor(ab, gf128_mul(c, b[i]))));
			if (i && i < 20)
				CHECK(block_equal(gf128_mul(a[i], gf128_inv(a[i])), block_set(1, 0)));
		}
	CHECK(block_equal(gf128_inv(block_zero()), block_zero()));
}

TEST_MAIN(CASE(known_answers), CASE(every_single_bit_pair), CASE(mul_each_all_sizes), CASE(mul_by_all_sizes),
	  CASE(odd_starts), CASE(inner_all_sizes), CASE(field_laws_and_inverse))
