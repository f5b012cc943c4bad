/* Minimum, maximum and their places against plaintext: all small groups, ties, odd sizes, rings of every kind. */

#include "mpc/select.h"
#include "plain.h"
#include "../unit/test.h"

/* One call on groups of `group` values, compared with a walk through each group. */
struct shape {
	size_t groups, group;
	unsigned bits;
	int min;
};

static size_t best_of(const int64_t *v, size_t n, int min)
{
	size_t b = 0;

	for (size_t i = 1; i < n; i++)
		b = (min ? v[i] < v[b] : v[i] > v[b]) ? i : b;
	return b;
}

struct result {
	struct avec x, value, index;
	struct bvec hot;
};

static int make(struct mpc *m, struct result *r, const struct shape *s, const int64_t *v)
{
	int rc;

	memset(r, 0, sizeof(*r));
	TRY(plain_share(m, &r->x, v, s->groups * s->group, s->bits, 0));
	TRY(avec_new(&r->value, s->groups, s->bits, 0));
	TRY(avec_new(&r->index, s->groups, 20, 3));
	TRY(bvec_new(&r->hot, s->groups * s->group));
out:
	return rc;
}

static void drop(struct result *r)
{
	avec_free(&r->x);
	avec_free(&r->value);
	avec_free(&r->index);
	bvec_free(&r->hot);
}

/* Groups whose answer is wrong in any of the three forms. */
static size_t wrong(const struct shape *s, const int64_t *v, const struct result *r)
{
	size_t bad = 0;

	for (size_t g = 0; g < s->groups; g++) {
		const int64_t *own = v + g * s->group;
		size_t b = best_of(own, s->group, s->min), hot = 0;

		for (size_t i = 0; i < s->group; i++)
			hot += bits_get(r->hot.w, g * s->group + i) != (i == b);
		bad += plain_signed(r->value.v[g], s->bits) != own[b] || r->index.v[g] != b << 3 || hot;
	}
	return bad;
}

static int one_shape(struct mpc *m, const struct shape *s, const int64_t *v)
{
	struct result r;
	struct select out = { &r.value, &r.index, &r.hot };
	int rc;

	TRY(make(m, &r, s, v));
	TRY(s->min ? mpc_argmin(m, &out, &r.x, s->group) : mpc_argmax(m, &out, &r.x, s->group));
	TRY(mpc_reveal(m, MPC_BOTH, &r.value, &r.value));
	TRY(mpc_reveal(m, MPC_BOTH, &r.index, &r.index));
	TRY(mpc_reveal_bits(m, MPC_BOTH, &r.hot, &r.hot));
	CHECK_INT(wrong(s, v, &r), 0);
out:
	drop(&r);
	return rc;
}

/* Every group of `group` values from -2 to 2 - 1, in rings of 3 bits, where no difference overflows. */
static int all_groups(struct mpc *m, void *arg)
{
	int64_t v[5 * 1024];
	int rc = 0;

	(void)arg;
	for (size_t group = 1; group <= 5; group++) {
		struct shape s = { .groups = (size_t)1 << (2 * group), .group = group, .bits = 3 };

		for (size_t i = 0; i < s.groups * group; i++)
			v[i] = (int64_t)(i / group >> (2 * (i % group)) & 3) - 2;
		for (s.min = 0; s.min < 2; s.min++)
			TRY(one_shape(m, &s, v));
	}
out:
	return rc;
}

TEST(every_small_group)
{
	CHECK_INT(plain_run(all_groups, NULL, OT_SOFTSPOKEN4, 1), 0);
}

static int random_groups(struct mpc *m, void *arg)
{
	static const struct shape shapes[] = {
		{ 0, 7, 32, 0 }, { 1, 1, 32, 1 }, { 1, 1000, 64, 0 }, { 63, 2, 40, 1 }, { 64, 3, 64, 0 }, { 65, 17, 33, 1 },
		{ 1, 65, 12, 0 }, { 700, 31, 20, 1 }, { 5, 33, 64, 1 }, { 129, 64, 50, 0 },
	};
	uint64_t seed = 7;
	int rc = 0;

	(void)arg;
	for (size_t k = 0; k < PET_ARRAY_SIZE(shapes); k++) {
		const struct shape *s = &shapes[k];
		int64_t *v = calloc(s->groups * s->group + 1, sizeof(*v));

		for (size_t i = 0; i < s->groups * s->group; i++) {
			/* Half of the ring; some groups of few different values, so that ties are common. */
			v[i] = plain_signed(plain_random(&seed), s->bits) >> 1;
			if (i / s->group % 3 == 0)
				v[i] = v[i] >> (s->bits - 3);
		}
		rc = one_shape(m, s, v);
		free(v);
		TRY(rc);
	}
out:
	return rc;
}

