/*
 * The equi-join of a table whose keys are unique (at party S) with any table (at
 * party R), as shares in R's order of rows, of which nobody learns which match.
 *
 * Both sort their rows alone; a bitonic merger of compare-exchanges on shared
 * keys (Batcher, Sorting networks and their applications, 1968) brings equal keys
 * together; S's columns go to the neighbour where the keys are equal; the same
 * network backwards, with the shared decisions kept from the way there, brings
 * them to R's rows. Rows of R with the same key take theirs from the first one
 * in log2 n steps of selections by bits that R knows.
 *
 * n = nR + nS: about n/2·log2 n comparisons of 64 bits, and two selections of
 * each column per comparison. Nothing is opened.
 */
#ifndef PET_OPERATORS_SQL_MERGE_JOIN_H
#define PET_OPERATORS_SQL_MERGE_JOIN_H

#include "mpc/mpc.h"
#include "mpc/share.h"
#include "sql/merge/merge.h"

struct msql_joined {
	size_t n;		/* rows of R, padded */
	struct avec match;	/* 1 bit */
	struct avec *column;	/* S's columns, 0 where there is no match; [0] is not used */
	unsigned columns;
	uint32_t *row;		/* at R: which own row is at which place */
};

/* ERR_INPUT at S when a key is there twice. rows: padded, by party. */
int msql_join(struct mpc *m, const struct msql_plan *p, const struct msql_rows *own, const size_t rows[2], struct msql_joined *out,
	     struct errmsg *em) PET_MUST_USE;
void msql_joined_free(struct msql_joined *j);

/* Of 1-bit numbers: the same shares in the other form. */
void msql_to_bits(struct bvec *out, const struct avec *in);
void msql_from_bits(struct avec *out, const struct bvec *in);

#endif
