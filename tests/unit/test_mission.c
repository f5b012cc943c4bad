#include "base/mission.h"

#include "base/state.h"
#include "base/util.h"
#include "test.h"

#define HEAD "meta:\n  name: m\n  version: 1\noperators:\n"

static struct mission *must(const char *yaml)
{
	struct mission *m = NULL;
	struct errmsg em = { 0 };

	if (mission_parse_yaml(&m, yaml, strlen(yaml), "m.yml", &em)) {
		CHECK(!"refused");
		printf("# %s\n", em.local);
	}
	return m;
}

/* The sentence of the refusal; "" and a failed check when the text was accepted. */
static const char *refused(const char *yaml)
{
	static struct errmsg em;
	struct mission *m = NULL;

	memset(&em, 0, sizeof(em));
	CHECK_INT(mission_parse_yaml(&m, yaml, strlen(yaml), "m.yml", &em), ERR_INPUT);
	CHECK(m == NULL);
	CHECK_STR(em.code, "BAD_MISSION");
	mission_free(m);
	return em.local;
}

static const char *refused_json(const char *text)
{
	static struct errmsg em;
	struct mission *m = NULL;

	memset(&em, 0, sizeof(em));
	CHECK_INT(mission_parse_json(&m, text, strlen(text), &em), ERR_INPUT);
	mission_free(m);
	return em.local;
}

TEST(shipped)
{
	static const struct { const char *name, *op, *a, *b; } want[] = {
		{ "psi", "psi", "psi_a", "psi_b" },
		{ "sql", "sql", "sql_a", "sql_b" },
		{ "xgboost_classifier_fit", "xgb_classifier_fit", "fit_a", "fit_b" },
		{ "xgboost_classifier_predict", "xgb_classifier_predict", "predict_a", "predict_b" },
		{ "xgboost_regressor_fit", "xgb_regressor_fit", "fit_a", "fit_b" },
		{ "xgboost_regressor_predict", "xgb_regressor_predict", "predict_a", "predict_b" },
		{ "leiden", "leiden", "leiden_a", "leiden_b" },
	};
	const char *top = getenv("abs_top_srcdir");
	char path[512];

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct mission *m = NULL;
		struct errmsg em = { 0 };

		snprintf(path, sizeof(path), "%s/missions/%s.yml", top ? top : ".", want[i].name);
		CHECK_INT(mission_load(&m, path, &em), 0);
		if (!m) {
			printf("# %s\n", em.local);
			continue;
		}
		CHECK_STR(m->name, want[i].name);
		CHECK_INT(m->version, 1);
		CHECK_INT(m->task_count, 2);
		CHECK_STR(m->task[0].name, want[i].a);
		CHECK_STR(m->task[1].name, want[i].b);
		CHECK_INT(m->task[0].role, 0);
		CHECK_INT(m->task[1].role, 1);
		CHECK_STR(m->task[0].op->name, want[i].op);
		CHECK_INT(m->group_count, 1);
		CHECK_STR(m->group[0].name, want[i].op);
		CHECK_INT(m->group[0].task_count, 2);
		mission_free(m);
	}
}

