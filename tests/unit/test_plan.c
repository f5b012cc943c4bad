#include "base/plan.h"

#include "test.h"

#define HEAD "meta: {name: m, version: 1}\noperators:\n"
#define PSI HEAD "- {name: psi_a, class: psi, party: party_a}\n- {name: psi_b, class: psi, party: party_b}\n"

static struct mission *mission(const char *yaml)
{
	struct mission *m = NULL;
	struct errmsg em = { 0 };

	if (mission_parse_yaml(&m, yaml, strlen(yaml), "m.yml", &em)) {
		printf("# %s\nBail out! a mission of the test is refused\n", em.local);
		exit(1);
	}
	return m;
}

/* JSON with ' for ". */
static json_t *js(const char *text)
{
	char copy[2048];
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

#define CHECK_JSON(got, want) do { \
	json_t *want_ = js(want); \
	char *text_ = json_dumps(got, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT); \
	if (!json_equal((json_t *)(got), want_)) { \
		test_failed = 1; \
		printf("# %s:%d: %s is %s, want %s\n", __FILE__, __LINE__, #got, text_ ? text_ : "(null)", want); \
	} \
	free(text_); json_decref(want_); } while (0)

static struct plan *plan(const struct mission *m, const char *params, const char *parties,
			 const char *self, const char *tables, struct errmsg *em)
{
	json_t *p = js(params), *r = parties ? js(parties) : NULL, *t = tables ? js(tables) : NULL;
	struct plan *out = NULL;
	int rc;

	memset(em, 0, sizeof(*em));
	rc = plan_make(&out, m, p, r, self, t, em);
	CHECK(rc == 0 || (rc == ERR_INPUT && !out));
	json_decref(p);
	json_decref(r);
	json_decref(t);
	return out;
}

#define PARAMS "{'rounds': 3, 'objective:': 'x', " \
	"'party_a': {'column_name': 'id', 'inputs': {'data': 'data/a.csv'}, 'outputs': {'data': 'data/ra.csv'}}," \
	"'party_b': {'column_name': ['k', 'l'], 'inputs': {'data': 'data/b.csv'}, 'outputs': {'data': 'data/rb.csv'}}}"

TEST(both_sides)
{
	struct mission *m = mission(PSI);
	struct errmsg em;
	struct plan *a = plan(m, PARAMS, NULL, "party_a", NULL, &em);
	struct plan *b = plan(m, PARAMS, "{'party_a': 'blue', 'party_b': 'red'}", "red", NULL, &em);

	if (!a || !b) {
		CHECK(!"refused");
		return;
	}
	CHECK_STR(a->peer, "party_b");
	CHECK_INT(a->group_count, 1);
	CHECK_STR(a->group[0].name, "psi");
	CHECK_INT(a->group[0].task_count, 2);
	CHECK_INT(a->task_count, 2);
	CHECK_INT(a->task[0].own, 1);
	CHECK_JSON(a->task[0].args, "{'params': {'rounds': 3, 'objective': 'x', 'column_name': 'id'},"
		   "'inputs': {'data': 'data/a.csv'}, 'outputs': {'data': 'data/ra.csv'}}");
	/* nothing of the other party's section in our rows */
	CHECK_INT(a->task[1].own, 0);
	CHECK_STR(a->task[1].party, "party_b");
	CHECK_JSON(a->task[1].args, "{}");
	CHECK_STR(b->peer, "blue");
	CHECK_STR(b->task[0].party, "blue");
	CHECK_STR(b->task[0].role, "party_a");
	CHECK_JSON(b->task[0].args, "{}");
	CHECK_STR(b->task[1].op, "psi");
	CHECK_JSON(b->task[1].args, "{'params': {'rounds': 3, 'objective': 'x', 'column_name': ['k', 'l']},"
		   "'inputs': {'data': 'data/b.csv'}, 'outputs': {'data': 'data/rb.csv'}}");
	plan_free(a);
	plan_free(b);
	mission_free(m);
}

TEST(parties)
{
	static const struct { const char *parties, *self, *want; } bad[] = {
		{ "{'party_a': 'x', 'party_b': 'x'}", "x", "parties: party_a and party_b are both 'x'" },
		{ "{'party_a': 'party_b'}", "party_b", "party_a and party_b are both 'party_b'" },
		{ "{'party_c': 'x'}", "party_a", "parties.party_c: unknown role" },
		{ "{'party_a': 3}", "party_a", "parties.party_a: expected the name of a party" },
		{ "{'party_a': '../x'}", "party_a", "parties.party_a: expected the name of a party" },
		{ "{'party_a': ''}", "party_a", "parties.party_a: expected the name of a party" },
		{ "[]", "party_a", "parties: expected an object" },
		{ "{}", "nobody", "this party, 'nobody', has no task in mission m" },
		{ "{'party_a': 'x'}", "party_a", "this party, 'party_a', has no task" },
	};
	struct mission *m = mission(PSI);
	struct errmsg em;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(plan(m, "{}", bad[i].parties, bad[i].self, NULL, &em) == NULL);
		CHECK_HAS(em.local, bad[i].want);
		CHECK_STR(em.code, "BAD_PARTIES");
	}
	mission_free(m);
}

