#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "table/csv.h"

#define BUFFER (1 << 18)
#define SPECIAL 1
#define DOUBLED 2

struct csv_writer {
	int fd;
	int fields;	/* of the row that is being written */
	int empty;	/* all of them empty so far */
	int first;	/* nothing was written yet: a BOM here would be eaten by readers */
	char delimiter;
	uint8_t special[256];	/* SPECIAL for what makes quotes necessary, DOUBLED for a quote */
	size_t used;
	char data[BUFFER];
};

int csv_writer_open(struct csv_writer **out, const char *path, char delimiter)
{
	struct csv_writer *w = malloc(sizeof(*w));

	if (!w)
		return ERR_NOMEM;
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (w->fd < 0) {
		free(w);
		return ERR_IO;
	}
	w->delimiter = delimiter ? delimiter : ',';
	memset(w->special, 0, sizeof(w->special));
	w->special['\n'] = w->special['\r'] = w->special[(uint8_t)w->delimiter] = SPECIAL;
	w->special['"'] = SPECIAL | DOUBLED;
	w->fields = 0;
	w->empty = 1;
	w->first = 1;
	w->used = 0;
	*out = w;
	return 0;
}

static int drain(struct csv_writer *w)
{
	size_t n = w->used;

	w->used = 0;
	return util_write_all(w->fd, w->data, n);
}

static int put(struct csv_writer *w, const char *data, size_t len)
{
	w->first = 0;
	if (len > BUFFER - w->used) {
		int rc = drain(w);

		if (rc)
			return rc;
		if (len > BUFFER)
			return util_write_all(w->fd, data, len);
	}
	memcpy(w->data + w->used, data, len);
	w->used += len;
	return 0;
}

/* A reader takes one mark off the start of a file: a text that begins with it there must be protected. */
static int would_lose_mark(const struct csv_writer *w, const char *data, size_t len)
{
	return w->first && len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
}

/* 0: not; else what is in the text. */
static int must_quote(const struct csv_writer *w, const char *data, size_t len)
{
	int any = 0;

	for (size_t i = 0; i < len; i++)
		any |= w->special[(uint8_t)data[i]];
	return any | (would_lose_mark(w, data, len) ? SPECIAL : 0);
}

static int put_quoted(struct csv_writer *w, const char *data, size_t len, int doubled)
{
	int rc;

	/* Every byte may become two: where that fits, no call per byte. */
	if (len < BUFFER / 2 && 2 * len + 2 <= BUFFER - w->used) {
		char *p = w->data + w->used;

		*p++ = '"';
		if (!doubled) {
			memcpy(p, data, len);
			p += len;
		}
		for (size_t i = 0; doubled && i < len; i++) {
			*p++ = data[i];
			*p = '"';
			p += data[i] == '"';
		}
		*p++ = '"';
		w->used = (size_t)(p - w->data);
		w->first = 0;
		return 0;
	}
	rc = put(w, "\"", 1);
	while (rc == 0) {
		const char *q = len ? memchr(data, '"', len) : NULL;
		size_t n = q ? (size_t)(q - data) + 1 : len;

		rc = put(w, data, n);
		if (!q)
			break;
		if (rc == 0)
			rc = put(w, "\"", 1);
		data += n;
		len -= n;
	}
	return rc ? rc : put(w, "\"", 1);
}

int csv_write_field(struct csv_writer *w, const char *data, size_t len)
{
	int rc = 0, quote = must_quote(w, data, len);

	if (len)
		w->empty = 0;
	if (w->fields++) {
		if (!quote && len < BUFFER - w->used) {
			w->data[w->used++] = w->delimiter;
			memcpy(w->data + w->used, data, len);
			w->used += len;
			return 0;
		}
		rc = put(w, &w->delimiter, 1);
	}
	if (rc)
		return rc;
	return quote ? put_quoted(w, data, len, quote & DOUBLED) : put(w, data, len);
}

int csv_write_end(struct csv_writer *w)
{
	int rc = 0;

	/* A single empty field would be an empty line, which readers skip. */
	if (w->fields == 1 && w->empty)
		rc = put(w, "\"\"", 2);
	w->fields = 0;
	w->empty = 1;
	return rc ? rc : put(w, "\n", 1);
}

static int put_extra(struct csv_writer *w, const char *text)
{
	int rc = put(w, &w->delimiter, 1);

	return rc ? rc : put(w, text, strlen(text));
}

int csv_write_raw(struct csv_writer *w, const char *data, size_t len, const char *extra)
{
	int rc = would_lose_mark(w, data, len) ? put(w, "\xef\xbb\xbf", 3) : 0;

	if (rc == 0)
		rc = put(w, data, len);
	if (rc == 0 && extra)
		rc = put_extra(w, extra);
	return rc ? rc : put(w, "\n", 1);
}

int csv_writer_close(struct csv_writer *w)
{
	int rc = drain(w), saved;

	if (rc == 0 && fsync(w->fd) != 0 && errno != EINVAL)
		rc = ERR_IO;
	saved = errno;
	if (close(w->fd) != 0 && rc == 0)
		rc = ERR_IO;
	else
		errno = saved;
	free(w);
	return rc;
}

void csv_writer_free(struct csv_writer *w)
{
	if (!w)
		return;
	close(w->fd);
	free(w);
}
