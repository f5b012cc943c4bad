/* A text of SQL and the declared tables become a plan. Both parties compile the same text to the same plan. */
#include <pg_query.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sql/sql.h"

/* --- tables ------------------------------------------------------------------------ */

static int bad_config(struct errmsg *em, const char *where, const char *what)
{
	return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "params.config.%s: %s", where, what);
}

static int read_columns(struct sql_table *t, const json_t *columns, struct errmsg *em)
{
	size_t i;
	json_t *one;

	if (!json_is_array(columns) || json_array_size(columns) == 0 || json_array_size(columns) > SQL_COLUMNS_MAX)
		return bad_config(em, "schemas", "expected a list of 1 to 256 columns in each");
	json_array_foreach((json_t *)columns, i, one) {
		const json_t *type = json_object_get(one, "type"), *party = json_object_get(one, "party");

		t->column[i] = json_string_value(json_object_get(one, "name"));
		if (!t->column[i] || !json_is_integer(type) || json_integer_value(type) < SQL_CHAR || json_integer_value(type) > SQL_DOUBLE)
			return bad_config(em, "schemas", "a column needs a name and a type: 0 CHAR, 1 BOOLEAN, 2 INT, 3 DOUBLE");
		if (party && json_integer_value(party) != t->party)
			return bad_config(em, "schemas", "a column has another party than its table");
		t->type[i] = (enum sql_type)json_integer_value(type);
		t->columns++;
	}
	return 0;
}

int sql_schema(struct sql_schema *s, const json_t *config, struct errmsg *em)
{
	const json_t *schemas = json_object_get(config, "schemas"), *urls = json_object_get(config, "table_url"), *to = json_object_get(config, "reveal_to"), *one;
	size_t i;

	*s = (struct sql_schema){ .reveal_to = (int)json_integer_value(to) };
	if (!json_is_array(schemas) || json_array_size(schemas) == 0)
		return bad_config(em, "schemas", "expected a list of tables {name, party, columns}");
	if (to && (!json_is_integer(to) || s->reveal_to < 0 || s->reveal_to > 2))
		return bad_config(em, "reveal_to", "expected 0 (party_a), 1 (party_b) or 2 (both)");
	s->table = calloc(json_array_size(schemas), sizeof(*s->table));
	if (!s->table)
		return ERR_NOMEM;
	json_array_foreach((json_t *)schemas, i, one) {
		struct sql_table *t = &s->table[s->tables++];
		const json_t *party = json_object_get(one, "party");
		int rc;

		t->name = json_string_value(json_object_get(one, "name"));
		t->path = t->name ? json_string_value(json_object_get(urls, t->name)) : NULL;
		t->party = (int)json_integer_value(party);
		if (!t->name || !json_is_integer(party) || (t->party != 0 && t->party != 1))
			return bad_config(em, "schemas", "a table needs a name and a party, 0 or 1");
		if (!t->path)
			return bad_config(em, "table_url", "a table of the schemas has no path here");
		rc = read_columns(t, json_object_get(one, "columns"), em);
		if (rc)
			return rc;
	}
	return 0;
}

void sql_schema_free(struct sql_schema *s)
{
	free(s->table);
	*s = (struct sql_schema){ 0 };
}

/* --- relations ------------------------------------------------------------------------ */

struct compiling {
	struct sql_compiler c;
	const struct sql_schema *schema;
	struct sql_plan *p;
	struct sql_scope scope;
};

static char *text_of(struct buf *b)
{
	char *s = b->data ? b->data : strdup("");

	*b = (struct buf){ 0 };
	return s;
}

