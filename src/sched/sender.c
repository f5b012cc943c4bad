/*
 * Two threads per peer, each with its own connections. The one does what jobs
 * under way wait for: ordered messages, questions for slots, progress,
 * reconciliation. The other one delivers submits, so that a backlog of them, or
 * a large one on a slow line, delays no start and no kill. Order holds: what
 * follows a job's submit is due when that one is answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/util.h"
#include "db/db_outbox.h"
#include "db/db_reconcile.h"
#include "db/db_sched.h"
#include "db/db_slot.h"
#include "sched/http.h"
#include "sched/recon.h"
#include "sched/sched.h"

#define CLAIM_MS 15000		/* a message claimed by an instance that died is sent again after this */
#define AWAY_MIN_MS 100
#define AWAY_MAX_MS 2000
#define BUSY_MS 200		/* how often a busy granter is asked again */
#define PROGRESS_MS 500
#define ASKS_MAX 32
#define PROGRESS_MAX 256
#define BODY_MAX 512

struct lane {
	struct sched *s;
	const struct party *peer;
	int bulk;			/* the submits' one */
	struct lane *twin;
	atomic_int try_now;		/* the twin was answered after an absence */
	pthread_t thread;
	int running;
	struct http *http;
	struct db *db;
	struct recon *recon;
	int64_t away_ms, away_until;	/* the peer did not answer: nobody asks it before */
	char away_why[160];
	int64_t ask_at, progress_at, recon_at;
	struct { int64_t task, attempt; double progress; } told[PROGRESS_MAX];
	uint64_t seen;			/* generation of the last wake */
};

struct sender {
	struct lane lane[2];
};

/* curl's sentences hold milliseconds. */
static int same_but_digits(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, "0123456789");
		b += strspn(b, "0123456789");
		if (*a != *b)
			return 0;
		if (!*a)
			return 1;
		a++;
		b++;
	}
}

/* Said once, and again when the reason has become another one. */
static void away(struct lane *p, const char *why)
{
	char text[sizeof(p->away_why)];

	snprintf(text, sizeof(text), "%s", why);
	if (p->away_ms == 0 || !same_but_digits(text, p->away_why))
		log_warning("%s does not answer: %s", p->peer->name, why);
	memcpy(p->away_why, text, sizeof(text));
	p->away_ms = p->away_ms ? p->away_ms * 2 : AWAY_MIN_MS;
	if (p->away_ms > AWAY_MAX_MS)
		p->away_ms = AWAY_MAX_MS;
	p->away_until = util_mono_ms() + p->away_ms;
}

static void here(struct lane *p)
{
	if (p->away_ms) {
		log_notice("%s answers", p->peer->name);
		p->twin->try_now = 1;
		sched_wake_senders(p->s);
	}
	p->away_ms = p->away_until = 0;
}

/* 0: the peer's API answered; ERR_PEER: it did not, or has a passing trouble. */
static int call(struct lane *p, const char *method, const char *path, const char *body, long *status, json_t **reply)
{
	const char *why;
	int rc = http_call(p->http, method, path, body, status, reply, &why);
	char text[96];

	if (rc == 0 && (*status >= 500 || *status == 401 || *status == 429)) {
		snprintf(text, sizeof(text), "http %ld %.48s", *status,
			 json_string_value(json_object_get(*reply, "error_code")));
		json_decref(*reply);
		*reply = NULL;
		away(p, text);
		return ERR_PEER;
	}
	if (rc != 0)
		away(p, why);
	else
		here(p);
	return rc;
}

/* --- ordered messages -------------------------------------------------- */

static void path_of(const struct outbox_row *r, char out[256])
{
	static const struct { const char *kind, *path; } table[] = {
		{ "submit", "/api/v1/peer/jobs" }, { "start", "/api/v1/peer/groups/start" },
		{ "release", "/api/v1/peer/groups/release" }, { "commit", "/api/v1/peer/groups/commit" },
		{ "kill", "/api/v1/peer/jobs/kill" }, { "rerun", "/api/v1/peer/jobs/rerun" },
	};

	snprintf(out, 256, "/api/v1/tasks/%s/%s", r->job_id, r->task);
	for (size_t i = 0; i < PET_ARRAY_SIZE(table); i++)
		if (strcmp(table[i].kind, r->kind) == 0)
			snprintf(out, 256, "%s", table[i].path);
}

/* A 404 that the API did not give for the job's sake (an older version, a wrong url) is no answer. */
static int is_answer(long status, const json_t *reply)
{
	const char *code = json_string_value(json_object_get(reply, "error_code"));

	return status != 404 || (code && strcmp(code, "JOB_NOT_FOUND") == 0);
}

