/* Shared by db_peer.c (envelope), db_peer_kind.c and db_reconcile.c (what messages do). Private to src/db. */
#ifndef PET_DB_DB_PEER_IMPL_H
#define PET_DB_DB_PEER_IMPL_H

#include "db/db_job_impl.h"
#include "db/db_peer.h"
#include "db/db_row.h"

struct peer_msg;

struct peer_kind {
	const char *name;
	int ordered;	/* carries a sequence number */
	int (*apply)(struct db *db, struct peer_msg *m);
};

struct peer_msg {
	const struct peer_kind *kind;
	const char *self, *sender;
	const json_t *body;
	json_t **reply;
	struct errmsg *em;
	const char *job_id;
	int64_t epoch, seq, oldest;
	int ordered;		/* this one has a seq */
	int again;		/* applied before: only the reply is made again */
	struct job_row *job;	/* locked; NULL: unknown here */
	struct job_new *admitted;	/* submit: what to insert, or NULL with refused */
	int refused;
};

int peer_submit(struct db *db, struct peer_msg *m);
int peer_reserve(struct db *db, struct peer_msg *m);
int peer_release(struct db *db, struct peer_msg *m);
int peer_start(struct db *db, struct peer_msg *m);
int peer_task(struct db *db, struct peer_msg *m);
int peer_commit(struct db *db, struct peer_msg *m);
int peer_kill(struct db *db, struct peer_msg *m);
int peer_rerun(struct db *db, struct peer_msg *m);
int peer_reconcile(struct db *db, struct peer_msg *m);

/* Fields of a message: ERR_INPUT with the field's name. */
int peer_int(const json_t *body, const char *key, int64_t low, int64_t *out, struct errmsg *em) PET_MUST_USE;
int peer_str(const json_t *body, const char *key, size_t max, const char **out, struct errmsg *em) PET_MUST_USE;

#endif
