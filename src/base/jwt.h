/*
 * The parts that node tokens (token.h) and user tokens (usertoken.h) have in
 * common: JWT in compact form (RFC 7515, 7519) and its strict base64url, and
 * Ed25519 keys (RFC 8037). Which key checks what is theirs: nothing in here
 * looks at `alg`.
 */
#ifndef PET_BASE_JWT_H
#define PET_BASE_JWT_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JWT_MAX 2048		/* with the NUL; a longer one is refused unread */
#define JWT_SIG_MAX 64
#define JWT_ED25519_LEN 64

/* base64url without padding or white space, unused bits zero. out has room for max bytes; *out_len <= max, or ERR_INPUT. */
int jwt_b64_add(struct buf *b, const void *data, size_t len) PET_MUST_USE;
int jwt_b64_read(unsigned char *out, size_t *out_len, size_t max, const char *in, size_t len) PET_MUST_USE;

/* A token in its parts. `text` is borrowed from the token. Owned: jwt_free. */
struct jwt {
	json_t *header, *claims;	/* objects without duplicate keys */
	const char *text;		/* what the signature is over */
	size_t text_len;
	unsigned char sig[JWT_SIG_MAX];
	size_t sig_len;			/* 0: the signature's part is no base64url, or too long */
};

/* Zeroes *out. ERR_INPUT with a reason ("its header is …") that a sentence can end with. */
int jwt_parse(struct jwt *out, const char *token, const char **why) PET_MUST_USE;
void jwt_free(struct jwt *j);
/* "" when it is not there or no string. */
const char *jwt_str(const json_t *object, const char *name);

/* Both parts into b, joined by a dot, not yet signed. */
int jwt_begin(struct buf *b, const char *header, const json_t *claims) PET_MUST_USE;
/* The dot and the signature. */
int jwt_end(struct buf *b, const unsigned char *sig, size_t len) PET_MUST_USE;

/* Ed25519 over len bytes. */
int jwt_sign(unsigned char sig[JWT_ED25519_LEN], EVP_PKEY *key, const void *text, size_t len) PET_MUST_USE;
/* 1: the signature is the key's. */
int jwt_verify(EVP_PKEY *key, const struct jwt *j);

/*
 * The Ed25519 public keys of a PEM text, one block after the other: up to
 * `max`, so that a key can be replaced while both are good. ERR_INPUT: none,
 * too many, another kind of key, or text that is no PEM block. Each is owned.
 */
int jwt_public_keys(EVP_PKEY **out, size_t *count, size_t max, const char *pem) PET_MUST_USE;
/* One Ed25519 private key, or NULL. Owned. */
EVP_PKEY *jwt_private_key(const char *pem);

#endif
