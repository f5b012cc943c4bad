/* pet-spawn as a whole: a daemon of its own per case, asked through the scheduler's client. */
#define _GNU_SOURCE 1
#include "base/spawnc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/util.h"
#include "test.h"

#define LONG_MS 60000
#define NAME0 "j_0123456789abcdef.0.1.0.t"	/* the folders of attempt 0 */

static char dir[64];
static pid_t daemon_pid;

static void sh(const char *fmt, ...)
{
	char cmd[600], line[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "cd %s && %s", dir, cmd);
	if (system(line) != 0) {
		test_failed = 1;
		printf("# failed: %s\n", line);
	}
}

static void daemon_start(void)
{
	char exe[512], log[128];
	int fd, alive;
	struct task_id id;

	snprintf(exe, sizeof(exe), "%s/pet-spawn", getenv("abs_top_builddir"));
	snprintf(log, sizeof(log), "%s/spawn.log", dir);
	daemon_pid = fork();
	if (daemon_pid == 0) {
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fd, 2);
		execl(exe, "pet-spawn", (char *)NULL);
		_exit(127);
	}
	CHECK_INT(task_id_set(&id, "j_0123456789abcdef", 0, 0, 0, "none"), 0);
	for (int64_t end = util_mono_ms() + LONG_MS; util_mono_ms() < end; usleep(10000))
		if (spawnc_alive(&id, &alive, NULL) == 0)
			return;
	CHECK(!"pet-spawn came up");
}

static void daemon_end(int sig)
{
	int status;

	CHECK_INT(kill(daemon_pid, sig), 0);
	CHECK_INT(waitpid(daemon_pid, &status, 0), daemon_pid);
}

