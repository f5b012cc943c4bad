/* From text to plan: who owns which expression, and what is left for both. */
#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sql/merge/deparse.h"
#include "sql/merge/merge.h"

#define COLUMNS_MAX 64

/* What a FROM item offers. */
struct rel {
	const char *alias;
	int party;
	unsigned n;
	const char *name[COLUMNS_MAX];
	enum msql_type type[COLUMNS_MAX];
};

struct comp {
	struct msql_text t;
	struct msql_plan *p;
	struct rel rel[2];	/* by party */
};

struct product {
	struct buf f[2];	/* empty: 1 */
};

struct sum {
	struct product t[SQL_TERMS_MAX];
	unsigned n;
};

static const char *kind_of(const json_t *node)
{
	return json_object_iter_key(json_object_iter((json_t *)(uintptr_t)node));
}

/* --- columns ------------------------------------------------------------------ */

static int no_column(struct comp *c, const json_t *n, const char *name, const struct rel *rel, unsigned rels)
{
	const char *best = NULL;
	unsigned least = ~0u;

	for (unsigned r = 0; r < rels; r++)
		for (unsigned i = 0; i < rel[r].n; i++) {
			unsigned d = util_distance(name, rel[r].name[i]);

			if (d < least)
				least = d, best = rel[r].name[i];
		}
	return msql_error(&c->t, msql_place(n), "SQL_UNKNOWN_COLUMN", best ? "there is no column %s; the nearest is %s" : "there is no column %s", name, best);
}

/* The relation and column that a ColumnRef names. */
static int resolve(struct comp *c, const json_t *n, const struct rel *rel, unsigned rels, unsigned *at, unsigned *col)
{
	const json_t *fields = json_object_get(n, "fields");
	const char *name = msql_name(fields), *table = NULL;
	unsigned found = 0;

	if (!name)
		return msql_error(&c->t, msql_place(n), "SQL_UNSUPPORTED", "* is not supported here: name the columns");
	if (json_array_size(fields) > 2)
		return msql_error(&c->t, msql_place(n), "SQL_UNSUPPORTED", "names of more than two parts are not supported");
	if (json_array_size(fields) == 2)
		table = json_string_value(json_object_get(json_object_get(json_array_get(fields, 0), "String"), "sval"));
	for (unsigned r = 0; r < rels; r++)
		for (unsigned i = 0; i < rel[r].n; i++)
			if ((!table || strcmp(table, rel[r].alias) == 0) && strcmp(name, rel[r].name[i]) == 0) {
				*at = r;
				*col = i;
				found++;
			}
	if (found > 1)
		return msql_error(&c->t, msql_place(n), "SQL_AMBIGUOUS", "the column %s is ambiguous: put the table's name before it", name);
	return found ? 0 : no_column(c, n, name, rel, rels);
}

static int type_of(struct comp *c, const json_t *node, const struct rel *rel, unsigned rels, enum msql_type *type);

static int call_type(struct comp *c, const json_t *n, const struct rel *rel, unsigned rels, enum msql_type *type)
{
	const char *name = msql_name(json_object_get(n, "funcname"));
	const json_t *args = json_object_get(n, "args");

	if (strcmp(name, "count") == 0 || strcmp(name, "length") == 0) {
		*type = SQL_INT;
		return 0;
	}
	return type_of(c, json_array_get(args, 0), rel, rels, type);
}

