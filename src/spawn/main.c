/* pet-spawn: one request per connection, one request at a time. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/spawnc.h"
#include "config.h"
#include "spawn/spawn.h"

#define REQUEST_MS 3000

static const struct {
	const char *ask;
	int (*serve)(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em);
} requests[] = {
	{ "start", spawn_start }, { "signal", spawn_signal }, { "alive", spawn_alive },
	{ "publish", spawn_publish }, { "clean", spawn_clean }, { "list", spawn_list },
};

static int dispatch(struct spawn *sp, const json_t *request, json_t *answer, struct errmsg *em)
{
	const char *ask = json_string_value(json_object_get(request, "ask"));

	for (size_t i = 0; ask && i < PET_ARRAY_SIZE(requests); i++)
		if (strcmp(ask, requests[i].ask) == 0)
			return requests[i].serve(sp, request, answer, em);
	return errmsg_set(em, ERR_INPUT, "BAD_REQUEST",
			  "ask: expected start, signal, alive, publish, clean or list");
}

static int check_client(const struct spawn *sp, int fd, struct errmsg *em)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == sp->client_uid)
		return 0;
	log_warning("a request of uid %u was refused", len == sizeof(who) ? who.uid : (uid_t)-1);
	return errmsg_set(em, ERR_DENIED, "NOT_THE_SCHEDULER", "only the scheduler's user may ask pet-spawn");
}

static void serve(struct spawn *sp, int fd)
{
	json_t *request = NULL, *answer = json_object();
	struct errmsg em = { 0 };
	int rc = check_client(sp, fd, &em);

	if (rc == 0) {
		rc = spawn_recv(fd, &request, REQUEST_MS);
		if (rc)
			errmsg_set(&em, rc, "BAD_REQUEST",
				   "the request did not come whole, or is not a JSON object of at most %u bytes",
				   SPAWN_MESSAGE_MAX);
	}
	if (rc == 0)
		rc = dispatch(sp, request, answer, &em);
	if (rc)
		log_warning("%s: %s", em.code, em.local);
	if (json_object_set_new(answer, "err", json_integer(rc)) == 0 &&
	    (rc == 0 || (json_object_set_new(answer, "code", json_string(em.code)) == 0 &&
			 json_object_set_new(answer, "pub", json_string(em.pub)) == 0 &&
			 json_object_set_new(answer, "local", json_string(em.local)) == 0)))
		rc = spawn_send(fd, answer, REQUEST_MS);
	json_decref(request);
	json_decref(answer);
}

/* One pet-spawn per run folder; a socket that a killed one left behind is replaced. */
static int listen_at(const struct spawn *sp, int *lock, int *fd, struct errmsg *em)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/spawn.lock", PATH_MAX - 16, sp->run_path);
	*lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*lock < 0)
		return errmsg_set(em, ERR_IO, "BAD_FOLDER", "%s: %s", path, strerror(errno));
	if (flock(*lock, LOCK_EX | LOCK_NB) != 0)
		return errmsg_set(em, ERR_BUSY, "ALREADY_RUNNING", "another pet-spawn serves %s", sp->run_path);
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/spawn.sock", sp->run_path) >= (int)sizeof(sa.sun_path))
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG",
				  "PET_RUN_DIR is too long: a socket's path ends at 107 bytes");
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(sa.sun_path);
	/* made for the owner alone, then given to the scheduler: whoever connects is checked besides */
	umask(0177);
	if (*fd < 0 || bind(*fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    (geteuid() == 0 && chown(sa.sun_path, sp->client_uid, sp->client_gid) != 0) ||
	    listen(*fd, 64) != 0)
		return errmsg_set(em, ERR_IO, "NO_SOCKET", "cannot listen at %s: %s", sa.sun_path, strerror(errno));
	umask(027);
	return 0;
}

static int stop_signals(void)
{
	sigset_t mask;

	/* children that end are nobody's zombies: their records say how they ended */
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void loop(struct spawn *sp, int listener, int signals)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = listener, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
		int fd;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents)
			return;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		serve(sp, fd);
		close(fd);
	}
}

static int run(void)
{
	struct spawn *sp = calloc(1, sizeof(*sp));
	struct errmsg em = { 0 };
	int lock = -1, listener = -1, signals = -1, rc = ERR_NOMEM;

	if (!sp)
		return EX_OSERR;
	TRY(conf_init(&em));
	TRY(spawn_setup(sp, &em));
	TRY(listen_at(sp, &lock, &listener, &em));
	signals = stop_signals();
	log_notice("ready: operators in %s, data in %s", sp->operators, sp->safe_path);
	notify_ready(NULL);
	loop(sp, listener, signals);
	notify_stopping();
out:
	if (rc)
		log_error("%s: %s", em.code, em.local);
	if (listener >= 0)
		close(listener);
	if (signals >= 0)
		close(signals);
	if (lock >= 0)
		close(lock);
	spawn_fini(sp);
	free(sp);
	conf_fini();
	return rc == 0 ? EX_OK : rc == ERR_INPUT ? EX_CONFIG : EX_OSERR;
}

int main(int argc, char **argv)
{
	log_init("pet-spawn");
	notify_init();
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts(PACKAGE_STRING);
		return EX_OK;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		puts("pet-spawn: starts and ends operators for the scheduler; settings: docs/configuration.md");
		return EX_OK;
	}
	if (argc != 1) {
		fprintf(stderr, "pet-spawn: unknown argument '%s'; try --help\n", argv[1]);
		return EX_USAGE;
	}
	return run();
}
