#include "mpc/select.h"

#include <string.h>

#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/mux.h"

#define LEVELS_MAX 48

/* --- two vectors ------------------------------------------------------------- */

int mpc_min(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y)
{
	struct bvec less = { 0 };
	int rc;

	TRY(bvec_new(&less, x->n));
	TRY(mpc_lt(m, &less, x, y));
	TRY(mpc_select(m, out, &less, x, y));
out:
	bvec_free(&less);
	return rc;
}

int mpc_max(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y)
{
	struct bvec less = { 0 };
	int rc;

	TRY(bvec_new(&less, x->n));
	TRY(mpc_lt(m, &less, x, y));
	TRY(mpc_select(m, out, &less, y, x));
out:
	bvec_free(&less);
	return rc;
}

/* --- groups -------------------------------------------------------------------- */

/*
 * A level of the tournament holds `nodes` values per group, node by node (all
 * groups' first nodes, then all second ones). Neighbours meet; an odd one at
 * the end goes up as it is, so that the order of indices stays.
 */
struct tree {
	size_t groups, levels;
	size_t nodes[LEVELS_MAX];
	struct bvec right[LEVELS_MAX];	/* of a level's pairs: the right one wins */
	struct avec cur;		/* of the level that was reached */
	int min;
};

static void put(struct bvec *b, size_t i, uint64_t bit)
{
	b->w[i / 64] ^= (bit ^ bits_get(b->w, i)) << (i % 64);
}

static size_t pairs(const struct tree *t, size_t level)
{
	return t->nodes[level] / 2 * t->groups;
}

static int tree_new(struct tree *t, const struct avec *x, size_t group, int min)
{
	int rc;

	*t = (struct tree){ .groups = x->n / group, .min = min };
	TRY(avec_new(&t->cur, x->n, x->bits, 0));
	for (size_t i = 0; i < x->n; i++)
		t->cur.v[i % group * t->groups + i / group] = x->v[i];
	for (size_t nodes = group; ; nodes = (nodes + 1) / 2) {
		t->nodes[t->levels] = nodes;
		if (nodes == 1)
			break;
		TRY(bvec_new(&t->right[t->levels], pairs(t, t->levels)));
		t->levels++;
	}
out:
	return rc;
}

static void tree_free(struct tree *t)
{
	avec_free(&t->cur);
	for (size_t l = 0; l < t->levels; l++)
		bvec_free(&t->right[l]);
}

/* The left and the right ones of the pairs. */
static void deal(const struct tree *t, size_t level, struct avec *left, struct avec *right)
{
	size_t g = t->groups;

	for (size_t p = 0; p < t->nodes[level] / 2; p++) {
		memcpy(left->v + p * g, t->cur.v + 2 * p * g, g * sizeof(*left->v));
		memcpy(right->v + p * g, t->cur.v + (2 * p + 1) * g, g * sizeof(*left->v));
	}
}

/* One level up: the right one must be better, not only as good. */
static int play(struct mpc *m, struct tree *t, size_t level)
{
	struct avec left = { 0 }, right = { 0 };
	size_t n = pairs(t, level), g = t->groups;
	int rc;

	TRY(avec_new(&left, n, t->cur.bits, 0));
	TRY(avec_new(&right, n, t->cur.bits, 0));
	deal(t, level, &left, &right);
	if (t->min)
		TRY(mpc_lt(m, &t->right[level], &right, &left));
	else
		TRY(mpc_lt(m, &t->right[level], &left, &right));
	TRY(mpc_select(m, &left, &t->right[level], &right, &left));
	if (t->nodes[level] % 2)
		memmove(t->cur.v + n, t->cur.v + 2 * n, g * sizeof(*left.v));
	memcpy(t->cur.v, left.v, n * sizeof(*left.v));
out:
	avec_free(&left);
	avec_free(&right);
	return rc;
}

/*
 * Down again: hot says for a level's nodes whether the winner came through
 * them; of a pair the right one has it when its parent does and it won, the
 * left one else.
 */
