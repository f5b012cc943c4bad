/* What each message of the other party does. The job's row is locked; see docs/agreement.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "db/db_peer_impl.h"
#include "db/db_slot.h"
#include "db/db_step.h"

static int unknown(struct peer_msg *m)
{
	return errmsg_set(m->em, ERR_NOTFOUND, "JOB_NOT_FOUND", "%s does not know job %s", m->self, m->job_id);
}

/* Set again when a transaction is run again: the old value goes. */
static int answer(struct peer_msg *m, json_t *reply)
{
	json_decref(*m->reply);
	*m->reply = reply;
	return reply ? 0 : ERR_NOMEM;
}

/* A leader's word only counts from the leader, a follower's only from the follower. */
static int from_leader(struct peer_msg *m)
{
	if (!m->job)
		return unknown(m);
	return !m->job->leader ? 0 : errmsg_set(m->em, ERR_DENIED, "NOT_THE_LEADER", "%s does not lead job %s", m->sender, m->job_id);
}

/* The group of a message about an attempt: *g NULL when the message is older than what we know, thus only acknowledged. */
static int find_attempt(struct peer_msg *m, struct group_row **g, int64_t *attempt)
{
	int64_t idx;
	int rc;

	TRY(peer_int(m->body, "group", 0, &idx, m->em));
	TRY(peer_int(m->body, "attempt", 0, attempt, m->em));
	*g = row_group(m->job, idx);
	if (!*g)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "group: there is none of that index");
	if (m->epoch != m->job->epoch || m->epoch != (*g)->epoch || *attempt < (*g)->attempt)
		*g = NULL;
out:
	return rc;
}

/* --- submit ------------------------------------------------------------ */

static int refuse(struct peer_msg *m, const char *code, const char *reason)
{
	return answer(m, json_pack("{s:b, s:b, s:s, s:s}", "success", 1, "accepted", 0, "code", code, "reason", reason));
}

static int tombstone(struct db *db, struct peer_msg *m, int *found)
{
	int64_t n;
	int rc = db_query_int(db, &n, "SELECT COUNT(*) FROM tombstone WHERE job_id = ? AND peer = ?",
			      DB_ARGS(db_s(m->job_id), db_s(m->sender)));

	*found = rc == 0 && n > 0;
	return rc;
}

/* A job that is here already: the same request of the same sender is the same job. */
static int submit_known(struct db *db, struct peer_msg *m)
{
	const char *digest;
	int64_t same;
	int rc;

	TRY(peer_str(m->body, "request_digest", 64, &digest, m->em));
	TRY(db_query_int(db, &same, "SELECT request_digest = UNHEX(?) AND submitter = ? FROM job WHERE id = ?",
			 DB_ARGS(db_s(digest), db_s(m->sender), db_i(m->job->id))));
	if (!same)
		return refuse(m, "JOB_ID_TAKEN", "the job_id is taken by another job");
	rc = answer(m, json_pack("{s:b, s:b}", "success", 1, "accepted", 1));
out:
	return rc;
}

/* A sender that does not say its scheme is of a version that knew only one. */
static const char *scheme_said(const struct peer_msg *m)
{
	const char *s = json_string_value(json_object_get(m->body, "scheme"));

	if (!s)
		return "agent";
	return strcmp(s, "agent") == 0 || strcmp(s, "socket") == 0 ? s : "unknown";
}

/* Both ends of a channel go the same way. *said: what is wrong, or "". */
static int scheme_check(struct db *db, const struct peer_msg *m, char own[SLOT_SCHEME_MAX], char said[256])
{
	int rc = slot_scheme(db, own);

	said[0] = '\0';
	if (rc == 0 && strcmp(own, scheme_said(m)) != 0)
		snprintf(said, 256, "%.63s has NETWORK_SCHEME %s and %.63s has %s: both must have the same", m->sender, scheme_said(m),
			 m->self, own);
	return rc;
}

