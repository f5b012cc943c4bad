/* Requests to one peer's API over a kept connection, signed with this party's node token. */
#ifndef PET_SCHED_HTTP_H
#define PET_SCHED_HTTP_H

#include <jansson.h>

#include "base/err.h"
#include "base/party.h"
#include "sched/sched.h"

struct http;

/* ERR_INPUT when the peer's url cannot be used: http:// is for loopback only. */
int http_check(const struct party *peer, struct errmsg *em) PET_MUST_USE;
/* https:// trusts what the party file pins for the peer and nothing else; the certificate must carry the party's name. */
int http_new(struct http **out, struct sched *s, const struct party *peer, struct errmsg *em) PET_MUST_USE;
void http_free(struct http *h);
/*
 * 0: the peer answered JSON with *status; ERR_PEER: no answer, or none of its
 * API (*why says it, borrowed until the next call). *reply is owned, may be NULL.
 */
int http_call(struct http *h, const char *method, const char *path, const char *body, long *status, json_t **reply,
	      const char **why) PET_MUST_USE;

#endif
