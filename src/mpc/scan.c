#include "mpc/scan.h"

#include <stdlib.h>
#include <string.h>

#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/mux.h"

struct scan {
	struct mpc *m;
	enum scan_kind kind;
	int owner;
	struct bvec stop;	/* a segment begins at i, or up to `distance` - 1 before it */
};

/* out[i] = b[begin + i] */
static void bits_from(struct bvec *out, const struct bvec *b, size_t begin)
{
	size_t words = bits_words(out->n), all = bits_words(b->n);

	for (size_t w = 0; w < words; w++) {
		size_t at = w + begin / 64;

		out->w[w] = b->w[at] >> (begin % 64);
		if (begin % 64 && at + 1 < all)
			out->w[w] |= b->w[at + 1] << (64 - begin % 64);
	}
	bvec_trim(out);
}

/* b[begin + i] = in[i]; what stands before stays. */
static void bits_to(struct bvec *b, const struct bvec *in, size_t begin)
{
	for (size_t i = 0; i < in->n; i++) {
		size_t at = begin + i;

		b->w[at / 64] ^= (uint64_t)(bits_get(b->w, at) ^ bits_get(in->w, i)) << (at % 64);
	}
}

static int choose(struct scan *s, struct avec *out, const struct bvec *sel, const struct avec *x)
{
	return s->owner == SCAN_SHARED ? mpc_mux(s->m, out, sel, x) : mpc_mux_priv(s->m, s->owner, out, sel, x);
}

/* cur += what the earlier element adds: go is set where it belongs to the same segment. */
static int join(struct scan *s, struct avec *cur, const struct avec *before, const struct bvec *go)
{
	struct avec add = { 0 };
	struct bvec less = { 0 };
	int rc;

	TRY(avec_new(&add, cur->n, cur->bits, cur->scale));
	TRY(bvec_new(&less, cur->n));
	if (s->kind == SCAN_SUM) {
		TRY(choose(s, &add, go, before));
	} else {
		TRY(avec_sub(&add, before, cur));
		if (s->kind == SCAN_MIN || s->kind == SCAN_MAX) {
			TRY(s->kind == SCAN_MIN ? mpc_lt(s->m, &less, before, cur) : mpc_lt(s->m, &less, cur, before));
			TRY(mpc_mux(s->m, &add, &less, &add));
		}
		TRY(choose(s, &add, go, &add));
	}
	TRY(avec_add(cur, cur, &add));
out:
	avec_free(&add);
	bvec_free(&less);
	return rc;
}

/* stop[i] |= stop[i - distance] */
static int spread(struct scan *s, const struct bvec *late, const struct bvec *early, size_t distance)
{
	struct bvec out = { 0 };
	int rc;

	TRY(bvec_new(&out, late->n));
	if (s->owner == SCAN_SHARED) {
		TRY(mpc_or(s->m, &out, late, early));
	} else {
		for (size_t w = 0; w < bits_words(out.n); w++)
			out.w[w] = late->w[w] | early->w[w];
	}
	bits_to(&s->stop, &out, distance);
out:
	bvec_free(&out);
	return rc;
}

static int level(struct scan *s, struct avec *v, size_t distance)
{
	struct avec late = avec_slice(v, distance, v->n - distance), before = { 0 };
	struct bvec stop = { 0 }, early = { 0 }, go = { 0 };
	int rc;

	TRY(avec_new(&before, late.n, v->bits, v->scale));
	memcpy(before.v, v->v, late.n * avec_words(v) * sizeof(*v->v));
	TRY(bvec_new(&stop, late.n));
	TRY(bvec_new(&early, late.n));
	TRY(bvec_new(&go, late.n));
	bits_from(&stop, &s->stop, distance);
	bits_from(&early, &s->stop, 0);
	/* The owner of the flags flips them, or party 0 its share. */
	bvec_not(&go, &stop, s->owner == SCAN_SHARED ? mpc_party(s->m) : s->owner == mpc_party(s->m) ? 0 : 1);
	TRY(join(s, &late, &before, &go));
	TRY(spread(s, &stop, &early, distance));
out:
	avec_free(&before);
	bvec_free(&stop);
	bvec_free(&early);
	bvec_free(&go);
	return rc;
}

int mpc_scan(struct mpc *m, enum scan_kind kind, struct avec *out, const struct avec *x, const struct bvec *flags, int owner)
{
	struct scan s = { .m = m, .kind = kind, .owner = owner };
	int rc, mine = owner == SCAN_SHARED || owner == mpc_party(m);

	if (!avec_same(out, x) || owner < SCAN_SHARED || owner > 1 || kind > SCAN_FIRST || (mine && (!flags || flags->n != x->n)))
		return ERR_INPUT;
	TRY(mpc_op(m, MPC_OP_SCAN, x->n, x->bits | (unsigned)kind << 8 | (unsigned)(owner + 1) << 16));
	TRY(bvec_new(&s.stop, x->n));
	if (mine)
		bvec_copy(&s.stop, flags);
	if (out->v != x->v)
		avec_copy(out, x);
	for (size_t d = 1; d < x->n; d *= 2)
		TRY(level(&s, out, d));
out:
	bvec_free(&s.stop);
	return rc;
}
