/* Chosen and correlated messages under the keys of ot_derive.c. */
#include <sodium.h>
#include <stdlib.h>

#include "mpc/ot_derive.h"
#include "mpc/prg.h"

/* Bytes of messages on the wire per piece, about: what is allocated. */
#define PIECE_BYTES ((size_t)8 << 20)

void ot_pack(uint8_t *out, const uint64_t *in, unsigned width, size_t n)
{
	uint64_t mask = width < 64 ? ((uint64_t)1 << width) - 1 : UINT64_MAX;
	unsigned __int128 acc = 0;
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		acc |= (unsigned __int128)(in[i] & mask) << have;
		for (have += width; have >= 8; have -= 8, acc >>= 8)
			*out++ = (uint8_t)acc;
	}
	if (have)
		*out = (uint8_t)acc;
}

void ot_unpack(uint64_t *out, const uint8_t *in, unsigned width, size_t n)
{
	uint64_t mask = width < 64 ? ((uint64_t)1 << width) - 1 : UINT64_MAX;
	unsigned __int128 acc = 0;
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		for (; have < width; have += 8)
			acc |= (unsigned __int128)*in++ << have;
		out[i] = (uint64_t)acc & mask;
		acc >>= width;
		have -= width;
	}
}

/* The keys of one piece, and its messages as they stand on the wire. */
struct piece {
	struct block *k0, *k1;
	uint8_t *wire;
	size_t n, bytes;		/* room */
};

static void piece_free(struct piece *p)
{
	if (p->k0)
		sodium_memzero(p->k0, p->n * sizeof(*p->k0));
	if (p->k1)
		sodium_memzero(p->k1, p->n * sizeof(*p->k1));
	free(p->k0);
	free(p->k1);
	free(p->wire);
}

/* Room for pieces of n transfers with `bits` bits each on the wire; the receiver has one key of each. */
static int piece_new(struct piece *p, size_t n, size_t bits, int receiver)
{
	size_t most = PIECE_BYTES / (bits / 8 + 1);

	p->n = n < OT_PIECE ? n : OT_PIECE;
	/* A multiple of 8, so that pieces begin at whole bytes of choices. */
	if (most < p->n)
		p->n = most / 8 ? most / 8 * 8 : 8;
	p->bytes = (p->n * bits + 7) / 8;
	p->k0 = malloc(p->n * sizeof(*p->k0) + 1);
	p->k1 = receiver ? NULL : malloc(p->n * sizeof(*p->k1) + 1);
	p->wire = malloc(p->bytes + 1);
	return p->k0 && (receiver || p->k1) && p->wire ? 0 : ERR_NOMEM;
}

static size_t piece_of(const struct piece *p, size_t left)
{
	return left < p->n ? left : p->n;
}

/* out = in ^ the pad of a key: its first bytes, or what AES in counter mode makes of it. in NULL: the pad. */
static void pad_xor(uint8_t *out, const uint8_t *in, const struct block *key, size_t len)
{
	uint8_t t[1024];
	struct prg g;

	if (len <= sizeof(*key)) {
		memcpy(t, key, len);
		for (size_t i = 0; i < len; i++)
			out[i] = in ? in[i] ^ t[i] : t[i];
		return;
	}
	prg_init(&g, *key);
	for (size_t at = 0, part; at < len; at += part) {
		part = len - at < sizeof(t) ? len - at : sizeof(t);
		prg_fill(&g, t, part);
		for (size_t i = 0; i < part; i++)
			out[at + i] = in ? in[at + i] ^ t[i] : t[i];
	}
	prg_wipe(&g);
	sodium_memzero(t, sizeof(t));
}

