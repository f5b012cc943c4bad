/* 1-of-16 with short entries: four COTs, protocol of ot_derive.h. */
#include <sodium.h>
#include <stdlib.h>

#include "mpc/ot_derive.h"

#define PIECE (OT_PIECE / 4)

/* Byte i is all ones when bit j of i is set: which of the two hashes entry i takes its slice from. */
static const struct block entry_bit[4] = {
	{ { UINT64_C(0xff00ff00ff00ff00), UINT64_C(0xff00ff00ff00ff00) } },
	{ { UINT64_C(0xffff0000ffff0000), UINT64_C(0xffff0000ffff0000) } },
	{ { UINT64_C(0xffffffff00000000), UINT64_C(0xffffffff00000000) } },
	{ { 0, UINT64_MAX } },
};

/* Eight bytes, of which the low `width` bits count, become 8 * width bits, and back. */
static uint64_t squeeze(uint64_t x, unsigned width)
{
	x &= UINT64_C(0x0101010101010101) * ((1u << width) - 1);
	x = (x & UINT64_C(0x00ff00ff00ff00ff)) | (x >> 8 & UINT64_C(0x00ff00ff00ff00ff)) << width;
	x = (x & UINT64_C(0x0000ffff0000ffff)) | (x >> 16 & UINT64_C(0x0000ffff0000ffff)) << 2 * width;
	return (x & UINT64_C(0x00000000ffffffff)) | x >> 32 << 4 * width;
}

static uint64_t spread(uint64_t x, unsigned width)
{
	uint64_t m4 = ((uint64_t)1 << 4 * width) - 1, m2 = ((uint64_t)1 << 2 * width) - 1, m1 = ((uint64_t)1 << width) - 1;

	x = (x & m4) | (x >> 4 * width & m4) << 32;
	x = (x & (m2 | m2 << 32)) | (x >> 2 * width & (m2 | m2 << 32)) << 16;
	m1 |= m1 << 16;
	m1 |= m1 << 32;
	return (x & m1) | (x >> width & m1) << 8;
}

/* The pads of all 16 entries, each a sum of one slice of four hashes. */
static struct block pads(const struct block *k0, const struct block *k1)
{
	struct block pad = block_zero();

	for (int j = 0; j < 4; j++) {
		struct block d = block_and(entry_bit[j], block_xor(k0[j], k1[j]));

		pad = block_xor(pad, block_xor(k0[j], d));
	}
	return pad;
}

/* Entries of one transfer: 2 * width bytes. */
static void put_entries(uint8_t *out, struct block e, unsigned width)
{
	for (int half = 0; half < 2; half++) {
		uint64_t x = squeeze(e.w[half], width);

		memcpy(out + half * width, &x, width);
	}
}

static struct block get_entries(const uint8_t *in, unsigned width)
{
	struct block e = block_zero();

	for (int half = 0; half < 2; half++) {
		uint64_t x = 0;

		memcpy(&x, in + half * width, width);
		e.w[half] = spread(x, width);
	}
	return e;
}

struct piece {
	struct block *k0, *k1;		/* 4 per transfer */
	uint8_t *wire, *bits;		/* entries; choices, half a byte each */
	size_t n;
};

static int piece_new(struct piece *p, size_t n, unsigned width)
{
	p->n = n < PIECE ? n : PIECE;
	p->k0 = malloc(4 * p->n * sizeof(*p->k0) + 1);
	p->k1 = malloc(4 * p->n * sizeof(*p->k1) + 1);
	p->wire = malloc(2 * p->n * width + 1);
	p->bits = malloc(p->n / 2 + 1);
	return p->k0 && p->k1 && p->wire && p->bits ? 0 : ERR_NOMEM;
}

static void piece_free(struct piece *p)
{
	if (p->k0)
		sodium_memzero(p->k0, 4 * p->n * sizeof(*p->k0));
	if (p->k1)
		sodium_memzero(p->k1, 4 * p->n * sizeof(*p->k1));
	if (p->bits)
		sodium_memzero(p->bits, p->n / 2 + 1);
	free(p->k0);
	free(p->k1);
	free(p->wire);
	free(p->bits);
}

int ot16_send(struct ot *o, const uint8_t (*msg)[16], unsigned width, size_t n)
{
	struct piece p = { 0 };
	int rc = ERR_INPUT;

	if (width < 1 || width > 8)
		return ERR_INPUT;
	TRY(piece_new(&p, n, width));
	for (size_t at = 0, part; at < n; at += part) {
		part = n - at < p.n ? n - at : p.n;
		TRY(ot_pick_send(o, p.k0, p.k1, 4 * part));
		for (size_t i = 0; i < part; i++)
			put_entries(p.wire + 2 * i * width,
				    block_xor(pads(p.k0 + 4 * i, p.k1 + 4 * i), block_load(msg[at + i])), width);
		TRY(chan_send(ot_chan(o), p.wire, 2 * part * width));
		TRY(chan_flush(ot_chan(o)));
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}

/* Byte `at` of a block; `at` is secret: a word by mask, a byte by shift. */
static uint8_t byte_at(struct block e, unsigned at)
{
	uint64_t high = -(uint64_t)(at >> 3 & 1);

	return (uint8_t)((e.w[0] ^ ((e.w[0] ^ e.w[1]) & high)) >> 8 * (at & 7));
}

int ot16_recv(struct ot *o, const uint8_t *choice, uint8_t *out, unsigned width, size_t n)
{
	struct piece p = { 0 };
	int rc = ERR_INPUT;

	if (width < 1 || width > 8)
		return ERR_INPUT;
	TRY(piece_new(&p, n, width));
	for (size_t at = 0, part; at < n; at += part) {
		part = n - at < p.n ? n - at : p.n;
		memset(p.bits, 0, part / 2 + 1);
		for (size_t i = 0; i < part; i++)
			p.bits[i / 2] |= (uint8_t)((choice[at + i] & 15) << 4 * (i % 2));
		TRY(ot_pick_recv(o, p.k0, p.bits, 4 * part));
		TRY(chan_recv(ot_chan(o), p.wire, 2 * part * width));
		for (size_t i = 0; i < part; i++) {
			struct block e = get_entries(p.wire + 2 * i * width, width);

			for (size_t j = 0; j < 4; j++)
				e = block_xor(e, p.k0[4 * i + j]);
			out[at + i] = byte_at(e, choice[at + i] & 15) & (uint8_t)((1u << width) - 1);
		}
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}