static int deliver(struct lane *p, const struct outbox_row *r)
{
	json_t *reply = NULL;
	char path[256];
	long status;
	int rc;

	path_of(r, path);
	rc = call(p, strcmp(r->kind, "task") == 0 ? "PATCH" : "POST", path, r->body, &status, &reply);
	if (rc == 0 && is_answer(status, reply))
		rc = db_outbox_answered(p->db, p->s->id, r, (int)status, reply);
	else
		rc = db_outbox_failed(p->db, r, rc == 0 ? "http 404" : "no answer", p->away_ms ? p->away_ms : AWAY_MAX_MS);
	json_decref(reply);
	return rc;
}

/* Until nothing is due: the answer to one message may free the next. */
static int messages(struct lane *p)
{
	struct outbox_row *rows;
	size_t n;
	int rc;

	do {
		TRY(db_outbox_due(p->db, p->peer->name, p->bulk, CLAIM_MS, &rows, &n));
		for (size_t i = 0; i < n && rc == 0; i++)
			rc = p->away_ms && i ? db_outbox_failed(p->db, &rows[i], "no answer", 0) : deliver(p, &rows[i]);
		outbox_free(rows, n);
		if (n)
			sched_wake_main(p->s);
	} while (rc == 0 && n && !p->away_ms && !p->s->stop);
out:
	return rc;
}

/* --- slots ------------------------------------------------------------- */

/* Scheme socket: where the granter's gateway will listen. */
static int64_t port_of(const json_t *reply)
{
	json_int_t port = json_integer_value(json_object_get(reply, "port"));

	return port >= SLOT_PORT_MIN && port <= SLOT_PORT_MAX ? port : 0;
}

static int ask(struct lane *p, const struct reserve_row *r)
{
	const char *result;
	json_t *reply = NULL;
	char body[BODY_MAX];
	long status;
	int rc;

	snprintf(body, sizeof(body), "{\"job_id\":\"%s\",\"epoch\":%lld,\"group\":%lld,\"attempt\":%lld,\"reservation\":\"%s\"}",
		 r->job_id, (long long)r->epoch, (long long)r->idx, (long long)r->attempt, r->reservation);
	rc = call(p, "POST", "/api/v1/peer/groups/reserve", body, &status, &reply);
	if (rc != 0)
		return 0;	/* away: asked again later */
	result = json_string_value(json_object_get(reply, "result"));
	if (status == 200 && result && strcmp(result, "granted") == 0) {
		struct reserve_row granted = *r;

		granted.port = port_of(reply);
		rc = db_sched_granted(p->db, &p->s->who, &granted, p->s->conf.start_wait_ms);
		sched_wake_main(p->s);
	}
	json_decref(reply);
	return rc;
}

static int slots(struct lane *p, int woken)
{
	struct reserve_row rows[ASKS_MAX];
	size_t n;
	int rc = 0;

	if (!woken && util_mono_ms() < p->ask_at)
		return 0;
	p->ask_at = util_mono_ms() + BUSY_MS;
	TRY(db_sched_reserving(p->db, &p->s->who, p->peer->name, rows, ASKS_MAX, &n));
	for (size_t i = 0; i < n && !p->away_ms; i++)
		TRY(ask(p, &rows[i]));
	if (n == 0)
		p->ask_at = util_mono_ms() + p->s->conf.poll_ms;
out:
	return rc;
}

/* --- progress ---------------------------------------------------------- */

static int is_news(struct lane *p, size_t i, const struct progress_row *r)
{
	if (p->told[i].task == r->task && p->told[i].attempt == r->attempt && p->told[i].progress == r->progress)
		return 0;
	p->told[i].task = r->task;
	p->told[i].attempt = r->attempt;
	p->told[i].progress = r->progress;
	return r->progress > 0;
}

static int progress(struct lane *p)
{
	struct progress_row rows[64];
	json_t *reply;
	char path[256];
	long status;
	size_t n;
	int rc = 0;

	if (util_mono_ms() < p->progress_at)
		return 0;
	p->progress_at = util_mono_ms() + PROGRESS_MS;
	TRY(db_outbox_progress(p->db, p->peer->name, rows, PET_ARRAY_SIZE(rows), &n));
	for (size_t i = 0; i < n && !p->away_ms; i++) {
		json_t *body;
		char *text;

		if (!is_news(p, i, &rows[i]))
			continue;
		body = json_pack("{s:s, s:s, s:I, s:I, s:s, s:f, s:s}", "job_id", rows[i].job_id, "task", rows[i].name, "epoch",
				 (json_int_t)rows[i].epoch, "attempt", (json_int_t)rows[i].attempt, "state", "RUNNING", "progress",
				 rows[i].progress, "stage", rows[i].stage);
		text = json_dumps(body, JSON_COMPACT);
		json_decref(body);
		snprintf(path, sizeof(path), "/api/v1/tasks/%s/%s", rows[i].job_id, rows[i].name);
		if (text && call(p, "PATCH", path, text, &status, &reply) == 0)
			json_decref(reply);
		free(text);
	}
out:
	return rc;
}