int peer_submit(struct db *db, struct peer_msg *m)
{
	char scheme[SLOT_SCHEME_MAX], wrong[256];
	int dead, rc;

	if (m->job)
		return submit_known(db, m);
	TRY(tombstone(db, m, &dead));
	if (dead)
		return refuse(m, "KILLED", "the job was killed before it arrived");
	if (!m->admitted)
		return refuse(m, m->em->code, m->em->pub);
	if (strcmp(m->admitted->head.job_id, m->job_id) != 0 || strcmp(m->admitted->head.peer, m->sender) != 0)
		return errmsg_set(m->em, ERR_INTERNAL, "BAD_ADMIT", "the admitted job is another one");
	TRY(scheme_check(db, m, scheme, wrong));
	if (wrong[0])
		return refuse(m, "NETWORK_SCHEME", wrong);
	/* No refusal: the message comes again, until there is room or the submitter gives up. */
	TRY(limit_check(db, &m->admitted->head.limits, m->sender, m->sender, m->em));
	rc = job_rows_insert(db, m->admitted, m->epoch, m->sender);
	if (rc == ERR_CONFLICT && db_duplicate(db))
		return ERR_DB_RETRY;	/* the same message twice at once: look again */
	if (rc != 0)
		goto out;
	TRY(row_lock(db, &m->job, m->job_id));
	/* Messages before this one belonged to a job that this party has lost or never had. */
	TRY(db_exec(db, "UPDATE job SET seq_in = ? WHERE id = ?", DB_ARGS(db_i(m->seq), db_i(m->job->id))));
	TRY(step_next(db, m->job, m->sender));
	rc = answer(m, json_pack("{s:b, s:b}", "success", 1, "accepted", 1));
out:
	return rc;
}

/* --- slots ------------------------------------------------------------- */

static int read_ask(struct peer_msg *m, struct slot_ask *a)
{
	int rc;

	a->peer = a->leader = m->sender;
	a->job_id = m->job_id;
	a->epoch = m->epoch;
	TRY(peer_str(m->body, "reservation", 32, &a->id, m->em));
	if (strlen(a->id) != 32 || strspn(a->id, "0123456789abcdef") != 32)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "reservation: expected 32 hex digits");
	TRY(peer_int(m->body, "group", 0, &a->group, m->em));
	rc = peer_int(m->body, "attempt", 0, &a->attempt, m->em);
out:
	return rc;
}

int peer_reserve(struct db *db, struct peer_msg *m)
{
	struct slot_ask a = { 0 };
	int64_t position, owner, port = 0;
	int rc;

	TRY(read_ask(m, &a));
	rc = row_lock(db, &m->job, m->job_id);
	if (rc == ERR_NOTFOUND)
		return unknown(m);
	if (rc != 0 || (rc = from_leader(m)) != 0)
		return rc;
	if (strcmp(m->job->peer, m->sender) != 0)
		return errmsg_set(m->em, ERR_DENIED, "NOT_A_PARTY", "%s is not a party of job %s", m->sender, m->job_id);
	if (m->job->epoch != m->epoch || job_state_ended(m->job->status) || m->job->kill_reason[0])
		return answer(m, json_pack("{s:b, s:s}", "success", 1, "result", "refused"));
	rc = db_query_int(db, &owner, "SELECT peer = ? FROM reservation WHERE id = ?", DB_ARGS(db_s(m->sender), db_s(a.id)));
	if (rc == 0 && !owner)
		return errmsg_set(m->em, ERR_DENIED, "BAD_FIELD", "reservation: not one of %s", m->sender);
	a.priority = m->job->priority;
	rc = slot_ask(db, &a, &position);
	if (rc != 0 && rc != ERR_BUSY)
		goto out;
	if (rc == 0)
		TRY(slot_port(db, a.id, &port));
	rc = answer(m, json_pack("{s:b, s:s, s:I, s:I}", "success", 1, "result", position == 0 ? "granted" : "busy",
				 "position", (json_int_t)position, "port", (json_int_t)port));
out:
	return rc;
}

/* The leader gave the attempt up before both sides had started, or a grant that it cannot use. */
int peer_release(struct db *db, struct peer_msg *m)
{
	struct slot_ask a = { 0 };
	struct group_row *g;
	int64_t attempt;
	int rc;

	TRY(from_leader(m));
	if (m->again)
		return 0;
	TRY(read_ask(m, &a));
	TRY(find_attempt(m, &g, &attempt));
	TRY(db_exec(db, "DELETE FROM reservation WHERE id = ? AND peer = ? AND state <> 'started'",
		    DB_ARGS(db_s(a.id), db_s(m->sender))));
	if (!g || job_state_ended(m->job->status) || group_state_committed(g->state) || attempt != g->attempt ||
	    json_is_true(json_object_get(m->body, "grant_only")))
		return 0;
	g->attempt = attempt + 1;
	g->state = GROUP_WAITING;
	rc = step_next_attempt(db, m->job, g, m->sender, "given up by the leader");
out:
	return rc;
}

