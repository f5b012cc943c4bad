#include "mpc/cpsi.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/cmp.h"
#include "mpc/gf128.h"
#include "mpc/mux.h"
#include "mpc/okvs.h"
#include "mpc/vole.h"

#define PLACES 3
#define BINS_MIN 2048u
#define TRIES_MAX 100000u	/* of a chain of evictions: cuckoo hashing either ends soon or never */

/* Keys of one run, all from one common random block. */
struct keys {
	struct aes_key place, of[PLACES], value, tag, more;
	struct block oprf_seed, table_seed;
};

uint32_t cpsi_bins(uint32_t n)
{
	uint64_t bins = ((uint64_t)n * 127 + 99) / 100;

	return bins < BINS_MIN ? BINS_MIN : (uint32_t)bins;
}

/* AES_key(x) ^ x */
static struct block hash_one(const struct aes_key *key, struct block x)
{
	struct block out;

	aes_ecb(key, &out, &x, 1);
	return block_xor(out, x);
}

/* Both parties hold the generator of the inputs at the same place: its blocks are common and fresh. */
static void make_keys(struct mpc *m, struct keys *k)
{
	struct block seed[PLACES + 6];

	prg_blocks(mpc_masks(m, 0), seed, PLACES + 6);
	aes_key_set(&k->place, seed[0]);
	for (unsigned t = 0; t < PLACES; t++)
		aes_key_set(&k->of[t], seed[1 + t]);
	aes_key_set(&k->value, seed[PLACES + 1]);
	aes_key_set(&k->tag, seed[PLACES + 2]);
	aes_key_set(&k->more, seed[PLACES + 3]);
	k->oprf_seed = seed[PLACES + 4];
	k->table_seed = seed[PLACES + 5];
}

/* Three different bins of an item. */
static void places(const struct keys *k, struct block item, uint32_t bins, uint32_t at[PLACES])
{
	struct block h = hash_one(&k->place, item);
	uint64_t w[PLACES] = { h.w[0] & 0xffffffffff, h.w[0] >> 40 | (h.w[1] & 0xffff) << 24, h.w[1] >> 16 };

	for (unsigned t = 0; t < PLACES; t++) {
		at[t] = (uint32_t)(w[t] % bins);
		for (unsigned again = 1; again;) {
			again = 0;
			for (unsigned s = 0; s < t; s++)
				again |= at[s] == at[t];
			at[t] = again ? (at[t] + 1) % bins : at[t];
		}
	}
}

/* --- cuckoo table ------------------------------------------------------------------ */

/* item_of[b] and which of its places b is. */
static int place_all(const struct cpsi *c, const struct keys *k, uint32_t bins, uint32_t *item_of, uint8_t *which)
{
	struct prg g;
	int rc = 0;

	prg_init_random(&g);
	memset(item_of, 0xff, bins * sizeof(*item_of));
	for (uint32_t i = 0; i < c->own && !rc; i++) {
		uint32_t item = i, at[PLACES];

		for (uint32_t tries = 0;; tries++) {
			uint32_t r, old;
			unsigned t;

			places(k, c->item[item], bins, at);
			for (t = 0; t < PLACES && item_of[at[t]] != CPSI_EMPTY; t++)
				;
			if (t == PLACES) {
				prg_fill(&g, &r, sizeof(r));
				t = r % PLACES;
			}
			old = item_of[at[t]];
			item_of[at[t]] = item;
			which[at[t]] = (uint8_t)t;
			item = old;
			if (item == CPSI_EMPTY)
				break;
			if (tries == TRIES_MAX) {
				rc = errmsg_set(c->em, ERR_CONFLICT, "UNLUCKY", "the random choices of this run do not work for its keys (probability 2^-40): it has to be run again");
				break;
			}
		}
	}
	prg_wipe(&g);
	return rc;
}

/* --- OPRF ----------------------------------------------------------------------------- */

/* Values of an OPRF's keys, in the order of the keys. */
struct oprf {
	struct block *key, *out;
	size_t n;
};

/* Decoded in bin order, turned, hashed: out[i] of key i. delta: at S. */
static int evaluate(const struct keys *k, const struct okvs_set *set, const struct block *table, const struct block *delta, struct oprf *o)
{
	const struct block *h = okvs_set_hash(set);
	const uint32_t *order = okvs_set_order(set);
	struct block *v = malloc((o->n + 1) * sizeof(*v)), *u = malloc((o->n + 1) * sizeof(*u));

	if (!v || !u) {
		free(v);
		free(u);
		return ERR_NOMEM;
	}
	okvs_decode_var(set, table, v, 1);
	if (delta) {
		aes_ecb(&k->value, u, h, o->n);
		for (size_t i = 0; i < o->n; i++)
			u[i] = block_xor(u[i], h[i]);
		gf128_add_mul_by(v, u, *delta, o->n);
	}
	for (size_t i = 0; i < o->n; i++)
		u[i] = block_xor(block_sigma(v[i]), h[i]);
	aes_ecb(&k->tag, v, u, o->n);
	for (size_t i = 0; i < o->n; i++)
		o->out[order[i]] = block_xor(v[i], u[i]);
	sodium_memzero(v, o->n * sizeof(*v));
	sodium_memzero(u, o->n * sizeof(*u));
	free(v);
	free(u);
	return 0;
}

