#include "mpc/hash.h"

#include "mpc/cpu.h"
#include "mpc/cpu_test.h"

CPU_KERNELS(hash_ops, hash_ops);

void hash_init(struct hash *h, struct block session, uint32_t domain)
{
	aes_key_set(&h->prf, session);
	h->domain = domain;
}

void hash_wipe(struct hash *h)
{
	explicit_bzero(h, sizeof(*h));
}

void hash_key(const struct hash *h, uint64_t span, struct aes_key *key)
{
	CPU_PICK(hash_ops)->key(h, span, key);
}

/* How many of n indices from `index` on share its key. */
static size_t under_one_key(uint64_t index, size_t n)
{
	size_t left = HASH_KEY_SPAN - (size_t)(index % HASH_KEY_SPAN);

	return n < left ? n : left;
}

void hash_blocks(const struct hash *h, uint64_t index, const struct block *in, struct block *out, size_t n)
{
	const struct hash_ops *ops = CPU_PICK(hash_ops);
	struct aes_key key;

	for (size_t i = 0, part; i < n; i += part) {
		part = under_one_key(index + i, n - i);
		ops->key(h, (index + i) / HASH_KEY_SPAN, &key);
		ops->blocks(&key, index + i, in + i, out + i, part);
	}
	explicit_bzero(&key, sizeof(key));
}

void hash_pairs(const struct hash *h, uint64_t index, const struct block *in, struct block delta,
		struct block *out0, struct block *out1, size_t n)
{
	const struct hash_ops *ops = CPU_PICK(hash_ops);
	struct aes_key key;

	for (size_t i = 0, part; i < n; i += part) {
		struct block *const out[2] = { out0 + i, out1 + i };

		part = under_one_key(index + i, n - i);
		ops->key(h, (index + i) / HASH_KEY_SPAN, &key);
		ops->pairs(&key, index + i, in + i, delta, out, part);
	}
	explicit_bzero(&key, sizeof(key));
}

int hash_selftest(enum cpu_level level)
{
	const struct hash_ops *a = hash_ops_table[CPU_PORTABLE], *b = hash_ops_table[level];
	struct block in[71], x[2][71], y[2][71], delta;
	struct block *const px[2] = { x[0], x[1] }, *const py[2] = { y[0], y[1] };
	struct hash h = { .domain = HASH_TEST };
	struct aes_key k, kb;
	int ok;

	cpu_test_data(h.prf.rk, 11, 3);	/* any round keys do */
	a->key(&h, 12, &k);
	b->key(&h, 12, &kb);
	cpu_test_data(in, 71, 4);
	cpu_test_data(&delta, 1, 5);
	a->blocks(&k, 9, in, x[0], 71);
	b->blocks(&k, 9, in, y[0], 71);
	ok = memcmp(x[0], y[0], sizeof(x[0])) == 0 && memcmp(&k, &kb, sizeof(k)) == 0;
	a->pairs(&k, 11, in, delta, px, 71);
	b->pairs(&k, 11, in, delta, py, 71);
	return ok && memcmp(x, y, sizeof(x)) == 0;
}
