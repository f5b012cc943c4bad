/* One owner's part: its CSV files in SQLite in memory, its query, numbers in the form that both parties compute on. */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/merge/deparse.h"
#include "sql/merge/merge.h"
#include "table/csv.h"

#define KEY_LIMIT (INT64_C(1) << 59)	/* join.c orders by 4 times the key */
#define FACTOR_LIMIT (INT64_C(1) << SQL_FACTOR_BITS)

static const char *const msql_types[] = { "TEXT", "INTEGER", "INTEGER", "REAL" };
static const char *const words[] = { "CHAR", "BOOLEAN", "INT", "DOUBLE" };

static int failed(sqlite3 *db, struct errmsg *em)
{
	errmsg_set(em, ERR_INPUT, "SQL_REFUSED", "params.sql: a party's part of the query is not valid");
	errmsg_local(em, "params.sql: %s", sqlite3_errmsg(db));
	return ERR_INPUT;
}

static int create(sqlite3 *db, const json_t *schema, struct errmsg *em)
{
	const json_t *c;
	struct buf b = { 0 };
	size_t i;
	int rc;

	TRY(buf_str(&b, "CREATE TABLE "));
	TRY(msql_quote(&b, json_string_value(json_object_get(schema, "name"))));
	json_array_foreach(json_object_get(schema, "columns"), i, c) {
		TRY(buf_str(&b, i ? ", " : " ("));
		TRY(msql_quote(&b, json_string_value(json_object_get(c, "name"))));
		TRY(buf_fmt(&b, " %s", msql_types[json_integer_value(json_object_get(c, "type"))]));
	}
	TRY(buf_str(&b, ")"));
	if (sqlite3_exec(db, b.data, NULL, NULL, NULL) != SQLITE_OK)
		rc = failed(db, em);
out:
	buf_free(&b);
	return rc;
}

/* All tables, empty. */
static int open_db(sqlite3 **out, const json_t *schemas, struct errmsg *em)
{
	const json_t *s;
	size_t i;
	int rc = 0;

	*out = NULL;
	/* double-quoted names are names, never strings; PostgreSQL's LIKE distinguishes cases */
	if (sqlite3_open(":memory:", out) != SQLITE_OK ||
	    sqlite3_db_config(*out, SQLITE_DBCONFIG_DQS_DML, 0, NULL) != SQLITE_OK ||
	    sqlite3_exec(*out, "PRAGMA case_sensitive_like = ON", NULL, NULL, NULL) != SQLITE_OK)
		return ERR_NOMEM;
	json_array_foreach(schemas, i, s)
		TRY(create(*out, s, em));
out:
	return rc;
}

int msql_local_check(const struct msql_plan *p, const json_t *schemas, struct errmsg *em)
{
	sqlite3 *db;
	sqlite3_stmt *st = NULL;
	int rc = open_db(&db, schemas, em);

	for (int i = 0; i < 2 && rc == 0; i++) {
		if (sqlite3_prepare_v2(db, p->side[i].query, -1, &st, NULL) != SQLITE_OK)
			rc = failed(db, em);
		sqlite3_finalize(st);
		st = NULL;
	}
	sqlite3_close(db);
	return rc;
}

/* --- CSV in ---------------------------------------------------------------------- */

