/* The document of a task: read, checked, and laid out for run(). docs/operators.md draws it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "op_impl.h"

static const char *const roles[] = { "party_a", "party_b", NULL };
static const char *const schemes[] = { "agent", "tcp", NULL };

/* The rows of the document are checked by the same tables as the parameters. */
static const struct op_param doc_table[] = {
	{ "version", OP_INT, 1, 0, OP_DOC_VERSION, OP_DOC_VERSION, NULL, NULL, "this program reads version 1" },
	{ "job_id", OP_STRING, 1, 0, 0, 0, NULL, NULL, "the job's id" },
	{ "epoch", OP_INT, 0, 0, 0, UINT32_MAX, NULL, "0", NULL },
	{ "group", OP_INT, 0, 0, 0, UINT32_MAX, NULL, "0", NULL },
	{ "attempt", OP_INT, 0, 0, 0, UINT32_MAX, NULL, "0", NULL },
	{ "shard", OP_INT, 0, 0, 0, UINT32_MAX, NULL, "0", NULL },
	{ "task", OP_STRING, 1, 0, 0, 0, NULL, NULL, "the task's name" },
	{ "self", OP_STRING, 1, 0, 0, 0, NULL, NULL, "this party's name" },
	{ "peer", OP_STRING, 0, 0, 0, 0, NULL, "\"\"", NULL },
	{ "role", OP_STRING, 1, 0, 0, 0, roles, NULL, "party_a or party_b" },
	{ "operator", OP_STRING, 1, 0, 0, 0, NULL, NULL, "the operator's name" },
	{ "params", OP_OBJECT, 0, 0, 0, 0, NULL, "{}", NULL },
	{ "inputs", OP_OBJECT, 0, 0, 0, 0, NULL, "{}", NULL },
	{ "input_names", OP_OBJECT, 0, 0, 0, 0, NULL, NULL, NULL },
	{ "outputs", OP_OBJECT, 0, 0, 0, 0, NULL, "{}", NULL },
	{ "control_dir", OP_STRING, 1, 0, 0, 0, NULL, NULL, "the folder of progress, lease, log and exit.json" },
	{ "staging_dir", OP_STRING, 1, 0, 0, 0, NULL, NULL, "the folder that outputs are written into" },
	{ "work_dir", OP_STRING, 0, 0, 0, 0, NULL, NULL, "a folder that the next attempt finds again" },
	{ "lease_seconds", OP_INT, 0, 0, 0, 86400, NULL, "0", NULL },
	{ "channel", OP_OBJECT, 0, 0, 0, 0, NULL, NULL, NULL },
	{ "threads", OP_INT, 0, 0, 0, 4096, NULL, "0", NULL },
	{ .name = NULL },
};

static const struct op_param channel_table[] = {
	{ "scheme", OP_STRING, 1, 0, 0, 0, schemes, NULL, "agent or tcp" },
	{ "address", OP_STRING, 1, 0, 0, 0, NULL, NULL, "the gateway's socket, or host:port" },
	{ "listen", OP_BOOL, 0, 0, 0, 0, NULL, "false", NULL },
	{ "key", OP_STRING, 1, 0, 0, 0, NULL, NULL, "64 hex digits" },
	{ "connect_ms", OP_INT, 0, 0, 0, 86400000, NULL, "0", NULL },
	{ "away_ms", OP_INT, 0, 0, 0, 86400000, NULL, "0", NULL },
	{ .name = NULL },
};

static const char *get_str(const json_t *doc, const char *key)
{
	return json_string_value(json_object_get(doc, key));
}

static uint32_t get_u32(const json_t *doc, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(doc, key));
}

static int parse(json_t **out, const struct buf *text, struct errmsg *em)
{
	json_error_t je;

	*out = json_loadb(text->data ? text->data : "", text->len, JSON_REJECT_DUPLICATES, &je);
	if (!*out)
		return errmsg_set(em, ERR_INPUT, "BAD_DOCUMENT",
				  "the task's document is not JSON: line %d column %d: %s", je.line,
				  je.column, je.text);
	if (!json_is_object(*out))
		return errmsg_set(em, ERR_INPUT, "BAD_DOCUMENT",
				  "the task's document is not a JSON object");
	return 0;
}

static int choose(struct op_ctx *ctx, const struct op *const *ops)
{
	const char *name = get_str(ctx->doc, "operator");

	for (; *ops; ops++)
		if (strcmp((*ops)->name, name) == 0) {
			ctx->op = *ops;
			return 0;
		}
	return errmsg_set(&ctx->em, ERR_INPUT, "BAD_DOCUMENT",
			  "document.operator is '%.64s': this program is not that operator", name);
}

/* The published request templates carry "objective:" with a stray colon. */
static int mend_keys(json_t *params)
{
	json_t *v = json_object_get(params, "objective:");

	if (!v || json_object_get(params, "objective"))
		return 0;
	if (json_object_set(params, "objective", v) || json_object_del(params, "objective:"))
		return ERR_NOMEM;
	return 0;
}

