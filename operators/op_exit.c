/* The exit record: one JSON object, written once by rename, so that the scheduler sees all of it or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "op_impl.h"

int op_status(int rc)
{
	switch (rc) {
	case 0: return EX_OK;
	case ERR_INPUT: return EX_DATAERR;
	case ERR_NOTFOUND: return EX_NOINPUT;
	case ERR_DB: return EX_UNAVAILABLE;
	case ERR_NOMEM: return EX_OSERR;
	case ERR_IO: return EX_IOERR;
	case ERR_PEER:
	case ERR_TIMEOUT:
	case ERR_BUSY:
	case ERR_DB_RETRY: return EX_TEMPFAIL;
	case ERR_CONFLICT: return EX_PROTOCOL;
	case ERR_DENIED: return EX_NOPERM;
	case ERR_CANCELED: return OP_EXIT_CANCELED;
	default: return EX_SOFTWARE;
	}
}

json_t *op_record_failed(int status, const struct errmsg *em)
{
	return json_pack("{s:i, s:i, s:{}, s:{}, s:s, s:s, s:s, s:{}, s:{}}", "version",
			 OP_DOC_VERSION, "status", status, "result", "public_result", "error_code",
			 em->code, "error_public", em->pub, "error_local", em->local, "outputs",
			 "files");
}

/* Makes one staged file durable and notes which file it is, so that publishing it twice can be told from a stranger's file. */
static int seal(int dir, const char *name, json_t *files, struct errmsg *em)
{
	struct stat st;
	int rc = ERR_IO, fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		errmsg_set(em, rc, "BAD_OUTPUT", "the output %s in the staging folder cannot be read back as a file",
			   name);
		goto out;
	}
	/* 0640 whatever the library that wrote it chose: the group is that of the data folder */
	if (fchmod(fd, 0640) != 0 || fsync(fd) != 0) {
		errmsg_set(em, rc, "OUTPUT_NOT_DURABLE", "the output %s could not be brought to disk: %s",
			   name, strerror(errno));
		goto out;
	}
	rc = json_object_set_new(files, name, json_pack("{s:I, s:I, s:I}", "dev", (json_int_t)st.st_dev,
				 "ino", (json_int_t)st.st_ino, "size", (json_int_t)st.st_size))
		? ERR_NOMEM : 0;
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The staged names of a slot, "" where the operator wrote none, in the order of the request. */
static int seal_slot(int dir, const char *slot, size_t count, json_t *record, struct errmsg *em)
{
	json_t *files = json_object_get(record, "files"), *list = json_array();
	struct stat st;
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		char name[160];
		int there;

		snprintf(name, sizeof(name), "%s.%zu", slot, i);
		there = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (there)
			rc = seal(dir, name, files, em);
		if (json_array_append_new(list, json_string(there ? name : "")))
			rc = ERR_NOMEM;
	}
	if (json_object_set_new(json_object_get(record, "outputs"), slot, list))
		rc = ERR_NOMEM;
	return rc;
}

int op_record_outputs(const struct op_ctx *ctx, json_t *record, struct errmsg *em)
{
	int rc = 0, dir = open(ctx->staging_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *slot;
	json_t *list;

	if (dir < 0)
		return errmsg_set(em, ERR_IO, "OUTPUT_NOT_DURABLE", "the staging folder cannot be opened: %s",
				  strerror(errno));
	json_object_foreach(ctx->out, slot, list)
		if (rc == 0)
			rc = seal_slot(dir, slot, json_array_size(list), record, em);
	if (rc == 0 && fsync(dir) != 0)
		rc = errmsg_set(em, ERR_IO, "OUTPUT_NOT_DURABLE",
				"the staging folder could not be brought to disk: %s", strerror(errno));
	close(dir);
	return rc;
}

int op_record_write(const char *control_dir, const json_t *record)
{
	char path[PATH_MAX], *text = json_dumps(record, JSON_COMPACT);
	int rc = ERR_NOMEM, fd;

	if (!text)
		return rc;
	rc = ERR_IO;
	if (snprintf(path, sizeof(path), "%s/exit.json", control_dir) < (int)sizeof(path))
		rc = util_write_file(path, text, strlen(text), 0640);
	free(text);
	/* the rename itself must survive too: *prepared* is promised to the other party */
	fd = rc == 0 ? open(control_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (rc == 0 && (fd < 0 || fsync(fd) != 0))
		rc = ERR_IO;
	if (fd >= 0)
		close(fd);
	return rc;
}
