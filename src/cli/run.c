/*
 * pet run: an operator pair without the platform, for debugging and benches.
 * Both parties on this machine over loopback, or one side of two machines'
 * (plain TCP: for test data only).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/catalog.h"
#include "base/util.h"
#include "cli/cli.h"

#define USAGE "pet run op-NAME [--a-input SLOT=FILE] [--b-input …] [--a-output SLOT=FILE] [--b-output …]\n" \
	"               [--param NAME=VALUE] [--a-param …] [--b-param …] [--threads N]\n" \
	"       pet run op-NAME --party a|b --listen|--connect HOST:PORT --key-file FILE\n" \
	"               [--input SLOT=FILE] [--output SLOT=FILE] [--param NAME=VALUE] [--threads N]"
#define GRACE_MS 3000	/* a side whose peer failed may first say so itself */

struct side {
	char letter;
	json_t *doc;
	char control[80], staging[80];
	pid_t pid;
	int done, status;
	json_t *record;
};

struct run {
	const char *operator_name;
	char program[PATH_MAX], dir[64];
	struct side side[2];
	int count;	/* 2: the pair; 1: one side */
};

static volatile sig_atomic_t stop;

static void on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

static int complain(const char *what, const char *which, const char *why)
{
	fprintf(stderr, "pet run: %s%s%s: %s\n", what, *which ? " " : "", which, why);
	return ERR_INPUT;
}

/* --- arguments ------------------------------------------------------------------ */

/* A value that is JSON stands for itself, anything else is a string. */
static json_t *value_of(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	return v ? v : json_string(text);
}

static int split(const char *option, const char *text, char name[64], const char **value)
{
	const char *eq = strchr(text, '=');

	if (!eq || eq == text || eq - text > 63)
		return complain(option, text, "expected NAME=VALUE");
	snprintf(name, 64, "%.*s", (int)(eq - text), text);
	*value = eq + 1;
	return 0;
}

/* A slot named again becomes a list. */
static int add_path(json_t *slots, const char *name, const char *path)
{
	json_t *old = json_object_get(slots, name), *list;

	if (!old)
		return json_object_set_new(slots, name, json_string(path)) ? ERR_NOMEM : 0;
	list = json_is_array(old) ? json_incref(old) : json_pack("[O]", old);
	if (json_array_append_new(list, json_string(path)) || json_object_set(slots, name, list)) {
		json_decref(list);
		return ERR_NOMEM;
	}
	json_decref(list);
	return 0;
}

static int add_input(json_t *slots, const char *name, const char *file)
{
	char full[PATH_MAX];

	if (!realpath(file, full))
		return complain("input", file, strerror(errno));
	return add_path(slots, name, full);
}

/* Takes every `--option NAME=VALUE` out of argv; kind: p(arameter), i(nput), o(utput). */
static int take(int *argc, char **argv, const char *option, char kind, json_t *into)
{
	const char *text, *value;
	char name[64];
	int rc = 0;

	while (rc == 0 && (text = cli_opt(argc, argv, option))) {
		TRY(split(option, text, name, &value));
		if (kind == 'p')
			rc = json_object_set_new(into, name, value_of(value)) ? ERR_NOMEM : 0;
		else
			rc = kind == 'i' ? add_input(into, name, value) : add_path(into, name, value);
	}
out:
	return rc;
}

static int take_side(int *argc, char **argv, struct side *s, int pair)
{
	static const struct { const char *word, *key; char kind; } rows[] = {
		{ "param", "params", 'p' }, { "input", "inputs", 'i' }, { "output", "outputs", 'o' },
	};
	char option[32];
	int rc = 0;

	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		if (!pair && rows[i].kind == 'p')
			continue;
		if (pair)
			snprintf(option, sizeof(option), "--%c-%s", s->letter, rows[i].word);
		else
			snprintf(option, sizeof(option), "--%s", rows[i].word);
		TRY(take(argc, argv, option, rows[i].kind, json_object_get(s->doc, rows[i].key)));
	}
