/* Where the runs begin, the runs, and the best of them. */
#include <stdlib.h>
#include <string.h>

#include "leiden/job.h"
#include "mpc/cmp.h"
#include "mpc/mux.h"
#include "mpc/open.h"

#define SMALL 256	/* nodes up to which ten iterations of three seeds cost little; */
#define MEDIUM 4096	/* four of two */

static int peer_error(struct ljob *j, const char *what)
{
	return errmsg_set(j->em, ERR_PEER, "BAD_PEER", "leiden: the other party sent %s", what);
}

/* --- warm start ------------------------------------------------------------------------ */

/* The edges between own nodes, as a graph of all numbers. */
static int own_graph(const struct ljob *j, struct lgraph *g)
{
	struct ledge *e = calloc(j->in.edges + 1, sizeof(*e));
	size_t n = 0;
	int rc;

	if (!e)
		return ERR_NOMEM;
	for (size_t i = 0; i < j->in.edges; i++) {
		uint32_t u = j->un.name[j->edge[i].u], v = j->un.name[j->edge[i].v];

		if (j->in.is_local[u] && j->in.is_local[v])
			e[n++] = j->edge[i];
	}
	rc = lgraph_new(g, j->un.n, e, n);
	explicit_bzero(e, n * sizeof(*e));
	free(e);
	return rc;
}

/* Where the total is kept from the other party, twice the own one stands for it. */
static int own_communities(struct ljob *j, uint32_t *label)
{
	struct lgraph g = { 0 };
	struct lconf conf = j->conf;
	struct prg coins;
	int rc;

	if (j->hidden)
		conf.q.total = 2 * j->own_total;
	prg_init_random(&coins);
	TRY(own_graph(j, &g));
	if (g.start[g.n] && conf.q.total)
		TRY(leiden_run(&conf, &g, &leiden_plain, &coins, label));
out:
	prg_wipe(&coins);
	lgraph_free(&g);
	return rc;
}

/* In place: per own node the smallest number in its community, UINT32_MAX for all others. */
static int name_by_smallest(const struct ljob *j, uint32_t *label)
{
	uint32_t n = j->un.n, *least = malloc(((size_t)n + 1) * sizeof(*least));

	if (!least)
		return ERR_NOMEM;
	memset(least, 0xff, ((size_t)n + 1) * sizeof(*least));
	for (uint32_t u = 0; u < n; u++) {
		int own = j->un.name[u] != UINT32_MAX && j->in.is_local[j->un.name[u]];

		if (own && least[label[u]] == UINT32_MAX)
			least[label[u]] = u;
		label[u] = own ? least[label[u]] : UINT32_MAX;
	}
	free(least);
	return 0;
}

/* A node is of one party; a label is the number of a node of the same party, in that community itself. */
static int join_labels(struct ljob *j, const uint32_t *own, const uint32_t *theirs)
{
	uint32_t none = UINT32_MAX;

	for (uint32_t u = 0; u < j->un.n; u++) {
		if (own[u] != none && theirs[u] != none)
			return errmsg_set(j->em, ERR_INPUT, "NODE_OF_BOTH", "both parties list a node as their own: expected each node at one party");
		if (theirs[u] != none && (theirs[u] >= j->un.n || theirs[theirs[u]] != theirs[u]))
			return peer_error(j, "a community that is none");
		j->begin[u] = own[u] != none ? own[u] : theirs[u] != none ? theirs[u] : u;
	}
	return 0;
}

/* Without warm_start every own node is a community of its own: what is said then is only whose it is. */
int ljob_warm(struct ljob *j)
{
	uint32_t n = j->un.n, *own = calloc((size_t)n + 1, sizeof(*own)), *theirs = calloc((size_t)n + 1, sizeof(*theirs));
	int rc = ERR_NOMEM;

	j->begin = calloc((size_t)n + 1, sizeof(*j->begin));
	if (!own || !theirs || !j->begin)
		goto out;
	for (uint32_t u = 0; u < n; u++)
		own[u] = u;
	if (j->conf.iterations == 0)
		j->conf.iterations = n <= SMALL ? 10 : n <= MEDIUM ? 4 : 2;
	if (j->seeds == 0)
		j->seeds = n <= SMALL ? 3 : n <= MEDIUM ? 2 : 1;
	if (j->warm_start)
		TRY(own_communities(j, own));
	TRY(name_by_smallest(j, own));
	rc = chan_exchange(op_chan(j->ctx), own, n * sizeof(*own), theirs, n * sizeof(*theirs));
	if (rc) {
		errmsg_set(j->em, rc, "PEER_LOST", "%s", chan_error(op_chan(j->ctx)));
		goto out;
	}
	rc = join_labels(j, own, theirs);
out:
	free(own);
	free(theirs);
	return rc;
}

/* --- runs --------------------------------------------------------------------------------- */

static int on_step(void *arg, unsigned level, int refining)
{
	struct ljob *j = arg;
	double done = (double)++j->batches;
	char stage[32];

	snprintf(stage, sizeof(stage), "%s, level %u", refining ? "refine" : "move", level);
	/* how many batches there will be is not known: half of the way after 100 of each seed */
	done -= 100.0 * j->seed;
	op_progress(j->ctx, 0.1 + 0.8 * (j->seed + (done > 0 ? done / (done + 100) : 0)) / j->seeds, stage);
	return op_canceled(j->ctx) ? ERR_CANCELED : 0;
}

