/* What a party computes alone: its CSV in SQLite in memory, filters, expressions, and sums per key. */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/sql.h"
#include "table/csv.h"

struct loading {
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct csv *csv;
	struct csv_field *field;
	size_t *at;		/* the file's column of each of the table's */
	struct buf text;
	struct errmsg *em;
};

static int internal(struct loading *l)
{
	errmsg_set(l->em, ERR_INTERNAL, "INTERNAL", "SQLite could not run this party's part of the query");
	errmsg_local(l->em, "SQLite could not run this party's part of the query: %s", sqlite3_errmsg(l->db));
	return ERR_INTERNAL;
}

/* --- loading ---------------------------------------------------------------------------- */

static int create(struct loading *l, const struct sql_table *t)
{
	static const char *const affinity[] = { "TEXT", "INTEGER", "INTEGER", "REAL" };
	struct buf q = { 0 };
	int rc = buf_str(&q, "CREATE TABLE t (");

	for (unsigned i = 0; i < t->columns && !rc; i++)
		rc = buf_fmt(&q, "%s\"%s\" %s", i ? ", " : "", t->column[i], affinity[t->type[i]]);
	if (!rc)
		rc = buf_str(&q, ")");
	if (!rc && sqlite3_exec(l->db, q.data, NULL, NULL, NULL) != SQLITE_OK)
		rc = internal(l);
	buf_clear(&q);
	if (!rc)
		rc = buf_str(&q, "INSERT INTO t VALUES (?");
	for (unsigned i = 1; i < t->columns && !rc; i++)
		rc = buf_str(&q, ",?");
	if (!rc)
		rc = buf_str(&q, ")");
	if (!rc && sqlite3_prepare_v2(l->db, q.data, -1, &l->insert, NULL) != SQLITE_OK)
		rc = internal(l);
	buf_free(&q);
	return rc;
}

static int bad_value(struct loading *l, uint64_t row, const char *column, const char *expected)
{
	errmsg_set(l->em, ERR_INPUT, "BAD_VALUE", "a table has a value of another type than its schema says, or none");
	errmsg_local(l->em, "%s, line %llu, column \"%s\": expected %s", csv_name(l->csv), (unsigned long long)csv_line(l->csv, row), column, expected);
	return ERR_INPUT;
}

static int bind_integer(struct loading *l, int at, uint64_t row, const char *column)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(l->text.data, &end, 10);
	if (end == l->text.data || *end || errno || (size_t)(end - l->text.data) + 1 != l->text.len)
		return bad_value(l, row, column, "a whole number of 64 bits (an empty field, NULL, is not supported yet)");
	return sqlite3_bind_int64(l->insert, at, v) == SQLITE_OK ? 0 : internal(l);
}

static int bind_real(struct loading *l, int at, uint64_t row, const char *column)
{
	char *end;
	double v = strtod(l->text.data, &end);

	if (end == l->text.data || *end || !isfinite(v) || (size_t)(end - l->text.data) + 1 != l->text.len)
		return bad_value(l, row, column, "a finite number (an empty field, NULL, is not supported yet)");
	return sqlite3_bind_double(l->insert, at, v) == SQLITE_OK ? 0 : internal(l);
}

static int bind_bool(struct loading *l, int at, uint64_t row, const char *column)
{
	static const char *const no[] = { "0", "false", "f" }, *const yes[] = { "1", "true", "t" };

	for (int i = 0; i < 3; i++)
		if (strcmp(l->text.data, no[i]) == 0 || strcmp(l->text.data, yes[i]) == 0)
			return sqlite3_bind_int(l->insert, at, strcmp(l->text.data, yes[i]) == 0) == SQLITE_OK ? 0 : internal(l);
	return bad_value(l, row, column, "true, false, 1 or 0");
}

static int bind_field(struct loading *l, const struct sql_table *t, unsigned i, uint64_t row)
{
	int at = (int)i + 1, rc;

	buf_clear(&l->text);
	rc = csv_field_text(&l->field[l->at[i]], &l->text);
	if (rc == 0)
		rc = buf_add(&l->text, "", 1);
	if (rc)
		return rc;
	switch (t->type[i]) {
	case SQL_INT:
		return bind_integer(l, at, row, t->column[i]);
	case SQL_DOUBLE:
		return bind_real(l, at, row, t->column[i]);
	case SQL_BOOL:
		return bind_bool(l, at, row, t->column[i]);
	default:
		return sqlite3_bind_text(l->insert, at, l->text.data, (int)l->text.len - 1, SQLITE_TRANSIENT) == SQLITE_OK ? 0 : internal(l);
	}
}