/* SQL_DOUBLE wins over SQL_INT; tests are SQL_BOOLEAN. */
static int type_of(struct comp *c, const json_t *node, const struct rel *rel, unsigned rels, enum msql_type *type)
{
	const char *kind = kind_of(node);
	const json_t *n = kind ? json_object_get(node, kind) : NULL;
	enum msql_type a = SQL_INT, b = SQL_INT;
	unsigned r, i;
	int rc = 0;

	*type = SQL_INT;
	if (!kind)
		return 0;
	if (strcmp(kind, "ColumnRef") == 0) {
		TRY(resolve(c, n, rel, rels, &r, &i));
		*type = rel[r].type[i];
	} else if (strcmp(kind, "A_Const") == 0) {
		*type = json_object_get(n, "fval") ? SQL_DOUBLE : json_object_get(n, "sval") ? SQL_CHAR : json_object_get(n, "boolval") ? SQL_BOOLEAN : SQL_INT;
	} else if (strcmp(kind, "A_Expr") == 0) {
		const char *op = msql_name(json_object_get(n, "name"));

		if (strcmp(json_string_value(json_object_get(n, "kind")), "AEXPR_OP") != 0 || !strchr("+-*/%", op[0]) || op[1]) {
			*type = SQL_BOOLEAN;
			return 0;
		}
		if (json_object_get(n, "lexpr"))
			TRY(type_of(c, json_object_get(n, "lexpr"), rel, rels, &a));
		TRY(type_of(c, json_object_get(n, "rexpr"), rel, rels, &b));
		if (a == SQL_CHAR || b == SQL_CHAR)
			return msql_error(&c->t, msql_place(n), "SQL_TYPE", "%s needs numbers, and an operand is CHAR", op);
		*type = a == SQL_DOUBLE || b == SQL_DOUBLE ? SQL_DOUBLE : SQL_INT;
	} else if (strcmp(kind, "BoolExpr") == 0 || strcmp(kind, "NullTest") == 0) {
		*type = SQL_BOOLEAN;
	} else if (strcmp(kind, "FuncCall") == 0) {
		rc = call_type(c, n, rel, rels, type);
	} else if (strcmp(kind, "CoalesceExpr") == 0 || strcmp(kind, "CaseExpr") == 0) {
		const json_t *v, *all = json_object_get(n, "args");
		size_t k;

		json_array_foreach(all, k, v) {
			const json_t *w = json_object_get(v, "CaseWhen");

			TRY(type_of(c, w ? json_object_get(w, "result") : v, rel, rels, &b));
			a = k == 0 || b == SQL_DOUBLE ? b : a;
		}
		if (json_object_get(n, "defresult")) {
			TRY(type_of(c, json_object_get(n, "defresult"), rel, rels, &b));
			a = b == SQL_DOUBLE ? b : a;
		}
		*type = a;
	} else {
		rc = msql_error(&c->t, msql_place(node), "SQL_UNSUPPORTED", "%s is not supported", kind);
	}
out:
	return rc;
}

static int add_rel_column(struct comp *c, struct rel *r, const char *name, enum msql_type type, long at)
{
	if (r->n == COLUMNS_MAX)
		return msql_error(&c->t, at, "SQL_TOO_LARGE", "more than %d columns", COLUMNS_MAX);
	r->name[r->n] = name;
	r->type[r->n++] = type;
	return 0;
}

static int table_rel(struct comp *c, const json_t *v, struct rel *r)
{
	const char *name = json_string_value(json_object_get(v, "relname"));
	const json_t *schema = msql_schema(&c->t, name), *col;
	struct msql_side *side;
	size_t i;
	int rc;

	if (!schema)
		return msql_error(&c->t, msql_place(v), "SQL_UNKNOWN_TABLE", "there is no table %s in config.schemas", name);
	r->party = (int)json_integer_value(json_object_get(schema, "party"));
	r->alias = name;
	side = &c->p->side[r->party];
	if (side->tables == PET_ARRAY_SIZE(side->table))
		return msql_error(&c->t, msql_place(v), "SQL_TOO_LARGE", "too many tables");
	snprintf(side->table[side->tables++], sizeof(side->table[0]), "%s", name);
	json_array_foreach(json_object_get(schema, "columns"), i, col)
		TRY(add_rel_column(c, r, json_string_value(json_object_get(col, "name")),
				   (enum msql_type)json_integer_value(json_object_get(col, "type")), msql_place(v)));
	rc = 0;
out:
	return rc;
}

