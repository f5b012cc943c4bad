#include "db/db_job.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/util.h"
#include "base/wake.h"
#include "db/db_job_impl.h"
#include "db/db_peer.h"
#include "db/db_slot.h"
#include "db/db_step.h"

/* --- insert ------------------------------------------------------------ */

static int insert_job(struct db *db, const struct job_new_head *h, int64_t epoch)
{
	int leader = strcmp(h->main_party, h->self) == 0, mine = strcmp(h->submitter, h->self) == 0;
	char waiting[256] = "";

	if (mine && h->peer[0])
		snprintf(waiting, sizeof(waiting), "%s to accept the job", h->peer);
	return db_exec(db, "INSERT INTO job (job_id, mission, mission_name, mission_version, request, request_digest, self, role, "
		       "main_party, submitter, owner, peer, parties, accepted, epoch, priority, timeout_seconds, deadline_at, "
		       "accept_by, max_retries, waiting_for) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULLIF(?, 0), "
		       "IF(? > 0, UTC_TIMESTAMP(6) + INTERVAL ? SECOND, NULL), "
		       "IF(?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND, NULL), ?, ?)",
		       DB_ARGS(db_s(h->job_id), db_i(h->mission), db_s(h->mission_name), db_i(h->mission_version),
			       db_s(h->request), db_b(h->request_digest, sizeof(h->request_digest)), db_s(h->self),
			       db_s(leader ? "leader" : "follower"), db_s(h->main_party), db_s(h->submitter), db_s(h->owner),
			       db_s(h->peer), db_s(h->parties), db_s(waiting[0] ? "pending" : "accepted"), db_i(epoch),
			       db_i(h->priority), db_i(h->timeout_seconds), db_i(h->timeout_seconds),
			       db_i(h->timeout_seconds), db_i(waiting[0] != '\0'), db_i(JOB_ACCEPT_SECONDS),
			       db_i(h->max_retries), db_s(waiting)));
}

static int insert_group(struct db *db, const struct job_new *j, size_t i, int64_t job, int64_t epoch, int64_t *id)
{
	const struct job_new_group *g = &j->group[i];
	int64_t own = 0, peer = 0;
	int rc;

	for (size_t k = 0; k < j->task_count; k++) {
		if (j->task[k].group != i)
			continue;
		if (strcmp(j->task[k].party, j->head.self) == 0)
			own++;
		else
			peer++;
	}
	TRY(db_exec(db, "INSERT INTO job_group (job, idx, name, level, depends, own_tasks, peer_tasks, priority, epoch) "
		    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		    DB_ARGS(db_i(job), db_i((int64_t)i), db_s(g->name), db_i(g->level), db_s(g->depends), db_i(own), db_i(peer),
			    db_i(j->head.priority), db_i(epoch))));
	*id = db_insert_id(db);
out:
	return rc;
}

int job_rows_insert(struct db *db, const struct job_new *j, int64_t epoch, const char *actor)
{
	int64_t job, groups[ROW_GROUPS_MAX];
	int rc;

	TRY(insert_job(db, &j->head, epoch));
	job = db_insert_id(db);
	for (size_t i = 0; i < j->group_count; i++)
		TRY(insert_group(db, j, i, job, epoch, &groups[i]));
	for (size_t i = 0; i < j->task_count; i++) {
		const struct job_new_task *t = &j->task[i];

		TRY(db_exec(db, "INSERT INTO task (job, job_group, name, party, role, operator, args, depends) "
			    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			    DB_ARGS(db_i(job), db_i(groups[t->group]), db_s(t->name), db_s(t->party), db_s(t->role), db_s(t->op),
				    db_s(t->args), db_s(t->depends))));
	}
	rc = db_exec(db, "INSERT INTO event (job, epoch, subject, to_state, actor) VALUES (?, ?, 'job', 'INIT', LEFT(?, 96))",
		     DB_ARGS(db_i(job), db_i(epoch), db_s(actor)));
out:
	return rc;
}

