#include "base/jwt.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* --- base64url, strict: no padding, no white space, unused bits zero ---- */

static const char b64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int jwt_b64_add(struct buf *b, const void *data, size_t len)
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

int jwt_b64_read(unsigned char *out, size_t *out_len, size_t max, const char *in, size_t len)
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

/* --- reading ------------------------------------------------------------- */

/* One part of the token as a JSON object; the caller owns it. */
static json_t *part_object(const char *part, size_t len)
{
	unsigned char text[JWT_MAX];
	size_t n;
	json_t *obj;

	if (jwt_b64_read(text, &n, sizeof(text), part, len))
		return NULL;
	obj = json_loadb((char *)text, n, JSON_REJECT_DUPLICATES, NULL);
	if (obj && !json_is_object(obj)) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

int jwt_parse(struct jwt *out, const char *token, const char **why)
{
	size_t len = strnlen(token, JWT_MAX);
	const char *dot1 = memchr(token, '.', len);
	const char *dot2 = dot1 ? memchr(dot1 + 1, '.', len - (size_t)(dot1 + 1 - token)) : NULL;

	memset(out, 0, sizeof(*out));
	*why = "it is longer than 2047 characters";
	if (len == JWT_MAX)
		return ERR_INPUT;
	*why = "it is not three parts joined by dots";
	if (!dot2)
		return ERR_INPUT;
	*why = "its header is no JSON object in base64url";
	out->header = part_object(token, (size_t)(dot1 - token));
	if (!out->header)
		return ERR_INPUT;
	*why = "its claims are no JSON object in base64url";
	out->claims = part_object(dot1 + 1, (size_t)(dot2 - dot1 - 1));
	if (!out->claims) {
		jwt_free(out);
		return ERR_INPUT;
	}
	*why = "";
	out->text = token;
	out->text_len = (size_t)(dot2 - token);
	if (jwt_b64_read(out->sig, &out->sig_len, sizeof(out->sig), dot2 + 1, len - (size_t)(dot2 + 1 - token)))
		out->sig_len = 0;
	return 0;
}

void jwt_free(struct jwt *j)
{
	json_decref(j->header);
	json_decref(j->claims);
	memset(j, 0, sizeof(*j));
}

const char *jwt_str(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* --- making -------------------------------------------------------------- */

int jwt_begin(struct buf *b, const char *header, const json_t *claims)
{
	char *text = json_dumps(claims, JSON_COMPACT);
	int rc = ERR_NOMEM;

	if (!text)
		return rc;
	TRY(jwt_b64_add(b, header, strlen(header)));
	TRY(buf_add(b, ".", 1));
	TRY(jwt_b64_add(b, text, strlen(text)));
out:
	free(text);
	return rc;
}

int jwt_end(struct buf *b, const unsigned char *sig, size_t len)
{
	int rc = buf_add(b, ".", 1);

	return rc ? rc : jwt_b64_add(b, sig, len);
}

/* --- Ed25519 ------------------------------------------------------------- */

int jwt_sign(unsigned char sig[JWT_ED25519_LEN], EVP_PKEY *key, const void *text, size_t len)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = JWT_ED25519_LEN;
	int rc = ERR_INTERNAL;

	if (md && EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(md, sig, &n, text, len) == 1 && n == JWT_ED25519_LEN)
		rc = 0;
	EVP_MD_CTX_free(md);
	return rc;
}

int jwt_verify(EVP_PKEY *key, const struct jwt *j)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int ok;

	ok = md && j->sig_len == JWT_ED25519_LEN && EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(md, j->sig, j->sig_len, (const unsigned char *)j->text, j->text_len) == 1;
	EVP_MD_CTX_free(md);
	return ok;
}

static int is_ed25519(EVP_PKEY *pkey)
{
	return pkey && EVP_PKEY_is_a(pkey, "ED25519");
}

static size_t count_blocks(const char *pem)
{
	size_t n = 0;

	for (const char *p = pem; (p = strstr(p, "-----BEGIN ")) != NULL; p++)
		n++;
	return n;
}

int jwt_public_keys(EVP_PKEY **out, size_t *count, size_t max, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = NULL;
	size_t n = 0;
	int rc = ERR_INPUT;

	while (bio && (pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *)"")) != NULL) {
		if (!is_ed25519(pkey) || n == max)
			goto out;
		out[n++] = pkey;
		pkey = NULL;
	}
	/* Reading ends at a broken block as it does at the end of the text. */
	if (n > 0 && n == count_blocks(pem))
		rc = 0;
out:
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	for (size_t i = 0; rc && i < n; i++) {
		EVP_PKEY_free(out[i]);
		out[i] = NULL;
	}
	*count = rc ? 0 : n;
	return rc;
}

EVP_PKEY *jwt_private_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;

	BIO_free(bio);
	if (is_ed25519(pkey))
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}
