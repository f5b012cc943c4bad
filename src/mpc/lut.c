#include "mpc/lut.h"

#include <string.h>

#define ENTRIES_MAX ((size_t)1 << LUT_INDEX_MAX)
#define STEP_ENTRIES ((size_t)1 << 16)	/* entries of a step: 1 MiB, below the channel's window twice over */
#define BATCH_ENTRIES ((size_t)1 << 12)	/* entries that are in work at once: pads and table in L2 */

/* How the columns lie in an entry's two words, and the entries. */
struct layout {
	unsigned c;
	unsigned width[2];		/* bits in use; width[1] may be 0 */
	uint64_t top[2];		/* the highest bit of each column */
	size_t columns;
	uint8_t word[LUT_COLUMNS_MAX], shift[LUT_COLUMNS_MAX], bits[LUT_COLUMNS_MAX];
	uint64_t entry[2][ENTRIES_MAX];
};

static int layout_column(struct layout *l, unsigned bits)
{
	unsigned w = l->width[1] || l->width[0] + bits > 64;

	if (l->columns == LUT_COLUMNS_MAX || l->width[w] + bits > 64)
		return ERR_INPUT;
	l->word[l->columns] = (uint8_t)w;
	l->shift[l->columns] = (uint8_t)l->width[w];
	l->bits[l->columns++] = (uint8_t)bits;
	l->width[w] += bits;
	l->top[w] |= UINT64_C(1) << (l->width[w] - 1);
	return 0;
}

/* Columns side by side: sums and differences without carries from one into the next. */
static inline uint64_t add(uint64_t a, uint64_t b, uint64_t top)
{
	return ((a & ~top) + (b & ~top)) ^ ((a ^ b) & top);
}

static inline uint64_t sub(uint64_t a, uint64_t b, uint64_t top)
{
	return ((a | top) - (b & ~top)) ^ ((a ^ ~b) & top);
}

/* --- one step in one direction: ask, answer, take, as in cross.h ----------------- */

struct step {
	const struct layout *l;
	int sender;
	size_t n;
	const uint64_t *index;		/* own share */
	uint64_t *out[2];
	uint64_t *pad[2];		/* of the receiver, kept from ask to take */
	uint64_t at;			/* hash index */
};

static size_t entries(const struct layout *l)
{
	return (size_t)1 << l->c;
}

/* Entries of up to 64 bits share a block two by two: bits of the index that choose within a block. */
static unsigned inner(const struct layout *l)
{
	return l->width[1] == 0;
}

static uint64_t hash_at(const struct step *s, unsigned b, size_t block, size_t i)
{
	return s->at + ((uint64_t)b * (entries(s->l) >> inner(s->l)) + block) * s->n + i;
}

static size_t batch(const struct layout *l)
{
	return BATCH_ENTRIES >> l->c;
}

static void begin(struct mpc *m, struct step *s)
{
	s->at = mpc_index(m, s->sender, (uint64_t)s->n * s->l->c * (entries(s->l) >> inner(s->l)));
}

static void ask_bits(const struct step *s, unsigned b, const struct block *r, uint64_t *d)
{
	memset(d, 0, bits_words(s->n) * sizeof(*d));
	for (size_t i = 0; i < s->n; i++)
		d[i / 64] |= ((r[i].w[0] ^ s->index[i] >> b) & 1) << (i % 64);
}

/* Adds the hashes of one key bit to the pad where the block is that of the receiver's entry. */
static void ask_pad(struct mpc *m, const struct step *s, unsigned b, const struct block *r, struct block *h)
{
	unsigned in = inner(s->l);

	for (size_t at = 0; at < s->n; at += batch(s->l)) {
		size_t n = s->n - at < batch(s->l) ? s->n - at : batch(s->l);

		for (size_t k = 0; k < entries(s->l) >> in; k++) {
			hash_blocks(mpc_hash(m), hash_at(s, b, k, at), r + at, h, n);
			for (size_t i = 0; i < n; i++) {
				uint64_t x = s->index[at + i], differ = (x >> in) ^ k;
				uint64_t mine = ((differ - 1) & ~differ) >> 63, swap = -(x & in);

				mine = -mine;
				s->pad[0][at + i] ^= mine & (h[i].w[0] ^ (swap & (h[i].w[0] ^ h[i].w[1])));
				s->pad[1][at + i] ^= mine & h[i].w[1];
			}
		}
	}
}

