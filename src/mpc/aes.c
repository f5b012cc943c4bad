#include "mpc/aes.h"

#include "mpc/cpu.h"
#include "mpc/cpu_test.h"

CPU_KERNELS(aes_ops, aes_ops);

void aes_key_set(struct aes_key *k, struct block key)
{
	CPU_PICK(aes_ops)->key_set(k, key);
}

void aes_ecb(const struct aes_key *k, struct block *out, const struct block *in, size_t n)
{
	CPU_PICK(aes_ops)->ecb(k, out, in, n);
}

void aes_ctr(const struct aes_key *k, uint64_t tweak, uint64_t first, struct block *out, size_t n)
{
	CPU_PICK(aes_ops)->ctr(k, tweak, first, out, n);
}

/* Every count from none to beyond two chunks of the widest level. */
int aes_selftest(enum cpu_level level)
{
	const struct aes_ops *a = aes_ops_table[CPU_PORTABLE], *b = aes_ops_table[level];
	struct block in[71], x[71], y[71], key;
	struct aes_key ka, kb;
	int ok;

	cpu_test_data(&key, 1, 1);
	cpu_test_data(in, 71, 2);
	a->key_set(&ka, key);
	b->key_set(&kb, key);
	ok = memcmp(&ka, &kb, sizeof(ka)) == 0;
	a->ecb(&ka, x, in, 71);
	for (size_t n = 0; n <= 71; n++) {
		memset(y, 0, sizeof(y));
		b->ecb(&ka, y, in, n);
		ok &= memcmp(x, y, n * sizeof(x[0])) == 0;
	}
	a->ctr(&ka, 7, UINT64_MAX - 40, x, 71);
	b->ctr(&ka, 7, UINT64_MAX - 40, y, 71);
	return ok && memcmp(x, y, sizeof(x)) == 0;
}
