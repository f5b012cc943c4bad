/* op-leiden: communities of a graph whose weights lie at two parties. docs/operators/leiden.md says what it does and who learns what. */
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "leiden/job.h"

#define RESOLUTION_BITS 12

static const char *const objectives[] = { "modularity", "cpm", NULL };

static const struct op_param params[] = {
	{ .name = "objective", .type = OP_STRING, .words = objectives, .fallback = "\"modularity\"",
	  .help = "what is made large: modularity, or the constant Potts model (weight inside less resolution times pairs of nodes)" },
	{ .name = "resolution", .type = OP_NUMBER, .low = 0.0001, .high = 10000, .fallback = "1",
	  .help = "the higher, the more communities; taken to 1/4096, or exactly when it is an integer" },
	{ .name = "max_move", .type = OP_INT, .low = 1, .high = 1000, .fallback = "20",
	  .help = "how many times at most each node has a turn, on average, in one phase" },
	{ .name = "max_merge", .type = OP_INT, .low = 1, .high = 100, .fallback = "10",
	  .help = "how many times at most communities become nodes in one iteration" },
	{ .name = "n_iterations", .type = OP_INT, .low = 0, .high = 100, .fallback = "0",
	  .help = "iterations at most, each from the result of the one before; 0: 10 up to 256 nodes, 4 up to 4096, else 2" },
	{ .name = "n_seeds", .type = OP_INT, .low = 0, .high = 32, .fallback = "0",
	  .help = "runs with different coins, of which the best is kept; the labels of each become known; 0: 3 up to 256 nodes, 2 up to 4096, else 1" },
	{ .name = "seed", .type = OP_INT, .low = -1, .high = 9007199254740991.0, .fallback = "-1",
	  .help = "of the public coins; -1: fresh ones" },
	{ .name = "fraction_bits", .type = OP_INT, .low = 0, .high = 40, .fallback = "10",
	  .help = "weights are rounded to 2^-fraction_bits; one that would change by more than a hundredth is refused" },
	{ .name = "warm_start", .type = OP_BOOL, .fallback = "false",
	  .help = "true: the first seed begins with each party's own communities of its own nodes, which the other party then knows; false: with each node alone, as the other seeds do" },
	{ .name = "reveal_total_weight", .type = OP_BOOL, .fallback = "true",
	  .help = "the parties tell each other the sums of their weights; false: kept shared, which costs another product per candidate" },
	{ .name = "total_weight_limit", .type = OP_NUMBER, .low = 0, .high = 1e18, .fallback = "0",
	  .help = "needed where reveal_total_weight is false: no party's degrees add up to more" },
	{ .name = "reveal_modularity", .type = OP_BOOL, .fallback = "false",
	  .help = "both parties learn the quality of the result" },
	{ .name = NULL },
};

static const struct op_file inputs[] = {
	{ .name = "user_weights", .required = 1, .help = "JSON {node: {neighbour: weight}}, or CSV with columns source, target, weight" },
	{ .name = "local_nodes", .required = 1, .help = "JSON list of own nodes, or CSV with a column node" },
	{ .name = NULL },
};

static const struct op_file outputs[] = {
	{ .name = "cluster", .required = 1, .help = "CSV user_id,cluster_id of the own nodes, in the order of local_nodes" },
	{ .name = "graph", .help = "the own part of the graph with its communities: .graphml or .dot" },
	{ .name = "picture", .help = "the same as an .svg, up to 2,000 nodes" },
	{ .name = NULL },
};

static const char *const public_context[] = { "communities", "modularity", NULL };

