#include "api/api.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/util.h"

static int conf_number(int *out, const char *name, int64_t fallback, int64_t low, int64_t high,
		       struct errmsg *em)
{
	int64_t v;
	int rc = conf_int(name, fallback, low, high, &v, em);

	if (rc == 0)
		*out = (int)v;
	return rc;
}

int api_init(struct api *api, struct errmsg *em)
{
	int64_t body_max;
	int rc;

	memset(api, 0, sizeof(*api));
	TRY(conf_need("PARTY", &api->self, em));
	TRY(party_file_load(&api->pf, conf_get("CONFIG_FILE", "/app/parties/party.json"), em));
	if (!party_find(api->pf, api->self)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONF", "PARTY is '%.64s', which the party file does not name", api->self);
		goto out;
	}
	TRY(token_ring_new(&api->ring, api->pf, api->self, em));
	api->run_dir = conf_get("PET_RUN_DIR", "/run/petplatform");
	api->db_uri = conf_get("PLATFORM_DB_URI", "mysql://localhost/petplatform");
	TRY(conf_number(&api->anonymous, "PET_ANONYMOUS", 0, 0, 1, em));
	TRY(conf_number(&api->threads, "PET_API_THREADS", 8, 1, 64, em));
	TRY(conf_number(&api->waiters, "PET_API_WAITERS", 256, 0, 512, em));
	TRY(conf_int("PET_API_BODY_MAX", 1 << 20, 1024, 64 << 20, &body_max, em));
	api->body_max = (size_t)body_max;
	rc = 0;
out:
	if (rc)
		api_fini(api);
	return rc;
}

void api_fini(struct api *api)
{
	token_ring_free(api->ring);
	party_file_free(api->pf);
	memset(api, 0, sizeof(*api));
}
