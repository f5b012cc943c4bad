#include <curl/curl.h>
#include <string.h>

#include "cli/cli.h"

/* More than any answer of the API; a server that sends more is not one. */
#define REPLY_MAX (64u << 20)

static size_t take(char *data, size_t size, size_t count, void *into)
{
	struct buf *b = into;

	if (b->len + size * count > REPLY_MAX || buf_add(b, data, size * count) != 0)
		return 0;
	return size * count;
}

static int perform(CURL *curl, const char *url, const char *body, struct buf *answer, long *status,
		   struct errmsg *em)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	curl_slist_free_all(headers);
	if (code == CURLE_OK)
		return 0;
	return errmsg_set(em, ERR_IO, "UNREACHABLE", "no answer from %s: %s", url, curl_easy_strerror(code));
}

int cli_http(const char *url, const char *path, const char *body, long *status, json_t **reply,
	     struct errmsg *em)
{
	struct buf full = { 0 }, answer = { 0 };
	json_error_t je;
	CURL *curl = curl_easy_init();
	int rc = ERR_NOMEM;

	*reply = NULL;
	if (!curl)
		goto out;
	TRY(buf_fmt(&full, "%s%s", url, path));
	TRY(perform(curl, full.data, body, &answer, status, em));
	*reply = json_loadb(answer.data ? answer.data : "", answer.len, 0, &je);
	if (!json_is_object(*reply)) {
		json_decref(*reply);
		*reply = NULL;
		rc = errmsg_set(em, ERR_IO, "NOT_THE_API", "%s answered HTTP %ld without a JSON object: is this a party's API?",
				full.data, *status);
		goto out;
	}
	rc = 0;
out:
	if (curl)
		curl_easy_cleanup(curl);
	buf_free(&full);
	buf_free(&answer);
	return rc;
}
