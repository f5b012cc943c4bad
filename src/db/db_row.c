#include "db/db_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define COPY(to, r, col) snprintf(to, sizeof(to), "%s", db_text(r, col))

static const char *const accepted_name[] = { "pending", "accepted", "refused" };

static int fill_job(struct job_row *j, struct db_rows *r)
{
	int state = job_state_parse(db_text(r, 3));

	j->id = db_int(r, 0);
	COPY(j->job_id, r, 1);
	j->leader = strcmp(db_text(r, 2), "leader") == 0;
	COPY(j->self, r, 4);
	COPY(j->peer, r, 5);
	COPY(j->main_party, r, 6);
	COPY(j->submitter, r, 7);
	COPY(j->owner, r, 8);
	for (int i = 0; i < 3; i++)
		if (strcmp(db_text(r, 9), accepted_name[i]) == 0)
			j->accepted = (enum accepted)i;
	j->epoch = db_int(r, 10);
	j->max_retries = db_int(r, 11);
	j->timeout_seconds = db_int(r, 12);
	COPY(j->kill_reason, r, 13);
	COPY(j->waiting_for, r, 14);
	j->seq_in = db_int(r, 15);
	j->seq_out = db_int(r, 16);
	j->priority = db_int(r, 17);
	j->status = j->was = (enum job_state)state;
	return state < 0 ? ERR_DB : 0;
}

static int fill_group(struct job_row *j, struct db_rows *r)
{
	struct group_row *g = &j->group[j->group_count];
	int state = group_state_parse(db_text(r, 3));
	json_t *depends, *v;
	size_t k;

	if (j->group_count == ROW_GROUPS_MAX || state < 0 || db_int(r, 1) != (int64_t)j->group_count)
		return ERR_DB;
	g->id = db_int(r, 0);
	g->idx = j->group_count++;
	COPY(g->name, r, 2);
	g->state = g->was = (enum group_state)state;
	g->epoch = db_int(r, 4);
	g->attempt = db_int(r, 5);
	g->retries = db_int(r, 6);
	g->own_tasks = db_int(r, 7);
	g->peer_tasks = db_int(r, 8);
	COPY(g->reservation, r, 9);
	g->has_key = db_len(r, 10) == sizeof(g->key);
	if (g->has_key)
		memcpy(g->key, db_text(r, 10), sizeof(g->key));
	COPY(g->lease_owner, r, 11);
	g->lease_gen = db_int(r, 12);
	g->due = db_int(r, 13) != 0;
	g->runs = db_int(r, 15);
	depends = json_loads(db_text(r, 14), 0, NULL);
	json_array_foreach(depends, k, v)
		if (json_integer_value(v) >= 0 && json_integer_value(v) < ROW_GROUPS_MAX)
			g->depends |= (uint64_t)1 << json_integer_value(v);
	json_decref(depends);
	return 0;
}

static int fill_task(struct job_row *j, struct db_rows *r)
{
	struct task_row *t = &j->task[j->task_count];
	int state = task_state_parse(db_text(r, 5));
	int64_t idx = db_int(r, 1);

	if (state < 0 || idx < 0 || idx >= (int64_t)j->group_count)
		return ERR_DB;
	t->id = db_int(r, 0);
	t->group = &j->group[idx];
	COPY(t->name, r, 2);
	COPY(t->party, r, 3);
	COPY(t->op, r, 4);
	t->status = (enum task_state)state;
	t->own = strcmp(t->party, j->self) == 0;
	t->attempt = db_int(r, 6);
	t->retryable = db_int(r, 7) != 0;
	COPY(t->code, r, 8);
	COPY(t->message, r, 9);
	COPY(t->local, r, 10);
	j->task_count++;
	return 0;
}

static int load_groups(struct db *db, struct job_row *j)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT id, idx, name, state, epoch, attempt, retries, own_tasks, peer_tasks, reservation, "
		     "channel_key, lease_owner, lease_gen, not_before IS NULL OR not_before <= UTC_TIMESTAMP(6), depends, "
		     "(SELECT COUNT(*) FROM run WHERE run.job_group = job_group.id) FROM job_group WHERE job = ? ORDER BY idx",
		     DB_ARGS(db_i(j->id))));
	while ((rc = db_next(r)) > 0)
		TRY(fill_group(j, r));
out:
	db_done(r);
	return rc;
}

static int load_tasks(struct db *db, struct job_row *j)
{
	struct db_rows *r = NULL;
	unsigned cap = 0;
	int rc;

	TRY(db_query(db, &r, "SELECT t.id, g.idx, t.name, t.party, t.operator, t.status, t.attempt, t.retryable, "
		     "t.error_code, t.error_public, t.error_local FROM task t JOIN job_group g ON g.id = t.job_group "
		     "WHERE t.job = ? ORDER BY t.id", DB_ARGS(db_i(j->id))));
	while ((rc = db_next(r)) > 0) {
		if (j->task_count == cap) {
			struct task_row *bigger = realloc(j->task, (cap = cap * 2 + 4) * sizeof(*bigger));

			if (!bigger) {
				rc = ERR_NOMEM;
				goto out;
			}
			j->task = bigger;
		}
		memset(&j->task[j->task_count], 0, sizeof(j->task[0]));
		TRY(fill_task(j, r));
	}
out:
	db_done(r);
	return rc;
}

