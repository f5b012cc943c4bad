/*
 * Ferret: the COT relation on every output over renewals of instances, no mask
 * twice, boundaries, levels, threads, digests; a peer that stops or sends garbage.
 */
#include "levels.h"
#include "mpc/ggm.h"
#include "mpc/hash.h"
#include "mpc/lpn_code.h"
#include "mpc/ot_ferret.h"
#include "ot_pair.h"

/* --- the part behind the bootstrap, on correlations dealt by the test ------ */

struct stage {
	enum lpn_set set[4];		/* instances one after the other; each makes groups[i] groups, or all it has */
	size_t sets, groups[4], total;
	int threads;
	struct block delta, session;
	struct block *out[2], *base[2];	/* 0: sender's */
	uint64_t bytes;
};

static size_t room_for(const struct stage *s)
{
	size_t most = 0;

	for (size_t i = 0; i < s->sets; i++)
		if (lpn_base(lpn_params(s->set[i])) > most)
			most = lpn_base(lpn_params(s->set[i]));
	return most;
}

static enum lpn_set largest(const struct stage *s)
{
	enum lpn_set most = LPN_C9;

	for (size_t i = 0; i < s->sets; i++)
		most = s->set[i] > most ? s->set[i] : most;
	return most;
}

/* COTs of the first instance, from fixed data; choice bits are theirs. */
static void stage_deal(struct stage *s, uint64_t seed)
{
	size_t n = room_for(s);

	cpu_test_data(&s->delta, 1, seed);
	cpu_test_data(&s->session, 1, seed + 1);
	s->delta.w[0] |= 1;
	for (int i = 0; i < 2; i++)
		s->base[i] = calloc(n, sizeof(struct block));
	cpu_test_data(s->base[0], n, seed + 2);
	for (size_t i = 0; i < n; i++) {
		struct block c = block_mask(s->base[0][i].w[1] >> 17);

		s->base[0][i].w[0] &= ~UINT64_C(1);
		s->base[1][i] = block_xor(s->base[0][i], block_and(c, s->delta));
	}
}

static void stage_free(struct stage *s)
{
	for (int i = 0; i < 2; i++) {
		free(s->base[i]);
		free(s->out[i]);
	}
}

static void stage_side(struct ot_side *side)
{
	struct stage *s = side->arg;
	struct errmsg em = { 0 };
	struct ot_conf conf = { .chan = side->chan, .role = side->first ? OT_SENDER : OT_RECEIVER, .threads = s->threads, .em = &em };
	struct block *base, *out = s->out[!side->first];
	struct ferret *f;
	struct chan_stats st;
	size_t room;

	if (pair_try(side, NULL, ferret_new(&f, &conf, largest(s))))
		return;
	base = ferret_base(f, &room);
	CHECK(room >= room_for(s));
	memcpy(base, s->base[!side->first], lpn_base(lpn_params(s->set[0])) * sizeof(*base));
	ferret_start(f, s->set[0], side->first ? s->delta : block_zero(), s->session);
	for (size_t i = 0; i < s->sets && !side->rc; i++) {
		if (i && pair_try(side, NULL, ferret_renew(f, s->set[i])))
			break;
		pair_try(side, NULL, ferret_run(f, out, s->groups[i]));
		out += s->groups[i] * ferret_group(f);
	}
	if (!side->rc && side->first)
		pair_try(side, NULL, chan_flush(side->chan));
	chan_stats(side->chan, &st);
	if (side->first)
		s->bytes = st.bytes_sent;
	else
		CHECK_INT(st.bytes_sent, 0);
	ferret_free(f);
}

static void stage_run(struct stage *s, struct ot_side side[2])
{
	s->total = 0;
	for (size_t i = 0; i < s->sets; i++)
		s->total += s->groups[i] * ((size_t)GGM_LANES << lpn_params(s->set[i])->depth);
	for (int i = 0; i < 2; i++) {
		free(s->out[i]);
		s->out[i] = calloc(s->total, sizeof(struct block));
		side[i].run = stage_side;
		side[i].arg = s;
	}
	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
}

