/* Transposition against one bit at a time; every level. */
#include "levels.h"
#include "mpc/transpose.h"

#define BLOCKS 18
#define STRIDE 21
static struct block in[128 * STRIDE + 1], got[128 * BLOCKS + 1], want[128 * BLOCKS];

static void slow(struct block *out, const struct block *planes, size_t stride, size_t n)
{
	memset(out, 0, n * sizeof(out[0]));
	for (size_t i = 0; i < n; i++)
		for (size_t b = 0; b < 128; b++)
			out[i].w[b / 64] |= (planes[b * stride + i / 128].w[i / 64 % 2] >> i % 64 & 1) << b % 64;
}

TEST(all_sizes)
{
	cpu_test_data(in, PET_ARRAY_SIZE(in), 1);
	EACH_LEVEL
		for (size_t n = 0; n <= 128 * BLOCKS; n += 128)
			for (size_t stride = n / 128; stride <= STRIDE; stride += 3) {
				slow(want, in, stride, n);
				memset(got, 0x5a, sizeof(got));
				transpose_planes(got, in, stride, n);
				CHECK_BLOCKS(got, want, n);
				CHECK(got[n].w[0] == UINT64_C(0x5a5a5a5a5a5a5a5a));
			}
}

/* Vectors wider than a block meet every alignment. */
TEST(odd_starts)
{
	cpu_test_data(in, PET_ARRAY_SIZE(in), 2);
	EACH_LEVEL {
		slow(want, in + 1, STRIDE, 128 * (BLOCKS - 1));
		transpose_planes(got + 1, in + 1, STRIDE, 128 * (BLOCKS - 1));
		CHECK_BLOCKS(got + 1, want, 128 * (BLOCKS - 1));
	}
}

TEST(single_bits)
{
	EACH_LEVEL
		for (size_t at = 0; at < 128 * 512; at += 37) {
			size_t plane = at / 512, row = at % 512;

			memset(in, 0, 128 * 4 * sizeof(in[0]));
			in[plane * 4 + row / 128].w[row / 64 % 2] = UINT64_C(1) << row % 64;
			transpose_planes(got, in, 4, 512);
			for (size_t i = 0; i < 512; i++) {
				struct block w = block_zero();

				if (i == row)
					w.w[plane / 64] = UINT64_C(1) << plane % 64;
				CHECK(block_equal(got[i], w));
			}
		}
}

TEST_MAIN(CASE(all_sizes), CASE(odd_starts), CASE(single_bits))
