/*
 * The envelope of every message: who may send it, its place in the order,
 * duplicates. What a message does is in db_peer_kind.c.
 */
#include "db/db_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "db/db_peer_impl.h"

static const struct peer_kind kinds[] = {
	{ "submit", 1, peer_submit },
	{ "start", 1, peer_start },
	{ "release", 1, peer_release },
	{ "task", 1, peer_task },
	{ "commit", 1, peer_commit },
	{ "kill", 1, peer_kill },
	{ "rerun", 1, peer_rerun },
	{ "reserve", 0, peer_reserve },
	{ "reconcile", 0, peer_reconcile },
};

static const struct peer_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

int peer_int(const json_t *body, const char *key, int64_t low, int64_t *out, struct errmsg *em)
{
	const json_t *v = json_object_get(body, key);

	if (!json_is_integer(v) || json_integer_value(v) < low || json_integer_value(v) > INT64_MAX / 4)
		return errmsg_set(em, ERR_INPUT, "BAD_FIELD", "%s: expected an integer of at least %lld", key, (long long)low);
	*out = json_integer_value(v);
	return 0;
}

int peer_str(const json_t *body, const char *key, size_t max, const char **out, struct errmsg *em)
{
	const json_t *v = json_object_get(body, key);

	if (!json_is_string(v) || json_string_length(v) > max || strlen(json_string_value(v)) != json_string_length(v))
		return errmsg_set(em, ERR_INPUT, "BAD_FIELD", "%s: expected a string of at most %zu bytes", key, max);
	*out = json_string_value(v);
	return 0;
}

/* The sequence number's verdict: 1 apply it, 0 seen before, ERR_CONFLICT too early. */
static int in_order(struct peer_msg *m, const struct job_row *j)
{
	int64_t expected = j->seq_in + 1;

	/* The sender keeps what is not acknowledged: nothing older than `oldest` is missing, whatever our memory says. */
	if (m->oldest > expected)
		expected = m->oldest;
	if (m->seq < expected)
		return 0;
	if (m->seq == expected)
		return 1;
	json_decref(*m->reply);
	*m->reply = json_pack("{s:b, s:s, s:s, s:I}", "success", 0, "error_code", "OUT_OF_ORDER",
			      "error_message", "an earlier message of this job is missing", "expected", (json_int_t)expected);
	return errmsg_set(m->em, ERR_CONFLICT, "OUT_OF_ORDER", "an earlier message of this job is missing");
}

static int check_sender(struct peer_msg *m, const struct job_row *j)
{
	if (strcmp(j->peer, m->sender) == 0)
		return 0;
	return errmsg_set(m->em, ERR_DENIED, "NOT_A_PARTY", "%s is not a party of job %s", m->sender, j->job_id);
}

static int ordered(struct db *db, struct peer_msg *m)
{
	int rc;

	rc = row_lock(db, &m->job, m->job_id);
	if (rc == ERR_NOTFOUND)
		return m->kind->apply(db, m);	/* submit inserts, kill leaves a tombstone, others refuse */
	if (rc != 0)
		return rc;
	TRY(check_sender(m, m->job));
	rc = in_order(m, m->job);
	if (rc < 0)
		goto out;
	m->again = rc == 0;
	TRY(m->kind->apply(db, m));
	rc = db_exec(db, "UPDATE job SET seq_in = GREATEST(seq_in, ?) WHERE id = ?", DB_ARGS(db_i(m->seq), db_i(m->job->id)));
out:
	return rc;
}

static int peer_tx(struct db *db, void *arg)
{
	struct peer_msg *m = arg;
	int rc;

	json_decref(*m->reply);
	*m->reply = NULL;
	m->again = 0;
	m->job = NULL;
	rc = m->ordered ? ordered(db, m) : m->kind->apply(db, m);
	row_free(m->job);
	m->job = NULL;
	if (rc == 0 && !*m->reply)
		*m->reply = json_pack("{s:b}", "success", 1);
	return rc;
}

static int read_envelope(struct peer_msg *m, const char *path_job, const char *path_task)
{
	const char *task;
	int rc = 0;

	if (!json_is_object(m->body))
		return errmsg_set(m->em, ERR_INPUT, "NOT_AN_OBJECT", "expected a JSON object");
	if (m->kind->apply == peer_reconcile)
		return 0;
	TRY(peer_str(m->body, "job_id", 62, &m->job_id, m->em));
	if (util_job_id_ok(m->job_id) != 0)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "job_id: not a job's id");
	if (path_job && strcmp(path_job, m->job_id) != 0)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "job_id: not the one of the path");
	TRY(peer_int(m->body, "epoch", 0, &m->epoch, m->em));
	if (path_task) {
		TRY(peer_str(m->body, "task", 64, &task, m->em));
		if (strcmp(path_task, task) != 0)
			return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "task: not the one of the path");
	}
	m->ordered = m->kind->ordered && json_object_get(m->body, "seq") != NULL;
	if (m->ordered)
		TRY(peer_int(m->body, "seq", 1, &m->seq, m->em));
	else if (m->kind->ordered && strcmp(m->kind->name, "task") != 0 && strcmp(m->kind->name, "rerun") != 0)
		return errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "seq: missing");
	if (m->ordered && json_object_get(m->body, "oldest"))
		rc = peer_int(m->body, "oldest", 1, &m->oldest, m->em);
out:
	return rc;
}

/* A submit is checked outside the transaction: the checks read missions and grants, and may take their time. */
static int admit(struct db *db, const struct peer_env *env, struct peer_msg *m)
{
	int64_t known, protocol;
	int rc;

	rc = db_query_int(db, &known, "SELECT COUNT(*) FROM job WHERE job_id = ?", DB_ARGS(db_s(m->job_id)));
	if (rc != 0 || known)
		return rc;
	rc = peer_int(m->body, "protocol", 0, &protocol, m->em);
	if (rc != 0)
		return rc;
	if (protocol != PEER_PROTOCOL)
		m->refused = errmsg_set(m->em, ERR_INPUT, "PROTOCOL_VERSION", "%s speaks protocol version %lld, %s version %d",
					m->sender, (long long)protocol, env->self, PEER_PROTOCOL);
	else
		m->refused = env->admit(db, m->sender, m->body, &m->admitted, env->arg, m->em);
	return m->refused == ERR_DB || m->refused == ERR_DB_RETRY ? ERR_DB : 0;
}

int db_peer_apply(struct db *db, const struct peer_env *env, const char *sender, const char *kind, const json_t *body,
		  const char *path_job, const char *path_task, json_t **reply, struct errmsg *em)
{
	struct errmsg scratch;
	struct peer_msg m = { .self = env->self, .sender = sender, .body = body, .reply = reply, .em = em ? em : &scratch };
	int rc = ERR_INPUT;

	*reply = NULL;
	memset(m.em, 0, sizeof(*m.em));
	m.kind = find_kind(kind);
	if (!m.kind)
		return errmsg_set(m.em, ERR_INPUT, "BAD_KIND", "%.32s: no such message", kind);
	TRY(read_envelope(&m, path_job, path_task));
	if (m.kind->apply == peer_submit)
		TRY(admit(db, env, &m));
	/* Every message finds its own effect by its sequence number: running it again is harmless. */
	rc = db_tx(db, peer_tx, NULL, &m);
	if (rc == ERR_DB || rc == ERR_DB_RETRY)
		rc = errmsg_set(m.em, ERR_DB, "DATABASE_AWAY", "the database is away; send it again");
out:
	job_new_free(m.admitted);
	return rc;
}