static int rel_make(struct comp *c, const json_t *node, struct rel *r);

static int sub_rel(struct comp *c, const json_t *s, struct rel *r)
{
	const json_t *sel = json_object_get(json_object_get(s, "subquery"), "SelectStmt"), *v;
	struct rel inner;
	size_t i;
	int rc;

	if (json_array_size(json_object_get(sel, "fromClause")) != 1)
		return msql_error(&c->t, msql_place(s), "SQL_UNSUPPORTED", "a subquery of other than one table is not supported");
	TRY(rel_make(c, json_array_get(json_object_get(sel, "fromClause"), 0), &inner));
	r->party = inner.party;
	json_array_foreach(json_object_get(sel, "targetList"), i, v) {
		const json_t *target = json_object_get(v, "ResTarget"), *val = json_object_get(target, "val");
		const char *name = json_string_value(json_object_get(target, "name"));
		enum msql_type type;

		if (!name)
			name = msql_name(json_object_get(json_object_get(val, "ColumnRef"), "fields"));
		if (!name)
			return msql_error(&c->t, msql_place(v), "SQL_UNSUPPORTED", "an expression of a subquery needs a name: add AS");
		TRY(type_of(c, val, &inner, 1, &type));
		TRY(add_rel_column(c, r, name, type, msql_place(v)));
	}
	rc = 0;
out:
	return rc;
}

static int rel_make(struct comp *c, const json_t *node, struct rel *r)
{
	const json_t *v = json_object_get(node, "RangeVar"), *s = json_object_get(node, "RangeSubselect"), *alias;
	int rc;

	memset(r, 0, sizeof(*r));
	if (!v && !s)
		return msql_error(&c->t, msql_place(node), "SQL_UNSUPPORTED", "%s is not supported in FROM: expected a join of one table or subquery of each party",
				 kind_of(node));
	TRY(v ? table_rel(c, v, r) : sub_rel(c, s, r));
	alias = json_object_get(v ? v : s, "alias");
	if (alias)
		r->alias = json_string_value(json_object_get(alias, "aliasname"));
	if (!r->alias)
		rc = msql_error(&c->t, msql_place(node), "SQL_UNSUPPORTED", "a subquery in FROM needs a name");
out:
	return rc;
}

/* Sets bit p when a column of party p occurs. */
static int owners(struct comp *c, const json_t *node, unsigned *mask)
{
	const json_t *ref = json_object_get(node, "ColumnRef"), *call = json_object_get(node, "FuncCall"), *v;
	const char *key, *fn = call ? msql_name(json_object_get(call, "funcname")) : "";
	unsigned r, i;
	size_t k;
	int rc = 0;

	if (strcmp(fn, "sum") == 0 || strcmp(fn, "count") == 0 || strcmp(fn, "min") == 0 || strcmp(fn, "max") == 0)	/* SQLite would take it over all rows */
		return msql_error(&c->t, msql_place(call), "SQL_UNSUPPORTED", "%s inside an expression is not supported", fn);

	if (ref) {
		TRY(resolve(c, ref, c->rel, 2, &r, &i));
		*mask |= 1u << r;
		return 0;
	}
	json_object_foreach((json_t *)(uintptr_t)node, key, v)
		TRY(owners(c, v, mask));
	json_array_foreach(node, k, v)
		TRY(owners(c, v, mask));
out:
	return rc;
}

/* --- sums of products ----------------------------------------------------------- */

static void sum_free(struct sum *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		buf_free(&s->t[i].f[0]);
		buf_free(&s->t[i].f[1]);
	}
	s->n = 0;
}

static int times(struct buf *out, const struct buf *a, const struct buf *b)
{
	if (!a->len && !b->len)
		return 0;
	if (!a->len || !b->len)
		return buf_str(out, a->len ? a->data : b->data);
	return buf_fmt(out, "(%s * %s)", a->data, b->data);
}

