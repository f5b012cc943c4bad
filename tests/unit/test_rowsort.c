/* rowsort against qsort of the whole, with and without runs. */
#include "table/rowsort.h"

#include <stdlib.h>
#include <unistd.h>

#include "test.h"

struct item {
	char key[24], row[40];
	size_t key_len, row_len, seq;
	int flag;
};

struct reader {
	const struct item *want;
	size_t at, n;
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static int plain_order(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = memcmp(a->key, b->key, a->key_len < b->key_len ? a->key_len : b->key_len);

	if (c == 0)
		c = (a->key_len > b->key_len) - (a->key_len < b->key_len);
	return c ? c : a->seq < b->seq ? -1 : 1;
}

static int expect(void *arg, const char *row, size_t len, int flag)
{
	struct reader *r = arg;
	const struct item *w = &r->want[r->at++];

	CHECK(r->at <= r->n);
	return len == w->row_len && memcmp(row, w->row, len) == 0 && flag == w->flag ? 0 : ERR_INTERNAL;
}

/* kind: 0 random bytes, 1 digits behind a common start, 2 few keys, all with the same first eight bytes. */
static void make(struct item *it, size_t i, int kind, uint32_t *seed)
{
	it->seq = i;
	it->flag = (int)(next_random(seed) & 1);
	it->key_len = kind == 0 ? next_random(seed) % 12 : 0;
	for (size_t k = 0; k < it->key_len; k++)
		it->key[k] = (char)(next_random(seed) % 5 ? next_random(seed) : 0);
	if (kind == 1)
		it->key_len = (size_t)snprintf(it->key, sizeof(it->key), "user-%u", next_random(seed) % 100000);
	if (kind == 2)
		it->key_len = (size_t)snprintf(it->key, sizeof(it->key), "%s-the-same%u", i & 1 ? "a" : "b", next_random(seed) % 30);
	it->row_len = (size_t)snprintf(it->row, sizeof(it->row), "row %zu of kind %d", i, kind) - next_random(seed) % 4;
}

static unsigned sorts(size_t n, int kind, size_t memory)
{
	struct item *items = calloc(n + 1, sizeof(*items));
	struct reader r = { items, 0, n };
	struct rowsort *s = NULL;
	uint32_t seed = (uint32_t)(n * 3 + (size_t)kind);
	unsigned runs;

	CHECK_INT(rowsort_new(&s, "/tmp", memory), 0);
	for (size_t i = 0; i < n; i++) {
		make(&items[i], i, kind, &seed);
		CHECK_INT(rowsort_add(s, items[i].key, items[i].key_len, items[i].row, items[i].row_len, items[i].flag), 0);
	}
	qsort(items, n, sizeof(*items), plain_order);
	CHECK_INT(rowsort_each(s, expect, &r), 0);
	CHECK_INT(r.at, n);
	runs = rowsort_runs(s);
	rowsort_free(s);
	free(items);
	return runs;
}

TEST(in_memory)
{
	static const size_t sizes[] = { 0, 1, 2, 511, 512, 513, 5000 };

	for (int kind = 0; kind < 3; kind++)
		for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++)
			CHECK_INT(sorts(sizes[i], kind, (size_t)1 << 30), 0);
}

TEST(in_runs)
{
	for (int kind = 0; kind < 3; kind++) {
		CHECK(sorts(5000, kind, 1 << 16) > 3);
		CHECK(sorts(300, kind, 4096) > 3);
		/* every row is larger than the memory: a run each, the last one included */
		CHECK_INT(sorts(40, kind, 1), 40);
	}
}

TEST(no_folder)
{
	struct rowsort *s = NULL;

	CHECK_INT(rowsort_new(&s, "/nonexistent", 1), 0);
	CHECK_INT(rowsort_add(s, "a", 1, "x", 1, 0), 0);
	CHECK_INT(rowsort_add(s, "b", 1, "x", 1, 0), ERR_IO);
	rowsort_free(s);
	rowsort_free(NULL);
}

TEST_MAIN(CASE(in_memory), CASE(in_runs), CASE(no_folder))
