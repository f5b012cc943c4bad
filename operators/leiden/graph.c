#include "leiden/graph.h"

#include <stdlib.h>
#include <string.h>

static int alloc(struct lgraph *g, uint32_t n, size_t edges)
{
	*g = (struct lgraph){ .n = n };
	g->start = calloc((size_t)n + 1, sizeof(*g->start));
	g->to = calloc(edges + 1, sizeof(*g->to));
	g->w = calloc(edges + 1, sizeof(*g->w));
	g->self = calloc((size_t)n + 1, sizeof(*g->self));
	g->k = calloc((size_t)n + 1, sizeof(*g->k));
	g->size = calloc((size_t)n + 1, sizeof(*g->size));
	return g->start && g->to && g->w && g->self && g->k && g->size ? 0 : ERR_NOMEM;
}

void lgraph_free(struct lgraph *g)
{
	if (g->w)
		explicit_bzero(g->w, g->start[g->n] * sizeof(*g->w));
	if (g->k)
		explicit_bzero(g->k, g->n * sizeof(*g->k));
	if (g->self)
		explicit_bzero(g->self, g->n * sizeof(*g->self));
	free(g->start);
	free(g->to);
	free(g->w);
	free(g->self);
	free(g->k);
	free(g->size);
	*g = (struct lgraph){ 0 };
}

static void degrees(struct lgraph *g)
{
	for (uint32_t u = 0; u < g->n; u++) {
		g->k[u] = 2 * g->self[u];
		for (uint64_t i = g->start[u]; i < g->start[u + 1]; i++)
			g->k[u] += g->w[i];
	}
}

/* What lies where is set by counting; several edges to one neighbour are added up afterwards. */
static void fill(struct lgraph *g, const struct ledge *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (e[i].u == e[i].v) {
			g->self[e[i].u] += e[i].w;
			continue;
		}
		g->start[e[i].u + 1]++;
		g->start[e[i].v + 1]++;
	}
	for (uint32_t u = 0; u < g->n; u++)
		g->start[u + 1] += g->start[u];
	/* from the back: start[u + 1] goes down to where u's edges begin, and is put right by the shift below */
	for (size_t i = count; i-- > 0;) {
		uint64_t a, b;

		if (e[i].u == e[i].v)
			continue;
		a = --g->start[e[i].u + 1];
		b = --g->start[e[i].v + 1];
		g->to[a] = e[i].v;
		g->to[b] = e[i].u;
		g->w[a] = g->w[b] = e[i].w;
	}
}

/* start[u + 1] is where u begins, start[0] is 0: one place down, and the end at the end. */
static void shift(struct lgraph *g, uint64_t edges)
{
	memmove(g->start, g->start + 1, g->n * sizeof(*g->start));
	g->start[g->n] = edges;
}

/* Neighbours once each, in the order of their first edge. seen[v]: 1 + where v stands in u's list. */
static int unite(struct lgraph *g)
{
	uint64_t *seen = calloc((size_t)g->n + 1, sizeof(*seen)), at = 0, begin = 0;

	if (!seen)
		return ERR_NOMEM;
	for (uint32_t u = 0; u < g->n; u++) {
		uint64_t end = g->start[u + 1], first = at;

		for (uint64_t i = begin; i < end; i++) {
			uint32_t v = g->to[i];

			if (seen[v] > first) {
				g->w[seen[v] - 1] += g->w[i];
				continue;
			}
			g->to[at] = v;
			g->w[at] = g->w[i];
			seen[v] = ++at;
		}
		g->start[u] = first;
		begin = end;
	}
	g->start[g->n] = at;
	free(seen);
	return 0;
}

int lgraph_new(struct lgraph *g, uint32_t n, const struct ledge *e, size_t count)
{
	uint64_t edges = 0;
	int rc;

	for (size_t i = 0; i < count; i++)
		edges += e[i].u != e[i].v ? 2 : 0;
	TRY(alloc(g, n, edges));
	for (uint32_t u = 0; u < n; u++)
		g->size[u] = 1;
	fill(g, e, count);
	shift(g, edges);
	TRY(unite(g));
	degrees(g);
out:
	return rc;
}

int lgraph_merge(struct lgraph *out, const struct lgraph *g, const uint32_t *label, uint32_t n)
{
	uint64_t edges = g->start[g->n];
	struct ledge *e = calloc(edges / 2 + 1, sizeof(*e));
	size_t count = 0;
	int rc = ERR_NOMEM;

	*out = (struct lgraph){ 0 };
	if (!e)
		goto out;
	for (uint32_t u = 0; u < g->n; u++)
		for (uint64_t i = g->start[u]; i < g->start[u + 1]; i++)
			if (u < g->to[i])
				e[count++] = (struct ledge){ label[u], label[g->to[i]], g->w[i] };
	TRY(lgraph_new(out, n, e, count));
	memset(out->size, 0, n * sizeof(*out->size));
	for (uint32_t u = 0; u < g->n; u++) {
		out->size[label[u]] += g->size[u];
		out->self[label[u]] += g->self[u];
	}
	degrees(out);
out:
	if (e)
		explicit_bzero(e, count * sizeof(*e));
	free(e);
	return rc;
}

uint32_t lgraph_compact(uint32_t *label, uint32_t n, uint32_t *scratch)
{
	uint32_t next = 0;

	memset(scratch, 0xff, n * sizeof(*scratch));
	for (uint32_t u = 0; u < n; u++) {
		if (scratch[label[u]] == UINT32_MAX)
			scratch[label[u]] = next++;
		label[u] = scratch[label[u]];
	}
	return next;
}