static void setup(const char *op_user)
{
	char path[128];

	snprintf(dir, sizeof(dir), "/tmp/pet-sw-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	/* operators of another user must pass */
	CHECK_INT(chmod(dir, 0711), 0);
	snprintf(path, sizeof(path), "%s/data", dir);
	CHECK_INT(mkdir(path, 0755), 0);
	setenv("SAFE_WORK_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/state", dir);
	setenv("PET_STATE_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/run", dir);
	setenv("PET_RUN_DIR", path, 1);
	setenv("PET_OP_USER", op_user, 1);
	/* the build may be in a folder that only this user can enter */
	snprintf(path, sizeof(path), "%s/ops", dir);
	CHECK_INT(mkdir(path, 0755), 0);
	setenv("PET_OPERATOR_DIR", path, 1);
	sh("cp \"$abs_top_builddir\"/op-test \"$abs_top_builddir\"/op-psi ops/");
	setenv("PET_TEST_OPERATORS", "1", 1);
	sh("printf 'id,x\\n1,2\\n' > data/in.csv");
	daemon_start();
}

static void teardown(void)
{
	if (test_failed)
		sh("sed 's/^/# /' spawn.log; cat state/tasks/*/log state/tasks/*/exit.json 2>/dev/null | sed 's/^/# /'");
	daemon_end(SIGTERM);
	sh("rm -r %s", dir);
}

static struct task_id task(uint32_t attempt)
{
	struct task_id id;

	CHECK_INT(task_id_set(&id, "j_0123456789abcdef", 0, 1, attempt, "t"), 0);
	return id;
}

static json_t *document(uint32_t attempt, json_t *more)
{
	json_t *doc = json_pack("{s:i, s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:s, s:i, s:i}", "version", 1, "job_id",
				"j_0123456789abcdef", "epoch", 0, "group", 1, "attempt", (int)attempt, "task", "t",
				"self", "alpha", "role", "party_a", "operator", "test", "lease_seconds", 0,
				"threads", 1);

	json_object_update(doc, more);
	json_decref(more);
	return doc;
}

static int start(uint32_t attempt, json_t *more, json_t *replace, struct errmsg *em)
{
	json_t *doc = document(attempt, more);
	int rc;

	memset(em, 0, sizeof(*em));
	rc = spawnc_start(doc, replace, NULL, em);
	json_decref(doc);
	json_decref(replace);
	return rc;
}

static json_t *wait_exit_of(const struct task_id *id)
{
	json_t *record = NULL;

	for (int64_t end = util_mono_ms() + LONG_MS; util_mono_ms() < end; usleep(10000))
		if (taskdir_exit(id, &record) != ERR_NOTFOUND)
			break;
	CHECK(record != NULL);
	return record;
}

static json_t *wait_exit(uint32_t attempt)
{
	struct task_id id = task(attempt);

	return wait_exit_of(&id);
}

static const char *result(const json_t *record, const char *key)
{
	const char *s = json_string_value(json_object_get(json_object_get(record, "result"), key));

	return s ? s : "(none)";
}

static void wait_asleep(uint32_t attempt)
{
	struct task_id id = task(attempt);
	struct task_progress p = { 0 };

	for (int64_t end = util_mono_ms() + LONG_MS; util_mono_ms() < end; usleep(10000))
		if (taskdir_progress(&id, &p) == 0 && strcmp(p.stage, "sleep") == 0)
			return;
	CHECK_STR(p.stage, "sleep");
}

static void wait_gone(uint32_t attempt)
{
	struct task_id id = task(attempt);
	int alive = 1;

	for (int64_t end = util_mono_ms() + LONG_MS; alive && util_mono_ms() < end; usleep(10000))
		CHECK_INT(spawnc_alive(&id, &alive, NULL), 0);
	CHECK_INT(alive, 0);
}

static void expect_file(const char *name, const char *want)
{
	char path[160];
	struct buf b = { 0 };

	snprintf(path, sizeof(path), "%s/data/%s", dir, name);
	CHECK_INT(util_read_file(&b, path, 1 << 20), 0);
	CHECK_STR(b.data ? b.data : "", want);
	buf_free(&b);
}

static json_t *copy_to(const char *in, const char *out)
{
	return json_pack("{s:{s:b}, s:{s:s}, s:{s:s}}", "params", "copy", 1, "inputs", "data", in, "outputs", "data", out);
}

/* --- the cases ------------------------------------------------------------- */

static void whole_life(const char *op_user, int uid)
{
	struct errmsg em = { 0 };
	struct task_id id = task(0);
	struct buf tail = { 0 };
	json_t *record, *outputs = json_pack("{s:s}", "data", "data/new/out.csv"), *names = NULL;
	int alive = 1;

	setup(op_user);
	CHECK_INT(start(0, copy_to("data/in.csv", "data/new/out.csv"), NULL, &em), 0);
	CHECK_STR(em.local, "");
	record = wait_exit(0);
	CHECK_INT(json_integer_value(json_object_get(record, "status")), 0);
	CHECK_INT(json_integer_value(json_object_get(json_object_get(record, "result"), "uid")), uid);
	/* asked again, the attempt is not run again */
	CHECK_INT(start(0, copy_to("data/in.csv", "data/new/out.csv"), NULL, &em), 0);
	CHECK_INT(spawnc_publish(&id, outputs, record, NULL, &em), 0);
	expect_file("new/out.csv", "id,x\n1,2\n");
	CHECK_INT(spawnc_publish(&id, outputs, record, NULL, &em), 0);
	expect_file("new/out.csv", "id,x\n1,2\n");
	CHECK_INT(taskdir_log_tail(&id, 1000, &tail), 0);
	CHECK_INT(spawnc_list(&names, &em), 0);
	CHECK_INT(json_array_size(names), 1);
	CHECK_STR(json_string_value(json_array_get(names, 0)), "j_0123456789abcdef.0.1.0.t");
	json_decref(names);
	CHECK_INT(spawnc_clean(&id, &em), 0);
	CHECK_INT(spawnc_clean(&id, &em), 0);
	CHECK_INT(spawnc_list(&names, &em), 0);
	CHECK_INT(json_array_size(names), 0);
	CHECK_INT(spawnc_alive(&id, &alive, &em), 0);
	CHECK_INT(alive, 0);
	sh("test -z \"$(ls -A data/.pet)\" -a -z \"$(ls -A state/tasks)\" -a -z \"$(ls -A state/pids)\"");
	json_decref(names);
	json_decref(record);
	json_decref(outputs);
	buf_free(&tail);
	teardown();
}

TEST(life) { whole_life("root", (int)geteuid()); }

/* As root, operators become another user, which must be able to run the program from here. */
TEST(drops_user)
{
	struct task_id id = task(1);
	struct errmsg em;
	json_t *record = NULL;
	uint64_t beat = 0;

	if (geteuid() != 0) {
		printf("# skipped: needs root\n");
		return;
	}
	whole_life("nobody", 65534);
	/* root lends no file that its operators could not read, and they can read the lease that root made */
	setup("nobody");
	sh("chmod 600 data/in.csv");
	memset(&em, 0, sizeof(em));
	CHECK_INT(start(0, copy_to("in.csv", "out.csv"), NULL, &em), ERR_DENIED);
	CHECK_HAS(em.local, "cannot be read by the operators' user nobody");
	CHECK_INT(start(1, json_pack("{s:i, s:{s:i}}", "lease_seconds", 4, "params", "sleep_ms", 5000), NULL, &em), 0);
	while (taskdir_exit(&id, &record) == ERR_NOTFOUND && beat < 3000) {
		CHECK_INT(taskdir_beat(&id, ++beat), 0);
		usleep(20000);
	}
	CHECK(record && json_integer_value(json_object_get(record, "status")) == 0);
	json_decref(record);
	teardown();
}

TEST(replace)
{
	struct errmsg em;
	struct task_id id = task(1);
	json_t *record, *outputs = json_pack("{s:s}", "data", "out.csv"), *may = json_pack("[s]", "out.csv");

	setup("root");
	sh("echo old > data/out.csv");
	CHECK_INT(start(0, copy_to("in.csv", "out.csv"), NULL, &em), ERR_CONFLICT);
	CHECK_STR(em.code, "OUTPUT_EXISTS");
	CHECK(strstr(em.pub, "out.csv") == NULL);
	CHECK_INT(start(1, copy_to("in.csv", "out.csv"), json_incref(may), &em), 0);
	record = wait_exit(1);
	CHECK_INT(spawnc_publish(&id, outputs, record, NULL, &em), ERR_CONFLICT);
	expect_file("out.csv", "old\n");
	CHECK_INT(spawnc_publish(&id, outputs, record, may, &em), 0);
	expect_file("out.csv", "id,x\n1,2\n");
	/* someone put another file there since: ours is neither staged nor published */
	sh("rm data/out.csv; echo other > data/out.csv");
	CHECK_INT(spawnc_publish(&id, outputs, record, may, &em), ERR_NOTFOUND);
	expect_file("out.csv", "other\n");
	json_decref(record);
	json_decref(outputs);
	json_decref(may);
	teardown();
}

/* A file that the operator did not seal is never published, nor one of a name that is a path. */
TEST(publish_refuses)
{
	struct errmsg em;
	struct task_id id = task(0);
	json_t *record, *outputs = json_pack("{s:s}", "data", "out.csv"), *lie;

	setup("root");
	CHECK_INT(start(0, copy_to("in.csv", "out.csv"), NULL, &em), 0);
	record = wait_exit(0);
	sh("mv data/.pet/*/data.0 kept; ln -s /etc/passwd data/.pet/" NAME0 "/data.0");
	CHECK_INT(spawnc_publish(&id, outputs, record, NULL, &em), ERR_INTERNAL);
	CHECK_STR(em.code, "BAD_OUTPUT");
	sh("rm data/.pet/*/data.?; test ! -e data/out.csv");
	lie = json_pack("{s:{s:[s]}, s:{s:{s:i, s:i, s:i}}}", "outputs", "data", "../../in.csv", "files", "../../in.csv",
			"dev", 1, "ino", 1, "size", 1);
	CHECK_INT(spawnc_publish(&id, outputs, lie, NULL, &em), ERR_INPUT);
	json_decref(lie);
	json_decref(outputs);
	outputs = json_pack("{s:s}", "data", "../out.csv");
	CHECK_INT(spawnc_publish(&id, outputs, record, NULL, &em), ERR_INPUT);
	sh("test ! -e out.csv");
	json_decref(record);
	json_decref(outputs);
	teardown();
}

TEST(start_refuses)
{
	static const struct { const char *more; int rc; const char *code; } rows[] = {
		{ "{\"inputs\":{\"data\":\"missing.csv\"}}", ERR_NOTFOUND, "FILE_NOT_FOUND" },
		{ "{\"inputs\":{\"data\":\"../spawn.log\"}}", ERR_INPUT, "BAD_PATH" },
		{ "{\"inputs\":{\"data\":\"/etc/passwd\"}}", ERR_INPUT, "BAD_PATH" },
		{ "{\"inputs\":{\"data\":\"link\"}}", ERR_INPUT, "FILE_NOT_READABLE" },
		{ "{\"inputs\":{\"data\":\"linkdir/passwd\"}}", ERR_INPUT, "FILE_NOT_READABLE" },
		{ "{\"inputs\":{\"data\":\"folder\"}}", ERR_INPUT, "FILE_NOT_READABLE" },
		{ "{\"inputs\":{\"data\":[\"in.csv\", 7]}}", ERR_INPUT, "BAD_DOCUMENT" },
		{ "{\"inputs\":{\"data\":\".pet/x\"}}", ERR_INPUT, "BAD_PATH" },
		{ "{\"outputs\":{\"data\":\"linkdir/x\"}}", ERR_INPUT, "BAD_OUTPUT" },
		{ "{\"outputs\":{\"data\":\"in.csv/x\"}}", ERR_INPUT, "BAD_OUTPUT" },
		{ "{\"outputs\":{\"data\":\"folder\"}}", ERR_CONFLICT, "OUTPUT_EXISTS" },
		{ "{\"outputs\":{\"data\":\"link\"}}", ERR_CONFLICT, "OUTPUT_EXISTS" },
		{ "{\"outputs\":{\"data\":[\"x.csv\", \"data/x.csv\"]}}", ERR_INPUT, "BAD_OUTPUT" },
		{ "{\"outputs\":{\"data\":\"\"}}", ERR_INPUT, "BAD_PATH" },
		{ "{\"operator\":\"/bin/sh\"}", ERR_INPUT, "UNKNOWN_OPERATOR" },
		{ "{\"operator\":\"../op-test\"}", ERR_INPUT, "UNKNOWN_OPERATOR" },
		{ "{\"operator\":\"TestOperator\"}", ERR_INPUT, "UNKNOWN_OPERATOR" },
		{ "{\"operator\":\"leiden\"}", ERR_NOTFOUND, "OPERATOR_MISSING" },
		{ "{\"task\":\"../t\"}", ERR_INPUT, "BAD_DOCUMENT" },
		{ "{\"job_id\":\"..\"}", ERR_INPUT, "BAD_DOCUMENT" },
		{ "{\"attempt\":-1}", ERR_INPUT, "BAD_DOCUMENT" },
		{ "{\"peer\":\"beta\",\"channel\":{\"scheme\":\"tcp\",\"address\":\"10.0.0.1:5\"}}", ERR_DENIED, "BAD_CHANNEL" },
	};
	struct errmsg em;

	setup("root");
	sh("ln -s /etc/passwd data/link; ln -s /etc data/linkdir; mkdir data/folder");
	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		CHECK_INT(start((uint32_t)i, json_loads(rows[i].more, 0, NULL), NULL, &em), rows[i].rc);
		CHECK_STR(em.code, rows[i].code);
	}
	/* nothing is left behind */
	sh("test -z \"$(ls -A data/.pet)\" -a -z \"$(ls -A state/tasks)\"");
	teardown();
}

