/*
 * Cross terms: shares of x[i]·y[i] mod 2^bits, where one party (the receiver
 * of the transfers) knows x and the other (their sender) knows y. Three steps,
 * so that both directions and several chunks can be under way at once:
 *
 *	receiver			sender
 *	cross_ask	choice bits ->
 *			<- corrections	cross_answer
 *	cross_take
 *
 * Each adds this party's share to out (words as in struct avec, reduced by the
 * caller at the end). A caller asks for at most cross_step elements at once:
 * then two steps under way are 2 MiB, below the channel's window.
 */
#ifndef PET_MPC_CROSS_H
#define PET_MPC_CROSS_H

#include "mpc/mpc.h"

/* About 2^18 transfers, so a multiple of 64 elements. */
static inline size_t cross_step(unsigned x_bits)
{
	return ((size_t)1 << 18) / (x_bits < 8 ? 8 : x_bits) / 64 * 64;
}

struct cross {
	int sender;		/* the party that knows y */
	unsigned bits, x_bits;	/* of the ring; of x (at most bits) */
	size_t n;
	const uint64_t *x;	/* at the receiver */
	const uint64_t *y;	/* at the sender */
	uint64_t *out;
	uint64_t index;		/* set by cross_begin: hash indices */
};

/* At both, before the steps; reserves what must not repeat. */
void cross_begin(struct mpc *m, struct cross *c);
int cross_ask(struct mpc *m, const struct cross *c) PET_MUST_USE;
int cross_answer(struct mpc *m, const struct cross *c) PET_MUST_USE;
int cross_take(struct mpc *m, const struct cross *c) PET_MUST_USE;

/*
 * Whole vectors: a cross term in one or both directions, cut in steps. The
 * direction in which party s sends is on when x[s] or y[s] is set: y[s] at
 * party s, x[s] at the other one; `on` says so to both.
 */
struct cross_terms {
	unsigned bits, x_bits;
	int on[2];
	const uint64_t *x[2], *y[2];
	uint64_t *out;		/* n elements, added to; not reduced */
};

int cross_run(struct mpc *m, const struct cross_terms *t, size_t n) PET_MUST_USE;

#endif
