/* Graphs for the tests and benches of Leiden, and what is to be said of a partition in plaintext. */
#ifndef PET_TESTS_LEIDEN_GRAPHS_H
#define PET_TESTS_LEIDEN_GRAPHS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "leiden/leiden.h"

struct edges {
	uint32_t nodes;
	size_t n, cap;
	struct ledge *e;
};

static inline void edges_add(struct edges *s, uint32_t u, uint32_t v, uint64_t w)
{
	if (s->n == s->cap) {
		s->cap = s->cap * 2 + 64;
		s->e = realloc(s->e, s->cap * sizeof(*s->e));
		if (!s->e)
			abort();
	}
	s->e[s->n++] = (struct ledge){ u, v, w };
	if (u >= s->nodes)
		s->nodes = u + 1;
	if (v >= s->nodes)
		s->nodes = v + 1;
}

/* Zachary, "An Information Flow Model for Conflict and Fission in Small Groups", 1977: 34 members, 78 ties. */
static inline struct edges edges_karate(uint64_t w)
{
	static const uint8_t tie[][2] = {
		{ 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 4 }, { 0, 5 }, { 0, 6 }, { 0, 7 }, { 0, 8 }, { 0, 10 }, { 0, 11 }, { 0, 12 },
		{ 0, 13 }, { 0, 17 }, { 0, 19 }, { 0, 21 }, { 0, 31 }, { 1, 2 }, { 1, 3 }, { 1, 7 }, { 1, 13 }, { 1, 17 }, { 1, 19 },
		{ 1, 21 }, { 1, 30 }, { 2, 3 }, { 2, 7 }, { 2, 8 }, { 2, 9 }, { 2, 13 }, { 2, 27 }, { 2, 28 }, { 2, 32 }, { 3, 7 },
		{ 3, 12 }, { 3, 13 }, { 4, 6 }, { 4, 10 }, { 5, 6 }, { 5, 10 }, { 5, 16 }, { 6, 16 }, { 8, 30 }, { 8, 32 }, { 8, 33 },
		{ 9, 33 }, { 13, 33 }, { 14, 32 }, { 14, 33 }, { 15, 32 }, { 15, 33 }, { 18, 32 }, { 18, 33 }, { 19, 33 }, { 20, 32 },
		{ 20, 33 }, { 22, 32 }, { 22, 33 }, { 23, 25 }, { 23, 27 }, { 23, 29 }, { 23, 32 }, { 23, 33 }, { 24, 25 }, { 24, 27 },
		{ 24, 31 }, { 25, 31 }, { 26, 29 }, { 26, 33 }, { 27, 33 }, { 28, 31 }, { 28, 33 }, { 29, 32 }, { 29, 33 }, { 30, 32 },
		{ 30, 33 }, { 31, 32 }, { 31, 33 }, { 32, 33 },
	};
	struct edges s = { 0 };

	for (size_t i = 0; i < sizeof(tie) / sizeof(tie[0]); i++)
		edges_add(&s, tie[i][0], tie[i][1], w);
	return s;
}

static inline uint64_t edges_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline double edges_unit(uint64_t *seed)
{
	return (double)(edges_random(seed) >> 11) * 0x1p-53;
}

/* A number from 1 on with a density of x^-a, at most `most`. */
static inline double edges_power(uint64_t *seed, double a, double most)
{
	double u = edges_unit(seed), top = pow(most, 1 - a);

	return pow(1 + u * (top - 1), 1 / (1 - a));
}

/*
 * Planted communities of power-law sizes with power-law degrees: each edge leaves its community with probability mu.
 * An end is drawn in proportion to the nodes' propensities. Repeated edges and loops are dropped, so there are about `m`.
 */
