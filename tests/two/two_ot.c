#include "mpc/ot.h"

#include "levels.h"
#include "mpc/ot_base.h"
#include "ot_pair.h"

static const enum ot_kind all_kinds[] = { OT_SOFTSPOKEN2, OT_SOFTSPOKEN4, OT_SOFTSPOKEN8 };
static const size_t batch_of[] = { [OT_SOFTSPOKEN2] = 2048, [OT_SOFTSPOKEN4] = 4096, [OT_SOFTSPOKEN8] = 8192 };

/* What both parties ask for: up to 16 calls, each for send[i] of direction 0 (a sends) and recv[i] of direction 1. */
struct plan {
	enum ot_kind kind;
	int threads;
	int both;			/* with ot_cot_both; else direction 0 alone */
	int seeded;			/* set-up before: 1 ot_setup_both, 2 direction 1 out of direction 0 */
	size_t calls, n[2][16];
	uint64_t seed;
	/* out */
	struct block *q[2], *m[2];
	struct block delta[2], session[2][2];	/* session: direction, party */
	size_t total[2];
	char digest[2][33];
};

static void plan_call(const struct plan *p, struct ot_side *s, struct ot *o[2], size_t i, size_t at[2])
{
	int own = s->first ? 0 : 1;	/* the direction in which this party sends */
	struct ot *tx = o[own], *rx = o[!own];
	int rc;

	if (p->both)
		rc = ot_cot_both(tx, p->q[own] + at[own], p->n[own][i], rx, p->m[!own] + at[!own], p->n[!own][i]);
	else if (s->first)
		rc = ot_cot_send(tx, p->q[0] + at[0], p->n[0][i]);
	else
		rc = ot_cot_recv(rx, p->m[0] + at[0], p->n[0][i]);
	pair_try(s, p->both || s->first ? tx : rx, rc);
	at[0] += p->n[0][i];
	at[1] += p->n[1][i];
}

static void plan_side(struct ot_side *s)
{
	struct plan *p = s->arg;
	struct ot *o[2] = { NULL, NULL };
	int own = s->first ? 0 : 1;
	size_t at[2] = { 0, 0 };

	for (int d = 0; d < 2; d++) {
		if (pair_try(s, NULL, ot_new(&o[d], s->chan, d == own ? OT_SENDER : OT_RECEIVER, p->kind)))
			return;
		ot_threads(o[d], p->threads);
	}
	if (p->seeded == 1)
		pair_try(s, o[own], ot_setup_both(o[own], o[!own], s->first));
	if (p->seeded == 2)
		pair_try(s, o[1], ot_setup_from(o[1], o[0]));
	for (size_t i = 0; i < p->calls && !s->rc; i++)
		plan_call(p, s, o, i, at);
	CHECK_INT(ot_used(o[0]), p->total[0] + (p->seeded ? OT_BASE : 0));
	p->session[0][!s->first] = ot_session(o[0]);
	p->session[1][!s->first] = ot_session(o[1]);
	p->delta[own] = ot_delta(o[own]);
	ot_free(o[0]);
	ot_free(o[1]);
}

static struct block *blocks(size_t n)
{
	struct block *b = calloc(n + 1, sizeof(*b));

	if (!b)
		abort();
	return b;
}

static void plan_run(struct plan *p)
{
	struct ot_side s[2] = { 0 };

	for (int d = 0; d < 2; d++) {
		p->total[d] = 0;
		for (size_t i = 0; i < p->calls; i++)
			p->total[d] += p->n[d][i];
		p->q[d] = blocks(p->total[d]);
		p->m[d] = blocks(p->total[d]);
	}
	for (int i = 0; i < 2; i++) {
		s[i].run = plan_side;
		s[i].arg = p;
		s[i].seed = p->seed;
	}
	pair_run(s);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(s[i].rc, 0);
		CHECK_STR(s[i].error, "");
		memcpy(p->digest[i], s[i].digest, sizeof(s[i].digest));
	}
}

static void plan_free(struct plan *p)
{
	for (int d = 0; d < 2; d++) {
		free(p->q[d]);
		free(p->m[d]);
	}
}