/* The clauses of a SELECT that are known, with those of the outer one. */
static int only_known(struct sql_compiler *c, const json_t *select, int outer)
{
	static const char *const known[] = { "targetList", "fromClause", "whereClause", "limitOption", "op", "groupClause" };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)select, key, value) {
		int ok = 0;

		for (size_t i = 0; i < PET_ARRAY_SIZE(known) - !outer; i++)
			ok |= strcmp(key, known[i]) == 0;
		if (strcmp(key, "op") == 0 && strcmp(json_string_value(value), "SETOP_NONE") != 0)
			return sql_fail(c, 0, "UNION, INTERSECT and EXCEPT are not supported yet");
		if (!ok)
			return sql_fail(c, 0, "%s is not supported yet%s", strcmp(key, "havingClause") == 0 ? "HAVING" : strcmp(key, "sortClause") == 0 ? "ORDER BY" :
					strcmp(key, "limitCount") == 0 ? "LIMIT" : strcmp(key, "distinctClause") == 0 ? "DISTINCT" : strcmp(key, "withClause") == 0 ? "WITH" : key,
					outer ? "" : " in a subquery");
	}
	return 0;
}

static const struct sql_table *find_table(struct compiling *k, const json_t *range, int *rc)
{
	const char *name = json_string_value(json_object_get(range, "relname")), *best = NULL;
	unsigned least = 4;

	*rc = 0;
	for (unsigned i = 0; name && i < k->schema->tables; i++) {
		unsigned d = util_distance(name, k->schema->table[i].name);

		if (d == 0)
			return &k->schema->table[i];
		if (d < least) {
			least = d;
			best = k->schema->table[i].name;
		}
	}
	*rc = sql_fail(&k->c, sql_place(range), "there is no table %s in the schemas%s%s", name ? name : "", best ? ": did you mean " : "", best ? best : "");
	return NULL;
}

static const char *alias_of(const json_t *body, const char *otherwise)
{
	const char *a = json_string_value(json_object_get(json_object_get(body, "alias"), "aliasname"));

	return a ? a : otherwise;
}

/* The columns of a table as they are. */
static int whole_table(struct compiling *k, const struct sql_table *t, struct buf *out)
{
	unsigned r = k->scope.relations;
	int rc = buf_str(out, "SELECT ");

	for (unsigned i = 0; i < t->columns && !rc; i++) {
		rc = buf_fmt(out, "%s\"%s\" AS c%u", i ? ", " : "", t->column[i], i);
		k->scope.r[r].column[i] = t->column[i];
		k->scope.r[r].type[i] = t->type[i];
	}
	k->scope.r[r].columns = t->columns;
	return rc ? rc : buf_str(out, " FROM t");
}

static int subquery_items(struct compiling *k, const struct sql_scope *inner, const json_t *targets, struct buf *out)
{
	unsigned r = k->scope.relations;
	size_t i;
	json_t *n;
	int rc = 0;

	if (json_array_size(targets) > SQL_COLUMNS_MAX)
		return sql_fail(&k->c, 0, "a subquery has more than %u columns", SQL_COLUMNS_MAX);
	json_array_foreach((json_t *)targets, i, n) {
		const json_t *target = json_object_get(n, "ResTarget"), *val = json_object_get(target, "val"), *column = json_object_get(val, "ColumnRef"),
			     *fields = json_object_get(column, "fields");
		const char *name = json_string_value(json_object_get(target, "name"));
		struct sql_value v;

		if (!name && column)
			name = json_string_value(json_object_get(json_object_get(json_array_get(fields, json_array_size(fields) - 1), "String"), "sval"));
		if (!name)
			return sql_fail(&k->c, sql_place(target), "a column of a subquery needs a name: write AS");
		TRY(sql_analyse(&k->c, inner, val, &v));
		TRY(buf_str(out, i ? ", " : ""));
		TRY(sql_print(&k->c, inner, val, out));
		TRY(buf_fmt(out, " AS c%zu", i));
		k->scope.r[r].column[i] = name;
		k->scope.r[r].type[i] = v.type;
	}
	k->scope.r[r].columns = (unsigned)json_array_size(targets);
out:
	return rc;
}

