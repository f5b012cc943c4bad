/* Who is calling. Each check returns 0, or answers (401, 403, 503) and returns an error. */
#ifndef PET_API_ACCESS_H
#define PET_API_ACCESS_H

#include "api/http.h"

/*
 * Fills user, view and limits: from a user token and its row in api_user, or
 * as the anonymous local user where PET_ANONYMOUS allows that and no
 * credential was shown.
 */
int access_user(struct request *req, struct reply *out) PET_MUST_USE;
/* Fills req->node: a node token bound to this very request, used for the first time, of a party that is not revoked. */
int access_node(struct request *req, struct reply *out) PET_MUST_USE;

#endif
