/*
 * Sums by groups that one party (R) knows, and what is opened of them.
 *
 * R brings the joined rows into the order of the groups (permute.h). Each sum is
 * a sum of products of a shared factor of S, which is 0 where nothing matched, and
 * a factor that R knows, in a ring of 128 bits that cannot overflow (sql.h). A scan
 * of log2 n steps, each a selection by bits that R knows, leaves a group's sums at
 * its last row. That row is opened when the group has a match, every other one as
 * zeros, in an order that R draws at random.
 */
#define _GNU_SOURCE	/* qsort_r */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/bits.h"
#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/mul.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "mpc/permute.h"
#include "sql/merge/join.h"

#define COUNT_BITS 24		/* SQL_ROWS_MAX is below half of it */
#define RESULT_COLUMNS (3 * SQL_ITEMS_MAX + 1)

struct groups {
	struct mpc *m;
	const struct msql_plan *p;
	const struct msql_rows *own;	/* at R, else NULL */
	struct msql_joined *j;
	size_t n;
	int r;
	uint32_t *row, *place;		/* at R: own row at each place, and its distance from the group's first */
	struct bvec last;		/* known to R: the last row of its group */
	struct avec column[RESULT_COLUMNS];
	unsigned columns;
};

/* --- R's order ------------------------------------------------------------------------ */

struct order {
	const struct msql_rows *own;
	unsigned keys;
};

static int by_group(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int px = x >= o->own->n, py = y >= o->own->n;

	if (px != py)
		return px - py;
	for (unsigned k = 1; k <= o->keys; k++) {
		size_t base = (size_t)k * o->own->padded;
		int64_t vx = o->own->v[base + x], vy = o->own->v[base + y];

		if (o->own->null[base + x] != o->own->null[base + y])
			return o->own->null[base + x] - o->own->null[base + y];
		if (vx != vy)
			return vx < vy ? -1 : 1;
	}
	return 0;
}

static int arrange(struct groups *g)
{
	struct order o = { .own = g->own, .keys = g->p->keys };
	uint32_t *perm = NULL, *at = NULL;
	int rc = ERR_NOMEM;

	TRY(bvec_new(&g->last, g->n));
	if (g->own) {
		g->row = calloc(g->n, sizeof(*g->row));
		g->place = calloc(g->n, sizeof(*g->place));
		perm = calloc(g->n, sizeof(*perm));
		at = calloc(g->n, sizeof(*at));
		rc = ERR_NOMEM;
		if (!g->row || !g->place || !perm || !at)
			goto out;
		for (size_t i = 0; i < g->n; i++) {
			g->row[i] = (uint32_t)i;
			at[g->j->row[i]] = (uint32_t)i;
		}
		qsort_r(g->row, g->n, sizeof(*g->row), by_group, &o);
		for (size_t i = 0; i < g->n; i++) {
			perm[i] = at[g->row[i]];
			if (i > 0 && (!o.keys || by_group(&g->row[i - 1], &g->row[i], &o) == 0))
				g->place[i] = g->place[i - 1] + 1;
		}
		for (size_t i = 0; i < g->n; i++)
			g->last.w[i / 64] |= (uint64_t)(i + 1 == g->n || g->place[i + 1] == 0) << (i % 64);
	}
	for (unsigned c = 0; c < g->j->columns; c++) {
		struct avec *one = c ? &g->j->column[c] : &g->j->match;

		TRY(mpc_permute(g->m, g->r, &one, 1, perm));
	}
	rc = 0;
out:
	free(perm);
	free(at);
	return rc;
}

/* x[i] = the sum of its group's rows up to i. */
static int scan(struct groups *g, struct avec *x)
{
	struct avec got = { 0 };
	struct bvec take = { 0 };
	int rc = 0;

	for (size_t d = 1; d < g->n; d *= 2) {
		size_t n = g->n - d;
		struct avec from = avec_slice(x, 0, n), to = avec_slice(x, d, n);

		avec_free(&got);
		bvec_free(&take);
		TRY(avec_new(&got, n, x->bits, 0));
		TRY(bvec_new(&take, n));
		for (size_t i = 0; g->own && i < n; i++)
			take.w[i / 64] |= (uint64_t)(g->place[i + d] >= d) << (i % 64);
		TRY(mpc_mux_priv(g->m, g->r, &got, &take, &from));
		TRY(avec_add(&to, &to, &got));
	}
out:
	avec_free(&got);
	bvec_free(&take);
	return rc;
}

