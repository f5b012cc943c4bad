#include "mpc/sort.h"

#include <stdlib.h>
#include <string.h>

#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/open.h"
#include "mpc/permute.h"

/* Rows [begin, end) of the order are not sorted among themselves yet. */
struct segment {
	uint32_t begin, end;
};

struct sorter {
	struct mpc *m;
	size_t n, keys;
	const struct sort_key *key;
	struct avec place;		/* of each row before the shuffle */
	uint32_t *order, *next;		/* public: which shuffled row stands where */
	struct segment *seg, *seg_next;
	size_t segs;
	size_t pairs;			/* comparisons of this level */
	struct avec left, right;	/* what is compared, of one key */
	struct bvec less, equal, tmp;
};

static unsigned log2_up(size_t n)
{
	unsigned c = 0;

	while (((size_t)1 << c) < n)
		c++;
	return c;
}

/* Each row of a segment but the first meets the first, which is as random as any after the shuffle. */
static void gather(struct sorter *s, const struct avec *from, int descending)
{
	size_t at = 0;

	for (size_t g = 0; g < s->segs; g++) {
		uint64_t pivot = from->v[s->order[s->seg[g].begin]];

		for (uint32_t i = s->seg[g].begin + 1; i < s->seg[g].end; i++, at++) {
			s->left.v[at] = descending ? pivot : from->v[s->order[i]];
			s->right.v[at] = descending ? from->v[s->order[i]] : pivot;
		}
	}
	s->left.bits = s->right.bits = from->bits;
	s->left.n = s->right.n = at;
}

/* less = less of this key, or equal in this key and less in those after it. */
static int join_key(struct sorter *s, const struct sort_key *k)
{
	int rc;

	gather(s, k->column, k->descending);
	TRY(mpc_eq(s->m, &s->equal, &s->left, &s->right));
	TRY(mpc_and(s->m, &s->tmp, &s->equal, &s->less));
	TRY(mpc_lt(s->m, &s->equal, &s->left, &s->right));
	/* Never both: XOR is OR. */
	TRY(bvec_xor(&s->less, &s->tmp, &s->equal));
out:
	return rc;
}

/* The last key first, so that each one needs the result of the one after it alone. */
static int compare(struct sorter *s)
{
	int rc;

	s->less.n = s->equal.n = s->tmp.n = s->pairs;
	gather(s, &s->place, 0);
	TRY(mpc_lt(s->m, &s->less, &s->left, &s->right));
	for (size_t k = s->keys; k-- > 0;)
		TRY(join_key(s, &s->key[k]));
	TRY(mpc_reveal_bits(s->m, MPC_BOTH, &s->less, &s->less));
out:
	return rc;
}

static size_t keep(struct segment *seg, size_t segs, uint32_t begin, uint32_t end)
{
	if (end - begin > 1)
		seg[segs++] = (struct segment){ begin, end };
	return segs;
}

/* The smaller ones before the pivot, the others after it; segments of one row are done. */
static void part(struct sorter *s)
{
	size_t bit = 0, segs = 0;
	struct segment *seg = s->seg;

	for (size_t g = 0; g < s->segs; g++) {
		uint32_t lo = seg[g].begin, hi = seg[g].end, pivot = s->order[lo];

		for (uint32_t i = seg[g].begin + 1; i < seg[g].end; i++) {
			if (bits_get(s->less.w, bit++))
				s->next[lo++] = s->order[i];
			else
				s->next[--hi] = s->order[i];
		}
		s->next[lo] = pivot;
		memcpy(s->order + seg[g].begin, s->next + seg[g].begin, (seg[g].end - seg[g].begin) * sizeof(*s->order));
		segs = keep(s->seg_next, segs, seg[g].begin, lo);
		segs = keep(s->seg_next, segs, lo + 1, seg[g].end);
	}
	s->seg = s->seg_next;
	s->seg_next = seg;
	s->segs = segs;
}

