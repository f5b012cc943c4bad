/*
 * The LPN tuples of the VOLE over GF(2^128), and which one makes the seed of
 * which. docs/parameters.md has the estimators' output for every row; no other
 * tuple may be used, and tests/unit/test_vole_params.c holds both tables
 * against each other.
 *
 * A tuple is (k, depth, trees): a seed of k elements, `trees` noise blocks of
 * 2^depth outputs with one error each. Fewer trees are a shorter instance of the
 * same problem: an attack on it is an attack on the full one that ignores
 * samples. So an iteration runs as many trees as its outputs need.
 *
 * All have k = 128 * 2^depth, as the COT tuples (lpn_params.h). The estimators
 * take the matrix for uniform, but 10 entries a row let an attacker choose rows
 * that live on a part of the columns; the surplus pays for that
 * (docs/parameters.md, "Rows on few columns").
 */
#ifndef PET_MPC_VOLE_PARAMS_H
#define PET_MPC_VOLE_PARAMS_H

#include <stdint.h>

struct vole_tuple {
	uint32_t k;		/* a power of two */
	uint32_t depth;
	uint32_t trees;		/* at most, a multiple of 4 */
	int from;		/* which row's outputs are the k + trees seed elements; -1: COTs, 128 each */
};

#define VOLE_TUPLES 6
extern const struct vole_tuple vole_tuples[VOLE_TUPLES];

/* Up to this many outputs come from COTs straight: the smallest tuple would need as many. */
#define VOLE_DIRECT_MAX 2400

/* Outputs of a full iteration. */
static inline uint64_t vole_tuple_size(const struct vole_tuple *t)
{
	return (uint64_t)t->trees << t->depth;
}

/* Trees for n outputs, in whole groups of four; n is at most the tuple's size. */
uint32_t vole_tuple_trees(const struct vole_tuple *t, uint64_t n);
/* The row for n outputs in as few iterations as can be: -1 when COTs alone do. */
int vole_tuple_for(uint64_t n);
/* COTs for n seed elements from row `from` (or -1) down. */
uint64_t vole_tuple_cots(int from, uint64_t n);

#endif
