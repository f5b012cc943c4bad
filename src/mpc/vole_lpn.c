#include "mpc/vole_lpn.h"

#include "mpc/cpu.h"
#include "mpc/cpu_test.h"

CPU_KERNELS(vole_lpn_ops, vole_lpn_ops);

void vole_lpn_init(struct vole_lpn *l, struct block public_seed, uint32_t k)
{
	aes_key_set(&l->key, public_seed);
	l->mask = k - 1;
}

void vole_lpn_send(const struct vole_lpn *l, uint64_t first, struct block *b, size_t n, const struct block *b0)
{
	CPU_PICK(vole_lpn_ops)->send(l, first, b, n, b0);
}

void vole_lpn_recv(const struct vole_lpn *l, uint64_t first, struct block *a, struct block *c, size_t n,
		   const struct block *ac0)
{
	CPU_PICK(vole_lpn_ops)->recv(l, first, a, c, n, ac0);
}

#define TEST_K 64
#define TEST_ROWS 7	/* ragged at every level; the portable side of more would take a millisecond */

int vole_lpn_selftest(enum cpu_level level)
{
	const struct vole_lpn_ops *p = vole_lpn_ops_table[CPU_PORTABLE], *q = vole_lpn_ops_table[level];
	struct vole_lpn l = { .mask = TEST_K - 1 };
	struct block seed[2 * TEST_K], x[2][TEST_ROWS], y[2][TEST_ROWS];
	int ok;

	/* Any round keys do: aes_key_set would ask for the level that is being chosen. */
	cpu_test_data(l.key.rk, 11, 7);
	cpu_test_data(seed, 2 * TEST_K, 8);
	cpu_test_data(x[0], 2 * TEST_ROWS, 9);
	memcpy(y, x, sizeof(x));
	p->send(&l, VOLE_LPN_GROUP, x[0], TEST_ROWS, seed);
	q->send(&l, VOLE_LPN_GROUP, y[0], TEST_ROWS, seed);
	ok = memcmp(x, y, sizeof(x)) == 0;
	p->recv(&l, 0, x[0], x[1], TEST_ROWS, seed);
	q->recv(&l, 0, y[0], y[1], TEST_ROWS, seed);
	return ok && memcmp(x, y, sizeof(x)) == 0;
}
