#include "base/jin.h"

#include "base/util.h"
#include "test.h"

struct form {
	const char *name, *id;
	int64_t count, big;
	int flag;
	const json_t *params;
	int64_t version;
};

static int version(void *target, const json_t *v)
{
	if (json_is_integer(v)) {
		*(int64_t *)target = json_integer_value(v);
		return 0;
	}
	if (json_is_string(v) && strcmp(json_string_value(v), "latest") == 0) {
		*(int64_t *)target = 0;
		return 0;
	}
	return ERR_INPUT;
}

#define AT(field) .offset = offsetof(struct form, field)
static const struct jin_field table[] = {
	{ .name = "mission_name", .type = JIN_STRING, .required = 1, .low = 1, .high = 8, AT(name) },
	{ .name = "job_id", .type = JIN_STRING, .ok = util_job_id_ok, .expected = "j_ and letters", AT(id) },
	{ .name = "count", .type = JIN_INT, .low = -2, .high = 10, AT(count) },
	{ .name = "big", .type = JIN_INT, AT(big) },
	{ .name = "dry_run", .type = JIN_BOOL, AT(flag) },
	{ .name = "mission_params", .type = JIN_OBJECT, AT(params) },
	{ .name = "mission_version", .type = JIN_CUSTOM, .custom = version,
	  .expected = "an integer or \"latest\"", AT(version) },
	{ .name = NULL },
};

static void refused(const char *text, const char *code, const char *part)
{
	struct errmsg em = { 0 };
	struct form form = { 0 };
	json_t *v = NULL;
	int rc = jin_parse(&v, text, strlen(text), &em);

	if (rc == 0)
		rc = jin_read(&form, table, v, "", &em);
	CHECK_INT(rc, ERR_INPUT);
	CHECK_STR(em.code, code);
	CHECK_HAS(em.pub, part);
	json_decref(v);
}

TEST(good)
{
	static const char text[] = "{\"mission_name\":\"psi\",\"count\":-2,\"dry_run\":true,"
		"\"mission_params\":{\"b\":1,\"a\":[]},\"mission_version\":\"latest\",\"big\":9223372036854775807}";
	struct errmsg em;
	struct form form = { .count = 5, .version = 7 };
	json_t *v;
	char *c;

	CHECK_INT(jin_parse(&v, text, strlen(text), &em), 0);
	CHECK_INT(jin_read(&form, table, v, "", &em), 0);
	CHECK_STR(form.name, "psi");
	CHECK(form.id == NULL);
	CHECK_INT(form.count, -2);
	CHECK_INT(form.big, 9223372036854775807LL);
	CHECK_INT(form.flag, 1);
	CHECK_INT(form.version, 0);
	c = jin_canonical(form.params);
	CHECK_STR(c, "{\"a\":[],\"b\":1}");
	free(c);
	json_decref(v);
	CHECK_INT(jin_parse(&v, "{\"mission_name\":\"x\"}", 20, &em), 0);
	form.count = 5;
	CHECK_INT(jin_read(&form, table, v, "", &em), 0);
	CHECK_INT(form.count, 5);
	json_decref(v);
}

TEST(broken_json)
{
	struct errmsg em;
	json_t *v;
	char deep[400];

	refused("", "BAD_JSON", "empty");
	refused("{\n  \"a\": }", "BAD_JSON", "line 2 column 8");
	refused("{\"a\":1,\"a\":2}", "BAD_JSON", "duplicate");
	refused("{\"mission_params\":{\"x\":1,\"x\":1}}", "BAD_JSON", "duplicate");
	refused("{} x", "BAD_JSON", "line 1");
	refused("{\"a\":1e999}", "BAD_JSON", "overflow");
	refused("{\"a\":99999999999999999999}", "BAD_JSON", "too big");
	refused("{\"a\":\"\xff\"}", "BAD_JSON", "line 1");
	refused("{\"a\":\"\\u0000\"}", "BAD_JSON", "line 1");
	refused("[]", "NOT_AN_OBJECT", "no object");
	refused("[1]", "NOT_AN_OBJECT", "no object");
	CHECK_INT(jin_parse(&v, "{\"a\":1}\0x", 9, &em), ERR_INPUT);
	strcpy(deep, "{\"a\":");
	memset(deep + 5, '[', 100);
	memset(deep + 105, ']', 100);
	strcpy(deep + 205, "}");
	refused(deep, "BAD_JSON", "deeper than 64");
}

