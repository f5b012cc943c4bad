/* Inside the FastCGI loop: what fcgi.c and park.c share. */
#ifndef PET_API_FCGI_H
#define PET_API_FCGI_H

#include <fcgiapp.h>

#include "api/http.h"

/* One thread's belongings. */
struct worker {
	const struct api *api;
	int listen_fd;
	struct db *db;		/* NULL while the database is away */
	int64_t db_retry;	/* monotonic ms: not before */
	struct reply reply;
	struct buf body;
};

int fcgi_stopping(void);
/* Opens the connection unless it is open or was refused just now. */
void fcgi_worker_db(struct worker *w);
void fcgi_worker_fini(struct worker *w);
/* Handles r, writes the answer, finishes and frees r; or parks it, when may_wait and the handler asks for it. */
void fcgi_answer(struct worker *w, FCGX_Request *r, int may_wait);

/*
 * Parked requests: one thread watches the revisions of all their jobs and
 * answers those whose job has changed or whose time is over.
 */
int park_start(const struct api *api, struct errmsg *em) PET_MUST_USE;
/* Takes r over and returns 0; ERR_BUSY when PET_API_WAITERS wait already: then the caller answers at once. */
int park_add(const struct api *api, FCGX_Request *r, const struct reply_wait *wait) PET_MUST_USE;
/* Answers all that wait, and ends the thread. */
void park_stop(void);

#endif
