/* User tokens: what is accepted, and every way to make one that must not be. */
#include "base/usertoken.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/jwt.h"
#include "base/util.h"
#include "test.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define SECRET2 "ffffffffffffffff0000000000000000"
#define LIFE_MAX 100000
#define EDDSA "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"
#define HS "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static EVP_PKEY *pkey[3];
static char *pub[3];
static struct token_key *key[3];
static struct usertoken_ring *ring;	/* keys 0 and 1, both secrets */
static long long now;

static char *pem_of(EVP_PKEY *k, int private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long n;

	CHECK_INT(private ? PEM_write_bio_PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL) : PEM_write_bio_PUBKEY(bio, k), 1);
	n = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static void make_keys(void)
{
	char both[1024];
	struct errmsg em;

	for (int i = 0; i < 3; i++) {
		char *priv;

		pkey[i] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		pub[i] = pem_of(pkey[i], 0);
		priv = pem_of(pkey[i], 1);
		CHECK_INT(token_key_parse(&key[i], priv, &em), 0);
		free(priv);
	}
	snprintf(both, sizeof(both), "%s%s", pub[0], pub[1]);
	CHECK_INT(usertoken_ring_new(&ring, both, SECRET "\n" SECRET2 "\n", LIFE_MAX, &em), 0);
	now = util_wall_us() / 1000000;
}

static void accepted(const struct usertoken_ring *r, const char *token, const char *name)
{
	struct usertoken got;
	struct errmsg em = { 0 };

	CHECK_INT(usertoken_check(&got, r, token, &em), 0);
	CHECK_STR(got.name, name);
	if (em.local[0])
		printf("# %s\n", em.local);
}

static void refused(const struct usertoken_ring *r, const char *token, const char *code, const char *why)
{
	struct usertoken got;
	struct errmsg em = { 0 };

	CHECK_INT(usertoken_check(&got, r, token, &em), ERR_DENIED);
	CHECK_STR(em.code, code);
	CHECK_HAS(em.pub, why);
}

/* Any header and claims under the signature of an accepted key (mac NULL), or under an HMAC with `mac` as the secret. */
static const char *forge(const char *header, const char *claims, const char *mac)
{
	static struct buf b;
	unsigned char sig[64];
	unsigned n = 64;

	buf_clear(&b);
	CHECK_INT(jwt_b64_add(&b, header, strlen(header)), 0);
	CHECK_INT(buf_add(&b, ".", 1), 0);
	CHECK_INT(jwt_b64_add(&b, claims, strlen(claims)), 0);
	if (mac)
		HMAC(EVP_sha256(), mac, (int)strlen(mac), (unsigned char *)b.data, b.len, sig, &n);
	else
		CHECK_INT(jwt_sign(sig, pkey[0], b.data, b.len), 0);
	CHECK_INT(jwt_end(&b, sig, n), 0);
	return b.data;
}

static const char *claims(const char *name, long long iat, long long exp)
{
	static char text[512];

	snprintf(text, sizeof(text), "{\"name\":\"%s\",\"iat\":%lld,\"exp\":%lld}", name, iat, exp);
	return text;
}

static const char *made(int k, const char *name, long long iat, long long exp)
{
	static struct buf b;

	buf_clear(&b);
	CHECK_INT(usertoken_make(&b, key[k], name, iat, exp), 0);
	return b.data;
}

TEST(good_ones)
{
	struct buf b = { 0 };
	char text[256];

	make_keys();
	accepted(ring, made(0, "alice", now, now + 60), "alice");
	accepted(ring, made(1, "a.b-c_d@e", now, now + 60), "a.b-c_d@e");
	CHECK_INT(usertoken_make_hs256(&b, SECRET, "bob", now, now + 60), 0);
	accepted(ring, b.data, "bob");
	buf_clear(&b);
	CHECK_INT(usertoken_make_hs256(&b, "\n" SECRET2 "\n", "bob", now, now + 60), 0);
	accepted(ring, b.data, "bob");
	/* The forger makes good tokens of good claims: else the refusals below prove nothing. */
	accepted(ring, forge(EDDSA, claims("alice", now, now + 60), NULL), "alice");
	accepted(ring, forge("{\"alg\":\"EdDSA\"}", claims("alice", now, now + 60), NULL), "alice");
	accepted(ring, forge(HS, claims("alice", now, now + 60), SECRET), "alice");
	/* What clients write: keys in another order, a fraction of a second, a claim that nobody asked for. */
	snprintf(text, sizeof(text), "{\"exp\": %lld.5, \"iat\": %lld.25, \"name\": \"alice\", \"role\": \"admin\"}", now + 60, now);
	accepted(ring, forge("{\"typ\":\"JWT\",\"alg\":\"HS256\"}", text, SECRET), "alice");
	buf_free(&b);
}

