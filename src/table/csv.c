#include "table/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "table/csv_scan.h"

#define WINDOW (1 << 18)	/* bytes of a window: its rows and their index stay in the second-level cache */
#define FORGET (8 << 20)	/* a mapping gives back its pages in steps of this size */

struct csv {
	const uint8_t *data;
	size_t len;
	void *map;		/* the mapping, or NULL */
	size_t forgotten;	/* of the mapping's bytes, the first so many were given back */
	struct buf own;		/* the content where it could not be mapped (a pipe) */
	char *name;
	struct csv_opts opts;
	uint8_t stop[256];	/* 1 for what ends a bare field */
	struct csv_scan scan;
	uint64_t first;		/* rows before the window */
	int fresh;		/* the window was found with the header, and csv_next has not given it yet */
	char **header;		/* columns names, unescaped */
};

/* Reads one field at *pos and moves behind its separator; 1 when the row goes on, 0 at its end. */
static int next_field(const struct csv *c, size_t *pos, struct csv_field *f)
{
	const char delim = c->opts.delimiter;
	const char *p = (const char *)c->data + *pos, *end = (const char *)c->data + c->len, *start = p;
	int rc = 0;

	f->quoted = p < end && *p == '"';
	if (f->quoted) {
		start = ++p;
		/* Every byte is read once: the file may change under us, and p must not pass end for that. */
		while (p < end) {
			if (*p++ != '"')
				continue;
			if (p == end || *p != '"') {
				p--;
				break;
			}
			p++;
		}
		f->len = (size_t)(p - start);
		if (p < end)
			p++;
	} else {
		while (p < end && !c->stop[(uint8_t)*p])
			p++;
		f->len = (size_t)(p - start);
	}
	f->data = start;
	if (p < end && *p == delim) {
		rc = 1;
		p++;
	}
	*pos = (size_t)(p - (const char *)c->data);
	return rc;
}

/* The first n fields; the row must go on behind them exactly when the file has more columns. */
static int fields_at(const struct csv *c, size_t pos, size_t n, struct csv_field *fields)
{
	for (size_t i = 0; i < n;) {
		int more = next_field(c, &pos, &fields[i++]);

		if (more != (i < c->scan.columns))
			return ERR_INPUT;
	}
	return 0;
}

int csv_row(const struct csv *c, uint64_t row, struct csv_field *fields)
{
	return fields_at(c, c->scan.rows[row], c->scan.columns, fields);
}

int csv_row_part(const struct csv *c, uint64_t row, size_t n, struct csv_field *fields)
{
	return fields_at(c, c->scan.rows[row], n, fields);
}

int csv_field_text(const struct csv_field *f, struct buf *b)
{
	char *out;
	int rc;

	if (!f->quoted || !f->len || !memchr(f->data, '"', f->len))
		return buf_add(b, f->data, f->len);
	rc = buf_reserve(b, f->len);
	if (rc)
		return rc;
	out = b->data + b->len;
	for (size_t i = 0; i < f->len; i++) {
		*out++ = f->data[i];
		i += f->data[i] == '"';	/* the other half of the pair */
	}
	*out = '\0';
	b->len = (size_t)(out - b->data);
	return 0;
}

void csv_raw_header(const struct csv *c, const char **data, size_t *len)
{
	*data = (const char *)c->data + c->scan.header;
	*len = c->scan.header_len;
}

void csv_raw(const struct csv *c, uint64_t row, const char **data, size_t *len)
{
	size_t start = c->scan.rows[row];
	size_t end = row + 1 < c->scan.count ? c->scan.rows[row + 1] : c->scan.row_start;

	/* Behind a row stand its line end and, behind the last, empty lines. */
	while (end > start && (c->data[end - 1] == '\n' || c->data[end - 1] == '\r'))
		end--;
	*data = (const char *)c->data + start;
	*len = end - start;
}

uint64_t csv_line(const struct csv *c, uint64_t row)
{
	return csv_line_of(c->data, c->scan.rows[row]);
}

size_t csv_columns(const struct csv *c)
{
	return c->scan.columns;
}

uint64_t csv_rows(const struct csv *c)
{
	return c->scan.count;
}

uint64_t csv_first(const struct csv *c)
{
	return c->first;
}

void csv_progress(const struct csv *c, uint64_t *at, uint64_t *size)
{
	*at = c->scan.pos;
	*size = c->len;
}

const char *csv_name(const struct csv *c)
{
	return c->name;
}

