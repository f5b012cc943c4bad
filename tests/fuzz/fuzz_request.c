/* Everything that a stranger can send the App Server, before a database is asked: body, query string, node token. */
#include "fuzz.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "base/jin.h"
#include "base/params.h"
#include "base/safepath.h"

static const char dag[] =
	"{\"meta\":{\"name\":\"psi\",\"version\":1},\"operators\":[{\"class\":\"psi\",\"name\":\"psi_a\",\"party\":\"party_a\"},"
	"{\"class\":\"psi\",\"name\":\"psi_b\",\"party\":\"party_b\"}]}";
static const char tables[] =
	"{\"psi\":{\"params\":{\"properties\":{\"column_name\":{\"type\":[\"string\",\"array\"],\"items\":{\"type\":\"string\"},"
	"\"x-party\":true},\"receiver\":{\"type\":\"string\",\"enum\":[\"both\"],\"x-party\":false}},\"required\":[\"column_name\"]},"
	"\"inputs\":{\"properties\":{\"data\":{\"type\":\"string\"}},\"required\":[\"data\"]},"
	"\"outputs\":{\"properties\":{\"data\":{\"type\":\"string\"}},\"required\":[]}}}";

static struct mission *mission;
static json_t *describe;
static struct token_ring *ring;

static void once(void)
{
	static struct party_file pf;

	if (mission)
		return;
	describe = json_loads(tables, 0, NULL);
	if (mission_parse_json(&mission, dag, sizeof(dag) - 1, NULL))
		abort();
	pf.count = 1;
	strcpy(pf.party[0].name, "party_b");
	if (!describe || token_ring_new(&ring, &pf, "party_a", NULL))
		abort();
}

/* Every refusal must come with a code and a sentence. */
static void judge(int rc, const struct errmsg *em)
{
	if (rc == ERR_INPUT && (!em->code[0] || !em->pub[0]))
		abort();
}

static void submit(const uint8_t *data, size_t size)
{
	struct errmsg em = { 0 };
	struct plan *plan = NULL;
	json_t *body = NULL;
	struct submit s;
	int rc;

	TRY(jin_parse(&body, data, size, &em));
	TRY(admit_read(&s, body, &em));
	TRY(params_check(mission, describe, s.mission_params, &em));
	TRY(plan_make(&plan, mission, s.mission_params, s.parties, "party_a", describe, &em));
out:
	judge(rc, &em);
	plan_free(plan);
	json_decref(body);
}

static void text(const char *s)
{
	static const struct jin_field none[] = { { .name = NULL } };
	struct token_request req = { "POST", "/", "", 0 };
	char clean[SAFEPATH_MAX], again[SAFEPATH_MAX];
	struct errmsg em = { 0 };
	struct token_node node;
	json_t *query = NULL;

	judge(jin_query(&query, none, s, &em), &em);
	json_decref(query);
	/* No key, no token: nothing may ever be accepted. */
	if (token_node_check(&node, ring, s, &req, &em) == 0)
		abort();
	/* Cleaning twice is cleaning once, but for a folder or file that is itself called data. */
	if (safepath_clean(s, clean, &em) == 0 && strncmp(clean, "data/", 5) != 0 && strcmp(clean, "data") != 0 &&
	    (safepath_clean(clean, again, &em) != 0 || strcmp(clean, again) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	once();
	submit(data, size);
	text(copy);
	free(copy);
	return 0;
}
