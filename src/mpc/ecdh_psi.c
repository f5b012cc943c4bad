#include "mpc/ecdh_psi.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mpc/perm.h"

#define MAGIC UINT64_C(0x3149535048444345)	/* "ECDHPSI1" */
#define TAG_MAX 16
#define CHUNK GROUP_MAP_MAX
#define BATCH ECDH_PSI_BATCH
/* Of 43 bytes: up to 45 the second SHA-512 of the suite is a single block. */
static const char hash_dst[] = "petpsi-V01-curve25519_XMD:SHA-512_ELL2_NU_";

struct run {
	const struct ecdh_psi *p;
	struct chan *c;
	struct errmsg *em;
	struct group_key key;
	uint32_t n, m;			/* own and peer's items, dummies included */
	uint32_t own_batches, peer_batches;
	int receive, peer_receives;
	unsigned tag_len;
	uint32_t *order;		/* order[j]: which own item went out as the j-th */
	uint8_t *own_tags, *peer_tags;	/* as a receiver: n and m tags */
	uint8_t (*points)[GROUP_BYTES];	/* own batch going out */
	uint8_t (*foreign)[GROUP_BYTES];	/* the peer's batch that came in last */
	uint8_t *tags;			/* of that batch, going back */
};

unsigned ecdh_psi_tag_len(uint64_t n, uint64_t m)
{
	unsigned bits = 40;

	/* log2 of the next power of two of each: never less than log2(n·m). */
	while (n > 1) {
		n = (n + 1) / 2;
		bits++;
	}
	while (m > 1) {
		m = (m + 1) / 2;
		bits++;
	}
	return bits <= 64 ? 8 : (bits + 7) / 8;
}

static uint32_t batch_size(uint32_t total, uint32_t batch)
{
	uint64_t start = (uint64_t)batch * BATCH;

	if (start >= total)
		return 0;
	return total - start < BATCH ? (uint32_t)(total - start) : BATCH;
}

static void tag(const struct run *r, uint8_t *out, const uint8_t point[GROUP_BYTES])
{
	static const uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = "pet-psi-ecdh-tag";
	uint8_t full[TAG_MAX];

	crypto_generichash_blake2b_salt_personal(full, sizeof(full), point, GROUP_BYTES, NULL, 0, NULL, personal);
	memcpy(out, full, r->tag_len);
}

/* Own items start … start+k-1 of the random order: hashed and masked into the outgoing batch. */
static int mask_own(const struct run *r, uint32_t batch, uint32_t start, uint32_t k)
{
	uint8_t items[CHUNK][GROUP_HASH_BYTES];
	uint8_t (*out)[GROUP_BYTES] = r->points + start;
	int rc;

	/* A dummy is the digest of nothing, which no item of the peer meets. Drawn for all, so that their number costs no time. */
	if (r->n > r->p->count)
		util_random(items, k * sizeof(*items));
	for (uint32_t i = 0; i < k; i++) {
		uint32_t from = r->order[(uint64_t)batch * BATCH + start + i];

		if (from < r->p->count)
			memcpy(items[i], r->p->items[from], GROUP_HASH_BYTES);
	}
	rc = group_hash(out, (const uint8_t (*)[GROUP_HASH_BYTES])items, k, hash_dst);
	for (uint32_t i = 0; rc == 0 && i < k; i++)
		rc = group_mul(out[i], &r->key, out[i]);
	sodium_memzero(items, sizeof(items));
	return rc;
}

static int mask_foreign(const struct run *r, uint32_t batch, uint32_t start, uint32_t k)
{
	uint8_t point[GROUP_BYTES];
	int rc = 0;

	for (uint32_t i = start; rc == 0 && i < start + k; i++) {
		rc = group_mul(point, &r->key, r->foreign[i]);
		if (rc)
			break;
		tag(r, r->tags + (size_t)i * r->tag_len, point);
		if (r->receive)
			memcpy(r->peer_tags + ((size_t)batch * BATCH + i) * r->tag_len,
			       r->tags + (size_t)i * r->tag_len, r->tag_len);
	}
	sodium_memzero(point, sizeof(point));
	return rc;
}