static int product(struct comp *c, struct sum *out, const struct sum *a, const struct sum *b, long at)
{
	int rc = 0;

	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; j < b->n; j++) {
			if (out->n == SQL_TERMS_MAX)
				return msql_error(&c->t, at, "SQL_TOO_LARGE", "the product has more than %d terms", SQL_TERMS_MAX);
			out->n++;
			TRY(times(&out->t[out->n - 1].f[0], &a->t[i].f[0], &b->t[j].f[0]));
			TRY(times(&out->t[out->n - 1].f[1], &a->t[i].f[1], &b->t[j].f[1]));
		}
out:
	return rc;
}

/* Moves b's terms to out, with another sign. */
static int append(struct comp *c, struct sum *out, struct sum *b, int negative, long at)
{
	int rc = 0;

	for (unsigned i = 0; i < b->n; i++) {
		struct buf *f;

		if (out->n == SQL_TERMS_MAX)
			return msql_error(&c->t, at, "SQL_TOO_LARGE", "the sum has more than %d terms", SQL_TERMS_MAX);
		out->t[out->n++] = b->t[i];
		memset(&b->t[i], 0, sizeof(b->t[i]));
		f = out->t[out->n - 1].f;
		f = f[0].len ? f : f + 1;
		if (negative) {
			struct buf minus = { 0 };

			TRY(buf_fmt(&minus, "(-%s)", f->len ? f->data : "1"));
			buf_free(f);
			*f = minus;
		}
	}
out:
	return rc;
}

static int inverse(struct comp *c, const json_t *n, struct sum *out)
{
	const json_t *l = json_object_get(n, "lexpr"), *r = json_object_get(n, "rexpr");
	enum msql_type a, b;
	unsigned mask = 0;
	struct buf text = { 0 };
	int rc;

	TRY(owners(c, r, &mask));
	TRY(type_of(c, l, c->rel, 2, &a));
	TRY(type_of(c, r, c->rel, 2, &b));
	if (mask == 3)
		return msql_error(&c->t, msql_place(n), "SQL_UNSUPPORTED", "a divisor of columns of both parties is not supported");
	if (a != SQL_DOUBLE && b != SQL_DOUBLE)
		return msql_error(&c->t, msql_place(n), "SQL_UNSUPPORTED", "a quotient of INTs of both parties is not supported: make one of them DOUBLE (1.0 * …)");
	TRY(msql_deparse(&c->t, r, &text));
	out->n = 1;
	rc = buf_fmt(&out->t[0].f[mask == 1 ? 0 : 1], "(1.0 / %s)", text.data);
out:
	buf_free(&text);
	return rc;
}

static int expand(struct comp *c, const json_t *node, struct sum *out)
{
	const json_t *n = json_object_get(node, "A_Expr"), *l = json_object_get(n, "lexpr"), *r = json_object_get(n, "rexpr");
	const char *op = n ? msql_name(json_object_get(n, "name")) : "";
	struct sum *a = calloc(2, sizeof(*a)), *b = a ? a + 1 : NULL;
	unsigned mask = 0;
	int rc = ERR_NOMEM;

	if (!a)
		return rc;
	TRY(owners(c, node, &mask));
	if (mask != 3) {
		out->n = 1;
		TRY(msql_deparse(&c->t, node, &out->t[0].f[mask == 1 ? 0 : mask == 2 ? 1 : c->p->group]));
		goto out;
	}
	if (!n || op[1] || !strchr("+-*/", op[0])) {
		rc = msql_error(&c->t, msql_place(node), "SQL_UNSUPPORTED", "over columns of both parties only + - * / are supported, not %s", n ? op : kind_of(node));
		goto out;
	}
	if (l)
		TRY(expand(c, l, a));
	TRY(op[0] == '/' ? inverse(c, n, b) : expand(c, r, b));
	if (op[0] == '+' || op[0] == '-') {
		TRY(append(c, out, a, 0, msql_place(n)));
		TRY(append(c, out, b, op[0] == '-', msql_place(n)));
	} else {
		TRY(product(c, out, a, b, msql_place(n)));
	}
out:
	sum_free(a);
	sum_free(b);
	free(a);
	return rc;
}

