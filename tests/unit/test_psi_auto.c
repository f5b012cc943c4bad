#include "mpc/psi_auto.h"

#include <pthread.h>

#include "test.h"

#define MBIT UINT64_C(125000)

static enum psi_protocol choice(uint64_t n, uint64_t m, uint64_t threads, uint64_t delay_us, uint64_t rate)
{
	struct psi_auto a = { n, m, threads, delay_us, rate };

	return psi_auto_choice(&a);
}

TEST(table)
{
	CHECK_INT(choice(0, 0, 1, 0, 10000 * MBIT), PSI_ECDH);
	CHECK_INT(choice(100, 100, 1, 50, 10000 * MBIT), PSI_ECDH);
	CHECK_INT(choice(1000, 1000, 1, 50, 10000 * MBIT), PSI_VOLE);
	CHECK_INT(choice(1000, 1000, 8, 50, 10000 * MBIT), PSI_ECDH);
	CHECK_INT(choice(1000, 1000, 1, 10000, 10 * MBIT), PSI_ECDH);
	CHECK_INT(choice(4000, 4000, 1, 10000, 1 * MBIT), PSI_ECDH);
	CHECK_INT(choice(4000, 4000, 1, 10000, 1000 * MBIT), PSI_VOLE);
	CHECK_INT(choice(30000, 30000, 1, 10000, 10 * MBIT), PSI_VOLE);
	CHECK_INT(choice(1, 1 << 20, 1, 10000, 1), PSI_VOLE);
	CHECK_INT(choice(1 << 28, 1 << 28, 1, 60000000, 1), PSI_VOLE);
}

/* More items never turn the choice back to ECDH, a slower link never to VOLE. */
TEST(monotone)
{
	for (uint64_t rate = MBIT / 10; rate <= 100000 * MBIT; rate *= 10) {
		int was = PSI_ECDH;

		for (uint64_t n = 1; n < 1 << 20; n += n / 7 + 1) {
			int is = choice(n, n, 1, 1000, rate);

			CHECK(was == PSI_ECDH || is == PSI_VOLE);
			CHECK(is == PSI_VOLE || choice(n, n, 1, 1000, rate / 10) == PSI_ECDH);
			was = is;
		}
		CHECK_INT(was, PSI_VOLE);
	}
}

struct side {
	struct chan *c;
	struct psi_auto a;
	int threads, rc;
};

static void *measure(void *arg)
{
	struct side *s = arg;

	s->rc = psi_auto_measure(&s->a, s->c, s->threads);
	return NULL;
}

TEST(both_see_the_same)
{
	for (int big = 0; big < 2; big++) {
		struct side s[2] = { { .threads = 3, .a = { .n = 5 } }, { .threads = 2, .a = { .n = 5 } } };
		struct chan_stats st;
		pthread_t t;

		s[0].a.m = s[1].a.m = big ? 1 << 20 : 7;
		CHECK_INT(chan_mem_pair(&s[0].c, &s[1].c), 0);
		CHECK_INT(pthread_create(&t, NULL, measure, &s[1]), 0);
		measure(&s[0]);
		pthread_join(t, NULL);
		CHECK_INT(s[0].rc, 0);
		CHECK_INT(s[1].rc, 0);
		CHECK(memcmp(&s[0].a, &s[1].a, sizeof(s[0].a)) == 0);
		CHECK_INT(s[0].a.threads, big ? 1 : 2);
		CHECK(s[0].a.rate > 0);
		chan_stats(s[0].c, &st);
		CHECK_INT(st.bytes_sent, big ? 0 : 1 + 16384 + 24);
		chan_free(s[0].c);
		chan_free(s[1].c);
	}
}

/* A peer's figures out of all bounds: no division by zero, no overflow, a choice all the same. */
TEST(wild_figures)
{
	static const uint64_t wild[][3] = { { 0, 0, 0 }, { UINT64_MAX, UINT64_MAX, UINT64_MAX }, { 0, UINT64_MAX, 0 }, { 1, 0, UINT64_MAX } };

	for (size_t i = 0; i < PET_ARRAY_SIZE(wild); i++) {
		struct side s = { .threads = 1, .a = { .n = 1 << 16, .m = 1 << 16 } };
		uint8_t probe[1 + 16384] = { 0 };
		struct chan *c;
		pthread_t t;

		CHECK_INT(chan_mem_pair(&c, &s.c), 0);
		CHECK_INT(pthread_create(&t, NULL, measure, &s), 0);
		CHECK_INT(chan_send(c, probe, sizeof(probe)), 0);
		CHECK_INT(chan_send(c, wild[i], sizeof(wild[i])), 0);
		CHECK_INT(chan_flush(c), 0);
		pthread_join(t, NULL);
		CHECK_INT(s.rc, 0);
		CHECK(s.a.threads >= 1 && s.a.rate >= 1 && s.a.delay_us <= 60000000);
		CHECK(psi_auto_choice(&s.a) != PSI_AUTO);
		chan_free(c);
		chan_free(s.c);
	}
}

TEST_MAIN(CASE(table), CASE(monotone), CASE(both_see_the_same), CASE(wild_figures))
