#include "mpc/vole_impl.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mpc/gf128.h"

#define HUGE_PAGE ((size_t)2 << 20)

static struct block *blocks_new(size_t n)
{
	size_t align = n * sizeof(struct block) >= HUGE_PAGE ? HUGE_PAGE : 64, size = n * sizeof(struct block);
	struct block *p;

	size = (size + align - 1) / align * align;
	p = aligned_alloc(align, size ? size : align);
	/* 65,536 gathered pairs lie on 512 small pages: more than the first TLB has */
	if (p && align == HUGE_PAGE)
		(void)madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static void blocks_free(struct block *p, size_t n)
{
	if (p)
		sodium_memzero(p, n * sizeof(*p));
	free(p);
}

int vole_vec_new(struct vole_vec *v, size_t n, int both)
{
	*v = (struct vole_vec){ .n = n };
	if (n > SIZE_MAX / sizeof(struct block) / 2)
		return ERR_NOMEM;
	v->x = blocks_new(n);
	if (both)
		v->c = blocks_new(n);
	if (v->x && (v->c || !both))
		return 0;
	v->n = 0;
	free(v->x);
	free(v->c);
	v->x = v->c = NULL;
	return ERR_NOMEM;
}

void vole_vec_free(struct vole_vec *v)
{
	blocks_free(v->x, v->n);
	blocks_free(v->c, v->n);
	*v = (struct vole_vec){ 0 };
}

int vole_new(struct vole **out, struct chan *c, int sender, int threads, uint64_t expected)
{
	struct vole *v = calloc(1, sizeof(*v));
	int rc = ERR_NOMEM;

	*out = NULL;
	if (!v)
		goto out;
	v->chan = c;
	v->sender = sender != 0;
	v->threads = threads > 0 ? threads : 1;
	v->expected = expected;
	v->row = -1;
	TRY(ot_new(&v->ot, c, sender ? OT_SENDER : OT_RECEIVER, OT_SOFTSPOKEN4));
	ot_threads(v->ot, v->threads);
	*out = v;
	v = NULL;
	rc = 0;
out:
	vole_free(v);
	return rc;
}

void vole_free(struct vole *v)
{
	if (!v)
		return;
	ot_free(v->ot);
	vole_vec_free(&v->pool);
	vole_vec_free(&v->base);
	sodium_memzero(v, sizeof(*v));
	free(v);
}

struct block vole_delta(const struct vole *v)
{
	return ot_delta(v->ot);
}

const char *vole_error(const struct vole *v)
{
	return v->em.local;
}

/* Correlations that a call needs, fetched in one flight and used from the front. */
struct cots {
	struct vole_vec all;
	size_t at;
};

/* The receiver's count goes ahead of its first message, so that parties who disagree do not wait for each other. */
static int counts_agree(struct vole *v, uint64_t n)
{
	uint64_t theirs;
	int rc;

	if (!v->sender)
		return chan_send_u64(v->chan, n);
	rc = chan_recv_u64(v->chan, &theirs);
	if (rc == 0 && theirs != n)
		return errmsg_set(&v->em, ERR_PEER, "PEER_PROTOCOL",
				  "VOLE: the other party wants %llu correlations for this call, expected %llu: "
				  "both must ask for the same counts in the same order",
				  (unsigned long long)theirs, (unsigned long long)n);
	return rc;
}

static int cots_fetch(struct vole *v, struct cots *s, uint64_t n)
{
	int rc = counts_agree(v, n);

	s->at = 0;
	if (rc == 0)
		rc = vole_vec_new(&s->all, (size_t)n, 0);
	if (rc)
		return rc;
	rc = v->sender ? ot_cot_send(v->ot, s->all.x, (size_t)n) : ot_cot_recv(v->ot, s->all.x, (size_t)n);
	if (rc && ot_error(v->ot)[0])
		(void)errmsg_set(&v->em, rc, "OT", "VOLE: %s", ot_error(v->ot));
	return rc;
}

static const struct block *cots_take(struct cots *s, size_t n)
{
	const struct block *p = s->all.x + s->at;

	s->at += n;
	return p;
}

/* n elements from 128 COTs each: the sum over j of X^j times the j-th. */
static void from_cots(const struct vole *v, const struct block *cot, const struct vole_vec *out)
{
	struct block power[128];

	for (unsigned j = 0; j < 128; j++)
		power[j] = j < 64 ? block_set(UINT64_C(1) << j, 0) : block_set(0, UINT64_C(1) << (j - 64));
#pragma omp parallel for schedule(static) num_threads(v->threads)
	for (size_t i = 0; i < out->n; i++) {
		const struct block *m = cot + 128 * i;

		out->x[i] = gf128_inner(m, power, 128);
		if (!out->c)
			continue;
		out->c[i] = block_zero();
		for (unsigned j = 0; j < 128; j++)
			out->c[i].w[j / 64] |= (uint64_t)block_lsb(m[j]) << j % 64;
	}
}

static int iterate(struct vole *v, struct vole_iter *it)
{
	return v->sender ? vole_iter_send(v, it) : vole_iter_recv(v, it);
}

/* n seed elements out of row `from` and what stands below it; s holds exactly vole_tuple_cots(from, n). */
static int bootstrap(struct vole *v, struct cots *s, int from, size_t n, struct vole_vec *out)
{
	const struct vole_tuple *t = from < 0 ? NULL : &vole_tuples[from];
	struct vole_iter it = { .tuple = t };
	struct vole_vec base = { 0 };
	int rc;

	if (!t) {
		rc = vole_vec_new(out, n, !v->sender);
		if (rc == 0)
			from_cots(v, cots_take(s, 128 * n), out);
		return rc;
	}
	it.trees = vole_tuple_trees(t, n);
	TRY(vole_vec_new(out, (size_t)it.trees << t->depth, !v->sender));
	TRY(bootstrap(v, s, t->from, (size_t)t->k + it.trees, &base));
	it.base = &base;
	it.cots = cots_take(s, (size_t)it.trees * t->depth);
	it.tail = *out;
	rc = iterate(v, &it);
out:
	vole_vec_free(&base);
	return rc;
}

/* The parts of a vec from `at` on. */
static struct vole_vec part(const struct vole_vec *v, size_t at, size_t n)
{
	return (struct vole_vec){ v->x + at, v->c ? v->c + at : NULL, n };
}

static void copy(const struct vole_vec *to, const struct vole_vec *from)
{
	memcpy(to->x, from->x, from->n * sizeof(struct block));
	if (to->c)
		memcpy(to->c, from->c, from->n * sizeof(struct block));
}

/* How one iteration serves a call. */
struct plan {
	int row;
	uint32_t trees;
	size_t keep;		/* seed elements for a further iteration */
	size_t head;		/* written straight to the caller */
	size_t tail;		/* the rest of this call, what later calls take, and `keep` */
};

/* `want` elements are still to come, n of them now. */
static struct plan plan_for(const struct vole *v, size_t n, uint64_t want)
{
	struct plan p = { .row = v->base.n ? v->row : vole_tuple_for(want) };
	const struct vole_tuple *t = &vole_tuples[p.row < 0 ? 0 : p.row];
	size_t group = (size_t)4 << t->depth, size = (size_t)vole_tuple_size(t), fresh;

