/* OKVS: encode, decode against a naive decoder, sizes around the bins' boundaries, threads, levels of the CPU, failures. */
#include "levels.h"
#include "mpc/aes.h"
#include "mpc/gf128.h"
#include "mpc/okvs.h"
#include "mpc/okvs_bin.h"
#include "mpc/okvs_params.h"
#include "mpc/prg.h"
#include "test.h"

static const struct block seed = { { 0x0123456789abcdef, 0xfedcba9876543210 } };

static struct block *blocks(uint64_t n)
{
	return aligned_alloc(64, (n * sizeof(struct block) + 128) & ~UINT64_C(63));
}

static struct block *random_blocks(uint64_t n, uint64_t s)
{
	struct block *b = blocks(n);
	struct prg p;

	prg_init(&p, block_set(s, 0x746573746f6b7673));
	prg_blocks(&p, b, n);
	return b;
}

/* One OKVS with its keys, values (in bin order) and table. */
struct store {
	struct okvs_params p;
	struct okvs_set *set;
	struct block *keys, *values, *table;
	uint64_t n;
	int rc;
};

static void store_encode(struct store *s, int threads, int oblivious)
{
	struct prg rng;

	prg_init(&rng, block_set(17, 18));
	s->table = blocks(okvs_size(&s->p));
	s->rc = okvs_encode_var(s->set, s->values, oblivious ? &rng : NULL, s->table, threads);
}

/* Takes the keys over. */
static void store_of(struct store *s, struct block *keys, uint64_t n, int threads, int oblivious)
{
	memset(s, 0, sizeof(*s));
	s->keys = keys;
	s->n = n;
	CHECK_INT(okvs_params_set(&s->p, n), 0);
	s->values = random_blocks(n, n + 77);
	CHECK_INT(okvs_set_new_var(&s->set, &s->p, seed, s->keys, n, threads), 0);
	store_encode(s, threads, oblivious);
}

static void store_new(struct store *s, uint64_t n, int threads, int oblivious)
{
	store_of(s, random_blocks(n, n), n, threads, oblivious);
}

static void store_free(struct store *s)
{
	okvs_set_free(s->set);
	free(s->keys);
	free(s->values);
	free(s->table);
}

static void check_decodes(const struct store *s)
{
	struct block *out = blocks(s->n);

	CHECK_INT(s->rc, 0);
	okvs_decode_var(s->set, s->table, out, 1);
	CHECK(memcmp(out, s->values, s->n * sizeof(*out)) == 0);
	free(out);
}

/* The definition, one key at a time and in other words than the source's. */
static struct block naive_decode(const struct store *s, const struct block *table, struct block key)
{
	struct block h, power, v = block_zero();
	struct aes_key k;
	uint64_t w[3], bin;

	aes_key_set(&k, seed);
	aes_ecb(&k, &h, &key, 1);
	h = block_xor(h, key);
	bin = ((h.w[1] >> 32) * s->p.bins) >> 32;
	w[0] = ((h.w[0] & 0xffffffff) * s->p.sparse) >> 32;
	w[1] = ((h.w[0] >> 32) * (s->p.sparse - 1)) >> 32;
	w[2] = ((h.w[1] & 0xffffffff) * (s->p.sparse - 2)) >> 32;
	if (w[1] >= w[0])
		w[1]++;
	for (uint64_t c = 0; c <= w[2]; c++)
		if (c == w[0] || c == w[1])
			w[2]++;
	table += bin * (s->p.sparse + s->p.dense);
	for (unsigned i = 0; i < 3; i++)
		v = block_xor(v, table[w[i]]);
	power = h;
	for (uint32_t j = 0; j < s->p.dense; j++) {
		v = block_xor(v, gf128_mul(power, table[s->p.sparse + j]));
		power = gf128_mul(power, h);
	}
	return v;
}

TEST(all_small_sizes)
{
	for (uint64_t n = 0; n <= 300; n++)
		for (int oblivious = 0; oblivious < 2; oblivious++) {
			struct store s;

			store_new(&s, n, 1, oblivious);
			check_decodes(&s);
			store_free(&s);
		}
}

