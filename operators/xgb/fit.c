/* Training: what the parties agree on, gradients, trees, evaluation on rows that were kept out. */
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/fixed.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "mpc/trunc.h"
#include "xgb/xgb.h"

#define MAGIC UINT64_C(0x3130544946424758)	/* "XGBFIT01" */
#define EXPONENT_LOW (-20)
#define EXPONENTS 60		/* thresholds 2^-20 … 2^39 of labels */

struct hello {
	uint64_t magic, rows, columns, has_label, threads;
	uint8_t id[XGB_ID], names[32];
};

_Static_assert(sizeof(struct hello) == 88, "nothing but the fields goes out");

struct fit {
	struct op_ctx *ctx;
	struct errmsg *em;
	struct xjob j;
	struct xtable all, train, test;
	struct hello own, peer;
	struct xcuts cuts;
	struct xmodel model;
	struct avec y;			/* labels of the training rows, at scale f in ring k */
	uint32_t rows0, features0, test_rows0, test_rows;
	int me, has_label;
};

static int want(struct fit *t, const char *code, const char *text)
{
	return errmsg_set(t->em, ERR_INPUT, code, "%s", text);
}

/* --- agreement ----------------------------------------------------------------------- */

static void digest_names(const struct xtable *t, uint8_t out[32])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 32);
	for (uint32_t i = 0; i < t->columns; i++)
		crypto_generichash_update(&st, (const uint8_t *)t->name[i], strlen(t->name[i]) + 1);
	crypto_generichash_final(&st, out, 32);
}

/* By declaration, or by who has labels. */
static int find_partition(struct fit *t)
{
	const char *said = op_str(t->ctx, "partition");
	int both = t->has_label && t->peer.has_label;

	if (!t->has_label && !t->peer.has_label)
		return want(t, "NO_LABEL", "no party has the label column: expected it in both files, or in one of them for vertical data");
	t->j.partition = strcmp(said, "auto") == 0 ? (both ? XGB_HORIZONTAL : XGB_VERTICAL) :
			 strcmp(said, "vertical") == 0 ? XGB_VERTICAL : XGB_HORIZONTAL;
	if (t->j.partition == XGB_HORIZONTAL && !both)
		return want(t, "NO_LABEL", "a party has no label column: horizontal data needs it at both");
	if (t->j.partition == XGB_VERTICAL && both)
		return want(t, "TWO_LABELS", "both parties have the label column: vertical data has it at one, horizontal data at both");
	return 0;
}

/* Before rows are kept out. */
static int check_shapes(struct fit *t)
{
	if (t->j.partition == XGB_VERTICAL) {
		if (t->own.rows != t->peer.rows)
			return want(t, "ROWS_DIFFER", "vertical data needs the same rows in the same order at both parties: their numbers differ");
	} else if (t->own.columns != t->peer.columns || memcmp(t->own.names, t->peer.names, sizeof(t->own.names)) != 0) {
		return want(t, "COLUMNS_DIFFER", "horizontal data needs the same columns at both parties, by name: they differ");
	}
	if (t->own.columns + (t->j.partition == XGB_VERTICAL ? t->peer.columns : 0) == 0)
		return want(t, "NO_FEATURES", "there is no feature: expected at least one column besides the label");
	if (t->own.rows + t->peer.rows == 0)
		return want(t, "NO_ROWS", "there are no rows to learn from");
	return 0;
}

static int meet(struct fit *t)
{
	struct hello *own = &t->own, *peer = &t->peer;
	int rc;

	*own = (struct hello){ .magic = MAGIC, .rows = t->all.rows, .columns = t->all.columns, .has_label = (uint64_t)t->has_label,
			       .threads = (uint64_t)op_threads(t->ctx) };
	digest_names(&t->all, own->names);
	util_random(own->id, sizeof(own->id));
	rc = chan_exchange(op_chan(t->ctx), own, sizeof(*own), peer, sizeof(*peer));
	if (rc)
		return rc;
	if (peer->magic != MAGIC || peer->rows > XGB_ROWS_MAX || peer->columns > XGB_FEATURES_MAX || peer->has_label > 1 || peer->threads < 1)
		return errmsg_set(t->em, ERR_PEER, "PEER_PROTOCOL", "the other party does not speak op-xgb, version 1");
	for (unsigned i = 0; i < XGB_ID; i++)
		t->model.id[i] = own->id[i] ^ peer->id[i];
	t->j.threads = (unsigned)(own->threads < peer->threads ? own->threads : peer->threads);
	TRY(find_partition(t));
	TRY(check_shapes(t));
out:
	return rc;
}

