/*
 * Node tokens: what one party's scheduler shows the other party's API.
 *
 * A JWT (RFC 7519) signed with EdDSA over Ed25519 (RFC 8037), bound to one
 * request: claims iss aud iat exp jti method path body-digest. The key is the
 * one that the party file holds for `iss` (two while it is replaced); the header's `alg` chooses nothing
 * and must be exactly EdDSA. Each jti is good once: the caller's part
 * (db/db_token.h), since it needs a memory that all API processes share.
 */
#ifndef PET_BASE_TOKEN_H
#define PET_BASE_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/party.h"

#define TOKEN_NODE_MAX 2048	/* with the NUL; a longer one is refused unread */
#define TOKEN_JTI_MAX 33	/* 128 random bits in hex, and the NUL */
#define TOKEN_LIFE_S 60		/* from iat to exp, as made here */
#define TOKEN_LIFE_MAX_S 300	/* a token that claims to live longer is refused */
#define TOKEN_KEYS_MAX 2	/* of one party: the old and the new one while a key is replaced */
#define TOKEN_SKEW_S 30		/* how far the parties' clocks may differ */

/* A private Ed25519 key. */
struct token_key;
/* The public keys of the other parties, by name. Safe to use from several threads. */
struct token_ring;

/* What the token is bound to; everything is borrowed. */
struct token_request {
	const char *method;	/* "POST" */
	const char *path;	/* the request target after the host, query included: "/api/v1/peer/jobs" */
	const void *body;
	size_t body_len;
};

struct token_node {
	char iss[PARTY_NAME_MAX];
	char jti[TOKEN_JTI_MAX];
	int64_t iat, exp;	/* seconds since 1970 */
};

/* From a PEM file (PKCS #8); another kind of key is ERR_INPUT with the file's name. */
int token_key_load(struct token_key **out, const char *path, struct errmsg *em) PET_MUST_USE;
int token_key_parse(struct token_key **out, const char *pem, struct errmsg *em) PET_MUST_USE;
void token_key_free(struct token_key *key);
/* OpenSSL's own, borrowed: for usertoken.c. */
struct evp_pkey_st *token_key_pkey(const struct token_key *key);

/*
 * Every party but `self` that has a public_key: one Ed25519 PEM block, or two
 * while the key is replaced. Anything else is an error that names the party.
 */
int token_ring_new(struct token_ring **out, const struct party_file *pf, const char *self,
		   struct errmsg *em) PET_MUST_USE;
void token_ring_free(struct token_ring *ring);

/* For `Authorization: Bearer …`; iat is now. */
int token_node_make(char out[TOKEN_NODE_MAX], const struct token_key *key, const char *iss,
		    const char *aud, const struct token_request *req) PET_MUST_USE;
/* The same with a time of the caller's: for tests of expiry. */
int token_node_make_at(char out[TOKEN_NODE_MAX], const struct token_key *key, const char *iss,
		       const char *aud, const struct token_request *req,
		       int64_t iat) PET_MUST_USE;

/*
 * Checks everything but the jti's single use: signature, issuer, audience,
 * times, method, path and body. ERR_DENIED with code BAD_TOKEN or
 * TOKEN_EXPIRED and a sentence that tells the reason and nothing of any key.
 */
int token_node_check(struct token_node *out, const struct token_ring *ring, const char *token,
		     const struct token_request *req, struct errmsg *em) PET_MUST_USE;

#endif
