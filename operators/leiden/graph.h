/*
 * One party's part of a graph at one level of Leiden. Nodes are numbered 0 to
 * n - 1, the same at both parties; edges and their weights are this party's own,
 * integers in units of 2^-fraction_bits. The weights of both parties add up to
 * the common graph's, so degrees do too: what one party computes here is its
 * additive share without any message.
 */
#ifndef PET_LEIDEN_GRAPH_H
#define PET_LEIDEN_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Every edge between two nodes stands at both of them. */
struct lgraph {
	uint32_t n;
	uint64_t *start;	/* n + 1; edges of u are start[u] … start[u + 1] - 1 */
	uint32_t *to;
	uint64_t *w;
	uint64_t *self;		/* weight of the edges inside a node */
	uint64_t *k;		/* degree: the sum of w, and twice self */
	uint32_t *size;		/* nodes of the first level that are in it */
};

struct ledge {
	uint32_t u, v;		/* u == v: an edge inside the node */
	uint64_t w;
};

/* Edges in any order; several between the same two nodes add up. */
int lgraph_new(struct lgraph *g, uint32_t n, const struct ledge *e, size_t count) PET_MUST_USE;
void lgraph_free(struct lgraph *g);	/* legal with a zeroed struct */
/* Nodes of one label become one node; labels are 0 … n - 1 of the new graph. */
int lgraph_merge(struct lgraph *out, const struct lgraph *g, const uint32_t *label, uint32_t n) PET_MUST_USE;
/* Labels become 0, 1, … by first appearance; returns how many there are. */
uint32_t lgraph_compact(uint32_t *label, uint32_t n, uint32_t *scratch /* n */);

#endif
