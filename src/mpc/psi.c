#include "mpc/psi.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/ecdh_psi.h"
#include "mpc/group.h"

#define MAGIC UINT64_C(0x3130495350544550)	/* "PETPSI01" */
#define EXPECTED_MAX (UINT64_C(1) << 40)

_Static_assert(PSI_FIRST == ECDH_PSI_FIRST && PSI_SECOND == ECDH_PSI_SECOND, "receivers are passed on as they are");
_Static_assert(PSI_ITEM_BYTES == GROUP_HASH_BYTES, "items are passed on as they are");

struct psi_session {
	struct chan *c;
	const struct psi_conf *conf;
	enum psi_protocol protocol;
	uint64_t peer_expected;
	uint64_t runs, last_bucket;
};

/* What each side says at the start, and once more before every bucket. All little-endian words. */
struct hello {
	uint64_t magic, protocol, receivers, first, expected;
	uint8_t binding[PSI_BINDING_BYTES];
};

struct bucket_hello {
	uint64_t run, bucket, padded;
};

static const char *const names[] = { [PSI_AUTO] = "auto", [PSI_ECDH] = "ecdh" };

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
	(void)p;
	return ECDH_PSI_ITEMS_MAX;
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
	if (sodium_memcmp(peer->binding, own->binding, PSI_BINDING_BYTES) != 0)
		return differ(em, "the options of the intersection");
	if (peer->first == own->first)
		return differ(em, "nothing: both claim the same role");
	return 0;
}

static int greet(struct psi_session *s, struct errmsg *em)
{
	const struct psi_conf *p = s->conf;
	struct hello own = {
		.magic = MAGIC, .protocol = p->protocol, .receivers = p->receivers,
		.first = p->first != 0, .expected = p->expected,
	}, peer;
	int rc;

	_Static_assert(sizeof(own) == 72, "no padding goes out");
	memcpy(own.binding, p->binding, sizeof(own.binding));
	TRY(chan_exchange(s->c, &own, sizeof(own), &peer, sizeof(peer)));
	TRY(check_hello(&own, &peer, em));
	s->peer_expected = peer.expected;
out:
	return rc;
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
	s->protocol = PSI_ECDH;
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

/* Both sides are at the same bucket, and it is a new one. */
static int agree_bucket(struct psi_session *s, const struct psi_list *l, struct psi_result *out, struct errmsg *em)
{
	struct bucket_hello own = { s->runs, l->bucket, l->padded ? l->padded : l->count }, peer;
	int rc;

	TRY(chan_exchange(s->c, &own, sizeof(own), &peer, sizeof(peer)));
	if (peer.run != own.run || peer.bucket != own.bucket) {
		rc = errmsg_set(em, ERR_PEER, "PEER_PROTOCOL", "the other party is at bucket %llu, this one at %llu",
				(unsigned long long)peer.bucket, (unsigned long long)own.bucket);
		goto out;
	}
	if (peer.padded > psi_items_max(s->protocol)) {
		rc = errmsg_set(em, ERR_PEER, "PEER_PROTOCOL", "the other party's list has more than %u items",
				psi_items_max(s->protocol));
		goto out;
	}
	out->peer_padded = (uint32_t)peer.padded;
out:
	return rc;
}

int psi_session_run(struct psi_session *s, const struct psi_list *l, struct psi_result *out, struct errmsg *em)
{
	uint32_t n = l->padded ? l->padded : l->count;
	int rc = ERR_INTERNAL;

	memset(out, 0, sizeof(*out));
	/* Ascending numbers are what makes a bucket a new one. */
	if (l->count > n || n > psi_items_max(s->protocol) || (s->runs && l->bucket <= s->last_bucket))
		return errmsg_set(em, rc, "INTERNAL", "psi was called with a wrong list");
	TRY(agree_bucket(s, l, out, em));
	s->runs++;
	s->last_bucket = l->bucket;
	TRY(run_ecdh(s, l, out, em));
out:
	if (rc)
		psi_result_free(out);
	return lost(s->c, rc, em);
}

void psi_session_free(struct psi_session *s)
{
	free(s);
}

void psi_result_free(struct psi_result *r)
{
	free(r->matched);
	memset(r, 0, sizeof(*r));
}
