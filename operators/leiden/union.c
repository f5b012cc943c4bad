/* What the operators tell each other before the algorithm: sizes and totals, and which names both have. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "leiden/job.h"
#include "mpc/psi.h"

#define MAGIC UINT64_C(0x31304e4549444c50)	/* "PLDIEN01" */

struct hello {
	uint64_t magic, names, edges, total, threads;
	uint8_t share[32], coins[16];
};

_Static_assert(sizeof(struct hello) == 88, "nothing but the fields goes out");

static int lost(struct ljob *j, int rc)
{
	if (rc && !j->em->code[0])
		errmsg_set(j->em, rc, "PEER_LOST", "%s", chan_error(op_chan(j->ctx)));
	return rc;
}

/* Neither party alone chooses the key or the coins. */
static void mix(struct ljob *j, const struct hello *a, const struct hello *b)
{
	static const char domain[] = "petplatform leiden names, version 1";
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, sizeof(j->key));
	crypto_generichash_update(&st, (const uint8_t *)domain, sizeof(domain));
	crypto_generichash_update(&st, a->share, sizeof(a->share));
	crypto_generichash_update(&st, b->share, sizeof(b->share));
	crypto_generichash_final(&st, j->key, sizeof(j->key));
	for (unsigned i = 0; i < 2; i++) {
		uint64_t x, y;

		memcpy(&x, a->coins + 8 * i, 8);
		memcpy(&y, b->coins + 8 * i, 8);
		j->coins.w[i] = x ^ y;
	}
}

static int bound_total(struct ljob *j)
{
	double limit = 2 * j->total_limit;

	if (!j->hidden) {
		j->conf.q.total = j->own_total + j->peer_total;
		j->total_bits = lquality_bits(j->conf.q.total);
		return 0;
	}
	for (unsigned i = 0; i < j->fraction_bits; i++)
		limit *= 2;
	if (!(limit < 0x1p62))
		return errmsg_set(j->em, ERR_INPUT, "WEIGHT_RANGE", "total_weight_limit is too large for fraction_bits: expected less than 2^61 units of 2^-fraction_bits");
	if ((double)j->own_total > limit / 2)
		return errmsg_set(j->em, ERR_INPUT, "WEIGHT_RANGE", "a party's weights are more than total_weight_limit");
	j->total_bits = lquality_bits((uint64_t)limit);
	return 0;
}

int ljob_meet(struct ljob *j)
{
	int first = op_is_first(j->ctx), rc;
	struct hello own = {
		.magic = MAGIC, .names = j->in.names.n, .edges = j->in.edges, .total = j->hidden ? 0 : j->own_total,
		.threads = (uint64_t)op_threads(j->ctx),
	}, peer;

	util_random(own.share, sizeof(own.share));
	util_random(own.coins, sizeof(own.coins));
	rc = lost(j, chan_exchange(op_chan(j->ctx), &own, sizeof(own), &peer, sizeof(peer)));
	if (rc)
		return rc;
	if (peer.magic != MAGIC || peer.names > NAMES_MAX || peer.total >> 61 || peer.threads < 1 || peer.edges >> 40)
		return errmsg_set(j->em, ERR_PEER, "PEER_PROTOCOL", "the other party does not speak op-leiden, version 1");
	if (own.names + peer.names > NAMES_MAX)
		return errmsg_set(j->em, ERR_INPUT, "TOO_MANY_NODES", "the two graphs have more than %u nodes", NAMES_MAX);
	mix(j, first ? &own : &peer, first ? &peer : &own);
	j->peer_names = peer.names;
	j->peer_edges = peer.edges;
	j->peer_total = peer.total;
	j->threads = (int)(own.threads < peer.threads ? own.threads : peer.threads);
	return bound_total(j);
}

/* --- names ----------------------------------------------------------------------------- */

