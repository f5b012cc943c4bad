/* The common main at work: every way a task can end, and what its record says then. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/util.h"
#include "test.h"

#define LONG_MS 60000	/* far beyond what a loaded machine needs */

struct task {
	char dir[64];
	pid_t pid;
};

static const char *path_of(const struct task *t, const char *name)
{
	static char path[4][160];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", t->dir, name);
	return path[turn];
}

static void lease(const struct task *t, int beat)
{
	char text[16];

	snprintf(text, sizeof(text), "%d\n", beat);
	CHECK_INT(util_write_file(path_of(t, "c/lease"), text, strlen(text), 0600), 0);
}

/* A document of one party; `more` is merged over it. */
static json_t *document(const struct task *t, json_t *more)
{
	json_t *doc = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "version", 1, "job_id",
				"j_0123456789abcdef", "task", "t", "self", "alpha", "role", "party_a",
				"operator", "test", "control_dir", path_of(t, "c"), "staging_dir",
				path_of(t, "s"));

	json_object_update(doc, more);
	json_decref(more);
	return doc;
}

static void prepare(struct task *t)
{
	snprintf(t->dir, sizeof(t->dir), "/tmp/pet-op-XXXXXX");
	CHECK(mkdtemp(t->dir) != NULL);
	CHECK_INT(mkdir(path_of(t, "c"), 0700), 0);
	CHECK_INT(mkdir(path_of(t, "s"), 0700), 0);
}

