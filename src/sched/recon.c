#include "sched/recon.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/db_reconcile.h"
#include "sched/reconcile.h"

#define RECENT_S 600		/* jobs that ended so long ago are compared still */

struct recon {
	const struct sched_who *who;
	const char *peer;
	int64_t after;		/* jobs.id where the page begins */
	unsigned rounds;
	json_t *before;		/* job_id -> the step that the last round asked for, nothing being under way */
};

struct recon *recon_new(const struct sched_who *who, const char *peer)
{
	struct recon *r = calloc(1, sizeof(*r));

	if (r) {
		r->who = who;
		r->peer = peer;
		r->before = json_object();
	}
	return r;
}

void recon_free(struct recon *r)
{
	if (!r)
		return;
	json_decref(r->before);
	free(r);
}

static int is_true(const json_t *v, const char *key)
{
	return json_is_true(json_object_get(v, key));
}

static int64_t num(const json_t *v, const char *key)
{
	return json_integer_value(json_object_get(v, key));
}

static const char *word(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s ? s : "";
}

static struct recon_view view_of(const json_t *v)
{
	int status = job_state_parse(word(v, "status"));
	struct recon_view out = { .state = RECON_UNKNOWN, .epoch = (uint32_t)num(v, "epoch") };

	if (is_true(v, "known") && status >= 0)
		out.state = recon_state_of((enum job_state)status, is_true(v, "killing"));
	else if (is_true(v, "tombstone"))
		out.state = RECON_TOMBSTONE;
	return out;
}

static const enum mend mend_of_job[RECON_ACTIONS] = {
	[RECON_SUBMIT] = MEND_SUBMIT, [RECON_ACCEPTED] = MEND_ACCEPTED, [RECON_SEND_STATE] = MEND_SEND_STATE,
	[RECON_SEND_RERUN] = MEND_SEND_RERUN, [RECON_SEND_KILL] = MEND_SEND_KILL, [RECON_KILL] = MEND_KILL,
	[RECON_TAKE] = MEND_TAKE, [RECON_TAKE_RERUN] = MEND_TAKE_RERUN, [RECON_LOST] = MEND_LOST,
	[RECON_ABORT] = MEND_ABORT, [RECON_BURY] = MEND_BURY,
};

/* The follower's tasks' states come again by the leader's own RECON_G_PREPARED. */
static const enum mend mend_of_group[RECON_G_ACTIONS] = {
	[RECON_G_RETRY] = MEND_G_RETRY, [RECON_G_SEND_END] = MEND_G_SEND_END, [RECON_G_PREPARED] = MEND_G_PREPARED,
	[RECON_G_SEND_COMMIT] = MEND_G_SEND_COMMIT, [RECON_G_TAKE_COMMIT] = MEND_G_COMMITTED, [RECON_G_FAIL] = MEND_G_FAIL,
	[RECON_G_END] = MEND_G_END, [RECON_G_PUBLISH] = MEND_G_COMMITTED,
};

/* The first group that differs; one step at a time, the next round sees the rest. */
static enum mend look_at_groups(enum recon_role role, const json_t *mine, const json_t *theirs, struct mend_job *m)
{
	const json_t *a = json_object_get(mine, "groups"), *b = json_object_get(theirs, "groups");

	for (size_t i = 0; i < json_array_size(a) && i < json_array_size(b); i++) {
		const json_t *ga = json_array_get(a, i), *gb = json_array_get(b, i);
		int sa = group_state_parse(word(ga, "state")), sb = group_state_parse(word(gb, "state"));
		struct recon_gview va = { .state = (enum group_state)sa, .attempt = (uint32_t)num(ga, "attempt") };
		struct recon_gview vb = { .state = (enum group_state)sb, .attempt = (uint32_t)num(gb, "attempt") };
		enum recon_gaction act;

		if (sa < 0 || sb < 0)
			continue;
		act = recon_group(role, &va, &vb);
		if (mend_of_group[act] == MEND_NONE)
			continue;
		m->group = (int64_t)i;
		m->their_attempt = vb.attempt;
		log_debug("job %s group %zu: %s", m->job_id, i, recon_gaction_name(act));
		return mend_of_group[act];
	}
	return MEND_NONE;
}

static enum mend decide(const json_t *mine, const json_t *theirs, struct mend_job *m)
{
	enum recon_role role = is_true(mine, "leader") ? RECON_LEADER : RECON_FOLLOWER;
	struct recon_view a = view_of(mine), b = view_of(theirs);
	enum recon_action act = recon_job(role, is_true(mine, "submitter"), &a, &b);