TEST(random_groups_and_ties)
{
	CHECK_INT(plain_run(random_groups, NULL, OT_SOFTSPOKEN4, 1), 0);
}

TEST(threads_and_other_transfers)
{
	CHECK_INT(plain_run(random_groups, NULL, OT_SOFTSPOKEN4, 3), 0);
	CHECK_INT(plain_run(random_groups, NULL, OT_FERRET, 1), 0);
}

static int pairs(struct mpc *m, void *arg)
{
	static const int64_t edge[] = { 0, 1, -1, 2, -2, 30000, -30000, INT64_MAX / 4, INT64_MIN / 4, 7 };
	enum { K = PET_ARRAY_SIZE(edge), N = K * K };
	struct avec x = { 0 }, y = { 0 }, z = { 0 };
	int64_t a[N], b[N], low[N], high[N];
	size_t bad = 0;
	int rc;

	(void)arg;
	for (size_t i = 0; i < N; i++) {
		a[i] = edge[i % K];
		b[i] = edge[i / K];
	}
	TRY(plain_share(m, &x, a, N, 64, 5));
	TRY(plain_share(m, &y, b, N, 64, 5));
	TRY(avec_new(&z, N, 64, 5));
	TRY(mpc_min(m, &z, &x, &y));
	TRY(plain_open(m, low, &z));
	TRY(mpc_max(m, &x, &x, &y));
	TRY(plain_open(m, high, &x));
	for (size_t i = 0; i < N; i++)
		bad += low[i] != (a[i] < b[i] ? a[i] : b[i]) || high[i] != (a[i] > b[i] ? a[i] : b[i]);
	CHECK_INT(bad, 0);
out:
	avec_free(&x);
	avec_free(&y);
	avec_free(&z);
	return rc;
}

TEST(smaller_and_larger_of_two)
{
	CHECK_INT(plain_run(pairs, NULL, OT_SOFTSPOKEN4, 1), 0);
}

static int misuse(struct mpc *m, void *arg)
{
	struct shape s = { 4, 300, 20, 0 };
	struct result r;
	struct select out;
	int64_t v[1200] = { 0 };
	int rc;

	(void)arg;
	TRY(make(m, &r, &s, v));
	out = (struct select){ .value = &r.index };
	CHECK_INT(mpc_argmax(m, &out, &r.x, 300), ERR_INPUT);
	out = (struct select){ .value = &r.value };
	CHECK_INT(mpc_argmax(m, &out, &r.x, 0), ERR_INPUT);
	CHECK_INT(mpc_argmax(m, &out, &r.x, 299), ERR_INPUT);
	CHECK_INT(mpc_argmax(m, &out, &r.x, 150), ERR_INPUT);
	/* 8 bits above the scale do not hold 299. */
	r.index.bits = 11;
	out = (struct select){ .index = &r.index };
	CHECK_INT(mpc_argmin(m, &out, &r.x, 300), ERR_INPUT);
	r.hot.n--;
	out = (struct select){ .onehot = &r.hot };
	CHECK_INT(mpc_argmin(m, &out, &r.x, 300), ERR_INPUT);
	rc = 0;
out:
	drop(&r);
	return rc;
}

TEST(shapes_that_do_not_fit_are_refused)
{
	CHECK_INT(plain_run(misuse, NULL, OT_SOFTSPOKEN4, 1), 0);
}

TEST_MAIN(CASE(every_small_group), CASE(random_groups_and_ties), CASE(threads_and_other_transfers),
	  CASE(smaller_and_larger_of_two), CASE(shapes_that_do_not_fit_are_refused))
