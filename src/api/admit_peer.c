/*
 * Jobs that the other party submits: the same checks as a user's, and a grant
 * for everything they would read or write here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "api/grant.h"
#include "base/jin.h"
#include "base/log.h"
#include "base/safepath.h"
#include "base/util.h"
#include "db/db_grant.h"
#include "db/db_user.h"

/* --- grants -------------------------------------------------------------- */

#define FILES_MAX 256

struct file {
	char path[SAFEPATH_MAX];
	unsigned group;
};

/* What the own tasks of one job touch. */
struct files {
	struct file *in, *out;	/* owned */
	size_t in_count, out_count;
};

static int add_path(struct file **list, size_t *count, const char *path, unsigned group, struct errmsg *em)
{
	struct file *bigger;

	if (*count == FILES_MAX)
		return errmsg_set(em, ERR_INPUT, "TOO_MANY_FILES", "the job touches more than %d files at this party", FILES_MAX);
	bigger = realloc(*list, (*count + 1) * sizeof(**list));
	if (!bigger)
		return ERR_NOMEM;
	*list = bigger;
	bigger[*count].group = group;
	return safepath_clean(path, bigger[(*count)++].path, em);
}

static int add_slots(struct file **list, size_t *count, const json_t *slots, unsigned group, struct errmsg *em)
{
	const char *slot;
	json_t *v, *item;
	size_t i;
	int rc = 0;

	json_object_foreach((json_t *)slots, slot, v) {
		if (json_is_string(v))
			TRY(add_path(list, count, json_string_value(v), group, em));
		json_array_foreach(v, i, item)
			if (json_is_string(item))
				TRY(add_path(list, count, json_string_value(item), group, em));
	}
out:
	return rc;
}

/*
 * References are filled in from the request. One that only a running task
 * could fill in would be a path that nobody has granted, and is refused.
 */
static int task_files(struct files *f, const struct plan_task *t, const json_t *context, struct errmsg *em)
{
	struct plan_contexts c = { .job = context };
	json_t *paths = NULL, *filled = NULL;
	int rc;

	paths = json_pack("{sO* sO*}", "inputs", json_object_get(t->args, "inputs"),
			  "outputs", json_object_get(t->args, "outputs"));
	if (!paths)
		return ERR_NOMEM;
	if (plan_fill(&filled, paths, &c, t->name, t->role, NULL)) {
		rc = errmsg_set(em, ERR_DENIED, "NO_GRANT", "task %s takes a path from another task's result, which no data_grant can cover",
				t->name);
		goto out;
	}
	TRY(add_slots(&f->in, &f->in_count, json_object_get(filled, "inputs"), t->group, em));
	TRY(add_slots(&f->out, &f->out_count, json_object_get(filled, "outputs"), t->group, em));
	rc = 0;
out:
	json_decref(filled);
	json_decref(paths);
	return rc;
}

static int group_follows(const struct plan *p, unsigned later, unsigned earlier)
{
	const struct plan_group *g = &p->group[later];

	for (unsigned i = 0; i < g->depend_count; i++)
		if (g->depends[i] == earlier || group_follows(p, g->depends[i], earlier))
			return 1;
	return 0;
}

/*
 * What an earlier group of this job published is the job's own. Earlier by
 * dependency: else a job could name a stranger's file as input and output at
 * once, and read it before it is refused as an output.
 */
static int is_own_output(const struct files *f, const struct file *in, const struct plan *p)
{
	for (size_t i = 0; i < f->out_count; i++)
		if (strcmp(f->out[i].path, in->path) == 0 && group_follows(p, in->group, f->out[i].group))
			return 1;
	return 0;
}

static int outputs_below(const struct files *f, const char *folder)
{
	for (size_t i = 0; i < f->out_count; i++)
		if (!grant_holds(f->out[i].path, folder))
			return 0;
	return 1;
}

/* One row must name the input and a folder that holds all results: what is read may flow into any of them. */
static int input_granted(const struct files *f, const char *input, const struct data_grant *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((!input || grant_covers(input, g[i].input_path)) && outputs_below(f, g[i].output_dir))
			return 1;
	return 0;
}

/* The sentence names the rule, and no path: the asker learns nothing of what lies here. */
static int no_grant(const struct admitted *a, const char *sender, const char *what, struct errmsg *em)
{
	return errmsg_set(em, ERR_DENIED, "NO_GRANT",
			  "no row of data_grant for mission %s and peer %s covers %s", a->row->name, sender, what);
}

static int check_grants(const struct admitted *a, const struct files *f, struct db *db, const char *sender,
			struct errmsg *em)
{
	struct data_grant *g = NULL;
	size_t n = 0, read = 0;
	int rc;

	TRY(db_grant_list(db, sender, a->row->name, &g, &n));
	for (size_t i = 0; i < f->in_count; i++) {
		if (is_own_output(f, &f->in[i], a->plan))
			continue;
		read++;
		if (!input_granted(f, f->in[i].path, g, n)) {
			rc = no_grant(a, sender, "an input and the folder of its results", em);
			log_notice("job from %s refused: no grant for input %s", sender, f->in[i].path);
			goto out;
		}
	}
	if (read == 0 && !input_granted(f, NULL, g, n))
		rc = no_grant(a, sender, "the folder of its results", em);
out:
	free(g);
	return rc;
}

int admit_grants(const struct admitted *a, const struct submit *s, struct db *db, const char *sender,
		 struct errmsg *em)
{
	struct files f = { 0 };
	json_t *context = json_pack("{sO}", "mission_params", (json_t *)s->mission_params);
	int rc = ERR_NOMEM;

