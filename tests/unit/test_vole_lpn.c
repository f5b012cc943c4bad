/* The LPN product of the VOLE against the matrix written out from its definition; every level, ragged ends. */
#include "levels.h"
#include "mpc/gf128.h"
#include "mpc/vole_lpn.h"

#define K 256
#define MOST 200
static struct block seed[2 * K], a0[K], c0[K], in[2][MOST + 1], want[2][MOST + 1], got[2][MOST + 1];
static struct vole_lpn lpn;

/* Row r of A times s, from the stream as vole_lpn.h draws it: 736 blocks for 64 rows. */
static struct block slow_row(uint64_t r, const struct block *s)
{
	uint64_t base = r / 64 * 736, i = r % 64;
	struct block places[160], coef, sum;
	uint32_t idx[10];

	aes_ctr(&lpn.key, 0, base, places, 160);
	memcpy(idx, (const uint8_t *)places + i * sizeof(idx), sizeof(idx));
	sum = s[idx[0] % K];
	for (uint64_t j = 1; j < 10; j++) {
		aes_ctr(&lpn.key, 0, base + 160 + 64 * (j - 1) + i, &coef, 1);
		sum = block_xor(sum, gf128_mul(coef, s[idx[j] % K]));
	}
	return sum;
}

static void setup(void)
{
	vole_lpn_init(&lpn, block_set(1, 2), K);
	cpu_test_data(seed, 2 * K, 3);
	cpu_test_data(in[0], 2 * (MOST + 1), 4);
	for (size_t i = 0; i < K; i++) {
		a0[i] = seed[2 * i];
		c0[i] = seed[2 * i + 1];
	}
}

/* Rows first … first + n - 1 added to in. */
static void expect(uint64_t first, size_t n)
{
	memcpy(want, in, sizeof(in));
	for (size_t i = 0; i < n; i++) {
		want[0][i] = block_xor(want[0][i], slow_row(first + i, a0));
		want[1][i] = block_xor(want[1][i], slow_row(first + i, c0));
	}
}

TEST(rows_as_defined)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 5, 63, 64, 65, 127, 128, 129, MOST };
	static const uint64_t firsts[] = { 0, 64, UINT64_C(64) << 20 };

	setup();
	for (size_t f = 0; f < PET_ARRAY_SIZE(firsts); f++)
		for (size_t k = 0; k < PET_ARRAY_SIZE(sizes); k++) {
			size_t n = sizes[k];

			expect(firsts[f], n);
			EACH_LEVEL {
				memcpy(got, in, sizeof(in));
				vole_lpn_recv(&lpn, firsts[f], got[0], got[1], n, seed);
				CHECK_BLOCKS(got[0], want[0], MOST + 1);
				CHECK_BLOCKS(got[1], want[1], MOST + 1);
				memcpy(got, in, sizeof(in));
				vole_lpn_send(&lpn, firsts[f], got[0], n, a0);
				CHECK_BLOCKS(got[0], want[0], MOST + 1);
			}
		}
}

/* What VOLE needs of it: A is linear over the field. */
TEST(linear_over_the_field)
{
	static struct block b0[K], out[MOST], zero[MOST];
	struct block delta = block_set(0x123456789, 0x987654321);

	setup();
	EACH_LEVEL {
		for (size_t i = 0; i < K; i++)
			b0[i] = block_xor(a0[i], gf128_mul(c0[i], delta));
		memset(out, 0, sizeof(out));
		memset(got, 0, sizeof(got));
		vole_lpn_send(&lpn, 0, out, MOST, b0);
		vole_lpn_recv(&lpn, 0, got[0], got[1], MOST, seed);
		for (size_t i = 0; i < MOST; i++)
			out[i] = block_xor(out[i], block_xor(got[0][i], gf128_mul(got[1][i], delta)));
		CHECK_BLOCKS(out, zero, MOST);
	}
}

/* Coefficients fill the field and places the whole range: a matrix over a part of either would pass the tests above. */
TEST(places_and_coefficients_vary)
{
	static struct block unit[K], out[640];
	unsigned hit[K] = { 0 }, ones = 0, nonzero = 0;

	vole_lpn_init(&lpn, block_set(5, 6), K);
	for (size_t c = 0; c < K; c++) {
		memset(unit, 0, sizeof(unit));
		memset(out, 0, sizeof(out));
		unit[c] = block_set(1, 0);
		vole_lpn_send(&lpn, 0, out, 640, unit);
		for (size_t i = 0; i < 640; i++) {
			if (block_equal(out[i], block_zero()))
				continue;
			hit[c]++;
			if (block_equal(out[i], block_set(1, 0)))
				ones++;
			else
				nonzero += (unsigned)(__builtin_popcountll(out[i].w[0]) +
						      __builtin_popcountll(out[i].w[1]));
		}
		/* 25 expected; 5 … 60 with overwhelming probability */
		CHECK(hit[c] >= 5 && hit[c] <= 60);
	}
	/* one coefficient 1 in every row, unless its place is hit again */
	CHECK(ones > 560 && ones <= 640);
	/* 5760 coefficients of 64 bits each on average */
	CHECK(nonzero > 340000 && nonzero < 390000);
}

TEST_MAIN(CASE(rows_as_defined), CASE(linear_over_the_field), CASE(places_and_coefficients_vary))