/* With tables a task gets what its operator declares: two operators share one request. */
TEST(two_operators)
{
	static const char *tables =
		"{'psi': {'params': {'properties': {'column_name': {}}}, 'inputs': {'properties': {'data': {}}}, 'outputs': {'properties': {'data': {}}}},"
		"'sql': {'params': {'properties': {'query': {}}}, 'inputs': {'properties': {'table': {}}}, 'outputs': {'properties': {'result': {}}}}}";
	struct mission *m = mission(
		PSI "- {name: sql_a, class: sql, party: party_a, depends: [psi_a], args: {inputs: {table: '${job_context.mission_params.party_a.outputs.data}'}, n: '${job_context.psi_a.rows}'}}\n"
		"- {name: sql_b, class: sql, party: party_b, depends: [psi_a, psi_b]}\n");
	struct errmsg em;
	struct plan *p = plan(m, "{'query': 'q', 'party_a': {'column_name': 'id', 'inputs': {'data': 'in.csv'},"
			      "'outputs': {'data': 'mid.csv', 'result': 'out.csv'}}, 'party_b': {}}", NULL, "party_a", tables, &em);

	if (!p) {
		printf("# %s\n", em.local);
		CHECK(!"refused");
		return;
	}
	CHECK_JSON(p->task[0].args, "{'params': {'column_name': 'id'}, 'inputs': {'data': 'in.csv'}, 'outputs': {'data': 'mid.csv'}}");
	CHECK_JSON(p->task[2].args, "{'params': {'query': 'q', 'n': '${job_context.psi_a.rows}'}, 'inputs': {'table': 'mid.csv'}, 'outputs': {'result': 'out.csv'}}");
	CHECK_JSON(p->task[3].depends, "['psi_a', 'psi_b']");
	CHECK_INT(p->group[1].depend_count, 1);
	CHECK_INT(p->group[1].depends[0], 0);
	plan_free(p);
	/* the path that the mission refers to is not in the request */
	CHECK(plan(m, "{'party_a': {}, 'party_b': {}}", NULL, "party_a", tables, &em) == NULL);
	CHECK_STR(em.local, "task sql_a, args.inputs.table: ${job_context.mission_params.party_a.outputs.data}: there is no such value when the task starts");
	mission_free(m);
}

static int collect(void *arg, const char *slot, const char *path, int output)
{
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 400 - n, "%s%s=%s ", output ? ">" : "<", slot, path);
	return strcmp(path, "stop") == 0 ? ERR_DENIED : 0;
}