int job_send_submit(struct db *db, struct job_row *j)
{
	struct db_rows *r = NULL;
	json_t *request = NULL, *parties = NULL, *body = NULL;
	char scheme[SLOT_SCHEME_MAX];
	int rc;

	TRY(slot_scheme(db, scheme));
	TRY(db_query(db, &r, "SELECT j.request, j.parties, j.mission_name, j.mission_version, LOWER(HEX(m.digest)), j.priority, "
		     "COALESCE(j.timeout_seconds, 0), j.max_retries, LOWER(HEX(j.request_digest)) FROM job j JOIN mission m ON m.id = j.mission "
		     "WHERE j.id = ?", DB_ARGS(db_i(j->id))));
	rc = db_next(r);
	if (rc <= 0) {
		rc = rc == 0 ? ERR_DB : rc;
		goto out;
	}
	request = json_loads(db_text(r, 0), JSON_DECODE_ANY, NULL);
	parties = json_loads(db_text(r, 1), 0, NULL);
	body = json_pack("{s:i, s:O, s:O, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "protocol", PEER_PROTOCOL,
			 "request", request, "parties", parties, "mission_name", db_text(r, 2),
			 "mission_version", (json_int_t)db_int(r, 3), "mission_digest", db_text(r, 4),
			 "main_party", j->main_party, "submitter", j->submitter, "priority", (json_int_t)db_int(r, 5),
			 "timeout_seconds", (json_int_t)db_int(r, 6), "max_retries", (json_int_t)db_int(r, 7),
			 "request_digest", db_text(r, 8), "scheme", scheme);
	rc = row_send(db, j, "submit", body);
out:
	db_done(r);
	json_decref(request);
	json_decref(parties);
	return rc;
}

struct insert {
	const struct job_new *j;
	int *existed;
	struct errmsg *em;
};

/* 1: the same job is there; 0: it is free; or why it may not be used. */
static int same_job(struct db *db, const struct job_new_head *h, struct errmsg *em)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT owner, submitter, request_digest FROM job WHERE job_id = ?", DB_ARGS(db_s(h->job_id))));
	rc = db_next(r);
	if (rc <= 0)
		goto out;
	if (strcmp(db_text(r, 0), h->owner) != 0 || strcmp(db_text(r, 1), h->submitter) != 0)
		rc = errmsg_set(em, ERR_NOTFOUND, "JOB_NOT_FOUND", "there is no job %s of yours", h->job_id);
	else if (db_len(r, 2) != 32 || memcmp(db_text(r, 2), h->request_digest, 32) != 0)
		rc = errmsg_set(em, ERR_CONFLICT, "JOB_ID_TAKEN", "job %s exists with another request; choose another job_id", h->job_id);
out:
	db_done(r);
	return rc;
}

static int insert_landed(struct db *db, void *arg)
{
	const struct insert *a = arg;

	return same_job(db, &a->j->head, a->em);
}

static int insert_tx(struct db *db, void *arg)
{
	const struct insert *a = arg;
	struct job_row *row = NULL;
	int rc = same_job(db, &a->j->head, a->em);

	*a->existed = rc > 0;
	if (rc != 0)
		return rc > 0 ? 0 : rc;
	TRY(limit_check(db, &a->j->head.limits, a->j->head.submitter, a->j->head.owner, a->em));
	rc = job_rows_insert(db, a->j, 0, a->j->head.owner);
	if (rc == ERR_CONFLICT && db_duplicate(db))
		return ERR_DB_RETRY;	/* another worker was first: look again */
	if (rc != 0)
		return rc;
	TRY(row_lock(db, &row, a->j->head.job_id));
	if (row->peer[0])
		rc = job_send_submit(db, row);
	else
		rc = step_next(db, row, a->j->head.owner);
out:
	row_free(row);
	return rc;
}

int db_job_insert(struct db *db, const struct job_new *j, int *existed, struct errmsg *em)
{
	struct insert a = { .j = j, .existed = existed, .em = em };
	int rc;

	*existed = 0;
	rc = db_tx(db, insert_tx, insert_landed, &a);
	if (rc == ERR_DB)
		errmsg_set(em, rc, "DATABASE_AWAY", "the database is away; try again");
	return rc;
}

