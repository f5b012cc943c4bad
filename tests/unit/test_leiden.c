/* Leiden on whole graphs: known optima, connected communities, graphs at the edges of what there is. */
#include "leiden_graphs.h"
#include "test.h"

static void run(const struct lgraph *g, const struct lquality *q, uint64_t seed, uint32_t *label)
{
	struct lconf conf = { .q = *q, .max_move = 20, .max_merge = 10, .iterations = 2 };
	struct prg coins;

	conf.q.total = edges_total(g);
	prg_init(&coins, block_set(seed, 1));
	for (uint32_t u = 0; u < g->n; u++)
		label[u] = u;
	CHECK_INT(leiden_run(&conf, g, &leiden_plain, &coins, label), 0);
	prg_wipe(&coins);
}

static const struct lquality modularity = { .g = 1 };

/* The mean over seeds of the modularity; every community is connected each time. */
static double mean(const struct edges *s, int seeds, double *best)
{
	uint32_t *label = calloc((size_t)s->nodes + 1, sizeof(*label));
	struct lgraph g;
	double sum = 0;

	*best = -1;
	CHECK_INT(lgraph_new(&g, s->nodes, s->e, s->n), 0);
	for (int i = 0; i < seeds; i++) {
		double q;

		run(&g, &modularity, (uint64_t)i, label);
		q = edges_modularity(&g, label, 1);
		CHECK_INT(edges_disconnected(&g, label), 0);
		sum += q;
		*best = q > *best ? q : *best;
	}
	lgraph_free(&g);
	free(label);
	return sum / seeds;
}

TEST(karate)
{
	struct edges s = edges_karate(1);
	double best, m = mean(&s, 40, &best);

	printf("# karate: mean %.4f, best %.4f\n", m, best);
	CHECK(best > 0.4197);	/* the optimum is 0.4198 */
	CHECK(m > 0.415);
	free(s.e);
}

TEST(planted)
{
	struct edges s = edges_planted(3000, 15000, 0.3, 5);
	double best, m;

	edges_unite(&s, 1);
	m = mean(&s, 5, &best);
	printf("# planted: mean %.4f, best %.4f\n", m, best);
	CHECK(m > 0.55);
	free(s.e);
}

static void check_labels(struct edges *s, uint32_t nodes, uint32_t communities)
{
	uint32_t *label = calloc((size_t)nodes + 1, sizeof(*label)), most = 0;
	struct lgraph g;

	CHECK_INT(lgraph_new(&g, nodes, s->e, s->n), 0);
	run(&g, &modularity, 3, label);
	for (uint32_t u = 0; u < nodes; u++)
		most = label[u] >= most ? label[u] + 1 : most;
	CHECK_INT(most, communities);
	CHECK_INT(edges_disconnected(&g, label), 0);
	lgraph_free(&g);
	free(label);
	free(s->e);
	*s = (struct edges){ 0 };
}

TEST(shapes)
{
	struct edges s = { 0 };

	check_labels(&s, 0, 0);
	check_labels(&s, 1, 1);
	check_labels(&s, 5, 5);				/* no edge */
	edges_add(&s, 0, 0, 7);
	check_labels(&s, 1, 1);				/* a loop alone */
	edges_add(&s, 0, 1, 1);
	check_labels(&s, 2, 1);				/* one edge */
	for (uint32_t i = 1; i < 50; i++)
		edges_add(&s, 0, i, 1);
	check_labels(&s, 50, 1);			/* a star */
	for (uint32_t c = 0; c < 3; c++)
		for (uint32_t i = 0; i < 8; i++)
			for (uint32_t j = 0; j < i; j++)
				edges_add(&s, 8 * c + i, 8 * c + j, 1);
	check_labels(&s, 24, 3);			/* cliques without an edge between */
	for (uint32_t c = 0; c < 6; c++) {
		for (uint32_t i = 0; i < 6; i++)
			for (uint32_t j = 0; j < i; j++)
				edges_add(&s, 6 * c + i, 6 * c + j, 1);
		edges_add(&s, 6 * c, 6 * ((c + 1) % 6) + 1, 1);
	}
	check_labels(&s, 36, 6);			/* a ring of cliques */
}

