#include "sched/exec.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/spawnc.h"
#include "base/taskdir.h"
#include "base/util.h"
#include "db/db_run.h"
#include "sched/exec_impl.h"

#define ALIVE_MS 1000		/* how often an operator without news is looked for */
#define PROGRESS_MS 400
#define START_TRIES_MS 15000	/* how long a start may fail because pet-spawn is away */

struct exec *exec_new(struct sched *s)
{
	struct exec *x = calloc(1, sizeof(*x));

	if (x)
		x->s = s;
	return x;
}

void exec_free(struct exec *x)
{
	if (!x)
		return;
	free(x->proc);
	free(x);
}

size_t exec_count(const struct exec *x)
{
	return x->count;
}

static struct proc *find(struct exec *x, int64_t run)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->proc[i].run == run)
			return &x->proc[i];
	return NULL;
}

static struct proc *add(struct exec *x, const struct run_row *r)
{
	struct proc *p = realloc(x->proc, (x->count + 1) * sizeof(*p));

	if (!p)
		return NULL;
	x->proc = p;
	p += x->count;
	memset(p, 0, sizeof(*p));
	p->run = r->id;
	p->since = util_mono_ms();
	if (task_id_set(&p->id, r->job_id, (uint32_t)r->epoch, (uint32_t)r->idx, (uint32_t)r->attempt, r->task_name) != 0)
		return NULL;
	x->count++;
	return p;
}

static void forget(struct exec *x, struct proc *p)
{
	*p = x->proc[--x->count];
}

/* --- ends -------------------------------------------------------------- */

static const char *str(const json_t *record, const char *key)
{
	const char *s = json_string_value(json_object_get(record, key));

	return s ? s : "";
}

static int worth_a_retry(int status)
{
	return status == EX_TEMPFAIL || status == EX_UNAVAILABLE || status == EX_OSERR || status == EX_IOERR;
}

static void fill_failure(struct task_end *e, const json_t *record, int status)
{
	e->retryable = worth_a_retry(status);
	e->code = str(record, "error_code");
	e->message = str(record, "error_public");
	e->local = str(record, "error_local");
	if (!*e->code)
		e->code = "OPERATOR_FAILED";
	if (!*e->message)
		e->message = "the operator failed without a reason";
}

static char *result_text(const json_t *record)
{
	json_t *all = json_object_get(record, "result"), *pub = json_object_get(record, "public_result"), *both;
	char *text;

	both = json_pack("{s:o, s:o}", "public", json_is_object(pub) ? json_incref(pub) : json_object(), "all",
			 json_is_object(all) ? json_incref(all) : json_object());
	text = both ? json_dumps(both, JSON_COMPACT) : NULL;
	json_decref(both);
	return text;
}

static void counters(const struct proc *p, struct task_end *e)
{
	struct task_progress t;

	if (taskdir_progress(&p->id, &t) != 0)
		return;
	e->bytes_sent = (int64_t)t.bytes_sent;
	e->bytes_received = (int64_t)t.bytes_received;
	e->rounds = (int64_t)t.rounds;
	e->peak_rss_bytes = (int64_t)t.rss;
}

/* Writes the end of an operator. record NULL: it left none, for the reason in `lost`. */
static int collect(struct exec *x, struct db *db, const struct run_row *r, struct proc *p, const json_t *record,
		   const struct task_end *lost)
{
	struct task_end e = lost ? *lost : (struct task_end){ 0 };
	struct buf log = { 0 };
	char *result = NULL;
	struct errmsg em;
	int status, rc;

	counters(p, &e);
	if (record) {
		status = (int)json_integer_value(json_object_get(record, "status"));
		e.prepared = json_is_integer(json_object_get(record, "status")) && status == 0;
		if (!e.prepared)
			fill_failure(&e, record, status);
		e.result = result = result_text(record);
	}
	if (taskdir_log_tail(&p->id, LOG_TAIL, &log) == 0)
		e.log_tail = log.data;
	TRY(db_run_end(db, &x->s->who, r, &e));
	log_info("job %s task %s epoch %lld attempt %lld ended: %s", r->job_id, r->task_name, (long long)r->epoch,
		 (long long)r->attempt, e.prepared ? "prepared" : e.code);
	/* A prepared task's folders hold the result until it is published; exec_sweep finds what is left over. */
	if (!e.prepared && spawnc_clean_failed(&p->id, &em) != 0)
		log_warning("folders of %s are left for later: %s", r->task_name, em.local);
out:
	buf_free(&log);
	free(result);
	return rc;
}

