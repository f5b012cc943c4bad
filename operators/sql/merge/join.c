/* The join by a merging network, there and back. */
#include <stdlib.h>
#include <string.h>

#include "mpc/bits.h"
#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "sql/merge/join.h"

#define KEY_DUMMY (INT64_C(1) << 59)
#define LEVELS_MAX 32

/* The order at a key: a row of S, R's first with this key, R's others, rows that match nothing. */
enum { KEY_OF_S, KEY_FIRST, KEY_AGAIN, KEY_NONE };

struct entry {
	int64_t key;
	uint32_t row;
};

struct net {
	struct mpc *m;
	size_t n, half, levels;
	uint32_t *low;		/* the lower places of a level's exchanges */
	struct bvec swap[LEVELS_MAX];
	struct avec a, b, d;	/* scratch, remade by ring */
};

void msql_to_bits(struct bvec *out, const struct avec *in)
{
	memset(out->w, 0, bits_words(out->n) * sizeof(*out->w));
	for (size_t i = 0; i < in->n; i++)
		out->w[i / 64] |= (in->v[i] & 1) << (i % 64);
}

void msql_from_bits(struct avec *out, const struct bvec *in)
{
	for (size_t i = 0; i < out->n; i++)
		out->v[i] = bits_get(in->w, i);
}

/* --- the network --------------------------------------------------------------------- */

static size_t level_pairs(struct net *t, size_t m)
{
	size_t k = 0;

	for (size_t i = 0; i + m < t->n; i++)
		if (!(i & m))
			t->low[k++] = (uint32_t)i;
	return k;
}

static int scratch(struct net *t, size_t n, unsigned bits)
{
	int rc;

	avec_free(&t->a);
	avec_free(&t->b);
	avec_free(&t->d);
	TRY(avec_new(&t->a, n, bits, 0));
	TRY(avec_new(&t->b, n, bits, 0));
	rc = avec_new(&t->d, n, bits, 0);
out:
	return rc;
}

static void gather(struct net *t, const struct avec *x, size_t m, size_t pairs)
{
	for (size_t k = 0; k < pairs; k++) {
		t->a.v[k] = x->v[t->low[k]];
		t->b.v[k] = x->v[t->low[k] + m];
	}
}

static int exchange(struct net *t, struct avec *x, const struct bvec *swap, size_t m, size_t pairs)
{
	int rc;

	TRY(scratch(t, pairs, x->bits));
	gather(t, x, m, pairs);
	TRY(avec_sub(&t->d, &t->a, &t->b));
	TRY(mpc_mux(t->m, &t->d, swap, &t->d));
	TRY(avec_sub(&t->a, &t->a, &t->d));
	TRY(avec_add(&t->b, &t->b, &t->d));
	for (size_t k = 0; k < pairs; k++) {
		x->v[t->low[k]] = t->a.v[k];
		x->v[t->low[k] + m] = t->b.v[k];
	}
out:
	return rc;
}

static int merge(struct net *t, struct avec *key, struct avec *column, unsigned columns)
{
	size_t m = 1, pairs;
	int rc = 0;

	while (2 * m < t->n)
		m *= 2;
	for (; m; m /= 2, t->levels++) {
		pairs = level_pairs(t, m);
		TRY(bvec_new(&t->swap[t->levels], pairs));
		TRY(scratch(t, pairs, 64));
		gather(t, key, m, pairs);
		TRY(mpc_lt(t->m, &t->swap[t->levels], &t->b, &t->a));
		TRY(exchange(t, key, &t->swap[t->levels], m, pairs));
		for (unsigned c = 0; c < columns; c++)
			TRY(exchange(t, &column[c], &t->swap[t->levels], m, pairs));
	}
out:
	return rc;
}

static int unmerge(struct net *t, struct avec *column, unsigned columns)
{
	size_t m = 1;
	int rc = 0;

	for (size_t l = t->levels; l-- > 0; m *= 2) {
		size_t pairs = level_pairs(t, m);

		for (unsigned c = 0; c < columns; c++)
			TRY(exchange(t, &column[c], &t->swap[l], m, pairs));
	}
out:
	return rc;
}

static void net_free(struct net *t)
{
	for (size_t l = 0; l < LEVELS_MAX; l++)
		bvec_free(&t->swap[l]);
	avec_free(&t->a);
	avec_free(&t->b);
	avec_free(&t->d);
	free(t->low);
}

