#include "db/db_run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plan.h"
#include "db/db_step.h"

#define BATCH 32
#define COPY(to, r, col) snprintf(to, sizeof(to), "%s", db_text(r, col))

/* --- launching --------------------------------------------------------- */

struct launch {
	const struct sched_who *w;
	int64_t job, group;
	int moved;
};

static struct group_row *group_by_id(struct job_row *j, int64_t id)
{
	for (unsigned i = 0; i < j->group_count; i++)
		if (j->group[i].id == id)
			return &j->group[i];
	return NULL;
}

static int launch_task(struct db *db, struct job_row *j, struct task_row *t, const char *id)
{
	struct group_row *g = t->group;
	int rc;

	t->attempt = g->attempt;
	if (t->status == TASK_INIT)
		TRY(row_save_task(db, j, t, TASK_RUNNING, id));
	if (t->own)
		rc = db_exec(db, "INSERT INTO run (task, job_group, epoch, attempt, reservation, owner) VALUES (?, ?, ?, ?, ?, ?)",
			     DB_ARGS(db_i(t->id), db_i(g->id), db_i(g->epoch), db_i(g->attempt), db_s(g->reservation), db_s(id)));
	else
		rc = 0;
out:
	return rc;
}

static int launch_tx(struct db *db, void *arg)
{
	struct launch *l = arg;
	struct job_row *j = NULL;
	struct group_row *g;
	int rc;

	l->moved = 0;
	TRY(row_lock_id(db, &j, l->job));
	g = group_by_id(j, l->group);
	if (!g || g->state != GROUP_STARTING || job_state_ended(j->status))
		goto out;
	g->state = GROUP_RUNNING;
	snprintf(g->lease_owner, sizeof(g->lease_owner), "%s", l->w->id);
	g->lease_gen++;
	TRY(row_save_group(db, j, g, l->w->id, ""));
	for (unsigned i = 0; i < j->task_count; i++)
		if (j->task[i].group == g)
			TRY(launch_task(db, j, &j->task[i], l->w->id));
	rc = db_exec(db, "UPDATE job SET rev = rev + 1 WHERE id = ?", DB_ARGS(db_i(j->id)));
	l->moved = 1;
out:
	row_free(j);
	return rc;
}

int db_run_launch(struct db *db, const struct sched_who *w, unsigned *did)
{
	struct launch l = { .w = w };
	int64_t ids[BATCH][2];
	struct db_rows *r = NULL;
	size_t n = 0;
	int rc;

	TRY(db_query(db, &r, "SELECT job, id FROM job_group WHERE state = 'STARTING' ORDER BY priority DESC, id LIMIT ?",
		     DB_ARGS(db_i(BATCH))));
	while ((rc = db_next(r)) > 0 && n < BATCH) {
		ids[n][0] = db_int(r, 0);
		ids[n++][1] = db_int(r, 1);
	}
	db_done(r);
	r = NULL;
	if (rc < 0)
		goto out;
	rc = 0;
	for (size_t i = 0; i < n; i++) {
		l.job = ids[i][0];
		l.group = ids[i][1];
		TRY(db_tx(db, launch_tx, NULL, &l));
		*did += (unsigned)l.moved;
	}
out:
	db_done(r);
	return rc;
}

/* --- what runs --------------------------------------------------------- */

static void fill(struct run_row *o, struct db_rows *r)
{
	memset(o, 0, sizeof(*o));
	o->id = db_int(r, 0);
	o->task = db_int(r, 1);
	o->group = db_int(r, 2);
	o->epoch = db_int(r, 3);
	o->attempt = db_int(r, 4);
	o->idx = db_int(r, 5);
	o->lease_gen = db_int(r, 6);
	COPY(o->job_id, r, 7);
	COPY(o->task_name, r, 8);
	COPY(o->op, r, 9);
	COPY(o->role, r, 10);
	COPY(o->self, r, 11);
	COPY(o->peer, r, 12);
	COPY(o->owner, r, 13);
	o->paired = db_int(r, 14) > 0;
	o->active = db_int(r, 15) != 0;
	o->has_key = db_len(r, 16) == sizeof(o->key);
	if (o->has_key)
		memcpy(o->key, db_text(r, 16), sizeof(o->key));
	o->port = db_int(r, 17);
}