/* The test operator exists for tests only. */
TEST(test_operator_hidden)
{
	struct errmsg em;

	setup("root");
	daemon_end(SIGTERM);
	unsetenv("PET_TEST_OPERATORS");
	daemon_start();
	CHECK_INT(start(0, json_object(), NULL, &em), ERR_INPUT);
	CHECK_STR(em.code, "UNKNOWN_OPERATOR");
	teardown();
}

TEST(signals)
{
	struct errmsg em;
	struct task_id id = task(0), kid = task(1), none = task(9);
	json_t *record;
	int alive = 0;

	setup("root");
	CHECK_INT(start(0, json_pack("{s:{s:i}}", "params", "sleep_ms", 10 * LONG_MS), NULL, &em), 0);
	wait_asleep(0);
	CHECK_INT(spawnc_alive(&id, &alive, &em), 0);
	CHECK_INT(alive, 1);
	CHECK_INT(spawnc_clean(&id, &em), ERR_BUSY);
	CHECK_INT(taskdir_beat(&id, 7), 0);
	CHECK_INT(spawnc_signal(&id, SIGHUP, &em), ERR_INPUT);
	CHECK_INT(spawnc_signal(&id, SIGTERM, &em), 0);
	record = wait_exit(0);
	CHECK_STR(json_string_value(json_object_get(record, "error_code")), "CANCELED");
	json_decref(record);
	CHECK_INT(start(1, json_pack("{s:{s:i}}", "params", "sleep_ms", 10 * LONG_MS), NULL, &em), 0);
	wait_asleep(1);
	CHECK_INT(spawnc_signal(&kid, SIGKILL, &em), 0);
	wait_gone(1);
	record = NULL;
	CHECK_INT(taskdir_exit(&kid, &record), ERR_NOTFOUND);
	CHECK_INT(spawnc_signal(&kid, SIGKILL, &em), 0);
	CHECK_INT(spawnc_signal(&none, SIGTERM, &em), 0);
	CHECK_INT(taskdir_beat(&none, 1), ERR_NOTFOUND);
	teardown();
}

