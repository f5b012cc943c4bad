/*
 * The App Server's handlers over a database that is a few variables: every
 * db_* function that they call, answering what the test has set.
 */
#ifndef PET_TESTS_API_FAKE_H
#define PET_TESTS_API_FAKE_H

#include "api/api.h"
#include "base/wake.h"
#include "db/db_grant.h"
#include "db/db_job.h"
#include "db/db_mission.h"
#include "db/db_peer.h"
#include "db/db_ready.h"
#include "db/db_slot.h"
#include "db/db_token.h"
#include "db/db_user.h"

struct job_new {
	struct job_new_head head;
	char job_id[65], request[4096], peer[65], main_party[65], args_own[1024], args_other[64];
	int groups, tasks;
};

static struct {
	int rc;			/* what the next calls return; 0 = work */
	int inserts, existed, kills, reruns, wakes;
	struct job_new last;
	struct data_grant grant[4];
	size_t grants;
	int replayed;		/* db_token_use says ERR_CONFLICT */
	int64_t sched_age;
	int socket_scheme;
	const char *status;	/* of the one job there is; NULL = none */
	int64_t rev;
	char peer_kind[32], peer_sender[65];
	int admit;		/* db_peer_apply calls env->admit */
	struct user_row user;	/* the one row of api_user; name "" = none */
	const char *owner, *submitter;	/* of the one job; NULL: anonymous, party_a */
	char last_owner[65];	/* of the job inserted last */
	struct job_view list_view;	/* db_job_list's last one */
	int limit;		/* limit_check says ERR_BUSY */
	int loads, derived;	/* statuses read so far; of the next ones: waiting_for was derived */
} fake;

#define FAKE_JOB "j_0123456789abcdef0"

static const char fake_dag[] =
	"{\"meta\":{\"name\":\"psi\",\"version\":1},\"operators\":[{\"class\":\"psi\",\"name\":\"psi_a\",\"party\":\"party_a\"},"
	"{\"class\":\"psi\",\"name\":\"psi_b\",\"party\":\"party_b\"}]}";
static const char fake_params[] =
	"{\"psi\":{\"name\":\"psi\",\"version\":\"1.0\",\"params\":{\"type\":\"object\",\"properties\":{"
	"\"column_name\":{\"type\":[\"string\",\"array\"],\"items\":{\"type\":\"string\"},\"x-party\":true},"
	"\"receiver\":{\"type\":\"string\",\"enum\":[\"both\",\"party_a\",\"party_b\"],\"x-party\":false}},"
	"\"required\":[\"column_name\"]},"
	"\"inputs\":{\"properties\":{\"data\":{\"type\":\"string\"}},\"required\":[\"data\"]},"
	"\"outputs\":{\"properties\":{\"data\":{\"type\":\"string\"}},\"required\":[]}}}";

int db_open(struct db **out, const char *uri, struct errmsg *em)
{
	(void)out; (void)uri; (void)em;
	return ERR_DB;
}

void db_close(struct db *db)
{
	(void)db;
}

static struct mission_row *fake_mission(const char *name, const char *missing)
{
	struct mission_row *m = calloc(1, sizeof(*m));

	m->id = 7;
	m->version = 1;
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->missing, sizeof(m->missing), "%s", missing);
	memset(m->digest, 0xab, sizeof(m->digest));
	m->dag = strdup(fake_dag);
	m->params = strdup(fake_params);
	return m;
}

int db_mission_get(struct db *db, struct mission_row **out, const char *name, int64_t version)
{
	(void)db;
	if (fake.rc)
		return fake.rc;
	if (version > 1 || (strcmp(name, "psi") != 0 && strcmp(name, "leiden") != 0))
		return ERR_NOTFOUND;
	*out = fake_mission(name, strcmp(name, "psi") == 0 ? "" : "leiden");
	return 0;
}

void mission_row_free(struct mission_row *m)
{
	if (m) {
		free(m->dag);
		free(m->params);
	}
	free(m);
}

int db_mission_list(struct db *db, int (*each)(const struct mission_row *m, void *arg), void *arg)
{
	static const char *const names[] = { "leiden", "psi" };
	int rc = fake.rc;

	(void)db;
	for (size_t i = 0; i < 2 && rc == 0; i++) {
		struct mission_row *m = fake_mission(names[i], i ? "" : "leiden");

		rc = each(m, arg);
		mission_row_free(m);
	}
	return rc;
}

