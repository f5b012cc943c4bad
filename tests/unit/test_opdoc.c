/* The document of a task, the parameter tables, --describe, and the catalogue. */
#include "base/catalog.h"
#include "base/taskdir.h"
#include "op_impl.h"
#include "test.h"

static const char *const words[] = { "logitraw", "squarederror", NULL };
static const struct op_param params[] = {
	{ "column_name", OP_STRING_OR_LIST, 1, 1, 0, 0, NULL, NULL, "the key's column, or a list" },
	{ "max_depth", OP_INT, 0, 0, 1, 64, NULL, "3", "depth of a tree" },
	{ "rate", OP_NUMBER, 0, 0, 0, 1, NULL, "0.5", NULL },
	{ "objective", OP_STRING, 0, 0, 0, 0, words, "\"logitraw\"", NULL },
	{ "deep", OP_BOOL, 0, 0, 0, 0, NULL, NULL, NULL },
	{ "names", OP_STRING_LIST, 0, 0, 0, 0, NULL, NULL, NULL },
	{ "config", OP_OBJECT, 0, 0, 0, 0, NULL, NULL, NULL },
	{ .name = NULL },
};
static const struct op_file inputs[] = { { "data", 1, 0, "a CSV file" }, { "more", 0, 1, NULL }, { .name = NULL } };
static const struct op_file outputs[] = { { "data", 1, 0, NULL }, { .name = NULL } };
static const char *const context[] = { "count", NULL };
static const struct op_disclosure discloses[] = {
	{ "both", "the number of rows", NULL }, { .learner = NULL } };

static int never(struct op_ctx *ctx)
{
	(void)ctx;
	return ERR_INTERNAL;
}

static int no_loops(const json_t *p, struct errmsg *em)
{
	if (json_integer_value(json_object_get(p, "max_depth")) == 13)
		return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "params.max_depth: 13 brings bad luck");
	return 0;
}

static const struct op op = { .name = "demo", .version = "1.2", .params = params, .inputs = inputs,
	.outputs = outputs, .public_context = context, .run = never, .check = no_loops, .discloses = discloses };
static const struct op *const ops[] = { &op, NULL };

static const char *const good =
	"{\"version\":1,\"job_id\":\"j_0123456789abcdef\",\"epoch\":1,\"group\":2,\"attempt\":3,\"task\":\"t\","
	"\"self\":\"alpha\",\"peer\":\"beta\",\"role\":\"party_b\",\"operator\":\"demo\","
	"\"params\":{\"column_name\":\"id\"},\"inputs\":{\"data\":\"/proc/self/fd/9\",\"more\":[\"/x\",\"/y\"]},"
	"\"input_names\":{\"data\":\"in.csv\",\"more\":[\"x\",\"y\"]},\"outputs\":{\"data\":\"out.csv\"},"
	"\"control_dir\":\"/c\",\"staging_dir\":\"/s\",\"threads\":2,\"channel\":{\"scheme\":\"agent\","
	"\"address\":\"/run/x\",\"key\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}}";

