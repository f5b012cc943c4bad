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

struct csv {
	const uint8_t *data;
	size_t len;
	void *map;		/* the mapping, or NULL */
	struct buf own;		/* the content where it could not be mapped (a pipe) */
	char *name;
	struct csv_index ix;
	char **header;		/* columns names, unescaped */
};

/* Reads one field at *pos and moves behind its separator; 1 when the row goes on, 0 at its end. */
static int next_field(const struct csv *c, size_t *pos, struct csv_field *f)
{
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
		while (p < end && *p != ',' && *p != '\n' && *p != '\r')
			p++;
		f->len = (size_t)(p - start);
	}
	f->data = start;
	if (p < end && *p == ',') {
		rc = 1;
		p++;
	}
	*pos = (size_t)(p - (const char *)c->data);
	return rc;
}

static int fields_at(const struct csv *c, size_t pos, struct csv_field *fields, size_t *end)
{
	size_t n = 0;

	while (n < c->ix.columns) {
		int more = next_field(c, &pos, &fields[n++]);

		if (more != (n < c->ix.columns))
			return ERR_INPUT;
	}
	if (end)
		*end = pos;
	return 0;
}

int csv_row(const struct csv *c, uint64_t row, struct csv_field *fields)
{
	return fields_at(c, c->ix.rows[row], fields, NULL);
}

int csv_field_text(const struct csv_field *f, struct buf *b)
{
	const char *p = f->data, *end = p + f->len;

	while (f->quoted) {
		const char *q = memchr(p, '"', (size_t)(end - p));
		int rc;

		if (!q)
			break;
		rc = buf_add(b, p, (size_t)(q - p) + 1);
		if (rc)
			return rc;
		p = q + 2 < end ? q + 2 : end;
	}
	return buf_add(b, p, (size_t)(end - p));
}

void csv_raw_header(const struct csv *c, const char **data, size_t *len)
{
	*data = (const char *)c->data + c->ix.header;
	*len = c->ix.header_len;
}

void csv_raw(const struct csv *c, uint64_t row, const char **data, size_t *len)
{
	size_t start = c->ix.rows[row];
	size_t end = row + 1 < c->ix.count ? c->ix.rows[row + 1] : c->len;

	/* Behind a row stand its line end and, behind the last, empty lines. */
	while (end > start && (c->data[end - 1] == '\n' || c->data[end - 1] == '\r'))
		end--;
	*data = (const char *)c->data + start;
	*len = end - start;
}

uint64_t csv_line(const struct csv *c, uint64_t row)
{
	return csv_line_of(c->data, c->ix.rows[row]);
}

size_t csv_columns(const struct csv *c)
{
	return c->ix.columns;
}

uint64_t csv_rows(const struct csv *c)
{
	return c->ix.count;
}

const char *csv_name(const struct csv *c)
{
	return c->name;
}

const char *csv_header(const struct csv *c, size_t i)
{
	return c->header[i];
}

int csv_find(const struct csv *c, const char *column, size_t *out, struct errmsg *em)
{
	size_t best = 0;
	unsigned distance = ~0u;

	for (size_t i = 0; i < c->ix.columns; i++) {
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
	errmsg_set(em, ERR_INPUT, "UNKNOWN_COLUMN", "an input file lacks a column that the request names");
	errmsg_local(em, "%s has no column \"%s\"; the nearest of its %zu columns is \"%s\"",
		     c->name, column, c->ix.columns, c->header[best]);
	return ERR_INPUT;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_header(const struct csv *c, const struct csv_field *fields, struct errmsg *em)
{
	char **sorted = reallocarray(NULL, c->ix.columns, sizeof(*sorted));
	int rc = 0;

	if (!sorted)
		return ERR_NOMEM;
	memcpy(sorted, c->header, c->ix.columns * sizeof(*sorted));
	qsort(sorted, c->ix.columns, sizeof(*sorted), by_name);
	for (size_t i = 0; rc == 0 && i < c->ix.columns; i++) {
		if (c->header[i][0] == '\0')
			rc = csv_error_at(em, c->name, c->data, (size_t)((const uint8_t *)fields[i].data - c->data),
					  "column %zu of the header has no name", i + 1);
	}
	for (size_t i = 1; rc == 0 && i < c->ix.columns; i++) {
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			rc = csv_error_at(em, c->name, c->data, c->ix.header,
					  "the header names column \"%s\" twice", sorted[i]);
	}
	free(sorted);
	return rc;
}

static int read_header(struct csv *c, struct errmsg *em)
{
	struct csv_field *fields = calloc(c->ix.columns, sizeof(*fields));
	struct buf b = { 0 };
	int rc = ERR_NOMEM;

	c->header = calloc(c->ix.columns, sizeof(*c->header));
	if (!fields || !c->header)
		goto out;
	TRY(fields_at(c, c->ix.header, fields, NULL));
	for (size_t i = 0; i < c->ix.columns; i++) {
		buf_clear(&b);
		TRY(csv_field_text(&fields[i], &b));
		c->header[i] = strdup(b.len ? b.data : "");
		if (!c->header[i]) {
			rc = ERR_NOMEM;
			goto out;
		}
	}
	rc = check_header(c, fields, em);
out:
	free(fields);
	buf_free(&b);
	return rc;
}

static int parse(struct csv *c, struct errmsg *em)
{
	int rc = csv_scan(&c->ix, c->data, c->len, c->name, em);

	if (rc == 0)
		rc = read_header(c, em);
	if (rc == ERR_NOMEM)
		errmsg_set(em, rc, "NO_MEMORY", "not enough memory for the index of an input file");
	return rc;
}

static struct csv *csv_new(const char *name, struct errmsg *em)
{
	struct csv *c = calloc(1, sizeof(*c));

	if (c)
		c->name = strdup(name);
	if (!c || !c->name) {
		errmsg_set(em, ERR_NOMEM, "NO_MEMORY", "not enough memory to open an input file");
		free(c);
		return NULL;
	}
	return c;
}

int csv_parse(struct csv **out, const void *data, size_t len, const char *name, struct errmsg *em)
{
	struct csv *c = csv_new(name, em);
	int rc;

	if (!c)
		return ERR_NOMEM;
	c->data = data ? data : (const void *)"";
	c->len = len;
	rc = parse(c, em);
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

int csv_open(struct csv **out, const char *path, const char *name, struct errmsg *em)
{
	struct csv *c = csv_new(name, em);
	int rc;

	if (!c)
		return ERR_NOMEM;
	rc = load(c, path);
	if (rc) {
		errmsg_set(em, rc, "INPUT_UNREADABLE", "an input file cannot be read");
		errmsg_local(em, "%s cannot be read: %s", name, strerror(errno));
		goto fail;
	}
	rc = parse(c, em);
	if (rc)
		goto fail;
	/* From here on rows are read in an order of our own. */
	if (c->map)
		madvise(c->map, c->len, MADV_NORMAL);
	*out = c;
	return 0;
fail:
	csv_free(c);
	return rc;
}

void csv_free(struct csv *c)
{
	if (!c)
		return;
	if (c->map)
		munmap(c->map, c->len);
	buf_free(&c->own);
	for (size_t i = 0; c->header && i < c->ix.columns; i++)
		free(c->header[i]);
	free(c->header);
	free(c->ix.rows);
	free(c->name);
	free(c);
}
