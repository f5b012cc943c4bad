/* PSI over VOLE and OKVS with a dealer's VOLE (dealer_vole.c): results, bytes, sizes around boundaries, bad peers. */
#include "mpc/vole_psi.h"

#include <sodium.h>

#include "base/util.h"
#include "mpc/lookup.h"
#include "mpc/okvs.h"
#include "mpc/prg.h"
#include "psi_pair.h"

/*
 * The linker gives us these calls of everybody (--wrap): a thread with a seed draws
 * its randomness from it and hashes all that it sends.
 */
static _Thread_local struct tap {
	int on;
	struct prg prg;
	crypto_generichash_blake2b_state sent;
} tap;

void __real_util_random(void *out, size_t len);
void __wrap_util_random(void *out, size_t len);
int __real_chan_send(struct chan *c, const void *data, size_t len);
int __wrap_chan_send(struct chan *c, const void *data, size_t len);
int __real_chan_exchange(struct chan *c, const void *out, size_t out_len, void *in, size_t in_len);
int __wrap_chan_exchange(struct chan *c, const void *out, size_t out_len, void *in, size_t in_len);

void __wrap_util_random(void *out, size_t len)
{
	if (tap.on)
		prg_fill(&tap.prg, out, len);
	else
		__real_util_random(out, len);
}

static void tap_sent(const void *data, size_t len)
{
	if (tap.on)
		crypto_generichash_blake2b_update(&tap.sent, data, len);
}

int __wrap_chan_send(struct chan *c, const void *data, size_t len)
{
	tap_sent(data, len);
	return __real_chan_send(c, data, len);
}

int __wrap_chan_exchange(struct chan *c, const void *out, size_t out_len, void *in, size_t in_len)
{
	tap_sent(out, out_len);
	return __real_chan_exchange(c, out, out_len, in, in_len);
}

struct tapped {
	struct pair_side *side;
	char digest[33];
};

static void *tapped_main(void *arg)
{
	struct tapped *t = arg;
	uint8_t d[16];

	tap.on = 1;
	prg_init(&tap.prg, block_set(0x7e57, (uint64_t)t->side->conf.first));
	crypto_generichash_blake2b_init(&tap.sent, NULL, 0, sizeof(d));
	pair_main(t->side);
	crypto_generichash_blake2b_final(&tap.sent, d, sizeof(d));
	util_hex(t->digest, d, sizeof(d));
	tap.on = 0;
	return NULL;
}

static void prepare(struct pair_side s[2], unsigned receivers, int threads)
{
	for (int i = 0; i < 2; i++) {
		s[i].conf.protocol = PSI_VOLE;
		s[i].conf.receivers = receivers;
		s[i].conf.threads = i == 0 ? threads : 1;
	}
}

/* What must cross: two greetings, the table of the encoder, the other's tags, flags where both receive. */
static void check_bytes(const struct pair_side s[2], uint32_t n, uint32_t m)
{
	unsigned receivers = s[0].conf.receivers;
	int first_encodes = receivers == PAIR_BOTH ? n <= m : receivers == PSI_FIRST;
	uint32_t own = first_encodes ? n : m, other = first_encodes ? m : n;
	uint64_t hello = 80 + 56, from_encoder = hello, from_other = hello;
	struct okvs_params p;

	CHECK_INT(okvs_params_set(&p, own), 0);
	if (n && m) {
		from_encoder += 16 * okvs_size(&p) + (receivers == PAIR_BOTH ? (other + 7) / 8 : 0);
		from_other += lookup_wire_size(other, lookup_tag_bits(n, m));
	}
	CHECK_INT(s[!first_encodes].stats.bytes_sent, from_encoder);
	CHECK_INT(s[first_encodes].stats.bytes_sent, from_other);
}

static void check_psi(unsigned receivers, int threads, const uint64_t *v, uint32_t n, const uint64_t *w, uint32_t m)
{
	struct pair_side s[2] = { 0 };

	pair_lists(s, v, n, w, m);
	prepare(s, receivers, threads);
	pair_run(s);
	CHECK_INT(s[0].protocol, PSI_VOLE);
	pair_check(s);
	check_bytes(s, n, m);
}

/* n and m numbers of which about `common` are in both lists. */
static void check_sizes(uint32_t n, uint32_t m, uint32_t common, unsigned receivers, int threads)
{
	uint64_t *v = calloc((size_t)n + 1, sizeof(*v)), *w = calloc((size_t)m + 1, sizeof(*w));

	pair_fill(v, n, 0, 1);
	pair_fill(w, m, n > common ? n - common : 0, 1);
	check_psi(receivers, threads, v, n, w, m);
	free(v);
	free(w);
}

