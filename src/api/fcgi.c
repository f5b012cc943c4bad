/*
 * The FastCGI loop: as many threads as PET_API_THREADS accept and answer, each
 * with its own database connection. libfcgi serves one connection per accepting
 * thread until it is closed, so nginx must not keep connections open
 * (fastcgi_keep_conn off); docs/benchmarks.md tells what happened when it did.
 *
 * A status call that waits is parked (park.c): it holds a file descriptor, but
 * no thread.
 */
#include "api/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "base/log.h"
#include "base/util.h"
#include "db/db.h"

#define DB_RETRY_MS 500		/* between two tries to reach a database that is away */
#define STOP_WAIT_MS 15000	/* running requests may end; afterwards the process goes anyway */

static atomic_int stopping;
static atomic_int running;	/* worker threads that still run */

int fcgi_stopping(void)
{
	return atomic_load(&stopping);
}

/* --- one request --------------------------------------------------------- */

static const char *param(const FCGX_Request *r, const char *name)
{
	const char *v = FCGX_GetParam(name, r->envp);

	return v ? v : "";
}

/* The body into `body`; what is over the limit is not read, only counted. */
static int read_body(FCGX_Request *r, struct request *req, struct buf *body)
{
	const char *text = param(r, "CONTENT_LENGTH");
	unsigned long long want = strtoull(text, NULL, 10);
	int rc;

	buf_clear(body);
	req->body = "";
	req->body_len = (size_t)want;
	if (want == 0 || want > req->api->body_max)
		return 0;
	rc = buf_reserve(body, (size_t)want);
	while (rc == 0 && body->len < want) {
		int n = FCGX_GetStr(body->data + body->len, (int)(want - body->len), r->in);

		if (n <= 0)
			return ERR_INPUT;
		body->len += (size_t)n;
	}
	if (rc == 0) {
		body->data[body->len] = '\0';
		req->body = body->data;
	}
	return rc;
}

static void write_reply(FCGX_Request *r, const struct reply *out)
{
	char head[256];
	size_t n = (size_t)snprintf(head, sizeof(head),
				    "Status: %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n",
				    out->status, reply_reason(out->status), out->body.len);

	if (out->allow[0])
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Allow: %s\r\n", out->allow);
	if (out->status == 401)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "WWW-Authenticate: Bearer\r\n");
	if (out->retry_after)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Retry-After: %d\r\n", out->retry_after);
	n += (size_t)snprintf(head + n, sizeof(head) - n, "\r\n");
	FCGX_PutStr(head, (int)n, r->out);
	if (out->body.len)
		FCGX_PutStr(out->body.data, (int)out->body.len, r->out);
}

/* The request's texts live as long as the FCGX_Request: a parked one is answered with them later. */
static void fill_request(struct request *req, const FCGX_Request *r, const struct worker *w)
{
	const char *q;

	memset(req, 0, sizeof(*req));
	req->api = w->api;
	req->db = w->db;
	req->method = param(r, "REQUEST_METHOD");
	req->target = param(r, "REQUEST_URI");
	q = strchr(req->target, '?');
	req->query = q ? q + 1 : "";
	req->content_type = param(r, "CONTENT_TYPE");
	req->authorization = param(r, "HTTP_AUTHORIZATION");
}

void fcgi_worker_db(struct worker *w)
{
	struct errmsg em = { 0 };

	if (w->db || util_mono_ms() < w->db_retry)
		return;
	if (db_open(&w->db, w->api->db_uri, &em)) {
		log_warning("database: %s", em.local);
		w->db = NULL;
		w->db_retry = util_mono_ms() + DB_RETRY_MS;
	}
}

void fcgi_worker_fini(struct worker *w)
{
	db_close(w->db);
	reply_free(&w->reply);
	buf_free(&w->body);
}

void fcgi_answer(struct worker *w, FCGX_Request *r, int may_wait)
{
	struct request req;

	fcgi_worker_db(w);
	fill_request(&req, r, w);
	req.may_wait = may_wait;
	reply_reset(&w->reply);
	if (read_body(r, &req, &w->body))
		reply_error(&w->reply, 400, "BODY_CUT", "the body ended before its Content-Length");
	else
		route_handle(&req, &w->reply);
	if (w->reply.wait.job_id[0] && park_add(w->api, r, &w->reply.wait) == 0)
		return;
	write_reply(r, &w->reply);
	FCGX_Finish_r(r);
	FCGX_Free(r, 1);
	free(r);
}

