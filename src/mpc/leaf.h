/*
 * 1-of-16 look-up with a shared result: the sender of the transfers has a
 * table of 16 entries of w = 1 or 2 bits per element, the receiver an index;
 * both get XOR shares of the entry. Four COTs each; pads are slices of the
 * hashed keys, combined after hashing: pad[i] = XOR over bits b of i of
 * slice_i(H(K_b^{i_b})). The entry at 0 goes into the sender's share, so that
 * 15·w bits travel, and 4 for the choice.
 *
 * As cross.h: ask, answer, take, so that steps and directions overlap.
 */
#ifndef PET_MPC_LEAF_H
#define PET_MPC_LEAF_H

#include "mpc/mpc.h"

#define LEAF_DIGITS_MAX 32
/* Elements at most: 2 MiB of one direction. A multiple of 64. */
static inline size_t leaf_step(unsigned digits)
{
	return ((size_t)1 << 17) / (digits < 8 ? 8 : digits) / 64 * 64;
}

struct leaf {
	int sender;
	unsigned digits;	/* look-ups per element: one per 4 bits of value */
	unsigned width;		/* w */
	size_t n;
	const uint64_t *value;	/* own: what the table or the index is made of, lowest digit first; */
	size_t value_stride;	/* 16 digits per word, word k of element i at value[k * value_stride + i] */
	/* The sender's table for a digit: entry i at bits i·w. Constant time. */
	uint64_t (*table)(unsigned digit);
	uint64_t *out[2];	/* bit planes by digit: plane d at out[k] + d * stride words */
	size_t stride;
	uint64_t index;		/* set by leaf_begin */
	uint8_t *pad;		/* of the receiver: digits * n, kept from ask to take */
};

void leaf_begin(struct mpc *m, struct leaf *l);
int leaf_ask(struct mpc *m, const struct leaf *l) PET_MUST_USE;
int leaf_answer(struct mpc *m, const struct leaf *l) PET_MUST_USE;
int leaf_take(struct mpc *m, const struct leaf *l) PET_MUST_USE;

#endif
