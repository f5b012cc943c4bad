/* op-psi: the rows of two CSV files whose keys both have. docs/operators/psi.md says what it does and who learns what. */
#include <errno.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "psi/job.h"

#define AGGREGATE_ROWS (UINT32_C(1) << 24)	/* in one piece: what circuit PSI takes */

static const char *const protocols[] = { "auto", "vole", "ecdh", NULL };
static const char *const receivers[] = { "both", "party_a", "party_b", NULL };
static const char *const outputs_of[] = { "rows", "count", "sum", NULL };
static const char *const joins[] = { "inner", "left", NULL };
static const char *const duplicates[] = { "error", "first", "all", NULL };
static const char *const delimiters[] = { ",", ";", "\t", "|", NULL };
static const char *const encoding_errors[] = { "error", "keep", NULL };
static const char *const casefolds[] = { "none", "ascii", NULL };
static const char *const paddings[] = { "none", "power_of_two", NULL };

static const struct op_param params[] = {
	{ .name = "column_name", .type = OP_STRING_OR_LIST, .required = 1, .per_party = 1,
	  .help = "the key column of this party's file, or a list of them: as many and in the same order at both parties" },
	{ .name = "protocol", .type = OP_STRING, .words = protocols, .fallback = "\"vole\"",
	  .help = "how the intersection is computed" },
	{ .name = "receiver", .type = OP_STRING, .words = receivers, .fallback = "\"both\"",
	  .help = "who learns the intersection" },
	{ .name = "output", .type = OP_STRING, .words = outputs_of, .fallback = "\"rows\"",
	  .help = "what a receiver gets: rows of its own file; or without any row the number of common keys, and with sum the sums of sum_columns over them" },
	{ .name = "min_count", .type = OP_INT, .low = 1, .high = 2147483647, .fallback = "2",
	  .help = "output: count and sum: with fewer common keys a receiver learns no more than that" },
	{ .name = "sum_columns", .type = OP_STRING_LIST, .per_party = 1, .fallback = "[]",
	  .help = "output: sum: columns of this party's file, at most 16, whose values are summed over the common keys" },
	{ .name = "trim", .type = OP_BOOL, .fallback = "false",
	  .help = "white space (space, tab, CR, LF, VT, FF) at both ends of a key field does not count" },
	{ .name = "casefold", .type = OP_STRING, .words = casefolds, .fallback = "\"none\"",
	  .help = "ascii: A to Z in keys are compared as a to z; other letters, such as those with accents, stay as they are" },
	{ .name = "bucket_rows", .type = OP_INT, .low = 16, .high = 1 << 24, .fallback = "1048576",
	  .help = "with more rows at either party the work is done from disk, in buckets of at most about so many keys: this bounds memory" },
	{ .name = "join", .type = OP_STRING, .per_party = 1, .words = joins, .fallback = "\"inner\"",
	  .help = "inner: own rows that match; left: all own rows, with one more column `matched`, 1 or 0" },
	{ .name = "duplicates", .type = OP_STRING, .per_party = 1, .words = duplicates, .fallback = "\"error\"",
	  .help = "own rows with the same key: error refuses them, first uses the first one of each key and drops the others, all lets every row of a common key come out" },
	{ .name = "delimiter", .type = OP_STRING, .per_party = 1, .words = delimiters, .fallback = "\",\"",
	  .help = "what stands between the fields of this party's file, and of its output" },
	{ .name = "header", .type = OP_BOOL, .per_party = 1, .fallback = "true",
	  .help = "false: this party's file begins with a row; columns are called \"1\", \"2\", …, and the output has no header either" },
	{ .name = "encoding_errors", .type = OP_STRING, .per_party = 1, .words = encoding_errors, .fallback = "\"error\"",
	  .help = "bytes that are not UTF-8, and NUL: error refuses the file, keep takes them as they are" },
	{ .name = "pad_to", .type = OP_STRING, .per_party = 1, .words = paddings, .fallback = "\"none\"",
	  .help = "power_of_two: the other party learns the number of rows only up to the next power of two" },
	{ .name = NULL },
};

static const struct op_file inputs[] = {
	{ .name = "data", .required = 1, .help = "a CSV file" },
	{ .name = NULL },
};

