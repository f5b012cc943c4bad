/* The part of a query that needs both parties. */
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mpc/cmp.h"
#include "mpc/cpsi.h"
#include "mpc/hist.h"
#include "mpc/mul.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "sql/sql.h"
#include "table/csv.h"

#define MAGIC UINT64_C(0x31304e494f4a5153)	/* "SQJOIN01" */
#define COUNT_BITS 32

struct hello {
	uint64_t magic, rows, beta, threads;
	uint8_t share[32];
};

_Static_assert(sizeof(struct hello) == 64, "nothing but the fields goes out");

struct join {
	struct op_ctx *ctx;
	struct errmsg *em;
	const struct sql_plan *p;
	const struct sql_schema *s;
	const struct sql_rows *r;
	struct mpc *m;
	int me, receiver;		/* receiver: of the circuit PSI, the party that is grouped by */
	uint32_t peer_rows, bins;
	unsigned beta;
	uint8_t key[32];
	/* at the receiver */
	uint32_t *slot_of;		/* a row's group */
	uint64_t *slot_value;		/* 2^beta · groups · 4 words */
	uint32_t *item_of;
	/* shares */
	struct bvec match;
	struct avec value[SQL_TERMS_MAX], sum[SQL_ITEMS_MAX], group_sum[SQL_ITEMS_MAX], count;
};

static int lost(struct join *j, int rc)
{
	if (rc == 0 || j->em->code[0])
		return rc;
	if (rc == ERR_NOMEM)
		return errmsg_set(j->em, rc, "NO_MEMORY", "not enough memory for the join");
	return errmsg_set(j->em, rc, rc == ERR_PEER ? "PEER_LOST" : "ENGINE", "%s", j->m && mpc_error(j->m)[0] ? mpc_error(j->m) : chan_error(op_chan(j->ctx)));
}

/* --- groups and keys, at their owner ------------------------------------------------------- */

static _Thread_local const struct sql_rows *sorting;

static int by_group(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return memcmp(sorting->group + (size_t)x * sorting->groups * 4, sorting->group + (size_t)y * sorting->groups * 4,
		      (size_t)sorting->groups * 4 * sizeof(uint64_t));
}

static int by_key(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	size_t n = sorting->key_len[x] < sorting->key_len[y] ? sorting->key_len[x] : sorting->key_len[y];
	const char *p = sorting->key[x], *q = sorting->key[y];
	int c = memcmp(p, q, n);

	return c ? c : sorting->key_len[x] < sorting->key_len[y] ? -1 : sorting->key_len[x] > sorting->key_len[y];
}

static int check_keys(struct join *j, uint32_t *order)
{
	qsort(order, j->r->n, sizeof(*order), by_key);
	for (uint32_t i = 1; i < j->r->n; i++)
		if (by_key(&order[i - 1], &order[i]) == 0)
			return errmsg_set(j->em, ERR_INPUT, "MANY_TO_MANY", "a join key stands in several groups of the party whose columns are grouped by: config.join: \"merge\" takes such tables");
	return 0;
}

/* Distinct groups get slots in random order, so that places say nothing. */
static int assign_slots(struct join *j, uint32_t *order)
{
	uint32_t groups = 0, slots, shuffled[SQL_BINS_MAX];
	size_t words = (size_t)j->r->groups * 4;

	qsort(order, j->r->n, sizeof(*order), by_group);
	for (uint32_t i = 0; i < j->r->n; i++) {
		groups += i == 0 || by_group(&order[i - 1], &order[i]) != 0;
		j->slot_of[order[i]] = groups - 1;
	}
	if (groups > SQL_BINS_MAX)
		return errmsg_set(j->em, ERR_INPUT, "TOO_MANY_GROUPS", "there are more than %u groups: that is not supported yet", SQL_BINS_MAX);
	for (j->beta = HIST_BETA_MIN; 1u << j->beta < groups; j->beta++)
		;
	slots = 1u << j->beta;
	for (uint32_t i = 0; i < slots; i++)
		shuffled[i] = i;
	for (uint32_t i = slots; i > 1 && j->r->groups; i--) {
		uint32_t k = randombytes_uniform(i), t = shuffled[i - 1];

		shuffled[i - 1] = shuffled[k];
		shuffled[k] = t;
	}
	j->slot_value = calloc(slots * words + 1, sizeof(*j->slot_value));
	if (!j->slot_value)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < j->r->n; i++) {
		j->slot_of[i] = shuffled[j->slot_of[i]];
		if (words)
			memcpy(j->slot_value + j->slot_of[i] * words, j->r->group + i * words, words * sizeof(uint64_t));
	}
	return 0;
}

