#include "mpc/ot_seed.h"

#include <sodium.h>

#include "mpc/ot_derive.h"

static const uint8_t session_domain[16] = "pet ot_seed sid";

static struct block derive_session(const struct ot *from)
{
	struct block in[2] = { ot_session(from), block_set(ot_used(from), 0) }, session;

	crypto_generichash_blake2b_salt_personal((uint8_t *)&session, sizeof(session), (const uint8_t *)in, sizeof(in),
						 NULL, 0, NULL, session_domain);
	return session;
}

int ot_seed_send(struct ot *from, struct block (*keys)[2], struct block *session)
{
	struct block k0[OT_BASE], k1[OT_BASE];
	int rc;

	*session = derive_session(from);
	rc = ot_pick_send(from, k0, k1, OT_BASE);
	for (unsigned i = 0; i < OT_BASE && !rc; i++) {
		keys[i][0] = k0[i];
		keys[i][1] = k1[i];
	}
	explicit_bzero(k0, sizeof(k0));
	explicit_bzero(k1, sizeof(k1));
	return rc;
}

int ot_seed_recv(struct ot *from, struct block choice, struct block *keys, struct block *session)
{
	*session = derive_session(from);
	return ot_pick_recv(from, keys, (const uint8_t *)&choice, OT_BASE);
}