TEST(canonical)
{
	/* the same mission written in two ways has one digest; another one has another */
	static const char a[] =
		HEAD "  - {name: p_a, class: PSITransform, class_path: x.y, party: party_a}\n"
		"  - {name: p_b, class: PSITransform, party: party_b, shards: 1, args: {}, depends: []}\n"
		"  - {name: s_a, class: PETSQL, party: party_a, depends: [p_b, p_a], args: {n: 1, a: x}}\n"
		"  - {name: s_b, class: PETSQL, party: party_b, depends: [p_a, p_b]}\n";
	static const char b[] =
		"operators:\n- {party: party_a, class: psi, name: p_a}\n- {party: party_b, class: psi, name: p_b}\n"
		"- {args: {a: 'x', n: 1}, party: party_a, class: sql, name: s_a, depends: [p_a, p_b]}\n"
		"- party: \"party_b\"\n  class: sql\n  name: s_b\n  depends:\n  - p_a\n  - p_b\n"
		"meta: {version: 1, name: m}\n";
	static const char *canonical =
		"{\"meta\":{\"name\":\"m\",\"version\":1},\"operators\":["
		"{\"class\":\"psi\",\"name\":\"p_a\",\"party\":\"party_a\"},"
		"{\"class\":\"psi\",\"name\":\"p_b\",\"party\":\"party_b\"},"
		"{\"args\":{\"a\":\"x\",\"n\":1},\"class\":\"sql\",\"depends\":[\"p_a\",\"p_b\"],\"name\":\"s_a\",\"party\":\"party_a\"},"
		"{\"class\":\"sql\",\"depends\":[\"p_a\",\"p_b\"],\"name\":\"s_b\",\"party\":\"party_b\"}]}";
	struct mission *ma = must(a), *mb = must(b), *mc = NULL;
	uint8_t da[32], db[32];
	char *text = NULL, *again = NULL;
	struct errmsg em;

	if (!ma || !mb)
		return;
	CHECK_INT(mission_print(ma, &text), 0);
	CHECK_STR(text, canonical);
	CHECK_INT(mission_digest(ma, da), 0);
	CHECK_INT(mission_digest(mb, db), 0);
	CHECK(memcmp(da, db, 32) == 0);
	CHECK_INT(mission_parse_json(&mc, text, strlen(text), &em), 0);
	CHECK_INT(mission_print(mc, &again), 0);
	CHECK_STR(again, canonical);
	mc->version = 2;
	CHECK_INT(mission_digest(mc, db), 0);
	CHECK(memcmp(da, db, 32) != 0);
	free(text);
	free(again);
	mission_free(ma);
	mission_free(mb);
	mission_free(mc);
}

/* a diamond of pairs with two groups of one operator on the middle level */
TEST(groups)
{
	static const char text[] =
		HEAD "  - {name: last_a, class: sql, party: party_a, depends: [left_a, right_b]}\n"
		"  - {name: last_b, class: sql, party: party_b, depends: [left_b, right_a]}\n"
		"  - {name: left_a, class: psi, party: party_a, depends: [top_a], group: left}\n"
		"  - {name: left_b, class: psi, party: party_b, depends: [top_b], group: left}\n"
		"  - {name: right_a, class: psi, party: party_a, depends: [top_a]}\n"
		"  - {name: right_b, class: psi, party: party_b, depends: [top_a, top_b]}\n"
		"  - {name: top_a, class: psi, party: party_a}\n"
		"  - {name: top_b, class: psi, party: party_b}\n";
	struct mission *m = must(text);

	if (!m)
		return;
	CHECK_INT(m->group_count, 4);
	CHECK_STR(m->group[0].name, "psi");
	CHECK_INT(m->group[0].level, 0);
	CHECK_INT(m->group[0].task[0], 6);
	CHECK_STR(m->group[1].name, "left");
	CHECK_INT(m->group[1].level, 1);
	CHECK_STR(m->group[2].name, "psi_1");
	CHECK_STR(m->group[3].name, "sql");
	CHECK_INT(m->group[3].level, 2);
	CHECK_INT(m->group[3].task_count, 2);
	CHECK_INT(m->task[0].group, 3);
	CHECK_INT(m->task[5].group, 2);
	CHECK_INT(m->task[0].depend_count, 2);
	CHECK_INT(m->task[0].depends[0], 2);
	CHECK_INT(m->task[0].depends[1], 5);
	mission_free(m);
}

