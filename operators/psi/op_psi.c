/* op-psi: the rows of two CSV files whose keys both have. docs/operators/psi.md says what it does and who learns what. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/ecdh_psi.h"
#include "op.h"
#include "psi/keys.h"
#include "table/csv.h"

static const char *const protocols[] = { "ecdh", NULL };
static const char *const receivers[] = { "both", "party_a", "party_b", NULL };

static const struct op_param params[] = {
	{ .name = "column_name", .type = OP_STRING_OR_LIST, .required = 1, .per_party = 1,
	  .help = "the key column of this party's file, or a list of them: as many and in the same order at both parties" },
	{ .name = "protocol", .type = OP_STRING, .words = protocols, .fallback = "\"ecdh\"",
	  .help = "how the intersection is computed" },
	{ .name = "receiver", .type = OP_STRING, .words = receivers, .fallback = "\"both\"",
	  .help = "who learns the intersection" },
	{ .name = NULL },
};

static const struct op_file inputs[] = {
	{ .name = "data", .required = 1, .help = "a CSV file with a header, whose keys are distinct" },
	{ .name = NULL },
};

static const struct op_file outputs[] = {
	{ .name = "data", .help = "the rows whose key both have, all own columns, ordered by key; needed at a receiver" },
	{ .name = NULL },
};

/* `intersection` is set only where both parties receive it anyway. */
static const char *const public_context[] = { "intersection", NULL };

static const struct op_disclosure discloses[] = {
	{ "both", "the number of rows of the other party", NULL },
	{ "both", "the number of key columns, and that the other party's keys are distinct", NULL },
	{ "both", "which of its own rows have a key that the other party has too", "receiver: both (the default)" },
	{ "party_a", "which of its own rows have a key that party_b has too", "receiver: party_a" },
	{ "party_b", "which of its own rows have a key that party_a has too", "receiver: party_b" },
	{ .learner = NULL },
};

struct psi {
	struct op_ctx *ctx;
	struct csv *csv;
	struct psi_keys keys;
	uint8_t (*digest)[GROUP_HASH_BYTES];
	struct ecdh_psi_result result;
	int receives;
};

static int check(const json_t *p, struct errmsg *em)
{
	const json_t *names = json_object_get(p, "column_name"), *a, *b;
	size_t i, j;

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
		return ECDH_PSI_FIRST;
	return strcmp(who, "party_b") == 0 ? ECDH_PSI_SECOND : ECDH_PSI_FIRST | ECDH_PSI_SECOND;
}

static int load(struct psi *p)
{
	struct errmsg *em = op_errmsg(p->ctx);
	int rc;

	op_progress(p->ctx, 0, "read");
	if (p->receives && !op_output(p->ctx, "data", 0))
		return errmsg_set(em, ERR_INPUT, "MISSING_PARAMETER",
				  "outputs.data is missing: this party receives the intersection");
	TRY(csv_open(&p->csv, op_input(p->ctx, "data", 0), op_input_name(p->ctx, "data", 0), NULL, em));
	if (csv_rows(p->csv) > ECDH_PSI_ITEMS_MAX)
		return errmsg_set(em, ERR_INPUT, "TOO_MANY_ROWS", "an input file has more than %u rows", ECDH_PSI_ITEMS_MAX);
	TRY(psi_keys_init(&p->keys, p->csv, json_object_get(op_params(p->ctx), "column_name"), em));
	p->digest = calloc(csv_rows(p->csv) + 1, GROUP_HASH_BYTES);
	if (!p->digest)
		return errmsg_set(em, ERR_NOMEM, "NO_MEMORY", "not enough memory for the keys of an input file");
	TRY(psi_keys_digests(&p->keys, p->digest, em));
	TRY(psi_keys_distinct(&p->keys, (const uint8_t (*)[GROUP_HASH_BYTES])p->digest, em));
	rc = 0;
out:
	return rc;
}

static void on_progress(void *arg, double fraction)
{
	op_progress(arg, 0.02 + 0.95 * fraction, "mask");
}

static int intersect(struct psi *p, unsigned bits)
{
	struct ecdh_psi e = {
		.items = (const uint8_t (*)[GROUP_HASH_BYTES])p->digest,
		.count = (uint32_t)csv_rows(p->csv),
		.first = op_is_first(p->ctx),
		.receivers = bits,
		.shape = (uint32_t)p->keys.columns,
		.threads = op_threads(p->ctx),
		.progress = on_progress,
		.arg = p->ctx,
	};

	return ecdh_psi_run(op_chan(p->ctx), &e, &p->result, op_errmsg(p->ctx));
}

static int write_rows(struct psi *p, struct csv_writer *w)
{
	uint32_t n = p->result.matches, *rows = calloc((size_t)n + 1, sizeof(*rows));
	const char *data;
	size_t len;
	int rc = ERR_NOMEM;

	if (!rows)
		goto out;
	if (p->receives)
		TRY(psi_keys_order(&p->keys, p->result.matched, n, rows, op_errmsg(p->ctx)));
	csv_raw_header(p->csv, &data, &len);
	TRY(csv_write_raw(w, data, len, NULL));
	for (uint32_t i = 0; i < n; i++) {
		csv_raw(p->csv, rows[i], &data, &len);
		TRY(csv_write_raw(w, data, len, NULL));
	}
	rc = 0;
out:
	free(rows);
	return rc;
}

/* A party that does not receive, but names an output, gets the header alone: what runs next finds a file. */
static int write_output(struct psi *p)
{
	const char *path = op_output(p->ctx, "data", 0);
	struct errmsg *em = op_errmsg(p->ctx);
	struct csv_writer *w = NULL;
	int rc;

	if (!path)
		return 0;
	op_progress(p->ctx, 0.97, "write");
	rc = csv_writer_open(&w, path, 0);
	if (rc == 0) {
		rc = write_rows(p, w);
		if (rc)
			csv_writer_free(w);
		else
			rc = csv_writer_close(w);
	}
	if (rc == ERR_IO) {
		errmsg_set(em, rc, "OUTPUT_UNWRITABLE", "an output file cannot be written");
		errmsg_local(em, "%s cannot be written: %s", op_output_name(p->ctx, "data", 0), strerror(errno));
	}
	return rc;
}

static int report(struct psi *p, unsigned bits)
{
	json_int_t matches = p->result.matches;
	int rc = op_result(p->ctx, "rows", json_integer((json_int_t)csv_rows(p->csv)));

	if (rc == 0)
		rc = op_result(p->ctx, "peer_rows", json_integer(p->result.peer_count));
	if (rc == 0 && p->receives)
		rc = op_result(p->ctx, "matches", json_integer(matches));
	/* What may cross to the other party must be what it knows already. */
	if (rc == 0 && bits == (ECDH_PSI_FIRST | ECDH_PSI_SECOND))
		rc = op_result(p->ctx, "intersection", json_integer(matches));
	return rc;
}

static int run(struct op_ctx *ctx)
{
	unsigned bits = receiver_bits(ctx);
	struct psi p = {
		.ctx = ctx,
		.receives = (bits & (op_is_first(ctx) ? ECDH_PSI_FIRST : ECDH_PSI_SECOND)) != 0,
	};
	int rc;

	TRY(group_init());
	TRY(load(&p));
	TRY(intersect(&p, bits));
	TRY(write_output(&p));
	rc = report(&p, bits);
out:
	ecdh_psi_result_free(&p.result);
	psi_keys_fini(&p.keys);
	free(p.digest);
	csv_free(p.csv);
	return rc;
}

static const struct op op_psi = {
	.name = "psi",
	.version = "1.0",
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
