#include "base/token.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"

#define SIG_LEN 64
#define DIGEST_HEX 65

struct token_key {
	EVP_PKEY *pkey;
};

struct token_ring {
	char self[PARTY_NAME_MAX];
	size_t count;
	struct {
		char name[PARTY_NAME_MAX];
		EVP_PKEY *pkey;
	} entry[PARTY_MAX];
};

/* --- base64url, strict: no padding, no white space, unused bits zero ---- */

static const char b64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int b64_add(struct buf *b, const void *data, size_t len)
{
	const unsigned char *p = data;
	int rc = buf_reserve(b, len * 4 / 3 + 4);

	if (rc)
		return rc;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0);
		char quad[4] = { b64_digits[v >> 18], b64_digits[v >> 12 & 63],
				 b64_digits[v >> 6 & 63], b64_digits[v & 63] };

		TRY(buf_add(b, quad, left > 2 ? 4 : left + 1));
	}
	rc = 0;
out:
	return rc;
}

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* out has room for max bytes; *out_len ≤ max, or ERR_INPUT. */
static int b64_read(unsigned char *out, size_t *out_len, size_t max, const char *in, size_t len)
{
	unsigned v = 0, bits = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return ERR_INPUT;
	for (size_t i = 0; i < len; i++) {
		int d = b64_value(in[i]);

		if (d < 0)
			return ERR_INPUT;
		v = (v << 6 | (unsigned)d) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (n == max)
				return ERR_INPUT;
			out[n++] = (unsigned char)(v >> bits);
		}
	}
	if (v & ((1u << bits) - 1))
		return ERR_INPUT;
	*out_len = n;
	return 0;
}

/* --- keys ---------------------------------------------------------------- */

static int is_ed25519(EVP_PKEY *pkey)
{
	return pkey && EVP_PKEY_is_a(pkey, "ED25519");
}

int token_key_parse(struct token_key **out, const char *pem, struct errmsg *em)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
	struct token_key *key = NULL;
	int rc = ERR_NOMEM;

	BIO_free(bio);
	if (!is_ed25519(pkey)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_KEY", "the signing key is no Ed25519 private key in PEM; "
				"make one with: openssl genpkey -algorithm ed25519");
		goto out;
	}
	key = calloc(1, sizeof(*key));
	if (!key)
		goto out;
	key->pkey = pkey;
	pkey = NULL;
	*out = key;
	rc = 0;
out:
	EVP_PKEY_free(pkey);
	return rc;
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

void token_key_free(struct token_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

static EVP_PKEY *public_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *)"") : NULL;

	BIO_free(bio);
	return pkey;
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
		EVP_PKEY *pkey;

		if (!p->public_key || strcmp(p->name, self) == 0)
			continue;
		pkey = public_key(p->public_key);
		if (!is_ed25519(pkey)) {
			EVP_PKEY_free(pkey);
			token_ring_free(ring);
			return errmsg_set(em, ERR_INPUT, "BAD_PARTY_FILE",
					  "%s.public_key in the party file is no Ed25519 public key in PEM", p->name);
		}
		snprintf(ring->entry[ring->count].name, PARTY_NAME_MAX, "%s", p->name);
		ring->entry[ring->count++].pkey = pkey;
	}
	*out = ring;
	return 0;
}

void token_ring_free(struct token_ring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->count; i++)
		EVP_PKEY_free(ring->entry[i].pkey);
	free(ring);
}

