/* The main thread: whatever the database says is due, again and again; the same calls after a crash as before it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/util.h"
#include "base/wake.h"
#include "db/db_run.h"
#include "db/db_sched.h"
#include "sched/exec.h"
#include "sched/sched.h"

#define PEEK_MS 25		/* how often running operators are looked at (files only) */
#define SYNC_MS 250		/* how often the database is read while operators run */
#define SWEEP_MS 60000
#define LEASES_MAX 256

/* A foreign lease as it was seen last, and since when it has not moved: judged by our own monotonic clock. */
struct seen {
	int64_t group, gen, beat, since;
};

struct loop {
	struct sched *s;
	struct db *db;
	struct exec *exec;
	struct seen seen[LEASES_MAX];
	size_t seen_count;
	int64_t beat_at, sweep_at, clean_at, watchdog_at;
};

static struct seen *find_seen(struct loop *l, int64_t group)
{
	for (size_t i = 0; i < l->seen_count; i++)
		if (l->seen[i].group == group)
			return &l->seen[i];
	if (l->seen_count == LEASES_MAX)
		return NULL;
	l->seen[l->seen_count] = (struct seen){ .group = group, .gen = -1 };
	return &l->seen[l->seen_count++];
}

static int look_at_lease(struct loop *l, const struct lease_row *row)
{
	struct seen *k = find_seen(l, row->group);
	int64_t now = util_mono_ms();
	int rc;

	if (!k)
		return 0;
	if (k->gen != row->gen || k->beat != row->beat) {
		k->gen = row->gen;
		k->beat = row->beat;
		k->since = now;
		return 0;
	}
	if (row->owner[0] && now - k->since < l->s->conf.take_over_ms)
		return 0;
	rc = db_sched_take_over(l->db, &l->s->who, row);
	if (rc == 0)
		log_notice("took over a group of %s%s", row->owner[0] ? "a silent scheduler, " : "nobody", row->owner);
	return rc == ERR_CONFLICT ? 0 : rc;
}

static int leases(struct loop *l)
{
	struct lease_row *rows = NULL;
	size_t n;
	int rc;

	TRY(db_sched_leases(l->db, &l->s->who, &rows, &n));
	if (n == 0)
		l->seen_count = 0;
	for (size_t i = 0; i < n; i++)
		TRY(look_at_lease(l, &rows[i]));
out:
	free(rows);
	return rc;
}

/* What time alone brings. */
static int timed(struct loop *l)
{
	int64_t now = util_mono_ms();
	int rc = 0;

	if (now >= l->beat_at) {
		l->beat_at = now + l->s->conf.beat_ms;
		TRY(db_sched_beat(l->db, &l->s->who));
		TRY(leases(l));
	}
	if (now >= l->sweep_at) {
		l->sweep_at = now + 1000;
		TRY(db_sched_sweep(l->db));
	}
	if (now >= l->clean_at) {
		l->clean_at = now + SWEEP_MS;
		TRY(exec_sweep(l->exec, l->db));
	}
out:
	return rc;
}

/* One pass over everything; repeated while it moves something, so that a chain of steps needs no poll between them. */
static int pass(struct loop *l, unsigned *did)
{
	unsigned launched;
	int rc;

	TRY(db_sched_timeouts(l->db, &l->s->who, l->s->conf.start_wait_ms, did));
	TRY(exec_sync(l->exec, l->db, did));
	TRY(exec_publish(l->exec, l->db, did));
	/* Slots of what has just ended are free before the next ones are asked for. */
	if (*did)
		TRY(db_sched_sweep(l->db));
	TRY(db_sched_claim(l->db, &l->s->who, l->s->conf.start_wait_ms, did));
	launched = *did;
	TRY(db_run_launch(l->db, &l->s->who, did));
	if (*did != launched)
		TRY(exec_sync(l->exec, l->db, did));
out:
	return rc;
}

static int work(struct loop *l)
{
	unsigned did = 0, all = 0;
	int rc;

	TRY(timed(l));
	for (int i = 0; i < 16; i++) {
		did = 0;
		TRY(pass(l, &did));
		all += did;
		if (!did)
			break;
	}
	sched_wake_senders(l->s);
out:
	if (rc != 0)
		log_error("the round is left: %s", err_name(rc));
	return rc;
}

/* Waits for a wake-up, the end of an operator, or the poll interval. */
static void wait_for_work(struct loop *l)
{
	struct pollfd p[2] = { { .fd = l->s->wake_fd, .events = POLLIN }, { .fd = l->s->event_fd, .events = POLLIN } };
	int64_t until = util_mono_ms() + (exec_count(l->exec) ? SYNC_MS : l->s->conf.poll_ms), now;
	uint64_t n;

	if (until > util_mono_ms() + l->s->conf.poll_ms)
		until = util_mono_ms() + l->s->conf.poll_ms;
	while (!l->s->stop && !l->s->reload && (now = util_mono_ms()) < until) {
		int64_t left = until - now;

		if (exec_count(l->exec) && left > PEEK_MS)
			left = PEEK_MS;
		if (poll(p, 2, (int)left) > 0)
			break;
		if (exec_count(l->exec) && exec_peek(l->exec))
			break;
	}
	wake_drain(l->s->wake_fd);
	if (read(l->s->event_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		log_warning("eventfd: %s", strerror(errno));
	if (notify_watchdog_ms() && util_mono_ms() >= l->watchdog_at) {
		notify_watchdog();
		l->watchdog_at = util_mono_ms() + notify_watchdog_ms();
	}
}

int sched_loop(struct sched *s, struct db *db)
{
	struct loop l = { .s = s, .db = db, .exec = exec_new(s) };
	int rc = 0;

	if (!l.exec)
		return ERR_NOMEM;
	while (!s->stop) {
		if (s->reload) {
			s->reload = 0;
			notify_reloading();
			if (sched_missions(s, db) != 0)
				log_error("the missions could not be stored; the old ones stay");
			notify_ready(NULL);
		}
		/* A database that is away comes back; everything is read from it again. */
		rc = work(&l);
		wait_for_work(&l);
	}
	exec_free(l.exec);
	return rc == ERR_NOMEM ? rc : 0;
}