static const struct op_disclosure discloses[] = {
	{ "both", "how many nodes and how many edges the other party's files have", NULL },
	{ "both", "which nodes of its own file are in the other party's too, and which of these are the other party's own", NULL },
	{ "both", "the adjacency: pairs of a node and a community that an edge of the other party connects, nodes that only the other party has being numbers; "
		  "while communities are single nodes these are the edges themselves", NULL },
	{ "both", "the community of every node, numbers again, after every batch of every seed: a move or none says which of two sums of weights is larger", NULL },
	{ "both", "the communities that the other party finds among its own nodes alone", "warm_start: true" },
	{ "both", "the sum of the other party's weights", "reveal_total_weight: true (the default)" },
	{ "both", "which seed's partition is better", "n_seeds other than 1" },
	{ "both", "the quality of the result", "reveal_modularity: true" },
	{ .learner = NULL },
};

static int check(const json_t *p, struct errmsg *em)
{
	if (json_is_false(json_object_get(p, "reveal_total_weight")) && !(json_number_value(json_object_get(p, "total_weight_limit")) > 0))
		return errmsg_set(em, ERR_INPUT, "MISSING_PARAMETER", "params.total_weight_limit is missing: reveal_total_weight: false needs a bound above 0");
	return 0;
}

/* g / 2^t, in units of the weights for cpm. */
static int take_resolution(struct ljob *j)
{
	struct lquality *q = &j->conf.q;
	double r = op_num(j->ctx, "resolution");

	if (q->cpm)
		r = ldexp(r, (int)j->fraction_bits);
	q->t = r == floor(r) ? 0 : RESOLUTION_BITS;
	r = nearbyint(ldexp(r, (int)q->t));
	if (r < 1 || r >= 0x1p60)
		return errmsg_set(j->em, ERR_INPUT, "BAD_PARAMETER", "params.resolution is out of range: expected 1/4096 or more");
	q->g = (uint64_t)r;
	return 0;
}

static int take_request(struct ljob *j, struct op_ctx *ctx)
{
	j->ctx = ctx;
	j->em = op_errmsg(ctx);
	j->fraction_bits = (unsigned)op_int(ctx, "fraction_bits");
	j->seeds = (unsigned)op_int(ctx, "n_seeds");
	j->warm_start = op_bool(ctx, "warm_start");
	j->hidden = !op_bool(ctx, "reveal_total_weight");
	j->total_limit = op_num(ctx, "total_weight_limit");
	j->conf.q.cpm = strcmp(op_str(ctx, "objective"), "cpm") == 0;
	j->conf.max_move = (unsigned)op_int(ctx, "max_move");
	j->conf.max_merge = (unsigned)op_int(ctx, "max_merge");
	j->conf.iterations = (unsigned)op_int(ctx, "n_iterations");
	if (j->hidden && op_bool(ctx, "reveal_modularity") && !j->conf.q.cpm)
		return errmsg_set(j->em, ERR_INPUT, "BAD_PARAMETER", "params.reveal_modularity needs reveal_total_weight: the modularity is a fraction of the total");
	return take_resolution(j);
}

static int ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Before anything is computed. */
static int check_outputs(struct ljob *j)
{
	const char *graph = op_output_name(j->ctx, "graph", 0), *picture = op_output_name(j->ctx, "picture", 0);

	if (graph && !ends_with(graph, ".graphml") && !ends_with(graph, ".dot"))
		return errmsg_set(j->em, ERR_INPUT, "BAD_PARAMETER", "outputs.graph: expected a name that ends in .graphml or .dot");
	if (picture && !ends_with(picture, ".svg"))
		return errmsg_set(j->em, ERR_INPUT, "BAD_PARAMETER", "outputs.picture: expected a name that ends in .svg");
	if (picture && j->in.names.n > LEIDEN_DRAWN_MAX)
		return errmsg_set(j->em, ERR_INPUT, "TOO_MANY_NODES", "outputs.picture: a graph of more than %d nodes is not drawn: leave the picture out", LEIDEN_DRAWN_MAX);
	return 0;
}