/* Two groups whose names would be the same get different ones. */
TEST(group_names)
{
	static const char text[] =
		HEAD "  - {name: a, class: psi, party: party_a, group: psi}\n"
		"  - {name: b, class: psi, party: party_b, group: psi}\n"
		"  - {name: c, class: psi, party: party_a}\n"
		"  - {name: d, class: psi, party: party_b}\n"
		"  - {name: e, class: psi, party: party_a, depends: [a], group: psi_1}\n"
		"  - {name: f, class: psi, party: party_b, depends: [a], group: psi_1}\n"
		"  - {name: g, class: psi, party: party_a, depends: [a]}\n"
		"  - {name: h, class: psi, party: party_b, depends: [a]}\n";
	struct mission *m = must(text);

	if (!m)
		return;
	CHECK_INT(m->group_count, 4);
	for (unsigned i = 0; i < m->group_count; i++)
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(m->group[i].name, m->group[j].name) != 0);
	mission_free(m);
}

TEST(refuse_structure)
{
	CHECK_STR(refused(""), "m.yml:1: the file is empty: expected 'meta' and 'operators'");
	CHECK_HAS(refused("[]"), "m.yml:1: expected a mapping with 'meta' and 'operators'");
	CHECK_HAS(refused("x"), "m.yml:1: expected a mapping");
	CHECK_HAS(refused("operators: []\n"), "meta: expected a mapping");
	CHECK_STR(refused("meta: {name: m, version: 1}\n"), "m.yml:1: operators: expected a list with at least one task");
	CHECK_STR(refused("meta: {name: m, version: 1}\noperators: []\n"),
		  "m.yml:2: operators: expected a list with at least one task");
	CHECK_STR(refused("meta: {name: m, version: 1}\noperator: []\n"),
		  "m.yml:2: operator: unknown key; did you mean 'operators'?");
	CHECK_STR(refused("meta:\n  name: m\n  versoin: 1\n"),
		  "m.yml:3: meta.versoin: unknown key; did you mean 'version'?");
	CHECK_HAS(refused("meta: {name: M, version: 1}"), "meta.name: expected 1 to 64 of a-z, 0-9 and '_'");
	CHECK_HAS(refused("meta: {name: '', version: 1}"), "meta.name: expected 1 to 64");
	CHECK_HAS(refused("meta: {name: 7, version: 1}"), "meta.name: expected 1 to 64");
	CHECK_HAS(refused("meta: {version: 1}"), "meta.name: is missing");
	CHECK_HAS(refused("meta: {name: m}"), "meta.version: expected an integer from 1 to 1000000");
	CHECK_HAS(refused("meta: {name: m, version: 0}"), "meta.version: expected an integer");
	CHECK_HAS(refused("meta: {name: m, version: -1}"), "meta.version: expected an integer");
	CHECK_HAS(refused("meta: {name: m, version: 1.0}"), "meta.version: expected an integer");
	CHECK_HAS(refused("meta: {name: m, version: '1'}"), "meta.version: expected an integer");
	CHECK_HAS(refused("meta: {name: m, version: 99999999999999999999}"), "meta.version: expected an integer");
	CHECK_STR(refused(HEAD "  - 3\n"), "m.yml:5: operators[0]: expected a mapping");
}