static int bind(sqlite3_stmt *st, int at, enum msql_type type, const char *text, size_t len)
{
	char *end;

	errno = 0;
	if (type == SQL_CHAR)
		return sqlite3_bind_text(st, at, text, (int)len, SQLITE_TRANSIENT) == SQLITE_OK ? 0 : ERR_NOMEM;
	if (type == SQL_DOUBLE) {
		double d = strtod(text, &end);

		return end != text + len || !isfinite(d) || sqlite3_bind_double(st, at, d) != SQLITE_OK ? ERR_INPUT : 0;
	}
	if (type == SQL_BOOLEAN && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		return sqlite3_bind_int(st, at, text[0] == 't') == SQLITE_OK ? 0 : ERR_NOMEM;
	{
		long long v = strtoll(text, &end, 10);

		if (end != text + len || errno || (type == SQL_BOOLEAN && (v < 0 || v > 1)))
			return ERR_INPUT;
		return sqlite3_bind_int64(st, at, v) == SQLITE_OK ? 0 : ERR_NOMEM;
	}
}

static int insert_row(sqlite3_stmt *st, const struct csv *f, uint64_t row, const json_t *columns, const size_t *place, struct csv_field *fields,
		      struct errmsg *em)
{
	const json_t *c;
	struct buf text = { 0 };
	size_t i;
	int rc;

	TRY(csv_row(f, row, fields));
	sqlite3_clear_bindings(st);
	json_array_foreach(columns, i, c) {
		const struct csv_field *v = &fields[place[i]];
		int type = (int)json_integer_value(json_object_get(c, "type"));

		if (v->len == 0 && !v->quoted && !(type == SQL_CHAR && v->data[-1] == '"'))
			continue;	/* an empty field is NULL; "" is an empty string */
		buf_clear(&text);
		TRY(csv_field_text(v, &text));
		TRY(buf_str(&text, ""));
		rc = bind(st, (int)i + 1, (enum msql_type)type, text.data ? text.data : "", text.len);
		if (rc == ERR_INPUT) {
			errmsg_set(em, rc, "BAD_VALUE", "a value of a table is not of its column's type");
			errmsg_local(em, "%s, line %llu, column %s: '%.40s' is no %s", csv_name(f), (unsigned long long)csv_line(f, row),
				     json_string_value(json_object_get(c, "name")), text.data ? text.data : "", words[type]);
		}
		if (rc)
			goto out;
	}
	rc = sqlite3_step(st) == SQLITE_DONE && sqlite3_reset(st) == SQLITE_OK ? 0 : ERR_NOMEM;
out:
	buf_free(&text);
	return rc;
}

static int load(sqlite3 *db, const json_t *schema, const char *path, const char *name, size_t *rows, struct errmsg *em)
{
	const json_t *columns = json_object_get(schema, "columns"), *c;
	struct csv *f = NULL;
	struct csv_field *fields = NULL;
	size_t *place = calloc(json_array_size(columns) + 1, sizeof(*place)), i;
	sqlite3_stmt *st = NULL;
	struct buf b = { 0 };
	int rc = ERR_NOMEM;

	if (!place)
		return rc;
	TRY(csv_open(&f, path, name, NULL, em));
	TRY(buf_str(&b, "INSERT INTO "));
	TRY(msql_quote(&b, json_string_value(json_object_get(schema, "name"))));
	json_array_foreach(columns, i, c) {
		TRY(csv_find(f, json_string_value(json_object_get(c, "name")), &place[i], em));
		TRY(buf_str(&b, i ? ", ?" : " VALUES (?"));
	}
	TRY(buf_str(&b, ")"));
	fields = calloc(csv_columns(f), sizeof(*fields));
	rc = ERR_NOMEM;
	if (!fields || sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK || sqlite3_prepare_v2(db, b.data, -1, &st, NULL) != SQLITE_OK)
		goto out;
	for (uint64_t r = 0; r < csv_rows(f); r++)
		TRY(insert_row(st, f, r, columns, place, fields, em));
	*rows += csv_rows(f);
	rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_NOMEM;
out:
	sqlite3_finalize(st);
	buf_free(&b);
	csv_free(f);
	free(fields);
	free(place);
	return rc;
}

/* --- numbers out ------------------------------------------------------------------ */

static int number(sqlite3_stmt *st, int c, enum msql_type type, int64_t *out)
{
	double d;

	if (type == SQL_DOUBLE) {
		d = nearbyint(ldexp(sqlite3_column_double(st, c), SQL_DOUBLE_SCALE));
		if (!(fabs(d) < (double)FACTOR_LIMIT))
			return ERR_INPUT;
		*out = (int64_t)d;
		return 0;
	}
	if (type == SQL_IEEE) {
		d = sqlite3_column_double(st, c) + 0.0;	/* -0 is 0 */
		memcpy(out, &d, sizeof(d));
		return 0;
	}
	if (sqlite3_column_type(st, c) == SQLITE_FLOAT)	/* an INT expression that overflowed */
		return ERR_INPUT;
	*out = sqlite3_column_int64(st, c);
	return 0;
}

static int take_row(struct msql_rows *r, const struct msql_side *s, const struct msql_plan *p, int party, sqlite3_stmt *st, size_t row)
{
	unsigned keys = party == p->group ? p->keys : 0;

	for (unsigned c = 0; c < s->n; c++) {
		int64_t *v = &r->v[c * r->padded + row], limit = c == 0 ? KEY_LIMIT : FACTOR_LIMIT;
		int key = c > 0 && c <= keys;

		r->null[c * r->padded + row] = sqlite3_column_type(st, (int)c) == SQLITE_NULL;
		if (r->null[c * r->padded + row])
			continue;
		for (unsigned i = 0; i < p->items && !key; i++)
			key = party == p->group && p->item[i].kind == SQL_KEY && p->item[i].column == (int)c;
		if (number(st, (int)c, s->type[c], v) != 0 || (!key && (*v >= limit || *v <= -limit)))
			return ERR_INPUT;
	}
	return 0;
}

static int run(struct msql_rows *r, const struct msql_plan *p, int party, sqlite3 *db, struct errmsg *em)
{
	const struct msql_side *s = &p->side[party];
	sqlite3_stmt *st = NULL;
	int rc = 0, step = SQLITE_DONE;

	if (sqlite3_prepare_v2(db, s->query, -1, &st, NULL) != SQLITE_OK)
		return failed(db, em);
	r->columns = s->n;
	r->v = calloc(r->padded * s->n, sizeof(*r->v));
	r->null = calloc(r->padded, s->n);
	if (!r->v || !r->null)
		rc = ERR_NOMEM;
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW && r->n < r->padded) {
		rc = take_row(r, s, p, party, st, r->n);
		if (rc == ERR_INPUT) {
			errmsg_set(em, rc, "OUT_OF_RANGE", "a value of a party's part of the query is out of range");
			errmsg_local(em, "row %zu of this party's part has a value out of range: keys are below 2^59, INT operands below 2^%d, "
				     "DOUBLE operands below 2^%d", r->n + 1, SQL_FACTOR_BITS, SQL_FACTOR_BITS - SQL_DOUBLE_SCALE);
		}
		r->n++;
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = step == SQLITE_ROW ? errmsg_set(em, ERR_INPUT, "SQL_TOO_MANY_ROWS", "a party's part of the query has more rows than its table") : failed(db, em);
	sqlite3_finalize(st);
	return rc;
}

int msql_local_run(struct msql_rows *out, const struct msql_plan *p, int party, const json_t *schemas, const json_t *paths, struct errmsg *em)
{
	const struct msql_side *s = &p->side[party];
	struct msql_text t = { .schemas = schemas };
	sqlite3 *db;
	int rc;

	memset(out, 0, sizeof(*out));
	TRY(open_db(&db, schemas, em));
	for (unsigned i = 0; i < s->tables; i++)
		TRY(load(db, msql_schema(&t, s->table[i]), json_string_value(json_object_get(paths, s->table[i])), s->table[i], &out->padded, em));
	if (out->padded > SQL_ROWS_MAX) {
		rc = errmsg_set(em, ERR_INPUT, "TOO_MANY_ROWS", "a table has more than %u rows", SQL_ROWS_MAX);
		goto out;
	}
	if (out->padded == 0)
		out->padded = 1;
	rc = run(out, p, party, db, em);
out:
	sqlite3_close(db);
	return rc;
}

void msql_rows_free(struct msql_rows *r)
{
	if (r->v)
		explicit_bzero(r->v, r->padded * r->columns * sizeof(*r->v));
	if (r->null)
		explicit_bzero(r->null, r->padded * r->columns);
	free(r->v);
	free(r->null);
	memset(r, 0, sizeof(*r));
}
