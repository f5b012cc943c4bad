/* Expressions: whose columns are in them, their type, and their text for SQLite. What is not here is refused by its name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sql/sql.h"

const char *sql_node(const json_t *n, const json_t **body)
{
	void *it = json_object_iter((json_t *)n);

	*body = it ? json_object_iter_value(it) : NULL;
	return it ? json_object_iter_key(it) : "";
}

long sql_place(const json_t *body)
{
	return (long)json_integer_value(json_object_get(body, "location"));
}

int sql_fail(struct sql_compiler *c, long place, const char *fmt, ...)
{
	unsigned line = 1, column = 1;
	char what[400];
	va_list ap;

	for (long i = 0; i < place && c->text[i]; i++) {
		column++;
		if (c->text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return errmsg_set(c->em, ERR_INPUT, "BAD_SQL", "sql, line %u, column %u: %s", line, column, what);
}

/* --- columns ----------------------------------------------------------------------- */

static const char *field(const json_t *body, size_t i)
{
	return json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(body, "fields"), i), "String"), "sval"));
}

static const char *nearest(const struct sql_scope *s, const char *name)
{
	const char *best = NULL;
	unsigned least = 4;

	for (unsigned r = 0; r < s->relations; r++)
		for (unsigned i = 0; i < s->r[r].columns; i++) {
			unsigned d = util_distance(name, s->r[r].column[i]);

			if (d < least) {
				least = d;
				best = s->r[r].column[i];
			}
		}
	return best;
}

/* Which relation and column a reference means. */
static int resolve(struct sql_compiler *c, const struct sql_scope *s, const json_t *body, unsigned *relation, unsigned *column)
{
	size_t parts = json_array_size(json_object_get(body, "fields"));
	const char *alias = parts == 2 ? field(body, 0) : NULL, *name = field(body, parts - 1), *other;
	unsigned found = 0;

	if (parts < 1 || parts > 2 || !name || (parts == 2 && !alias))
		return sql_fail(c, sql_place(body), "a column is expected as name or table.name (\"*\" is not supported)");
	for (unsigned r = 0; r < s->relations; r++) {
		if (alias && strcmp(alias, s->r[r].alias) != 0)
			continue;
		for (unsigned i = 0; i < s->r[r].columns; i++) {
			if (strcmp(name, s->r[r].column[i]) != 0)
				continue;
			found++;
			*relation = r;
			*column = i;
		}
	}
	if (found == 1)
		return 0;
	if (found > 1)
		return sql_fail(c, sql_place(body), "column %s is ambiguous: write table.%s", name, name);
	other = nearest(s, name);
	return sql_fail(c, sql_place(body), "there is no column %s%s%s%s%s", alias ? alias : "", alias ? "." : "", name, other ? ": did you mean " : "", other ? other : "");
}

/* --- kinds of nodes -------------------------------------------------------------------- */

const char *sql_operator(const json_t *n, const json_t **left, const json_t **right)
{
	const json_t *body;

	if (strcmp(sql_node(n, &body), "A_Expr") != 0 || strcmp(json_string_value(json_object_get(body, "kind")), "AEXPR_OP") != 0)
		return NULL;
	*left = json_object_get(body, "lexpr");
	*right = json_object_get(body, "rexpr");
	return json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(body, "name"), 0), "String"), "sval"));
}

static int is_arithmetic(const char *op)
{
	return op[1] == '\0' && strchr("+-*/%", op[0]) != NULL;
}

static int is_comparison(const char *op)
{
	static const char *const all[] = { "=", "<", ">", "<=", ">=", "<>" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(all); i++)
		if (strcmp(op, all[i]) == 0)
			return 1;
	return 0;
}

static const struct {
	const char *name, *sqlite;
	int type;			/* -1: its argument's */
} functions[] = {
	{ "abs", "abs", -1 }, { "round", "round", SQL_DOUBLE }, { "lower", "lower", SQL_CHAR }, { "upper", "upper", SQL_CHAR },
	{ "length", "length", SQL_INT },
};

static int function_of(const json_t *body)
{
	const char *name = json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(body, "funcname"), 0), "String"), "sval"));

	for (size_t i = 0; name && i < PET_ARRAY_SIZE(functions); i++)
		if (strcmp(name, functions[i].name) == 0)
			return (int)i;
	return -1;
}

