/* A growing byte buffer. Zero-initialise to start; the content is always NUL-terminated once anything was added. */
#ifndef PET_BASE_BUF_H
#define PET_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"

struct buf {
	char *data;	/* owned; NULL while empty */
	size_t len;
	size_t cap;
};

int buf_reserve(struct buf *b, size_t extra) PET_MUST_USE;
int buf_add(struct buf *b, const void *data, size_t len) PET_MUST_USE;
int buf_str(struct buf *b, const char *s) PET_MUST_USE;
int buf_fmt(struct buf *b, const char *fmt, ...) PET_PRINTF(2, 3) PET_MUST_USE;
/* Drops the first n bytes (n ≤ len). */
void buf_eat(struct buf *b, size_t n);
void buf_clear(struct buf *b);
void buf_free(struct buf *b);

#endif