static int trace_level(struct mpc *m, const struct tree *t, size_t level, struct bvec *hot)
{
	size_t n = pairs(t, level), g = t->groups;
	struct bvec up = { 0 }, right = { 0 };
	int rc;

	TRY(bvec_new(&up, t->nodes[level + 1] * g));
	TRY(bvec_new(&right, n));
	bvec_copy(&up, &(struct bvec){ hot->w, up.n });
	bvec_copy(&right, &(struct bvec){ up.w, n });
	bvec_trim(&right);
	TRY(mpc_and(m, &right, &right, &t->right[level]));
	for (size_t i = 0; i < up.n; i++) {
		size_t p = i / g, k = i % g;

		if (i < n) {
			put(hot, 2 * p * g + k, bits_get(up.w, i) ^ bits_get(right.w, i));
			put(hot, (2 * p + 1) * g + k, bits_get(right.w, i));
		} else {
			put(hot, 2 * p * g + k, bits_get(up.w, i));
		}
	}
out:
	bvec_free(&up);
	bvec_free(&right);
	return rc;
}

/* hot: nodes[0] * groups bits, node by node. */
static int trace(struct mpc *m, const struct tree *t, struct bvec *hot)
{
	int rc = 0;

	for (size_t i = 0; i < t->groups; i++)
		put(hot, i, mpc_party(m) == 0);
	for (size_t l = t->levels; l-- > 0;)
		TRY(trace_level(m, t, l, hot));
out:
	return rc;
}

/* Bit j of the index is the XOR of hot over the nodes whose number has it. */
static int index_of(struct mpc *m, const struct tree *t, const struct bvec *hot, struct avec *index)
{
	struct bvec bit = { 0 };
	struct avec v = { 0 };
	size_t g = t->groups;
	int rc;

	TRY(bvec_new(&bit, t->levels * g));
	TRY(avec_new(&v, t->levels * g, index->bits, index->scale));
	for (size_t i = 0; i < t->nodes[0] * g; i++) {
		for (size_t j = 0; j < t->levels; j++) {
			size_t at = j * g + i % g;

			bit.w[at / 64] ^= (uint64_t)(bits_get(hot->w, i) & (i / g >> j & 1)) << (at % 64);
		}
	}
	TRY(mpc_b2a(m, &v, &bit));
	memset(index->v, 0, g * sizeof(*index->v));
	for (size_t i = 0; i < v.n; i++)
		index->v[i % g] += v.v[i] << (i / g);
	for (size_t i = 0; i < g; i++)
		index->v[i] &= bits_mask(index->bits);
out:
	bvec_free(&bit);
	avec_free(&v);
	return rc;
}

static int where(struct mpc *m, const struct tree *t, const struct select *out)
{
	struct bvec hot = { 0 };
	size_t n = t->nodes[0];
	int rc;

	TRY(bvec_new(&hot, n * t->groups));
	TRY(trace(m, t, &hot));
	if (out->index)
		TRY(index_of(m, t, &hot, out->index));
	for (size_t i = 0; out->onehot && i < hot.n; i++)
		put(out->onehot, i % t->groups * n + i / t->groups, bits_get(hot.w, i));
out:
	bvec_free(&hot);
	return rc;
}

static int fits(const struct select *out, const struct avec *x, size_t group)
{
	size_t groups = group ? x->n / group : 0;

	if (group == 0 || x->n % group || x->bits > AVEC_BITS_MAX)
		return 0;
	if (out->value && (out->value->n != groups || out->value->bits != x->bits || out->value->scale != x->scale))
		return 0;
	if (out->index && (out->index->n != groups || out->index->bits > AVEC_BITS_MAX ||
			   (uint64_t)(group - 1) > bits_mask(out->index->bits - out->index->scale)))
		return 0;
	return !out->onehot || out->onehot->n == x->n;
}

static int best(struct mpc *m, const struct select *out, const struct avec *x, size_t group, int min)
{
	struct tree t = { 0 };
	int rc;

	if (!fits(out, x, group))
		return ERR_INPUT;
	if (x->n == 0)
		return 0;
	TRY(tree_new(&t, x, group, min));
	for (size_t l = 0; l < t.levels; l++)
		TRY(play(m, &t, l));
	if (out->value)
		memcpy(out->value->v, t.cur.v, t.groups * sizeof(*t.cur.v));
	if (out->index || out->onehot)
		TRY(where(m, &t, out));
out:
	tree_free(&t);
	return rc;
}

int mpc_argmin(struct mpc *m, const struct select *out, const struct avec *x, size_t group)
{
	return best(m, out, x, group, 1);
}

int mpc_argmax(struct mpc *m, const struct select *out, const struct avec *x, size_t group)
{
	return best(m, out, x, group, 0);
}
