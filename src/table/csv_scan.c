#include "table/csv_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 64	/* blocks whose masks are made at once: they stay in the first-level cache */

uint64_t csv_line_of(const uint8_t *data, size_t offset)
{
	const uint8_t *p = data, *end = data + offset;
	uint64_t line = 1;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		line++;
		p++;
	}
	return line;
}

int csv_error_at(struct errmsg *em, const char *name, const uint8_t *data, size_t offset,
		 const char *fmt, ...)
{
	size_t start = offset;
	char what[256];
	va_list ap;

	while (start && data[start - 1] != '\n')
		start--;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	errmsg_set(em, ERR_INPUT, "INVALID_CSV", "an input file is not a well-formed CSV file with a header");
	errmsg_local(em, "%s, line %llu, column %zu: %s", name,
		     (unsigned long long)csv_line_of(data, offset), offset - start + 1, what);
	return ERR_INPUT;
}

#define FAIL(s, em, offset, ...) csv_error_at(em, (s)->name, (s)->data, offset, __VA_ARGS__)

/* --- rows ------------------------------------------------------------------------ */

static int row_add(struct csv_scan *s, size_t offset)
{
	if (s->count == s->cap) {
		uint64_t cap = s->cap ? s->cap * 2 : 1024;
		uint64_t *rows = reallocarray(s->rows, cap, sizeof(*rows));

		if (!rows)
			return ERR_NOMEM;
		s->rows = rows;
		s->cap = cap;
	}
	s->rows[s->count++] = offset;
	return 0;
}

static int first_row(struct csv_scan *s, size_t start, size_t end, struct errmsg *em)
{
	size_t fields = s->delims + 1;

	if (fields > CSV_COLUMNS_MAX)
		return FAIL(s, em, start, "the %s has %zu columns, at most %d are read",
			    s->opts.no_header ? "first row" : "header", fields, CSV_COLUMNS_MAX);
	s->columns = fields;
	s->header = start;
	s->header_len = s->opts.no_header ? 0 : end - start;
	return s->opts.no_header ? row_add(s, start) : 0;
}

/* The row that began at row_start ends before `end`; the next one begins at `next`. */
static int row_end(struct csv_scan *s, size_t end, size_t next, struct errmsg *em)
{
	size_t start = s->row_start, fields = s->delims + 1;
	int rc;

	s->row_start = next;
	if (end == start) {
		if (!s->blank)
			s->blank_at = start;
		s->blank = 1;
		s->delims = 0;
		return 0;
	}
	if (s->blank)
		return FAIL(s, em, s->blank_at,
			    "an empty line before the last row; in a file of one column an empty value is written \"\"");
	if (fields == s->columns)
		rc = row_add(s, start);
	else if (!s->columns)
		rc = first_row(s, start, end, em);
	else
		rc = FAIL(s, em, start, "the row has %zu field%s, the %s has %zu", fields, fields == 1 ? "" : "s",
			  s->opts.no_header ? "first one" : "header", s->columns);
	s->delims = 0;
	return rc;
}

/* --- text ------------------------------------------------------------------------ */

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static int utf8_byte(struct csv_scan *s, uint8_t c)
{
	if (s->need) {
		if (c < s->low || c > s->high)
			return ERR_INPUT;
		s->need--;
		s->low = 0x80;
		s->high = 0xbf;
		return 0;
	}
	if (c < 0x80)
		return 0;
	if (c < 0xc2 || c > 0xf4)
		return ERR_INPUT;
	s->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	s->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	s->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return 0;
}

static int check_text(struct csv_scan *s, size_t from, size_t n, struct errmsg *em)
{
	for (size_t i = from; i < from + n; i++) {
		if (s->data[i] == 0)
			return FAIL(s, em, i, "a NUL byte; is this a text file in UTF-8?");
		if (utf8_byte(s, s->data[i]) != 0)
			return FAIL(s, em, i, "byte 0x%02x is not valid UTF-8", s->data[i]);
	}
	return 0;
}