/* --- rows that are kept out ---------------------------------------------------------------- */

static uint32_t test_count(const struct fit *t, uint64_t rows)
{
	return (uint32_t)floor((double)rows * op_num(t->ctx, "test_size"));
}

/* The seed is public: of vertical data both parties keep the same rows out. */
static int split_rows(struct fit *t)
{
	uint32_t n = t->all.rows, out = test_count(t, n), *order = calloc((size_t)n + 1, sizeof(*order));
	struct prg g;
	int rc = ERR_NOMEM;

	if (!order)
		return rc;
	prg_init(&g, block_set((uint64_t)op_int(t->ctx, "seed"), t->j.partition == XGB_HORIZONTAL ? (uint64_t)t->me + 1 : 0));
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t i = n; i > 1 && out; i--) {
		uint64_t r;
		uint32_t k, keep = order[i - 1];

		prg_fill(&g, &r, sizeof(r));
		k = (uint32_t)(r % i);	/* 2^-32 from uniform: a choice of test rows */
		order[i - 1] = order[k];
		order[k] = keep;
	}
	TRY(xtable_rows(&t->train, &t->all, order, n - out));
	TRY(xtable_rows(&t->test, &t->all, order + (n - out), out));
	if (t->j.partition == XGB_VERTICAL) {
		t->j.rows = n - out;
		t->test_rows = out;
	} else {
		uint32_t peer_out = test_count(t, t->peer.rows), peer_in = (uint32_t)t->peer.rows - peer_out;

		t->j.rows = n - out + peer_in;
		t->rows0 = t->me == 0 ? n - out : peer_in;
		t->test_rows = out + peer_out;
		t->test_rows0 = t->me == 0 ? out : peer_out;
	}
	if (t->j.rows == 0)
		rc = want(t, "NO_ROWS", "test_size leaves no rows to learn from");
out:
	free(order);
	return rc;
}

/* --- labels ------------------------------------------------------------------------------------ */

static int check_classes(struct fit *t)
{
	for (uint32_t i = 0; i < t->all.rows; i++) {
		if (t->all.label[i] == 0 || t->all.label[i] == 1)
			continue;
		errmsg_set(t->em, ERR_INPUT, "BAD_LABEL", "a label is neither 0 nor 1");
		errmsg_local(t->em, "row %u: the label is %.6g: expected 0 or 1", i + 1, t->all.label[i]);
		return ERR_INPUT;
	}
	return 0;
}

/* The least power of two that no label of either party, nor the base score, is above: all that is opened. */
static int find_exponent(struct fit *t)
{
	struct bvec own = { 0 }, theirs = { 0 };
	double most = fabs(op_num(t->ctx, "base_score"));
	int rc;

	for (uint32_t i = 0; t->has_label && i < t->all.rows; i++)
		most = fabs(t->all.label[i]) > most ? fabs(t->all.label[i]) : most;
	if (most > ldexp(1, EXPONENT_LOW + EXPONENTS - 1)) {
		errmsg_set(t->em, ERR_INPUT, "BAD_LABEL", "a label is too large: expected less than 2^39");
		return ERR_INPUT;
	}
	TRY(bvec_new(&own, EXPONENTS));
	TRY(bvec_new(&theirs, EXPONENTS));
	for (int i = 0; i < EXPONENTS; i++)
		own.w[0] |= (uint64_t)(most > ldexp(1, EXPONENT_LOW + i)) << i;
	/* own bits are this party's share of one vector, zeros of the other's */
	if (t->me == 1) {
		struct bvec swap = own;

		own = theirs;
		theirs = swap;
	}
	TRY(mpc_or(t->j.m, &own, &own, &theirs));
	TRY(mpc_reveal_bits(t->j.m, MPC_BOTH, &own, &own));
	t->model.exponent = EXPONENT_LOW;
	for (int i = 0; i < EXPONENTS && bits_get(own.w, (size_t)i); i++)
		t->model.exponent++;
out:
	bvec_free(&own);
	bvec_free(&theirs);
	return rc;
}