struct job_new *job_new_create(const struct job_new_head *head)
{
	struct job_new *j = calloc(1, sizeof(*j));

	j->head = *head;
	snprintf(j->job_id, sizeof(j->job_id), "%s", head->job_id);
	snprintf(j->request, sizeof(j->request), "%s", head->request);
	snprintf(j->peer, sizeof(j->peer), "%s", head->peer);
	snprintf(j->main_party, sizeof(j->main_party), "%s", head->main_party);
	return j;
}

int job_new_group(struct job_new *j, const char *name, int64_t level, const char *depends)
{
	(void)name; (void)level; (void)depends;
	j->groups++;
	return 0;
}

int job_new_task(struct job_new *j, size_t group, const char *name, const char *party,
		 const char *role, const char *op, const char *args, const char *depends)
{
	(void)group; (void)name; (void)role; (void)op; (void)depends;
	j->tasks++;
	if (strcmp(party, j->head.self) == 0)
		snprintf(j->args_own, sizeof(j->args_own), "%s", args);
	else
		snprintf(j->args_other, sizeof(j->args_other), "%s", args);
	return 0;
}

void job_new_free(struct job_new *j)
{
	free(j);
}

int db_job_insert(struct db *db, const struct job_new *j, int *existed, struct errmsg *em)
{
	(void)db;
	if (fake.rc)
		return errmsg_set(em, fake.rc, "JOB_EXISTS", "the job exists");
	fake.inserts++;
	fake.last = *j;
	snprintf(fake.last_owner, sizeof(fake.last_owner), "%s", j->head.owner);
	*existed = fake.existed;
	return 0;
}

int db_job_status(struct db *db, struct job_status **out, const char *job_id)
{
	struct job_status *s;

	(void)db;
	if (fake.rc)
		return fake.rc;
	if (!fake.status || strcmp(job_id, FAKE_JOB) != 0)
		return ERR_NOTFOUND;
	fake.loads++;
	s = calloc(1, sizeof(*s));
	s->derived = fake.derived;
	snprintf(s->job_id, sizeof(s->job_id), "%s", job_id);
	snprintf(s->owner, sizeof(s->owner), "%s", fake.owner ? fake.owner : "anonymous");
	snprintf(s->submitter, sizeof(s->submitter), "%s", fake.submitter ? fake.submitter : "party_a");
	snprintf(s->mission_name, sizeof(s->mission_name), "psi");
	snprintf(s->status, sizeof(s->status), "%s", fake.status);
	s->mission_version = 1;
	s->rev = fake.rev;
	s->progress = 0.375;
	s->task = calloc(2, sizeof(*s->task));
	s->task_count = 2;
	for (int i = 0; i < 2; i++) {
		snprintf(s->task[i].name, sizeof(s->task[i].name), "psi_%c", 'a' + i);
		snprintf(s->task[i].party, sizeof(s->task[i].party), "party_%c", 'a' + i);
		snprintf(s->task[i].status, sizeof(s->task[i].status), i ? "PREPARED" : "FAILED");
	}
	snprintf(s->task[0].error_code, sizeof(s->task[0].error_code), "BAD_INPUT");
	snprintf(s->task[0].started_at, sizeof(s->task[0].started_at), "2026-01-02T03:04:05.000000Z");
	s->error = calloc(1, sizeof(*s->error));
	s->error_count = 1;
	snprintf(s->error->task, sizeof(s->error->task), "psi_a");
	snprintf(s->error->code, sizeof(s->error->code), "BAD_INPUT");
	snprintf(s->error->message, sizeof(s->error->message), "public text");
	s->error->local = strdup("line 3 says \"x\"\n\xff");
	*out = s;
	return 0;
}

void db_job_status_free(struct job_status *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->error_count; i++)
		free(s->error[i].local);
	free(s->error);
	free(s->task);
	free(s);
}

int db_job_visible(struct db *db, const struct job_view *view, const char *job_id)
{
	(void)db; (void)job_id;
	return job_view_sees(view, fake.owner ? fake.owner : "anonymous", fake.submitter ? fake.submitter : "party_a") ? 0 : ERR_NOTFOUND;
}

