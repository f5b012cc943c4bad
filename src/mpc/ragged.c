#include "mpc/ragged.h"

#include <string.h>

#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/mux.h"

#define LEVELS_MAX 33

/* Neighbours of a group meet; an odd one at the end goes up as it is, so that the order stays. */
struct tree {
	const uint32_t *count;
	size_t groups, levels;
	struct bvec right[LEVELS_MAX];	/* of a level's pairs, group by group: the right one wins */
	struct avec cur;		/* of the level that was reached */
};

/* Elements of group g at a level. */
static size_t at_level(const struct tree *t, size_t g, size_t level)
{
	return (size_t)(((uint64_t)t->count[g] + ((uint64_t)1 << level) - 1) >> level);
}

static size_t elements(const struct tree *t, size_t level)
{
	size_t n = 0;

	for (size_t g = 0; g < t->groups; g++)
		n += at_level(t, g, level);
	return n;
}

static size_t pairs(const struct tree *t, size_t level)
{
	size_t n = 0;

	for (size_t g = 0; g < t->groups; g++)
		n += at_level(t, g, level) / 2;
	return n;
}

/* n elements, of one word or two. */
static void move(struct avec *to, size_t at, const struct avec *from, size_t begin, size_t n)
{
	size_t words = avec_words(to);

	memmove(to->v + at * words, from->v + begin * words, n * words * sizeof(*to->v));
}

static void deal(const struct tree *t, size_t level, struct avec *left, struct avec *right)
{
	size_t from = 0, to = 0;

	for (size_t g = 0; g < t->groups; g++) {
		size_t n = at_level(t, g, level);

		for (size_t i = 0; i + 1 < n; i += 2, to++) {
			move(left, to, &t->cur, from + i, 1);
			move(right, to, &t->cur, from + i + 1, 1);
		}
		from += n;
	}
}

/* The winners and those without a match, in place: nothing is written past what was read. */
static void gather(struct tree *t, size_t level, const struct avec *won)
{
	size_t from = 0, to = 0, w = 0;

	for (size_t g = 0; g < t->groups; g++) {
		size_t n = at_level(t, g, level);

		if (n % 2)
			move(&t->cur, to + n / 2, &t->cur, from + n - 1, 1);
		move(&t->cur, to, won, w, n / 2);
		w += n / 2;
		to += n / 2 + n % 2;
		from += n;
	}
	t->cur.n = to;
}

/* One level up: the right one must be better, not only as good. */
static int play(struct mpc *m, struct tree *t, size_t level)
{
	struct avec left = { 0 }, right = { 0 };
	size_t n = pairs(t, level);
	int rc;

	TRY(avec_new(&left, n, t->cur.bits, 0));
	TRY(avec_new(&right, n, t->cur.bits, 0));
	TRY(bvec_new(&t->right[level], n));
	deal(t, level, &left, &right);
	TRY(mpc_lt(m, &t->right[level], &left, &right));
	TRY(mpc_select(m, &left, &t->right[level], &right, &left));
	gather(t, level, &left);
out:
	avec_free(&left);
	avec_free(&right);
	return rc;
}

static void put(struct bvec *b, size_t i, uint64_t bit)
{
	b->w[i / 64] |= bit << (i % 64);
}

/* Who has won as far as this level: right = up AND right-wins of the pairs, left = up XOR that, an odd one = up. */
static void spread(const struct tree *t, size_t level, const struct bvec *up, const struct bvec *right, struct bvec *down)
{
	size_t parent = 0, pair = 0, at = 0;

	for (size_t g = 0; g < t->groups; g++) {
		size_t n = at_level(t, g, level);

		for (size_t i = 0; i < n; i += 2, parent++) {
			uint64_t hot = bits_get(up->w, parent), r;

			if (i + 1 == n) {
				put(down, at + i, hot);
				continue;
			}
			r = bits_get(right->w, pair++);
			put(down, at + i, hot ^ r);
			put(down, at + i + 1, r);
		}
		at += n;
	}
}

/* The parents' bits of the pairs alone. */
static void of_pairs(const struct tree *t, size_t level, const struct bvec *up, struct bvec *out)
{
	size_t parent = 0, pair = 0;

	for (size_t g = 0; g < t->groups; g++) {
		size_t n = at_level(t, g, level);

		for (size_t i = 0; i < n / 2; i++)
			put(out, pair++, bits_get(up->w, parent + i));
		parent += n / 2 + n % 2;
	}
}

/* hot: of the level above, and afterwards of this one. */
static int trace_level(struct mpc *m, const struct tree *t, size_t level, struct bvec *hot)
{
	struct bvec right = { 0 }, down = { 0 };
	int rc;

	TRY(bvec_new(&right, t->right[level].n));
	TRY(bvec_new(&down, elements(t, level)));
	if (level + 1 == t->levels) {
		bvec_copy(&right, &t->right[level]);	/* at the top all have won */
	} else {
		of_pairs(t, level, hot, &right);
		TRY(mpc_and(m, &right, &right, &t->right[level]));
	}
	spread(t, level, hot, &right, &down);
	bvec_free(hot);
	*hot = down;
	down = (struct bvec){ 0 };
out:
	bvec_free(&right);
	bvec_free(&down);
	return rc;
}

static int trace(struct mpc *m, const struct tree *t, struct bvec *onehot)
{
	struct bvec hot = { 0 };
	int rc;

	TRY(bvec_new(&hot, t->groups));
	bvec_not(&hot, &hot, mpc_party(m));
	bvec_trim(&hot);
	for (size_t l = t->levels; l-- > 0;)
		TRY(trace_level(m, t, l, &hot));
	bvec_copy(onehot, &hot);
out:
	bvec_free(&hot);
	return rc;
}

static int fits(const struct bvec *onehot, const struct avec *x, const uint32_t *count, size_t groups)
{
	size_t n = 0;

	for (size_t g = 0; g < groups; g++) {
		if (count[g] == 0 || count[g] > x->n - n)
			return 0;
		n += count[g];
	}
	return n == x->n && onehot->n == n;
}

int mpc_argmax_ragged(struct mpc *m, struct bvec *onehot, const struct avec *x, const uint32_t *count, size_t groups)
{
	struct tree t = { .count = count, .groups = groups };
	int rc;

	if (!fits(onehot, x, count, groups))
		return ERR_INPUT;
	TRY(avec_new(&t.cur, x->n, x->bits, 0));
	memcpy(t.cur.v, x->v, x->n * avec_words(x) * sizeof(*x->v));
	for (; pairs(&t, t.levels) > 0; t.levels++)
		TRY(play(m, &t, t.levels));
	TRY(trace(m, &t, onehot));
out:
	t.cur.n = x->n;		/* all of it is wiped */
	avec_free(&t.cur);
	for (size_t l = 0; l < LEVELS_MAX; l++)
		bvec_free(&t.right[l]);
	return rc;
}