TEST(small)
{
	static const uint64_t v[] = { 5, 7 }, w[] = { 7, 9 };

	for (uint32_t n = 0; n <= 2; n++) {
		for (uint32_t m = 0; m <= 2; m++) {
			for (unsigned r = 1; r <= 3; r++) {
				check_psi(r, 1, v, n, w, m);
				check_psi(r, 1, v, n, v, m);
			}
		}
	}
}

TEST(shapes)
{
	for (unsigned r = 1; r <= 3; r++) {
		for (int threads = 1; threads <= 4; threads += 3) {
			check_sizes(3000, 3000, 3000, r, threads);	/* equal */
			check_sizes(3000, 3000, 0, r, threads);		/* disjoint */
			check_sizes(3000, 3000, 1500, r, threads);
			check_sizes(3000, 40, 40, r, threads);		/* subset */
			check_sizes(40, 3000, 20, r, threads);
			check_sizes(1, 3000, 1, r, threads);
			check_sizes(3000, 1, 0, r, threads);
			check_sizes(0, 3000, 0, r, threads);
		}
	}
}

/* From the first number of items that takes one more bin on, and around a batch of tags. */
TEST(borders)
{
	static const uint32_t batch[] = { 1023, 1024, 1025, 2048, 2049 };
	uint32_t last = 1, found = 0;

	for (size_t i = 0; i < PET_ARRAY_SIZE(batch); i++)
		check_sizes(batch[i], batch[i], 500, PAIR_BOTH, 1);
	for (uint32_t n = 1; n < 50000 && found < 2; n++) {
		struct okvs_params p;

		CHECK_INT(okvs_params_set(&p, n), 0);
		if (p.bins == last)
			continue;
		last = p.bins;
		found++;
		for (uint32_t k = n - 1; k <= n + 1; k++) {
			check_sizes(k, k, k / 2, PAIR_BOTH, 1);
			check_sizes(k, 100, 50, PSI_FIRST, 4);
			check_sizes(100, k, 50, PSI_FIRST, 4);
		}
	}
	CHECK_INT(found, 2);
}

TEST(random_sets)
{
	for (int k = 0; k < 20; k++) {
		uint64_t x;

		util_random(&x, sizeof(x));
		check_sizes((uint32_t)(x % 5000), (uint32_t)((x >> 16) % 5000), (uint32_t)((x >> 32) % 2500),
			    (unsigned)((x >> 48) % 3 + 1), k % 4 + 1);
	}
}

TEST(large)
{
	check_sizes(200000, 150000, 77777, PAIR_BOTH, 2);
}

/*
 * All bytes of both sides for fixed randomness, the VOLE's apart. A change here is a
 * change of the protocol: its version, docs/operators/psi.md and these go together.
 */
TEST(wire)
{
	static const struct {
		unsigned receivers;
		const char *digest[2];
	} cases[] = {
		{ PSI_FIRST, { "1107f7ddd60228bd47b9e654c3fe20fa", "13a0444e52d28ca60cef2a588d84c93b" } },
		{ PSI_SECOND, { "ebbc5ec6fd146e5db600acfa73af7fde", "45608773a3c090c0c7be7c79e53925a5" } },
		{ PAIR_BOTH, { "ad013fb7b10c800c035c230bc7abb63b", "463646ac442fbb5e02a80ed54f1c2e02" } },
	};
	enum { N = 1500, M = 1100 };
	uint64_t v[N], w[M];

	pair_fill(v, N, 0, 2);
	pair_fill(w, M, 0, 3);
	for (size_t i = 0; i < PET_ARRAY_SIZE(cases); i++) {
		for (int threads = 1; threads <= 4; threads += 3) {
			struct pair_side s[2] = { 0 };
			struct tapped t[2] = { { .side = &s[0] }, { .side = &s[1] } };
			pthread_t thread;

			pair_lists(s, v, N, w, M);
			prepare(s, cases[i].receivers, threads);
			s[0].padded[0] = N + 7;
			s[1].padded[0] = M + 9;
			CHECK_INT(chan_mem_pair(&s[0].c, &s[1].c), 0);
			pair_prepare(&s[0], 1);
			pair_prepare(&s[1], 0);
			CHECK_INT(pthread_create(&thread, NULL, tapped_main, &t[1]), 0);
			tapped_main(&t[0]);
			pthread_join(thread, NULL);
			pair_check(s);
			CHECK_STR(t[0].digest, cases[i].digest[0]);
			CHECK_STR(t[1].digest, cases[i].digest[1]);
		}
	}
}

