#define _GNU_SOURCE 1
#include "table/rowsort.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAP (1 << 16)
#define RUN_BUFFER (1 << 18)
#define RADIX_MIN 512
#define LEN_MAX (UINT32_C(1) << 31)

/* Before each row in the arena and in a run: lengths, the flag as the row length's top bit; then key and row. */
struct head {
	uint32_t key_len, row_len;
};

/* Of a row in the arena: eight bytes of its key, behind what all keys begin with, as a number. */
struct entry {
	uint64_t prefix;
	uint64_t at;
};

struct run {
	FILE *f;
	char *buffer;		/* owned: the stream's */
	char *data;		/* owned: key and row of the row at its head */
	size_t cap;
	struct head head;
	int done;
};

struct rowsort {
	const char *dir;
	size_t memory;
	char *arena;
	size_t used, cap;
	struct entry *entry, *spare;
	size_t count, entry_cap;
	struct run *run;
	unsigned runs;
};

int rowsort_new(struct rowsort **out, const char *dir, size_t memory)
{
	struct rowsort *s = calloc(1, sizeof(*s));

	if (!s)
		return ERR_NOMEM;
	s->dir = dir;
	s->memory = memory;
	*out = s;
	return 0;
}

unsigned rowsort_runs(const struct rowsort *s)
{
	return s->runs;
}

/* --- in memory --------------------------------------------------------------------- */

static struct head head_at(const struct rowsort *s, uint64_t at)
{
	struct head h;

	memcpy(&h, s->arena + at, sizeof(h));
	return h;
}