TEST(algorithms)
{
	char *none;
	const char *c = claims("alice", now, now + 60);

	refused(ring, forge("{\"alg\":\"none\",\"typ\":\"JWT\"}", c, NULL), "BAD_TOKEN", "alg");
	none = strdup(forge("{\"alg\":\"none\",\"typ\":\"JWT\"}", c, NULL));
	strrchr(none, '.')[1] = '\0';
	refused(ring, none, "BAD_TOKEN", "no key");
	free(none);
	/* The public key, which everybody has, as the secret: with and without an HS256 secret configured. */
	refused(ring, forge(HS, c, pub[0]), "BAD_TOKEN", "no key");
	refused(ring, forge(EDDSA, c, pub[0]), "BAD_TOKEN", "no key");
	/* A good signature under the other key's alg. */
	refused(ring, forge(HS, c, NULL), "BAD_TOKEN", "alg");
	refused(ring, forge(EDDSA, c, SECRET), "BAD_TOKEN", "alg");
	refused(ring, forge("{\"alg\":\"HS512\"}", c, SECRET), "BAD_TOKEN", "alg");
	refused(ring, forge("{\"alg\":\"eddsa\"}", c, NULL), "BAD_TOKEN", "alg");
	refused(ring, forge("{\"alg\":[\"EdDSA\"]}", c, NULL), "BAD_TOKEN", "alg");
	refused(ring, forge("{\"typ\":\"JWT\"}", c, NULL), "BAD_TOKEN", "alg");
	refused(ring, forge("{\"alg\":\"EdDSA\",\"alg\":\"none\"}", c, NULL), "BAD_TOKEN", "header");
	refused(ring, forge("{\"alg\":\"EdDSA\",\"crit\":[\"x\"]}", c, NULL), "BAD_TOKEN", "more than");
	refused(ring, forge("{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"jwk\":{}}", c, NULL), "BAD_TOKEN", "more than");
	refused(ring, forge("{\"alg\":\"EdDSA\",\"kid\":\"../../dev/null\"}", c, NULL), "BAD_TOKEN", "more than");
	refused(ring, forge(HS, c, ""), "BAD_TOKEN", "no key");
}

TEST(keys_come_and_go)
{
	struct usertoken_ring *old, *hs;
	struct errmsg em;

	refused(ring, made(2, "alice", now, now + 60), "BAD_TOKEN", "no key");
	CHECK_INT(usertoken_ring_new(&old, pub[1], NULL, LIFE_MAX, &em), 0);
	accepted(old, made(1, "alice", now, now + 60), "alice");
	refused(old, made(0, "alice", now, now + 60), "BAD_TOKEN", "no key");
	/* No secret configured: no HS256, whatever it was made with. */
	refused(old, forge(HS, claims("alice", now, now + 60), SECRET), "BAD_TOKEN", "no key");
	refused(old, forge(HS, claims("alice", now, now + 60), pub[1]), "BAD_TOKEN", "no key");
	CHECK_INT(usertoken_ring_new(&hs, NULL, SECRET2, LIFE_MAX, &em), 0);
	accepted(hs, forge(HS, claims("alice", now, now + 60), SECRET2), "alice");
	refused(hs, forge(HS, claims("alice", now, now + 60), SECRET), "BAD_TOKEN", "no key");
	refused(hs, made(0, "alice", now, now + 60), "BAD_TOKEN", "no key");
	usertoken_ring_free(old);
	usertoken_ring_free(hs);
}

TEST(times)
{
	char text[256];

	refused(ring, made(0, "alice", now - 100, now - TOKEN_SKEW_S - 1), "TOKEN_EXPIRED", "expired");
	accepted(ring, made(0, "alice", now - 100, now - TOKEN_SKEW_S + 15), "alice");
	refused(ring, made(0, "alice", now + TOKEN_SKEW_S + 60, now + 3600), "BAD_TOKEN", "future");
	accepted(ring, made(0, "alice", now + TOKEN_SKEW_S - 15, now + 3600), "alice");
	refused(ring, made(0, "alice", now, now), "BAD_TOKEN", "later than");
	refused(ring, made(0, "alice", now, now + LIFE_MAX + 1), "BAD_TOKEN", "PET_USER_TOKEN_LIFE_MAX");
	refused(ring, made(0, "alice", -5, 9223372036854775807LL), "BAD_TOKEN", "seconds");
	snprintf(text, sizeof(text), "{\"name\":\"alice\",\"iat\":%lld,\"exp\":%lld,\"nbf\":%lld}", now, now + 600, now + 300);
	refused(ring, forge(EDDSA, text, NULL), "BAD_TOKEN", "future");
	refused(ring, forge(EDDSA, "{\"name\":\"alice\",\"iat\":\"1\",\"exp\":9999999999}", NULL), "BAD_TOKEN", "seconds");
	refused(ring, forge(EDDSA, "{\"name\":\"alice\",\"exp\":9999999999}", NULL), "BAD_TOKEN", "seconds");
	refused(ring, forge(EDDSA, "{\"name\":\"alice\",\"iat\":1}", NULL), "BAD_TOKEN", "seconds");
	refused(ring, forge(EDDSA, "{\"name\":\"alice\",\"iat\":1e300,\"exp\":1e301}", NULL), "BAD_TOKEN", "seconds");
}