/* Every way from one partition to the next must give connected communities, also with odd weights. */
TEST(always_connected)
{
	uint64_t seed = 9;
	uint32_t label[60];

	for (int round = 0; round < 60; round++) {
		struct edges s = { 0 };
		struct lgraph g;

		for (int i = 0; i < 110; i++)
			edges_add(&s, (uint32_t)(edges_random(&seed) % 60), (uint32_t)(edges_random(&seed) % 60),
				  1 + edges_random(&seed) % (round % 2 ? 1 : 1000000));
		CHECK_INT(lgraph_new(&g, 60, s.e, s.n), 0);
		run(&g, &modularity, seed, label);
		CHECK_INT(edges_disconnected(&g, label), 0);
		run(&g, &(struct lquality){ .cpm = 1, .g = 1, .t = 3 }, seed, label);
		CHECK_INT(edges_disconnected(&g, label), 0);
		lgraph_free(&g);
		free(s.e);
	}
}

/* A higher resolution gives more communities, and with cpm a triangle holds together as long as its density is above it. */
TEST(resolution)
{
	struct edges s = edges_karate(1);
	uint32_t label[34], few = 0, many = 0;
	struct lgraph g;

	CHECK_INT(lgraph_new(&g, s.nodes, s.e, s.n), 0);
	run(&g, &(struct lquality){ .g = 1, .t = 1 }, 1, label);
	for (int i = 0; i < 34; i++)
		few = label[i] > few ? label[i] : few;
	run(&g, &(struct lquality){ .g = 4, .t = 0 }, 1, label);
	for (int i = 0; i < 34; i++)
		many = label[i] > many ? label[i] : many;
	CHECK(many > few + 3);
	lgraph_free(&g);
	free(s.e);
	s = (struct edges){ 0 };
	edges_add(&s, 0, 1, 1);
	edges_add(&s, 1, 2, 1);
	edges_add(&s, 0, 2, 1);
	CHECK_INT(lgraph_new(&g, s.nodes, s.e, s.n), 0);
	run(&g, &(struct lquality){ .cpm = 1, .g = 7, .t = 3 }, 1, label);
	CHECK_INT(label[2], 0);
	run(&g, &(struct lquality){ .cpm = 1, .g = 9, .t = 3 }, 1, label);
	CHECK_INT(label[2], 2);
	lgraph_free(&g);
	free(s.e);
}

TEST(merging)
{
	struct edges s = { 0 };
	struct lgraph g, up;
	uint32_t label[] = { 0, 0, 1, 1 };

	edges_add(&s, 0, 1, 5);
	edges_add(&s, 1, 0, 1);		/* adds up */
	edges_add(&s, 1, 2, 7);
	edges_add(&s, 0, 3, 2);
	edges_add(&s, 3, 3, 4);
	CHECK_INT(lgraph_new(&g, 4, s.e, s.n), 0);
	CHECK_INT(g.start[4], 6);
	CHECK_INT(g.k[0], 8);
	CHECK_INT(g.k[1], 13);
	CHECK_INT(g.k[3], 10);
	CHECK_INT(lgraph_merge(&up, &g, label, 2), 0);
	CHECK_INT(up.n, 2);
	CHECK_INT(up.start[2], 2);
	CHECK_INT(up.w[0], 9);
	CHECK_INT(up.self[0], 6);
	CHECK_INT(up.self[1], 4);
	CHECK_INT(up.k[0], 21);
	CHECK_INT(up.k[1], 17);
	CHECK_INT(up.size[0], 2);
	lgraph_free(&g);
	lgraph_free(&up);
	free(s.e);
}

TEST_MAIN(CASE(karate), CASE(planted), CASE(shapes), CASE(always_connected), CASE(resolution), CASE(merging))