/* SELECT … FROM one table [WHERE …]. */
static int subquery(struct compiling *k, const json_t *select, const struct sql_table **table, struct buf *out)
{
	const json_t *from = json_object_get(select, "fromClause"), *range = json_object_get(json_array_get(from, 0), "RangeVar"), *where = json_object_get(select, "whereClause");
	struct sql_scope inner = { .relations = 1 };
	struct sql_value v;
	int rc;

	TRY(only_known(&k->c, select, 0));
	if (json_array_size(from) != 1 || !range)
		return sql_fail(&k->c, 0, "a subquery selects from one table");
	*table = find_table(k, range, &rc);
	if (!*table)
		goto out;
	inner.r[0].alias = alias_of(range, (*table)->name);
	inner.r[0].party = (*table)->party;
	inner.r[0].columns = (*table)->columns;
	inner.r[0].base = 1;
	memcpy(inner.r[0].column, (*table)->column, sizeof(inner.r[0].column));
	memcpy(inner.r[0].type, (*table)->type, sizeof(inner.r[0].type));
	TRY(buf_str(out, "SELECT "));
	TRY(subquery_items(k, &inner, json_object_get(select, "targetList"), out));
	TRY(buf_str(out, " FROM t"));
	if (where) {
		TRY(sql_analyse(&k->c, &inner, where, &v));
		TRY(buf_str(out, " WHERE "));
		TRY(sql_print(&k->c, &inner, where, out));
	}
out:
	return rc;
}

static int relation(struct compiling *k, const json_t *n)
{
	const json_t *body;
	const char *kind = sql_node(n, &body);
	const struct sql_table *t = NULL;
	struct buf out = { 0 };
	struct sql_side *side;
	int rc;

	if (k->scope.relations == 2)
		return sql_fail(&k->c, sql_place(body), "more than two tables are not supported yet");
	if (strcmp(kind, "RangeVar") == 0) {
		t = find_table(k, body, &rc);
		if (t)
			rc = whole_table(k, t, &out);
	} else if (strcmp(kind, "RangeSubselect") == 0) {
		rc = subquery(k, json_object_get(json_object_get(body, "subquery"), "SelectStmt"), &t, &out);
	} else {
		rc = sql_fail(&k->c, sql_place(body), "%s is not supported in FROM", kind);
	}
	if (rc)
		goto out;
	side = &k->p->side[t->party];
	if (side->table) {
		rc = sql_fail(&k->c, sql_place(body), "both tables are of one party: expected one of each");
		goto out;
	}
	side->table = t;
	side->relation = text_of(&out);
	k->scope.r[k->scope.relations].alias = alias_of(body, t->name);
	k->scope.r[k->scope.relations].party = t->party;
	k->scope.relations++;
	rc = side->relation ? 0 : ERR_NOMEM;
out:
	buf_free(&out);
	return rc;
}

/* --- conditions -------------------------------------------------------------------------- */

static char *printed(struct compiling *k, const json_t *n, int *rc)
{
	struct buf b = { 0 };
	char *s;

	*rc = sql_print(&k->c, &k->scope, n, &b);
	s = *rc ? NULL : text_of(&b);
	buf_free(&b);
	if (!*rc && !s)
		*rc = ERR_NOMEM;
	return s;
}

/* A party's own condition. */
static int push_down(struct compiling *k, const json_t *n, int party)
{
	struct sql_side *s = &k->p->side[party];
	struct buf b = { 0 };
	int rc = 0;
	char *own = printed(k, n, &rc);

	if (rc)
		return rc;
	rc = s->where ? buf_fmt(&b, "%s AND %s", s->where, own) : buf_str(&b, own);
	free(own);
	if (rc == 0) {
		free(s->where);
		s->where = text_of(&b);
	}
	buf_free(&b);
	return rc;
}

static int one_key(struct compiling *k, const json_t *side[2], const struct sql_value v[2], long place)
{
	struct sql_plan *p = k->p;
	int rc = 0;

	if (p->keys == SQL_KEYS_MAX)
		return sql_fail(&k->c, place, "more than %u join keys", SQL_KEYS_MAX);
	if (v[0].type != v[1].type)
		return sql_fail(&k->c, place, "the two sides of a join key have different types");
	if (v[0].type == SQL_DOUBLE)
		return sql_fail(&k->c, place, "a DOUBLE is no join key: its text is not one");
	for (int i = 0; i < 2; i++) {
		int party = v[i].owners == 1 ? 0 : 1;

		p->side[party].key[p->keys] = printed(k, side[i], &rc);
		p->side[party].key_type[p->keys] = v[i].type;
		if (rc)
			return rc;
	}
	p->keys++;
	return 0;
}

