#include "mpc/leaf.h"

#include <string.h>

#include "mpc/bits.h"

#define BATCH 512

void leaf_begin(struct mpc *m, struct leaf *l)
{
	l->index = mpc_index(m, l->sender, (uint64_t)l->n * l->digits * 4);
}

/* The hash index of COT b of element `at` in a digit. */
static uint64_t index_of(const struct leaf *l, unsigned digit, unsigned b, size_t at)
{
	return l->index + (uint64_t)(4 * digit + b) * l->n + at;
}

static unsigned digit_of(const struct leaf *l, size_t i, unsigned digit)
{
	return (unsigned)(l->value[digit / 16 * l->value_stride + i] >> (digit % 16 * 4)) & 15;
}

/* What a digit's 16 entries need of a hash output. */
static uint64_t low_bits(const struct leaf *l)
{
	return bits_mask(16 * l->width);
}

/* XOR of the receiver's four hashed keys; its entry's slice is all that it needs to keep. */
static void ask_pads(struct mpc *m, const struct leaf *l, unsigned digit, const struct block *r)
{
	struct block h[BATCH];
	uint64_t sum[BATCH];
	uint8_t *pad = l->pad + (size_t)digit * l->n;

	for (size_t at = 0; at < l->n; at += BATCH) {
		size_t n = l->n - at < BATCH ? l->n - at : BATCH;

		memset(sum, 0, sizeof(sum));
		for (unsigned b = 0; b < 4; b++) {
			hash_blocks(mpc_hash(m), index_of(l, digit, b, at), r + b * l->n + at, h, n);
			for (size_t i = 0; i < n; i++)
				sum[i] ^= h[i].w[0];
		}
		for (size_t i = 0; i < n; i++)
			pad[at + i] = (uint8_t)(sum[i] >> (l->width * digit_of(l, at + i, digit)) &
						bits_mask(l->width));
	}
	explicit_bzero(h, sizeof(h));
	explicit_bzero(sum, sizeof(sum));
}

/* Where the random choice differs from bit b of the digit. */
static void ask_bits(const struct leaf *l, unsigned digit, unsigned b, const struct block *r, uint64_t *d)
{
	for (size_t w = 0; w < bits_words(l->n); w++) {
		size_t n = l->n - 64 * w < 64 ? l->n - 64 * w : 64;
		uint64_t x = 0;

		for (size_t i = 0; i < n; i++)
			x |= ((r[64 * w + i].w[0] ^ digit_of(l, 64 * w + i, digit) >> b) & 1) << i;
		d[w] = x;
	}
}

int leaf_ask(struct mpc *m, const struct leaf *l)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	size_t words = bits_words(l->n);
	struct block *r = arena_take(a, 4 * l->n, sizeof(*r));
	uint64_t *d = arena_take(a, 4 * words, sizeof(*d));
	int rc = ERR_NOMEM;

	if (!r || !d)
		goto out;
	rc = 0;
	for (unsigned digit = 0; digit < l->digits; digit++) {
		TRY(mpc_cot_recv(m, r, 4 * l->n));
		for (unsigned b = 0; b < 4; b++)
			ask_bits(l, digit, b, r + b * l->n, d + b * words);
		TRY(mpc_send(m, d, 4 * words * sizeof(*d)));
		ask_pads(m, l, digit, r);
	}
out:
	arena_release(a, mark);
	return rc;
}

/* The bits of entries whose index has bit b set, at entry width 1 or 2. */
static uint64_t half_mask(unsigned width, unsigned b)
{
	static const uint64_t mask[2][4] = {
		{ 0xaaaa, 0xcccc, 0xf0f0, 0xff00 },
		{ 0xcccccccc, 0xf0f0f0f0, 0xff00ff00, 0xffff0000 },
	};

	return mask[width - 1][b];
}