static int lost(struct exec *x, struct db *db, const struct run_row *r, struct proc *p, const char *code, const char *message,
		const char *local)
{
	struct task_end e = { .retryable = 1, .code = code, .message = message, .local = local };

	return collect(x, db, r, p, NULL, &e);
}

/* --- start ------------------------------------------------------------- */

/* A start that can never succeed: the reason is public only as far as errmsg says so. */
static int cannot_start(struct exec *x, struct db *db, const struct run_row *r, struct proc *p, int rc, const struct errmsg *em)
{
	struct task_end e = { .retryable = rc == ERR_IO || rc == ERR_TIMEOUT || rc == ERR_BUSY, .code = *em->code ? em->code : "START_FAILED",
			      .message = *em->pub ? em->pub : "the operator could not be started",
			      .local = *em->local ? em->local : err_name(rc) };

	return collect(x, db, r, p, NULL, &e);
}

static int start(struct exec *x, struct db *db, const struct run_row *r, struct proc *p, unsigned *did)
{
	json_t *doc = NULL, *replace = NULL, *gateway = NULL;
	struct errmsg em = { 0 };
	int rc;

	rc = exec_document(x->s, db, r, &doc, &replace, &em);
	if (rc == ERR_DB || rc == ERR_DB_RETRY)
		goto out;
	if (rc == 0)
		rc = exec_gateway(x->s, r, &gateway, &em);
	if (rc == 0)
		rc = spawnc_start(doc, replace, gateway, &em);
	if (rc == 0) {
		p->started = 1;
		log_info("job %s task %s epoch %lld attempt %lld started", r->job_id, r->task_name, (long long)r->epoch,
			 (long long)r->attempt);
		goto out;
	}
	if ((rc == ERR_IO || rc == ERR_TIMEOUT) && util_mono_ms() - p->since < START_TRIES_MS) {
		log_warning("job %s task %s is not started yet: %s", r->job_id, r->task_name, em.local);
		rc = 0;
		goto out;
	}
	rc = cannot_start(x, db, r, p, rc, &em);
	if (rc == 0) {
		forget(x, p);
		++*did;
	}
out:
	json_decref(doc);
	json_decref(replace);
	json_decref(gateway);
	return rc;
}

/* --- watching ---------------------------------------------------------- */

static void end_it(struct exec *x, struct proc *p)
{
	int64_t now = util_mono_ms();
	struct errmsg em;
	int sig = 0;

	if (!p->term_at) {
		p->term_at = now;
		sig = SIGTERM;
	} else if (!p->killed && now - p->term_at >= x->s->conf.grace_ms) {
		p->killed = 1;
		sig = SIGKILL;
	}
	if (sig && spawnc_signal(&p->id, sig, &em) != 0)
		log_warning("task %s of job %s cannot be ended: %s", p->id.task, p->id.job, em.local);
	p->look_at = now;	/* it should be gone soon: look now */
}

static int report(struct db *db, const struct run_row *r, struct proc *p)
{
	struct task_progress t;
	struct run_progress out;
	int64_t now = util_mono_ms();

	if (now - p->reported_at < PROGRESS_MS || taskdir_progress(&p->id, &t) != 0)
		return 0;
	if (!(t.progress >= 0 && t.progress <= 1) || (t.t <= p->last_t && p->last_t > 0))
		return 0;
	p->reported_at = now;
	p->last_t = t.t;
	out = (struct run_progress){ .progress = t.progress, .stage = t.stage, .bytes_sent = (int64_t)t.bytes_sent,
				     .bytes_received = (int64_t)t.bytes_received, .rounds = (int64_t)t.rounds,
				     .peak_rss_bytes = (int64_t)t.rss };
	return db_run_progress(db, r, &out);
}