TEST(paths)
{
	struct mission *m = mission(PSI);
	struct errmsg em;
	struct plan *p = plan(m, "{'party_a': {'inputs': {'data': ['a', '${x}', '$${y}']}, 'outputs': {'data': 'o'}}}",
			      NULL, "party_a", NULL, &em);
	char text[400] = "";

	CHECK_INT(plan_paths(&p->task[0], collect, text), 0);
	CHECK_STR(text, "<data=a <data=${x} <data=$${y} >data=o ");
	CHECK_INT(plan_paths(&p->task[1], collect, text), 0);
	plan_free(p);
	p = plan(m, "{'party_a': {'inputs': {'data': ['stop', 'x']}}}", NULL, "party_a", NULL, &em);
	text[0] = '\0';
	CHECK_INT(plan_paths(&p->task[0], collect, text), ERR_DENIED);
	CHECK_STR(text, "<data=stop ");
	plan_free(p);
	p = plan(m, "{'party_a': {'inputs': {'data': [3]}}}", NULL, "party_a", NULL, &em);
	CHECK_INT(plan_paths(&p->task[0], collect, text), ERR_INPUT);
	plan_free(p);
	mission_free(m);
}

/* What users write is data, however much it looks like a reference. */
TEST(no_injection)
{
	static const char *evil = "{'sql': '${global_config.secret}', 'deep': [{'k': 'a$${x} ${y'}], 'party_a': {'column_name': '$$${job_context.a}$'}}";
	struct mission *m = mission(PSI);
	struct errmsg em;
	struct plan *p = plan(m, evil, NULL, "party_a", NULL, &em);
	json_t *global = js("{'secret': 'S'}"), *filled = NULL;
	struct plan_contexts contexts = { .global = global };

	CHECK_INT(plan_fill(&filled, p->task[0].args, &contexts, "psi_a", "party_a", &em), 0);
	CHECK_JSON(filled, "{'params': {'sql': '${global_config.secret}', 'deep': [{'k': 'a$${x} ${y'}], 'column_name': '$$${job_context.a}$'}, 'inputs': {}, 'outputs': {}}");
	json_decref(filled);
	json_decref(global);
	plan_free(p);
	mission_free(m);
}

static json_t *fill(const char *args, struct errmsg *em)
{
	json_t *job = js("{'n': 7, 's': 'text', 'o': {'p': {'q': [1, {'r': null}]}}, 'ref': '${global_config.k}',"
			 "'party_a': {'mine': 'a', 'n': 8}, 'party_b': {'mine': 'b'}, 'common': {'both': true, 'mine': 'c'}}");
	json_t *mi = js("{'k': 'mk'}"), *gl = js("{'k': 'gk', 'real': 0.5}"), *a = js(args), *out = NULL;
	struct plan_contexts contexts = { job, mi, gl };
	int rc;

	memset(em, 0, sizeof(*em));
	rc = plan_fill(&out, a, &contexts, "t", "party_a", em);
	CHECK(rc == 0 ? out != NULL : rc == ERR_INPUT && out == NULL);
	json_decref(job);
	json_decref(mi);
	json_decref(gl);
	json_decref(a);
	return out;
}

#define CHECK_FILL(args, want) do { json_t *f_ = fill(args, &em); CHECK_JSON(f_, want); json_decref(f_); } while (0)
#define CHECK_BAD(args, want) do { json_t *f_ = fill(args, &em); CHECK(f_ == NULL); json_decref(f_); CHECK_STR(em.local, want); } while (0)

