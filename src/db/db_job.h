/*
 * Jobs as users see them: insert, status, list, kill, rerun. Each change is
 * one transaction with its event row and its message to the other party.
 */
#ifndef PET_DB_DB_JOB_H
#define PET_DB_DB_JOB_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "db/db.h"
#include "db/db_limit.h"

/* A job to insert. Strings are owned copies: fill by the functions below. JSON parts are texts. */
struct job_new;

struct job_new_head {
	const char *job_id;
	int64_t mission;		/* mission.id */
	const char *mission_name;
	int64_t mission_version;
	const char *mission_digest;	/* 64 hex digits */
	const char *request;		/* canonical body of the submit */
	unsigned char request_digest[32];
	const char *self;		/* this party */
	const char *main_party;		/* the leader */
	const char *submitter;		/* the party where the user asked */
	const char *owner;		/* the user; at the other party the submitter's name */
	const char *peer;		/* the other party; "" for a job of one party */
	const char *parties;		/* {"party_a": "bank", …} */
	int64_t priority, timeout_seconds /* 0: none */, max_retries;
	struct job_limits limits;	/* of the owner: above them ERR_BUSY and nothing inserted */
};

/* Copies everything. NULL when out of memory. */
struct job_new *job_new_create(const struct job_new_head *head);
/* Groups first, in order of their index; depends: indices of earlier groups as JSON, "[]". */
int job_new_group(struct job_new *j, const char *name, int64_t level, const char *depends) PET_MUST_USE;
/* args: own tasks' arguments as JSON, `${…}` not filled in; "{}" for the other party's. depends: JSON list of names. */
int job_new_task(struct job_new *j, size_t group, const char *name, const char *party,
		 const char *role, const char *op, const char *args, const char *depends) PET_MUST_USE;
void job_new_free(struct job_new *j);

/*
 * At the party where the user asked. The same job_id with the same digest and
 * owner is the same job (*existed = 1); with another digest ERR_CONFLICT, with
 * another owner ERR_NOTFOUND; over a limit ERR_BUSY. Wake the scheduler afterwards (base/wake.h).
 */
int db_job_insert(struct db *db, const struct job_new *j, int *existed, struct errmsg *em) PET_MUST_USE;

/* Whose jobs one caller may know of. A user name is one at the party of the submit only: party_b's jobs are no user party_b's. */
struct job_view {
	const char *self, *user;
	int all;	/* an admin */
	int peers;	/* the anonymous local user: also those that other parties submitted */
};
/* 1: the caller may. */
static inline int job_view_sees(const struct job_view *v, const char *owner, const char *submitter)
{
	int here = strcmp(submitter, v->self) == 0;

	return v->all || (here && strcmp(owner, v->user) == 0) || (!here && v->peers);
}
/* ERR_NOTFOUND: there is no such job, or the caller may not know of it. */
int db_job_visible(struct db *db, const struct job_view *view, const char *job_id) PET_MUST_USE;

struct task_status {
	char name[65], party[65], op[65], status[16], stage[65];
	char started_at[DB_TIME_MAX], ended_at[DB_TIME_MAX];
	int64_t attempt;
	double progress;	/* 0 … 1 */
	int64_t bytes_sent, bytes_received, rounds, peak_rss_bytes;
	char error_code[65], error_public[513];
};

struct job_error {
	char party[65], task[65], code[65];
	char message[513];	/* public */
	char *local;		/* owned; "" for the other party's errors */
};

struct job_status {
	char job_id[65], mission_name[65], owner[65], submitter[65], status[16], waiting_for[256];
	char created_at[DB_TIME_MAX], started_at[DB_TIME_MAX], ended_at[DB_TIME_MAX];
	int64_t mission_version, epoch, rev;
	int is_leader;
	int derived;		/* waiting_for was derived: from more rows than those under rev */
	double progress;	/* 0 … 1, the mean of the tasks; 1 only at SUCCESS */
	struct task_status *task;
	size_t task_count;
	struct job_error *error;	/* root cause first; only of FAILED and CANCELED jobs */
	size_t error_count;
};

/* One round trip of a SUCCESS job, one or two more of others (reasons; what it waits for). ERR_NOTFOUND. Owned: db_job_status_free. */
int db_job_status(struct db *db, struct job_status **out, const char *job_id) PET_MUST_USE;
void db_job_status_free(struct job_status *s);
/* For status?wait=: the number that grows at every visible change. */
int db_job_rev(struct db *db, const char *job_id, int64_t *rev) PET_MUST_USE;

struct job_brief {
	int64_t id;		/* the cursor */
	char job_id[65], mission_name[65], owner[65], status[16];
	char created_at[DB_TIME_MAX], started_at[DB_TIME_MAX], ended_at[DB_TIME_MAX];
};
/* Newest first. status NULL: any; hours 0: any; cursor 0: from the newest. Fills up to `limit` rows. */
int db_job_list(struct db *db, struct job_brief *out, size_t limit, size_t *count, const struct job_view *view,
		const char *status, int64_t hours, int64_t cursor) PET_MUST_USE;

/*
 * At either party. At the leader the job is CANCELED on return; at the follower
 * its processes end and the leader is told. A finished job, or one whose last
 * group is committed: ERR_CONFLICT; ERR_NOTFOUND. Wake the scheduler afterwards.
 */
int db_job_kill(struct db *db, const char *self, const char *job_id, const char *actor,
		struct errmsg *em) PET_MUST_USE;
/*
 * At either party; the job must be FAILED or CANCELED (else ERR_CONFLICT). At
 * the follower this wakes the scheduler itself and waits up to wait_ms for the
 * leader's answer; without one ERR_BUSY (503) and nothing happens.
 */
int db_job_rerun(struct db *db, const char *self, const char *job_id, const char *actor, int64_t wait_ms,
		 struct errmsg *em) PET_MUST_USE;

/* The kept end of a task's log, appended to out. ERR_NOTFOUND. */
int db_job_log(struct db *db, const char *job_id, const char *task, struct buf *out) PET_MUST_USE;

#endif