/* `good` with the value at `path` (dots between keys) replaced, or removed when value is NULL; "!" keeps the text. */
static int load(struct op_ctx *ctx, const char *path, const char *value)
{
	json_t *doc = json_loads(good, 0, NULL), *at = doc;
	struct buf b = { 0 };
	char copy[128], *key = copy, *dot, *text;
	int rc;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((dot = strchr(key, '.'))) {
		*dot = '\0';
		at = json_object_get(at, key);
		key = dot + 1;
	}
	if (value)
		json_object_set_new(at, key, json_loads(value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(at, key);
	text = json_dumps(doc, 0);
	CHECK_INT(buf_str(&b, text), 0);
	memset(ctx, 0, sizeof(*ctx));
	rc = op_doc_load(ctx, ops, &b);
	free(text);
	json_decref(doc);
	buf_free(&b);
	return rc;
}

TEST(good_document)
{
	struct op_ctx c;

	CHECK_INT(load(&c, "shard", "0"), 0);
	CHECK_STR(op_role(&c), "party_b");
	CHECK_INT(op_is_first(&c), 0);
	CHECK_STR(op_self(&c), "alpha");
	CHECK_STR(op_peer(&c), "beta");
	CHECK_INT(op_threads(&c), 2);
	CHECK_STR(op_str(&c, "column_name"), "id");
	CHECK_INT(op_int(&c, "max_depth"), 3);
	CHECK(op_num(&c, "rate") == 0.5);
	CHECK_STR(op_str(&c, "objective"), "logitraw");
	CHECK_STR(op_input(&c, "data", 0), "/proc/self/fd/9");
	CHECK_STR(op_input_name(&c, "data", 0), "in.csv");
	CHECK_STR(op_input(&c, "more", 1), "/y");
	CHECK_INT(op_input_count(&c, "more"), 2);
	CHECK(op_input(&c, "more", 2) == NULL);
	CHECK_STR(op_output(&c, "data", 0), "/s/data.0");
	CHECK_STR(op_output_name(&c, "data", 0), "out.csv");
	CHECK(op_output(&c, "data", 1) == NULL);
	CHECK(op_output(&c, "none", 0) == NULL);
	op_ctx_fini(&c);
}

TEST(bad_documents)
{
	static const struct { const char *path, *value, *code, *says; } rows[] = {
		{ "version", "2", "BAD_PARAMETER", "document.version is 2" },
		{ "version", NULL, "MISSING_PARAMETER", "document.version is missing" },
		{ "job_id", NULL, "MISSING_PARAMETER", "document.job_id" },
		{ "role", "\"party_c\"", "BAD_PARAMETER", "one of \"party_a\", \"party_b\"" },
		{ "rolle", "1", "UNKNOWN_PARAMETER", "did you mean 'role'" },
		{ "epoch", "-1", "BAD_PARAMETER", "an integer from 0 to 4294967295" },
		{ "operator", "\"psi\"", "BAD_DOCUMENT", "not that operator" },
		{ "control_dir", "\"c\"", "BAD_DOCUMENT", "absolute" },
		{ "staging_dir", "\"\"", "BAD_DOCUMENT", "absolute" },
		{ "channel.key", "\"00\"", "BAD_DOCUMENT", "64 hex digits" },
		{ "channel.key", NULL, "MISSING_PARAMETER", "channel.key" },
		{ "channel.scheme", "\"http\"", "BAD_PARAMETER", "channel.scheme" },
		{ "channel", NULL, "BAD_DOCUMENT", "expected both" },
		{ "peer", "\"\"", "BAD_DOCUMENT", "expected both" },
		{ "params", "[]", "BAD_PARAMETER", "document.params is [] (a list)" },
		{ "params.column_name", NULL, "MISSING_PARAMETER", "params.column_name is missing: the key's column" },
		{ "params.column_name", "7", "BAD_PARAMETER", "params.column_name is 7 (an integer): expected a string, or a list" },
		{ "params.column_name", "[\"a\", 7]", "BAD_PARAMETER", "params.column_name" },
		{ "params.colum_name", "\"id\"", "UNKNOWN_PARAMETER", "did you mean 'column_name'" },
		{ "params.max_depth", "0", "BAD_PARAMETER", "params.max_depth is 0 (an integer): expected an integer from 1 to 64" },
		{ "params.max_depth", "65", "BAD_PARAMETER", "from 1 to 64" },
		{ "params.max_depth", "2.0", "BAD_PARAMETER", "(a number): expected an integer" },
		{ "params.max_depth", "\"3\"", "BAD_PARAMETER", "(a string)" },
		{ "params.max_depth", "null", "BAD_PARAMETER", "(null)" },
		{ "params.max_depth", "9223372036854775807", "BAD_PARAMETER", "from 1 to 64" },
		{ "params.max_depth", "13", "BAD_PARAMETER", "bad luck" },
		{ "params.rate", "1.5", "BAD_PARAMETER", "a number from 0 to 1" },
		{ "params.rate", "-0.5", "BAD_PARAMETER", "a number from 0 to 1" },
		{ "params.objective", "\"logit\"", "BAD_PARAMETER", "\"logitraw\", \"squarederror\"" },
		{ "params.deep", "1", "BAD_PARAMETER", "true or false" },
		{ "params.names", "\"a\"", "BAD_PARAMETER", "a list" },
		{ "params.config", "[]", "BAD_PARAMETER", "an object" },
		{ "inputs.data", NULL, "MISSING_PARAMETER", "inputs.data is missing: a CSV file" },
		{ "inputs.data", "[\"/x\"]", "BAD_PARAMETER", "one path" },
		{ "inputs.data", "\"\"", "BAD_PARAMETER", "a path" },
		{ "inputs.more", "[\"\"]", "BAD_PARAMETER", "not empty" },
		{ "inputs.dta", "\"/x\"", "UNKNOWN_PARAMETER", "did you mean 'data'" },
		{ "outputs.data", NULL, "MISSING_PARAMETER", "outputs.data" },
		{ "outputs.model", "\"m\"", "UNKNOWN_PARAMETER", "outputs.model" },
	};
	struct op_ctx c;

	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		CHECK_INT(load(&c, rows[i].path, rows[i].value), ERR_INPUT);
		CHECK_STR(c.em.code, rows[i].code);
		CHECK_HAS(c.em.local, rows[i].says);
		op_ctx_fini(&c);
	}
	/* the value stays out of the text that may cross to the other party */
	CHECK_INT(load(&c, "params.objective", "\"topsecret\""), ERR_INPUT);
	CHECK_HAS(c.em.local, "topsecret");
	CHECK(strstr(c.em.pub, "topsecret") == NULL);
	op_ctx_fini(&c);
}

TEST(not_json)
{
	static const char *const rows[] = { "", "{", "[]", "7", "null", "{\"version\":1,\"version\":1}", "\xff" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		struct op_ctx c = { 0 };
		struct buf b = { 0 };

		CHECK_INT(buf_str(&b, rows[i]), 0);
		CHECK_INT(op_doc_load(&c, ops, &b), ERR_INPUT);
		CHECK_STR(c.em.code, "BAD_DOCUMENT");
		op_ctx_fini(&c);
		buf_free(&b);
	}
}

TEST(stray_colon)
{
	struct op_ctx c;

	CHECK_INT(load(&c, "params.objective:", "\"squarederror\""), 0);
	CHECK_STR(op_str(&c, "objective"), "squarederror");
	op_ctx_fini(&c);
	CHECK_INT(load(&c, "params.rate:", "1"), ERR_INPUT);
	op_ctx_fini(&c);
}

/* The digest covers the common parameters only, in one form, and leaves defaults out. */
TEST(digest)
{
	static const struct { const char *path, *value; int same; } rows[] = {
		{ "params.max_depth", "3", 1 }, { "params.rate", "0.5", 1 },
		{ "params.column_name", "[\"a\",\"b\"]", 1 }, { "role", "\"party_a\"", 1 },
		{ "params.max_depth", "4", 0 }, { "params.rate", "1", 0 }, { "params.deep", "false", 0 },
		{ "params.config", "{}", 0 },
	};
	char base[65], got[65], again[65];
	struct op_ctx c;

	CHECK_INT(load(&c, "shard", "0"), 0);
	CHECK_INT(op_common_digest(&c, base), 0);
	op_ctx_fini(&c);
	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		CHECK_INT(load(&c, rows[i].path, rows[i].value), 0);
		CHECK_INT(op_common_digest(&c, got), 0);
		CHECK_INT(strcmp(got, base) == 0, rows[i].same);
		op_ctx_fini(&c);
	}
	CHECK_INT(load(&c, "params.rate", "1"), 0);
	CHECK_INT(op_common_digest(&c, got), 0);
	op_ctx_fini(&c);
	CHECK_INT(load(&c, "params.rate", "1.0"), 0);
	CHECK_INT(op_common_digest(&c, again), 0);
	CHECK_STR(got, again);
	op_ctx_fini(&c);
}

