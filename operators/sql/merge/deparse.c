/* PostgreSQL's parse tree, as libpg_query prints it, to SQLite's SQL. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sql/merge/deparse.h"

static const char *const functions[] = { "abs", "round", "lower", "upper", "length", "sum", "count", "min", "max", "nullif", NULL };
static const char *const operators[] = { "+", "-", "*", "/", "%", "=", "<>", "<", ">", "<=", ">=", NULL };

int msql_error(const struct msql_text *t, long at, const char *code, const char *fmt, ...)
{
	char sentence[160];
	long line = 1, begin = 0, end;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	if (at < 0 || at > (long)strlen(t->text))
		return errmsg_set(t->em, ERR_INPUT, code, "params.sql: %s", sentence);
	for (long i = 0; i < at; i++)
		if (t->text[i] == '\n')
			line++, begin = i + 1;
	errmsg_set(t->em, ERR_INPUT, code, "params.sql, line %ld, column %ld: %s", line, at - begin + 1, sentence);
	if (begin < at - 40)
		begin = at - 40;
	end = begin + (long)strcspn(t->text + begin, "\n");
	if (end > at + 40)
		end = at + 40;
	errmsg_local(t->em, "%s\n%.*s\n%*s", t->em->pub, (int)(end - begin), t->text + begin, (int)(at - begin + 1), "^");
	return ERR_INPUT;
}

long msql_place(const json_t *node)
{
	const json_t *at = json_object_get(node, "location"), *v;
	const char *key;
	size_t i;
	long found;

	if (at)
		return (long)json_integer_value(at);
	json_object_foreach((json_t *)(uintptr_t)node, key, v) {
		if ((found = msql_place(v)) >= 0)
			return found;
	}
	json_array_foreach(node, i, v) {
		if ((found = msql_place(v)) >= 0)
			return found;
	}
	return -1;
}

const char *msql_name(const json_t *list)
{
	const json_t *last = json_array_get(list, json_array_size(list) - 1);

	return json_string_value(json_object_get(json_object_get(last, "String"), "sval"));
}

const json_t *msql_schema(const struct msql_text *t, const char *table)
{
	const json_t *s;
	size_t i;

	json_array_foreach(t->schemas, i, s) {
		const char *name = json_string_value(json_object_get(s, "name"));

		if (name && strcmp(name, table) == 0)
			return s;
	}
	return NULL;
}

int msql_quote(struct buf *out, const char *name)
{
	int rc;

	TRY(buf_str(out, "\""));
	for (; *name; name++)
		TRY(buf_add(out, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1));
	rc = buf_str(out, "\"");
out:
	return rc;
}

static int quote_text(struct buf *out, const char *s)
{
	int rc;

	TRY(buf_str(out, "'"));
	for (; *s; s++)
		TRY(buf_add(out, *s == '\'' ? "''" : s, *s == '\'' ? 2 : 1));
	rc = buf_str(out, "'");
out:
	return rc;
}

static int known(const char *const *list, const char *name)
{
	while (*list && strcmp(*list, name) != 0)
		list++;
	return *list != NULL;
}

static int list(const struct msql_text *t, const json_t *nodes, struct buf *out)
{
	const json_t *v;
	size_t i;
	int rc;

	json_array_foreach(nodes, i, v) {
		if (i)
			TRY(buf_str(out, ", "));
		TRY(msql_deparse(t, v, out));
	}
	rc = 0;
out:
	return rc;
}

static int column(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const json_t *fields = json_object_get(n, "fields"), *v;
	size_t i;
	int rc;

	if (!msql_name(fields))
		return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "* is not supported: name the columns");
	json_array_foreach(fields, i, v) {
		if (i)
			TRY(buf_str(out, "."));
		TRY(msql_quote(out, json_string_value(json_object_get(json_object_get(v, "String"), "sval"))));
	}
	rc = 0;
out:
	return rc;
}

/* libpg_query 15 prints integers above 0 alone: where there is none, the text has it. */
static int small_integer(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const char *s = t->text + msql_place(n), *digits = "0123456789";
	size_t len;

	if (msql_place(n) < 0 || *s != '-')
		return buf_str(out, "0");
	s++;
	s += strspn(s, " \t\r\n");
	len = strspn(s, digits);
	if (len == 0)
		return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "a minus that does not stand right before its number is not supported");
	return buf_fmt(out, "-%.*s", (int)len, s);
}

static int constant(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const json_t *v;

	if (json_object_get(n, "isnull"))
		return buf_str(out, "NULL");
	if ((v = json_object_get(n, "ival")) && !json_object_get(v, "ival"))
		return small_integer(t, n, out);
	if (v)
		return buf_fmt(out, "%lld", (long long)json_integer_value(json_object_get(v, "ival")));
	if ((v = json_object_get(n, "fval")))
		return buf_str(out, json_string_value(json_object_get(v, "fval")));
	if ((v = json_object_get(n, "sval")))
		return quote_text(out, json_string_value(json_object_get(v, "sval")));
	if ((v = json_object_get(n, "boolval")))
		return buf_str(out, json_is_true(json_object_get(v, "boolval")) ? "1" : "0");
	return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "a constant of this kind is not supported");
}