static int load(struct loading *l, const struct sql_table *t)
{
	int rc;

	l->field = calloc(csv_columns(l->csv) + 1, sizeof(*l->field));
	l->at = calloc(t->columns + 1, sizeof(*l->at));
	if (!l->field || !l->at)
		return ERR_NOMEM;
	for (unsigned i = 0; i < t->columns; i++)
		TRY(csv_find(l->csv, t->column[i], &l->at[i], l->em));
	TRY(create(l, t));
	rc = sqlite3_exec(l->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK ? 0 : internal(l);
	for (uint64_t row = 0; row < csv_rows(l->csv) && !rc; row++) {
		TRY(csv_row(l->csv, row, l->field));
		for (unsigned i = 0; i < t->columns; i++)
			TRY(bind_field(l, t, i, row));
		if (sqlite3_step(l->insert) != SQLITE_DONE || sqlite3_reset(l->insert) != SQLITE_OK)
			rc = internal(l);
	}
	if (!rc && sqlite3_exec(l->db, "COMMIT; PRAGMA case_sensitive_like = ON", NULL, NULL, NULL) != SQLITE_OK)
		rc = internal(l);
out:
	return rc;
}

/* --- this party's query --------------------------------------------------------------------- */

static int list(struct buf *q, char *const *text, unsigned n, const char *before, int *any)
{
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++) {
		rc = buf_fmt(q, "%s%s", *any ? ", " : before, text[i]);
		*any = 1;
	}
	return rc;
}

static int make_query(struct buf *q, const struct sql_plan *p, int party)
{
	const struct sql_side *s = &p->side[party];
	unsigned groups = p->grouper == party ? p->groups : 0;
	int rc, any = 0;

	TRY(list(q, s->key, p->keys, "SELECT ", &any));
	TRY(list(q, p->group, groups, "", &any));
	for (unsigned i = 0; i < p->terms; i++)
		TRY(buf_fmt(q, ", sum(%s), count(*) - count(%s)", s->factor[i] ? s->factor[i] : "1", s->factor[i] ? s->factor[i] : "1"));
	TRY(buf_fmt(q, " FROM (%s)%s%s GROUP BY ", s->relation, s->where ? " WHERE " : "", s->where ? s->where : ""));
	any = 0;
	TRY(list(q, s->key, p->keys, "", &any));
	TRY(list(q, p->group, groups, "", &any));
out:
	return rc;
}

static int take_key(struct sql_rows *r, sqlite3_stmt *st, uint32_t row)
{
	struct buf b = { 0 };
	int rc = 0;

	for (unsigned i = 0; i < r->keys && !rc; i++) {
		const unsigned char *text = sqlite3_column_text(st, (int)i);
		uint32_t len = (uint32_t)sqlite3_column_bytes(st, (int)i);

		rc = buf_add(&b, &len, sizeof(len));
		if (!rc && len)
			rc = buf_add(&b, text, len);
	}
	r->key[row] = b.data;
	r->key_len[row] = b.len;
	return rc;
}

static int take_groups(struct loading *l, struct sql_rows *r, const struct sql_plan *p, sqlite3_stmt *st, uint32_t row)
{
	for (unsigned i = 0; i < r->groups; i++) {
		uint64_t *w = r->group + ((size_t)row * r->groups + i) * 4;
		int at = (int)(r->keys + i);
		double d;

		if (p->group_type[i] == SQL_DOUBLE) {
			d = sqlite3_column_double(st, at);
			memcpy(w, &d, sizeof(d));
		} else if (p->group_type[i] != SQL_CHAR) {
			w[0] = (uint64_t)sqlite3_column_int64(st, at);
		} else if ((unsigned)sqlite3_column_bytes(st, at) <= SQL_TEXT_MAX) {
			memcpy(w, sqlite3_column_text(st, at), (size_t)sqlite3_column_bytes(st, at));
		} else {
			return errmsg_set(l->em, ERR_INPUT, "BAD_VALUE", "a text that is grouped by has more than %u bytes", SQL_TEXT_MAX);
		}
	}
	return 0;
}

