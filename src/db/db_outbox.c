#include "db/db_outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/db_slot.h"
#include "db/db_step.h"

#define BATCH 16
#define COPY(to, r, col) snprintf(to, sizeof(to), "%s", db_text(r, col))

/* The receiver of a restored database learns by `oldest` that nothing before this is missing. */
static char *with_oldest(const char *text, int64_t seq)
{
	json_t *body = json_loads(text, 0, NULL);
	char *out;

	if (seq > 0)
		json_object_set_new(body, "oldest", json_integer(seq));
	out = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return out;
}

static int fill(struct outbox_row *o, struct db_rows *r)
{
	json_t *body;

	memset(o, 0, sizeof(*o));
	o->id = db_int(r, 0);
	o->job = db_int(r, 1);
	o->seq = db_int(r, 2);
	o->tries = db_int(r, 3);
	COPY(o->job_id, r, 4);
	COPY(o->kind, r, 5);
	o->body = with_oldest(db_text(r, 6), o->seq);
	if (!o->body)
		return ERR_NOMEM;
	if (strcmp(o->kind, "task") == 0) {
		body = json_loads(o->body, 0, NULL);
		snprintf(o->task, sizeof(o->task), "%s", json_string_value(json_object_get(body, "task")));
		json_decref(body);
	}
	return 0;
}

static int read_due(struct db *db, const char *peer, int bulk, struct outbox_row *list, size_t *count)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT o.id, o.job, COALESCE(o.seq, 0), o.tries, j.job_id, o.kind, o.body FROM outbox o "
		     "JOIN job j ON j.id = o.job WHERE o.peer = ? AND o.bulk = ? AND o.next_at <= UTC_TIMESTAMP(6) AND (o.seq IS NULL OR NOT EXISTS "
		     "(SELECT 1 FROM outbox p WHERE p.job = o.job AND p.seq < o.seq)) ORDER BY o.next_at, o.id LIMIT ?",
		     DB_ARGS(db_s(peer), db_i(bulk), db_i(BATCH))));
	while ((rc = db_next(r)) > 0 && *count < BATCH) {
		TRY(fill(&list[*count], r));
		++*count;
	}
	rc = rc > 0 ? 0 : rc;
out:
	db_done(r);
	return rc;
}

int db_outbox_due(struct db *db, const char *peer, int bulk, int64_t claim_ms, struct outbox_row **out, size_t *count)
{
	struct outbox_row *list = calloc(BATCH, sizeof(*list));
	size_t n = 0, mine = 0;
	int rc = ERR_NOMEM;

	*out = NULL;
	*count = 0;
	if (!list)
		goto out;
	TRY(read_due(db, peer, bulk, list, &n));
	for (size_t i = 0; i < n; i++) {
		/* Another instance may have taken it: a duplicate would be harmless, but wasted. */
		TRY(db_exec(db, "UPDATE outbox SET next_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, tries = tries + 1 "
			    "WHERE id = ? AND next_at <= UTC_TIMESTAMP(6)", DB_ARGS(db_i(claim_ms * 1000), db_i(list[i].id))));
		if (db_affected(db) == 1) {
			struct outbox_row keep = list[mine];

			list[mine++] = list[i];
			list[i] = keep;
		}
	}
	for (size_t i = mine; i < n; i++)
		free(list[i].body);
	*out = list;
	*count = mine;
	return 0;
out:
	outbox_free(list, n);
	return rc;
}

void outbox_free(struct outbox_row *rows, size_t count)
{
	for (size_t i = 0; rows && i < count; i++)
		free(rows[i].body);
	free(rows);
}

int db_outbox_failed(struct db *db, const struct outbox_row *row, const char *why, int64_t delay_ms)
{
	return db_exec(db, "UPDATE outbox SET next_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, last_error = LEFT(?, 255) WHERE id = ?",
		       DB_ARGS(db_i(delay_ms * 1000), db_s(why), db_i(row->id)));
}

/* --- answers ----------------------------------------------------------- */

struct answered {
	const char *actor;
	const struct outbox_row *row;
	int http;
	const json_t *reply;
};

static const char *text(const json_t *reply, const char *key, const char *fallback)
{
	const char *s = json_string_value(json_object_get(reply, key));

	return s ? s : fallback;
}

static int drop_messages(struct db *db, const struct job_row *j)
{
	return db_exec(db, "DELETE FROM outbox WHERE job = ?", DB_ARGS(db_i(j->id)));
}

/* The other party will not take part: the job ends here, and no message about it is of use. */
static int end_alone(struct db *db, struct job_row *j, const char *code, const char *message, const char *actor)
{
	int rc;

	TRY(drop_messages(db, j));
	if (job_state_ended(j->status))
		goto out;
	TRY(row_error(db, j, j->peer, "", code, message, "", 0));
	rc = step_end(db, j, JOB_FAILED, actor, message);
out:
	return rc;
}

static int submit_answered(struct db *db, struct job_row *j, const struct answered *a)
{
	int rc;

	if (j->accepted != ACCEPT_PENDING)
		return 0;
	if (a->http == 200 && json_is_true(json_object_get(a->reply, "accepted"))) {
		j->accepted = ACCEPT_YES;
		j->waiting_for[0] = '\0';
		TRY(row_save_job(db, j, a->actor, ""));
		TRY(row_event(db, j, "job", "", "accepted", j->peer, ""));
		return step_next(db, j, a->actor);
	}
	j->accepted = ACCEPT_NO;
	if (a->http == 200)
		return end_alone(db, j, text(a->reply, "code", "REFUSED"), text(a->reply, "reason", "refused"), a->actor);
	rc = end_alone(db, j, text(a->reply, "error_code", "REFUSED"), text(a->reply, "error_message", "refused"), a->actor);
out:
	return rc;
}

