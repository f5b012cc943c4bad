/* Part of a parsed SELECT as text for SQLite. What is not on the list is refused by name and place. */
#ifndef PET_OPERATORS_SQL_MERGE_DEPARSE_H
#define PET_OPERATORS_SQL_MERGE_DEPARSE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

struct msql_text {
	const char *text;	/* the query, for places */
	const json_t *schemas;
	struct errmsg *em;
};

/* ERR_INPUT with line, column, the line and a caret. */
int msql_error(const struct msql_text *t, long at, const char *code, const char *fmt, ...) PET_PRINTF(4, 5);
/* The place of a node, or of the first one below it. */
long msql_place(const json_t *node);
int msql_deparse(const struct msql_text *t, const json_t *node, struct buf *out) PET_MUST_USE;
int msql_deparse_select(const struct msql_text *t, const json_t *select, struct buf *out) PET_MUST_USE;
int msql_quote(struct buf *out, const char *name) PET_MUST_USE;
/* Last part of a ColumnRef or of a function's or operator's name; NULL for a star. */
const char *msql_name(const json_t *list);
const json_t *msql_schema(const struct msql_text *t, const char *table);

#endif