#define JOB_COLUMNS "SELECT id, job_id, role, status, self, peer, main_party, submitter, owner, accepted, epoch, " \
	"max_retries, timeout_seconds, kill_reason, waiting_for, seq_in, seq_out, priority FROM job "

/* Takes over r, the job's row. */
static int load(struct db *db, struct db_rows *r, struct job_row **out)
{
	struct job_row *j = calloc(1, sizeof(*j));
	int rc = ERR_NOMEM;

	if (!j)
		goto out;
	rc = db_next(r);
	if (rc <= 0) {
		rc = rc == 0 ? ERR_NOTFOUND : rc;
		goto out;
	}
	rc = fill_job(j, r);
	db_done(r);
	r = NULL;
	if (rc == 0)
		rc = load_groups(db, j);
	if (rc == 0)
		rc = load_tasks(db, j);
	if (rc == 0) {
		*out = j;
		j = NULL;
	}
out:
	db_done(r);
	row_free(j);
	return rc;
}

int row_lock(struct db *db, struct job_row **out, const char *job_id)
{
	struct db_rows *r = NULL;
	int rc;

	*out = NULL;
	TRY(db_query(db, &r, JOB_COLUMNS "WHERE job_id = ? FOR UPDATE", DB_ARGS(db_s(job_id))));
	rc = load(db, r, out);
out:
	return rc;
}

int row_lock_id(struct db *db, struct job_row **out, int64_t id)
{
	struct db_rows *r = NULL;
	int rc;

	*out = NULL;
	TRY(db_query(db, &r, JOB_COLUMNS "WHERE id = ? FOR UPDATE", DB_ARGS(db_i(id))));
	rc = load(db, r, out);
out:
	return rc;
}

void row_free(struct job_row *j)
{
	if (!j)
		return;
	free(j->task);
	explicit_bzero(j, sizeof(*j));
	free(j);
}

struct group_row *row_group(struct job_row *j, int64_t idx)
{
	return idx >= 0 && idx < (int64_t)j->group_count ? &j->group[idx] : NULL;
}

struct task_row *row_task(struct job_row *j, const char *name)
{
	for (unsigned i = 0; i < j->task_count; i++)
		if (strcmp(j->task[i].name, name) == 0)
			return &j->task[i];
	return NULL;
}

/* --- writing ----------------------------------------------------------- */

int row_event(struct db *db, const struct job_row *j, const char *subject, const char *from, const char *to,
	      const char *actor, const char *detail)
{
	return db_exec(db, "INSERT INTO event (job, epoch, subject, from_state, to_state, actor, detail) "
		       "VALUES (?, ?, ?, ?, ?, LEFT(?, 96), LEFT(?, 1024))",
		       DB_ARGS(db_i(j->id), db_i(j->epoch), db_s(subject), db_s(from), db_s(to), db_s(actor),
			       db_s(detail ? detail : "")));
}

int row_save_job(struct db *db, struct job_row *j, const char *actor, const char *detail)
{
	int ended = job_state_ended(j->status), rc;

	TRY(db_exec_one(db, "UPDATE job SET status = ?, accepted = ?, epoch = ?, waiting_for = ?, kill_reason = NULLIF(?, ''), "
			"rev = rev + 1, started_at = IF(? = 'RUNNING' AND started_at IS NULL, UTC_TIMESTAMP(6), started_at), "
			"ended_at = IF(?, COALESCE(ended_at, UTC_TIMESTAMP(6)), NULL), "
			"accept_by = IF(? = 'pending', accept_by, NULL) WHERE id = ? AND status = ?",
			DB_ARGS(db_s(job_state_name(j->status)), db_s(accepted_name[j->accepted]), db_i(j->epoch),
				db_s(j->waiting_for), db_s(j->kill_reason), db_s(job_state_name(j->status)), db_i(ended),
				db_s(accepted_name[j->accepted]), db_i(j->id), db_s(job_state_name(j->was)))));
	if (j->status != j->was)
		TRY(row_event(db, j, "job", job_state_name(j->was), job_state_name(j->status), actor, detail));
	j->was = j->status;
out:
	return rc;
}

/* Whoever has read the job at this revision reads it again. */
static int touch(struct db *db, const struct job_row *j)
{
	return db_exec(db, "UPDATE job SET rev = rev + 1 WHERE id = ?", DB_ARGS(db_i(j->id)));
}

