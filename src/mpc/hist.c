#include "mpc/hist.h"

#include <stdlib.h>
#include <string.h>

#include "mpc/bits.h"
#include "mpc/ggm.h"

#define CHUNK 1024u	/* groups of four trees that are set up at once */

/* Row r of feature f is lane r % 4 of group f·groups + r / 4; rows are filled up with ones that count nothing. */
struct hist {
	struct mpc *m;
	struct hist_conf conf;
	struct ggm ggm;
	size_t groups;		/* per feature */
	size_t all;		/* groups of all features */
	struct block *cot;	/* q, or m: 4·beta per group */
	struct block *corr;	/* at the owner: 4·(beta - 1) per group */
	uint8_t *turn;		/* per tree: leaf j stands for bin j ^ turn */
};

static int is_owner(const struct hist *h)
{
	return mpc_party(h->m) == h->conf.owner;
}

void hist_free(struct hist *h)
{
	if (!h)
		return;
	if (h->cot)
		explicit_bzero(h->cot, h->all * ggm_cots(&h->ggm) * sizeof(*h->cot));
	free(h->cot);
	free(h->corr);
	free(h->turn);
	explicit_bzero(h, sizeof(*h));
	free(h);
}

/* --- set-up ------------------------------------------------------------------- */

static uint8_t bin_of(const struct hist *h, size_t group, unsigned lane)
{
	size_t feature = group / h->groups, row = group % h->groups * GGM_LANES + lane;

	return row < h->conf.rows ? h->conf.bin[feature * h->conf.rows + row] : 0;
}

/* The place that the COTs give a tree: bit l is 1 ^ LSB of level l's. */
static unsigned alpha_of(const struct hist *h, size_t group, unsigned lane)
{
	const struct block *m = h->cot + group * ggm_cots(&h->ggm);
	unsigned alpha = 0;

	for (unsigned l = 0; l < h->conf.beta; l++)
		alpha |= (1 ^ block_lsb(m[GGM_LANES * l + lane])) << l;
	return alpha;
}

/* The owner says how far each tree's random place is from the bin, which hides the bin. */
static int ask(struct hist *h, size_t from, size_t n)
{
	size_t trees = n * GGM_LANES;
	uint64_t *word = malloc(trees * sizeof(*word));
	int rc = ERR_NOMEM;

	if (!word)
		return rc;
	TRY(mpc_cot_recv(h->m, h->cot + from * ggm_cots(&h->ggm), n * ggm_cots(&h->ggm)));
	for (size_t t = 0; t < trees; t++) {
		size_t group = from + t / GGM_LANES;

		h->turn[from * GGM_LANES + t] = (uint8_t)(alpha_of(h, group, t % GGM_LANES) ^ bin_of(h, group, t % GGM_LANES));
		word[t] = h->turn[from * GGM_LANES + t];
	}
	TRY(mpc_send_bits(h->m, word, trees, h->conf.beta));
	rc = chan_flush(mpc_chan(h->m));
out:
	free(word);
	return rc;
}

static int answer(struct hist *h, size_t from, size_t n)
{
	size_t trees = n * GGM_LANES, per = ggm_corrections(&h->ggm);
	uint64_t *word = malloc(trees * sizeof(*word));
	struct block *leaf = malloc(ggm_leaves(&h->ggm) * sizeof(*leaf)), *corr = malloc(n * per * sizeof(*corr));
	int rc = ERR_NOMEM;

	if (!word || !leaf || !corr)
		goto out;
	TRY(mpc_cot_send(h->m, h->cot + from * ggm_cots(&h->ggm), n * ggm_cots(&h->ggm)));
	TRY(mpc_recv_bits(h->m, word, trees, h->conf.beta));
	for (size_t t = 0; t < trees; t++)
		h->turn[from * GGM_LANES + t] = (uint8_t)word[t];
	for (size_t i = 0; i < n; i++)
		ggm_send(&h->ggm, from + i, h->cot + (from + i) * ggm_cots(&h->ggm), mpc_delta(h->m), leaf, corr + i * per);
	TRY(mpc_send(h->m, corr, n * per * sizeof(*corr)));
	rc = chan_flush(mpc_chan(h->m));
out:
	if (leaf)
		explicit_bzero(leaf, ggm_leaves(&h->ggm) * sizeof(*leaf));
	free(word);
	free(leaf);
	free(corr);
	return rc;
}