static int unlucky(const struct cpsi *c, int rc)
{
	if (rc == ERR_CONFLICT)
		return errmsg_set(c->em, rc, "UNLUCKY", "the random choices of this run do not work for its keys (probability 2^-40): it has to be run again");
	if (rc == ERR_INPUT)
		return errmsg_set(c->em, ERR_INTERNAL, "INTERNAL", "circuit psi was called with equal items");
	return rc;
}

/* R's table of values H of its keys, masked by the VOLE's C. */
static int oprf_receive(struct mpc *m, const struct cpsi *c, const struct keys *k, const struct okvs_params *p, struct oprf *o)
{
	size_t words = (size_t)okvs_size(p);
	struct block *a = malloc(words * sizeof(*a)), *mask = malloc(words * sizeof(*mask)), *table = malloc(words * sizeof(*table)),
		     *value = malloc((o->n + 1) * sizeof(*value));
	struct okvs_set *set = NULL;
	struct vole *v = NULL;
	int rc = ERR_NOMEM;

	if (!a || !mask || !table || !value)
		goto out;
	TRY(vole_new(&v, mpc_chan(m), 0, 1, words));
	TRY(vole_recv(v, a, mask, words));
	TRY(okvs_set_new_var(&set, p, k->oprf_seed, o->key, o->n, 1));
	aes_ecb(&k->value, value, okvs_set_hash(set), o->n);
	for (size_t i = 0; i < o->n; i++)
		value[i] = block_xor(value[i], okvs_set_hash(set)[i]);
	TRY(unlucky(c, okvs_encode_var(set, value, NULL, table, 1)));
	for (size_t i = 0; i < words; i++)
		mask[i] = block_xor(mask[i], table[i]);
	TRY(chan_send(mpc_chan(m), mask, words * sizeof(*mask)));
	TRY(chan_flush(mpc_chan(m)));
	rc = evaluate(k, set, a, NULL, o);
out:
	if (a)
		sodium_memzero(a, words * sizeof(*a));
	free(a);
	free(mask);
	free(table);
	free(value);
	okvs_set_free(set);
	vole_free(v);
	return rc;
}

static int oprf_send(struct mpc *m, const struct keys *k, const struct okvs_params *p, struct oprf *o)
{
	size_t words = (size_t)okvs_size(p);
	struct block *b = malloc(words * sizeof(*b)), *masked = malloc(words * sizeof(*masked)), delta = block_zero();
	struct okvs_set *set = NULL;
	struct vole *v = NULL;
	int rc = ERR_NOMEM;

	if (!b || !masked)
		goto out;
	TRY(vole_new(&v, mpc_chan(m), 1, 1, words));
	TRY(vole_send(v, b, words));
	delta = vole_delta(v);
	TRY(chan_recv(mpc_chan(m), masked, words * sizeof(*masked)));
	gf128_add_mul_by(b, masked, delta, words);
	TRY(okvs_set_new_var(&set, p, k->oprf_seed, o->key, o->n, 1));
	rc = evaluate(k, set, b, &delta, o);
out:
	sodium_memzero(&delta, sizeof(delta));
	if (b)
		sodium_memzero(b, words * sizeof(*b));
	free(b);
	free(masked);
	okvs_set_free(set);
	vole_free(v);
	return rc;
}

/* --- programmed values ------------------------------------------------------------------ */

/* Block `which` of what a key is to give is masked by this: the OPRF's output under an index. */
static struct block pad(const struct keys *k, struct block f, unsigned which)
{
	return hash_one(&k->more, block_xor(f, block_set(which, 0)));
}

/* Words of payload of an item. */
static unsigned words_of(const struct cpsi *c)
{
	return c->wide ? 2 * c->columns : c->columns;
}

/* Block 0: tag and word 0; block i: words 2i - 1 and 2i. */
static unsigned blocks_of(unsigned words)
{
	return 1 + words / 2;
}