static inline struct edges edges_planted(uint32_t nodes, size_t m, double mu, uint64_t seed)
{
	struct edges s = { .nodes = nodes };
	uint32_t *community = calloc((size_t)nodes + 1, sizeof(*community)), *first = calloc((size_t)nodes + 2, sizeof(*first));
	double *sum = calloc((size_t)nodes + 1, sizeof(*sum));
	uint32_t communities = 0;

	for (uint32_t u = 0; u < nodes;) {
		uint32_t size = (uint32_t)(20 * edges_power(&seed, 2, 20));

		first[communities] = u;
		for (uint32_t i = 0; i < size && u < nodes; i++, u++) {
			community[u] = communities;
			sum[u + 1] = sum[u] + edges_power(&seed, 2.5, 100);
		}
		first[++communities] = u;
	}
	for (size_t i = 0; i < m; i++) {
		double from = 0, to = sum[nodes];
		uint32_t end[2];

		for (int k = 0; k < 2; k++) {
			double x = from + edges_unit(&seed) * (to - from);
			uint32_t lo = 0, hi = nodes;

			while (lo + 1 < hi) {
				uint32_t mid = lo + (hi - lo) / 2;

				if (sum[mid] <= x)
					lo = mid;
				else
					hi = mid;
			}
			end[k] = lo;
			if (k == 0 && edges_unit(&seed) >= mu) {
				from = sum[first[community[lo]]];
				to = sum[first[community[lo] + 1]];
			}
		}
		if (end[0] != end[1])
			edges_add(&s, end[0], end[1], 1);
	}
	free(community);
	free(first);
	free(sum);
	return s;
}

/* Edges between the same two nodes become one of weight w. */
static inline void edges_unite(struct edges *s, uint64_t w)
{
	struct lgraph g;
	uint32_t nodes = s->nodes;

	if (lgraph_new(&g, nodes, s->e, s->n) != 0)
		abort();
	s->n = 0;
	for (uint32_t u = 0; u < nodes; u++)
		for (uint64_t i = g.start[u]; i < g.start[u + 1]; i++)
			if (u < g.to[i])
				edges_add(s, u, g.to[i], w);
	s->nodes = nodes;
	lgraph_free(&g);
}

static inline uint64_t edges_total(const struct lgraph *g)
{
	uint64_t total = 0;

	for (uint32_t u = 0; u < g->n; u++)
		total += g->k[u];
	return total;
}

static inline double edges_modularity(const struct lgraph *g, const uint32_t *label, double resolution)
{
	double *k = calloc((size_t)g->n + 1, sizeof(*k)), inside = 0, expected = 0, total = (double)edges_total(g);

	for (uint32_t u = 0; u < g->n; u++) {
		k[label[u]] += (double)g->k[u];
		inside += 2 * (double)g->self[u];
		for (uint64_t i = g->start[u]; i < g->start[u + 1]; i++)
			inside += label[g->to[i]] == label[u] ? (double)g->w[i] : 0;
	}
	for (uint32_t c = 0; c < g->n; c++)
		expected += k[c] * k[c];
	free(k);
	return total > 0 ? inside / total - resolution * expected / total / total : 0;
}

/* Communities that fall apart. */
static inline uint32_t edges_disconnected(const struct lgraph *g, const uint32_t *label)
{
	uint32_t *stack = calloc((size_t)g->n + 1, sizeof(*stack)), bad = 0;
	uint8_t *seen = calloc((size_t)g->n + 1, 1), *begun = calloc((size_t)g->n + 1, 1);

	for (uint32_t u = 0; u < g->n; u++) {
		size_t top = 0;

		if (seen[u])
			continue;
		bad += begun[label[u]];
		begun[label[u]] = 1;
		stack[top++] = u;
		seen[u] = 1;
		while (top) {
			uint32_t v = stack[--top];

			for (uint64_t i = g->start[v]; i < g->start[v + 1]; i++) {
				uint32_t t = g->to[i];

				if (!seen[t] && label[t] == label[v]) {
					seen[t] = 1;
					stack[top++] = t;
				}
			}
		}
	}
	free(stack);
	free(seen);
	free(begun);
	return bad;
}

#endif