TEST(refuse_tasks)
{
#define A "  - {name: a, class: psi, party: party_a}\n"
#define B "  - {name: b, class: psi, party: party_b"
	CHECK_STR(refused(HEAD A B ", sharts: 1}\n"),
		  "m.yml:6: operators[1].sharts: unknown key; did you mean 'shards'?");
	CHECK_STR(refused(HEAD A "  - name: b\n    class: psi\n    party: party_c\n"),
		  "m.yml:8: operators[1].party: expected party_a or party_b (a request's 'parties' maps them to names)");
	CHECK_HAS(refused(HEAD A "  - {name: b, class: psi}\n"), "m.yml:6: operators[1].party: expected");
	CHECK_STR(refused(HEAD A "  - {name: b, class: PSITransfrom, party: party_b}\n"),
		  "m.yml:6: operators[1].class: no operator is called 'PSITransfrom'; did you mean 'PSITransform'?");
	CHECK_HAS(refused(HEAD "  - {name: a, party: party_a}\n"), "operators[0].class: expected an operator's name");
	CHECK_HAS(refused(HEAD A "  - {name: a, class: psi, party: party_b}\n"),
		  "m.yml:6: operators[1].name: another task above has this name");
	CHECK_HAS(refused(HEAD "  - {name: common, class: psi, party: party_a}\n"), "operators[0].name: this word has a meaning");
	CHECK_HAS(refused(HEAD "  - {name: A-1, class: psi, party: party_a}\n"), "operators[0].name: expected 1 to 64");
	CHECK_HAS(refused(HEAD "  - {name: "
			  "a0123456789012345678901234567890123456789012345678901234567890123"
			  ", class: psi, party: party_a}\n"), "operators[0].name: expected 1 to 64");
	CHECK_STR(refused(HEAD A B ", shards: 2}\n"),
		  "m.yml:6: operators[1].shards: shards is not supported yet: leave it out, or write 1");
	CHECK_HAS(refused(HEAD A B ", shards: many}\n"), "shards: expected the integer 1");
	CHECK_HAS(refused(HEAD A B ", args: [1]}\n"), "args: expected a mapping");
	CHECK_HAS(refused(HEAD A B ", args: {inputs: x}}\n"), "args: 'inputs' and 'outputs' are mappings");
	CHECK_HAS(refused(HEAD A B ", args: {inputs: {d: 1}}}\n"), "args: a path of 'inputs'");
	CHECK_HAS(refused(HEAD A B ", args: {inputs: {d: ''}}}\n"), "args: a path of 'inputs'");
	CHECK_HAS(refused(HEAD A B ", args: {outputs: {d: ['x', '${job_context.a.path}']}}}\n"), "args: a path of 'inputs'");
	CHECK_HAS(refused(HEAD A B ", args: {outputs: {d: '${job_context.mission_params.x}${global_config.k}'}}}\n"), "args: a path of 'inputs'");
	CHECK_HAS(refused(HEAD A B ", class_path: 3}\n"), "class_path: expected a string");
	CHECK_HAS(refused(HEAD A B ", group: ''}\n"), "group: expected 1 to 64");
	CHECK_HAS(refused(HEAD A B ", args: {a: [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}\n"), "args: nested deeper than 16 levels");
	CHECK_STR(refused(HEAD A B ", depends: [aa]}\n"),
		  "m.yml:6: operators[1].depends: no task is called 'aa'; did you mean 'a'?");
	CHECK_HAS(refused(HEAD A B ", depends: a}\n"), "depends: expected a list of tasks' names");
	CHECK_HAS(refused(HEAD A B ", depends: [1]}\n"), "depends: expected a list of tasks' names");
	CHECK_HAS(refused(HEAD A B ", depends: [b]}\n"), "depends: the task depends on itself");
	CHECK_HAS(refused(HEAD A B ", depends: [a, a]}\n"), "depends: names a task twice");
}

TEST(refuse_graph)
{
	CHECK_STR(refused(HEAD "  - {name: a, class: psi, party: party_a, depends: [c]}\n"
			  "  - {name: b, class: psi, party: party_b, depends: [a]}\n"
			  "  - {name: c, class: sql, party: party_a, depends: [b]}\n"),
		  "m.yml:5: operators[0].depends: the tasks depend on each other in a circle: a -> c -> b -> a");
	/* the tail that leads into the circle is not named as a part of it */
	CHECK_HAS(refused(HEAD "  - {name: t, class: psi, party: party_a, depends: [a]}\n"
			  "  - {name: a, class: psi, party: party_a, depends: [b]}\n"
			  "  - {name: b, class: psi, party: party_b, depends: [a]}\n"),
		  "circle: a -> b -> a");
	CHECK_HAS(refused(HEAD A "  - {name: b, class: psi, party: party_a}\n"
			  "  - {name: c, class: psi, party: party_b}\n"),
		  "m.yml:6: operators[1]: 'a' and 'b' are both of party_a in one group");
	CHECK_HAS(refused(HEAD "  - {name: a, class: psi, party: party_a, group: g}\n"
			  "  - {name: b, class: sql, party: party_b, group: g}\n"),
		  "'a' is of class psi and 'b' of class sql");
	CHECK_HAS(refused(HEAD A B "}\n  - {name: c, class: psi, party: party_a, group: g}\n"
			  "  - {name: d, class: psi, party: party_b, group: g, depends: [a]}\n"),
		  "m.yml:8: operators[3].group: 'c' lies on level 0 of the DAG and 'd' on level 1");
	CHECK_HAS(refused(HEAD A), "m.yml:5: operators[0]: 'a' has nobody to talk to: operator psi runs at both parties");
	CHECK_HAS(refused(HEAD A B ", depends: [a]}\n"), "operators[0]: 'a' has nobody to talk to");
}

