#include "base/party.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"

int party_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= PARTY_NAME_MAX || name[0] < 'a' || name[0] > 'z')
		return ERR_INPUT;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return ERR_INPUT;
	}
	return 0;
}

/* Where a message points: file and JSON path. */
struct place {
	const char *file;
	char path[256];
};

static int bad(const struct place *at, const char *key, const char *what, struct errmsg *em)
{
	return errmsg_set(em, ERR_INPUT, "BAD_PARTY_FILE", "%s: %s%s%s: %s", at->file,
			  at->path, key ? "." : "", key ? key : "", what);
}

static int only_keys(const json_t *obj, const char *const *known, size_t count,
		     const struct place *at, struct errmsg *em)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)obj, key, value) {
		size_t i, best = 0;

		for (i = 0; i < count && strcmp(key, known[i]) != 0; i++)
			if (util_distance(key, known[i]) < util_distance(key, known[best]))
				best = i;
		if (i == count) {
			char what[160];

			snprintf(what, sizeof(what), "unknown key; did you mean '%s'?", known[best]);
			return bad(at, key, what, em);
		}
	}
	return 0;
}

static int take_string(char **out, const json_t *obj, const char *key,
		       const struct place *at, struct errmsg *em)
{
	const json_t *v = json_object_get(obj, key);

	if (!v)
		return bad(at, key, "is missing: expected a string", em);
	if (!json_is_string(v) || json_string_length(v) == 0)
		return bad(at, key, "expected a non-empty string", em);
	*out = strdup(json_string_value(v));
	return *out ? 0 : ERR_NOMEM;
}

/* PEM text, or the path of a file that holds it. */
static int take_pem(char **out, const json_t *obj, const char *key,
		    const struct place *at, struct errmsg *em)
{
	struct buf text = { 0 };
	char path[PATH_MAX], what[PATH_MAX + 64];
	const char *slash = strrchr(at->file, '/');
	char *given = NULL;
	int rc;

	TRY(take_string(&given, obj, key, at, em));
	if (strncmp(given, "-----BEGIN ", 11) == 0) {
		*out = given;
		return 0;
	}
	if (given[0] == '/' || !slash)
		snprintf(path, sizeof(path), "%s", given);
	else
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - at->file), at->file, given);
	rc = util_read_file(&text, path, 1 << 20);
	if (rc || !strstr(text.data, "-----BEGIN ")) {
		snprintf(what, sizeof(what), "expected PEM text or the path of a PEM file; %s: %s",
			 path, rc == ERR_IO ? strerror(errno) : "holds no PEM");
		rc = bad(at, key, what, em);
		goto out;
	}
	*out = text.data;
	text.data = NULL;
out:
	free(given);
	buf_free(&text);
	return rc;
}

/* `type` 1 is the only one there is; absent means 1. */
static int check_type(const json_t *obj, const struct place *at, struct errmsg *em)
{
	const json_t *v = json_object_get(obj, "type");

	if (v && (!json_is_integer(v) || json_integer_value(v) != 1))
		return bad(at, "type", "expected 1", em);
	return 0;
}

static int read_net(struct party *p, const json_t *list, struct place *at, struct errmsg *em)
{
	static const char *const known[] = { "type", "url", "certificates" };
	size_t base = strlen(at->path), i;
	json_t *item;
	int rc;

	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > PARTY_NET_MAX)
		return bad(at, "petnet", "expected a list of 1 to 16 gateways", em);
	json_array_foreach((json_t *)list, i, item) {
		snprintf(at->path + base, sizeof(at->path) - base, ".petnet[%zu]", i);
		if (!json_is_object(item))
			return bad(at, NULL, "expected an object", em);
		TRY(only_keys(item, known, PET_ARRAY_SIZE(known), at, em));
		TRY(check_type(item, at, em));
		TRY(take_string(&p->net[i].address, item, "url", at, em));
		p->net_count = i + 1;
		TRY(take_pem(&p->net[i].certificates, item, "certificates", at, em));
	}
	at->path[base] = '\0';
	rc = 0;
