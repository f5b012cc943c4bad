#include "base/usertoken.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/jwt.h"
#include "base/util.h"

#define HS256_LEN 32

struct secret {
	unsigned char text[USERTOKEN_SECRET_MAX];
	size_t len;
};

struct usertoken_ring {
	EVP_PKEY *key[USERTOKEN_KEYS_MAX];
	size_t keys;
	struct secret secret[USERTOKEN_KEYS_MAX];
	size_t secrets;
	int64_t life_max;
};

int usertoken_name_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-@");

	if (n == 0 || n >= USER_NAME_MAX || name[n] || strchr("._-@", name[0]) || strcmp(name, "anonymous") == 0)
		return ERR_INPUT;
	return 0;
}

/* --- keys ---------------------------------------------------------------- */

static int take_secret(struct usertoken_ring *ring, const char *line, size_t len, struct errmsg *em)
{
	struct secret *s = &ring->secret[ring->secrets];

	/* The classical confusion, made by hand: a public key is no secret. */
	if (len >= 5 && memcmp(line, "-----", 5) == 0)
		return errmsg_set(em, ERR_INPUT, "BAD_SECRET", "the secret of user tokens is a PEM file: a key that others may know is no secret");
	if (ring->secrets == USERTOKEN_KEYS_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_SECRET", "the file with secrets of user tokens has more than two lines");
	if (len < USERTOKEN_SECRET_MIN || len > USERTOKEN_SECRET_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_SECRET", "a secret of user tokens has %zu characters: expected %d to %d; "
				  "make one with: openssl rand -hex 32", len, USERTOKEN_SECRET_MIN, USERTOKEN_SECRET_MAX);
	memcpy(s->text, line, len);
	s->len = len;
	ring->secrets++;
	return 0;
}

static int take_secrets(struct usertoken_ring *ring, const char *text, struct errmsg *em)
{
	int rc = 0;

	while (rc == 0 && *text) {
		size_t len = strcspn(text, "\r\n");

		if (len)
			rc = take_secret(ring, text, len, em);
		text += len;
		text += strspn(text, "\r\n");
	}
	if (rc == 0 && ring->secrets == 0)
		rc = errmsg_set(em, ERR_INPUT, "BAD_SECRET", "the file with the secret of user tokens is empty");
	return rc;
}

int usertoken_ring_new(struct usertoken_ring **out, const char *public_pem, const char *secrets, int64_t life_max_s,
		       struct errmsg *em)
{
	struct usertoken_ring *ring = calloc(1, sizeof(*ring));
	int rc = ERR_NOMEM;

	if (!ring)
		goto out;
	ring->life_max = life_max_s;
	if (public_pem && *public_pem && jwt_public_keys(ring->key, &ring->keys, USERTOKEN_KEYS_MAX, public_pem)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_KEY", "the key of user tokens is no Ed25519 public key in PEM, or two of them");
		goto out;
	}
	if (secrets)
		TRY(take_secrets(ring, secrets, em));
	*out = ring;
	ring = NULL;
	rc = 0;
out:
	usertoken_ring_free(ring);
	return rc;
}

void usertoken_ring_free(struct usertoken_ring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->keys; i++)
		EVP_PKEY_free(ring->key[i]);
	OPENSSL_cleanse(ring->secret, sizeof(ring->secret));
	free(ring);
}

/* --- checking ------------------------------------------------------------ */

static int denied(struct errmsg *em, const char *why)
{
	return errmsg_set(em, ERR_DENIED, "BAD_TOKEN", "the token is refused: %s", why);
}

static int hs256(unsigned char mac[HS256_LEN], const void *secret, size_t secret_len, const void *text, size_t len)
{
	unsigned n = HS256_LEN;

	return HMAC(EVP_sha256(), secret, (int)secret_len, text, len, mac, &n) && n == HS256_LEN ? 0 : ERR_INTERNAL;
}

static int secret_verifies(const struct secret *s, const struct jwt *j)
{
	unsigned char want[HS256_LEN];

	return j->sig_len == HS256_LEN && hs256(want, s->text, s->len, j->text, j->text_len) == 0 &&
	       CRYPTO_memcmp(want, j->sig, HS256_LEN) == 0;
}

/* The algorithm of the configured key that made the signature; NULL: none of them did. */
static const char *verified_by(const struct usertoken_ring *ring, const struct jwt *j)
{
	for (size_t i = 0; i < ring->keys; i++)
		if (jwt_verify(ring->key[i], j))
			return "EdDSA";
	for (size_t i = 0; i < ring->secrets; i++)
		if (secret_verifies(&ring->secret[i], j))
			return "HS256";
	return NULL;
}