int db_run_list(struct db *db, const struct sched_who *w, struct run_row **out, size_t *count)
{
	struct run_row *list = NULL, *bigger;
	struct db_rows *r = NULL;
	size_t n = 0;
	int rc;

	*out = NULL;
	*count = 0;
	TRY(db_query(db, &r, "SELECT r.id, r.task, r.job_group, r.epoch, r.attempt, g.idx, g.lease_gen, j.job_id, t.name, t.operator, "
		     "t.role, j.self, j.peer, j.owner, g.peer_tasks, g.state = 'RUNNING' AND g.epoch = r.epoch AND "
		     "g.attempt = r.attempt AND t.status = 'RUNNING', g.channel_key, "
		     "COALESCE((SELECT port FROM reservation WHERE id = r.reservation), 0) "
		     "FROM run r JOIN task t ON t.id = r.task JOIN job_group g ON g.id = r.job_group JOIN job j ON j.id = g.job "
		     "WHERE r.owner = ? ORDER BY r.id", DB_ARGS(db_s(w->id))));
	while ((rc = db_next(r)) > 0) {
		bigger = realloc(list, (n + 1) * sizeof(*list));
		if (!bigger) {
			rc = ERR_NOMEM;
			goto out;
		}
		list = bigger;
		fill(&list[n++], r);
	}
	if (rc == 0) {
		*out = list;
		*count = n;
		list = NULL;
	}
out:
	db_done(r);
	free(list);
	return rc;
}

/* Own results are kept as {"public", "all"}; the other party's as the public object itself. */
static json_t *result_of(const char *text, int own)
{
	json_t *v = json_loads(text, 0, NULL), *all;

	if (!v || !own)
		return v ? v : json_object();
	all = json_incref(json_object_get(v, "all"));
	json_decref(v);
	return all ? all : json_object();
}

static int add_results(struct db *db, const struct run_row *run, json_t *results)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT t.name, t.result, t.party = j.self FROM task t JOIN job_group g ON g.id = t.job_group "
		     "JOIN job j ON j.id = t.job WHERE j.job_id = ? AND g.state = 'DONE' AND t.result IS NOT NULL",
		     DB_ARGS(db_s(run->job_id))));
	while ((rc = db_next(r)) > 0)
		json_object_set_new(results, db_text(r, 0), result_of(db_text(r, 1), db_int(r, 2) != 0));
out:
	db_done(r);
	return rc;
}

int db_run_texts(struct db *db, const struct run_row *run, struct run_texts *out)
{
	struct db_rows *r = NULL;
	json_t *context = NULL, *results = json_object(), *request = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	TRY(db_query(db, &r, "SELECT t.args, j.request FROM task t JOIN job j ON j.id = t.job WHERE t.id = ?", DB_ARGS(db_i(run->task))));
	rc = db_next(r);
	if (rc <= 0) {
		rc = rc == 0 ? ERR_NOTFOUND : rc;
		goto out;
	}
	out->args = strdup(db_text(r, 0));
	request = json_loads(db_text(r, 1), 0, NULL);
	TRY(add_results(db, run, results));
	TRY(plan_job_context(&context, run->job_id, json_object_get(request, "mission_params"), run->role, results));
	out->job_context = json_dumps(context, JSON_COMPACT);
	rc = out->args && out->job_context ? 0 : ERR_NOMEM;
out:
	db_done(r);
	json_decref(context);
	json_decref(results);
	json_decref(request);
	if (rc != 0)
		run_texts_clear(out);
	return rc;
}

void run_texts_clear(struct run_texts *t)
{
	free(t->args);
	free(t->job_context);
	t->args = t->job_context = NULL;
}

int db_run_outputs(struct db *db, const struct run_row *r, const char *outputs)
{
	return db_exec(db, "UPDATE task SET outputs = ? WHERE id = ? AND attempt = ?",
		       DB_ARGS(db_s(outputs), db_i(r->task), db_i(r->attempt)));
}

