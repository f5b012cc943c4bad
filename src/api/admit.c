#include "api/admit.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jin.h"
#include "base/params.h"
#include "base/safepath.h"
#include "base/util.h"

/* --- fields -------------------------------------------------------------- */

static int read_version(void *target, const json_t *v)
{
	int64_t *to = target;

	if (json_is_string(v) && strcmp(json_string_value(v), "latest") == 0) {
		*to = 0;
		return 0;
	}
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > 2147483647)
		return ERR_INPUT;
	*to = json_integer_value(v);
	return 0;
}

#define AT(field) .offset = offsetof(struct submit, field)
static const struct jin_field submit_table[] = {
	{ .name = "mission_name", .type = JIN_STRING, .required = 1, .high = 64, AT(mission_name) },
	{ .name = "mission_version", .type = JIN_CUSTOM, .custom = read_version,
	  .expected = "an integer from 1, or \"latest\"", AT(mission_version) },
	{ .name = "mission_params", .type = JIN_OBJECT, .required = 1, AT(mission_params) },
	{ .name = "job_id", .type = JIN_STRING, .ok = util_job_id_ok,
	  .expected = "j_ and 16 to 60 characters of a-z, 0-9, _", AT(job_id) },
	{ .name = "main_party", .type = JIN_STRING, .ok = party_name_ok, .expected = "a party's name", AT(main_party) },
	{ .name = "parties", .type = JIN_OBJECT, .expected = "an object role -> party", AT(parties) },
	{ .name = "priority", .type = JIN_INT, .low = -100, .high = 100, AT(priority) },
	{ .name = "timeout_seconds", .type = JIN_INT, .low = 1, .high = 31536000, AT(timeout_seconds) },
	{ .name = "max_retries", .type = JIN_INT, .low = 0, .high = 100, AT(max_retries) },
	{ .name = "dry_run", .type = JIN_BOOL, AT(dry_run) },
	{ .name = NULL },
};

int admit_read(struct submit *out, const json_t *body, struct errmsg *em)
{
	memset(out, 0, sizeof(*out));
	out->max_retries = 2;
	return jin_read(out, submit_table, body, "", em);
}

/* --- mission ------------------------------------------------------------- */

struct nearest {
	const char *want;
	char name[MISSION_NAME_MAX];
	char versions[96];	/* of the mission with exactly this name */
	unsigned distance;
};

static int look_at(const struct mission_row *m, void *arg)
{
	struct nearest *n = arg;
	unsigned d = util_distance(n->want, m->name);
	size_t used = strlen(n->versions);

	if (!n->name[0] || d < n->distance) {
		snprintf(n->name, sizeof(n->name), "%s", m->name);
		n->distance = d;
	}
	if (strcmp(m->name, n->want) == 0)
		snprintf(n->versions + used, sizeof(n->versions) - used, "%s%lld", used ? ", " : "", (long long)m->version);
	return 0;
}

static int no_mission(struct db *db, const struct submit *s, struct errmsg *em)
{
	struct nearest n = { .want = s->mission_name };
	int rc = db_mission_list(db, look_at, &n);

	if (rc)
		return rc;
	if (n.versions[0])
		return errmsg_set(em, ERR_NOTFOUND, "NO_SUCH_MISSION", "mission %s has no version %lld: there is %s",
				  s->mission_name, (long long)s->mission_version, n.versions);
	if (n.name[0])
		return errmsg_set(em, ERR_NOTFOUND, "NO_SUCH_MISSION", "mission_name '%s' is not known; did you mean '%s'?",
				  s->mission_name, n.name);
	return errmsg_set(em, ERR_NOTFOUND, "NO_SUCH_MISSION", "mission_name '%s' is not known: no missions are loaded yet",
			  s->mission_name);
}

static int load_mission(struct admitted *a, struct db *db, const struct submit *s, struct errmsg *em)
{
	int rc = db_mission_get(db, &a->row, s->mission_name, s->mission_version);

	if (rc == ERR_NOTFOUND)
		return no_mission(db, s, em);
	if (rc)
		return rc;
	if (a->row->missing[0])
		return errmsg_set(em, ERR_INPUT, "OPERATOR_NOT_INSTALLED",
				  "mission %s needs operators that are not installed at this party: %s",
				  a->row->name, a->row->missing);
	a->tables = json_loads(a->row->params, 0, NULL);
	if (!a->tables || mission_parse_json(&a->mission, a->row->dag, strlen(a->row->dag), em))
		return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "mission %s version %lld in the database does not parse",
				  a->row->name, (long long)a->row->version);
	return 0;
}

/* --- parties ------------------------------------------------------------- */