TEST(describe)
{
	json_t *d = op_describe(&op), *p, *row;

	CHECK_STR(json_string_value(json_object_get(d, "name")), "demo");
	CHECK_STR(json_string_value(json_object_get(d, "version")), "1.2");
	p = json_object_get(json_object_get(d, "params"), "properties");
	CHECK_INT(json_object_size(p), 7);
	row = json_object_get(p, "max_depth");
	CHECK_STR(json_string_value(json_object_get(row, "type")), "integer");
	CHECK_INT(json_integer_value(json_object_get(row, "minimum")), 1);
	CHECK_INT(json_integer_value(json_object_get(row, "maximum")), 64);
	CHECK_INT(json_integer_value(json_object_get(row, "default")), 3);
	CHECK_INT(json_integer_value(json_object_get(row, "x-order")), 1);
	CHECK(json_is_false(json_object_get(row, "x-party")));
	CHECK(json_is_true(json_object_get(json_object_get(p, "column_name"), "x-party")));
	CHECK_INT(json_array_size(json_object_get(json_object_get(p, "objective"), "enum")), 2);
	CHECK_INT(json_array_size(json_object_get(json_object_get(d, "params"), "required")), 1);
	p = json_object_get(json_object_get(d, "inputs"), "properties");
	CHECK_STR(json_string_value(json_object_get(json_object_get(p, "data"), "type")), "string");
	CHECK(json_is_array(json_object_get(json_object_get(p, "more"), "type")));
	CHECK_INT(json_array_size(json_object_get(d, "public_context")), 1);
	CHECK_INT(json_array_size(json_object_get(d, "discloses")), 1);
	json_decref(d);
}