/* A pid file that names a living process of another start time is not the task. */
TEST(recycled_pid)
{
	struct errmsg em;
	struct task_id id = task(0);
	json_t *record;
	int alive = 1;
	pid_t bystander = fork();

	if (bystander == 0) {
		pause();
		_exit(0);
	}
	setup("root");
	CHECK_INT(start(0, json_object(), NULL, &em), 0);
	record = wait_exit(0);
	json_decref(record);
	wait_gone(0);
	sh("read p s b < state/pids/" NAME0 " && echo \"%d $s $b\" > state/pids/" NAME0, (int)bystander);
	CHECK_INT(spawnc_alive(&id, &alive, &em), 0);
	CHECK_INT(alive, 0);
	CHECK_INT(spawnc_signal(&id, SIGKILL, &em), 0);
	CHECK_INT(kill(bystander, 0), 0);
	CHECK_INT(waitpid(bystander, NULL, WNOHANG), 0);
	kill(bystander, SIGKILL);
	waitpid(bystander, NULL, 0);
	teardown();
}

/* Operators live on when pet-spawn is killed, and the next one finds them. */
TEST(survives_restart)
{
	struct errmsg em;
	struct task_id id = task(0);
	json_t *record;
	int alive = 0;

	setup("root");
	CHECK_INT(start(0, json_pack("{s:{s:i}}", "params", "sleep_ms", 10 * LONG_MS), NULL, &em), 0);
	wait_asleep(0);
	daemon_end(SIGKILL);
	memset(&em, 0, sizeof(em));
	CHECK_INT(spawnc_alive(&id, &alive, &em), ERR_IO);
	CHECK_STR(em.code, "SPAWN_AWAY");
	daemon_start();
	CHECK_INT(spawnc_alive(&id, &alive, &em), 0);
	CHECK_INT(alive, 1);
	CHECK_INT(spawnc_signal(&id, SIGTERM, &em), 0);
	record = wait_exit(0);
	CHECK_STR(json_string_value(json_object_get(record, "error_code")), "CANCELED");
	json_decref(record);
	teardown();
}

