#include "base/token.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jwt.h"
#include "base/util.h"

#define DIGEST_HEX 65

struct token_key {
	EVP_PKEY *pkey;
};

struct token_ring {
	char self[PARTY_NAME_MAX];
	size_t count;
	struct {
		char name[PARTY_NAME_MAX];
		EVP_PKEY *key[TOKEN_KEYS_MAX];
		size_t keys;
	} entry[PARTY_MAX];
};

/* --- keys ---------------------------------------------------------------- */

int token_key_parse(struct token_key **out, const char *pem, struct errmsg *em)
{
	EVP_PKEY *pkey = jwt_private_key(pem);
	struct token_key *key;

	if (!pkey)
		return errmsg_set(em, ERR_INPUT, "BAD_KEY", "the signing key is no Ed25519 private key in PEM; "
				  "make one with: openssl genpkey -algorithm ed25519");
	key = calloc(1, sizeof(*key));
	if (!key) {
		EVP_PKEY_free(pkey);
		return ERR_NOMEM;
	}
	key->pkey = pkey;
	*out = key;
	return 0;
}

int token_key_load(struct token_key **out, const char *path, struct errmsg *em)
{
	struct buf text = { 0 };
	struct errmsg why = { 0 };
	int rc = util_read_file(&text, path, 1 << 16);

	if (rc) {
		errmsg_set(em, rc, "BAD_KEY", "cannot read the signing key %s: %s", path,
			   rc == ERR_IO ? strerror(errno) : "larger than 64 KiB");
		goto out;
	}
	rc = token_key_parse(out, text.data ? text.data : "", &why);
	if (rc)
		errmsg_set(em, rc, "BAD_KEY", "%s: %s", path, why.local);
out:
	if (text.data)
		OPENSSL_cleanse(text.data, text.cap);
	buf_free(&text);
	return rc;
}

struct evp_pkey_st *token_key_pkey(const struct token_key *key)
{
	return key->pkey;
}

void token_key_free(struct token_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

int token_ring_new(struct token_ring **out, const struct party_file *pf, const char *self,
		   struct errmsg *em)
{
	struct token_ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return ERR_NOMEM;
	snprintf(ring->self, sizeof(ring->self), "%s", self);
	for (size_t i = 0; i < pf->count; i++) {
		const struct party *p = &pf->party[i];

		if (!p->public_key || strcmp(p->name, self) == 0)
			continue;
		if (jwt_public_keys(ring->entry[ring->count].key, &ring->entry[ring->count].keys, TOKEN_KEYS_MAX, p->public_key)) {
			token_ring_free(ring);
			return errmsg_set(em, ERR_INPUT, "BAD_PARTY_FILE",
					  "%s.public_key in the party file is no Ed25519 public key in PEM, or two of them", p->name);
		}
		snprintf(ring->entry[ring->count++].name, PARTY_NAME_MAX, "%s", p->name);
	}
	*out = ring;
	return 0;
}

void token_ring_free(struct token_ring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->count; i++)
		for (size_t k = 0; k < ring->entry[i].keys; k++)
			EVP_PKEY_free(ring->entry[i].key[k]);
	free(ring);
}

/* 1: one of the issuer's keys signed it; -1: the issuer has none. */
static int ring_verifies(const struct token_ring *ring, const char *name, const struct jwt *j)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (strcmp(ring->entry[i].name, name) != 0)
			continue;
		for (size_t k = 0; k < ring->entry[i].keys; k++)
			if (jwt_verify(ring->entry[i].key[k], j))
				return 1;
		return 0;
	}
	return -1;
}

/* --- making -------------------------------------------------------------- */

static int body_digest(char out[DIGEST_HEX], const struct token_request *req)
{
	unsigned char d[32];

	if (!EVP_Digest(req->body_len ? req->body : "", req->body_len, d, NULL, EVP_sha256(), NULL))
		return ERR_INTERNAL;
	util_hex(out, d, sizeof(d));
	return 0;
}

static json_t *claims_new(const char *iss, const char *aud, const struct token_request *req,
			  int64_t iat)
{
	unsigned char r[16];
	char jti[TOKEN_JTI_MAX], digest[DIGEST_HEX];

	if (body_digest(digest, req))
		return NULL;
	util_random(r, sizeof(r));
	util_hex(jti, r, sizeof(r));
	return json_pack("{ss ss sI sI ss ss ss ss}", "iss", iss, "aud", aud,
			 "iat", (json_int_t)iat, "exp", (json_int_t)(iat + TOKEN_LIFE_S),
			 "jti", jti, "method", req->method, "path", req->path,
			 "body-digest", digest);
}

int token_node_make_at(char out[TOKEN_NODE_MAX], const struct token_key *key, const char *iss,
		       const char *aud, const struct token_request *req, int64_t iat)
{
	static const char header[] = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}";
	json_t *claims = claims_new(iss, aud, req, iat);
	unsigned char sig[JWT_ED25519_LEN];
	struct buf b = { 0 };
	int rc = ERR_INTERNAL;

	if (!claims)
		goto out;
	TRY(jwt_begin(&b, header, claims));
	TRY(jwt_sign(sig, key->pkey, b.data, b.len));
	TRY(jwt_end(&b, sig, sizeof(sig)));
	rc = ERR_INPUT;
	if (b.len >= TOKEN_NODE_MAX)
		goto out;
	memcpy(out, b.data, b.len + 1);
	rc = 0;
