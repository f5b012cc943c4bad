/*
 * CSV files as RFC 4180 describes them, read where they lie.
 *
 * Accepted: comma (or another delimiter), double quotes (doubled inside), line
 * ends LF and CRLF, line ends inside quotes, a UTF-8 byte order mark, a last
 * line without end, empty lines after the last row. The first line is the
 * header. Refused, with file, line and byte column: an unclosed quote, text
 * after a closing quote, a quote inside a bare field, a bare CR, a wrong number
 * of fields, NUL, invalid UTF-8, an empty line between rows, an empty or
 * repeated column name.
 *
 * The file is mapped and checked by one pass (csv_scan.c; docs/benchmarks.md has
 * its speed), either whole, with 8 bytes kept per row, or window by window. Fields
 * keep their text: nothing is parsed as a number, trimmed or changed.
 */
#ifndef PET_TABLE_CSV_H
#define PET_TABLE_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CSV_COLUMNS_MAX 65536

/* How a file is read; all zero, or NULL instead of it, is what is said above. */
struct csv_opts {
	char delimiter;		/* 0: a comma. Not a quote, CR, LF or NUL */
	int no_header;		/* the first line is a row; columns are called "1", "2", …; an empty file is one without rows */
	int any_bytes;		/* NUL and what is not UTF-8 are taken as they are, but in the header */
};

struct csv;

/* Points into the file, without the surrounding quotes; when `quoted`, a pair of quotes stands for one. */
struct csv_field {
	const char *data;
	size_t len;
	int quoted;
};

/* `name` is what messages call the file (copied). The public text of an error names neither file nor content. */
int csv_open(struct csv **out, const char *path, const char *name, const struct csv_opts *opts,
	     struct errmsg *em) PET_MUST_USE;
/* The same over borrowed memory, which must outlive the csv. */
int csv_parse(struct csv **out, const void *data, size_t len, const char *name, const struct csv_opts *opts,
	      struct errmsg *em) PET_MUST_USE;
/*
 * Opens the file and checks its header alone. csv_next then gives the rows, a
 * window after the other: at least one row, or none at the end of the file.
 * Row numbers below are counted within the window; csv_first says how many rows
 * came before it. Memory does not grow with the file.
 */
int csv_stream(struct csv **out, const char *path, const char *name, const struct csv_opts *opts,
	       struct errmsg *em) PET_MUST_USE;
int csv_next(struct csv *c, struct errmsg *em) PET_MUST_USE;
void csv_free(struct csv *c);

size_t csv_columns(const struct csv *c);
uint64_t csv_rows(const struct csv *c);
uint64_t csv_first(const struct csv *c);
/* Bytes that were read so far, and of the file. */
void csv_progress(const struct csv *c, uint64_t *at, uint64_t *size);
const char *csv_name(const struct csv *c);
/* The unescaped name of column i < csv_columns; borrowed. */
const char *csv_header(const struct csv *c, size_t i);
/* A name that is not there is ERR_INPUT and a sentence with the nearest one. In an empty file without header every number is a column. */
int csv_find(const struct csv *c, const char *column, size_t *out, struct errmsg *em) PET_MUST_USE;

/*
 * Fills csv_columns fields of row < csv_rows. ERR_INPUT only when the file was
 * changed meanwhile: never a read outside of it. Any thread may call it.
 */
int csv_row(const struct csv *c, uint64_t row, struct csv_field *fields) PET_MUST_USE;
/* The first n ≤ csv_columns fields only. */
int csv_row_part(const struct csv *c, uint64_t row, size_t n, struct csv_field *fields) PET_MUST_USE;
/* Appends the field's text, unescaped. */
int csv_field_text(const struct csv_field *f, struct buf *b) PET_MUST_USE;
/* The line (from 1) on which a row begins. Counts from the start: for messages. */
uint64_t csv_line(const struct csv *c, uint64_t row);
/* A row as it stands in the file, without its line end. A file without header has an empty one. */
void csv_raw(const struct csv *c, uint64_t row, const char **data, size_t *len);
void csv_raw_header(const struct csv *c, const char **data, size_t *len);

/* --- writing: buffered, LF line ends, a field is quoted when it must be --- */

struct csv_writer;

/* Creates or truncates path. delimiter: 0 is a comma. */
int csv_writer_open(struct csv_writer **out, const char *path, char delimiter) PET_MUST_USE;
int csv_write_field(struct csv_writer *w, const char *data, size_t len) PET_MUST_USE;
int csv_write_end(struct csv_writer *w) PET_MUST_USE;
/* A whole row that is CSV already (csv_raw), `extra` as one more field unless it is NULL, and the line end. */
int csv_write_raw(struct csv_writer *w, const char *data, size_t len, const char *extra) PET_MUST_USE;
/* Writes out and fsyncs; w is freed in every case. */
int csv_writer_close(struct csv_writer *w) PET_MUST_USE;
/* Gives up what was not written; legal with NULL. */
void csv_writer_free(struct csv_writer *w);

#endif
