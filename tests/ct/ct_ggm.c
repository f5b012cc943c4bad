/* Correlated GGM trees: COTs, Delta and so the place of the missing leaf are secret. */
#include "ct.h"

#include "mpc/cpu_test.h"
#include "mpc/ggm.h"

#define DEPTH 6
static struct block q[GGM_LANES * DEPTH], m[GGM_LANES * DEPTH], corrections[GGM_LANES * DEPTH];
static struct block leaves[GGM_LANES << DEPTH], delta;

/* m = q ^ c Delta with the LSB as c. */
static void correlations(void)
{
	struct block c[GGM_LANES * DEPTH];

	(void)cpu_level();
	cpu_test_data(q, PET_ARRAY_SIZE(q), 1);
	cpu_test_data(c, PET_ARRAY_SIZE(c), 2);
	cpu_test_data(&delta, 1, 3);
	delta.w[0] |= 1;
	CT_SECRET(q, sizeof(q));
	CT_SECRET(c, sizeof(c));
	CT_SECRET(&delta, sizeof(delta));
	for (size_t i = 0; i < PET_ARRAY_SIZE(q); i++) {
		q[i].w[0] &= ~UINT64_C(1);
		m[i] = block_xor(q[i], block_and(delta, block_mask(c[i].w[0])));
	}
}

static int reached(const char *what)
{
	if (ct_reached(&leaves[0]) && ct_reached(&leaves[PET_ARRAY_SIZE(leaves) - 1]))
		return 0;
	printf("# %s: the leaves depend on no secret\n", what);
	return 1;
}

int main(int argc, char **argv)
{
	struct block sum[GGM_LANES];
	uint32_t alpha[GGM_LANES];
	struct ggm g;
	int rc;

	correlations();
	rc = ct_main(argc, argv, q);
	if (rc >= 0)
		return rc;
	ggm_init(&g, block_set(1, 2), DEPTH);
	ggm_send(&g, 3, q, delta, leaves, corrections);
	rc = reached("sender");
	CT_PUBLIC(corrections, sizeof(corrections));	/* they are sent */
	ggm_recv(&g, 3, m, corrections, leaves, alpha);
	rc |= reached("receiver");
	ggm_hash_leaves(&g, 3, leaves, sum);
	ggm_xor_at(&g, leaves, alpha, sum);
	return rc | reached("hashed");
}
