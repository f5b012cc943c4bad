#include "leiden/names.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a: own data only, nobody else chooses it. */
static uint64_t hash(const char *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (len--)
		h = (h ^ (uint8_t)*p++) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

const char *names_get(const struct names *s, uint32_t i, size_t *len)
{
	*len = (size_t)(s->at[i + 1] - s->at[i]);
	return s->text + s->at[i];
}

static size_t place(const struct names *s, const char *text, size_t len)
{
	size_t mask = s->slots - 1, i = hash(text, len) & mask, have;

	for (; s->slot[i]; i = (i + 1) & mask) {
		const char *t = names_get(s, s->slot[i] - 1, &have);

		if (have == len && memcmp(t, text, len) == 0)
			break;
	}
	return i;
}

uint32_t names_find(const struct names *s, const char *text, size_t len)
{
	return s->slots ? s->slot[place(s, text, len)] - 1 : UINT32_MAX;
}

static int grow_table(struct names *s)
{
	size_t slots = s->slots ? s->slots * 2 : 1024;
	uint32_t *old = s->slot;

	s->slot = calloc(slots, sizeof(*s->slot));
	if (!s->slot) {
		s->slot = old;
		return ERR_NOMEM;
	}
	s->slots = slots;
	for (uint32_t i = 0; i < s->n; i++) {
		size_t len;
		const char *t = names_get(s, i, &len);

		s->slot[place(s, t, len)] = i + 1;
	}
	free(old);
	return 0;
}

static int grow(struct names *s, size_t len)
{
	if (s->n + 1 >= s->room) {
		uint32_t room = s->room * 2 + 64;
		uint64_t *at = realloc(s->at, room * sizeof(*at));

		if (!at)
			return ERR_NOMEM;
		if (!s->at)
			at[0] = 0;
		s->at = at;
		s->room = room;
	}
	if (s->cap - s->len < len) {
		size_t cap = s->cap * 2 + len + 4096;
		char *text = realloc(s->text, cap);

		if (!text)
			return ERR_NOMEM;
		s->text = text;
		s->cap = cap;
	}
	return (uint64_t)s->n * 2 >= s->slots ? grow_table(s) : 0;
}

int names_add(struct names *s, const char *text, size_t len, uint32_t *out)
{
	size_t i;
	int rc;

	if (len > NAME_MAX_BYTES || s->n >= NAMES_MAX)
		return ERR_INPUT;
	rc = grow(s, len);
	if (rc)
		return rc;
	i = place(s, text, len);
	if (s->slot[i] == 0) {
		if (len)
			memcpy(s->text + s->len, text, len);
		s->len += len;
		s->at[++s->n] = s->len;
		s->slot[i] = s->n;
	}
	*out = s->slot[i] - 1;
	return 0;
}

int names_compare(const struct names *s, uint32_t a, uint32_t b)
{
	size_t la, lb;
	const char *ta = names_get(s, a, &la), *tb = names_get(s, b, &lb);
	int c = memcmp(ta, tb, la < lb ? la : lb);

	return c ? c : la < lb ? -1 : la > lb;
}

void names_free(struct names *s)
{
	free(s->text);
	free(s->at);
	free(s->slot);
	*s = (struct names){ 0 };
}