/* Own batch `own` and the peer's batch `peer` (either may be past the end) in one parallel loop. */
static int compute(const struct run *r, uint32_t own, uint32_t own_size, uint32_t peer, uint32_t peer_size)
{
	int own_chunks = (int)((own_size + CHUNK - 1) / CHUNK);
	int chunks = own_chunks + (int)((peer_size + CHUNK - 1) / CHUNK);
	int bad = 0;

#pragma omp parallel for schedule(dynamic, 1) num_threads(r->p->threads) reduction(| : bad)
	for (int i = 0; i < chunks; i++) {
		uint32_t size = i < own_chunks ? own_size : peer_size;
		uint32_t start = (uint32_t)(i < own_chunks ? i : i - own_chunks) * CHUNK;
		uint32_t k = size - start < CHUNK ? size - start : CHUNK;

		if (i < own_chunks)
			bad |= mask_own(r, own, start, k) ? 1 : 0;
		else
			bad |= mask_foreign(r, peer, start, k) ? 2 : 0;
	}
	if (bad & 1)
		return errmsg_set(r->em, ERR_INTERNAL, "INTERNAL", "an own item could not be hashed to the curve");
	if (bad & 2)
		return errmsg_set(r->em, ERR_PEER, "PEER_PROTOCOL",
				  "the other party sent a value that is not an element of the group");
	return 0;
}

/*
 * Message k of each side: its own batch k, and the tags of the other's batch
 * k-2. A side sends message k before it takes message k-1, so two messages are
 * under way while both compute, and a link's latency costs nothing as long as
 * it is below the time for a batch. At most three messages of 4096 * (32 + 13)
 * bytes are unread at either side, so the channel's window of 4 MiB never makes
 * both sides wait in chan_send.
 */
static int send_message(struct run *r, uint32_t k)
{
	uint32_t own = batch_size(r->n, k), peer = k >= 2 ? batch_size(r->m, k - 2) : 0;
	int rc = compute(r, k, own, k - 2, peer);

	if (rc == 0 && own)
		rc = chan_send(r->c, r->points, (size_t)own * GROUP_BYTES);
	if (rc == 0 && peer && r->peer_receives)
		rc = chan_send(r->c, r->tags, (size_t)peer * r->tag_len);
	return rc ? rc : chan_flush(r->c);
}

static int recv_message(struct run *r, uint32_t k)
{
	uint32_t peer = batch_size(r->m, k), own = k >= 2 ? batch_size(r->n, k - 2) : 0;
	int rc = 0;

	if (peer)
		rc = chan_recv(r->c, r->foreign, (size_t)peer * GROUP_BYTES);
	if (rc == 0 && own && r->receive)
		rc = chan_recv(r->c, r->own_tags + (size_t)(k - 2) * BATCH * r->tag_len,
			       (size_t)own * r->tag_len);
	return rc;
}

static int stream(struct run *r)
{
	uint32_t batches = r->own_batches > r->peer_batches ? r->own_batches : r->peer_batches;
	uint32_t last = batches + 1;	/* the message with the tags of the last batch */
	int rc = 0;

	for (uint32_t k = 0; rc == 0 && batches && k <= last + 1; k++) {
		if (k <= last)
			rc = send_message(r, k);
		if (rc == 0 && k >= 1)
			rc = recv_message(r, k - 1);
		if (r->p->progress)
			r->p->progress(r->p->arg, (double)(k + 1) / (last + 2));
	}
	return rc;
}

static int disagree(struct errmsg *em, const char *what)
{
	return errmsg_set(em, ERR_INPUT, "PARAMETERS_DIFFER", "the two parties' requests differ in %s", what);
}

/* Round 1, both directions: magic, count, receivers, shape. */
static int hello(struct run *r)
{
	const struct ecdh_psi *p = r->p;
	uint64_t out[4] = { MAGIC, r->n, p->receivers, p->shape | (uint64_t)!!p->first << 32 }, in[4];
	int rc = 0;

	for (int i = 0; rc == 0 && i < 4; i++)
		rc = chan_send_u64(r->c, out[i]);
	if (rc == 0)
		rc = chan_flush(r->c);
	for (int i = 0; rc == 0 && i < 4; i++)
		rc = chan_recv_u64(r->c, &in[i]);
	if (rc)
		return rc;
	if (in[0] != MAGIC || in[1] > ECDH_PSI_ITEMS_MAX || in[3] >> 33)
		return errmsg_set(r->em, ERR_PEER, "PEER_PROTOCOL", "the other party does not speak ecdh psi, version 1");
	if (in[2] != p->receivers)
		return disagree(r->em, "receiver");
	if ((uint32_t)in[3] != p->shape)
		return disagree(r->em, "the number of key columns");
	if ((in[3] >> 32 & 1) == (out[3] >> 32))
		return disagree(r->em, "nothing: both claim the same role");
	r->m = (uint32_t)in[1];
	return 0;
}

