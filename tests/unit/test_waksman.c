/* The switching network: every permutation of few rows, random ones of many, walked in parts of any size. */
#include "base/util.h"
#include "mpc/perm.h"
#include "mpc/waksman.h"
#include "test.h"

/* Runs the network on plain rows, at most `most` switches at a time. */
static void apply(uint32_t *row, const uint64_t *bits, size_t n, size_t most)
{
	uint32_t *buf[2] = { malloc((n + 1) * 4), malloc((n + 1) * 4) };
	struct waksman_walk w;
	struct waksman_part p;
	uint64_t at = 0;

	memcpy(buf[0], row, n * 4);
	waksman_begin(&w, n);
	while (waksman_next(&w, most, &p)) {
		uint32_t *node = buf[p.depth % 2] + p.base, *mid = buf[1 - p.depth % 2] + p.base;
		size_t half = p.n / 2;

		CHECK(p.from < p.to && p.to - p.from <= most && p.to <= p.count);
		for (size_t i = p.from; i < p.to; i++, at++) {
			int s = bits[at / 64] >> (at % 64) & 1;
			uint32_t a, b;

			if (p.layer == WAKSMAN_LAST) {
				a = mid[i];
				b = mid[half + i];
				node[2 * i] = s ? b : a;
				node[2 * i + 1] = s ? a : b;
			} else {
				uint32_t *to = p.layer == WAKSMAN_PAIR ? node : mid;

				a = node[2 * i];
				b = node[2 * i + 1];
				to[i] = s ? b : a;
				to[p.layer == WAKSMAN_PAIR ? 1 : half + i] = s ? a : b;
			}
		}
		if (p.to == p.count && p.layer == WAKSMAN_FIRST && p.n % 2)
			mid[p.n - 1] = node[p.n - 1];
		if (p.to == p.count && p.layer == WAKSMAN_LAST) {
			if (p.n % 2 == 0)
				node[p.n - 2] = mid[half - 1];
			node[p.n - 1] = mid[p.n - 1];
		}
	}
	CHECK_INT(at, waksman_switches(n));
	memcpy(row, buf[0], n * 4);
	free(buf[0]);
	free(buf[1]);
}

static void check(const uint32_t *perm, uint32_t n, size_t most)
{
	uint64_t *bits = calloc(waksman_switches(n) / 64 + 2, 8);
	uint32_t *row = malloc((n + 1) * 4);
	size_t bad = 0;

	for (uint32_t i = 0; i < n; i++)
		row[i] = 1000000 + i;
	CHECK_INT(waksman_route_var(bits, perm, n), 0);
	apply(row, bits, n, most);
	for (uint32_t i = 0; i < n; i++)
		bad += row[i] != 1000000 + perm[i];
	CHECK_INT(bad, 0);
	free(bits);
	free(row);
}

static void all(uint32_t *perm, uint32_t n, uint32_t k)
{
	if (k == n) {
		check(perm, n, SIZE_MAX);
		return;
	}
	for (uint32_t i = k; i < n; i++) {
		uint32_t t = perm[k];

		perm[k] = perm[i];
		perm[i] = t;
		all(perm, n, k + 1);
		perm[i] = perm[k];
		perm[k] = t;
	}
}

TEST(every_permutation_of_up_to_7)
{
	for (uint32_t n = 0; n <= 7; n++) {
		uint32_t perm[7] = { 0, 1, 2, 3, 4, 5, 6 };

		all(perm, n, 0);
	}
}

TEST(random_permutations)
{
	static const uint32_t sizes[] = { 8, 9, 63, 64, 65, 1000, 1023, 1024, 1025, 30000 };
	static uint32_t perm[30000];

	for (size_t s = 0; s < PET_ARRAY_SIZE(sizes); s++) {
		perm_random(perm, sizes[s]);
		check(perm, sizes[s], SIZE_MAX);
		check(perm, sizes[s], 64);
		check(perm, sizes[s], 1);
		for (uint32_t i = 0; i < sizes[s]; i++)
			perm[i] = i;
		check(perm, sizes[s], 7);
		for (uint32_t i = 0; i < sizes[s]; i++)
			perm[i] = sizes[s] - 1 - i;
		check(perm, sizes[s], 4096);
	}
}

TEST(what_is_no_permutation)
{
	uint64_t bits[4] = { 0 };
	uint32_t twice[3] = { 0, 1, 1 }, far[3] = { 0, 1, 3 };

	CHECK_INT(waksman_route_var(bits, twice, 3), ERR_INPUT);
	CHECK_INT(waksman_route_var(bits, far, 3), ERR_INPUT);
}

TEST(switches_counted)
{
	CHECK_INT(waksman_switches(0), 0);
	CHECK_INT(waksman_switches(1), 0);
	CHECK_INT(waksman_switches(2), 1);
	CHECK_INT(waksman_switches(3), 3);
	CHECK_INT(waksman_switches(4), 5);
	CHECK_INT(waksman_switches(8), 17);
}

TEST_MAIN(CASE(every_permutation_of_up_to_7), CASE(random_permutations), CASE(what_is_no_permutation),
	  CASE(switches_counted))
