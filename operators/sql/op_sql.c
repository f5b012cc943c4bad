/* op-sql: sums over the join of two parties' tables. docs/operators/sql.md says what it does and who learns what. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sql/sql.h"

/* sql/merge/merge.h: its names are those of another plan. */
int msql_run(struct op_ctx *ctx) PET_MUST_USE;

static const struct op_param params[] = {
	{ .name = "sql", .type = OP_STRING, .required = 1, .help = "one SELECT over a table of each party" },
	{ .name = "config", .type = OP_OBJECT, .required = 1,
	  .help = "schemas: the tables, {name, party: 0 or 1, columns: [{name, type: 0 CHAR, 1 BOOLEAN, 2 INT, 3 DOUBLE}]}; table_url: the path of each, one of the owner's inputs; "
		  "reveal_to: 0, 1 or 2 for both; join: psi, or merge for NULLs, keys in several groups and many groups. mode, engine_url and task_id are taken and say nothing here" },
	{ .name = NULL },
};

static const struct op_file inputs[] = {
	{ .name = "data", .required = 1, .list = 1, .help = "this party's tables, CSV" },
	{ .name = NULL },
};

static const struct op_file outputs[] = {
	{ .name = "data", .list = 1, .help = "the result, at who it is revealed to: one path" },
	{ .name = NULL },
};

static const char *const public_context[] = { NULL };

static const struct op_disclosure discloses[] = {
	{ "both", "the query, and the number of rows of the other party's table, before any filter", NULL },
	{ "both", "the number of groups of the table that is grouped by, up to the next power of two, at least 8", "config.join: \"psi\" (the default)" },
	{ "party_a", "the rows of the result: groups in which keys met, and their sums", "config.reveal_to: 0 or 2" },
	{ "party_b", "the rows of the result: groups in which keys met, and their sums", "config.reveal_to: 1 or 2" },
	{ .learner = NULL },
};

/* The input that holds the table: by its path in the request. */
static int find_input(struct op_ctx *ctx, const struct sql_table *t, size_t *at)
{
	for (*at = 0; *at < op_input_count(ctx, "data"); (*at)++)
		if (strcmp(op_input_name(ctx, "data", *at), t->path) == 0)
			return 0;
	return errmsg_set(op_errmsg(ctx), ERR_INPUT, "BAD_CONFIG", "params.config.table_url: the path of table %s is not among its party's inputs.data", t->name);
}

static int run(struct op_ctx *ctx)
{
	struct errmsg *em = op_errmsg(ctx);
	struct sql_schema s = { 0 };
	struct sql_plan *p = calloc(1, sizeof(*p));
	struct sql_rows r = { 0 };
	int me = !op_is_first(ctx), rc = ERR_NOMEM;
	const char *join = json_string_value(json_object_get(json_object_get(op_params(ctx), "config"), "join"));
	size_t at;

	if (join && strcmp(join, "merge") == 0) {
		free(p);
		return msql_run(ctx);
	}
	if (join && strcmp(join, "psi") != 0) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "params.config.join: expected \"psi\" (the default) or \"merge\"");
		goto out;
	}
	if (!p || sodium_init() < 0)
		goto out;
	TRY(sql_schema(&s, json_object_get(op_params(ctx), "config"), em));
	TRY(sql_compile(p, op_str(ctx, "sql"), &s, em));
	if ((s.reveal_to == 2 || s.reveal_to == me) && !op_output(ctx, "data", 0)) {
		rc = errmsg_set(em, ERR_INPUT, "MISSING_PARAMETER", "outputs.data is empty: this party receives the result");
		goto out;
	}
	op_progress(ctx, 0.05, "read");
	TRY(find_input(ctx, p->side[me].table, &at));
	TRY(sql_local(&r, p, me, op_input(ctx, "data", at), op_input_name(ctx, "data", at), em));
	TRY(sql_join(ctx, p, &s, &r));
out:
	if (rc == ERR_NOMEM && !em->code[0])
		errmsg_set(em, rc, "NO_MEMORY", "not enough memory for the query");
	sql_rows_free(&r);
	if (p)
		sql_plan_free(p);
	free(p);
	sql_schema_free(&s);
	return rc;
}

static const struct op op_sql = {
	.name = "sql", .version = "1.0", .params = params, .inputs = inputs, .outputs = outputs, .public_context = public_context,
	.run = run, .discloses = discloses,
};

int main(int argc, char **argv)
{
	return op_main(&op_sql, argc, argv);
}