/* slot -> path or list of paths becomes slot -> list; with dir, the names are those of staged files below it. */
static json_t *as_lists(const json_t *obj, const char *dir)
{
	json_t *out = json_object(), *v;
	const char *slot;

	json_object_foreach((json_t *)obj, slot, v) {
		size_t count = json_is_array(v) ? json_array_size(v) : 1;
		json_t *list = json_array();

		for (size_t i = 0; i < count; i++) {
			json_t *path = json_is_array(v) ? json_array_get(v, i) : v;

			path = dir ? json_sprintf("%s/%s.%zu", dir, slot, i) : json_incref(path);
			if (json_array_append_new(list, path))
				break;
		}
		if (json_array_size(list) != count || json_object_set(out, slot, list)) {
			json_decref(list);
			json_decref(out);
			return NULL;
		}
		json_decref(list);
	}
	return out;
}

static int lay_out_files(struct op_ctx *ctx)
{
	const json_t *in = json_object_get(ctx->doc, "inputs");
	const json_t *names = json_object_get(ctx->doc, "input_names");
	const json_t *out = json_object_get(ctx->doc, "outputs");
	int rc;

	TRY(op_check_files(ctx->op->inputs, in, "inputs", &ctx->em));
	TRY(op_check_files(ctx->op->outputs, out, "outputs", &ctx->em));
	if (names)
		TRY(op_check_files(ctx->op->inputs, names, "input_names", &ctx->em));
	ctx->in = as_lists(in, NULL);
	ctx->in_names = as_lists(names ? names : in, NULL);
	ctx->out = as_lists(out, ctx->staging_dir);
	ctx->out_names = as_lists(out, NULL);
	rc = ctx->in && ctx->in_names && ctx->out && ctx->out_names ? 0 : ERR_NOMEM;
out:
	return rc;
}

static int check_channel(struct op_ctx *ctx)
{
	json_t *channel = json_object_get(ctx->doc, "channel");
	uint8_t key[32];
	int rc;

	if (!*ctx->peer && !channel)
		return 0;
	if (!channel || !*ctx->peer)
		return errmsg_set(&ctx->em, ERR_INPUT, "BAD_DOCUMENT",
				  "document.peer and document.channel: expected both, or neither in a task of one party");
	TRY(op_check(channel_table, channel, "channel", &ctx->em));
	if (util_unhex(key, sizeof(key), get_str(channel, "key")))
		rc = errmsg_set(&ctx->em, ERR_INPUT, "BAD_DOCUMENT",
				"channel.key: expected 64 hex digits");
	explicit_bzero(key, sizeof(key));
out:
	return rc;
}

static int check_folder(const char *key, const char *path, struct errmsg *em)
{
	if (path[0] == '/' && strlen(path) < PATH_MAX - 128)
		return 0;
	return errmsg_set(em, ERR_INPUT, "BAD_DOCUMENT",
			  "document.%s: expected an absolute path", key);
}

static int take_doc(struct op_ctx *ctx)
{
	int rc;

	ctx->control_dir = get_str(ctx->doc, "control_dir");
	TRY(op_check(doc_table, ctx->doc, "document", &ctx->em));
	ctx->staging_dir = get_str(ctx->doc, "staging_dir");
	TRY(check_folder("control_dir", ctx->control_dir, &ctx->em));
	TRY(check_folder("staging_dir", ctx->staging_dir, &ctx->em));
	if (get_str(ctx->doc, "work_dir"))
		TRY(check_folder("work_dir", get_str(ctx->doc, "work_dir"), &ctx->em));
	if (get_str(ctx->doc, "work_dir"))
		snprintf(ctx->work_dir, sizeof(ctx->work_dir), "%s", get_str(ctx->doc, "work_dir"));
	else
		snprintf(ctx->work_dir, sizeof(ctx->work_dir), "%.*s/work", PATH_MAX - 8, ctx->staging_dir);
	ctx->job = get_str(ctx->doc, "job_id");
	ctx->task = get_str(ctx->doc, "task");
	ctx->self = get_str(ctx->doc, "self");
	ctx->peer = get_str(ctx->doc, "peer");
	ctx->role = get_str(ctx->doc, "role");
	ctx->epoch = get_u32(ctx->doc, "epoch");
	ctx->group = get_u32(ctx->doc, "group");
	ctx->attempt = get_u32(ctx->doc, "attempt");
	ctx->shard = get_u32(ctx->doc, "shard");
	ctx->lease_seconds = (int)get_u32(ctx->doc, "lease_seconds");
	ctx->threads = (int)get_u32(ctx->doc, "threads");
	if (ctx->threads == 0)
		ctx->threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (ctx->threads < 1)
		ctx->threads = 1;
out:
	return rc;
}

int op_doc_load(struct op_ctx *ctx, const struct op *const *ops, const struct buf *text)
{
	int rc;

	ctx->op = ops[0];
	ctx->result = json_object();
	TRY(parse(&ctx->doc, text, &ctx->em));
	TRY(take_doc(ctx));
	TRY(choose(ctx, ops));
	TRY(check_channel(ctx));
	ctx->params = json_object_get(ctx->doc, "params");
	TRY(mend_keys(ctx->params));
	TRY(op_check(ctx->op->params, ctx->params, "params", &ctx->em));
	TRY(lay_out_files(ctx));
	if (ctx->op->check)
		TRY(ctx->op->check(ctx->params, &ctx->em));
out:
	return rc;
}

void op_ctx_fini(struct op_ctx *ctx)
{
	json_decref(ctx->doc);
	json_decref(ctx->in);
	json_decref(ctx->in_names);
	json_decref(ctx->out);
	json_decref(ctx->out_names);
	json_decref(ctx->result);
	ctx->doc = ctx->in = ctx->in_names = ctx->out = ctx->out_names = ctx->result = NULL;
}
