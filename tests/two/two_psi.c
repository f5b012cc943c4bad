#include "mpc/psi.h"

#include "psi_pair.h"

static const enum psi_protocol all[] = { PSI_AUTO, PSI_VOLE, PSI_ECDH };

static void check_psi(enum psi_protocol p, unsigned receivers, const uint64_t *v, uint32_t n,
		      const uint64_t *w, uint32_t m)
{
	struct pair_side s[2] = { 0 };

	pair_lists(s, v, n, w, m);
	for (int i = 0; i < 2; i++) {
		s[i].conf.protocol = p;
		s[i].conf.receivers = receivers;
	}
	pair_run(s);
	CHECK(s[0].protocol == s[1].protocol && s[0].protocol != PSI_AUTO);
	pair_check(s);
}

/* Few items: ECDH; many, over a link as fast as memory: VOLE. */
TEST(automatic)
{
	static uint64_t v[150000];

	pair_fill(v, 150000, 0, 1);
	for (int big = 0; big < 2; big++) {
		struct pair_side s[2] = { 0 };

		pair_lists(s, v, big ? 150000 : 3, v + 1, big ? 149000 : 5);
		for (int k = 0; k < 2; k++)
			s[k].conf.receivers = PAIR_BOTH;
		pair_run(s);
		CHECK_INT(s[0].protocol, big ? PSI_VOLE : PSI_ECDH);
		CHECK_INT(s[1].protocol, s[0].protocol);
		pair_check(s);
	}
}

TEST(names)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(all); i++)
		CHECK_INT(psi_protocol_by_name(psi_protocol_name(all[i])), all[i]);
	CHECK_INT(psi_protocol_by_name("rsa"), -1);
	CHECK_INT(psi_protocol_by_name(""), -1);
}

TEST(small)
{
	static const uint64_t v[] = { 5, 7 }, w[] = { 7, 9 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(all); i++) {
		for (uint32_t n = 0; n <= 2; n++) {
			for (uint32_t m = 0; m <= 2; m++) {
				for (unsigned r = 1; r <= 3; r++)
					check_psi(all[i], r, v, n, w, m);
			}
		}
	}
}

/* Dummies: the peer sees the padded counts, the results know nothing of them. */
TEST(padded)
{
	uint64_t v[200], w[200];

	pair_fill(v, 200, 0, 2);
	pair_fill(w, 200, 0, 3);
	for (size_t i = 0; i < PET_ARRAY_SIZE(all); i++) {
		for (unsigned r = 1; r <= 3; r++) {
			struct pair_side s[2] = { 0 };

			pair_lists(s, v, r == 2 ? 0 : 200, w, 150);
			s[0].padded[0] = 257;
			s[1].padded[0] = r == 1 ? 150 : 300;
			for (int k = 0; k < 2; k++) {
				s[k].conf.protocol = all[i];
				s[k].conf.receivers = r;
			}
			pair_run(s);
			pair_check(s);
		}
	}
}

/* The protocols agree with the plaintext, and so with each other, at sizes where bins, batches and tuples of the VOLE change. */
TEST(sizes)
{
	static const uint32_t n[][2] = { { 1000, 1000 }, { 1700, 1699 }, { 2500, 40 }, { 3, 5000 }, { 24000, 26000 }, { 60000, 59999 } };

	for (size_t i = 0; i < PET_ARRAY_SIZE(n); i++) {
		uint64_t *v = calloc(n[i][0], sizeof(*v)), *w = calloc(n[i][1], sizeof(*w));

		pair_fill(v, n[i][0], 0, 1);
		pair_fill(w, n[i][1], n[i][0] / 3, 1);
		for (unsigned r = 1; r <= 3; r++) {
			for (int threads = 1; threads <= 4; threads += 3) {
				struct pair_side s[2] = { 0 };

				pair_lists(s, v, n[i][0], w, n[i][1]);
				for (int k = 0; k < 2; k++) {
					s[k].conf.protocol = PSI_VOLE;
					s[k].conf.receivers = r;
					s[k].conf.threads = k ? 2 : threads;
				}
				pair_run(s);
				pair_check(s);
			}
		}
		if (n[i][0] < 2000)
			check_psi(PSI_ECDH, PAIR_BOTH, v, n[i][0], w, n[i][1]);
		free(v);
		free(w);
	}
}

/* Several lists over one session, an empty one between them. */
TEST(buckets)
{
	uint64_t v[300], w[300];

	pair_fill(v, 300, 0, 2);
	pair_fill(w, 300, 0, 3);
	for (size_t i = 0; i < PET_ARRAY_SIZE(all); i++) {
		struct pair_side s[2] = { 0 };

		for (int k = 0; k < 2; k++) {
			s[k].conf.protocol = all[i];
			s[k].conf.receivers = PAIR_BOTH;
			s[k].lists = 4;
			s[k].conf.lists = 4;
			for (int j = 0; j < 4; j++) {
				s[k].v[j] = k ? w : v;
				s[k].n[j] = j == 2 ? 0 : 300 - 40 * (uint32_t)(j + k);
				s[k].bucket[j] = j == 3 ? 77 : (uint64_t)j;
			}
		}
		pair_run(s);
		pair_check(s);
	}
}

