#include "mpc/cpu_test.h"
#include "mpc/vec_ops.h"

CPU_KERNELS(vec_ops, vec_ops);

int vec_selftest(enum cpu_level level)
{
	struct vec_results x, y;
	struct block in[8];

	memset(&x, 0, sizeof(x));
	memset(&y, 0, sizeof(y));
	cpu_test_data(in, 8, 9);
	vec_ops_table[CPU_PORTABLE]->all(&x, in, in + 4);
	vec_ops_table[level]->all(&y, in, in + 4);
	return memcmp(&x, &y, sizeof(x)) == 0;
}