/* --- kill -------------------------------------------------------------- */

struct ask {
	const char *job_id, *actor;
	struct errmsg *em;
	int64_t ticket;	/* of a rerun asked at the follower */
	int64_t epoch;
};

static int not_found(struct errmsg *em, const char *job_id)
{
	return errmsg_set(em, ERR_NOTFOUND, "JOB_NOT_FOUND", "there is no job %s", job_id);
}

/* The follower's part: own processes end (their groups are no longer active), the leader is told. */
static int kill_here(struct db *db, struct job_row *j, const char *actor, const char *reason)
{
	int rc = 0;

	if (j->kill_reason[0])
		return 0;
	snprintf(j->kill_reason, sizeof(j->kill_reason), "%s", reason);
	snprintf(j->waiting_for, sizeof(j->waiting_for), "%s to confirm the end", j->main_party);
	for (unsigned i = 0; i < j->group_count; i++) {
		struct group_row *g = &j->group[i];

		if (g->state != GROUP_STARTING && g->state != GROUP_RUNNING)
			continue;
		g->state = GROUP_CANCELED;
		g->reservation[0] = '\0';
		TRY(row_save_group(db, j, g, actor, reason));
	}
	TRY(row_save_job(db, j, actor, reason));
	TRY(row_event(db, j, "job", "", "kill", actor, reason));
	rc = row_send(db, j, "kill", json_pack("{s:s, s:b}", "reason", reason, "decided", 0));
out:
	return rc;
}

static int kill_tx(struct db *db, void *arg)
{
	const struct ask *a = arg;
	struct job_row *j = NULL;
	char reason[200];
	int rc;

	TRY(row_lock(db, &j, a->job_id));
	snprintf(reason, sizeof(reason), "killed by %.64s at %.64s", a->actor, j->self);
	if (job_state_ended(j->status) || step_sealed(j)) {
		rc = errmsg_set(a->em, ERR_CONFLICT, "JOB_FINISHED", "job %s is %s already", j->job_id,
				job_state_ended(j->status) ? job_state_name(j->status) : "committed");
		goto out;
	}
	rc = j->leader ? step_end_all(db, j, JOB_CANCELED, "KILLED", reason, a->actor) : kill_here(db, j, a->actor, reason);
out:
	row_free(j);
	return rc;
}

/* Asked again after a lost COMMIT: a job that ended by our kill counts as done. */
static int kill_landed(struct db *db, void *arg)
{
	const struct ask *a = arg;
	int64_t n;
	int rc = db_query_int(db, &n, "SELECT status = 'CANCELED' OR kill_reason IS NOT NULL FROM job WHERE job_id = ?",
			      DB_ARGS(db_s(a->job_id)));

	return rc == 0 ? n != 0 : rc;
}

int db_job_kill(struct db *db, const char *self, const char *job_id, const char *actor, struct errmsg *em)
{
	struct ask a = { .job_id = job_id, .actor = actor, .em = em };
	int rc = db_tx(db, kill_tx, kill_landed, &a);

	(void)self;
	return rc == ERR_NOTFOUND ? not_found(em, job_id) : rc;
}

/* --- rerun ------------------------------------------------------------- */

static int rerun_leader(struct db *db, struct job_row *j, const char *actor)
{
	int accepted = j->accepted == ACCEPT_YES || !j->peer[0], rc;

	if (!accepted) {
		j->accepted = ACCEPT_PENDING;
		snprintf(j->waiting_for, sizeof(j->waiting_for), "%s to accept the job", j->peer);
	}
	TRY(step_rerun(db, j, j->epoch + 1, actor));
	if (!accepted) {
		TRY(db_exec(db, "UPDATE job SET accept_by = UTC_TIMESTAMP(6) + INTERVAL ? SECOND WHERE id = ?",
			    DB_ARGS(db_i(JOB_ACCEPT_SECONDS), db_i(j->id))));
		TRY(job_send_submit(db, j));
	}
	/* Also after a submit: the other party may hold the job and have lost only its answer. */
	rc = row_send(db, j, "rerun", json_object());
out:
	return rc;
}

