/*
 * User tokens: what a person or a client shows this party's own API.
 *
 * A JWT with the claims name, iat, exp. It says who is asking and nothing
 * else: role, state and limits are the row's in table api_user, so that a
 * revocation counts from the next request on.
 *
 * The keys are configured and each is for one algorithm: Ed25519 public keys
 * for EdDSA, secrets for HS256. A signature is tried against every key; the
 * one that made it says what `alg` must be. The token's `alg` chooses nothing.
 */
#ifndef PET_BASE_USERTOKEN_H
#define PET_BASE_USERTOKEN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/token.h"

#define USERTOKEN_MAX 2048		/* with the NUL */
#define USERTOKEN_KEYS_MAX 2		/* of each algorithm: the old and the new one */
#define USERTOKEN_SECRET_MIN 32		/* bytes; RFC 7518 3.2 wants 256 bits */
#define USERTOKEN_SECRET_MAX 1024
#define USERTOKEN_LIFE_S (30 * 86400)	/* as made by pet user token */
#define USER_NAME_MAX 64		/* with the NUL */

struct usertoken {
	char name[USER_NAME_MAX];
	int64_t iat, exp;		/* seconds since 1970 */
};

/* 1 to 63 of a-z 0-9 . _ - @, beginning with a letter or a digit; not "anonymous". Lower case: the database takes A for a. */
int usertoken_name_ok(const char *name) PET_MUST_USE;

/* The keys. Safe to use from several threads. */
struct usertoken_ring;

/*
 * public_pem: one or two Ed25519 public keys, NULL or "": none.
 * secrets: one or two lines of at least 32 characters, NULL: no HS256.
 * life_max_s: a token that claims to live longer is refused.
 * Errors name what is wrong with which of them, and no secret.
 */
int usertoken_ring_new(struct usertoken_ring **out, const char *public_pem, const char *secrets, int64_t life_max_s,
		       struct errmsg *em) PET_MUST_USE;
void usertoken_ring_free(struct usertoken_ring *ring);

/* Signature, alg, name and times. ERR_DENIED with code BAD_TOKEN or TOKEN_EXPIRED and the reason. */
int usertoken_check(struct usertoken *out, const struct usertoken_ring *ring, const char *token,
		    struct errmsg *em) PET_MUST_USE;

/* Appended to out. iat and exp are the caller's. */
int usertoken_make(struct buf *out, const struct token_key *key, const char *name, int64_t iat, int64_t exp) PET_MUST_USE;
/* The same by HS256, with the first line of `secrets`. */
int usertoken_make_hs256(struct buf *out, const char *secrets, const char *name, int64_t iat, int64_t exp) PET_MUST_USE;

#endif
