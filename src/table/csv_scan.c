#include "table/csv_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "table/csv.h"

#define BLOCK 64

enum state {
	AT_START,	/* of a field */
	PLAIN,		/* inside a bare field */
	QUOTED,		/* inside quotes */
	QUOTE,		/* after a quote inside quotes: the end, or half of a pair */
	CR,		/* after a CR outside quotes: LF must follow */
};

struct scan {
	struct csv_index *ix;
	const uint8_t *data;
	size_t len;
	const char *name;
	struct errmsg *em;
	enum state state;
	size_t row_start, commas, quote_at;
	size_t blank_at;	/* the first of the empty lines since the last row */
	int blank;
	/* UTF-8: continuation bytes still needed, and what the next one may be. */
	unsigned need;
	uint8_t low, high;
};

/* One bit per byte of a block. */
struct masks {
	uint64_t quote, comma, lf, cr, nul, high;
};

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

#define FAIL(s, offset, ...) csv_error_at((s)->em, (s)->name, (s)->data, offset, __VA_ARGS__)

static int row_add(struct csv_index *ix, size_t offset)
{
	if (ix->count == ix->cap) {
		uint64_t cap = ix->cap ? ix->cap * 2 : 1024;
		uint64_t *rows = reallocarray(ix->rows, cap, sizeof(*rows));

		if (!rows)
			return ERR_NOMEM;
		ix->rows = rows;
		ix->cap = cap;
	}
	ix->rows[ix->count++] = offset;
	return 0;
}

/* The row that began at row_start ends before `end`; the next one begins at `next`. */
static int row_end(struct scan *s, size_t end, size_t next)
{
	struct csv_index *ix = s->ix;
	size_t start = s->row_start, fields = s->commas + 1;

	s->row_start = next;
	s->commas = 0;
	s->state = AT_START;
	if (end == start) {
		if (!s->blank)
			s->blank_at = start;
		s->blank = 1;
		return 0;
	}
	if (s->blank)
		return FAIL(s, s->blank_at,
			    "an empty line before the last row; in a file of one column an empty value is written \"\"");
	if (!ix->columns) {
		if (fields > CSV_COLUMNS_MAX)
			return FAIL(s, start, "the header has %zu columns, at most %d are read", fields, CSV_COLUMNS_MAX);
		ix->columns = fields;
		ix->header = start;
		ix->header_len = end - start;
		return 0;
	}
	if (fields != ix->columns)
		return FAIL(s, start, "the row has %zu field%s, the header has %zu", fields,
			    fields == 1 ? "" : "s", ix->columns);
	return row_add(ix, start);
}

static int after_field(struct scan *s, size_t i, uint8_t c)
{
	if (c == ',') {
		s->commas++;
		s->state = AT_START;
		return 0;
	}
	if (c == '\r') {
		s->state = CR;
		return 0;
	}
	return row_end(s, i, i + 1);
}

static int scan_byte(struct scan *s, size_t i, uint8_t c)
{
	int ends = c == ',' || c == '\r' || c == '\n';

	switch (s->state) {
	case AT_START:
	case PLAIN:
		if (ends)
			return after_field(s, i, c);
		if (c == '"' && s->state == PLAIN)
			return FAIL(s, i, "a quote inside a field that does not begin with one");
		if (c == '"')
			s->quote_at = i;
		s->state = c == '"' ? QUOTED : PLAIN;
		return 0;
	case QUOTED:
		if (c == '"')
			s->state = QUOTE;
		return 0;
	case QUOTE:
		if (ends)
			return after_field(s, i, c);
		if (c != '"')
			return FAIL(s, i, "text after the closing quote of a field");
		s->state = QUOTED;
		return 0;
	case CR:
		if (c != '\n')
			return FAIL(s, i - 1, "a carriage return without a line feed; lines end with LF or CRLF");
		return row_end(s, i - 1, i + 1);
	}
	return ERR_INTERNAL;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static int utf8_byte(struct scan *s, uint8_t c)
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

static int check_text(struct scan *s, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++) {
		if (s->data[i] == 0)
			return FAIL(s, i, "a NUL byte; is this a text file in UTF-8?");
		if (utf8_byte(s, s->data[i]) != 0)
			return FAIL(s, i, "byte 0x%02x is not valid UTF-8", s->data[i]);
	}
	return 0;
}