static void *array(size_t count, size_t size)
{
	/* One more, so that an empty list is no NULL. */
	return calloc(count + 1, size);
}

static int allocate(struct run *r)
{
	r->order = array(r->n, sizeof(*r->order));
	r->points = array(BATCH, GROUP_BYTES);
	r->foreign = array(BATCH, GROUP_BYTES);
	r->tags = array(BATCH, r->tag_len);
	if (r->receive) {
		r->own_tags = array(r->n, r->tag_len);
		r->peer_tags = array(r->m, r->tag_len);
	}
	if (!r->order || !r->points || !r->foreign || !r->tags ||
	    (r->receive && (!r->own_tags || !r->peer_tags)))
		return errmsg_set(r->em, ERR_NOMEM, "NO_MEMORY", "not enough memory for lists of %u and %u rows",
				  r->n, r->m);
	return 0;
}

/* Tags are uniform, so their first bytes are the hash: linear probing at a load of at most one half. */
static uint64_t slot_of(const uint8_t *t, uint64_t mask)
{
	uint64_t h;

	memcpy(&h, t, sizeof(h));
	return h & mask;
}

/* The result itself: what is compared is about to be this side's output, so no need for constant time. */
static int match_var(const struct run *r, struct ecdh_psi_result *out)
{
	uint64_t mask = 1;
	uint32_t *table;

	while (mask < 2 * (uint64_t)r->m)
		mask *= 2;
	table = calloc(mask, sizeof(*table));
	out->matched = array(r->p->count, 1);
	if (!table || !out->matched) {
		free(table);
		return errmsg_set(r->em, ERR_NOMEM, "NO_MEMORY", "not enough memory to compare %u rows", r->m);
	}
	mask--;
	for (uint32_t i = 0; i < r->m; i++) {
		uint64_t s = slot_of(r->peer_tags + (size_t)i * r->tag_len, mask);

		while (table[s])
			s = (s + 1) & mask;
		table[s] = i + 1;
	}
	for (uint32_t j = 0; j < r->n; j++) {
		const uint8_t *t = r->own_tags + (size_t)j * r->tag_len;
		uint64_t s = slot_of(t, mask);

		if (r->order[j] >= r->p->count)
			continue;
		while (table[s] && memcmp(t, r->peer_tags + (size_t)(table[s] - 1) * r->tag_len, r->tag_len) != 0)
			s = (s + 1) & mask;
		out->matched[r->order[j]] = table[s] != 0;
		out->matches += table[s] != 0;
	}
	free(table);
	return 0;
}

static int run(struct run *r, struct ecdh_psi_result *out)
{
	int rc = hello(r);

	if (rc)
		return rc;
	out->peer_count = r->m;
	r->tag_len = ecdh_psi_tag_len(r->n, r->m);
	r->own_batches = r->n / BATCH + (r->n % BATCH != 0);
	r->peer_batches = r->m / BATCH + (r->m % BATCH != 0);
	TRY(allocate(r));
	perm_random(r->order, r->n);
	group_key_new(&r->key);
	TRY(stream(r));
	if (r->receive)
		TRY(match_var(r, out));
out:
	return rc;
}

int ecdh_psi_run(struct chan *c, const struct ecdh_psi *p, struct ecdh_psi_result *out, struct errmsg *em)
{
	unsigned me = p->first ? ECDH_PSI_FIRST : ECDH_PSI_SECOND;
	struct run r = {
		.p = p, .c = c, .em = em, .n = p->padded ? p->padded : p->count,
		.receive = (p->receivers & me) != 0, .peer_receives = (p->receivers & (me ^ 3u)) != 0,
	};
	int rc;

	memset(out, 0, sizeof(*out));
	if (r.n > ECDH_PSI_ITEMS_MAX || p->count > r.n || p->threads < 1 || p->receivers < 1 || p->receivers > 3)
		return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "psi was called with wrong arguments");
	rc = run(&r, out);
	if (rc && em && !em->code[0])
		errmsg_set(em, rc, "PEER_LOST", "%s", chan_error(c));
	if (rc)
		ecdh_psi_result_free(out);
	group_key_wipe(&r.key);
	if (r.order)
		sodium_memzero(r.order, r.n * sizeof(*r.order));
	free(r.order);
	free(r.points);
	free(r.foreign);
	free(r.tags);
	free(r.own_tags);
	free(r.peer_tags);
	return rc;
}

void ecdh_psi_result_free(struct ecdh_psi_result *r)
{
	free(r->matched);
	memset(r, 0, sizeof(*r));
}