/* --- start ------------------------------------------------------------- */

/* What was granted for this start is free again at once, not only when it expires. */
static int not_started(struct db *db, struct peer_msg *m, int busy, const char *code, const char *reason)
{
	int rc;

	TRY(db_exec(db, "DELETE FROM reservation WHERE id = ? AND peer = ? AND state <> 'started'",
		    DB_ARGS(db_s(json_string_value(json_object_get(m->body, "reservation"))), db_s(m->sender))));
	rc = answer(m, json_pack("{s:b, s:b, s:b, s:s, s:s}", "success", 1, "started", 0, "busy", busy, "code", code,
				 "reason", reason));
out:
	return rc;
}

static int started(struct peer_msg *m)
{
	return answer(m, json_pack("{s:b, s:b}", "success", 1, "started", 1));
}

static int depends_done(const struct job_row *j, const struct group_row *g)
{
	for (unsigned i = 0; i < j->group_count; i++)
		if ((g->depends >> i & 1) && j->group[i].state != GROUP_DONE)
			return 0;
	return 1;
}

/* This party's slot: granted before when this party grants for the pair, else taken now. */
static int start_slot(struct db *db, struct peer_msg *m, const struct group_row *g, struct slot_ask *a)
{
	if (g->own_tasks == 0)
		return 0;
	if (strcmp(m->self, m->sender) < 0 && g->peer_tasks > 0)
		return slot_start(db, a->id);
	a->priority = m->job->priority;
	return slot_take(db, a);
}

/* The message's scheme, and the granter's port where this party did not choose it itself. */
static int start_channel(struct db *db, struct peer_msg *m, const struct group_row *g, struct slot_ask *a)
{
	char own[SLOT_SCHEME_MAX], wrong[256];
	int rc;

	if (g->own_tasks == 0 || g->peer_tasks == 0)
		return 0;
	TRY(scheme_check(db, m, own, wrong));
	if (wrong[0])
		return errmsg_set(m->em, ERR_DENIED, "NETWORK_SCHEME", "%s", wrong);
	if (strcmp(own, "socket") != 0 || strcmp(m->self, m->sender) < 0)
		goto out;
	TRY(peer_int(m->body, "port", SLOT_PORT_MIN, &a->port, m->em));
	if (a->port > SLOT_PORT_MAX)
		rc = errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "port: expected %d to %d", SLOT_PORT_MIN, SLOT_PORT_MAX);
out:
	return rc;
}

static int run_tasks(struct db *db, struct peer_msg *m, const struct group_row *g)
{
	int rc = 0;

	for (unsigned i = 0; i < m->job->task_count; i++) {
		struct task_row *t = &m->job->task[i];

		if (t->group != g || t->own)
			continue;
		t->attempt = g->attempt;
		TRY(row_save_task(db, m->job, t, TASK_RUNNING, m->sender));
	}
out:
	return rc;
}

static int do_start(struct db *db, struct peer_msg *m, struct group_row *g, const struct slot_ask *a)
{
	const char *key;
	int rc;

	TRY(peer_str(m->body, "key", 64, &key, m->em));
	if (util_unhex(g->key, sizeof(g->key), key) != 0)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "key: expected 64 hex digits");
	g->has_key = 1;
	g->attempt = a->attempt;
	g->state = g->own_tasks ? GROUP_STARTING : GROUP_RUNNING;
	snprintf(g->reservation, sizeof(g->reservation), "%s", a->id);
	TRY(row_save_group(db, m->job, g, m->sender, ""));
	TRY(run_tasks(db, m, g));
	m->job->status = JOB_RUNNING;
	m->job->waiting_for[0] = '\0';
	TRY(row_save_job(db, m->job, m->sender, ""));
	rc = started(m);
out:
	return rc;
}