const char *csv_header(const struct csv *c, size_t i)
{
	return c->header[i];
}

/* In a file without rows and without header any number may be a column. */
static int find_in_nothing(const char *column, size_t *out)
{
	char *end;
	unsigned long n = strtoul(column, &end, 10);

	if (*column < '1' || *column > '9' || *end || n > CSV_COLUMNS_MAX)
		return 0;
	*out = n - 1;
	return 1;
}

static int no_column(const struct csv *c, const char *column, size_t nearest, struct errmsg *em)
{
	errmsg_set(em, ERR_INPUT, "UNKNOWN_COLUMN", "an input file lacks a column that the request names");
	if (c->opts.no_header)
		errmsg_local(em, "%s has no column \"%s\": without a header its %zu columns are \"1\" to \"%zu\"",
			     c->name, column, c->scan.columns, c->scan.columns);
	else
		errmsg_local(em, "%s has no column \"%s\"; the nearest of its %zu columns is \"%s\"",
			     c->name, column, c->scan.columns, c->header[nearest]);
	return ERR_INPUT;
}

int csv_find(const struct csv *c, const char *column, size_t *out, struct errmsg *em)
{
	size_t best = 0;
	unsigned distance = ~0u;

	if (!c->scan.columns && find_in_nothing(column, out))
		return 0;
	for (size_t i = 0; i < c->scan.columns; i++) {
		unsigned d = util_distance(column, c->header[i]);

		if (strcmp(column, c->header[i]) == 0) {
			*out = i;
			return 0;
		}
		if (d < distance) {
			distance = d;
			best = i;
		}
	}
	return no_column(c, column, best, em);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_header(const struct csv *c, const struct csv_field *fields, struct errmsg *em)
{
	char **sorted = reallocarray(NULL, c->scan.columns, sizeof(*sorted));
	int rc = 0;

	if (!sorted)
		return ERR_NOMEM;
	memcpy(sorted, c->header, c->scan.columns * sizeof(*sorted));
	qsort(sorted, c->scan.columns, sizeof(*sorted), by_name);
	for (size_t i = 0; rc == 0 && i < c->scan.columns; i++) {
		if (c->header[i][0] == '\0')
			rc = csv_error_at(em, c->name, c->data, (size_t)((const uint8_t *)fields[i].data - c->data),
					  "column %zu of the header has no name", i + 1);
	}
	for (size_t i = 1; rc == 0 && i < c->scan.columns; i++) {
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			rc = csv_error_at(em, c->name, c->data, c->scan.header,
					  "the header names column \"%s\" twice", sorted[i]);
	}
	free(sorted);
	return rc;
}

static char *header_name(const struct csv *c, size_t i, const struct csv_field *f)
{
	struct buf b = { 0 };
	char *name = NULL;

	if ((c->opts.no_header ? buf_fmt(&b, "%zu", i + 1) : csv_field_text(f, &b)) == 0)
		name = strdup(b.len ? b.data : "");
	buf_free(&b);
	return name;
}

static int read_header(struct csv *c, struct errmsg *em)
{
	struct csv_field *fields = calloc(c->scan.columns + 1, sizeof(*fields));
	const uint8_t *nul = memchr(c->data + c->scan.header, 0, c->scan.header_len);
	int rc = ERR_NOMEM;

	c->header = calloc(c->scan.columns + 1, sizeof(*c->header));
	if (!fields || !c->header)
		goto out;
	if (nul) {
		rc = csv_error_at(em, c->name, c->data, (size_t)(nul - c->data), "a NUL byte in the header");
		goto out;
	}
	TRY(fields_at(c, c->scan.header, c->scan.columns, fields));
	for (size_t i = 0; i < c->scan.columns; i++) {
		c->header[i] = header_name(c, i, &fields[i]);
		if (!c->header[i]) {
			rc = ERR_NOMEM;
			goto out;
		}
	}
	rc = c->opts.no_header ? 0 : check_header(c, fields, em);
out:
	free(fields);
	return rc;
}

/* Finds the header, and the rows of the first window or of the whole file. */
static int parse(struct csv *c, size_t window, struct errmsg *em)
{
	int rc;

	csv_scan_init(&c->scan, c->data, c->len, c->name, &c->opts);
	rc = csv_scan_more(&c->scan, window, em);
	if (rc == 0)
		rc = read_header(c, em);
	c->fresh = 1;
	if (rc == ERR_NOMEM)
		errmsg_set(em, rc, "NO_MEMORY", "not enough memory for the index of an input file");
	return rc;
}

/* Pages of rows that were given out need not stay in memory: the kernel reads them again should they be wanted. */
static void forget(struct csv *c)
{
	size_t upto = c->scan.row_start & ~(size_t)(FORGET - 1);

	if (!c->map || upto <= c->forgotten)
		return;
	madvise((char *)c->map + c->forgotten, upto - c->forgotten, MADV_DONTNEED);
	c->forgotten = upto;
}

int csv_next(struct csv *c, struct errmsg *em)
{
	int rc;

	if (c->fresh) {
		c->fresh = 0;
		return 0;
	}
	forget(c);
	c->first += c->scan.count;
	rc = csv_scan_more(&c->scan, WINDOW, em);
	if (rc == ERR_NOMEM)
		errmsg_set(em, rc, "NO_MEMORY", "not enough memory for the index of an input file");
	return rc;
}

static struct csv *csv_new(const char *name, const struct csv_opts *opts, struct errmsg *em)
{
	struct csv *c = calloc(1, sizeof(*c));

	if (c)
		c->name = strdup(name);
	if (!c || !c->name) {
		errmsg_set(em, ERR_NOMEM, "NO_MEMORY", "not enough memory to open an input file");
		free(c);
		return NULL;
	}
	if (opts)
		c->opts = *opts;
	if (!c->opts.delimiter)
		c->opts.delimiter = ',';
	c->stop[(uint8_t)c->opts.delimiter] = c->stop['\n'] = c->stop['\r'] = 1;
	return c;
}

int csv_parse(struct csv **out, const void *data, size_t len, const char *name, const struct csv_opts *opts,
	      struct errmsg *em)
{
	struct csv *c = csv_new(name, opts, em);
	int rc;

	if (!c)
		return ERR_NOMEM;
	c->data = data ? data : (const void *)"";
	c->len = len;
	rc = parse(c, SIZE_MAX, em);
	if (rc) {
		csv_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

static int map_file(struct csv *c, const char *path)
{
	int rc = ERR_IO, fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	struct stat st;
	void *map;

	if (fd < 0)
		return ERR_IO;
	if (fstat(fd, &st) != 0 || st.st_size <= 0)
		goto out;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		goto out;
	c->map = map;
	c->data = map;
	c->len = (size_t)st.st_size;
	madvise(map, c->len, MADV_SEQUENTIAL);
	rc = 0;
out:
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* Maps a regular file; reads anything else (a pipe), and what cannot be mapped, to its end. */
static int load(struct csv *c, const char *path)
{
	struct stat st;
	int rc;

	if (stat(path, &st) != 0)
		return ERR_IO;
	if (S_ISREG(st.st_mode) && st.st_size > 0 && map_file(c, path) == 0)
		return 0;
	rc = util_read_file(&c->own, path, SIZE_MAX / 2);
	c->data = c->own.data ? (const uint8_t *)c->own.data : (const uint8_t *)"";
	c->len = c->own.len;
	return rc;
}

static int open_file(struct csv **out, const char *path, struct csv *c, size_t window, struct errmsg *em)
{
	int rc;

	if (!c)
		return ERR_NOMEM;
	rc = load(c, path);
	if (rc) {
		errmsg_set(em, rc, "INPUT_UNREADABLE", "an input file cannot be read");
		errmsg_local(em, "%s cannot be read: %s", c->name, strerror(errno));
		goto fail;
	}
	rc = parse(c, window, em);
	if (rc)
		goto fail;
	*out = c;
	return 0;
fail:
	csv_free(c);
	return rc;
}

int csv_open(struct csv **out, const char *path, const char *name, const struct csv_opts *opts, struct errmsg *em)
{
	int rc = open_file(out, path, csv_new(name, opts, em), SIZE_MAX, em);

	/* From here on rows are read in an order of the caller's. */
	if (rc == 0 && (*out)->map)
		madvise((*out)->map, (*out)->len, MADV_NORMAL);
	return rc;
}

int csv_stream(struct csv **out, const char *path, const char *name, const struct csv_opts *opts, struct errmsg *em)
{
	return open_file(out, path, csv_new(name, opts, em), WINDOW, em);
}

void csv_free(struct csv *c)
{
	if (!c)
		return;
	if (c->map)
		munmap(c->map, c->len);
	buf_free(&c->own);
	for (size_t i = 0; c->header && i < c->scan.columns; i++)
		free(c->header[i]);
	free(c->header);
	csv_scan_fini(&c->scan);
	free(c->name);
	free(c);
}