static int read_input(struct ljob *j)
{
	struct op_ctx *ctx = j->ctx;
	int rc;

	op_progress(ctx, 0, "read");
	TRY(linput_edges(&j->in, op_input(ctx, "user_weights", 0), op_input_name(ctx, "user_weights", 0), j->em));
	TRY(linput_local(&j->in, op_input(ctx, "local_nodes", 0), op_input_name(ctx, "local_nodes", 0), j->em));
	TRY(check_outputs(j));
	j->edge = calloc(j->in.edges + 1, sizeof(*j->edge));
	if (!j->edge)
		return ERR_NOMEM;
	TRY(linput_scale(&j->in, j->fraction_bits, j->edge, j->em));
	for (size_t i = 0; i < j->in.edges; i++)
		j->own_total += 2 * j->edge[i].w;
out:
	return rc;
}

static int compute(struct ljob *j)
{
	int64_t seed = op_int(j->ctx, "seed");
	int rc;

	op_progress(j->ctx, 0.05, "nodes");
	TRY(ljob_meet(j));
	if (seed >= 0)
		j->coins = block_set((uint64_t)seed << 8, UINT64_C(0x6c656964656e));
	TRY(lunion_make(j));
	TRY(ljob_warm(j));
	TRY(ljob_solve(j));
out:
	return rc;
}

/* How many own nodes each community has that has any. */
static json_t *own_sizes(const struct ljob *j)
{
	uint64_t *size = calloc((size_t)j->communities + 1, sizeof(*size));
	json_t *all = json_object();

	for (uint32_t i = 0; size && i < j->in.locals; i++)
		size[j->label[j->un.id[j->in.local[i]]]]++;
	for (uint32_t c = 0; size && c < j->communities; c++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", c);
		if (size[c] && json_object_size(all) < 1000)
			json_object_set_new(all, name, json_integer((json_int_t)size[c]));
	}
	free(size);
	return all;
}

static int report(struct ljob *j)
{
	int rc;

	TRY(op_result(j->ctx, "nodes", json_integer(j->in.locals)));
	TRY(op_result(j->ctx, "all_nodes", json_integer(j->un.n)));
	TRY(op_result(j->ctx, "communities", json_integer(j->communities)));
	TRY(op_result(j->ctx, "own_sizes", own_sizes(j)));
	TRY(op_result(j->ctx, "batches", json_integer(j->batches)));
	TRY(op_result(j->ctx, "candidates", json_integer((json_int_t)j->evaluated)));
	if (j->has_quality)
		TRY(op_result(j->ctx, j->conf.q.cpm ? "quality" : "modularity", json_real(j->quality)));
out:
	return rc;
}

static void job_fini(struct ljob *j)
{
	linput_free(&j->in);
	lunion_free(&j->un);
	lgraph_free(&j->g);
	if (j->edge)
		explicit_bzero(j->edge, j->in.edges * sizeof(*j->edge));
	free(j->edge);
	free(j->begin);
	free(j->label);
	sodium_memzero(j, sizeof(*j));
	free(j);
}

static int run(struct op_ctx *ctx)
{
	struct ljob *j = calloc(1, sizeof(*j));
	int rc = ERR_NOMEM;

	if (!j || sodium_init() < 0)
		goto out;
	TRY(take_request(j, ctx));
	TRY(read_input(j));
	TRY(compute(j));
	op_progress(ctx, 0.95, "write");
	TRY(lwrite_clusters(j));
	TRY(lwrite_graph(j));
	TRY(lwrite_picture(j));
	TRY(report(j));
out:
	if (rc == ERR_NOMEM && !op_errmsg(ctx)->code[0])
		errmsg_set(op_errmsg(ctx), rc, "NO_MEMORY", "not enough memory for the graph");
	if (j)
		job_fini(j);
	return rc;
}

static const struct op op_leiden = {
	.name = "leiden", .version = "1.0", .params = params, .inputs = inputs, .outputs = outputs, .public_context = public_context,
	.run = run, .check = check, .discloses = discloses,
};

int main(int argc, char **argv)
{
	return op_main(&op_leiden, argc, argv);
}