static int take_factors(struct loading *l, struct sql_rows *r, sqlite3_stmt *st, uint32_t row)
{
	for (unsigned i = 0; i < r->terms; i++) {
		int at = (int)(r->keys + r->groups + 2 * i);
		double d = sqlite3_column_double(st, at);
		__int128 *f = &r->factor[(size_t)row * r->terms + i];

		if (sqlite3_column_int64(st, at + 1) != 0 || !isfinite(d))
			return errmsg_set(l->em, ERR_INPUT, "BAD_VALUE", "an expression of a party has no value in some row: a division by 0, or an overflow");
		if (sqlite3_column_type(st, at) == SQLITE_INTEGER)
			*f = (__int128)sqlite3_column_int64(st, at) << SQL_SCALE;
		else if (fabs(d) < 0x1p60)
			*f = (__int128)llrint(ldexp(fmod(d, 1), SQL_SCALE)) + ((__int128)(int64_t)trunc(d) << SQL_SCALE);
		else
			return errmsg_set(l->em, ERR_INPUT, "BAD_VALUE", "an expression of a party is 2^60 or more in some row");
	}
	return 0;
}

static int grow(struct sql_rows *r, uint32_t room)
{
	char **key = realloc(r->key, room * sizeof(*key));
	size_t *len = key ? realloc(r->key_len, room * sizeof(*len)) : NULL;
	uint64_t *group = len ? realloc(r->group, ((size_t)room * r->groups * 4 + 1) * sizeof(*group)) : NULL;
	__int128 *factor = group ? realloc(r->factor, ((size_t)room * r->terms + 1) * sizeof(*factor)) : NULL;

	r->key = key ? key : r->key;
	r->key_len = len ? len : r->key_len;
	r->group = group ? group : r->group;
	r->factor = factor ? factor : r->factor;
	return factor ? 0 : ERR_NOMEM;
}

static int run_query(struct loading *l, struct sql_rows *r, const struct sql_plan *p, const char *query)
{
	sqlite3_stmt *st = NULL;
	uint32_t room = 0;
	int rc = sqlite3_prepare_v2(l->db, query, -1, &st, NULL) == SQLITE_OK ? 0 : internal(l), step = SQLITE_DONE;

	while (!rc && (step = sqlite3_step(st)) == SQLITE_ROW) {
		if (r->n == room) {
			room = room * 2 + 1024;
			TRY(grow(r, room));
		}
		memset(r->group + (size_t)r->n * r->groups * 4, 0, (size_t)r->groups * 4 * sizeof(*r->group));
		TRY(take_key(r, st, r->n));
		r->n++;
		TRY(take_groups(l, r, p, st, r->n - 1));
		TRY(take_factors(l, r, st, r->n - 1));
	}
	if (!rc && step != SQLITE_DONE)
		rc = strstr(sqlite3_errmsg(l->db), "overflow") ? errmsg_set(l->em, ERR_INPUT, "BAD_VALUE", "a sum of integers of a party overflows 64 bits") : internal(l);
out:
	sqlite3_finalize(st);
	return rc;
}

void sql_rows_free(struct sql_rows *r)
{
	for (uint32_t i = 0; r->key && i < r->n; i++)
		free(r->key[i]);
	free(r->key);
	free(r->key_len);
	free(r->group);
	if (r->factor)
		explicit_bzero(r->factor, (size_t)r->n * r->terms * sizeof(*r->factor));
	free(r->factor);
	*r = (struct sql_rows){ 0 };
}

int sql_local(struct sql_rows *r, const struct sql_plan *p, int party, const char *path, const char *name, struct errmsg *em)
{
	struct loading l = { .em = em };
	struct buf q = { 0 };
	int rc;

	*r = (struct sql_rows){ .keys = p->keys, .groups = p->grouper == party ? p->groups : 0, .terms = p->terms };
	TRY(csv_open(&l.csv, path, name, NULL, em));
	if (csv_rows(l.csv) >= UINT32_C(1) << 24) {
		rc = errmsg_set(em, ERR_INPUT, "TOO_MANY_ROWS", "a table has 2^24 rows or more");
		goto out;
	}
	r->table_rows = (uint32_t)csv_rows(l.csv);
	rc = sqlite3_open(":memory:", &l.db) == SQLITE_OK ? 0 : internal(&l);
	if (!rc)
		rc = load(&l, p->side[party].table);
	if (!rc)
		rc = make_query(&q, p, party);
	if (!rc)
		rc = run_query(&l, r, p, q.data);
out:
	if (rc == ERR_NOMEM && !em->code[0])
		errmsg_set(em, rc, "NO_MEMORY", "not enough memory for a table");
	sqlite3_finalize(l.insert);
	sqlite3_close(l.db);
	csv_free(l.csv);
	free(l.field);
	free(l.at);
	buf_free(&l.text);
	buf_free(&q);
	return rc;
}
