#include "sched/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

#define REPLY_MAX (4 << 20)

/* A party's url, taken apart. */
struct place {
	int https;
	char authority[256];	/* host:port as it stands there, without a port of its own 443 or 80 is meant */
	char prefix[256];	/* the path before /api: part of what a token is bound to */
	char base[640];		/* what the paths are appended to */
};

struct http {
	struct sched *s;
	const struct party *peer;
	CURL *curl;
	struct buf reply;
	struct place place;
	struct curl_slist *connect_to;	/* https: where the party's name is found */
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

static int is_loopback(const char *authority)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(hosts); i++) {
		size_t n = strlen(hosts[i]);

		if (strncmp(authority, hosts[i], n) == 0 && (authority[n] == ':' || authority[n] == '\0'))
			return 1;
	}
	return 0;
}

/*
 * With https the name in the url is the party's: that is what its certificate
 * has to carry, as at the gateways, wherever the party's machines stand.
 */
static int take_apart(struct place *at, const struct party *p, struct errmsg *em)
{
	const char *host = strstr(p->url, "://"), *slash;
	size_t n;

	memset(at, 0, sizeof(*at));
	at->https = strncmp(p->url, "https://", 8) == 0;
	host = host ? host + 3 : "";
	slash = strchr(host, '/');
	n = slash ? (size_t)(slash - host) : strlen(host);
	if ((!at->https && strncmp(p->url, "http://", 7) != 0) || n == 0 || n >= sizeof(at->authority) || memchr(host, '@', n) ||
	    strlen(host + n) >= sizeof(at->prefix))
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "%s.petplatform.url is '%.200s': expected https://HOST[:PORT][/PATH] without a user",
				  p->name, p->url);
	memcpy(at->authority, host, n);
	snprintf(at->prefix, sizeof(at->prefix), "%s", host + n);
	if (!at->https && !is_loopback(at->authority))
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "%s.petplatform.url is %s: plain http is for loopback only, use https",
				  p->name, p->url);
	if (at->https)
		snprintf(at->base, sizeof(at->base), "https://%s%s", p->name, at->prefix);
	else
		snprintf(at->base, sizeof(at->base), "http://%s%s", at->authority, at->prefix);
	return 0;
}

int http_check(const struct party *peer, struct errmsg *em)
{
	struct place at;

	return take_apart(&at, peer, em);
}

/* The host part ends at a colon that is not inside of an IPv6 address. */
static int has_port(const char *authority)
{
	const char *bracket = strchr(authority, ']');

	return strchr(bracket ? bracket : authority, ':') != NULL;
}

/* The connection goes to the url's host; name check, SNI and Host are of the party's name. */
static int aim(struct http *h)
{
	char line[300];

	snprintf(line, sizeof(line), "::%s%s", h->place.authority, has_port(h->place.authority) ? "" : ":443");
	h->connect_to = curl_slist_append(NULL, line);
	if (!h->connect_to)
		return ERR_NOMEM;
	return curl_easy_setopt(h->curl, CURLOPT_CONNECT_TO, h->connect_to) == CURLE_OK ? 0 : ERR_INTERNAL;
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
	     curl_easy_setopt(h->curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	     curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	     curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	     curl_easy_setopt(h->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK ? 0 : ERR_INTERNAL;
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
	int rc = ERR_NOMEM;

	*out = NULL;
	if (!h)
		return ERR_NOMEM;
	h->s = s;
	h->peer = peer;
	TRY(take_apart(&h->place, peer, em));
	h->curl = curl_easy_init();
	if (!h->curl) {
		rc = ERR_NOMEM;
		goto out;
	}
	options(h);
	if (h->place.https) {
		TRY(pin(h));
		TRY(aim(h));
	}
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
	curl_slist_free_all(h->connect_to);
	buf_free(&h->reply);
	free(h);
}

static struct curl_slist *headers(struct http *h, const char *method, const char *path, const char *body)
{
	char token[TOKEN_NODE_MAX], line[TOKEN_NODE_MAX + 32], full[1024];
	struct token_request req = { .method = method, .path = full, .body = body, .body_len = strlen(body) };
	struct curl_slist *list = NULL;

	snprintf(full, sizeof(full), "%s%s", h->place.prefix, path);
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

	snprintf(url, sizeof(url), "%s%s", h->place.base, path);
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
