#include "mpc/ot_auto.h"

#include <pthread.h>

#include "test.h"

#define MBIT UINT64_C(125000)

static void expect_kind(uint64_t rate, uint64_t delay_us, uint64_t threads, uint64_t n, enum ot_kind want)
{
	struct ot_auto a = { .threads = threads, .delay_us = delay_us, .rate = rate };

	CHECK_STR(ot_kind_name(ot_auto_choice(&a, n)), ot_kind_name(want));
}

TEST(choices)
{
	expect_kind(20000 * MBIT, 30, 1, UINT64_MAX, OT_SOFTSPOKEN4);
	expect_kind(2000 * MBIT, 100, 1, UINT64_MAX, OT_SOFTSPOKEN4);
	expect_kind(700 * MBIT, 200, 1, UINT64_MAX, OT_FERRET);
	expect_kind(1500 * MBIT, 100, 4, UINT64_MAX, OT_FERRET);
	expect_kind(100 * MBIT, 10000, 1, UINT64_MAX, OT_FERRET);
	expect_kind(1000 * MBIT, 100, 1, 1000, OT_SOFTSPOKEN4);
	expect_kind(1000 * MBIT, 200, 1, UINT64_MAX, OT_SOFTSPOKEN4);
	expect_kind(2000 * MBIT, 100, 1, 1000, OT_SOFTSPOKEN4);
	expect_kind(100 * MBIT, 10000, 1, 100000, OT_SOFTSPOKEN8);
	expect_kind(10 * MBIT, 40000, 1, 100000, OT_SOFTSPOKEN8);
	expect_kind(10 * MBIT, 40000, 1, 1000000, OT_FERRET);
}

/* A slower link never leads to more bytes, and the extremes overflow nothing. */
TEST(slower_means_fewer_bytes)
{
	static const int bytes[] = { [OT_SOFTSPOKEN4] = 4, [OT_SOFTSPOKEN8] = 2, [OT_FERRET] = 1 };

	for (uint64_t n = 1 << 20; n; n <<= 1) {
		int last = 4;

		for (uint64_t rate = UINT64_C(1) << 33; rate > 100; rate /= 2) {
			struct ot_auto a = { .threads = 1, .delay_us = 50, .rate = rate };
			int now = bytes[ot_auto_choice(&a, n)];

			CHECK(now <= last);
			last = now;
		}
	}
	expect_kind(1, 60000000, 1, UINT64_MAX, OT_FERRET);
	expect_kind(UINT64_C(1) << 40, 0, 1024, UINT64_MAX, OT_SOFTSPOKEN4);
}

struct side {
	struct chan *c;
	struct ot_auto a;
	int rc;
};

static void *measure(void *arg)
{
	struct side *s = arg;

	s->rc = ot_auto_measure(&s->a, s->c);
	return NULL;
}

TEST(both_see_the_same)
{
	struct side s[2] = { { .a = { .threads = 4, .expect = { 1000, UINT64_MAX } } },
			     { .a = { .threads = 2, .expect = { 77, 2000 } } } };
	pthread_t t;

	CHECK_INT(chan_mem_pair(&s[0].c, &s[1].c), 0);
	CHECK_INT(pthread_create(&t, NULL, measure, &s[1]), 0);
	measure(&s[0]);
	pthread_join(t, NULL);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(s[i].rc, 0);
		CHECK_INT(s[i].a.threads, 2);
		CHECK(s[i].a.rate >= 1);
		chan_free(s[i].c);
	}
	CHECK_INT(s[0].a.rate, s[1].a.rate);
	CHECK_INT(s[0].a.delay_us, s[1].a.delay_us);
	CHECK_INT(s[0].a.expect[0], 1000);	/* a sends, b receives */
	CHECK_INT(s[1].a.expect[1], 1000);
	CHECK_INT(s[0].a.expect[1], 77);	/* b sends */
	CHECK_INT(s[1].a.expect[0], 77);
}

static void *wild(void *arg)
{
	struct side *s = arg;
	static uint8_t probe[2 + 2 * 65536 + 48];

	memset(probe, 0xff, sizeof(probe));
	CHECK_INT(chan_send(s->c, probe, sizeof(probe)), 0);
	CHECK_INT(chan_flush(s->c), 0);
	CHECK_INT(chan_recv(s->c, probe, sizeof(probe)), 0);
	return NULL;
}

TEST(wild_figures)
{
	struct side s[2] = { { .a = { .threads = 1, .expect = { 10, 10 } } }, { 0 } };
	pthread_t t;

	CHECK_INT(chan_mem_pair(&s[0].c, &s[1].c), 0);
	CHECK_INT(pthread_create(&t, NULL, wild, &s[1]), 0);
	measure(&s[0]);
	pthread_join(t, NULL);
	CHECK_INT(s[0].rc, 0);
	CHECK_INT(s[0].a.threads, 1);
	CHECK(s[0].a.delay_us <= 60000000 && s[0].a.rate >= 1);
	CHECK(ot_auto_choice(&s[0].a, UINT64_MAX) != OT_AUTO);
	chan_free(s[0].c);
	chan_free(s[1].c);
}

TEST_MAIN(CASE(choices), CASE(slower_means_fewer_bytes), CASE(both_see_the_same), CASE(wild_figures))