int peer_start(struct db *db, struct peer_msg *m)
{
	struct slot_ask a = { 0 };
	struct group_row *g;
	int64_t attempt;
	int rc;

	TRY(from_leader(m));
	TRY(read_ask(m, &a));
	TRY(find_attempt(m, &g, &attempt));
	if (!g || job_state_ended(m->job->status) || m->job->kill_reason[0])
		return not_started(db, m, 0, "ENDED", "the job or this attempt has ended here");
	if (strcmp(g->reservation, a.id) == 0 && attempt == g->attempt)
		return started(m);	/* said before; the answer was lost */
	/* The leader has given up what this party knows of: an older attempt, when this database came from a backup. */
	if (!m->again && attempt > g->attempt && !group_state_committed(g->state) && g->state != GROUP_WAITING) {
		g->attempt = attempt;
		g->state = GROUP_WAITING;
		TRY(step_next_attempt(db, m->job, g, m->sender, "the leader is at a newer attempt"));
	}
	if (m->again || g->state != GROUP_WAITING)
		return not_started(db, m, 1, "NOT_WAITING", "the group is not waiting for a start here");
	if (!depends_done(m->job, g) || g->runs)
		return not_started(db, m, 1, "NOT_READY", "what the group depends on, or its last attempt, has not ended here");
	TRY(start_channel(db, m, g, &a));
	rc = start_slot(db, m, g, &a);
	if (rc == ERR_BUSY)
		return not_started(db, m, 1, "NO_SLOT", "no slot is free");
	if (rc == ERR_CONFLICT)
		return not_started(db, m, 1, "EXPIRED", "the reservation has expired");
	if (rc != 0)
		goto out;
	rc = do_start(db, m, g, &a);
out:
	return rc;
}

/* --- tasks ------------------------------------------------------------- */

static int read_count(struct peer_msg *m, const char *key, int64_t *out)
{
	*out = 0;
	return json_object_get(m->body, key) ? peer_int(m->body, key, 0, out, m->em) : 0;
}

/* Progress: no order, no reply that matters; a late one is dropped. */
static int task_progress(struct db *db, struct peer_msg *m)
{
	const json_t *p = json_object_get(m->body, "progress");
	double value = json_is_number(p) ? json_number_value(p) : -1;
	const char *task, *stage;
	int64_t attempt;
	int rc;

	TRY(peer_str(m->body, "task", 64, &task, m->em));
	TRY(peer_str(m->body, "stage", 64, &stage, m->em));
	TRY(peer_int(m->body, "attempt", 0, &attempt, m->em));
	if (!(value >= 0 && value <= 1))
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "progress: expected a number from 0 to 1");
	TRY(db_exec(db, "UPDATE task t JOIN job j ON j.id = t.job SET t.progress = ?, t.stage = ?, j.rev = j.rev + 1 "
		    "WHERE j.job_id = ? AND j.peer = ? AND j.epoch = ? AND t.name = ? AND t.party = ? AND t.attempt = ? "
		    "AND t.status = 'RUNNING'",
		    DB_ARGS(db_d(value), db_s(stage), db_s(m->job_id), db_s(m->sender), db_i(m->epoch), db_s(task),
			    db_s(m->sender), db_i(attempt))));
out:
	return rc;
}

static int read_end(struct peer_msg *m, struct task_end *e, char **result)
{
	const json_t *context = json_object_get(m->body, "context");
	const char *state;
	int rc;

	memset(e, 0, sizeof(*e));
	e->local = "";
	TRY(peer_str(m->body, "state", 16, &state, m->em));
	e->prepared = strcmp(state, "PREPARED") == 0;
	if (!e->prepared && strcmp(state, "FAILED") != 0)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "state: expected PREPARED or FAILED");
	if (!e->prepared) {
		TRY(peer_str(m->body, "code", 64, &e->code, m->em));
		TRY(peer_str(m->body, "message", 512, &e->message, m->em));
		e->retryable = json_is_true(json_object_get(m->body, "retryable"));
	}
	TRY(read_count(m, "bytes_sent", &e->bytes_sent));
	TRY(read_count(m, "bytes_received", &e->bytes_received));
	TRY(read_count(m, "rounds", &e->rounds));
	TRY(read_count(m, "peak_rss_bytes", &e->peak_rss_bytes));
	if (context && !json_is_object(context))
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "context: expected an object");
	if (context)
		e->result = *result = json_dumps(context, JSON_COMPACT);
out:
	return rc;
}