	if (p.row < 0) {
		p.tail = (size_t)want;
		return p;
	}
	if (want > size)
		p.keep = (size_t)t->k + t->trees;
	p.trees = p.keep ? t->trees : vole_tuple_trees(t, want);
	size = (size_t)p.trees << t->depth;
	fresh = size - p.keep;
	p.head = (n < fresh ? n : fresh) / group * group;
	p.tail = size - p.head;
	return p;
}

/* Fills the head in `out` and the pool; fetches all COTs of the call in one flight first. */
static int produce(struct vole *v, const struct plan *p, const struct vole_vec *out)
{
	const struct vole_tuple *t = &vole_tuples[p->row];
	struct vole_iter it = { .tuple = t, .trees = p->trees, .head = part(out, 0, p->head) };
	size_t need = t->k + (size_t)p->trees;
	uint64_t cots = (uint64_t)p->trees * t->depth + (v->base.n ? 0 : vole_tuple_cots(t->from, need));
	struct vole_vec base = v->base;
	struct cots s = { 0 };
	int rc;

	v->base = (struct vole_vec){ 0 };
	TRY(cots_fetch(v, &s, cots));
	if (!base.n)
		TRY(bootstrap(v, &s, t->from, need, &base));
	it.base = &base;
	it.cots = cots_take(&s, (size_t)p->trees * t->depth);
	TRY(vole_vec_new(&v->pool, p->tail, !v->sender));
	it.tail = v->pool;
	TRY(iterate(v, &it));
	if (p->keep) {
		struct vole_vec last = part(&v->pool, p->tail - p->keep, p->keep);

		TRY(vole_vec_new(&v->base, p->keep, !v->sender));
		copy(&v->base, &last);
		v->row = p->row;
	}
out:
	vole_vec_free(&base);
	vole_vec_free(&s.all);
	return rc;
}

/* From COTs alone, for few elements. */
static int produce_few(struct vole *v, const struct plan *p)
{
	struct cots s = { 0 };
	int rc;

	TRY(cots_fetch(v, &s, vole_tuple_cots(-1, p->tail)));
	rc = bootstrap(v, &s, -1, p->tail, &v->pool);
out:
	vole_vec_free(&s.all);
	return rc;
}

/* Hands out what the pool has, at most out->n; returns how many. */
static size_t from_pool(struct vole *v, const struct vole_vec *out)
{
	size_t n = v->end - v->at < out->n ? v->end - v->at : out->n;
	struct vole_vec from = part(&v->pool, v->at, n);

	if (n)
		copy(out, &from);
	v->at += n;
	return n;
}

/* The pool is empty and n > 0 elements are asked for; `got` of them may be written straight to out. */
static int refill(struct vole *v, const struct vole_vec *out, size_t *got)
{
	uint64_t want = v->expected > v->taken ? v->expected - v->taken : 0;
	struct plan p = plan_for(v, out->n, want > out->n ? want : out->n);
	int rc;

	vole_vec_free(&v->pool);
	v->at = v->end = 0;
	rc = p.row < 0 ? produce_few(v, &p) : produce(v, &p, out);
	if (rc)
		return rc;
	v->end = p.tail - p.keep;
	*got = p.head;
	return 0;
}

static int take(struct vole *v, struct vole_vec out)
{
	size_t got = 0;

	while (v->rc == 0 && out.n > 0) {
		got = from_pool(v, &out);
		if (got == 0)
			v->rc = refill(v, &out, &got);
		v->taken += got;
		out = part(&out, got, out.n - got);
	}
	if (v->rc && !v->em.local[0])
		(void)errmsg_set(&v->em, v->rc, "CHANNEL", "VOLE: %s",
				 chan_error(v->chan)[0] ? chan_error(v->chan) : err_name(v->rc));
	return v->rc;
}

int vole_send(struct vole *v, struct block *b, size_t n)
{
	if (!v->sender)
		return ERR_INTERNAL;
	return take(v, (struct vole_vec){ b, NULL, n });
}

int vole_recv(struct vole *v, struct block *a, struct block *c, size_t n)
{
	if (v->sender)
		return ERR_INTERNAL;
	return take(v, (struct vole_vec){ a, c, n });
}
