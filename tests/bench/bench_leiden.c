/*
 * pet-bench leiden: op-leiden from files to files on a planted power-law graph
 * (tests/unit/leiden_graphs.h), half of the nodes at each party: an edge between
 * nodes of one party lies there with weight 1, one between the parties at both
 * with half. Then the modularity of the same graph by the plain algorithm of
 * this tree and, where libigraph was there at build time, by igraph's Leiden
 * with two iterations.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef PET_HAVE_IGRAPH
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <igraph/igraph.h>
#pragma GCC diagnostic pop
#endif

#include "base/util.h"
#include "bench.h"
#include "leiden_graphs.h"

#define IGRAPH_SEEDS 5

struct files {
	char dir[PATH_MAX / 4];
};

/* Nodes of party b have odd numbers. */
static int write_edges(const struct files *f, const struct edges *s, int side)
{
	char path[PATH_MAX];
	FILE *out;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/edges%d.csv", f->dir, side);
	out = fopen(path, "w");
	if (!out)
		return ERR_IO;
	fputs("source,target,weight\n", out);
	for (size_t i = 0; i < s->n; i++) {
		uint32_t u = s->e[i].u, v = s->e[i].v;

		if (u % 2 == v % 2 && (int)(u % 2) != side)
			continue;
		fprintf(out, "n%u,n%u,%s\n", u, v, u % 2 == v % 2 ? "1" : "0.5");
	}
	if (fclose(out) != 0)
		rc = ERR_IO;
	snprintf(path, sizeof(path), "%s/nodes%d.csv", f->dir, side);
	out = fopen(path, "w");
	if (!out)
		return ERR_IO;
	fputs("node\n", out);
	for (uint32_t u = (uint32_t)side; u < s->nodes; u += 2)
		fprintf(out, "n%u\n", u);
	return fclose(out) != 0 ? ERR_IO : rc;
}

static int run_pair(const struct files *f, int argc, char **argv, const char *threads, json_t **records, struct errmsg *em)
{
	char command[2 * PATH_MAX + 2048];
	const char *d = f->dir;
	json_error_t je;
	FILE *p;

	snprintf(command, sizeof(command),
		 "PET_OPERATOR_DIR=%s %s/pet run op-leiden --a-input user_weights=%s/edges0.csv --b-input user_weights=%s/edges1.csv "
		 "--a-input local_nodes=%s/nodes0.csv --b-input local_nodes=%s/nodes1.csv --a-output cluster=%s/a.out --b-output cluster=%s/b.out "
		 "--param reveal_modularity=true --param fraction_bits=%.8s --param warm_start=%.8s --param n_seeds=%.8s --threads %.8s",
		 PET_BUILD_DIR, PET_BUILD_DIR, d, d, d, d, d, d, bench_opt(argc, argv, "fraction-bits", "1"),
		 bench_opt(argc, argv, "warm-start", "false"), bench_opt(argc, argv, "seeds", "1"), threads);
	p = popen(command, "r");
	if (!p)
		return ERR_IO;
	*records = json_loadf(p, 0, &je);
	if (pclose(p) != 0 || !*records)
		return errmsg_set(em, ERR_INTERNAL, "BENCH", "pet run op-leiden failed");
	return 0;
}

static double larger(const json_t *records, const char *key)
{
	double a = json_number_value(json_object_get(json_object_get(records, "party_a"), key));
	double b = json_number_value(json_object_get(json_object_get(records, "party_b"), key));

	return a > b ? a : b;
}

static double plain_modularity(const struct edges *s)
{
	struct lconf conf = { .q = { .g = 1 }, .max_move = 20, .max_merge = 10, .iterations = 2 };
	uint32_t *label = calloc((size_t)s->nodes + 1, sizeof(*label));
	struct lgraph g = { 0 };
	struct prg coins;
	double q = -1;

	prg_init(&coins, block_set(1, 2));
	if (label && lgraph_new(&g, s->nodes, s->e, s->n) == 0) {
		conf.q.total = edges_total(&g);
		for (uint32_t u = 0; u < g.n; u++)
			label[u] = u;
		if (leiden_run(&conf, &g, &leiden_plain, &coins, label) == 0)
			q = edges_modularity(&g, label, 1);
	}
	lgraph_free(&g);
	free(label);
	return q;
}