/* 1: it has ended and that is written; 0: it runs; < 0: error. */
static int watch(struct exec *x, struct db *db, const struct run_row *r, struct proc *p)
{
	json_t *record = NULL;
	struct errmsg em;
	int alive = 1, rc = taskdir_exit(&p->id, &record);

	if (rc == ERR_NOTFOUND && util_mono_ms() - p->look_at >= 0) {
		p->look_at = util_mono_ms() + (p->term_at ? 100 : ALIVE_MS);
		if (spawnc_alive(&p->id, &alive, &em) != 0)
			alive = 1;	/* pet-spawn is away: its answer will come */
		if (!alive)
			rc = taskdir_exit(&p->id, &record);	/* written between the two looks */
	}
	if (rc == 0)
		rc = collect(x, db, r, p, record, NULL);
	else if (rc == ERR_INPUT)
		rc = lost(x, db, r, p, "BAD_RECORD", "the operator left no valid exit record", "exit.json is no record");
	else if (!alive && p->term_at)
		rc = lost(x, db, r, p, "ENDED", "the task was ended", "");
	else if (!alive)
		rc = lost(x, db, r, p, "OPERATOR_LOST", "the operator died without a word",
			  "no process and no exit record: killed, out of memory, or the machine went down");
	else
		return 0;
	json_decref(record);
	return rc == 0 ? 1 : rc;
}

static int tend(struct exec *x, struct db *db, const struct run_row *r, unsigned *did)
{
	struct proc *p = find(x, r->id);
	int rc;

	if (!p) {
		p = add(x, r);
		if (!p)
			return ERR_NOMEM;
		p->look_at = p->since;
	}
	p->seen = 1;
	if (!p->started && r->active)
		return start(x, db, r, p, did);
	if (!r->active)
		end_it(x, p);
	rc = watch(x, db, r, p);
	if (rc > 0) {
		forget(x, p);
		++*did;
		return 0;
	}
	return rc == 0 && r->active ? report(db, r, p) : rc;
}

static void beat(struct exec *x)
{
	int64_t now = util_mono_ms();

	if (now - x->beat_at < x->s->conf.beat_ms)
		return;
	x->beat_at = now;
	for (size_t i = 0; i < x->count; i++)
		if (taskdir_beat(&x->proc[i].id, (uint64_t)now) != 0)
			x->proc[i].look_at = 0;
}

int exec_sync(struct exec *x, struct db *db, unsigned *did)
{
	struct run_row *rows = NULL;
	size_t n = 0;
	int rc;

	TRY(db_run_list(db, &x->s->who, &rows, &n));
	for (size_t i = 0; i < x->count; i++)
		x->proc[i].seen = 0;
	for (size_t i = 0; i < n; i++)
		TRY(tend(x, db, &rows[i], did));
	for (size_t i = x->count; i-- > 0;)
		if (!x->proc[i].seen)
			forget(x, &x->proc[i]);	/* another instance has taken it over */
	beat(x);
out:
	if (rows)	/* the libc function does not take NULL */
		explicit_bzero(rows, n * sizeof(*rows));
	free(rows);
	return rc;
}

int exec_peek(struct exec *x)
{
	json_t *record;

	beat(x);
	for (size_t i = 0; i < x->count; i++) {
		record = NULL;
		if (x->proc[i].term_at || !x->proc[i].started)
			return 1;
		if (taskdir_exit(&x->proc[i].id, &record) != ERR_NOTFOUND) {
			json_decref(record);
			return 1;
		}
	}
	return 0;
}