static int setup_chunk(struct hist *h, size_t from, size_t n)
{
	size_t use = n * ggm_cots(&h->ggm), per = ggm_corrections(&h->ggm);
	int own = is_owner(h), rc;

	if (!mpc_reserved(h->m, own ? 0 : use, own ? use : 0))
		TRY(mpc_reserve(h->m, own ? 0 : use, own ? use : 0));
	if (!own)
		return answer(h, from, n);
	TRY(ask(h, from, n));
	rc = mpc_recv(h->m, h->corr + from * per, n * per * sizeof(*h->corr));
out:
	return rc;
}

static int setup(struct hist *h)
{
	const struct hist_conf *c = &h->conf;
	struct block session;
	int rc;

	/* both parties hold this generator at the same place: fresh, and no secret of either is needed */
	prg_blocks(mpc_masks(h->m, 0), &session, 1);
	ggm_init(&h->ggm, session, c->beta);
	h->groups = (c->rows + GGM_LANES - 1) / GGM_LANES;
	h->all = h->groups * c->features;
	h->cot = malloc((h->all * ggm_cots(&h->ggm) + 1) * sizeof(*h->cot));
	h->turn = malloc(h->all * GGM_LANES + 1);
	if (is_owner(h))
		h->corr = malloc((h->all * ggm_corrections(&h->ggm) + 1) * sizeof(*h->corr));
	if (!h->cot || !h->turn || (is_owner(h) && !h->corr))
		return ERR_NOMEM;
	TRY(mpc_op(h->m, MPC_OP_HIST, (uint64_t)c->rows << 32 | c->features, c->beta | (uint64_t)c->owner << 8));
	for (size_t at = 0, n; at < h->all; at += n) {
		n = h->all - at < CHUNK ? h->all - at : CHUNK;
		TRY(setup_chunk(h, at, n));
	}
out:
	return rc;
}

int hist_new(struct hist **out, struct mpc *m, const struct hist_conf *conf)
{
	struct hist *h;
	int rc;

	*out = NULL;
	if ((conf->owner != 0 && conf->owner != 1) || conf->beta < HIST_BETA_MIN || conf->beta > HIST_BETA_MAX || conf->rows > INT32_MAX)
		return ERR_INPUT;
	h = calloc(1, sizeof(*h));
	if (!h)
		return ERR_NOMEM;
	h->m = m;
	h->conf = *conf;
	if (h->conf.threads < 1)
		h->conf.threads = 1;
	rc = setup(h);
	if (rc)
		hist_free(h);
	else
		*out = h;
	return rc;
}

/* --- passes --------------------------------------------------------------------- */

struct pass {
	struct hist *h;
	struct avec *const *sum;
	const struct avec *const *v;
	unsigned values, bits;
	uint64_t index;		/* of the first hash */
	uint64_t *wire;		/* one feature's numbers: value after value, a row each */
};

/* What a thread works in. */
struct room {
	struct block *leaf, *hash;
	uint32_t alpha[GGM_LANES];
};

static int room_new(struct room *r, const struct hist *h)
{
	r->leaf = malloc(ggm_leaves(&h->ggm) * sizeof(*r->leaf));
	r->hash = malloc(ggm_leaves(&h->ggm) * sizeof(*r->hash));
	return r->leaf && r->hash ? 0 : ERR_NOMEM;
}

static void room_free(struct room *r, const struct hist *h)
{
	if (r->leaf)
		explicit_bzero(r->leaf, ggm_leaves(&h->ggm) * sizeof(*r->leaf));
	if (r->hash)
		explicit_bzero(r->hash, ggm_leaves(&h->ggm) * sizeof(*r->hash));
	free(r->leaf);
	free(r->hash);
}

static void grow(const struct hist *h, size_t group, struct room *r)
{
	const struct block *cot = h->cot + group * ggm_cots(&h->ggm);
	struct block corr[GGM_LANES * (HIST_BETA_MAX - 1)];

	if (is_owner(h))
		ggm_recv(&h->ggm, group, cot, h->corr + group * ggm_corrections(&h->ggm), r->leaf, r->alpha);
	else
		ggm_send(&h->ggm, group, cot, mpc_delta(h->m), r->leaf, corr);
}