/* A start that died before the operator ran leaves folders and no process: the next one takes over. */
TEST(half_started)
{
	struct errmsg em;
	json_t *record;

	setup("root");
	sh("mkdir -p data/.pet/j_0123456789abcdef.0.1.0.t/sub state/tasks/j_0123456789abcdef.0.1.0.t");
	CHECK_INT(start(0, json_object(), NULL, &em), 0);
	record = wait_exit(0);
	CHECK_INT(json_integer_value(json_object_get(record, "status")), 0);
	json_decref(record);
	teardown();
}

TEST(sandbox)
{
	struct errmsg em;
	char other[128], outside[128], proc[64];
	json_t *record;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 1) {
		printf("# skipped: this kernel has no landlock\n");
		return;
	}
	setup("root");
	sh("echo secret > data/other.csv; chmod 644 data/other.csv");
	snprintf(other, sizeof(other), "%s/data/other.csv", dir);
	snprintf(outside, sizeof(outside), "%s/data/planted", dir);
	snprintf(proc, sizeof(proc), "/proc/%d/environ", (int)getpid());
	CHECK_INT(start(0, json_pack("{s:{s:s, s:s, s:b, s:b}, s:{s:s}, s:{s:s}}", "params", "probe_read", other,
				     "probe_write", outside, "probe_inet", 1, "copy", 1, "inputs", "data", "in.csv",
				     "outputs", "data", "out.csv"), NULL, &em), 0);
	record = wait_exit(0);
	CHECK_INT(json_integer_value(json_object_get(record, "status")), 0);
	CHECK_STR(result(record, "probe_read"), "EACCES");
	CHECK_STR(result(record, "probe_write"), "EACCES");
	CHECK_STR(result(record, "probe_inet"), "EPERM");
	json_decref(record);
	sh("test ! -e data/planted");
