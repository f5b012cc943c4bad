#include "base/params.h"

#include "base/plan.h"
#include "base/util.h"
#include "test.h"

#define HEAD "meta: {name: m, version: 1}\noperators:\n"
#define PSI HEAD "- {name: psi_a, class: psi, party: party_a}\n- {name: psi_b, class: psi, party: party_b}\n"

/* As operators print themselves; ' stands for ". */
#define TABLE_PSI "'psi': {'name': 'psi', 'version': '1.0', 'params': {'type': 'object', 'properties': {" \
	"'column_name': {'type': ['string', 'array'], 'maxItems': 3, 'items': {'type': 'string'}, 'x-party': true, 'description': 'the key column or columns'}," \
	"'receiver': {'type': 'string', 'enum': ['both', 'party_a', 'party_b'], 'default': 'both', 'x-party': false}," \
	"'batch': {'type': 'integer', 'minimum': 1, 'maximum': 1000, 'x-party': false}," \
	"'rate': {'type': 'number', 'minimum': 0.5, 'x-party': false}," \
	"'fast': {'type': 'boolean', 'x-party': false}," \
	"'objective': {'type': 'string', 'x-party': false}," \
	"'config': {'type': 'object', 'x-party': false}}, 'required': ['column_name']}," \
	"'inputs': {'properties': {'data': {'type': 'string', 'description': 'the table'}}, 'required': ['data']}," \
	"'outputs': {'properties': {'data': {'type': 'string'}, 'more': {'type': ['string', 'array'], 'items': {'type': 'string'}}}, 'required': []}}"
#define TABLE_SQL "'sql': {'params': {'properties': {'query': {'type': 'string', 'x-party': false}, 'rows': {'type': 'integer', 'x-party': false}}, 'required': ['query', 'rows']}," \
	"'inputs': {'properties': {'table': {'type': 'string'}}, 'required': ['table']}, 'outputs': {'properties': {'result': {'type': 'string'}}, 'required': ['result']}}"

static json_t *js(const char *text)
{
	char copy[8192];
	json_error_t je;
	json_t *v;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	v = json_loads(copy, JSON_DECODE_ANY, &je);
	if (!v) {
		printf("# %s\nBail out! JSON of the test is wrong: %s\n", je.text, copy);
		exit(1);
	}
	return v;
}

static struct errmsg em;

static int check(const char *yaml, const char *tables, const char *params)
{
	struct mission *m = NULL;
	json_t *t = js(tables), *p = js(params);
	int rc;

	memset(&em, 0, sizeof(em));
	if (mission_parse_yaml(&m, yaml, strlen(yaml), "m.yml", &em)) {
		printf("# %s\nBail out! a mission of the test is refused\n", em.local);
		exit(1);
	}
	rc = params_check(m, t, p, &em);
	if (rc == 0)
		CHECK_STR(em.local, "");
	mission_free(m);
	json_decref(t);
	json_decref(p);
	return rc;
}

#define A "'party_a': {'column_name': 'id', 'inputs': {'data': 'a.csv'}, 'outputs': {'data': 'o.csv'}}"
#define B "'party_b': {'column_name': ['id', 'k'], 'inputs': {'data': 'b.csv'}}"
#define T "{" TABLE_PSI "}"

TEST(accepted)
{
	CHECK_INT(check(PSI, T, "{" A "," B "}"), 0);
	CHECK_INT(check(PSI, T, "{'receiver': 'party_b', 'batch': 1000, 'rate': 1, 'fast': false, 'config': {'x': [1]}, 'objective:': 'o'," A "," B "}"), 0);
	CHECK_INT(check(PSI, T, "{'rate': 0.5, 'batch': 1, 'objective': 'o'," A "," B "}"), 0);
	CHECK_INT(check(PSI, T, "{" A ", 'party_b': {'column_name': [], 'inputs': {'data': 'b'}, 'outputs': {'more': []}}}"), 0);
	CHECK_INT(check(PSI, T, "{" A ", 'party_b': {'column_name': [], 'inputs': {'data': 'b'}, 'outputs': {'more': ['x', 'y']}}}"), 0);
}