static unsigned hashes_of(const struct pass *p)
{
	return p->bits > 64 ? p->values : (p->values + 1) / 2;
}

/* Value k of a hash: its lower or its upper half, reduced. */
static inline uint64_t half(const struct block *b, unsigned k, uint64_t mask)
{
	return b->w[k & 1] & mask;
}

/* The party without the bins: its sums lose the leaves' numbers, which come back through what it sends. */
static void give_tree(struct pass *p, const struct room *r, size_t feature, size_t row, unsigned value)
{
	const struct hist *h = p->h;
	size_t bins = (size_t)1 << h->conf.beta, lane = row % GGM_LANES;
	unsigned turn = h->turn[(feature * h->groups + row / GGM_LANES) * GGM_LANES + lane];
	uint64_t *sum = p->sum[value]->v + feature * bins, total = 0, mask = bits_mask(p->bits);

	for (size_t j = 0; j < bins; j++) {
		uint64_t y = half(&r->hash[GGM_LANES * j + lane], value, mask);

		total += y;
		sum[j ^ turn] -= y;
	}
	p->wire[value * h->conf.rows + row] = (p->v[value]->v[row] + total) & mask;
}

/* The owner: every leaf's number but the one it lacks, in whose place the rest of what came stands. Touches all alike. */
static void take_tree(struct pass *p, const struct room *r, size_t feature, size_t row, unsigned value)
{
	const struct hist *h = p->h;
	size_t bins = (size_t)1 << h->conf.beta, lane = row % GGM_LANES;
	unsigned turn = h->turn[(feature * h->groups + row / GGM_LANES) * GGM_LANES + lane];
	uint64_t *sum = p->sum[value]->v + feature * bins, rest = p->wire[value * h->conf.rows + row] + p->v[value]->v[row];

	for (size_t j = 0; j < bins; j++) {
		uint64_t here = -(uint64_t)(((uint64_t)(j ^ r->alpha[lane]) - 1) >> 63);

		rest -= r->hash[GGM_LANES * j + lane].w[value & 1] & ~here;
	}
	for (size_t j = 0; j < bins; j++) {
		uint64_t here = -(uint64_t)(((uint64_t)(j ^ r->alpha[lane]) - 1) >> 63);

		sum[j ^ turn] += (rest & here) | (r->hash[GGM_LANES * j + lane].w[value & 1] & ~here);
	}
}

typedef unsigned __int128 u128;

static inline u128 wide(const uint64_t *w)
{
	return (u128)w[1] << 64 | w[0];
}

static inline void add_wide(uint64_t *to, u128 v)
{
	v += wide(to);
	to[0] = (uint64_t)v;
	to[1] = (uint64_t)(v >> 64);
}

/* give_tree and take_tree for a ring of 128 bits. */
static void wide_tree(struct pass *p, const struct room *r, size_t feature, size_t row, unsigned value)
{
	const struct hist *h = p->h;
	size_t bins = (size_t)1 << h->conf.beta, lane = row % GGM_LANES;
	unsigned turn = h->turn[(feature * h->groups + row / GGM_LANES) * GGM_LANES + lane];
	uint64_t *sum = p->sum[value]->v + 2 * feature * bins, *wire = p->wire + 2 * (value * h->conf.rows + row);
	u128 own = wide(p->v[value]->v + 2 * row), total = 0;
	int owner = is_owner(h);

	for (size_t j = 0; j < bins; j++) {
		u128 here = -(u128)(((uint64_t)(j ^ r->alpha[lane]) - 1) >> 63), y = wide(r->hash[GGM_LANES * j + lane].w);

		y = owner ? y & ~here : y;
		total += y;
		add_wide(sum + 2 * (j ^ turn), owner ? y : -y);
	}
	if (!owner) {
		wire[0] = (uint64_t)(own + total);
		wire[1] = (uint64_t)((own + total) >> 64);
		return;
	}
	for (size_t j = 0; j < bins; j++) {
		u128 here = -(u128)(((uint64_t)(j ^ r->alpha[lane]) - 1) >> 63);

		add_wide(sum + 2 * (j ^ turn), (wide(wire) + own - total) & here);
	}
}

