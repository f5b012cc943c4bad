/*
 * output: count and sum. Which keys meet stays secret (mpc/cpsi.h): shares of one bit per bin, sums of these bits and of
 * columns under them, a test against min_count, and only then something is opened.
 */
#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mpc/cmp.h"
#include "mpc/cpsi.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "psi/job.h"

#define COLUMNS_MAX 16u
#define NAME_BYTES 256u
#define DECIMALS 1000000	/* sums are of millionths */
#define COUNT_BITS 32

/* A key: the first row in which it stands, and its rows' values added up. */
struct key {
	uint8_t digest[PSI_DIGEST_BYTES];
	uint32_t row;
};

struct aggregate {
	struct psi_job *j;
	struct mpc *m;
	int me;
	uint32_t rows, n, padded, bins;		/* n: distinct keys */
	struct key *key;
	struct block *item;
	unsigned columns[2];			/* party_a's, party_b's */
	char name[2][COLUMNS_MAX][NAME_BYTES];
	int64_t *value;				/* column after column, n each */
	uint32_t *item_of;
	struct bvec match;
	struct avec met[COLUMNS_MAX];		/* the sender's columns where keys met */
	struct avec total;			/* of all columns, party_a's first */
	struct avec count;
};

static int lost(struct aggregate *a, int rc)
{
	struct errmsg *em = op_errmsg(a->j->ctx);

	if (rc == 0 || em->code[0])
		return rc;
	if (rc == ERR_NOMEM)
		return errmsg_set(em, rc, "NO_MEMORY", "not enough memory for the rows of an input file");
	return errmsg_set(em, rc, rc == ERR_PEER ? "PEER_LOST" : "ENGINE", "%s", a->m && mpc_error(a->m)[0] ? mpc_error(a->m) : chan_error(op_chan(a->j->ctx)));
}

/* --- own keys ----------------------------------------------------------------------- */

static int take_record(void *arg, const struct psi_record *r)
{
	struct aggregate *a = arg;
	struct key *k = &a->key[a->rows++];

	memcpy(k->digest, r->digest, sizeof(k->digest));
	k->row = r->row;
	return 0;
}

static int by_digest(const void *x, const void *y)
{
	const struct key *p = x, *q = y;
	int c = memcmp(p->digest, q->digest, sizeof(p->digest));

	return c ? c : p->row < q->row ? -1 : p->row > q->row;
}

static int same(const struct key *p, const struct key *q)
{
	return memcmp(p->digest, q->digest, sizeof(p->digest)) == 0;
}

static int repeated(struct aggregate *a, const struct key *k)
{
	errmsg_set(op_errmsg(a->j->ctx), ERR_INPUT, "DUPLICATE_KEYS", "duplicate keys in the key column(s)");
	errmsg_local(op_errmsg(a->j->ctx), "%s: rows %u and %u have the same key: expected each once (duplicates: first or all takes them)",
		     op_input_name(a->j->ctx, "data", 0), k[0].row + 1, k[1].row + 1);
	return ERR_INPUT;
}

/* Distinct keys as items; what fills up to the padded number of rows is random and meets nothing. */
static int make_items(struct aggregate *a)
{
	struct psi_job *j = a->j;
	uint32_t all;

	a->padded = (uint32_t)j->padded;
	a->key = calloc(j->rows + 1, sizeof(*a->key));
	a->item = calloc((size_t)a->padded + 1, sizeof(*a->item));
	if (!a->key || !a->item)
		return ERR_NOMEM;
	if (psi_store_each(&j->store, 0, 1, take_record, a) != 0)
		return ERR_INTERNAL;
	qsort(a->key, a->rows, sizeof(*a->key), by_digest);
	all = a->rows;
	for (uint32_t i = 0; i < all; i++) {
		if (i && same(&a->key[i], &a->key[i - 1])) {
			if (j->duplicates == PSI_DUP_ERROR)
				return repeated(a, &a->key[i - 1]);
			continue;
		}
		memcpy(&a->item[a->n++], a->key[i].digest, sizeof(struct block));
	}
	util_random(a->item + a->n, (a->padded - a->n) * sizeof(*a->item));
	return 0;
}

/* --- own columns ------------------------------------------------------------------------- */

static int bad_number(struct aggregate *a, const struct csv *c, uint64_t row, const char *column)
{
	errmsg_set(op_errmsg(a->j->ctx), ERR_INPUT, "BAD_NUMBER", "a column to be summed has a value that is no number, or too large a one");
	errmsg_local(op_errmsg(a->j->ctx), "%s, line %llu, column \"%s\": expected a number, and all of them together below 4·10^12", csv_name(c),
		     (unsigned long long)csv_line(c, row), column);
	return ERR_INPUT;
}