static int add_column(struct comp *c, int party, const char *text, enum msql_type type, int *index)
{
	struct msql_side *s = &c->p->side[party];

	if (s->n == PET_ARRAY_SIZE(s->type))
		return msql_error(&c->t, -1, "SQL_TOO_LARGE", "the query needs more than %zu columns of one party", PET_ARRAY_SIZE(s->type));
	s->type[s->n] = type;
	*index = (int)s->n++;
	return buf_fmt(&s->columns, "%s%s", *index ? ", " : "", text);
}

/* The factors as columns: 0 where any factor of the same party in the same aggregate is NULL, which a column of its own says. */
static int add_terms(struct comp *c, struct msql_item *it, const struct sum *s)
{
	struct buf null[2] = { { 0 } }, text = { 0 };
	int rc = 0;

	for (unsigned i = 0; i < s->n; i++)
		for (int p = 0; p < 2; p++)
			if (s->t[i].f[p].len)
				TRY(buf_fmt(&null[p], "%s(%s) IS NOT NULL", null[p].len ? " AND " : "", s->t[i].f[p].data));
	for (int p = 0; p < 2; p++) {
		it->notnull[p] = -1;
		if (null[p].len)
			TRY(add_column(c, p, null[p].data, SQL_BOOLEAN, &it->notnull[p]));
	}
	if (it->kind == SQL_COUNT)
		goto out;
	for (unsigned i = 0; i < s->n; i++, it->terms++)
		for (int p = 0; p < 2; p++) {
			it->term[i].column[p] = -1;
			if (!s->t[i].f[p].len)
				continue;
			buf_clear(&text);
			TRY(buf_fmt(&text, "CASE WHEN %s THEN %s ELSE 0 END", null[p].data, s->t[i].f[p].data));
			TRY(add_column(c, p, text.data, it->type, &it->term[i].column[p]));
		}
out:
	buf_free(&null[0]);
	buf_free(&null[1]);
	buf_free(&text);
	return rc;
}

