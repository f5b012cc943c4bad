/*
 * Who may call what: every route of routes.def × every kind of caller × whose
 * job it is. A route that has no rule here fails the test.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "api/status_cache.h"
#include "base/util.h"
#include "api_fake.h"
#include "test.h"

enum rule {
	OPEN,	/* everybody */
	PERSON,	/* any user; no job is named */
	JOB,	/* a user who may know of the job */
	PARTY,	/* another party's scheduler */
};

#define BODY "{\"job_id\": \"" FAKE_JOB "\"}"
#define SUBMIT "{\"mission_name\": \"psi\", \"mission_params\": {\"party_a\": {\"column_name\": \"id\", \"inputs\": {\"data\": \"a\"}}, " \
	"\"party_b\": {\"column_name\": \"id\", \"inputs\": {\"data\": \"b\"}}}}"

static const struct {
	const char *route;	/* method and pattern as in routes.def */
	enum rule rule;
	const char *target, *body;
} rules[] = {
	{ "POST /job/submit", PERSON, "/job/submit", SUBMIT },
	{ "GET /job/status", JOB, "/job/status?job_id=" FAKE_JOB, "" },
	{ "POST /job/kill", JOB, "/job/kill", BODY },
	{ "POST /job/rerun", JOB, "/job/rerun", BODY },
	{ "POST /api/v1/jobs", PERSON, "/api/v1/jobs", SUBMIT },
	{ "GET /api/v1/jobs", PERSON, "/api/v1/jobs", "" },
	{ "GET /api/v1/jobs/<>", JOB, "/api/v1/jobs/" FAKE_JOB, "" },
	{ "POST /api/v1/jobs/<>/cancel", JOB, "/api/v1/jobs/" FAKE_JOB "/cancel", "" },
	{ "POST /api/v1/jobs/<>/rerun", JOB, "/api/v1/jobs/" FAKE_JOB "/rerun", "" },
	{ "GET /api/v1/jobs/<>/tasks/<>/log", JOB, "/api/v1/jobs/" FAKE_JOB "/tasks/psi_a/log", "" },
	{ "GET /api/v1/missions", PERSON, "/api/v1/missions", "" },
	{ "GET /api/v1/missions/<>", PERSON, "/api/v1/missions/psi", "" },
	{ "POST /api/v1/peer/jobs", PARTY, "/api/v1/peer/jobs", "{}" },
	{ "POST /api/v1/peer/jobs/kill", PARTY, "/api/v1/peer/jobs/kill", "{}" },
	{ "POST /api/v1/peer/jobs/rerun", PARTY, "/api/v1/peer/jobs/rerun", "{}" },
	{ "POST /api/v1/peer/groups/reserve", PARTY, "/api/v1/peer/groups/reserve", "{}" },
	{ "POST /api/v1/peer/groups/release", PARTY, "/api/v1/peer/groups/release", "{}" },
	{ "POST /api/v1/peer/groups/start", PARTY, "/api/v1/peer/groups/start", "{}" },
	{ "POST /api/v1/peer/groups/commit", PARTY, "/api/v1/peer/groups/commit", "{}" },
	{ "POST /api/v1/peer/reconcile", PARTY, "/api/v1/peer/reconcile", "{}" },
	{ "PATCH /api/v1/tasks/<>/<>", PARTY, "/api/v1/tasks/" FAKE_JOB "/psi_a", "{}" },
	{ "GET /healthz", OPEN, "/healthz", "" },
	{ "GET /readyz", OPEN, "/readyz", "" },
};

static const struct {
	const char *method, *path;
} routes[] = {
#define ROUTE(method, path, function, who, body) { method, path },
#include "api/routes.def"
#undef ROUTE
};

enum caller { NOBODY, ANONYMOUS, OWNER, OTHER, ADMIN, REVOKED, OLD_TOKEN, NODE_ROLE, UNKNOWN, BAD, PEER, CALLERS };
static const char *const caller_name[CALLERS] = { "nobody", "anonymous", "the owner", "another operator", "an admin", "a revoked user",
	"a token of before a rotation", "a user of role node", "a user without a row", "a token of another key", "another party" };

