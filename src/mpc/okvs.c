#include "mpc/okvs.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/aes.h"
#include "mpc/huge.h"
#include "mpc/okvs_bin.h"
#include "mpc/prg.h"

#define BATCH 128	/* keys hashed, or decoded, at a time: in the first-level cache */

struct okvs_set {
	struct okvs_params p;
	uint64_t n;
	struct block *hash;	/* in bin order, as order is */
	uint32_t *order;
	uint32_t *bins;		/* p.bins + 1 offsets */
};

const uint32_t *okvs_set_order(const struct okvs_set *s) { return s->order; }
const uint32_t *okvs_set_bins(const struct okvs_set *s) { return s->bins; }
const struct block *okvs_set_hash(const struct okvs_set *s) { return s->hash; }
uint64_t okvs_set_count(const struct okvs_set *s) { return s->n; }

void okvs_set_free(struct okvs_set *s)
{
	if (!s)
		return;
	if (s->hash)
		sodium_memzero(s->hash, s->n * sizeof(*s->hash));
	if (s->order)
		sodium_memzero(s->order, s->n * sizeof(*s->order));
	free(s->hash);
	free(s->order);
	free(s->bins);
	free(s);
}

/* The sort: each of `chunks` ranges of keys counts its bins, then moves its keys behind those of earlier ranges. */
struct sort {
	struct okvs_set *s;
	const struct block *keys;
	struct aes_key key;
	uint32_t *count;	/* chunks x bins: counts, then places */
	uint32_t chunks;
};

/* h = AES_seed(x) + x */
static void hash_keys(const struct aes_key *key, struct block *h, const struct block *x, size_t n)
{
	aes_ecb(key, h, x, n);
	for (size_t i = 0; i < n; i++)
		h[i] = block_xor(h[i], x[i]);
}

/* Hashes a range twice rather than keep 16 bytes a key between the passes: AES costs less than memory. */
static void sort_chunk(const struct sort *t, uint32_t chunk, int move)
{
	uint64_t from = t->s->n * chunk / t->chunks, to = t->s->n * (chunk + 1) / t->chunks;
	uint32_t *count = t->count + (size_t)chunk * t->s->p.bins, bins = t->s->p.bins;
	struct block h[BATCH];

	for (uint64_t i = from; i < to; i += BATCH) {
		size_t m = to - i < BATCH ? to - i : BATCH;

		hash_keys(&t->key, h, t->keys + i, m);
		for (size_t k = 0; k < m; k++) {
			uint32_t *c = &count[okvs_bin_of(h[k], bins)];

			if (move) {
				t->s->hash[*c] = h[k];
				t->s->order[*c] = (uint32_t)(i + k);
			}
			++*c;
		}
	}
	sodium_memzero(h, sizeof(h));
}

/* Counts become places: by bin, then by range, so that the order of keys in a bin does not depend on the ranges. */
static void sort_places(struct sort *t)
{
	uint32_t at = 0, bins = t->s->p.bins;

	for (uint32_t b = 0; b < bins; b++) {
		t->s->bins[b] = at;
		for (uint32_t c = 0; c < t->chunks; c++) {
			uint32_t *count = &t->count[(size_t)c * bins + b], k = *count;

			*count = at;
			at += k;
		}
	}
	t->s->bins[bins] = at;
}

static void sort_pass(const struct sort *t, int move)
{
	#pragma omp parallel for num_threads((int)t->chunks) schedule(static)
	for (uint32_t c = 0; c < t->chunks; c++)
		sort_chunk(t, c, move);
}

static int sort_keys(struct okvs_set *s, struct block seed, const struct block *keys, int threads)
{
	struct sort t = { .s = s, .keys = keys, .chunks = threads < 1 ? 1 : (uint32_t)threads };

	t.count = calloc((size_t)t.chunks * s->p.bins, sizeof(*t.count));
	if (!t.count)
		return ERR_NOMEM;
	aes_key_set(&t.key, seed);
	sort_pass(&t, 0);
	sort_places(&t);
	sort_pass(&t, 1);
	free(t.count);
	return 0;
}

int okvs_set_new_var(struct okvs_set **out, const struct okvs_params *p, struct block seed,
		     const struct block *keys, uint64_t n, int threads)
{
	struct okvs_set *s;
	int rc = ERR_NOMEM;

	*out = NULL;
	if (n > OKVS_MAX_ITEMS)
		return ERR_INPUT;
	s = calloc(1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	s->p = *p;
	s->n = n;
	s->hash = huge_alloc(n * sizeof(*s->hash));
	s->order = huge_alloc((n + 1) * sizeof(*s->order));
	s->bins = calloc((size_t)p->bins + 1, sizeof(*s->bins));
	if (!s->hash || !s->order || !s->bins)
		goto out;
	TRY(sort_keys(s, seed, keys, threads));
	*out = s;
	s = NULL;
	rc = 0;
out:
	okvs_set_free(s);
	return rc;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct block));
}

