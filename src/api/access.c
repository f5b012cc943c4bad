#include "api/access.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "db/db_token.h"
#include "db/db_user.h"

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

static int denied(struct reply *out, int status, const char *code, const char *text)
{
	reply_error(out, status, code, "%s", text);
	return ERR_DENIED;
}

static void act_as(struct request *req, const char *name, int all, int peers)
{
	snprintf(req->user, sizeof(req->user), "%s", name);
	req->view = (struct job_view){ .self = req->api->self, .user = req->user, .all = all, .peers = peers };
}

/* The row decides what the name may do now, whatever the token was made for. */
static int use_row(struct request *req, struct reply *out, const struct usertoken *token)
{
	struct user_row row;
	int rc = req->db ? db_user_get(req->db, &row, token->name) : ERR_DB;

	if (rc && rc != ERR_NOTFOUND) {
		reply_fail(out, rc, NULL);
		return rc;
	}
	/* One sentence for all three: who was a user here is nobody's business. */
	if (rc == ERR_NOTFOUND || row.revoked || token->iat < row.tokens_from)
		return denied(out, 401, "TOKEN_REVOKED", "the token's user is not known here, or revoked, or has newer tokens");
	if (row.role == USER_NODE)
		return denied(out, 403, "NOT_ALLOWED", "role node is another party's, which shows node tokens at its own endpoints only");
	act_as(req, token->name, row.role == USER_ADMIN, 0);
	req->limits = row.limits;
	limit_fill(&req->limits, &req->api->user_limits);
	return 0;
}

/*
 * Nobody is anonymous who shows a credential: one that cannot be checked is
 * refused, never dropped.
 */
int access_user(struct request *req, struct reply *out)
{
	const char *token = bearer(req->authorization);
	struct usertoken checked;
	struct errmsg em = { 0 };

	if (req->authorization[0]) {
		if (!token)
			return denied(out, 401, "BAD_TOKEN", "the Authorization header holds no bearer token: expected Authorization: Bearer <token>");
		if (usertoken_check(&checked, req->api->users, token, &em))
			return denied(out, 401, em.code, em.local);
		return use_row(req, out, &checked);
	}
	if (!req->api->anonymous)
		return denied(out, 401, "TOKEN_MISSING",
			      "a user must be known here: expected Authorization: Bearer <token> (PET_ANONYMOUS=0 lets nobody act as the anonymous local user)");
	act_as(req, API_USER_ANONYMOUS, 0, 1);
	req->limits = req->api->user_limits;
	return 0;
}

/* A party may have a row, which can refuse it at once; without one the party file alone decides. */
static int node_revoked(struct request *req, struct errmsg *em)
{
	struct user_row row;
	int rc = db_user_get(req->db, &row, req->node.iss);

	if (rc == ERR_NOTFOUND || (rc == 0 && row.role == USER_NODE && !row.revoked && req->node.iat >= row.tokens_from))
		return 0;
	return rc ? rc : errmsg_set(em, ERR_DENIED, "TOKEN_REVOKED", "%s is revoked at this party", req->node.iss);
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
		rc = req->db ? node_revoked(req, &em) : ERR_DB;
	if (rc == 0)
		rc = use_once(req, &em);
	if (rc == ERR_DENIED || rc == ERR_CONFLICT)
		reply_error(out, 401, em.code, "%s", em.local);
	else if (rc)
		reply_fail(out, rc, &em);
	return rc;
}
