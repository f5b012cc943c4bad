/* What run() may ask the common main. */
#include <string.h>

#include "op_impl.h"

struct chan *op_chan(struct op_ctx *ctx) { return ctx->chan; }
const char *op_role(const struct op_ctx *ctx) { return ctx->role; }
const char *op_self(const struct op_ctx *ctx) { return ctx->self; }
const char *op_peer(const struct op_ctx *ctx) { return ctx->peer; }
int op_is_first(const struct op_ctx *ctx) { return strcmp(ctx->role, "party_a") == 0; }
int op_threads(const struct op_ctx *ctx) { return ctx->threads; }
uint32_t op_attempt(const struct op_ctx *ctx) { return ctx->attempt; }
int op_canceled(const struct op_ctx *ctx) { return ctx->canceled; }
const json_t *op_params(const struct op_ctx *ctx) { return ctx->params; }
struct errmsg *op_errmsg(struct op_ctx *ctx) { return &ctx->em; }

const char *op_str(const struct op_ctx *ctx, const char *name)
{
	return json_string_value(json_object_get(ctx->params, name));
}

int64_t op_int(const struct op_ctx *ctx, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(ctx->params, name));
}

const char *op_work_dir(const struct op_ctx *ctx) { return ctx->work_dir; }

double op_num(const struct op_ctx *ctx, const char *name)
{
	return json_number_value(json_object_get(ctx->params, name));
}

int op_bool(const struct op_ctx *ctx, const char *name)
{
	return json_is_true(json_object_get(ctx->params, name));
}

static const char *at(const json_t *slots, const char *slot, size_t index)
{
	return json_string_value(json_array_get(json_object_get(slots, slot), index));
}

const char *op_input(const struct op_ctx *ctx, const char *slot, size_t index)
{
	return at(ctx->in, slot, index);
}

const char *op_input_name(const struct op_ctx *ctx, const char *slot, size_t index)
{
	return at(ctx->in_names, slot, index);
}

const char *op_output(const struct op_ctx *ctx, const char *slot, size_t index)
{
	return at(ctx->out, slot, index);
}

const char *op_output_name(const struct op_ctx *ctx, const char *slot, size_t index)
{
	return at(ctx->out_names, slot, index);
}

size_t op_input_count(const struct op_ctx *ctx, const char *slot)
{
	return json_array_size(json_object_get(ctx->in, slot));
}

size_t op_output_count(const struct op_ctx *ctx, const char *slot)
{
	return json_array_size(json_object_get(ctx->out, slot));
}

/* The stage goes into JSON lines unescaped: only plain characters pass. */
static void set_stage(struct op_shared *sh, const char *stage)
{
	char text[OP_STAGE_MAX] = "";
	uint64_t words[OP_STAGE_MAX / 8];

	for (size_t i = 0; stage[i] && i < sizeof(text) - 1; i++)
		text[i] = stage[i] < ' ' || stage[i] == '"' || stage[i] == '\\' || stage[i] > '~' ? '_' : stage[i];
	memcpy(words, text, sizeof(text));
	for (size_t i = 0; i < PET_ARRAY_SIZE(words); i++)
		sh->stage[i] = words[i];
}

void op_progress(struct op_ctx *ctx, double fraction, const char *stage)
{
	if (!ctx->shared)
		return;
	if (!(fraction >= 0))
		fraction = 0;
	if (fraction > 1)
		fraction = 1;
	ctx->shared->millionths = (uint64_t)(fraction * 1e6);
	if (stage)
		set_stage(ctx->shared, stage);
}

int op_result(struct op_ctx *ctx, const char *key, json_t *value)
{
	return json_object_set_new(ctx->result, key, value) ? ERR_NOMEM : 0;
}