static int aggregate(struct comp *c, const json_t *n, struct msql_item *it)
{
	const char *name = msql_name(json_object_get(n, "funcname"));
	const json_t *arg = json_array_get(json_object_get(n, "args"), 0);
	struct sum *s;
	int rc;

	if (strcmp(name, "sum") != 0 && strcmp(name, "count") != 0)
		return msql_error(&c->t, msql_place(n), "SQL_UNSUPPORTED", "%s over a join of both parties is not supported: expected sum or count", name);
	if (json_object_get(n, "agg_distinct") || json_object_get(n, "agg_filter") || json_object_get(n, "over"))
		return msql_error(&c->t, msql_place(n), "SQL_UNSUPPORTED", "DISTINCT, FILTER and OVER in %s are not supported", name);
	it->kind = name[0] == 's' ? SQL_SUM : SQL_COUNT;
	it->notnull[0] = it->notnull[1] = -1;
	it->type = SQL_INT;
	if (!arg)
		return 0;
	TRY(type_of(c, arg, c->rel, 2, &it->type));
	if (it->kind == SQL_SUM && it->type != SQL_INT && it->type != SQL_DOUBLE)
		return msql_error(&c->t, msql_place(arg), "SQL_TYPE", "sum needs a number");
	s = calloc(1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	rc = expand(c, arg, s);
	if (rc == 0)
		rc = add_terms(c, it, s);
	sum_free(s);
	free(s);
	it->scale = it->type == SQL_DOUBLE && it->kind == SQL_SUM ? 2 * SQL_DOUBLE_SCALE : 0;
	if (it->kind == SQL_COUNT)
		it->type = SQL_INT;
out:
	return rc;
}

/* --- clauses --------------------------------------------------------------------- */

static int join_key(struct comp *c, const json_t *l, const json_t *r)
{
	const json_t *side[2];
	struct buf text = { 0 };
	unsigned a = 0, b = 0;
	int rc, index;

	TRY(owners(c, l, &a));
	TRY(owners(c, r, &b));
	side[a == 1 ? 0 : 1] = l;
	side[a == 1 ? 1 : 0] = r;
	for (int p = 0; p < 2; p++) {
		enum msql_type type;

		TRY(type_of(c, side[p], c->rel, 2, &type));
		if (type != SQL_INT && type != SQL_BOOLEAN) {
			rc = msql_error(&c->t, msql_place(side[p]), "SQL_UNSUPPORTED", "a join key of type %s is not supported: expected INT or BOOLEAN",
				       type == SQL_CHAR ? "CHAR" : "DOUBLE");
			goto out;
		}
		if (c->p->side[p].n) {
			rc = msql_error(&c->t, msql_place(l), "SQL_UNSUPPORTED", "a join by more than one key is not supported");
			goto out;
		}
		buf_clear(&text);
		TRY(msql_deparse(&c->t, side[p], &text));
		TRY(add_column(c, p, text.data, SQL_INT, &index));
	}
out:
	buf_free(&text);
	return rc;
}

static int condition(struct comp *c, const json_t *node)
{
	const json_t *and = json_object_get(node, "BoolExpr"), *e = json_object_get(node, "A_Expr"), *v;
	unsigned mask = 0, l = 0, r = 0;
	struct buf *where;
	size_t i;
	int rc = 0;

	if (and && strcmp(json_string_value(json_object_get(and, "boolop")), "AND_EXPR") == 0) {
		json_array_foreach(json_object_get(and, "args"), i, v)
			TRY(condition(c, v));
		return 0;
	}
	TRY(owners(c, node, &mask));
	if (mask == 3) {
		TRY(owners(c, json_object_get(e, "lexpr"), &l));
		TRY(owners(c, json_object_get(e, "rexpr"), &r));
		if (!e || strcmp(msql_name(json_object_get(e, "name")), "=") != 0 || l == 3 || r == 3 || l == r)
			return msql_error(&c->t, msql_place(node), "SQL_UNSUPPORTED",
					 "a condition on columns of both parties is not supported: expected key = key");
		return join_key(c, json_object_get(e, "lexpr"), json_object_get(e, "rexpr"));
	}
	where = &c->p->side[mask == 1 ? 0 : 1].where;
	TRY(buf_str(where, where->len ? " AND " : " WHERE "));
	rc = msql_deparse(&c->t, node, where);
out:
	return rc;
}

static int from(struct comp *c, const json_t *list)
{
	const json_t *join = json_object_get(json_array_get(list, 0), "JoinExpr"), *node[2];
	struct rel rel[2];
	int rc = ERR_INPUT;

	if (join && json_array_size(list) == 1) {
		node[0] = json_object_get(join, "larg");
		node[1] = json_object_get(join, "rarg");
	} else if (!join && json_array_size(list) == 2) {
		node[0] = json_array_get(list, 0);
		node[1] = json_array_get(list, 1);
	} else {
		return msql_error(&c->t, msql_place(list), "SQL_UNSUPPORTED", "FROM: expected a join of one table or subquery of each party");
	}
	if (join && (strcmp(json_string_value(json_object_get(join, "jointype")), "JOIN_INNER") != 0 || json_object_get(join, "usingClause") ||
		     json_object_get(join, "isNatural")))
		return msql_error(&c->t, msql_place(join), "SQL_UNSUPPORTED", "only INNER JOIN … ON is supported");
	for (int i = 0; i < 2; i++)
		TRY(rel_make(c, node[i], &rel[i]));
	if (rel[0].party == rel[1].party)
		return msql_error(&c->t, msql_place(list), "SQL_UNSUPPORTED", "a join within one party is not supported: both relations are of party %d", rel[0].party);
	for (int i = 0; i < 2; i++) {
		c->rel[rel[i].party] = rel[i];
		TRY(msql_deparse(&c->t, node[i], &c->p->side[rel[i].party].from));
	}
	if (join)
		rc = condition(c, json_object_get(join, "quals"));
out:
	return rc;
}

static int group_by(struct comp *c, const json_t *list)
{
	unsigned mask = 0;
	int rc;

	TRY(owners(c, list, &mask));
	if (mask == 3)
		return msql_error(&c->t, msql_place(list), "SQL_UNSUPPORTED", "GROUP BY columns of both parties is not supported: expected columns of one party");
	c->p->group = mask == 1 ? 0 : 1;
out:
	return rc;
}

/* A target that is no aggregate is one of GROUP BY's expressions. */
static int key(struct comp *c, const json_t *val, const json_t *groups, struct msql_item *it)
{
	struct buf text = { 0 }, other = { 0 };
	const json_t *v;
	size_t i;
	int rc, found = 0;

	TRY(msql_deparse(&c->t, val, &text));
	json_array_foreach(groups, i, v) {
		buf_clear(&other);
		TRY(msql_deparse(&c->t, v, &other));
		found |= strcmp(text.data, other.data) == 0;
	}
	rc = found ? 0 : msql_error(&c->t, msql_place(val), "SQL_UNGROUPED", "%s must stand in GROUP BY or in an aggregate", text.data);
	if (rc == 0)
		rc = type_of(c, val, c->rel, 2, &it->type);
	if (rc == 0 && it->type == SQL_CHAR)
		rc = msql_error(&c->t, msql_place(val), "SQL_UNSUPPORTED", "a result of type CHAR is not supported: expected numbers");
	it->kind = SQL_KEY;
	if (rc == 0)
		rc = add_column(c, c->p->group, text.data, it->type == SQL_DOUBLE ? SQL_IEEE : SQL_INT, &it->column);
out:
	buf_free(&text);
	buf_free(&other);
	return rc;
}

/* Groups go by every expression of GROUP BY, also by those that are not in the result: they are the columns 1 … keys. */
static int group_columns(struct comp *c, const json_t *groups)
{
	struct buf text = { 0 };
	const json_t *v;
	size_t i;
	int rc = 0, index;

	json_array_foreach(groups, i, v) {
		enum msql_type type;

		buf_clear(&text);
		TRY(type_of(c, v, c->rel, 2, &type));
		if (json_object_get(v, "A_Const") || type == SQL_CHAR) {
			rc = msql_error(&c->t, msql_place(v), "SQL_UNSUPPORTED", "GROUP BY a %s is not supported", type == SQL_CHAR ? "CHAR" : "constant");
			goto out;
		}
		TRY(msql_deparse(&c->t, v, &text));
		TRY(add_column(c, c->p->group, text.data, type == SQL_DOUBLE ? SQL_IEEE : SQL_INT, &index));
		c->p->keys++;
	}
out:
	buf_free(&text);
	return rc;
}

static int targets(struct comp *c, const json_t *list, const json_t *groups)
{
	const json_t *v;
	size_t i;
	int rc = 0;

	json_array_foreach(list, i, v) {
		const json_t *target = json_object_get(v, "ResTarget"), *val = json_object_get(target, "val"), *call = json_object_get(val, "FuncCall");
		const char *name = json_string_value(json_object_get(target, "name")), *fn = call ? msql_name(json_object_get(call, "funcname")) : "";
		struct msql_item *it = &c->p->item[c->p->items];

		if (c->p->items == SQL_ITEMS_MAX)
			return msql_error(&c->t, msql_place(v), "SQL_TOO_LARGE", "more than %d result columns", SQL_ITEMS_MAX);
		c->p->items++;
		if (!name)
			name = call ? fn : msql_name(json_object_get(json_object_get(val, "ColumnRef"), "fields"));
		snprintf(it->name, sizeof(it->name), "%s", name ? name : "?column?");
		if (call && strcmp(fn, "abs") != 0 && strcmp(fn, "round") != 0)
			TRY(aggregate(c, call, it));
		else
			TRY(key(c, val, groups, it));
	}
out:
	return rc;
}

static const struct {
	const char *json, *sql;
} refused[] = {
	{ "distinctClause", "DISTINCT" }, { "havingClause", "HAVING" }, { "sortClause", "ORDER BY" }, { "limitCount", "LIMIT" },
	{ "limitOffset", "OFFSET" }, { "withClause", "WITH" }, { "windowClause", "WINDOW" }, { "intoClause", "INTO" },
	{ "lockingClause", "FOR UPDATE" }, { "valuesLists", "VALUES" },
};

static int statement(struct comp *c, const json_t *tree)
{
	const json_t *stmts = json_object_get(tree, "stmts"), *n, *v;
	const json_t *sel = json_object_get(json_object_get(json_array_get(stmts, 0), "stmt"), "SelectStmt");
	int rc;

	if (json_array_size(stmts) != 1 || !sel)
		return msql_error(&c->t, -1, "SQL_UNSUPPORTED", "expected one SELECT");
	if (strcmp(json_string_value(json_object_get(sel, "op")), "SETOP_NONE") != 0)
		return msql_error(&c->t, -1, "SQL_UNSUPPORTED", "UNION, INTERSECT and EXCEPT are not supported");
	for (size_t i = 0; i < PET_ARRAY_SIZE(refused); i++)
		if ((v = json_object_get(sel, refused[i].json)))
			return msql_error(&c->t, msql_place(v), "SQL_UNSUPPORTED", "%s is not supported", refused[i].sql);
	TRY(from(c, json_object_get(sel, "fromClause")));
	if ((n = json_object_get(sel, "whereClause")))
		TRY(condition(c, n));
	if (!c->p->side[0].n)
		return msql_error(&c->t, msql_place(sel), "SQL_UNSUPPORTED", "a join without key = key is not supported");
	TRY(group_by(c, json_object_get(sel, "groupClause")));
	TRY(group_columns(c, json_object_get(sel, "groupClause")));
	rc = targets(c, json_object_get(sel, "targetList"), json_object_get(sel, "groupClause"));
out:
	return rc;
}

int msql_compile(struct msql_plan *p, const char *text, const json_t *schemas, struct errmsg *em)
{
	struct comp c = { .t = { .text = text, .schemas = schemas, .em = em }, .p = p };
	PgQueryParseResult r = pg_query_parse(text);
	json_t *tree = NULL;
	int rc;

	memset(p, 0, sizeof(*p));
	if (r.error) {
		rc = msql_error(&c.t, r.error->cursorpos - 1, "SQL_SYNTAX", "%s", r.error->message);
	} else {
		tree = json_loads(r.parse_tree, 0, NULL);
		rc = tree ? statement(&c, tree) : ERR_NOMEM;
	}
	json_decref(tree);
	pg_query_free_parse_result(r);
	for (int i = 0; i < 2 && rc == 0; i++) {
		struct msql_side *s = &p->side[i];
		size_t need = s->columns.len + s->from.len + s->where.len + 16;

		if (need > sizeof(s->query))
			return errmsg_set(em, ERR_INPUT, "SQL_TOO_LARGE", "params.sql: one party's part is longer than %zu bytes", sizeof(s->query));
		snprintf(s->query, sizeof(s->query), "SELECT %s FROM %s%s", s->columns.data, s->from.data, s->where.data ? s->where.data : "");
	}
	return rc;
}

void msql_plan_free(struct msql_plan *p)
{
	for (int i = 0; i < 2; i++) {
		buf_free(&p->side[i].columns);
		buf_free(&p->side[i].from);
		buf_free(&p->side[i].where);
	}
}
