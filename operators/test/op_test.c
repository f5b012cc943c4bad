/*
 * op-test: sleeps, fails, crashes or writes on demand. It drives the
 * scheduler's tests and is never installed.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "op.h"

#define EXCHANGE_MAX (1 << 28)
#ifndef OP_TEST_VERSION
#define OP_TEST_VERSION "1.0"
#endif

static const char *const errors[] = { "none", "INTERNAL", "INPUT", "NOMEM", "IO", "DB", "DB_RETRY", "PEER",
	"TIMEOUT", "NOTFOUND", "CONFLICT", "DENIED", "BUSY", "CANCELED", NULL };

static const struct op_param params[] = {
	{ "sleep_ms", OP_INT, 0, 1, 0, 86400000, NULL, "0", "sleep so long, with progress" },
	{ "stubborn", OP_BOOL, 0, 1, 0, 0, NULL, "false", "sleep on when the task is canceled" },
	{ "exchange", OP_INT, 0, 0, 0, EXCHANGE_MAX, NULL, "0", "exchange so many bytes with the peer" },
	{ "write", OP_STRING, 0, 1, 0, 0, NULL, NULL, "write this text to every output" },
	{ "copy", OP_BOOL, 0, 1, 0, 0, NULL, "false", "copy input data[i] to output data[i]" },
	{ "fail", OP_STRING, 0, 1, 0, 0, errors, "\"none\"", "then fail with this error" },
	{ "fail_public", OP_STRING, 0, 1, 0, 0, NULL, "\"failed on demand\"", "the sentence that may cross" },
	{ "fail_local", OP_STRING, 0, 1, 0, 0, NULL, "\"failed on demand (local)\"", "the sentence that may not" },
	{ "fail_attempts", OP_INT, 0, 1, 0, 1000, NULL, "0", "fail the first so many attempts with EX_TEMPFAIL" },
	{ "crash", OP_INT, 0, 1, 0, 64, NULL, "0", "then end by this signal" },
	{ "exit", OP_INT, 0, 1, 0, 255, NULL, "0", "then end with this code and no record" },
	{ "echo", OP_OBJECT, 0, 1, 0, 0, NULL, NULL, "becomes the public result `echo`" },
	{ "echo_local", OP_OBJECT, 0, 1, 0, 0, NULL, NULL, "becomes the result `echo_local`" },
	{ "probe_read", OP_STRING, 0, 1, 0, 0, NULL, NULL, "try to read this path; result `probe_read` is the errno's name" },
	{ "probe_write", OP_STRING, 0, 1, 0, 0, NULL, NULL, "try to make this file; result `probe_write`" },
	{ "probe_inet", OP_BOOL, 0, 1, 0, 0, NULL, "false", "try to open a TCP socket; result `probe_inet`" },
	{ "probe_unix", OP_STRING, 0, 1, 0, 0, NULL, NULL, "try to connect to this unix socket; result `probe_unix`" },
	{ "log_lines", OP_INT, 0, 1, 0, 10000000, NULL, "0", "write so many lines of 32 bytes to the log" },
	{ .name = NULL },
};
static const struct op_file inputs[] = { { "data", 0, 1, "files to read" }, { .name = NULL } };
static const struct op_file outputs[] = { { "data", 0, 1, "files to write" }, { .name = NULL } };
static const char *const public_context[] = { "echo", NULL };

static int sleep_on(struct op_ctx *ctx)
{
	int64_t want = op_int(ctx, "sleep_ms"), start = util_mono_ms(), now = start;
	const struct timespec nap = { .tv_nsec = 20000000 };

	for (; now - start < want; now = util_mono_ms()) {
		op_progress(ctx, (double)(now - start) / (double)want, "sleep");
		nanosleep(&nap, NULL);
		if (op_canceled(ctx) && !op_bool(ctx, "stubborn"))
			return ERR_CANCELED;
	}
	return 0;
}

/* Both sides know what the other must send. */
static int exchange(struct op_ctx *ctx)
{
	size_t n = (size_t)op_int(ctx, "exchange");
	unsigned char *out = NULL, *in = NULL;
	int rc = ERR_NOMEM;

	if (n == 0)
		return 0;
	if (!op_chan(ctx))
		return errmsg_set(op_errmsg(ctx), ERR_INPUT, "NO_PEER", "params.exchange: a task of one party has no peer");
	op_progress(ctx, 0, "exchange");
	out = malloc(n);
	in = malloc(n);
	if (!out || !in)
		goto out;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(i * 7 + (size_t)op_is_first(ctx));
	TRY(chan_exchange(op_chan(ctx), out, n, in, n));
	for (size_t i = 0; i < n; i++)
		if (in[i] != (unsigned char)(i * 7 + (size_t)!op_is_first(ctx))) {
			rc = errmsg_set(op_errmsg(ctx), ERR_PEER, "BAD_BYTES", "byte %zu came wrong", i);
			goto out;
		}
out:
	free(out);
	free(in);
	return rc;
}