static int prepare(struct join *j)
{
	uint32_t *order = calloc((size_t)j->r->n + 1, sizeof(*order));
	int rc = ERR_NOMEM;

	j->slot_of = calloc((size_t)j->r->n + 1, sizeof(*j->slot_of));
	if (!order || !j->slot_of)
		goto out;
	sorting = j->r;
	for (uint32_t i = 0; i < j->r->n; i++)
		order[i] = i;
	rc = j->me == j->receiver ? check_keys(j, order) : 0;
	if (!rc && j->me == j->receiver)
		rc = assign_slots(j, order);
out:
	free(order);
	return rc;
}

/* --- agreement -------------------------------------------------------------------------------- */

/* |factor| so small that no sum of products leaves the ring. */
static int check_factors(struct join *j)
{
	uint32_t rows = j->r->table_rows > j->peer_rows ? j->r->table_rows : j->peer_rows;
	unsigned log = 1, limit;

	while (rows >> log)
		log++;
	limit = (127 - 1 - 2 * SQL_SCALE - log - 6) / 2;	/* 6: terms of a sum */
	for (size_t i = 0; i < (size_t)j->r->n * j->r->terms; i++) {
		__int128 f = j->r->factor[i] < 0 ? -j->r->factor[i] : j->r->factor[i];

		if (f >> (limit + SQL_SCALE))
			return errmsg_set(j->em, ERR_INPUT, "OUT_OF_RANGE", "an expression of a party is 2^%u or more in some row: the sum could overflow", limit);
	}
	return 0;
}

static int meet(struct join *j)
{
	struct hello own = { .magic = MAGIC, .rows = j->r->table_rows, .beta = j->beta, .threads = (uint64_t)op_threads(j->ctx) }, peer;
	static const char domain[] = "petplatform sql keys, version 1";
	crypto_generichash_state st;
	int rc;

	util_random(own.share, sizeof(own.share));
	rc = chan_exchange(op_chan(j->ctx), &own, sizeof(own), &peer, sizeof(peer));
	if (rc)
		return rc;
	if (peer.magic != MAGIC || peer.rows > CPSI_ITEMS_MAX || peer.threads < 1)
		return errmsg_set(j->em, ERR_PEER, "PEER_PROTOCOL", "the other party does not speak op-sql, version 1");
	if (j->me != j->receiver)
		j->beta = (unsigned)peer.beta;
	if (j->beta < HIST_BETA_MIN || j->beta > HIST_BETA_MAX)
		return errmsg_set(j->em, ERR_PEER, "PEER_PROTOCOL", "the other party says a number of groups that there cannot be");
	j->peer_rows = (uint32_t)peer.rows;
	crypto_generichash_init(&st, NULL, 0, sizeof(j->key));
	crypto_generichash_update(&st, (const uint8_t *)domain, sizeof(domain));
	crypto_generichash_update(&st, j->me == 0 ? own.share : peer.share, 32);
	crypto_generichash_update(&st, j->me == 0 ? peer.share : own.share, 32);
	crypto_generichash_final(&st, j->key, sizeof(j->key));
	j->bins = cpsi_bins(j->me == j->receiver ? j->r->table_rows : j->peer_rows);
	return check_factors(j);
}

/* --- the join ------------------------------------------------------------------------------------ */

/* Hashes of the keys, and random ones up to the size of the table, so that what a filter leaves stays secret. */
static struct block *make_items(const struct join *j)
{
	struct block *item = calloc((size_t)j->r->table_rows + 1, sizeof(*item));

	for (uint32_t i = 0; item && i < j->r->n; i++)
		crypto_generichash((uint8_t *)&item[i], sizeof(*item), (const uint8_t *)j->r->key[i], j->r->key_len[i], j->key, sizeof(j->key));
	if (item)
		util_random(item + j->r->n, (j->r->table_rows - j->r->n) * sizeof(*item));
	return item;
}

/* The other party's factors, two words each; dummies have 0. */
static int make_payload(const struct join *j, uint64_t *payload[SQL_TERMS_MAX])
{
	for (unsigned t = 0; t < j->p->terms; t++) {
		payload[t] = calloc((size_t)j->r->table_rows + 1, 2 * sizeof(uint64_t));
		if (!payload[t])
			return ERR_NOMEM;
		for (uint32_t i = 0; i < j->r->n; i++)
			memcpy(payload[t] + 2 * i, &j->r->factor[(size_t)i * j->p->terms + t], 16);
	}
	return 0;
}