TEST(sizes_around_the_boundaries_of_bins)
{
	static const uint64_t sizes[] = {
		1023, 1024, 4097, OKVS_BIN_ITEMS - 1, OKVS_BIN_ITEMS, OKVS_BIN_ITEMS * 3 / 2 - 1, OKVS_BIN_ITEMS * 3 / 2,
		OKVS_BIN_ITEMS * 3 / 2 + 1, OKVS_BIN_ITEMS * 2, OKVS_BIN_ITEMS * 5 / 2 - 1, OKVS_BIN_ITEMS * 5 / 2, 100000, 200001,
	};

	for (unsigned i = 0; i < PET_ARRAY_SIZE(sizes); i++) {
		struct store s;

		store_new(&s, sizes[i], 2, (int)(i & 1));
		check_decodes(&s);
		store_free(&s);
	}
}

TEST(decode_is_the_definition)
{
	static const uint64_t sizes[] = { 1, 5, 100, 3000, 50000 };

	for (unsigned k = 0; k < PET_ARRAY_SIZE(sizes); k++) {
		struct store s;
		size_t bad = 0;

		store_new(&s, sizes[k], 1, 1);
		for (uint64_t i = 0; i < s.n; i += 1 + s.n / 1000)
			bad += !block_equal(naive_decode(&s, s.table, s.keys[okvs_set_order(s.set)[i]]), s.values[i]);
		CHECK_INT(bad, 0);
		store_free(&s);
	}
}

TEST(the_set_is_a_stable_sort)
{
	struct store s;
	const uint32_t *order, *bins;
	size_t bad = 0;
	uint8_t *seen = calloc(100000, 1);

	store_new(&s, 100000, 2, 0);
	order = okvs_set_order(s.set);
	bins = okvs_set_bins(s.set);
	CHECK_INT(okvs_set_count(s.set), s.n);
	CHECK_INT(bins[0], 0);
	CHECK_INT(bins[s.p.bins], s.n);
	for (uint32_t b = 0; b < s.p.bins; b++)
		for (uint32_t i = bins[b]; i < bins[b + 1]; i++) {
			bad += okvs_bin_of(okvs_set_hash(s.set)[i], s.p.bins) != b;
			bad += seen[order[i]]++ || (i > bins[b] && order[i - 1] >= order[i]);
		}
	CHECK_INT(bad, 0);
	free(seen);
	store_free(&s);
}

static void check_same(const struct store *a, const struct store *b)
{
	struct block *x = blocks(a->n), *y = blocks(a->n);

	CHECK(memcmp(a->table, b->table, okvs_size(&a->p) * sizeof(struct block)) == 0);
	CHECK(memcmp(okvs_set_order(a->set), okvs_set_order(b->set), a->n * sizeof(uint32_t)) == 0);
	CHECK(memcmp(okvs_set_hash(a->set), okvs_set_hash(b->set), a->n * sizeof(struct block)) == 0);
	okvs_decode_var(a->set, a->table, x, 1);
	okvs_decode_var(b->set, b->table, y, 4);
	CHECK(memcmp(x, y, a->n * sizeof(*x)) == 0);
	free(x);
	free(y);
}

TEST(threads_do_not_matter)
{
	static const uint64_t sizes[] = { 0, 3, 1000, 131072 };

	for (unsigned k = 0; k < PET_ARRAY_SIZE(sizes); k++)
		for (int oblivious = 0; oblivious < 2; oblivious++) {
			struct store one, four;

			store_new(&one, sizes[k], 1, oblivious);
			store_new(&four, sizes[k], 4, oblivious);
			check_same(&one, &four);
			store_free(&one);
			store_free(&four);
		}
}