out:
	return rc;
}

static int find_program(struct run *r, const char *word)
{
	const char *name = strncmp(word, "op-", 3) == 0 ? word + 3 : word, *dir = getenv("PET_OPERATOR_DIR");
	const struct catalog_op *op = catalog_find(name);
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (!op) {
		fprintf(stderr, "pet run: there is no operator '%s'; did you mean 'op-%s'?\n", word,
			catalog_nearest(name));
		return ERR_INPUT;
	}
	r->operator_name = op->name;
	own[n > 0 ? n : 0] = '\0';
	if (strrchr(own, '/'))
		*strrchr(own, '/') = '\0';
	/* a build folder has its operators beside pet */
	snprintf(r->program, sizeof(r->program), "%.3000s/op-%s", dir ? dir : PET_LIBEXECDIR, op->name);
	if (!dir && access(r->program, X_OK) != 0)
		snprintf(r->program, sizeof(r->program), "%.3000s/op-%s", own, op->name);
	return access(r->program, X_OK) == 0 ? 0 : complain("operator", r->program, strerror(errno));
}

/* --- documents ------------------------------------------------------------------ */

static int new_side(struct run *r, struct side *s, char letter, int threads)
{
	const char *self = letter == 'a' ? "party_a" : "party_b", *peer = letter == 'a' ? "party_b" : "party_a";

	s->letter = letter;
	s->doc = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:{}, s:{}, s:{}, s:i}", "version", 1, "job_id",
			   "j_0000000000000000", "task", "run", "self", self, "peer", peer, "role", self, "operator",
			   r->operator_name, "params", "inputs", "outputs", "threads", threads);
	return s->doc ? 0 : ERR_NOMEM;
}

static int set_channel(struct side *s, const char *address, int listens, const char *key)
{
	json_t *c = json_pack("{s:s, s:s, s:b, s:s}", "scheme", "tcp", "address", address, "listen", listens,
			      "key", key);

	return json_object_set_new(s->doc, "channel", c) ? ERR_NOMEM : 0;
}

/* A port that was free a moment ago; a race for it ends with a clear error of the listener. */
static int free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		port = ntohs(sa.sin_port);
	if (fd >= 0)
		close(fd);
	return port;
}

static int make_pair(struct run *r, int *argc, char **argv, int threads)
{
	unsigned char secret[32];
	char key[65], address[32];
	int rc, port = free_port();

	r->count = 2;
	util_random(secret, sizeof(secret));
	util_hex(key, secret, sizeof(secret));
	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	if (port < 0)
		return complain("loopback", "", strerror(errno));
	for (int i = 0; i < 2; i++) {
		TRY(new_side(r, &r->side[i], (char)('a' + i), threads));
		TRY(take_side(argc, argv, &r->side[i], 1));
		TRY(set_channel(&r->side[i], address, i == 0, key));
	}
out:
	return rc;
}

static int make_single(struct run *r, int *argc, char **argv, const char *party, int threads)
{
	const char *to = cli_opt(argc, argv, "--connect"), *at = cli_opt(argc, argv, "--listen");
	const char *file = cli_opt(argc, argv, "--key-file");
	struct buf b = { 0 };
	unsigned char secret[32];
	int rc;

	r->count = 1;
	if (strcmp(party, "a") != 0 && strcmp(party, "b") != 0)
		return complain("--party", party, "expected a or b");
	if (!to == !at || !file)
		return complain("--party", party, "needs --key-file and one of --listen HOST:PORT and --connect HOST:PORT");
	if (util_read_file(&b, file, 1024)) {
		buf_free(&b);
		return complain("--key-file", file, "cannot be read");
	}
	b.data[strcspn(b.data, "\r\n")] = '\0';
	rc = util_unhex(secret, sizeof(secret), b.data);
	if (rc) {
		complain("--key-file", file, "expected 64 hex digits, the same at both parties");
		goto out;
	}
	TRY(new_side(r, &r->side[0], party[0], threads));
	TRY(take_side(argc, argv, &r->side[0], 0));
	TRY(set_channel(&r->side[0], to ? to : at, at != NULL, b.data));
out:
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(b.data, b.cap);
	buf_free(&b);
	return rc;
}