static EVP_PKEY *ring_find(const struct token_ring *ring, const char *name)
{
	for (size_t i = 0; i < ring->count; i++)
		if (strcmp(ring->entry[i].name, name) == 0)
			return ring->entry[i].pkey;
	return NULL;
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

static int sign(struct buf *b, EVP_PKEY *pkey)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sig[SIG_LEN];
	size_t len = sizeof(sig);
	int rc = ERR_INTERNAL;

	if (!md || EVP_DigestSignInit(md, NULL, NULL, NULL, pkey) != 1 ||
	    EVP_DigestSign(md, sig, &len, (unsigned char *)b->data, b->len) != 1 || len != SIG_LEN)
		goto out;
	TRY(buf_add(b, ".", 1));
	TRY(b64_add(b, sig, len));
	rc = 0;
out:
	EVP_MD_CTX_free(md);
	return rc;
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
	char *text = claims ? json_dumps(claims, JSON_COMPACT) : NULL;
	struct buf b = { 0 };
	int rc = ERR_INTERNAL;

	if (!text)
		goto out;
	TRY(b64_add(&b, header, sizeof(header) - 1));
	TRY(buf_add(&b, ".", 1));
	TRY(b64_add(&b, text, strlen(text)));
	TRY(sign(&b, key->pkey));
	rc = ERR_INPUT;
	if (b.len >= TOKEN_NODE_MAX)
		goto out;
	memcpy(out, b.data, b.len + 1);
	rc = 0;
out:
	free(text);
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

/* One part of the token as a JSON object; the caller owns it. */
static json_t *part_object(const char *part, size_t len)
{
	unsigned char text[TOKEN_NODE_MAX];
	size_t n;
	json_t *obj;

	if (b64_read(text, &n, sizeof(text), part, len))
		return NULL;
	obj = json_loadb((char *)text, n, JSON_REJECT_DUPLICATES, NULL);
	if (obj && !json_is_object(obj)) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

static const char *claim_str(const json_t *claims, const char *name)
{
	const char *s = json_string_value(json_object_get(claims, name));

	return s ? s : "";
}

/* Only what we know: an extension that we would ignore (crit, kid, jwk …) must not change what was checked. */
static int check_header(const char *part, size_t len, struct errmsg *em)
{
	json_t *header = part_object(part, len);
	int rc = ERR_DENIED;

	if (!header)
		denied(em, "its header is no JSON object in base64url");
	else if (strcmp(claim_str(header, "alg"), "EdDSA") != 0)
		denied(em, "alg must be EdDSA");
	else if (json_object_size(header) != 1 &&
		 (json_object_size(header) != 2 || strcmp(claim_str(header, "typ"), "JWT") != 0))
		denied(em, "its header holds more than alg EdDSA and typ JWT");
	else
		rc = 0;
	json_decref(header);
	return rc;
}

static int check_signature(EVP_PKEY *pkey, const char *token, size_t signed_len,
			   const char *part, size_t len, struct errmsg *em)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sig[SIG_LEN];
	size_t n = 0;
	int ok;

	ok = md && b64_read(sig, &n, sizeof(sig), part, len) == 0 && n == SIG_LEN &&
	     EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1 &&
	     EVP_DigestVerify(md, sig, n, (const unsigned char *)token, signed_len) == 1;
	EVP_MD_CTX_free(md);
	return ok ? 0 : denied(em, "its signature does not fit the issuer's key");
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
	if (strcmp(claim_str(claims, "method"), req->method) != 0)
		return denied(em, "it was made for another method");
	if (strcmp(claim_str(claims, "path"), req->path) != 0)
		return denied(em, "it was made for another path");
	if (strcmp(claim_str(claims, "body-digest"), digest) != 0)
		return denied(em, "it was made for another body");
	return 0;
}

static int check_claims(struct token_node *out, const struct token_ring *ring,
			const json_t *claims, const struct token_request *req, struct errmsg *em)
{
	const char *jti = claim_str(claims, "jti");
	unsigned char raw[16];
	int rc;

	if (strcmp(claim_str(claims, "aud"), ring->self) != 0)
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

int token_node_check(struct token_node *out, const struct token_ring *ring, const char *token,
		     const struct token_request *req, struct errmsg *em)
{
	size_t len = strnlen(token, TOKEN_NODE_MAX);
	const char *dot1 = memchr(token, '.', len);
	const char *dot2 = dot1 ? memchr(dot1 + 1, '.', len - (size_t)(dot1 + 1 - token)) : NULL;
	json_t *claims = NULL;
	EVP_PKEY *pkey;
	const char *iss;
	int rc;

	if (len == TOKEN_NODE_MAX)
		return denied(em, "it is longer than 2047 characters");
	if (!dot2)
		return denied(em, "it is not three parts joined by dots");
	TRY(check_header(token, (size_t)(dot1 - token), em));
	claims = part_object(dot1 + 1, (size_t)(dot2 - dot1 - 1));
	if (!claims) {
		rc = denied(em, "its claims are no JSON object in base64url");
		goto out;
	}
	iss = claim_str(claims, "iss");
	if (strcmp(iss, ring->self) == 0) {
		rc = denied(em, "its issuer is this party itself");
		goto out;
	}
	pkey = ring_find(ring, iss);
	if (!pkey) {
		rc = denied(em, "the party file has no public_key for its issuer");
		goto out;
	}
	TRY(check_signature(pkey, token, (size_t)(dot2 - token), dot2 + 1,
			    len - (size_t)(dot2 + 1 - token), em));
	memset(out, 0, sizeof(*out));
	snprintf(out->iss, sizeof(out->iss), "%s", iss);
	TRY(check_claims(out, ring, claims, req, em));
	rc = 0;
out:
	json_decref(claims);
	return rc;
}
