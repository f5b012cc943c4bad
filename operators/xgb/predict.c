/* Prediction: both halves of a model, rows of both parties (horizontal) or columns of both (vertical). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/open.h"
#include "table/csv.h"
#include "xgb/xgb.h"

#define MAGIC UINT64_C(0x3130455250424758)	/* "XGBPRE01" */

struct hello {
	uint64_t magic, rows, trees, own, threads, wants, party, shape;
	uint8_t id[XGB_ID];
};

_Static_assert(sizeof(struct hello) == 80, "nothing but the fields goes out");

struct predict {
	struct op_ctx *ctx;
	struct errmsg *em;
	struct xjob j;
	struct xmodel model;
	struct xtable t;
	struct hello own, peer;
	int me;
};

static uint64_t shape_of(const struct xmodel *md)
{
	return md->features | (uint64_t)md->depth << 32 | (uint64_t)md->cuts.beta << 40 | (uint64_t)md->partition << 48 | (uint64_t)md->classifier << 49;
}

static int want(struct predict *p, const char *code, const char *text)
{
	return errmsg_set(p->em, ERR_INPUT, code, "%s", text);
}

static int meet(struct predict *p)
{
	const struct xmodel *md = &p->model;
	struct hello *a = &p->own, *b = &p->peer;
	int rc;

	*a = (struct hello){ .magic = MAGIC, .rows = p->t.rows, .trees = md->trees, .own = md->own, .threads = (uint64_t)op_threads(p->ctx),
			     .wants = op_output(p->ctx, "inference_res_path", 0) != NULL, .party = (uint64_t)md->party, .shape = shape_of(md) };
	memcpy(a->id, md->id, sizeof(a->id));
	rc = chan_exchange(op_chan(p->ctx), a, sizeof(*a), b, sizeof(*b));
	if (rc)
		return rc;
	if (b->magic != MAGIC || b->rows > XGB_ROWS_MAX || b->threads < 1 || b->wants > 1)
		return errmsg_set(p->em, ERR_PEER, "PEER_PROTOCOL", "the other party does not speak op-xgb, version 1");
	if (memcmp(a->id, b->id, sizeof(a->id)) != 0 || a->trees != b->trees || a->shape != b->shape)
		return want(p, "MODELS_DIFFER", "the two parties' model files are not halves of one model: take those of the same fit");
	if (a->party == b->party || (int)a->party != p->me)
		return want(p, "MODELS_DIFFER", "a model file is the other party's half: each party takes its own of the fit");
	if (md->partition == XGB_VERTICAL && (a->rows != b->rows || md->own + b->own != md->features))
		return want(p, "ROWS_DIFFER", "vertical data needs the same rows in the same order at both parties: their numbers differ");
	p->j.threads = (unsigned)(a->threads < b->threads ? a->threads : b->threads);
	return 0;
}

/* --- results --------------------------------------------------------------------------- */

static double finish(const struct predict *p, double margin)
{
	const char *output = op_str(p->ctx, "output");

	margin = ldexp(margin, p->model.exponent);
	if (!p->model.classifier || strcmp(output, "margin") == 0)
		return margin;
	margin = 1 / (1 + exp(-margin));
	return strcmp(output, "class") == 0 ? margin > 0.5 : margin;
}

static int unwritable(const struct predict *p)
{
	errmsg_set(p->em, ERR_IO, "OUTPUT_UNWRITABLE", "an output file cannot be written");
	errmsg_local(p->em, "%s cannot be written", op_output_name(p->ctx, "inference_res_path", 0));
	return ERR_IO;
}

