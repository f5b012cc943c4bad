/* Reading jobs: db_job.h's status, list and log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db_job.h"
#include "db/db_waiting.h"

/* The status call is the busiest one there is: no printf for what is a copy. Cut like snprintf does. */
static void copy(char *to, size_t cap, struct db_rows *r, unsigned col)
{
	size_t n = db_len(r, col);

	if (n >= cap)
		n = cap - 1;
	memcpy(to, db_text(r, col), n);
	to[n] = '\0';
}
#define COPY(to, r, col) copy(to, sizeof(to), r, col)

static void fill_job(struct job_status *s, struct db_rows *r)
{
	COPY(s->job_id, r, 0);
	COPY(s->mission_name, r, 1);
	s->mission_version = db_int(r, 2);
	COPY(s->owner, r, 3);
	COPY(s->status, r, 4);
	COPY(s->waiting_for, r, 5);
	db_time(r, 6, s->created_at);
	db_time(r, 7, s->started_at);
	db_time(r, 8, s->ended_at);
	s->epoch = db_int(r, 9);
	s->rev = db_int(r, 10);
	s->is_leader = strcmp(db_text(r, 11), "leader") == 0;
	COPY(s->submitter, r, 12);
}

/* PREPARED and PUBLISHING are inner steps: to a user the task still runs. */
static const char *shown(const char *status)
{
	return strcmp(status, "PREPARED") == 0 || strcmp(status, "PUBLISHING") == 0 ? "RUNNING" : status;
}

static void fill_task(struct task_status *t, struct db_rows *r)
{
	unsigned c = 13;

	COPY(t->name, r, c++);
	COPY(t->party, r, c++);
	COPY(t->op, r, c++);
	snprintf(t->status, sizeof(t->status), "%s", shown(db_text(r, c++)));
	t->attempt = db_int(r, c++);
	t->progress = db_double(r, c++);
	COPY(t->stage, r, c++);
	db_time(r, c++, t->started_at);
	db_time(r, c++, t->ended_at);
	t->bytes_sent = db_int(r, c++);
	t->bytes_received = db_int(r, c++);
	t->rounds = db_int(r, c++);
	t->peak_rss_bytes = db_int(r, c++);
	COPY(t->error_code, r, c++);
	COPY(t->error_public, r, c);
}

static double mean_progress(const struct job_status *s)
{
	double sum = 0;

	if (strcmp(s->status, "SUCCESS") == 0)
		return 1;
	for (size_t i = 0; i < s->task_count; i++)
		sum += s->task[i].progress;
	sum = s->task_count ? sum / (double)s->task_count : 0;
	return sum > 0.9999 ? 0.9999 : sum;
}

static int load_errors(struct db *db, struct job_status *s)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT e.party, e.task, e.code, e.message, e.local FROM job_error e JOIN job j ON j.id = e.job "
		     "WHERE j.job_id = ? AND e.epoch = j.epoch ORDER BY e.cause, e.id LIMIT 200", DB_ARGS(db_s(s->job_id))));
	while ((rc = db_next(r)) > 0) {
		struct job_error *e = realloc(s->error, (s->error_count + 1) * sizeof(*e));

		if (!e) {
			rc = ERR_NOMEM;
			goto out;
		}
		s->error = e;
		e += s->error_count++;
		memset(e, 0, sizeof(*e));
		COPY(e->party, r, 0);
		COPY(e->task, r, 1);
		COPY(e->code, r, 2);
		COPY(e->message, r, 3);
		e->local = strdup(db_text(r, 4));
		if (!e->local) {
			rc = ERR_NOMEM;
			goto out;
		}
	}
out:
	db_done(r);
	return rc;
}

static int add_task(struct job_status *s, size_t *cap, struct db_rows *r)
{
	if (s->task_count == *cap) {
		size_t more = *cap ? *cap * 2 : 4;
		struct task_status *bigger = realloc(s->task, more * sizeof(*bigger));

		if (!bigger)
			return ERR_NOMEM;
		s->task = bigger;
		*cap = more;
	}
	fill_task(&s->task[s->task_count++], r);
	return 0;
}

static int load_rows(struct job_status *s, struct db_rows *r)
{
	size_t cap = 0;
	int rc;

	while ((rc = db_next(r)) > 0) {
		if (s->task_count == 0)
			fill_job(s, r);
		TRY(add_task(s, &cap, r));
	}
	if (rc == 0 && s->task_count == 0)
		rc = ERR_NOTFOUND;
out:
	return rc;
}

