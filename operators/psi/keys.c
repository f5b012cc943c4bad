#include "psi/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PSI_DIGEST_BYTES == crypto_shorthash_siphashx24_BYTES, "the digest is SipHash's");
_Static_assert(PSI_HASH_KEY_BYTES == crypto_shorthash_siphashx24_KEYBYTES, "and so is the key");

int psi_keys_init(struct psi_keys *k, const struct csv *csv, const json_t *names, const struct psi_norm *norm,
		  struct errmsg *em)
{
	size_t n = json_is_array(names) ? json_array_size(names) : 1;

	k->norm = *norm;
	k->column = calloc(n, sizeof(*k->column));
	k->fields = calloc(csv_columns(csv) + 1, sizeof(*k->fields));
	if (!k->column || !k->fields)
		return errmsg_set(em, ERR_NOMEM, "NO_MEMORY", "not enough memory for the keys of an input file");
	for (size_t i = 0; i < n; i++) {
		const json_t *name = json_is_array(names) ? json_array_get(names, i) : names;
		int rc = csv_find(csv, json_string_value(name), &k->column[i], em);

		if (rc)
			return rc;
		if (k->column[i] >= k->part)
			k->part = k->column[i] + 1;
	}
	k->columns = n;
	return 0;
}

void psi_keys_fini(struct psi_keys *k)
{
	free(k->column);
	free(k->fields);
	buf_free(&k->text);
	buf_free(&k->whole);
	memset(k, 0, sizeof(*k));
}

static int is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **data, size_t *len)
{
	while (*len && is_space(**data)) {
		(*data)++;
		(*len)--;
	}
	while (*len && is_space((*data)[*len - 1]))
		(*len)--;
}

static void fold(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + ('a' - 'A'));
	}
}

/* The text of key column i of the row in k->fields, normalised: in place, unless it must be changed. */
static int field_text(struct psi_keys *k, size_t i, const char **data, size_t *len)
{
	const struct csv_field *f = &k->fields[k->column[i]];
	int rc = 0;

	*data = f->data;
	*len = f->len;
	if (*len && (f->quoted || k->norm.fold_ascii)) {
		buf_clear(&k->text);
		rc = csv_field_text(f, &k->text);
		if (rc)
			return rc;
		*data = k->text.data;
		*len = k->text.len;
	}
	if (k->norm.trim)
		trim(data, len);
	if (k->norm.fold_ascii && *len)
		fold(k->text.data + (*data - k->text.data), *len);
	return rc;
}

static int add_with_length(struct psi_keys *k, const char *data, size_t len)
{
	uint8_t b[8];
	int rc;

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)((uint64_t)len >> (8 * i));
	rc = buf_add(&k->whole, b, sizeof(b));
	return rc ? rc : buf_add(&k->whole, data, len);
}

int psi_keys_digest(struct psi_keys *k, const struct csv *csv, uint64_t row, const uint8_t hash_key[PSI_HASH_KEY_BYTES],
		    uint8_t out[PSI_DIGEST_BYTES])
{
	const char *data = NULL;
	size_t len = 0;
	int rc;

	TRY(csv_row_part(csv, row, k->part, k->fields));
	buf_clear(&k->whole);
	for (size_t i = 0; i < k->columns; i++) {
		TRY(field_text(k, i, &data, &len));
		if (k->columns > 1)
			TRY(add_with_length(k, data, len));
	}
	if (k->columns > 1) {
		data = k->whole.data;
		len = k->whole.len;
	}
	crypto_shorthash_siphashx24(out, (const uint8_t *)data, len, hash_key);
	rc = 0;
out:
	return rc;
}

/* A field ends with two NULs; a NUL inside becomes NUL 0xff, which sorts behind the end and before every other byte. */
static int add_sortable(struct buf *b, const char *data, size_t len)
{
	int rc = 0;

	while (rc == 0 && len) {
		const char *nul = memchr(data, 0, len);
		size_t n = nul ? (size_t)(nul - data) : len;

		rc = buf_add(b, data, n);
		if (rc == 0 && nul)
			rc = buf_add(b, "\0\xff", 2);
		n += nul != NULL;
		data += n;
		len -= n;
	}
	return rc ? rc : buf_add(b, "\0\0", 2);
}

int psi_keys_sortable(struct psi_keys *k, const struct csv *csv, uint64_t row, const char **data, size_t *len)
{
	const char *text;
	size_t n;
	int rc;

	TRY(csv_row_part(csv, row, k->part, k->fields));
	buf_clear(&k->whole);
	for (size_t i = 0; i < k->columns; i++) {
		TRY(field_text(k, i, &text, &n));
		TRY(add_sortable(&k->whole, text, n));
	}
	*data = k->whole.data;
	*len = k->whole.len;
	rc = 0;
out:
	return rc;
}