/* m = q ^ LSB(m) delta, LSB(q) = 0, on all; returns how many choice bits are one. */
static size_t relation(const struct block *q, const struct block *m, struct block delta, size_t n)
{
	size_t bad = 0, ones = 0;

	for (size_t i = 0; i < n; i++) {
		struct block want = block_xor(q[i], block_and(block_mask(m[i].w[0]), delta));

		bad += !block_equal(want, m[i]) || block_lsb(q[i]) != 0;
		ones += block_lsb(m[i]);
	}
	CHECK_INT(bad, 0);
	return ones;
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct block));
}

static size_t repeated(const struct block *x, size_t n)
{
	struct block *s = malloc(n * sizeof(*s));
	size_t same = 0;

	memcpy(s, x, n * sizeof(*s));
	qsort(s, n, sizeof(*s), order);
	for (size_t i = 1; i < n; i++)
		same += block_equal(s[i - 1], s[i]);
	free(s);
	return same;
}

/* Half of the bits within six standard deviations. */
static int balanced(size_t ones, size_t n)
{
	double d = (double)ones - (double)n / 2;

	return d * d < 36 * (double)n / 4;
}

TEST(every_set)
{
	for (int set = 0; set < LPN_SETS; set++) {
		struct stage s = { .set = { (enum lpn_set)set }, .sets = 1, .groups = { 6 }, .threads = 1 };
		struct ot_side side[2] = { 0 };

		stage_deal(&s, 10 + (uint64_t)set);
		stage_run(&s, side);
		CHECK(balanced(relation(s.out[0], s.out[1], s.delta, s.total), s.total));
		CHECK_INT(repeated(s.out[0], s.total), 0);
		/* what the header says about bytes */
		CHECK_INT(s.bytes, 6 * GGM_LANES * 16 * (lpn_params((enum lpn_set)set)->depth - 1));
		stage_free(&s);
	}
}

/* Without noise the choice bits would be the code's: the errors must be there, one in each tree. */
TEST(one_error_in_each_tree)
{
	struct stage s = { .set = { LPN_C9 }, .sets = 1, .groups = { 3 }, .threads = 1 };
	struct ot_side side[2] = { 0 };
	const size_t k = lpn_secrets(lpn_params(LPN_C9)), group = (size_t)GGM_LANES << 9;
	struct block *clean;

	stage_deal(&s, 20);
	stage_run(&s, side);
	clean = calloc(s.total, sizeof(*clean));
	for (size_t g = 0; g < 3; g++) {
		struct block seed, lane[GGM_LANES];
		struct lpn_code code;
		struct aes_key key;
		size_t errors[GGM_LANES] = { 0 };

		aes_key_set(&key, s.session);
		aes_ctr(&key, HASH_FERRET, 1, &seed, 1);
		lpn_code_init(&code, seed, 16);
		lpn_code_add(&code, g * group, s.base[1], clean + g * group, group);
		memset(lane, 0, sizeof(lane));
		for (size_t i = 0; i < group; i++) {
			size_t t = i % GGM_LANES, hit = block_lsb(clean[g * group + i]) ^ block_lsb(s.out[1][g * group + i]);

			errors[t] += hit;
			/* and each where the COTs of its tree say */
			for (size_t l = 0; hit && l < 9; l++)
				CHECK_INT(i / GGM_LANES >> l & 1, !block_lsb(s.base[1][k + (g * 9 + l) * GGM_LANES + t]));
		}
		for (int t = 0; t < GGM_LANES; t++)
			CHECK_INT(errors[t], 1);
	}
	free(clean);
	stage_free(&s);
}