int row_save_group(struct db *db, struct job_row *j, struct group_row *g, const char *actor, const char *detail)
{
	char subject[80];
	int rc;

	snprintf(subject, sizeof(subject), "group %s", g->name);
	TRY(db_exec_one(db, "UPDATE job_group SET state = ?, epoch = ?, attempt = ?, retries = ?, reservation = NULLIF(?, ''), "
			"channel_key = ?, lease_owner = NULLIF(?, ''), lease_gen = ?, "
			"not_before = IF(? > 0, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, NULL) WHERE id = ? AND state = ?",
			DB_ARGS(db_s(group_state_name(g->state)), db_i(g->epoch), db_i(g->attempt), db_i(g->retries),
				db_s(g->reservation), db_b(g->has_key ? g->key : NULL, sizeof(g->key)),
				db_s(g->lease_owner), db_i(g->lease_gen), db_i(g->delay_ms), db_i(g->delay_ms * 1000),
				db_i(g->id), db_s(group_state_name(g->was)))));
	if (g->state != g->was) {
		TRY(row_event(db, j, subject, group_state_name(g->was), group_state_name(g->state), actor, detail));
		TRY(touch(db, j));
	}
	g->was = g->state;
	g->delay_ms = 0;
out:
	return rc;
}

int row_save_task(struct db *db, struct job_row *j, struct task_row *t, enum task_state status, const char *actor)
{
	char subject[80];
	enum task_state was = t->status;
	int begins = status == TASK_RUNNING, rc;
	int ends = status == TASK_SUCCESS || status == TASK_FAILED || status == TASK_CANCELED;

	snprintf(subject, sizeof(subject), "task %s", t->name);
	TRY(db_exec_one(db, "UPDATE task SET status = ?, attempt = ?, retryable = ?, error_code = LEFT(?, 64), "
			"error_public = LEFT(?, 512), error_local = LEFT(?, 2048), "
			"progress = IF(?, 1, IF(?, 0, progress)), stage = IF(?, '', stage), "
			"started_at = IF(?, NULL, IF(?, UTC_TIMESTAMP(6), started_at)), "
			"ended_at = IF(?, COALESCE(ended_at, UTC_TIMESTAMP(6)), NULL) WHERE id = ? AND status = ?",
			DB_ARGS(db_s(task_state_name(status)), db_i(t->attempt), db_i(t->retryable), db_s(t->code),
				db_s(t->message), db_s(t->local), db_i(status == TASK_SUCCESS),
				db_i(status == TASK_INIT || begins), db_i(status == TASK_INIT || begins),
				db_i(status == TASK_INIT), db_i(begins), db_i(ends), db_i(t->id),
				db_s(task_state_name(was)))));
	t->status = status;
	TRY(touch(db, j));
	if (was != status)
		TRY(row_event(db, j, subject, task_state_name(was), task_state_name(status), actor,
			      status == TASK_FAILED ? t->message : ""));
out:
	return rc;
}

int row_error(struct db *db, const struct job_row *j, const char *party, const char *task, const char *code,
	      const char *message, const char *local, int cause)
{
	int rc;

	TRY(db_exec(db, "INSERT INTO job_error (job, epoch, cause, party, task, code, message, local) "
		       "VALUES (?, ?, ?, LEFT(?, 64), LEFT(?, 64), LEFT(?, 64), LEFT(?, 512), LEFT(?, 2048)) "
		       "ON DUPLICATE KEY UPDATE message = VALUES(message), local = IF(VALUES(local) = '', local, VALUES(local))",
		       DB_ARGS(db_i(j->id), db_i(j->epoch), db_i(cause), db_s(party), db_s(task), db_s(code), db_s(message),
			       db_s(local))));
	rc = touch(db, j);
out:
	return rc;
}

int row_send(struct db *db, struct job_row *j, const char *kind, json_t *body)
{
	char *text = NULL;
	int rc = ERR_NOMEM;

	if (!j->peer[0]) {
		rc = 0;
		goto out;
	}
	if (!body || json_object_set_new(body, "job_id", json_string(j->job_id)) != 0 ||
	    json_object_set_new(body, "epoch", json_integer(j->epoch)) != 0 ||
	    json_object_set_new(body, "seq", json_integer(j->seq_out + 1)) != 0)
		goto out;
	text = json_dumps(body, JSON_COMPACT);
	if (!text)
		goto out;
	TRY(db_exec_one(db, "UPDATE job SET seq_out = seq_out + 1 WHERE id = ? AND seq_out = ?",
			DB_ARGS(db_i(j->id), db_i(j->seq_out))));
	j->seq_out++;
	rc = db_exec(db, "INSERT INTO outbox (peer, job, seq, epoch, kind, bulk, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
		     DB_ARGS(db_s(j->peer), db_i(j->id), db_i(j->seq_out), db_i(j->epoch), db_s(kind), db_i(strcmp(kind, "submit") == 0),
			     db_s(text)));
out:
	free(text);
	json_decref(body);
	return rc;
}

int row_is_consequence(const char *code)
{
	static const char *const words[] = {
		"PEER_AWAY", "PEER_LOST", "PEER_CLOSED", "PEER_RESTARTED", "PEER_FAILED", "GATEWAY_CLOSED", "ENDED",
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(words); i++)
		if (strcmp(code, words[i]) == 0)
			return 1;
	return 0;
}