static const struct op_file outputs[] = {
	{ .name = "data", .help = "the rows whose key both have, all own columns, ordered by key; needed at a receiver" },
	{ .name = NULL },
};

/* `intersection` is set only where both parties receive it anyway. */
static const char *const public_context[] = { "intersection", NULL };

static const struct op_disclosure discloses[] = {
	{ "both", "the number of rows of the other party, repeated keys counted", NULL },
	{ "both", "that number up to the next power of two only", "pad_to: power_of_two at the other party" },
	{ "both", "the number of key columns and the common parameters", NULL },
	{ "both", "instead of rows: the number of common keys and the sums of sum_columns, if there are min_count, else that there are fewer; a receiver alone", "output: count or sum" },
	{ "both", "that keys of the other party repeat, if they do", "duplicates: error (the default) at the other party" },
	{ "both", "which of its own rows have a key that the other party has too", "receiver: both and output: rows (the defaults)" },
	{ "party_a", "which of its own rows have a key that party_b has too", "receiver: party_a and output: rows" },
	{ "party_b", "which of its own rows have a key that party_a has too", "receiver: party_b and output: rows" },
	{ .learner = NULL },
};

/* What goes with which output. */
static int check_output(const json_t *p, struct errmsg *em)
{
	const char *output = json_string_value(json_object_get(p, "output")), *join = json_string_value(json_object_get(p, "join"));
	size_t columns = json_array_size(json_object_get(p, "sum_columns"));

	if (columns > 16)
		return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "params.sum_columns has more than 16 columns");
	if (columns && strcmp(output, "sum") != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "params.sum_columns is for output: sum");
	if (strcmp(output, "rows") != 0 && strcmp(join, "inner") != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "params.join: left is for output: rows");
	return 0;
}

static int check(const json_t *p, struct errmsg *em)
{
	const json_t *names = json_object_get(p, "column_name"), *a, *b;
	size_t i, j;
	int rc = check_output(p, em);

	if (rc)
		return rc;
	if (json_is_string(names))
		return json_string_length(names) ? 0 :
			errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "params.column_name is empty: expected the name of a column");
	if (json_array_size(names) == 0)
		return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "params.column_name is an empty list: expected at least one column");
	json_array_foreach((json_t *)names, i, a) {
		for (j = 0; j < i; j++) {
			b = json_array_get(names, j);
			if (json_equal((json_t *)a, (json_t *)b))
				return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER",
						  "params.column_name names the same column at places %zu and %zu", j + 1, i + 1);
		}
	}
	return 0;
}

static unsigned receiver_bits(const struct op_ctx *ctx)
{
	const char *who = op_str(ctx, "receiver");

	if (strcmp(who, "party_a") == 0)
		return PSI_FIRST;
	return strcmp(who, "party_b") == 0 ? PSI_SECOND : PSI_FIRST | PSI_SECOND;
}

static int is(const struct op_ctx *ctx, const char *name, const char *word)
{
	return strcmp(op_str(ctx, name), word) == 0;
}

static void take_request(struct psi_job *j, struct op_ctx *ctx)
{
	const char *work = op_work_dir(ctx);

	j->ctx = ctx;
	j->csv_opts.delimiter = op_str(ctx, "delimiter")[0];
	j->csv_opts.no_header = !op_bool(ctx, "header");
	j->csv_opts.any_bytes = is(ctx, "encoding_errors", "keep");
	j->norm.trim = op_bool(ctx, "trim");
	j->norm.fold_ascii = is(ctx, "casefold", "ascii");
	j->protocol = (enum psi_protocol)psi_protocol_by_name(op_str(ctx, "protocol"));
	j->duplicates = is(ctx, "duplicates", "first") ? PSI_DUP_FIRST : is(ctx, "duplicates", "all") ? PSI_DUP_ALL : PSI_DUP_ERROR;
	j->receivers = receiver_bits(ctx);
	j->receives = (j->receivers & (op_is_first(ctx) ? PSI_FIRST : PSI_SECOND)) != 0;
	j->left = is(ctx, "join", "left");
	j->power_of_two = is(ctx, "pad_to", "power_of_two");
	j->aggregate = !is(ctx, "output", "rows");
	j->bucket_rows = j->aggregate ? AGGREGATE_ROWS : (uint64_t)op_int(ctx, "bucket_rows");
	j->workers = op_threads(ctx) < PSI_WORKERS_MAX ? op_threads(ctx) : PSI_WORKERS_MAX;
	snprintf(j->dir, sizeof(j->dir), "%.*s", (int)sizeof(j->dir) - 1, work);
}