/* This party's labels as its share, zero elsewhere. */
static int share_labels(const struct fit *t, const struct xtable *own, uint32_t rows0, struct avec *y)
{
	uint32_t at = t->j.partition == XGB_HORIZONTAL && t->me == 1 ? rows0 : 0;

	for (uint32_t i = 0; own->label && i < own->rows; i++) {
		double v = t->j.classifier ? own->label[i] : ldexp(own->label[i], -t->model.exponent);

		y->v[at + i] = (uint64_t)llround(ldexp(v, y->scale)) & bits_mask(y->bits);
	}
	return 0;
}

/* --- gradients ------------------------------------------------------------------------------------ */

/* Fewer fractional bits and a smaller ring. */
static int lower(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct avec t = { 0 };
	int rc;

	TRY(avec_new(&t, x->n, x->bits, out->scale));
	TRY(mpc_trunc(m, &t, x));
	TRY(avec_reduce(out, &t));
out:
	avec_free(&t);
	return rc;
}

/* logistic: g = p - y, h = p(1 - p); squared error: g = margin - y, h = 1. */
static int gradients(struct fit *t, const struct avec *margin, struct avec *g, struct avec *h)
{
	struct mpc *m = t->j.m;
	struct avec p = { 0 }, rest = { 0 };
	int rc, me = mpc_party(m);

	if (!t->j.classifier) {
		TRY(lower(m, g, margin));
		memset(h->v, 0, h->n * sizeof(*h->v));
		avec_add_pub(h, h, (int64_t)1 << h->scale, me);
		rc = avec_sub(g, g, &t->y);
		goto out;
	}
	TRY(avec_new(&p, margin->n, t->j.k, t->j.f));
	TRY(avec_new(&rest, margin->n, t->j.k, t->j.f));
	TRY(mpc_sigmoid(m, &p, margin));
	avec_neg(&rest, &p);
	avec_add_pub(&rest, &rest, (int64_t)1 << rest.scale, me);
	TRY(mpc_fixmul(m, h, &p, &rest));
	TRY(avec_sub(g, &p, &t->y));
out:
	avec_free(&p);
	avec_free(&rest);
	return rc;
}

static int one_tree(struct fit *t, struct avec *margin, struct avec *g, struct avec *h)
{
	struct xtree tree = { 0 };
	int rc;

	TRY(gradients(t, margin, g, h));
	TRY(xtree_new(&tree, t->j.p.depth, (size_t)t->j.features * (((size_t)1 << t->j.beta) - 1)));
	TRY(xtree_grow(&t->j, &tree, g, h, margin));
	TRY(xmodel_add(&t->model, &tree));
out:
	xtree_free(&tree);
	return rc;
}

static int boost(struct fit *t)
{
	int64_t n = op_int(t->ctx, "n_estimators");
	struct avec margin = { 0 }, g = { 0 }, h = { 0 };
	int rc;

	TRY(avec_new(&margin, t->j.rows, XGB_BITS, XGB_SCALE));
	TRY(avec_new(&g, t->j.rows, t->j.k, t->j.f));
	TRY(avec_new(&h, t->j.rows, t->j.k, t->j.f));
	avec_add_pub(&margin, &margin, (int64_t)llround(ldexp(t->model.base, XGB_SCALE)), t->me);
	for (int64_t i = 0; i < n; i++) {
		char stage[64];

		snprintf(stage, sizeof(stage), "tree %lld/%lld", (long long)i + 1, (long long)n);
		op_progress(t->ctx, 0.1 + 0.8 * (double)i / (double)n, stage);
		if (op_canceled(t->ctx)) {
			rc = ERR_CANCELED;
			goto out;
		}
		TRY(one_tree(t, &margin, &g, &h));
	}
out:
	avec_free(&margin);
	avec_free(&g);
	avec_free(&h);
	return rc;
}

/* --- evaluation --------------------------------------------------------------------------------------- */

/* Rows whose margin is on the wrong side of eval_threshold. */
static int count_errors(struct fit *t, struct xjob *j, const struct avec *margin, double *out)
{
	struct avec d = { 0 }, one = { 0 }, sum = { 0 };
	struct bvec above = { 0 };
	int rc;

	TRY(avec_new(&d, j->rows, XGB_BITS, XGB_SCALE));
	TRY(avec_new(&one, j->rows, 32, 0));
	TRY(avec_new(&sum, 1, 32, 0));
	TRY(bvec_new(&above, j->rows));
	avec_neg(&d, margin);
	avec_add_pub(&d, &d, (int64_t)llround(ldexp(op_num(t->ctx, "eval_threshold"), XGB_SCALE)), t->me);
	TRY(mpc_ltz(j->m, &above, &d));
	for (uint32_t i = 0, at = t->j.partition == XGB_HORIZONTAL && t->me == 1 ? t->test_rows0 : 0; t->test.label && i < t->test.rows; i++)
		above.w[(at + i) / 64] ^= (uint64_t)(t->test.label[i] != 0) << ((at + i) % 64);
	TRY(mpc_b2a(j->m, &one, &above));
	TRY(avec_sum(&sum, &one));
	TRY(mpc_reveal(j->m, MPC_BOTH, &sum, &sum));
	*out = (double)sum.v[0] / j->rows;
out:
	avec_free(&d);
	avec_free(&one);
	avec_free(&sum);
	bvec_free(&above);
	return rc;
}