static int ask(struct mpc *m, const struct step *s)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	struct block *r = arena_take(a, s->n, sizeof(*r)), *h = arena_take(a, batch(s->l), sizeof(*h));
	uint64_t *d = arena_take(a, bits_words(s->n), sizeof(*d));
	int rc = ERR_NOMEM;

	if (!r || !h || !d)
		goto out;
	rc = 0;
	memset(s->pad[0], 0, s->n * sizeof(*s->pad[0]));
	memset(s->pad[1], 0, s->n * sizeof(*s->pad[1]));
	for (unsigned b = 0; b < s->l->c; b++) {
		TRY(mpc_cot_recv(m, r, s->n));
		ask_bits(s, b, r, d);
		TRY(mpc_send(m, d, bits_words(s->n) * sizeof(*d)));
		ask_pad(m, s, b, r, h);
	}
out:
	arena_release(a, mark);
	return rc;
}

/* Scratch of the sender for one batch: entry j of element i at j * n + i. */
struct answer {
	struct block *key[2];		/* of choice 0 and 1, by bit: b * s->n + i */
	struct block *h;
	uint64_t *e[2], *t[2];
};

/* Pads of all entries. */
static void answer_pads(struct mpc *m, const struct step *s, const struct answer *w, size_t at, size_t n)
{
	unsigned in = inner(s->l);

	for (size_t j = 0; j < entries(s->l); j++) {
		for (unsigned b = 0; b < s->l->c; b++) {
			/* Two entries of a block differ in bit 0 only: the hashes of the others serve both. */
			if (in && (j & 1) && b > 0)
				continue;
			hash_blocks(mpc_hash(m), hash_at(s, b, j >> in, at), w->key[j >> b & 1] + b * s->n + at,
				    w->h, n);
			for (size_t i = 0; i < n; i++) {
				w->e[0][j * n + i] ^= w->h[i].w[in & j];
				w->e[1][j * n + i] ^= w->h[i].w[1];
			}
			if (in && !(j & 1) && b > 0) {
				for (size_t i = 0; i < n; i++)
					w->e[0][(j + 1) * n + i] ^= w->h[i].w[1];
			}
		}
	}
}

/* One step of turning: bit b of the index decides whether entry j comes from 2^b further on. */
static void turn_by(const struct step *s, size_t at, size_t n, unsigned b, const uint64_t *restrict in,
		    uint64_t *restrict out)
{
	const uint64_t *index = s->index + at;
	size_t all = entries(s->l);

	for (size_t j = 0; j < all; j++) {
		const uint64_t *here = in + j * n, *there = in + ((j + ((size_t)1 << b)) & (all - 1)) * n;

#pragma omp simd
		for (size_t i = 0; i < n; i++)
			out[j * n + i] = here[i] ^ ((here[i] ^ there[i]) & -(index[i] >> b & 1));
	}
}

/* One word of the table, turned by the index: entry j + index in place j, in c steps of secret selections. */
static const uint64_t *turn(const struct step *s, size_t at, size_t n, unsigned word, uint64_t *const t[2])
{
	const uint64_t *entry = s->l->entry[word], *index = s->index + at;
	size_t all = entries(s->l);

	for (size_t j = 0; j < all; j++) {
		uint64_t here = entry[j], differ = here ^ entry[(j + 1) & (all - 1)];

#pragma omp simd
		for (size_t i = 0; i < n; i++)
			t[0][j * n + i] = here ^ (differ & -(index[i] & 1));
	}
	for (unsigned b = 1; b < s->l->c; b++)
		turn_by(s, at, n, b, t[(b - 1) & 1], t[b & 1]);
	return t[(s->l->c - 1) & 1];
}

/* Entry 0 under its pad is the sender's share, and is not sent. */
static int answer_word(struct mpc *m, const struct step *s, const struct answer *w, size_t at, size_t n, unsigned word)
{
	const uint64_t *t = turn(s, at, n, word, w->t);
	uint64_t *e = w->e[word], top = s->l->top[word], *share = s->out[word] + at;
	int rc = 0;

#pragma omp simd
	for (size_t k = 0; k < entries(s->l) * n; k++)
		e[k] = add(t[k], e[k], top);
	memcpy(share, e, n * sizeof(*share));
	for (size_t j = 1; j < entries(s->l); j++) {
		for (size_t i = 0; i < n; i++)
			e[j * n + i] = sub(e[j * n + i], share[i], top);
		TRY(mpc_send_bits(m, e + j * n, n, s->l->width[word]));
	}
out:
	return rc;
}