/* A file with a column of this name would have two afterwards. */
static int check_matched(const struct psi_job *j)
{
	if (!j->left || j->csv_opts.no_header)
		return 0;
	for (size_t i = 0; i < csv_columns(j->csv); i++) {
		if (strcmp(csv_header(j->csv, i), "matched") != 0)
			continue;
		errmsg_set(op_errmsg(j->ctx), ERR_INPUT, "COLUMN_EXISTS", "an input file has a column that join: left would add");
		errmsg_local(op_errmsg(j->ctx), "%s has a column \"matched\" already: join: left would add a second one; rename it",
			     csv_name(j->csv));
		return ERR_INPUT;
	}
	return 0;
}

static int open_input(struct psi_job *j)
{
	struct errmsg *em = op_errmsg(j->ctx);
	int rc;

	if (j->receives && !op_output(j->ctx, "data", 0))
		return errmsg_set(em, ERR_INPUT, "MISSING_PARAMETER",
				  "outputs.data is missing: this party receives the intersection");
	TRY(psi_input_identify(j, &j->id, em));
	TRY(csv_stream(&j->csv, op_input(j->ctx, "data", 0), op_input_name(j->ctx, "data", 0), &j->csv_opts, em));
	TRY(psi_keys_init(&j->keys, j->csv, json_object_get(op_params(j->ctx), "column_name"), &j->norm, em));
	rc = check_matched(j);
out:
	return rc;
}

static int report(struct psi_job *j)
{
	json_int_t matches = (json_int_t)j->matches;
	int rc = op_result(j->ctx, "rows", json_integer((json_int_t)j->rows));

	if (rc == 0)
		rc = op_result(j->ctx, "peer_rows", json_integer((json_int_t)j->peer_padded));
	if (rc == 0 && j->buckets > 1)
		rc = op_result(j->ctx, "buckets", json_integer(j->buckets));
	if (rc == 0 && j->receives)
		rc = op_result(j->ctx, "matches", json_integer(matches));
	if (rc == 0 && j->receives)
		rc = op_result(j->ctx, "rows_out", json_integer((json_int_t)j->rows_out));
	/* What may cross to the other party must be what it knows already. */
	if (rc == 0 && j->receivers == (PSI_FIRST | PSI_SECOND))
		rc = op_result(j->ctx, "intersection", json_integer(matches));
	return rc;
}

static void job_fini(struct psi_job *j)
{
	psi_store_fini(&j->store);
	psi_keys_fini(&j->keys);
	csv_free(j->csv);
	free(j->matched);
	free(j->dropped);
	sodium_memzero(j->hash_key, sizeof(j->hash_key));
	free(j);
}

static int run(struct op_ctx *ctx)
{
	struct psi_job *j = calloc(1, sizeof(*j));
	int rc = ERR_NOMEM;

	if (!j)
		return rc;
	j->store.fd = -1;
	take_request(j, ctx);
	TRY(open_input(j));
	if (!j->aggregate)
		psi_state_load(j);
	TRY(psi_agree_start(j));
	TRY(psi_read(j));
	TRY(psi_agree_sizes(j));
	if (j->aggregate) {
		rc = psi_aggregate(j);
		goto out;
	}
	TRY(psi_intersect(j));
	malloc_trim(0);		/* what the buckets freed, before the sort needs as much again */
	TRY(psi_write(j));
	rc = report(j);
out:
	job_fini(j);
	return rc;
}

static const struct op op_psi = {
	.name = "psi",
	.version = "2.0",
	.params = params,
	.inputs = inputs,
	.outputs = outputs,
	.public_context = public_context,
	.run = run,
	.check = check,
	.discloses = discloses,
};

int main(int argc, char **argv)
{
	return op_main(&op_psi, argc, argv);
}