enum job { OWN, PEERS, JOBS };	/* alice's, submitted here; one that party_b submitted */

static struct party_file parties;
static struct api api = { .self = "party_a", .pf = &parties, .run_dir = "/nonexistent", .body_max = 4096, .threads = 2, .waiters = 4 };
static struct token_key *own, *stranger, *party_b;
static struct reply out;
static struct status_cache *shared;

static char *text_of(BIO *bio)
{
	char *data, *text;
	long n = BIO_get_mem_data(bio, &data);

	text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static char *make_key(struct token_key **key)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *priv = BIO_new(BIO_s_mem()), *pub = BIO_new(BIO_s_mem());
	char *text;

	PEM_write_bio_PrivateKey(priv, k, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_PUBKEY(pub, k);
	text = text_of(priv);
	CHECK_INT(token_key_parse(key, text, NULL), 0);
	free(text);
	EVP_PKEY_free(k);
	return text_of(pub);
}

static void setup(void)
{
	char *pub = make_key(&own);

	CHECK_INT(usertoken_ring_new(&api.users, pub, NULL, 1000000, NULL), 0);
	free(pub);
	free(make_key(&stranger));
	strcpy(parties.party[0].name, "party_a");
	strcpy(parties.party[1].name, "party_b");
	parties.party[1].public_key = make_key(&party_b);
	parties.count = 2;
	CHECK_INT(token_ring_new(&api.ring, &parties, "party_a", NULL), 0);
	setenv("PET_RUN_DIR", "/nonexistent", 1);
	fake.socket_scheme = 1;
	fake.status = "RUNNING";
}

/* The caller's row in api_user, and the credential. */
static const char *credential(enum caller who, const char *method, const char *target, const char *body)
{
	static const struct { const char *name; enum user_role role; int row, revoked; } user[CALLERS] = {
		[OWNER] = { "alice", USER_OPERATOR, 1, 0 }, [OTHER] = { "bob", USER_OPERATOR, 1, 0 },
		[ADMIN] = { "root", USER_ADMIN, 1, 0 }, [REVOKED] = { "alice", USER_OPERATOR, 1, 1 },
		[OLD_TOKEN] = { "alice", USER_OPERATOR, 1, 0 }, [NODE_ROLE] = { "alice", USER_NODE, 1, 0 },
		[UNKNOWN] = { "alice", USER_ADMIN, 0, 0 }, [BAD] = { "alice", USER_ADMIN, 1, 0 },
	};
	static struct buf b;
	int64_t now = util_wall_us() / 1000000;

	memset(&fake.user, 0, sizeof(fake.user));
	buf_clear(&b);
	if (who == NOBODY || who == ANONYMOUS)
		return "";
	CHECK_INT(buf_str(&b, "Bearer "), 0);
	if (who == PEER) {
		struct token_request bound = { method, target, body, strlen(body) };
		char token[TOKEN_NODE_MAX];

		CHECK_INT(token_node_make(token, party_b, "party_b", "party_a", &bound), 0);
		CHECK_INT(buf_str(&b, token), 0);
		return b.data;
	}
	if (user[who].row)
		strcpy(fake.user.name, user[who].name);
	fake.user.role = user[who].role;
	fake.user.revoked = user[who].revoked;
	fake.user.tokens_from = who == OLD_TOKEN ? now + 1 : 0;
	CHECK_INT(usertoken_make(&b, who == BAD ? stranger : own, user[who].name, now, now + 60), 0);
	return b.data;
}

static int ask(enum caller who, const char *method, const char *target, const char *body)
{
	const char *q = strchr(target, '?');
	struct request req = {
		.api = &api, .db = (struct db *)&fake, .cache = shared, .method = method, .target = target, .query = q ? q + 1 : "",
		.content_type = "application/json", .body = body, .body_len = strlen(body),
	};

	api.anonymous = who == ANONYMOUS;
	req.authorization = credential(who, method, target, body);
	route_handle(&req, &out);
	return out.status;
}

/* 200, or the status of the refusal. */
static int expected(enum rule rule, enum caller who, enum job job)
{
	if (rule == OPEN)
		return 200;
	if (rule == PARTY)
		return who == PEER ? 200 : 401;
	switch (who) {
	case ADMIN:
		return 200;
	case OWNER:
		return rule == JOB && job == PEERS ? 404 : 200;
	case OTHER:
		return rule == JOB ? 404 : 200;
	case ANONYMOUS:
		return rule == JOB && job == OWN ? 404 : 200;
	case NODE_ROLE:
		return 403;
	default:
		return 401;
	}
}

static size_t find_rule(const char *method, const char *path)
{
	char name[128];
	size_t i = 0;

	snprintf(name, sizeof(name), "%s %s", method, path);
	while (i < PET_ARRAY_SIZE(rules) && strcmp(rules[i].route, name) != 0)
		i++;
	if (i == PET_ARRAY_SIZE(rules)) {
		test_failed = 1;
		printf("# %s has no rule in this test: who may call it?\n", name);
	}
	return i;
}

TEST(every_route)
{
	setup();
	for (size_t i = 0; i < PET_ARRAY_SIZE(routes); i++) {
		size_t r = find_rule(routes[i].method, routes[i].path);

		for (int n = 0; r < PET_ARRAY_SIZE(rules) && n < CALLERS * JOBS; n++) {
			enum caller who = n / JOBS;
			enum job job = n % JOBS;
			int acts, want = expected(rules[r].rule, who, job), got;

			fake.owner = job == OWN ? "alice" : "party_b";
			fake.submitter = job == OWN ? "party_a" : "party_b";
			acts = fake.kills + fake.reruns + fake.inserts + fake.loads;
			got = ask(who, routes[i].method, rules[r].target, rules[r].body);
			if (got != want) {
				test_failed = 1;
				printf("# %s %s by %s, %s job: %d, want %d: %s", routes[i].method, routes[i].path, caller_name[who],
				       job == OWN ? "alice's" : "party_b's", got, want, out.body.data);
			}
			/* A refusal has changed nothing. */
			if (got != 200 && strcmp(routes[i].method, "GET") != 0)
				CHECK_INT(fake.kills + fake.reruns + fake.inserts + fake.loads, acts);
		}
	}
	CHECK_INT(PET_ARRAY_SIZE(rules), PET_ARRAY_SIZE(routes));
}

/* Another's job and no job at all: the same answer to the last byte. */
TEST(another_is_none)
{
	fake.owner = "alice";
	fake.submitter = "party_a";
	for (size_t r = 0; r < PET_ARRAY_SIZE(rules); r++) {
		char method[8], *theirs;

		if (rules[r].rule != JOB)
			continue;
		snprintf(method, sizeof(method), "%.*s", (int)strcspn(rules[r].route, " "), rules[r].route);
		CHECK_INT(ask(OTHER, method, rules[r].target, rules[r].body), 404);
		theirs = strdup(out.body.data);
		fake.status = NULL;
		fake.owner = fake.submitter = "\xff nobody";
		CHECK_INT(ask(OTHER, method, rules[r].target, rules[r].body), 404);
		CHECK_STR(out.body.data, theirs);
		fake.status = "RUNNING";
		fake.owner = "alice";
		fake.submitter = "party_a";
		free(theirs);
	}
}

/* A thread's cache holds bodies that others asked for: who may see one is asked before. */
TEST(cached)
{
	static struct status_cache cache;

	shared = &cache;
	fake.owner = "alice";
	fake.submitter = "party_a";
	CHECK_INT(ask(OWNER, "GET", "/job/status?job_id=" FAKE_JOB, ""), 200);
	fake.loads = 0;
	CHECK_INT(ask(OWNER, "GET", "/job/status?job_id=" FAKE_JOB, ""), 200);
	CHECK_INT(fake.loads, 0);
	CHECK_INT(ask(OTHER, "GET", "/job/status?job_id=" FAKE_JOB, ""), 404);
	CHECK_INT(ask(ANONYMOUS, "GET", "/job/status?job_id=" FAKE_JOB, ""), 404);
	CHECK_INT(ask(ADMIN, "GET", "/job/status?job_id=" FAKE_JOB, ""), 200);
	status_cache_fini(&cache);
	shared = NULL;
}

TEST(lists_and_owners)
{
	CHECK_INT(ask(OWNER, "GET", "/api/v1/jobs", ""), 200);
	CHECK_INT(fake.list_view.all + fake.list_view.peers, 0);
	CHECK_INT(ask(ADMIN, "GET", "/api/v1/jobs", ""), 200);
	CHECK_INT(fake.list_view.all, 1);
	CHECK_INT(ask(ANONYMOUS, "GET", "/api/v1/jobs", ""), 200);
	CHECK_INT(fake.list_view.all, 0);
	CHECK_INT(fake.list_view.peers, 1);
	CHECK_INT(ask(OTHER, "POST", "/api/v1/jobs", SUBMIT), 200);
	CHECK_STR(fake.last_owner, "bob");
	CHECK_INT(ask(ANONYMOUS, "POST", "/job/submit", SUBMIT), 200);
	CHECK_STR(fake.last_owner, "anonymous");
}

/* A party's user is no party: party_b here, by name, has nothing of party_b's. */
TEST(names_of_parties)
{
	struct job_view v = { .self = "party_a", .user = "party_b" };

	CHECK_INT(job_view_sees(&v, "party_b", "party_b"), 0);
	CHECK_INT(job_view_sees(&v, "party_b", "party_a"), 1);
	v.user = "anonymous";
	v.peers = 1;
	CHECK_INT(job_view_sees(&v, "party_b", "party_b"), 1);
	CHECK_INT(job_view_sees(&v, "alice", "party_a"), 0);
}

/* Anonymous with a credential is nobody; a party that is revoked, or not in the file, is refused before its body is read. */
TEST(parties)
{
	struct token_request bound = { "POST", "/api/v1/peer/jobs", "no json", 7 };
	char token[TOKEN_NODE_MAX + 8] = "Bearer ";
	struct request req = { .api = &api, .db = (struct db *)&fake, .method = "POST", .target = "/api/v1/peer/jobs", .query = "",
			       .content_type = "application/json", .body = "no json", .body_len = 7, .authorization = token };

	memset(&fake.user, 0, sizeof(fake.user));
	CHECK_INT(token_node_make(token + 7, party_b, "party_b", "party_a", &bound), 0);
	route_handle(&req, &out);
	CHECK_INT(out.status, 400);	/* let in, and then read */
	strcpy(fake.user.name, "party_b");
	fake.user.role = USER_NODE;
	fake.user.revoked = 1;
	route_handle(&req, &out);
	CHECK_INT(out.status, 401);
	CHECK_HAS(out.body.data, "TOKEN_REVOKED");
	fake.user.revoked = 0;
	fake.user.role = USER_ADMIN;	/* a row that is no party's gives a party no role */
	route_handle(&req, &out);
	CHECK_INT(out.status, 401);
	memset(&fake.user, 0, sizeof(fake.user));
	CHECK_INT(token_node_make(token + 7, stranger, "party_x", "party_a", &bound), 0);
	route_handle(&req, &out);
	CHECK_INT(out.status, 401);
	CHECK_HAS(out.body.data, "no public_key for its issuer");
	api.anonymous = 1;
	req.target = "/job/submit";
	route_handle(&req, &out);
	CHECK_INT(out.status, 401);
}

TEST(limits)
{
	fake.owner = "alice";
	fake.submitter = "party_a";
	fake.limit = 1;
	CHECK_INT(ask(OWNER, "POST", "/job/rerun", BODY), 429);
	CHECK_HAS(out.body.data, "LIMIT_QUEUED_JOBS");
	CHECK(out.retry_after > 0);
	CHECK_INT(ask(OWNER, "GET", "/job/status?job_id=" FAKE_JOB, ""), 200);
	CHECK_INT(ask(OWNER, "POST", "/job/kill", BODY), 200);
	fake.limit = 0;
	reply_free(&out);
	token_key_free(own);
	token_key_free(stranger);
	token_key_free(party_b);
	token_ring_free(api.ring);
	usertoken_ring_free(api.users);
	free(parties.party[1].public_key);
}

TEST_MAIN(CASE(every_route), CASE(another_is_none), CASE(cached), CASE(lists_and_owners), CASE(names_of_parties), CASE(parties), CASE(limits))
