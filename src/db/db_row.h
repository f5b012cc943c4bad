/*
 * A job with its groups and tasks in memory, its row locked: the beginning of
 * every transition. Transitions change the structs and save them; since the
 * job's row is locked first everywhere, two transitions of one job never mix.
 * Private to src/db.
 */
#ifndef PET_DB_DB_ROW_H
#define PET_DB_DB_ROW_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"
#include "db/db.h"

#define ROW_GROUPS_MAX 64
#define ROW_NAME 65

enum accepted { ACCEPT_PENDING, ACCEPT_YES, ACCEPT_NO };

struct group_row {
	int64_t id, epoch, attempt, retries, own_tasks, peer_tasks, lease_gen, runs;
	unsigned idx;
	char name[ROW_NAME];
	enum group_state state, was;	/* was: as loaded or saved last; the compare in compare-and-set */
	char reservation[33];		/* "" for none */
	unsigned char key[32];
	int has_key;
	char lease_owner[ROW_NAME];
	int due;			/* not_before has passed, or is not set */
	int64_t delay_ms;		/* not_before at the next save: so long from now; 0: keeps none */
	uint64_t depends;		/* bit per group index */
};

struct task_row {
	int64_t id, attempt;
	struct group_row *group;
	char name[ROW_NAME], party[ROW_NAME], op[ROW_NAME];
	enum task_state status;
	int own;		/* runs at this party */
	int retryable;
	char code[ROW_NAME], message[513], local[2049];
};

struct job_row {
	int64_t id, epoch, max_retries, timeout_seconds, seq_in, seq_out, priority;
	char job_id[ROW_NAME];
	char self[ROW_NAME], peer[ROW_NAME], main_party[ROW_NAME], submitter[ROW_NAME], owner[ROW_NAME];
	int leader;
	enum job_state status, was;
	enum accepted accepted;
	char kill_reason[256];	/* "" for none */
	char waiting_for[256];
	struct group_row group[ROW_GROUPS_MAX];
	unsigned group_count;
	struct task_row *task;
	unsigned task_count;
};

/* FOR UPDATE. ERR_NOTFOUND. Owned: row_free. */
int row_lock(struct db *db, struct job_row **out, const char *job_id) PET_MUST_USE;
int row_lock_id(struct db *db, struct job_row **out, int64_t id) PET_MUST_USE;
void row_free(struct job_row *j);
struct group_row *row_group(struct job_row *j, int64_t idx);	/* NULL when there is none */
struct task_row *row_task(struct job_row *j, const char *name);

/* Each writes the row and an event when the state changed; ERR_CONFLICT when the row is not as it was loaded. */
int row_save_job(struct db *db, struct job_row *j, const char *actor, const char *detail) PET_MUST_USE;
int row_save_group(struct db *db, struct job_row *j, struct group_row *g, const char *actor,
		   const char *detail) PET_MUST_USE;
int row_save_task(struct db *db, struct job_row *j, struct task_row *t, enum task_state status,
		  const char *actor) PET_MUST_USE;

int row_event(struct db *db, const struct job_row *j, const char *subject, const char *from, const char *to,
	      const char *actor, const char *detail) PET_MUST_USE;
/* A reason for the job's end. cause: 0 a cause of its own, 1 a consequence. */
int row_error(struct db *db, const struct job_row *j, const char *party, const char *task, const char *code,
	      const char *message, const char *local, int cause) PET_MUST_USE;
/* A message to the other party, next in order; body (stolen) gets job_id, epoch and seq. Nothing for a one-party job. */
int row_send(struct db *db, struct job_row *j, const char *kind, json_t *body) PET_MUST_USE;
/* 1 for codes that tell only that the other side went away. */
int row_is_consequence(const char *code);

#endif
