#include "mpc/vole_params.h"

const struct vole_tuple vole_tuples[VOLE_TUPLES] = {
	{ 2048, 4, 800, -1 },		/*    12,800 */
	{ 8192, 6, 3000, 0 },		/*   192,000 */
	{ 16384, 7, 3000, 1 },		/*   384,000 */
	{ 32768, 8, 4000, 1 },		/* 1,024,000 */
	{ 65536, 9, 4600, 1 },		/* 2,355,200 */
	{ 131072, 10, 5200, 1 },	/* 5,324,800 */
};

uint32_t vole_tuple_trees(const struct vole_tuple *t, uint64_t n)
{
	uint64_t group = UINT64_C(4) << t->depth;

	return (uint32_t)((n + group - 1) / group * 4);
}

int vole_tuple_for(uint64_t n)
{
	int i = 0;

	if (n <= VOLE_DIRECT_MAX)
		return -1;
	while (i < VOLE_TUPLES - 1 && vole_tuple_size(&vole_tuples[i]) < n)
		i++;
	return i;
}

uint64_t vole_tuple_cots(int from, uint64_t n)
{
	uint64_t cots = 0;

	for (; from >= 0; from = vole_tuples[from].from) {
		const struct vole_tuple *t = &vole_tuples[from];
		uint32_t trees = vole_tuple_trees(t, n);

		cots += (uint64_t)trees * t->depth;
		n = (uint64_t)t->k + trees;
	}
	return cots + 128 * n;
}
