/* The bound of bucket sizes against the exact distribution; the store against plain filters. */
#include "psi/bins.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "psi/store.h"
#include "test.h"

TEST(count)
{
	CHECK_INT(psi_bins_count(0, 16), 1);
	CHECK_INT(psi_bins_count(16, 16), 1);
	CHECK_INT(psi_bins_count(17, 16), 2);
	CHECK_INT(psi_bins_count(30, 16), 2);
	CHECK_INT(psi_bins_count(31, 16), 4);
	CHECK_INT(psi_bins_count(10000000, 1048576), 16);
	CHECK_INT(psi_bins_count(100000000, 1048576), 128);
	CHECK_INT(psi_bins_count(2147483647, 16), PSI_BUCKETS_MAX);
}

/* Pr[Binomial(n, 1/b) > c], summed term by term from below in the exact recurrence. */
static double exact_tail(unsigned n, unsigned b, unsigned c)
{
	long double p = 1.0L / b, term = powl(1 - p, n), sum = 0;

	for (unsigned k = 0; k < n; k++) {
		if (k > c)
			sum += term;
		term *= (long double)(n - k) / (k + 1) * p / (1 - p);
	}
	return (double)(c < n ? sum + term : 0);
}

TEST(capacity)
{
	static const unsigned sizes[] = { 2, 3, 10, 64, 100, 257, 1000, 4000 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++) {
		for (unsigned b = 2; b <= 64; b *= 2) {
			unsigned n = sizes[i], c = (unsigned)psi_bins_capacity(n, b);

			CHECK(c <= n);
			CHECK(c == n || b * exact_tail(n, b, c) <= ldexp(1, -40));
			/* and no larger than needed: two less is not enough */
			if (c > 2 && c < n && c > n / b + 3)
				CHECK(b * exact_tail(n, b, c - 2) > ldexp(1, -41));
		}
	}
	CHECK_INT(psi_bins_capacity(0, 1), 0);
	CHECK_INT(psi_bins_capacity(0, 8), 0);
	CHECK_INT(psi_bins_capacity(1, 8), 1);
	CHECK_INT(psi_bins_capacity(77, 1), 77);
	/* what docs say of ten and a hundred million rows */
	CHECK(psi_bins_capacity(10000000, 16) > 625000 && psi_bins_capacity(10000000, 16) < 632000);
	CHECK(psi_bins_capacity(100000000, 128) < 789000);
}

struct gather {
	uint32_t rows[20000];
	unsigned count, bucket, buckets;
};

static int take(void *arg, const struct psi_record *r)
{
	struct gather *g = arg;

	CHECK_INT(psi_store_bucket(r->digest, g->buckets), g->bucket);
	CHECK(g->count < PET_ARRAY_SIZE(g->rows));
	g->rows[g->count++] = r->row;
	return 0;
}

static void fill(struct psi_record *r, uint32_t row)
{
	uint64_t v = row * UINT64_C(0x9e3779b97f4a7c15);

	for (unsigned i = 0; i < sizeof(r->digest); i++)
		r->digest[i] = (uint8_t)(v >> (8 * (7 - i % 8)));
	r->row = row;
}

static void check_buckets(const struct psi_store *s, uint32_t n, unsigned buckets)
{
	static struct gather g;
	uint8_t *seen = calloc(n + 1, 1);
	struct psi_record r;

	for (unsigned b = 0; b < buckets; b++) {
		g.count = 0;
		g.bucket = b;
		g.buckets = buckets;
		CHECK_INT(psi_store_each(s, b, buckets, take, &g), 0);
		for (unsigned i = 0; i < g.count; i++)
			seen[g.rows[i]]++;
	}
	for (uint32_t i = 0; i < n; i++) {
		fill(&r, i);
		CHECK(seen[i] == 1 && psi_store_bucket(r.digest, buckets) < buckets);
	}
	free(seen);
}

/* Rows that stay in memory, that go to the file on the way, and that go there at the end; then the file opened again. */
TEST(store)
{
	static const struct { uint32_t rows, limit; } cases[] = { { 0, 10 }, { 1, 10 }, { 10, 10 }, { 11, 10 }, { 1, 0 }, { 20000, 100 }, { 20000, 20000 } };
	char path[] = "/tmp/pet-store-XXXXXX";

	CHECK(mkstemp(path) >= 0);
	for (size_t i = 0; i < PET_ARRAY_SIZE(cases); i++) {
		struct psi_store s = PSI_STORE_NONE, again = PSI_STORE_NONE;
		struct psi_record r;
		uint32_t *chunks;

		CHECK_INT(psi_store_init(&s, cases[i].limit), 0);
		for (uint32_t row = 0; row < cases[i].rows; row++) {
			fill(&r, row);
			CHECK_INT(psi_store_add(&s, &r, path), 0);
		}
		CHECK_INT(psi_store_spilled(&s), cases[i].rows > cases[i].limit);
		if (!psi_store_spilled(&s))
			check_buckets(&s, cases[i].rows, 4);
		CHECK_INT(psi_store_spill(&s, path, 1), 0);
		check_buckets(&s, cases[i].rows, 1);
		check_buckets(&s, cases[i].rows, 16);
		check_buckets(&s, cases[i].rows, PSI_BUCKETS_MAX);
		chunks = malloc((s.chunks + 1) * sizeof(*chunks));
		memcpy(chunks, s.chunk ? s.chunk : chunks, s.chunks * sizeof(*chunks));
		CHECK_INT(psi_store_reopen(&again, path, chunks, s.chunks), 0);
		CHECK_INT(again.count, cases[i].rows);
		check_buckets(&again, cases[i].rows, 8);
		psi_store_fini(&again);
		psi_store_fini(&s);
	}
	unlink(path);
}

TEST_MAIN(CASE(count), CASE(capacity), CASE(store))
