/*
 * From dependencies to levels and groups.
 *
 * Level: the longest way from a task without dependencies. Group: the tasks
 * that give the same `group:`, or, without one, the tasks of the same level and
 * operator. All tasks of a group lie on one level, and a dependency always has
 * a lower level: so the graph of groups has no cycle when that of tasks has none.
 */
#include <stdio.h>
#include <string.h>

#include "base/mission_impl.h"

enum colour { WHITE, GREY, BLACK };

/* The way down to the task that is being looked at: what a cycle is printed from. */
struct walk {
	struct mission *m;
	const struct mission_src *src;
	enum colour colour[MISSION_TASKS_MAX];
	unsigned path[MISSION_TASKS_MAX];
	unsigned depth;
};

static int cycle(const struct walk *w, unsigned task)
{
	const struct mission *m = w->m;
	char names[300] = "";
	size_t used = 0;
	unsigned i = 0;

	while (w->path[i] != task)
		i++;
	for (; i < w->depth && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s -> ",
					 m->task[w->path[i]].name);
	return mission_bad(w->src, m->task[task].line, "operators[%u].depends: the tasks depend on each other in a circle: %s%s",
			   task, names, m->task[task].name);
}

/* Recursion is bounded by the number of tasks. */
static int visit(struct walk *w, unsigned task)
{
	struct mission_task *t = &w->m->task[task];

	if (w->colour[task] == BLACK)
		return 0;
	if (w->colour[task] == GREY)
		return cycle(w, task);
	w->colour[task] = GREY;
	w->path[w->depth++] = task;
	for (unsigned i = 0; i < t->depend_count; i++) {
		unsigned on = t->depends[i];
		int rc = visit(w, on);

		if (rc)
			return rc;
		if (t->level <= w->m->task[on].level)
			t->level = w->m->task[on].level + 1;
	}
	w->depth--;
	w->colour[task] = BLACK;
	return 0;
}

static int same_group(const struct mission_task *a, const struct mission_task *b)
{
	if (a->group_name[0] || b->group_name[0])
		return strcmp(a->group_name, b->group_name) == 0;
	return a->level == b->level && a->op == b->op;
}

/* Two tasks that are to share a group: may they? */
static int check_pair(const struct mission *m, const struct mission_src *s, unsigned ai, unsigned bi)
{
	const struct mission_task *a = &m->task[ai], *b = &m->task[bi];

	if (a->op != b->op)
		return mission_bad(s, b->line, "operators[%u].group: '%s' is of class %s and '%s' of class %s: the tasks of a group have one class",
				   bi, a->name, a->op->name, b->name, b->op->name);
	if (a->level != b->level)
		return mission_bad(s, b->line, "operators[%u].group: '%s' lies on level %u of the DAG and '%s' on level %u: the tasks of a group lie on one level",
				   bi, a->name, a->level, b->name, b->level);
	if (a->role != b->role)
		return 0;
	return mission_bad(s, b->line, "operators[%u]: '%s' and '%s' are both of %s in one group: a group has one task per party; give each pair a 'group:' of its own",
			   bi, a->name, b->name, mission_role_names[a->role]);
}

static int name_taken(const struct mission *m, const char *name)
{
	for (unsigned i = 0; i < m->task_count; i++)
		if (strcmp(m->task[i].group_name, name) == 0)
			return 1;
	for (unsigned i = 0; i < m->group_count; i++)
		if (strcmp(m->group[i].name, name) == 0)
			return 1;
	return 0;
}

/* The operator's name; with the level, then a number behind it, while another group is called so. */
static void name_group(struct mission *m, struct mission_group *g, const struct mission_task *t)
{
	if (t->group_name[0]) {
		strcpy(g->name, t->group_name);
		return;
	}
	snprintf(g->name, sizeof(g->name), "%s", t->op->name);
	for (unsigned n = t->level; name_taken(m, g->name); n++)
		snprintf(g->name, sizeof(g->name), "%s_%u", t->op->name, n);
}

static int check_size(const struct mission *m, const struct mission_src *s, const struct mission_group *g)
{
	const struct mission_task *t = &m->task[g->task[0]];

	if (t->op->parties == 2 && g->task_count == 1)
		return mission_bad(s, t->line, "operators[%u]: '%s' has nobody to talk to: operator %s runs at both parties, so another task of the same class and level (or 'group:') is needed at %s",
				   g->task[0], t->name, t->op->name, mission_role_names[1 - t->role]);
	if (t->op->parties == 1 && g->task_count == 2)
		return mission_bad(s, t->line, "operators[%u]: operator %s runs at one party: give '%s' and '%s' a 'group:' each",
				   g->task[0], t->op->name, t->name, m->task[g->task[1]].name);
	return 0;
}

static int fill_group(struct mission *m, const struct mission_src *s, unsigned first, int *grouped)
{
	struct mission_group *g = &m->group[m->group_count];

	name_group(m, g, &m->task[first]);
	g->level = m->task[first].level;
	for (unsigned i = first; i < m->task_count; i++) {
		if (grouped[i] || !same_group(&m->task[first], &m->task[i]))
			continue;
		for (unsigned j = 0; j < g->task_count; j++) {
			int rc = check_pair(m, s, g->task[j], i);

			if (rc)
				return rc;
		}
		grouped[i] = 1;
		m->task[i].group = m->group_count;
		g->task[g->task_count++] = i;
	}
	m->group_count++;
	return check_size(m, s, g);
}

int mission_arrange(struct mission *m, const struct mission_src *s)
{
	struct walk w = { .m = m, .src = s };
	int grouped[MISSION_TASKS_MAX] = { 0 }, rc;

	for (unsigned i = 0; i < m->task_count; i++)
		TRY(visit(&w, i));
	for (unsigned level = 0; level < m->task_count; level++)
		for (unsigned i = 0; i < m->task_count; i++)
			if (!grouped[i] && m->task[i].level == level)
				TRY(fill_group(m, s, i, grouped));
	rc = 0;
out:
	return rc;
}