/* Word w (from 1) of what an item's payload is less than the masks of its bin; of wide columns with the borrow. */
static uint64_t masked_word(const struct cpsi *c, unsigned w, size_t item, const uint64_t *mask, uint32_t bins)
{
	unsigned __int128 p, r;
	unsigned column = (w - 1) / 2;

	if (!c->wide)
		return c->payload[w - 1][item] - mask[(size_t)w * bins];
	p = (unsigned __int128)c->payload[column][2 * item + 1] << 64 | c->payload[column][2 * item];
	r = (unsigned __int128)mask[(size_t)(2 * column + 2) * bins] << 64 | mask[(size_t)(2 * column + 1) * bins];
	return (uint64_t)((p - r) >> ((w - 1) % 2 * 64));
}

/* One table per block, over the same keys. S: values as they are to be decoded, tags and masks in `own`, bins after bins per word. */
static int tables_send(struct mpc *m, const struct cpsi *c, const struct keys *k, uint32_t bins, const struct oprf *o, const uint32_t *bin_of,
		       const uint64_t *own)
{
	struct okvs_params p;
	struct okvs_set *set = NULL;
	struct block *value = malloc((o->n + 1) * sizeof(*value)), *table = NULL;
	struct prg g;
	int rc = ERR_NOMEM;

	prg_init_random(&g);
	if (!value)
		goto out;
	TRY(okvs_params_set(&p, o->n));
	table = malloc(okvs_size(&p) * sizeof(*table));
	rc = table ? okvs_set_new_var(&set, &p, k->table_seed, o->key, o->n, 1) : ERR_NOMEM;
	for (unsigned b = 0; b < blocks_of(words_of(c)) && !rc; b++) {
		for (size_t i = 0; i < o->n; i++) {
			size_t key = okvs_set_order(set)[i], item = key / PLACES;
			struct block v = pad(k, o->out[key], b);

			for (unsigned half = 0; half < 2; half++) {
				unsigned word = 2 * b + half;	/* 0: the tag */
				const uint64_t *mask = own + bin_of[key];

				if (word <= words_of(c))
					v.w[half] ^= word ? masked_word(c, word, item, mask, bins) : mask[0];
			}
			value[i] = v;
		}
		TRY(unlucky(c, okvs_encode_var(set, value, &g, table, 1)));
		TRY(chan_send(mpc_chan(m), table, okvs_size(&p) * sizeof(*table)));
	}
	if (!rc)
		rc = chan_flush(mpc_chan(m));
out:
	prg_wipe(&g);
	if (value)
		sodium_memzero(value, o->n * sizeof(*value));
	free(value);
	free(table);
	okvs_set_free(set);
	return rc;
}

/* R: own[word·bins + b] of what its bins decode to. */
static int tables_receive(struct mpc *m, const struct cpsi *c, const struct keys *k, uint32_t bins, const struct oprf *o, uint64_t *own)
{
	struct okvs_params p;
	struct okvs_set *set = NULL;
	struct block *value = malloc((o->n + 1) * sizeof(*value)), *table = NULL;
	int rc = ERR_NOMEM;

	if (!value)
		goto out;
	TRY(okvs_params_set(&p, (uint64_t)PLACES * c->peer));
	table = malloc(okvs_size(&p) * sizeof(*table));
	rc = table ? okvs_set_new_var(&set, &p, k->table_seed, o->key, o->n, 1) : ERR_NOMEM;
	for (unsigned b = 0; b < blocks_of(words_of(c)) && !rc; b++) {
		TRY(chan_recv(mpc_chan(m), table, okvs_size(&p) * sizeof(*table)));
		okvs_decode_var(set, table, value, 1);
		for (size_t i = 0; i < o->n; i++) {
			size_t key = okvs_set_order(set)[i];
			struct block v = block_xor(value[i], pad(k, o->out[key], b));

			for (unsigned half = 0; half < 2; half++)
				if (2 * b + half <= words_of(c))
					own[(size_t)(2 * b + half) * bins + key] = v.w[half];
		}
	}
out:
	if (value)
		sodium_memzero(value, o->n * sizeof(*value));
	free(value);
	free(table);
	okvs_set_free(set);
	return rc;
}

/* --- the two sides ------------------------------------------------------------------------- */

static int oprf_new(struct oprf *o, size_t n)
{
	*o = (struct oprf){ .key = calloc(n + 1, sizeof(*o->key)), .out = calloc(n + 1, sizeof(*o->out)), .n = n };
	return o->key && o->out ? 0 : ERR_NOMEM;
}

static void oprf_free(struct oprf *o)
{
	if (o->out)
		sodium_memzero(o->out, o->n * sizeof(*o->out));
	free(o->key);
	free(o->out);
}