TEST(instances_one_after_the_other)
{
	struct stage s = { .set = { LPN_C9, LPN_C10, LPN_C10, LPN_C9 }, .sets = 4, .groups = { 213 - 76, 5, 585 - 18, 7 }, .threads = 1 };
	struct ot_side side[2] = { 0 };

	/* each but the second to its end: c10 needs 154,600 of 2,048 each, c9 73,332 of 4,096: 76, 18 groups */
	stage_deal(&s, 30);
	stage_run(&s, side);
	CHECK(balanced(relation(s.out[0], s.out[1], s.delta, s.total), s.total));
	CHECK_INT(repeated(s.out[0], s.total), 0);
	CHECK_INT(repeated(s.out[1], s.total), 0);
	stage_free(&s);
}

/* Fixed data in, fixed bytes and outputs out: at every level, for every number of threads. */
TEST(digests)
{
	char digest[33] = "", last[33] = "";

	EACH_LEVEL {
		for (int threads = 1; threads <= 4; threads += 3) {
			struct stage s = { .set = { LPN_C9, LPN_C10 }, .sets = 2, .groups = { 5, 3 }, .threads = threads };
			struct ot_side side[2] = { { .seed = 1 }, { .seed = 2 } };
			uint8_t d[16];

			stage_deal(&s, 40);
			stage_run(&s, side);
			CHECK_STR(side[0].digest, "4587141d3dc7b94f1af224cb835858c9");
			crypto_generichash(d, sizeof(d), (const uint8_t *)s.out[1], s.total * sizeof(struct block), NULL, 0);
			util_hex(digest, d, sizeof(d));
			CHECK(last[0] == '\0' || strcmp(digest, last) == 0);
			memcpy(last, digest, sizeof(last));
			stage_free(&s);
		}
	}
	CHECK_STR(digest, "0bec66c392a4987be797d330a01321ef");
}

/* --- behind ot.h ----------------------------------------------------------- */

struct deal {
	uint64_t expect[2];
	size_t calls, n[8], total;
	int threads;
	struct block *q, *m, delta;
	struct chan_stats st;
	void (*instead)(struct ot_side *side, struct ot *o);	/* what party a does instead of serving */
};

static void deal_side(struct ot_side *side)
{
	struct deal *d = side->arg;
	struct ot *o = NULL;
	size_t at = 0;

	if (pair_try(side, NULL, ot_new(&o, side->chan, side->first ? OT_SENDER : OT_RECEIVER, OT_FERRET)))
		return;
	ot_threads(o, d->threads);
	ot_expect(o, d->expect[!side->first]);
	if (side->first && d->instead)
		d->instead(side, o);
	for (size_t i = 0; i < d->calls && !side->rc && !(side->first && d->instead); i++) {
		pair_try(side, o, side->first ? ot_cot_send(o, d->q + at, d->n[i]) : ot_cot_recv(o, d->m + at, d->n[i]));
		at += d->n[i];
	}
	if (side->first) {
		d->delta = ot_delta(o);
		chan_stats(side->chan, &d->st);
	}
	ot_free(o);
}

static void deal_run(struct deal *d, struct ot_side side[2])
{
	d->total = 0;
	for (size_t i = 0; i < d->calls; i++)
		d->total += d->n[i];
	d->threads = d->threads ? d->threads : 1;
	d->q = calloc(d->total + 1, sizeof(struct block));
	d->m = calloc(d->total + 1, sizeof(struct block));
	side[0].run = side[1].run = deal_side;
	side[0].arg = side[1].arg = d;
	pair_run(side);
}

