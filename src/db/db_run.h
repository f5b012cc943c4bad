/* Operators that run here: launching, progress, ends, publishing. */
#ifndef PET_DB_DB_RUN_H
#define PET_DB_DB_RUN_H

#include <stdint.h>

#include "base/err.h"
#include "base/taskdir.h"
#include "db/db.h"
#include "db/db_sched.h"

struct run_row {
	int64_t id, task, group, epoch, attempt, idx, lease_gen;
	char job_id[65], task_name[65], op[65], role[65], self[65], peer[65], owner[65];
	int paired;		/* the group has tasks of the other party: a channel is needed */
	int active;		/* this attempt is what should run; 0: end it */
	int has_key;
	unsigned char key[32];
	int64_t port;		/* scheme socket: of the gateway at the lower-named party; 0: scheme agent */
};

/* STARTING groups of this party become RUNNING under this instance's lease, with a run row per own task. */
int db_run_launch(struct db *db, const struct sched_who *w, unsigned *did) PET_MUST_USE;
/* Everything that this instance runs. Owned: free(). */
int db_run_list(struct db *db, const struct sched_who *w, struct run_row **out, size_t *count) PET_MUST_USE;
/* What the document needs besides: the arguments and the results of finished tasks, as JSON texts. Owned. */
struct run_texts {
	char *args;	/* plan.h's template */
	char *job_context;	/* of the task's role: plan_job_context */
};
int db_run_texts(struct db *db, const struct run_row *r, struct run_texts *out) PET_MUST_USE;
void run_texts_clear(struct run_texts *t);
/* The outputs as filled in, kept for publishing. */
int db_run_outputs(struct db *db, const struct run_row *r, const char *outputs) PET_MUST_USE;
/*
 * 1 in *own when this path is an earlier output of the same owner, and may be replaced. Of jobs that the other party
 * asked for that party is the owner: they replace no output of a user here, nor a user's job one of theirs.
 */
int db_run_replaces(struct db *db, const char *path, const char *owner, int *own) PET_MUST_USE;

/*
 * What the folders of an attempt are to this database. It may have come from a backup, so only what it knows to be
 * over may go: superseded, published, or of a job that ended so long ago that the parties have agreed about it.
 */
enum run_wanted { RUN_WANTED, RUN_OVER, RUN_UNKNOWN /* newer than this database, or of a job that it does not know */ };
#define RUN_ENDED_KEEP_S 3600
int db_run_wanted(struct db *db, const struct task_id *id, enum run_wanted *out) PET_MUST_USE;

struct run_progress {
	double progress;
	const char *stage;
	int64_t bytes_sent, bytes_received, rounds, peak_rss_bytes;
};
int db_run_progress(struct db *db, const struct run_row *r, const struct run_progress *p) PET_MUST_USE;

struct task_end;
/* The operator is gone: its row goes, its end counts when its attempt still does. db_step.h holds struct task_end. */
int db_run_end(struct db *db, const struct sched_who *w, const struct run_row *r, const struct task_end *e) PET_MUST_USE;

/* A task whose outputs are to be published by this instance. */
struct publish_row {
	int64_t group, lease_gen, task, epoch, attempt, idx;
	char job_id[65], task_name[65], owner[65], peer[65], role[65];
	char *outputs;	/* owned; "": this database does not know them (it is older than the start) */
};
/* COMMITTED groups with this lease become PUBLISHING; every task to publish. Owned: publish_free. */
int db_run_publish(struct db *db, const struct sched_who *w, struct publish_row **out, size_t *count) PET_MUST_USE;
void publish_free(struct publish_row *p, size_t count);
/* 1 when this very output of the task is noted as published. */
int db_run_noted(struct db *db, const struct publish_row *p, const char *path, int *noted) PET_MUST_USE;
/* A path that was put in place. */
int db_run_published(struct db *db, const struct publish_row *p, const char *path) PET_MUST_USE;
/* All outputs of the group are in place. ERR_CONFLICT: the lease is not ours any more. */
int db_run_done(struct db *db, const struct sched_who *w, int64_t group, int64_t lease_gen) PET_MUST_USE;
/* An output cannot be put in its place, for a public reason: the status says so until it can. */
int db_run_unpublished(struct db *db, const struct publish_row *p, const char *why) PET_MUST_USE;

#endif