TEST(refuse_yaml)
{
	CHECK_HAS(refused("meta: {name: m, version: 1\noperators: []\n"), "m.yml:2: ");
	CHECK_HAS(refused("meta: &x {name: m, version: 1}\noperators: []\n"), "m.yml:1: anchors and aliases");
	CHECK_HAS(refused("meta: {name: m, version: 1}\noperators: *x\n"), "m.yml:2: ");
	CHECK_HAS(refused("meta: !!map {name: m, version: 1}\n"), "m.yml:1: tags are not used");
	CHECK_HAS(refused("meta: {name: m, version: 1}\nmeta: {name: m, version: 1}\n"), "m.yml:2: the key 'meta' stands twice");
	CHECK_HAS(refused("? [a]\n: b\n"), "m.yml:1: a key must be a plain word");
	CHECK_HAS(refused("meta: {<<: {name: m}, version: 1}\n"), "merge keys");
	CHECK_HAS(refused("meta: {name: m, version: 1}\noperators: []\n---\nmeta: {}\n"), "m.yml:3: a second document");
	CHECK_HAS(refused("a: \"\\0\"\n"), "a NUL character");
	CHECK_HAS(refused("\xff\xfe"), "m.yml:1: ");
	CHECK_HAS(refused("a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"), "nested deeper than 32 levels");
	CHECK_HAS(refused("a:\n\t- b\n"), "m.yml:2: ");
}

TEST(scalars)
{
	static const char text[] =
		HEAD "  - name: a\n    class: psi\n    party: party_a\n    args:\n"
		"      i: -12\n      big: 9223372036854775807\n      over: 9223372036854775808\n      f: 1.5e-3\n"
		"      t: True\n      n: ~\n      e:\n      q: '12'\n      hex: 0x10\n      inf: .inf\n      v: 1.2.3\n"
		"      date: 2024-01-01\n      no: no\n      plus: +7\n      dash: \"-\"\n"
		"  - {name: b, class: psi, party: party_b}\n";
	struct mission *m = must(text);
	char *out;

	if (!m)
		return;
	out = json_dumps(m->task[0].args, JSON_COMPACT | JSON_SORT_KEYS);
	CHECK_STR(out, "{\"big\":9223372036854775807,\"dash\":\"-\",\"date\":\"2024-01-01\",\"e\":null,\"f\":0.0015,"
		  "\"hex\":\"0x10\",\"i\":-12,\"inf\":\".inf\",\"n\":null,\"no\":\"no\",\"over\":\"9223372036854775808\","
		  "\"plus\":7,\"q\":\"12\",\"t\":true,\"v\":\"1.2.3\"}");
	free(out);
	mission_free(m);
}

TEST(refuse_json)
{
	CHECK_HAS(refused_json(""), "mission");
	CHECK_HAS(refused_json("{\"meta\":{},\"meta\":{}}"), "not JSON: duplicate object key");
	CHECK_STR(refused_json("{\"meta\":{\"name\":\"m\",\"version\":1},\"operators\":[{\"name\":\"a\",\"class\":\"sqll\",\"party\":\"party_a\"}]}"),
		  "mission: operators[0].class: no operator is called 'sqll'; did you mean 'sql'?");
	CHECK_STR(refused_json("[]"), "mission: expected a mapping with 'meta' and 'operators'");
}

