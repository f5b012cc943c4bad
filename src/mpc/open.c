#include "mpc/open.h"

/* Fresh words that both parties know, by the owner of the input: the mask is the other party's share. */
static int input_words(struct mpc *m, int owner, uint64_t *out, const uint64_t *in, size_t words)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	uint64_t *r = arena_take(mpc_arena(m), words, sizeof(*r));

	if (!r)
		return ERR_NOMEM;
	prg_fill(mpc_masks(m, owner), r, words * sizeof(*r));
	for (size_t i = 0; i < words; i++)
		out[i] = mpc_party(m) == owner ? in[i] - r[i] : r[i];
	explicit_bzero(r, words * sizeof(*r));
	arena_release(mpc_arena(m), mark);
	return 0;
}

/* Two words are one number: the borrow of the low one goes into the high one. */
static void borrow(uint64_t *out, const uint64_t *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[2 * i + 1] -= out[2 * i] > in[2 * i];
}

int mpc_input(struct mpc *m, int owner, struct avec *out, const struct avec *in)
{
	int own = mpc_party(m) == owner, rc;
	uint64_t mask = bits_mask(out->bits < 64 ? out->bits : 64);
	size_t words = out->n * avec_words(out);

	if (own && (!in || !avec_same(out, in) || out->v == in->v))
		return ERR_INPUT;
	TRY(mpc_op(m, MPC_OP_SHARE, out->n, (uint64_t)out->bits | (uint64_t)out->scale << 8 | (uint64_t)owner << 16));
	TRY(input_words(m, owner, out->v, own ? in->v : NULL, words));
	if (own && avec_words(out) == 2)
		borrow(out->v, in->v, out->n);
	for (size_t i = 0; i < words; i++)
		out->v[i] &= mask;
out:
	return rc;
}

int mpc_input_bits(struct mpc *m, int owner, struct bvec *out, const struct bvec *in)
{
	int own = mpc_party(m) == owner, rc;
	size_t words = bits_words(out->n);

	if (own && (!in || in->n != out->n))
		return ERR_INPUT;
	TRY(mpc_op(m, MPC_OP_SHARE, out->n, 1 | (uint64_t)owner << 16 | 1u << 24));
	prg_fill(mpc_masks(m, owner), out->w, words * sizeof(*out->w));
	bvec_trim(out);
	for (size_t i = 0; own && i < words; i++)
		out->w[i] ^= in->w[i];
out:
	return rc;
}

/* Sends this party's share to whom it is due, then takes the other's. */
static int swap_bits(struct mpc *m, int to, uint64_t *theirs, const uint64_t *mine, size_t n, unsigned width)
{
	int me = mpc_party(m), rc = 0;

	if (to != me)
		TRY(mpc_send_bits(m, mine, n, width));
	if (to == me || to == MPC_BOTH)
		TRY(mpc_recv_bits(m, theirs, n, width));
out:
	return rc;
}

static int reveal_words(struct mpc *m, int to, struct avec *out, const struct avec *in)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	size_t words = in->n * avec_words(in);
	uint64_t *theirs = arena_take(mpc_arena(m), words, sizeof(*theirs));
	unsigned __int128 sum;
	int rc = ERR_NOMEM;

	if (!theirs)
		goto out;
	TRY(swap_bits(m, to, theirs, in->v, words, avec_words(in) == 2 ? 64 : in->bits));
	if (to == 1 - mpc_party(m))
		goto out;
	for (size_t i = 0; i < in->n; i++) {
		if (avec_words(in) == 1) {
			out->v[i] = (in->v[i] + theirs[i]) & bits_mask(in->bits);
			continue;
		}
		sum = ((unsigned __int128)in->v[2 * i + 1] << 64 | in->v[2 * i]) +
		      ((unsigned __int128)theirs[2 * i + 1] << 64 | theirs[2 * i]);
		out->v[2 * i] = (uint64_t)sum;
		out->v[2 * i + 1] = (uint64_t)(sum >> 64);
	}
out:
	arena_release(mpc_arena(m), mark);
	return rc;
}

/* Vectors of any length in steps that the channel's window holds even when both parties send. */
#define STEP ((size_t)1 << 16)

int mpc_reveal(struct mpc *m, int to, struct avec *out, const struct avec *in)
{
	int rc, sees = to != 1 - mpc_party(m);

	if (to < 0 || to > MPC_BOTH || (sees && (!out || !avec_same(out, in))))
		return ERR_INPUT;
	TRY(mpc_op(m, MPC_OP_REVEAL, in->n, (uint64_t)in->bits | (uint64_t)in->scale << 8 | (uint64_t)to << 16));
	for (size_t at = 0; at < in->n; at += STEP) {
		size_t n = in->n - at < STEP ? in->n - at : STEP;
		struct avec o = sees ? avec_slice(out, at, n) : (struct avec){ 0 }, i = avec_slice(in, at, n);

		TRY(reveal_words(m, to, &o, &i));
	}
	rc = chan_flush(mpc_chan(m));
out:
	return rc;
}

static int reveal_step(struct mpc *m, int to, struct bvec *out, const struct bvec *in)
{
	struct arena_mark mark = arena_mark(mpc_arena(m));
	size_t words = bits_words(in->n);
	uint64_t *theirs = arena_take(mpc_arena(m), words, sizeof(*theirs));
	int rc = theirs ? swap_bits(m, to, theirs, in->w, words, 64) : ERR_NOMEM;

	for (size_t i = 0; rc == 0 && to != 1 - mpc_party(m) && i < words; i++)
		out->w[i] = in->w[i] ^ theirs[i];
	/* What the peer put after the last bit is no business of ours. */
	if (rc == 0 && to != 1 - mpc_party(m))
		bvec_trim(out);
	arena_release(mpc_arena(m), mark);
	return rc;
}

int mpc_reveal_bits(struct mpc *m, int to, struct bvec *out, const struct bvec *in)
{
	int rc, sees = to != 1 - mpc_party(m);

	if (to < 0 || to > MPC_BOTH || (sees && (!out || out->n != in->n)))
		return ERR_INPUT;
	TRY(mpc_op(m, MPC_OP_REVEAL, in->n, 1 | (uint64_t)to << 16 | 1u << 24));
	for (size_t at = 0; at < in->n; at += 64 * STEP) {
		size_t n = in->n - at < 64 * STEP ? in->n - at : 64 * STEP;
		struct bvec o = sees ? bvec_slice(out, at, n) : (struct bvec){ 0 }, i = bvec_slice(in, at, n);

		TRY(reveal_step(m, to, &o, &i));
	}
	rc = chan_flush(mpc_chan(m));
out:
	return rc;
}