/* --- own rows ------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

static int own_order(const struct msql_rows *own, int is_r, struct entry *e, struct errmsg *em)
{
	for (size_t i = 0; i < own->padded; i++) {
		int real = i < own->n && !own->null[i];

		e[i].row = (uint32_t)i;
		e[i].key = 4 * (real ? own->v[i] : KEY_DUMMY) + (real ? is_r ? KEY_FIRST : KEY_OF_S : KEY_NONE);
	}
	qsort(e, own->padded, sizeof(*e), by_key);
	for (size_t i = own->padded - 1; i > 0; i--) {
		if (e[i].key != e[i - 1].key || (e[i].key & 3) == KEY_NONE)
			continue;
		if (!is_r) {
			errmsg_set(em, ERR_INPUT, "SQL_FAN_OUT", "the join key is not unique at the party whose columns are not in GROUP BY");
			errmsg_local(em, "the join key %lld is there more than once: both tables of a join may have the same key twice only with a bound, "
				     "which is not supported; aggregate per key in a subquery, or GROUP BY a column of this party",
				     (long long)(e[i].key >> 2));
			return ERR_INPUT;
		}
		e[i].key += KEY_AGAIN - KEY_FIRST;
	}
	return 0;
}

/* S's rows downwards, then R's upwards: bitonic. */
static int input(struct mpc *m, int owner, int is_r, const struct msql_rows *own, const struct entry *e, const struct avec *where)
{
	struct avec v = { 0 };
	size_t n = where->n;
	struct avec window = *where;
	int rc;

	TRY(avec_new(&v, n, 64, 0));
	for (size_t i = 0; own && i < n; i++)
		v.v[i] = (uint64_t)e[is_r ? i : n - 1 - i].key;
	rc = mpc_input(m, owner, &window, &v);
out:
	avec_free(&v);
	return rc;
}

static int input_columns(struct mpc *m, const struct msql_plan *p, const struct msql_rows *own, const struct entry *e, size_t nS, struct avec *column)
{
	const struct msql_side *s = &p->side[!p->group];
	struct avec v = { 0 };
	int rc = 0;

	for (unsigned c = 0; c < s->n; c++) {	/* 0: whether the row is real */
		struct avec window = avec_slice(&column[c], 0, nS);

		avec_free(&v);
		TRY(avec_new(&v, nS, column[c].bits, 0));
		for (size_t i = 0; own && i < nS; i++) {
			const struct entry *x = &e[nS - 1 - i];

			v.v[i] = c == 0 ? (x->key & 3) == KEY_OF_S : (uint64_t)own->v[c * own->padded + x->row];
		}
		TRY(mpc_input(m, !p->group, &window, &v));
	}
out:
	avec_free(&v);
	return rc;
}

/* --- neighbours, and R's repeated keys -------------------------------------------------- */

static int match(struct net *t, const struct avec *key, struct avec *column, unsigned columns)
{
	struct avec gap = { 0 };
	struct bvec is = { 0 }, real = { 0 };
	size_t n = t->n - 1;
	struct avec left = avec_slice(&column[0], 0, n), lower = avec_slice(key, 0, n), upper = avec_slice(key, 1, n);
	int rc;

	TRY(avec_new(&gap, n, 64, 0));
	TRY(bvec_new(&is, n));
	TRY(bvec_new(&real, n));
	TRY(avec_sub(&gap, &upper, &lower));
	avec_add_pub(&gap, &gap, -(KEY_FIRST - KEY_OF_S), mpc_party(t->m));
	TRY(mpc_eqz(t->m, &is, &gap));
	msql_to_bits(&real, &left);
	TRY(mpc_and(t->m, &is, &is, &real));
	for (unsigned c = 1; c < columns; c++) {
		struct avec from = avec_slice(&column[c], 0, n);
		struct avec to = avec_slice(&column[c], 1, n);

		TRY(scratch(t, n, column[c].bits));
		TRY(mpc_mux(t->m, &t->d, &is, &from));
		avec_copy(&to, &t->d);
		column[c].v[0] = 0;
	}
	column[0].v[0] = 0;
	for (size_t i = 0; i < n; i++)
		column[0].v[i + 1] = bits_get(is.w, i);
out:
	avec_free(&gap);
	bvec_free(&is);
	bvec_free(&real);
	return rc;
}