/* Millionths of a field, small enough that a sum of as many as there are rows stays within 62 bits. */
static int number_of(struct aggregate *a, const struct csv *c, uint64_t row, const struct csv_field *f, const char *column, int64_t *out)
{
	struct buf text = { 0 };
	char *end;
	double v;
	int rc = csv_field_text(f, &text);

	if (rc == 0)
		rc = buf_add(&text, "", 1);
	if (rc)
		goto out;
	v = strtod(text.data, &end);
	if (end == text.data || (size_t)(end - text.data) + 1 != text.len || !(fabs(v) * DECIMALS * ((double)a->rows + 1) < 0x1p62))
		rc = bad_number(a, c, row, column);
	else
		*out = llround(v * DECIMALS);
out:
	buf_free(&text);
	return rc;
}

static int sum_column(struct aggregate *a, const struct csv *c, struct csv_field *field, unsigned column)
{
	const char *name = a->name[a->me][column];
	int64_t *value = a->value + (size_t)column * a->n, v;
	uint32_t key = UINT32_MAX;
	size_t at;
	int rc;

	TRY(csv_find(c, name, &at, op_errmsg(a->j->ctx)));
	for (uint32_t i = 0; i < a->rows; i++) {
		int again = i && same(&a->key[i], &a->key[i - 1]);

		key += !again;
		if (again && a->j->duplicates == PSI_DUP_FIRST)
			continue;
		rc = csv_row(c, a->key[i].row, field);
		if (rc)
			return psi_changed(a->j, op_errmsg(a->j->ctx));
		TRY(number_of(a, c, a->key[i].row, &field[at], name, &v));
		value[key] += v;
	}
out:
	return rc;
}

static int own_columns(struct aggregate *a)
{
	const json_t *list = json_object_get(op_params(a->j->ctx), "sum_columns"), *one;
	struct csv_field *field = NULL;
	struct csv *c = NULL;
	size_t i;
	int rc = 0;

	json_array_foreach((json_t *)list, i, one) {
		snprintf(a->name[a->me][i], NAME_BYTES, "%s", json_string_value(one));
		a->columns[a->me]++;
	}
	a->value = calloc((size_t)a->columns[a->me] * a->n + 1, sizeof(*a->value));
	if (!a->value)
		return ERR_NOMEM;
	if (!a->columns[a->me])
		return 0;
	TRY(csv_open(&c, op_input(a->j->ctx, "data", 0), op_input_name(a->j->ctx, "data", 0), &a->j->csv_opts, op_errmsg(a->j->ctx)));
	field = calloc(csv_columns(c) + 1, sizeof(*field));
	rc = field ? 0 : ERR_NOMEM;
	if (!rc && csv_rows(c) != a->j->rows)
		rc = psi_changed(a->j, op_errmsg(a->j->ctx));
	for (unsigned k = 0; k < a->columns[a->me] && !rc; k++)
		rc = sum_column(a, c, field, k);
out:
	free(field);
	csv_free(c);
	return rc;
}

/* Names of the columns, which both requests hold anyway, for the result's header. */
static int exchange_columns(struct aggregate *a)
{
	struct {
		uint64_t columns;
		char name[COLUMNS_MAX][NAME_BYTES];
	} own = { .columns = a->columns[a->me] }, peer;
	int rc;

	memcpy(own.name, a->name[a->me], sizeof(own.name));
	TRY(chan_exchange(op_chan(a->j->ctx), &own, sizeof(own), &peer, sizeof(peer)));
	if (peer.columns > COLUMNS_MAX)
		return errmsg_set(op_errmsg(a->j->ctx), ERR_PEER, "PEER_PROTOCOL", "the other party sums more columns than there can be");
	a->columns[1 - a->me] = (unsigned)peer.columns;
	for (unsigned i = 0; i < COLUMNS_MAX; i++)
		peer.name[i][NAME_BYTES - 1] = '\0';
	memcpy(a->name[1 - a->me], peer.name, sizeof(peer.name));
out:
	return rc;
}

/* --- sums under the matches ---------------------------------------------------------------- */

