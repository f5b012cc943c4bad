#include "mpc/columns.h"

#include <string.h>

#include "mpc/bits.h"

struct job {
	struct mpc *m;
	const struct columns *c;
	struct bvec *out;
	const struct bvec *sel;
	size_t groups, all, words;
	uint64_t index;
	struct block *cot;
	uint64_t *flip, *pad[2];	/* flips of all; pads of one column */
};

static void stretch(struct block key, uint64_t *pad, size_t words)
{
	struct prg g;

	prg_init(&g, key);
	prg_fill(&g, pad, words * sizeof(*pad));
	prg_wipe(&g);
}

/* The chooser: its choice is its share of sel. */
static int choose(struct job *j)
{
	int rc;

	TRY(mpc_cot_recv(j->m, j->cot, j->all));
	for (size_t i = 0; i < j->all; i++) {
		uint64_t b = bits_get(j->sel[i / j->c->columns].w, i % j->c->columns) ^ block_lsb(j->cot[i]);

		j->flip[i / 64] |= b << (i % 64);
	}
	TRY(mpc_send_bits(j->m, j->flip, bits_words(j->all), 64));
	TRY(chan_flush(mpc_chan(j->m)));
	hash_blocks(mpc_hash(j->m), j->index, j->cot, j->cot, j->all);
	for (size_t i = 0; i < j->all; i++) {
		const struct bvec *sel = &j->sel[i / j->c->columns];
		uint64_t *out = j->out[i / j->c->columns].w, chosen = bits_select(sel->w, i % j->c->columns);

		stretch(j->cot[i], j->pad[0], j->words);
		TRY(mpc_recv(j->m, j->pad[1], j->words * sizeof(uint64_t)));
		for (size_t k = 0; k < j->words; k++)
			out[k] ^= j->pad[0][k] ^ (chosen & j->pad[1][k]);
	}
out:
	return rc;
}

/* The owner: pad 0 is its share, and what takes pad 1 to pad 0 and the column goes out. */
static int offer(struct job *j)
{
	struct block delta = mpc_delta(j->m), one;
	int rc;

	TRY(mpc_cot_send(j->m, j->cot, j->all));
	TRY(mpc_recv_bits(j->m, j->flip, bits_words(j->all), 64));
	for (size_t i = 0; i < j->all; i++)
		j->cot[i] = block_xor(j->cot[i], block_and(block_mask(bits_get(j->flip, i)), delta));
	for (size_t i = 0; i < j->all; i++) {
		const uint64_t *col = j->c->col + i % j->c->columns * j->words;
		uint64_t *out = j->out[i / j->c->columns].w, own = bits_select(j->sel[i / j->c->columns].w, i % j->c->columns);

		hash_pairs(mpc_hash(j->m), j->index + i, &j->cot[i], delta, &j->cot[i], &one, 1);
		stretch(j->cot[i], j->pad[0], j->words);
		stretch(one, j->pad[1], j->words);
		for (size_t k = 0; k < j->words; k++) {
			out[k] ^= j->pad[0][k] ^ (own & col[k]);
			j->pad[1][k] ^= j->pad[0][k] ^ col[k];
		}
		TRY(mpc_send(j->m, j->pad[1], j->words * sizeof(uint64_t)));
	}
	rc = chan_flush(mpc_chan(j->m));
out:
	explicit_bzero(&one, sizeof(one));
	return rc;
}

static int fits(const struct bvec *out, const struct bvec *sel, size_t groups, const struct columns *c)
{
	for (size_t g = 0; g < groups; g++)
		if (out[g].n != c->n || sel[g].n != c->columns)
			return 0;
	return c->owner == 0 || c->owner == 1;
}

int mpc_columns(struct mpc *m, struct bvec *out, const struct bvec *sel, size_t groups, const struct columns *c)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	struct job j = { .m = m, .c = c, .out = out, .sel = sel, .groups = groups, .all = groups * c->columns, .words = bits_words(c->n) };
	int own = mpc_party(m) == c->owner, rc;

	if (!fits(out, sel, groups, c))
		return ERR_INPUT;
	for (size_t g = 0; g < groups; g++)
		memset(out[g].w, 0, j.words * sizeof(*out[g].w));
	j.cot = arena_take(mpc_arena(m), j.all + 1, sizeof(*j.cot));
	j.flip = arena_take(mpc_arena(m), bits_words(j.all) + 1, sizeof(*j.flip));
	j.pad[0] = arena_take(mpc_arena(m), j.words + 1, sizeof(uint64_t));
	j.pad[1] = arena_take(mpc_arena(m), j.words + 1, sizeof(uint64_t));
	rc = j.cot && j.flip && j.pad[0] && j.pad[1] ? 0 : ERR_NOMEM;
	if (rc || j.all == 0 || j.words == 0)
		goto out;
	memset(j.flip, 0, bits_words(j.all) * sizeof(*j.flip));
	TRY(mpc_op(m, MPC_OP_MUX, j.all, c->n | (uint64_t)c->owner << 48 | (uint64_t)1 << 50));
	if (!mpc_reserved(m, own ? j.all : 0, own ? 0 : j.all))
		TRY(mpc_reserve(m, own ? j.all : 0, own ? 0 : j.all));
	j.index = mpc_index(m, c->owner, j.all);
	rc = own ? offer(&j) : choose(&j);
	for (size_t g = 0; g < groups; g++)
		bvec_trim(&out[g]);
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}
