/*
 * Publishing: staged names become final ones by rename, so that a reader sees
 * the whole result or the file before it. Asked twice it does nothing the
 * second time: the record says which file each output is.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/safepath.h"
#include "spawn/spawn.h"

struct item {
	const char *staged;
	char final[SAFEPATH_MAX];
	int replace;
	dev_t dev;
	ino_t ino;
	off_t size;
};

static int staged_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 200 && s[0] != '.' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static int take_item(const json_t *row, struct item *it, struct errmsg *em)
{
	const char *staged = json_string_value(json_object_get(row, "staged"));
	const char *final = json_string_value(json_object_get(row, "final"));
	const json_t *dev = json_object_get(row, "dev"), *ino = json_object_get(row, "ino");
	const json_t *size = json_object_get(row, "size");

	if (!staged || !final || !staged_ok(staged) || !json_is_integer(dev) ||
	    !json_is_integer(ino) || !json_is_integer(size))
		return errmsg_set(em, ERR_INPUT, "BAD_REQUEST",
				  "files: expected rows of staged, final, replace, dev, ino, size");
	it->staged = staged;
	it->replace = json_is_true(json_object_get(row, "replace"));
	it->dev = (dev_t)json_integer_value(dev);
	it->ino = (ino_t)json_integer_value(ino);
	it->size = (off_t)json_integer_value(size);
	return safepath_clean(final, it->final, em);
}

static int is_it(const struct item *it, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_dev == it->dev && st->st_ino == it->ino &&
	       st->st_size == it->size;
}

/* 1: still staged; 0: published before; negative: neither. */
static int where(struct spawn *sp, int staging, const struct item *it, struct errmsg *em)
{
	struct stat st;
	const char *base;
	int dir = -1, there = 0;

	if (staging >= 0 && fstatat(staging, it->staged, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (is_it(it, &st))
			return 1;
		return errmsg_set(em, ERR_INTERNAL, "BAD_OUTPUT",
				  "the staged output %s is not the file that the operator sealed", it->staged);
	}
	if (safepath_parent(sp->root, it->final, 0, &dir, &base, em) == 0) {
		there = fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_it(it, &st);
		close(dir);
	}
	if (there)
		return 0;
	errmsg_set(em, ERR_NOTFOUND, "OUTPUT_LOST", "an output is neither staged nor published");
	errmsg_local(em, "the output %s is neither staged nor at %s", it->staged, it->final);
	return ERR_NOTFOUND;
}

static int move(struct spawn *sp, int staging, const struct item *it, struct errmsg *em)
{
	const char *base;
	int dir, rc = safepath_parent(sp->root, it->final, 1, &dir, &base, em);

	if (rc)
		return rc;
	if (renameat2(staging, it->staged, dir, base, it->replace ? 0 : RENAME_NOREPLACE) != 0) {
		rc = errno == EEXIST || errno == EISDIR ? ERR_CONFLICT : ERR_IO;
		errmsg_set(em, rc, rc == ERR_CONFLICT ? "OUTPUT_EXISTS" : "NOT_PUBLISHED",
			   "a result cannot be put where the request wants it");
		errmsg_local(em, "the result %s (below the safe work dir) cannot be published: %s", it->final,
			     strerror(errno));
	} else if (fsync(dir) != 0) {
		rc = errmsg_set(em, ERR_IO, "NOT_PUBLISHED", "a folder of results cannot be brought to disk: %s",
				strerror(errno));
	}
	close(dir);
	return rc;
}

/* Every target is looked at before the first rename: all are published, or none, as far as can be known. */
static int publish_all(struct spawn *sp, int staging, const json_t *files, struct errmsg *em)
{
	for (int pass = 0; pass < 2; pass++) {
		const json_t *row;
		size_t i;

		json_array_foreach((json_t *)files, i, row) {
			struct item it = { 0 };
			int staged, rc = take_item(row, &it, em);

			if (rc)
				return rc;
			staged = where(sp, staging, &it, em);
			if (staged < 0)
				return staged;
			if (staged)
				rc = pass == 0 ? safepath_target(sp->root, it.final, it.replace, em) :
				     move(sp, staging, &it, em);
			if (rc)
				return rc;
		}
	}
	return 0;
}

int spawn_publish(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em)
{
	const json_t *files = json_object_get(request, "files");
	const char *name;
	int staging, rc;

	(void)answer;
	TRY(task_named(request, &name, em));
	if (!json_is_array(files))
		return errmsg_set(em, ERR_INPUT, "BAD_REQUEST", "files: expected a list");
	/* no question whether it lives: its record exists, so its work was reaped, and `where` checks each file */
	staging = openat(sp->private_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = publish_all(sp, staging, files, em);
	if (staging >= 0) {
		if (rc == 0 && fsync(staging) != 0)
			rc = errmsg_set(em, ERR_IO, "NOT_PUBLISHED", "the staging folder cannot be brought to disk");
		close(staging);
	}
out:
	return rc;
}