static const char *key_at(const struct rowsort *s, uint64_t at)
{
	return s->arena + at + sizeof(struct head);
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

static int compare_entries(const void *pa, const void *pb, void *arg)
{
	const struct entry *a = pa, *b = pb;
	const struct rowsort *s = arg;
	int c;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	c = compare_bytes(key_at(s, a->at), head_at(s, a->at).key_len, key_at(s, b->at), head_at(s, b->at).key_len);
	return c ? c : a->at < b->at ? -1 : 1;
}

/* How many bytes all keys have in common at their start. */
static size_t common_start(const struct rowsort *s)
{
	const char *first = key_at(s, s->entry[0].at);
	size_t n = head_at(s, s->entry[0].at).key_len;

	for (size_t i = 1; i < s->count && n; i++) {
		const char *key = key_at(s, s->entry[i].at);
		size_t len = head_at(s, s->entry[i].at).key_len, k = 0;

		while (k < n && k < len && key[k] == first[k])
			k++;
		n = k;
	}
	return n;
}

/* Missing bytes count as 0; where that makes two prefixes equal, the whole keys decide. */
static void set_prefixes(struct rowsort *s)
{
	size_t skip = common_start(s);

	for (size_t i = 0; i < s->count; i++) {
		size_t len = head_at(s, s->entry[i].at).key_len - skip;
		const uint8_t *key = (const uint8_t *)key_at(s, s->entry[i].at) + skip;
		uint64_t v = 0;

		for (size_t k = 0; k < 8; k++)
			v = v << 8 | (k < len ? key[k] : 0);
		s->entry[i].prefix = v;
	}
}

/* Stable counting sort by one byte of the prefix; nothing to do where all have the same. */
static void radix_pass(struct rowsort *s, unsigned shift)
{
	size_t start[256] = { 0 }, sum = 0;
	struct entry *t;

	for (size_t i = 0; i < s->count; i++)
		start[s->entry[i].prefix >> shift & 255]++;
	for (unsigned v = 0; v < 256; v++) {
		size_t n = start[v];

		if (n == s->count)
			return;
		start[v] = sum;
		sum += n;
	}
	for (size_t i = 0; i < s->count; i++)
		s->spare[start[s->entry[i].prefix >> shift & 255]++] = s->entry[i];
	t = s->entry;
	s->entry = s->spare;
	s->spare = t;
}

static void sort_memory(struct rowsort *s)
{
	if (s->count < 2)
		return;
	set_prefixes(s);
	if (s->count < RADIX_MIN) {
		qsort_r(s->entry, s->count, sizeof(*s->entry), compare_entries, s);
		return;
	}
	for (unsigned shift = 0; shift < 64; shift += 8)
		radix_pass(s, shift);
	for (size_t i = 0, j; i < s->count; i = j) {
		for (j = i + 1; j < s->count && s->entry[j].prefix == s->entry[i].prefix; j++)
			;
		if (j - i > 1)
			qsort_r(s->entry + i, j - i, sizeof(*s->entry), compare_entries, s);
	}
}

/* --- runs -------------------------------------------------------------------------- */

static int open_run(struct rowsort *s, struct run *r)
{
	char path[PATH_MAX];
	int fd, saved;

	snprintf(path, sizeof(path), "%.*s/run-XXXXXX", PATH_MAX - 16, s->dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	saved = unlink(path) == 0 ? 0 : errno;
	r->f = saved ? NULL : fdopen(fd, "w+");
	r->buffer = malloc(RUN_BUFFER);
	if (!r->f || !r->buffer || setvbuf(r->f, r->buffer, _IOFBF, RUN_BUFFER) != 0) {
		if (!r->f)
			close(fd);
		errno = saved ? saved : ENOMEM;
		return ERR_IO;
	}
	return 0;
}

static size_t size_of(struct head h)
{
	return (size_t)h.key_len + (h.row_len & ~LEN_MAX);
}

static int write_run(struct rowsort *s)
{
	struct run *list = reallocarray(s->run, s->runs + 1, sizeof(*list)), *r;
	int rc;

	if (!list)
		return ERR_NOMEM;
	s->run = list;
	r = &list[s->runs++];
	memset(r, 0, sizeof(*r));
	rc = open_run(s, r);
	sort_memory(s);
	for (size_t i = 0; rc == 0 && i < s->count; i++) {
		size_t n = sizeof(struct head) + size_of(head_at(s, s->entry[i].at));

		if (fwrite_unlocked(s->arena + s->entry[i].at, 1, n, r->f) != n)
			rc = ERR_IO;
	}
	if (rc == 0 && fflush(r->f) != 0)
		rc = ERR_IO;
	s->count = 0;
	s->used = 0;
	return rc;
}

/* Takes the next row of a run to its head. */
static int run_next(struct run *r)
{
	size_t n = fread_unlocked(&r->head, 1, sizeof(r->head), r->f), size;

	if (n == 0 && feof_unlocked(r->f)) {
		r->done = 1;
		return 0;
	}
	if (n != sizeof(r->head))
		return ERR_IO;
	size = size_of(r->head);
	if (size > r->cap) {
		char *data = realloc(r->data, size * 2);

		if (!data)
			return ERR_NOMEM;
		r->data = data;
		r->cap = size * 2;
	}
	return fread_unlocked(r->data, 1, size, r->f) == size ? 0 : ERR_IO;
}

/* Runs hold rows in the order in which they came: of equal keys that of the earlier run is first. */
static int before(const struct run *runs, unsigned a, unsigned b)
{
	int c;

	if (runs[a].done || runs[b].done)
		return !runs[a].done;
	c = compare_bytes(runs[a].data, runs[a].head.key_len, runs[b].data, runs[b].head.key_len);
	return c ? c < 0 : a < b;
}

static void sift(const struct run *runs, unsigned *heap, unsigned n, unsigned i)
{
	for (;;) {
		unsigned least = i, left = 2 * i + 1, t;

		for (unsigned k = left; k < n && k < left + 2; k++)
			if (before(runs, heap[k], heap[least]))
				least = k;
		if (least == i)
			return;
		t = heap[i];
		heap[i] = heap[least];
		heap[least] = t;
		i = least;
	}
}

static int merge(struct rowsort *s, rowsort_fn *fn, void *arg)
{
	unsigned *heap = calloc(s->runs, sizeof(*heap));
	int rc = heap ? 0 : ERR_NOMEM;

	for (unsigned i = 0; rc == 0 && i < s->runs; i++) {
		heap[i] = i;
		rewind(s->run[i].f);
		rc = run_next(&s->run[i]);
	}
	for (unsigned i = s->runs; rc == 0 && i-- > 0;)
		sift(s->run, heap, s->runs, i);
	while (rc == 0 && !s->run[heap[0]].done) {
		struct run *r = &s->run[heap[0]];

		rc = fn(arg, r->data + r->head.key_len, r->head.row_len & ~LEN_MAX, r->head.row_len >> 31);
		if (rc == 0)
			rc = run_next(r);
		sift(s->run, heap, s->runs, 0);
	}
	free(heap);
	return rc;
}

/* --- rows in, rows out ---------------------------------------------------------------- */

static int grow(void **p, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : FIRST_CAP;
	void *q;

	if (need <= *cap)
		return 0;
	while (n < need)
		n *= 2;
	q = reallocarray(*p, n, size);
	if (!q)
		return ERR_NOMEM;
	*p = q;
	*cap = n;
	return 0;
}

static int grow_entries(struct rowsort *s)
{
	size_t cap = s->entry_cap;
	int rc = grow((void **)&s->spare, &cap, s->count + 1, sizeof(*s->spare));

	return rc ? rc : grow((void **)&s->entry, &s->entry_cap, s->count + 1, sizeof(*s->entry));
}

int rowsort_add(struct rowsort *s, const void *key, size_t key_len, const void *row, size_t row_len, int flag)
{
	size_t need = sizeof(struct head) + key_len + row_len;
	struct head h = { (uint32_t)key_len, (uint32_t)row_len | (flag ? LEN_MAX : 0) };
	int rc;

	if (key_len >= LEN_MAX || row_len >= LEN_MAX)
		return ERR_INPUT;
	if (s->count && s->used + need + 2 * sizeof(struct entry) * (s->count + 1) > s->memory)
		TRY(write_run(s));
	TRY(grow((void **)&s->arena, &s->cap, s->used + need, 1));
	TRY(grow_entries(s));
	s->entry[s->count++].at = s->used;
	memcpy(s->arena + s->used, &h, sizeof(h));
	memcpy(s->arena + s->used + sizeof(h), key, key_len);
	memcpy(s->arena + s->used + sizeof(h) + key_len, row, row_len);
	s->used += need;
	rc = 0;
out:
	return rc;
}

int rowsort_each(struct rowsort *s, rowsort_fn *fn, void *arg)
{
	int rc = 0;

	if (s->runs) {
		if (s->count)
			rc = write_run(s);
		return rc ? rc : merge(s, fn, arg);
	}
	sort_memory(s);
	for (size_t i = 0; rc == 0 && i < s->count; i++) {
		struct head h = head_at(s, s->entry[i].at);

		rc = fn(arg, key_at(s, s->entry[i].at) + h.key_len, h.row_len & ~LEN_MAX, h.row_len >> 31);
	}
	return rc;
}

void rowsort_free(struct rowsort *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->runs; i++) {
		if (s->run[i].f)
			fclose(s->run[i].f);
		free(s->run[i].buffer);
		free(s->run[i].data);
	}
	free(s->run);
	free(s->arena);
	free(s->entry);
	free(s->spare);
	free(s);
}