/* --- one item -------------------------------------------------------------------------- */

/* R's column at the groups' order; 0 in padding. */
static int64_t own_word(const struct groups *g, int column, size_t i)
{
	size_t row = g->row[i];

	return row < g->own->n ? g->own->v[(size_t)column * g->own->padded + row] : 0;
}

/* The bits of R's column as a selection of x. */
static int select_own(struct groups *g, struct avec *x, int column)
{
	struct bvec b = { 0 };
	int rc;

	TRY(bvec_new(&b, g->n));
	for (size_t i = 0; g->own && i < g->n; i++)
		b.w[i / 64] |= (uint64_t)(own_word(g, column, i) & 1) << (i % 64);
	rc = mpc_mux_priv(g->m, g->r, x, &b, x);
out:
	bvec_free(&b);
	return rc;
}

static int bit_number(struct groups *g, const struct avec *bit, struct avec *out)
{
	struct bvec b = { 0 };
	int rc;

	TRY(bvec_new(&b, g->n));
	msql_to_bits(&b, bit);
	rc = mpc_b2a(g->m, out, &b);
out:
	bvec_free(&b);
	return rc;
}

/* |x| < 2^62 into 128 bits: after adding 2^62, the two shares wrap exactly when the top bit of either is set (trunc.h). */
static int widen(struct groups *g, const struct avec *x, struct avec *out)
{
	struct avec s = { 0 }, wrap = { 0 };
	struct bvec top[2] = { { 0 } }, w = { 0 };
	int me = mpc_party(g->m), rc;

	TRY(avec_new(&s, g->n, 64, 0));
	TRY(avec_new(&wrap, g->n, 128, 0));
	TRY(bvec_new(&top[0], g->n));
	TRY(bvec_new(&top[1], g->n));
	TRY(bvec_new(&w, g->n));
	avec_add_pub(&s, x, INT64_C(1) << 62, me);
	for (size_t i = 0; i < g->n; i++)
		top[me].w[i / 64] |= (s.v[i] >> 63) << (i % 64);
	TRY(mpc_or(g->m, &w, &top[0], &top[1]));
	TRY(mpc_b2a(g->m, &wrap, &w));
	for (size_t i = 0; i < g->n; i++) {
		out->v[2 * i] = s.v[i];
		out->v[2 * i + 1] = 0 - wrap.v[2 * i];
	}
	avec_add_pub(out, out, -(INT64_C(1) << 62), me);
out:
	avec_free(&s);
	avec_free(&wrap);
	bvec_free(&top[0]);
	bvec_free(&top[1]);
	bvec_free(&w);
	return rc;
}

/* out += one product, at the item's scale. */
static int add_term(struct groups *g, const struct msql_item *it, const struct msql_term *t, const struct avec *valid, struct avec *out)
{
	int cs = t->column[!g->r], cr = t->column[g->r], rc;
	struct avec x = { 0 }, f = { 0 };

	TRY(avec_new(&x, g->n, 128, 0));
	TRY(avec_new(&f, g->n, 128, 0));
	TRY(cs >= 0 ? widen(g, &g->j->column[cs], &x) : bit_number(g, valid, &x));
	if (cr >= 0) {
		for (size_t i = 0; g->own && i < g->n; i++) {
			int64_t v = own_word(g, cr, i);

			f.v[2 * i] = (uint64_t)v;
			f.v[2 * i + 1] = v < 0 ? UINT64_MAX : 0;
		}
		TRY(mpc_mul_priv(g->m, g->r, &x, &f, &x));
	} else if (it->notnull[g->r] >= 0) {
		TRY(select_own(g, &x, it->notnull[g->r]));
	}
	if (it->scale && (cs < 0 || cr < 0))
		avec_mul_pub(&x, &x, INT64_C(1) << SQL_DOUBLE_SCALE);
	rc = avec_add(out, out, &x);
out:
	avec_free(&x);
	avec_free(&f);
	return rc;
}

static struct avec *result_column(struct groups *g, unsigned bits, int *rc)
{
	struct avec *c = &g->column[g->columns++];

	*rc = avec_new(c, g->n, bits, 0);
	return c;
}