/* The root of the mean square of what is left, in the labels' unit. */
static int square_error(struct fit *t, struct xjob *j, const struct avec *margin, double *out)
{
	struct avec d = { 0 }, y = { 0 }, square = { 0 }, sum = { 0 };
	int rc;

	TRY(avec_new(&d, j->rows, 32, 16));
	TRY(avec_new(&y, j->rows, 32, 16));
	TRY(avec_new(&square, j->rows, 60, 24));
	TRY(avec_new(&sum, 1, 60, 24));
	TRY(share_labels(t, &t->test, t->test_rows0, &y));
	TRY(lower(j->m, &d, margin));
	TRY(avec_sub(&d, &d, &y));
	TRY(mpc_fixmul(j->m, &square, &d, &d));
	TRY(avec_sum(&sum, &square));
	TRY(mpc_reveal(j->m, MPC_BOTH, &sum, &sum));
	*out = ldexp(sqrt(ldexp((double)sum.v[0], -24) / j->rows), t->model.exponent);
out:
	avec_free(&d);
	avec_free(&y);
	avec_free(&square);
	avec_free(&sum);
	return rc;
}

static int evaluate(struct fit *t)
{
	struct xjob j = { .m = t->j.m, .partition = t->j.partition, .rows = t->test_rows, .features = t->j.features, .beta = t->j.beta, .threads = t->j.threads };
	struct avec margin = { 0 };
	double metric = 0;
	int rc;

	if (j.rows == 0)
		return 0;
	op_progress(t->ctx, 0.9, "evaluate");
	TRY(xjob_blocks(&j, &t->test, &t->cuts, t->test_rows0, t->features0));
	TRY(avec_new(&margin, j.rows, XGB_BITS, XGB_SCALE));
	TRY(xmodel_margins(&j, &t->model, &margin, t->ctx));
	TRY(t->j.classifier ? count_errors(t, &j, &margin, &metric) : square_error(t, &j, &margin, &metric));
	TRY(op_result(t->ctx, t->j.classifier ? "test_error" : "test_rmse", json_real(metric)));
out:
	avec_free(&margin);
	j.m = NULL;
	xjob_free(&j);
	return rc;
}

/* --- the way of a run -------------------------------------------------------------------------------- */

static void take_params(struct fit *t, struct op_ctx *ctx, int classifier)
{
	t->ctx = ctx;
	t->em = op_errmsg(ctx);
	t->me = !op_is_first(ctx);
	t->j.classifier = t->model.classifier = classifier;
	t->j.p = (struct xparams){
		.lambda = op_num(ctx, "reg_lambda"), .alpha = op_num(ctx, "reg_alpha"), .gamma = op_num(ctx, "min_split_loss"),
		.eta = op_num(ctx, "learning_rate"), .min_child_weight = op_num(ctx, "min_child_weight"), .depth = (unsigned)op_int(ctx, "max_depth"),
	};
	for (t->j.beta = HIST_BETA_MIN; (int64_t)1 << t->j.beta < op_int(ctx, "max_bin"); t->j.beta++)
		;
	t->model.party = t->me;
	t->model.depth = t->j.p.depth;
	snprintf(t->model.objective, sizeof(t->model.objective), "%s", op_str(ctx, "objective"));
}

static int read_input(struct fit *t)
{
	int rc;

	op_progress(t->ctx, 0, "read");
	TRY(xtable_read(&t->all, t->ctx, "train_data", NULL, 0, t->em));
	t->has_label = t->all.label != NULL;
	/* of horizontal data by name; the order of vertical data says nothing to the other party */
	TRY(xtable_sort(&t->all));
	if (t->has_label && t->j.classifier)
		TRY(check_classes(t));
out:
	return rc;
}