int db_run_replaces(struct db *db, const char *path, const char *owner, int *own)
{
	int64_t n;
	int rc = db_query_int(db, &n, "SELECT COUNT(*) FROM output WHERE path = ? AND owner = ?", DB_ARGS(db_s(path), db_s(owner)));

	*own = rc == 0 && n > 0;
	return rc;
}

/* A row's columns: epoch, attempt, DONE, ended long ago, still run. */
static enum run_wanted judge(struct db_rows *r, int64_t epoch, int64_t attempt)
{
	int64_t known_epoch = db_int(r, 0), known = db_int(r, 1);

	if (db_int(r, 4))
		return RUN_WANTED;
	if (epoch < known_epoch || (epoch == known_epoch && attempt < known))
		return RUN_OVER;
	if (epoch > known_epoch || attempt > known)
		return RUN_UNKNOWN;
	return db_int(r, 2) || db_int(r, 3) ? RUN_OVER : RUN_WANTED;
}

int db_run_wanted(struct db *db, const struct task_id *id, enum run_wanted *out)
{
	struct db_rows *r = NULL;
	int rc;

	*out = RUN_WANTED;
	TRY(db_query(db, &r, "SELECT g.epoch, g.attempt, g.state = 'DONE', j.status IN ('FAILED', 'CANCELED') AND "
		     "COALESCE(j.ended_at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND, 0), "
		     "EXISTS (SELECT 1 FROM run WHERE run.job_group = g.id AND run.epoch = ? AND run.attempt = ?) "
		     "FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = ? AND g.idx = ?",
		     DB_ARGS(db_i(RUN_ENDED_KEEP_S), db_i(id->epoch), db_i(id->attempt), db_s(id->job), db_i(id->group))));
	rc = db_next(r);
	if (rc >= 0)
		*out = rc > 0 ? judge(r, id->epoch, id->attempt) : RUN_UNKNOWN;
	rc = rc > 0 ? 0 : rc;
out:
	db_done(r);
	return rc;
}

int db_run_noted(struct db *db, const struct publish_row *p, const char *path, int *noted)
{
	int64_t n;
	int rc = db_query_int(db, &n, "SELECT COUNT(*) FROM output WHERE path = ? AND job_id = ? AND task = ?",
			      DB_ARGS(db_s(path), db_s(p->job_id), db_s(p->task_name)));

	*noted = rc == 0 && n > 0;
	return rc;
}

int db_run_progress(struct db *db, const struct run_row *r, const struct run_progress *p)
{
	return db_exec(db, "UPDATE task t JOIN job j ON j.id = t.job SET t.progress = ?, t.stage = ?, t.bytes_sent = ?, "
		       "t.bytes_received = ?, t.rounds = ?, t.peak_rss_bytes = GREATEST(t.peak_rss_bytes, ?), j.rev = j.rev + 1 "
		       "WHERE t.id = ? AND t.attempt = ? AND t.status = 'RUNNING'",
		       DB_ARGS(db_d(p->progress), db_s(p->stage), db_i(p->bytes_sent), db_i(p->bytes_received), db_i(p->rounds),
			       db_i(p->peak_rss_bytes), db_i(r->task), db_i(r->attempt)));
}

/* --- ends -------------------------------------------------------------- */

struct ended {
	const struct sched_who *w;
	const struct run_row *r;
	const struct task_end *e;
};

/* The follower's report to the leader. */
static int tell(struct db *db, struct job_row *j, const struct group_row *g, const struct task_row *t, const struct task_end *e)
{
	json_t *all = e->result ? json_loads(e->result, 0, NULL) : NULL, *context = json_object_get(all, "public"), *body;

	body = json_pack("{s:i, s:I, s:s, s:s, s:I, s:I, s:I, s:I}", "group", (int)g->idx, "attempt", (json_int_t)g->attempt,
			 "task", t->name, "state", e->prepared ? "PREPARED" : "FAILED", "bytes_sent", (json_int_t)e->bytes_sent,
			 "bytes_received", (json_int_t)e->bytes_received, "rounds", (json_int_t)e->rounds,
			 "peak_rss_bytes", (json_int_t)e->peak_rss_bytes);
	if (context)
		json_object_set(body, "context", context);
	if (!e->prepared) {
		json_object_set_new(body, "code", json_string(e->code));
		json_object_set_new(body, "message", json_string(e->message));
		json_object_set_new(body, "retryable", json_boolean(e->retryable));
	}
	json_decref(all);
	return row_send(db, j, "task", body);
}

