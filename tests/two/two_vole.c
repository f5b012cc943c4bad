/*
 * VOLE over GF(2^128), two threads over an in-memory channel: the relation on
 * every output, all tuples, iteration boundaries, several calls, garbage peers.
 */
#include <pthread.h>

#include "levels.h"
#include "mpc/gf128.h"
#include "mpc/vole_impl.h"

/* One run: the same calls at both parties. */
struct job {
	uint64_t expected;
	size_t calls[6];	/* element counts, ended by SIZE_MAX */
	int threads[2];		/* sender's and receiver's */
};

struct side {
	struct chan *c;
	const struct job *job;
	int sender, rc;
	struct block *x, *y, delta;	/* b, or a and c */
	char error[512];
};

static size_t total(const struct job *j)
{
	size_t n = 0;

	for (int i = 0; i < 6 && j->calls[i] != SIZE_MAX; i++)
		n += j->calls[i];
	return n;
}

static void *party(void *arg)
{
	struct side *s = arg;
	struct vole *v = NULL;
	size_t at = 0;

	s->rc = vole_new(&v, s->c, s->sender, s->job->threads[!s->sender], s->job->expected);
	for (int i = 0; s->rc == 0 && i < 6 && s->job->calls[i] != SIZE_MAX; i++) {
		size_t n = s->job->calls[i];

		s->rc = s->sender ? vole_send(v, s->x + at, n) : vole_recv(v, s->x + at, s->y + at, n);
		at += n;
	}
	if (s->rc == 0 && s->sender)
		s->delta = vole_delta(v);
	if (v)
		snprintf(s->error, sizeof(s->error), "%s", vole_error(v));
	vole_free(v);
	/* at once, so that the other side does not wait for one that failed */
	chan_free(s->c);
	return NULL;
}

/* Runs both sides, each with its own job; s[0] is the sender. The caller frees with done(). */
static void start(struct side s[2], const struct job *sender, const struct job *receiver)
{
	pthread_t t;

	memset(s, 0, 2 * sizeof(*s));
	CHECK_INT(chan_mem_pair(&s[0].c, &s[1].c), 0);
	for (int i = 0; i < 2; i++) {
		size_t n;

		s[i].job = i ? receiver : sender;
		s[i].sender = !i;
		n = total(s[i].job) + 1;
		s[i].x = calloc(n, sizeof(struct block));
		s[i].y = calloc(n, sizeof(struct block));
	}
	pthread_create(&t, NULL, party, &s[0]);
	party(&s[1]);
	pthread_join(t, NULL);
}

static void done(struct side s[2])
{
	for (int i = 0; i < 2; i++) {
		free(s[i].x);
		free(s[i].y);
	}
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct block));
}

/* No value of a sorted copy twice: 2^22 random ones collide with probability 2^-85. */
static int distinct(const struct block *x, size_t n)
{
	struct block *t = malloc((n + 1) * sizeof(*t));
	int ok = 1;

	memcpy(t, x, n * sizeof(*t));
	qsort(t, n, sizeof(*t), order);
	for (size_t i = 1; i < n; i++)
		ok &= memcmp(&t[i - 1], &t[i], sizeof(*t)) != 0;
	free(t);
	return ok;
}

/* a + b = c * Delta everywhere, and nothing repeats. */
static void check(const struct side s[2], size_t n)
{
	struct block *p = malloc((n + 1) * sizeof(*p));
	size_t bad = 0;

	CHECK_INT(s[0].rc, 0);
	CHECK_INT(s[1].rc, 0);
	if (s[0].rc || s[1].rc)
		printf("# %s / %s\n", s[0].error, s[1].error);
	gf128_mul_by(p, s[1].y, s[0].delta, n);
	for (size_t i = 0; i < n; i++)
		bad += !block_equal(block_xor(s[0].x[i], s[1].x[i]), p[i]);
	CHECK_INT(bad, 0);
	CHECK(distinct(s[0].x, n));
	CHECK(distinct(s[1].x, n));
	CHECK(distinct(s[1].y, n));
	free(p);
}

static void relation(const struct job *j)
{
	struct side s[2];

	start(s, j, j);
	check(s, total(j));
	done(s);
}

TEST(sizes_around_the_boundaries)
{
	static const size_t n[] = { 0, 1, 2, VOLE_DIRECT_MAX - 1, VOLE_DIRECT_MAX, VOLE_DIRECT_MAX + 1,
				    12799, 12800, 12801 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(n); i++) {
		struct job j = { n[i], { n[i], SIZE_MAX }, { 1, 1 } };

		relation(&j);
	}
}

/* One element more than a tuple has is the next one's first. v6 is left to pet-bench: 170 MB a party. */
TEST(every_tuple)
{
	for (int i = 1; i < VOLE_TUPLES - 1; i++) {
		size_t n = (size_t)vole_tuple_size(&vole_tuples[i - 1]) + 1;
		struct job j = { n, { n, SIZE_MAX }, { 1, 1 } };

		CHECK_INT(vole_tuple_for(n), i);
		relation(&j);
	}
}

TEST(whole_iterations)
{
	for (int i = 1; i < 3; i++) {
		size_t n = (size_t)vole_tuple_size(&vole_tuples[i]);
		struct job exact = { n, { n, SIZE_MAX }, { 1, 1 } }, less = { n, { n - 1, 1, SIZE_MAX }, { 1, 1 } };

		relation(&exact);
		relation(&less);
	}
}

