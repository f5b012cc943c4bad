/*
 * Oblivious transfer: set-up and correlations of every kind and what is derived
 * from them, all randomness, messages and choices of both parties secret. Delta,
 * choice bits, leaves, LPN errors and results must decide no branch and no address.
 */
#include "ct_two.h"

#include <stdlib.h>

#include "base/util.h"
#include "mpc/lpn_code.h"
#include "mpc/ot_derive.h"

static int one_side(struct chan *c, enum ot_role role, enum ot_kind kind)
{
	const size_t n = 300;
	struct block *out = calloc(n, sizeof(*out));
	struct ot *o = NULL;
	int rc = ERR_NOMEM;

	if (!out)
		goto out;
	TRY(ot_new(&o, c, role, kind));
	ot_expect(o, n);
	rc = role == OT_SENDER ? ot_cot_send(o, out, n) : ot_cot_recv(o, out, n);
	if (rc == 0 && !(ct_reached(&out[0]) && ct_reached(&out[n - 1]))) {
		printf("# %s: the correlations depend on no secret\n", ot_kind_name(kind));
		rc = ERR_INTERNAL;
	}
	if (rc)
		printf("# %s, %s\n", ot_kind_name(kind), ot_error(o));
out:
	ot_free(o);
	free(out);
	return rc;
}

static int sender(struct chan *c, void *kind)
{
	return one_side(c, OT_SENDER, *(enum ot_kind *)kind);
}

static int receiver(struct chan *c, void *kind)
{
	return one_side(c, OT_RECEIVER, *(enum ot_kind *)kind);
}

#define N 37		/* transfers per derived call: bits do not end with a byte */
#define LEN 5
#define WIDTH 13

/* Messages, choices and outputs of one party; all inputs are secret. */
struct derived {
	struct block k0[N], k1[N];
	uint64_t diff[N], sum[N];
	uint8_t m0[N * LEN], m1[N * LEN], out[N * LEN], table[N][16];
	uint8_t bits[(N + 7) / 8], four[N];
};

static int derive_send(struct ot *o, struct derived *d)
{
	int rc;

	TRY(ot_rot_send(o, d->k0, d->k1, N));
	TRY(ot_pick_send(o, d->k0, d->k1, N));
	TRY(ot_send(o, d->m0, d->m1, LEN, N));
	TRY(ot_add_send(o, d->diff, d->sum, WIDTH, N));
	TRY(ot_xor_send(o, d->m0, d->out, LEN, N));
	TRY(ot16_send(o, (const uint8_t (*)[16])d->table, 3, N));
	rc = ct_reached(&d->k1[N - 1]) && ct_reached(&d->sum[N - 2]) ? 0 : ERR_INTERNAL;
out:
	return rc;
}

static int derive_recv(struct ot *o, struct derived *d)
{
	uint8_t random[sizeof(d->bits)];
	int rc;

	TRY(ot_rot_recv(o, d->k0, random, N));
	TRY(ot_pick_recv(o, d->k0, d->bits, N));
	TRY(ot_recv(o, d->bits, d->out, LEN, N));
	TRY(ot_add_recv(o, d->bits, d->sum, WIDTH, N));
	TRY(ot_xor_recv(o, d->bits, d->out, LEN, N));
	TRY(ot16_recv(o, d->four, d->out, 3, N));
	rc = ct_reached(&d->k0[N - 1]) && ct_reached(&d->sum[N - 2]) && ct_reached(d->out) ? 0 : ERR_INTERNAL;
out:
	return rc;
}

static int derive_side(struct chan *c, void *arg, enum ot_role role)
{
	struct derived *d = calloc(1, sizeof(*d));
	struct ot *o = NULL;
	int rc = ERR_NOMEM;

	(void)arg;
	if (!d)
		goto out;
	util_random(d, sizeof(*d));
	for (int i = 0; i < N; i++)
		d->four[i] &= 15;
	TRY(ot_new(&o, c, role, OT_SOFTSPOKEN4));
	rc = role == OT_SENDER ? derive_send(o, d) : derive_recv(o, d);
	if (rc)
		printf("# derived OT: %s\n", ot_error(o));
out:
	ot_free(o);
	free(d);
	return rc;
}

static int derive_sender(struct chan *c, void *arg)
{
	return derive_side(c, arg, OT_SENDER);
}

static int derive_receiver(struct chan *c, void *arg)
{
	return derive_side(c, arg, OT_RECEIVER);
}

/* The matrix is public, table and sums are not. */
static int lpn(void)
{
	static struct block table[256], sums[2 * LPN_GROUP];
	struct lpn_code c;

	util_random(table, sizeof(table));
	lpn_code_init(&c, block_set(1, 2), 8);
	lpn_code_add(&c, 0, table, sums, PET_ARRAY_SIZE(sums));
	return ct_reached(&sums[0]) && ct_reached(&sums[2 * LPN_GROUP - 1]) ? 0 : ERR_INTERNAL;
}

int main(int argc, char **argv)
{
	enum ot_kind kinds[] = { OT_SOFTSPOKEN2, OT_SOFTSPOKEN4, OT_SOFTSPOKEN8, OT_FERRET };
	size_t count = PET_ARRAY_SIZE(kinds);
	struct block secret;
	int rc;

	util_random(&secret, sizeof(secret));
	rc = ct_main(argc, argv, &secret);
	if (rc >= 0)
		return rc;
	/* Ferret starts from 70,000 correlations: in plain C under valgrind, minutes. ct_ggm and lpn() have its kernels. */
	if (cpu_level() == CPU_PORTABLE)
		count--;
	rc = lpn();
	for (size_t i = 0; i < count; i++)
		rc |= ct_two(sender, receiver, &kinds[i]);
	rc |= ct_two(derive_sender, derive_receiver, NULL);
	return rc != 0;
}