/* Both read as two's complement of the ring, then as a quality: see lsecure_quality. */
static double quality_of(const struct ljob *j, const struct avec *q)
{
	__int128 v = q->bits > 64 ? (__int128)((unsigned __int128)q->v[1] << 64 | q->v[0]) :
				    (__int128)((int64_t)(q->v[0] << (64 - q->bits)) >> (64 - q->bits));
	double x = (double)v, m = (double)j->conf.q.total;

	for (unsigned i = 0; i < j->conf.q.t; i++)
		x /= 2;
	if (!j->conf.q.cpm)
		return m > 0 ? x / m / m : 0;
	/* edges once, and pairs of different nodes: n (n - 1) / 2 = (n^2 - n) / 2 */
	for (unsigned i = 0; i < j->fraction_bits; i++)
		x /= 2;
	m = (double)j->conf.q.g;
	for (unsigned i = 0; i < j->conf.q.t + j->fraction_bits; i++)
		m /= 2;
	return (x + m * j->un.n) / 2;
}

/* Is the new one better? Only this is opened. */
static int better(struct lsecure *s, const struct avec *best, const struct avec *q, int *yes)
{
	struct bvec less = { 0 };
	int rc;

	TRY(bvec_new(&less, 1));
	TRY(mpc_lt(s->m, &less, best, q));
	TRY(mpc_reveal_bits(s->m, MPC_BOTH, &less, &less));
	*yes = (int)bits_get(less.w, 0);
out:
	bvec_free(&less);
	return rc;
}

static int one_seed(struct ljob *j, struct lsecure *s, uint32_t *label, struct avec *q)
{
	struct leval e = lsecure_eval(s);
	struct prg coins;
	int rc;

	/* a start that is warm can also be a trap: the other seeds begin cold */
	for (uint32_t u = 0; u < j->un.n; u++)
		label[u] = j->seed ? u : j->begin[u];
	prg_init(&coins, block_set(j->coins.w[0] + j->seed, j->coins.w[1]));
	TRY(leiden_run(&j->conf, &j->g, &e, &coins, label));
	TRY(lsecure_quality(s, &j->g, label, q));
out:
	prg_wipe(&coins);
	return rc;
}

static int all_seeds(struct ljob *j, struct lsecure *s, int reveal)
{
	uint32_t *label = calloc((size_t)j->un.n + 1, sizeof(*label));
	struct avec best = { 0 }, q = { 0 };
	unsigned bits = lsecure_bits(&s->q, s->total_bits, j->un.n);
	int rc = ERR_NOMEM, yes;

	if (!label)
		goto out;
	TRY(avec_new(&best, 1, bits, 0));
	TRY(avec_new(&q, 1, bits, 0));
	for (j->seed = 0; j->seed < j->seeds; j->seed++) {
		TRY(one_seed(j, s, label, &q));
		yes = 1;
		if (j->seed)
			TRY(better(s, &best, &q, &yes));
		if (!yes)
			continue;
		memcpy(j->label, label, j->un.n * sizeof(*label));
		avec_copy(&best, &q);
	}
	if (!reveal)
		goto out;
	TRY(mpc_reveal(s->m, MPC_BOTH, &best, &best));
	j->quality = quality_of(j, &best);
	j->has_quality = 1;
out:
	avec_free(&best);
	avec_free(&q);
	free(label);
	return rc;
}

static void count_communities(struct ljob *j)
{
	for (uint32_t u = 0; u < j->un.n; u++)
		j->communities = j->label[u] >= j->communities ? j->label[u] + 1 : j->communities;
}

static int secure_runs(struct ljob *j)
{
	struct mpc_conf conf = { .chan = op_chan(j->ctx), .party = !op_is_first(j->ctx), .kind = OT_AUTO, .threads = j->threads };
	struct lsecure s = {
		.q = j->conf.q, .total_bits = j->total_bits, .own_total = j->own_total, .peer_edges = j->peer_edges, .em = j->em,
		.step = on_step, .arg = j,
	};
	int rc = mpc_new(&s.m, &conf, j->em);

	if (rc == 0)
		rc = all_seeds(j, &s, op_bool(j->ctx, "reveal_modularity"));
	if (rc && rc != ERR_NOMEM && !j->em->code[0])
		errmsg_set(j->em, rc, "PEER_LOST", "leiden: %s", s.m ? mpc_error(s.m) : err_name(rc));
	j->evaluated = s.evaluated;
	mpc_free(s.m);
	return rc;
}

int ljob_solve(struct ljob *j)
{
	int rc;

	if (lsecure_bits(&j->conf.q, j->total_bits, j->un.n) == 0)
		return errmsg_set(j->em, ERR_INPUT, "WEIGHT_RANGE", "the weights, the resolution and fraction_bits do not fit 127 bits: use less fraction_bits");
	j->label = calloc((size_t)j->un.n + 1, sizeof(*j->label));
	if (!j->label)
		return ERR_NOMEM;
	memcpy(j->label, j->begin, j->un.n * sizeof(*j->label));
	/* without a single edge each node is alone, and both parties know it */
	rc = j->conf.q.total || j->hidden ? secure_runs(j) : 0;
	count_communities(j);
	return rc;
}