/* party_a is the receiver of the circuit PSI; party_b's columns are its payload. */
static int match_keys(struct aggregate *a)
{
	uint64_t *payload[COLUMNS_MAX] = { NULL };
	struct cpsi c = { .receiver = 0, .own = a->padded, .peer = (uint32_t)a->j->peer_padded, .item = a->item, .columns = a->columns[1],
			  .payload = (const uint64_t *const *)payload, .em = op_errmsg(a->j->ctx) };
	int rc = ERR_NOMEM;

	a->bins = cpsi_bins(a->me == 0 ? a->padded : (uint32_t)a->j->peer_padded);
	a->item_of = calloc((size_t)a->bins + 1, sizeof(*a->item_of));
	if (!a->item_of)
		return rc;
	for (unsigned k = 0; k < a->columns[1] && a->me == 1; k++) {
		payload[k] = calloc((size_t)a->padded + 1, sizeof(uint64_t));
		if (!payload[k])
			goto out;
		memcpy(payload[k], a->value + (size_t)k * a->n, a->n * sizeof(uint64_t));
	}
	TRY(bvec_new(&a->match, a->bins));
	for (unsigned k = 0; k < a->columns[1]; k++)
		TRY(avec_new(&a->met[k], a->bins, 64, 0));
	TRY(cpsi_run(a->m, &c, &a->match, a->met, a->item_of));
out:
	for (unsigned k = 0; k < COLUMNS_MAX; k++) {
		if (payload[k])
			sodium_memzero(payload[k], a->padded * sizeof(uint64_t));
		free(payload[k]);
	}
	return rc;
}

static int total_of(struct aggregate *a, unsigned at, const struct avec *v)
{
	struct avec to = avec_slice(&a->total, at, 1);

	return avec_sum(&to, v);
}

/* party_a's columns lie in its bins in plain: a selection by the match bit. */
static int add_up(struct aggregate *a)
{
	struct avec v = { 0 }, one = { 0 };
	int rc;

	TRY(avec_new(&v, a->bins, 64, 0));
	TRY(avec_new(&one, a->bins, COUNT_BITS, 0));
	TRY(avec_new(&a->count, 1, COUNT_BITS, 0));
	TRY(avec_new(&a->total, a->columns[0] + a->columns[1], 64, 0));
	for (unsigned k = 0; k < a->columns[0]; k++) {
		memset(v.v, 0, a->bins * sizeof(*v.v));
		for (uint32_t b = 0; b < a->bins && a->me == 0; b++)
			if (a->item_of[b] < a->n)
				v.v[b] = (uint64_t)a->value[(size_t)k * a->n + a->item_of[b]];
		TRY(mpc_mux(a->m, &v, &a->match, &v));
		TRY(total_of(a, k, &v));
	}
	for (unsigned k = 0; k < a->columns[1]; k++)
		TRY(total_of(a, a->columns[0] + k, &a->met[k]));
	TRY(mpc_b2a(a->m, &one, &a->match));
	TRY(avec_sum(&a->count, &one));
out:
	avec_free(&v);
	avec_free(&one);
	return rc;
}

/* Below min_count everything is cleared first; enough says which, and is opened with it. */
static int suppress(struct aggregate *a, struct bvec *enough)
{
	struct avec d = { 0 };
	struct bvec all = { 0 };
	int rc;

	TRY(avec_new(&d, 1, COUNT_BITS, 0));
	TRY(bvec_new(&all, a->total.n));
	avec_add_pub(&d, &a->count, -op_int(a->j->ctx, "min_count"), a->me);
	TRY(mpc_ltz(a->m, enough, &d));
	bvec_not(enough, enough, a->me);
	bvec_trim(enough);
	for (size_t i = 0; i < all.n; i++)
		all.w[i / 64] |= (uint64_t)bits_get(enough->w, 0) << (i % 64);
	TRY(mpc_mux(a->m, &a->count, enough, &a->count));
	TRY(mpc_mux(a->m, &a->total, &all, &a->total));
out:
	avec_free(&d);
	bvec_free(&all);
	return rc;
}

/* --- the result ----------------------------------------------------------------------------- */

static int unwritable(struct aggregate *a)
{
	errmsg_set(op_errmsg(a->j->ctx), ERR_IO, "OUTPUT_UNWRITABLE", "an output file cannot be written");
	errmsg_local(op_errmsg(a->j->ctx), "%s cannot be written: %s", op_output_name(a->j->ctx, "data", 0), strerror(errno));
	return ERR_IO;
}