/* --- threads ------------------------------------------------------------- */

/* One request of this thread; an accept that fails for the machine's reasons (no descriptor, no memory) is tried again. */
static void serve_one(struct worker *w)
{
	FCGX_Request *r = calloc(1, sizeof(*r));

	if (!r || FCGX_InitRequest(r, w->listen_fd, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		free(r);
		usleep(100000);
		return;
	}
	errno = 0;
	if (FCGX_Accept_r(r) < 0) {
		int why = errno;

		FCGX_Free(r, 1);
		free(r);
		if (!fcgi_stopping() && why && why != EINTR) {
			log_warning("accept: %s", strerror(why));
			usleep(100000);
		}
		return;
	}
	fcgi_answer(w, r, 1);
}

static void *serve(void *arg)
{
	struct worker *w = arg;

	while (!fcgi_stopping())
		serve_one(w);
	fcgi_worker_fini(w);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void on_wake(int sig)
{
	(void)sig;
}

/* SIGUSR2 without SA_RESTART gets a thread out of accept(). */
static int block_signals(sigset_t *stop)
{
	struct sigaction sa = { .sa_handler = on_wake };

	sigemptyset(stop);
	sigaddset(stop, SIGTERM);
	sigaddset(stop, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigaction(SIGUSR2, &sa, NULL) != 0 || pthread_sigmask(SIG_BLOCK, stop, NULL) != 0)
		return ERR_INTERNAL;
	return 0;
}

static int start_threads(struct worker *w, pthread_t *threads, int count, struct errmsg *em)
{
	for (int i = 0; i < count; i++) {
		atomic_fetch_add(&running, 1);
		if (pthread_create(&threads[i], NULL, serve, &w[i]) != 0) {
			atomic_fetch_sub(&running, 1);
			return errmsg_set(em, ERR_INTERNAL, "NO_THREAD", "cannot start thread %d of %d: %s",
					  i + 1, count, strerror(errno));
		}
	}
	return 0;
}

/* A signal may come just before accept() blocks, so it is sent until every thread has seen the flag. */
static void stop_threads(pthread_t *threads, int count)
{
	int64_t until = util_mono_ms() + STOP_WAIT_MS;

	atomic_store(&stopping, 1);
	FCGX_ShutdownPending();
	park_stop();
	while (atomic_load(&running) > 0 && util_mono_ms() < until) {
		for (int i = 0; i < count; i++)
			pthread_kill(threads[i], SIGUSR2);
		usleep(20000);
	}
	if (atomic_load(&running) > 0) {
		log_warning("%d threads still busy after %d s: ending anyway", atomic_load(&running), STOP_WAIT_MS / 1000);
		return;
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

int fcgi_run(const struct api *api, int listen_fd, struct errmsg *em)
{
	struct worker *w = calloc((size_t)api->threads, sizeof(*w));
	pthread_t *threads = calloc((size_t)api->threads, sizeof(*threads));
	sigset_t stop;
	int rc = ERR_NOMEM, sig;

	if (!w || !threads)
		goto out;
	rc = ERR_INTERNAL;
	if (FCGX_Init() != 0) {
		errmsg_set(em, rc, "NO_FASTCGI", "libfcgi does not start");
		goto out;
	}
	TRY(block_signals(&stop));
	for (int i = 0; i < api->threads; i++) {
		w[i].api = api;
		w[i].listen_fd = listen_fd;
	}
	TRY(park_start(api, em));
	TRY(start_threads(w, threads, api->threads, em));
	log_info("serving with %d threads", api->threads);
	sigwait(&stop, &sig);
	log_info("signal %d: ending", sig);
	stop_threads(threads, api->threads);
	rc = 0;
out:
	/* A thread that would not end still uses its worker. */
	if (atomic_load(&running) == 0) {
		free(w);
		free(threads);
	}
	return rc;
}