	if (act == RECON_ACCEPTED && is_true(mine, "accepted"))
		act = RECON_NONE;
	if (act != RECON_NONE)
		log_debug("job %s: %s here, %s at %s: %s", m->job_id, recon_state_name(a.state), recon_state_name(b.state), m->peer,
			   recon_action_name(act));
	/* A follower is INIT until a start comes: its groups may still be older than the leader's. */
	if (act == RECON_NONE && (a.state == RECON_INIT || a.state == RECON_RUNNING) && (b.state == RECON_INIT || b.state == RECON_RUNNING) &&
	    a.epoch == b.epoch)
		return look_at_groups(role, mine, theirs, m);
	return mend_of_job[act];
}

/*
 * A difference counts when nothing is under way in either direction and the
 * last round asked for the very same step. The step, not the whole views: those
 * change with every message of the job's other groups.
 */
static int settled(struct recon *r, json_t *now, enum mend what, const struct mend_job *m)
{
	json_t *step = json_pack("[i, I, I, s, I, I]", (int)what, (json_int_t)m->epoch, (json_int_t)m->their_epoch, m->their_status,
				 (json_int_t)m->group, (json_int_t)m->their_attempt);
	int same = step && json_equal(step, json_object_get(r->before, m->job_id));

	json_object_set_new(now, m->job_id, step);
	return same;
}

static int compare(struct recon *r, struct db *db, json_t *now, const json_t *mine, const json_t *theirs, unsigned *did)
{
	struct mend_job m = { .actor = r->who->id, .peer = r->peer, .job_id = word(mine, "job_id"), .epoch = num(mine, "epoch"),
			      .their_epoch = num(theirs, "epoch"), .their_status = word(theirs, "status"),
			      .their_groups = json_object_get(theirs, "groups") };
	enum mend what;
	int rc = 0;

	if (is_true(theirs, "known") && num(theirs, "seq_in") > num(mine, "seq_out"))
		TRY(db_reconcile_seq(db, m.job_id, num(theirs, "seq_in")));
	if (num(mine, "pending") > 0 || num(theirs, "pending") > 0) {
		/* No look, and none undone: two parties that tell each other by turns would never look twice in a row. */
		if (json_object_get(r->before, m.job_id))
			json_object_set(now, m.job_id, json_object_get(r->before, m.job_id));
		goto out;
	}
	if (is_true(theirs, "tombstone")) {	/* it stands for a kill of the job as it is here */
		m.their_status = "CANCELED";
		m.their_epoch = m.epoch;
	}
	what = decide(mine, theirs, &m);
	if (what == MEND_NONE || !settled(r, now, what, &m))
		goto out;
	log_notice("job %s is %s here and %s at %s: reconciled", m.job_id, word(mine, "status"),
		   *m.their_status ? m.their_status : "unknown", m.peer);
	json_object_del(now, m.job_id);	/* what comes of it is looked at twice again */
	rc = db_reconcile_mend(db, what, &m);
	if (rc == 0)
		++*did;
	if (rc == ERR_CONFLICT || rc == ERR_NOTFOUND || rc == ERR_INPUT)
		rc = 0;	/* it has moved on, or what the peer says makes no sense: the next round looks again */
out:
	return rc;
}

static int compare_all(struct recon *r, struct db *db, const json_t *mine, const json_t *theirs, unsigned *did)
{
	json_t *now = json_object();
	int rc = 0;

	for (size_t i = 0; i < json_array_size(mine) && rc == 0; i++) {
		const json_t *a = json_array_get(mine, i), *b = json_array_get(theirs, i);

		if (b && strcmp(word(a, "job_id"), word(b, "job_id")) == 0)
			rc = compare(r, db, now, a, b, did);
	}
	json_decref(r->before);
	r->before = now;
	return rc;
}

int recon_round(struct recon *r, struct db *db, int (*exchange)(void *arg, const char *body, json_t **reply), void *arg, unsigned *did)
{
	json_t *mine = NULL, *reply = NULL, *body = NULL;
	char *text = NULL;
	int64_t next;
	int rc;

	TRY(db_reconcile_views(db, r->peer, RECENT_S, r->after, &mine, &next));
	if (json_array_size(mine) == 0)
		goto out;
	body = json_pack("{s:O}", "jobs", mine);
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	if (!text) {
		rc = ERR_NOMEM;
		goto out;
	}
	TRY(exchange(arg, text, &reply));
	rc = compare_all(r, db, mine, json_object_get(reply, "jobs"), did);
out:
	/* A page is compared twice, since only the second look may act; then the next page's turn comes. */
	if (rc == 0 && ++r->rounds % 2 == 0)
		r->after = next;
	json_decref(mine);
	json_decref(reply);
	json_decref(body);
	free(text);
	return rc;
}