int ot_send(struct ot *o, const void *m0, const void *m1, size_t len, size_t n)
{
	const uint8_t *a = m0, *b = m1;
	struct piece p = { 0 };
	int rc = ERR_INTERNAL;

	TRY(piece_new(&p, n, 16 * len, 0));
	for (size_t at = 0, part; at < n; at += part) {
		part = piece_of(&p, n - at);
		TRY(ot_pick_send(o, p.k0, p.k1, part));
		for (size_t i = 0; i < part; i++) {
			pad_xor(p.wire + 2 * i * len, a + (at + i) * len, &p.k0[i], len);
			pad_xor(p.wire + (2 * i + 1) * len, b + (at + i) * len, &p.k1[i], len);
		}
		TRY(chan_send(ot_chan(o), p.wire, 2 * part * len));
		TRY(chan_flush(ot_chan(o)));
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}

int ot_recv(struct ot *o, const uint8_t *choice, void *out, size_t len, size_t n)
{
	uint8_t *to = out;
	struct piece p = { 0 };
	int rc = ERR_INTERNAL;

	TRY(piece_new(&p, n, 16 * len, 1));
	for (size_t at = 0, part; at < n; at += part) {
		part = piece_of(&p, n - at);
		TRY(ot_pick_recv(o, p.k0, choice + at / 8, part));
		TRY(chan_recv(ot_chan(o), p.wire, 2 * part * len));
		for (size_t i = 0; i < part; i++) {
			uint8_t one = (uint8_t)-ot_bit(choice, at + i), *w = p.wire + 2 * i * len;

			for (size_t j = 0; j < len; j++)
				w[j] ^= (w[j] ^ w[len + j]) & one;
			pad_xor(to + (at + i) * len, w, &p.k0[i], len);
		}
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}

int ot_add_send(struct ot *o, const uint64_t *diff, uint64_t *x, unsigned width, size_t n)
{
	uint64_t mask = width < 64 ? ((uint64_t)1 << width) - 1 : UINT64_MAX;
	struct piece p = { 0 };
	int rc = ERR_INPUT;

	if (width < 1 || width > 64)
		return ERR_INPUT;
	TRY(piece_new(&p, n, width, 0));
	for (size_t at = 0, part; at < n; at += part) {
		part = piece_of(&p, n - at);
		TRY(ot_pick_send(o, p.k0, p.k1, part));
		/* For choice 1: x + diff under the second key, in the place of the keys. */
		for (size_t i = 0; i < part; i++) {
			uint64_t h0 = p.k0[i].w[0], h1 = p.k1[i].w[0];

			x[at + i] = h0 & mask;
			((uint64_t *)(void *)p.k0)[i] = h0 + diff[at + i] - h1;
		}
		ot_pack(p.wire, (const uint64_t *)(const void *)p.k0, width, part);
		TRY(chan_send(ot_chan(o), p.wire, ot_packed(width, part)));
		TRY(chan_flush(ot_chan(o)));
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}

int ot_add_recv(struct ot *o, const uint8_t *choice, uint64_t *y, unsigned width, size_t n)
{
	uint64_t mask = width < 64 ? ((uint64_t)1 << width) - 1 : UINT64_MAX;
	struct piece p = { 0 };
	int rc = ERR_INPUT;

	if (width < 1 || width > 64)
		return ERR_INPUT;
	TRY(piece_new(&p, n, width, 1));
	for (size_t at = 0, part; at < n; at += part) {
		part = piece_of(&p, n - at);
		TRY(ot_pick_recv(o, p.k0, choice + at / 8, part));
		TRY(chan_recv(ot_chan(o), p.wire, ot_packed(width, part)));
		ot_unpack(y + at, p.wire, width, part);
		for (size_t i = 0; i < part; i++) {
			uint64_t one = -(uint64_t)ot_bit(choice, at + i);

			y[at + i] = (p.k0[i].w[0] + (y[at + i] & one)) & mask;
		}
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}

int ot_xor_send(struct ot *o, const uint8_t *diff, uint8_t *x, size_t len, size_t n)
{
	struct piece p = { 0 };
	int rc = ERR_INTERNAL;

	TRY(piece_new(&p, n, 8 * len, 0));
	for (size_t at = 0, part; at < n; at += part) {
		part = piece_of(&p, n - at);
		TRY(ot_pick_send(o, p.k0, p.k1, part));
		for (size_t i = 0; i < part; i++) {
			uint8_t *own = x + (at + i) * len, *w = p.wire + i * len;

			pad_xor(w, diff + (at + i) * len, &p.k1[i], len);
			pad_xor(w, w, &p.k0[i], len);
			pad_xor(own, NULL, &p.k0[i], len);
		}
		TRY(chan_send(ot_chan(o), p.wire, part * len));
		TRY(chan_flush(ot_chan(o)));
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}

int ot_xor_recv(struct ot *o, const uint8_t *choice, uint8_t *y, size_t len, size_t n)
{
	struct piece p = { 0 };
	int rc = ERR_INTERNAL;

	TRY(piece_new(&p, n, 8 * len, 1));
	for (size_t at = 0, part; at < n; at += part) {
		part = piece_of(&p, n - at);
		TRY(ot_pick_recv(o, p.k0, choice + at / 8, part));
		TRY(chan_recv(ot_chan(o), p.wire, part * len));
		for (size_t i = 0; i < part; i++) {
			uint8_t one = (uint8_t)-ot_bit(choice, at + i), *w = p.wire + i * len;

			for (size_t j = 0; j < len; j++)
				w[j] &= one;
			pad_xor(y + (at + i) * len, w, &p.k0[i], len);
		}
	}
	rc = 0;
out:
	piece_free(&p);
	return rc;
}