static int start_refused(struct db *db, struct job_row *j, struct group_row *g, const struct answered *a)
{
	int rc;

	TRY(slot_give(db, g->reservation));
	/* It is at work or beyond there: this party has forgotten that attempt, and the next one replaces it. */
	if (strcmp(text(a->reply, "code", ""), "NOT_WAITING") == 0) {
		g->attempt++;
		for (unsigned i = 0; i < j->task_count; i++)
			if (j->task[i].group == g)
				j->task[i].attempt = g->attempt;
	}
	g->state = GROUP_READY;
	g->reservation[0] = '\0';
	g->has_key = 0;
	g->delay_ms = 100 + (int64_t)(a->row->id * 37 % 200);
	TRY(row_save_group(db, j, g, a->actor, text(a->reply, "reason", "refused")));
	snprintf(j->waiting_for, sizeof(j->waiting_for), "%s: %.180s", j->peer, text(a->reply, "reason", "refused"));
	rc = row_save_job(db, j, a->actor, "");
out:
	return rc;
}

static int start_answered(struct db *db, struct job_row *j, const struct answered *a)
{
	json_t *sent = json_loads(a->row->body, 0, NULL);
	struct group_row *g = row_group(j, json_integer_value(json_object_get(sent, "group")));
	int rc = 0;

	if (!g || g->state != GROUP_RESERVED || job_state_ended(j->status) ||
	    strcmp(g->reservation, text(sent, "reservation", "")) != 0)
		goto out;	/* it was given up, or is known to run */
	if (!json_is_true(json_object_get(a->reply, "started"))) {
		rc = start_refused(db, j, g, a);
		goto out;
	}
	g->state = g->own_tasks ? GROUP_STARTING : GROUP_RUNNING;
	TRY(row_save_group(db, j, g, a->actor, ""));
	for (unsigned i = 0; i < j->task_count; i++) {
		struct task_row *t = &j->task[i];

		if (t->group != g || t->own || t->status != TASK_INIT)
			continue;
		t->attempt = g->attempt;
		TRY(row_save_task(db, j, t, TASK_RUNNING, j->peer));
	}
	j->waiting_for[0] = '\0';
	rc = row_save_job(db, j, a->actor, "");
out:
	json_decref(sent);
	return rc;
}

static int refused_message(struct db *db, struct job_row *j, const struct answered *a)
{
	char message[400];

	log_error("%s refused message %s of job %s: http %d %s", j->peer, a->row->kind, j->job_id, a->http,
		  text(a->reply, "error_code", ""));
	if (a->http == 404) {
		snprintf(message, sizeof(message), "%.64s no longer knows the job", j->peer);
		if (!job_state_ended(j->status))
			j->accepted = ACCEPT_NO;	/* a rerun submits it again */
		return end_alone(db, j, "PEER_FORGOT", message, a->actor);
	}
	snprintf(message, sizeof(message), "%.64s refused a message (%.24s): %.200s", j->peer, a->row->kind,
		 text(a->reply, "error_message", "no reason given"));
	return end_alone(db, j, "PEER_REFUSED", message, a->actor);
}

static int answered_tx(struct db *db, void *arg)
{
	const struct answered *a = arg;
	struct job_row *j = NULL;
	int rc;

	TRY(row_lock_id(db, &j, a->row->job));
	if (a->http == 409 && a->row->seq == 0) {
		rc = db_exec(db, "UPDATE outbox SET last_error = 'conflict', next_at = '9999-01-01' WHERE id = ?", DB_ARGS(db_i(a->row->id)));
		goto out;
	}
	TRY(db_exec(db, "DELETE FROM outbox WHERE id = ?", DB_ARGS(db_i(a->row->id))));
	if (db_affected(db) == 0)
		goto out;	/* answered before */
	if (strcmp(a->row->kind, "submit") == 0)
		rc = submit_answered(db, j, a);
	else if (a->http != 200 && a->row->seq > 0)
		rc = refused_message(db, j, a);
	else if (strcmp(a->row->kind, "start") == 0)
		rc = start_answered(db, j, a);
out:
	row_free(j);
	return rc;
}

int db_outbox_answered(struct db *db, const char *actor, const struct outbox_row *row, int http, const json_t *reply)
{
	struct answered a = { .actor = actor, .row = row, .http = http, .reply = reply };

	if (http == 409 && row->seq > 0)
		return db_outbox_failed(db, row, "the peer waits for an earlier message", 200);
	return db_tx(db, answered_tx, NULL, &a);
}

int db_outbox_progress(struct db *db, const char *peer, struct progress_row *out, size_t max, size_t *count)
{
	struct db_rows *r = NULL;
	int rc;

	*count = 0;
	TRY(db_query(db, &r, "SELECT t.id, j.epoch, t.attempt, j.job_id, t.name, t.stage, t.progress FROM job_group g "
		     "JOIN job j ON j.id = g.job JOIN task t ON t.job_group = g.id AND t.party = j.self "
		     "WHERE g.state = 'RUNNING' AND j.peer = ? AND t.status = 'RUNNING' LIMIT ?",
		     DB_ARGS(db_s(peer), db_i((int64_t)max))));
	while ((rc = db_next(r)) > 0 && *count < max) {
		struct progress_row *p = &out[(*count)++];

		p->task = db_int(r, 0);
		p->epoch = db_int(r, 1);
		p->attempt = db_int(r, 2);
		COPY(p->job_id, r, 3);
		COPY(p->name, r, 4);
		COPY(p->stage, r, 5);
		p->progress = db_double(r, 6);
	}
	rc = rc > 0 ? 0 : rc;
out:
	db_done(r);
	return rc;
}
