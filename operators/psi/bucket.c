/* One bucket: its distinct keys, the protocol on them, and the rows that the result speaks of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "psi/job.h"

#define PAIRS_SHOWN 5

/* Rows a < b have the same key. */
struct pair {
	uint32_t a, b;
};

struct bucket {
	struct psi_job *j;
	struct psi_found *found;
	struct errmsg *em;
	uint8_t (*items)[PSI_ITEM_BYTES];	/* the distinct digests, zeros behind them */
	uint32_t *first;		/* the row in which each stands first */
	uint64_t *table;		/* open addressing: a part of the digest << 32 | item + 1 */
	uint64_t mask;
	uint32_t count;
	uint64_t repeats;		/* rows beyond the first of a key */
	struct pair pairs[PAIRS_SHOWN];
	const uint8_t *matched;		/* of the items, once the protocol has run */
};

void psi_found_free(struct psi_found *f)
{
	free(f->matched);
	free(f->dropped);
	memset(f, 0, sizeof(*f));
}

static int push(uint32_t **list, size_t *count, size_t *cap, uint32_t row)
{
	if (*count == *cap) {
		size_t n = *cap ? *cap * 2 : 1024;
		uint32_t *p = reallocarray(*list, n, sizeof(*p));

		if (!p)
			return ERR_NOMEM;
		*list = p;
		*cap = n;
	}
	(*list)[(*count)++] = row;
	return 0;
}

static int push_matched(struct psi_found *f, uint32_t row)
{
	return push(&f->matched, &f->matched_count, &f->matched_cap, row);
}

/* Several workers share a word of the bits. */
static void set_bits(uint64_t *bits, const uint32_t *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		__atomic_fetch_or(&bits[rows[i] / 64], (uint64_t)1 << (rows[i] % 64), __ATOMIC_RELAXED);
}

void psi_found_apply(struct psi_job *j, const struct psi_found *f)
{
	set_bits(j->matched, f->matched, f->matched_count);
	set_bits(j->dropped, f->dropped, f->dropped_count);
	j->matches += f->matches;
}

/* --- distinct keys --------------------------------------------------------------------- */

static int allocate(struct bucket *b)
{
	uint64_t keys = b->j->capacity < b->j->rows ? b->j->capacity : b->j->rows, size = 2;

	while (size < keys + keys / 2)
		size *= 2;
	b->items = calloc(keys + 1, sizeof(*b->items));
	b->first = calloc(keys + 1, sizeof(*b->first));
	b->table = calloc(size, sizeof(*b->table));
	b->mask = size - 1;
	return b->items && b->first && b->table ? 0 : ERR_NOMEM;
}

/* The slot where the digest's item stands, or where it would. The first bytes chose the bucket: others choose the slot. */
static uint64_t *find(const struct bucket *b, const uint8_t *digest)
{
	uint64_t h, s;

	memcpy(&h, digest + 8, sizeof(h));
	for (s = h & b->mask; b->table[s]; s = (s + 1) & b->mask) {
		if (b->table[s] >> 32 == h >> 32 &&
		    memcmp(b->items[(uint32_t)b->table[s] - 1], digest, PSI_DIGEST_BYTES) == 0)
			break;
	}
	return &b->table[s];
}

static int repeated(struct bucket *b, uint32_t item, uint32_t row)
{
	if (b->repeats < PAIRS_SHOWN)
		b->pairs[b->repeats] = (struct pair){ b->first[item], row };
	b->repeats++;
	if (b->j->duplicates != PSI_DUP_FIRST)
		return 0;
	return push(&b->found->dropped, &b->found->dropped_count, &b->found->dropped_cap, row);
}

static int add_record(void *arg, const struct psi_record *r)
{
	struct bucket *b = arg;
	uint64_t *slot = find(b, r->digest), h;

	if (*slot)
		return repeated(b, (uint32_t)*slot - 1, r->row);
	if (b->count == b->j->capacity)
		return errmsg_set(b->em, ERR_BUSY, "BUCKET_FULL",
				  "a bucket has more keys than its public bound, which happens once in 2^40 runs: the next attempt will pass");
	memcpy(&h, r->digest + 8, sizeof(h));
	memcpy(b->items[b->count], r->digest, PSI_DIGEST_BYTES);
	b->first[b->count++] = r->row;
	*slot = h >> 32 << 32 | b->count;
	return 0;
}

/* --- repeated keys, when they are an error ------------------------------------------------- */

