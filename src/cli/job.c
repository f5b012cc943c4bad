/* pet submit | status | kill | rerun: the four /job/ endpoints for people and scripts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/cli.h"

#define REQUEST_MAX (1u << 20)

static const char *api_url(int *argc, char **argv)
{
	const char *url = cli_opt(argc, argv, "--url");

	if (!url)
		url = getenv("PET_URL");
	if (!url || !*url)
		fprintf(stderr, "pet: whose API? give --url http://HOST:PORT or set PET_URL\n");
	return url && *url ? url : NULL;
}

static const char *text(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

/* One call that must answer success: true; the sentence of a refusal goes to stderr. */
static int call(const char *url, const char *path, const char *body, json_t **reply)
{
	struct errmsg em = { 0 };
	long http = 0;

	if (cli_http(url, path, body, &http, reply, &em) != 0) {
		fprintf(stderr, "pet: %s\n", em.local);
		return EX_UNAVAILABLE;
	}
	if (json_is_true(json_object_get(*reply, "success")))
		return 0;
	fprintf(stderr, "pet: refused (HTTP %ld, %s): %s\n", http, text(*reply, "error_code"),
		text(*reply, "error_message"));
	json_decref(*reply);
	*reply = NULL;
	return http >= 500 ? EX_UNAVAILABLE : EX_DATAERR;
}

static int finished(const char *status)
{
	return strcmp(status, "SUCCESS") == 0 || strcmp(status, "FAILED") == 0 ||
	       strcmp(status, "CANCELED") == 0;
}

static void print_errors(const json_t *reply)
{
	json_t *errors = json_object_get(reply, "errors"), *e;
	size_t i;

	json_array_foreach(errors, i, e)
		fprintf(stderr, "  %s %s: %s: %s\n", text(e, "party"), text(e, "task"),
			text(e, "error_code"), text(e, "error_message"));
}

static void print_line(const json_t *reply)
{
	json_t *tasks = json_object_get(reply, "tasks"), *t;
	size_t i;

	printf("%-8s %7s", text(reply, "status"), text(reply, "progress"));
	json_array_foreach(tasks, i, t)
		printf("  %s@%s %s %s", text(t, "name"), text(t, "party"), text(t, "status"), text(t, "stage"));
	if (*text(reply, "waiting_for"))
		printf("  (waiting for %s)", text(reply, "waiting_for"));
	putchar('\n');
	fflush(stdout);
}

/* Follows a job to its end by long polls; a line whenever something changed. */
static int watch(const char *url, const char *id)
{
	char path[160];
	json_t *last = NULL, *reply;
	int status = 0, done = 0;

	snprintf(path, sizeof(path), "/job/status?job_id=%s", id);
	while (!done && (status = call(url, path, NULL, &reply)) == 0) {
		if (!last || !json_equal(last, reply))
			print_line(reply);
		json_decref(last);
		last = reply;
		done = finished(text(reply, "status"));
		snprintf(path, sizeof(path), "/job/status?job_id=%s&wait=20", id);
	}
	if (done && strcmp(text(last, "status"), "SUCCESS") != 0) {
		print_errors(last);
		status = 1;
	}
	json_decref(last);
	return status;
}

/* An id goes into a URL: what is not one is refused here. */
static int check_id(const char *id)
{
	if (util_job_id_ok(id) == 0)
		return 0;
	fprintf(stderr, "pet: '%s' is no job id: expected j_ followed by a-z, 0-9 or _\n", id);
	return EX_USAGE;
}

static int read_request(struct buf *b, const char *path)
{
	int rc = util_read_file(b, strcmp(path, "-") == 0 ? "/dev/stdin" : path, REQUEST_MAX);

	if (rc == 0)
		return 0;
	fprintf(stderr, "pet submit: cannot read %s: %s\n", path,
		rc == ERR_IO ? strerror(errno) : "larger than 1 MiB");
	return EX_NOINPUT;
}

int cmd_submit(int argc, char **argv)
{
	int follow = cli_flag(&argc, argv, "--watch"), status;
	const char *url = api_url(&argc, argv);
	struct buf request = { 0 };
	json_t *reply = NULL;

	if (!url || cli_rest(argc, argv, 1, "pet submit [--url URL] [--watch] REQUEST.json|-") != 0)
		return EX_USAGE;
	status = read_request(&request, argv[1]);
	if (status == 0)
		status = call(url, "/job/submit", request.data ? request.data : "", &reply);
	if (status == 0) {
		puts(text(reply, "job_id"));
		fflush(stdout);
		if (follow)
			status = watch(url, text(reply, "job_id"));
	}
	json_decref(reply);
	buf_free(&request);
	return status;
}

int cmd_status(int argc, char **argv)
{
	int follow = cli_flag(&argc, argv, "--watch"), status;
	const char *url = api_url(&argc, argv);
	char path[160];
	json_t *reply;

	if (!url || cli_rest(argc, argv, 1, "pet status [--url URL] [--watch] JOB_ID") != 0)
		return EX_USAGE;
	if ((status = check_id(argv[1])) != 0)
		return status;
	if (follow)
		return watch(url, argv[1]);
	snprintf(path, sizeof(path), "/job/status?job_id=%s", argv[1]);
	status = call(url, path, NULL, &reply);
	if (status)
		return status;
	json_dumpf(reply, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(reply);
	return 0;
}

static int post_id(int argc, char **argv, const char *path, const char *usage)
{
	const char *url = api_url(&argc, argv);
	char body[128];
	json_t *reply;
	int status;

	if (!url || cli_rest(argc, argv, 1, usage) != 0)
		return EX_USAGE;
	if ((status = check_id(argv[1])) != 0)
		return status;
	snprintf(body, sizeof(body), "{\"job_id\":\"%s\"}", argv[1]);
	status = call(url, path, body, &reply);
	if (status == 0)
		json_decref(reply);
	return status;
}

int cmd_kill(int argc, char **argv)
{
	return post_id(argc, argv, "/job/kill", "pet kill [--url URL] JOB_ID");
}

int cmd_rerun(int argc, char **argv)
{
	return post_id(argc, argv, "/job/rerun", "pet rerun [--url URL] JOB_ID");
}