#ifndef __SANITIZE_ADDRESS__
	CHECK_INT(start(1, json_pack("{s:{s:s}}", "params", "probe_read", proc), NULL, &em), 0);
	record = wait_exit(1);
	CHECK_STR(result(record, "probe_read"), "EACCES");
	json_decref(record);
#endif
	CHECK_INT(start(2, json_pack("{s:{s:s, s:s}}", "params", "probe_read", "/etc/passwd", "probe_write",
				     "/tmp/pet-planted"), NULL, &em), 0);
	record = wait_exit(2);
	CHECK_STR(result(record, "probe_read"), "EACCES");
	CHECK_STR(result(record, "probe_write"), "EACCES");
	json_decref(record);
	/* the way to the gateway stays open */
	snprintf(outside, sizeof(outside), "%s/run/spawn.sock", dir);
	CHECK_INT(start(3, json_pack("{s:{s:s}}", "params", "probe_unix", outside), NULL, &em), 0);
	record = wait_exit(3);
	CHECK_STR(result(record, "probe_unix"), "ok");
	json_decref(record);
	teardown();
}

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

/* A real operator with its threads and its cryptography inside the sandbox; both parties' tasks in one folder. */
TEST(psi_in_sandbox)
{
	static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	static const char *const names[] = { "psi_a", "psi_b" };
	struct errmsg em;
	char address[32];
	json_t *record, *out;

	setup("root");
	snprintf(address, sizeof(address), "127.0.0.1:%d", free_port());
	sh("printf 'id,y\\n2,b\\n1,a\\n' > data/in1.csv");
	for (int i = 0; i < 2; i++)
		CHECK_INT(start(0, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s, s:s, s:b, s:s}}",
			"operator", "psi", "task", names[i], "self", i ? "beta" : "alpha", "peer", i ? "alpha" : "beta",
			"role", i ? "party_b" : "party_a", "threads", 2, "params", "column_name", "id", "inputs", "data",
			i ? "in1.csv" : "in.csv", "outputs", "data", i ? "o1.csv" : "o0.csv", "channel", "scheme", "tcp",
			"address", address, "listen", !i, "key", key), NULL, &em), 0);
	for (int i = 0; i < 2; i++) {
		struct task_id id;

		CHECK_INT(task_id_set(&id, "j_0123456789abcdef", 0, 1, 0, names[i]), 0);
		record = wait_exit_of(&id);
		out = json_pack("{s:s}", "data", i ? "o1.csv" : "o0.csv");
		CHECK_STR(json_string_value(json_object_get(record, "error_local")), "");
		CHECK_INT(spawnc_publish(&id, out, record, NULL, &em), 0);
		json_decref(record);
		json_decref(out);
	}
	expect_file("o0.csv", "id,x\n1,2\n");
	expect_file("o1.csv", "id,y\n1,a\n");
	teardown();
}