static int task_ended(struct db *db, struct peer_msg *m, struct group_row *g, struct task_row *t)
{
	struct task_end e;
	char *result = NULL;
	int rc;

	TRY(read_end(m, &e, &result));
	if (t->status == TASK_PREPARED || t->status == TASK_FAILED)
		goto out;	/* this attempt's end is known */
	/* The follower would not speak of this attempt had it not started: its answer to our start is still on the way. */
	if (g->state == GROUP_RESERVED) {
		g->state = g->own_tasks ? GROUP_STARTING : GROUP_RUNNING;
		TRY(row_save_group(db, m->job, g, m->sender, ""));
	}
	TRY(step_task_ended(db, m->job, t, &e, m->sender));
	rc = step_decide(db, m->job, g, m->sender);
out:
	free(result);
	return rc;
}

int peer_task(struct db *db, struct peer_msg *m)
{
	struct group_row *g;
	struct task_row *t;
	const char *name;
	int64_t attempt;
	int rc;

	if (!m->ordered)
		return task_progress(db, m);
	if (!m->job)
		return unknown(m);
	if (!m->job->leader)
		return errmsg_set(m->em, ERR_DENIED, "NOT_THE_FOLLOWER", "%s leads job %s itself", m->sender, m->job_id);
	if (m->again)
		return 0;
	TRY(peer_str(m->body, "task", 64, &name, m->em));
	TRY(find_attempt(m, &g, &attempt));
	t = row_task(m->job, name);
	if (!t || t->own)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "task: not one of %s", m->sender);
	if (!g || attempt != g->attempt || t->group != g || job_state_ended(m->job->status) || group_state_committed(g->state))
		return 0;
	rc = task_ended(db, m, g, t);
out:
	return rc;
}

/* --- outcomes ---------------------------------------------------------- */

static int apply_retry(struct db *db, struct peer_msg *m, struct group_row *g)
{
	int64_t next;
	int rc;

	TRY(peer_int(m->body, "next_attempt", 1, &next, m->em));
	g->attempt = next;
	g->retries++;
	g->state = GROUP_WAITING;
	rc = step_next_attempt(db, m->job, g, m->sender, "another attempt");
out:
	return rc;
}

/* A party whose database came from a backup learns under which numbers its outputs are staged. */
static int apply_commit(struct db *db, struct peer_msg *m, struct group_row *g, int64_t attempt)
{
	const json_t *epoch = json_object_get(m->body, "group_epoch");
	int rc;

	if (attempt > g->attempt)
		g->attempt = attempt;
	if (json_is_integer(epoch) && json_integer_value(epoch) >= 0 && json_integer_value(epoch) <= m->job->epoch)
		g->epoch = json_integer_value(epoch);

	rc = step_take_results(db, m->job, json_object_get(m->body, "tasks"));
	if (rc == ERR_INPUT)
		errmsg_set(m->em, rc, "BAD_FIELD", "tasks: expected the leader's tasks with their public results");
	if (rc != 0)
		goto out;
	rc = step_committed(db, m->job, g, m->sender);
out:
	return rc;
}

/* Own reasons stay beside the leader's list: texts kept here only, and what it had not heard yet. */
static int own_errors(struct db *db, struct peer_msg *m)
{
	int rc = 0;

	for (unsigned i = 0; i < m->job->task_count; i++) {
		struct task_row *t = &m->job->task[i];

		if (t->own && t->status == TASK_FAILED)
			TRY(row_error(db, m->job, t->party, t->name, t->code, t->message, t->local, row_is_consequence(t->code)));
	}
out:
	return rc;
}

static int take_errors(struct db *db, struct peer_msg *m)
{
	int rc = step_take_errors(db, m->job, json_object_get(m->body, "errors"));

	if (rc == ERR_INPUT)
		return errmsg_set(m->em, rc, "BAD_FIELD", "errors: expected a list of party, task, code, message, cause");
	return rc == 0 ? own_errors(db, m) : rc;
}

int peer_commit(struct db *db, struct peer_msg *m)
{
	struct group_row *g;
	const char *outcome;
	int64_t attempt;
	int rc;

	TRY(from_leader(m));
	if (m->again)
		return 0;
	TRY(peer_str(m->body, "outcome", 16, &outcome, m->em));
	TRY(find_attempt(m, &g, &attempt));
	if (!g || group_state_committed(g->state))
		return 0;
	if (strcmp(outcome, "committed") == 0)
		return apply_commit(db, m, g, attempt);
	if (job_state_ended(m->job->status))
		return 0;
	if (strcmp(outcome, "retry") == 0)
		return apply_retry(db, m, g);
	if (strcmp(outcome, "failed") != 0)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "outcome: expected committed, retry or failed");
	g->state = GROUP_FAILED;
	TRY(take_errors(db, m));
	rc = step_end(db, m->job, JOB_FAILED, m->sender, "");
