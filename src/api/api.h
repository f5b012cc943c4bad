/*
 * pet-api: the App Server. This header is the process's configuration, which
 * nothing changes after the start, and the list of handlers.
 */
#ifndef PET_API_API_H
#define PET_API_API_H

#include "api/http.h"
#include "base/party.h"
#include "base/token.h"
#include "base/usertoken.h"
#include "db/db_limit.h"

#define API_USER_ANONYMOUS "anonymous"
#define API_WAIT_MAX_S 50	/* of status?wait=; nginx gives up after 60 */

struct api {
	const char *self;	/* PARTY */
	struct party_file *pf;
	struct token_ring *ring;
	struct usertoken_ring *users;
	const char *run_dir;	/* PET_RUN_DIR */
	const char *db_uri;
	int anonymous;		/* PET_ANONYMOUS */
	size_t body_max;	/* PET_API_BODY_MAX */
	int threads;		/* PET_API_THREADS */
	int waiters;		/* PET_API_WAITERS */
	struct job_limits user_limits;	/* PET_LIMIT_…: of a user without limits of his own */
	struct job_limits peer_limits;	/* PET_PEER_LIMIT_…: of another party */
};

/* Reads the configuration (conf_init has run); every error is a sentence. */
int api_init(struct api *api, struct errmsg *em) PET_MUST_USE;
void api_fini(struct api *api);

/*
 * Answers one request: finds the route, checks method, body and caller, runs
 * the handler. Whatever happens, `out` holds a complete answer afterwards.
 */
void route_handle(struct request *req, struct reply *out);
/* Of a route in routes.def: 1 when the target's path fits; fills arg. For tests. */
int route_match(const char *pattern, const char *path, char arg[][HTTP_SEGMENT_MAX]);

/* A handler fills `out` (status 200 unless it says otherwise); an error it returns becomes reply_fail. */
typedef int handler_fn(struct request *req, struct reply *out, struct errmsg *em);
#define ROUTE(method, path, function, who, body) handler_fn function;
#include "api/routes.def"
#undef ROUTE


/* Accepts and answers until api_stop; one database connection per thread. */
int fcgi_run(const struct api *api, int listen_fd, struct errmsg *em) PET_MUST_USE;

#endif
