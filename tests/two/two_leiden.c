/*
 * Leiden of two parties against the plain one with the same coins: the labels are the same, whatever part of the
 * weights each party has; what a party receives is as long and means the same whatever the other's weights are.
 */
#include "leiden/secure.h"

#include "leiden_graphs.h"
#include "mpc/open.h"
#include "pair.h"
#include "test.h"

struct setting {
	const struct edges *edges;	/* of the common graph */
	uint64_t split;			/* seed of who has what; 0: each edge at one party only */
	struct lconf conf;
	unsigned total_bits;
	int hidden;			/* the total is kept shared */
	/* out */
	uint32_t *label[2];
	uint64_t received[2], evaluated;
	__int128 quality;
};

/* Party p's part of edge i: any part of the weight. */
static uint64_t part(const struct setting *t, size_t i, int party)
{
	uint64_t seed = t->split + i, w = t->edges->e[i].w, first;

	first = edges_random(&seed) % (w + 1);
	if (!t->split)
		first = i % 2 ? 0 : w;
	return party == 0 ? first : w - first;
}

static int own_graph(const struct setting *t, int party, struct lgraph *g)
{
	struct edges own = { .nodes = t->edges->nodes };
	int rc;

	for (size_t i = 0; i < t->edges->n; i++) {
		uint64_t w = part(t, i, party);

		if (w)
			edges_add(&own, t->edges->e[i].u, t->edges->e[i].v, w);
	}
	rc = lgraph_new(g, t->edges->nodes, own.e, own.n);
	free(own.e);
	return rc;
}

static int side(struct mpc *m, void *arg)
{
	struct setting *t = arg;
	struct errmsg em = { .code = "" };
	int p = mpc_party(m), rc;
	struct lsecure s = { .m = m, .q = t->conf.q, .total_bits = t->total_bits, .peer_edges = t->edges->n, .em = &em };
	struct lconf conf = t->conf;
	struct lgraph g = { 0 };
	struct chan_stats before, after;
	struct avec q = { 0 };
	struct leval e = lsecure_eval(&s);
	struct prg coins;

	if (t->hidden)
		conf.q.total = s.q.total = 0;
	prg_init(&coins, block_set(11, 12));
	TRY(own_graph(t, p, &g));
	s.own_total = edges_total(&g);
	chan_stats(mpc_chan(m), &before);
	for (uint32_t u = 0; u < g.n; u++)
		t->label[p][u] = u;
	TRY(leiden_run(&conf, &g, &e, &coins, t->label[p]));
	chan_stats(mpc_chan(m), &after);
	t->received[p] = after.bytes_received - before.bytes_received;
	TRY(avec_new(&q, 1, lsecure_bits(&s.q, s.total_bits, g.n), 0));
	TRY(lsecure_quality(&s, &g, t->label[p], &q));
	TRY(mpc_reveal(m, MPC_BOTH, &q, &q));
	if (p == 0) {
		t->evaluated = s.evaluated;
		t->quality = q.bits > 64 ? (__int128)((unsigned __int128)q.v[1] << 64 | q.v[0]) :
			     (int64_t)(q.v[0] << (64 - q.bits)) >> (64 - q.bits);
	}
out:
	lgraph_free(&g);
	avec_free(&q);
	return rc;
}

static void run_secure(struct setting *t, int threads)
{
	struct pair_side s[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		s[i].conf = (struct mpc_conf){ .kind = OT_SOFTSPOKEN4, .threads = threads };
		s[i].run = side;
		s[i].arg = t;
		t->label[i] = calloc((size_t)t->edges->nodes + 1, sizeof(uint32_t));
	}
	pair_run(s);
	CHECK_INT(s[0].rc, 0);
	CHECK_INT(s[1].rc, 0);
	if (s[0].rc || s[1].rc)
		printf("# %s / %s\n", s[0].em.local, s[1].em.local);
}

static unsigned bits_for(uint64_t v)
{
	unsigned n = 0;

	for (; v; v >>= 1)
		n++;
	return n;
}

/* Secure and plain runs of one setting; the quality is that of the plain formula. */
static void compare(struct setting *t, int threads)
{
	uint32_t *want = calloc((size_t)t->edges->nodes + 1, sizeof(*want)), n = t->edges->nodes;
	struct lgraph g;
	struct prg coins;
	double q;

	CHECK_INT(lgraph_new(&g, n, t->edges->e, t->edges->n), 0);
	t->conf.q.total = edges_total(&g);
	if (!t->total_bits)
		t->total_bits = bits_for(t->conf.q.total);
	prg_init(&coins, block_set(11, 12));
	for (uint32_t u = 0; u < n; u++)
		want[u] = u;
	CHECK_INT(leiden_run(&t->conf, &g, &leiden_plain, &coins, want), 0);
	run_secure(t, threads);
	for (int p = 0; p < 2; p++)
		CHECK(memcmp(t->label[p], want, n * sizeof(*want)) == 0);
	CHECK_INT(edges_disconnected(&g, want), 0);
	if (!t->conf.q.cpm && t->conf.q.total) {
		q = (double)t->quality / (double)t->conf.q.total / (double)t->conf.q.total / ldexp(1, (int)t->conf.q.t);
		CHECK(fabs(q - edges_modularity(&g, want, ldexp((double)t->conf.q.g, -(int)t->conf.q.t))) < 1e-9);
	}
	lgraph_free(&g);
	free(want);
}