/* --- the slow way: byte by byte, to say what is wrong and where -------------------- */

enum state {
	AT_START,	/* of a field */
	PLAIN,		/* inside a bare field */
	QUOTED,		/* inside quotes */
	QUOTE,		/* after a quote inside quotes: the end, or half of a pair */
	CR,		/* after a CR outside quotes: LF must follow */
};

struct slow {
	struct csv_scan *s;
	struct errmsg *em;
	enum state state;
	size_t quote_at;
};

static int slow_after_field(struct slow *w, size_t i, uint8_t c)
{
	if (c == '\r') {
		w->state = CR;
		return 0;
	}
	w->state = AT_START;
	if (c == '\n')
		return row_end(w->s, i, i + 1, w->em);
	w->s->delims++;
	return 0;
}

static int slow_byte(struct slow *w, size_t i, uint8_t c)
{
	int ends = c == (uint8_t)w->s->opts.delimiter || c == '\r' || c == '\n';

	switch (w->state) {
	case AT_START:
	case PLAIN:
		if (ends)
			return slow_after_field(w, i, c);
		if (c == '"' && w->state == PLAIN)
			return FAIL(w->s, w->em, i, "a quote inside a field that does not begin with one");
		if (c == '"')
			w->quote_at = i;
		w->state = c == '"' ? QUOTED : PLAIN;
		return 0;
	case QUOTED:
		if (c == '"')
			w->state = QUOTE;
		return 0;
	case QUOTE:
		if (ends)
			return slow_after_field(w, i, c);
		if (c != '"')
			return FAIL(w->s, w->em, i, "text after the closing quote of a field");
		w->state = QUOTED;
		return 0;
	case CR:
		if (c != '\n')
			return FAIL(w->s, w->em, i - 1, "a carriage return without a line feed; lines end with LF or CRLF");
		w->state = AT_START;
		return row_end(w->s, i - 1, i + 1, w->em);
	}
	return ERR_INTERNAL;
}

/* The masks found something wrong in the row that begins at row_start, or later but before `end`. */
static int explain(struct csv_scan *s, size_t end, struct errmsg *em)
{
	struct slow w = { .s = s, .em = em };
	int rc = 0;

	s->delims = 0;
	for (size_t i = s->row_start; rc == 0 && i < end; i++)
		rc = slow_byte(&w, i, s->data[i]);
	if (rc == 0 && end == s->len && w.state == QUOTED)
		rc = FAIL(s, em, w.quote_at, "the quote that begins this field is never closed");
	if (rc == 0 && end == s->len && w.state == CR)
		rc = FAIL(s, em, end - 1, "a carriage return without a line feed; lines end with LF or CRLF");
	return rc ? rc : ERR_INTERNAL;
}

/* --- the fast way ----------------------------------------------------------------- */

static int end_rows(struct csv_scan *s, size_t from, uint64_t delim, uint64_t lf, struct errmsg *em)
{
	uint64_t rest = ~(uint64_t)0;

	while (lf) {
		unsigned bit = (unsigned)__builtin_ctzll(lf);
		uint64_t below = ((uint64_t)1 << bit) - 1;
		size_t end = from + bit;
		int rc;

		s->delims += (size_t)__builtin_popcountll(delim & rest & below);
		rest = bit == 63 ? 0 : ~below << 1;
		if (end > s->row_start && s->data[end - 1] == '\r')
			end--;
		rc = row_end(s, end, from + bit + 1, em);
		if (rc)
			return rc;
		lf &= lf - 1;
	}
	s->delims += (size_t)__builtin_popcountll(delim & rest);
	return 0;
}

/*
 * n ≤ 64 bytes at `from`, of which m has the masks. A quote that opens must
 * stand at the start of a field or make a pair with the one before it; behind
 * one that closes comes a separator, or the other half of a pair; behind a CR
 * outside quotes comes LF.
 */
