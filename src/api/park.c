#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/api.h"
#include "api/fcgi.h"
#include "base/util.h"
#include "db/db_job.h"

#define PARK_MAX 512		/* with the threads' descriptors well below FD_SETSIZE, which libfcgi's select() obeys */
#define PARK_POLL_MS 100

struct parked {
	struct conn *conn;
	struct reply_wait wait;
	int due;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	int started;
	size_t count;
	struct parked slot[PARK_MAX];	/* the first `count` are in use */
} park = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

int park_add(const struct api *api, struct conn *c, const struct reply_wait *wait)
{
	int rc = ERR_BUSY;

	pthread_mutex_lock(&park.lock);
	if (!fcgi_stopping() && park.count < PARK_MAX && park.count < (size_t)api->waiters) {
		park.slot[park.count++] = (struct parked){ .conn = c, .wait = *wait };
		pthread_cond_signal(&park.more);
		rc = 0;
	}
	pthread_mutex_unlock(&park.lock);
	return rc;
}

/* Only this thread removes, so the first n slots stay what they were while the lock is open. */
static size_t snapshot(struct parked *out)
{
	size_t n;

	pthread_mutex_lock(&park.lock);
	while (park.count == 0 && !fcgi_stopping())
		pthread_cond_wait(&park.more, &park.lock);
	n = park.count;
	memcpy(out, park.slot, n * sizeof(*out));
	pthread_mutex_unlock(&park.lock);
	return n;
}

/* Many clients may watch one job: it is asked once per round. */
static void mark_due(struct worker *w, struct parked *p, size_t n)
{
	int64_t now = util_mono_ms();

	for (size_t i = 0; i < n; i++) {
		int64_t rev = 0;
		size_t j = 0;

		while (j < i && strcmp(p[j].wait.job_id, p[i].wait.job_id) != 0)
			j++;
		if (now >= p[i].wait.until_ms || fcgi_stopping() || !w->db ||
		    (j < i && p[j].wait.rev == p[i].wait.rev && p[j].due)) {
			p[i].due = 1;
			continue;
		}
		if (j < i && p[j].wait.rev == p[i].wait.rev)
			continue;
		/* Gone, or the database is away: the handler says so. */
		p[i].due = db_job_rev(w->db, p[i].wait.job_id, &rev) != 0 || rev != p[i].wait.rev;
	}
}

static void remove_due(const struct parked *p, size_t n)
{
	size_t kept = 0;

	pthread_mutex_lock(&park.lock);
	for (size_t i = 0; i < park.count; i++)
		if (i >= n || !p[i].due)
			park.slot[kept++] = park.slot[i];
	park.count = kept;
	pthread_mutex_unlock(&park.lock);
}

static void *watch(void *arg)
{
	static struct parked copy[PARK_MAX];	/* one thread */
	static struct worker w;		/* large: it holds a cache */

	w.api = arg;
	for (;;) {
		size_t n = snapshot(copy);

		if (n == 0)
			break;
		fcgi_worker_db(&w);
		mark_due(&w, copy, n);
		remove_due(copy, n);
		for (size_t i = 0; i < n; i++)
			if (copy[i].due)
				fcgi_answer(&w, copy[i].conn, 0);
		if (!fcgi_stopping())
			nanosleep(&(struct timespec){ .tv_nsec = PARK_POLL_MS * 1000000L }, NULL);
	}
	fcgi_worker_fini(&w);
	return NULL;
}

int park_start(const struct api *api, struct errmsg *em)
{
	if (pthread_create(&park.thread, NULL, watch, (void *)api) != 0)
		return errmsg_set(em, ERR_INTERNAL, "NO_THREAD", "cannot start the thread for waiting calls: %s",
				  strerror(errno));
	park.started = 1;
	return 0;
}

void park_stop(void)
{
	if (!park.started)
		return;
	pthread_mutex_lock(&park.lock);
	pthread_cond_signal(&park.more);
	pthread_mutex_unlock(&park.lock);
	pthread_join(park.thread, NULL);
	park.started = 0;
}