/* --- reconciliation ---------------------------------------------------- */

static int exchange(void *arg, const char *body, json_t **reply)
{
	struct lane *p = arg;
	long status;
	int rc = call(p, "POST", "/api/v1/peer/reconcile", body, &status, reply);

	if (rc == 0 && status != 200) {
		json_decref(*reply);
		*reply = NULL;
		rc = ERR_PEER;
	}
	return rc;
}

static int reconcile(struct lane *p)
{
	unsigned did = 0;
	int rc;

	if (util_mono_ms() < p->recon_at)
		return 0;
	p->recon_at = util_mono_ms() + p->s->conf.reconcile_ms;
	rc = recon_round(p->recon, p->db, exchange, p, &did);
	if (did)
		sched_wake_main(p->s);
	return rc == ERR_PEER ? 0 : rc;
}

/* --- thread ------------------------------------------------------------ */

static int wait_for_work(struct lane *p)
{
	struct sched *s = p->s;
	int64_t ms = p->away_until ? p->away_until - util_mono_ms() : s->conf.poll_ms < BUSY_MS ? s->conf.poll_ms : BUSY_MS;
	struct timespec until;
	int woken;

	if (ms < 1)
		ms = 1;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&s->mutex);
	while (s->generation == p->seen && !s->stop)
		if (pthread_cond_timedwait(&s->more, &s->mutex, &until) != 0)
			break;
	woken = s->generation != p->seen;
	p->seen = s->generation;
	pthread_mutex_unlock(&s->mutex);
	return woken;
}

static void round_of_work(struct lane *p, int woken)
{
	int rc = 0;

	if (atomic_exchange(&p->try_now, 0))
		p->away_until = 0;
	if (p->away_until && util_mono_ms() < p->away_until)
		return;
	/* After an absence one message tries the way; the others follow when it is answered. */
	TRY(messages(p));
	if (p->bulk)
		goto out;
	if (!p->away_ms || util_mono_ms() >= p->away_until)
		TRY(slots(p, woken));
	if (!p->away_ms)
		TRY(progress(p));
	if (!p->away_ms || util_mono_ms() >= p->away_until)
		TRY(reconcile(p));
out:
	if (rc != 0)
		log_error("messages to %s: %s", p->peer->name, err_name(rc));
}

static void *run(void *arg)
{
	struct lane *p = arg;

	while (!p->s->stop) {
		int woken = wait_for_work(p);

		if (!p->s->stop)
			round_of_work(p, woken);
	}
	return NULL;
}

static void lane_fini(struct lane *p)
{
	http_free(p->http);
	recon_free(p->recon);
	db_close(p->db);
}

void sender_join(struct sender *p)
{
	if (!p)
		return;
	/* Both threads first: each may look at the other's lane. */
	for (int i = 0; i < 2; i++)
		if (p->lane[i].running)
			pthread_join(p->lane[i].thread, NULL);
	for (int i = 0; i < 2; i++)
		lane_fini(&p->lane[i]);
	free(p);
}

static int lane_prepare(struct lane *p, struct sched *s, const struct party *peer, struct errmsg *em)
{
	int rc = ERR_NOMEM;

	p->s = s;
	p->peer = peer;
	p->recon = recon_new(&s->who, peer->name);
	if (!p->recon)
		goto out;
	TRY(http_new(&p->http, s, peer, em));
	rc = db_open(&p->db, s->conf.db_uri, em);
out:
	return rc;
}

int sender_start(struct sender **out, struct sched *s, const struct party *peer)
{
	struct sender *p = calloc(1, sizeof(*p));
	struct errmsg em = { .local = "no memory" };
	int rc = ERR_NOMEM;

	*out = p;
	if (!p)
		return ERR_NOMEM;
	for (int i = 0; i < 2; i++) {
		p->lane[i].bulk = i;
		p->lane[i].twin = &p->lane[!i];
		TRY(lane_prepare(&p->lane[i], s, peer, &em));
	}
	for (int i = 0; i < 2; i++) {
		rc = pthread_create(&p->lane[i].thread, NULL, run, &p->lane[i]) == 0 ? 0 : ERR_INTERNAL;
		if (rc != 0) {
			snprintf(em.local, sizeof(em.local), "no thread for the messages to %s", peer->name);
			goto out;
		}
		p->lane[i].running = 1;
	}
	return 0;
out:
	/* What runs is joined by the caller, after it has said stop. */
	log_error("%s", em.local);
	return rc;
}