/* Only what we know: an extension that we would ignore (crit, jwk, …) must not change what was checked. */
static int check_header(const json_t *header, const char *alg, struct errmsg *em)
{
	const char *typ = jwt_str(header, "typ");

	if (strcmp(jwt_str(header, "alg"), alg) != 0)
		return denied(em, "its alg is not the one that its key is for");
	if (json_object_size(header) > 2 || (json_object_size(header) == 2 && strcmp(typ, "JWT") != 0))
		return denied(em, "its header holds more than alg and typ JWT");
	return 0;
}

/* A NumericDate may have a fraction. Bounded before it becomes an integer: no overflow, whatever was written. */
static int read_date(const json_t *claims, const char *name, int64_t *out)
{
	const json_t *v = json_object_get(claims, name);
	double d = json_number_value(v);

	if (!json_is_number(v) || !(d >= 0) || d > 1e12)
		return ERR_INPUT;
	*out = (int64_t)d;
	return 0;
}

static int check_times(struct usertoken *out, const struct usertoken_ring *ring, const json_t *claims, struct errmsg *em)
{
	int64_t now = util_wall_us() / 1000000, nbf = 0;

	if (read_date(claims, "iat", &out->iat) || read_date(claims, "exp", &out->exp))
		return denied(em, "iat and exp must be seconds since 1970");
	if (json_object_get(claims, "nbf") && read_date(claims, "nbf", &nbf))
		return denied(em, "nbf must be seconds since 1970");
	if (out->exp <= out->iat)
		return denied(em, "exp must be later than iat");
	if (out->exp - out->iat > ring->life_max)
		return denied(em, "it lives longer than this party allows (PET_USER_TOKEN_LIFE_MAX)");
	if (out->iat > now + TOKEN_SKEW_S || nbf > now + TOKEN_SKEW_S)
		return denied(em, "it begins in the future; compare the clocks");
	if (out->exp <= now - TOKEN_SKEW_S)
		return errmsg_set(em, ERR_DENIED, "TOKEN_EXPIRED", "the token has expired: ask for a new one");
	return 0;
}

/* A node token is signed by a party's key too, possibly this one's: it is bound to one request and names no user. */
static int check_claims(struct usertoken *out, const struct usertoken_ring *ring, const json_t *claims, struct errmsg *em)
{
	const char *name = jwt_str(claims, "name");

	if (json_object_get(claims, "jti") || json_object_get(claims, "aud") || json_object_get(claims, "body-digest"))
		return denied(em, "it is of another kind: a user's token has the claims name, iat and exp");
	if (usertoken_name_ok(name))
		return denied(em, "its name is not a user's name");
	memcpy(out->name, name, strlen(name) + 1);
	return check_times(out, ring, claims, em);
}

int usertoken_check(struct usertoken *out, const struct usertoken_ring *ring, const char *token, struct errmsg *em)
{
	const char *alg, *why;
	struct jwt j;
	int rc;

	memset(out, 0, sizeof(*out));
	if (jwt_parse(&j, token, &why))
		return denied(em, why);
	alg = verified_by(ring, &j);
	if (!alg) {
		rc = denied(em, "its signature is of no key that this party accepts");
		goto out;
	}
	TRY(check_header(j.header, alg, em));
	TRY(check_claims(out, ring, j.claims, em));
	rc = 0;
out:
	jwt_free(&j);
	return rc;
}

/* --- making -------------------------------------------------------------- */

static int begin(struct buf *b, const char *header, const char *name, int64_t iat, int64_t exp)
{
	json_t *claims = json_pack("{ss sI sI}", "name", name, "iat", (json_int_t)iat, "exp", (json_int_t)exp);
	int rc = claims ? jwt_begin(b, header, claims) : ERR_NOMEM;

	json_decref(claims);
	return rc;
}

int usertoken_make(struct buf *out, const struct token_key *key, const char *name, int64_t iat, int64_t exp)
{
	unsigned char sig[JWT_ED25519_LEN];
	size_t at = out->len;
	int rc;

	TRY(begin(out, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}", name, iat, exp));
	TRY(jwt_sign(sig, token_key_pkey(key), out->data + at, out->len - at));
	rc = jwt_end(out, sig, sizeof(sig));
out:
	return rc;
}

int usertoken_make_hs256(struct buf *out, const char *secrets, const char *name, int64_t iat, int64_t exp)
{
	unsigned char mac[HS256_LEN];
	size_t at = out->len, skip = strspn(secrets, "\r\n");
	int rc;

	TRY(begin(out, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", name, iat, exp));
	TRY(hs256(mac, secrets + skip, strcspn(secrets + skip, "\r\n"), out->data + at, out->len - at));
	rc = jwt_end(out, mac, sizeof(mac));
out:
	return rc;
}
