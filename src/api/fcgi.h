/* Inside the FastCGI loop: what fcgi.c and park.c share. */
#ifndef PET_API_FCGI_H
#define PET_API_FCGI_H

#include <fcgiapp.h>

#include "api/http.h"
#include "api/status_cache.h"

/* One thread's belongings. */
struct worker {
	const struct api *api;
	int listen_fd;
	struct db *db;		/* NULL while the database is away */
	int64_t db_retry;	/* monotonic ms: not before */
	struct reply reply;
	struct buf body;
	struct status_cache cache;
};

/* A connection of nginx. It stays open between requests; idle ones cost no thread. */
struct conn {
	FCGX_Request fcgi;
	int watched;		/* the poller knows its descriptor */
	int next;		/* in the list of free ones */
};

int fcgi_stopping(void);
/* Opens the connection unless it is open or was refused just now. */
void fcgi_worker_db(struct worker *w);
void fcgi_worker_fini(struct worker *w);
/*
 * Handles the request of c, writes the answer, and gives c back to the poller, or closes it; or parks it, when may_wait
 * and the handler asks for it: until its answer nobody polls it.
 */
void fcgi_answer(struct worker *w, struct conn *c, int may_wait);

/*
 * Parked requests: one thread watches the revisions of all their jobs and
 * answers those whose job has changed or whose time is over.
 */
int park_start(const struct api *api, struct errmsg *em) PET_MUST_USE;
/* Takes c over and returns 0; ERR_BUSY when PET_API_WAITERS wait already: then the caller answers at once. */
int park_add(const struct api *api, struct conn *c, const struct reply_wait *wait) PET_MUST_USE;
/* Answers all that wait, and ends the thread. */
void park_stop(void);

#endif
