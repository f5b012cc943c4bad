#include "mpc/waksman.h"

#include <stdlib.h>
#include <string.h>

uint64_t waksman_switches(uint64_t n)
{
	unsigned c = 0;

	if (n < 2)
		return 0;
	while ((UINT64_C(1) << c) < n)
		c++;
	return n * c - (UINT64_C(1) << c) + 1;
}

/* --- the walk -------------------------------------------------------------------- */

enum { FIRST, UPPER, LOWER, LAST, DONE };

static void enter(struct waksman_walk *w, size_t base, size_t n)
{
	w->depth++;
	w->node[w->depth].base = base;
	w->node[w->depth].n = n;
	w->node[w->depth].state = n < 2 ? DONE : FIRST;
	w->node[w->depth].done = 0;
}

void waksman_begin(struct waksman_walk *w, size_t n)
{
	w->depth = -1;
	enter(w, 0, n);
}

static size_t layer_count(size_t n, unsigned state)
{
	return state == FIRST ? n / 2 : (n - 1) / 2;
}

/* A part of the layer that the node at the top is in; 1 when the layer is complete with it. */
static int take(struct waksman_walk *w, size_t most, struct waksman_part *out)
{
	size_t base = w->node[w->depth].base, n = w->node[w->depth].n, from = w->node[w->depth].done;
	unsigned state = w->node[w->depth].state;
	size_t count = layer_count(n, state), to = count - from < most ? count : from + most;

	*out = (struct waksman_part){
		.layer = n == 2 ? WAKSMAN_PAIR : state == FIRST ? WAKSMAN_FIRST : WAKSMAN_LAST,
		.depth = (unsigned)w->depth, .base = base, .n = n, .from = from, .to = to, .count = count,
	};
	w->node[w->depth].done = to;
	return to == count;
}

int waksman_next(struct waksman_walk *w, size_t most, struct waksman_part *out)
{
	while (w->depth >= 0) {
		size_t base = w->node[w->depth].base, n = w->node[w->depth].n;

		switch (w->node[w->depth].state) {
		case FIRST:
			if (take(w, most, out)) {
				w->node[w->depth].state = n == 2 ? DONE : UPPER;
				w->node[w->depth].done = 0;
			}
			return 1;
		case UPPER:
			w->node[w->depth].state = LOWER;
			enter(w, base, n / 2);
			break;
		case LOWER:
			w->node[w->depth].state = LAST;
			enter(w, base + n / 2, n - n / 2);
			break;
		case LAST:
			if (take(w, most, out))
				w->node[w->depth].state = DONE;
			return 1;
		default:
			w->depth--;
		}
	}
	return 0;
}

/* --- the route ------------------------------------------------------------------- */

struct route {
	uint64_t *bits;
	uint32_t *perm[2];		/* of the nodes at even and odd depths */
	uint32_t *inv;
	uint8_t *side;			/* by output: 1 upper, 2 lower, 0 not set */
};

static void set_bit(uint64_t *bits, uint64_t at)
{
	bits[at / 64] |= UINT64_C(1) << (at % 64);
}

/*
 * From an output that comes through the lower node, along the constraints: its
 * input went down, so the input's partner went up, so the output that it
 * becomes comes from above, and that one's partner from below again.
 */
static void follow(uint8_t *side, const uint32_t *perm, const uint32_t *inv, uint32_t n, uint32_t out)
{
	while (side[out] == 0) {
		uint32_t in = perm[out], up;

		side[out] = 2;
		/* The last of an odd number has no partner: both ends of that chain are down. */
		if ((in ^ 1) >= n)
			return;
		up = inv[in ^ 1];
		side[up] = 1;
		if ((up ^ 1) >= n)
			return;
		out = up ^ 1;
	}
}

/* Chains through rows without a choice begin at the last output, which always comes from below. */
static void choose(struct route *r, const uint32_t *perm, uint32_t base, uint32_t n)
{
	uint32_t *inv = r->inv + base;
	uint8_t *side = r->side + base;

	for (uint32_t i = 0; i < n; i++)
		inv[perm[i]] = i;
	memset(side, 0, n);
	follow(side, perm, inv, n, n - 1);
	for (uint32_t i = 0; i < n; i++)
		follow(side, perm, inv, n, i | (i + 1 < n));
}

/* `at`: number of the node's first switch. */
static void route(struct route *r, unsigned depth, uint32_t base, uint32_t n, uint64_t at)
{
	const uint32_t *perm = r->perm[depth % 2] + base;
	uint32_t half = n / 2, *up = r->perm[1 - depth % 2] + base, *low = up + half;
	uint64_t last = at + half + waksman_switches(half) + waksman_switches(n - half);

	if (n < 2)
		return;
	if (n == 2) {
		if (perm[0] == 1)
			set_bit(r->bits, at);
		return;
	}
	choose(r, perm, base, n);
	for (uint32_t i = 0; i < n; i++) {
		int above = r->side[base + i] == 1;

		*(above ? &up[i / 2] : &low[i / 2]) = perm[i] / 2;
		/* A switch is crossed when its second input goes up, or its second output comes from above. */
		if (above && perm[i] % 2)
			set_bit(r->bits, at + perm[i] / 2);
		if (above && i % 2)
			set_bit(r->bits, last + i / 2);
	}
	route(r, depth + 1, base, half, at + half);
	route(r, depth + 1, base + half, n - half, at + half + waksman_switches(half));
}

static int is_permutation(const uint32_t *perm, uint32_t n)
{
	uint8_t *seen = calloc((size_t)n + 1, 1);
	int ok = seen != NULL;

	for (uint32_t i = 0; ok && i < n; i++) {
		ok = perm[i] < n && !seen[perm[i]];
		if (ok)
			seen[perm[i]] = 1;
	}
	free(seen);
	return ok;
}

int waksman_route_var(uint64_t *bits, const uint32_t *perm, uint32_t n)
{
	struct route r = { .bits = bits };
	size_t size = (size_t)n + 1;
	int rc = ERR_INPUT;

	if (!is_permutation(perm, n))
		return rc;
	rc = ERR_NOMEM;
	r.perm[0] = malloc(size * sizeof(uint32_t));
	r.perm[1] = malloc(size * sizeof(uint32_t));
	r.inv = malloc(size * sizeof(uint32_t));
	r.side = malloc(size);
	if (!r.perm[0] || !r.perm[1] || !r.inv || !r.side)
		goto out;
	memcpy(r.perm[0], perm, (size_t)n * sizeof(*perm));
	route(&r, 0, 0, n, 0);
	rc = 0;
out:
	for (int i = 0; i < 2; i++) {
		if (r.perm[i])
			explicit_bzero(r.perm[i], size * sizeof(uint32_t));
		free(r.perm[i]);
	}
	if (r.inv)
		explicit_bzero(r.inv, size * sizeof(uint32_t));
	if (r.side)
		explicit_bzero(r.side, size);
	free(r.inv);
	free(r.side);
	return rc;
}