static void drop(struct setting *t)
{
	free(t->label[0]);
	free(t->label[1]);
}

static const struct lconf usual = { .q = { .g = 1 }, .max_move = 20, .max_merge = 10, .iterations = 2 };

TEST(karate_in_parts)
{
	struct edges s = edges_karate(4);

	for (uint64_t split = 0; split < 3; split++) {
		struct setting t = { .edges = &s, .split = split, .conf = usual };

		compare(&t, split == 2 ? 4 : 1);
		drop(&t);
	}
	free(s.e);
}

TEST(options)
{
	static const struct lquality q[] = { { .g = 5000, .t = 12 }, { .cpm = 1, .g = 3, .t = 4 }, { .cpm = 1, .g = 1 } };
	struct edges s = edges_karate(2);

	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		struct setting t = { .edges = &s, .split = 5, .conf = usual };

		t.conf.q = q[i];
		compare(&t, 1);
		drop(&t);
	}
	free(s.e);
}

TEST(total_kept_shared)
{
	struct edges s = edges_karate(8);
	struct setting t = { .edges = &s, .split = 5, .conf = usual, .hidden = 1, .total_bits = 14 };

	compare(&t, 1);
	drop(&t);
	free(s.e);
}

TEST(planted)
{
	struct edges s = edges_planted(600, 2400, 0.2, 3);
	struct setting t = { .edges = &s, .split = 77, .conf = usual };

	edges_unite(&s, 1024);
	compare(&t, 2);
	printf("# %zu edges: %llu candidates\n", s.n, (unsigned long long)t.evaluated);
	drop(&t);
	free(s.e);
}

/* Weights over 50 bits take the ring of 128 bits; a hub has thousands of candidates. */
TEST(extremes)
{
	struct edges s = edges_karate(1);
	struct setting t = { .edges = &s, .split = 4, .conf = usual };

	for (size_t i = 0; i < s.n; i++)
		s.e[i].w = (uint64_t)1 << (i * 50 / s.n);
	compare(&t, 1);
	drop(&t);
	free(s.e);
	s = (struct edges){ 0 };
	for (uint32_t u = 1; u < 3000; u++)
		edges_add(&s, 0, u, 1 + u % 7);
	t = (struct setting){ .edges = &s, .split = 4, .conf = usual };
	compare(&t, 1);
	drop(&t);
	free(s.e);
}

TEST(shapes)
{
	struct edges s = { 0 };

	for (uint32_t n = 0; n < 3; n++) {
		struct setting t = { .edges = &s, .split = 1, .conf = usual, .total_bits = 10 };

		s.nodes = n;	/* no edge */
		compare(&t, 1);
		drop(&t);
	}
	for (uint32_t c = 0; c < 4; c++)
		for (uint32_t i = 0; i < 5; i++)
			for (uint32_t j = 0; j < i; j++)
				edges_add(&s, 5 * c + i, 5 * c + j, 3);
	edges_add(&s, 2, 2, 9);
	for (uint64_t split = 0; split < 2; split++) {
		struct setting t = { .edges = &s, .split = split, .conf = usual };

		compare(&t, 1);
		CHECK_INT(t.label[0][19], 3);
		drop(&t);
	}
	free(s.e);
}

/*
 * What a party sees must not depend on the other's weights: with the same edges at each party, the same total and the same
 * course of labels, the bytes are as many, and all that is opened are candidates and labels.
 */
TEST(view)
{
	struct edges a = { 0 }, b = { 0 };
	struct setting t[2] = { { .edges = &a, .conf = usual }, { .edges = &b, .conf = usual } };

	/* Two cliques and a bridge; edges lie at party 0 and 1 in turn, and in b those of party 1 have other weights. */
	for (uint32_t c = 0; c < 2; c++)
		for (uint32_t i = 0; i < 6; i++)
			for (uint32_t j = 0; j < i; j++) {
				uint64_t w = 1000 + a.n * 7919 % 389;

				edges_add(&b, 6 * c + i, 6 * c + j, a.n == 29 || a.n % 2 == 0 ? w : a.n % 4 == 1 ? w + 1 : w - 1);
				edges_add(&a, 6 * c + i, 6 * c + j, w);
			}
	edges_add(&a, 0, 6, 10);
	edges_add(&b, 0, 6, 10);
	for (int i = 0; i < 2; i++)
		compare(&t[i], 1);
	CHECK_INT(t[0].conf.q.total, t[1].conf.q.total);
	CHECK_INT(t[0].evaluated, t[1].evaluated);	/* the same course */
	CHECK(memcmp(t[0].label[0], t[1].label[0], a.nodes * sizeof(uint32_t)) == 0);
	printf("# received %llu, %llu bytes\n", (unsigned long long)t[0].received[0], (unsigned long long)t[1].received[0]);
	for (int p = 0; p < 2; p++)
		CHECK_INT(t[0].received[p], t[1].received[p]);
	for (int i = 0; i < 2; i++)
		drop(&t[i]);
	free(a.e);
	free(b.e);
}

TEST_MAIN(CASE(karate_in_parts), CASE(options), CASE(total_kept_shared), CASE(planted), CASE(extremes), CASE(shapes), CASE(view))