static void start_text(struct task *t, const char *program, const char *text, size_t len)
{
	char exe[512];
	int in[2], log;

	snprintf(exe, sizeof(exe), "%s/%s", getenv("abs_top_builddir"), program);
	CHECK_INT(pipe(in), 0);
	t->pid = fork();
	if (t->pid == 0) {
		log = open(path_of(t, "c/log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(in[0], 0);
		dup2(log, 1);
		dup2(log, 2);
		close(in[0]);
		close(in[1]);
		close(log);
		execl(exe, program, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	CHECK_INT(util_write_all(in[1], text, len), 0);
	close(in[1]);
}

static void start_program(struct task *t, const char *program, json_t *doc)
{
	char *text = json_dumps(doc, 0);

	start_text(t, program, text, strlen(text));
	free(text);
	json_decref(doc);
}

static void start(struct task *t, json_t *more)
{
	prepare(t);
	start_program(t, "op-test", document(t, more));
}

/* The program's exit code, -SIGNAL when it was killed. */
static int finish(struct task *t)
{
	int status = 0;

	CHECK_INT(waitpid(t->pid, &status, 0), t->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static json_t *record(const struct task *t)
{
	return json_load_file(path_of(t, "c/exit.json"), 0, NULL);
}

static const char *word(const json_t *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r, key));

	return s ? s : "(none)";
}

static void drop(struct task *t)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r %s", t->dir);
	CHECK_INT(system(cmd), 0);
}

static int wait_for(int (*ready)(const struct task *), const struct task *t)
{
	for (int64_t end = util_mono_ms() + LONG_MS; util_mono_ms() < end; usleep(10000))
		if (ready(t))
			return 1;
	return 0;
}

static int is_asleep(const struct task *t)
{
	struct buf b = { 0 };
	int rc = util_read_file(&b, path_of(t, "c/progress"), 1 << 20);
	int yes = rc == 0 && strstr(b.data, "\"stage\":\"sleep\"") != NULL;

	buf_free(&b);
	return yes;
}

static int has_record(const struct task *t)
{
	return access(path_of(t, "c/exit.json"), F_OK) == 0;
}

TEST(success)
{
	struct task t;
	struct stat st;
	struct buf b = { 0 };
	json_t *r, *file;

	start(&t, json_pack("{s:{s:s, s:{s:i}, s:{s:s}}, s:{s:[s, s]}}", "params", "write", "hello\n", "echo",
			    "rows", 7, "echo_local", "secret", "x", "outputs", "data", "a.csv", "b.csv"));
	CHECK_INT(finish(&t), 0);
	r = record(&t);
	CHECK_INT(json_integer_value(json_object_get(r, "status")), 0);
	CHECK_STR(word(r, "error_code"), "");
	CHECK_INT(json_integer_value(json_object_get(json_object_get(json_object_get(r, "public_result"), "echo"), "rows")), 7);
	CHECK(json_object_get(json_object_get(r, "public_result"), "echo_local") == NULL);
	CHECK(json_object_get(json_object_get(r, "result"), "echo_local") != NULL);
	CHECK_STR(json_string_value(json_array_get(json_object_get(json_object_get(r, "outputs"), "data"), 1)), "data.1");
	file = json_object_get(json_object_get(r, "files"), "data.1");
	CHECK_INT(stat(path_of(&t, "s/data.1"), &st), 0);
	CHECK_INT(json_integer_value(json_object_get(file, "ino")), st.st_ino);
	CHECK_INT(json_integer_value(json_object_get(file, "dev")), st.st_dev);
	CHECK_INT(json_integer_value(json_object_get(file, "size")), 6);
	CHECK_INT(st.st_mode & 0777, 0640);
	CHECK(json_integer_value(json_object_get(r, "peak_rss_bytes")) > 0);
	CHECK_INT(util_read_file(&b, path_of(&t, "s/data.0"), 100), 0);
	CHECK_STR(b.data, "hello\n");
	buf_clear(&b);
	CHECK_INT(util_read_file(&b, path_of(&t, "c/progress"), 1 << 20), 0);
	CHECK_HAS(b.data, "\"progress\":1.0000,\"stage\":\"end\"");
	buf_free(&b);
	json_decref(r);
	drop(&t);
}

/* An operator may write none of an optional output: "" stands for it. */
TEST(no_output)
{
	struct task t;
	json_t *r;

	start(&t, json_pack("{s:{s:[s]}}", "outputs", "data", "a.csv"));
	CHECK_INT(finish(&t), 0);
	r = record(&t);
	CHECK_STR(json_string_value(json_array_get(json_object_get(json_object_get(r, "outputs"), "data"), 0)), "");
	CHECK_INT(json_object_size(json_object_get(r, "files")), 0);
	json_decref(r);
	drop(&t);
}

TEST(error_classes)
{
	static const struct { const char *fail; int status; } rows[] = {
		{ "INTERNAL", EX_SOFTWARE }, { "INPUT", EX_DATAERR }, { "NOMEM", EX_OSERR }, { "IO", EX_IOERR },
		{ "DB", EX_UNAVAILABLE }, { "DB_RETRY", EX_TEMPFAIL }, { "PEER", EX_TEMPFAIL },
		{ "TIMEOUT", EX_TEMPFAIL }, { "NOTFOUND", EX_NOINPUT }, { "CONFLICT", EX_PROTOCOL },
		{ "DENIED", EX_NOPERM }, { "BUSY", EX_TEMPFAIL }, { "CANCELED", 143 },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		struct task t;
		json_t *r;

		start(&t, json_pack("{s:{s:s, s:s, s:{}}, s:{s:[s]}}", "params", "fail", rows[i].fail, "write", "x",
				    "echo", "outputs", "data", "a"));
		CHECK_INT(finish(&t), rows[i].status);
		r = record(&t);
		CHECK_INT(json_integer_value(json_object_get(r, "status")), rows[i].status);
		CHECK_STR(word(r, "error_code"), "FAILED_ON_DEMAND");
		CHECK_STR(word(r, "error_public"), "failed on demand");
		CHECK_STR(word(r, "error_local"), "failed on demand (local)");
		CHECK_INT(json_object_size(json_object_get(r, "outputs")), 0);
		CHECK_INT(json_object_size(json_object_get(r, "public_result")), 0);
		json_decref(r);
		drop(&t);
	}
}

TEST(crash)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGKILL, SIGFPE };

	for (size_t i = 0; i < PET_ARRAY_SIZE(signals); i++) {
		struct task t;
		char want[64];
		json_t *r;

		start(&t, json_pack("{s:{s:i}}", "params", "crash", signals[i]));
		CHECK_INT(finish(&t), EX_SOFTWARE);
		r = record(&t);
		snprintf(want, sizeof(want), "killed by signal SIG%s in stage end", sigabbrev_np(signals[i]));
		CHECK_STR(word(r, "error_code"), "OPERATOR_CRASHED");
		CHECK_HAS(word(r, "error_public"), want);
		json_decref(r);
		drop(&t);
	}
}

TEST(silent_exit)
{
	struct task t;
	json_t *r;

	start(&t, json_pack("{s:{s:i}}", "params", "exit", 9));
	CHECK_INT(finish(&t), EX_SOFTWARE);
	r = record(&t);
	CHECK_STR(word(r, "error_code"), "OPERATOR_CRASHED");
	CHECK_HAS(word(r, "error_public"), "code 9");
	json_decref(r);
	drop(&t);
}

/* However much is said, the folder stays small and the end is there. */
TEST(log_is_bounded)
{
	struct task t;
	struct buf b = { 0 };
	size_t total;

	start(&t, json_pack("{s:{s:i}}", "params", "log_lines", 100000));
	CHECK_INT(finish(&t), 0);
	CHECK_INT(util_read_file(&b, path_of(&t, "c/log.1"), 1 << 20), 0);
	total = b.len;
	buf_clear(&b);
	CHECK_INT(util_read_file(&b, path_of(&t, "c/log"), 1 << 20), 0);
	total += b.len;
	CHECK(total > (400 << 10) && total <= (1 << 20));
	CHECK_HAS(b.data, "number 099999\n");
	buf_free(&b);
	drop(&t);
}

TEST(bad_document)
{
	struct task t;
	json_t *r;

	start(&t, json_pack("{s:{s:i}}", "params", "sleep_m", 9));
	CHECK_INT(finish(&t), EX_DATAERR);
	r = record(&t);
	CHECK_STR(word(r, "error_code"), "UNKNOWN_PARAMETER");
	CHECK_HAS(word(r, "error_public"), "did you mean 'sleep_ms'?");
	json_decref(r);
	drop(&t);
	prepare(&t);
	start_text(&t, "op-test", "{\"version\":", 11);
	CHECK_INT(finish(&t), EX_DATAERR);
	CHECK(!has_record(&t));
	drop(&t);
}

TEST(fail_attempts)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		struct task t;

		start(&t, json_pack("{s:i, s:{s:i}}", "attempt", attempt, "params", "fail_attempts", 2));
		CHECK_INT(finish(&t), attempt < 2 ? EX_TEMPFAIL : 0);
		drop(&t);
	}
}