/* One table for all levels, and again the same from the same input. */
/* Ranges of bins, whatever their size, and parts of a bin give what the whole does. */
TEST(parts_are_the_whole)
{
	uint32_t n = 50000;
	struct block *table, *part = blocks(3 * (size_t)n), *out = blocks(n);
	struct store s;

	store_new(&s, n, 1, 0);
	table = part;
	for (uint32_t step = 1; step <= s.p.bins + 1; step++) {
		const uint32_t *bins = okvs_set_bins(s.set);
		size_t size = s.p.sparse + s.p.dense;

		memset(table, 0xee, okvs_size(&s.p) * sizeof(*table));
		for (uint32_t b = 0; b < s.p.bins; b += step) {
			struct okvs_range r = { b, s.p.bins - b < step ? s.p.bins - b : step };

			CHECK_INT(okvs_encode_bins_var(s.set, r, s.values + bins[b], table + b * size, (int)step), 0);
		}
		CHECK(memcmp(table, s.table, okvs_size(&s.p) * sizeof(*table)) == 0);
		for (uint32_t b = 0; b < s.p.bins; b++) {
			uint32_t mid = bins[b] + (bins[b + 1] - bins[b]) / step;

			okvs_decode_part_var(s.set, bins[b], mid, table + b * size, out + bins[b]);
			okvs_decode_part_var(s.set, mid, bins[b + 1], table + b * size, out + mid);
		}
		CHECK(memcmp(out, s.values, n * sizeof(*out)) == 0);
	}
	store_free(&s);
	free(part), free(out);
}

TEST(levels_agree)
{
	struct store first;

	CHECK_INT(cpu_set_level(CPU_PORTABLE), 0);
	store_new(&first, 20000, 1, 1);
	EACH_LEVEL {
		struct store s;

		store_new(&s, 20000, 1, 1);
		check_decodes(&s);
		check_same(&first, &s);
		store_free(&s);
	}
	store_free(&first);
}

TEST(decoding_is_linear)
{
	struct store s;
	uint64_t size;
	struct block *q, *sum, *a, *b, *c;
	size_t bad = 0;

	store_new(&s, 40000, 1, 0);
	size = okvs_size(&s.p);
	q = random_blocks(size, 5);
	sum = blocks(size);
	a = blocks(s.n);
	b = blocks(s.n);
	c = blocks(s.n);
	for (uint64_t i = 0; i < size; i++)
		sum[i] = block_xor(q[i], s.table[i]);
	okvs_decode_var(s.set, s.table, a, 1);
	okvs_decode_var(s.set, q, b, 1);
	okvs_decode_var(s.set, sum, c, 1);
	for (uint64_t i = 0; i < s.n; i++)
		bad += !block_equal(c[i], block_xor(a[i], b[i]));
	CHECK_INT(bad, 0);
	free(q), free(sum), free(a), free(b), free(c);
	store_free(&s);
}

/* Of random 128-bit values about half the bits are set, each of them, and none repeats. */
static void check_random(const struct block *b, uint64_t n)
{
	size_t outside = 0;

	for (unsigned bit = 0; bit < 128; bit++) {
		uint64_t ones = 0;

		for (uint64_t i = 0; i < n; i++)
			ones += block_bit(b[i], bit);
		outside += ones < n / 2 - n / 50 || ones > n / 2 + n / 50;	/* 4 sigma at 10,000 */
	}
	CHECK_INT(outside, 0);
}

/* Another set, as the sender has, of another size than the parameters say; some keys in common, the rest unrelated. */
TEST(other_keys_decode_to_noise)
{
	struct store s;
	struct okvs_set *other;
	uint64_t n = 90000, common = 20000;
	struct block *keys = random_blocks(n, 4711), *out = blocks(n), *value = blocks(n);
	size_t hits = 0, misses = 0, strangers = 0;

	store_new(&s, 40000, 1, 1);
	memcpy(keys, s.keys, common * sizeof(*keys));
	for (uint64_t i = 0; i < s.n; i++)
		value[okvs_set_order(s.set)[i]] = s.values[i];	/* by key */
	CHECK_INT(okvs_set_new_var(&other, &s.p, seed, keys, n, 2), 0);
	okvs_decode_var(other, s.table, out, 2);
	for (uint64_t i = 0; i < n; i++) {
		uint32_t k = okvs_set_order(other)[i];

		if (k < common)
			hits += (size_t)block_equal(out[i], value[k]);
		else
			out[strangers++] = out[i];
	}
	CHECK_INT(hits, common);
	for (uint64_t i = 0; i < strangers && i < s.n; i++)
		misses += !block_equal(out[i], s.values[i]);
	CHECK_INT(misses, s.n);
	check_random(out, strangers);
	okvs_set_free(other);
	free(keys), free(out), free(value);
	store_free(&s);
}