static int a_expr(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const char *kind = json_string_value(json_object_get(n, "kind")), *op = msql_name(json_object_get(n, "name"));
	const json_t *l = json_object_get(n, "lexpr"), *r = json_object_get(n, "rexpr");
	int rc;

	if (strcmp(kind, "AEXPR_OP") == 0 && !known(operators, op))
		return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "the operator %s is not supported", op);
	TRY(buf_str(out, "("));
	if (l)
		TRY(msql_deparse(t, l, out));
	if (strcmp(kind, "AEXPR_OP") == 0) {
		TRY(buf_fmt(out, " %s ", op));
		TRY(msql_deparse(t, r, out));
	} else if (strcmp(kind, "AEXPR_IN") == 0) {
		TRY(buf_str(out, strcmp(op, "=") == 0 ? " IN (" : " NOT IN ("));
		TRY(list(t, json_object_get(json_object_get(r, "List"), "items"), out));
		TRY(buf_str(out, ")"));
	} else if (strcmp(kind, "AEXPR_BETWEEN") == 0 || strcmp(kind, "AEXPR_NOT_BETWEEN") == 0) {
		const json_t *ends = json_object_get(json_object_get(r, "List"), "items");

		TRY(buf_str(out, strcmp(kind, "AEXPR_BETWEEN") == 0 ? " BETWEEN " : " NOT BETWEEN "));
		TRY(msql_deparse(t, json_array_get(ends, 0), out));
		TRY(buf_str(out, " AND "));
		TRY(msql_deparse(t, json_array_get(ends, 1), out));
	} else if (strcmp(kind, "AEXPR_LIKE") == 0) {
		TRY(buf_str(out, strcmp(op, "~~") == 0 ? " LIKE " : " NOT LIKE "));
		TRY(msql_deparse(t, r, out));
	} else {
		return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "this form of %s is not supported", op);
	}
	rc = buf_str(out, ")");
out:
	return rc;
}

static int bool_expr(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const char *op = json_string_value(json_object_get(n, "boolop"));
	const json_t *v;
	size_t i;
	int rc;

	TRY(buf_str(out, strcmp(op, "NOT_EXPR") == 0 ? "(NOT " : "("));
	json_array_foreach(json_object_get(n, "args"), i, v) {
		if (i)
			TRY(buf_str(out, strcmp(op, "AND_EXPR") == 0 ? " AND " : " OR "));
		TRY(msql_deparse(t, v, out));
	}
	rc = buf_str(out, ")");
out:
	return rc;
}

static int case_expr(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const json_t *v, *base = json_object_get(n, "arg"), *other = json_object_get(n, "defresult");
	size_t i;
	int rc;

	TRY(buf_str(out, "CASE "));
	if (base)
		TRY(msql_deparse(t, base, out));
	json_array_foreach(json_object_get(n, "args"), i, v) {
		const json_t *w = json_object_get(v, "CaseWhen");

		TRY(buf_str(out, " WHEN "));
		TRY(msql_deparse(t, json_object_get(w, "expr"), out));
		TRY(buf_str(out, " THEN "));
		TRY(msql_deparse(t, json_object_get(w, "result"), out));
	}
	if (other) {
		TRY(buf_str(out, " ELSE "));
		TRY(msql_deparse(t, other, out));
	}
	rc = buf_str(out, " END");
out:
	return rc;
}

static int call(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const char *name = msql_name(json_object_get(n, "funcname"));
	int rc;

	if (!known(functions, name) || json_object_get(n, "over") || json_object_get(n, "agg_filter") || json_object_get(n, "agg_order"))
		return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "%s in this form is not supported", name);
	TRY(buf_fmt(out, "%s(", name));
	if (json_is_true(json_object_get(n, "agg_star")))
		TRY(buf_str(out, "*"));
	if (json_is_true(json_object_get(n, "agg_distinct")))
		TRY(buf_str(out, "DISTINCT "));
	TRY(list(t, json_object_get(n, "args"), out));
	rc = buf_str(out, ")");
out:
	return rc;
}

static int null_test(const struct msql_text *t, const json_t *n, struct buf *out)
{
	int rc;

	TRY(buf_str(out, "("));
	TRY(msql_deparse(t, json_object_get(n, "arg"), out));
	rc = buf_str(out, strcmp(json_string_value(json_object_get(n, "nulltesttype")), "IS_NULL") == 0 ? " IS NULL)" : " IS NOT NULL)");
out:
	return rc;
}

