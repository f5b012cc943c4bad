/*
 * op-sql: one SELECT over a table of each party. Shared by the files of operators/sql. The way of a run:
 *
 *	sql_schema	the tables that the request declares
 *	sql_compile	text and tables to a plan, the same at both parties (compile.c, expr.c)
 *	sql_local	this party's part of the plan, in SQLite in memory: filters, expressions, sums per key (local.c)
 *	sql_join	circuit PSI on the keys, products of factors, sums by group, the result to who may see it (join.c)
 *
 * An aggregate's argument becomes a sum of products, each of one factor per party,
 * which that party computes in plain. So the secure part is: which keys meet,
 * one product per term and key, and sums by group.
 */
#ifndef PET_SQL_SQL_H
#define PET_SQL_SQL_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "op.h"

#define SQL_COLUMNS_MAX 256u
#define SQL_KEYS_MAX 8u
#define SQL_GROUPS_MAX 8u	/* columns to group by */
#define SQL_TERMS_MAX 64u
#define SQL_ITEMS_MAX 64u
#define SQL_BINS_MAX 256u	/* groups */
#define SQL_SCALE 24		/* fractional bits of a factor */
#define SQL_TEXT_MAX 32u	/* bytes of a text that is grouped by */

enum sql_type { SQL_CHAR, SQL_BOOL, SQL_INT, SQL_DOUBLE };	/* the published codes */

struct sql_table {
	const char *name, *path;	/* borrowed from the request */
	int party;			/* 0: party_a */
	unsigned columns;
	const char *column[SQL_COLUMNS_MAX];
	enum sql_type type[SQL_COLUMNS_MAX];
};

struct sql_schema {
	struct sql_table *table;	/* owned */
	unsigned tables;
	int reveal_to;			/* 0, 1, or 2 for both */
};

/* What one party computes alone. Texts are SQLite's, over its table. */
struct sql_side {
	const struct sql_table *table;
	char *relation;			/* SELECT … FROM the table: columns "c0", "c1", … */
	char *where;			/* over the relation; NULL: all rows */
	char *key[SQL_KEYS_MAX];
	enum sql_type key_type[SQL_KEYS_MAX];
	char *factor[SQL_TERMS_MAX];	/* NULL: 1 */
};

enum sql_kind { SQL_GROUP, SQL_SUM };

struct sql_item {
	char *name;
	enum sql_kind kind;
	unsigned first, count;		/* the group's column; or terms of the sum */
	int integer;			/* of a sum: all of it is */
};

struct sql_plan {
	struct sql_side side[2];	/* of party_a and party_b */
	unsigned keys, terms, items, groups;
	int grouper;			/* the party whose columns are grouped by */
	char *group[SQL_GROUPS_MAX];	/* its texts */
	enum sql_type group_type[SQL_GROUPS_MAX];
	struct sql_item item[SQL_ITEMS_MAX];
};

int sql_schema(struct sql_schema *s, const json_t *config, struct errmsg *em) PET_MUST_USE;
void sql_schema_free(struct sql_schema *s);
/* Errors name line and column of the text. */
int sql_compile(struct sql_plan *p, const char *text, const struct sql_schema *s, struct errmsg *em) PET_MUST_USE;
void sql_plan_free(struct sql_plan *p);

/* --- expressions (expr.c) ----------------------------------------------------- */

struct sql_scope {
	unsigned relations;
	struct {
		const char *alias;	/* borrowed from the syntax tree */
		int party;
		unsigned columns;
		const char *column[SQL_COLUMNS_MAX];
		enum sql_type type[SQL_COLUMNS_MAX];
		int base;		/* columns are the table's own: printed by name, not as c0, c1 … */
	} r[2];
};

struct sql_compiler {
	const char *text;
	struct errmsg *em;
};

struct sql_value {
	unsigned owners;		/* bit p: a column of party p is in it */
	enum sql_type type;
};

/* The name of a node's kind, and its body. */
const char *sql_node(const json_t *n, const json_t **body);
long sql_place(const json_t *body);
/* One sentence with line and column; returns ERR_INPUT. */
int sql_fail(struct sql_compiler *c, long place, const char *fmt, ...) PET_PRINTF(3, 4);
int sql_analyse(struct sql_compiler *c, const struct sql_scope *s, const json_t *n, struct sql_value *v) PET_MUST_USE;
/* An expression of one party, or of none, as SQLite's text. */
int sql_print(struct sql_compiler *c, const struct sql_scope *s, const json_t *n, struct buf *out) PET_MUST_USE;
/* The operator's name where n is one of a plain A_Expr; NULL else. */
const char *sql_operator(const json_t *n, const json_t **left, const json_t **right);

/* --- this party's rows (local.c) ------------------------------------------------ */

struct sql_rows {
	uint32_t n, table_rows;
	unsigned keys, groups, terms;
	char **key;			/* n: the key as one text */
	size_t *key_len;
	uint64_t *group;		/* n · groups · 4 words */
	__int128 *factor;		/* n · terms, at SQL_SCALE */
};

int sql_local(struct sql_rows *r, const struct sql_plan *p, int party, const char *path, const char *name, struct errmsg *em) PET_MUST_USE;
void sql_rows_free(struct sql_rows *r);

/* join.c */
int sql_join(struct op_ctx *ctx, const struct sql_plan *p, const struct sql_schema *s, const struct sql_rows *r) PET_MUST_USE;

#endif
