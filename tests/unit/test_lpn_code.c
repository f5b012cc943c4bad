/* The LPN matrix against its definition, row by row, at every level; its places are spread evenly. */
#include "levels.h"
#include "mpc/lpn_code.h"

#define ROWS (8 * LPN_GROUP)

static struct block table[1 << 17], out[ROWS], want[ROWS];

static struct block seed(uint64_t n)
{
	struct block s;

	cpu_test_data(&s, 1, n);
	return s;
}

/* Word i of the stream, from the definition. */
static uint32_t word(const struct lpn_code *c, uint64_t i)
{
	struct block b = block_set(i / 4, 0);
	uint32_t w[4];

	aes_ecb(&c->key, &b, &b, 1);
	memcpy(w, &b, sizeof(w));
	return w[i % 4];
}

TEST(places_are_words_of_the_stream)
{
	struct lpn_code c;

	lpn_code_init(&c, seed(1), 13);
	for (uint64_t row = 0; row < 300; row++) {
		uint64_t r = row < 200 ? row : row << 30;
		uint32_t at[LPN_WEIGHT];

		lpn_code_row(&c, r, at);
		for (unsigned d = 0; d < LPN_WEIGHT; d++)
			CHECK_INT(at[d], (word(&c, r * LPN_WEIGHT + d) >> 4) % (1 << 13));
	}
}

static void slow_add(const struct lpn_code *c, uint64_t first, struct block *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t at[LPN_WEIGHT];

		lpn_code_row(c, first + i, at);
		for (int d = 0; d < LPN_WEIGHT; d++)
			to[i] = block_xor(to[i], table[at[d]]);
	}
}

TEST(sums_against_rows)
{
	static const unsigned logs[] = { 2, 3, 10, 16, 17 };
	static const uint64_t firsts[] = { 0, LPN_GROUP, 5 * LPN_GROUP, (uint64_t)1 << 40 };

	cpu_test_data(table, PET_ARRAY_SIZE(table), 2);
	for (size_t l = 0; l < PET_ARRAY_SIZE(logs); l++) {
		for (size_t f = 0; f < PET_ARRAY_SIZE(firsts); f++) {
			struct lpn_code c;

			lpn_code_init(&c, seed(l), logs[l]);
			cpu_test_data(want, ROWS, f);
			slow_add(&c, firsts[f], want, ROWS);
			EACH_LEVEL {
				cpu_test_data(out, ROWS, f);
				lpn_code_add(&c, firsts[f], table, out, ROWS);
				CHECK_BLOCKS(out, want, ROWS);
			}
		}
	}
}

TEST(parts_do_not_matter_and_nothing_else_is_written)
{
	struct lpn_code c;

	lpn_code_init(&c, seed(3), 17);
	EACH_LEVEL {
		cpu_test_data(want, ROWS, 4);
		memcpy(out, want, sizeof(out));
		lpn_code_add(&c, 0, table, want, 0);
		CHECK_BLOCKS(out, want, ROWS);
		lpn_code_add(&c, 0, table, want, ROWS);
		for (size_t i = 0, n = LPN_GROUP; i < ROWS; i += n, n = ROWS - i < 3 * LPN_GROUP ? ROWS - i : 3 * LPN_GROUP) {
			struct block after = i + n < ROWS ? out[i + n] : block_zero();

			lpn_code_add(&c, i, table, out + i, n);
			CHECK(i + n >= ROWS || block_equal(out[i + n], after));
		}
		CHECK_BLOCKS(out, want, ROWS);
	}
}

/* Chi-square over 2^10 cells with a fixed key: 1023 +- 5 standard deviations of 45. */
TEST(places_are_even)
{
	static uint32_t cells[1 << 10];
	const double mean = 10.0 * 20000 / 1024;
	double chi = 0;

	for (unsigned shift = 0; shift <= 7; shift += 7) {
		struct lpn_code c;

		lpn_code_init(&c, seed(5), 17);
		memset(cells, 0, sizeof(cells));
		chi = 0;
		for (uint64_t r = 0; r < 20000; r++) {
			uint32_t at[LPN_WEIGHT];

			lpn_code_row(&c, r, at);
			for (int d = 0; d < LPN_WEIGHT; d++)
				cells[at[d] >> shift & 1023]++;
		}
		for (int i = 0; i < 1024; i++)
			chi += (cells[i] - mean) * (cells[i] - mean) / mean;
		CHECK(chi > 1023 - 5 * 45 && chi < 1023 + 5 * 45);
	}
}

TEST_MAIN(CASE(places_are_words_of_the_stream), CASE(sums_against_rows),
	  CASE(parts_do_not_matter_and_nothing_else_is_written), CASE(places_are_even))
