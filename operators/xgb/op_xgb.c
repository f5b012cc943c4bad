/* op-xgb: gradient-boosted trees, four operators of one program. docs/operators/xgb.md says what they do and who learns what. */
#include <sodium.h>
#include <string.h>

#include "xgb/xgb.h"

static const char *const classifier_objectives[] = { "logitraw", "logistic", NULL };
static const char *const regressor_objectives[] = { "squarederror", NULL };
static const char *const partitions[] = { "auto", "horizontal", "vertical", NULL };
static const char *const models[] = { "shared", NULL };
static const char *const outputs_of[] = { "margin", "probability", "class", NULL };

#define FIT_PARAMS(objectives, objective_fallback, weight_fallback) \
	{ .name = "objective", .type = OP_STRING, .words = objectives, .fallback = objective_fallback, \
	  .help = "logitraw and logistic: log-likelihood, from a margin of base_score or of 0; squarederror" }, \
	{ .name = "n_estimators", .type = OP_INT, .low = 1, .high = 10000, .fallback = "100", .help = "how many trees" }, \
	{ .name = "max_depth", .type = OP_INT, .low = 1, .high = 10, .fallback = "3", .help = "levels of splits of a tree" }, \
	{ .name = "learning_rate", .type = OP_NUMBER, .low = 1e-4, .high = 1, .fallback = "0.1", .help = "what a leaf's weight is multiplied by" }, \
	{ .name = "reg_lambda", .type = OP_NUMBER, .low = 0, .high = 1000000, .fallback = "1", .help = "L2 regularisation" }, \
	{ .name = "reg_alpha", .type = OP_NUMBER, .low = 0, .high = 1000000, .fallback = "0", .help = "L1 regularisation" }, \
	{ .name = "min_split_loss", .type = OP_NUMBER, .low = 0, .high = 1000000, .fallback = "1e-5", .help = "a split must gain more than this" }, \
	{ .name = "min_child_weight", .type = OP_NUMBER, .low = 0, .high = 1000000, .fallback = weight_fallback, .help = "least sum of second derivatives on each side of a split" }, \
	{ .name = "min_child_samples", .type = OP_INT, .low = 1, .high = 1, .fallback = "1", .help = "least rows on each side of a split: 1; more is not offered yet" }, \
	{ .name = "base_score", .type = OP_NUMBER, .low = -1e9, .high = 1e9, .fallback = "0.5", .help = "the margin before the first tree (logistic: 0)" }, \
	{ .name = "max_bin", .type = OP_INT, .low = 8, .high = 256, .fallback = "32", .help = "bins of a feature, rounded up to a power of two" }, \
	{ .name = "test_size", .type = OP_NUMBER, .low = 0, .high = 0.99, .fallback = "0.3", .help = "part of each party's rows that is kept out, to evaluate the model at the end" }, \
	{ .name = "eval_epochs", .type = OP_INT, .low = 1, .high = 1000000, .fallback = "10", .help = "taken for compatibility: the model is evaluated once, at the end" }, \
	{ .name = "eval_threshold", .type = OP_NUMBER, .low = -1e6, .high = 1e6, .fallback = "0.5", .help = "margin above which the evaluation takes a row for class 1" }, \
	{ .name = "label_name", .type = OP_STRING, .fallback = "\"label\"", .help = "the label's column" }, \
	{ .name = "partition", .type = OP_STRING, .words = partitions, .fallback = "\"auto\"", \
	  .help = "horizontal: same columns, labels at both; vertical: same rows in the same order, labels at one; auto: by who has labels" }, \
	{ .name = "model", .type = OP_STRING, .words = models, .fallback = "\"shared\"", .help = "who knows the trees: nobody. \"owner\" and \"public\" are not offered yet" }, \
	{ .name = "seed", .type = OP_INT, .low = 0, .high = 9007199254740991.0, .fallback = "42", .help = "which rows are kept out" }, \
	{ .name = NULL },