static int quicksort(struct sorter *s)
{
	int rc = 0;

	for (size_t i = 0; i < s->n; i++)
		s->order[i] = (uint32_t)i;
	s->segs = keep(s->seg, 0, 0, (uint32_t)s->n);
	while (s->segs) {
		s->pairs = 0;
		for (size_t g = 0; g < s->segs; g++)
			s->pairs += s->seg[g].end - s->seg[g].begin - 1;
		TRY(compare(s));
		part(s);
	}
out:
	return rc;
}

/* Everything is as long as the rows are many; the shares in it are wiped at their whole length. */
static int sorter_new(struct sorter *s)
{
	int rc;

	TRY(avec_new(&s->place, s->n, log2_up(s->n) + 2, 0));
	TRY(avec_new(&s->left, s->n, 64, 0));
	TRY(avec_new(&s->right, s->n, 64, 0));
	TRY(bvec_new(&s->less, s->n));
	TRY(bvec_new(&s->equal, s->n));
	TRY(bvec_new(&s->tmp, s->n));
	s->order = calloc(s->n + 1, sizeof(*s->order));
	s->next = calloc(s->n + 1, sizeof(*s->next));
	s->seg = calloc(s->n / 2 + 1, sizeof(*s->seg));
	s->seg_next = calloc(s->n / 2 + 1, sizeof(*s->seg));
	rc = s->order && s->next && s->seg && s->seg_next ? 0 : ERR_NOMEM;
	for (size_t i = 0; !rc && mpc_party(s->m) == 0 && i < s->n; i++)
		s->place.v[i] = i;
out:
	return rc;
}

static void sorter_free(struct sorter *s)
{
	s->left.n = s->right.n = s->less.n = s->equal.n = s->tmp.n = s->n;
	avec_free(&s->place);
	avec_free(&s->left);
	avec_free(&s->right);
	bvec_free(&s->less);
	bvec_free(&s->equal);
	bvec_free(&s->tmp);
	free(s->order);
	free(s->next);
	free(s->seg);
	free(s->seg_next);
}

/* The order is public: rows move as they are. left has room for a column. */
static void reorder(struct sorter *s, struct avec *column)
{
	for (size_t i = 0; i < s->n; i++)
		s->left.v[i] = column->v[s->order[i]];
	if (s->n)
		memcpy(column->v, s->left.v, s->n * sizeof(*column->v));
}

static int fits(struct avec *const *column, size_t columns, const struct sort_key *key, size_t keys)
{
	if (columns < 1 || columns >= PERMUTE_COLUMNS_MAX || keys < 1 || keys > SORT_KEYS_MAX || column[0]->n > INT32_MAX)
		return 0;
	for (size_t c = 0; c < columns; c++) {
		if (column[c]->n != column[0]->n || column[c]->bits > 64 || column[c]->bits < 2)
			return 0;
	}
	for (size_t k = 0; k < keys; k++) {
		size_t c = 0;

		while (c < columns && column[c] != key[k].column)
			c++;
		if (c == columns)
			return 0;
	}
	return 1;
}

int mpc_sort(struct mpc *m, struct avec *const *column, size_t columns, const struct sort_key *key, size_t keys)
{
	struct sorter s = { .m = m, .key = key, .keys = keys };
	struct avec *all[PERMUTE_COLUMNS_MAX];
	uint64_t shape = columns | (uint64_t)keys << 8;
	int rc;

	if (!fits(column, columns, key, keys))
		return ERR_INPUT;
	s.n = column[0]->n;
	for (size_t k = 0; k < keys; k++)
		shape |= (uint64_t)(key[k].descending != 0) << (16 + k);
	TRY(sorter_new(&s));
	TRY(mpc_op(m, MPC_OP_SORT, s.n, shape));
	if (s.n < 2)
		goto out;
	memcpy(all, column, columns * sizeof(*all));
	all[columns] = &s.place;
	TRY(mpc_shuffle(m, all, columns + 1));
	TRY(quicksort(&s));
	for (size_t c = 0; c < columns; c++)
		reorder(&s, column[c]);
out:
	sorter_free(&s);
	return rc;
}