static void canceled_in(int stubborn)
{
	struct task t;
	json_t *r;
	int64_t start_ms;

	start(&t, json_pack("{s:{s:i, s:b}}", "params", "sleep_ms", 10 * LONG_MS, "stubborn", stubborn));
	CHECK(wait_for(is_asleep, &t));
	start_ms = util_mono_ms();
	CHECK_INT(kill(t.pid, SIGTERM), 0);
	CHECK_INT(finish(&t), 143);
	CHECK(util_mono_ms() - start_ms < LONG_MS);
	r = record(&t);
	CHECK_STR(word(r, "error_code"), "CANCELED");
	CHECK_INT(json_integer_value(json_object_get(r, "status")), 143);
	CHECK_STR(word(r, "stage"), "sleep");
	json_decref(r);
	drop(&t);
}

TEST(cancel) { canceled_in(0); }
TEST(cancel_stubborn) { canceled_in(1); }

/* No lease file at all counts as one that is never renewed. */
TEST(lease_lost)
{
	for (int there = 0; there < 2; there++) {
		struct task t;
		json_t *r;

		prepare(&t);
		if (there)
			lease(&t, 1);
		start_program(&t, "op-test", document(&t, json_pack("{s:i, s:{s:i}}", "lease_seconds", 1, "params",
								    "sleep_ms", 10 * LONG_MS)));
		CHECK_INT(finish(&t), EX_TEMPFAIL);
		r = record(&t);
		CHECK_STR(word(r, "error_code"), "LEASE_LOST");
		json_decref(r);
		drop(&t);
	}
}

/* Renewed all the time, a task outlives its lease's length. */
TEST(lease_kept)
{
	struct task t;
	int beat = 0;

	prepare(&t);
	lease(&t, 0);
	start_program(&t, "op-test", document(&t, json_pack("{s:i, s:{s:i}}", "lease_seconds", 4, "params",
							    "sleep_ms", 5000)));
	while (!has_record(&t) && beat < 3000) {
		lease(&t, ++beat);
		usleep(20000);
	}
	CHECK_INT(finish(&t), 0);
	drop(&t);
}

static pid_t only_child(pid_t of)
{
	char path[64], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)of, (int)of);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	return (pid_t)atoi(text);
}

TEST(supervisor_killed)
{
	struct task t;
	pid_t work;
	int64_t end = util_mono_ms() + LONG_MS;

	start(&t, json_pack("{s:{s:i}}", "params", "sleep_ms", 10 * LONG_MS));
	CHECK(wait_for(is_asleep, &t));
	work = only_child(t.pid);
	CHECK(work > 1);
	CHECK_INT(kill(t.pid, SIGKILL), 0);
	CHECK_INT(finish(&t), -SIGKILL);
	/* reparented and reaped by init, or a zombie of ours: gone either way */
	while (work > 1 && util_mono_ms() < end) {
		char path[64], text[256] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)work);
		f = fopen(path, "r");
		if (!f || !fgets(text, sizeof(text), f) || strstr(text, ") Z"))
			work = 0;
		if (f)
			fclose(f);
		usleep(10000);
	}
	CHECK_INT(work, 0);
	CHECK(!has_record(&t));
	drop(&t);
}