out:
	return rc;
}

static int read_party(struct party *p, const char *name, const json_t *obj,
		      struct place *at, struct errmsg *em)
{
	static const char *const known[] = { "petplatform", "petnet", "public_key" };
	static const char *const known_api[] = { "type", "url" };
	const json_t *api;
	size_t n;
	int rc;

	snprintf(at->path, sizeof(at->path), "%s", name);
	if (party_name_ok(name))
		return bad(at, NULL, "a party's name is a-z, 0-9, '_' or '-', starts with a letter and has at most 63 characters", em);
	if (!json_is_object(obj))
		return bad(at, NULL, "expected an object", em);
	TRY(only_keys(obj, known, PET_ARRAY_SIZE(known), at, em));
	snprintf(p->name, sizeof(p->name), "%s", name);
	api = json_object_get(obj, "petplatform");
	if (!json_is_object(api))
		return bad(at, "petplatform", "is missing: expected an object with 'url'", em);
	snprintf(at->path, sizeof(at->path), "%s.petplatform", name);
	TRY(only_keys(api, known_api, PET_ARRAY_SIZE(known_api), at, em));
	TRY(check_type(api, at, em));
	TRY(take_string(&p->url, api, "url", at, em));
	n = strlen(p->url);
	while (n && p->url[n - 1] == '/')
		p->url[--n] = '\0';
	snprintf(at->path, sizeof(at->path), "%s", name);
	if (json_object_get(obj, "public_key"))
		TRY(take_pem(&p->public_key, obj, "public_key", at, em));
	if (!json_object_get(obj, "petnet"))
		return bad(at, "petnet", "is missing: expected a list of gateways", em);
	TRY(read_net(p, json_object_get(obj, "petnet"), at, em));
	rc = 0;
out:
	return rc;
}

int party_file_load(struct party_file **out, const char *path, struct errmsg *em)
{
	struct buf text = { 0 };
	struct place at = { .file = path };
	struct party_file *pf = NULL;
	json_error_t je;
	json_t *root = NULL, *value;
	const char *name;
	int rc = util_read_file(&text, path, 4 << 20);

	if (rc) {
		errmsg_set(em, rc, "BAD_PARTY_FILE", "cannot read the party file %s: %s", path,
			   rc == ERR_IO ? strerror(errno) : "larger than 4 MiB");
		goto out;
	}
	root = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(root)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_PARTY_FILE", "%s line %d column %d: %s", path,
				root ? 1 : je.line, root ? 1 : je.column,
				root ? "expected an object of parties" : je.text);
		goto out;
	}
	pf = calloc(1, sizeof(*pf));
	if (!pf) {
		rc = ERR_NOMEM;
		goto out;
	}
	json_object_foreach(root, name, value) {
		if (pf->count == PARTY_MAX) {
			rc = errmsg_set(em, ERR_INPUT, "BAD_PARTY_FILE", "%s: more than %d parties",
					path, PARTY_MAX);
			goto out;
		}
		TRY(read_party(&pf->party[pf->count++], name, value, &at, em));
	}
	*out = pf;
	pf = NULL;
	rc = 0;
out:
	party_file_free(pf);
	json_decref(root);
	buf_free(&text);
	return rc;
}

void party_file_free(struct party_file *pf)
{
	if (!pf)
		return;
	for (size_t i = 0; i < pf->count; i++) {
		struct party *p = &pf->party[i];

		free(p->url);
		free(p->public_key);
		for (size_t j = 0; j < p->net_count; j++) {
			free(p->net[j].address);
			free(p->net[j].certificates);
		}
	}
	free(pf);
}

const struct party *party_find(const struct party_file *pf, const char *name)
{
	for (size_t i = 0; i < pf->count; i++)
		if (strcmp(pf->party[i].name, name) == 0)
			return &pf->party[i];
	return NULL;
}