/* Why a bin could not be encoded: equal keys are the caller's fault, anything else is the seed's. */
static int blame(const struct okvs_set *s, uint32_t bin)
{
	uint32_t n = s->bins[bin + 1] - s->bins[bin];
	struct block *h = malloc((n + 1) * sizeof(*h));
	int rc = ERR_CONFLICT;

	if (!h)
		return ERR_NOMEM;
	memcpy(h, s->hash + s->bins[bin], n * sizeof(*h));
	qsort(h, n, sizeof(*h), compare);
	for (uint32_t i = 1; i < n; i++)
		if (memcmp(&h[i - 1], &h[i], sizeof(*h)) == 0)
			rc = ERR_INPUT;
	sodium_memzero(h, n * sizeof(*h));
	free(h);
	return rc;
}

/* One call: values and table begin with the range's first item and bin, seed (may be NULL) with bin 0. */
struct encoding {
	const struct okvs_set *s;
	struct okvs_range range;
	const struct block *values, *seed;
	struct block *table;
};

static int encode_bin(const struct encoding *e, struct okvs_work *w, uint32_t bin)
{
	const struct okvs_set *s = e->s;
	uint32_t from = s->bins[bin], n = s->bins[bin + 1] - from;
	const struct block *values = e->values + (from - s->bins[e->range.first]);
	struct block *part = e->table + (size_t)(bin - e->range.first) * (s->p.sparse + s->p.dense);
	int rc = ERR_CONFLICT;
	struct prg rng;

	if (e->seed)
		prg_init(&rng, e->seed[bin]);
	if (n <= s->p.capacity)
		rc = okvs_bin_encode_var(w, &s->p, s->hash + from, values, n, e->seed ? &rng : NULL, part);
	if (e->seed)
		prg_wipe(&rng);
	return rc == ERR_CONFLICT ? blame(s, bin) : rc;
}

/* The first bin's error in order of bins, so that it does not depend on the threads either. */
static int encode_bins(const struct encoding *e, int threads)
{
	uint32_t end = e->range.first + e->range.count, bad = end;
	int rc = 0;

	#pragma omp parallel num_threads(threads < 1 ? 1 : threads)
	{
		struct okvs_work w;
		int init = okvs_work_init(&w, &e->s->p);

		#pragma omp for schedule(dynamic)
		for (uint32_t b = e->range.first; b < end; b++) {
			int err = init ? init : encode_bin(e, &w, b);

			#pragma omp critical(okvs_encode_error)
			if (err && b < bad) {
				bad = b;
				rc = err;
			}
		}
		okvs_work_free(&w);
	}
	return rc;
}

int okvs_encode_var(const struct okvs_set *s, const struct block *values, struct prg *rng,
		    struct block *table, int threads)
{
	struct encoding e = { .s = s, .range = { 0, s->p.bins }, .values = values, .table = table };
	struct block *seed = NULL;
	int rc = ERR_NOMEM;

	if (s->n > s->p.items)
		return ERR_INPUT;
	if (rng) {
		seed = aligned_alloc(sizeof(*seed), s->p.bins * sizeof(*seed));
		if (!seed)
			goto out;
		prg_blocks(rng, seed, s->p.bins);
	}
	e.seed = seed;
	rc = encode_bins(&e, threads);
out:
	if (seed)
		sodium_memzero(seed, s->p.bins * sizeof(*seed));
	free(seed);
	return rc;
}

int okvs_encode_bins_var(const struct okvs_set *s, struct okvs_range range, const struct block *values,
			 struct block *table, int threads)
{
	struct encoding e = { .s = s, .range = range, .values = values, .table = table };

	return s->n > s->p.items ? ERR_INPUT : encode_bins(&e, threads);
}

static void decode_batch(const struct okvs_params *p, const struct block *table, const struct block *h,
			 struct block *out, size_t n)
{
	struct okvs_row row[BATCH];

	okvs_rows_var(row, h, n, p->sparse);
	okvs_dense_eval(out, h, n, table + p->sparse, p->dense);
	for (size_t i = 0; i < n; i++) {
		const uint16_t *c = row[i].col;

		out[i] = block_xor(block_xor(out[i], table[c[0]]), block_xor(table[c[1]], table[c[2]]));
	}
}

void okvs_decode_part_var(const struct okvs_set *s, uint64_t from, uint64_t to, const struct block *part,
			  struct block *out)
{
	for (uint64_t i = from; i < to; i += BATCH)
		decode_batch(&s->p, part, s->hash + i, out + (i - from), to - i < BATCH ? to - i : BATCH);
}

void okvs_decode_var(const struct okvs_set *s, const struct block *table, struct block *out, int threads)
{
	const struct okvs_params *p = &s->p;

	#pragma omp parallel for num_threads(threads < 1 ? 1 : threads) schedule(dynamic)
	for (uint32_t b = 0; b < p->bins; b++) {
		const struct block *part = table + (size_t)b * (p->sparse + p->dense);

		okvs_decode_part_var(s, s->bins[b], s->bins[b + 1], part, out + s->bins[b]);
	}
}