/* Cuts are common for horizontal data; of vertical data each party's are its own. */
static int make_cuts(struct fit *t)
{
	uint32_t own = t->train.columns, all = own + (uint32_t)t->peer.columns;
	int rc;

	op_progress(t->ctx, 0.05, "cuts");
	TRY(xcuts_new(&t->cuts, t->j.beta, own));
	if (t->j.partition == XGB_HORIZONTAL) {
		t->j.features = own;
		rc = xcuts_common(t->j.m, &t->cuts, &t->train, t->j.rows);
		goto out;
	}
	t->j.features = all;
	t->features0 = t->me == 0 ? own : (uint32_t)t->peer.columns;
	rc = xcuts_local(&t->cuts, &t->train);
out:
	return rc;
}

/* In units of 2^exponent, of which the classifier's is 1. */
static void scale_params(struct fit *t)
{
	struct xparams *p = &t->j.p;

	t->model.base = strcmp(t->model.objective, "logistic") == 0 ? 0 : op_num(t->ctx, "base_score");
	if (t->j.classifier)
		return;
	t->model.base = ldexp(t->model.base, -t->model.exponent);
	p->alpha = ldexp(p->alpha, -t->model.exponent);
	p->gamma = ldexp(p->gamma, -2 * t->model.exponent);
}

static int fill_model(struct fit *t)
{
	struct xmodel *md = &t->model;

	md->partition = t->j.partition;
	md->features = t->j.features;
	md->own = t->train.columns;
	md->f0 = t->j.partition == XGB_VERTICAL && t->me == 1 ? t->features0 : 0;
	md->name = calloc((size_t)md->own + 1, sizeof(*md->name));
	if (!md->name)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < md->own; i++) {
		md->name[i] = strdup(t->train.name[i]);
		if (!md->name[i])
			return ERR_NOMEM;
	}
	md->cuts = t->cuts;	/* lent */
	return 0;
}

static int train(struct fit *t)
{
	int rc;

	TRY(make_cuts(t));
	if (!t->j.classifier)
		TRY(find_exponent(t));
	scale_params(t);
	TRY(xjob_sizes(&t->j, t->em));
	TRY(xjob_blocks(&t->j, &t->train, &t->cuts, t->rows0, t->features0));
	TRY(avec_new(&t->y, t->j.rows, t->j.k, t->j.f));
	TRY(share_labels(t, &t->train, t->rows0, &t->y));
	op_progress(t->ctx, 0.07, "set up");
	TRY(xjob_hists(&t->j));
	TRY(fill_model(t));
	TRY(boost(t));
	TRY(evaluate(t));
out:
	return rc;
}

static int report(struct fit *t)
{
	int rc;

	TRY(op_result(t->ctx, "rows", json_integer(t->train.rows)));
	TRY(op_result(t->ctx, "partition", json_string(t->j.partition == XGB_HORIZONTAL ? "horizontal" : "vertical")));
	TRY(op_result(t->ctx, "features", json_integer(t->j.features)));
	TRY(op_result(t->ctx, "trees", json_integer((json_int_t)t->model.trees)));
	TRY(op_result(t->ctx, "training_rows_of_both", json_integer(t->j.rows)));
out:
	return rc;
}

static void fit_free(struct fit *t)
{
	t->model.cuts = (struct xcuts){ 0 };
	xmodel_free(&t->model);
	xjob_free(&t->j);
	xtable_free(&t->all);
	xtable_free(&t->train);
	xtable_free(&t->test);
	xcuts_free(&t->cuts);
	avec_free(&t->y);
	free(t);
}

int xgb_fit(struct op_ctx *ctx, int classifier)
{
	struct fit *t = calloc(1, sizeof(*t));
	struct mpc_conf conf = { .chan = op_chan(ctx), .party = !op_is_first(ctx), .kind = OT_AUTO };
	int rc = ERR_NOMEM;

	if (!t)
		return rc;
	take_params(t, ctx, classifier);
	TRY(read_input(t));
	TRY(meet(t));
	TRY(split_rows(t));
	conf.threads = (int)t->j.threads;
	TRY(mpc_new(&t->j.m, &conf, t->em));
	TRY(train(t));
	op_progress(ctx, 0.95, "write");
	TRY(xmodel_write(&t->model, op_output(ctx, "model_path", 0), t->em));
	TRY(report(t));
out:
	rc = xgb_lost(ctx, t->j.m, rc);
	fit_free(t);
	return rc;
}