static int match_keys(struct join *j)
{
	struct block *item = make_items(j);
	uint64_t *payload[SQL_TERMS_MAX] = { NULL };
	struct cpsi c = { .receiver = j->receiver, .own = j->r->table_rows, .peer = j->peer_rows, .item = item, .columns = j->p->terms, .wide = 1,
			  .payload = (const uint64_t *const *)payload, .em = j->em };
	int rc = ERR_NOMEM;

	j->item_of = calloc((size_t)j->bins + 1, sizeof(*j->item_of));
	if (!item || !j->item_of)
		goto out;
	TRY(j->me == j->receiver ? 0 : make_payload(j, payload));
	TRY(bvec_new(&j->match, j->bins));
	for (unsigned t = 0; t < j->p->terms; t++)
		TRY(avec_new(&j->value[t], j->bins, AVEC_BITS_WIDE, 0));
	TRY(cpsi_run(j->m, &c, &j->match, j->value, j->item_of));
out:
	for (unsigned t = 0; t < j->p->terms; t++) {
		if (payload[t])
			sodium_memzero(payload[t], (size_t)j->r->table_rows * 2 * sizeof(uint64_t));
		free(payload[t]);
	}
	free(item);
	return rc;
}

/* Times the receiver's factor of the row in each bin. */
static int multiply(struct join *j)
{
	struct avec own = { 0 };
	int rc;

	TRY(avec_new(&own, j->bins, AVEC_BITS_WIDE, 0));
	for (unsigned t = 0; t < j->p->terms; t++) {
		for (uint32_t b = 0; b < j->bins && j->me == j->receiver; b++) {
			__int128 f = j->item_of[b] < j->r->n ? j->r->factor[(size_t)j->item_of[b] * j->p->terms + t] : 0;

			memcpy(own.v + 2 * b, &f, sizeof(f));
		}
		TRY(mpc_mul_priv(j->m, j->receiver, &j->value[t], &own, &j->value[t]));
		op_progress(j->ctx, 0.4 + 0.4 * (t + 1) / j->p->terms, "products");
	}
out:
	avec_free(&own);
	return rc;
}

/* The terms of each sum, added up. */
static int add_terms(struct join *j)
{
	int rc = 0;

	for (unsigned i = 0; i < j->p->items; i++) {
		const struct sql_item *item = &j->p->item[i];

		if (item->kind != SQL_SUM)
			continue;
		TRY(avec_new(&j->sum[i], j->bins, AVEC_BITS_WIDE, 0));
		for (unsigned t = 0; t < item->count; t++)
			TRY(avec_add(&j->sum[i], &j->sum[i], &j->value[item->first + t]));
	}
out:
	return rc;
}

/* By group: the sums, and how many keys met. */
static int group(struct join *j)
{
	uint8_t *bin = calloc((size_t)j->bins + 1, 1);
	struct hist_conf conf = { .owner = j->receiver, .rows = j->bins, .features = 1, .beta = j->beta, .threads = 1, .bin = bin };
	struct avec one = { 0 }, *out[SQL_ITEMS_MAX], *count = &j->count;
	const struct avec *in[SQL_ITEMS_MAX], *ones = &one;
	struct hist *h = NULL;
	unsigned n = 0;
	int rc = ERR_NOMEM;

	if (!bin)
		goto out;
	for (uint32_t b = 0; b < j->bins && j->me == j->receiver; b++)
		bin[b] = j->item_of[b] < j->r->n ? (uint8_t)j->slot_of[j->item_of[b]] : 0;
	TRY(hist_new(&h, j->m, &conf));
	for (unsigned i = 0; i < j->p->items; i++) {
		if (j->p->item[i].kind != SQL_SUM)
			continue;
		TRY(avec_new(&j->group_sum[i], (size_t)1 << j->beta, AVEC_BITS_WIDE, 0));
		in[n] = &j->sum[i];
		out[n++] = &j->group_sum[i];
	}
	TRY(hist_add(h, out, in, n));
	TRY(avec_new(&one, j->bins, COUNT_BITS, 0));
	TRY(avec_new(&j->count, (size_t)1 << j->beta, COUNT_BITS, 0));
	TRY(mpc_b2a(j->m, &one, &j->match));
	TRY(hist_add(h, &count, &ones, 1));
out:
	hist_free(h);
	avec_free(&one);
	free(bin);
	return rc;
}