static int known_party(const struct api *api, const char *name, const char *where, struct errmsg *em)
{
	const char *best = api->pf->party[0].name;

	if (party_find(api->pf, name))
		return 0;
	for (size_t i = 1; i < api->pf->count; i++)
		if (util_distance(name, api->pf->party[i].name) < util_distance(name, best))
			best = api->pf->party[i].name;
	return errmsg_set(em, ERR_INPUT, "UNKNOWN_PARTY", "%s: '%.64s' is not in the party file; did you mean '%s'?",
			  where, name, best);
}

static int check_parties(struct admitted *a, const struct api *api, const struct submit *s,
			 const char *asker, struct errmsg *em)
{
	const struct plan *p = a->plan;
	int rc;

	for (unsigned i = 0; i < MISSION_ROLES; i++) {
		char where[64];

		if (!p->party[i][0])
			continue;
		snprintf(where, sizeof(where), "parties.%s", mission_role_names[i]);
		TRY(known_party(api, p->party[i], where, em));
	}
	snprintf(a->main_party, sizeof(a->main_party), "%s", s->main_party ? s->main_party : asker);
	if (strcmp(a->main_party, api->self) != 0 && strcmp(a->main_party, p->peer) != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_FIELD", "main_party is '%s': expected %s%s%s", a->main_party, api->self,
				  p->peer[0] ? " or " : "", p->peer);
	rc = 0;
out:
	return rc;
}

/* --- paths --------------------------------------------------------------- */

typedef int path_fn(void *arg, const char *path, const char *where, struct errmsg *em);

static int each_value(const json_t *v, const char *where, path_fn *fn, void *arg, struct errmsg *em)
{
	json_t *item;
	size_t i;
	int rc = 0;

	if (json_is_string(v))
		return fn(arg, json_string_value(v), where, em);
	json_array_foreach(v, i, item)
		if (rc == 0 && json_is_string(item))
			rc = fn(arg, json_string_value(item), where, em);
	return rc;
}

/* Every path below section.inputs or section.outputs. */
static int each_path(const json_t *section, const char *what, const char *at, path_fn *fn, void *arg,
		     struct errmsg *em)
{
	const char *slot;
	json_t *v;
	int rc = 0;

	json_object_foreach(json_object_get(section, what), slot, v) {
		char where[200];

		snprintf(where, sizeof(where), "%s.%s.%.64s", at, what, slot);
		if (rc == 0)
			rc = each_value(v, where, fn, arg, em);
	}
	return rc;
}

static int clean_only(void *arg, const char *path, const char *where, struct errmsg *em)
{
	char clean[SAFEPATH_MAX];
	struct errmsg why = { 0 };
	int rc = safepath_clean(path, clean, &why);

	(void)arg;
	return rc ? errmsg_set(em, rc, why.code, "%s: %s", where, why.pub) : 0;
}

/* Both parties' sections: a bad path at the other one would only come back later. */
static int check_paths(const json_t *params, struct errmsg *em)
{
	int rc = 0;

	for (int i = 0; i < MISSION_ROLES && rc == 0; i++) {
		const json_t *section = json_object_get(params, mission_role_names[i]);
		char at[96];

		snprintf(at, sizeof(at), "mission_params.%s", mission_role_names[i]);
		rc = each_path(section, "inputs", at, clean_only, NULL, em);
		if (rc == 0)
			rc = each_path(section, "outputs", at, clean_only, NULL, em);
	}
	return rc;
}

/* --- all together -------------------------------------------------------- */

int admit_check(struct admitted *a, const struct api *api, struct db *db, const struct submit *s,
		const char *asker, struct errmsg *em)
{
	int rc;

	memset(a, 0, sizeof(*a));
	TRY(load_mission(a, db, s, em));
	TRY(params_check(a->mission, a->tables, s->mission_params, em));
	TRY(check_paths(s->mission_params, em));
	TRY(plan_make(&a->plan, a->mission, s->mission_params, s->parties, api->self, a->tables, em));
	TRY(check_parties(a, api, s, asker, em));
	rc = 0;
out:
	if (rc)
		admit_free(a);
	return rc;
}

void admit_free(struct admitted *a)
{
	plan_free(a->plan);
	mission_free(a->mission);
	json_decref(a->tables);
	mission_row_free(a->row);
	memset(a, 0, sizeof(*a));
}

int admit_digest(unsigned char digest[32], char **canonical, const json_t *body)
{
	json_t *copy = json_copy((json_t *)body);
	int rc = ERR_NOMEM;

	if (!copy)
		return ERR_NOMEM;
	json_object_del(copy, "job_id");
	json_object_del(copy, "dry_run");
	*canonical = jin_canonical(copy);
	if (*canonical)
		rc = EVP_Digest(*canonical, strlen(*canonical), digest, NULL, EVP_sha256(), NULL) ? 0 : ERR_INTERNAL;
	json_decref(copy);
	return rc;
}