/* Masked tables of one batch: pad XOR table, and this party's share, which takes entry 0 to zero. */
static void answer_batch(struct mpc *m, const struct leaf *l, unsigned digit, size_t at, struct block *q,
			 uint64_t *e, uint8_t *share)
{
	struct block h0[BATCH], h1[BATCH];
	size_t n = l->n - at < BATCH ? l->n - at : BATCH;
	/* An entry at every place: times a share it is the share at every place. */
	uint64_t each = l->width == 2 ? 0x55555555 : 0xffff;

	for (size_t i = 0; i < n; i++)
		e[at + i] = l->table(digit_of(l, at + i, digit));
	for (unsigned b = 0; b < 4; b++) {
		uint64_t mask = half_mask(l->width, b);

		hash_pairs(mpc_hash(m), index_of(l, digit, b, at), q + b * l->n + at, mpc_delta(m), h0, h1, n);
		for (size_t i = 0; i < n; i++)
			e[at + i] ^= (h0[i].w[0] & ~mask) ^ (h1[i].w[0] & mask);
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t s = e[at + i] & bits_mask(l->width);

		share[at + i] = (uint8_t)s;
		e[at + i] = ((e[at + i] ^ s * each) & low_bits(l)) >> l->width;
	}
	explicit_bzero(h0, sizeof(h0));
	explicit_bzero(h1, sizeof(h1));
}

/* Bytes of 1 or 2 bits to planes of this digit. */
static void to_planes(const struct leaf *l, unsigned digit, const uint8_t *bits)
{
	for (unsigned k = 0; k < l->width; k++) {
		uint64_t *out = l->out[k] + digit * l->stride;

		for (size_t w = 0; w < bits_words(l->n); w++) {
			size_t n = l->n - 64 * w < 64 ? l->n - 64 * w : 64;
			uint64_t x = 0;

			for (size_t i = 0; i < n; i++)
				x |= (uint64_t)(bits[64 * w + i] >> k & 1) << i;
			out[w] = x;
		}
	}
}

static void derandomise(struct block *q, const uint64_t *d, size_t n, struct block delta)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t s = bits_select(d, i);

		q[i].w[0] ^= s & delta.w[0];
		q[i].w[1] ^= s & delta.w[1];
	}
}

int leaf_answer(struct mpc *m, const struct leaf *l)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	size_t words = bits_words(l->n);
	struct block *q = arena_take(a, 4 * l->n, sizeof(*q));
	uint64_t *d = arena_take(a, 4 * words, sizeof(*d)), *e = arena_take(a, l->n, sizeof(*e));
	uint8_t *share = arena_take(a, l->n, 1);
	int rc = ERR_NOMEM;

	if (!q || !d || !e || !share)
		goto out;
	rc = 0;
	for (unsigned digit = 0; digit < l->digits; digit++) {
		TRY(mpc_cot_send(m, q, 4 * l->n));
		TRY(mpc_recv(m, d, 4 * words * sizeof(*d)));
		for (unsigned b = 0; b < 4; b++)
			derandomise(q + b * l->n, d + b * words, l->n, mpc_delta(m));
		for (size_t at = 0; at < l->n; at += BATCH)
			answer_batch(m, l, digit, at, q, e, share);
		TRY(mpc_send_bits(m, e, l->n, 15 * l->width));
		to_planes(l, digit, share);
	}
out:
	arena_release(a, mark);
	return rc;
}

int leaf_take(struct mpc *m, const struct leaf *l)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	uint64_t *e = arena_take(a, l->n, sizeof(*e));
	int rc = ERR_NOMEM;

	if (!e)
		goto out;
	rc = 0;
	for (unsigned digit = 0; digit < l->digits; digit++) {
		uint8_t *pad = l->pad + (size_t)digit * l->n;

		TRY(mpc_recv_bits(m, e, l->n, 15 * l->width));
		for (size_t i = 0; i < l->n; i++)
			pad[i] ^= (uint8_t)(e[i] << l->width >> (l->width * digit_of(l, i, digit)) &
					    bits_mask(l->width));
		to_planes(l, digit, pad);
	}
out:
	arena_release(a, mark);
	return rc;
}