/* With rng every entry is random, also when all values are zero; without, free columns are zero. */
TEST(free_columns)
{
	struct store s;
	uint64_t size;
	size_t zeros = 0;

	store_new(&s, 40000, 1, 1);
	size = okvs_size(&s.p);
	check_random(s.table, size);
	memset(s.values, 0, s.n * sizeof(*s.values));
	free(s.table);
	store_encode(&s, 1, 1);
	check_decodes(&s);
	check_random(s.table, size);
	free(s.table);
	store_encode(&s, 1, 0);
	check_decodes(&s);
	for (uint64_t i = 0; i < size; i++)
		zeros += block_equal(s.table[i], block_zero());
	CHECK_INT(zeros, size);
	store_free(&s);
}

/* Two generators, two tables, both right: free columns differ in every bin, the dense ones too. */
TEST(tables_are_random)
{
	struct store s;
	struct block *again;
	struct prg rng;
	size_t same = 0;

	store_new(&s, 40000, 1, 1);
	again = blocks(okvs_size(&s.p));
	prg_init(&rng, block_set(99, 1));
	CHECK_INT(okvs_encode_var(s.set, s.values, &rng, again, 1), 0);
	for (uint64_t i = 0; i < okvs_size(&s.p); i++)
		same += (size_t)block_equal(again[i], s.table[i]);
	CHECK_INT(same, 0);
	free(again);
	store_free(&s);
}

static void check_duplicate(uint64_t n, uint64_t a, uint64_t b)
{
	struct block *keys = random_blocks(n, n);
	struct store s;

	keys[a] = keys[b];
	store_of(&s, keys, n, 1, (int)(a & 1));
	CHECK_INT(s.rc, ERR_INPUT);
	store_free(&s);
}

TEST(equal_keys_are_refused)
{
	check_duplicate(2, 0, 1);
	check_duplicate(3, 1, 2);
	check_duplicate(10, 0, 9);
	check_duplicate(1000, 3, 4);
	check_duplicate(50000, 7, 49999);
	check_duplicate(50000, 8, 9);
}

TEST(many_equal_keys_are_refused)
{
	uint64_t n = 60000;
	struct block *keys = random_blocks(n, n);
	struct store s;

	for (uint64_t i = 0; i < 40000; i++)
		keys[i] = keys[0];	/* over any bin's capacity */
	store_of(&s, keys, n, 2, 0);
	CHECK_INT(s.rc, ERR_INPUT);
	store_free(&s);
}

/* Keys that differ in one bit, share all but some bits, or count: AES spreads them. */
TEST(keys_with_structure)
{
	uint64_t n = 30000;

	for (int kind = 0; kind < 4; kind++) {
		struct block *keys = blocks(n);
		struct store s;

		for (uint64_t i = 0; i < n; i++)
			keys[i] = kind == 0 ? block_set(i, 0) : kind == 1 ? block_set(0x1234567890, i) :
				  kind == 2 ? block_set(0, i << 49) : block_set(~i, ~UINT64_C(0));
		store_of(&s, keys, n, 1, kind & 1);
		check_decodes(&s);
		store_free(&s);
	}
}

/* Columns too few for the keys: what an unlucky seed looks like. */
TEST(an_unlucky_seed_is_a_conflict)
{
	struct okvs_params p;
	struct okvs_set *set;
	struct block *keys = random_blocks(50000, 1), *table;

	CHECK_INT(okvs_params_set(&p, 50000), 0);
	table = blocks(okvs_size(&p));
	p.sparse = p.capacity * 11 / 10;
	CHECK_INT(okvs_set_new_var(&set, &p, seed, keys, 50000, 1), 0);
	CHECK_INT(okvs_encode_var(set, keys, NULL, table, 2), ERR_CONFLICT);
	okvs_set_free(set);
	p.capacity = 50000 / p.bins;	/* some bin has more; columns would be enough */
	p.sparse = p.capacity * 12 / 10;
	CHECK_INT(okvs_set_new_var(&set, &p, seed, keys, 50000, 1), 0);
	CHECK_INT(okvs_encode_var(set, keys, NULL, table, 2), ERR_CONFLICT);
	okvs_set_free(set);
	free(keys), free(table);
}

