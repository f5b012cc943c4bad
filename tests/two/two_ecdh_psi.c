#include "mpc/ecdh_psi.h"

#include <pthread.h>

#include "base/util.h"
#include "test.h"

#define BOTH (ECDH_PSI_FIRST | ECDH_PSI_SECOND)

struct side {
	struct chan *c;
	struct ecdh_psi p;
	struct ecdh_psi_result r;
	struct errmsg em;
	struct chan_stats stats;
	double progress;
	int rc;
};

static void on_progress(void *arg, double fraction)
{
	struct side *s = arg;

	CHECK(fraction >= s->progress && fraction <= 1);
	s->progress = fraction;
}

static void *side_main(void *arg)
{
	struct side *s = arg;

	s->rc = ecdh_psi_run(s->c, &s->p, &s->r, &s->em);
	chan_stats(s->c, &s->stats);
	if (s->rc)
		chan_cancel(s->c);
	else
		s->rc = chan_close(s->c);
	chan_free(s->c);
	return NULL;
}

/* Runs both sides; s[0] is the first. */
static void run_pair(struct side s[2])
{
	pthread_t t;

	CHECK_INT(chan_mem_pair(&s[0].c, &s[1].c), 0);
	for (int i = 0; i < 2; i++) {
		s[i].p.first = i == 0;
		s[i].p.progress = on_progress;
		s[i].p.arg = &s[i];
	}
	CHECK_INT(pthread_create(&t, NULL, side_main, &s[1]), 0);
	side_main(&s[0]);
	pthread_join(t, NULL);
}

/* Item v of the universe; distinct for distinct v. */
static void item(uint8_t out[GROUP_HASH_BYTES], uint64_t v)
{
	memset(out, 0xa5, GROUP_HASH_BYTES);
	memcpy(out, &v, sizeof(v));
}