/* Garbage on the socket is answered or dropped, and the daemon serves on. */
TEST(garbage)
{
	static const struct { const char *bytes; size_t len; } rows[] = {
		{ "", 0 }, { "\x01", 1 }, { "\xff\xff\xff\xff", 4 }, { "\0\0\0\0", 4 }, { "\x02\0\0\0[]", 6 },
		{ "\x02\0\0\0{}", 6 }, { "\x0b\0\0\0{\"ask\":\"x\"}", 15 }, { "\x04\0\0\0\xff\xfe\0{", 8 },
		{ "\x0f\0\0\0{\"ask\":\"start\"}", 19 }, { "\x11\0\0\0{\"ask\":\"publish\"}", 21 },
	};
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct task_id id = task(0);
	int alive;

	setup("root");
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/run/spawn.sock", dir);
	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		char back[512];

		CHECK_INT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
		CHECK_INT(send(fd, rows[i].bytes, rows[i].len, MSG_NOSIGNAL), rows[i].len);
		shutdown(fd, SHUT_WR);
		while (recv(fd, back, sizeof(back), 0) > 0)
			;
		close(fd);
		CHECK_INT(spawnc_alive(&id, &alive, NULL), 0);
	}
	teardown();
}

/* Another user is turned away by the kernel's word, whatever the socket's mode. */
TEST(foreign_client)
{
	struct errmsg em = { 0 };
	struct task_id id = task(0);
	int alive, status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		printf("# skipped: needs root to become another user\n");
		return;
	}
	setup("root");
	sh("chmod 755 run; chmod 777 run/spawn.sock");
	pid = fork();
	if (pid == 0) {
		int rc = setuid(65534) == 0 ? spawnc_alive(&id, &alive, &em) : 0;

		_exit(rc == ERR_DENIED && strcmp(em.code, "NOT_THE_SCHEDULER") == 0 ? 0 : 1);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	teardown();
}

/* What an operator may leave in its folders must not lead the scheduler astray. */
TEST(hostile_folder)
{
	struct errmsg em;
	struct task_id id = task(0);
	struct task_progress p;
	struct buf b = { 0 };
	json_t *record;

	setup("root");
	CHECK_INT(start(0, json_object(), NULL, &em), 0);
	record = wait_exit(0);
	json_decref(record);
	wait_gone(0);
	sh("cd state/tasks/*.t && rm lease exit.json progress log && echo keep > ../../kept && ln -s ../../kept lease"
	   " && ln -s /etc/passwd exit.json && mkfifo progress && mkdir log && ln -s / down && mkdir -p a/b/c && touch a/b/c/f");
	CHECK(taskdir_beat(&id, 9) != 0);
	CHECK(taskdir_exit(&id, &record) != 0);
	CHECK(taskdir_progress(&id, &p) != 0);
	CHECK(taskdir_log_tail(&id, 100, &b) != 0);
	CHECK_INT(spawnc_clean(&id, &em), 0);
	sh("test \"$(cat state/kept)\" = keep && test -e /etc/passwd && test -z \"$(ls -A state/tasks)\"");
	buf_free(&b);
	teardown();
}