TEST(buckets_out_of_step)
{
	static const uint64_t v[] = { 1, 2, 3 };
	struct pair_side s[2] = { 0 };

	for (int k = 0; k < 2; k++) {
		pair_lists(s, v, 3, v, 3);
		s[k].conf.protocol = PSI_ECDH;
		s[k].conf.receivers = PAIR_BOTH;
	}
	s[1].bucket[0] = 1;
	pair_run(s);
	for (int k = 0; k < 2; k++) {
		CHECK_INT(s[k].rc, ERR_PEER);
		CHECK_STR(s[k].em.code, "PEER_PROTOCOL");
		CHECK_HAS(s[k].em.pub, "is at bucket");
		CHECK(s[k].r[0].matched == NULL);
	}
}

/* The caller's own mistake, seen before anything is sent: a bucket number twice. */
TEST(bucket_twice)
{
	static const uint64_t v[] = { 1, 2, 3 };
	struct pair_side s[2] = { 0 };

	for (int k = 0; k < 2; k++) {
		s[k].conf.protocol = PSI_ECDH;
		s[k].conf.receivers = PAIR_BOTH;
		s[k].lists = 2;
		for (int j = 0; j < 2; j++) {
			s[k].v[j] = v;
			s[k].n[j] = 3;
			s[k].bucket[j] = 5;
		}
	}
	pair_run(s);
	for (int k = 0; k < 2; k++) {
		CHECK_INT(s[k].rc, ERR_INTERNAL);
		CHECK_INT(s[k].r[0].matches, 3);
		CHECK(s[k].r[1].matched == NULL);
		psi_result_free(&s[k].r[0]);
	}
}

TEST(disagreement)
{
	static const uint64_t v[] = { 1, 2, 3 };
	static const char *const says[] = { "differ in protocol", "differ in receiver", "differ in the options",
					   "differ in the number of buckets" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(says); i++) {
		struct pair_side s[2] = { 0 };

		pair_lists(s, v, 3, v, 3);
		for (int k = 0; k < 2; k++) {
			s[k].conf.protocol = i == 0 && k ? PSI_AUTO : PSI_ECDH;
			s[k].conf.receivers = i == 1 && k ? PSI_FIRST : PAIR_BOTH;
			s[k].conf.binding[31] = i == 2 && k;
			s[k].conf.lists = i == 3 && k ? 2 : 0;
		}
		pair_run(s);
		for (int k = 0; k < 2; k++) {
			CHECK_INT(s[k].rc, ERR_INPUT);
			CHECK_STR(s[k].em.code, "PARAMETERS_DIFFER");
			CHECK_HAS(s[k].em.pub, says[i]);
		}
	}
}

/* A peer by hand that says `len` bytes and goes. */
static void foreign(const void *bytes, size_t len, int cut, const char *code)
{
	static const uint64_t v[] = { 1, 2, 3 };
	struct pair_side s = { .lists = 1, .v = { v }, .n = { 3 }, .conf = { .receivers = PAIR_BOTH, .protocol = PSI_ECDH } };
	struct chan *c;
	pthread_t t;

	CHECK_INT(chan_mem_pair(&c, &s.c), 0);
	pair_prepare(&s, 1);
	CHECK_INT(pthread_create(&t, NULL, pair_main, &s), 0);
	CHECK_INT(chan_send(c, bytes, len), 0);
	CHECK_INT(chan_flush(c), 0);
	if (cut)
		chan_free(c);
	pthread_join(t, NULL);
	CHECK_INT(s.rc, ERR_PEER);
	CHECK_STR(s.em.code, code);
	CHECK(s.r[0].matched == NULL);
	if (!cut)
		chan_free(c);
}

TEST(bad_peers)
{
	uint64_t h[17] = { UINT64_C(0x3130495350544550), PSI_ECDH, 3, 0, 3, 1 }, bad[17];

	memcpy(bad, h, sizeof(h));
	bad[0]++;
	foreign(bad, 80, 0, "PEER_PROTOCOL");
	memcpy(bad, h, sizeof(h));
	bad[3] = 2;
	foreign(bad, 80, 0, "PEER_PROTOCOL");
	memcpy(bad, h, sizeof(h));
	bad[4] = UINT64_MAX;
	foreign(bad, 80, 0, "PEER_PROTOCOL");
	foreign(h, 79, 1, "PEER_LOST");
	foreign(h, 80, 1, "PEER_LOST");
	/* The bucket: number of the run, of the bucket, padded count. */
	h[10] = 1;
	foreign(h, 136, 0, "PEER_PROTOCOL");
	h[10] = 0;
	h[12] = UINT64_C(1) << 31;
	foreign(h, 136, 0, "PEER_PROTOCOL");
	h[12] = UINT64_MAX;
	foreign(h, 136, 0, "PEER_PROTOCOL");
}

TEST_MAIN(CASE(automatic), CASE(names), CASE(small), CASE(padded), CASE(sizes), CASE(buckets), CASE(buckets_out_of_step), CASE(bucket_twice),
	  CASE(disagreement), CASE(bad_peers))