/* The children of a node that has a list of them, or NULL. */
static const json_t *children(const char *kind, const json_t *body)
{
	if (strcmp(kind, "BoolExpr") == 0 || strcmp(kind, "CoalesceExpr") == 0 || strcmp(kind, "MinMaxExpr") == 0 || strcmp(kind, "FuncCall") == 0)
		return json_object_get(body, "args");
	if (strcmp(kind, "List") == 0)
		return json_object_get(body, "items");
	return NULL;
}

/* --- analysis ------------------------------------------------------------------------------ */

static void join_types(struct sql_value *v, const struct sql_value *w)
{
	v->owners |= w->owners;
	if (w->type == SQL_DOUBLE)
		v->type = SQL_DOUBLE;
}

static int analyse_list(struct sql_compiler *c, const struct sql_scope *s, const json_t *list, struct sql_value *v)
{
	struct sql_value w;
	size_t i;
	json_t *n;
	int rc = 0;

	json_array_foreach((json_t *)list, i, n) {
		TRY(sql_analyse(c, s, n, &w));
		if (i == 0)
			v->type = w.type;
		join_types(v, &w);
	}
out:
	return rc;
}

/*
 * The parser's JSON leaves out integers that are 0 and, folded from a minus sign, those below: both stand as an
 * empty object (libpg_query 15). So such a constant is read from the text, at its place.
 */
static int integer_of(struct sql_compiler *c, const json_t *body, long long *out)
{
	const char *p = c->text + sql_place(body);
	int minus = 0;

	*out = (long long)json_integer_value(json_object_get(json_object_get(body, "ival"), "ival"));
	if (*out)
		return 0;
	for (; *p && strchr(" \t\r\n()+-", *p); p++)
		minus ^= *p == '-';
	if (*p < '0' || *p > '9')
		return sql_fail(c, sql_place(body), "this number is not understood: write its digits after its sign");
	*out = strtoll(p, NULL, 10);
	if (*out && !minus)
		return sql_fail(c, sql_place(body), "this number is not understood: write its digits after its sign");
	*out = minus ? -*out : *out;
	return 0;
}

/* Integers beyond 32 bits come as if they had a fraction. */
static int is_fraction(const json_t *fval)
{
	const char *t = json_string_value(json_object_get(fval, "fval"));

	return t && strpbrk(t, ".eE") != NULL;
}

static int analyse_constant(struct sql_compiler *c, const json_t *body, struct sql_value *v)
{
	long long ignored;

	if (json_object_get(body, "ival")) {
		v->type = SQL_INT;
		return integer_of(c, body, &ignored);
	}
	v->type = is_fraction(json_object_get(body, "fval")) ? SQL_DOUBLE : json_object_get(body, "fval") ? SQL_INT : json_object_get(body, "sval") ? SQL_CHAR : json_object_get(body, "boolval") ? SQL_BOOL : SQL_INT;
	return json_is_true(json_object_get(body, "isnull")) ? sql_fail(c, sql_place(body), "NULL as a value is not supported") : 0;
}

static int analyse_operator(struct sql_compiler *c, const struct sql_scope *s, const json_t *n, const json_t *body, struct sql_value *v)
{
	const json_t *left = json_object_get(body, "lexpr"), *right = json_object_get(body, "rexpr");
	const char *kind = json_string_value(json_object_get(body, "kind")), *op = sql_operator(n, &left, &right);
	struct sql_value w = { 0, SQL_INT };
	int rc, plain = op != NULL;

	if ((plain && !is_arithmetic(op) && !is_comparison(op)) ||
	    (!plain && strcmp(kind, "AEXPR_IN") != 0 && strcmp(kind, "AEXPR_BETWEEN") != 0 && strcmp(kind, "AEXPR_LIKE") != 0 && strcmp(kind, "AEXPR_NULLIF") != 0))
		return sql_fail(c, sql_place(body), "operator %s is not supported", plain ? op : kind + 6);
	if (left)
		TRY(sql_analyse(c, s, left, v));
	TRY(sql_analyse(c, s, right, &w));
	if (plain && is_arithmetic(op) && ((left && v->type == SQL_CHAR) || w.type == SQL_CHAR))
		return sql_fail(c, sql_place(body), "operator %s takes numbers", op);
	join_types(v, &w);
	if (!left)
		v->type = w.type;
	if ((plain && is_comparison(op)) || (!plain && strcmp(kind, "AEXPR_NULLIF") != 0))
		v->type = SQL_BOOL;
out:
	return rc;
}