static int write_one(struct op_ctx *ctx, size_t i)
{
	const char *text = op_str(ctx, "write"), *in = op_input(ctx, "data", i), *path = op_output(ctx, "data", i);
	struct buf b = { 0 };
	int rc = 0, fd = -1;

	if (op_bool(ctx, "copy") && in) {
		rc = util_read_file(&b, in, 1 << 28);
		if (rc)
			return errmsg_set(op_errmsg(ctx), rc, "NO_INPUT", "the input %s cannot be read: %s",
					  op_input_name(ctx, "data", i), strerror(errno));
	}
	if (text)
		TRY(buf_str(&b, text));
	if (!text && !op_bool(ctx, "copy"))
		goto out;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	rc = fd < 0 ? ERR_IO : util_write_all(fd, b.data, b.len);
	if (rc)
		errmsg_set(op_errmsg(ctx), rc, "NO_OUTPUT", "the output cannot be written: %s", strerror(errno));
out:
	if (fd >= 0)
		close(fd);
	buf_free(&b);
	return rc;
}

static int probe_result(struct op_ctx *ctx, const char *key, int fd)
{
	const char *word = fd >= 0 ? "ok" : strerrorname_np(errno);

	if (fd >= 0)
		close(fd);
	return op_result(ctx, key, json_string(word ? word : "?"));
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int probe(struct op_ctx *ctx)
{
	int rc = 0;

	if (op_str(ctx, "probe_unix"))
		TRY(probe_result(ctx, "probe_unix", connect_to(op_str(ctx, "probe_unix"))));

	if (op_str(ctx, "probe_read"))
		TRY(probe_result(ctx, "probe_read", open(op_str(ctx, "probe_read"), O_RDONLY | O_CLOEXEC)));
	if (op_str(ctx, "probe_write"))
		TRY(probe_result(ctx, "probe_write",
				 open(op_str(ctx, "probe_write"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
	if (op_bool(ctx, "probe_inet"))
		TRY(probe_result(ctx, "probe_inet", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
out:
	return rc;
}

static int results(struct op_ctx *ctx)
{
	json_t *echo = json_object_get(op_params(ctx), "echo");
	json_t *local = json_object_get(op_params(ctx), "echo_local");
	int rc = 0;

	if (echo)
		TRY(op_result(ctx, "echo", json_incref(echo)));
	if (local)
		TRY(op_result(ctx, "echo_local", json_incref(local)));
	TRY(op_result(ctx, "uid", json_integer(geteuid())));
	rc = op_result(ctx, "pid", json_integer(getpid()));
out:
	return rc;
}

static int end_badly(struct op_ctx *ctx)
{
	const char *word = op_str(ctx, "fail");

	if (op_attempt(ctx) < op_int(ctx, "fail_attempts"))
		return errmsg_set(op_errmsg(ctx), ERR_TIMEOUT, "FAILED_ATTEMPT", "attempt %u fails on demand",
				  op_attempt(ctx));
	for (int i = 1; errors[i]; i++)
		if (strcmp(word, errors[i]) == 0) {
			errmsg_set(op_errmsg(ctx), -i, "FAILED_ON_DEMAND", "%s", op_str(ctx, "fail_public"));
			errmsg_local(op_errmsg(ctx), "%s", op_str(ctx, "fail_local"));
			return -i;
		}
	if (op_int(ctx, "crash")) {
		/* a sanitizer would turn the signal into an exit */
		signal((int)op_int(ctx, "crash"), SIG_DFL);
		raise((int)op_int(ctx, "crash"));
	}
	if (op_int(ctx, "exit"))
		_exit((int)op_int(ctx, "exit"));
	return 0;
}

static int run(struct op_ctx *ctx)
{
	int rc;

	for (int64_t i = 0; i < op_int(ctx, "log_lines"); i++)
		fprintf(stderr, "a line of the log, number %06lld\n", (long long)i % 1000000);
	TRY(exchange(ctx));
	TRY(sleep_on(ctx));
	for (size_t i = 0; i < op_output_count(ctx, "data"); i++)
		TRY(write_one(ctx, i));
	TRY(probe(ctx));
	TRY(results(ctx));
	op_progress(ctx, 0.9, "end");
	rc = end_badly(ctx);
out:
	return rc;
}

static const struct op op_test = {
	.name = "test", .version = OP_TEST_VERSION, .params = params, .inputs = inputs, .outputs = outputs,
	.public_context = public_context, .run = run,
};

int main(int argc, char **argv)
{
	return op_main(&op_test, argc, argv);
}
