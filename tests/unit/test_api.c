/* Routing, access, every refusal of a submit, and the shape of the answers, over a faked database. */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "api/grant.h"
#include "base/util.h"
#include "api/status_cache.h"
#include "api_fake.h"
#include "test.h"

static struct party_file parties;
static struct api api = { .self = "party_a", .pf = &parties, .run_dir = "/nonexistent", .anonymous = 1,
			  .body_max = 4096, .threads = 2, .waiters = 4 };
static struct token_key *key_b;
static struct reply out;
static struct request req;

static char *bio_text(BIO *bio)
{
	char *data, *text;
	long n = BIO_get_mem_data(bio, &data);

	text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static struct token_key *key_users;

/* This party's own key, and a secret. */
static void setup_users(void)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *priv = BIO_new(BIO_s_mem()), *pub = BIO_new(BIO_s_mem());
	struct errmsg em;
	char *text, *pub_text;

	PEM_write_bio_PrivateKey(priv, k, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_PUBKEY(pub, k);
	text = bio_text(priv);
	pub_text = bio_text(pub);
	CHECK_INT(token_key_parse(&key_users, text, &em), 0);
	CHECK_INT(usertoken_ring_new(&api.users, pub_text, NULL, 1000000, &em), 0);
	free(text);
	free(pub_text);
	EVP_PKEY_free(k);
}

static void setup(void)
{
	EVP_PKEY *b = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *priv = BIO_new(BIO_s_mem()), *pub = BIO_new(BIO_s_mem());
	struct errmsg em;
	char *text;

	PEM_write_bio_PrivateKey(priv, b, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_PUBKEY(pub, b);
	text = bio_text(priv);
	CHECK_INT(token_key_parse(&key_b, text, &em), 0);
	free(text);
	strcpy(parties.party[0].name, "party_a");
	strcpy(parties.party[1].name, "party_b");
	strcpy(parties.party[2].name, "party_c");
	parties.party[1].public_key = bio_text(pub);
	parties.count = 3;
	CHECK_INT(token_ring_new(&api.ring, &parties, "party_a", &em), 0);
	setup_users();
	EVP_PKEY_free(b);
	setenv("PET_RUN_DIR", "/nonexistent", 1);
}

static const char *call(const char *method, const char *target, const char *body)
{
	const char *q = strchr(target, '?');

	req.api = &api;
	req.db = (struct db *)&fake;	/* only the fakes see it */
	req.method = method;
	req.target = target;
	req.query = q ? q + 1 : "";
	req.content_type = "application/json";
	if (!req.authorization)
		req.authorization = "";
	req.body = body ? body : "";
	req.body_len = strlen(req.body);
	req.may_wait = 1;
	route_handle(&req, &out);
	/* Whatever the answer is, it is JSON with `success`. */
	json_t *v = out.body.data ? json_loads(out.body.data, 0, NULL) : NULL;
	CHECK(json_is_boolean(json_object_get(v, "success")));
	CHECK_INT(json_is_true(json_object_get(v, "success")), out.status == 200);
	if (out.status != 200) {
		CHECK(json_is_string(json_object_get(v, "error_code")));
		CHECK(json_is_string(json_object_get(v, "error_message")));
	}
	json_decref(v);
	return out.body.data;
}

static void refused(const char *method, const char *target, const char *body, int status,
		    const char *code, const char *part)
{
	const char *text = call(method, target, body);
	char want[80];

	snprintf(want, sizeof(want), "\"error_code\": \"%s\"", code);
	CHECK_INT(out.status, status);
	CHECK_HAS(text, want);
	CHECK_HAS(text, part);
}

/* ' stands for ". */
static const char *js(const char *text)
{
	static char copy[8192];

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

#define A "'party_a': {'column_name': 'id', 'inputs': {'data': 'data/a.csv'}, 'outputs': {'data': 'data/out/r.csv'}}"
#define B "'party_b': {'column_name': 'id', 'inputs': {'data': 'data/b.csv'}, 'outputs': {'data': 'data/out/r.csv'}}"
#define PARAMS "'mission_params': {" A ", " B "}"
#define PSI "'mission_name': 'psi', " PARAMS

TEST(matching)
{
	char arg[HTTP_ARG_MAX][HTTP_SEGMENT_MAX];
	char longest[256];

	setup();
	CHECK(route_match("/healthz", "/healthz", arg));
	CHECK(route_match("/healthz", "/healthz?x=1", arg));
	CHECK(!route_match("/healthz", "/healthz/", arg));
	CHECK(!route_match("/healthz", "/health", arg));
	CHECK(!route_match("/healthz", "", arg));
	CHECK(route_match("/a/<>/b/<>", "/a/x-1/b/y.z", arg));
	CHECK_STR(arg[0], "x-1");
	CHECK_STR(arg[1], "y.z");
	CHECK(!route_match("/a/<>", "/a/", arg));
	CHECK(!route_match("/a/<>", "/a/%2e", arg));
	CHECK(!route_match("/a/<>", "/a/x/y", arg));
	snprintf(longest, sizeof(longest), "/a/%0*d", HTTP_SEGMENT_MAX - 1, 7);
	CHECK(route_match("/a/<>", longest, arg));
	snprintf(longest, sizeof(longest), "/a/%0*d", HTTP_SEGMENT_MAX, 7);
	CHECK(!route_match("/a/<>", longest, arg));
}

TEST(routing)
{
	refused("GET", "/", NULL, 404, "NO_SUCH_ENDPOINT", "docs/api.md");
	refused("GET", "/job/Submit", NULL, 404, "NO_SUCH_ENDPOINT", "/job/Submit");
	refused("GET", "/\xff\"?q", NULL, 404, "NO_SUCH_ENDPOINT", "?");
	refused("GET", "/job/submit", NULL, 405, "METHOD_NOT_ALLOWED", "POST");
	CHECK_STR(out.allow, "POST");
	refused("DELETE", "/api/v1/jobs", NULL, 405, "METHOD_NOT_ALLOWED", "DELETE");
	CHECK_STR(out.allow, "POST, GET, HEAD");
	refused("POST", "/job/status", NULL, 405, "METHOD_NOT_ALLOWED", "GET");
	CHECK_STR(out.allow, "GET, HEAD");
	call("HEAD", "/healthz", NULL);
	CHECK_INT(out.status, 200);
	CHECK_STR(out.allow, "");
}

TEST(bodies)
{
	static char large[5000];

	memset(large, ' ', sizeof(large) - 1);
	refused("POST", "/job/submit", large, 413, "BODY_TOO_LARGE", "4999");
	refused("POST", "/job/submit", "", 400, "BAD_JSON", "empty");
	refused("POST", "/job/submit", "{\n\"a\": }", 400, "BAD_JSON", "line 2 column 6");
	refused("POST", "/job/submit", "[1]", 400, "NOT_AN_OBJECT", "object");
	refused("POST", "/job/submit", "{\"a\":1,\"a\":2}", 400, "BAD_JSON", "duplicate");
}

TEST(types)
{
	static const char *const bad[] = { "", "text/plain", "application/jsonx", "application/x-www-form-urlencoded" };
	static const char *const good[] = { "application/json", "Application/JSON; charset=utf-8", "application/json ;x" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(bad); i++) {
		req.content_type = bad[i];
		req.body = "{}";
		req.body_len = 2;
		req.method = "POST";
		req.target = "/job/kill";
		route_handle(&req, &out);
		CHECK_INT(out.status, 415);
	}
	for (size_t i = 0; i < PET_ARRAY_SIZE(good); i++) {
		req.content_type = good[i];
		route_handle(&req, &out);
		CHECK_INT(out.status, 400);
	}
}

TEST(users)
{
	req.authorization = "Bearer x.y.z";
	refused("GET", "/api/v1/missions", NULL, 401, "BAD_TOKEN", "base64url");
	req.authorization = "Basic eDp5";
	refused("GET", "/api/v1/missions", NULL, 401, "BAD_TOKEN", "Bearer <token>");
	req.authorization = "";
	api.anonymous = 0;
	refused("GET", "/api/v1/missions", NULL, 401, "TOKEN_MISSING", "PET_ANONYMOUS");
	refused("POST", "/job/submit", "{}", 401, "TOKEN_MISSING", "PET_ANONYMOUS");
	call("GET", "/healthz", NULL);
	CHECK_INT(out.status, 200);
	api.anonymous = 1;
}

static const struct { const char *body; int status; const char *code, *part; } bad_submits[] = {
	{ "{}", 400, "MISSING_FIELD", "mission_name" },
	{ "{'mission_name': 'psi'}", 400, "MISSING_FIELD", "mission_params" },
	{ "{'misson_name': 'psi'}", 400, "UNKNOWN_FIELD", "did you mean 'mission_name'" },
	{ "{" PSI ", 'mission_version': 'newest'}", 400, "BAD_FIELD", "latest" },
	{ "{" PSI ", 'mission_version': 0}", 400, "BAD_FIELD", "mission_version" },
	{ "{" PSI ", 'mission_version': 2}", 404, "NO_SUCH_MISSION", "there is 1" },
	{ "{'mission_name': 'pis', " PARAMS "}", 404, "NO_SUCH_MISSION", "did you mean 'psi'" },
	{ "{'mission_name': 'leiden', " PARAMS "}", 400, "OPERATOR_NOT_INSTALLED", "leiden" },
	{ "{" PSI ", 'priority': 101}", 400, "BAD_FIELD", "-100 to 100" },
	{ "{" PSI ", 'timeout_seconds': 0}", 400, "BAD_FIELD", "timeout_seconds" },
	{ "{" PSI ", 'timeout_seconds': 1.5}", 400, "BAD_FIELD", "timeout_seconds" },
	{ "{" PSI ", 'max_retries': -1}", 400, "BAD_FIELD", "max_retries" },
	{ "{" PSI ", 'dry_run': 'yes'}", 400, "BAD_FIELD", "dry_run" },
	{ "{" PSI ", 'job_id': '../etc'}", 400, "BAD_FIELD", "job_id" },
	{ "{" PSI ", 'job_id': 'j_short'}", 400, "BAD_FIELD", "job_id" },
	{ "{" PSI ", 'main_party': 'party_c'}", 400, "BAD_FIELD", "party_a or party_b" },
	{ "{" PSI ", 'main_party': 'X'}", 400, "BAD_FIELD", "main_party" },
	{ "{" PSI ", 'parties': {'party_a': 'party_a', 'party_b': 'bank'}}", 400, "UNKNOWN_PARTY", "parties.party_b" },
	{ "{" PSI ", 'parties': {'party_a': 'party_b', 'party_b': 'party_c'}}", 400, "BAD_PARTIES", "party_a" },
	{ "{" PSI ", 'parties': {'party_a': 'party_a', 'party_b': 'party_a'}}", 400, "BAD_PARTIES", "party_a" },
	{ "{" PSI ", 'parties': []}", 400, "BAD_FIELD", "role -> party" },
	{ "{'mission_name': 'psi', 'mission_params': {" A "}}", 400, "MISSING_PARAMETER", "party_b" },
	{ "{'mission_name': 'psi', 'mission_params': {'receivr': 'both', " A ", " B "}}", 400, "UNKNOWN_PARAMETER", "receiver" },
	{ "{'mission_name': 'psi', 'mission_params': {'receiver': 'me', " A ", " B "}}", 400, "BAD_PARAMETER", "receiver" },
	{ "{'mission_name': 'psi', 'mission_params': {" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': '../x'}}}}",
	  400, "BAD_PATH", "mission_params.party_b.inputs.data" },
	{ "{'mission_name': 'psi', 'mission_params': {" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': '/etc/passwd'}}}}",
	  400, "BAD_PATH", "absolute" },
	{ "{'mission_name': 'psi', 'mission_params': {" A ", 'party_b': {'column_name': 'id', 'inputs': {'data': 'x'}, 'outputs': {'data': 'd/'}}}}",
	  400, "BAD_PATH", "mission_params.party_b.outputs.data" },
};

TEST(submits_refused)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(bad_submits); i++) {
		refused("POST", "/job/submit", js(bad_submits[i].body), bad_submits[i].status,
			bad_submits[i].code, bad_submits[i].part);
		refused("POST", "/api/v1/jobs", js(bad_submits[i].body), bad_submits[i].status,
			bad_submits[i].code, bad_submits[i].part);
	}
	CHECK_INT(fake.inserts, 0);
}

TEST(submits)
{
	const char *text = call("POST", "/job/submit", js("{" PSI "}"));

	CHECK_INT(out.status, 200);
	CHECK_HAS(text, "\"job_id\": \"j_");
	CHECK_INT(fake.inserts, 1);
	CHECK_INT(fake.last.groups, 1);
	CHECK_INT(fake.last.tasks, 2);
	CHECK_STR(fake.last.peer, "party_b");
	CHECK_STR(fake.last.main_party, "party_a");
	CHECK_STR(fake.last.args_other, "{}");
	CHECK_HAS(fake.last.args_own, "a.csv");
	CHECK_INT(fake.last.head.max_retries, 2);
	text = call("POST", "/job/submit", js("{" PSI ", 'job_id': '" FAKE_JOB "', 'main_party': 'party_b', 'priority': -3,"
					      " 'timeout_seconds': 9, 'max_retries': 0, 'mission_version': 'latest'}"));
	CHECK_HAS(text, FAKE_JOB);
	CHECK_STR(fake.last.job_id, FAKE_JOB);
	CHECK_STR(fake.last.main_party, "party_b");
	CHECK_INT(fake.last.head.priority, -3);
	CHECK_INT(fake.last.head.timeout_seconds, 9);
	CHECK_INT(fake.last.head.max_retries, 0);
	CHECK(strstr(fake.last.request, "job_id") == NULL);
	text = call("POST", "/job/submit", js("{" PSI ", 'dry_run': true}"));
	CHECK_HAS(text, "\"dry_run\": true");
	CHECK_HAS(text, "psi_b");
	CHECK_INT(fake.inserts, 2);
	text = call("POST", "/job/submit", js("{" PSI ", 'parties': {'party_a': 'party_c', 'party_b': 'party_a'}}"));
	CHECK_INT(out.status, 200);
	CHECK_STR(fake.last.peer, "party_c");
	CHECK_HAS(fake.last.args_own, "b.csv");
}

TEST(same_body_same_digest)
{
	unsigned char first[32];

	call("POST", "/job/submit", js("{'mission_name': 'psi', 'priority': 1, " PARAMS "}"));
	memcpy(first, fake.last.head.request_digest, 32);
	call("POST", "/job/submit", js("{" PARAMS ", 'priority': 1,  'mission_name': 'psi', 'job_id': '" FAKE_JOB "'}"));
	CHECK(memcmp(first, fake.last.head.request_digest, 32) == 0);
	call("POST", "/job/submit", js("{" PARAMS ", 'priority': 2,  'mission_name': 'psi'}"));
	CHECK(memcmp(first, fake.last.head.request_digest, 32) != 0);
}

TEST(database_answers)
{
	fake.rc = ERR_CONFLICT;
	refused("POST", "/job/kill", "{\"job_id\": \"" FAKE_JOB "\"}", 409, "WRONG_STATE", "finished");
	fake.rc = ERR_DB;
	refused("POST", "/job/submit", js("{" PSI "}"), 503, "DATABASE_AWAY", "try again");
	CHECK(out.retry_after > 0);
	refused("GET", "/job/status?job_id=" FAKE_JOB, NULL, 503, "DATABASE_AWAY", "try again");
	fake.rc = ERR_BUSY;
	refused("POST", "/job/rerun", "{\"job_id\": \"" FAKE_JOB "\"}", 503, "MAIN_PARTY_AWAY", "main party");
	fake.rc = ERR_INTERNAL;
	refused("GET", "/job/status?job_id=" FAKE_JOB, NULL, 500, "INTERNAL", "log");
	fake.rc = 0;
	req.db = NULL;
	req.method = "GET";
	req.target = "/api/v1/missions";
	route_handle(&req, &out);
	CHECK_INT(out.status, 503);
}

/* A body is printed again only when the revision is another one, or the status depends on more than that. */
TEST(status_from_cache)
{
	static struct status_cache cache;
	char first[4096];

	req.cache = &cache;
	fake.status = "RUNNING";
	fake.rev = 5;
	fake.loads = 0;
	snprintf(first, sizeof(first), "%s", call("GET", "/job/status?job_id=" FAKE_JOB, NULL));
	CHECK_INT(fake.loads, 1);
	CHECK_STR(call("GET", "/job/status?job_id=" FAKE_JOB, NULL), first);
	CHECK_INT(fake.loads, 1);
	call("GET", "/job/status?wait=10&job_id=" FAKE_JOB, NULL);
	CHECK_STR(out.wait.job_id, FAKE_JOB);
	CHECK_INT(out.wait.rev, 5);
	CHECK_INT(fake.loads, 1);
	fake.rev = 6;
	CHECK_HAS(call("GET", "/job/status?job_id=" FAKE_JOB, NULL), "\"rev\": 6");
	CHECK_INT(fake.loads, 2);
	fake.status = "SUCCESS";
	fake.rev = 7;
	call("GET", "/job/status?job_id=" FAKE_JOB, NULL);
	call("GET", "/job/status?wait=10&job_id=" FAKE_JOB, NULL);
	CHECK_STR(out.wait.job_id, "");
	CHECK_INT(fake.loads, 3);
	refused("GET", "/job/status?job_id=j_00000000000000000", NULL, 404, "JOB_NOT_FOUND", "j_0");
	fake.rc = ERR_DB;
	refused("GET", "/job/status?job_id=" FAKE_JOB, NULL, 503, "DATABASE_AWAY", "try again");
	fake.rc = 0;
	/* What somebody changed by hand, without a new revision, is seen after a while. */
	for (size_t i = 0; i < STATUS_CACHE_SLOTS; i++)
		cache.slot[i].at_ms -= STATUS_CACHE_MS;
	call("GET", "/job/status?job_id=" FAKE_JOB, NULL);
	CHECK_INT(fake.loads, 4);
	fake.derived = 1;
	fake.rev = 8;
	call("GET", "/job/status?job_id=" FAKE_JOB, NULL);
	call("GET", "/job/status?job_id=" FAKE_JOB, NULL);
	CHECK_INT(fake.loads, 6);
	fake.derived = 0;
	status_cache_fini(&cache);
	req.cache = NULL;
}

TEST(status)
{
	const char *text;

	fake.status = "RUNNING";
	fake.rev = 5;
	text = call("GET", "/job/status?job_id=" FAKE_JOB, NULL);
	CHECK_INT(out.status, 200);
	CHECK_HAS(text, "\"progress\": \"37.50%\"");
	CHECK_HAS(text, "\"task_status\": {\"psi_a\": \"FAILED\", \"psi_b\": \"RUNNING\"}");
	CHECK_HAS(text, "\"start_time\": \"2026-01-02T03:04:05.000000Z\"");
	CHECK_HAS(text, "\"end_time\": null");
	CHECK_HAS(text, "line 3 says \\\"x\\\"\\n?");
	CHECK_STR(out.wait.job_id, "");
	call("GET", "/job/status?wait=10&job_id=" FAKE_JOB, NULL);
	CHECK_STR(out.wait.job_id, FAKE_JOB);
	CHECK_INT(out.wait.rev, 5);
	CHECK(out.wait.until_ms > util_mono_ms() + 5000 && out.wait.until_ms <= util_mono_ms() + 10000);
	call("GET", "/job/status?wait=86400&job_id=" FAKE_JOB, NULL);
	CHECK(out.wait.until_ms <= util_mono_ms() + API_WAIT_MAX_S * 1000);
	call("GET", "/job/status?wait=10&rev=4&job_id=" FAKE_JOB, NULL);
	CHECK_STR(out.wait.job_id, "");
	fake.status = "SUCCESS";
	call("GET", "/job/status?wait=10&job_id=" FAKE_JOB, NULL);
	CHECK_STR(out.wait.job_id, "");
	refused("GET", "/job/status", NULL, 400, "MISSING_FIELD", "job_id");
	refused("GET", "/job/status?job=1", NULL, 400, "UNKNOWN_FIELD", "job_id");
	refused("GET", "/job/status?job_id=%zz", NULL, 400, "BAD_QUERY", "escape");
	refused("GET", "/job/status?job_id=' OR 1=1", NULL, 404, "JOB_NOT_FOUND", "OR");
	refused("GET", "/job/status?job_id=j_00000000000000000", NULL, 404, "JOB_NOT_FOUND", "j_0");
	refused("GET", "/job/status?wait=-1&job_id=" FAKE_JOB, NULL, 400, "BAD_FIELD", "wait");
}

TEST(kill_and_rerun)
{
	fake.kills = fake.reruns = 0;
	call("POST", "/job/kill", "{\"job_id\": \"" FAKE_JOB "\"}");
	CHECK_INT(out.status, 200);
	call("POST", "/api/v1/jobs/" FAKE_JOB "/cancel", NULL);
	CHECK_INT(out.status, 200);
	CHECK_INT(fake.kills, 2);
	call("POST", "/job/rerun", "{\"job_id\": \"" FAKE_JOB "\"}");
	call("POST", "/api/v1/jobs/" FAKE_JOB "/rerun", "{}");
	CHECK_INT(out.status, 200);
	CHECK_INT(fake.reruns, 2);
	refused("POST", "/job/kill", "{\"job_id\": \"nonsense\"}", 404, "JOB_NOT_FOUND", "nonsense");
	refused("POST", "/job/kill", "{\"job_id\": 7}", 400, "BAD_FIELD", "job_id");
	refused("POST", "/job/rerun", "{\"job\": \"x\"}", 400, "UNKNOWN_FIELD", "job_id");
	refused("POST", "/api/v1/jobs/x/cancel", NULL, 404, "JOB_NOT_FOUND", "x");
	CHECK_INT(fake.kills + fake.reruns, 4);
}

TEST(rest)
{
	const char *text = call("GET", "/api/v1/jobs?limit=2&status=INIT&hours=3", NULL);

	CHECK_HAS(text, "\"cursor\": 8");
	text = call("GET", "/api/v1/jobs?limit=3", NULL);
	CHECK_HAS(text, "\"cursor\": null");
	refused("GET", "/api/v1/jobs?limit=0", NULL, 400, "BAD_FIELD", "limit");
	refused("GET", "/api/v1/jobs?status=DONE", NULL, 400, "BAD_FIELD", "CANCELED");
	text = call("GET", "/api/v1/jobs/" FAKE_JOB, NULL);
	CHECK_HAS(text, "\"job_status\": \"SUCCESS\"");
	CHECK_HAS(text, "\"task_details\": [{\"name\": \"psi_a\", \"status\": \"FAILED\"");
	text = call("GET", "/api/v1/jobs/" FAKE_JOB "/tasks/psi_a/log?tail=2", NULL);
	CHECK_HAS(text, "\"log\": \"two\\nthree\\n\"");
	text = call("GET", "/api/v1/jobs/" FAKE_JOB "/tasks/psi_a/log", NULL);
	CHECK_HAS(text, "\"log\": \"one\\ntwo\\nthree\\n\"");
	refused("GET", "/api/v1/jobs/" FAKE_JOB "/tasks/none/log", NULL, 404, "NO_SUCH_TASK", "none");
	text = call("GET", "/api/v1/missions", NULL);
	CHECK_HAS(text, "\"available\": false");
	text = call("GET", "/api/v1/missions/psi?version=1", NULL);
	CHECK_HAS(text, "\"column_name\"");
	refused("GET", "/api/v1/missions/none", NULL, 404, "NO_SUCH_MISSION", "none");
}

TEST(health)
{
	call("GET", "/healthz", NULL);
	CHECK_INT(out.status, 200);
	refused("GET", "/readyz", NULL, 503, "GATEWAY_AWAY", "\"scheduler\": true");
	fake.socket_scheme = 1;
	call("GET", "/readyz", NULL);
	CHECK_INT(out.status, 200);
	fake.socket_scheme = 0;
	fake.sched_age = 11;
	refused("GET", "/readyz", NULL, 503, "SCHEDULER_AWAY", "\"database\": true");
	fake.rc = ERR_DB;
	refused("GET", "/readyz", NULL, 503, "DATABASE_AWAY", "\"database\": false");
	fake.rc = 0;
	fake.sched_age = 0;
}

static char bearer_text[TOKEN_NODE_MAX + 16];

static void sign(const char *method, const char *target, const char *body)
{
	struct token_request r = { method, target, body, strlen(body) };

	strcpy(bearer_text, "Bearer ");
	CHECK_INT(token_node_make(bearer_text + 7, key_b, "party_b", "party_a", &r), 0);
	req.authorization = bearer_text;
}

TEST(nodes)
{
	static const struct { const char *method, *target, *kind; } node[] = {
		{ "POST", "/api/v1/peer/jobs", "submit" }, { "POST", "/api/v1/peer/jobs/kill", "kill" },
		{ "POST", "/api/v1/peer/jobs/rerun", "rerun" }, { "POST", "/api/v1/peer/groups/reserve", "reserve" },
		{ "POST", "/api/v1/peer/groups/release", "release" }, { "POST", "/api/v1/peer/groups/start", "start" },
		{ "POST", "/api/v1/peer/groups/commit", "commit" }, { "POST", "/api/v1/peer/reconcile", "reconcile" },
		{ "PATCH", "/api/v1/tasks/" FAKE_JOB "/psi_a", "task" },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(node); i++) {
		req.authorization = "";
		refused(node[i].method, node[i].target, "{}", 401, "TOKEN_MISSING", "Bearer");
		req.authorization = "Bearer ";
		refused(node[i].method, node[i].target, "{}", 401, "TOKEN_MISSING", "Bearer");
		req.authorization = "Bearer x.y.z";
		refused(node[i].method, node[i].target, "{}", 401, "BAD_TOKEN", "refused");
		sign(node[i].method, node[i].target, "{ }");
		refused(node[i].method, node[i].target, "{}", 401, "BAD_TOKEN", "another body");
		sign(node[i].method, "/api/v1/peer/other", "{}");
		refused(node[i].method, node[i].target, "{}", 401, "BAD_TOKEN", "another path");
		sign(node[i].method, node[i].target, "{}");
		fake.replayed = 1;
		refused(node[i].method, node[i].target, "{}", 401, "TOKEN_REPLAYED", "once");
		fake.replayed = 0;
		fake.peer_kind[0] = '\0';
		CHECK_HAS(call(node[i].method, node[i].target, "{}"), "accepted");
		CHECK_STR(fake.peer_kind, node[i].kind);
		CHECK_STR(fake.peer_sender, "party_b");
	}
	fake.rc = ERR_CONFLICT;
	sign("POST", "/api/v1/peer/jobs", "{}");
	fake.replayed = 0;
	refused("POST", "/api/v1/peer/jobs", "{}", 401, "TOKEN_REPLAYED", "once");
	fake.rc = 0;
	/* A node is no user. */
	sign("GET", "/api/v1/missions", "");
	refused("GET", "/api/v1/missions", NULL, 401, "BAD_TOKEN", "no key that this party accepts");
	req.authorization = "";
}

#define PEER_JOB(digest, submitter, a) "{'seq': 1, 'protocol': 1, 'job_id': '" FAKE_JOB "', 'mission_name': 'psi', 'mission_version': 1," \
	" 'mission_digest': '" digest "', 'main_party': 'party_b', 'submitter': '" submitter "', 'priority': 0, 'max_retries': 1," \
	" 'timeout_seconds': null, 'parties': {'party_a': 'party_a', 'party_b': 'party_b'}," \
	" 'request': {'mission_name': 'psi', 'mission_params': {" a ", " B "}}}"
#define DIGEST "abababababababababababababababababababababababababababababababab"
#define OTHER  "00ababababababababababababababababababababababababababababababab"

static void peer_job(const char *body, int status, const char *code)
{
	char text[8192], want[80];

	snprintf(text, sizeof(text), "%s", js(body));
	sign("POST", "/api/v1/peer/jobs", text);
	call("POST", "/api/v1/peer/jobs", text);
	CHECK_INT(out.status, status);
	snprintf(want, sizeof(want), "\"error_code\": \"%s\"", code);
	if (status != 200)
		CHECK_HAS(out.body.data, want);
	req.authorization = "";
}

static void grant(const char *input, const char *folder)
{
	snprintf(fake.grant[fake.grants].input_path, sizeof(fake.grant[0].input_path), "%s", input);
	snprintf(fake.grant[fake.grants++].output_dir, sizeof(fake.grant[0].output_dir), "%s", folder);
}

TEST(grants)
{
	fake.admit = 1;
	fake.grants = 0;
	peer_job(PEER_JOB(DIGEST, "party_b", A), 403, "NO_GRANT");
	CHECK(strstr(out.body.data, "a.csv") == NULL);
	grant("b.csv", "out");
	peer_job(PEER_JOB(DIGEST, "party_b", A), 403, "NO_GRANT");
	grant("a.csv", "");
	peer_job(PEER_JOB(DIGEST, "party_b", A), 403, "NO_GRANT");
	grant("a.csv", "data/ou");
	peer_job(PEER_JOB(DIGEST, "party_b", A), 403, "NO_GRANT");
	grant("data/a.csv", "data/out/");
	peer_job(PEER_JOB(DIGEST, "party_b", A), 200, "");
	CHECK_STR(fake.last.peer, "party_b");
	CHECK_STR(fake.last.main_party, "party_b");
	CHECK_HAS(fake.last.args_own, "a.csv");
	CHECK_STR(fake.last.args_other, "{}");
	peer_job(PEER_JOB(OTHER, "party_b", A), 409, "OTHER_MISSION");
	peer_job(PEER_JOB(DIGEST, "party_c", A), 403, "NOT_ALLOWED");
	/* Naming the wanted file as output too must not make it readable. */
	peer_job(PEER_JOB(DIGEST, "party_b", "'party_a': {'column_name': 'id', 'inputs': {'data': 'out/x'}, 'outputs': {'data': 'out/x'}}"),
		 403, "NO_GRANT");
	peer_job(PEER_JOB(DIGEST, "party_b", "'party_a': {'column_name': 'id', 'inputs': {'data': '${job_context.mission_params.party_a.column_name}'}}"),
		 403, "NO_GRANT");
	peer_job("{'job_id': '" FAKE_JOB "'}", 400, "MISSING_FIELD");
	fake.admit = 0;
}

TEST(grant_rules)
{
	static const struct { const char *path, *rule; int covers; } cover[] = {
		{ "a.csv", "a.csv", 1 }, { "a.csv", "data/a.csv", 1 }, { "a.csv", "./a.csv", 1 }, { "a.csv", "*", 1 },
		{ "d/a.csv", "d/*", 1 }, { "d/e/a.csv", "d/*", 1 }, { "d/a.csv", "data/d/*", 1 }, { "x", "data/*", 1 },
		{ "a.csv", "", 0 }, { "a.csv", "a.cs", 0 }, { "a.csv", "a.csvx", 0 }, { "dx/a.csv", "d/*", 0 },
		{ "d", "d/*", 0 }, { "a.csv", "/a.csv", 0 }, { "a.csv", "../*", 0 }, { "etc/x", "/etc/*", 0 }, { "x", "/*", 0 },
		{ "a.csv", "a*", 0 },
	};
	static const struct { const char *path, *folder; int holds; } hold[] = {
		{ "out/x", "out", 1 }, { "out/x", "out/", 1 }, { "out/y/x", "out", 1 }, { "x", ".", 1 }, { "x", "data/", 1 },
		{ "x", "data", 1 }, { "out/x", "data/out", 1 }, { "x", "", 0 }, { "outx", "out", 0 }, { "out", "out", 0 },
		{ "out/x", "/out", 0 }, { "out/x", "../out", 0 }, { "x", "/", 0 },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(cover); i++) {
		CHECK_INT(grant_covers(cover[i].path, cover[i].rule), cover[i].covers);
		if (test_failed)
			printf("# %s covered by %s\n", cover[i].path, cover[i].rule);
	}
	for (size_t i = 0; i < PET_ARRAY_SIZE(hold); i++) {
		CHECK_INT(grant_holds(hold[i].path, hold[i].folder), hold[i].holds);
		if (test_failed)
			printf("# %s held by %s\n", hold[i].path, hold[i].folder);
	}
}

TEST(texts)
{
	struct buf b = { 0 };

	CHECK_INT(reply_string(&b, "a\"\\\n\t\x7f\xc3\xa4\xff\xc0\xaf\xed\xa0\x80z\xe2\x82"), 0);
	CHECK_STR(b.data, "\"a\\\"\\\\\\n\\u0009\\u007f\xc3\xa4?????" "?z??\"");
	buf_free(&b);
	reply_free(&out);
	token_key_free(key_b);
	token_ring_free(api.ring);
	free(parties.party[1].public_key);
}

TEST_MAIN(CASE(matching), CASE(routing), CASE(bodies), CASE(types), CASE(users), CASE(submits_refused), CASE(submits),
	  CASE(same_body_same_digest), CASE(database_answers), CASE(status), CASE(status_from_cache), CASE(kill_and_rerun), CASE(rest), CASE(health),
	  CASE(nodes), CASE(grants), CASE(grant_rules), CASE(texts))
