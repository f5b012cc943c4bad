/*
 * The switching network of any size of Beauquier and Darrot, as a list of
 * segments that both parties walk in the same order.
 *
 * A node of n rows has a first layer of n/2 switches, whose outputs go to an
 * upper node of n/2 rows and a lower one of n - n/2, and a last layer of
 * (n - 1)/2 switches that joins what they give. A node of 2 is one switch.
 * Rows of a node lie at [base, base + n) of buffer depth % 2; between its
 * layers they lie at the same places of the other buffer, the upper ones first.
 *
 * Depth first, so that smaller nodes stay in cache. Switches are numbered in
 * the order of the walk: first layer, upper node, lower node, last layer.
 */
#ifndef PET_MPC_WAKSMAN_H
#define PET_MPC_WAKSMAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define WAKSMAN_DEPTH_MAX 33

enum waksman_layer { WAKSMAN_FIRST, WAKSMAN_LAST, WAKSMAN_PAIR };

/* Switches [from, to) of a layer of `count`; `end`: after it, rows without a switch move too. */
struct waksman_part {
	enum waksman_layer layer;
	unsigned depth;
	size_t base, n;
	size_t from, to, count;
};

struct waksman_walk {
	struct { size_t base, n; unsigned state; size_t done; } node[WAKSMAN_DEPTH_MAX + 1];
	int depth;		/* -1: finished */
};

/* n·c - 2^c + 1. */
uint64_t waksman_switches(uint64_t n);
void waksman_begin(struct waksman_walk *w, size_t n);
/* The next part, of at most `most` switches (at least 1); 0 at the end. Parts without a switch only move rows. */
int waksman_next(struct waksman_walk *w, size_t most, struct waksman_part *out);

/*
 * The switches' states, one bit each in the order of the walk, for a result
 * whose row i is row perm[i]. bits holds waksman_switches(n) / 64 + 1 words, zeroed.
 * ERR_INPUT when perm is no permutation. Time depends on perm.
 */
int waksman_route_var(uint64_t *bits, const uint32_t *perm, uint32_t n) PET_MUST_USE;

#endif
