/* The sender's side of the messages to one peer: due ones in order, and what their answers do. */
#ifndef PET_DB_DB_OUTBOX_H
#define PET_DB_DB_OUTBOX_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

struct outbox_row {
	int64_t id, job, seq, tries;	/* seq 0: outside the order */
	char job_id[65], kind[25], task[65];
	char *body;		/* owned; with `oldest` added */
};

/*
 * The first undelivered message of each job, once its time has come; claimed for claim_ms. bulk 1: the submits, 0: all
 * others. The two may be delivered at once: what follows a submit is not due before it is answered. Owned: outbox_free.
 */
int db_outbox_due(struct db *db, const char *peer, int bulk, int64_t claim_ms, struct outbox_row **out, size_t *count) PET_MUST_USE;
void outbox_free(struct outbox_row *rows, size_t count);
/* Delivered: http 200, 404, 409 or another 4xx, with the reply. The row goes and the answer is applied. */
int db_outbox_answered(struct db *db, const char *actor, const struct outbox_row *row, int http, const json_t *reply) PET_MUST_USE;
/* Not delivered: tried again after delay_ms. */
int db_outbox_failed(struct db *db, const struct outbox_row *row, const char *why, int64_t delay_ms) PET_MUST_USE;

/* Own running tasks of jobs with this peer, for the progress that is sent outside the order. */
struct progress_row {
	int64_t task, epoch, attempt;
	char job_id[65], name[65], stage[65];
	double progress;
};
int db_outbox_progress(struct db *db, const char *peer, struct progress_row *out, size_t max, size_t *count) PET_MUST_USE;

#endif
