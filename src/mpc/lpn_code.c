#include "mpc/lpn_code.h"

#include <assert.h>

#include "mpc/cpu.h"
#include "mpc/cpu_test.h"

CPU_KERNELS(lpn_ops, lpn_ops);

void lpn_code_init(struct lpn_code *c, struct block public_seed, unsigned log_k)
{
	assert(log_k >= 2 && log_k <= 28);
	aes_key_set(&c->key, public_seed);
	c->mask = ((UINT32_C(1) << log_k) - 1) << 4;
}

void lpn_code_add(const struct lpn_code *c, uint64_t first, const struct block *table, struct block *out, size_t n)
{
	assert(first % LPN_GROUP == 0 && n % LPN_GROUP == 0);
	if (n)
		CPU_PICK(lpn_ops)->add(c, first, table, out, n);
}

void lpn_code_row(const struct lpn_code *c, uint64_t row, uint32_t at[LPN_WEIGHT])
{
	struct block b[4];
	uint32_t w[16];

	aes_ctr(&c->key, 0, row * LPN_WEIGHT / 4, b, 4);
	memcpy(w, b, sizeof(w));
	for (size_t d = 0; d < LPN_WEIGHT; d++)
		at[d] = (w[row * LPN_WEIGHT % 4 + d] & c->mask) >> 4;
}

int lpn_selftest(enum cpu_level level)
{
	const struct lpn_ops *k[2] = { lpn_ops_table[CPU_PORTABLE], lpn_ops_table[level] };
	struct block table[64], out[2][2 * LPN_GROUP];
	struct lpn_code c = { .mask = 63 << 4 };

	cpu_test_data(c.key.rk, 11, 10);
	cpu_test_data(table, 64, 11);
	for (int i = 0; i < 2; i++) {
		cpu_test_data(out[i], 2 * LPN_GROUP, 12);
		k[i]->add(&c, 3 * LPN_GROUP, table, out[i], 2 * LPN_GROUP);
	}
	return memcmp(out[0], out[1], sizeof(out[0])) == 0;
}