static void deal_check(struct deal *d)
{
	struct ot_side side[2] = { 0 };

	deal_run(d, side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
	CHECK_INT(block_lsb(d->delta), 1);
	CHECK(balanced(relation(d->q, d->m, d->delta, d->total), d->total));
	CHECK_INT(repeated(d->q, d->total), 0);
	CHECK_INT(repeated(d->m, d->total), 0);
}

static void deal_free(struct deal *d)
{
	free(d->q);
	free(d->m);
}

#define C9 ((size_t)2048)		/* COTs of a group */
#define C10 ((size_t)4096)
#define C9_LAST ((213 - 36) * C9)	/* of an instance that starts another c9 */
#define C10_LAST ((585 - 38) * C10)

TEST(sizes_at_boundaries)
{
	struct deal d = { .expect = { 1000, 1000 }, .calls = 8, .n = { 1, 0, C9 - 2, 1, C9, C9 + 1, 3 * C9 - 1, 5 } };

	deal_check(&d);
	deal_free(&d);
}

TEST(c9_exhausted_twice)
{
	struct deal d = { .expect = { C9_LAST, C9_LAST }, .calls = 5, .n = { C9_LAST - 1, 1, 1, C9_LAST, 2 * C9 } };

	deal_check(&d);
	deal_free(&d);
}

TEST(c10_exhausted)
{
	struct deal d = { .expect = { UINT64_MAX, C9_LAST + 1 }, .calls = 3, .n = { C10_LAST - 1, 2, 3 * C10 }, .threads = 2 };

	deal_check(&d);
	/* 16 (h-1) bytes a tree, once more 76 and 38 groups to start the instances, and set-up below 20 KB */
	CHECK(d.st.bytes_sent < (d.total / C10 + 2 + 38) * 576 + 76 * 512 + 20000);
	deal_free(&d);
}

TEST(smaller_expectation_wins)
{
	for (int i = 0; i < 2; i++) {
		struct deal d = { .expect = { i ? UINT64_MAX : 1, i ? 1 : UINT64_MAX }, .calls = 2, .n = { 100, 2 * C9 } };

		deal_check(&d);
		/* three groups of c9 and no c10 */
		CHECK(d.st.bytes_sent < 3 * 512 + 20000);
		deal_free(&d);
	}
	CHECK_INT(ferret_set_for(0), LPN_C9);
	CHECK_INT(ferret_set_for(C9_LAST), LPN_C9);
	CHECK_INT(ferret_set_for(C9_LAST + 1), LPN_C10);
	CHECK_INT(ferret_set_for(UINT64_MAX), LPN_C10);
}

struct duplex {
	size_t n;
	struct block *q[2], *m[2], delta[2];
};

static void duplex_side(struct ot_side *side)
{
	struct duplex *d = side->arg;
	const int own = !side->first;
	struct ot *s = NULL, *r = NULL;

	if (!pair_try(side, NULL, ot_new(&s, side->chan, OT_SENDER, OT_FERRET)) &&
	    !pair_try(side, NULL, ot_new(&r, side->chan, OT_RECEIVER, OT_FERRET)))
		pair_try(side, s, ot_cot_both(s, d->q[own], d->n, r, d->m[!own], d->n));
	if (!side->rc)
		d->delta[own] = ot_delta(s);
	ot_free(s);
	ot_free(r);
}

TEST(both_directions)
{
	struct duplex d = { .n = 40 * C10 + 77 };
	struct ot_side side[2] = { { .run = duplex_side, .arg = &d }, { .run = duplex_side, .arg = &d } };

	for (int i = 0; i < 2; i++) {
		d.q[i] = calloc(d.n, sizeof(struct block));
		d.m[i] = calloc(d.n, sizeof(struct block));
	}
	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
	for (int i = 0; i < 2; i++) {
		CHECK(balanced(relation(d.q[i], d.m[i], d.delta[i], d.n), d.n));
		CHECK_INT(repeated(d.q[i], d.n), 0);
	}
	CHECK(!block_equal(d.delta[0], d.delta[1]));
	CHECK(memcmp(d.q[0], d.q[1], d.n * sizeof(struct block)) != 0);
	for (int i = 0; i < 2; i++) {
		free(d.q[i]);
		free(d.m[i]);
	}
}

/* --- peers that do not keep to it ------------------------------------------ */

static void leave(struct ot_side *side, struct ot *o)
{
	if (!pair_try(side, o, ot_setup(o)))
		side->rc = ERR_CANCELED;
}

static void send_half(struct ot_side *side, struct ot *o)
{
	uint8_t some[300] = { 0 };

	if (!pair_try(side, o, ot_setup(o)) && !pair_try(side, NULL, chan_send(side->chan, some, sizeof(some))) &&
	    !pair_try(side, NULL, chan_flush(side->chan)))
		side->rc = ERR_CANCELED;
}

/* Corrections cannot be told from garbage (semi-honest): the receiver ends with COTs that fit nobody. */
static void send_garbage(struct ot_side *side, struct ot *o)
{
	uint8_t bytes[4 * 8 * 16];

	util_random(bytes, sizeof(bytes));
	if (!pair_try(side, o, ot_setup(o)))
		pair_try(side, NULL, chan_send(side->chan, bytes, sizeof(bytes)));
}

TEST(sender_stops)
{
	static void (*const ways[])(struct ot_side *, struct ot *) = { leave, send_half };

	for (size_t i = 0; i < PET_ARRAY_SIZE(ways); i++) {
		struct deal d = { .expect = { 1, 1 }, .calls = 1, .n = { 10 }, .instead = ways[i] };
		struct ot_side side[2] = { 0 };

		deal_run(&d, side);
		CHECK_INT(side[1].rc, ERR_PEER);
		CHECK(side[1].error[0] != '\0');
		deal_free(&d);
	}
}

TEST(garbage_instead_of_corrections)
{
	struct deal d = { .expect = { 1, 1 }, .calls = 1, .n = { C9 }, .instead = send_garbage };
	struct ot_side side[2] = { 0 };

	deal_run(&d, side);
	CHECK_INT(side[1].rc, 0);
	CHECK_INT(repeated(d.m, C9), 0);
	deal_free(&d);
}

/* A receiver of the right number of bytes, all wrong: the set's number is refused. */
struct liar {
	uint8_t set;
};

static void liar_side(struct ot_side *side)
{
	struct liar *l = side->arg;
	struct errmsg em = { 0 };
	struct ot_conf conf = { .chan = side->chan, .role = OT_RECEIVER, .threads = 1, .expect = 1, .em = &em };
	void *boot = NULL;
	struct ot *o = NULL;

	if (side->first) {
		if (!pair_try(side, NULL, ot_new(&o, side->chan, OT_SENDER, OT_FERRET)))
			pair_try(side, o, ot_setup(o));
		ot_free(o);
		return;
	}
	pair_try(side, NULL, ot_softspoken8.open(&boot, &conf));
	for (unsigned phase = 0; phase < 4 && !side->rc; phase += 2) {
		pair_try(side, NULL, ot_softspoken8.setup(boot, phase));
		pair_try(side, NULL, chan_flush(side->chan));
	}
	pair_try(side, NULL, chan_send(side->chan, &l->set, 1));
	pair_try(side, NULL, chan_flush(side->chan));
	ot_softspoken8.free(boot);
}

TEST(set_that_is_none)
{
	static const uint8_t sets[] = { LPN_SETS, 255 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(sets); i++) {
		struct liar l = { sets[i] };
		struct ot_side side[2] = { { .run = liar_side, .arg = &l }, { .run = liar_side, .arg = &l } };

		pair_run(side);
		CHECK_INT(side[0].rc, ERR_PEER);
		CHECK_HAS(side[0].error, "parameter set");
	}
}

TEST_MAIN(CASE(every_set), CASE(one_error_in_each_tree), CASE(instances_one_after_the_other), CASE(digests),
	  CASE(sizes_at_boundaries), CASE(c9_exhausted_twice), CASE(c10_exhausted), CASE(smaller_expectation_wins),
	  CASE(both_directions), CASE(sender_stops), CASE(garbage_instead_of_corrections), CASE(set_that_is_none))
