/* The symmetric core on secret keys, inputs and states: no branch, no address depends on them. */
#include "ct.h"

#include "mpc/cpu_test.h"
#include "mpc/gf128.h"
#include "mpc/hash.h"
#include "mpc/prg.h"
#include "mpc/transpose.h"

#define N 83	/* whole vecs and a rest at every level */

static struct block in[N], other[N], out[N], out1[N], key, planes[128 * 5], rows[128 * 5];

static void secrets(void)
{
	(void)cpu_level();	/* the self-tests compare, on data of their own */
	cpu_test_data(in, N, 1);
	cpu_test_data(other, N, 2);
	cpu_test_data(&key, 1, 3);
	cpu_test_data(planes, 128 * 5, 4);
	CT_SECRET(in, sizeof(in));
	CT_SECRET(other, sizeof(other));
	CT_SECRET(&key, sizeof(key));
	CT_SECRET(planes, sizeof(planes));
}

/* Every result that a case left behind must depend on the secrets. */
static int reached(const char *what)
{
	if (ct_reached(&out[0]) && ct_reached(&out[N - 1]))
		return 1;
	printf("# %s: the results depend on no secret\n", what);
	return 0;
}

static void blocks(void)
{
	int e = block_equal(in[0], in[1]);

	out[0] = out[N - 1] = block_and(block_mask(in[0].w[0]), block_sigma(in[1]));
	CT_PUBLIC(&e, sizeof(e));
	printf("# equal %d\n", e);
}

static void aes(void)
{
	struct aes_key k;

	aes_key_set(&k, key);
	aes_ctr(&k, 5, 9, out1, N);
	aes_ecb(&k, out, out1, N);
}

static void prg(void)
{
	struct prg p;

	prg_init(&p, key);
	prg_fill(&p, (char *)out + 1, sizeof(out) - 1);
	prg_wipe(&p);
}

static void hashes(void)
{
	struct hash h;

	hash_init(&h, key, HASH_TEST);
	hash_blocks(&h, HASH_KEY_SPAN - 11, in, out1, N);
	hash_pairs(&h, HASH_KEY_SPAN - 11, out1, key, out, out1, N);
	hash_wipe(&h);
}

static void field(void)
{
	gf128_mul_each(out, in, other, N);
	gf128_mul_by(out1, out, key, N);
	gf128_add_mul_by(out, out1, key, N);
	out[0] = gf128_inner(out, other, N);
	out[1] = gf128_inv(gf128_mul(key, out[1]));
}

static void bits(void)
{
	transpose_planes(rows, planes, 5, 128 * 5);
	memcpy(out, rows, sizeof(out));
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "block", blocks }, { "aes", aes }, { "prg", prg }, { "hash", hashes }, { "gf128", field }, { "transpose", bits },
};

int main(int argc, char **argv)
{
	int rc;

	secrets();
	rc = ct_main(argc, argv, &key);
	if (rc >= 0)
		return rc;
	rc = 0;
	for (size_t i = 0; i < PET_ARRAY_SIZE(cases); i++) {
		memset(out, 0, sizeof(out));
		cases[i].run();
		rc |= !reached(cases[i].name);
	}
	return rc;
}
