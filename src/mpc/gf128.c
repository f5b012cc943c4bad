#include "mpc/gf128.h"

#include "mpc/cpu.h"
#include "mpc/cpu_test.h"

CPU_KERNELS(gf128_ops, gf128_ops);

struct block gf128_mul(struct block a, struct block b)
{
	return CPU_PICK(gf128_ops)->mul(a, b);
}

void gf128_mul_each(struct block *out, const struct block *a, const struct block *b, size_t n)
{
	CPU_PICK(gf128_ops)->mul_each(out, a, b, n);
}

void gf128_mul_by(struct block *out, const struct block *a, struct block k, size_t n)
{
	CPU_PICK(gf128_ops)->mul_by(out, a, k, n, 0);
}

void gf128_add_mul_by(struct block *acc, const struct block *a, struct block k, size_t n)
{
	CPU_PICK(gf128_ops)->mul_by(acc, a, k, n, 1);
}

struct block gf128_inner(const struct block *a, const struct block *b, size_t n)
{
	return CPU_PICK(gf128_ops)->inner(a, b, n);
}

/*
 * Fermat with Itoh and Tsujii's chain: e_m = a^(2^m - 1), e_{2m} = e_m^(2^m) e_m,
 * e_{m+1} = e_m^2 a; then a^(2^128 - 2) = e_127^2. 127 = 1111111 in binary.
 */
struct block gf128_inv(struct block a)
{
	struct block e = a;

	for (unsigned m = 1; m < 127; m = 2 * m + 1) {
		struct block t = e;

		for (unsigned i = 0; i < m; i++)
			t = gf128_mul(t, t);
		e = gf128_mul(t, e);
		e = gf128_mul(gf128_mul(e, e), a);
	}
	return gf128_mul(e, e);
}

int gf128_selftest(enum cpu_level level)
{
	const struct gf128_ops *a = gf128_ops_table[CPU_PORTABLE], *b = gf128_ops_table[level];
	struct block in[2][37], x[37], y[37], s, t;
	int ok;

	cpu_test_data(in[0], 2 * 37, 6);
	a->mul_each(x, in[0], in[1], 37);
	b->mul_each(y, in[0], in[1], 37);
	ok = memcmp(x, y, sizeof(x)) == 0;
	a->mul_by(x, in[0], in[1][0], 37, 1);
	b->mul_by(y, in[0], in[1][0], 37, 1);
	ok &= memcmp(x, y, sizeof(x)) == 0;
	s = a->inner(in[0], in[1], 37);
	t = b->inner(in[0], in[1], 37);
	ok &= block_equal(a->mul(s, x[0]), b->mul(t, y[0]));
	return ok && block_equal(s, t);
}