static int rerun_tx(struct db *db, void *arg)
{
	struct ask *a = arg;
	struct job_row *j = NULL;
	char body[256];
	int rc;

	TRY(row_lock(db, &j, a->job_id));
	a->ticket = 0;
	a->epoch = j->epoch;
	if (j->status != JOB_FAILED && j->status != JOB_CANCELED) {
		rc = errmsg_set(a->em, ERR_CONFLICT, "JOB_NOT_ENDED", "job %s is %s; only a FAILED or CANCELED one runs again",
				j->job_id, job_state_name(j->status));
		goto out;
	}
	if (j->leader) {
		rc = rerun_leader(db, j, a->actor);
		goto out;
	}
	if (j->accepted != ACCEPT_YES) {
		rc = errmsg_set(a->em, ERR_CONFLICT, "NOT_ACCEPTED", "%s never accepted job %s; submit a new one", j->peer, j->job_id);
		goto out;
	}
	snprintf(body, sizeof(body), "{\"job_id\":\"%s\",\"epoch\":%lld,\"ask\":true}", j->job_id, (long long)j->epoch);
	TRY(db_exec(db, "INSERT INTO outbox (peer, job, seq, epoch, kind, body) VALUES (?, ?, NULL, ?, 'rerun', ?)",
		    DB_ARGS(db_s(j->peer), db_i(j->id), db_i(j->epoch), db_s(body))));
	a->ticket = db_insert_id(db);
	rc = row_event(db, j, "job", "", "rerun", a->actor, "asked");
out:
	row_free(j);
	return rc;
}

static int rerun_landed(struct db *db, void *arg)
{
	const struct ask *a = arg;
	int64_t epoch;
	int rc = db_query_int(db, &epoch, "SELECT epoch FROM job WHERE job_id = ?", DB_ARGS(db_s(a->job_id)));

	return rc == 0 ? a->ticket == 0 && epoch > a->epoch : rc;
}

/* The follower: until the leader's rerun message arrives, or the question is answered with no, or the time is over. */
static int rerun_wait(struct db *db, const struct ask *a, int64_t wait_ms)
{
	int64_t until = util_mono_ms() + wait_ms, epoch, refused = 0;
	int rc = 0;

	for (;;) {
		TRY(db_query_int(db, &epoch, "SELECT epoch FROM job WHERE job_id = ?", DB_ARGS(db_s(a->job_id))));
		if (epoch > a->epoch)
			return 0;
		/* The row goes when the leader has agreed; it stays, marked, when the leader has said no. */
		rc = db_query_int(db, &refused, "SELECT last_error = 'conflict' FROM outbox WHERE id = ?", DB_ARGS(db_i(a->ticket)));
		if (rc != 0 && rc != ERR_NOTFOUND)
			return rc;
		if (rc == 0 && refused)
			break;
		if (util_mono_ms() >= until)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	TRY(db_exec(db, "DELETE FROM outbox WHERE id = ?", DB_ARGS(db_i(a->ticket))));
	if (refused)
		return errmsg_set(a->em, ERR_CONFLICT, "JOB_NOT_ENDED", "the main party of job %s has not ended it", a->job_id);
	return errmsg_set(a->em, ERR_BUSY, "MAIN_PARTY_AWAY", "the main party of job %s does not answer; try again later", a->job_id);
out:
	return rc;
}

int db_job_rerun(struct db *db, const char *self, const char *job_id, const char *actor, int64_t wait_ms, struct errmsg *em)
{
	struct ask a = { .job_id = job_id, .actor = actor, .em = em };
	int rc = db_tx(db, rerun_tx, rerun_landed, &a);

	(void)self;
	if (rc == ERR_NOTFOUND)
		return not_found(em, job_id);
	if (rc != 0)
		return rc;
	wake_sched();
	return a.ticket ? rerun_wait(db, &a, wait_ms) : 0;
}