TEST(fields)
{
	refused("{}", "MISSING_FIELD", "mission_name is missing: expected a string");
	refused("{\"mission_nmae\":\"psi\"}", "UNKNOWN_FIELD", "mission_nmae is not known; did you mean 'mission_name'?");
	refused("{\"mission_name\":\"psi\",\"zzzzzzzzz\":1}", "UNKNOWN_FIELD", "known are: mission_name job_id");
	refused("{\"mission_name\":\"psi\",\"\":1}", "UNKNOWN_FIELD", "is not known");
	refused("{\"mission_name\":\"\"}", "BAD_FIELD", "1 to 8 bytes");
	refused("{\"mission_name\":\"123456789\"}", "BAD_FIELD", "1 to 8 bytes");
	refused("{\"mission_name\":7}", "BAD_FIELD", "mission_name is an integer that does not fit: expected a string");
	refused("{\"mission_name\":null}", "BAD_FIELD", "is null");
	refused("{\"mission_name\":\"x\",\"count\":11}", "BAD_FIELD", "from -2 to 10");
	refused("{\"mission_name\":\"x\",\"count\":-3}", "BAD_FIELD", "from -2 to 10");
	refused("{\"mission_name\":\"x\",\"count\":1.0}", "BAD_FIELD", "count is a number");
	refused("{\"mission_name\":\"x\",\"count\":\"1\"}", "BAD_FIELD", "count is a string");
	refused("{\"mission_name\":\"x\",\"dry_run\":1}", "BAD_FIELD", "true or false");
	refused("{\"mission_name\":\"x\",\"job_id\":\"j_1\"}", "BAD_FIELD", "j_ and letters");
	refused("{\"mission_name\":\"x\",\"mission_params\":[]}", "BAD_FIELD", "expected an object");
	refused("{\"mission_name\":\"x\",\"mission_version\":\"last\"}", "BAD_FIELD", "\"latest\"");
	refused("{\"mission_name\":\"x\",\"mission_version\":1.5}", "BAD_FIELD", "\"latest\"");
}

TEST(paths)
{
	struct errmsg em;
	struct form form;
	json_t *v;

	CHECK_INT(jin_parse(&v, "{\"count\":true}", 14, &em), 0);
	CHECK_INT(jin_read(&form, table + 1, v, "a.b", &em), ERR_INPUT);
	CHECK_HAS(em.pub, "a.b.count is true");
	json_decref(v);
	/* A long unknown key is cut, and nothing overflows. */
	v = json_object();
	char key[5000];
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	json_object_set_new(v, key, json_true());
	CHECK_INT(jin_read(&form, table, v, "", &em), ERR_INPUT);
	CHECK_INT(jin_read(&form, table, v, "", NULL), ERR_INPUT);
	CHECK_STR(em.code, "UNKNOWN_FIELD");
	json_decref(v);
}

static void query_refused(const char *query, const char *code, const char *part)
{
	struct errmsg em = { 0 };
	struct form form = { 0 };
	json_t *v = NULL;
	int rc = jin_query(&v, table, query, &em);

	if (rc == 0)
		rc = jin_read(&form, table, v, "", &em);
	CHECK_INT(rc, ERR_INPUT);
	CHECK_STR(em.code, code);
	CHECK_HAS(em.pub, part);
	json_decref(v);
}

TEST(query)
{
	struct errmsg em;
	struct form form = { 0 };
	json_t *v;

	CHECK_INT(jin_query(&v, table, "mission_name=a%20b+c&count=3&dry_run=true&", &em), 0);
	CHECK_INT(jin_read(&form, table, v, "", &em), 0);
	CHECK_STR(form.name, "a b c");
	CHECK_INT(form.count, 3);
	CHECK_INT(form.flag, 1);
	json_decref(v);
	query_refused("", "MISSING_FIELD", "mission_name");
	query_refused("mission_name", "BAD_QUERY", "key=value");
	query_refused("mission_name=%", "BAD_QUERY", "escape");
	query_refused("mission_name=%4", "BAD_QUERY", "escape");
	query_refused("mission_name=%zz", "BAD_QUERY", "escape");
	query_refused("mission_name=a%00b", "BAD_QUERY", "escape");
	query_refused("mission_name=%ff", "BAD_QUERY", "UTF-8");
	query_refused("%ff=1", "BAD_QUERY", "UTF-8");
	query_refused("mission_name=a&mission_name=b", "BAD_QUERY", "twice");
	query_refused("mission_name=a&count=3x", "BAD_FIELD", "count");
	query_refused("mission_name=a&count=", "BAD_FIELD", "count");
	query_refused("mission_name=a&count=99999999999999999999", "BAD_FIELD", "count");
	query_refused("mission_name=a&conut=1", "UNKNOWN_FIELD", "'count'");
}

TEST_MAIN(CASE(good), CASE(broken_json), CASE(fields), CASE(paths), CASE(query))
