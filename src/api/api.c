#include "api/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/buf.h"
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

/* A file's text; the error names the variable. */
static int conf_file(struct buf *out, const char *name, const char *path, struct errmsg *em)
{
	int rc = util_read_file(out, path, 1 << 16);

	if (rc == 0)
		return 0;
	return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "%s: cannot read %s: %s", name, path,
			  rc == ERR_IO ? strerror(errno) : "larger than 64 KiB");
}

/* PET_USER_KEYS, else this party's own public_key; PET_USER_SECRET_FILE for HS256, else none of that. */
static int load_user_keys(struct api *api, struct errmsg *em)
{
	const char *keys = conf_get("PET_USER_KEYS", NULL), *secret = conf_get("PET_USER_SECRET_FILE", NULL);
	struct buf key_text = { 0 }, secret_text = { 0 };
	struct errmsg why = { 0 };
	int64_t life_max;
	int rc;

	TRY(conf_int("PET_USER_TOKEN_LIFE_MAX", 366 * 86400, 60, INT64_C(100) * 366 * 86400, &life_max, em));
	if (keys)
		TRY(conf_file(&key_text, "PET_USER_KEYS", keys, em));
	if (secret)
		TRY(conf_file(&secret_text, "PET_USER_SECRET_FILE", secret, em));
	rc = usertoken_ring_new(&api->users, keys ? (key_text.len ? key_text.data : "-") : party_find(api->pf, api->self)->public_key,
				secret ? (secret_text.data ? secret_text.data : "") : NULL, life_max, &why);
	if (rc)
		errmsg_set(em, rc, "BAD_CONFIG", "%s: %s", strcmp(why.code, "BAD_SECRET") == 0 ? "PET_USER_SECRET_FILE" :
			   keys ? "PET_USER_KEYS" : "public_key of this party in CONFIG_FILE", why.local);
out:
	if (secret_text.data)
		explicit_bzero(secret_text.data, secret_text.cap);
	buf_free(&secret_text);
	buf_free(&key_text);
	return rc;
}

static int load_limits(struct api *api, struct errmsg *em)
{
	int rc;

	TRY(conf_int("PET_LIMIT_RUNNING_JOBS", 0, 0, INT32_MAX, &api->user_limits.running, em));
	TRY(conf_int("PET_LIMIT_QUEUED_JOBS", 0, 0, INT32_MAX, &api->user_limits.queued, em));
	TRY(conf_int("PET_LIMIT_BYTES_PER_DAY", 0, 0, INT64_MAX, &api->user_limits.bytes_day, em));
	TRY(conf_int("PET_PEER_LIMIT_RUNNING_JOBS", 0, 0, INT32_MAX, &api->peer_limits.running, em));
	TRY(conf_int("PET_PEER_LIMIT_QUEUED_JOBS", 0, 0, INT32_MAX, &api->peer_limits.queued, em));
	TRY(conf_int("PET_PEER_LIMIT_BYTES_PER_DAY", 0, 0, INT64_MAX, &api->peer_limits.bytes_day, em));
out:
	return rc;
}

/* Its own sentence names the file and the key in it; this one, the variable too. */
static int load_parties(struct api *api, struct errmsg *em)
{
	struct errmsg why = { 0 };
	int rc = party_file_load(&api->pf, conf_get("CONFIG_FILE", "/app/parties/party.json"), &why);

	if (rc == 0)
		rc = token_ring_new(&api->ring, api->pf, api->self, &why);
	return rc ? errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "CONFIG_FILE: %s", why.local) : 0;
}

int api_init(struct api *api, struct errmsg *em)
{
	int64_t body_max;
	int rc;

	memset(api, 0, sizeof(*api));
	TRY(conf_need("PARTY", &api->self, em));
	TRY(load_parties(api, em));
	if (!party_find(api->pf, api->self)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PARTY is '%.64s', which the party file does not name", api->self);
		goto out;
	}
	TRY(load_user_keys(api, em));
	TRY(load_limits(api, em));
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
	usertoken_ring_free(api->users);
	party_file_free(api->pf);
	memset(api, 0, sizeof(*api));
}