/* AND of conditions: of one party, or an equation between an expression of each. */
static int conditions(struct compiling *k, const json_t *n)
{
	const json_t *body, *side[2] = { NULL, NULL };
	const char *kind = sql_node(n, &body), *op;
	struct sql_value v, w[2];
	size_t i;
	json_t *one;
	int rc = 0;

	if (strcmp(kind, "BoolExpr") == 0 && strcmp(json_string_value(json_object_get(body, "boolop")), "AND_EXPR") == 0) {
		json_array_foreach(json_object_get(body, "args"), i, one)
			TRY(conditions(k, one));
		goto out;
	}
	TRY(sql_analyse(&k->c, &k->scope, n, &v));
	if (v.owners != 3)
		return push_down(k, n, v.owners == 2 ? 1 : 0);
	op = sql_operator(n, &side[0], &side[1]);
	if (!op || strcmp(op, "=") != 0 || !side[0])
		return sql_fail(&k->c, sql_place(body), "a condition on columns of both parties is supported only as an equation between one of each");
	TRY(sql_analyse(&k->c, &k->scope, side[0], &w[0]));
	TRY(sql_analyse(&k->c, &k->scope, side[1], &w[1]));
	if (w[0].owners == 3 || w[1].owners == 3 || w[0].owners == w[1].owners)
		return sql_fail(&k->c, sql_place(body), "an equation between the parties needs one party's columns on each side");
	rc = one_key(k, side, w, sql_place(body));
out:
	return rc;
}

static int from_clause(struct compiling *k, const json_t *from)
{
	const json_t *join = json_object_get(json_array_get(from, 0), "JoinExpr");
	size_t i;
	json_t *n;
	int rc = 0;

	if (join) {
		if (strcmp(json_string_value(json_object_get(join, "jointype")), "JOIN_INNER") != 0)
			return sql_fail(&k->c, 0, "only inner joins are supported yet");
		if (json_object_get(join, "usingClause") || json_is_true(json_object_get(join, "isNatural")) || json_array_size(from) != 1)
			return sql_fail(&k->c, 0, "a join is written as a JOIN b ON a.x = b.y");
		TRY(relation(k, json_object_get(join, "larg")));
		TRY(relation(k, json_object_get(join, "rarg")));
		if (json_object_get(join, "quals"))
			TRY(conditions(k, json_object_get(join, "quals")));
		goto out;
	}
	json_array_foreach((json_t *)from, i, n)
		TRY(relation(k, n));
out:
	return rc;
}

/* --- aggregates ------------------------------------------------------------------------------ */

/* A product: one text per party, NULL for 1. */
struct term {
	char *text[2];
};

struct terms {
	struct term t[SQL_TERMS_MAX];
	unsigned n;
};

static void terms_free(struct terms *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		free(t->t[i].text[0]);
		free(t->t[i].text[1]);
	}
	t->n = 0;
}

/* a·b; NULL is 1. */
static char *product(const char *a, const char *b)
{
	struct buf out = { 0 };
	int rc = !a && !b ? 0 : !a ? buf_str(&out, b) : !b ? buf_str(&out, a) : buf_fmt(&out, "(%s)*(%s)", a, b);
	char *s = !a && !b ? NULL : rc ? NULL : text_of(&out);

	buf_free(&out);
	return s;
}

static char *quotient(const char *a, const char *b)
{
	struct buf out = { 0 };
	char *s = buf_fmt(&out, "(%s)/(1.0*(%s))", a ? a : "1.0", b) == 0 ? text_of(&out) : NULL;

	buf_free(&out);
	return s;
}

