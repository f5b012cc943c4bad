/*
 * Scheme socket: a pet-netd for one attempt, as the gateway's user. It needs
 * no register and no signal: it holds the reading end of a pipe whose writing
 * end the task's processes hold, and ends when the last of them is gone,
 * however that came about.
 */
#define _GNU_SOURCE 1
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/util.h"
#include "spawn/spawn.h"

#define READY_MS 5000	/* it reads a key and binds a port */
#define LOOK_MS 5
#define LIFE_FD 3
#define PORT_MIN 49152
#define PORT_MAX 65535
#define ENV_MAX 8

struct gateway {
	uid_t uid;
	gid_t gid;
	char user[64];
	int drop;
	char program[PATH_MAX], socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char number[3][16];
	const char *argv[24];
	char *env[ENV_MAX];
	int life, log;		/* the ends that the child gets */
};

/* --- checks -------------------------------------------------------------- */

/* host:port with a port of the range. It goes into a command line, and the scheduler's word is not enough for that. */
static int check_place(const char *place)
{
	const char *colon = place ? strrchr(place, ':') : NULL;
	char *end;
	long port;

	if (!colon || colon == place || colon - place > 255 || !isdigit((unsigned char)colon[1]))
		return 0;
	for (const char *p = place; p < colon; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-:[]", *p))
			return 0;
	port = strtol(colon + 1, &end, 10);
	return place[0] != '-' && *end == '\0' && port >= PORT_MIN && port <= PORT_MAX;
}

static int find_user(const struct spawn *sp, struct gateway *g, struct errmsg *em)
{
	const char *name = conf_get("PET_NET_USER", "pet-net");
	struct passwd *pw;

	g->uid = geteuid();
	g->gid = getegid();
	if (g->uid != 0)
		return 0;
	pw = getpwnam(name);
	/* the key is what operators must never see */
	if (!pw || pw->pw_uid == 0 || (sp->drop && pw->pw_uid == sp->op_uid)) {
		errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "the task's gateway cannot be started");
		errmsg_local(em, "PET_NET_USER is '%s': expected a user that is neither root nor the operators'", name);
		return ERR_INPUT;
	}
	g->uid = pw->pw_uid;
	g->gid = pw->pw_gid;
	g->drop = 1;
	snprintf(g->user, sizeof(g->user), "%s", pw->pw_name);
	return 0;
}

/* --- folder and command --------------------------------------------------- */

/* $PET_RUN_DIR/g: the gateway makes sockets in it, operators only pass through; set-group, so that they may connect. */
static int make_folder(const struct spawn *sp, const struct gateway *g, struct errmsg *em)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, bad;

	snprintf(path, sizeof(path), "%.*s/g", PATH_MAX - 16, sp->run_path);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return errmsg_set(em, ERR_IO, "NO_FOLDER", "%s cannot be made: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bad = fd < 0 || fstat(fd, &st) != 0 || (st.st_uid != geteuid() && st.st_uid != g->uid) ||
	      (g->drop && fchown(fd, g->uid, sp->op_gid) != 0) || fchmod(fd, g->drop ? 02710 : 0700) != 0;
	if (fd >= 0)
		close(fd);
	return bad ? errmsg_set(em, ERR_IO, "NO_FOLDER", "%s is not a folder that the gateway's user may use: %s", path,
				strerror(errno)) : 0;
}

static int make_names(const struct spawn *sp, struct gateway *g, struct errmsg *em)
{
	unsigned char r[8];
	char hex[sizeof(r) * 2 + 1];

	util_random(r, sizeof(r));
	util_hex(hex, r, sizeof(r));
	if (snprintf(g->socket, sizeof(g->socket), "%s/g/%s", sp->run_path, hex) >= (int)sizeof(g->socket))
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PET_RUN_DIR is too long: a socket's path ends at 107 bytes");
	snprintf(g->program, sizeof(g->program), "%.*s/pet-netd", PATH_MAX - 16, conf_get("PET_SBIN_DIR", PET_SBINDIR));
	if (access(g->program, X_OK) != 0) {
		errmsg_set(em, ERR_NOTFOUND, "GATEWAY_MISSING", "the task's gateway cannot be started");
		errmsg_local(em, "%s: %s (PET_SBIN_DIR)", g->program, strerror(errno));
		return ERR_NOTFOUND;
	}
	return 0;
}