out:
	json_decref(claims);
	buf_free(&b);
	return rc;
}

int token_node_make(char out[TOKEN_NODE_MAX], const struct token_key *key, const char *iss,
		    const char *aud, const struct token_request *req)
{
	return token_node_make_at(out, key, iss, aud, req, util_wall_us() / 1000000);
}

/* --- checking ------------------------------------------------------------ */

static int denied(struct errmsg *em, const char *why)
{
	return errmsg_set(em, ERR_DENIED, "BAD_TOKEN", "the node token is refused: %s", why);
}

/* Only what we know: an extension that we would ignore (crit, kid, jwk …) must not change what was checked. */
static int check_header(const json_t *header, struct errmsg *em)
{
	if (strcmp(jwt_str(header, "alg"), "EdDSA") != 0)
		return denied(em, "alg must be EdDSA");
	if (json_object_size(header) != 1 && (json_object_size(header) != 2 || strcmp(jwt_str(header, "typ"), "JWT") != 0))
		return denied(em, "its header holds more than alg EdDSA and typ JWT");
	return 0;
}

static int check_times(struct token_node *out, const json_t *claims, struct errmsg *em)
{
	const json_t *iat = json_object_get(claims, "iat"), *exp = json_object_get(claims, "exp");
	int64_t now = util_wall_us() / 1000000;

	if (!json_is_integer(iat) || !json_is_integer(exp))
		return denied(em, "iat and exp must be integers");
	out->iat = json_integer_value(iat);
	out->exp = json_integer_value(exp);
	/* Bounded before any difference is formed: no overflow, whatever the peer wrote. */
	if (out->iat < 0 || out->exp < 0 || out->exp <= out->iat ||
	    out->exp - out->iat > TOKEN_LIFE_MAX_S)
		return denied(em, "it must live between 1 and 300 seconds");
	if (out->iat > now + TOKEN_SKEW_S)
		return denied(em, "iat lies in the future; compare the clocks of both parties");
	if (out->exp <= now - TOKEN_SKEW_S)
		return errmsg_set(em, ERR_DENIED, "TOKEN_EXPIRED",
				  "the node token has expired; compare the clocks of both parties");
	return 0;
}

static int check_request(const json_t *claims, const struct token_request *req, struct errmsg *em)
{
	char digest[DIGEST_HEX];

	if (body_digest(digest, req))
		return ERR_INTERNAL;
	if (strcmp(jwt_str(claims, "method"), req->method) != 0)
		return denied(em, "it was made for another method");
	if (strcmp(jwt_str(claims, "path"), req->path) != 0)
		return denied(em, "it was made for another path");
	if (strcmp(jwt_str(claims, "body-digest"), digest) != 0)
		return denied(em, "it was made for another body");
	return 0;
}

static int check_claims(struct token_node *out, const struct token_ring *ring,
			const json_t *claims, const struct token_request *req, struct errmsg *em)
{
	const char *jti = jwt_str(claims, "jti");
	unsigned char raw[16];
	int rc;

	if (strcmp(jwt_str(claims, "aud"), ring->self) != 0)
		return denied(em, "it was made for another party");
	/* Lower case only, or one jti would have several spellings. */
	if (util_unhex(raw, sizeof(raw), jti) || strpbrk(jti, "ABCDEF"))
		return denied(em, "jti must be 32 lower-case hexadecimal digits");
	memcpy(out->jti, jti, TOKEN_JTI_MAX);
	TRY(check_times(out, claims, em));
	TRY(check_request(claims, req, em));
	rc = 0;
out:
	return rc;
}

static int check_issuer(const struct token_ring *ring, const struct jwt *j, const char *iss, struct errmsg *em)
{
	if (strcmp(iss, ring->self) == 0)
		return denied(em, "its issuer is this party itself");
	switch (ring_verifies(ring, iss, j)) {
	case 1: return 0;
	case 0: return denied(em, "its signature does not fit the issuer's key");
	default: return denied(em, "the party file has no public_key for its issuer");
	}
}

int token_node_check(struct token_node *out, const struct token_ring *ring, const char *token,
		     const struct token_request *req, struct errmsg *em)
{
	struct jwt j;
	const char *iss, *why;
	int rc;

	if (jwt_parse(&j, token, &why))
		return denied(em, why);
	iss = jwt_str(j.claims, "iss");
	TRY(check_header(j.header, em));
	TRY(check_issuer(ring, &j, iss, em));
	memset(out, 0, sizeof(*out));
	snprintf(out->iss, sizeof(out->iss), "%s", iss);
	TRY(check_claims(out, ring, j.claims, req, em));
	rc = 0;
out:
	jwt_free(&j);
	return rc;
}