/* m = q ^ c * Delta with the conventions of ot.h, and choice bits that are no constant. */
static void check_cot(const struct plan *p, int d)
{
	size_t wrong = 0, ones = 0, n = p->total[d];
	struct block delta = p->delta[d];

	CHECK_INT(block_lsb(delta), 1);
	for (size_t i = 0; i < n; i++) {
		struct block q = p->q[d][i], m = p->m[d][i];

		ones += block_lsb(m);
		wrong += block_lsb(q) != 0 || !block_equal(m, block_xor(q, block_and(block_mask(block_lsb(m)), delta)));
	}
	CHECK_INT(wrong, 0);
	/* Eight standard deviations. */
	CHECK(n < 64 || ((double)ones - (double)n / 2) * ((double)ones - (double)n / 2) < 16 * (double)n);
}

static int by_block(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct block));
}

/* No mask comes twice: equal q in two places would open both. */
static void check_distinct(const struct block *q, size_t n)
{
	struct block *sorted = blocks(n);
	size_t twice = 0;

	memcpy(sorted, q, n * sizeof(*q));
	qsort(sorted, n, sizeof(*sorted), by_block);
	for (size_t i = 1; i < n; i++)
		twice += block_equal(sorted[i - 1], sorted[i]) != 0;
	CHECK_INT(twice, 0);
	free(sorted);
}

TEST(every_kind_and_level)
{
	EACH_LEVEL for (size_t i = 0; i < PET_ARRAY_SIZE(all_kinds); i++) {
		struct plan p = { .kind = all_kinds[i], .threads = 1, .calls = 2,
				  .n = { { 100, batch_of[all_kinds[i]] } } };

		plan_run(&p);
		check_cot(&p, 0);
		check_distinct(p.q[0], p.total[0]);
		plan_free(&p);
	}
	CHECK_INT(cpu_set_level(CPU_AESNI), 0);
}

/* The pool's and the batches' boundaries, one off to both sides, and calls for nothing. */
TEST(sizes_at_boundaries)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(all_kinds); i++) {
		size_t b = batch_of[all_kinds[i]];
		struct plan p = { .kind = all_kinds[i], .threads = 1, .calls = 13,
				  .n = { { 0, 1, b - 1, b, b + 1, b - 1, 1, 0, 2 * b + 3, 16 * b, 17 * b - 1, 127, 128 } } };

		plan_run(&p);
		check_cot(&p, 0);
		check_distinct(p.q[0], p.total[0]);
		plan_free(&p);
	}
}

/* Small calls drain and refill the pool many times; no mask and no choice pattern repeats. */
TEST(exhaust_and_refill)
{
	struct plan p = { .kind = OT_SOFTSPOKEN4, .threads = 1, .calls = 16 };

	for (size_t i = 0; i < 16; i++)
		p.n[0][i] = 20001 + 777 * i;
	plan_run(&p);
	check_cot(&p, 0);
	check_distinct(p.q[0], p.total[0]);
	check_distinct(p.m[0], p.total[0]);
	plan_free(&p);
}

TEST(both_directions)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(all_kinds); i++) {
		struct plan p = { .kind = all_kinds[i], .threads = 1, .both = 1, .calls = 6,
				  .n = { { 5, 0, 300000, 1, 4096, 70001 }, { 5, 7, 12, 300000, 4096, 0 } } };

		plan_run(&p);
		for (int d = 0; d < 2; d++) {
			check_cot(&p, d);
			check_distinct(p.q[d], p.total[d]);
		}
		CHECK(!block_equal(p.delta[0], p.delta[1]));
		plan_free(&p);
	}
}

/* A direction that is set up from the other one's transfers has a Delta, a session and masks of its own. */
TEST(set_up_from_transfers)
{
	static const enum ot_kind kinds[] = { OT_SOFTSPOKEN2, OT_SOFTSPOKEN4, OT_SOFTSPOKEN8, OT_FERRET };

	for (size_t i = 0; i < PET_ARRAY_SIZE(kinds); i++) {
		struct plan p = { .kind = kinds[i], .threads = 1, .both = 1, .calls = 3, .seeded = kinds[i] == OT_FERRET ? 2 : 1 + (int)i % 2,
				  .n = { { 5, 0, 70001 }, { 4096, 7, 12 } } };

		plan_run(&p);
		for (int d = 0; d < 2; d++) {
			check_cot(&p, d);
			check_distinct(p.q[d], p.total[d]);
			CHECK(block_equal(p.session[d][0], p.session[d][1]));
		}
		CHECK(!block_equal(p.delta[0], p.delta[1]));
		CHECK(!block_equal(p.session[0][0], p.session[1][0]));
		plan_free(&p);
	}
}

