#include "mpc/vole_psi.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mpc/aes.h"
#include "mpc/gf128.h"
#include "mpc/huge.h"
#include "mpc/prg.h"
#include "mpc/vole_psi_impl.h"

#define BATCH 1024		/* items that go through all steps of a hash while they are in the first-level cache */

static const char *const names[VOLE_PSI_STAGES] = {
	[VOLE_PSI_HASH] = "hash", [VOLE_PSI_VOLE] = "vole", [VOLE_PSI_ENCODE] = "encode",
	[VOLE_PSI_DECODE] = "decode", [VOLE_PSI_SORT] = "sort", [VOLE_PSI_SEND] = "send", [VOLE_PSI_MATCH] = "match",
};

const char *vole_psi_stage_name(enum vole_psi_stage s)
{
	return names[s];
}

const double *vole_psi_times(const struct vole_psi *v)
{
	return v->times;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void vole_psi_mark(struct vole_psi *v, enum vole_psi_stage s, double done)
{
	double t = now();

	v->times[s] += t - v->since;
	v->since = t;
	if (v->conf.progress)
		v->conf.progress(v->conf.arg, done, names[s]);
}

void vole_psi_mem_free(struct vole_psi_mem *m)
{
	if (m->b)
		sodium_memzero(m->b, m->n * sizeof(*m->b));
	free(m->b);
	*m = (struct vole_psi_mem){ 0 };
}

struct block *vole_psi_mem(struct vole_psi_mem *m, size_t n)
{
	if (m->b && m->n >= n)
		return m->b;
	vole_psi_mem_free(m);
	m->b = huge_alloc(n * sizeof(*m->b));
	m->n = m->b ? n : 0;
	return m->b;
}

uint32_t vole_psi_step(const struct vole_psi_work *w)
{
	return w->v->conf.threads > 1 ? 2 * (uint32_t)w->v->conf.threads : 1;
}

/* Five keys of a run, all from its seed: where the digests' key goes, the bins', H's and H''s. */
struct run_keys {
	struct block item, bins, value, tag;
};

static void derive(struct run_keys *k, const uint8_t seed[VOLE_PSI_SEED_BYTES])
{
	static const uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = "pet-psi-vole-key";

	_Static_assert(sizeof(*k) == 64, "four keys of 16 bytes from one hash");
	crypto_generichash_blake2b_salt_personal((uint8_t *)k, sizeof(*k), seed, VOLE_PSI_SEED_BYTES, NULL, 0, NULL, personal);
}

/* AES-CBC-MAC of k digests of two blocks each. */
static void hash_items(const struct aes_key *key, struct block *out, const uint8_t (*items)[VOLE_PSI_ITEM_BYTES], size_t k)
{
	for (size_t i = 0; i < k; i++)
		out[i] = block_load(items[i]);
	aes_ecb(key, out, out, k);
	for (size_t i = 0; i < k; i++)
		out[i] = block_xor(out[i], block_load(items[i] + sizeof(struct block)));
	aes_ecb(key, out, out, k);
}

/* Own items and, behind them, dummies: random keys, which no hashed item meets. */
static void make_keys(const struct vole_psi_work *w, struct block item_key, struct block *out)
{
	const struct vole_psi_list *l = w->l;
	struct aes_key key;
	struct prg rng;

	aes_key_set(&key, item_key);
#pragma omp parallel for schedule(static) num_threads(w->v->conf.threads)
	for (uint64_t i = 0; i < l->count; i += BATCH)
		hash_items(&key, out + i, l->items + i, l->count - i < BATCH ? l->count - i : BATCH);
	prg_init_random(&rng);
	prg_blocks(&rng, out + l->count, l->padded - l->count);
	prg_wipe(&rng);
}

static int make_set(struct vole_psi_work *w)
{
	struct block *keys = vole_psi_mem(&w->v->tags, w->l->padded);
	struct run_keys k;
	int rc;

	if (!keys)
		return ERR_NOMEM;
	derive(&k, w->l->seed);
	aes_key_set(&w->value_key, k.value);
	hash_init(&w->tag_hash, k.tag, HASH_PSI);
	TRY(okvs_params_set(&w->params, w->n));
	make_keys(w, k.item, keys);
	TRY(okvs_set_new_var(&w->set, &w->params, k.bins, keys, w->l->padded, w->v->conf.threads));
	/* The keys have served; tags come into their place. */
	w->tags = vole_psi_tags(&w->v->tags, w->l->padded);
out:
	sodium_memzero(&k, sizeof(k));
	return rc;
}

void vole_psi_values(const struct vole_psi_work *w, uint32_t from, uint32_t to, struct block *out)
{
	const struct block *h = okvs_set_hash(w->set) + from;

	/* Never h itself: the table whose first dense column is 1, all else 0, decodes every key in the world to h. */
	aes_ecb(&w->value_key, out, h, to - from);
	for (uint32_t i = 0; i < to - from; i++)
		out[i] = block_xor(out[i], h[i]);
}

/* H' of items from … to-1, all of one bin. */
static void hash_tags(struct vole_psi_work *w, uint32_t bin, uint32_t from, uint32_t to, struct block *v)
{
	const struct block *h = okvs_set_hash(w->set) + from;
	const uint32_t *order = okvs_set_order(w->set) + from;
	struct block z[BATCH];
	struct aes_key key;

	for (uint32_t i = 0; i < to - from; i++)
		v[i] = block_xor(block_sigma(v[i]), h[i]);
	hash_key(&w->tag_hash, bin, &key);
	aes_ecb(&key, z, v, to - from);
	for (uint32_t i = 0; i < to - from; i++)
		w->tags[from + i] = lookup_tag(block_xor(z[i], v[i]), w->bits, order[i]);
}

static void tag_part(struct vole_psi_work *w, uint32_t bin, uint32_t from, uint32_t to, const struct block *table,
		     const struct block *delta)
{
	struct block v[BATCH], h[BATCH];

	okvs_decode_part_var(w->set, from, to, table, v);
	if (delta) {
		vole_psi_values(w, from, to, h);
		gf128_add_mul_by(v, h, *delta, to - from);
	}
	hash_tags(w, bin, from, to, v);
	sodium_memzero(v, sizeof(v));
}

/* Items from … to-1, which may lie in several bins. */
static void tag_batch(struct vole_psi_work *w, uint32_t first, uint32_t from, uint32_t to, const struct block *table,
		      const struct block *delta)
{
	const uint32_t *bins = okvs_set_bins(w->set);
	size_t size = w->params.sparse + w->params.dense;

	for (uint32_t bin = first; from < to; bin++) {
		uint32_t end = bins[bin + 1] < to ? bins[bin + 1] : to;

		if (end <= from)
			continue;
		tag_part(w, bin, from, end, table + (bin - first) * size, delta);
		from = end;
	}
}

/* By batches of items, not by bins: S may hold any number of items in one. */
void vole_psi_tags_var(struct vole_psi_work *w, uint32_t first, uint32_t count, const struct block *table,
		       const struct block *delta)
{
	const uint32_t *bins = okvs_set_bins(w->set);
	uint32_t from = bins[first], to = bins[first + count];

#pragma omp parallel for schedule(dynamic, 1) num_threads(w->v->conf.threads)
	for (uint64_t i = from; i < to; i += BATCH)
		tag_batch(w, first, (uint32_t)i, to - i < BATCH ? to : (uint32_t)i + BATCH, table, delta);
}

/* Words of the VOLE for all runs. A guess that is too low costs another start of the VOLE, no more. */
static uint64_t expected_words(const struct vole_psi_conf *conf)
{
	uint64_t each = conf->expected / conf->lists + (conf->expected % conf->lists != 0);
	struct okvs_params p;

	if (each > VOLE_PSI_ITEMS_MAX || okvs_params_set(&p, each) != 0)
		return conf->expected;
	return okvs_size(&p) * conf->lists;
}

int vole_psi_new(struct vole_psi **out, struct chan *c, const struct vole_psi_conf *conf)
{
	struct vole_psi *v = calloc(1, sizeof(*v));
	int rc = ERR_NOMEM;

	*out = NULL;
	if (!v)
		return rc;
	v->c = c;
	v->conf = *conf;
	TRY(vole_new(&v->vole, c, !conf->receiver, conf->threads, expected_words(conf)));
	*out = v;
	v = NULL;
out:
	vole_psi_free(v);
	return rc;
}

/* What the VOLE says of itself; the channel's own sentence is the caller's. */
int vole_psi_failed(const struct vole_psi_work *w, int rc)
{
	if (rc == ERR_PEER && !chan_error(w->v->c)[0])
		return errmsg_set(w->em, rc, "PEER_PROTOCOL", "%s", vole_error(w->v->vole));
	return rc;
}

static int run(struct vole_psi_work *w)
{
	int rc;

	w->matched = calloc((size_t)w->l->count + 1, 1);
	if (!w->matched)
		return ERR_NOMEM;
	if (w->n == 0 || w->m == 0)
		return 0;
	TRY(make_set(w));
	vole_psi_mark(w->v, VOLE_PSI_HASH, 0.1);
	if (w->v->conf.receiver)
		TRY(vole_psi_receive(w));
	else
		TRY(vole_psi_send(w));
out:
	return rc;
}

int vole_psi_run(struct vole_psi *v, const struct vole_psi_list *l, uint8_t **matched, uint32_t *matches,
		 struct errmsg *em)
{
	int receiver = v->conf.receiver, result = receiver || l->flags, rc;
	struct vole_psi_work w = {
		.v = v, .l = l, .em = em,
		.n = receiver ? l->padded : l->peer_padded, .m = receiver ? l->peer_padded : l->padded,
	};

	*matched = NULL;
	*matches = 0;
	v->since = now();
	w.bits = lookup_tag_bits(w.n, w.m);
	if (l->count > l->padded || w.n > VOLE_PSI_ITEMS_MAX || w.m > VOLE_PSI_ITEMS_MAX)
		return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "psi was called with a list of a wrong length");
	rc = run(&w);
	if (rc == ERR_NOMEM)
		errmsg_set(em, rc, "NO_MEMORY", "not enough memory for lists of %u and %u rows", w.n, w.m);
	if (rc == 0 && result) {
		*matched = w.matched;
		*matches = w.matches;
		w.matched = NULL;
	}
	free(w.matched);
	okvs_set_free(w.set);
	sodium_memzero(&w.value_key, sizeof(w.value_key));
	hash_wipe(&w.tag_hash);
	return rc;
}

void vole_psi_free(struct vole_psi *v)
{
	if (!v)
		return;
	vole_free(v->vole);
	vole_psi_mem_free(&v->x);
	vole_psi_mem_free(&v->y);
	vole_psi_mem_free(&v->tags);
	free(v);
}