TEST(test_operator)
{
	unsetenv("PET_TEST_OPERATORS");
	CHECK(catalog_find("psi") != NULL);
	CHECK(catalog_find("../psi") == NULL);
	CHECK(catalog_find("test") == NULL);
	CHECK(catalog_find("TestOperator") == NULL);
	CHECK(strcmp(catalog_nearest("tes"), "test") != 0);
	setenv("PET_TEST_OPERATORS", "0", 1);
	CHECK(catalog_find("test") == NULL);
	setenv("PET_TEST_OPERATORS", "1", 1);
	CHECK_STR(catalog_find("test")->name, "test");
	CHECK_STR(catalog_nearest("tes"), "test");
}

TEST(task_names)
{
	static const char *const bad[] = { "", ".", "..", "j_0123456789abcdef.0.0.0", "j_0123456789abcdef.0.0.0.",
		"j_0123456789abcdef.00.0.0.t", "j_0123456789abcdef.0.0.0.t/x", "j_0123456789abcdef.0.0.0.t.x",
		"j_0123456789abcdef.-1.0.0.t", "j_0123456789abcdef.4294967296.0.0.t", "../j_0123456789abcdef.0.0.0.t",
		"j_0123456789abcdef.0.0.0.t ", "x" };
	struct task_id id, back;
	char name[TASKDIR_NAME_MAX];

	CHECK_INT(task_id_set(&id, "j_0123456789abcdef", 1, 2, UINT32_MAX, "psi_a-1"), 0);
	task_id_name(&id, name);
	CHECK_STR(name, "j_0123456789abcdef.1.2.4294967295.psi_a-1");
	CHECK_INT(task_id_parse(&back, name), 0);
	CHECK(memcmp(&id, &back, sizeof(id)) == 0);
	CHECK_INT(task_id_set(&id, "j_0123456789abcdef", 0, 0, 0, "a/b"), ERR_INPUT);
	CHECK_INT(task_id_set(&id, "j_0123456789abcdef", 0, 0, 0, ".."), ERR_INPUT);
	CHECK_INT(task_id_set(&id, "j_0123456789abcdef", 0, 0, 0, ""), ERR_INPUT);
	CHECK_INT(task_id_set(&id, "../../etc", 0, 0, 0, "t"), ERR_INPUT);
	for (size_t i = 0; i < PET_ARRAY_SIZE(bad); i++)
		CHECK_INT(task_id_parse(&back, bad[i]), ERR_INPUT);
}

TEST_MAIN(CASE(good_document), CASE(bad_documents), CASE(not_json), CASE(stray_colon), CASE(digest),
	  CASE(describe), CASE(test_operator), CASE(task_names))