static int make_command(struct gateway *g, const json_t *request, const json_t *doc, const struct task_id *id,
			struct errmsg *em)
{
	const char *listen = json_string_value(json_object_get(request, "listen"));
	const char *connect = json_string_value(json_object_get(request, "connect"));
	const char *peer = json_string_value(json_object_get(doc, "peer"));
	const char *argv[] = { "pet-netd", "--task", "--job", id->job, "--epoch", g->number[0], "--group", g->number[1],
			       "--attempt", g->number[2], "--peer", peer, listen ? "--listen" : "--connect",
			       listen ? listen : connect, "--socket", g->socket, "--life-fd", "3", NULL };

	if (!peer || !listen == !connect || !check_place(listen ? listen : connect))
		return errmsg_set(em, ERR_INPUT, "BAD_REQUEST",
				  "gateway: expected listen or connect, host:port with a port from %d to %d, and a document with a peer",
				  PORT_MIN, PORT_MAX);
	snprintf(g->number[0], sizeof(g->number[0]), "%u", id->epoch);
	snprintf(g->number[1], sizeof(g->number[1]), "%u", id->group);
	snprintf(g->number[2], sizeof(g->number[2]), "%u", id->attempt);
	memcpy(g->argv, argv, sizeof(argv));
	return 0;
}

/* What the daemon would read, from this program's configuration: one place says where the key is. */
static int make_env(struct gateway *g)
{
	static const char *const names[] = { "PARTY", "CONFIG_FILE", "PET_TLS_CERT", "PET_TLS_KEY", "PET_LOG" };
	const char *conf = getenv("PET_CONF");
	size_t n = 0;

	for (size_t i = 0; i < PET_ARRAY_SIZE(names); i++) {
		const char *v = conf_get(names[i], NULL);

		if (v && asprintf(&g->env[n++], "%s=%s", names[i], v) < 0)
			return ERR_NOMEM;
	}
	return conf && asprintf(&g->env[n], "PET_CONF=%s", conf) < 0 ? ERR_NOMEM : 0;
}

/* --- process -------------------------------------------------------------- */

static int change_user(const struct gateway *g)
{
	if (!g->drop)
		return 0;
	return initgroups(g->user, g->gid) != 0 || setresgid(g->gid, g->gid, g->gid) != 0 ||
	       setresuid(g->uid, g->uid, g->uid) != 0 || setuid(0) == 0;
}

