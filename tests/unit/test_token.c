#include "base/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "base/util.h"
#include "test.h"

static char *priv_a, *pub_a, *pub_b;
static struct token_key *key_a, *key_b;
static struct token_ring *ring_b;	/* what party_b checks with */
static const char body[] = "{\"job\":1}";
static const struct token_request req = { "POST", "/api/v1/peer/jobs", body, sizeof(body) - 1 };

static char *pem_of(EVP_PKEY *pkey, int private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long n;

	if (private)
		CHECK_INT(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	else
		CHECK_INT(PEM_write_bio_PUBKEY(bio, pkey), 1);
	n = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static void make_keys(void)
{
	static struct party_file pf;
	EVP_PKEY *a = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *b = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct errmsg em;
	char *priv_b = pem_of(b, 1);

	priv_a = pem_of(a, 1);
	pub_a = pem_of(a, 0);
	pub_b = pem_of(b, 0);
	CHECK_INT(token_key_parse(&key_a, priv_a, &em), 0);
	CHECK_INT(token_key_parse(&key_b, priv_b, &em), 0);
	pf.count = 3;
	strcpy(pf.party[0].name, "party_a");
	pf.party[0].public_key = pub_a;
	strcpy(pf.party[1].name, "party_b");
	pf.party[1].public_key = pub_b;
	strcpy(pf.party[2].name, "party_c");
	CHECK_INT(token_ring_new(&ring_b, &pf, "party_b", &em), 0);
	free(priv_b);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
}

static void refused_for(const char *token, const struct token_request *r, const char *why)
{
	struct token_node got;
	struct errmsg em = { 0 };

	CHECK_INT(token_node_check(&got, ring_b, token, r, &em), ERR_DENIED);
	CHECK_HAS(em.pub, why);
}

static void refused(const char *token, const char *why)
{
	refused_for(token, &req, why);
}

static void b64(struct buf *b, const char *text, size_t len)
{
	char out[4096];
	int n = EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);

	while (n && out[n - 1] == '=')
		n--;
	for (int i = 0; i < n; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	CHECK_INT(buf_add(b, out, (size_t)n), 0);
}

/* A token with any header and claims, signed by a's real key: what a peer that misbehaves could send. */
static void forge(struct buf *b, const char *header, const char *claims)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	BIO *bio = BIO_new_mem_buf(priv_a, -1);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	unsigned char sig[64];
	size_t n = sizeof(sig);

	buf_clear(b);
	b64(b, header, strlen(header));
	CHECK_INT(buf_add(b, ".", 1), 0);
	b64(b, claims, strlen(claims));
	CHECK_INT(EVP_DigestSignInit(md, NULL, NULL, NULL, pkey), 1);
	CHECK_INT(EVP_DigestSign(md, sig, &n, (unsigned char *)b->data, b->len), 1);
	CHECK_INT(buf_add(b, ".", 1), 0);
	b64(b, (char *)sig, n);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	EVP_MD_CTX_free(md);
}

#define HEADER "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"
#define JTI "00112233445566778899aabbccddeeff"

static void claims(struct buf *b, const char *iss, const char *jti, long long iat, long long exp)
{
	char text[1024], hex[65];
	unsigned char d[32];

	EVP_Digest(body, sizeof(body) - 1, d, NULL, EVP_sha256(), NULL);
	util_hex(hex, d, 32);
	snprintf(text, sizeof(text), "{\"iss\":\"%s\",\"aud\":\"party_b\",\"iat\":%lld,\"exp\":%lld,"
		 "\"jti\":\"%s\",\"method\":\"POST\",\"path\":\"/api/v1/peer/jobs\",\"body-digest\":\"%s\"}",
		 iss, iat, exp, jti, hex);
	forge(b, HEADER, text);
}

TEST(accepted)
{
	char token[TOKEN_NODE_MAX], second[TOKEN_NODE_MAX];
	struct token_request empty = { "GET", "/x?y=1", NULL, 0 };
	struct token_node got, other;
	struct errmsg em;
	struct buf b = { 0 };
	long long now = util_wall_us() / 1000000;

	make_keys();
	CHECK_INT(token_node_make(token, key_a, "party_a", "party_b", &req), 0);
	CHECK_INT(token_node_check(&got, ring_b, token, &req, &em), 0);
	CHECK_STR(got.iss, "party_a");
	CHECK_INT(strlen(got.jti), 32);
	CHECK_INT(got.exp - got.iat, TOKEN_LIFE_S);
	CHECK_INT(token_node_make(second, key_a, "party_a", "party_b", &req), 0);
	CHECK_INT(token_node_check(&other, ring_b, second, &req, &em), 0);
	CHECK(strcmp(got.jti, other.jti) != 0);
	CHECK_INT(token_node_make(token, key_a, "party_a", "party_b", &empty), 0);
	CHECK_INT(token_node_check(&got, ring_b, token, &empty, &em), 0);
	/* The forging helper makes good tokens when its claims are good: else the refusals below prove nothing. */
	claims(&b, "party_a", JTI, now, now + 60);
	CHECK_INT(token_node_check(&got, ring_b, b.data, &req, &em), 0);
	buf_free(&b);
}

TEST(bound_to_the_request)
{
	char token[TOKEN_NODE_MAX];
	struct token_request r;

	CHECK_INT(token_node_make(token, key_a, "party_a", "party_b", &req), 0);
	r = req;
	r.method = "PATCH";
	refused_for(token, &r, "another method");
	r = req;
	r.path = "/api/v1/peer/jobs/kill";
	refused_for(token, &r, "another path");
	r = req;
	r.body_len--;
	refused_for(token, &r, "another body");
	r.body_len = 0;
	refused_for(token, &r, "another body");
	CHECK_INT(token_node_make(token, key_a, "party_a", "party_c", &req), 0);
	refused(token, "for another party");
}

TEST(issuer)
{
	char token[TOKEN_NODE_MAX];

	CHECK_INT(token_node_make(token, key_b, "party_b", "party_b", &req), 0);
	refused(token, "this party itself");
	CHECK_INT(token_node_make(token, key_b, "party_a", "party_b", &req), 0);
	refused(token, "signature");
	CHECK_INT(token_node_make(token, key_a, "party_c", "party_b", &req), 0);
	refused(token, "no public_key");
	CHECK_INT(token_node_make(token, key_a, "party_z", "party_b", &req), 0);
	refused(token, "no public_key");
	CHECK_INT(token_node_make(token, key_a, "", "party_b", &req), 0);
	refused(token, "no public_key");
}

TEST(times)
{
	char token[TOKEN_NODE_MAX];
	struct token_node got;
	struct errmsg em;
	struct buf b = { 0 };
	long long now = util_wall_us() / 1000000;

	CHECK_INT(token_node_make_at(token, key_a, "party_a", "party_b", &req, now - 3600), 0);
	refused(token, "expired");
	CHECK_INT(token_node_make_at(token, key_a, "party_a", "party_b", &req,
				     now - TOKEN_LIFE_S - TOKEN_SKEW_S - 1), 0);
	refused(token, "expired");
	CHECK_INT(token_node_make_at(token, key_a, "party_a", "party_b", &req,
				     now - TOKEN_LIFE_S - TOKEN_SKEW_S + 15), 0);
	CHECK_INT(token_node_check(&got, ring_b, token, &req, &em), 0);
	CHECK_INT(token_node_make_at(token, key_a, "party_a", "party_b", &req,
				     now + TOKEN_SKEW_S + 60), 0);
	refused(token, "future");
	claims(&b, "party_a", JTI, now, now + 301);
	refused(b.data, "300 seconds");
	claims(&b, "party_a", JTI, now, now);
	refused(b.data, "300 seconds");
	claims(&b, "party_a", JTI, -1, 5);
	refused(b.data, "300 seconds");
	claims(&b, "party_a", JTI, 0, 9223372036854775807LL);
	refused(b.data, "300 seconds");
	claims(&b, "party_a", JTI, (-9223372036854775807LL - 1), 9223372036854775807LL);
	refused(b.data, "300 seconds");
	forge(&b, HEADER, "{\"iss\":\"party_a\",\"aud\":\"party_b\",\"jti\":\"" JTI "\",\"iat\":1.5,\"exp\":\"x\"}");
	refused(b.data, "integers");
	buf_free(&b);
}

TEST(algorithm)
{
	struct buf b = { 0 };
	unsigned char mac[32];
	unsigned n = sizeof(mac);

	forge(&b, "{\"alg\":\"none\"}", "{\"iss\":\"party_a\"}");
	refused(b.data, "alg must be EdDSA");
	strrchr(b.data, '.')[1] = '\0';
	refused(b.data, "alg must be EdDSA");
	forge(&b, "{\"alg\":\"eddsa\"}", "{\"iss\":\"party_a\"}");
	refused(b.data, "alg must be EdDSA");
	forge(&b, "{\"typ\":\"JWT\"}", "{\"iss\":\"party_a\"}");
	refused(b.data, "alg must be EdDSA");
	forge(&b, "{\"alg\":[\"EdDSA\"]}", "{\"iss\":\"party_a\"}");
	refused(b.data, "alg must be EdDSA");
	forge(&b, "{\"alg\":\"EdDSA\",\"crit\":[\"x\"]}", "{\"iss\":\"party_a\"}");
	refused(b.data, "more than alg");
	forge(&b, "{\"alg\":\"EdDSA\",\"alg\":\"none\"}", "{\"iss\":\"party_a\"}");
	refused(b.data, "header");
	/* The public key as an HMAC secret, both ways of saying so. */
	for (int i = 0; i < 2; i++) {
		buf_clear(&b);
		b64(&b, i ? HEADER : "{\"alg\":\"HS256\"}", i ? strlen(HEADER) : 15);
		CHECK_INT(buf_add(&b, ".", 1), 0);
		b64(&b, "{\"iss\":\"party_a\"}", 17);
		HMAC(EVP_sha256(), pub_a, (int)strlen(pub_a), (unsigned char *)b.data, b.len, mac, &n);
		CHECK_INT(buf_add(&b, ".", 1), 0);
		b64(&b, (char *)mac, n);
		refused(b.data, i ? "signature" : "alg must be EdDSA");
	}
	buf_free(&b);
}

TEST(jti_has_one_spelling)
{
	struct buf b = { 0 };
	long long now = util_wall_us() / 1000000;

	claims(&b, "party_a", "00112233445566778899AABBCCDDEEFF", now, now + 60);
	refused(b.data, "jti");
	claims(&b, "party_a", "0011", now, now + 60);
	refused(b.data, "jti");
	claims(&b, "party_a", "", now, now + 60);
	refused(b.data, "jti");
	claims(&b, "party_a", JTI "00", now, now + 60);
	refused(b.data, "jti");
	buf_free(&b);
}

TEST(damaged)
{
	char token[TOKEN_NODE_MAX], copy[TOKEN_NODE_MAX + 16], longer[4 * TOKEN_NODE_MAX];
	struct token_node got;
	struct errmsg em;
	size_t n;

	CHECK_INT(token_node_make(token, key_a, "party_a", "party_b", &req), 0);
	n = strlen(token);
	/* Every truncation and every changed character. */
	for (size_t i = 0; i < n; i++) {
		memcpy(copy, token, n + 1);
		copy[i] = '\0';
		CHECK_INT(token_node_check(&got, ring_b, copy, &req, &em), ERR_DENIED);
		copy[i] = token[i] == 'A' ? 'B' : 'A';
		CHECK_INT(token_node_check(&got, ring_b, copy, &req, &em), ERR_DENIED);
	}
	snprintf(copy, sizeof(copy), "%s=", token);
	refused(copy, "signature");
	snprintf(copy, sizeof(copy), "%s.x", token);
	refused(copy, "signature");
	refused("", "three parts");
	refused("..", "header");
	refused("\xff\xfe.\x01.", "header");
	refused("e30.e30.", "alg");
	memset(longer, 'A', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	refused(longer, "longer");
}

TEST(keys)
{
	static struct party_file pf;
	EVP_PKEY *ec = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	char *priv = pem_of(ec, 1), *pub = pem_of(ec, 0);
	struct token_key *key;
	struct token_ring *ring;
	struct errmsg em;
	char path[] = "/tmp/pet-token-XXXXXX";
	int fd = mkstemp(path);

	CHECK_INT(token_key_parse(&key, priv, &em), ERR_INPUT);
	CHECK_INT(token_key_parse(&key, pub_a, &em), ERR_INPUT);
	CHECK_INT(token_key_parse(&key, "", &em), ERR_INPUT);
	CHECK_INT(token_key_load(&key, "/nonexistent/key", &em), ERR_IO);
	CHECK_HAS(em.local, "/nonexistent/key");
	CHECK_INT(util_write_all(fd, "nonsense", 8), 0);
	CHECK_INT(token_key_load(&key, path, &em), ERR_INPUT);
	CHECK_HAS(em.local, path);
	CHECK_INT(util_write_file(path, priv_a, strlen(priv_a), 0600), 0);
	CHECK_INT(token_key_load(&key, path, &em), 0);
	token_key_free(key);
	unlink(path);
	close(fd);
	pf.count = 1;
	strcpy(pf.party[0].name, "party_a");
	pf.party[0].public_key = pub;
	CHECK_INT(token_ring_new(&ring, &pf, "party_b", &em), ERR_INPUT);
	CHECK_HAS(em.local, "party_a.public_key");
	free(priv);
	free(pub);
	EVP_PKEY_free(ec);
	free(priv_a);
	free(pub_a);
	free(pub_b);
	token_key_free(key_a);
	token_key_free(key_b);
	token_ring_free(ring_b);
}

TEST_MAIN(CASE(accepted), CASE(bound_to_the_request), CASE(issuer), CASE(times), CASE(algorithm),
	  CASE(jti_has_one_spelling), CASE(damaged), CASE(keys))