static uint8_t (*items(const uint64_t *v, uint32_t n))[GROUP_HASH_BYTES]
{
	uint8_t (*out)[GROUP_HASH_BYTES] = calloc(n + 1, GROUP_HASH_BYTES);

	if (!out)
		abort();
	for (uint32_t i = 0; i < n; i++)
		item(out[i], v[i]);
	return out;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Against the plaintext: which of v (n) stand in w (m). */
static void check_side(const struct side *s, int receives, const uint64_t *v, uint32_t n,
		       const uint64_t *w, uint32_t m)
{
	uint64_t *sorted = calloc(m + 1, sizeof(*sorted));
	uint32_t count = 0, wrong = 0;

	CHECK_INT(s->rc, 0);
	if (s->rc)
		printf("# %s: %s\n", s->em.code, s->em.local);
	CHECK_INT(s->r.peer_count, m);
	CHECK_INT(s->r.matched != NULL, receives);
	if (!receives)
		CHECK_INT(s->r.matches, 0);
	if (m)
		memcpy(sorted, w, m * sizeof(*w));
	qsort(sorted, m, sizeof(*sorted), by_value);
	for (uint32_t i = 0; receives && s->r.matched && i < n; i++) {
		int in = bsearch(&v[i], sorted, m, sizeof(*sorted), by_value) != NULL;

		wrong += s->r.matched[i] != in;
		count += (uint32_t)in;
	}
	CHECK_INT(wrong, 0);
	if (receives)
		CHECK_INT(s->r.matches, count);
	free(sorted);
}

static void check_psi(const uint64_t *v, uint32_t n, const uint64_t *w, uint32_t m, unsigned receivers, int threads)
{
	struct side s[2] = { 0 };
	uint8_t (*a)[GROUP_HASH_BYTES] = items(v, n), (*b)[GROUP_HASH_BYTES] = items(w, m);
	unsigned tag = ecdh_psi_tag_len(n, m);

	s[0].p = (struct ecdh_psi){ .items = (const void *)a, .count = n, .receivers = receivers, .threads = threads };
	s[1].p = (struct ecdh_psi){ .items = (const void *)b, .count = m, .receivers = receivers, .threads = 1 };
	run_pair(s);
	check_side(&s[0], (receivers & ECDH_PSI_FIRST) != 0, v, n, w, m);
	check_side(&s[1], (receivers & ECDH_PSI_SECOND) != 0, w, m, v, n);
	/* The wire holds what the header says, and nothing more: a side that does not receive gets no tag. */
	CHECK_INT(s[0].stats.bytes_sent, 32 + 32ull * n + (receivers & ECDH_PSI_SECOND ? (uint64_t)tag * m : 0));
	CHECK_INT(s[1].stats.bytes_sent, 32 + 32ull * m + (receivers & ECDH_PSI_FIRST ? (uint64_t)tag * n : 0));
	ecdh_psi_result_free(&s[0].r);
	ecdh_psi_result_free(&s[1].r);
	free(a);
	free(b);
}

static void fill(uint64_t *v, uint32_t n, uint64_t start, uint64_t step)
{
	for (uint32_t i = 0; i < n; i++)
		v[i] = start + i * step;
}

TEST(small)
{
	static const uint64_t v[] = { 5, 7 }, w[] = { 7, 9 };

	for (uint32_t n = 0; n <= 2; n++) {
		for (uint32_t m = 0; m <= 2; m++) {
			for (unsigned r = 1; r <= 3; r++) {
				check_psi(v, n, w, m, r, 1);
				check_psi(v, n, v, m, r, 1);
			}
		}
	}
}

TEST(shapes)
{
	enum { N = 300 };
	uint64_t v[N], w[N];

	fill(v, N, 1000, 1);
	fill(w, N, 1000, 1);
	check_psi(v, N, w, N, BOTH, 2);		/* equal */
	fill(w, N, 5000, 1);
	check_psi(v, N, w, N, BOTH, 2);		/* disjoint */
	check_psi(v, N, v + 17, 40, BOTH, 2);	/* subset */
	fill(w, N, 1000, 3);
	check_psi(v, N, w, N, ECDH_PSI_FIRST, 2);
	check_psi(v, N, w, N, ECDH_PSI_SECOND, 2);
}

TEST(lopsided)
{
	static uint64_t v[10000], w[1];

	fill(v, 10000, 0, 2);
	w[0] = 4242;
	check_psi(v, 10000, w, 1, BOTH, 2);
	check_psi(w, 1, v, 10000, BOTH, 2);
	w[0] = 4243;
	check_psi(w, 1, v, 10000, ECDH_PSI_FIRST, 2);
}

/* Sizes around the batch, so that messages of every kind come up. */
TEST(batch_borders)
{
	static uint64_t v[ECDH_PSI_BATCH + 1], w[ECDH_PSI_BATCH + 1];

	fill(v, ECDH_PSI_BATCH + 1, 0, 1);
	fill(w, ECDH_PSI_BATCH + 1, 100, 1);
	check_psi(v, ECDH_PSI_BATCH, w, ECDH_PSI_BATCH + 1, BOTH, 2);
	check_psi(v, ECDH_PSI_BATCH + 1, w, 3, ECDH_PSI_SECOND, 2);
}

TEST(random_sets)
{
	uint64_t v[400], w[400];

	for (int round = 0; round < 6; round++) {
		uint32_t n, m;

		util_random(&n, sizeof(n));
		util_random(&m, sizeof(m));
		n %= 400;
		m %= 400;
		/* Distinct, and about half in common. */
		for (uint32_t i = 0; i < 400; i++) {
			util_random(&v[i], sizeof(v[i]));
			v[i] = (v[i] & 1) + 4 * i;
			util_random(&w[i], sizeof(w[i]));
			w[i] = (w[i] & 1) + 4 * (399 - i);
		}
		check_psi(v, n, w, m, BOTH, round & 1 ? 4 : 1);
	}
}

/* Dummies at both sides: counted, never matched; a list of nothing but dummies too. */
TEST(padded)
{
	uint64_t v[300], w[300];

	fill(v, 300, 0, 2);
	fill(w, 300, 0, 3);
	for (uint32_t n = 0; n <= 300; n += 150) {
		struct side s[2] = { 0 };
		uint8_t (*a)[GROUP_HASH_BYTES] = items(v, n), (*b)[GROUP_HASH_BYTES] = items(w, 300);

		s[0].p = (struct ecdh_psi){ .items = (const void *)a, .count = n, .padded = 310, .receivers = BOTH, .threads = 2 };
		s[1].p = (struct ecdh_psi){ .items = (const void *)b, .count = 300, .padded = 300, .receivers = BOTH, .threads = 1 };
		run_pair(s);
		CHECK_INT(s[1].r.peer_count, 310);
		s[1].r.peer_count = n;
		check_side(&s[0], 1, v, n, w, 300);
		check_side(&s[1], 1, w, 300, v, n);
		CHECK_INT(s[0].stats.bytes_sent, 32 + 32 * 310 + ecdh_psi_tag_len(310, 300) * 300);
		ecdh_psi_result_free(&s[0].r);
		ecdh_psi_result_free(&s[1].r);
		free(a);
		free(b);
	}
}

TEST(threads_agree)
{
	uint64_t v[500], w[500];

	fill(v, 500, 0, 2);
	fill(w, 500, 0, 3);
	check_psi(v, 500, w, 500, BOTH, 1);
	check_psi(v, 500, w, 500, BOTH, 4);
}

TEST(tag_lengths)
{
	CHECK_INT(ecdh_psi_tag_len(0, 0), 8);
	CHECK_INT(ecdh_psi_tag_len(1, 1), 8);
	CHECK_INT(ecdh_psi_tag_len(1 << 12, 1 << 12), 8);
	CHECK_INT(ecdh_psi_tag_len((1 << 12) + 1, 1 << 12), 9);
	CHECK_INT(ecdh_psi_tag_len(1 << 20, 1 << 20), 10);
	CHECK_INT(ecdh_psi_tag_len(UINT32_MAX, UINT32_MAX), 13);
}

TEST(disagreement)
{
	static const uint64_t v[] = { 1, 2, 3 };
	uint8_t (*a)[GROUP_HASH_BYTES] = items(v, 3);
	static const struct {
		unsigned receivers;
		uint32_t shape;
		const char *says;
	} cases[] = {
		{ ECDH_PSI_FIRST, 1, "differ in receiver" },
		{ BOTH, 2, "differ in the number of key columns" },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(cases); i++) {
		struct side s[2] = { 0 };

		s[0].p = (struct ecdh_psi){ .items = (const void *)a, .count = 3, .receivers = BOTH, .shape = 1, .threads = 1 };
		s[1].p = s[0].p;
		s[1].p.receivers = cases[i].receivers;
		s[1].p.shape = cases[i].shape;
		run_pair(s);
		for (int k = 0; k < 2; k++) {
			CHECK_INT(s[k].rc, ERR_INPUT);
			CHECK_STR(s[k].em.code, "PARAMETERS_DIFFER");
			CHECK_HAS(s[k].em.pub, cases[i].says);
			CHECK(s[k].r.matched == NULL);
		}
	}
	free(a);
}

/* A peer that speaks the protocol by hand and sends `point` as one of its three items. */
static void send_bad(const uint8_t point[32], int rc_wanted)
{
	static const uint64_t v[] = { 1, 2, 3 };
	uint64_t hello[4];
	struct side s = { 0 };
	struct chan *c;
	pthread_t t;
	uint8_t good[32] = { 9 };
	uint8_t (*a)[GROUP_HASH_BYTES] = items(v, 3);
	int rc = 0;

	CHECK_INT(chan_mem_pair(&c, &s.c), 0);
	s.p = (struct ecdh_psi){ .items = (const void *)a, .count = 3, .receivers = BOTH, .shape = 1, .threads = 2 };
	CHECK_INT(pthread_create(&t, NULL, side_main, &s), 0);
	for (int i = 0; rc == 0 && i < 4; i++)
		rc = chan_recv_u64(c, &hello[i]);
	hello[3] ^= UINT64_C(1) << 32;
	for (int i = 0; rc == 0 && i < 4; i++)
		rc = chan_send_u64(c, hello[i]);
	if (rc == 0)
		rc = chan_send(c, good, 32);
	if (rc == 0)
		rc = chan_send(c, point, 32);
	if (rc == 0)
		rc = chan_send(c, good, 32);
	if (rc == 0)
		rc = chan_flush(c);
	CHECK_INT(rc, 0);
	if (rc_wanted == 0) {
		uint8_t tags[24] = { 0 }, in[3 * (32 + 8)];

		CHECK_INT(chan_send(c, tags, sizeof(tags)), 0);
		CHECK_INT(chan_recv(c, in, sizeof(in)), 0);
		CHECK_INT(chan_close(c), 0);
	}
	pthread_join(t, NULL);
	CHECK_INT(s.rc, rc_wanted);
	if (rc_wanted)
		CHECK_HAS(s.em.pub, "not an element of the group");
	ecdh_psi_result_free(&s.r);
	chan_free(c);
	free(a);
}

TEST(bad_elements)
{
	uint8_t p[32] = { 0 };

	send_bad(p, ERR_PEER);		/* the identity */
	p[0] = 1;
	send_bad(p, ERR_PEER);		/* order 4 */
	memset(p, 0xff, 32);
	send_bad(p, ERR_PEER);		/* top bit set */
	p[31] = 0x7f;
	send_bad(p, ERR_PEER);		/* above p */
	p[0] = 0xed;
	send_bad(p, ERR_PEER);		/* p */
	memset(p, 0, 32);
	p[0] = 16;
	send_bad(p, 0);
}

TEST(bad_hello)
{
	static const uint64_t hello[][4] = {
		{ 1, 3, 3, 1 },
		{ UINT64_C(0x3149535048444345), UINT64_C(1) << 40, 3, 1 },
		{ UINT64_C(0x3149535048444345), 3, 3, UINT64_C(1) << 40 },
	};
	static const uint64_t v[] = { 1, 2, 3 };
	uint8_t (*a)[GROUP_HASH_BYTES] = items(v, 3);

	for (size_t i = 0; i < PET_ARRAY_SIZE(hello); i++) {
		struct side s = { 0 };
		struct chan *c;
		pthread_t t;
		int rc = 0;

		CHECK_INT(chan_mem_pair(&c, &s.c), 0);
		s.p = (struct ecdh_psi){ .items = (const void *)a, .count = 3, .receivers = 3, .shape = 1, .threads = 1 };
		CHECK_INT(pthread_create(&t, NULL, side_main, &s), 0);
		for (int k = 0; rc == 0 && k < 4; k++)
			rc = chan_send_u64(c, hello[i][k]);
		CHECK_INT(rc ? rc : chan_flush(c), 0);
		pthread_join(t, NULL);
		CHECK_INT(s.rc, ERR_PEER);
		CHECK_STR(s.em.code, "PEER_PROTOCOL");
		chan_free(c);
	}
	free(a);
}

/* The peer goes away in the middle: an error, no hang, no result. */
TEST(peer_leaves)
{
	static const uint64_t v[] = { 1, 2, 3 };
	uint8_t (*a)[GROUP_HASH_BYTES] = items(v, 3);
	struct side s = { 0 };
	struct chan *c;
	pthread_t t;
	uint64_t x;

	CHECK_INT(chan_mem_pair(&c, &s.c), 0);
	s.p = (struct ecdh_psi){ .items = (const void *)a, .count = 3, .receivers = 3, .shape = 1, .threads = 1 };
	CHECK_INT(pthread_create(&t, NULL, side_main, &s), 0);
	CHECK_INT(chan_recv_u64(c, &x), 0);
	chan_free(c);
	pthread_join(t, NULL);
	CHECK_INT(s.rc, ERR_PEER);
	CHECK_STR(s.em.code, "PEER_LOST");
	CHECK(s.r.matched == NULL);
	free(a);
}

TEST(init)
{
	CHECK_INT(group_init(), 0);
}

TEST_MAIN(CASE(init), CASE(small), CASE(shapes), CASE(lopsided), CASE(batch_borders), CASE(random_sets),
	  CASE(padded), CASE(threads_agree), CASE(tag_lengths), CASE(disagreement), CASE(bad_elements), CASE(bad_hello),
	  CASE(peer_leaves))