static int add_term(struct compiling *k, struct terms *t, char *a, char *b, long place)
{
	if (t->n == SQL_TERMS_MAX) {
		free(a);
		free(b);
		return sql_fail(&k->c, place, "more than %u products in one query", SQL_TERMS_MAX);
	}
	t->t[t->n++] = (struct term){ { a, b } };
	return 0;
}

static int expand(struct compiling *k, const json_t *n, struct terms *out);

static int expand_product(struct compiling *k, const json_t *left, const json_t *right, struct terms *out, long place)
{
	struct terms a = { .n = 0 }, b = { .n = 0 };
	int rc;

	TRY(expand(k, left, &a));
	TRY(expand(k, right, &b));
	for (unsigned i = 0; i < a.n; i++)
		for (unsigned j = 0; j < b.n; j++)
			TRY(add_term(k, out, product(a.t[i].text[0], b.t[j].text[0]), product(a.t[i].text[1], b.t[j].text[1]), place));
out:
	terms_free(&a);
	terms_free(&b);
	return rc;
}

/* Division by an expression of one party is a product with its reciprocal, which that party computes. */
static int expand_quotient(struct compiling *k, const json_t *left, const json_t *right, struct terms *out, long place)
{
	struct sql_value v, w;
	struct terms a = { .n = 0 };
	char *divisor = NULL;
	int rc, party;

	TRY(sql_analyse(&k->c, &k->scope, left, &v));
	TRY(sql_analyse(&k->c, &k->scope, right, &w));
	if (w.owners == 3)
		return sql_fail(&k->c, place, "a divisor with columns of both parties is not supported yet");
	if (v.type != SQL_DOUBLE && w.type != SQL_DOUBLE)
		return sql_fail(&k->c, place, "a division of integers of both parties would have to be cut off: multiply one side by 1.0");
	party = w.owners == 2 ? 1 : 0;
	divisor = printed(k, right, &rc);
	if (rc)
		goto out;
	TRY(expand(k, left, &a));
	for (unsigned i = 0; i < a.n; i++) {
		char *own = quotient(a.t[i].text[party], divisor), *other = product(a.t[i].text[1 - party], NULL);

		TRY(party == 0 ? add_term(k, out, own, other, place) : add_term(k, out, other, own, place));
	}
out:
	free(divisor);
	terms_free(&a);
	return rc;
}

/* n as a sum of products of one expression per party. */
static int expand(struct compiling *k, const json_t *n, struct terms *out)
{
	const json_t *left = NULL, *right = NULL, *body;
	const char *op;
	struct sql_value v;
	unsigned first;
	char *own;
	int rc;

	TRY(sql_analyse(&k->c, &k->scope, n, &v));
	(void)sql_node(n, &body);
	if (v.type == SQL_CHAR)
		return sql_fail(&k->c, sql_place(body), "a sum needs numbers");
	if (v.owners != 3) {
		own = printed(k, n, &rc);
		return rc ? rc : v.owners == 2 ? add_term(k, out, NULL, own, 0) : add_term(k, out, own, NULL, 0);
	}
	op = sql_operator(n, &left, &right);
	if (op && (strcmp(op, "+") == 0 || strcmp(op, "-") == 0)) {
		if (left)
			TRY(expand(k, left, out));
		first = out->n;
		TRY(expand(k, right, out));
		for (unsigned i = first; i < out->n && op[0] == '-'; i++) {
			char *minus = product("-1", out->t[i].text[0]);

			free(out->t[i].text[0]);
			out->t[i].text[0] = minus;
		}
	} else if (op && left && strcmp(op, "*") == 0) {
		rc = expand_product(k, left, right, out, sql_place(body));
	} else if (op && left && strcmp(op, "/") == 0) {
		rc = expand_quotient(k, left, right, out, sql_place(body));
	} else {
		rc = sql_fail(&k->c, sql_place(body), "on columns of both parties only +, -, * and / by one party's expression are supported");
	}
out:
	return rc;
}

/* --- items ---------------------------------------------------------------------------------------- */

