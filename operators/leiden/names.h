/* Texts that stand for nodes, numbered from 0 in the order in which they come. */
#ifndef PET_LEIDEN_NAMES_H
#define PET_LEIDEN_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NAME_MAX_BYTES 10000
#define NAMES_MAX UINT32_C(0x7fffffff)

struct names {
	char *text;
	size_t len, cap;
	uint64_t *at;		/* where name i begins; at[n] is len */
	uint32_t n, room;
	uint32_t *slot;		/* open addressing; 0 is free, else 1 + number */
	size_t slots;
};

/* The number of a name, new or not. ERR_INPUT: too many, or too long. */
int names_add(struct names *s, const char *text, size_t len, uint32_t *out) PET_MUST_USE;
/* UINT32_MAX: there is none. */
uint32_t names_find(const struct names *s, const char *text, size_t len);
const char *names_get(const struct names *s, uint32_t i, size_t *len);
/* Order of the bytes, the shorter first. */
int names_compare(const struct names *s, uint32_t a, uint32_t b);
void names_free(struct names *s);

#endif
