#include "mpc/lookup.h"

#include "base/util.h"
#include "test.h"

/* A hash that is good enough to look uniform: splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The tag of number v. */
static struct lookup_tag tag(uint64_t v, unsigned bits, uint32_t id)
{
	struct block b = { { mix(v), mix(v ^ UINT64_C(1) << 63) } };

	return lookup_tag(b, bits, id);
}

/* n tags of start, start + step, …; id i is that of start + i·step, but they stand in an order of their own. */
static struct lookup_tag *tags(uint32_t n, uint64_t start, uint64_t step, unsigned bits)
{
	struct lookup_tag *t = calloc((size_t)n + 1, sizeof(*t));

	for (uint32_t i = 0; t && i < n; i++) {
		uint32_t j = (uint32_t)(mix(i) % (i + 1));

		t[i] = t[j];
		t[j] = tag(start + i * step, bits, i);
	}
	return t;
}

static int sort(struct lookup_tag *t, uint32_t n, int threads)
{
	struct lookup_tag *scratch = calloc((size_t)n + 1, sizeof(*scratch));
	int rc = lookup_sort_var(t, scratch, n, threads);

	free(scratch);
	return rc;
}

static uint8_t *pack(struct lookup_tag *t, uint32_t n, unsigned bits, int threads)
{
	uint8_t *wire = malloc(lookup_wire_size(n, bits) + 1);

	CHECK_INT(sort(t, n, threads), 0);
	for (uint32_t i = 1; i < n; i++)
		CHECK(t[i - 1].top < t[i].top || (t[i - 1].top == t[i].top && t[i - 1].low <= t[i].low));
	if (wire) {
		wire[lookup_wire_size(n, bits)] = 0x5c;
		CHECK_INT(lookup_pack(wire, t, n, bits), 0);
		CHECK_INT(wire[lookup_wire_size(n, bits)], 0x5c);
	}
	return wire;
}