static void one_group(struct pass *p, struct room *r, size_t feature, size_t g)
{
	const struct hist *h = p->h;
	size_t leaves = ggm_leaves(&h->ggm), group = feature * h->groups + g;
	unsigned hashes = hashes_of(p), per = p->bits > 64 ? 1 : 2;

	grow(h, group, r);
	for (unsigned k = 0; k < hashes; k++) {
		hash_blocks(mpc_hash(h->m), p->index + (group * hashes + k) * leaves, r->leaf, r->hash, leaves);
		for (unsigned value = per * k; value < per * (k + 1) && value < p->values; value++) {
			for (size_t row = g * GGM_LANES; row < g * GGM_LANES + GGM_LANES && row < h->conf.rows; row++) {
				if (per == 1)
					wide_tree(p, r, feature, row, value);
				else if (is_owner(h))
					take_tree(p, r, feature, row, value);
				else
					give_tree(p, r, feature, row, value);
			}
		}
	}
}

/* As many features at once as there are threads; the wire has them in their order. */
static int all_features(struct pass *p)
{
	struct hist *h = p->h;
	size_t n = (size_t)h->conf.rows * p->values * (p->bits > 64 ? 2 : 1);
	unsigned width = p->bits > 64 ? 64 : p->bits;
	int threads = h->conf.threads, rc = 0;
	struct room *room = calloc((size_t)threads, sizeof(*room));
	uint64_t *wire = malloc((n * (size_t)threads + 1) * sizeof(*wire));

	if (!room || !wire)
		rc = ERR_NOMEM;
	for (int t = 0; t < threads && !rc; t++)
		rc = room_new(&room[t], h);
	for (uint32_t from = 0, part; from < h->conf.features && !rc; from += part) {
		part = h->conf.features - from < (uint32_t)threads ? h->conf.features - from : (uint32_t)threads;
		if (is_owner(h))
			for (uint32_t i = 0; i < part && !rc; i++)
				rc = mpc_recv_bits(h->m, wire + i * n, n, width);
#pragma omp parallel for num_threads((int)part) schedule(static, 1) if (part > 1)
		for (uint32_t i = 0; i < part; i++) {
			struct pass own = *p;

			own.wire = wire + i * n;
			for (size_t g = 0; g < h->groups; g++)
				one_group(&own, &room[i], from + i, g);
		}
		if (!is_owner(h))
			for (uint32_t i = 0; i < part && !rc; i++)
				rc = mpc_send_bits(h->m, wire + i * n, n, width);
	}
	for (int t = 0; room && t < threads; t++)
		room_free(&room[t], h);
	free(room);
	free(wire);
	return rc;
}

static int fits(const struct hist *h, struct avec *const *sum, const struct avec *const *v, unsigned values)
{
	size_t bins = (size_t)h->conf.features << h->conf.beta;

	for (unsigned i = 0; i < values; i++)
		if (v[i]->n != h->conf.rows || sum[i]->n != bins || v[i]->bits != v[0]->bits || sum[i]->bits != v[0]->bits ||
		    sum[i]->scale != v[i]->scale)
			return 0;
	return values > 0;
}

int hist_add(struct hist *h, struct avec *const *sum, const struct avec *const *v, unsigned values)
{
	struct pass p = { .h = h, .sum = sum, .v = v, .values = values };
	int rc;

	if (!fits(h, sum, v, values))
		return ERR_INPUT;
	p.bits = v[0]->bits;
	TRY(mpc_op(h->m, MPC_OP_HIST, (uint64_t)values << 32 | h->conf.rows, p.bits | 1u << 16));
	p.index = mpc_index(h->m, 1 - h->conf.owner, (uint64_t)h->all * hashes_of(&p) * ggm_leaves(&h->ggm));
	TRY(all_features(&p));
	for (unsigned i = 0; i < values && p.bits <= 64; i++)
		for (size_t j = 0; j < sum[i]->n; j++)
			sum[i]->v[j] &= bits_mask(p.bits);
out:
	return rc;
}