int db_user_get(struct db *db, struct user_row *out, const char *name)
{
	(void)db;
	if (fake.rc == ERR_DB)
		return fake.rc;
	*out = fake.user;
	return fake.user.name[0] && strcmp(fake.user.name, name) == 0 ? 0 : ERR_NOTFOUND;
}

void limit_fill(struct job_limits *l, const struct job_limits *d)
{
	(void)l; (void)d;
}

int limit_check(struct db *db, const struct job_limits *l, const char *submitter, const char *owner, struct errmsg *em)
{
	(void)db; (void)l; (void)submitter; (void)owner;
	return fake.limit ? errmsg_set(em, ERR_BUSY, "LIMIT_QUEUED_JOBS", "too many") : 0;
}

int db_job_rev(struct db *db, const char *job_id, int64_t *rev)
{
	(void)db; (void)job_id;
	*rev = fake.rev;
	return fake.rc;
}

int db_job_list(struct db *db, struct job_brief *out, size_t limit, size_t *count, const struct job_view *view,
		const char *status, int64_t hours, int64_t cursor)
{
	(void)db; (void)status; (void)hours; (void)cursor;
	fake.list_view = *view;
	*count = limit < 2 ? limit : 2;
	for (size_t i = 0; i < *count; i++) {
		out[i].id = 9 - (int64_t)i;
		snprintf(out[i].job_id, sizeof(out[i].job_id), "%s", FAKE_JOB);
		snprintf(out[i].status, sizeof(out[i].status), "INIT");
	}
	return fake.rc;
}

int db_job_kill(struct db *db, const char *self, const char *job_id, const char *actor, struct errmsg *em)
{
	(void)db; (void)self; (void)job_id; (void)actor;
	fake.kills++;
	return fake.rc ? errmsg_set(em, fake.rc, "WRONG_STATE", "the job is finished") : 0;
}

int db_job_rerun(struct db *db, const char *self, const char *job_id, const char *actor, int64_t wait_ms,
		 struct errmsg *em)
{
	(void)db; (void)self; (void)job_id; (void)actor; (void)wait_ms; (void)em;
	fake.reruns++;
	return fake.rc;
}

int db_job_log(struct db *db, const char *job_id, const char *task, struct buf *out)
{
	(void)db; (void)job_id;
	return strcmp(task, "psi_a") == 0 ? buf_str(out, "one\ntwo\nthree\n") : ERR_NOTFOUND;
}

int db_token_use(struct db *db, const char *iss, const char *jti, int64_t exp)
{
	(void)db; (void)iss; (void)jti; (void)exp;
	return fake.replayed ? ERR_CONFLICT : fake.rc;
}

int db_grant_list(struct db *db, const char *peer, const char *mission, struct data_grant **out, size_t *count)
{
	(void)db; (void)peer; (void)mission;
	*out = malloc(sizeof(fake.grant));
	memcpy(*out, fake.grant, sizeof(fake.grant));
	*count = fake.grants;
	return 0;
}

int db_ready_sched_age(struct db *db, int64_t *seconds)
{
	(void)db;
	*seconds = fake.sched_age;
	return fake.rc;
}

int slot_scheme(struct db *db, char scheme[SLOT_SCHEME_MAX])
{
	(void)db;
	snprintf(scheme, SLOT_SCHEME_MAX, "%s", fake.socket_scheme ? "socket" : "agent");
	return fake.rc;
}

int db_peer_apply(struct db *db, const struct peer_env *env, const char *sender, const char *kind,
		  const json_t *body, const char *path_job, const char *path_task,
		  json_t **reply, struct errmsg *em)
{
	struct job_new *j = NULL;
	int rc;

	(void)path_job; (void)path_task;
	snprintf(fake.peer_kind, sizeof(fake.peer_kind), "%s", kind);
	snprintf(fake.peer_sender, sizeof(fake.peer_sender), "%s", sender);
	if (fake.rc == ERR_CONFLICT)
		*reply = json_pack("{si}", "expected_seq", 4);
	if (fake.rc)
		return fake.rc;
	if (fake.admit) {
		rc = env->admit(db, sender, body, &j, env->arg, em);
		if (rc == 0)
			fake.last = *j;
		job_new_free(j);
		return rc;
	}
	*reply = json_pack("{ss}", "state", "accepted");
	return 0;
}

#endif
