/*
 * One party's files: edges with weights, and which nodes are its own.
 *
 *	weights		JSON {node: {neighbour: weight}}, each edge at both of its nodes with the same weight, or at one when
 *			the other is no key; or CSV with columns source, target and, unless all are 1, weight: each edge once
 *	local nodes	JSON list of texts or integers, or CSV with a column node
 */
#ifndef PET_LEIDEN_INPUT_H
#define PET_LEIDEN_INPUT_H

#include "leiden/graph.h"
#include "leiden/names.h"

struct wedge {
	uint32_t u, v;		/* numbers of names; u <= v once linput_edges has ended */
	double w;
	uint64_t row;		/* CSV: from 1; JSON: 0 */
};

struct linput {
	struct names names;
	struct wedge *edge;
	size_t edges, cap;
	uint32_t *local;	/* own nodes, as they stand in the file */
	uint32_t locals;
	uint8_t *is_local;	/* per name */
};

/* path and what messages call it. Public texts name neither nodes nor weights. */
int linput_edges(struct linput *in, const char *path, const char *name, struct errmsg *em) PET_MUST_USE;
/* After the edges. */
int linput_local(struct linput *in, const char *path, const char *name, struct errmsg *em) PET_MUST_USE;
/* Weights in units of 2^-bits, at least 1; ERR_INPUT where that would change one by more than a hundredth. u, v as above. */
int linput_scale(const struct linput *in, unsigned bits, struct ledge *out, struct errmsg *em) PET_MUST_USE;
void linput_free(struct linput *in);

/* input_csv.c */
int linput_edges_csv(struct linput *in, const char *path, const char *name, struct errmsg *em) PET_MUST_USE;
int linput_local_csv(struct linput *in, const char *path, const char *name, struct errmsg *em) PET_MUST_USE;
/* For both forms. w 0: there is no edge. */
int linput_add(struct linput *in, uint32_t u, uint32_t v, double w, uint64_t row) PET_MUST_USE;
int linput_name(struct linput *in, const char *text, size_t len, uint32_t *out, const char *file, struct errmsg *em) PET_MUST_USE;
int linput_own(struct linput *in, uint32_t node, const char *file, struct errmsg *em) PET_MUST_USE;

#endif