/* Own i is 3i; the peer's j is 2j + base: equal where 3i - base is even and in range. */
static void check_match(uint32_t n, uint32_t m, uint64_t base, unsigned bits, int threads)
{
	struct lookup_tag *own = tags(n, 0, 3, bits), *peer = tags(m, base, 2, bits);
	uint8_t *wire = pack(peer, m, bits, threads);
	struct lookup_result r = { .matched = calloc((size_t)n + 1, 1), .ids = n, .flags = malloc(m / 8 + 1) };
	uint32_t wrong = 0, want = 0;

	memset(r.flags, 0xff, m / 8 + 1);
	CHECK_INT(sort(own, n, threads), 0);
	CHECK_INT(lookup_match_var(&r, own, n, wire, m, bits, threads), 0);
	for (uint64_t i = 0; i < n; i++) {
		int in = 3 * i >= base && (3 * i - base) % 2 == 0 && (3 * i - base) / 2 < m;

		wrong += r.matched[i] != in;
		want += (uint32_t)in;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(r.matches, want);
	for (uint32_t k = 0; k < m; k++) {
		uint64_t v = base + 2 * (uint64_t)peer[k].id;

		wrong += (r.flags[k / 8] >> k % 8 & 1) != (v % 3 == 0 && v / 3 < n);
	}
	if (m % 8)
		wrong += r.flags[m / 8] >> m % 8 != 0;
	CHECK_INT(wrong, 0);
	free(r.matched);
	free(r.flags);
	free(wire);
	free(own);
	free(peer);
}

TEST(lengths)
{
	CHECK_INT(lookup_tag_bits(0, 0), 64);
	CHECK_INT(lookup_tag_bits(1 << 12, 1 << 12), 64);
	CHECK_INT(lookup_tag_bits((1 << 12) + 1, 1 << 12), 72);
	CHECK_INT(lookup_tag_bits(1 << 16, 1 << 16), 72);
	CHECK_INT(lookup_tag_bits(1 << 20, 1 << 20), 80);
	CHECK_INT(lookup_tag_bits(1 << 22, 1 << 22), 88);
	CHECK_INT(lookup_tag_bits(LOOKUP_ITEMS_MAX, LOOKUP_ITEMS_MAX), LOOKUP_BITS_MAX);
	CHECK_INT(lookup_wire_size(0, 64), 0);
	CHECK_INT(lookup_wire_size(1 << 20, 80), (8 << 20) + (2 << 16));
}

TEST(truncation)
{
	struct block ones = { { UINT64_MAX, UINT64_MAX } };

	CHECK_INT(lookup_tag(ones, 64, 7).low, 0);
	CHECK_INT(lookup_tag(ones, 72, 7).low, 0xff000000);
	CHECK_INT(lookup_tag(ones, 88, 7).low, 0xffffff00);
	CHECK_INT(lookup_tag(ones, 96, 7).low, 0xffffffff);
	CHECK(lookup_tag(ones, 96, 7).top == UINT64_MAX);
	CHECK_INT(lookup_tag(ones, 96, 7).id, 7);
}

TEST(small)
{
	for (uint32_t n = 0; n <= 5; n++) {
		for (uint32_t m = 0; m <= 5; m++) {
			for (unsigned bits = 64; bits <= 96; bits += 8)
				check_match(n, m, 0, bits, 1);
		}
	}
}

/* Around each change: number of parts, of the prefix, of threads. */
TEST(borders)
{
	static const uint32_t sizes[] = { 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097, (1 << 17) - 1, 1 << 17, (1 << 17) + 1 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++) {
		check_match(sizes[i], sizes[PET_ARRAY_SIZE(sizes) - 1 - i], 0, 80, 1);
		check_match(sizes[i], sizes[i], 3, 72, 4);
		check_match(sizes[i], 1, 3 * (uint64_t)(sizes[i] - 1), 64, 4);
		check_match(1, sizes[i], 0, 96, 3);
	}
}

TEST(random_sizes)
{
	for (int k = 0; k < 40; k++) {
		uint64_t x;

		util_random(&x, sizeof(x));
		check_match((uint32_t)(x % 20000), (uint32_t)((x >> 20) % 20000), (x >> 40) % 30000,
			    64 + 8 * (unsigned)(x >> 60) % 40, k % 4 + 1);
	}
}

TEST(large)
{
	check_match(1 << 20, 1 << 20, 1 << 19, 80, 2);
}

/* Tags that differ in one bit, wherever it is, are not equal. */
TEST(one_bit)
{
	for (unsigned bits = 64; bits <= 96; bits += 8) {
		for (unsigned k = 0; k < bits; k++) {
			struct lookup_tag own = tag(5, bits, 0), peer = own;
			struct lookup_result r = { .matched = (uint8_t [1]){ 0 }, .ids = 1 };
			uint8_t *wire;

			if (k < 64)
				peer.top ^= UINT64_C(1) << (63 - k);
			else
				peer.low ^= UINT32_C(1) << (95 - k);
			wire = pack(&peer, 1, bits, 1);
			CHECK_INT(lookup_match_var(&r, &own, 1, wire, 1, bits, 1), 0);
			CHECK_INT(r.matches, 0);
			free(wire);
		}
	}
}

/* Ids from `ids` on are dummies: neither marked nor flagged. */
TEST(dummies)
{
	enum { N = 1000 };
	struct lookup_tag *own = tags(N, 0, 1, 64), *peer = tags(N, 0, 1, 64);
	uint8_t *wire = pack(peer, N, 64, 1), matched[N + 1] = { 0 }, flags[N / 8];
	struct lookup_result r = { .matched = matched, .ids = 600, .flags = flags };
	uint32_t flagged = 0;

	matched[600] = 9;
	CHECK_INT(sort(own, N, 1), 0);
	CHECK_INT(lookup_match_var(&r, own, N, wire, N, 64, 1), 0);
	CHECK_INT(r.matches, 600);
	CHECK_INT(matched[600], 9);
	for (uint32_t i = 0; i < N; i++) {
		CHECK_INT(flags[i / 8] >> i % 8 & 1, peer[i].id < 600);
		flagged += flags[i / 8] >> i % 8 & 1;
	}
	CHECK_INT(flagged, 600);
	free(wire);
	free(own);
	free(peer);
}

/* A peer's list of equal tags, one of them ours: each flagged, the item marked once. Sorting takes them too. */
TEST(equal_tags)
{
	enum { N = 50000 };
	struct lookup_tag *own = tags(N, 0, 1, 80), *peer = calloc(N, sizeof(*peer));
	uint8_t *wire, *matched = calloc(N, 1), *flags = calloc(N / 8 + 1, 1);
	struct lookup_result r = { .matched = matched, .ids = N, .flags = flags };
	uint32_t flagged = 0;

	for (uint32_t i = 0; i < N; i++)
		peer[i] = tag(77, 80, i);
	wire = pack(peer, N, 80, 2);
	for (uint32_t i = 0; i < N; i++)
		CHECK_INT(peer[i].id, i);
	CHECK_INT(sort(own, N, 2), 0);
	CHECK_INT(lookup_match_var(&r, own, N, wire, N, 80, 2), 0);
	CHECK_INT(r.matches, 1);
	CHECK_INT(matched[77], 1);
	for (uint32_t i = 0; i < N; i++)
		flagged += flags[i / 8] >> i % 8 & 1;
	CHECK_INT(flagged, N);
	/* And all of them equal at both sides. */
	memset(matched, 0, N);
	CHECK_INT(lookup_match_var(&r, peer, N, wire, N, 80, 4), 0);
	CHECK_INT(r.matches, N);
	free(wire);
	free(own);
	free(peer);
	free(matched);
	free(flags);
}

/* Own tags that happen to be equal are both marked. */
TEST(own_twice)
{
	struct lookup_tag own[3] = { tag(5, 64, 0), tag(6, 64, 1), tag(5, 64, 2) }, peer = tag(5, 64, 0);
	struct lookup_result r = { .matched = (uint8_t [3]){ 0 }, .ids = 3 };
	uint8_t *wire = pack(&peer, 1, 64, 1);

	CHECK_INT(sort(own, 3, 1), 0);
	CHECK_INT(lookup_match_var(&r, own, 3, wire, 1, 64, 1), 0);
	CHECK_INT(r.matches, 2);
	CHECK_INT(r.matched[0] + r.matched[2], 2);
	free(wire);
}

static void refused(uint8_t *wire, uint32_t m, int threads)
{
	enum { N = 3000 };
	struct lookup_tag *own = tags(N, 0, 1, 72);
	struct lookup_result r = { .matched = calloc(N, 1), .ids = N };

	CHECK_INT(sort(own, N, 1), 0);
	CHECK_INT(lookup_match_var(&r, own, N, wire, m, 72, threads), ERR_PEER);
	CHECK_INT(r.matches, 0);
	free(r.matched);
	free(own);
}

TEST(bad_lists)
{
	static const uint32_t sizes[] = { 9, 5000, 140000 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++) {
		uint32_t m = sizes[i];
		struct lookup_tag *peer = tags(m, 0, 1, 72);
		uint8_t *wire = pack(peer, m, 72, 1), keep;
		size_t size = lookup_wire_size(m, 72), len = m < 1000 ? 9 : m < 131072 ? 8 : 7;

		/* A count too high, a count too low. */
		if (m > 1000) {
			wire[0]++;
			refused(wire, m, 2);
			wire[0]--;
			keep = wire[3];
			wire[3] ^= 0x80;
			refused(wire, m, 2);
			wire[3] = keep;
			/* Descending inside a group: the second and the first of two neighbours. */
			memset(wire + size - 2 * len, 0xff, len);
			memset(wire + size - len, 0, len);
		} else {
			memset(wire, 0xff, len);
		}
		refused(wire, m, 1);
		refused(wire, m, 4);
		memset(wire, 0xff, size);
		if (m > 1000)
			refused(wire, m, 1);
		memset(wire, 0, size);
		if (m > 1000)
			refused(wire, m, 3);
		free(wire);
		free(peer);
	}
}

TEST_MAIN(CASE(lengths), CASE(truncation), CASE(small), CASE(borders), CASE(random_sizes), CASE(large), CASE(one_bit),
	  CASE(dummies), CASE(equal_tags), CASE(own_twice), CASE(bad_lists))
