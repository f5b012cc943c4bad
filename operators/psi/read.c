/* The first pass over the input: a digest for every row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "psi/job.h"

int psi_changed(const struct psi_job *j, struct errmsg *em)
{
	errmsg_set(em, ERR_INPUT, "INPUT_CHANGED", "an input file was changed while it was read");
	errmsg_local(em, "%s was changed while it was read", op_input_name(j->ctx, "data", 0));
	return ERR_INPUT;
}

int psi_disk_error(const struct psi_job *j, int rc, struct errmsg *em)
{
	int error = errno;

	(void)j;
	if (rc == ERR_NOMEM)
		return errmsg_set(em, rc, "NO_MEMORY", "not enough memory for the rows of an input file");
	if (rc == ERR_IO && !em->code[0]) {
		errmsg_set(em, rc, "WORK_FOLDER", "the task's work folder cannot be used");
		errmsg_local(em, "the work folder %s cannot be used: %s", j->dir, strerror(error));
	}
	return rc;
}

static int too_many(struct errmsg *em)
{
	return errmsg_set(em, ERR_INPUT, "TOO_MANY_ROWS", "an input file has more than %u rows", PSI_ROWS_MAX);
}

/* The rows of one window. */
static int read_window(struct psi_job *j, const char *path, struct errmsg *em)
{
	struct psi_record r;
	int rc = 0;

	if (j->rows + csv_rows(j->csv) > PSI_ROWS_MAX)
		return too_many(em);
	for (uint64_t i = 0; i < csv_rows(j->csv); i++) {
		rc = psi_keys_digest(&j->keys, j->csv, i, j->hash_key, r.digest);
		if (rc == ERR_INPUT)
			return psi_changed(j, em);
		if (rc)
			break;
		r.row = (uint32_t)j->rows;
		TRY(psi_store_add(&j->store, &r, path));
		j->rows++;
	}
out:
	return psi_disk_error(j, rc, em);
}

static void show(struct psi_job *j)
{
	uint64_t at, size;

	csv_progress(j->csv, &at, &size);
	op_progress(j->ctx, size ? 0.2 * (double)at / (double)size : 0.2, "read");
}

static int read_all(struct psi_job *j, const char *path)
{
	struct errmsg *em = op_errmsg(j->ctx);
	int rc;

	while ((rc = csv_next(j->csv, em)) == 0 && csv_rows(j->csv)) {
		TRY(read_window(j, path, em));
		if (op_canceled(j->ctx))
			return ERR_CANCELED;
		show(j);
	}
out:
	return rc;
}

int psi_read(struct psi_job *j)
{
	struct errmsg *em = op_errmsg(j->ctx);
	char path[PATH_MAX];
	int rc = psi_work_path(j, "digests", path);

	op_progress(j->ctx, 0, "read");
	if (rc)
		return psi_disk_error(j, rc, em);
	if (!j->resumable) {
		TRY(psi_disk_error(j, psi_store_init(&j->store, j->bucket_rows), em));
		TRY(read_all(j, path));
	} else {
		j->rows = j->store.count;
	}
	for (j->padded = 1; j->power_of_two && j->padded < j->rows;)
		j->padded *= 2;
	if (!j->power_of_two)
		j->padded = j->rows;
	if (j->padded > PSI_ROWS_MAX)
		return too_many(em);
	j->matched = calloc(j->rows / 64 + 1, sizeof(*j->matched));
	j->dropped = calloc(j->rows / 64 + 1, sizeof(*j->dropped));
	rc = psi_disk_error(j, j->matched && j->dropped ? 0 : ERR_NOMEM, em);
out:
	return rc;
}