/* Rows with the key of the row before take what the first of them has. place: at R, how far that is. */
static int repeat(struct mpc *m, int r, struct avec *x, const uint32_t *place)
{
	struct avec got = { 0 };
	struct bvec take = { 0 };
	int rc = 0;

	for (size_t d = 1; d < x->n; d *= 2) {
		size_t n = x->n - d;
		struct avec from = avec_slice(x, 0, n), to = avec_slice(x, d, n);

		avec_free(&got);
		bvec_free(&take);
		TRY(avec_new(&got, n, x->bits, 0));
		TRY(bvec_new(&take, n));
		for (size_t i = 0; place && i < n; i++)
			take.w[i / 64] |= (uint64_t)(place[i + d] >= d && place[i + d] < 2 * d) << (i % 64);
		TRY(mpc_mux_priv(m, r, &got, &take, &from));
		TRY(avec_add(&to, &to, &got));
	}
out:
	avec_free(&got);
	bvec_free(&take);
	return rc;
}

static int take_rows(struct mpc *m, const struct msql_plan *p, size_t nS, struct avec *column, const struct entry *e, struct msql_joined *out)
{
	uint32_t *place = NULL;
	int rc = ERR_NOMEM;

	if (e) {
		place = calloc(out->n, sizeof(*place));
		out->row = calloc(out->n, sizeof(*out->row));
		if (!place || !out->row)
			goto out;
		for (size_t i = 0; i < out->n; i++) {
			out->row[i] = e[i].row;
			place[i] = (e[i].key & 3) == KEY_AGAIN ? place[i - 1] + 1 : 0;
		}
	}
	for (unsigned c = 0; c < out->columns; c++) {
		struct avec from = avec_slice(&column[c], nS, out->n), *to = c ? &out->column[c] : &out->match;

		TRY(avec_new(to, out->n, from.bits, 0));
		avec_copy(to, &from);
		TRY(repeat(m, p->group, to, place));
	}
	rc = 0;
out:
	free(place);
	return rc;
}

int msql_join(struct mpc *m, const struct msql_plan *p, const struct msql_rows *own, const size_t rows[2], struct msql_joined *out, struct errmsg *em)
{
	int r = p->group, is_r = mpc_party(m) == r;
	size_t nR = rows[r], nS = rows[!r];
	unsigned columns = p->side[!r].n;
	struct net t = { .m = m, .n = nR + nS };
	struct avec key = { 0 }, *column = calloc(columns, sizeof(*column)), window;
	struct entry *e = calloc(own->padded, sizeof(*e));
	int rc = ERR_NOMEM;

	memset(out, 0, sizeof(*out));
	out->n = nR;
	out->columns = columns;
	out->column = calloc(columns, sizeof(*out->column));
	t.low = calloc(t.n, sizeof(*t.low));
	if (!column || !e || !t.low || !out->column)
		goto out;
	TRY(own_order(own, is_r, e, em));
	TRY(avec_new(&key, t.n, 64, 0));
	window = avec_slice(&key, 0, nS);
	TRY(input(m, !r, 0, is_r ? NULL : own, e, &window));
	window = avec_slice(&key, nS, nR);
	TRY(input(m, r, 1, is_r ? own : NULL, e, &window));
	for (unsigned c = 0; c < columns; c++)
		TRY(avec_new(&column[c], t.n, c == 0 || p->side[!r].type[c] == SQL_BOOLEAN ? 1 : 64, 0));
	TRY(input_columns(m, p, is_r ? NULL : own, e, nS, column));
	TRY(merge(&t, &key, column, columns));
	TRY(match(&t, &key, column, columns));
	TRY(unmerge(&t, column, columns));
	rc = take_rows(m, p, nS, column, is_r ? e : NULL, out);
out:
	for (unsigned c = 0; column && c < columns; c++)
		avec_free(&column[c]);
	if (e)
		explicit_bzero(e, own->padded * sizeof(*e));
	free(column);
	free(e);
	avec_free(&key);
	net_free(&t);
	return rc;
}

void msql_joined_free(struct msql_joined *j)
{
	for (unsigned c = 0; j->column && c < j->columns; c++)
		avec_free(&j->column[c]);
	avec_free(&j->match);
	free(j->column);
	free(j->row);
	memset(j, 0, sizeof(*j));
}