static int scan_bytes(struct scan *s, size_t from, size_t n)
{
	int rc = 0;

	for (size_t i = from; rc == 0 && i < from + n; i++)
		rc = scan_byte(s, i, s->data[i]);
	return rc;
}

#ifdef __SSE2__
static uint64_t equal_mask(const __m128i v[4], char c)
{
	__m128i k = _mm_set1_epi8(c);
	uint64_t m = 0;

	for (int i = 0; i < 4; i++)
		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], k)) << (16 * i);
	return m;
}

static void block_masks(struct masks *m, const uint8_t *p)
{
	__m128i v[4];

	m->high = 0;
	for (int i = 0; i < 4; i++) {
		v[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
		m->high |= (uint64_t)(uint32_t)_mm_movemask_epi8(v[i]) << (16 * i);
	}
	m->quote = equal_mask(v, '"');
	m->comma = equal_mask(v, ',');
	m->lf = equal_mask(v, '\n');
	m->cr = equal_mask(v, '\r');
	m->nul = equal_mask(v, '\0');
}
#else
static void block_masks(struct masks *m, const uint8_t *p)
{
	memset(m, 0, sizeof(*m));
	for (unsigned i = 0; i < BLOCK; i++) {
		uint64_t bit = (uint64_t)1 << i;

		m->quote |= p[i] == '"' ? bit : 0;
		m->comma |= p[i] == ',' ? bit : 0;
		m->lf |= p[i] == '\n' ? bit : 0;
		m->cr |= p[i] == '\r' ? bit : 0;
		m->nul |= p[i] == 0 ? bit : 0;
		m->high |= p[i] & 0x80 ? bit : 0;
	}
}
#endif

/* A block without quotes, outside quotes, whose CRs are all followed by their LF within it. */
static int scan_bare_block(struct scan *s, size_t from, const struct masks *m)
{
	uint64_t lf = m->lf, rest = ~(uint64_t)0;
	uint8_t last = s->data[from + BLOCK - 1];

	while (lf) {
		unsigned bit = (unsigned)__builtin_ctzll(lf);
		uint64_t below = ((uint64_t)1 << bit) - 1;
		size_t end = from + bit;
		int rc;

		s->commas += (size_t)__builtin_popcountll(m->comma & rest & below);
		rest = bit == 63 ? 0 : ~below << 1;
		if (bit && (m->cr >> (bit - 1) & 1))
			end--;
		rc = row_end(s, end, from + bit + 1);
		if (rc)
			return rc;
		lf &= lf - 1;
	}
	s->commas += (size_t)__builtin_popcountll(m->comma & rest);
	s->state = last == ',' || last == '\n' ? AT_START : PLAIN;
	return 0;
}

static int scan_block(struct scan *s, size_t from)
{
	struct masks m;
	int rc;

	block_masks(&m, s->data + from);
	if (m.nul || m.high || s->need) {
		rc = check_text(s, from, BLOCK);
		if (rc)
			return rc;
	}
	if (!m.quote && s->state == QUOTED)
		return 0;
	if (!m.quote && (s->state == AT_START || s->state == PLAIN) &&
	    !(m.cr << 1 & ~m.lf) && !(m.cr >> 63))
		return scan_bare_block(s, from, &m);
	return scan_bytes(s, from, BLOCK);
}

static int scan_end(struct scan *s)
{
	if (s->need)
		return FAIL(s, s->len, "the file ends inside a UTF-8 character");
	if (s->state == QUOTED)
		return FAIL(s, s->quote_at, "the quote that begins this field is never closed");
	if (s->state == CR)
		return FAIL(s, s->len - 1, "a carriage return without a line feed; lines end with LF or CRLF");
	if (s->row_start < s->len) {
		int rc = row_end(s, s->len, s->len);

		if (rc)
			return rc;
	}
	if (!s->ix->columns)
		return FAIL(s, 0, "the file is empty; its first line must name the columns");
	return 0;
}

int csv_scan(struct csv_index *ix, const uint8_t *data, size_t len, const char *name, struct errmsg *em)
{
	struct scan s = { .ix = ix, .data = data, .len = len, .name = name, .em = em };
	size_t pos = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	int rc = 0;

	s.row_start = pos;
	for (; rc == 0 && pos + BLOCK <= len; pos += BLOCK)
		rc = scan_block(&s, pos);
	if (rc == 0)
		rc = check_text(&s, pos, len - pos);
	if (rc == 0)
		rc = scan_bytes(&s, pos, len - pos);
	return rc ? rc : scan_end(&s);
}