/* A peer by hand after the greetings: its n items are 1 … n, ours are 1, 2, 3; it speaks with one VOLE of the dealer's. */
struct bad {
	uint32_t padded;	/* what it claims */
	unsigned receivers;
	int we_encode;
	const void *bytes;	/* what it sends after the greetings */
	size_t len;
	int closes;
	const char *code, *says;
};

static void check_bad(const struct bad *b)
{
	static const uint64_t v[] = { 1, 2, 3 };
	struct pair_side s = { .lists = 1, .v = { v }, .n = { 3 }, .padded = { 4 },
			       .conf = { .receivers = b->receivers, .protocol = PSI_VOLE } };
	uint64_t h[10] = { UINT64_C(0x3130495350544550), PSI_VOLE, b->receivers, 0, b->padded, 1 };
	uint64_t bucket[7] = { 0, 0, b->padded };
	struct chan *c;
	pthread_t t;

	CHECK_INT(chan_mem_pair(&c, &s.c), 0);
	pair_prepare(&s, 1);
	if (!b->we_encode)
		h[4] = 1;
	CHECK_INT(pthread_create(&t, NULL, pair_main, &s), 0);
	CHECK_INT(chan_send(c, h, sizeof(h)), 0);
	CHECK_INT(chan_send(c, bucket, sizeof(bucket)), 0);
	CHECK_INT(chan_send(c, b->bytes, b->len), 0);
	CHECK_INT(chan_flush(c), 0);
	if (b->closes)
		chan_free(c);
	pthread_join(t, NULL);
	CHECK_INT(s.rc, ERR_PEER);
	CHECK_STR(s.em.code, b->code);
	CHECK_HAS(s.em.pub, b->says);
	CHECK(s.r[0].matched == NULL);
	CHECK_INT(s.r[0].matches, 0);
	psi_result_free(&s.r[0]);
	if (!b->closes)
		chan_free(c);
}

/* Tags: 8 bytes each, big-endian, for so few items. */
TEST(bad_tags)
{
	static const uint8_t descending[16] = { [0] = 2, [8] = 1 };
	struct bad b = { .padded = 5, .receivers = PSI_FIRST, .we_encode = 1, .bytes = descending, .len = 16,
			 .closes = 1, .code = "PEER_LOST", .says = "the peer" };
	uint8_t counts[512 + 1024 * 8] = { 0 };

	check_bad(&b);
	b.len = 0;
	check_bad(&b);
	b.padded = 2;
	b.len = 15;
	check_bad(&b);
	b.len = 16;
	b.closes = 0;
	b.code = "PEER_PROTOCOL";
	b.says = "not in order";
	check_bad(&b);
	/* With counts per prefix: they add up to nothing. */
	b.padded = 1024;
	b.bytes = counts;
	b.len = lookup_wire_size(1024, lookup_tag_bits(4, 1024));
	check_bad(&b);
}

/* We decode and receive flags: 4 tags, of which one is a dummy's, and the peer has 2 items. */
TEST(bad_flags)
{
	struct okvs_params p;
	uint8_t *bytes;
	struct bad b = { .padded = 2, .receivers = PAIR_BOTH, .closes = 1, .code = "PEER_LOST", .says = "the peer" };
	size_t table;

	CHECK_INT(okvs_params_set(&p, 2), 0);
	table = 16 * okvs_size(&p);
	bytes = calloc(table + 1, 1);
	b.bytes = bytes;
	check_bad(&b);
	b.len = table - 1;
	check_bad(&b);
	b.len = table;
	check_bad(&b);
	b.closes = 0;
	b.code = "PEER_PROTOCOL";
	b.says = "cannot have";
	b.len = table + 1;
	bytes[table] = 0x10;	/* a fifth tag of four */
	check_bad(&b);
	bytes[table] = 0x0f;	/* the dummy among them */
	check_bad(&b);
	bytes[table] = 0x80;
	check_bad(&b);
	free(bytes);
}

TEST_MAIN(CASE(small), CASE(shapes), CASE(borders), CASE(random_sets), CASE(large), CASE(wire), CASE(bad_tags), CASE(bad_flags))