int sql_analyse(struct sql_compiler *c, const struct sql_scope *s, const json_t *n, struct sql_value *v)
{
	const json_t *body;
	const char *kind = sql_node(n, &body);
	unsigned r, i;
	int rc = 0, f;

	*v = (struct sql_value){ 0, SQL_INT };
	if (strcmp(kind, "ColumnRef") == 0) {
		TRY(resolve(c, s, body, &r, &i));
		*v = (struct sql_value){ 1u << s->r[r].party, s->r[r].type[i] };
	} else if (strcmp(kind, "A_Const") == 0) {
		rc = analyse_constant(c, body, v);
	} else if (strcmp(kind, "A_Expr") == 0) {
		rc = analyse_operator(c, s, n, body, v);
	} else if (strcmp(kind, "NullTest") == 0) {
		rc = sql_analyse(c, s, json_object_get(body, "arg"), v);
		v->type = SQL_BOOL;
	} else if (children(kind, body)) {
		f = strcmp(kind, "FuncCall") == 0 ? function_of(body) : -1;
		if (strcmp(kind, "FuncCall") == 0 && (f < 0 || json_object_get(body, "agg_distinct") || json_object_get(body, "over")))
			return sql_fail(c, sql_place(body), "this function is not supported here: abs, round, lower, upper, length, coalesce, least, greatest and nullif are, "
					"and sum(…) and count(*) as items of their own");
		TRY(analyse_list(c, s, children(kind, body), v));
		if (f >= 0 && functions[f].type >= 0)
			v->type = (enum sql_type)functions[f].type;
		if (strcmp(kind, "BoolExpr") == 0)
			v->type = SQL_BOOL;
	} else {
		rc = sql_fail(c, sql_place(body), "%s is not supported in expressions", kind);
	}
out:
	return rc;
}

/* --- text ------------------------------------------------------------------------------------- */

static int print_quoted(struct buf *out, const char *s, char quote)
{
	int rc = buf_add(out, &quote, 1);

	for (; *s && !rc; s++) {
		rc = buf_add(out, s, 1);
		if (*s == quote && !rc)
			rc = buf_add(out, s, 1);
	}
	return rc ? rc : buf_add(out, &quote, 1);
}

static int print_list(struct sql_compiler *c, const struct sql_scope *s, const json_t *list, const char *between, struct buf *out)
{
	size_t i;
	json_t *n;
	int rc = 0;

	json_array_foreach((json_t *)list, i, n) {
		if (i)
			TRY(buf_str(out, between));
		TRY(sql_print(c, s, n, out));
	}
out:
	return rc;
}

static int print_constant(struct sql_compiler *c, const json_t *body, struct buf *out)
{
	const json_t *v;
	long long n;
	int rc;

	if ((v = json_object_get(body, "fval")))
		return buf_fmt(out, "(%s)", json_string_value(json_object_get(v, "fval")));
	if ((v = json_object_get(body, "sval")))
		return print_quoted(out, json_string_value(json_object_get(v, "sval")), '\'');
	if ((v = json_object_get(body, "boolval")))
		return buf_str(out, json_is_true(json_object_get(v, "boolval")) ? "1" : "0");
	rc = integer_of(c, body, &n);
	return rc ? rc : buf_fmt(out, n < 0 ? "(%lld)" : "%lld", n);
}