/* --- the result ------------------------------------------------------------------------------------ */

struct result {
	struct bvec valid;
	struct avec words;		/* of the groups' values: slot after slot */
	uint32_t slots;
};

/* Groups in which nothing met are cleared before anything is opened. A query without GROUP BY has one group, that counts in any case. */
static int clear_empty(struct join *j, struct result *r)
{
	size_t words = (size_t)j->p->groups * 4;
	struct bvec sel = { 0 };
	int rc;

	r->slots = 1u << j->beta;
	TRY(bvec_new(&r->valid, r->slots));
	TRY(mpc_eqz(j->m, &r->valid, &j->count));
	bvec_not(&r->valid, &r->valid, j->me);
	bvec_trim(&r->valid);
	for (unsigned i = 0; i < j->p->items; i++)
		if (j->p->item[i].kind == SQL_SUM)
			TRY(mpc_mux(j->m, &j->group_sum[i], &r->valid, &j->group_sum[i]));
	TRY(avec_new(&r->words, r->slots * words, 64, 0));
	TRY(bvec_new(&sel, r->slots * words));
	if (j->me == j->receiver)
		memcpy(r->words.v, j->slot_value, r->slots * words * sizeof(uint64_t));
	for (size_t i = 0; i < r->slots * words; i++)
		sel.w[i / 64] |= (uint64_t)bits_get(r->valid.w, i / words) << (i % 64);
	TRY(mpc_mux(j->m, &r->words, &sel, &r->words));
out:
	bvec_free(&sel);
	return rc;
}

static int reveal(struct join *j, struct result *r)
{
	int to = j->s->reveal_to, rc;

	TRY(mpc_reveal_bits(j->m, to, &r->valid, &r->valid));
	TRY(mpc_reveal(j->m, to, &r->words, &r->words));
	for (unsigned i = 0; i < j->p->items; i++)
		if (j->p->item[i].kind == SQL_SUM)
			TRY(mpc_reveal(j->m, to, &j->group_sum[i], &j->group_sum[i]));
out:
	return rc;
}

static void print_sum(const struct avec *sum, uint32_t slot, int integer, char out[64])
{
	__int128 v = (__int128)((unsigned __int128)sum->v[2 * slot + 1] << 64 | sum->v[2 * slot]), whole = v >> 2 * SQL_SCALE;
	double d = (double)(int64_t)whole + ldexp((double)(uint64_t)(v - (whole << 2 * SQL_SCALE)), -2 * SQL_SCALE);

	if (integer) {
		snprintf(out, 64, "%lld", (long long)(int64_t)whole);
		return;
	}
	/* six decimals are what factors of 24 bits give; none that say nothing */
	snprintf(out, 64, "%.6f", d);
	for (size_t n = strlen(out); n && (out[n - 1] == '0' || out[n - 1] == '.'); n--) {
		int point = out[n - 1] == '.';

		out[n - 1] = '\0';
		if (point)
			break;
	}
	if (strcmp(out, "-0") == 0)
		memcpy(out, "0", 2);
}

static int print_group(const struct join *j, const struct result *r, uint32_t slot, unsigned column, char out[64])
{
	const uint64_t *w = r->words.v + ((size_t)slot * j->p->groups + column) * 4;
	double d;

	if (j->p->group_type[column] == SQL_CHAR)
		return snprintf(out, 64, "%.*s", (int)SQL_TEXT_MAX, (const char *)w);
	if (j->p->group_type[column] != SQL_DOUBLE)
		return snprintf(out, 64, "%lld", (long long)w[0]);
	memcpy(&d, w, sizeof(d));
	return snprintf(out, 64, "%.15g", d);
}

/* Rows in the order of their groups' values. */
struct order {
	const struct join *j;
	const struct result *r;
};