static int read_arguments(struct run *r, int argc, char **argv)
{
	const char *party = cli_opt(&argc, argv, "--party"), *threads = cli_opt(&argc, argv, "--threads");
	json_t *common = json_object();
	int n = threads ? atoi(threads) : 0, rc;

	TRY(take(&argc, argv, "--param", 'p', common));
	if (threads && (n < 1 || n > 4096)) {
		rc = complain("--threads", threads, "expected an integer from 1 to 4096");
		goto out;
	}
	/* the operator's name comes first */
	if (argc < 2 || argv[1][0] == '-') {
		rc = complain("usage", "", USAGE);
		goto out;
	}
	TRY(find_program(r, argv[1]));
	TRY(party ? make_single(r, &argc, argv, party, n) : make_pair(r, &argc, argv, n));
	TRY(cli_rest(argc, argv, 1, USAGE));
	for (int i = 0; i < r->count; i++)
		rc |= json_object_update_missing(json_object_get(r->side[i].doc, "params"), common);
out:
	json_decref(common);
	return rc;
}

/* --- running -------------------------------------------------------------------- */

static int start_side(struct run *r, struct side *s)
{
	char *text;
	int in[2], rc = ERR_IO;

	snprintf(s->control, sizeof(s->control), "%s/%c", r->dir, s->letter);
	snprintf(s->staging, sizeof(s->staging), "%s/%c/out", r->dir, s->letter);
	if (mkdir(s->control, 0700) != 0 || mkdir(s->staging, 0700) != 0 || pipe2(in, O_CLOEXEC) != 0)
		return complain("folder", s->control, strerror(errno));
	json_object_set_new(s->doc, "control_dir", json_string(s->control));
	json_object_set_new(s->doc, "staging_dir", json_string(s->staging));
	fflush(NULL);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(in[0], STDIN_FILENO);
		/* standard output is for our one line */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(r->program, strrchr(r->program, '/') + 1, (char *)NULL);
		_exit(EX_OSERR);
	}
	close(in[0]);
	text = json_dumps(s->doc, JSON_COMPACT);
	if (text && s->pid > 0)
		rc = util_write_all(in[1], text, strlen(text));
	close(in[1]);
	free(text);
	return rc;
}

static void reap(struct side *s)
{
	char path[PATH_MAX];
	int status;

	if (s->done || waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	s->done = 1;
	s->status = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	snprintf(path, sizeof(path), "%s/exit.json", s->control);
	s->record = json_load_file(path, 0, NULL);
	if (s->status)
		fprintf(stderr, "pet run: party %c: %s: %s\n", s->letter,
			s->record ? json_string_value(json_object_get(s->record, "error_code")) : "CRASHED",
			s->record ? json_string_value(json_object_get(s->record, "error_local")) :
			"the operator left no record");
}

/* Until both have ended; a side that fails takes the other one with it. */
static void wait_all(struct run *r)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	int64_t failed_at = 0;
	int left = r->count, told = 0;

	while (left) {
		left = 0;
		for (int i = 0; i < r->count; i++) {
			reap(&r->side[i]);
			left += !r->side[i].done;
			if (r->side[i].done && r->side[i].status && !failed_at)
				failed_at = util_mono_ms();
		}
		if (left && !told && (stop || (failed_at && util_mono_ms() - failed_at > GRACE_MS))) {
			told = 1;
			for (int i = 0; i < r->count; i++)
				if (!r->side[i].done)
					kill(r->side[i].pid, SIGTERM);
		}
		if (left)
			nanosleep(&nap, NULL);
	}
}