/* Calls that use up a pool, straddle its end, and go beyond what was expected: a new start from COTs. */
TEST(several_calls)
{
	static const struct job jobs[] = {
		{ 20000, { 1, 0, 4096, 15000, 903, SIZE_MAX }, { 1, 1 } },
		{ 0, { 10, 3000, 100, 12800, SIZE_MAX }, { 1, 1 } },
		{ 5000, { 4999, 2, 2400, 5000, SIZE_MAX }, { 1, 1 } },
		{ 200000, { 191999, 8001, 1, SIZE_MAX }, { 1, 1 } },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(jobs); i++)
		relation(&jobs[i]);
}

/* Seed elements kept from an iteration feed the next: the plan's case for more than the largest tuple. */
TEST(an_iteration_feeds_the_next)
{
	size_t n = (size_t)vole_tuple_size(&vole_tuples[VOLE_TUPLES - 1]) + 70000;
	struct job j = { n, { n - 1000, 1000, SIZE_MAX }, { 2, 2 } };

	relation(&j);
}

TEST(threads_and_levels)
{
	struct job j = { 100000, { 60000, 40000, SIZE_MAX }, { 4, 1 } };

	EACH_LEVEL {
		if (level == CPU_PORTABLE) {
			struct job few = { 3000, { 3000, SIZE_MAX }, { 1, 4 } };

			relation(&few);
			continue;
		}
		relation(&j);
	}
}

/* Parties that disagree: the sender says so before any correlation is made, and nobody waits for ever. */
TEST(other_counts_are_refused)
{
	static const struct job mine = { 3000, { 3000, SIZE_MAX }, { 1, 1 } };
	static const struct job theirs[] = {
		{ 9000, { 3000, SIZE_MAX }, { 1, 1 } },
		{ 100, { 100, SIZE_MAX }, { 1, 1 } },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(theirs); i++) {
		struct side s[2] = { 0 };

		start(s, &mine, &theirs[i]);
		CHECK_INT(s[0].rc, ERR_PEER);
		CHECK_HAS(s[0].error, "both must ask for the same counts");
		CHECK_INT(s[1].rc, ERR_PEER);
		done(s);
	}
}

/* A sender that does its COTs and then sends something else. */
struct forger {
	struct chan *c;
	uint8_t bytes[64];
	size_t len;
};

static void *forge(void *arg)
{
	struct forger *f = arg;
	size_t n = (size_t)vole_tuple_cots(0, 3000);
	struct block *q = malloc(n * sizeof(*q));
	struct ot *o = NULL;
	uint64_t count;
	int rc;

	TRY(chan_recv_u64(f->c, &count));
	TRY(ot_new(&o, f->c, OT_SENDER, OT_SOFTSPOKEN4));
	TRY(ot_cot_send(o, q, n));
	TRY(chan_send(f->c, f->bytes, f->len));
	rc = chan_flush(f->c);
out:
	if (rc)
		printf("# the forger got %s\n", err_name(rc));
	ot_free(o);
	free(q);
	chan_free(f->c);	/* without chan_close: the peer sees an end in the middle */
	return NULL;
}

static void against_forger(struct forger *f, const char *sentence)
{
	static const struct job mine = { 3000, { 3000, SIZE_MAX }, { 1, 1 } };
	struct side s = { .job = &mine };
	pthread_t t;

	CHECK_INT(chan_mem_pair(&f->c, &s.c), 0);
	s.x = calloc(3000, sizeof(struct block));
	s.y = calloc(3000, sizeof(struct block));
	pthread_create(&t, NULL, forge, f);
	party(&s);
	pthread_join(t, NULL);
	CHECK_INT(s.rc, ERR_PEER);
	CHECK_HAS(s.error, sentence);
	free(s.x);
	free(s.y);
}

TEST(garbage_is_refused)
{
	struct forger f = { .len = 64 };
	uint32_t shape[4] = { 2048, 4, 188, 0 };

	memset(f.bytes, 0xff, sizeof(f.bytes));
	against_forger(&f, "something else than the start of an iteration");
	/* the right magic, another number of trees */
	memcpy(f.bytes, "PETVOLE1", 8);
	shape[2] = 192;
	memcpy(f.bytes + 8, shape, sizeof(shape));
	against_forger(&f, "runs 192 trees of depth 4 over 2048 elements, expected 188, 4 and 2048");
	/* a good header, and then nothing */
	shape[2] = 188;
	memcpy(f.bytes + 8, shape, sizeof(shape));
	against_forger(&f, "");
	f.len = 17;
	against_forger(&f, "");
}

/* An error stays: no later call goes on with half a state. */
TEST(an_error_is_final)
{
	struct chan *a, *b;
	struct vole *v;
	struct block x[3] = { 0 }, y[3];

	CHECK_INT(chan_mem_pair(&a, &b), 0);
	CHECK_INT(vole_new(&v, a, 0, 1, 3), 0);
	CHECK_INT(vole_send(v, x, 3), ERR_INTERNAL);
	chan_free(b);
	CHECK_INT(vole_recv(v, x, y, 3), ERR_PEER);
	CHECK(vole_error(v)[0] != 0);
	CHECK_INT(vole_recv(v, x, y, 3), ERR_PEER);
	vole_free(v);
	vole_free(NULL);
	chan_free(a);
}

TEST_MAIN(CASE(sizes_around_the_boundaries), CASE(every_tuple), CASE(whole_iterations), CASE(several_calls),
	  CASE(an_iteration_feeds_the_next), CASE(threads_and_levels), CASE(other_counts_are_refused),
	  CASE(garbage_is_refused), CASE(an_error_is_final))