TEST(names)
{
	static const char *const bad[] = { "", "Alice", "anonymous", " alice", "alice ", "a/b", "-x", "\\u00e4",
					   "0123456789012345678901234567890123456789012345678901234567890123" };
	struct token_request bound = { "GET", "/api/v1/jobs", "", 0 };
	char node[TOKEN_NODE_MAX];

	for (size_t i = 0; i < PET_ARRAY_SIZE(bad); i++)
		refused(ring, forge(EDDSA, claims(bad[i], now, now + 60), NULL), "BAD_TOKEN", "name");
	refused(ring, forge(EDDSA, "{\"name\":[\"alice\"],\"iat\":1,\"exp\":2}", NULL), "BAD_TOKEN", "name");
	refused(ring, forge(EDDSA, claims("a\\u0000b", now, now + 60), NULL), "BAD_TOKEN", "claims");
	refused(ring, forge(EDDSA, "{\"sub\":\"alice\",\"iat\":1,\"exp\":2}", NULL), "BAD_TOKEN", "name");
	refused(ring, forge(EDDSA, "{\"name\":\"alice\",\"name\":\"bob\",\"iat\":1,\"exp\":2}", NULL), "BAD_TOKEN", "claims");
	/* A node token of this very party, by the key that signs its users' tokens too. */
	CHECK_INT(token_node_make(node, key[0], "party_a", "party_b", &bound), 0);
	refused(ring, node, "BAD_TOKEN", "another kind");
	CHECK_INT(usertoken_name_ok("0abc@x.y-z_1"), 0);
}

TEST(damaged)
{
	char copy[USERTOKEN_MAX + 16], longer[3 * USERTOKEN_MAX];
	const char *token = made(0, "alice", now, now + 60);
	struct usertoken got;
	size_t n = strlen(token);

	for (size_t i = 0; i < n; i++) {
		memcpy(copy, token, n + 1);
		copy[i] = '\0';
		CHECK_INT(usertoken_check(&got, ring, copy, NULL), ERR_DENIED);
		copy[i] = token[i] == 'A' ? 'B' : 'A';
		CHECK_INT(usertoken_check(&got, ring, copy, NULL), ERR_DENIED);
	}
	snprintf(copy, sizeof(copy), "%s=", token);
	refused(ring, copy, "BAD_TOKEN", "no key");
	snprintf(copy, sizeof(copy), "%s.x", token);
	refused(ring, copy, "BAD_TOKEN", "no key");
	refused(ring, "", "BAD_TOKEN", "three parts");
	refused(ring, "..", "BAD_TOKEN", "header");
	refused(ring, "e30.W10.", "BAD_TOKEN", "claims");
	memset(longer, 'A', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	refused(ring, longer, "BAD_TOKEN", "longer");
}

static void no_ring(const char *public_pem, const char *secrets, const char *why)
{
	struct usertoken_ring *r = NULL;
	struct errmsg em = { 0 };

	CHECK_INT(usertoken_ring_new(&r, public_pem, secrets, LIFE_MAX, &em), ERR_INPUT);
	CHECK_HAS(em.local, why);
	CHECK(strstr(em.local, SECRET) == NULL);
	CHECK(r == NULL);
}

TEST(configuration)
{
	EVP_PKEY *ec = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	char *ec_pub = pem_of(ec, 0), text[2048];

	no_ring("nonsense", NULL, "Ed25519");
	no_ring(ec_pub, NULL, "Ed25519");
	snprintf(text, sizeof(text), "%s%s", pub[0], ec_pub);
	no_ring(text, NULL, "Ed25519");
	snprintf(text, sizeof(text), "%s%s%s", pub[0], pub[1], pub[2]);
	no_ring(text, NULL, "two of them");
	snprintf(text, sizeof(text), "%s%.60s", pub[0], pub[1]);
	no_ring(text, NULL, "Ed25519");
	no_ring(NULL, "", "empty");
	no_ring(NULL, "\n\n", "empty");
	no_ring(NULL, "short", "5 characters");
	no_ring(NULL, SECRET "\n" SECRET2 "\n" SECRET, "two lines");
	/* Key confusion by hand: the public key as the file of secrets. */
	no_ring(NULL, pub[0], "PEM");
	free(ec_pub);
	EVP_PKEY_free(ec);
	for (int i = 0; i < 3; i++) {
		EVP_PKEY_free(pkey[i]);
		free(pub[i]);
		token_key_free(key[i]);
	}
	usertoken_ring_free(ring);
}

TEST_MAIN(CASE(good_ones), CASE(algorithms), CASE(keys_come_and_go), CASE(times), CASE(names), CASE(damaged), CASE(configuration))
