/* pet-schedd: the Job Manager and the Task Executor of one party. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/util.h"
#include "db/db_slot.h"
#include "sched/sched.h"

static struct sched sched;

static void on_signal(int sig)
{
	int saved = errno;

	if (sig == SIGHUP)
		sched.reload = 1;
	else
		sched.stop = 1;
	sched_wake_main(&sched);
	errno = saved;
}

void sched_wake_main(struct sched *s)
{
	uint64_t one = 1;

	if (s->event_fd >= 0 && write(s->event_fd, &one, sizeof(one)) < 0)
		return;	/* full: it is awake */
}

void sched_wake_senders(struct sched *s)
{
	pthread_mutex_lock(&s->mutex);
	s->generation++;
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->mutex);
}

static void signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int prepare(struct sched *s, struct errmsg *em)
{
	pthread_condattr_t attr;

	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->event_fd < 0)
		return errmsg_set(em, ERR_IO, "EVENTFD", "eventfd: %s", strerror(errno));
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->more, &attr);
	pthread_condattr_destroy(&attr);
	return curl_global_init(CURL_GLOBAL_DEFAULT) == 0 ? 0 : ERR_INTERNAL;
}

/* The database may start after us: it is waited for, and said once. */
static int open_db(struct sched *s, struct db **db, struct errmsg *em)
{
	int rc = ERR_CANCELED, said = 0;

	while (!s->stop) {
		rc = db_open(db, s->conf.db_uri, em);
		if (rc != ERR_DB)
			return rc;
		if (!said++)
			log_warning("%s: waiting for it", em->local);
		usleep(500000);
	}
	return rc;
}

static int serve(struct sched *s, struct db *db)
{
	struct sender *sender[PARTY_MAX] = { NULL };
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < s->parties->count && rc == 0; i++)
		if (strcmp(s->parties->party[i].name, s->conf.party) != 0)
			rc = sender_start(&sender[n++], s, &s->parties->party[i]);
	if (rc == 0) {
		notify_ready(NULL);
		log_notice("scheduler %s of %s is up: %lld slots", s->id, s->conf.party, (long long)s->conf.slots);
		rc = sched_loop(s, db);
	}
	/* Operators go on; the next scheduler of this home adopts them. */
	notify_stopping();
	s->stop = 1;
	sched_wake_senders(s);
	for (size_t i = 0; i < n; i++)
		sender_join(sender[i]);
	return rc;
}

int main(int argc, char **argv)
{
	struct errmsg em = { 0 };
	struct db *db = NULL;
	int rc = ERR_INTERNAL;

	if (argc != 1) {
		fprintf(stderr, "usage: %s\nThe scheduler of one party; docs/configuration.md lists the variables.\n", argv[0]);
		return EX_USAGE;
	}
	notify_init();
	log_init("pet-schedd");
	sched.wake_fd = sched.event_fd = sched.lock_fd = -1;
	TRY(conf_init(&em));
	TRY(sched_conf_load(&sched, &em));
	TRY(prepare(&sched, &em));
	signals();
	TRY(open_db(&sched, &db, &em));
	TRY(db_sched_register(db, &sched.who, sched.conf.slots, &em));
	TRY(slot_scheme_set(db, sched.conf.scheme, sched.conf.port_low, sched.conf.port_high));
	TRY(sched_missions(&sched, db));
	TRY(db_sched_up(db, &sched.who));
	rc = serve(&sched, db);
out:
	if (rc && em.local[0])
		log_error("%s", em.local);
	db_close(db);
	sched_conf_free(&sched);
	conf_fini();
	curl_global_cleanup();
	return rc == 0 || sched.stop ? 0 : rc == ERR_INPUT ? EX_CONFIG : EX_SOFTWARE;
}