/* Both keys of each bit, so that key 0 belongs to a bit that is 0. */
static void keys(struct block *k0, struct block *k1, const uint64_t *d, size_t n, struct block delta)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t s = bits_select(d, i);

		k0[i] = block_xor(k0[i], block_and(delta, block_set(s, s)));
		k1[i] = block_xor(k0[i], delta);
	}
}

static int answer_take(struct arena *a, struct answer *w, const struct step *s)
{
	size_t all = BATCH_ENTRIES;

	for (unsigned k = 0; k < 2; k++) {
		w->key[k] = arena_take(a, s->l->c * s->n, sizeof(*w->key[k]));
		w->e[k] = arena_take(a, all, sizeof(*w->e[k]));
		w->t[k] = arena_take(a, all, sizeof(*w->t[k]));
	}
	w->h = arena_take(a, batch(s->l), sizeof(*w->h));
	return w->key[0] && w->key[1] && w->e[0] && w->e[1] && w->t[0] && w->t[1] && w->h ? 0 : ERR_NOMEM;
}

static int answer(struct mpc *m, const struct step *s)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	size_t words = bits_words(s->n);
	uint64_t *d = arena_take(a, words, sizeof(*d));
	struct answer w;
	int rc = ERR_NOMEM;

	if (!d)
		goto out;
	TRY(answer_take(a, &w, s));
	for (unsigned b = 0; b < s->l->c; b++) {
		TRY(mpc_cot_send(m, w.key[0] + b * s->n, s->n));
		TRY(mpc_recv(m, d, words * sizeof(*d)));
		keys(w.key[0] + b * s->n, w.key[1] + b * s->n, d, s->n, mpc_delta(m));
	}
	for (size_t at = 0; at < s->n; at += batch(s->l)) {
		size_t n = s->n - at < batch(s->l) ? s->n - at : batch(s->l);

		memset(w.e[0], 0, entries(s->l) * n * sizeof(*w.e[0]));
		memset(w.e[1], 0, entries(s->l) * n * sizeof(*w.e[1]));
		answer_pads(m, s, &w, at, n);
		for (unsigned k = 0; k < 2 && s->l->width[k]; k++)
			TRY(answer_word(m, s, &w, at, n, k));
	}
out:
	arena_release(a, mark);
	return rc;
}

static int take_word(struct mpc *m, const struct step *s, uint64_t *e, size_t at, size_t n, unsigned word)
{
	uint64_t *out = s->out[word] + at;
	int rc = 0;

	memset(out, 0, n * sizeof(*out));
	for (size_t j = 1; j < entries(s->l); j++) {
		TRY(mpc_recv_bits(m, e, n, s->l->width[word]));
		for (size_t i = 0; i < n; i++) {
			uint64_t differ = s->index[at + i] ^ j;

			out[i] |= e[i] & -(((differ - 1) & ~differ) >> 63);
		}
	}
	for (size_t i = 0; i < n; i++)
		out[i] = sub(out[i], s->pad[word][at + i], s->l->top[word]);
out:
	return rc;
}

static int take(struct mpc *m, const struct step *s)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	uint64_t *e = arena_take(mpc_arena(m), batch(s->l), sizeof(*e));
	int rc = ERR_NOMEM;

	if (!e)
		goto out;
	rc = 0;
	for (size_t at = 0; at < s->n; at += batch(s->l)) {
		size_t n = s->n - at < batch(s->l) ? s->n - at : batch(s->l);

		for (unsigned k = 0; k < 2 && s->l->width[k]; k++)
			TRY(take_word(m, s, e, at, n, k));
	}
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

/* --- chunks ------------------------------------------------------------------------ */

struct chunk {
	const struct layout *l;
	size_t n;
	const uint64_t *index;
	uint64_t *out[2];
	uint64_t *pad[2][2];		/* by turn and word */
};

/* The step from `at` of the half in which `sender` sends. */
static struct step part(const struct chunk *c, int sender, size_t at, int turns)
{
	size_t half = c->n / 2, from = (sender ? half : 0) + at, end = sender ? c->n : half;
	size_t step = STEP_ENTRIES >> c->l->c;
	struct step s = { .l = c->l, .sender = sender, .index = c->index + from };

	s.n = from >= end ? 0 : end - from < step ? end - from : step;
	for (unsigned k = 0; k < 2; k++) {
		s.out[k] = c->out[k] + from;
		s.pad[k] = c->pad[turns][k];
	}
	return s;
}

