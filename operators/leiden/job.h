/*
 * One run of op-leiden, shared by the files of operators/leiden. The way of a run:
 *
 *	linput_*	the own files
 *	ljob_meet	both parties: sizes, coins, the total weight
 *	lunion_make	both parties: numbers for all nodes; names that only one party has stay with it
 *	ljob_warm	own communities of the own nodes, said to the other party (warm_start)
 *	ljob_solve	the algorithm, once per seed; the best partition is kept
 *	lwrite_*	own nodes' communities, the graph, the picture
 */
#ifndef PET_LEIDEN_JOB_H
#define PET_LEIDEN_JOB_H

#include "leiden/input.h"
#include "leiden/secure.h"
#include "op.h"

#define LEIDEN_DRAWN_MAX 2000	/* nodes of a picture */

/* Numbers of the nodes: common ones in the order of their names, then each party's own in random order. */
struct lunion {
	uint32_t n, common;
	uint32_t *id;		/* per name */
	uint32_t *name;		/* per number: UINT32_MAX for the other party's */
};

struct ljob {
	struct op_ctx *ctx;
	struct errmsg *em;
	struct lconf conf;
	unsigned fraction_bits, seeds;
	int warm_start, hidden, threads;
	double total_limit;
	/* own files */
	struct linput in;
	struct ledge *edge;		/* by names, then by numbers */
	uint64_t own_total;
	/* agreed */
	struct block coins;
	uint8_t key[32];		/* of the digests of names */
	uint64_t peer_names, peer_edges, peer_total;
	unsigned total_bits;
	struct lunion un;
	struct lgraph g;
	uint32_t *begin;		/* the labels with which every run begins */
	/* result */
	uint32_t *label, communities;
	double quality;
	int has_quality;
	uint64_t evaluated;
	uint32_t batches;
	unsigned seed;			/* the run at hand */
};

/* union.c */
int ljob_meet(struct ljob *j) PET_MUST_USE;
int lunion_make(struct ljob *j) PET_MUST_USE;
void lunion_free(struct lunion *u);
/* solve.c */
int ljob_warm(struct ljob *j) PET_MUST_USE;
int ljob_solve(struct ljob *j) PET_MUST_USE;
/* write.c, draw.c */
int lwrite_clusters(const struct ljob *j) PET_MUST_USE;
int lwrite_graph(const struct ljob *j) PET_MUST_USE;
int lwrite_picture(const struct ljob *j) PET_MUST_USE;

#endif
