/*
 * One request and its answer, free of FastCGI: handlers and unit tests see
 * these two structs only.
 */
#ifndef PET_API_HTTP_H
#define PET_API_HTTP_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/token.h"
#include "db/db_job.h"

#define HTTP_ARG_MAX 2		/* variable segments of a path */
#define HTTP_SEGMENT_MAX 65	/* of one segment, with the NUL */

struct api;
struct db;
struct status_cache;

struct request {
	const struct api *api;	/* the process's configuration */
	struct db *db;		/* this thread's connection */
	struct status_cache *cache;	/* this thread's; NULL: none */
	const char *method;
	const char *target;	/* path and query, as the client sent them: what a node token is bound to */
	const char *query;	/* after the '?'; "" when there is none */
	const char *content_type;	/* "" when there is none */
	const char *authorization;	/* "" when there is none */
	const char *body;
	size_t body_len;

	/* Filled in by route_handle before the handler runs. */
	char arg[HTTP_ARG_MAX][HTTP_SEGMENT_MAX];
	char user[65];		/* name of the user, for user endpoints */
	struct job_view view;	/* which jobs the user may know of */
	struct job_limits limits;	/* the user's */
	int may_wait;		/* 0: the handler must answer at once */
	struct token_node node;	/* the checked token, for node endpoints */
};

/* How a handler asks to be called again when the job has changed. */
struct reply_wait {
	char job_id[65];	/* "" = answer now */
	int64_t rev;		/* the revision that the client would see now */
	int64_t until_ms;	/* monotonic */
};

struct reply {
	int status;		/* 200 unless set */
	char allow[48];		/* with 405 */
	int retry_after;	/* seconds, 0 = no header */
	struct buf body;	/* JSON text */
	struct reply_wait wait;
};

/* Clears for the next request; memory is kept. */
void reply_reset(struct reply *r);
void reply_free(struct reply *r);

/* Replaces whatever the body held by the error object of the contract; returns 0, so that handlers end with it. */
int reply_error(struct reply *r, int status, const char *code, const char *fmt, ...) PET_PRINTF(4, 5);
/* The same for a result code and its sentence: ERR_INPUT 400, ERR_DENIED 403, ERR_NOTFOUND 404, ERR_CONFLICT 409, … */
int reply_fail(struct reply *r, int rc, const struct errmsg *em);
int reply_json(struct reply *r, const json_t *value) PET_MUST_USE;

/* A JSON string with its quotes; bytes that are no UTF-8 become '?'. */
int reply_string(struct buf *b, const char *s) PET_MUST_USE;

const char *reply_reason(int status);

#endif
