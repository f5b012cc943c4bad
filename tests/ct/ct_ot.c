/*
 * Oblivious transfer: set-up and correlations of every kind, all randomness of
 * both parties secret. Delta, choice bits, leaves and results must decide no
 * branch and no address.
 */
#include "ct_two.h"

#include <stdlib.h>

#include "base/util.h"
#include "mpc/ot.h"

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

int main(int argc, char **argv)
{
	enum ot_kind kinds[] = { OT_SOFTSPOKEN2, OT_SOFTSPOKEN4, OT_SOFTSPOKEN8 };
	struct block secret;
	int rc;

	util_random(&secret, sizeof(secret));
	rc = ct_main(argc, argv, &secret);
	if (rc >= 0)
		return rc;
	rc = 0;
	for (size_t i = 0; i < PET_ARRAY_SIZE(kinds); i++)
		rc |= ct_two(sender, receiver, &kinds[i]);
	return rc != 0;
}
