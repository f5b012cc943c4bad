/* config.join: "merge": the request checked, the plan compared, own rows read, the result written. */
#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/open.h"
#include "op.h"
#include "sql/merge/merge.h"
#include "table/csv.h"

static const char *const config_keys[] = { "mode", "schemas", "table_url", "engine_url", "reveal_to", "task_id", "join", NULL };

static int bad_config(struct errmsg *em, const char *what)
{
	return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "params.config%s", what);
}

static int check_schema(const json_t *s, struct errmsg *em)
{
	const json_t *columns = json_object_get(s, "columns"), *c, *party = json_object_get(s, "party");
	size_t i;

	if (!json_is_string(json_object_get(s, "name")) || !json_is_integer(party) || json_integer_value(party) < 0 || json_integer_value(party) > 1)
		return bad_config(em, ".schemas: expected of each a name and a party, 0 or 1");
	if (json_array_size(columns) == 0 || json_array_size(columns) > 64)
		return bad_config(em, ".schemas: expected of each 1 to 64 columns");
	json_array_foreach(columns, i, c) {
		const json_t *type = json_object_get(c, "type"), *owner = json_object_get(c, "party");

		if (!json_is_string(json_object_get(c, "name")) || !json_is_integer(type) || json_integer_value(type) < 0 || json_integer_value(type) > 3)
			return bad_config(em, ".schemas: expected of each column a name and a type: 0 CHAR, 1 BOOLEAN, 2 INT or 3 DOUBLE");
		if (owner && json_integer_value(owner) != json_integer_value(party))
			return bad_config(em, ".schemas: a column's party is another one than its table's");
	}
	return 0;
}

static int check_config(const json_t *config, struct errmsg *em)
{
	const json_t *schemas = json_object_get(config, "schemas"), *to = json_object_get(config, "reveal_to"), *s, *v;
	const char *key, *mode = json_string_value(json_object_get(config, "mode"));
	size_t i;
	int rc = 0;

	json_object_foreach((json_t *)(uintptr_t)config, key, v) {
		for (i = 0; config_keys[i] && strcmp(config_keys[i], key) != 0; i++)
			;
		if (!config_keys[i])
			return errmsg_set(em, ERR_INPUT, "UNKNOWN_PARAMETER",
					  "params.config has no %s: expected schemas, table_url, reveal_to, join, mode, engine_url, task_id", key);
	}
	if (mode && strcmp(mode, "memory") != 0)
		return bad_config(em, ".mode: expected \"memory\"");
	if (to && (!json_is_integer(to) || json_integer_value(to) < 0 || json_integer_value(to) > 2))
		return bad_config(em, ".reveal_to: expected 0 (party_a), 1 (party_b) or 2 (both)");
	if (json_array_size(schemas) == 0)
		return bad_config(em, ".schemas is missing: expected a list of tables");
	json_array_foreach(schemas, i, s)
		TRY(check_schema(s, em));
	if (!json_is_object(json_object_get(config, "table_url")))
		return bad_config(em, ".table_url is missing: expected table names with the inputs that hold them");
out:
	return rc;
}

static int compile(struct msql_plan *p, const json_t *all, struct errmsg *em)
{
	const json_t *config = json_object_get(all, "config"), *schemas = json_object_get(config, "schemas");
	int rc;

	TRY(check_config(config, em));
	TRY(msql_compile(p, json_string_value(json_object_get(all, "sql")), schemas, em));
	rc = msql_local_check(p, schemas, em);
out:
	return rc;
}

/* --- the run ------------------------------------------------------------------------- */

/* Own table names → paths of the inputs that table_url names. */
static int find_tables(struct op_ctx *ctx, const struct msql_side *s, const json_t *config, json_t *paths)
{
	for (unsigned i = 0; i < s->tables; i++) {
		const char *url = json_string_value(json_object_get(json_object_get(config, "table_url"), s->table[i])), *path = NULL;

		if (!url)
			return errmsg_set(op_errmsg(ctx), ERR_INPUT, "BAD_PARAMETER", "params.config.table_url has no %s", s->table[i]);
		if (strstr(url, ":"))
			return errmsg_set(op_errmsg(ctx), ERR_INPUT, "BAD_PARAMETER",
					  "params.config.table_url.%s: sources and URLs are not supported: expected the name of an input", s->table[i]);
		for (size_t k = 0; k < op_input_count(ctx, "data"); k++)
			if (strcmp(op_input_name(ctx, "data", k), url) == 0)
				path = op_input(ctx, "data", k);
		if (!path && op_input_count(ctx, "data") == 1 && s->tables == 1)
			path = op_input(ctx, "data", 0);
		if (!path)
			return errmsg_set(op_errmsg(ctx), ERR_INPUT, "BAD_PARAMETER", "inputs.data does not have the file of table %s", s->table[i]);
		json_object_set_new(paths, s->table[i], json_string(path));
	}
	return 0;
}

static void digest(const struct msql_plan *p, int to, unsigned char out[32])
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, 32);
	for (int i = 0; i < 2; i++)
		crypto_generichash_update(&s, (const unsigned char *)p->side[i].query, sizeof(p->side[i].query));
	crypto_generichash_update(&s, (const unsigned char *)p->item, sizeof(p->item));
	crypto_generichash_update(&s, (const unsigned char *)&p->group, sizeof(p->group));
	crypto_generichash_update(&s, (const unsigned char *)&to, sizeof(to));
	crypto_generichash_final(&s, out, 32);
}