static int range(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const json_t *v = json_object_get(n, "RangeVar"), *s = json_object_get(n, "RangeSubselect"), *alias;
	const char *name;
	int rc;

	if (v) {
		name = json_string_value(json_object_get(v, "relname"));
		if (!msql_schema(t, name))
			return msql_error(t, msql_place(v), "SQL_UNKNOWN_TABLE", "there is no table %s in config.schemas", name);
		TRY(msql_quote(out, name));
	} else if (s) {
		TRY(buf_str(out, "("));
		TRY(msql_deparse_select(t, json_object_get(json_object_get(s, "subquery"), "SelectStmt"), out));
		TRY(buf_str(out, ")"));
	} else {
		return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "a join inside one party's relation is not supported");
	}
	alias = json_object_get(v ? v : s, "alias");
	if (alias) {
		TRY(buf_str(out, " AS "));
		TRY(msql_quote(out, json_string_value(json_object_get(alias, "aliasname"))));
	}
	rc = 0;
out:
	return rc;
}

static const struct {
	const char *json, *sql;
} refused[] = {
	{ "withClause", "WITH" }, { "sortClause", "ORDER BY" }, { "limitCount", "LIMIT" }, { "limitOffset", "OFFSET" },
	{ "windowClause", "WINDOW" }, { "valuesLists", "VALUES" }, { "intoClause", "INTO" }, { "lockingClause", "FOR" },
};

int msql_deparse_select(const struct msql_text *t, const json_t *n, struct buf *out)
{
	const json_t *v, *from = json_object_get(n, "fromClause");
	size_t i;
	int rc;

	for (i = 0; i < PET_ARRAY_SIZE(refused); i++)
		if ((v = json_object_get(n, refused[i].json)))
			return msql_error(t, msql_place(v), "SQL_UNSUPPORTED", "%s in a subquery is not supported", refused[i].sql);
	if (strcmp(json_string_value(json_object_get(n, "op")), "SETOP_NONE") != 0 || json_array_size(from) != 1)
		return msql_error(t, msql_place(n), "SQL_UNSUPPORTED", "a subquery of other than one table is not supported");
	TRY(buf_str(out, json_object_get(n, "distinctClause") ? "SELECT DISTINCT " : "SELECT "));
	json_array_foreach(json_object_get(n, "targetList"), i, v) {
		const json_t *target = json_object_get(v, "ResTarget"), *name = json_object_get(target, "name");

		if (i)
			TRY(buf_str(out, ", "));
		TRY(msql_deparse(t, json_object_get(target, "val"), out));
		if (name) {
			TRY(buf_str(out, " AS "));
			TRY(msql_quote(out, json_string_value(name)));
		}
	}
	TRY(buf_str(out, " FROM "));
	TRY(range(t, json_array_get(from, 0), out));
	if ((v = json_object_get(n, "whereClause"))) {
		TRY(buf_str(out, " WHERE "));
		TRY(msql_deparse(t, v, out));
	}
	if ((v = json_object_get(n, "groupClause"))) {
		TRY(buf_str(out, " GROUP BY "));
		TRY(list(t, v, out));
	}
	if ((v = json_object_get(n, "havingClause"))) {
		TRY(buf_str(out, " HAVING "));
		TRY(msql_deparse(t, v, out));
	}
	rc = 0;
out:
	return rc;
}

int msql_deparse(const struct msql_text *t, const json_t *node, struct buf *out)
{
	const char *kind = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)node));
	const json_t *n = kind ? json_object_get(node, kind) : NULL;
	int rc;

	if (!kind)
		return msql_error(t, -1, "SQL_UNSUPPORTED", "an empty expression");
	if (strcmp(kind, "ColumnRef") == 0)
		return column(t, n, out);
	if (strcmp(kind, "A_Const") == 0)
		return constant(t, n, out);
	if (strcmp(kind, "A_Expr") == 0)
		return a_expr(t, n, out);
	if (strcmp(kind, "BoolExpr") == 0)
		return bool_expr(t, n, out);
	if (strcmp(kind, "NullTest") == 0)
		return null_test(t, n, out);
	if (strcmp(kind, "CaseExpr") == 0)
		return case_expr(t, n, out);
	if (strcmp(kind, "FuncCall") == 0)
		return call(t, n, out);
	if (strcmp(kind, "RangeVar") == 0 || strcmp(kind, "RangeSubselect") == 0 || strcmp(kind, "JoinExpr") == 0)
		return range(t, node, out);
	if (strcmp(kind, "CoalesceExpr") == 0) {
		TRY(buf_str(out, "coalesce("));
		TRY(list(t, json_object_get(n, "args"), out));
		return buf_str(out, ")");
	}
	rc = msql_error(t, msql_place(node), "SQL_UNSUPPORTED", "%s is not supported", kind);
out:
	return rc;
}