	if (!context)
		return rc;
	for (unsigned i = 0; i < a->plan->task_count; i++)
		if (a->plan->task[i].own)
			TRY(task_files(&f, &a->plan->task[i], context, em));
	TRY(check_grants(a, &f, db, sender, em));
	rc = 0;
out:
	free(f.in);
	free(f.out);
	json_decref(context);
	return rc;
}

/* --- a submit from the other party --------------------------------------- */

struct peer_submit {
	const char *job_id, *mission_name, *digest, *main_party, *submitter;
	int64_t mission_version, priority, timeout_seconds, max_retries;
	const json_t *request, *parties;
};

#define AT(field) .offset = offsetof(struct peer_submit, field)
static const struct jin_field peer_table[] = {
	{ .name = "job_id", .type = JIN_STRING, .required = 1, .ok = util_job_id_ok, AT(job_id) },
	{ .name = "mission_name", .type = JIN_STRING, .required = 1, .high = 64, AT(mission_name) },
	{ .name = "mission_version", .type = JIN_INT, .required = 1, .low = 1, .high = 2147483647, AT(mission_version) },
	{ .name = "mission_digest", .type = JIN_STRING, .required = 1, .low = 64, .high = 64, AT(digest) },
	{ .name = "request", .type = JIN_OBJECT, .required = 1, AT(request) },
	{ .name = "main_party", .type = JIN_STRING, .required = 1, .ok = party_name_ok, AT(main_party) },
	{ .name = "submitter", .type = JIN_STRING, .required = 1, .ok = party_name_ok, AT(submitter) },
	{ .name = "parties", .type = JIN_OBJECT, .required = 1, AT(parties) },
	{ .name = "priority", .type = JIN_INT, .low = -100, .high = 100, AT(priority) },
	{ .name = "timeout_seconds", .type = JIN_INT, .low = 0, .high = 31536000, AT(timeout_seconds) },
	{ .name = "max_retries", .type = JIN_INT, .low = 0, .high = 100, AT(max_retries) },
	{ .name = NULL },
};

/* The message's own fields only: the common ones (seq, epoch, …) are db_peer_apply's. */
static int read_peer(struct peer_submit *out, const json_t *body, struct errmsg *em)
{
	json_t *own = json_object();
	int rc = ERR_NOMEM;

	if (!own)
		return rc;
	for (const struct jin_field *f = peer_table; f->name; f++) {
		json_t *v = json_object_get(body, f->name);

		if (v && !json_is_null(v) && json_object_set(own, f->name, v))
			goto out;
	}
	memset(out, 0, sizeof(*out));
	out->max_retries = 2;
	TRY(jin_read(out, peer_table, own, "", em));
	rc = 0;
out:
	json_decref(own);
	return rc;
}

static int to_submit(struct submit *s, const struct peer_submit *p, const char *sender, struct errmsg *em)
{
	if (strcmp(p->submitter, sender) != 0)
		return errmsg_set(em, ERR_DENIED, "NOT_ALLOWED", "submitter is %s, and the token is of %s", p->submitter, sender);
	memset(s, 0, sizeof(*s));
	s->mission_name = p->mission_name;
	s->mission_version = p->mission_version;
	s->main_party = p->main_party;
	s->parties = p->parties;
	s->priority = p->priority;
	s->timeout_seconds = p->timeout_seconds;
	s->max_retries = p->max_retries;
	s->mission_params = json_object_get(p->request, "mission_params");
	if (!json_is_object(s->mission_params))
		return errmsg_set(em, ERR_INPUT, "MISSING_FIELD", "request.mission_params is missing: expected an object");
	return 0;
}

/* Two parties that mean different graphs by one name must not start. */
static int same_mission(const struct admitted *a, const char *digest, struct errmsg *em)
{
	char own[65];

	util_hex(own, a->row->digest, sizeof(a->row->digest));
	if (strcmp(own, digest) == 0)
		return 0;
	return errmsg_set(em, ERR_CONFLICT, "OTHER_MISSION", "mission %s version %lld differs between the parties: compare the mission files",
			  a->row->name, (long long)a->row->version);
}

/* A row of the party's own, or the configured default. */
static int peer_limits(struct job_limits *out, const struct api *api, struct db *db, const char *sender)
{
	struct user_row row;
	int rc = db_user_get(db, &row, sender);

	*out = rc == 0 ? row.limits : api->peer_limits;
	limit_fill(out, &api->peer_limits);
	return rc == ERR_NOTFOUND ? 0 : rc;
}

int admit_peer(struct db *db, const char *sender, const json_t *body, struct job_new **out, void *arg,
	       struct errmsg *em)
{
	const struct api *api = arg;
	struct job_new_head head = { 0 };
	struct admitted a = { 0 };
	struct peer_submit p;
	struct submit s;
	char *request = NULL;
	int rc;

	TRY(read_peer(&p, body, em));
	TRY(to_submit(&s, &p, sender, em));
	TRY(admit_check(&a, api, db, &s, sender, em));
	if (strcmp(a.plan->peer, sender) != 0) {
		rc = errmsg_set(em, ERR_DENIED, "NOT_ALLOWED", "%s has no role in this job", sender);
		goto out;
	}
	TRY(same_mission(&a, p.digest, em));
	TRY(admit_grants(&a, &s, db, sender, em));
	TRY(admit_digest(head.request_digest, &request, p.request));
	head.job_id = p.job_id;
	head.request = request;
	head.submitter = head.owner = sender;
	TRY(peer_limits(&head.limits, api, db, sender));
	TRY(admit_job(out, &a, api, &s, &head));
	rc = 0;
out:
	admit_free(&a);
	free(request);
	return rc;
}