static _Thread_local struct order ordering;

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	for (unsigned i = 0; i < ordering.j->p->groups; i++) {
		const uint64_t *p = ordering.r->words.v + ((size_t)x * ordering.j->p->groups + i) * 4, *q = ordering.r->words.v + ((size_t)y * ordering.j->p->groups + i) * 4;
		double dp, dq;

		switch (ordering.j->p->group_type[i]) {
		case SQL_CHAR:
			if (memcmp(p, q, SQL_TEXT_MAX) != 0)
				return memcmp(p, q, SQL_TEXT_MAX);
			break;
		case SQL_DOUBLE:
			memcpy(&dp, p, sizeof(dp));
			memcpy(&dq, q, sizeof(dq));
			if (dp != dq)
				return dp < dq ? -1 : 1;
			break;
		default:
			if (p[0] != q[0])
				return (int64_t)p[0] < (int64_t)q[0] ? -1 : 1;
		}
	}
	return 0;
}

static int write_row(const struct join *j, const struct result *r, struct csv_writer *w, uint32_t slot)
{
	char text[64];
	int rc = 0;

	for (unsigned i = 0; i < j->p->items; i++) {
		const struct sql_item *item = &j->p->item[i];

		if (item->kind == SQL_GROUP)
			(void)print_group(j, r, slot, item->first, text);
		else
			print_sum(&j->group_sum[i], slot, item->integer, text);
		TRY(csv_write_field(w, text, strlen(text)));
	}
	rc = csv_write_end(w);
out:
	return rc;
}

static int write_result(struct join *j, const struct result *r, uint32_t *rows)
{
	uint32_t slot[SQL_BINS_MAX], n = 0;
	struct csv_writer *w = NULL;
	int rc;

	for (uint32_t i = 0; i < r->slots; i++)
		if (j->p->groups ? bits_get(r->valid.w, i) : i == 0)
			slot[n++] = i;
	ordering = (struct order){ j, r };
	qsort(slot, n, sizeof(*slot), by_value);
	TRY(csv_writer_open(&w, op_output(j->ctx, "data", 0), 0));
	for (unsigned i = 0; i < j->p->items; i++)
		TRY(csv_write_field(w, j->p->item[i].name, strlen(j->p->item[i].name)));
	TRY(csv_write_end(w));
	for (uint32_t i = 0; i < n; i++)
		TRY(write_row(j, r, w, slot[i]));
	rc = csv_writer_close(w);
	w = NULL;
	*rows = n;
out:
	csv_writer_free(w);
	return rc ? errmsg_set(j->em, ERR_IO, "OUTPUT_UNWRITABLE", "an output file cannot be written") : 0;
}

static int finish(struct join *j)
{
	struct result r = { .slots = 0 };
	int sees = j->s->reveal_to == 2 || j->s->reveal_to == j->me, rc;
	uint32_t rows = 0;

	TRY(clear_empty(j, &r));
	TRY(reveal(j, &r));
	op_progress(j->ctx, 0.95, "write");
	if (sees)
		TRY(write_result(j, &r, &rows));
	TRY(op_result(j->ctx, "table_rows", json_integer(j->r->table_rows)));
	if (sees)
		TRY(op_result(j->ctx, "rows_out", json_integer(rows)));
out:
	bvec_free(&r.valid);
	avec_free(&r.words);
	return rc;
}

static void join_free(struct join *j)
{
	mpc_free(j->m);
	free(j->slot_of);
	free(j->slot_value);
	free(j->item_of);
	bvec_free(&j->match);
	for (unsigned i = 0; i < SQL_TERMS_MAX; i++)
		avec_free(&j->value[i]);
	for (unsigned i = 0; i < SQL_ITEMS_MAX; i++) {
		avec_free(&j->sum[i]);
		avec_free(&j->group_sum[i]);
	}
	avec_free(&j->count);
	sodium_memzero(j->key, sizeof(j->key));
}

int sql_join(struct op_ctx *ctx, const struct sql_plan *p, const struct sql_schema *s, const struct sql_rows *r)
{
	struct join j = { .ctx = ctx, .em = op_errmsg(ctx), .p = p, .s = s, .r = r, .me = !op_is_first(ctx), .receiver = p->grouper };
	struct mpc_conf conf = { .chan = op_chan(ctx), .party = j.me, .kind = OT_AUTO, .threads = 1 };
	int rc;

	TRY(prepare(&j));
	TRY(meet(&j));
	TRY(mpc_new(&j.m, &conf, j.em));
	op_progress(ctx, 0.2, "join");
	TRY(match_keys(&j));
	TRY(multiply(&j));
	TRY(add_terms(&j));
	op_progress(ctx, 0.85, "group");
	TRY(group(&j));
	TRY(finish(&j));
out:
	rc = lost(&j, rc);
	join_free(&j);
	return rc;
}
