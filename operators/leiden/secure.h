/*
 * The evaluator of two parties, each with its part of the weights. What it
 * opens: the union of both parties' candidates, the choice of every node that
 * chooses, and which nodes have a moved neighbour elsewhere. Scores are
 *
 *	2^t·M·w(u,c) - g·k_u·(K_c - [own] k_u)		modularity, M = sum of k
 *	2^t·w(u,c) - g·n_u·(N_c - [own] n_u)		cpm, n public: no product at all
 *
 * With labels public, w, k and K are sums of a number that each party knows:
 * per candidate one product of such sums (mul.h), in the other case none; one
 * more where M is kept shared. Then a tournament (ragged.h).
 */
#ifndef PET_LEIDEN_SECURE_H
#define PET_LEIDEN_SECURE_H

#include "leiden/leiden.h"
#include "mpc/mpc.h"
#include "mpc/share.h"

struct lsecure {
	struct mpc *m;			/* borrowed */
	struct lquality q;
	unsigned total_bits;		/* M < 2^total_bits */
	uint64_t own_total;		/* this party's part of M */
	uint64_t peer_edges;		/* bounds what the other party may send */
	struct errmsg *em;
	uint64_t evaluated;		/* candidates so far */
	uint32_t batches;
	int (*step)(void *arg, unsigned level, int refining);	/* may be NULL */
	void *arg;
};

/* Bits of the ring that holds scores and their differences; 0: none does. */
unsigned lsecure_bits(const struct lquality *q, unsigned total_bits, uint32_t nodes);
/* s is the evaluator's arg. */
struct leval lsecure_eval(struct lsecure *s);
/* 2^t·M·(weight inside, both ways) - g·(sum of K_c^2), or for cpm 2^t·(that) - g·(sum of N_c^2): one element, of the ring's bits. */
int lsecure_quality(struct lsecure *s, const struct lgraph *g, const uint32_t *label, struct avec *out) PET_MUST_USE;

#endif