/* 128 bits as two words: the carry between them is one comparison of what each party knows. */
static int split(struct groups *g, const struct avec *sum)
{
	int me = mpc_party(g->m), rc;
	struct avec v = { 0 }, carry = { 0 }, *lo = result_column(g, 64, &rc), *hi;
	struct bvec c = { 0 };

	if (rc)
		return rc;
	hi = result_column(g, 64, &rc);
	if (rc)
		return rc;
	TRY(avec_new(&v, g->n, 64, 0));
	TRY(avec_new(&carry, g->n, 64, 0));
	TRY(bvec_new(&c, g->n));
	for (size_t i = 0; i < g->n; i++) {
		lo->v[i] = sum->v[2 * i];
		hi->v[i] = sum->v[2 * i + 1];
		v.v[i] = me == 0 ? ~lo->v[i] : lo->v[i];
	}
	TRY(mpc_mill(g->m, &c, &v));
	TRY(mpc_b2a(g->m, &carry, &c));
	rc = avec_add(hi, hi, &carry);
out:
	avec_free(&v);
	avec_free(&carry);
	bvec_free(&c);
	return rc;
}

/* out[i]: whether the count is 0. */
static int is_zero(struct groups *g, const struct avec *count, struct bvec *out)
{
	struct avec few = { 0 };
	int rc;

	TRY(avec_new(&few, g->n, COUNT_BITS, 0));
	TRY(avec_reduce(&few, count));
	rc = mpc_eqz(g->m, out, &few);
out:
	avec_free(&few);
	return rc;
}

static int count_column(struct groups *g, const struct msql_item *it, struct avec *out)
{
	int s = it->notnull[!g->r], rc;

	TRY(bit_number(g, s >= 0 ? &g->j->column[s] : &g->j->match, out));
	if (it->notnull[g->r] >= 0)
		TRY(select_own(g, out, it->notnull[g->r]));
	rc = scan(g, out);
out:
	return rc;
}

/* SUM: low and high word, NULL. COUNT: the count. */
static int aggregate(struct groups *g, const struct msql_item *it)
{
	int s = it->notnull[!g->r], rc;
	struct avec sum = { 0 }, count = { 0 }, *out;
	struct bvec null = { 0 };

	if (it->kind == SQL_COUNT) {
		out = result_column(g, 64, &rc);
		return rc ? rc : count_column(g, it, out);
	}
	TRY(avec_new(&sum, g->n, 128, 0));
	TRY(avec_new(&count, g->n, 64, 0));
	TRY(bvec_new(&null, g->n));
	for (unsigned t = 0; t < it->terms; t++)
		TRY(add_term(g, it, &it->term[t], s >= 0 ? &g->j->column[s] : &g->j->match, &sum));
	TRY(scan(g, &sum));
	TRY(split(g, &sum));
	TRY(count_column(g, it, &count));
	TRY(is_zero(g, &count, &null));
	out = result_column(g, 1, &rc);
	if (rc == 0)
		msql_from_bits(out, &null);
out:
	avec_free(&sum);
	avec_free(&count);
	bvec_free(&null);
	return rc;
}

/* A key, and whether it is NULL. */
static int key(struct groups *g, const struct msql_item *it)
{
	struct avec v = { 0 }, null = { 0 }, *out;
	int rc;

	TRY(avec_new(&v, g->n, 64, 0));
	TRY(avec_new(&null, g->n, 1, 0));
	for (size_t i = 0; g->own && i < g->n; i++) {
		v.v[i] = (uint64_t)own_word(g, it->column, i);
		null.v[i] = g->row[i] < g->own->n && g->own->null[(size_t)it->column * g->own->padded + g->row[i]];
	}
	out = result_column(g, 64, &rc);
	if (rc == 0)
		rc = mpc_input(g->m, g->r, out, &v);
	if (rc)
		goto out;
	out = result_column(g, 1, &rc);
	if (rc == 0)
		rc = mpc_input(g->m, g->r, out, &null);
out:
	avec_free(&v);
	avec_free(&null);
	return rc;
}

/* --- opening ----------------------------------------------------------------------------- */