out:
	return rc;
}

/* --- kill and rerun ---------------------------------------------------- */

static int leave_tombstone(struct db *db, struct peer_msg *m)
{
	const char *reason;
	int rc;

	TRY(peer_str(m->body, "reason", 255, &reason, m->em));
	rc = db_exec(db, "INSERT INTO tombstone (job_id, peer, reason) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE reason = VALUES(reason)",
		     DB_ARGS(db_s(m->job_id), db_s(m->sender), db_s(reason)));
out:
	return rc;
}

/* The leader has ended the job: its word stands, also over what this party thought. */
static int kill_decided(struct db *db, struct peer_msg *m)
{
	const char *status, *reason;
	int state, rc;

	TRY(from_leader(m));
	TRY(peer_str(m->body, "status", 16, &status, m->em));
	TRY(peer_str(m->body, "reason", 255, &reason, m->em));
	state = job_state_parse(status);
	if (state != JOB_FAILED && state != JOB_CANCELED)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "status: expected FAILED or CANCELED");
	TRY(take_errors(db, m));
	rc = step_end(db, m->job, (enum job_state)state, m->sender, reason);
out:
	return rc;
}

int peer_kill(struct db *db, struct peer_msg *m)
{
	const char *reason;
	int rc;

	if (!m->job)
		return leave_tombstone(db, m);
	if (m->again || m->epoch != m->job->epoch)
		return 0;
	if (json_is_true(json_object_get(m->body, "decided")))
		return kill_decided(db, m);
	if (!m->job->leader)
		return errmsg_set(m->em, ERR_DENIED, "NOT_THE_LEADER", "%s decides about job %s itself", m->sender, m->job_id);
	TRY(peer_str(m->body, "reason", 255, &reason, m->em));
	/* The commit of the last group came first: the follower will hear of it. */
	if (job_state_ended(m->job->status) || step_sealed(m->job))
		return 0;
	rc = step_end_all(db, m->job, JOB_CANCELED, "KILLED", reason, m->sender);
out:
	return rc;
}

/* The follower's user asks: compare-and-set on the epoch that it saw. */
static int rerun_asked(struct db *db, struct peer_msg *m)
{
	struct job_row *j;
	int rc;

	rc = row_lock(db, &m->job, m->job_id);
	if (rc == ERR_NOTFOUND)
		return unknown(m);
	if (rc != 0)
		return rc;
	j = m->job;
	if (strcmp(j->peer, m->sender) != 0)
		return errmsg_set(m->em, ERR_DENIED, "NOT_A_PARTY", "%s is not a party of job %s", m->sender, m->job_id);
	if (!j->leader)
		return errmsg_set(m->em, ERR_DENIED, "NOT_THE_LEADER", "%s decides about job %s itself", m->sender, m->job_id);
	if (j->epoch > m->epoch)
		return 0;	/* it runs again already: the message about it is on its way */
	if (j->epoch < m->epoch || (j->status != JOB_FAILED && j->status != JOB_CANCELED)) {
		answer(m, json_pack("{s:b, s:s, s:s, s:I}", "success", 0, "error_code", "CONFLICT", "error_message",
				    "the job has not ended", "epoch", (json_int_t)j->epoch));
		return errmsg_set(m->em, ERR_CONFLICT, "CONFLICT", "the job has not ended");
	}
	TRY(step_rerun(db, j, j->epoch + 1, m->sender));
	rc = row_send(db, j, "rerun", json_object());
out:
	return rc;
}

int peer_rerun(struct db *db, struct peer_msg *m)
{
	if (!m->ordered)
		return rerun_asked(db, m);
	if (!m->job || m->job->leader)
		return from_leader(m);
	if (m->again || m->epoch <= m->job->epoch)
		return 0;
	m->job->accepted = ACCEPT_YES;
	return step_rerun(db, m->job, m->epoch, m->sender);
}
