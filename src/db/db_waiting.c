/* What a job waits for, where no transition has written it down: derived from the states of its groups. */
#include "db/db_waiting.h"

#include <stdio.h>
#include <string.h>

#include "base/state.h"
#include "db/db_slot.h"

#define NAME 65

/* The group that stands for the job: the first one that is past WAITING, else the first. */
struct first {
	int found, running;
	enum group_state state;
	char name[NAME], self[NAME], peer[NAME], main_party[NAME];
	int leader, killing, pending, pause;	/* pause: the back-off of a READY group is not over */
	int64_t own_tasks, peer_tasks;
};

static void copy(char to[NAME], struct db_rows *r, unsigned col)
{
	snprintf(to, NAME, "%s", db_text(r, col));
}

static void fill(struct first *f, struct db_rows *r, enum group_state state)
{
	f->found = 1;
	f->state = state;
	copy(f->name, r, 0);
	copy(f->self, r, 2);
	copy(f->peer, r, 3);
	copy(f->main_party, r, 4);
	f->leader = db_int(r, 5) != 0;
	f->killing = db_int(r, 6) != 0;
	f->pending = db_int(r, 7) != 0;
	f->pause = db_int(r, 8) != 0;
	f->own_tasks = db_int(r, 9);
	f->peer_tasks = db_int(r, 10);
}

static int load(struct db *db, const char *job_id, struct first *f)
{
	struct db_rows *r = NULL;
	int rc;

	memset(f, 0, sizeof(*f));
	TRY(db_query(db, &r, "SELECT g.name, g.state, j.self, j.peer, j.main_party, j.role = 'leader', j.kill_reason IS NOT NULL, "
		     "j.accepted = 'pending', COALESCE(g.not_before > UTC_TIMESTAMP(6), 0), g.own_tasks, g.peer_tasks "
		     "FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = ? AND g.state NOT IN ('DONE', 'CANCELED') ORDER BY g.idx",
		     DB_ARGS(db_s(job_id))));
	while ((rc = db_next(r)) > 0) {
		int state = group_state_parse(db_text(r, 1));

		f->running |= state == GROUP_RUNNING;
		if (state >= 0 && (!f->found || (f->state == GROUP_WAITING && state != GROUP_WAITING)))
			fill(f, r, (enum group_state)state);
	}
out:
	db_done(r);
	return rc;
}

/* The higher-named leader of a pair asks the other party, and only for as many slots as it has free ones itself. */
static int asks_peer(const struct first *f)
{
	return f->peer[0] && f->peer_tasks > 0 && f->own_tasks > 0 && strcmp(f->peer, f->self) < 0;
}

static int ready(struct db *db, const struct first *f, char *out, size_t cap)
{
	int64_t free_slots, asking;
	int rc;

	if (f->pause) {
		snprintf(out, cap, "the pause before another attempt of %s", f->name);
		return 0;
	}
	TRY(slot_free(db, &free_slots));
	TRY(db_query_int(db, &asking, "SELECT COUNT(*) FROM job_group WHERE state = 'RESERVING' AND own_tasks > 0", DB_NOARGS));
	if (f->own_tasks > 0 && free_slots <= asking)
		snprintf(out, cap, "a slot at %s", f->self);
	else
		snprintf(out, cap, "the scheduler of %s to take up %s", f->self, f->name);
out:
	return rc;
}

static void waiting(const struct first *f, char *out, size_t cap)
{
	if (!f->leader)
		snprintf(out, cap, "%s to start %s", f->main_party, f->name);
	else if (f->pending)
		snprintf(out, cap, "%s to accept the job", f->peer);
	else
		snprintf(out, cap, "the scheduler of %s to take up %s", f->self, f->name);
}

int db_waiting(struct db *db, const char *job_id, char *out, size_t cap)
{
	struct first f;
	int rc;

	out[0] = '\0';
	TRY(load(db, job_id, &f));
	if (f.found && f.killing)
		snprintf(out, cap, "%s to confirm the end", f.main_party);
	if (!f.found || f.running || f.killing)
		goto out;
	switch (f.state) {
	case GROUP_WAITING:
		waiting(&f, out, cap);
		break;
	case GROUP_READY:
		rc = ready(db, &f, out, cap);
		break;
	case GROUP_RESERVING:
		snprintf(out, cap, "a slot at %s", asks_peer(&f) ? f.peer : f.self);
		break;
	case GROUP_RESERVED:
		snprintf(out, cap, "%s to start %s", f.peer, f.name);
		break;
	case GROUP_STARTING:
		snprintf(out, cap, "the scheduler of %s to start %s", f.self, f.name);
		break;
	case GROUP_PREPARED:
		snprintf(out, cap, "%s to %s %s", f.leader ? f.peer : f.main_party, f.leader ? "finish" : "commit", f.name);
		break;
	case GROUP_COMMITTED:
	case GROUP_PUBLISHING:
		snprintf(out, cap, "%s to publish the outputs of %s", f.self, f.name);
		break;
	case GROUP_FAILED:
		snprintf(out, cap, f.leader ? "%s to say why %s failed" : "%s to decide about %s", f.leader ? f.peer : f.main_party, f.name);
		break;
	default:
		break;
	}
out:
	return rc;
}