/* Little room, so that most bins have gap rows and the dense columns are all in use. */
static void check_gaps(uint32_t n, uint32_t sparse, uint32_t dense, int oblivious)
{
	struct okvs_params p = { .items = n, .bins = 1, .capacity = n, .sparse = sparse, .dense = dense };
	struct block *keys = random_blocks(n, sparse), *values = random_blocks(n, 9), *out = blocks(n);
	struct block *table = blocks(okvs_size(&p));
	struct okvs_set *set;
	struct prg rng;

	prg_init(&rng, block_set(3, 3));
	CHECK_INT(okvs_set_new_var(&set, &p, seed, keys, n, 1), 0);
	CHECK_INT(okvs_encode_var(set, values, oblivious ? &rng : NULL, table, 1), 0);
	okvs_decode_var(set, table, out, 1);
	CHECK(memcmp(out, values, n * sizeof(*out)) == 0);
	if (oblivious && n > 5000)
		check_random(table, okvs_size(&p));
	/* there was a gap: without it the dense columns stay zero */
	CHECK(!block_equal(table[sparse], block_zero()));
	okvs_set_free(set);
	free(keys), free(values), free(out), free(table);
}

TEST(gaps_are_filled_by_dense_columns)
{
	for (int oblivious = 0; oblivious < 2; oblivious++) {
		for (uint32_t sparse = 3; sparse < 20; sparse++)
			check_gaps(20, sparse, 20, oblivious);
		check_gaps(20, 3, 19, oblivious);	/* the three columns hold one row */
		check_gaps(400, 470, 60, oblivious);
		check_gaps(6000, 7310, 60, oblivious);
	}
}

TEST(fewer_keys_than_items)
{
	struct okvs_params p;
	struct okvs_set *set;
	struct block *keys = random_blocks(40000, 2), *table, *out = blocks(40000);

	CHECK_INT(okvs_params_set(&p, 40000), 0);
	table = blocks(okvs_size(&p));
	for (uint64_t n = 0; n < 40000; n = n * 7 + 1) {
		CHECK_INT(okvs_set_new_var(&set, &p, seed, keys, n, 1), 0);
		CHECK_INT(okvs_encode_var(set, keys, NULL, table, 1), 0);
		okvs_decode_var(set, table, out, 1);
		CHECK(memcmp(out, keys, n * sizeof(*out)) == 0);
		okvs_set_free(set);
	}
	p.items = 1000;
	CHECK_INT(okvs_set_new_var(&set, &p, seed, keys, 1001, 1), 0);
	CHECK_INT(okvs_encode_var(set, keys, NULL, table, 1), ERR_INPUT);
	okvs_set_free(set);
	CHECK_INT(okvs_set_new_var(&set, &p, seed, keys, (uint64_t)OKVS_MAX_ITEMS + 1, 1), ERR_INPUT);
	CHECK(set == NULL);
	okvs_set_free(NULL);
	free(keys), free(table), free(out);
}

TEST(dense_part_is_horner)
{
	struct block *h = random_blocks(300, 1), *d = random_blocks(9, 2), out[300];

	for (uint32_t dense = 0; dense <= 9; dense++)
		for (uint32_t n = 0; n <= 300; n = n < 10 ? n + 1 : n * 3 - 1) {
			okvs_dense_eval(out, h, n, d, dense);
			for (uint32_t i = 0; i < n; i++) {
				struct block want = block_zero(), power = h[i];

				for (uint32_t j = 0; j < dense; j++, power = gf128_mul(power, h[i]))
					want = block_xor(want, gf128_mul(power, d[j]));
				CHECK(block_equal(want, out[i]));
			}
		}
	free(h), free(d);
}

TEST_MAIN(CASE(all_small_sizes), CASE(sizes_around_the_boundaries_of_bins), CASE(decode_is_the_definition),
	  CASE(the_set_is_a_stable_sort), CASE(threads_do_not_matter), CASE(parts_are_the_whole), CASE(levels_agree), CASE(decoding_is_linear),
	  CASE(other_keys_decode_to_noise), CASE(free_columns), CASE(tables_are_random), CASE(equal_keys_are_refused),
	  CASE(many_equal_keys_are_refused), CASE(keys_with_structure), CASE(an_unlucky_seed_is_a_conflict),
	  CASE(gaps_are_filled_by_dense_columns), CASE(fewer_keys_than_items), CASE(dense_part_is_horner))