TEST(references)
{
	struct errmsg em;

	CHECK_FILL("{}", "{}");
	CHECK_FILL("['${job_context.n}', '${job_context.o.p}', '${mission_context.k}', '${global_config.k}']",
		   "[7, {'q': [1, {'r': null}]}, 'mk', 'gk']");
	CHECK_FILL("{'a': 'x${job_context.n}-${job_context.s}${global_config.real}$'}", "{'a': 'x7-text0.5$'}");
	/* at the top, then the own role, then common; never the other role unless named */
	CHECK_FILL("['${job_context.mine}', '${job_context.both}', '${job_context.party_b.mine}', 'is ${job_context.both}']", "['a', true, 'b', 'is true']");
	CHECK_FILL("['$${job_context.n}', '$', '$$', '$x', '', '}{', 3, null, true]", "['${job_context.n}', '$', '$$', '$x', '', '}{', 3, null, true]");
	/* what a reference brings is not looked at again */
	CHECK_FILL("['${job_context.ref}', 'x${job_context.ref}']", "['${global_config.k}', 'x${global_config.k}']");
	CHECK_BAD("{'x': {'y': [1, 'a${job_context.nope}']}}", "task t, args.x.y[1]: ${job_context.nope}: there is no such value when the task starts");
	CHECK_BAD("['${job_context.o.p.q.r}']", "task t, args[0]: ${job_context.o.p.q.r}: there is no such value when the task starts");
	CHECK_BAD("['${job_context.}']", "task t, args[0]: ${job_context.}: there is no such value when the task starts");
	CHECK_BAD("['${env.HOME}']", "task t, args[0]: ${env.HOME}: a reference begins with job_context., mission_context. or global_config.");
	CHECK_BAD("['${job_context.n']", "task t, args[0]: ${}: the '}' of a reference is missing");
	CHECK_BAD("['${}']", "task t, args[0]: ${}: a reference has 1 to 199 characters");
	CHECK_BAD("['x ${job_context.o}']", "task t, args[0]: ${job_context.o}: inside a longer text the value must be a string, a number or a boolean");
	CHECK_STR(em.code, "BAD_REFERENCE");
}

TEST(long_reference)
{
	struct errmsg em;
	char text[400] = "['${job_context.";

	memset(text + strlen(text), 'a', 300);
	strcat(text, "}']");
	CHECK_BAD(text, "task t, args[0]: ${}: a reference has 1 to 199 characters");
}

TEST(context)
{
	json_t *params = js(PARAMS), *results = js("{'psi_a': {'rows': 3}, 'common': {'x': 1}, 'job_id': 'fake', 'party_b': {}}"), *c = NULL;

	CHECK_INT(plan_job_context(&c, "j_1", params, "party_a", results), 0);
	CHECK_JSON(c, "{'job_id': 'j_1', 'common': {'rounds': 3, 'objective': 'x'}, 'psi_a': {'rows': 3}, 'party_b': {},"
		   "'party_a': {'column_name': 'id', 'inputs': {'data': 'data/a.csv'}, 'outputs': {'data': 'data/ra.csv'}},"
		   "'mission_params': {'rounds': 3, 'objective': 'x', 'party_a': {'column_name': 'id', 'inputs': {'data': 'data/a.csv'}, 'outputs': {'data': 'data/ra.csv'}}}}");
	json_decref(c);
	json_decref(params);
	json_decref(results);
	params = js("{}");
	CHECK_INT(plan_job_context(&c, "j_1", params, "party_b", NULL), 0);
	CHECK_JSON(c, "{'job_id': 'j_1', 'common': {}, 'mission_params': {}}");
	json_decref(c);
	json_decref(params);
}