int db_job_status(struct db *db, struct job_status **out, const char *job_id)
{
	struct job_status *s = calloc(1, sizeof(*s));
	struct db_rows *r = NULL;
	int rc = ERR_NOMEM;

	*out = NULL;
	if (!s)
		return ERR_NOMEM;
	TRY(db_query(db, &r, "SELECT j.job_id, j.mission_name, j.mission_version, j.owner, j.status, j.waiting_for, j.created_at, "
		     "j.started_at, j.ended_at, j.epoch, j.rev, j.role, j.submitter, "
		     "t.name, t.party, t.operator, t.status, t.attempt, t.progress, t.stage, t.started_at, t.ended_at, "
		     "t.bytes_sent, t.bytes_received, t.rounds, t.peak_rss_bytes, t.error_code, t.error_public "
		     "FROM job j JOIN task t ON t.job = j.id WHERE j.job_id = ? ORDER BY t.id", DB_ARGS(db_s(job_id))));
	TRY(load_rows(s, r));
	s->progress = mean_progress(s);
	if (strcmp(s->status, "FAILED") == 0 || strcmp(s->status, "CANCELED") == 0)
		TRY(load_errors(db, s));
	else if (strcmp(s->status, "SUCCESS") != 0 && !s->waiting_for[0]) {
		TRY(db_waiting(db, s->job_id, s->waiting_for, sizeof(s->waiting_for)));
		s->derived = s->waiting_for[0] != '\0';
	}
	*out = s;
	s = NULL;
	rc = 0;
out:
	db_done(r);
	db_job_status_free(s);
	return rc;
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
	struct db_rows *r = NULL;
	int rc;

	if (view->all)
		return 0;
	TRY(db_query(db, &r, "SELECT owner, submitter FROM job WHERE job_id = ?", DB_ARGS(db_s(job_id))));
	rc = db_next(r);
	if (rc >= 0)
		rc = rc == 1 && job_view_sees(view, db_text(r, 0), db_text(r, 1)) ? 0 : ERR_NOTFOUND;
out:
	db_done(r);
	return rc;
}

int db_job_rev(struct db *db, const char *job_id, int64_t *rev)
{
	return db_query_int(db, rev, "SELECT rev FROM job WHERE job_id = ?", DB_ARGS(db_s(job_id)));
}

int db_job_list(struct db *db, struct job_brief *out, size_t limit, size_t *count, const struct job_view *v,
		const char *status, int64_t hours, int64_t cursor)
{
	struct db_rows *r = NULL;
	int rc;

	*count = 0;
	TRY(db_query(db, &r, "SELECT id, job_id, mission_name, owner, status, created_at, started_at, ended_at FROM job "
		     "WHERE (? = 1 OR (owner = ? AND submitter = self) OR (? = 1 AND submitter <> self)) AND (? IS NULL OR status = ?) "
		     "AND (? = 0 OR created_at > UTC_TIMESTAMP(6) - INTERVAL ? HOUR) AND (? = 0 OR id < ?) "
		     "ORDER BY id DESC LIMIT ?",
		     DB_ARGS(db_i(v->all), db_s(v->user), db_i(v->peers), db_s(status), db_s(status), db_i(hours), db_i(hours), db_i(cursor),
			     db_i(cursor), db_i((int64_t)limit))));
	while ((rc = db_next(r)) > 0 && *count < limit) {
		struct job_brief *b = &out[(*count)++];

		b->id = db_int(r, 0);
		COPY(b->job_id, r, 1);
		COPY(b->mission_name, r, 2);
		COPY(b->owner, r, 3);
		COPY(b->status, r, 4);
		db_time(r, 5, b->created_at);
		db_time(r, 6, b->started_at);
		db_time(r, 7, b->ended_at);
	}
	rc = rc > 0 ? 0 : rc;
out:
	db_done(r);
	return rc;
}

int db_job_log(struct db *db, const char *job_id, const char *task, struct buf *out)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT t.log_tail FROM task t JOIN job j ON j.id = t.job WHERE j.job_id = ? AND t.name = ?",
		     DB_ARGS(db_s(job_id), db_s(task))));
	rc = db_next(r);
	rc = rc > 0 ? buf_add(out, db_text(r, 0), db_len(r, 0)) : rc == 0 ? ERR_NOTFOUND : rc;
out:
	db_done(r);
	return rc;
}