static int ended_tx(struct db *db, void *arg)
{
	const struct ended *a = arg;
	const struct run_row *r = a->r;
	struct job_row *j = NULL;
	struct group_row *g;
	struct task_row *t;
	int rc;

	TRY(row_lock(db, &j, r->job_id));
	g = row_group(j, r->idx);
	t = row_task(j, r->task_name);
	TRY(db_exec(db, "DELETE FROM run WHERE id = ?", DB_ARGS(db_i(r->id))));
	if (db_affected(db) == 0 || !g || !t)
		goto out;	/* another instance was first, or this ran before a lost COMMIT */
	/* Only the end of the attempt that still counts is news; FAILED is that of a group whose other half failed first. */
	if (g->epoch != r->epoch || g->attempt != r->attempt || t->status != TASK_RUNNING || job_state_ended(j->status) ||
	    !(g->state == GROUP_RUNNING || (g->state == GROUP_FAILED && !a->e->prepared)))
		goto out;
	TRY(step_task_ended(db, j, t, a->e, a->w->id));
	if (j->leader) {
		rc = step_decide(db, j, g, a->w->id);
		goto out;
	}
	TRY(step_follow(db, j, g, a->w->id));
	rc = tell(db, j, g, t, a->e);
out:
	row_free(j);
	return rc;
}

int db_run_end(struct db *db, const struct sched_who *w, const struct run_row *r, const struct task_end *e)
{
	struct ended a = { .w = w, .r = r, .e = e };

	return db_tx(db, ended_tx, NULL, &a);
}

/* --- publishing -------------------------------------------------------- */

static int publish_rows(struct db *db, const struct sched_who *w, struct publish_row **out, size_t *count)
{
	struct publish_row *bigger;
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT g.id, g.lease_gen, t.id, g.epoch, g.attempt, g.idx, j.job_id, t.name, j.owner, "
		     "COALESCE(t.outputs, ''), j.peer, t.role FROM job_group g JOIN job j ON j.id = g.job "
		     "JOIN task t ON t.job_group = g.id AND t.party = j.self "
		     "WHERE g.state = 'PUBLISHING' AND g.lease_owner = ? ORDER BY g.id, t.id", DB_ARGS(db_s(w->id))));
	while ((rc = db_next(r)) > 0) {
		bigger = realloc(*out, (*count + 1) * sizeof(*bigger));
		if (!bigger) {
			rc = ERR_NOMEM;
			goto out;
		}
		*out = bigger;
		bigger += *count;
		bigger->group = db_int(r, 0);
		bigger->lease_gen = db_int(r, 1);
		bigger->task = db_int(r, 2);
		bigger->epoch = db_int(r, 3);
		bigger->attempt = db_int(r, 4);
		bigger->idx = db_int(r, 5);
		COPY(bigger->job_id, r, 6);
		COPY(bigger->task_name, r, 7);
		COPY(bigger->owner, r, 8);
		COPY(bigger->peer, r, 10);
		COPY(bigger->role, r, 11);
		bigger->outputs = strdup(db_text(r, 9));
		if (!bigger->outputs) {
			rc = ERR_NOMEM;
			goto out;
		}
		++*count;
	}
out:
	db_done(r);
	return rc;
}

