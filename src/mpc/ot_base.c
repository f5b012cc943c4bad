#include "mpc/ot_base.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/util.h"

static const uint8_t key_domain[16] = "pet ot_base key", session_domain[16] = "pet ot_base sid";

static int broke(struct errmsg *em, const char *what)
{
	return errmsg_set(em, ERR_PEER, "BAD_PEER", "base OT: the other party sent %s", what);
}

/* Uniform modulo the group's order: 64 bytes reduced. */
static void random_scalar(uint8_t scalar[32])
{
	uint8_t wide[64];

	util_random(wide, sizeof(wide));
	crypto_core_ristretto255_scalar_reduce(scalar, wide);
	sodium_memzero(wide, sizeof(wide));
}

/* H(i, A, R_i, P): the index stands in BLAKE2b's salt, the domain in its personal string. */
static struct block derive_key(uint8_t index, const uint8_t *a, const uint8_t *r, const uint8_t *p)
{
	crypto_generichash_blake2b_state st;
	uint8_t salt[16] = { index };
	struct block key;

	crypto_generichash_blake2b_init_salt_personal(&st, NULL, 0, sizeof(key), salt, key_domain);
	crypto_generichash_blake2b_update(&st, a, OT_BASE_POINT);
	crypto_generichash_blake2b_update(&st, r, OT_BASE_POINT);
	crypto_generichash_blake2b_update(&st, p, OT_BASE_POINT);
	crypto_generichash_blake2b_final(&st, (uint8_t *)&key, sizeof(key));
	sodium_memzero(&st, sizeof(st));
	return key;
}

static struct block derive_session(const uint8_t *a, const uint8_t *points)
{
	crypto_generichash_blake2b_state st;
	struct block session;

	crypto_generichash_blake2b_init_salt_personal(&st, NULL, 0, sizeof(session), NULL, session_domain);
	crypto_generichash_blake2b_update(&st, a, OT_BASE_POINT);
	crypto_generichash_blake2b_update(&st, points, (unsigned long long)OT_BASE * OT_BASE_POINT);
	crypto_generichash_blake2b_final(&st, (uint8_t *)&session, sizeof(session));
	return session;
}

int ot_base_send_start(struct ot_base_send *b, struct chan *c)
{
	if (sodium_init() < 0)
		return ERR_INTERNAL;
	random_scalar(b->scalar);
	if (crypto_scalarmult_ristretto255_base(b->point, b->scalar) != 0)
		return ERR_INTERNAL;
	return chan_send(c, b->point, sizeof(b->point));
}

/* Both keys of one OT; aA is the same for all. R_i = A would make the second the neutral element's. */
static int sender_keys(const struct ot_base_send *b, uint8_t i, const uint8_t *r, const uint8_t *aA, struct block keys[2])
{
	uint8_t p0[OT_BASE_POINT], p1[OT_BASE_POINT];
	int rc = ERR_PEER;

	if (crypto_scalarmult_ristretto255(p0, b->scalar, r) == 0 &&
	    crypto_core_ristretto255_sub(p1, p0, aA) == 0 && !sodium_is_zero(p1, sizeof(p1)))
		rc = 0;
	keys[0] = derive_key(i, b->point, r, p0);
	keys[1] = derive_key(i, b->point, r, p1);
	sodium_memzero(p0, sizeof(p0));
	sodium_memzero(p1, sizeof(p1));
	return rc;
}

int ot_base_send_finish(struct ot_base_send *b, struct chan *c, struct block (*keys)[2], struct block *session,
			struct errmsg *em)
{
	uint8_t (*r)[OT_BASE_POINT] = calloc(OT_BASE, sizeof(*r));
	uint8_t aA[OT_BASE_POINT];
	int rc = ERR_NOMEM;

	if (!r)
		goto out;
	TRY(chan_recv(c, r, OT_BASE * sizeof(*r)));
	rc = ERR_INTERNAL;
	if (crypto_scalarmult_ristretto255(aA, b->scalar, b->point) != 0)
		goto out;
	for (uint8_t i = 0; i < OT_BASE; i++) {
		rc = sender_keys(b, i, r[i], aA, keys[i]);
		if (rc) {
			rc = broke(em, "a point that is none");
			goto out;
		}
	}
	*session = derive_session(b->point, r[0]);
	rc = 0;
out:
	sodium_memzero(aA, sizeof(aA));
	sodium_memzero(b, sizeof(*b));
	free(r);
	return rc;
}

struct receiver {
	uint8_t a[OT_BASE_POINT];		/* A */
	uint8_t scalar[OT_BASE][32];
	uint8_t point[OT_BASE][OT_BASE_POINT];
};

/* r_i G + c_i A; zeros encode the neutral element. */
static int choose(struct receiver *v, unsigned i, unsigned bit)
{
	uint8_t add[OT_BASE_POINT];
	int rc;

	random_scalar(v->scalar[i]);
	for (size_t j = 0; j < sizeof(add); j++)
		add[j] = v->a[j] & (uint8_t)-bit;
	rc = crypto_scalarmult_ristretto255_base(v->point[i], v->scalar[i]);
	if (rc == 0)
		rc = crypto_core_ristretto255_add(v->point[i], v->point[i], add);
	sodium_memzero(add, sizeof(add));
	return rc == 0 ? 0 : ERR_INTERNAL;
}

int ot_base_recv(struct chan *c, struct block choice, struct block *keys, struct block *session, struct errmsg *em)
{
	struct receiver *v = calloc(1, sizeof(*v));
	uint8_t p[OT_BASE_POINT];
	int rc = ERR_NOMEM;

	if (!v || sodium_init() < 0)
		goto out;
	TRY(chan_recv(c, v->a, sizeof(v->a)));
	if (crypto_core_ristretto255_is_valid_point(v->a) != 1 || sodium_is_zero(v->a, sizeof(v->a))) {
		rc = broke(em, "a point that is none");
		goto out;
	}
	for (unsigned i = 0; i < OT_BASE; i++)
		TRY(choose(v, i, block_bit(choice, i)));
	TRY(chan_send(c, v->point, sizeof(v->point)));
	TRY(chan_flush(c));
	for (uint8_t i = 0; i < OT_BASE; i++) {
		rc = ERR_INTERNAL;
		if (crypto_scalarmult_ristretto255(p, v->scalar[i], v->a) != 0)
			goto out;
		keys[i] = derive_key(i, v->a, v->point[i], p);
	}
	*session = derive_session(v->a, v->point[0]);
	rc = 0;
out:
	sodium_memzero(p, sizeof(p));
	if (v)
		sodium_memzero(v, sizeof(*v));
	free(v);
	return rc;
}
