/* Every operation of the vector layer against what vec.h says of it, in plain C, at every level this machine has. */
#include "mpc/cpu_test.h"
#include "mpc/vec_ops.h"
#include "test.h"

CPU_KERNELS(vec_ops, vec_ops);

static uint64_t word(const struct block *b, int i)
{
	return b->w[i];
}

/* Interleave units of `bits` of the low or high halves. */
static struct block interleave(struct block a, struct block b, int high, unsigned bits)
{
	struct block r = block_zero();

	for (unsigned i = 0; i < 128; i++) {
		unsigned unit = i / bits, from = (unsigned)high * 64 + unit / 2 * bits + i % bits;

		r.w[i / 64] |= (uint64_t)block_bit(unit % 2 ? b : a, from) << i % 64;
	}
	return r;
}

static struct block clmul(uint64_t a, uint64_t b)
{
	struct block r = block_zero();

	for (int i = 0; i < 64; i++)
		if (b >> i & 1) {
			r.w[0] ^= a << i;
			r.w[1] ^= i ? a >> (64 - i) : 0;
		}
	return r;
}

/* All but AES rounds, which test_aes holds against FIPS 197. */
static int expect(enum vec_op op, struct block a, struct block b, struct block *r)
{
	switch (op) {
	case VEC_OP_XOR: *r = block_xor(a, b); break;
	case VEC_OP_AND: *r = block_and(a, b); break;
	case VEC_OP_ANDNOT: *r = block_set(~a.w[0] & b.w[0], ~a.w[1] & b.w[1]); break;
	case VEC_OP_ADD64: *r = block_set(a.w[0] + b.w[0], a.w[1] + b.w[1]); break;
	case VEC_OP_SHL64: *r = block_set(a.w[0] << 13, a.w[1] << 13); break;
	case VEC_OP_SHR64: *r = block_set(a.w[0] >> 57, a.w[1] >> 57); break;
	case VEC_OP_SWAP: *r = block_set(a.w[1], a.w[0]); break;
	case VEC_OP_SIGMA: *r = block_sigma(a); break;
	case VEC_OP_LSB_MASK: *r = block_mask(block_lsb(a)); break;
	case VEC_OP_LO8: *r = interleave(a, b, 0, 8); break;
	case VEC_OP_HI8: *r = interleave(a, b, 1, 8); break;
	case VEC_OP_LO16: *r = interleave(a, b, 0, 16); break;
	case VEC_OP_HI16: *r = interleave(a, b, 1, 16); break;
	case VEC_OP_LO32: *r = interleave(a, b, 0, 32); break;
	case VEC_OP_HI32: *r = interleave(a, b, 1, 32); break;
	case VEC_OP_LO64: *r = interleave(a, b, 0, 64); break;
	case VEC_OP_HI64: *r = interleave(a, b, 1, 64); break;
	case VEC_OP_CLMUL00: *r = clmul(word(&a, 0), word(&b, 0)); break;
	case VEC_OP_CLMUL01: *r = clmul(word(&a, 0), word(&b, 1)); break;
	case VEC_OP_CLMUL10: *r = clmul(word(&a, 1), word(&b, 0)); break;
	case VEC_OP_CLMUL11: *r = clmul(word(&a, 1), word(&b, 1)); break;
	default: return 0;
	}
	return 1;
}

static void check_all(const struct vec_results *r, const struct block a[4], const struct block b[4], const char *level)
{
	struct block fold = block_zero(), want;

	for (int i = 0; i < 4; i++) {
		for (int op = 0; op < VEC_OP_COUNT; op++)
			if (expect((enum vec_op)op, a[i], b[i], &want) && !block_equal(want, r->out[op][i])) {
				test_failed = 1;
				printf("# operation %d, block %d, level %s\n", op, i, level);
			}
		CHECK(block_equal(r->index[i], block_set(a[0].w[0] + (uint64_t)i, 0)));
		CHECK(block_equal(r->set[i], a[0]));
		CHECK(block_equal(r->rows[i][0], a[i]) && block_equal(r->rows[i][1], b[i]));
		CHECK(block_equal(r->rows[i][2], b[i]) && block_equal(r->rows[i][3], block_xor(a[i], b[i])));
		fold = block_xor(fold, a[i]);
	}
	CHECK(block_equal(r->fold, fold) && block_equal(r->first, a[0]));
}

TEST(operations)
{
	for (int l = CPU_PORTABLE; l < CPU_LEVELS; l++)
		for (uint64_t seed = 0; seed < 200 && cpu_set_level((enum cpu_level)l) == 0; seed++) {
			struct vec_results r;
			struct block in[8];

			cpu_test_data(in, 8, seed);
			/* carries, all ones and single bits too */
			if (seed % 3 == 1)
				in[seed % 8] = block_set(UINT64_MAX, UINT64_MAX);
			if (seed % 5 == 1)
				in[seed % 7] = block_set(UINT64_C(1) << seed % 64, 0);
			CPU_PICK(vec_ops)->all(&r, in, in + 4);
			check_all(&r, in, in + 4, cpu_level_name((enum cpu_level)l));
		}
}

TEST(dense_products)
{
	/* Where integer products with holes carry most: all ones against all ones, and every shift of them. */
	for (int l = CPU_PORTABLE; l < CPU_LEVELS; l++)
		for (int s = 0; s < 64 && cpu_set_level((enum cpu_level)l) == 0; s++) {
			struct block a[4], b[4];
			struct vec_results r;

			for (int i = 0; i < 4; i++) {
				a[i] = block_set(UINT64_MAX << s, UINT64_MAX >> s);
				b[i] = block_set(UINT64_MAX >> i, UINT64_MAX << i);
			}
			CPU_PICK(vec_ops)->all(&r, a, b);
			check_all(&r, a, b, cpu_level_name((enum cpu_level)l));
		}
}

TEST_MAIN(CASE(operations), CASE(dense_products))
