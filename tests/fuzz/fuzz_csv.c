/*
 * CSV: whatever is accepted must survive writing and reading again, by fields
 * and by raw rows. `make fuzz` builds this as a fuzzer; corpus_csv.c runs it
 * over fixed inputs.
 */
#include "../fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "table/csv.h"

/* Every input is read in each of these ways. */
static const struct csv_opts ways[] = { { 0 }, { .no_header = 1, .any_bytes = 1 }, { .delimiter = ';', .any_bytes = 1 } };
static const struct csv_opts *way;

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "fuzz_csv: %s\n", what);
		abort();
	}
}

static const char *temp_path(void)
{
	static char path[64];

	if (!path[0])
		snprintf(path, sizeof(path), "/dev/shm/pet-fuzz-csv.%d", (int)getpid());
	return path;
}

static void write_fields(struct csv_writer *w, const struct csv *c)
{
	size_t n = csv_columns(c);
	struct csv_field *f = calloc(n + 1, sizeof(*f));
	struct buf b = { 0 };

	must(f != NULL, "memory");
	for (size_t i = 0; i < n && !way->no_header; i++)
		must(csv_write_field(w, csv_header(c, i), strlen(csv_header(c, i))) == 0, "write header");
	must(way->no_header || csv_write_end(w) == 0, "write end");
	for (uint64_t r = 0; r < csv_rows(c); r++) {
		must(csv_row(c, r, f) == 0, "an accepted row has another shape");
		for (size_t i = 0; i < n; i++) {
			buf_clear(&b);
			must(csv_field_text(&f[i], &b) == 0, "text");
			must(csv_write_field(w, b.len ? b.data : "", b.len) == 0, "write field");
		}
		must(csv_write_end(w) == 0, "write end");
	}
	buf_free(&b);
	free(f);
}

static void write_raw(struct csv_writer *w, const struct csv *c)
{
	const char *p;
	size_t len;

	csv_raw_header(c, &p, &len);
	must(way->no_header || csv_write_raw(w, p, len, NULL) == 0, "raw header");
	for (uint64_t r = 0; r < csv_rows(c); r++) {
		csv_raw(c, r, &p, &len);
		must(csv_write_raw(w, p, len, NULL) == 0, "raw row");
	}
}

static void same(const struct csv *a, const struct csv *b)
{
	size_t n = csv_columns(a);
	struct csv_field *f = calloc(n + 1, sizeof(*f)), *g = calloc(n + 1, sizeof(*g));
	struct buf x = { 0 }, y = { 0 };

	must(f && g, "memory");
	must(n == csv_columns(b) && csv_rows(a) == csv_rows(b), "another shape after a round trip");
	for (size_t i = 0; i < n; i++)
		must(strcmp(csv_header(a, i), csv_header(b, i)) == 0, "another header after a round trip");
	for (uint64_t r = 0; r < csv_rows(a); r++) {
		must(csv_row(a, r, f) == 0 && csv_row(b, r, g) == 0, "row");
		for (size_t i = 0; i < n; i++) {
			buf_clear(&x);
			buf_clear(&y);
			must(csv_field_text(&f[i], &x) == 0 && csv_field_text(&g[i], &y) == 0, "text");
			must(x.len == y.len && (!x.len || memcmp(x.data, y.data, x.len) == 0),
			     "another field after a round trip");
		}
		must(csv_line(a, r) >= 2 || way->no_header, "line");
	}
	buf_free(&x);
	buf_free(&y);
	free(f);
	free(g);
}

static void round_trip(const struct csv *c, void (*write_all)(struct csv_writer *, const struct csv *))
{
	struct csv_writer *w;
	struct csv *back;
	struct errmsg em = { 0 };

	must(csv_writer_open(&w, temp_path(), way->delimiter) == 0, "open");
	write_all(w, c);
	must(csv_writer_close(w) == 0, "close");
	if (csv_open(&back, temp_path(), "back", way, &em) != 0)
		must(0, em.local);
	same(c, back);
	csv_free(back);
	unlink(temp_path());
}

static void one_way(const uint8_t *data, size_t size)
{
	struct errmsg em = { 0 };
	struct csv *c;

	if (csv_parse(&c, data, size, "input", way, &em) == 0) {
		round_trip(c, write_fields);
		round_trip(c, write_raw);
		csv_free(c);
	} else {
		must(em.code[0] && em.pub[0] && em.local[0], "an error without a sentence");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly this size lets the sanitizer see a read past the end. */
	uint8_t *copy = malloc(size ? size : 1);

	must(copy != NULL, "memory");
	if (size)
		memcpy(copy, data, size);
	for (way = ways; way < ways + PET_ARRAY_SIZE(ways); way++)
		one_way(copy, size);
	free(copy);
	return 0;
}