/* --- two parties -------------------------------------------------------------- */

static int free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	      getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static json_t *side(const struct task *t, int b, int port, const char *key, json_t *params)
{
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	return document(t, json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:s, s:b, s:s, s:i, s:i}}", "self", b ? "beta" : "alpha",
				     "peer", b ? "alpha" : "beta", "role", b ? "party_b" : "party_a", "params",
				     params, "channel", "scheme", "tcp", "address", address, "listen", !b, "key",
				     key, "connect_ms", LONG_MS, "away_ms", 2000));
}

static const char key1[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static void pair(struct task t[2], const char *program_b, json_t *a, json_t *b)
{
	int port = free_port();

	prepare(&t[0]);
	prepare(&t[1]);
	start_program(&t[0], "op-test", side(&t[0], 0, port, key1, a));
	start_program(&t[1], program_b, side(&t[1], 1, port, key1, b));
}

TEST(pair_exchange)
{
	struct task t[2];

	pair(t, "op-test", json_pack("{s:i}", "exchange", 3000000), json_pack("{s:i}", "exchange", 3000000));
	for (int i = 0; i < 2; i++) {
		json_t *r;

		CHECK_INT(finish(&t[i]), 0);
		r = record(&t[i]);
		CHECK(json_integer_value(json_object_get(r, "bytes_sent")) >= 3000000);
		CHECK(json_integer_value(json_object_get(r, "bytes_received")) >= 3000000);
		CHECK(json_integer_value(json_object_get(r, "rounds")) >= 1);
		json_decref(r);
		drop(&t[i]);
	}
}

static void mismatch(const char *program_b, json_t *a, json_t *b, const char *says)
{
	struct task t[2];

	pair(t, program_b, a, b);
	for (int i = 0; i < 2; i++) {
		json_t *r;

		CHECK_INT(finish(&t[i]), EX_PROTOCOL);
		r = record(&t[i]);
		CHECK_STR(word(r, "error_code"), "PEER_MISMATCH");
		CHECK_HAS(word(r, "error_public"), says);
		json_decref(r);
		drop(&t[i]);
	}
}

TEST(pair_params)
{
	mismatch("op-test", json_pack("{s:i}", "exchange", 1), json_pack("{s:i}", "exchange", 2),
		 "different common parameters");
}

/* op-test-v2 is op-test built with another major version. */
TEST(pair_versions)
{
	mismatch("op-test-v2", json_object(), json_object(), "major version");
}

/* One side failing ends the other with an error that may be retried, not with a result. */
TEST(pair_one_fails)
{
	struct task t[2];
	json_t *r;

	pair(t, "op-test", json_pack("{s:i}", "exchange", 10), json_pack("{s:i, s:s}", "exchange", 10, "fail", "INPUT"));
	CHECK_INT(finish(&t[1]), EX_DATAERR);
	CHECK_INT(finish(&t[0]), EX_TEMPFAIL);
	r = record(&t[0]);
	CHECK_STR(word(r, "error_code"), "PEER_LOST");
	json_decref(r);
	drop(&t[0]);
	drop(&t[1]);
}

TEST(pair_cancel)
{
	struct task t[2];

	pair(t, "op-test", json_pack("{s:i}", "sleep_ms", 10 * LONG_MS), json_object());
	CHECK(wait_for(is_asleep, &t[0]));
	CHECK_INT(kill(t[1].pid, SIGTERM), 0);
	CHECK_INT(finish(&t[1]), 143);
	CHECK_INT(kill(t[0].pid, SIGTERM), 0);
	CHECK_INT(finish(&t[0]), 143);
	drop(&t[0]);
	drop(&t[1]);
}

TEST_MAIN(CASE(success), CASE(no_output), CASE(error_classes), CASE(crash), CASE(silent_exit), CASE(log_is_bounded), CASE(bad_document),
	  CASE(fail_attempts), CASE(cancel), CASE(cancel_stubborn), CASE(lease_lost), CASE(lease_kept),
	  CASE(supervisor_killed), CASE(pair_exchange), CASE(pair_params), CASE(pair_versions), CASE(pair_one_fails),
	  CASE(pair_cancel))