/* The plans' digests first, and only then the numbers of rows. */
static int meet(struct op_ctx *ctx, const struct msql_plan *p, int to, uint64_t own, size_t rows[2])
{
	unsigned char mine[32], theirs[32];
	uint64_t peer;
	int rc, me = !op_is_first(ctx);

	digest(p, to, mine);
	TRY(chan_exchange(op_chan(ctx), mine, sizeof(mine), theirs, sizeof(theirs)));
	if (memcmp(mine, theirs, sizeof(mine)) != 0)
		return errmsg_set(op_errmsg(ctx), ERR_CONFLICT, "SQL_PLAN_MISMATCH", "the two parties' programs make different plans of the query: install the same version");
	TRY(chan_exchange(op_chan(ctx), &own, sizeof(own), &peer, sizeof(peer)));
	if (peer == 0 || peer > SQL_ROWS_MAX)
		return errmsg_set(op_errmsg(ctx), ERR_PEER, "PEER_PROTOCOL", "the other party does not speak op-sql, version 1");
	rows[me] = own;
	rows[!me] = peer;
out:
	return rc;
}

static int write_word(struct csv_writer *w, const struct msql_item *it, uint64_t lo, uint64_t hi, int null)
{
	char text[64], digits[48];
	int n = 0;

	if (null)
		return csv_write_field(w, "", 0);
	if (it->kind == SQL_SUM) {
		int negative = hi >> 63 != 0;
		unsigned __int128 v = (unsigned __int128)hi << 64 | lo;

		v = negative ? 0 - v : v;
		if (it->scale) {
			n = snprintf(text, sizeof(text), "%s%.*Lg", negative ? "-" : "", 15, ldexpl((long double)v, -(int)it->scale));
		} else {
			int k = (int)sizeof(digits);

			do
				digits[--k] = (char)('0' + (int)(v % 10));
			while ((v /= 10) != 0);
			n = snprintf(text, sizeof(text), "%s%.*s", negative ? "-" : "", (int)sizeof(digits) - k, digits + k);
		}
	} else if (it->kind == SQL_KEY && it->type == SQL_DOUBLE) {
		double d;

		memcpy(&d, &lo, sizeof(d));
		n = snprintf(text, sizeof(text), "%.15g", d);
	} else if (it->type == SQL_BOOLEAN) {
		n = snprintf(text, sizeof(text), "%s", lo ? "true" : "false");
	} else {
		n = snprintf(text, sizeof(text), "%" PRId64, (int64_t)lo);
	}
	return csv_write_field(w, text, (size_t)n);
}

static int write_result(const char *path, const struct msql_plan *p, const struct msql_result *r)
{
	struct csv_writer *w = NULL;
	int rc;

	TRY(csv_writer_open(&w, path, 0));
	for (unsigned k = 0; k < p->items; k++)
		TRY(csv_write_field(w, p->item[k].name, strlen(p->item[k].name)));
	TRY(csv_write_end(w));
	for (size_t i = 0; i < r->rows; i++) {
		for (unsigned k = 0; k < p->items; k++) {
			size_t at = i * p->items + k;

			TRY(write_word(w, &p->item[k], r->lo[at], r->hi[at], r->null[at]));
		}
		TRY(csv_write_end(w));
	}
	rc = csv_writer_close(w);
	w = NULL;
out:
	csv_writer_free(w);
	return rc;
}

static int together(struct op_ctx *ctx, const struct msql_plan *p, const struct msql_rows *own, const size_t rows[2], int to)
{
	struct mpc_conf conf = { .chan = op_chan(ctx), .party = !op_is_first(ctx), .kind = OT_AUTO, .threads = 1 };
	struct msql_result r = { 0 };
	struct mpc *m = NULL;
	int rc;

	op_progress(ctx, 0.2, "join");
	TRY(mpc_new(&m, &conf, op_errmsg(ctx)));
	TRY(msql_join_run(m, p, own, rows, to, &r, op_errmsg(ctx)));
	op_progress(ctx, 0.95, "write");
	if (to == MPC_BOTH || to == conf.party) {
		TRY(op_result(ctx, "rows", json_integer((json_int_t)r.rows)));
		if (op_output_count(ctx, "data") && op_output(ctx, "data", 0))
			rc = write_result(op_output(ctx, "data", 0), p, &r);
	}
out:
	if (rc && rc != ERR_NOMEM && !op_errmsg(ctx)->code[0])
		errmsg_set(op_errmsg(ctx), rc, rc == ERR_PEER ? "PEER_LOST" : "SQL_FAILED", "sql: %s", m && *mpc_error(m) ? mpc_error(m) : err_name(rc));
	mpc_free(m);
	msql_result_free(&r);
	return rc;
}

int msql_run(struct op_ctx *ctx)
{
	const json_t *config = json_object_get(op_params(ctx), "config"), *to_value = json_object_get(config, "reveal_to");
	struct msql_plan *p = calloc(1, sizeof(*p));
	struct msql_rows own = { 0 };
	json_t *paths = json_object();
	size_t rows[2];
	int rc = ERR_NOMEM, me = !op_is_first(ctx), to = to_value ? (int)json_integer_value(to_value) : 0;

	if (!p || !paths || sodium_init() < 0)
		goto out;
	op_progress(ctx, 0, "plan");
	TRY(compile(p, op_params(ctx), op_errmsg(ctx)));
	TRY(find_tables(ctx, &p->side[me], config, paths));
	op_progress(ctx, 0.05, "read");
	TRY(msql_local_run(&own, p, me, json_object_get(config, "schemas"), paths, op_errmsg(ctx)));
	TRY(meet(ctx, p, to, own.padded, rows));
	rc = together(ctx, p, &own, rows, to);
out:
	if (rc == ERR_NOMEM && !op_errmsg(ctx)->code[0])
		errmsg_set(op_errmsg(ctx), rc, "NO_MEMORY", "not enough memory for the query");
	msql_rows_free(&own);
	json_decref(paths);
	if (p)
		msql_plan_free(p);
	free(p);
	return rc;
}