static int write_header(const struct aggregate *a, struct csv_writer *w)
{
	char label[NAME_BYTES + 16];
	int rc;

	TRY(csv_write_field(w, "count", 5));
	for (int p = 0; p < 2; p++)
		for (unsigned k = 0; k < a->columns[p]; k++) {
			int n = snprintf(label, sizeof(label), "%s.%s", p ? "party_b" : "party_a", a->name[p][k]);

			TRY(csv_write_field(w, label, (size_t)n));
		}
	rc = csv_write_end(w);
out:
	return rc;
}

/* "suppressed" stands for the count, and nothing for the sums. */
static int write_row(const struct aggregate *a, struct csv_writer *w, int enough)
{
	char text[40];
	int rc, n = enough ? snprintf(text, sizeof(text), "%u", (unsigned)a->count.v[0]) : snprintf(text, sizeof(text), "suppressed");

	TRY(csv_write_field(w, text, (size_t)n));
	for (size_t i = 0; i < a->total.n; i++) {
		int64_t v = (int64_t)a->total.v[i];
		uint64_t size = v < 0 ? -(uint64_t)v : (uint64_t)v;

		n = enough ? snprintf(text, sizeof(text), "%s%llu.%06llu", v < 0 ? "-" : "", (unsigned long long)(size / DECIMALS), (unsigned long long)(size % DECIMALS)) : 0;
		for (; n && text[n - 1] == '0'; n--)
			;
		n -= n && text[n - 1] == '.';
		TRY(csv_write_field(w, text, (size_t)n));
	}
	rc = csv_write_end(w);
out:
	return rc;
}

static int write_result(struct aggregate *a, int enough)
{
	struct csv_writer *w = NULL;
	int rc;

	TRY(csv_writer_open(&w, op_output(a->j->ctx, "data", 0), a->j->csv_opts.delimiter));
	TRY(write_header(a, w));
	TRY(write_row(a, w, enough));
	rc = csv_writer_close(w);
	w = NULL;
out:
	csv_writer_free(w);
	return rc ? unwritable(a) : op_result(a->j->ctx, "suppressed", json_boolean(!enough));
}

static int deliver(struct aggregate *a)
{
	struct bvec enough = { 0 };
	int to = a->j->receivers == (PSI_FIRST | PSI_SECOND) ? MPC_BOTH : a->j->receivers == PSI_FIRST ? 0 : 1, rc;

	TRY(bvec_new(&enough, 1));
	TRY(suppress(a, &enough));
	TRY(mpc_reveal_bits(a->m, to, &enough, &enough));
	TRY(mpc_reveal(a->m, to, &a->count, &a->count));
	TRY(mpc_reveal(a->m, to, &a->total, &a->total));
	if (a->j->receives)
		TRY(write_result(a, (int)bits_get(enough.w, 0)));
out:
	bvec_free(&enough);
	return rc;
}

static void aggregate_free(struct aggregate *a)
{
	mpc_free(a->m);
	free(a->key);
	free(a->item);
	free(a->value);
	free(a->item_of);
	bvec_free(&a->match);
	for (unsigned k = 0; k < COLUMNS_MAX; k++)
		avec_free(&a->met[k]);
	avec_free(&a->total);
	avec_free(&a->count);
	free(a);
}

int psi_aggregate(struct psi_job *j)
{
	struct aggregate *a = calloc(1, sizeof(*a));
	struct mpc_conf conf = { .chan = op_chan(j->ctx), .party = !op_is_first(j->ctx), .kind = OT_AUTO, .threads = 1 };
	int rc = ERR_NOMEM;

	if (!a)
		return rc;
	a->j = j;
	a->me = conf.party;
	if (j->padded > CPSI_ITEMS_MAX || j->peer_padded > CPSI_ITEMS_MAX) {
		rc = errmsg_set(op_errmsg(j->ctx), ERR_INPUT, "TOO_MANY_ROWS", "output: count and sum take at most %u rows", CPSI_ITEMS_MAX);
		goto out;
	}
	TRY(make_items(a));
	TRY(own_columns(a));
	TRY(exchange_columns(a));
	op_progress(j->ctx, 0.3, "match");
	TRY(mpc_new(&a->m, &conf, op_errmsg(j->ctx)));
	TRY(match_keys(a));
	op_progress(j->ctx, 0.9, "sum");
	TRY(add_up(a));
	TRY(deliver(a));
	TRY(op_result(j->ctx, "rows", json_integer((json_int_t)j->rows)));
	TRY(op_result(j->ctx, "peer_rows", json_integer((json_int_t)j->peer_padded)));
out:
	rc = lost(a, rc);
	aggregate_free(a);
	return rc;
}
