#include "psi/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_SHOWN 5

static int no_memory(struct errmsg *em)
{
	return errmsg_set(em, ERR_NOMEM, "NO_MEMORY", "not enough memory for the keys of an input file");
}

static int changed(const struct psi_keys *k, struct errmsg *em)
{
	errmsg_set(em, ERR_INPUT, "INPUT_CHANGED", "an input file was changed while it was read");
	errmsg_local(em, "%s was changed while it was read", csv_name(k->csv));
	return ERR_INPUT;
}

int psi_keys_init(struct psi_keys *k, const struct csv *csv, const json_t *names, struct errmsg *em)
{
	size_t n = json_is_array(names) ? json_array_size(names) : 1;

	k->csv = csv;
	k->column = calloc(n, sizeof(*k->column));
	k->fields = calloc(csv_columns(csv), sizeof(*k->fields));
	if (!k->column || !k->fields)
		return no_memory(em);
	for (size_t i = 0; i < n; i++) {
		const json_t *name = json_is_array(names) ? json_array_get(names, i) : names;
		int rc = csv_find(csv, json_string_value(name), &k->column[i], em);

		if (rc)
			return rc;
	}
	k->columns = n;
	return 0;
}

void psi_keys_fini(struct psi_keys *k)
{
	free(k->column);
	free(k->fields);
	buf_free(&k->text);
	memset(k, 0, sizeof(*k));
}

/* The text of key column i of the row in k->fields: in place, unless quotes must be undone. */
static int field_text(struct psi_keys *k, size_t i, const char **data, size_t *len)
{
	const struct csv_field *f = &k->fields[k->column[i]];
	int rc;

	*data = f->data;
	*len = f->len;
	if (!f->quoted || !f->len)
		return 0;
	buf_clear(&k->text);
	rc = csv_field_text(f, &k->text);
	*data = k->text.data;
	*len = k->text.len;
	return rc;
}

static void hash_len(crypto_generichash_state *st, uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	crypto_generichash_update(st, b, sizeof(b));
}

static int digest_row(struct psi_keys *k, uint8_t out[GROUP_HASH_BYTES])
{
	static const char domain[] = "petplatform psi item, version 1";
	crypto_generichash_state st;
	int rc;

	crypto_generichash_init(&st, NULL, 0, GROUP_HASH_BYTES);
	crypto_generichash_update(&st, (const uint8_t *)domain, sizeof(domain));
	hash_len(&st, k->columns);
	for (size_t i = 0; i < k->columns; i++) {
		const char *data;
		size_t len;

		rc = field_text(k, i, &data, &len);
		if (rc)
			return rc;
		hash_len(&st, len);
		crypto_generichash_update(&st, (const uint8_t *)data, len);
	}
	crypto_generichash_final(&st, out, GROUP_HASH_BYTES);
	sodium_memzero(&st, sizeof(st));
	return 0;
}

int psi_keys_digests(struct psi_keys *k, uint8_t (*out)[GROUP_HASH_BYTES], struct errmsg *em)
{
	for (uint64_t row = 0; row < csv_rows(k->csv); row++) {
		if (csv_row(k->csv, row, k->fields) != 0)
			return changed(k, em);
		if (digest_row(k, out[row]) != 0)
			return no_memory(em);
	}
	return 0;
}

/* Rows a < b have the same key. */
struct pair {
	uint32_t a, b;
};

static int report(const struct psi_keys *k, const struct pair *pairs, uint64_t count, struct errmsg *em)
{
	char text[400];
	size_t used = 0;

	text[0] = '\0';
	for (uint64_t i = 0; i < count && i < PAIRS_SHOWN; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%slines %llu and %llu", i ? ", " : "",
					 (unsigned long long)csv_line(k->csv, pairs[i].a),
					 (unsigned long long)csv_line(k->csv, pairs[i].b));
	errmsg_set(em, ERR_INPUT, "DUPLICATE_KEYS", "duplicate keys in the key column(s)");
	errmsg_local(em, "%.80s: %llu row%s repeat%s the key of an earlier row: %s%s; each key may stand once",
		     csv_name(k->csv), (unsigned long long)count, count == 1 ? "" : "s", count == 1 ? "s" : "",
		     text, count > PAIRS_SHOWN ? ", ..." : "");
	return ERR_INPUT;
}

int psi_keys_distinct(const struct psi_keys *k, const uint8_t (*digest)[GROUP_HASH_BYTES], struct errmsg *em)
{
	uint64_t rows = csv_rows(k->csv), mask = 1, found = 0;
	struct pair pairs[PAIRS_SHOWN];
	uint32_t *table;

	while (mask < 2 * rows)
		mask *= 2;
	table = calloc(mask, sizeof(*table));
	if (!table)
		return no_memory(em);
	mask--;
	/* Open addressing; the digest is its own hash. */
	for (uint32_t i = 0; i < rows; i++) {
		uint64_t s;

		memcpy(&s, digest[i], sizeof(s));
		s &= mask;
		while (table[s] && memcmp(digest[table[s] - 1], digest[i], GROUP_HASH_BYTES) != 0)
			s = (s + 1) & mask;
		if (!table[s]) {
			table[s] = i + 1;
			continue;
		}
		if (found < PAIRS_SHOWN)
			pairs[found] = (struct pair){ table[s] - 1, i };
		found++;
	}
	free(table);
	return found ? report(k, pairs, found, em) : 0;
}

/*
 * The sort key of a row: its fields, each ended by a NUL, which no field holds.
 * Bytewise order of these strings is the order that psi_keys_order promises.
 */
struct sort_key {
	const char *text;	/* set once the arena has stopped growing */
	size_t start, len;
	uint32_t row;
};

static int add_sort_key(struct psi_keys *k, uint32_t row, struct buf *arena, struct sort_key *out)
{
	int rc;

	out->row = row;
	out->start = arena->len;
	if (csv_row(k->csv, row, k->fields) != 0)
		return ERR_INPUT;
	for (size_t i = 0; i < k->columns; i++) {
		const char *data;
		size_t len;

		rc = field_text(k, i, &data, &len);
		if (rc == 0)
			rc = buf_add(arena, data, len);
		if (rc == 0)
			rc = buf_add(arena, "", 1);
		if (rc)
			return rc;
	}
	out->len = arena->len - out->start;
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct sort_key *a = pa, *b = pb;
	int c = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

	return c ? c : a->len < b->len ? -1 : a->len > b->len;
}

int psi_keys_order(struct psi_keys *k, const uint8_t *marked, uint32_t count, uint32_t *rows, struct errmsg *em)
{
	struct sort_key *keys = calloc((size_t)count + 1, sizeof(*keys));
	struct buf arena = { 0 };
	uint32_t n = 0;
	int rc = ERR_NOMEM;

	if (!keys)
		goto out;
	for (uint32_t row = 0; row < csv_rows(k->csv) && n < count; row++) {
		if (marked[row])
			TRY(add_sort_key(k, row, &arena, &keys[n++]));
	}
	for (uint32_t i = 0; i < n; i++)
		keys[i].text = arena.data + keys[i].start;
	qsort(keys, n, sizeof(*keys), compare);
	for (uint32_t i = 0; i < n; i++)
		rows[i] = keys[i].row;
	rc = n == count ? 0 : ERR_INTERNAL;
out:
	if (rc == ERR_NOMEM)
		no_memory(em);
	else if (rc == ERR_INPUT)
		changed(k, em);
	free(keys);
	buf_free(&arena);
	return rc;
}