static int matched_names(struct ljob *j, uint8_t **matched, uint32_t *matches)
{
	const struct names *s = &j->in.names;
	uint8_t (*item)[PSI_ITEM_BYTES] = calloc((size_t)s->n + 1, sizeof(*item));
	struct psi_conf conf = {
		.protocol = PSI_AUTO, .first = op_is_first(j->ctx), .receivers = PSI_FIRST | PSI_SECOND, .expected = s->n,
		.threads = j->threads,
	};
	struct psi_session *session = NULL;
	struct psi_result r = { 0 };
	int rc = ERR_NOMEM;

	if (!item)
		goto out;
	memcpy(conf.binding, j->key, sizeof(conf.binding));
	for (uint32_t i = 0; i < s->n; i++) {
		size_t len;
		const char *t = names_get(s, i, &len);

		crypto_generichash(item[i], sizeof(*item), (const uint8_t *)t, len, j->key, sizeof(j->key));
	}
	TRY(psi_session_new(&session, op_chan(j->ctx), &conf, j->em));
	TRY(psi_session_run(session, &(struct psi_list){ .items = (const uint8_t (*)[PSI_ITEM_BYTES])item, .count = s->n }, &r, j->em));
	if (r.peer_padded != j->peer_names) {
		rc = errmsg_set(j->em, ERR_PEER, "PEER_PROTOCOL", "the other party sent another number of nodes than it had said");
		goto out;
	}
	*matched = r.matched;
	*matches = r.matches;
	r.matched = NULL;
out:
	psi_session_free(session);
	psi_result_free(&r);
	free(item);
	return lost(j, rc);
}

static _Thread_local const struct names *sorting;

static int by_name(const void *a, const void *b)
{
	return names_compare(sorting, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* Fisher and Yates: numbers of own nodes say nothing of the file's order. */
static void shuffle(uint32_t *v, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = randombytes_uniform(i), t = v[i - 1];

		v[i - 1] = v[k];
		v[k] = t;
	}
}

/* order: common names first, then the others. */
static int number(struct ljob *j, const uint8_t *matched, uint32_t matches, uint32_t *order)
{
	struct lunion *u = &j->un;
	uint32_t names = j->in.names.n, common = 0, own = 0, base;

	for (uint32_t i = 0; i < names; i++)
		if (matched[i])
			order[common++] = i;
	for (uint32_t i = 0; i < names; i++)
		if (!matched[i])
			order[common + own++] = i;
	if (common != matches || matches > j->peer_names)
		return errmsg_set(j->em, ERR_INTERNAL, "INTERNAL", "the intersection of the names does not add up");
	sorting = &j->in.names;
	qsort(order, common, sizeof(*order), by_name);
	shuffle(order + common, own);
	u->common = common;
	u->n = common + own + (uint32_t)(j->peer_names - matches);
	u->name = malloc(((size_t)u->n + 1) * sizeof(*u->name));
	if (!u->name)
		return ERR_NOMEM;
	memset(u->name, 0xff, ((size_t)u->n + 1) * sizeof(*u->name));
	base = op_is_first(j->ctx) ? 0 : (uint32_t)(j->peer_names - matches);
	for (uint32_t i = 0; i < common + own; i++) {
		u->id[order[i]] = i < common ? i : base + i;
		u->name[u->id[order[i]]] = order[i];
	}
	return 0;
}

int lunion_make(struct ljob *j)
{
	uint32_t names = j->in.names.n, matches = 0, *order = calloc((size_t)names + 1, sizeof(*order));
	uint8_t *matched = NULL;
	int rc = ERR_NOMEM;

	j->un.id = calloc((size_t)names + 1, sizeof(*j->un.id));
	if (!order || !j->un.id)
		goto out;
	TRY(matched_names(j, &matched, &matches));
	TRY(number(j, matched, matches, order));
	for (size_t i = 0; i < j->in.edges; i++) {
		j->edge[i].u = j->un.id[j->edge[i].u];
		j->edge[i].v = j->un.id[j->edge[i].v];
	}
	rc = lgraph_new(&j->g, j->un.n, j->edge, j->in.edges);
out:
	free(order);
	free(matched);
	return rc;
}

void lunion_free(struct lunion *u)
{
	free(u->id);
	free(u->name);
	*u = (struct lunion){ 0 };
}