static int write_rows(struct predict *p, const struct avec *margin)
{
	struct csv_writer *w = NULL;
	char text[40];
	int rc;

	TRY(csv_writer_open(&w, op_output(p->ctx, "inference_res_path", 0), 0));
	TRY(csv_write_field(w, "prediction", 10));
	TRY(csv_write_end(w));
	for (size_t i = 0; i < margin->n; i++) {
		int64_t v = (int64_t)(margin->v[i] << (64 - XGB_BITS)) >> (64 - XGB_BITS);
		int n = snprintf(text, sizeof(text), "%.9g", finish(p, ldexp((double)v, -XGB_SCALE)));

		TRY(csv_write_field(w, text, (size_t)n));
		TRY(csv_write_end(w));
	}
	rc = csv_writer_close(w);
	w = NULL;
out:
	csv_writer_free(w);
	return rc ? unwritable(p) : 0;
}

/* Each party's rows to it, where it names an output; of vertical data all rows to who does. */
static int deliver(struct predict *p, struct avec *margin)
{
	uint32_t rows0 = (uint32_t)(p->me == 0 ? p->own.rows : p->peer.rows);
	int rc = 0;

	for (int to = 0; to < 2; to++) {
		int horizontal = p->model.partition == XGB_HORIZONTAL, wants = to == p->me ? (int)p->own.wants : (int)p->peer.wants;
		size_t from = horizontal && to == 1 ? rows0 : 0, n = !horizontal ? margin->n : to == 1 ? margin->n - rows0 : rows0;
		struct avec part = avec_slice(margin, from, n), open = { 0 };

		if (!wants)
			continue;
		TRY(avec_new(&open, n, XGB_BITS, XGB_SCALE));
		rc = mpc_reveal(p->j.m, to, &open, &part);
		if (rc == 0 && to == p->me)
			rc = write_rows(p, &open);
		avec_free(&open);
		if (rc)
			goto out;
	}
out:
	return rc;
}

static int compute(struct predict *p)
{
	const struct xmodel *md = &p->model;
	struct mpc_conf conf = { .chan = op_chan(p->ctx), .party = p->me, .kind = OT_AUTO, .threads = (int)p->j.threads };
	struct avec margin = { 0 };
	uint32_t rows0 = (uint32_t)(p->me == 0 ? p->own.rows : p->peer.rows);
	int rc;

	p->j.partition = md->partition;
	p->j.features = md->features;
	p->j.beta = md->cuts.beta;
	p->j.rows = (uint32_t)(md->partition == XGB_HORIZONTAL ? p->own.rows + p->peer.rows : p->own.rows);
	op_progress(p->ctx, 0.1, "set up");
	TRY(mpc_new(&p->j.m, &conf, p->em));
	TRY(xjob_blocks(&p->j, &p->t, &md->cuts, rows0, p->me == 0 ? md->own : md->features - md->own));
	TRY(avec_new(&margin, p->j.rows, XGB_BITS, XGB_SCALE));
	TRY(xmodel_margins(&p->j, md, &margin, p->ctx));
	TRY(deliver(p, &margin));
	TRY(op_result(p->ctx, "rows", json_integer(p->t.rows)));
	TRY(op_result(p->ctx, "trees", json_integer((json_int_t)md->trees)));
out:
	avec_free(&margin);
	return rc;
}

int xgb_predict(struct op_ctx *ctx, int classifier)
{
	struct predict *p = calloc(1, sizeof(*p));
	int rc = ERR_NOMEM;

	if (!p)
		return rc;
	p->ctx = ctx;
	p->em = op_errmsg(ctx);
	p->me = !op_is_first(ctx);
	TRY(xmodel_read(&p->model, op_input(ctx, "model_path", 0), op_input_name(ctx, "model_path", 0), p->em));
	if (p->model.classifier != classifier) {
		rc = want(p, "BAD_MODEL", classifier ? "the model is a regressor's: use xgboost_regressor_predict" : "the model is a classifier's: use xgboost_classifier_predict");
		goto out;
	}
	TRY(xtable_read(&p->t, ctx, "predict_data", p->model.name, p->model.own, p->em));
	TRY(meet(p));
	TRY(compute(p));
out:
	rc = xgb_lost(ctx, p->j.m, rc);
	xjob_free(&p->j);
	xmodel_free(&p->model);
	xtable_free(&p->t);
	free(p);
	return rc;
}
