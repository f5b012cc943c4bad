#include "api/access.h"

#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "db/db_token.h"

/* What follows "Bearer ", or NULL. */
static const char *bearer(const char *authorization)
{
	if (strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	authorization += 7;
	while (*authorization == ' ')
		authorization++;
	return *authorization ? authorization : NULL;
}

/*
 * Nobody is anonymous who shows a credential: one that cannot be checked is
 * refused, never dropped.
 */
int access_user(struct request *req, struct reply *out)
{
	if (req->authorization[0]) {
		reply_error(out, 401, "BAD_TOKEN", "this party has no user tokens: %s",
			    req->api->anonymous ? "call without an Authorization header"
						: "user endpoints are closed while PET_ANONYMOUS is 0");
		return ERR_DENIED;
	}
	if (!req->api->anonymous) {
		reply_error(out, 401, "TOKEN_MISSING",
			    "a user must be known here, and PET_ANONYMOUS=0 lets nobody act as the anonymous local user");
		return ERR_DENIED;
	}
	req->user = API_USER_ANONYMOUS;
	return 0;
}

/*
 * The row that makes the token good once. A connection lost in the middle
 * leaves open whether the row is there, so the answer is then "try again", not
 * "replayed": the sender makes a new token for each try.
 */
static int use_once(struct request *req, struct errmsg *em)
{
	int rc = db_token_use(req->db, req->node.iss, req->node.jti, req->node.exp);

	if (rc == ERR_DB_RETRY) {
		rc = db_token_use(req->db, req->node.iss, req->node.jti, req->node.exp);
		return rc == ERR_CONFLICT ? ERR_DB_RETRY : rc;
	}
	if (rc == ERR_CONFLICT)
		return errmsg_set(em, rc, "TOKEN_REPLAYED", "the node token was used before: each is good once");
	return rc;
}

int access_node(struct request *req, struct reply *out)
{
	const char *token = bearer(req->authorization);
	struct token_request bound = { req->method, req->target, req->body, req->body_len };
	struct errmsg em = { 0 };
	int rc;

	if (!token) {
		reply_error(out, 401, "TOKEN_MISSING", "a node token is missing: expected Authorization: Bearer <token>");
		return ERR_DENIED;
	}
	rc = token_node_check(&req->node, req->api->ring, token, &bound, &em);
	if (rc == 0)
		rc = req->db ? use_once(req, &em) : ERR_DB;
	if (rc == ERR_DENIED || rc == ERR_CONFLICT)
		reply_error(out, 401, em.code, "%s", em.local);
	else if (rc)
		reply_fail(out, rc, &em);
	return rc;
}
