/*
 * Missions: whatever is accepted must print, parse and print again to the same
 * canonical JSON; every refusal has a sentence. The same bytes as a user's
 * string must come out of escape and fill unchanged, and as a template must
 * never be read past the end. corpus_yaml.c runs this over fixed inputs.
 */
#include "../fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mission.h"
#include "base/plan.h"
#include "base/plan_impl.h"

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "fuzz_yaml: %s\n", what);
		abort();
	}
}

static void check_mission(const struct mission *m)
{
	must(m->task_count >= 1 && m->task_count <= MISSION_TASKS_MAX, "number of tasks");
	must(m->group_count >= 1 && m->group_count <= m->task_count, "number of groups");
	for (unsigned i = 0; i < m->task_count; i++) {
		const struct mission_task *t = &m->task[i];

		must(mission_name_ok(t->name) == 0 && t->op && t->role < MISSION_ROLES, "a task's fields");
		must(t->group < m->group_count && m->group[t->group].level == t->level, "a task's group");
		for (unsigned d = 0; d < t->depend_count; d++)
			must(m->task[t->depends[d]].level < t->level, "a dependency is not below");
	}
	for (unsigned g = 0; g < m->group_count; g++)
		must(mission_name_ok(m->group[g].name) == 0 && m->group[g].task_count >= 1 &&
		     m->group[g].task_count <= MISSION_ROLES, "a group's fields");
}

static void round_trip(const struct mission *m)
{
	struct errmsg em = { 0 };
	struct mission *again = NULL;
	char *first, *second;

	must(mission_print(m, &first) == 0, "print");
	if (mission_parse_json(&again, first, strlen(first), &em))
		must(0, em.local);
	must(mission_print(again, &second) == 0, "print again");
	must(strcmp(first, second) == 0, "another mission after a round trip");
	mission_free(again);
	free(first);
	free(second);
}

static void try_plan(const struct mission *m)
{
	json_t *params = json_pack("{s:i, s:{s:s}}", "n", 1, "party_a", "k", "${job_context.x}");
	struct plan_contexts none = { 0 };
	struct errmsg em = { 0 };
	struct plan *p = NULL;
	json_t *filled;
	int rc = plan_make(&p, m, params, NULL, mission_role_names[m->task[0].role], NULL, &em);

	must(rc == 0 || em.local[0], "a plan's refusal without a sentence");
	for (unsigned i = 0; p && i < p->task_count; i++) {
		em.local[0] = '\0';
		if (plan_fill(&filled, p->task[i].args, &none, p->task[i].name, p->task[i].role, &em))
			must(em.local[0] != '\0', "a filling's refusal without a sentence");
		else
			json_decref(filled);
	}
	plan_free(p);
	json_decref(params);
}

/* NULL when the bytes are no text: then a request cannot hold them either. */
static void strings(const char *data, size_t size)
{
	json_t *text = memchr(data, '\0', size) ? NULL : json_stringn(data, size), *escaped, *out = NULL;
	struct plan_contexts none = { 0 };

	if (!text)
		return;
	escaped = plan_escape(text);
	must(escaped && plan_fill(&out, escaped, &none, "t", "party_a", NULL) == 0, "an escaped string does not fill");
	must(json_equal(out, text), "a user's string has changed");
	json_decref(out);
	json_decref(escaped);
	if (plan_fill(&out, text, &none, "t", "party_a", NULL) == 0)
		json_decref(out);
	json_decref(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errmsg em = { 0 };
	struct mission *m = NULL;
	/* A copy of exactly this size lets the sanitizer see a read past the end. */
	char *copy = malloc(size ? size : 1);

	must(copy != NULL, "memory");
	if (size)
		memcpy(copy, data, size);
	if (mission_parse_yaml(&m, copy, size, "input", &em) == 0) {
		check_mission(m);
		round_trip(m);
		try_plan(m);
		mission_free(m);
	} else {
		must(em.code[0] && em.pub[0] && em.local[0] && !m, "a refusal without a sentence");
	}
	m = NULL;
	em.local[0] = '\0';
	if (mission_parse_json(&m, copy, size, &em))
		must(em.local[0] && !m, "a refusal without a sentence");
	mission_free(m);
	strings(copy, size);
	free(copy);
	return 0;
}
