#include "mpc/ot_base.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/util.h"
#include "mpc/ristretto.h"

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

/* What the sender computes with: points of all OTs, and the 2a R_i, 2a (R_i - D) as they are hashed. */
struct sender {
	uint8_t point[OT_BASE][OT_BASE_POINT];
	struct ristretto r[OT_BASE], p[OT_BASE][2];
	uint8_t shared[OT_BASE][2][OT_BASE_POINT];
};

/* R_i = D would leave nothing of the second key. */
static int decode_points(struct sender *v, const struct ot_base_send *b, struct errmsg *em)
{
	uint8_t d[OT_BASE_POINT];

	if (crypto_core_ristretto255_add(d, b->point, b->point) != 0)
		return ERR_INTERNAL;
	for (unsigned i = 0; i < OT_BASE; i++)
		if (sodium_memcmp(v->point[i], d, sizeof(d)) == 0 || ristretto_decode(&v->r[i], v->point[i]) != 0)
			return broke(em, "a point that is none");
	return 0;
}

static int sender_points(struct sender *v, const struct ot_base_send *b, int threads)
{
	struct ristretto_cached ad;
	struct ristretto a;

	if (ristretto_decode(&a, b->point) != 0)
		return ERR_INTERNAL;
	ristretto_mul(&a, &a, b->scalar);
	ristretto_double(&a, &a);
	ristretto_cache(&ad, &a);
#pragma omp parallel for num_threads(threads) if (threads > 1)
	for (unsigned i = 0; i < OT_BASE; i++) {
		ristretto_mul(&v->p[i][0], &v->r[i], b->scalar);
		ristretto_sub(&v->p[i][1], &v->p[i][0], &ad);
	}
	ristretto_encode_doubled(v->shared[0], v->p[0], 2 * OT_BASE);
	sodium_memzero(&a, sizeof(a));
	sodium_memzero(&ad, sizeof(ad));
	return 0;
}

int ot_base_send_finish(struct ot_base_send *b, struct chan *c, int threads, struct block (*keys)[2],
			struct block *session, struct errmsg *em)
{
	struct sender *v = malloc(sizeof(*v));
	int rc = ERR_NOMEM;

	if (!v)
		goto out;
	TRY(chan_recv(c, v->point, sizeof(v->point)));
	TRY(decode_points(v, b, em));
	TRY(sender_points(v, b, threads));
	for (uint8_t i = 0; i < OT_BASE; i++)
		for (int k = 0; k < 2; k++)
			keys[i][k] = derive_key(i, b->point, v->point[i], v->shared[i][k]);
	*session = derive_session(b->point, v->point[0]);
	rc = 0;
out:
	if (v)
		sodium_memzero(v, sizeof(*v));
	sodium_memzero(b, sizeof(*b));
	free(v);
	return rc;
}

struct receiver {
	uint8_t a[OT_BASE_POINT];		/* A */
	struct ristretto_table table;		/* of G, then of A */
	uint8_t scalar[OT_BASE][32];		/* r_i */
	struct ristretto p[OT_BASE];
	uint8_t point[OT_BASE][OT_BASE_POINT], shared[OT_BASE][OT_BASE_POINT];
};

/* r_i G + c_i A, encoded doubled. */
static void choose(struct receiver *v, const struct ristretto *a, struct block choice, int threads)
{
	struct ristretto_cached add;
	struct ristretto g;

	ristretto_base(&g);
	ristretto_table_set(&v->table, &g);
	ristretto_cache(&add, a);
#pragma omp parallel for num_threads(threads) if (threads > 1)
	for (unsigned i = 0; i < OT_BASE; i++) {
		struct ristretto with;

		ristretto_table_mul(&v->p[i], &v->table, v->scalar[i]);
		ristretto_add(&with, &v->p[i], &add);
		ristretto_select(&v->p[i], &with, -(uint64_t)block_bit(choice, i));
		sodium_memzero(&with, sizeof(with));
	}
	ristretto_encode_doubled(v->point, v->p, OT_BASE);
}

/* 2 r_i A, encoded doubled. */
static void share(struct receiver *v, const struct ristretto *a, int threads)
{
	ristretto_table_set(&v->table, a);
#pragma omp parallel for num_threads(threads) if (threads > 1)
	for (unsigned i = 0; i < OT_BASE; i++) {
		ristretto_table_mul(&v->p[i], &v->table, v->scalar[i]);
		ristretto_double(&v->p[i], &v->p[i]);
	}
	ristretto_encode_doubled(v->shared, v->p, OT_BASE);
}

int ot_base_recv(struct chan *c, int threads, struct block choice, struct block *keys, struct block *session,
		 struct errmsg *em)
{
	struct receiver *v = malloc(sizeof(*v));
	struct ristretto a;
	int rc = ERR_NOMEM;

	if (!v || sodium_init() < 0)
		goto out;
	for (unsigned i = 0; i < OT_BASE; i++)
		random_scalar(v->scalar[i]);
	TRY(chan_recv(c, v->a, sizeof(v->a)));
	if (ristretto_decode(&a, v->a) != 0) {
		rc = broke(em, "a point that is none");
		goto out;
	}
	choose(v, &a, choice, threads);
	TRY(chan_send(c, v->point, sizeof(v->point)));
	TRY(chan_flush(c));
	share(v, &a, threads);
	for (uint8_t i = 0; i < OT_BASE; i++)
		keys[i] = derive_key(i, v->a, v->point[i], v->shared[i]);
	*session = derive_session(v->a, v->point[0]);
	rc = 0;
out:
	if (v)
		sodium_memzero(v, sizeof(*v));
	free(v);
	return rc;
}
