#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/access.h"
#include "api/api.h"
#include "base/log.h"

enum who { ANY, USER, NODE };
enum body { NONE, JSON, MAYBE };

struct route {
	const char *method, *path;
	handler_fn *run;
	enum who who;
	enum body body;
};

static const struct route routes[] = {
#define ROUTE(method, path, function, who, body) { method, path, function, who, body },
#include "api/routes.def"
#undef ROUTE
};

static int segment_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

int route_match(const char *pattern, const char *path, char arg[][HTTP_SEGMENT_MAX])
{
	size_t used = 0;

	while (*pattern) {
		if (pattern[0] == '<') {
			size_t n = 0;

			while (segment_char(path[n]))
				n++;
			if (n == 0 || n >= HTTP_SEGMENT_MAX)
				return 0;
			memcpy(arg[used], path, n);
			arg[used++][n] = '\0';
			path += n;
			pattern += 2;
		} else if (*pattern++ != *path++) {
			return 0;
		}
	}
	return *path == '\0' || *path == '?';
}

/* HEAD is GET whose body nginx keeps to itself. */
static int method_fits(const struct route *r, const char *method)
{
	return strcmp(r->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

/* NULL after it has answered 404 or 405. */
static const struct route *find(struct request *req, struct reply *out)
{
	const struct route *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < PET_ARRAY_SIZE(routes) && !found; i++) {
		const struct route *r = &routes[i];

		if (!route_match(r->path, req->target, req->arg))
			continue;
		if (method_fits(r, req->method))
			found = r;
		else
			n += (size_t)snprintf(out->allow + n, sizeof(out->allow) - n, "%s%s%s", n ? ", " : "",
					      r->method, strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
	}
	if (found)
		out->allow[0] = '\0';
	else if (n)
		reply_error(out, 405, "METHOD_NOT_ALLOWED", "%.16s does not fit this path: expected %s",
			    req->method, out->allow);
	else
		reply_error(out, 404, "NO_SUCH_ENDPOINT", "%.*s is no endpoint: docs/api.md lists them",
			    (int)strcspn(req->target, "?") < 128 ? (int)strcspn(req->target, "?") : 128, req->target);
	return found;
}

static int is_json(const char *type)
{
	static const char want[] = "application/json";
	size_t n = sizeof(want) - 1;

	return strncasecmp(type, want, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static int check_body(const struct route *r, const struct request *req, struct reply *out)
{
	if (req->body_len > req->api->body_max) {
		reply_error(out, 413, "BODY_TOO_LARGE", "the body has %zu bytes: at most %zu are read",
			    req->body_len, req->api->body_max);
		return ERR_INPUT;
	}
	if (r->body == NONE || (r->body == MAYBE && req->body_len == 0))
		return 0;
	if (!is_json(req->content_type)) {
		reply_error(out, 415, "NOT_JSON", "the body is of type '%.64s': expected Content-Type: application/json",
			    req->content_type);
		return ERR_INPUT;
	}
	return 0;
}

static int check_caller(const struct route *r, struct request *req, struct reply *out)
{
	if (r->who == USER)
		return access_user(req, out);
	if (r->who == NODE)
		return access_node(req, out);
	return 0;
}

void route_handle(struct request *req, struct reply *out)
{
	struct errmsg em = { 0 };
	const struct route *r;
	int rc;

	reply_reset(out);
	r = find(req, out);
	if (!r || check_body(r, req, out) || check_caller(r, req, out))
		return;
	/* Only the health endpoints have something to say without a database. */
	rc = r->who != ANY && !req->db ? ERR_DB : r->run(req, out, &em);
	if (rc)
		reply_fail(out, rc, &em);
}