/* Far more than both windows of the channel, in both directions: nobody may wait for the other for ever. */
TEST(both_directions_bulk)
{
	struct plan p = { .kind = OT_SOFTSPOKEN2, .threads = 1, .both = 1, .calls = 1, .n = { { 1500000 }, { 1499999 } } };

	plan_run(&p);
	check_cot(&p, 0);
	check_cot(&p, 1);
	plan_free(&p);
}

/* The kind is found at set-up, the same at both parties, for one direction and for two. */
TEST(automatic_kind)
{
	for (int both = 0; both < 2; both++) {
		struct plan p = { .kind = OT_AUTO, .threads = 1, .both = both, .calls = 2, .n = { { 100, 5000 }, { 7, 4097 } } };

		plan_run(&p);
		check_cot(&p, 0);
		if (both)
			check_cot(&p, 1);
		plan_free(&p);
	}
}

TEST(threads_change_nothing)
{
	struct plan p[2];

	for (int i = 0; i < 2; i++) {
		p[i] = (struct plan){ .kind = OT_SOFTSPOKEN4, .threads = i ? 4 : 1, .both = 1, .calls = 2, .seed = 7,
				      .n = { { 100000, 3 }, { 5, 81920 } } };
		plan_run(&p[i]);
	}
	for (int d = 0; d < 2; d++) {
		check_cot(&p[1], d);
		CHECK(memcmp(p[0].q[d], p[1].q[d], p[0].total[d] * sizeof(struct block)) == 0);
		CHECK(memcmp(p[0].m[d], p[1].m[d], p[0].total[d] * sizeof(struct block)) == 0);
		CHECK_STR(p[1].digest[d], p[0].digest[d]);
	}
	plan_free(&p[0]);
	plan_free(&p[1]);
}

/* With fixed seeds every byte on the wire is fixed: a change of these lines is a change of the protocol. */
TEST(wire_digests)
{
	static const char *const want[][2] = {
		{ "764e2d3498ae9ac5dd36e869f2e1f310", "00566ddd44ca1bf739a05095da262f26" },
		{ "bbecb6fc32a403833873e5ab4dbfc081", "0e38f8facbaf24cff7e5db3826774688" },
		{ "3880cc926fb451f4d44904f48c1100e6", "585c65269f2582814e75dadb990c43a2" },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(all_kinds); i++) {
		struct plan p = { .kind = all_kinds[i], .threads = 1, .calls = 2, .seed = 20260, .n = { { 10000, 77 } } };

		plan_run(&p);
		check_cot(&p, 0);
		CHECK_STR(p.digest[0], want[i][0]);
		CHECK_STR(p.digest[1], want[i][1]);
		plan_free(&p);
	}
}

/* --- parties that do not keep to it ------------------------------------- */

struct bad {
	enum ot_role role;		/* of the honest party */
	uint8_t first[32];		/* what the other sends as its first point */
	size_t count;			/* how many points it sends */
	size_t then;			/* and how many bytes after them */
};

static void honest(struct ot_side *s)
{
	const struct bad *b = s->arg;
	struct block out[8];
	struct ot *o;

	if (pair_try(s, NULL, ot_new(&o, s->chan, b->role, OT_SOFTSPOKEN4)))
		return;
	pair_try(s, o, b->role == OT_SENDER ? ot_cot_send(o, out, 8) : ot_cot_recv(o, out, 8));
	/* It stays broken. */
	CHECK_INT(b->role == OT_SENDER ? ot_cot_send(o, out, 8) : ot_cot_recv(o, out, 8), s->rc);
	ot_free(o);
}

/* Random points but for the first, then random bytes, then the end. */
static void dishonest(struct ot_side *s)
{
	const struct bad *b = s->arg;
	uint8_t point[32], byte;

	if (b->role == OT_RECEIVER)
		CHECK_INT(chan_recv(s->chan, point, sizeof(point)), 0);
	for (size_t i = 0; i < b->count; i++) {
		crypto_core_ristretto255_random(point);
		CHECK_INT(chan_send(s->chan, i ? point : b->first, 32), 0);
	}
	for (size_t i = 0; i < b->then; i++) {
		util_random(&byte, 1);
		CHECK_INT(chan_send(s->chan, &byte, 1), 0);
	}
	CHECK_INT(chan_flush(s->chan), 0);
	s->rc = ERR_CANCELED;
}

