/*
 * The first message on every operator channel, before run():
 *
 *	both directions at once: u64 length (≤ 1024), then JSON
 *	{"operator": "psi", "version": "1.0", "role": "party_a", "params": "<64 hex>"}
 *
 * `params` is the SHA-256 of the common parameters, those at their default
 * left out, so that a peer of another minor version which does not know a new
 * parameter still agrees as long as nobody uses it.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "op_impl.h"

#define HELLO_MAX 1024

/* As op_check leaves a value: a NUMBER is a real. */
static int is_default(const struct op_param *p, const json_t *v)
{
	json_t *d = p->fallback ? json_loads(p->fallback, JSON_DECODE_ANY, NULL) : NULL;
	int same;

	if (d && p->type == OP_NUMBER)
		same = json_number_value(d) == json_number_value(v);
	else
		same = d && json_equal(d, v);
	json_decref(d);
	return same;
}

int op_common_digest(const struct op_ctx *ctx, char out[65])
{
	json_t *common = json_object(), *v;
	unsigned char md[32];
	char *text = NULL;
	int rc = ERR_NOMEM;

	for (const struct op_param *p = ctx->op->params; common && p && p->name; p++) {
		v = json_object_get(ctx->params, p->name);
		if (v && !p->per_party && !is_default(p, v) && json_object_set(common, p->name, v))
			goto out;
	}
	text = common ? json_dumps(common, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (!text || !EVP_Digest(text, strlen(text), md, NULL, EVP_sha256(), NULL))
		goto out;
	util_hex(out, md, sizeof(md));
	rc = 0;
out:
	free(text);
	json_decref(common);
	return rc;
}

static int mismatch(struct errmsg *em, const char *what, const char *own, const char *theirs)
{
	return errmsg_set(em, ERR_CONFLICT, "PEER_MISMATCH",
			  "the two parties' operators differ in %s: here %.64s, at the other party %.64s",
			  what, own, theirs);
}

static int same_major(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");

	return n == strcspn(b, ".") && memcmp(a, b, n) == 0;
}

static int compare(const struct op_ctx *ctx, const json_t *theirs, const char *digest,
		   struct errmsg *em)
{
	const char *name = json_string_value(json_object_get(theirs, "operator"));
	const char *version = json_string_value(json_object_get(theirs, "version"));
	const char *role = json_string_value(json_object_get(theirs, "role"));
	const char *params = json_string_value(json_object_get(theirs, "params"));

	if (!name || !version || !role || !params)
		return errmsg_set(em, ERR_PEER, "PEER_PROTOCOL",
				  "the other party's operator sent a greeting that lacks operator, version, role or params");
	if (strcmp(name, ctx->op->name) != 0)
		return mismatch(em, "the operator's name", ctx->op->name, name);
	if (!same_major(version, ctx->op->version))
		return mismatch(em, "the protocol's major version", ctx->op->version, version);
	if (strcmp(role, ctx->role) == 0)
		return errmsg_set(em, ERR_CONFLICT, "PEER_MISMATCH",
				  "both parties' operators say that they are %s", ctx->role);
	if (strcmp(params, digest) != 0)
		return errmsg_set(em, ERR_CONFLICT, "PEER_MISMATCH",
				  "the two parties' operators were given different common parameters: they must be the same at both");
	return 0;
}

static int exchange(struct op_ctx *ctx, const char *text, json_t **theirs)
{
	struct chan *c = ctx->chan;
	void *blob = NULL;
	size_t len = 0;
	int rc;

	TRY(chan_send_blob(c, text, strlen(text)));
	TRY(chan_flush(c));
	TRY(chan_recv_blob(c, &blob, &len, HELLO_MAX));
	*theirs = json_loadb(blob, len, JSON_REJECT_DUPLICATES, NULL);
	if (!*theirs)
		rc = errmsg_set(&ctx->em, ERR_PEER, "PEER_PROTOCOL",
				"the other party's operator sent a greeting that is not JSON");
out:
	free(blob);
	if (rc && !ctx->em.code[0])
		errmsg_set(&ctx->em, rc, "PEER_LOST", "the greeting with the other party's operator failed: %s",
			   chan_error(c));
	return rc;
}

int op_hello(struct op_ctx *ctx)
{
	json_t *own = NULL, *theirs = NULL;
	char digest[65], *text = NULL;
	int rc, closed;

	TRY(op_common_digest(ctx, digest));
	own = json_pack("{s:s, s:s, s:s, s:s}", "operator", ctx->op->name, "version",
			ctx->op->version, "role", ctx->role, "params", digest);
	text = own ? json_dumps(own, JSON_COMPACT) : NULL;
	if (!text) {
		rc = ERR_NOMEM;
		goto out;
	}
	TRY(exchange(ctx, text, &theirs));
	rc = compare(ctx, theirs, digest, &ctx->em);
	if (rc == ERR_CONFLICT) {
		/* an orderly end, so that the other side reads our greeting and says the same */
		closed = chan_close(ctx->chan);
		(void)closed;
	}
out:
	free(text);
	json_decref(own);
	json_decref(theirs);
	return rc;
}
