#include "mpc/transpose.h"

#include "mpc/cpu.h"
#include "mpc/cpu_test.h"

CPU_KERNELS(transpose_ops, transpose_ops);

void transpose_planes(struct block *out, const struct block *planes, size_t stride, size_t n)
{
	CPU_PICK(transpose_ops)->planes(out, planes, stride, n);
}

int transpose_selftest(enum cpu_level level)
{
	static struct block in[128 * 7], x[128 * 7], y[128 * 7];

	cpu_test_data(in, PET_ARRAY_SIZE(in), 8);
	transpose_ops_table[CPU_PORTABLE]->planes(x, in, 7, 128 * 7);
	transpose_ops_table[level]->planes(y, in, 7, 128 * 7);
	return memcmp(x, y, sizeof(x)) == 0;
}