/* The shapes of the published requests, through the shipped missions: what each operator gets at each side. */
static const struct {
	const char *mission, *params, *a, *b;
} published[] = {
	{ "psi", "{'party_a': {'column_name': 'id', 'inputs': {'data': 'data/s.csv'}, 'outputs': {'data': 'data/r.csv'}},"
	  "'party_b': {'column_name': 'id', 'inputs': {'data': 'data/c.csv'}, 'outputs': {'data': 'data/r.csv'}}}",
	  "{'params': {'column_name': 'id'}, 'inputs': {'data': 'data/s.csv'}, 'outputs': {'data': 'data/r.csv'}}",
	  "{'params': {'column_name': 'id'}, 'inputs': {'data': 'data/c.csv'}, 'outputs': {'data': 'data/r.csv'}}" },
	{ "sql", "{'sql': 'SELECT 1', 'config': {'mode': 'memory', 'reveal_to': 0, 'schemas': [{'name': 't', 'party': 0}]},"
	  "'party_a': {'inputs': {'data': ['data/a.csv']}, 'outputs': {'data': ['data/r.csv']}},"
	  "'party_b': {'inputs': {'data': ['data/b.csv']}, 'outputs': {'data': []}}}",
	  "{'params': {'sql': 'SELECT 1', 'config': {'mode': 'memory', 'reveal_to': 0, 'schemas': [{'name': 't', 'party': 0}]}}, 'inputs': {'data': ['data/a.csv']}, 'outputs': {'data': ['data/r.csv']}}",
	  "{'params': {'sql': 'SELECT 1', 'config': {'mode': 'memory', 'reveal_to': 0, 'schemas': [{'name': 't', 'party': 0}]}}, 'inputs': {'data': ['data/b.csv']}, 'outputs': {'data': []}}" },
	{ "xgboost_classifier_fit", "{'objective:': 'logitraw', 'n_estimators': 2, 'test_size': 0.0,"
	  "'party_a': {'inputs': {'train_data': 'data/s.csv'}, 'outputs': {'model_path': 'data/s.pkl'}},"
	  "'party_b': {'inputs': {'train_data': 'data/c.csv'}, 'outputs': {'model_path': 'data/c.pkl'}}}",
	  "{'params': {'objective': 'logitraw', 'n_estimators': 2, 'test_size': 0.0}, 'inputs': {'train_data': 'data/s.csv'}, 'outputs': {'model_path': 'data/s.pkl'}}",
	  "{'params': {'objective': 'logitraw', 'n_estimators': 2, 'test_size': 0.0}, 'inputs': {'train_data': 'data/c.csv'}, 'outputs': {'model_path': 'data/c.pkl'}}" },
	{ "xgboost_regressor_predict", "{'party_a': {'inputs': {'predict_data': 'p', 'model_path': 'm'}, 'outputs': {'inference_res_path': 'o'}},"
	  "'party_b': {'inputs': {'predict_data': 'q', 'model_path': 'n'}, 'outputs': {'inference_res_path': 'o2'}}}",
	  "{'params': {}, 'inputs': {'predict_data': 'p', 'model_path': 'm'}, 'outputs': {'inference_res_path': 'o'}}",
	  "{'params': {}, 'inputs': {'predict_data': 'q', 'model_path': 'n'}, 'outputs': {'inference_res_path': 'o2'}}" },
	{ "leiden", "{'max_move': 20, 'max_merge': 10, 'party_a': {'inputs': {'user_weights': 'w', 'local_nodes': 'n'}, 'outputs': {'cluster': 'c'}},"
	  "'party_b': {'inputs': {'user_weights': 'w2', 'local_nodes': 'n2'}, 'outputs': {'cluster': 'c2'}}}",
	  "{'params': {'max_move': 20, 'max_merge': 10}, 'inputs': {'user_weights': 'w', 'local_nodes': 'n'}, 'outputs': {'cluster': 'c'}}",
	  "{'params': {'max_move': 20, 'max_merge': 10}, 'inputs': {'user_weights': 'w2', 'local_nodes': 'n2'}, 'outputs': {'cluster': 'c2'}}" },
};

TEST(published_requests)
{
	const char *top = getenv("abs_top_srcdir");
	char path[512];

	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		struct mission *m = NULL;
		struct plan *a, *b;
		struct errmsg em;

		snprintf(path, sizeof(path), "%s/missions/%s.yml", top ? top : ".", published[i].mission);
		if (mission_load(&m, path, &em)) {
			CHECK(!"a shipped mission is refused");
			continue;
		}
		a = plan(m, published[i].params, NULL, "party_a", NULL, &em);
		b = plan(m, published[i].params, NULL, "party_b", NULL, &em);
		CHECK_JSON(a->task[0].args, published[i].a);
		CHECK_JSON(b->task[1].args, published[i].b);
		plan_free(a);
		plan_free(b);
		mission_free(m);
	}
}

TEST_MAIN(CASE(published_requests), CASE(both_sides), CASE(parties), CASE(two_operators), CASE(paths), CASE(no_injection),
	  CASE(references), CASE(long_reference), CASE(context))