/* Rename, or copy when the target is on another file system. */
static int move_file(const char *from, const char *to)
{
	int in, out, rc = ERR_IO;
	ssize_t n = 1;

	if (rename(from, to) == 0)
		return 0;
	if (errno != EXDEV)
		return complain("output", to, strerror(errno));
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	while (in >= 0 && out >= 0 && n > 0)
		n = sendfile(out, in, NULL, 1 << 24);
	if (n == 0)
		rc = 0;
	else
		complain("output", to, strerror(errno));
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) != 0)
		rc = ERR_IO;
	return rc;
}

static int publish(const struct side *s)
{
	json_t *slots = json_object_get(s->record, "outputs"), *list, *item;
	const char *slot;
	char from[PATH_MAX];
	size_t i;
	int rc = 0;

	json_object_foreach(slots, slot, list)
		json_array_foreach(list, i, item) {
			const json_t *to = json_object_get(json_object_get(s->doc, "outputs"), slot);

			to = json_is_array(to) ? json_array_get(to, i) : to;
			if (*json_string_value(item) == '\0' || rc)
				continue;
			snprintf(from, sizeof(from), "%s/%s", s->staging, json_string_value(item));
			rc = move_file(from, json_string_value(to));
		}
	return rc;
}

static void remove_side(const struct side *s)
{
	static const char *const names[] = { "progress", "exit.json", "lease", "log" };
	const char *slot;
	char path[PATH_MAX];
	json_t *list;

	json_object_foreach(json_object_get(s->doc, "outputs"), slot, list)
		for (size_t i = 0; i < (json_is_array(list) ? json_array_size(list) : 1); i++) {
			snprintf(path, sizeof(path), "%s/%s.%zu", s->staging, slot, i);
			unlink(path);
		}
	for (size_t i = 0; i < PET_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->control, names[i]);
		unlink(path);
	}
	rmdir(s->staging);
	rmdir(s->control);
}

/* One JSON line: the exit record of each side. */
static int report(const struct run *r)
{
	json_t *all = json_object();
	char *text;
	int status = 0;

	for (int i = 0; i < r->count; i++) {
		const struct side *s = &r->side[i];

		/* "the peer went away" is never the cause when the peer's own error is known */
		if (status == 0 || status == EX_TEMPFAIL)
			status = s->status ? s->status : status;
		if (s->record)
			json_object_set(all, s->letter == 'a' ? "party_a" : "party_b", s->record);
	}
	text = json_dumps(all, JSON_COMPACT);
	if (text)
		puts(text);
	free(text);
	json_decref(all);
	return status;
}

static int run_all(struct run *r)
{
	const struct sigaction sa = { .sa_handler = on_stop };
	int status, rc = 0;

	snprintf(r->dir, sizeof(r->dir), "/tmp/pet-run-XXXXXX");
	if (!mkdtemp(r->dir)) {
		complain("folder", r->dir, strerror(errno));
		return EX_CANTCREAT;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < r->count && rc == 0; i++)
		rc = start_side(r, &r->side[i]);
	for (int i = 0; i < r->count; i++)
		r->side[i].done = r->side[i].pid <= 0;
	if (rc)
		stop = 1;
	wait_all(r);
	status = report(r);
	for (int i = 0; i < r->count; i++)
		if (rc == 0 && status == 0)
			rc = publish(&r->side[i]);
	for (int i = 0; i < r->count; i++)
		remove_side(&r->side[i]);
	rmdir(r->dir);
	return status ? status : rc ? EX_CANTCREAT : 0;
}

int cmd_run(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	int status = EX_OSERR;

	if (!r)
		return status;
	status = read_arguments(r, argc, argv) ? EX_USAGE : run_all(r);
	for (int i = 0; i < 2; i++) {
		json_decref(r->side[i].doc);
		json_decref(r->side[i].record);
	}
	free(r);
	return status;
}
