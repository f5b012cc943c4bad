/* Reading the rows of a statement: db.h's db_next and its columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db_impl.h"

/* A value longer than its buffer: enlarge and fetch that column again. */
static int refetch(struct db_rows *r, unsigned i)
{
	struct column *c = &r->col[i];
	char *bigger = realloc(c->data, c->len + 1);

	if (!bigger)
		return ERR_NOMEM;
	c->data = bigger;
	c->cap = c->len;
	db_bind_column(r, i);
	r->rebind = 1;
	return mysql_stmt_fetch_column(r->stmt, &r->bind[i], i, 0) ? db_stmt_error(r) : 0;
}

int db_next(struct db_rows *r)
{
	int rc;

	if (r->rebind && mysql_stmt_bind_result(r->stmt, r->bind))
		return db_stmt_error(r);
	r->rebind = 0;
	rc = mysql_stmt_fetch(r->stmt);
	if (rc == MYSQL_NO_DATA)
		return 0;
	if (rc == 1)
		return db_stmt_error(r);
	for (unsigned i = 0; i < r->ncol; i++) {
		struct column *c = &r->col[i];

		if (!c->data)
			continue;
		if (c->null)
			c->len = 0;
		if (c->len > c->cap && (rc = refetch(r, i)) != 0)
			return rc;
		c->data[c->len] = '\0';
	}
	return 1;
}

void db_done(struct db_rows *r)
{
	if (!r || !r->open)
		return;
	mysql_stmt_free_result(r->stmt);
	r->open = 0;
}

int db_is_null(struct db_rows *r, unsigned col)
{
	return r->col[col].null != 0;
}

int64_t db_int(struct db_rows *r, unsigned col)
{
	const struct column *c = &r->col[col];

	if (c->null)
		return 0;
	return c->is_int ? c->i : c->is_double ? (int64_t)c->d : strtoll(c->data, NULL, 10);
}

double db_double(struct db_rows *r, unsigned col)
{
	const struct column *c = &r->col[col];

	if (c->null)
		return 0;
	return c->is_int ? (double)c->i : c->is_double ? c->d : strtod(c->data, NULL);
}

const char *db_text(struct db_rows *r, unsigned col)
{
	return r->col[col].null || !r->col[col].data ? "" : r->col[col].data;
}

size_t db_len(struct db_rows *r, unsigned col)
{
	return r->col[col].null ? 0 : r->col[col].len;
}

void db_time(struct db_rows *r, unsigned col, char out[DB_TIME_MAX])
{
	const char *t = db_text(r, col);

	if (!*t)
		out[0] = '\0';
	else
		snprintf(out, DB_TIME_MAX, "%.10sT%.15sZ", t, strlen(t) > 11 ? t + 11 : "");
}
