/*
 * pet-bench csv: how fast one core reads and writes CSV. A table of n rows and
 * six columns (a key of 16 digits, numbers, text) is made in memory; every
 * figure is the best of `rounds`, in MB of the file's bytes per second of
 * processor time: other programs on the machine shall not count.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "bench.h"
#include "table/csv.h"

#define COLUMNS 6

enum style { PLAIN, HALF, QUOTED };

struct work {
	struct buf text;
	char path[64];
	uint64_t check;		/* what was read must be used */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int make_row(struct buf *b, uint64_t i, enum style style)
{
	uint64_t r = i * UINT64_C(0x9e3779b97f4a7c15);

	if (style == QUOTED)
		return buf_fmt(b, "\"%016llu\",\"%u\",\"0.%u\",\"city, %u\",\"say \"\"%u\"\"\",\"%u\"\n", (unsigned long long)(r >> 12), (unsigned)i,
			       (unsigned)(r >> 40), (unsigned)(r >> 50), (unsigned)(r >> 44), (unsigned)(r >> 48));
	return buf_fmt(b, style == HALF ? "%016llu,%u,0.%u,\"city, %u\",text %u,%u\n" : "%016llu,%u,0.%u,city %u,text %u,%u\n",
		       (unsigned long long)(r >> 12), (unsigned)i, (unsigned)(r >> 40), (unsigned)(r >> 50), (unsigned)(r >> 44),
		       (unsigned)(r >> 48));
}

static int make_text(struct buf *b, uint64_t n, enum style style)
{
	int rc = buf_str(b, "id,a,b,c,d,e\n");

	for (uint64_t i = 0; rc == 0 && i < n; i++)
		rc = make_row(b, i, style);
	return rc;
}

/* The pass that checks a file and finds its rows. */
static int scan(struct work *w, struct errmsg *em)
{
	struct csv *c = NULL;
	int rc = csv_stream(&c, w->path, w->path, NULL, em);

	while (rc == 0 && (rc = csv_next(c, em)) == 0 && csv_rows(c))
		w->check += csv_rows(c);
	csv_free(c);
	return rc;
}

/* And every field of every row. */
static int fields(struct work *w, struct errmsg *em)
{
	struct csv_field f[COLUMNS];
	struct csv *c = NULL;
	int rc = csv_stream(&c, w->path, w->path, NULL, em);

	while (rc == 0 && (rc = csv_next(c, em)) == 0 && csv_rows(c)) {
		for (uint64_t i = 0; rc == 0 && i < csv_rows(c); i++) {
			rc = csv_row(c, i, f);
			w->check += f[0].len + f[5].len;
		}
	}
	csv_free(c);
	return rc;
}

/* Rows as they are, into a file that is not brought to disk. */
static int copy_rows(struct work *w, int raw, struct errmsg *em)
{
	struct csv_writer *out = NULL;
	struct csv_field f[COLUMNS];
	struct csv *c = NULL;
	struct buf text = { 0 };
	const char *p;
	size_t len;
	int rc;

	TRY(csv_writer_open(&out, "/dev/null", 0));
	TRY(csv_stream(&c, w->path, w->path, NULL, em));
	while ((rc = csv_next(c, em)) == 0 && csv_rows(c)) {
		for (uint64_t i = 0; i < csv_rows(c); i++) {
			if (raw) {
				csv_raw(c, i, &p, &len);
				TRY(csv_write_raw(out, p, len, NULL));
				continue;
			}
			TRY(csv_row(c, i, f));
			for (int k = 0; k < COLUMNS; k++) {
				if (!f[k].quoted) {
					TRY(csv_write_field(out, f[k].data, f[k].len));
					continue;
				}
				buf_clear(&text);
				TRY(csv_field_text(&f[k], &text));
				TRY(csv_write_field(out, text.data ? text.data : "", text.len));
			}
			TRY(csv_write_end(out));
		}
	}
out:
	csv_writer_free(out);
	csv_free(c);
	buf_free(&text);
	return rc;
}

static int raw_copy(struct work *w, struct errmsg *em)
{
	return copy_rows(w, 1, em);
}

static int field_copy(struct work *w, struct errmsg *em)
{
	return copy_rows(w, 0, em);
}

static int measure(struct work *w, int (*f)(struct work *, struct errmsg *), uint64_t rounds, const char *key, json_t *out,
		   struct errmsg *em)
{
	double best = 1e9;

	for (uint64_t i = 0; i < rounds; i++) {
		double start = now();
		int rc = f(w, em);

		if (rc)
			return rc;
		if (now() - start < best)
			best = now() - start;
	}
	return json_object_set_new(out, key, json_real((double)w->text.len / best / 1e6)) ? ERR_NOMEM : 0;
}

int bench_csv(int argc, char **argv, json_t *out, struct errmsg *em)
{
	const char *style = bench_opt(argc, argv, "style", "half");
	struct work w = { .path = "/dev/shm/pet-bench-csv-XXXXXX" };
	uint64_t n, rounds;
	double start;
	struct rusage ru;
	int rc, fd = -1;

	TRY(bench_opt_u64(argc, argv, "n", 1 << 20, &n, em));
	TRY(bench_opt_u64(argc, argv, "rounds", 3, &rounds, em));
	if (n > UINT64_C(1) << 28 || rounds < 1)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--n is at most 2^28, --rounds at least 1");
	TRY(make_text(&w.text, n, style[0] == 'p' ? PLAIN : style[0] == 'q' ? QUOTED : HALF));
	fd = mkstemp(w.path);
	if (fd < 0) {
		rc = ERR_IO;
		goto out;
	}
	TRY(util_write_all(fd, w.text.data, w.text.len));
	start = now();
	TRY(measure(&w, scan, rounds, "scan_mb_per_second", out, em));
	TRY(measure(&w, fields, rounds, "fields_mb_per_second", out, em));
	TRY(measure(&w, raw_copy, rounds, "copy_rows_mb_per_second", out, em));
	TRY(measure(&w, field_copy, rounds, "copy_fields_mb_per_second", out, em));
	getrusage(RUSAGE_SELF, &ru);
	bench_fill(out, "csv", n, 1, now() - start, 0, 0, 0, (uint64_t)ru.ru_maxrss * 1024);
	json_object_set_new(out, "style", json_string(style));
	json_object_set_new(out, "bytes", json_integer((json_int_t)w.text.len));
out:
	if (fd >= 0) {
		close(fd);
		unlink(w.path);
	}
	buf_free(&w.text);
	return rc;
}
