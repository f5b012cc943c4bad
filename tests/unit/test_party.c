#include "base/party.h"

#include <unistd.h>

#include "base/conf.h"
#include "base/util.h"
#include "test.h"

static char dir[] = "/tmp/pet-test-XXXXXX";

static int load(const char *text, struct party_file **out, struct errmsg *em)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/party.json", dir);
	memset(em, 0, sizeof(*em));
	*out = NULL;
	CHECK_INT(util_write_file(path, text, strlen(text), 0600), 0);
	return party_file_load(out, path, em);
}

static void refused(const char *text, const char *part)
{
	struct party_file *pf;
	struct errmsg em;

	CHECK_INT(load(text, &pf, &em), ERR_INPUT);
	CHECK_HAS(em.local, "party.json");
	CHECK_HAS(em.local, part);
	CHECK(pf == NULL);
}

TEST(good)
{
	static const char text[] =
		"{\"party_a\": {\"petplatform\": {\"type\": 1, \"url\": \"http://127.0.0.1:1234/\"},"
		" \"petnet\": [{\"type\": 1, \"url\": \"127.0.0.1:1235\", \"certificates\": \"ca.pem\"}],"
		" \"public_key\": \"-----BEGIN PUBLIC KEY-----\\nx\\n-----END PUBLIC KEY-----\\n\"}}";
	struct party_file *pf;
	struct errmsg em;
	char path[128];

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/ca.pem", dir);
	CHECK_INT(util_write_file(path, "-----BEGIN CERTIFICATE-----\n", 28, 0600), 0);
	CHECK_INT(load(text, &pf, &em), 0);
	CHECK_INT(pf->count, 1);
	CHECK_STR(pf->party[0].url, "http://127.0.0.1:1234");
	CHECK_STR(pf->party[0].net[0].certificates, "-----BEGIN CERTIFICATE-----\n");
	CHECK(party_find(pf, "party_a") == &pf->party[0]);
	CHECK(party_find(pf, "party_b") == NULL);
	party_file_free(pf);
}

TEST(bad)
{
	refused("[]", "expected an object");
	refused("{", "line");
	refused("{\"p\":{}}", "p.petplatform");
	refused("{\"P!\":{}}", "a party's name");
	refused("{\"p\":{\"petplatfrom\":{}}}", "did you mean 'petplatform'");
	refused("{\"p\":{\"petplatform\":{\"url\":7}}}", "p.petplatform.url");
	refused("{\"p\":{\"petplatform\":{\"type\":2,\"url\":\"u\"}}}", "p.petplatform.type");
	refused("{\"p\":{\"petplatform\":{\"url\":\"u\"}}}", "p.petnet");
	refused("{\"p\":{\"petplatform\":{\"url\":\"u\"},\"petnet\":[]}}", "p.petnet");
	refused("{\"p\":{\"petplatform\":{\"url\":\"u\"},\"petnet\":[{\"url\":\"h:1\",\"certificates\":\"no.pem\"}]}}",
		"p.petnet[0].certificates");
}

TEST(configuration)
{
	char path[128];
	struct errmsg em;
	const char *v;
	int64_t n;

	snprintf(path, sizeof(path), "%s/pet.conf", dir);
	CHECK_INT(util_write_file(path, "# c\n\nPARTY = party_a\nQ=\"x y\"\r\nN=12x\nE=file\n", 44, 0600), 0);
	setenv("PET_CONF", path, 1);
	setenv("E", "env", 1);
	CHECK_INT(conf_init(&em), 0);
	CHECK_STR(conf_get("PARTY", NULL), "party_a");
	CHECK_STR(conf_get("Q", NULL), "x y");
	CHECK_STR(conf_get("E", NULL), "env");
	CHECK_STR(conf_get("NONE", "f"), "f");
	CHECK_INT(conf_need("NONE", &v, &em), ERR_INPUT);
	CHECK_HAS(em.local, "NONE");
	CHECK_INT(conf_int("NONE", 7, 1, 9, &n, &em), 0);
	CHECK_INT(n, 7);
	CHECK_INT(conf_int("N", 7, 1, 99, &n, &em), ERR_INPUT);
	CHECK_HAS(em.local, "12x");
	CHECK_INT(util_write_file(path, "A=1\nnonsense\n", 13, 0600), 0);
	CHECK_INT(conf_init(&em), ERR_INPUT);
	CHECK_HAS(em.local, "line 2");
	conf_fini();
	snprintf(path, sizeof(path), "rm -r %s", dir);
	CHECK_INT(system(path), 0);
}

TEST_MAIN(CASE(good), CASE(bad), CASE(configuration))
