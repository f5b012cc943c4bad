/*
 * op-sql with config.join: "merge", for tables that the circuit PSI of ../join.c
 * refuses: NULLs, keys that stand in several groups, any number of groups, none of
 * which is learnt.
 *
 * A query over two parties' tables, as both parties compile it: one SELECT with
 * aggregates over one equi-join of a relation of each party. Each relation, with
 * the filters and expressions of its owner, becomes one query that the owner
 * runs in SQLite alone; what is left is a list of sums of products of a factor
 * of each party. Party 0 is party_a.
 */
#ifndef PET_OPERATORS_SQL_MERGE_H
#define PET_OPERATORS_SQL_MERGE_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "mpc/mpc.h"

#define SQL_ITEMS_MAX 32
#define SQL_TERMS_MAX 32
#define SQL_DOUBLE_SCALE 26	/* bits of fraction of a DOUBLE factor */
#define SQL_FACTOR_BITS 52	/* |factor| in units of its scale is below 2^52: a sum of 2^22 products stays below 2^126 */
#define SQL_ROWS_MAX (1u << 22)

/* The published codes, and a DOUBLE that is moved bit by bit. */
enum msql_type { SQL_CHAR, SQL_BOOLEAN, SQL_INT, SQL_DOUBLE, SQL_IEEE };
enum msql_kind { SQL_KEY, SQL_SUM, SQL_COUNT };

/* One product: a column of each party's query, or -1 for the factor 1. */
struct msql_term {
	int column[2];
};

struct msql_item {
	enum msql_kind kind;
	enum msql_type type;
	char name[64];
	int column;		/* of a key, at the group's party */
	int notnull[2];		/* the column that says whether no operand is NULL, or -1 */
	unsigned scale, terms;
	struct msql_term term[SQL_TERMS_MAX];
};

/* One party's query: column 0 is the join key. */
struct msql_side {
	struct buf columns;	/* of its SELECT */
	struct buf from, where;
	char query[32768];
	unsigned n;
	enum msql_type type[4 * SQL_ITEMS_MAX];
	char table[8][64];
	unsigned tables;
};

struct msql_plan {
	struct msql_side side[2];
	struct msql_item item[SQL_ITEMS_MAX];
	unsigned items, keys;
	int group;		/* the party that knows the groups; the other one's keys are unique */
};

/* text against config.schemas. An error has line, column and the text below a caret. */
int msql_compile(struct msql_plan *p, const char *text, const json_t *schemas, struct errmsg *em) PET_MUST_USE;
void msql_plan_free(struct msql_plan *p);

/* --- one owner's part -------------------------------------------------------- */

/* A column's words: integers, IEEE bits of doubles for keys, fixed point for factors. */
struct msql_rows {
	size_t n, padded;	/* rows of the query, and of the tables before any filter */
	unsigned columns;
	int64_t *v;		/* column after column, n each */
	uint8_t *null;
};

/* Checks that both owners' queries mean something, with empty tables. */
int msql_local_check(const struct msql_plan *p, const json_t *schemas, struct errmsg *em) PET_MUST_USE;
/* paths: table name → readable path. */
int msql_local_run(struct msql_rows *out, const struct msql_plan *p, int party, const json_t *schemas, const json_t *paths,
		  struct errmsg *em) PET_MUST_USE;
void msql_rows_free(struct msql_rows *r);

/* --- both ---------------------------------------------------------------------- */

/* The result at a party that receives it: per item a word (two for sums, low first) and a null bit. */
struct msql_result {
	size_t rows;
	uint64_t *lo, *hi;	/* row after row, items each */
	uint8_t *null;
};

/* rows of both parties, padded, are public. to: 0, 1 or MPC_BOTH. */
int msql_join_run(struct mpc *m, const struct msql_plan *p, const struct msql_rows *own, const size_t rows[2], int to,
		 struct msql_result *out, struct errmsg *em) PET_MUST_USE;
void msql_result_free(struct msql_result *r);

/* The whole run, at an op-sql whose request says so. */
struct op_ctx;
int msql_run(struct op_ctx *ctx) PET_MUST_USE;

#endif
