/*
 * Leiden (Traag, Waltman, van Eck, "From Louvain to Leiden", Scientific Reports
 * 9:5233, 2019) in batches. Everything here works on what both parties know:
 * labels, which communities a node has edges to, coins. Whoever needs a weight
 * is asked through struct leval: the two parties' secure one (secure.c), or a
 * plain one on a whole graph (plain.c), which is also what tests compare with.
 *
 * One iteration: nodes move to the best community (moving), each community is
 * cut again into singletons that join within it (refining), refined communities
 * become nodes, and again, until nothing joins. Within a phase a public random
 * part of the active nodes chooses at once: a half, of few nodes less. A node is
 * active until it has chosen, and again when a neighbour has moved. So that communities stay connected,
 * a singleton of the batch may not be joined, since it may leave itself; so that
 * two singletons do not change places, they move towards the smaller label only.
 */
#ifndef PET_LEIDEN_LEIDEN_H
#define PET_LEIDEN_LEIDEN_H

#include "leiden/graph.h"
#include "mpc/prg.h"

/* Quality: 2^t·(weight inside) minus g·(degrees) or, for cpm, g·(sizes): g / 2^t is the resolution. */
struct lquality {
	int cpm;
	uint64_t g;
	unsigned t;
	uint64_t total;		/* sum of all degrees of the common graph; 0 where it is kept shared */
};

/* Bits of a number. */
static inline unsigned lquality_bits(unsigned __int128 v)
{
	unsigned n = 0;

	for (; v; v >>= 1)
		n++;
	return n;
}

struct lconf {
	struct lquality q;
	unsigned max_move;	/* a phase takes at most so many times the batches in which every node has a turn on average */
	unsigned max_merge;	/* levels of an iteration */
	unsigned iterations;	/* at most: four in a row that change nothing are the last */
};

/* A phase: labels are 0 … g->n - 1. */
struct lphase {
	const struct lgraph *g;
	const struct lquality *q;
	uint32_t *label;
	uint32_t *members;	/* nodes of a community */
	uint64_t *size;		/* and of the first level */
	uint64_t *total;	/* sum of this party's degrees */
	const uint32_t *bound;	/* refining: nodes join within it only; NULL: moving */
};

/* Nodes that choose, and what among: candidates of node i are first[i] … first[i + 1] - 1, its own community first, then ascending. */
struct lbatch {
	uint32_t *node;
	size_t n;
	size_t *first;
	uint32_t *label;
	uint64_t *w;		/* this party's weight between the node and the candidate, itself not counted */
	size_t label_cap;
};

struct leval {
	void *arg;
	/* Adds the candidates that the other party alone has, with weight 0. NULL: there is no other party. */
	int (*merge)(void *arg, struct lbatch *b, uint32_t nodes);
	/* choice[i]: which of node i's candidates, from 0; the first of the best ones. */
	int (*best)(void *arg, const struct lphase *p, const struct lbatch *b, uint32_t *choice);
	/* Bits that are set at either party. NULL as above. */
	int (*either)(void *arg, uint64_t *bits, size_t words);
	/* Before every batch; an error ends the run. May be NULL. */
	int (*step)(void *arg, unsigned level, int refining);
};

/*
 * label: in, where to begin (labels below g->n; themselves for nodes alone); out, 0, 1, … by first appearance.
 * Every community is connected in the common graph. Coins come from `coins`, the same at both parties.
 */
int leiden_run(const struct lconf *conf, const struct lgraph *g, const struct leval *e, struct prg *coins,
	       uint32_t *label) PET_MUST_USE;

/* lbatch_reserve: room for so many candidates in all. */
int lbatch_reserve(struct lbatch *b, size_t candidates) PET_MUST_USE;
void lbatch_free(struct lbatch *b);

/* plain.c: the evaluator of somebody who knows everything. */
extern const struct leval leiden_plain;

#endif