/* The compare-and-set of each row: still COMMITTED, and the lease (with its generation: see db_run_done) is ours. */
static int begin_publishing(struct db *db, void *arg)
{
	const struct sched_who *w = arg;
	int rc;

	TRY(db_exec(db, "INSERT INTO event (job, epoch, subject, from_state, to_state, actor) SELECT job, epoch, "
		    "CONCAT('group ', name), 'COMMITTED', 'PUBLISHING', ? FROM job_group WHERE state = 'COMMITTED' AND lease_owner = ? "
		    "FOR UPDATE", DB_ARGS(db_s(w->id), db_s(w->id))));
	rc = db_exec(db, "UPDATE job_group SET state = 'PUBLISHING' WHERE state = 'COMMITTED' AND lease_owner = ?", DB_ARGS(db_s(w->id)));
out:
	return rc;
}

int db_run_publish(struct db *db, const struct sched_who *w, struct publish_row **out, size_t *count)
{
	int64_t waiting;
	int rc;

	*out = NULL;
	*count = 0;
	TRY(db_query_int(db, &waiting, "SELECT COUNT(*) FROM job_group WHERE state IN ('COMMITTED', 'PUBLISHING') AND lease_owner = ?",
			 DB_ARGS(db_s(w->id))));
	if (waiting == 0)
		goto out;
	TRY(db_tx(db, begin_publishing, NULL, (void *)(uintptr_t)w));
	rc = publish_rows(db, w, out, count);
out:
	if (rc != 0) {
		publish_free(*out, *count);
		*out = NULL;
		*count = 0;
	}
	return rc;
}

void publish_free(struct publish_row *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(p[i].outputs);
	free(p);
}

int db_run_published(struct db *db, const struct publish_row *p, const char *path)
{
	return db_exec(db, "INSERT INTO output (path, owner, peer, job_id, task) VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
		       "owner = VALUES(owner), peer = VALUES(peer), job_id = VALUES(job_id), task = VALUES(task), at = UTC_TIMESTAMP(6)",
		       DB_ARGS(db_s(path), db_s(p->owner), db_s(p->peer), db_s(p->job_id), db_s(p->task_name)));
}

int db_run_unpublished(struct db *db, const struct publish_row *p, const char *why)
{
	char text[256];
	int rc;

	snprintf(text, sizeof(text), " to publish the outputs of %.64s: %.100s", p->task_name, why);
	TRY(db_exec(db, "UPDATE job j JOIN job_group g ON g.job = j.id SET j.waiting_for = CONCAT(j.self, ?), j.rev = j.rev + 1 "
		    "WHERE g.id = ? AND g.state = 'PUBLISHING' AND j.waiting_for <> CONCAT(j.self, ?)",
		    DB_ARGS(db_s(text), db_i(p->group), db_s(text))));
	if (db_affected(db) > 0)
		rc = db_exec(db, "INSERT INTO event (job, epoch, subject, actor, detail) SELECT g.job, g.epoch, CONCAT('group ', g.name), "
			     "g.lease_owner, CONCAT('waits', ?) FROM job_group g WHERE g.id = ?", DB_ARGS(db_s(text), db_i(p->group)));
out:
	return rc;
}

struct done {
	const struct sched_who *w;
	int64_t group, lease_gen;
};

static int done_tx(struct db *db, void *arg)
{
	const struct done *d = arg;
	struct job_row *j = NULL;
	struct group_row *g;
	int64_t job;
	int rc;

	TRY(db_query_int(db, &job, "SELECT job FROM job_group WHERE id = ?", DB_ARGS(db_i(d->group))));
	TRY(row_lock_id(db, &j, job));
	g = group_by_id(j, d->group);
	if (g && g->state == GROUP_DONE)
		goto out;
	rc = ERR_CONFLICT;
	j->waiting_for[0] = '\0';
	if (g && g->state == GROUP_PUBLISHING && g->lease_gen == d->lease_gen && strcmp(g->lease_owner, d->w->id) == 0)
		rc = step_done(db, j, g, d->w->id);
out:
	row_free(j);
	return rc;
}

int db_run_done(struct db *db, const struct sched_who *w, int64_t group, int64_t lease_gen)
{
	struct done d = { .w = w, .group = group, .lease_gen = lease_gen };

	return db_tx(db, done_tx, NULL, &d);
}