static int scan_block(struct csv_scan *s, size_t from, size_t n, const struct csv_masks *m, struct errmsg *em)
{
	uint64_t valid = n == CSV_BLOCK ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
	uint64_t outside = ~m->inside & valid;
	uint64_t delim = m->delim & outside, lf = m->lf & outside, cr = m->cr & outside;
	uint64_t opens = m->quote & m->inside, closes = m->quote & ~m->inside;
	uint64_t start = (delim | lf) << 1 | s->at_start;
	uint64_t after_quote = closes << 1 | s->after_quote, after_cr = cr << 1 | s->after_cr;
	uint64_t bad = (opens & ~(start | after_quote)) | (after_quote & ~(m->quote | delim | lf | cr)) | (after_cr & ~lf);

	if (((m->odd & valid) || s->need) && !s->opts.any_bytes) {
		int rc = check_text(s, from, n, em);

		if (rc)
			return rc;
	}
	if (bad & valid)
		return explain(s, from + n, em);
	s->at_start = (delim | lf) >> (n - 1) & 1;
	s->after_quote = closes >> (n - 1) & 1;
	s->after_cr = cr >> (n - 1) & 1;
	return end_rows(s, from, delim, lf, em);
}

static int scan_end(struct csv_scan *s, struct errmsg *em)
{
	s->done = 1;
	if (s->need)
		return FAIL(s, em, s->len, "the file ends inside a UTF-8 character");
	if (s->inside || s->after_cr)
		return explain(s, s->len, em);
	if (s->row_start < s->len) {
		int rc = row_end(s, s->len, s->len, em);

		if (rc)
			return rc;
	}
	if (!s->columns && !s->opts.no_header)
		return FAIL(s, em, 0, "the file is empty; its first line must name the columns");
	return 0;
}

/* The last bytes, fewer than a block. */
static int scan_tail(struct csv_scan *s, struct errmsg *em)
{
	uint8_t block[CSV_BLOCK] = { 0 };
	size_t n = s->len - s->pos;
	struct csv_masks m;

	if (n == 0)
		return 0;
	memcpy(block, s->data + s->pos, n);
	s->inside = s->masks(&m, block, 1, (uint8_t)s->opts.delimiter, s->inside);
	s->pos = s->len;
	return scan_block(s, s->len - n, n, &m, em);
}

static int scan_batch(struct csv_scan *s, struct errmsg *em)
{
	size_t blocks = (s->len - s->pos) / CSV_BLOCK;
	struct csv_masks m[BATCH];
	int rc = 0;

	if (blocks > BATCH)
		blocks = BATCH;
	s->inside = s->masks(m, s->data + s->pos, blocks, (uint8_t)s->opts.delimiter, s->inside);
	for (size_t i = 0; rc == 0 && i < blocks; i++, s->pos += CSV_BLOCK)
		rc = scan_block(s, s->pos, CSV_BLOCK, &m[i], em);
	return rc;
}

int csv_scan_more(struct csv_scan *s, size_t bytes, struct errmsg *em)
{
	size_t stop = s->len - s->pos < bytes ? s->len : s->pos + bytes;
	int rc = 0;

	s->count = 0;
	while (rc == 0 && s->len - s->pos >= CSV_BLOCK && (s->pos < stop || s->count == 0))
		rc = scan_batch(s, em);
	if (rc == 0 && s->len - s->pos < CSV_BLOCK && !s->done) {
		rc = scan_tail(s, em);
		if (rc == 0)
			rc = scan_end(s, em);
	}
	return rc;
}

void csv_scan_init(struct csv_scan *s, const uint8_t *data, size_t len, const char *name, const struct csv_opts *opts)
{
	memset(s, 0, sizeof(*s));
	s->data = data;
	s->len = len;
	s->name = name;
	s->opts = *opts;
	s->masks = csv_mask_best();
	s->at_start = 1;
	s->pos = s->row_start = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void csv_scan_fini(struct csv_scan *s)
{
	free(s->rows);
	s->rows = NULL;
}
