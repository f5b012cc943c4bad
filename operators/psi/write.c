/* The second pass over the input: the rows that come out, ordered by key. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "psi/job.h"
#include "table/rowsort.h"

#define SORT_MEMORY ((size_t)560 << 20)	/* beyond it rows are sorted in runs on disk */

struct out {
	struct psi_job *j;
	struct csv_writer *w;
	uint64_t written;
};

static int unwritable(const struct psi_job *j)
{
	int error = errno;

	errmsg_set(op_errmsg(j->ctx), ERR_IO, "OUTPUT_UNWRITABLE", "an output file cannot be written");
	errmsg_local(op_errmsg(j->ctx), "%s cannot be written: %s", op_output_name(j->ctx, "data", 0), strerror(error));
	return ERR_IO;
}

static int write_header(const struct psi_job *j, const struct csv *c, struct csv_writer *w)
{
	const char *data;
	size_t len;

	csv_raw_header(c, &data, &len);
	return j->csv_opts.no_header ? 0 : csv_write_raw(w, data, len, j->left ? "matched" : NULL);
}

static int comes_out(const struct psi_job *j, uint64_t row)
{
	return !psi_bit(j->dropped, row) && (j->left || psi_bit(j->matched, row));
}

static int sort_window(struct psi_job *j, const struct csv *c, struct rowsort *s)
{
	const char *key, *row;
	size_t key_len, len;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < csv_rows(c); i++) {
		uint64_t at = csv_first(c) + i;

		if (!comes_out(j, at))
			continue;
		rc = psi_keys_sortable(&j->keys, c, i, &key, &key_len);
		if (rc == ERR_INPUT)
			return psi_changed(j, op_errmsg(j->ctx));
		csv_raw(c, i, &row, &len);
		if (rc == 0)
			rc = rowsort_add(s, key, key_len, row, len, psi_bit(j->matched, at));
	}
	return psi_disk_error(j, rc, op_errmsg(j->ctx));
}

static void show(const struct psi_job *j, const struct csv *c)
{
	uint64_t at, size;

	csv_progress(c, &at, &size);
	op_progress(j->ctx, 0.9 + (size ? 0.05 * (double)at / (double)size : 0), "sort");
}

static int sort_all(struct psi_job *j, struct csv *c, struct rowsort *s)
{
	struct errmsg *em = op_errmsg(j->ctx);
	uint64_t rows = 0;
	int rc;

	while ((rc = csv_next(c, em)) == 0 && csv_rows(c)) {
		rows += csv_rows(c);
		if (rows > j->rows)
			break;
		TRY(sort_window(j, c, s));
		if (op_canceled(j->ctx))
			return ERR_CANCELED;
		show(j, c);
	}
	if (rc == 0 && rows != j->rows)
		rc = psi_changed(j, em);
out:
	return rc;
}

static int write_row(void *arg, const char *row, size_t len, int matched)
{
	struct out *o = arg;
	int rc = csv_write_raw(o->w, row, len, !o->j->left ? NULL : matched ? "1" : "0");

	o->written++;
	if (o->written % 65536 == 0 && op_canceled(o->j->ctx))
		return ERR_CANCELED;
	return rc == ERR_IO ? unwritable(o->j) : rc;
}

static int write_sorted(struct psi_job *j, struct csv_writer *w)
{
	struct errmsg *em = op_errmsg(j->ctx);
	struct out o = { j, w, 0 };
	struct rowsort *s = NULL;
	struct psi_input_id id;
	struct csv *c = NULL;
	int rc;

	TRY(rowsort_new(&s, j->dir, SORT_MEMORY));
	TRY(csv_stream(&c, op_input(j->ctx, "data", 0), op_input_name(j->ctx, "data", 0), &j->csv_opts, em));
	TRY(psi_input_identify(j, &id, em));
	if (memcmp(&id, &j->id, sizeof(id)) != 0) {
		rc = psi_changed(j, em);
		goto out;
	}
	TRY(write_header(j, c, w));
	TRY(sort_all(j, c, s));
	op_progress(j->ctx, 0.95, "write");
	TRY(psi_disk_error(j, rowsort_each(s, write_row, &o), em));
	j->rows_out = o.written;
out:
	csv_free(c);
	rowsort_free(s);
	return rc;
}

/* A party that does not receive, but names an output, gets the header alone: what runs next finds a file. */
int psi_write(struct psi_job *j)
{
	const char *path = op_output(j->ctx, "data", 0);
	struct csv_writer *w = NULL;
	int rc;

	if (!path)
		return 0;
	rc = csv_writer_open(&w, path, j->csv_opts.delimiter);
	if (rc == 0) {
		rc = j->receives ? write_sorted(j, w) : write_header(j, j->csv, w);
		if (rc)
			csv_writer_free(w);
		else
			rc = csv_writer_close(w);
	}
	return rc == ERR_IO && !op_errmsg(j->ctx)->code[0] ? unwritable(j) : rc;
}