static int add_sum(struct compiling *k, const json_t *argument, struct sql_item *item)
{
	struct sql_plan *p = k->p;
	struct terms t = { .n = 0 };
	struct sql_value v = { 0, SQL_INT };
	int rc;

	if (argument) {
		TRY(sql_analyse(&k->c, &k->scope, argument, &v));
		TRY(expand(k, argument, &t));
	} else {
		TRY(add_term(k, &t, NULL, NULL, 0));	/* count(*) */
	}
	if (p->terms + t.n > SQL_TERMS_MAX) {
		rc = sql_fail(&k->c, 0, "more than %u products in one query", SQL_TERMS_MAX);
		goto out;
	}
	*item = (struct sql_item){ .name = item->name, .kind = SQL_SUM, .first = p->terms, .count = t.n, .integer = v.type != SQL_DOUBLE };
	for (unsigned i = 0; i < t.n; i++)
		for (int side = 0; side < 2; side++) {
			p->side[side].factor[p->terms + i] = t.t[i].text[side];
			t.t[i].text[side] = NULL;
		}
	p->terms += t.n;
out:
	terms_free(&t);
	return rc;
}

static int aggregate(struct compiling *k, const json_t *call, struct sql_item *item)
{
	const char *name = json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(call, "funcname"), 0), "String"), "sval"));
	const json_t *args = json_object_get(call, "args");
	int star = json_is_true(json_object_get(call, "agg_star"));

	if (json_is_true(json_object_get(call, "agg_distinct")) || json_object_get(call, "agg_filter") || json_object_get(call, "over"))
		return sql_fail(&k->c, sql_place(call), "DISTINCT, FILTER and OVER in an aggregate are not supported yet");
	if (name && strcmp(name, "count") == 0 && (star || json_array_size(args) == 1))
		return add_sum(k, NULL, item);	/* no NULL is taken, so count(x) counts all rows */
	if (name && strcmp(name, "sum") == 0 && json_array_size(args) == 1)
		return add_sum(k, json_array_get(args, 0), item);
	return sql_fail(&k->c, sql_place(call), "%s is not supported yet: sum(…) and count(*) are", name ? name : "this function");
}

/* An item that is no aggregate is one of the columns that are grouped by. */
static int group_item(struct compiling *k, const json_t *val, struct sql_item *item, long place)
{
	struct sql_value v;
	int rc = 0;
	char *own;

	TRY(sql_analyse(&k->c, &k->scope, val, &v));
	own = v.owners == 3 ? NULL : printed(k, val, &rc);
	for (unsigned i = 0; own && i < k->p->groups; i++) {
		if (strcmp(own, k->p->group[i]) == 0 && v.owners == 1u << k->p->grouper) {
			*item = (struct sql_item){ .name = item->name, .kind = SQL_GROUP, .first = i };
			free(own);
			return 0;
		}
	}
	free(own);
	if (!rc)
		rc = sql_fail(&k->c, place, "an item is neither an aggregate nor one of the GROUP BY columns: rows of both parties are not opened one by one");
out:
	return rc;
}

static int items(struct compiling *k, const json_t *targets)
{
	size_t i;
	json_t *n;
	int rc = 0;

	if (json_array_size(targets) > SQL_ITEMS_MAX)
		return sql_fail(&k->c, 0, "more than %u items", SQL_ITEMS_MAX);
	json_array_foreach((json_t *)targets, i, n) {
		const json_t *target = json_object_get(n, "ResTarget"), *val = json_object_get(target, "val"), *body;
		const char *name = json_string_value(json_object_get(target, "name")), *kind = sql_node(val, &body);
		struct sql_item *item = &k->p->item[k->p->items];
		const json_t *fields = json_object_get(body, "fields");

		if (!name && strcmp(kind, "ColumnRef") == 0)
			name = json_string_value(json_object_get(json_object_get(json_array_get(fields, json_array_size(fields) - 1), "String"), "sval"));
		if (!name && strcmp(kind, "FuncCall") == 0)
			name = json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(body, "funcname"), 0), "String"), "sval"));
		item->name = strdup(name ? name : "column");
		if (!item->name)
			return ERR_NOMEM;
		k->p->items++;
		if (strcmp(kind, "FuncCall") == 0)
			TRY(aggregate(k, body, item));
		else
			TRY(group_item(k, val, item, sql_place(target)));
	}