static const struct op_param classifier_params[] = { FIT_PARAMS(classifier_objectives, "\"logitraw\"", "0.5") };
static const struct op_param regressor_params[] = { FIT_PARAMS(regressor_objectives, "\"squarederror\"", "1") };

static const struct op_param predict_params[] = {
	{ .name = "output", .type = OP_STRING, .words = outputs_of, .fallback = "\"margin\"", .help = "what comes out per row; a regressor has its value whatever this says" },
	{ .name = "label_name", .type = OP_STRING, .fallback = "\"label\"", .help = "a column that is ignored" },
	{ .name = NULL },
};

static const struct op_file fit_inputs[] = {
	{ .name = "train_data", .required = 1, .help = "a CSV file of numbers" },
	{ .name = NULL },
};

static const struct op_file fit_outputs[] = {
	{ .name = "model_path", .required = 1, .help = "this party's half of the model, JSON" },
	{ .name = NULL },
};

static const struct op_file predict_inputs[] = {
	{ .name = "predict_data", .required = 1, .help = "a CSV file with this party's features" },
	{ .name = "model_path", .required = 1, .help = "this party's half of the model" },
	{ .name = NULL },
};

static const struct op_file predict_outputs[] = {
	{ .name = "inference_res_path", .help = "CSV of one column, row by row; a party that names none gets no predictions" },
	{ .name = NULL },
};

static const char *const fit_context[] = { "test_error", "test_rmse", "trees", NULL };
static const char *const predict_context[] = { "trees", NULL };

static const struct op_disclosure fit_discloses[] = {
	{ "both", "how many rows and columns the other party's file has, and whether it has the label", NULL },
	{ "both", "whether the columns' names are the same", NULL },
	{ "both", "the cuts of each feature: quantiles of both parties' rows together, values of single rows among them", "horizontal data" },
	{ "both", "the least power of two above all labels and the base score", "a regressor" },
	{ "both", "the error of the model on the rows that were kept out", "test_size above 0" },
	{ .learner = NULL },
};

static const struct op_disclosure predict_discloses[] = {
	{ "both", "how many rows the other party's file has, and how many trees of which depth the model", NULL },
	{ "party_a", "the predictions of its rows (vertical data: of all rows)", "outputs.inference_res_path at party_a" },
	{ "party_b", "the predictions of its rows (vertical data: of all rows)", "outputs.inference_res_path at party_b" },
	{ .learner = NULL },
};

static int with_sodium(struct op_ctx *ctx, int (*f)(struct op_ctx *, int), int classifier)
{
	return sodium_init() < 0 ? ERR_INTERNAL : f(ctx, classifier);
}

static int classifier_fit(struct op_ctx *ctx) { return with_sodium(ctx, xgb_fit, 1); }
static int regressor_fit(struct op_ctx *ctx) { return with_sodium(ctx, xgb_fit, 0); }
static int classifier_predict(struct op_ctx *ctx) { return with_sodium(ctx, xgb_predict, 1); }
static int regressor_predict(struct op_ctx *ctx) { return with_sodium(ctx, xgb_predict, 0); }

#define FIT(what, table) { .name = "xgb_" #what "_fit", .version = "1.0", .params = table, .inputs = fit_inputs, .outputs = fit_outputs, \
	.public_context = fit_context, .run = what##_fit, .discloses = fit_discloses }
#define PREDICT(what) { .name = "xgb_" #what "_predict", .version = "1.0", .params = predict_params, .inputs = predict_inputs, .outputs = predict_outputs, \
	.public_context = predict_context, .run = what##_predict, .discloses = predict_discloses }

static const struct op ops[] = {
	FIT(classifier, classifier_params), FIT(regressor, regressor_params), PREDICT(classifier), PREDICT(regressor),
};

int main(int argc, char **argv)
{
	static const struct op *const all[] = { &ops[0], &ops[1], &ops[2], &ops[3], NULL };

	return op_main_of(all, argc, argv);
}
