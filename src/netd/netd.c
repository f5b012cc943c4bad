/* pet-netd: the gateway's main. docs/wire.md tells what it relays, docs/configuration.md what it reads. */
#define _GNU_SOURCE /* accept4 */
#include "netd/netd.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/util.h"
#include "net/dial.h"

/* How long open connections may take to end after SIGTERM. */
#define DRAIN_MS 5000
/* --life-fd: how long the last bytes may take once the operator is gone. */
#define LAST_MS 2000

static int listen_local(struct netd *nd, struct errmsg *em)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct errmsg ignored;
	int probe;

	/* A path that nobody listens on is what a killed gateway left. */
	if (dial_unix(nd->socket, &probe, &ignored) == 0) {
		close(probe);
		return errmsg_set(em, ERR_CONFLICT, "RUNNING", "%s: another gateway is listening there", nd->socket);
	}
	unlink(nd->socket);
	memcpy(sa.sun_path, nd->socket, strlen(nd->socket) + 1);
	nd->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (nd->local < 0 || bind(nd->local, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    chmod(nd->socket, 0660) != 0 || listen(nd->local, 128) != 0)
		return errmsg_set(em, ERR_IO, "NO_SOCKET", "cannot listen on %s: %s", nd->socket, strerror(errno));
	return 0;
}

static int netd_init(struct netd *nd, int argc, char **argv, struct errmsg *em)
{
	pthread_condattr_t attr;
	int rc = ERR_INTERNAL;

	memset(nd, 0, sizeof(*nd));
	nd->tcp = nd->local = nd->stop = -1;
	pthread_mutex_init(&nd->mu, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&nd->changed, &attr);
	pthread_condattr_destroy(&attr);
	nd->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (nd->stop < 0)
		return rc;
	rc = netd_configure(nd, argc, argv, em);
	if (rc)
		return rc == ERR_IO ? ERR_INPUT : rc;	/* a file that cannot be read is a wrong configuration */
	if (!nd->task.on || nd->task.listen)
		TRY(dial_listen(nd->listen, &nd->tcp, em));
	TRY(listen_local(nd, em));
out:
	return rc;
}

static int64_t drain(struct netd *nd)
{
	int64_t deadline = util_mono_ms() + DRAIN_MS;

	if (nd->stop >= 0 && eventfd_write(nd->stop, 1) != 0)
		log_error("eventfd: %s", strerror(errno));
	while (atomic_load(&nd->conns) > 0 && util_mono_ms() < deadline)
		(void)!io_wait(-1, 0, util_mono_ms() + 5, -1);
	return atomic_load(&nd->conns);
}

static void netd_fini(struct netd *nd)
{
	if (nd->tcp >= 0)
		close(nd->tcp);
	if (nd->local >= 0) {
		unlink(nd->socket);
		close(nd->local);
	}
	/* Threads that did not end in time still use the rest. */
	if (drain(nd) > 0)
		return;
	site_unref(nd->site);
	if (nd->stop >= 0)
		close(nd->stop);
	pthread_cond_destroy(&nd->changed);
	pthread_mutex_destroy(&nd->mu);
}

static void accept_all(struct netd *nd, int listener, void (*take)(struct netd *, int))
{
	for (int i = 0; i < 64; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			take(nd, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE) {
			log_error("cannot accept a connection: %s", strerror(errno));
			(void)!io_wait(-1, 0, util_mono_ms() + 100, -1);
		}
		return;
	}
}

static void reload(struct netd *nd)
{
	struct errmsg em = { 0 };

	notify_reloading();
	if (netd_load_site(nd, &em) != 0)
		log_error("the old configuration stays: %s", em.local);
	else
		log_notice("party file, certificate and key were read again");
	notify_ready(NULL);
}

/* --task: nobody needs it any more, or its owner no longer renews the lease. */
struct task_watch {
	int64_t busy_ms, beat_ms, ended_ms;
	char beat[64];
};

static int task_over(struct netd *nd, struct task_watch *w)
{
	int64_t now = util_mono_ms();
	struct buf b = { 0 };

	if (!nd->task.on)
		return 0;
	if (atomic_load(&nd->conns) > 0 || !w->busy_ms)
		w->busy_ms = now;
	if (nd->task.lease && util_read_file(&b, nd->task.lease, sizeof(w->beat) - 1) == 0 &&
	    (!b.data || strcmp(b.data, w->beat) != 0)) {
		snprintf(w->beat, sizeof(w->beat), "%s", b.data ? b.data : "");
		w->beat_ms = now;
	}
	buf_free(&b);
	if (!w->beat_ms)
		w->beat_ms = now;
	if (nd->task.lease && now - w->beat_ms > nd->task.lease_ms) {
		log_notice("the lease was not renewed: ending");
		return 1;
	}
	/* An operator that lives may be silent for as long as it likes. */
	if (nd->task.life_fd >= 0)
		return w->ended_ms && (atomic_load(&nd->conns) == 0 || now - w->ended_ms > LAST_MS);
	return now - w->busy_ms > nd->task.idle_ms;
}

static int take_signal(struct netd *nd, int sigs)
{
	struct signalfd_siginfo si;

	if (read(sigs, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	if (si.ssi_signo == SIGHUP) {
		reload(nd);
		return 0;
	}
	log_notice("ending on signal %u", si.ssi_signo);
	return 1;
}

static void netd_loop(struct netd *nd, int sigs)
{
	struct pollfd p[4] = { { .fd = sigs, .events = POLLIN }, { .fd = nd->local, .events = POLLIN },
			       { .fd = nd->tcp, .events = POLLIN }, { .fd = nd->task.on ? nd->task.life_fd : -1, .events = POLLIN } };
	int64_t beat = notify_watchdog_ms();
	int nap = nd->task.on ? 200 : beat && beat < 60000 ? (int)beat : 60000;
	struct task_watch watch = { 0 };

	/* nobody writes: readable means closed */
	while (!task_over(nd, &watch)) {
		int n = poll(p, 4, nap);

		if (beat)
			notify_watchdog();
		if (n <= 0)
			continue;
		if (p[0].revents && take_signal(nd, sigs))
			return;
		if (p[1].revents)
			accept_all(nd, nd->local, conn_local);
		if (p[2].revents)
			accept_all(nd, nd->tcp, conn_remote);
		if (p[3].revents) {
			watch.ended_ms = util_mono_ms();
			p[3].fd = -1;
			nap = 20;
		}
	}
}

/* Blocked before any thread starts, so that every thread inherits it and only the loop sees them. */
static int take_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	struct errmsg em = { 0 };
	struct netd nd;
	int sigs, rc;

	log_init("pet-netd");
	notify_init();
	/* Many threads, few allocations: more arenas would only cost memory. */
	mallopt(M_ARENA_MAX, 2);
	sigs = take_signals();
	rc = conf_init(&em);
	if (rc == 0 && (rc = netd_init(&nd, argc, argv, &em)) != 0)
		netd_fini(&nd);
	if (rc) {
		log_error("%s", em.local[0] ? em.local : err_name(rc));
		return strcmp(em.code, "USAGE") == 0 ? EX_USAGE : rc == ERR_INPUT ? EX_CONFIG : EX_UNAVAILABLE;
	}
	log_notice("gateway of %s: operators at %s, other parties at %s", nd.self, nd.socket,
		   nd.tcp >= 0 ? nd.listen : "no port (connects only)");
	notify_ready(NULL);
	netd_loop(&nd, sigs);
	notify_stopping();
	netd_fini(&nd);
	close(sigs);
	conf_fini();
	return 0;
}