out:
	return rc;
}

static int group_by(struct compiling *k, const json_t *list)
{
	size_t i;
	json_t *n;
	int rc = 0;

	if (json_array_size(list) > SQL_GROUPS_MAX)
		return sql_fail(&k->c, 0, "more than %u columns in GROUP BY", SQL_GROUPS_MAX);
	json_array_foreach((json_t *)list, i, n) {
		const json_t *body;
		struct sql_value v;

		(void)sql_node(n, &body);
		TRY(sql_analyse(&k->c, &k->scope, n, &v));
		if (v.owners != 1 && v.owners != 2)
			return sql_fail(&k->c, sql_place(body), "GROUP BY needs columns, each of one party");
		if (i && k->p->grouper != (v.owners == 2))
			return sql_fail(&k->c, sql_place(body), "GROUP BY columns of both parties are not supported yet");
		k->p->grouper = v.owners == 2;
		k->p->group[i] = printed(k, n, &rc);
		if (rc)
			goto out;
		k->p->group_type[i] = v.type;
		k->p->groups++;
	}
out:
	return rc;
}

static int compile_select(struct compiling *k, const json_t *select)
{
	int rc;

	TRY(only_known(&k->c, select, 1));
	TRY(from_clause(k, json_object_get(select, "fromClause")));
	if (k->scope.relations != 2)
		return sql_fail(&k->c, 0, "a query needs a table of each party");
	if (json_object_get(select, "whereClause"))
		TRY(conditions(k, json_object_get(select, "whereClause")));
	if (k->p->keys == 0)
		return sql_fail(&k->c, 0, "the two tables are not joined: expected an equation between a column of each");
	TRY(group_by(k, json_object_get(select, "groupClause")));
	TRY(items(k, json_object_get(select, "targetList")));
	if (k->p->terms == 0)
		rc = sql_fail(&k->c, 0, "there is no aggregate: expected sum(…) or count(*) among the items");
out:
	return rc;
}

int sql_compile(struct sql_plan *p, const char *text, const struct sql_schema *s, struct errmsg *em)
{
	struct compiling k = { .c = { text, em }, .schema = s, .p = p };
	PgQueryParseResult r = pg_query_parse(text);
	json_t *root = NULL;
	const json_t *stmts, *select;
	int rc;

	*p = (struct sql_plan){ 0 };
	if (r.error) {
		rc = sql_fail(&k.c, r.error->cursorpos > 0 ? r.error->cursorpos - 1 : 0, "%s", r.error->message);
		goto out;
	}
	root = json_loads(r.parse_tree, 0, NULL);
	stmts = json_object_get(root, "stmts");
	select = json_object_get(json_object_get(json_array_get(stmts, 0), "stmt"), "SelectStmt");
	rc = json_array_size(stmts) == 1 && select ? compile_select(&k, select) : sql_fail(&k.c, 0, "expected one SELECT");
out:
	json_decref(root);
	pg_query_free_parse_result(r);
	return rc;
}

void sql_plan_free(struct sql_plan *p)
{
	for (int i = 0; i < 2; i++) {
		free(p->side[i].relation);
		free(p->side[i].where);
		for (unsigned k = 0; k < SQL_KEYS_MAX; k++)
			free(p->side[i].key[k]);
		for (unsigned t = 0; t < SQL_TERMS_MAX; t++)
			free(p->side[i].factor[t]);
	}
	for (unsigned i = 0; i < SQL_GROUPS_MAX; i++)
		free(p->group[i]);
	for (unsigned i = 0; i < SQL_ITEMS_MAX; i++)
		free(p->item[i].name);
	*p = (struct sql_plan){ 0 };
}
