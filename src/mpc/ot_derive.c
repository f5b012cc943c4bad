/* Keys and chosen choices; what messages are made of them stands in ot_message.c and ot_16.c. */
#include "mpc/ot_derive.h"

#include <stdlib.h>

#include "mpc/hash.h"

#define HASH_PART ((size_t)8192)	/* what is hashed while it is in the cache, and a thread's share; 8 divides it */

/* Straight into place: whole batches at a time, and few enough to be still in the cache. */
static size_t cot_part(const struct ot *o, size_t left)
{
	size_t part = ot_batch(o) < HASH_PART ? HASH_PART * (size_t)ot_thread_count(o) : ot_batch(o);

	return left < part ? left : part;
}

int ot_rot_send(struct ot *o, struct block *k0, struct block *k1, size_t n)
{
	struct hash h;
	int rc = ot_setup(o);

	if (rc)
		return rc;
	hash_init(&h, ot_session(o), HASH_OT);
	for (size_t at = 0, part; at < n; at += part) {
		uint64_t index = ot_used(o);

		part = cot_part(o, n - at);
		TRY(ot_cot_send(o, k0 + at, part));
#pragma omp parallel for num_threads(ot_thread_count(o)) if (ot_thread_count(o) > 1)
		for (size_t i = 0; i < part; i += HASH_PART) {
			size_t some = part - i < HASH_PART ? part - i : HASH_PART;

			hash_pairs(&h, index + i, k0 + at + i, ot_delta(o), k0 + at + i, k1 + at + i, some);
		}
	}
	rc = 0;
out:
	hash_wipe(&h);
	return rc;
}

static void low_bits(uint8_t *bits, const struct block *m, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		unsigned b = 0;

		for (size_t j = i; j < n && j < i + 8; j++)
			b |= block_lsb(m[j]) << (j - i);
		bits[i / 8] = (uint8_t)b;
	}
}

int ot_rot_recv(struct ot *o, struct block *k, uint8_t *choice, size_t n)
{
	struct hash h;
	int rc = ot_setup(o);

	if (rc)
		return rc;
	hash_init(&h, ot_session(o), HASH_OT);
	for (size_t at = 0, part; at < n; at += part) {
		uint64_t index = ot_used(o);

		part = cot_part(o, n - at);
		TRY(ot_cot_recv(o, k + at, part));
#pragma omp parallel for num_threads(ot_thread_count(o)) if (ot_thread_count(o) > 1)
		for (size_t i = 0; i < part; i += HASH_PART) {
			size_t some = part - i < HASH_PART ? part - i : HASH_PART;

			low_bits(choice + (at + i) / 8, k + at + i, some);
			hash_blocks(&h, index + i, k + at + i, k + at + i, some);
		}
	}
	rc = 0;
out:
	hash_wipe(&h);
	return rc;
}

/* Where the choice differs from the random one, the keys change places. */
static void swap_keys(struct block *k0, struct block *k1, const uint8_t *flip, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct block d = block_and(block_mask(ot_bit(flip, i)), block_xor(k0[i], k1[i]));

		k0[i] = block_xor(k0[i], d);
		k1[i] = block_xor(k1[i], d);
	}
}

int ot_pick_send(struct ot *o, struct block *k0, struct block *k1, size_t n)
{
	uint8_t *flip = malloc(ot_packed(1, n) + 1);
	int rc = ERR_NOMEM;

	if (!flip)
		return ERR_NOMEM;
	TRY(ot_rot_send(o, k0, k1, n));
	TRY(chan_recv(ot_chan(o), flip, ot_packed(1, n)));
	swap_keys(k0, k1, flip, n);
	rc = 0;
out:
	free(flip);
	return rc;
}

int ot_pick_recv(struct ot *o, struct block *k, const uint8_t *choice, size_t n)
{
	size_t bytes = ot_packed(1, n);
	uint8_t *flip = malloc(bytes + 1);
	int rc = ERR_NOMEM;

	if (!flip)
		return ERR_NOMEM;
	TRY(ot_rot_recv(o, k, flip, n));
	for (size_t i = 0; i < bytes; i++)
		flip[i] ^= choice[i];
	/* What the caller left in the last byte stays here. */
	if (n % 8)
		flip[bytes - 1] &= (uint8_t)((1u << n % 8) - 1);
	TRY(chan_send(ot_chan(o), flip, bytes));
	TRY(chan_flush(ot_chan(o)));
	rc = 0;
out:
	free(flip);
	return rc;
}