static const struct { const char *params, *code, *want; } wrong[] = {
	{ "[]", "BAD_PARAMETER", "mission_params: expected an object" },
	{ "null", "BAD_PARAMETER", "mission_params: expected an object" },
	{ "{}", "MISSING_PARAMETER", "mission_params.party_a.column_name is missing: the key column or columns" },
	{ "{" A "}", "MISSING_PARAMETER", "mission_params.party_b.column_name is missing" },
	{ "{" A ", 'party_b': 3}", "BAD_PARAMETER", "mission_params.party_b: expected an object" },
	{ "{" A ", 'party_b': null}", "BAD_PARAMETER", "mission_params.party_b: expected an object" },
	{ "{" A ", 'party_b': {'column_name': 'id'}}", "MISSING_PARAMETER", "mission_params.party_b.inputs.data is missing: the table" },
	{ "{" A ", 'party_b': {'column_name': 'id', 'inputs': 'x'}}", "BAD_PARAMETER", "mission_params.party_b.inputs: expected an object from a slot to a path" },
	{ "{" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': ''}}}", "BAD_PARAMETER", "mission_params.party_b.inputs.data: a path is empty" },
	{ "{" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': ['x']}}}", "BAD_PARAMETER", "mission_params.party_b.inputs.data is [\"x\"] (a list): expected a string" },
	{ "{" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': 'x'}, 'outputs': {'more': ['x', '']}}}", "BAD_PARAMETER", "mission_params.party_b.outputs.more: a path is empty" },
	{ "{" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': 'x'}, 'outputs': {'more': ['x', 4]}}}", "BAD_PARAMETER", "mission_params.party_b.outputs.more[1] is 4 (an integer): expected a string" },
	{ "{" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': 'x', 'dta': 'y'}}}", "UNKNOWN_PARAMETER", "mission_params.party_b.inputs.dta: unknown key; did you mean 'data'?" },
	{ "{" A "," B ", 'party_c': {}}", "UNKNOWN_PARAMETER", "mission_params.party_c: unknown key; did you mean 'party_a'?" },
	{ "{" A "," B ", 'reciever': 'both'}", "UNKNOWN_PARAMETER", "mission_params.reciever: unknown key; did you mean 'receiver'?" },
	{ "{" A "," B ", 'receiver': 'us'}", "BAD_PARAMETER", "mission_params.receiver is \"us\" (a string): expected one of \"both\", \"party_a\", \"party_b\"" },
	{ "{" A "," B ", 'receiver': null}", "BAD_PARAMETER", "mission_params.receiver is null (null): expected a string" },
	{ "{" A "," B ", 'batch': 0}", "BAD_PARAMETER", "mission_params.batch is 0 (an integer): expected 1 to 1000" },
	{ "{" A "," B ", 'batch': 1001}", "BAD_PARAMETER", "mission_params.batch is 1001 (an integer): expected 1 to 1000" },
	{ "{" A "," B ", 'batch': -1}", "BAD_PARAMETER", "mission_params.batch is -1 (an integer): expected 1 to 1000" },
	{ "{" A "," B ", 'batch': 2.0}", "BAD_PARAMETER", "mission_params.batch is 2.0 (a number): expected an integer" },
	{ "{" A "," B ", 'batch': '2'}", "BAD_PARAMETER", "mission_params.batch is \"2\" (a string): expected an integer" },
	{ "{" A "," B ", 'rate': 0.49}", "BAD_PARAMETER", "expected at least 0.5" },
	{ "{" A "," B ", 'fast': 1}", "BAD_PARAMETER", "mission_params.fast is 1 (an integer): expected true or false" },
	{ "{" A "," B ", 'config': []}", "BAD_PARAMETER", "mission_params.config is [] (a list): expected an object" },
	{ "{" A "," B ", 'objective': 'a', 'objective:': 'b'}", "BAD_PARAMETER", "mission_params.objective:: means the same as 'objective', which stands there too" },
	{ "{" A "," B ", 'objective:': 5}", "BAD_PARAMETER", "mission_params.objective is 5" },
	{ "{" A "," B ", 'column_name': 'id'}", "MISPLACED_PARAMETER", "mission_params.column_name: this parameter belongs below mission_params.party_a and mission_params.party_b" },
	{ "{" A "," B ", 'inputs': {}}", "MISPLACED_PARAMETER", "mission_params.inputs: files belong below mission_params.party_a" },
	{ "{" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': 'x'}, 'receiver': 'both'}}", "MISPLACED_PARAMETER", "mission_params.party_b.receiver: this parameter is the same for both parties: it belongs directly below mission_params" },
	{ "{" A ", 'party_b': {'colum_name': 'id', 'inputs': {'data': 'x'}}}", "UNKNOWN_PARAMETER", "mission_params.party_b.colum_name: unknown key; did you mean 'column_name'?" },
	{ "{" A ", 'party_b': {'input': {'data': 'x'}}}", "UNKNOWN_PARAMETER", "mission_params.party_b.input: unknown key; did you mean 'inputs'?" },
	{ "{" A ", 'party_b': {'column_name': 7, 'inputs': {'data': 'x'}}}", "BAD_PARAMETER", "mission_params.party_b.column_name is 7 (an integer): expected a string or a list" },
	{ "{" A ", 'party_b': {'column_name': ['a', 'b', 'c', 'd'], 'inputs': {'data': 'x'}}}", "BAD_PARAMETER", "expected at most 3 items" },
	{ "{" A ", 'party_b': {'column_name': ['a', null], 'inputs': {'data': 'x'}}}", "BAD_PARAMETER", "mission_params.party_b.column_name[1] is null (null): expected a string" },
};

TEST(refused)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK_INT(check(PSI, T, wrong[i].params), ERR_INPUT);
		CHECK_HAS(em.local, wrong[i].want);
		CHECK_STR(em.code, wrong[i].code);
	}
}

/* Values stay at home. */
TEST(public_text)
{
	CHECK_INT(check(PSI, T, "{" A "," B ", 'receiver': 'secret word'}"), ERR_INPUT);
	CHECK_STR(em.pub, "mission_params.receiver is a string: expected one of \"both\", \"party_a\", \"party_b\"");
	CHECK_INT(check(PSI, T, "{" A "," B ", 'batch': 123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890.0}"), ERR_INPUT);
	CHECK_HAS(em.local, "expected an integer");
}

TEST(several_operators)
{
	static const char *yaml =
		PSI "- {name: sql_a, class: sql, party: party_a, depends: [psi_a], args: {rows: '${job_context.psi_a.rows}', inputs: {table: x}}}\n"
		"- {name: sql_b, class: sql, party: party_b, depends: [psi_b], args: {rows: 4}}\n";
	static const char *tables = "{" TABLE_PSI "," TABLE_SQL "}";

#define A2 "'party_a': {'column_name': 'id', 'inputs': {'data': 'a.csv'}, 'outputs': {'result': 'r'}}"
#define B2 "'party_b': {'column_name': 'id', 'inputs': {'data': 'b.csv', 'table': 't'}, 'outputs': {'result': 'r'}}"
	CHECK_INT(check(yaml, tables, "{'query': 'q', " A2 "," B2 "}"), 0);
	CHECK_INT(check(yaml, tables, "{" A2 "," B2 "}"), ERR_INPUT);
	CHECK_STR(em.local, "mission_params.query is missing: it is required");
	CHECK_INT(check(yaml, tables, "{'query': 'q', 'rows': 3, " A2 "," B2 "}"), ERR_INPUT);
	CHECK_STR(em.local, "mission_params.rows: mission m sets this parameter itself: leave it out");
	CHECK_INT(check(yaml, T, "{'query': 'q', " A2 "," B2 "}"), ERR_INPUT);
	CHECK_STR(em.local, "mission m needs operator 'sql', which is not installed at this party");
	CHECK_STR(em.code, "OPERATOR_NOT_INSTALLED");
	CHECK_INT(check(yaml, tables, "{'query': 'q', 'party_a': {'column_name': 'id', 'inputs': {'data': 'a.csv', 'table': 'no'}, 'outputs': {'result': 'r'}}," B2 "}"), ERR_INPUT);
	CHECK_STR(em.local, "mission_params.party_a.inputs.table: unknown key; did you mean 'data'?");
	CHECK_INT(check(HEAD "- {name: a, class: psi, party: party_a, args: {nope: 1}}\n- {name: b, class: psi, party: party_b}\n", T, "{}"), ERR_INPUT);
	CHECK_STR(em.local, "mission m, task a: args.nope: operator psi has no such parameter");
}

#define REFS(args) HEAD "- {name: a, class: psi, party: party_a, args: {column_name: id, " args ", inputs: {data: x}}}\n" \
	"- {name: b, class: psi, party: party_b, args: {column_name: id, inputs: {data: x}}}\n"

static const struct { const char *yaml, *params, *want; } refs[] = {
	{ REFS("batch: '${job_context.size}'"), "{'party_a': {'size': 5}}", NULL },
	{ REFS("batch: '${job_context.size}'"), "{'size': null}", NULL },
	{ REFS("batch: '${job_context.size}'"), "{'size': {'deep': [1]}, 'party_a': {'size': 'x'}, 'party_b': {}}", NULL },
	{ REFS("batch: '${job_context.size}'"), "{'party_b': {'size': 5}}", "mission_params.party_b.size: unknown key; did you mean 'inputs'?" },
	{ REFS("batch: '${job_context.size}'"), "{'party_a': {'sizes': 5}}", "mission_params.party_a.sizes: unknown key; did you mean 'size'?" },
	{ REFS("batch: '${job_context.size}'"), "{}", "mission_params.party_a.size is missing: task a of mission m refers to it" },
	{ REFS("batch: '${job_context.size.deep}'"), "{'size': {'deep': 1}}", NULL },
	{ REFS("batch: '${job_context.size.deep}'"), "{'size': 3}", "mission_params.party_a.size.deep is missing: task a of mission m refers to it" },
	{ REFS("batch: '${job_context.mission_params.size}'"), "{'size': 1}", NULL },
	{ REFS("batch: '${job_context.mission_params.size}'"), "{'party_a': {'size': 1}}", "mission_params.party_a.size: unknown key" },
	{ REFS("batch: '${job_context.mission_params.size}'"), "{}", "mission_params.size is missing: task a" },
	{ REFS("batch: '${job_context.mission_params.party_a.size}'"), "{'party_a': {'size': 1}}", NULL },
	{ REFS("batch: '${job_context.mission_params.party_a.size}'"), "{'size': 1}", "mission_params.size: unknown key" },
	{ REFS("batch: '${job_context.mission_params.party_a.size}'"), "{}", "mission_params.party_a.size is missing: task a" },
	{ REFS("batch: '${job_context.mission_params.party_b.size}'"), "{'party_b': {'size': 1}}", "mission_params.party_b.size: unknown key" },
	{ REFS("config: ['x', {y: 'a ${job_context.w1} b ${job_context.w2}'}]"), "{'w1': 1, 'party_a': {'w2': 2}}", NULL },
	{ REFS("config: ['x', {y: 'a ${job_context.w1} b ${job_context.w2}'}]"), "{'w1': 1}", "mission_params.party_a.w2 is missing" },
	{ REFS("config: ['$${job_context.w1} ${job_context.b.w1} ${job_context.job_id} ${mission_context.w1}']"), "{}", NULL },
	{ REFS("config: ['$${job_context.w1} ${job_context.b.w1} ${job_context.job_id} ${mission_context.w1}']"), "{'w1': 1}", "mission_params.w1: unknown key" },
	{ REFS("config: ['${job_context.mission_params}', '${job_context.mission_params.party_a}', '${job_context.common}']"), "{}", NULL },
	{ REFS("objective: '${job_context.objective}'"), "{'objective:': 'o'}", NULL },
	{ REFS("outputs: {data: '${job_context.mission_params.party_a.outputs.final}'}"), "{'party_a': {'outputs': {'final': 'f'}}}", NULL },
	{ REFS("outputs: {data: '${job_context.mission_params.party_a.outputs.final}'}"), "{'party_a': {'outputs': {'finale': 'f'}}}", "mission_params.party_a.outputs.finale: unknown key; did you mean 'final'?" },
	{ REFS("outputs: {data: '${job_context.mission_params.party_a.outputs.final}'}"), "{'party_a': {'final': 'f'}}", "mission_params.party_a.final: unknown key" },
	{ REFS("batch: '${job_context.si'"), "{'si': 1}", "mission_params.si: unknown key" },
	{ REFS("batch: '${job_context.}'"), "{}", "is missing: task a" },
};

/* What the mission itself reads from the request may stand there, of any type, and must. */
TEST(references)
{
	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
		CHECK_INT(check(refs[i].yaml, T, refs[i].params), refs[i].want ? ERR_INPUT : 0);
		CHECK_HAS(em.local, refs[i].want ? refs[i].want : "");
	}
}

/* Long and strange names never overrun a message. */
TEST(hostile_names)
{
	json_t *tables = js(T), *params = json_object();
	struct mission *m = NULL;
	char key[2000];

	CHECK_INT(mission_parse_yaml(&m, PSI, strlen(PSI), "m.yml", &em), 0);
	memset(key, 'x', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	json_object_set_new(params, key, json_true());
	CHECK_INT(params_check(m, tables, params, &em), ERR_INPUT);
	CHECK_HAS(em.local, "unknown key");
	json_object_clear(params);
	json_object_set_new(params, "", json_true());
	CHECK_INT(params_check(m, tables, params, NULL), ERR_INPUT);
	mission_free(m);
	json_decref(tables);
	json_decref(params);
}

TEST_MAIN(CASE(accepted), CASE(refused), CASE(public_text), CASE(several_operators), CASE(references), CASE(hostile_names))