/* The last column: a group's last row, and the group has a match (or the query no GROUP BY). All others become 0 where it is. */
static int hide(struct groups *g)
{
	struct avec count = { 0 }, *valid;
	struct bvec none = { 0 }, last = { 0 };
	struct msql_item all = { .notnull = { -1, -1 } };
	int me = mpc_party(g->m), rc;

	TRY(avec_new(&count, g->n, 64, 0));
	TRY(bvec_new(&none, g->n));
	TRY(bvec_new(&last, g->n));
	TRY(mpc_input_bits(g->m, g->r, &last, &g->last));
	if (g->p->keys) {
		TRY(count_column(g, &all, &count));
		TRY(is_zero(g, &count, &none));
		bvec_not(&none, &none, me);
		TRY(mpc_and(g->m, &last, &last, &none));
	}
	for (unsigned c = 0; c < g->columns; c++)
		TRY(mpc_mux(g->m, &g->column[c], &last, &g->column[c]));
	valid = result_column(g, 1, &rc);
	if (rc == 0)
		msql_from_bits(valid, &last);
out:
	avec_free(&count);
	bvec_free(&none);
	bvec_free(&last);
	return rc;
}

static int shuffle(struct groups *g)
{
	uint32_t *perm = g->own ? calloc(g->n, sizeof(*perm)) : NULL;
	int rc = 0;

	if (g->own && !perm)
		return ERR_NOMEM;
	for (size_t i = 0; perm && i < g->n; i++)
		perm[i] = (uint32_t)i;
	for (size_t i = g->n; perm && i > 1; i--) {
		uint32_t k = randombytes_uniform((uint32_t)i), was = perm[i - 1];

		perm[i - 1] = perm[k];
		perm[k] = was;
	}
	for (unsigned c = 0; c < g->columns; c++) {
		struct avec *one = &g->column[c];

		TRY(mpc_permute(g->m, g->r, &one, 1, perm));
	}
out:
	free(perm);
	return rc;
}

static int collect(const struct groups *g, struct msql_result *out)
{
	const struct avec *valid = &g->column[g->columns - 1];
	size_t items = g->p->items;

	out->lo = calloc(g->n * items + 1, sizeof(*out->lo));
	out->hi = calloc(g->n * items + 1, sizeof(*out->hi));
	out->null = calloc(g->n * items + 1, 1);
	if (!out->lo || !out->hi || !out->null)
		return ERR_NOMEM;
	for (size_t i = 0; i < g->n; i++) {
		const struct avec *c = g->column;
		size_t at = out->rows * items;

		if (!valid->v[i])
			continue;
		for (size_t k = 0; k < items; k++, at++) {
			enum msql_kind kind = g->p->item[k].kind;

			out->lo[at] = (c++)->v[i];
			if (kind == SQL_SUM)
				out->hi[at] = (c++)->v[i];
			if (kind != SQL_COUNT)
				out->null[at] = (uint8_t)(c++)->v[i];
		}
		out->rows++;
	}
	return 0;
}

static int open_all(struct groups *g, int to, struct msql_result *out)
{
	int rc;

	for (unsigned c = 0; c < g->columns; c++)
		TRY(mpc_reveal(g->m, to, &g->column[c], &g->column[c]));
	rc = to == MPC_BOTH || to == mpc_party(g->m) ? collect(g, out) : 0;
out:
	return rc;
}

int msql_join_run(struct mpc *m, const struct msql_plan *p, const struct msql_rows *own, const size_t rows[2], int to, struct msql_result *out,
		 struct errmsg *em)
{
	struct msql_joined j = { 0 };
	struct groups g = { .m = m, .p = p, .own = mpc_party(m) == p->group ? own : NULL, .j = &j, .n = rows[p->group], .r = p->group };
	int rc;

	memset(out, 0, sizeof(*out));
	TRY(msql_join(m, p, own, rows, &j, em));
	TRY(arrange(&g));
	for (unsigned i = 0; i < p->items; i++)
		TRY(p->item[i].kind == SQL_KEY ? key(&g, &p->item[i]) : aggregate(&g, &p->item[i]));
	TRY(hide(&g));
	TRY(shuffle(&g));
	rc = open_all(&g, to, out);
out:
	for (unsigned c = 0; c < g.columns; c++)
		avec_free(&g.column[c]);
	bvec_free(&g.last);
	free(g.row);
	free(g.place);
	msql_joined_free(&j);
	return rc;
}

void msql_result_free(struct msql_result *r)
{
	free(r->lo);
	free(r->hi);
	free(r->null);
	memset(r, 0, sizeof(*r));
}
