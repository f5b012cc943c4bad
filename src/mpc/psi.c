#include "mpc/psi.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mpc/ecdh_psi.h"
#include "mpc/group.h"
#include "mpc/psi_auto.h"
#include "mpc/vole_psi.h"

#define MAGIC UINT64_C(0x3130495350544550)	/* "PETPSI01" */
#define EXPECTED_MAX (UINT64_C(1) << 40)

_Static_assert(PSI_FIRST == ECDH_PSI_FIRST && PSI_SECOND == ECDH_PSI_SECOND, "receivers are passed on as they are");
_Static_assert(PSI_ITEM_BYTES == GROUP_HASH_BYTES && PSI_ITEM_BYTES == VOLE_PSI_ITEM_BYTES, "items are passed on as they are");

struct psi_session {
	struct chan *c;
	const struct psi_conf *conf;
	enum psi_protocol protocol;
	struct vole_psi *vole;
	uint64_t peer_expected;
	uint64_t runs, last_bucket;
};

/* What each side says at the start, and once more before every bucket. All little-endian words. */
struct hello {
	uint64_t magic, protocol, receivers, first, expected, lists;
	uint8_t binding[PSI_BINDING_BYTES];
};

/* The nonces make the seed of the bucket's hash keys: neither side knew it when the lists were made. */
struct bucket_hello {
	uint64_t run, bucket, padded;
	uint8_t nonce[VOLE_PSI_SEED_BYTES];
};

static const char *const names[] = { [PSI_AUTO] = "auto", [PSI_VOLE] = "vole", [PSI_ECDH] = "ecdh" };

const char *psi_protocol_name(enum psi_protocol p)
{
	return names[p];
}

int psi_protocol_by_name(const char *name)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0)
			return (int)i;
	}
	return -1;
}

uint32_t psi_items_max(enum psi_protocol p)
{
	return p == PSI_ECDH ? ECDH_PSI_ITEMS_MAX : VOLE_PSI_ITEMS_MAX;
}

static int differ(struct errmsg *em, const char *what)
{
	return errmsg_set(em, ERR_INPUT, "PARAMETERS_DIFFER", "the two parties' requests differ in %s", what);
}

static int lost(struct chan *c, int rc, struct errmsg *em)
{
	if (rc && em && !em->code[0])
		errmsg_set(em, rc, "PEER_LOST", "%s", chan_error(c));
	return rc;
}

static int check_hello(const struct hello *own, const struct hello *peer, struct errmsg *em)
{
	if (peer->magic != MAGIC || peer->first > 1 || peer->expected > EXPECTED_MAX)
		return errmsg_set(em, ERR_PEER, "PEER_PROTOCOL", "the other party does not speak psi, version 1");
	if (peer->protocol != own->protocol)
		return differ(em, "protocol");
	if (peer->receivers != own->receivers)
		return differ(em, "receiver");
	if (peer->lists != own->lists)
		return differ(em, "the number of buckets");
	if (sodium_memcmp(peer->binding, own->binding, PSI_BINDING_BYTES) != 0)
		return differ(em, "the options of the intersection");
	if (peer->first == own->first)
		return differ(em, "nothing: both claim the same role");
	return 0;
}

static uint64_t lists_of(const struct psi_conf *p)
{
	return p->lists ? p->lists : 1;
}

static int greet(struct psi_session *s, struct errmsg *em)
{
	const struct psi_conf *p = s->conf;
	struct hello own = {
		.magic = MAGIC, .protocol = p->protocol, .receivers = p->receivers,
		.first = p->first != 0, .expected = p->expected, .lists = lists_of(p),
	}, peer;
	int rc;

	_Static_assert(sizeof(own) == 80, "no padding goes out");
	memcpy(own.binding, p->binding, sizeof(own.binding));
	TRY(chan_exchange(s->c, &own, sizeof(own), &peer, sizeof(peer)));
	TRY(check_hello(&own, &peer, em));
	s->peer_expected = peer.expected;
out:
	return rc;
}

/*
 * The side that encodes its items is one that receives. Where both do, it is the
 * one with fewer items, since its own cost 20 bytes each and the other's 8.
 */
static int is_encoder(const struct psi_session *s)
{
	const struct psi_conf *p = s->conf;

	if (p->receivers != (PSI_FIRST | PSI_SECOND))
		return (p->receivers == PSI_FIRST) == (p->first != 0);
	if (p->expected != s->peer_expected)
		return p->expected < s->peer_expected;
	return p->first != 0;
}

static int choose(struct psi_session *s)
{
	const struct psi_conf *p = s->conf;
	int encoder = is_encoder(s);
	struct psi_auto a = {
		.n = encoder ? p->expected : s->peer_expected, .m = encoder ? s->peer_expected : p->expected,
	};
	int rc = psi_auto_measure(&a, s->c, p->threads);

	s->protocol = psi_auto_choice(&a);
	return rc;
}

static int start_vole(struct psi_session *s)
{
	const struct psi_conf *p = s->conf;
	struct vole_psi_conf v = {
		.receiver = is_encoder(s), .threads = p->threads, .progress = p->progress, .arg = p->arg,
		.expected = is_encoder(s) ? p->expected : s->peer_expected, .lists = lists_of(p),
	};

	return vole_psi_new(&s->vole, s->c, &v);
}