#ifdef PET_HAVE_IGRAPH
static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median over seeds. */
static double igraph_modularity_of(const struct edges *s)
{
	igraph_vector_int_t ends, membership;
	igraph_vector_t degree;
	igraph_integer_t clusters;
	igraph_real_t quality;
	igraph_t g;
	double q[IGRAPH_SEEDS];

	igraph_vector_int_init(&ends, 2 * (igraph_integer_t)s->n);
	for (size_t i = 0; i < s->n; i++) {
		VECTOR(ends)[2 * i] = s->e[i].u;
		VECTOR(ends)[2 * i + 1] = s->e[i].v;
	}
	igraph_create(&g, &ends, s->nodes, IGRAPH_UNDIRECTED);
	igraph_vector_init(&degree, 0);
	igraph_strength(&g, &degree, igraph_vss_all(), IGRAPH_ALL, IGRAPH_LOOPS, NULL);
	igraph_vector_int_init(&membership, s->nodes);
	for (int i = 0; i < IGRAPH_SEEDS; i++) {
		igraph_rng_seed(igraph_rng_default(), (igraph_uint_t)i + 1);
		igraph_community_leiden(&g, NULL, &degree, 1.0 / (2.0 * (double)s->n), 0.01, 0, 2, &membership, &clusters, &quality);
		igraph_modularity(&g, &membership, NULL, 1, IGRAPH_UNDIRECTED, &q[i]);
	}
	igraph_vector_int_destroy(&ends);
	igraph_vector_int_destroy(&membership);
	igraph_vector_destroy(&degree);
	igraph_destroy(&g);
	qsort(q, IGRAPH_SEEDS, sizeof(*q), by_value);
	return q[IGRAPH_SEEDS / 2];
}
#endif

static void clean(const struct files *f)
{
	static const char *const names[] = { "edges0.csv", "edges1.csv", "nodes0.csv", "nodes1.csv", "a.out", "b.out" };
	char path[PATH_MAX];

	for (size_t i = 0; i < PET_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
}

static void fill(json_t *out, const json_t *records, const struct edges *s, int threads)
{
	const json_t *result = json_object_get(json_object_get(records, "party_a"), "result");

	bench_fill(out, "leiden", s->n, threads, larger(records, "seconds"), (uint64_t)larger(records, "bytes_sent"),
		   (uint64_t)larger(records, "bytes_received"), (uint64_t)larger(records, "rounds"), (uint64_t)larger(records, "peak_rss_bytes"));
	json_object_set_new(out, "nodes", json_integer(s->nodes));
	json_object_set(out, "candidates", json_object_get(result, "candidates"));
	json_object_set(out, "batches", json_object_get(result, "batches"));
	json_object_set(out, "communities", json_object_get(result, "communities"));
	json_object_set(out, "modularity", json_object_get(result, "modularity"));
	json_object_set_new(out, "plain_modularity", json_real(plain_modularity(s)));
#ifdef PET_HAVE_IGRAPH
	json_object_set_new(out, "igraph_modularity", json_real(igraph_modularity_of(s)));
#endif
}

int bench_leiden(int argc, char **argv, json_t *out, struct errmsg *em)
{
	const char *threads = bench_opt(argc, argv, "threads", "1");
	struct edges s = { 0 };
	struct files f = { "/tmp/pet-bench-leiden-XXXXXX" };
	json_t *records = NULL;
	uint64_t edges, seed;
	int rc;

	TRY(bench_opt_u64(argc, argv, "edges", 10000, &edges, em));
	TRY(bench_opt_u64(argc, argv, "graph", 1, &seed, em));
	if (edges < 100 || edges > UINT64_C(1) << 27)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--edges is from 100 to 2^27");
	if (!mkdtemp(f.dir))
		return errmsg_set(em, ERR_IO, "BENCH", "no folder below /tmp");
	s = edges_planted((uint32_t)(edges / 5), edges, 0.3, seed);
	edges_unite(&s, 1);
	TRY(write_edges(&f, &s, 0));
	TRY(write_edges(&f, &s, 1));
	TRY(run_pair(&f, argc, argv, threads, &records, em));
	fill(out, records, &s, atoi(threads));
out:
	json_decref(records);
	clean(&f);
	free(s.e);
	return rc;
}