/* In the child. What goes wrong stands in gateway.log. */
static void become(struct gateway *g)
{
	const struct rlimit none = { 0, 0 };
	int life = fcntl(g->life, F_DUPFD_CLOEXEC, LIFE_FD + 1), log = fcntl(g->log, F_DUPFD_CLOEXEC, LIFE_FD + 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t set;

	if (dup2(log, 1) < 0 || dup2(log, 2) < 0 || dup2(null, 0) < 0 || dup2(life, LIFE_FD) < 0 ||
	    syscall(SYS_close_range, LIFE_FD + 1, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) != 0)
		return;
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	umask(027);
	/* a core file would hold the key */
	if (setsid() < 0 || chdir("/") != 0 || sigprocmask(SIG_SETMASK, &set, NULL) != 0 ||
	    setrlimit(RLIMIT_CORE, &none) != 0 || change_user(g) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_error("the gateway's user, session or limits: %s", strerror(errno));
	else
		execve(g->program, (char *const *)(uintptr_t)g->argv, g->env);
	log_error("%s: %s", g->program, strerror(errno));
}

/* Its socket is the last thing that it makes: once that is there, the port is bound. */
static int wait_ready(const struct gateway *g, pid_t pid)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int64_t until = util_mono_ms() + READY_MS;
	struct stat st;
	int rc = ERR_BUSY;

	while (p.fd >= 0 && util_mono_ms() < until) {
		if (stat(g->socket, &st) == 0 && S_ISSOCK(st.st_mode)) {
			rc = 0;
			break;
		}
		if (poll(&p, 1, LOOK_MS) > 0)
			break;
	}
	if (p.fd >= 0)
		close(p.fd);
	return rc;
}

/* The last line that it wrote says which port, and why. */
static int not_ready(const struct spawn *sp, const char *name, struct errmsg *em)
{
	char path[PATH_MAX];
	struct buf b = { 0 };
	const char *line = "";

	snprintf(path, sizeof(path), "%.*s/tasks/%s/gateway.log", PATH_MAX - 300, sp->state_path, name);
	if (util_read_file(&b, path, 64 << 10) == 0 && b.data) {
		b.data[strcspn(b.data, "\n")] = '\0';
		line = b.data[0] == '<' && strlen(b.data) > 3 ? b.data + 3 : b.data;
	}
	errmsg_set(em, ERR_BUSY, "GATEWAY_NOT_STARTED", "the task's gateway could not be started");
	errmsg_local(em, "the task's gateway could not be started: %.300s", *line ? line : "it did not become ready in time");
	buf_free(&b);
	return ERR_BUSY;
}

static int open_log(const struct spawn *sp, const char *name, int *fd, struct errmsg *em)
{
	char path[TASKDIR_NAME_MAX + 16];

	snprintf(path, sizeof(path), "%s/gateway.log", name);
	*fd = openat(sp->tasks, path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (*fd < 0 || (geteuid() == 0 && fchown(*fd, 0, sp->client_gid) != 0))
		return errmsg_set(em, ERR_IO, "NO_FOLDER", "the gateway's log cannot be made: %s", strerror(errno));
	return 0;
}

static int run(const struct spawn *sp, struct gateway *g, const char *name, int *life, struct errmsg *em)
{
	int ends[2] = { -1, -1 }, rc = ERR_IO;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return errmsg_set(em, rc, "NO_PROCESS", "no pipe for the gateway: %s", strerror(errno));
	g->life = ends[0];
	pid = fork();
	if (pid == 0) {
		become(g);
		_exit(127);	/* in the child of a fork, not in this program */
	}
	close(ends[0]);
	if (pid < 0)
		errmsg_set(em, rc, "NO_PROCESS", "no process for the gateway: %s", strerror(errno));
	else if ((rc = wait_ready(g, pid)) != 0)
		rc = not_ready(sp, name, em);
	if (rc)
		close(ends[1]);	/* ends it, should it be slow only */
	else
		*life = ends[1];
	return rc;
}

/* 1 when the socket's owner is gone. A gateway that starts is waited for by this one thread, so it is not met half-way. */
static int nobody_listens(const char *folder, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, refused;

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", folder, name) >= (int)sizeof(sa.sun_path))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	refused = fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return refused;
}

/* A gateway removes its socket at its end, unless it was killed. */
void gateway_sweep(const struct spawn *sp)
{
	char path[PATH_MAX];
	struct dirent *e;
	struct stat st;
	DIR *d;

	snprintf(path, sizeof(path), "%.*s/g", PATH_MAX - 16, sp->run_path);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode) && nobody_listens(path, e->d_name))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

int gateway_start(struct spawn *sp, const json_t *request, json_t *doc, const char *name, int *life, struct errmsg *em)
{
	struct gateway *g = calloc(1, sizeof(*g));
	json_t *channel = json_object_get(doc, "channel");
	struct task_id id;
	int rc = ERR_NOMEM;

	if (!g)
		return rc;
	g->log = -1;
	TRY(task_id_from(&id, doc, em));
	TRY(find_user(sp, g, em));
	TRY(make_names(sp, g, em));
	TRY(make_command(g, request, doc, &id, em));
	TRY(make_env(g));
	TRY(make_folder(sp, g, em));
	TRY(open_log(sp, name, &g->log, em));
	TRY(run(sp, g, name, life, em));
	rc = json_object_set_new(channel, "address", json_string(g->socket)) ? ERR_INPUT : 0;
	if (rc)
		errmsg_set(em, rc, "BAD_DOCUMENT", "channel: expected an object");
out:
	if (g->log >= 0)
		close(g->log);
	for (size_t i = 0; i < ENV_MAX; i++)
		free(g->env[i]);
	free(g);
	return rc;
}