TEST(limits)
{
	struct buf text = { 0 };
	struct mission *m = NULL;
	struct errmsg em;

	CHECK_INT(buf_str(&text, HEAD), 0);
	for (int i = 0; i < MISSION_TASKS_MAX / 2; i++)
		CHECK_INT(buf_fmt(&text, "  - {name: a%d, class: psi, party: party_a, group: g%d%s%.0d%s}\n"
				  "  - {name: b%d, class: psi, party: party_b, group: g%d%s%.0d%s}\n",
				  i, i, i ? ", depends: [a" : "", i - 1 > 0 ? i - 1 : 0, i > 1 ? "]" : i ? "0]" : "",
				  i, i, i ? ", depends: [b" : "", i - 1 > 0 ? i - 1 : 0, i > 1 ? "]" : i ? "0]" : ""), 0);
	CHECK_INT(mission_parse_yaml(&m, text.data, text.len, "m.yml", &em), 0);
	if (m) {
		CHECK_INT(m->group_count, MISSION_TASKS_MAX / 2);
		CHECK_INT(m->group[31].level, 31);
	} else {
		printf("# %s\n", em.local);
	}
	mission_free(m);
	m = NULL;
	CHECK_INT(buf_str(&text, "  - {name: one_more, class: psi, party: party_a}\n"), 0);
	CHECK_HAS(refused(text.data), "operators: more than 64 tasks");
	buf_clear(&text);
	CHECK_INT(buf_reserve(&text, MISSION_TEXT_MAX + 1), 0);
	memset(text.data, '#', MISSION_TEXT_MAX + 1);
	CHECK_INT(mission_parse_yaml(&m, text.data, MISSION_TEXT_MAX + 1, "m.yml", &em), ERR_INPUT);
	CHECK_HAS(em.local, "larger than 1 MiB");
	CHECK_INT(mission_load(&m, "/nonexistent/m.yml", &em), ERR_IO);
	CHECK_HAS(em.local, "/nonexistent/m.yml: No such file");
	buf_free(&text);
}

/* The example of docs/missions.md is a mission. */
TEST(documented)
{
	const char *top = getenv("abs_top_srcdir");
	struct buf text = { 0 };
	struct mission *m;
	char path[512], *from, *to;

	snprintf(path, sizeof(path), "%s/docs/missions.md", top ? top : ".");
	CHECK_INT(util_read_file(&text, path, 1 << 20), 0);
	from = text.data ? strstr(text.data, "```yaml\n") : NULL;
	to = from ? strstr(from + 8, "```") : NULL;
	CHECK(to != NULL);
	if (to) {
		*to = '\0';
		m = must(from + 8);
		CHECK(m && m->group_count == 2 && m->group[1].level == 1);
		mission_free(m);
	}
	buf_free(&text);
}

TEST(states)
{
	for (int i = 0; i < GROUP_STATES; i++)
		CHECK_INT(group_state_parse(group_state_name((enum group_state)i)), i);
	for (int i = 0; i < JOB_STATES; i++)
		CHECK_INT(job_state_parse(job_state_name((enum job_state)i)), i);
	for (int i = 0; i < TASK_STATES; i++)
		CHECK_INT(task_state_parse(task_state_name((enum task_state)i)), i);
	CHECK_INT(group_state_parse("done"), -1);
	CHECK_STR(group_state_name((enum group_state)99), "?");
}

TEST_MAIN(CASE(shipped), CASE(canonical), CASE(groups), CASE(group_names), CASE(refuse_structure),
	  CASE(refuse_tasks), CASE(refuse_graph), CASE(refuse_yaml), CASE(scalars), CASE(refuse_json),
	  CASE(limits), CASE(documented), CASE(states))