/* The order of cross_run: ask, take what was answered one step before, answer. */
static int run_chunk(struct mpc *m, const struct chunk *c)
{
	int me = mpc_party(m), turns = 0, rc = 0;
	struct step asked, before = { 0 }, other;

	for (size_t at = 0; at < c->n - c->n / 2; at += STEP_ENTRIES >> c->l->c, turns ^= 1) {
		asked = part(c, 1 - me, at, turns);
		other = part(c, me, at, turns);
		if (!mpc_reserved(m, other.n * c->l->c, asked.n * c->l->c)) {
			if (before.n)
				TRY(take(m, &before));
			before.n = 0;
			TRY(mpc_reserve(m, other.n * c->l->c, asked.n * c->l->c));
		}
		if (asked.n) {
			begin(m, &asked);
			TRY(ask(m, &asked));
		}
		if (before.n)
			TRY(take(m, &before));
		if (other.n) {
			begin(m, &other);
			TRY(answer(m, &other));
		}
		before = asked;
	}
	if (before.n)
		TRY(take(m, &before));
out:
	return rc;
}

/* --- operations ----------------------------------------------------------------------- */

struct job {
	const struct layout *l;
	const struct avec *index;
	struct avec *out;		/* columns, or */
	struct bvec *hot;
};

static void unpack(const struct job *j, const struct chunk *c, size_t at)
{
	for (size_t k = 0; k < j->l->columns; k++) {
		const uint64_t *in = c->out[j->l->word[k]];
		unsigned shift = j->l->shift[k];
		uint64_t mask = bits_mask(j->l->bits[k]);

		if (j->out) {
			for (size_t i = 0; i < c->n; i++)
				j->out[k].v[at + i] = in[i] >> shift & mask;
			continue;
		}
		memset(j->hot[k].w + at / 64, 0, bits_words(c->n) * sizeof(uint64_t));
		for (size_t i = 0; i < c->n; i++)
			j->hot[k].w[(at + i) / 64] |= (in[i] >> shift & 1) << (i % 64);
	}
}

static int lane(struct mpc *m, size_t begin_at, size_t end, void *arg)
{
	const struct job *j = arg;
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	size_t size = mpc_chunk(m), step = STEP_ENTRIES >> j->l->c;
	struct chunk c = { .l = j->l };
	int rc = ERR_NOMEM;

	for (unsigned k = 0; k < 2; k++) {
		c.out[k] = arena_take(a, size, sizeof(uint64_t));
		c.pad[0][k] = arena_take(a, step, sizeof(uint64_t));
		c.pad[1][k] = arena_take(a, step, sizeof(uint64_t));
		if (!c.out[k] || !c.pad[0][k] || !c.pad[1][k])
			goto out;
	}
	TRY(mpc_op(m, MPC_OP_LUT, end - begin_at, j->l->c | j->l->width[0] << 8 | j->l->width[1] << 16));
	for (size_t at = begin_at; at < end; at += size) {
		c.n = end - at < size ? end - at : size;
		c.index = j->index->v + at;
		TRY(run_chunk(m, &c));
		unpack(j, &c, at);
	}
out:
	arena_release(a, mark);
	return rc;
}

static void fill(struct layout *l, size_t entry, size_t column, uint64_t v)
{
	l->entry[l->word[column]][entry] |= (v & bits_mask(l->bits[column])) << l->shift[column];
}

int mpc_lut(struct mpc *m, struct avec *out, size_t columns, const struct avec *index, const uint64_t *table)
{
	struct layout l = { .c = index->bits };
	struct job j = { .l = &l, .index = index, .out = out };
	int rc = ERR_INPUT;

	if (index->bits > LUT_INDEX_MAX || columns < 1)
		return ERR_INPUT;
	for (size_t k = 0; k < columns; k++) {
		if (out[k].n != index->n || out[k].bits > 64)
			return ERR_INPUT;
		TRY(layout_column(&l, out[k].bits));
	}
	for (size_t e = 0; e < entries(&l); e++) {
		for (size_t k = 0; k < columns; k++)
			fill(&l, e, k, table[e * columns + k]);
	}
	rc = mpc_split(m, index->n, 64, lane, &j);
out:
	return rc;
}

int mpc_onehot(struct mpc *m, struct bvec *out, const struct avec *index)
{
	struct layout l = { .c = index->bits };
	struct job j = { .l = &l, .index = index, .hot = out };
	int rc = ERR_INPUT;

	if (index->bits > LUT_INDEX_MAX)
		return ERR_INPUT;
	for (size_t k = 0; k < entries(&l); k++) {
		if (out[k].n != index->n)
			return ERR_INPUT;
		TRY(layout_column(&l, 1));
		fill(&l, k, k, 1);
	}
	rc = mpc_split(m, index->n, 64, lane, &j);
out:
	return rc;
}