int psi_session_new(struct psi_session **out, struct chan *c, const struct psi_conf *conf, struct errmsg *em)
{
	struct psi_session *s = NULL;
	int rc = ERR_INTERNAL;

	*out = NULL;
	if (conf->threads < 1 || conf->receivers < 1 || conf->receivers > 3 || conf->expected > EXPECTED_MAX) {
		rc = errmsg_set(em, rc, "INTERNAL", "psi was called with wrong arguments");
		goto out;
	}
	rc = ERR_NOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		goto out;
	s->c = c;
	s->conf = conf;
	TRY(group_init());
	TRY(greet(s, em));
	s->protocol = conf->protocol;
	if (s->protocol == PSI_AUTO)
		TRY(choose(s));
	if (s->protocol == PSI_VOLE)
		TRY(start_vole(s));
	*out = s;
	s = NULL;
out:
	psi_session_free(s);
	return lost(c, rc, em);
}

enum psi_protocol psi_session_protocol(const struct psi_session *s)
{
	return s->protocol;
}

static void on_ecdh_progress(void *arg, double fraction)
{
	const struct psi_conf *p = arg;

	p->progress(p->arg, fraction, "mask");
}

static int run_ecdh(struct psi_session *s, const struct psi_list *l, struct psi_result *out, struct errmsg *em)
{
	const struct psi_conf *p = s->conf;
	struct ecdh_psi e = {
		.items = l->items, .count = l->count, .padded = l->padded, .first = p->first,
		.receivers = p->receivers, .threads = p->threads,
		.progress = p->progress ? on_ecdh_progress : NULL, .arg = (void *)p,
	};
	struct ecdh_psi_result r;
	int rc = ecdh_psi_run(s->c, &e, &r, em);

	if (rc)
		return rc;
	out->matched = r.matched;
	out->matches = r.matches;
	return 0;
}

static int run_vole(struct psi_session *s, const struct psi_list *l, const struct bucket_hello *own,
		    const struct bucket_hello *peer, struct psi_result *out, struct errmsg *em)
{
	const struct bucket_hello *first = s->conf->first ? own : peer, *second = s->conf->first ? peer : own;
	static const uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = "pet-psi-bucket-1";
	struct vole_psi_list v = {
		.items = l->items, .count = l->count, .padded = (uint32_t)own->padded, .peer_padded = (uint32_t)peer->padded,
		.flags = s->conf->receivers == (PSI_FIRST | PSI_SECOND),
	};
	crypto_generichash_blake2b_state h;

	/* Session, bucket and sizes are part of it, so that no two runs share a key even if a nonce came twice. */
	crypto_generichash_blake2b_init_salt_personal(&h, NULL, 0, sizeof(v.seed), NULL, personal);
	crypto_generichash_blake2b_update(&h, s->conf->binding, sizeof(s->conf->binding));
	crypto_generichash_blake2b_update(&h, (const uint8_t *)first, sizeof(*first));
	crypto_generichash_blake2b_update(&h, (const uint8_t *)second, sizeof(*second));
	crypto_generichash_blake2b_final(&h, v.seed, sizeof(v.seed));
	return vole_psi_run(s->vole, &v, &out->matched, &out->matches, em);
}

/* Both sides are at the same bucket, and it is a new one. */
static int agree_bucket(struct psi_session *s, const struct bucket_hello *own, struct bucket_hello *peer,
			struct errmsg *em)
{
	int rc;

	_Static_assert(sizeof(*own) == 56, "no padding goes out");
	TRY(chan_exchange(s->c, own, sizeof(*own), peer, sizeof(*peer)));
	if (peer->run != own->run || peer->bucket != own->bucket)
		rc = errmsg_set(em, ERR_PEER, "PEER_PROTOCOL", "the other party is at bucket %llu, this one at %llu",
				(unsigned long long)peer->bucket, (unsigned long long)own->bucket);
	else if (peer->padded > psi_items_max(s->protocol))
		rc = errmsg_set(em, ERR_PEER, "PEER_PROTOCOL", "the other party's list has more than %u items",
				psi_items_max(s->protocol));
out:
	return rc;
}

int psi_session_run(struct psi_session *s, const struct psi_list *l, struct psi_result *out, struct errmsg *em)
{
	struct bucket_hello own = { s->runs, l->bucket, l->padded ? l->padded : l->count, { 0 } }, peer;
	int rc = ERR_INTERNAL;

	memset(out, 0, sizeof(*out));
	/* Ascending numbers are what makes a bucket a new one. */
	if (l->count > own.padded || own.padded > psi_items_max(s->protocol) || (s->runs && l->bucket <= s->last_bucket))
		return errmsg_set(em, rc, "INTERNAL", "psi was called with a wrong list");
	util_random(own.nonce, sizeof(own.nonce));
	TRY(agree_bucket(s, &own, &peer, em));
	s->runs++;
	s->last_bucket = l->bucket;
	out->peer_padded = (uint32_t)peer.padded;
	if (s->protocol == PSI_ECDH)
		TRY(run_ecdh(s, l, out, em));
	else
		TRY(run_vole(s, l, &own, &peer, out, em));
out:
	if (rc)
		psi_result_free(out);
	return lost(s->c, rc, em);
}

void psi_session_stages(const struct psi_session *s, double out[PSI_STAGES_MAX])
{
	_Static_assert(VOLE_PSI_STAGES <= PSI_STAGES_MAX, "room for all");
	memset(out, 0, PSI_STAGES_MAX * sizeof(*out));
	if (s->vole)
		memcpy(out, vole_psi_times(s->vole), VOLE_PSI_STAGES * sizeof(*out));
}

const char *psi_stage_name(int stage)
{
	return stage >= 0 && stage < VOLE_PSI_STAGES ? vole_psi_stage_name((enum vole_psi_stage)stage) : NULL;
}

void psi_session_free(struct psi_session *s)
{
	if (!s)
		return;
	vole_psi_free(s->vole);
	free(s);
}

void psi_result_free(struct psi_result *r)
{
	free(r->matched);
	memset(r, 0, sizeof(*r));
}