static int print_operator(struct sql_compiler *c, const struct sql_scope *s, const json_t *n, const json_t *body, struct buf *out)
{
	const json_t *left = json_object_get(body, "lexpr"), *right = json_object_get(body, "rexpr"), *ends;
	const char *kind = json_string_value(json_object_get(body, "kind")), *op = sql_operator(n, &left, &right), *sign =
		json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(body, "name"), 0), "String"), "sval"));
	int rc;

	TRY(buf_str(out, strcmp(kind, "AEXPR_NULLIF") == 0 ? "nullif(" : "("));
	if (left)
		TRY(sql_print(c, s, left, out));
	if (op)
		TRY(buf_fmt(out, " %s ", op));
	else if (strcmp(kind, "AEXPR_IN") == 0)
		TRY(buf_str(out, strcmp(sign, "<>") == 0 ? " NOT IN (" : " IN ("));
	else if (strcmp(kind, "AEXPR_LIKE") == 0)
		TRY(buf_str(out, sign[0] == '!' ? " NOT LIKE " : " LIKE "));
	else
		TRY(buf_str(out, strcmp(kind, "AEXPR_NULLIF") == 0 ? ", " : " BETWEEN "));
	if (strcmp(kind, "AEXPR_BETWEEN") == 0) {
		ends = json_object_get(json_object_get(right, "List"), "items");
		TRY(print_list(c, s, ends, " AND ", out));
	} else {
		TRY(sql_print(c, s, right, out));
	}
	TRY(buf_str(out, strcmp(kind, "AEXPR_IN") == 0 ? "))" : ")"));
out:
	return rc;
}

static int print_bool(struct sql_compiler *c, const struct sql_scope *s, const json_t *body, struct buf *out)
{
	const char *op = json_string_value(json_object_get(body, "boolop"));
	int rc;

	TRY(buf_str(out, strcmp(op, "NOT_EXPR") == 0 ? "(NOT " : "("));
	TRY(print_list(c, s, json_object_get(body, "args"), strcmp(op, "AND_EXPR") == 0 ? " AND " : " OR ", out));
	TRY(buf_str(out, ")"));
out:
	return rc;
}

static int print_call(struct sql_compiler *c, const struct sql_scope *s, const char *name, const json_t *args, struct buf *out)
{
	int rc;

	/* SQLite's scalar min and max take two and more */
	if (json_array_size(args) == 1 && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0 || strcmp(name, "coalesce") == 0))
		return sql_print(c, s, json_array_get(args, 0), out);
	TRY(buf_fmt(out, "%s(", name));
	TRY(print_list(c, s, args, ", ", out));
	TRY(buf_str(out, ")"));
out:
	return rc;
}

int sql_print(struct sql_compiler *c, const struct sql_scope *s, const json_t *n, struct buf *out)
{
	const json_t *body;
	const char *kind = sql_node(n, &body);
	unsigned r, i;
	int rc;

	if (strcmp(kind, "ColumnRef") == 0) {
		rc = resolve(c, s, body, &r, &i);
		return rc ? rc : s->r[r].base ? print_quoted(out, s->r[r].column[i], '"') : buf_fmt(out, "c%u", i);
	}
	if (strcmp(kind, "A_Const") == 0)
		return print_constant(c, body, out);
	if (strcmp(kind, "A_Expr") == 0)
		return print_operator(c, s, n, body, out);
	if (strcmp(kind, "BoolExpr") == 0)
		return print_bool(c, s, body, out);
	if (strcmp(kind, "List") == 0)
		return print_list(c, s, json_object_get(body, "items"), ", ", out);
	if (strcmp(kind, "NullTest") == 0) {
		rc = buf_str(out, "(");
		if (!rc)
			rc = sql_print(c, s, json_object_get(body, "arg"), out);
		return rc ? rc : buf_str(out, strcmp(json_string_value(json_object_get(body, "nulltesttype")), "IS_NULL") == 0 ? " IS NULL)" : " IS NOT NULL)");
	}
	if (strcmp(kind, "CoalesceExpr") == 0)
		return print_call(c, s, "coalesce", json_object_get(body, "args"), out);
	if (strcmp(kind, "MinMaxExpr") == 0)
		return print_call(c, s, strcmp(json_string_value(json_object_get(body, "op")), "IS_LEAST") == 0 ? "min" : "max", json_object_get(body, "args"), out);
	if (strcmp(kind, "FuncCall") == 0 && function_of(body) >= 0)
		return print_call(c, s, functions[function_of(body)].sqlite, json_object_get(body, "args"), out);
	return sql_fail(c, sql_place(body), "%s is not supported in expressions", kind);
}