/* What is in folder work of a failed attempt is the next one's; what nobody starts is found by list. */
TEST(work_is_handed_over)
{
	struct task_id id0 = task(0), id1 = task(1), id2 = task(2);
	json_t *record, *names = NULL;
	struct errmsg em;

	setup("root");
	CHECK_INT(start(0, json_object(), NULL, &em), 0);
	json_decref(wait_exit(0));
	wait_gone(0);
	sh("cd data/.pet/j_0123456789abcdef.0.1.0.t && mkdir work && echo kept >work/f && echo lost >other");
	CHECK_INT(spawnc_clean_failed(&id0, &em), 0);
	sh("test ! -e data/.pet/j_0123456789abcdef.0.1.0.t && test \"$(ls data/.pet/j_0123456789abcdef.0.1.1.t)\" = work");
	CHECK_INT(spawnc_list(&names, &em), 0);
	CHECK_STR(json_string_value(json_array_get(names, 0)), "j_0123456789abcdef.0.1.1.t");
	json_decref(names);
	/* the next attempt has it, and its own folders with their modes */
	CHECK_INT(start(1, copy_to("data/in.csv", "data/out1.csv"), NULL, &em), 0);
	CHECK_STR(em.local, "");
	record = wait_exit(1);
	CHECK_INT(json_integer_value(json_object_get(record, "status")), 0);
	json_decref(record);
	wait_gone(1);
	sh("cd data/.pet/j_0123456789abcdef.0.1.1.t && test \"$(cat work/f)\" = kept && test \"$(stat -c %%a .)\" = 2770");
	/* prepared, but failed at the other party: the next start takes it itself */
	CHECK_INT(start(2, json_object(), NULL, &em), 0);
	json_decref(wait_exit(2));
	wait_gone(2);
	sh("test \"$(cat data/.pet/j_0123456789abcdef.0.1.2.t/work/f)\" = kept && test ! -e data/.pet/j_0123456789abcdef.0.1.1.t/work");
	/* no folder, but a link to one: not handed over */
	sh("cd data/.pet/j_0123456789abcdef.0.1.2.t && rm -r work && ln -s / work");
	CHECK_INT(spawnc_clean_failed(&id2, &em), 0);
	CHECK_INT(spawnc_clean(&id1, &em), 0);
	sh("test -z \"$(ls -A data/.pet)\" -a -z \"$(ls -A state/tasks)\"");
	teardown();
}

TEST(second_daemon)
{
	char exe[512];
	int status = 0;
	pid_t pid;

	setup("root");
	snprintf(exe, sizeof(exe), "%s/pet-spawn", getenv("abs_top_builddir"));
	pid = fork();
	if (pid == 0) {
		int fd = open("/dev/null", O_WRONLY);

		dup2(fd, 2);
		execl(exe, "pet-spawn", (char *)NULL);
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	teardown();
}

TEST_MAIN(CASE(life), CASE(drops_user), CASE(replace), CASE(publish_refuses), CASE(start_refuses),
	  CASE(test_operator_hidden), CASE(signals), CASE(recycled_pid), CASE(survives_restart), CASE(half_started),
	  CASE(sandbox), CASE(psi_in_sandbox), CASE(garbage), CASE(foreign_client), CASE(hostile_folder), CASE(work_is_handed_over), CASE(second_daemon))