static int receive(struct mpc *m, const struct cpsi *c, const struct keys *k, uint32_t bins, uint32_t *item_of, uint64_t *own)
{
	struct okvs_params p;
	struct oprf o;
	uint8_t *which = calloc((size_t)bins + 1, 1);
	struct prg g;
	int rc = oprf_new(&o, bins);

	prg_init_random(&g);
	if (!which)
		rc = ERR_NOMEM;
	if (rc)
		goto out;
	TRY(place_all(c, k, bins, item_of, which));
	prg_blocks(&g, o.key, bins);	/* dummies, which no item meets */
	for (uint32_t b = 0; b < bins; b++)
		if (item_of[b] != CPSI_EMPTY)
			o.key[b] = hash_one(&k->of[which[b]], c->item[item_of[b]]);
	TRY(okvs_params_set(&p, bins));
	TRY(oprf_receive(m, c, k, &p, &o));
	TRY(tables_receive(m, c, k, bins, &o, own));
out:
	prg_wipe(&g);
	free(which);
	oprf_free(&o);
	return rc;
}

static int provide(struct mpc *m, const struct cpsi *c, const struct keys *k, uint32_t bins, uint64_t *own)
{
	struct okvs_params p;
	struct oprf o;
	uint32_t *bin_of = calloc((size_t)c->own * PLACES + 1, sizeof(*bin_of));
	struct prg g;
	int rc = oprf_new(&o, (size_t)c->own * PLACES);

	prg_init_random(&g);
	prg_fill(&g, own, (size_t)(words_of(c) + 1) * bins * sizeof(*own));
	prg_wipe(&g);
	if (!bin_of)
		rc = ERR_NOMEM;
	if (rc)
		goto out;
	for (uint32_t i = 0; i < c->own; i++) {
		places(k, c->item[i], bins, bin_of + (size_t)i * PLACES);
		for (unsigned t = 0; t < PLACES; t++)
			o.key[(size_t)i * PLACES + t] = hash_one(&k->of[t], c->item[i]);
	}
	TRY(okvs_params_set(&p, bins));
	TRY(oprf_send(m, k, &p, &o));
	TRY(tables_send(m, c, k, bins, &o, bin_of, own));
out:
	free(bin_of);
	oprf_free(&o);
	return rc;
}

/* Equal tags match; what does not is zero. */
static int share_results(struct mpc *m, const struct cpsi *c, uint32_t bins, const uint64_t *own, struct bvec *match, struct avec *value)
{
	struct avec diff = { 0 };
	int rc;

	TRY(avec_new(&diff, bins, 64, 0));
	memcpy(diff.v, own, bins * sizeof(*own));
	if (mpc_party(m) != c->receiver)
		avec_neg(&diff, &diff);
	TRY(mpc_eqz(m, match, &diff));
	for (unsigned i = 0; i < c->columns; i++) {
		const uint64_t *word = own + (size_t)(c->wide ? 2 * i + 1 : i + 1) * bins;

		for (uint32_t b = 0; b < bins; b++) {
			if (!c->wide) {
				value[i].v[b] = word[b];
				continue;
			}
			value[i].v[2 * b] = word[b];
			value[i].v[2 * b + 1] = word[bins + b];
		}
		TRY(mpc_mux(m, &value[i], match, &value[i]));
	}
out:
	avec_free(&diff);
	return rc;
}

static int fits(const struct cpsi *c, uint32_t bins, const struct bvec *match, const struct avec *value)
{
	for (unsigned i = 0; i < c->columns; i++)
		if (value[i].n != bins || value[i].bits != (c->wide ? 128 : 64))
			return 0;
	return match->n == bins && c->own <= CPSI_ITEMS_MAX && c->peer <= CPSI_ITEMS_MAX;
}

int cpsi_run(struct mpc *m, const struct cpsi *c, struct bvec *match, struct avec *value, uint32_t *item_of)
{
	int me = mpc_party(m) == c->receiver, rc;
	uint32_t bins = cpsi_bins(me ? c->own : c->peer);
	uint64_t *own;
	struct keys k;
	uint8_t none;

	if (!fits(c, bins, match, value))
		return ERR_INPUT;
	own = calloc((size_t)(words_of(c) + 1) * bins, sizeof(*own));
	if (!own)
		return ERR_NOMEM;
	make_keys(m, &k);
	TRY(mpc_op(m, MPC_OP_PSI, (uint64_t)bins << 32 | (me ? c->peer : c->own), words_of(c) | (uint64_t)c->receiver << 32));
	TRY(chan_flush(mpc_chan(m)));
	TRY(mpc_recv(m, &none, 0));	/* what is due is compared before the channel is used past the engine */
	rc = me ? receive(m, c, &k, bins, item_of, own) : provide(m, c, &k, bins, own);
	if (rc == 0)
		rc = share_results(m, c, bins, own, match, value);
out:
	sodium_memzero(&k, sizeof(k));
	sodium_memzero(own, (size_t)(words_of(c) + 1) * bins * sizeof(*own));
	free(own);
	return rc;
}
