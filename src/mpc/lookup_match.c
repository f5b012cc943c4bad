#include <stdlib.h>
#include <string.h>

#include "mpc/lookup_impl.h"

#define BLOCK 1024	/* tags of the peer that are read at a time */

struct job {
	const struct lookup_tag *own;
	const uint8_t *wire;
	uint8_t *hit, *peer_hit;	/* a byte for each own and each peer's tag, in sorted order */
	uint32_t n, m;
	uint32_t ids;			/* ids from here on are dummies: of equal tags the true one comes first */
	unsigned bits;
};

/* So many tags of the peer's from a group of the wire format on, and the own tags that may equal them. */
struct range {
	uint32_t group, count;
	uint32_t own, own_end;
};

static int before(const struct lookup_tag *a, const struct lookup_tag *b)
{
	return (a->top < b->top) | ((a->top == b->top) & (a->low < b->low));
}

static unsigned same(const struct lookup_tag *a, const struct lookup_tag *b)
{
	return (a->top == b->top) & (a->low == b->low);
}

/*
 * One step forward in one of two ascending lists at a time, without a branch
 * on the comparison, which no predictor foresees. Of equal own tags the first
 * meets the peer's.
 */
static void merge(const struct job *j, struct range *g, const struct lookup_tag *t, uint32_t k)
{
	uint32_t i = g->own, p = 0;

	while (p < k && i < g->own_end) {
		const struct lookup_tag *a = &j->own[i], *b = &t[p];
		unsigned behind = (unsigned)before(a, b), equal = same(a, b) & (a->id < j->ids);

		j->hit[i] |= (uint8_t)equal;
		j->peer_hit[b->id] |= (uint8_t)equal;
		/* An own tag that matched stays: equal ones of the peer's may follow. */
		i += behind;
		p += 1 ^ behind;
	}
	g->own = i;
}

static int match_range(const struct job *j, struct range g)
{
	struct lookup_tag t[BLOCK + 1] = { 0 };
	struct lookup_reader rd;

	lookup_reader_init(&rd, j->wire, j->m, j->bits, g.group);
	for (uint32_t left = g.count, k; left > 0; left -= k) {
		unsigned bad = 0;

		k = left < BLOCK ? left : BLOCK;
		lookup_reader_read(&rd, t + 1, k);
		for (uint32_t p = 1; p <= k; p++)
			bad |= (unsigned)before(&t[p], &t[p - 1]);
		if (bad)
			return ERR_PEER;
		merge(j, &g, t + 1, k);
		t[0] = t[k];
	}
	return 0;
}

/* The first own tag whose leading `prefix` bits are at least `group`. */
static uint32_t lower_bound(const struct job *j, uint64_t group, unsigned prefix)
{
	uint32_t lo = 0, hi = j->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (lookup_part(j->own[mid].top, prefix) < group)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Range t of so many: whole groups of the wire format, so that no value is in two of them. */
static struct range range_at(const struct job *j, int t, int ranges)
{
	unsigned prefix = lookup_prefix_bits(j->m);
	uint64_t groups = UINT64_C(1) << prefix;
	uint64_t from = groups * (unsigned)t / (unsigned)ranges, to = groups * (unsigned)(t + 1) / (unsigned)ranges;

	return (struct range){
		.group = (uint32_t)from,
		.count = lookup_wire_count(j->wire, j->m, (uint32_t)from, (uint32_t)to),
		.own = lower_bound(j, from, prefix), .own_end = lower_bound(j, to, prefix),
	};
}

static int match_all(const struct job *j, int threads)
{
	int ranges = lookup_prefix_bits(j->m) ? threads : 1, bad = 0;

#pragma omp parallel for schedule(static, 1) num_threads(ranges) reduction(| : bad)
	for (int t = 0; t < ranges; t++)
		bad |= match_range(j, range_at(j, t, ranges)) ? 1 : 0;
	return bad ? ERR_PEER : 0;
}

/* From sorted order to ids and flags. The merge met the first of several equal tags only: the others follow it. */
static void report(const struct job *j, struct lookup_result *r)
{
	for (uint32_t i = 0; i < j->n; i++) {
		const struct lookup_tag *t = &j->own[i];

		if (i && same(t, t - 1))
			j->hit[i] |= j->hit[i - 1];
		if (t->id < r->ids)
			r->matched[t->id] = j->hit[i];
	}
	for (uint32_t i = 0; i < r->ids; i++)
		r->matches += r->matched[i];
	if (!r->flags)
		return;
	memset(r->flags, 0, ((size_t)j->m + 7) / 8);
	for (uint32_t i = 0; i < j->m; i++)
		r->flags[i / 8] |= (uint8_t)(j->peer_hit[i] << i % 8);
}

int lookup_match_var(struct lookup_result *r, const struct lookup_tag *own, uint32_t n,
		     const uint8_t *wire, uint32_t m, unsigned bits, int threads)
{
	struct job j = {
		.own = own, .wire = wire, .n = n, .m = m, .ids = r->ids, .bits = bits,
		.hit = calloc((size_t)n + 1, 1), .peer_hit = calloc((size_t)m + 1, 1),
	};
	int rc = ERR_NOMEM;

	r->matches = 0;
	if (!j.hit || !j.peer_hit)
		goto out;
	TRY(lookup_wire_check(wire, m));
	TRY(match_all(&j, threads));
	report(&j, r);
out:
	free(j.hit);
	free(j.peer_hit);
	return rc;
}
