#include "sched/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

#define REPLY_MAX (4 << 20)

struct http {
	struct sched *s;
	const struct party *peer;
	CURL *curl;
	struct buf reply;
	char path_prefix[256];	/* of the peer's url: part of what a token is bound to */
	char why[CURL_ERROR_SIZE + 64];
	char curl_why[CURL_ERROR_SIZE];
};

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;

	if (h->reply.len + size * n > REPLY_MAX || buf_add(&h->reply, data, size * n) != 0)
		return 0;
	return size * n;
}

static int is_loopback(const char *url)
{
	static const char *const hosts[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(hosts); i++) {
		size_t n = strlen(hosts[i]);

		if (strncmp(url, hosts[i], n) == 0 && (url[n] == ':' || url[n] == '/' || url[n] == '\0'))
			return 1;
	}
	return 0;
}

/* Only what the party file pins is trusted; several certificates make one bundle. */
static int pin(struct http *h)
{
	struct buf pem = { 0 };
	int rc = 0;

	for (size_t i = 0; i < h->peer->net_count; i++) {
		TRY(buf_str(&pem, h->peer->net[i].certificates));
		TRY(buf_str(&pem, "\n"));
	}
	struct curl_blob blob = { .data = pem.data, .len = pem.len, .flags = CURL_BLOB_COPY };

	rc = curl_easy_setopt(h->curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK &&
	     curl_easy_setopt(h->curl, CURLOPT_CAPATH, NULL) == CURLE_OK ? 0 : ERR_INTERNAL;
out:
	buf_free(&pem);
	return rc;
}

static void options(struct http *h)
{
	CURL *c = h->curl;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->s->conf.peer_timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->s->conf.peer_timeout_ms);
	curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->curl_why);
}

int http_new(struct http **out, struct sched *s, const struct party *peer, struct errmsg *em)
{
	struct http *h = calloc(1, sizeof(*h));
	const char *host = strstr(peer->url, "://"), *slash;
	int https = strncmp(peer->url, "https://", 8) == 0, rc = ERR_NOMEM;

	*out = NULL;
	if (!h)
		return ERR_NOMEM;
	h->s = s;
	h->peer = peer;
	if (!https && !is_loopback(peer->url)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "%s.petplatform.url is %s: plain http is for loopback only, use https",
				peer->name, peer->url);
		goto out;
	}
	slash = host ? strchr(host + 3, '/') : NULL;
	snprintf(h->path_prefix, sizeof(h->path_prefix), "%s", slash ? slash : "");
	h->curl = curl_easy_init();
	if (!h->curl)
		goto out;
	options(h);
	if (https)
		TRY(pin(h));
	*out = h;
	return 0;
out:
	http_free(h);
	return rc;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->curl)
		curl_easy_cleanup(h->curl);
	buf_free(&h->reply);
	free(h);
}

static struct curl_slist *headers(struct http *h, const char *method, const char *path, const char *body)
{
	char token[TOKEN_NODE_MAX], line[TOKEN_NODE_MAX + 32], full[1024];
	struct token_request req = { .method = method, .path = full, .body = body, .body_len = strlen(body) };
	struct curl_slist *list = NULL;

	snprintf(full, sizeof(full), "%s%s", h->path_prefix, path);
	if (!h->s->key || token_node_make(token, h->s->key, h->s->conf.party, h->peer->name, &req) != 0)
		return NULL;
	snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
	list = curl_slist_append(list, line);
	list = curl_slist_append(list, "Content-Type: application/json");
	/* No pause for "100 Continue" before a larger body. */
	return curl_slist_append(list, "Expect:");
}

static int perform(struct http *h, const char *method, const char *path, const char *body, struct curl_slist *list)
{
	char url[1024];
	CURLcode cc;

	snprintf(url, sizeof(url), "%s%s", h->peer->url, path);
	buf_clear(&h->reply);
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(h->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	h->curl_why[0] = '\0';
	cc = curl_easy_perform(h->curl);
	if (cc == CURLE_OK)
		return 0;
	snprintf(h->why, sizeof(h->why), "%s", h->curl_why[0] ? h->curl_why : curl_easy_strerror(cc));
	return ERR_PEER;
}

int http_call(struct http *h, const char *method, const char *path, const char *body, long *status, json_t **reply, const char **why)
{
	struct curl_slist *list = headers(h, method, path, body);
	int rc = ERR_INTERNAL;

	*reply = NULL;
	*why = h->why;
	*status = 0;
	if (!list) {
		snprintf(h->why, sizeof(h->why), "no token: is PET_NODE_KEY set?");
		return ERR_PEER;
	}
	TRY(perform(h, method, path, body, list));
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, status);
	*reply = json_loadb(h->reply.data ? h->reply.data : "", h->reply.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*reply)) {
		json_decref(*reply);
		*reply = NULL;
		snprintf(h->why, sizeof(h->why), "http %ld without a JSON object", *status);
		rc = ERR_PEER;
	}
out:
	curl_slist_free_all(list);
	return rc;
}