/* The lines of rows: nobody kept them, so the file is read again up to the last one. */
static int find_lines(struct psi_job *j, const uint32_t *rows, unsigned count, uint64_t *lines)
{
	struct csv *c = NULL;
	struct errmsg em = { 0 };
	unsigned left = count;
	int rc = csv_stream(&c, op_input(j->ctx, "data", 0), "", &j->csv_opts, &em);

	while (rc == 0 && left && (rc = csv_next(c, &em)) == 0 && csv_rows(c)) {
		for (unsigned i = 0; i < count; i++) {
			if (rows[i] < csv_first(c) || rows[i] - csv_first(c) >= csv_rows(c))
				continue;
			lines[i] = csv_line(c, rows[i] - csv_first(c));
			left--;
		}
	}
	csv_free(c);
	return rc;
}

static int refuse_repeats(const struct bucket *b)
{
	unsigned shown = b->repeats < PAIRS_SHOWN ? (unsigned)b->repeats : PAIRS_SHOWN;
	uint64_t lines[2 * PAIRS_SHOWN] = { 0 };
	uint32_t rows[2 * PAIRS_SHOWN];
	char text[300] = "";
	size_t used = 0;

	for (unsigned i = 0; i < shown; i++) {
		rows[2 * i] = b->pairs[i].a;
		rows[2 * i + 1] = b->pairs[i].b;
	}
	if (find_lines(b->j, rows, 2 * shown, lines) != 0)
		return psi_changed(b->j, b->em);
	for (unsigned i = 0; i < shown; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%slines %llu and %llu", i ? ", " : "",
					 (unsigned long long)lines[2 * i], (unsigned long long)lines[2 * i + 1]);
	errmsg_set(b->em, ERR_INPUT, "DUPLICATE_KEYS", "duplicate keys in the key column(s)");
	errmsg_local(b->em, "%.80s: %llu row%s%s repeat%s the key of an earlier row: %s%s; each key may stand once, or set duplicates",
		     op_input_name(b->j->ctx, "data", 0), (unsigned long long)b->repeats, b->repeats == 1 ? "" : "s",
		     b->j->buckets > 1 ? " or more" : "", b->repeats == 1 ? "s" : "", text, b->repeats > PAIRS_SHOWN ? ", ..." : "");
	return ERR_INPUT;
}

/* --- the protocol ---------------------------------------------------------------------------- */

static int run_protocol(struct bucket *b, struct psi_session *s, unsigned number, struct psi_result *out)
{
	struct psi_list l = {
		.items = (const uint8_t (*)[PSI_ITEM_BYTES])b->items,
		.count = b->count,
		.padded = (uint32_t)b->j->capacity,
		.bucket = number + 1,
	};

	return psi_session_run(s, &l, out, b->em);
}

static int add_matched(void *arg, const struct psi_record *r)
{
	struct bucket *b = arg;
	uint64_t *slot = find(b, r->digest);

	return *slot && b->matched[(uint32_t)*slot - 1] ? push_matched(b->found, r->row) : 0;
}

/* Which rows come out: of each common key the first, or all. */
static int collect(struct bucket *b, unsigned number, const struct psi_result *res)
{
	int rc = 0;

	b->found->matches = res->matches;
	b->matched = res->matched;
	if (b->j->duplicates == PSI_DUP_ALL && b->repeats)
		return psi_store_each(&b->j->store, number, b->j->buckets, add_matched, b);
	for (uint32_t i = 0; rc == 0 && i < b->count; i++) {
		if (res->matched[i])
			rc = push_matched(b->found, b->first[i]);
	}
	return rc;
}

int psi_bucket_run(struct psi_job *j, struct psi_session *s, unsigned number, struct psi_found *out, struct errmsg *em)
{
	struct bucket b = { .j = j, .found = out, .em = em };
	struct psi_result res = { 0 };
	int rc;

	memset(out, 0, sizeof(*out));
	TRY(allocate(&b));
	TRY(psi_store_each(&j->store, number, j->buckets, add_record, &b));
	if (j->duplicates == PSI_DUP_ERROR && b.repeats)
		TRY(refuse_repeats(&b));
	TRY(run_protocol(&b, s, number, &res));
	if (j->receives)
		TRY(collect(&b, number, &res));
out:
	psi_result_free(&res);
	free(b.items);
	free(b.first);
	free(b.table);
	return em->code[0] ? rc : psi_disk_error(j, rc, em);
}