static void expect_refused(struct bad b, const char *sentence)
{
	struct ot_side s[2] = { { .run = honest, .arg = &b }, { .run = dishonest, .arg = &b } };

	pair_run(s);
	CHECK_INT(s[0].rc, ERR_PEER);
	CHECK_HAS(s[0].error, sentence);
}

TEST(points_that_are_none)
{
	static const uint8_t not_canonical[32] = { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0x7f };
	struct bad b = { .role = OT_SENDER, .count = 1 };

	expect_refused(b, "a point that is none");			/* the neutral element */
	memcpy(b.first, not_canonical, 32);
	expect_refused(b, "a point that is none");
	memset(b.first, 0xff, 32);
	expect_refused(b, "a point that is none");
	b.role = OT_RECEIVER;
	b.count = OT_BASE;
	expect_refused(b, "a point that is none");
	memset(b.first, 0, 32);
	expect_refused(b, "a point that is none");
	memcpy(b.first, not_canonical, 32);
	expect_refused(b, "a point that is none");
}

/* R_i = 2A, a valid point, whose second key would be the neutral element's: the peer doubles the A it gets. */
static void echo(struct ot_side *s)
{
	uint8_t point[OT_BASE][32];

	for (int i = 1; i < OT_BASE; i++)
		crypto_core_ristretto255_random(point[i]);
	CHECK_INT(chan_recv(s->chan, point[0], 32), 0);
	CHECK_INT(crypto_core_ristretto255_add(point[0], point[0], point[0]), 0);
	CHECK_INT(chan_send(s->chan, point, sizeof(point)), 0);
	CHECK_INT(chan_flush(s->chan), 0);
	s->rc = ERR_CANCELED;
}

TEST(points_that_cancel)
{
	struct bad b = { .role = OT_RECEIVER };
	struct ot_side s[2] = { { .run = honest, .arg = &b }, { .run = echo } };

	pair_run(s);
	CHECK_INT(s[0].rc, ERR_PEER);
	CHECK_HAS(s[0].error, "a point that is none");
}

/* The peer ends within every message; garbage instead of corrections gives garbage, never a crash. */
TEST(truncated_peer)
{
	struct bad b = { .role = OT_SENDER };

	expect_refused(b, "ended without closing");
	crypto_core_ristretto255_random(b.first);
	b.count = 1;
	expect_refused(b, "ended without closing");					/* no corrections */
	b.then = 100;
	expect_refused(b, "ended without closing");
	b.then = 32 * 3 * 32 + 1000;
	expect_refused(b, "ended without closing");					/* within the first chunk */
	b.role = OT_RECEIVER;
	b.then = 0;
	b.count = 0;
	expect_refused(b, "ended without closing");
	b.count = OT_BASE - 1;
	expect_refused(b, "ended without closing");
	b.then = 31;
	expect_refused(b, "ended without closing");
}

TEST(wrong_use)
{
	struct chan *a, *b;
	struct block x[1];
	struct ot *o;

	CHECK_INT(chan_mem_pair(&a, &b), 0);
	CHECK_INT(ot_new(&o, a, OT_SENDER, (enum ot_kind)99), ERR_INPUT);
	CHECK(o == NULL);
	CHECK_INT(ot_new(&o, a, OT_SENDER, OT_SOFTSPOKEN4), 0);
	CHECK_INT(ot_cot_recv(o, x, 1), ERR_INPUT);
	CHECK_INT(ot_cot_both(o, x, 1, o, x, 1), ERR_INPUT);
	CHECK_INT(ot_setup_both(o, o, 1), ERR_INPUT);
	CHECK_INT(ot_setup_from(o, o), ERR_INPUT);
	CHECK_STR(ot_error(o), "");
	CHECK_STR(ot_kind_name(ot_kind(o)), "softspoken4");
	CHECK_STR(ot_kind_name((enum ot_kind)99), "unknown");
	ot_free(o);
	ot_free(NULL);
	chan_free(a);
	chan_free(b);
}

TEST_MAIN(CASE(every_kind_and_level), CASE(sizes_at_boundaries), CASE(exhaust_and_refill), CASE(both_directions),
	  CASE(both_directions_bulk), CASE(set_up_from_transfers), CASE(automatic_kind), CASE(threads_change_nothing), CASE(wire_digests), CASE(points_that_are_none),
	  CASE(points_that_cancel), CASE(truncated_peer), CASE(wrong_use))
