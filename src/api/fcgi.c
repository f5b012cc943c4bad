/*
 * The FastCGI loop: PET_API_THREADS threads wait for new connections and for
 * requests on open ones, and answer; each has its own database connection.
 *
 * nginx keeps connections open. libfcgi would bind an accepting thread to each
 * of them; so libfcgi reads and writes here, but accepting and waiting is done
 * by one epoll set. A connection between two requests costs no thread, and
 * neither does a status call that waits (park.c): it is not polled meanwhile.
 */
#define _GNU_SOURCE 1
#include "api/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "base/log.h"
#include "base/util.h"
#include "db/db.h"

#define DB_RETRY_MS 500		/* between two tries to reach a database that is away */
#define CONNS_MAX 960		/* per process, parked ones included: libfcgi's select() wants descriptors below 1024 */
#define STOP_WAIT_MS 15000	/* running requests may end; afterwards the process goes anyway */

static atomic_int stopping;
static atomic_int running;	/* worker threads that still run */

static struct {
	pthread_mutex_t lock;
	int epoll;
	int free;		/* the first free one, -1: none */
	struct conn conn[CONNS_MAX];
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .epoll = -1 };

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
	req->body_len = (size_t)want;
	if (want > req->api->body_max) {
		r->keepConnection = 0;	/* what is not read would be taken for the next request */
		return 0;
	}
	rc = buf_reserve(body, (size_t)want);
	while (rc == 0 && body->len < want) {
		int n = FCGX_GetStr(body->data + body->len, (int)(want - body->len), r->in);

		if (n <= 0)
			return ERR_INPUT;
		body->len += (size_t)n;
	}
	/* Up to the record that ends the body, for the same reason. */
	if (FCGX_GetChar(r->in) != EOF)
		r->keepConnection = 0;
	if (rc == 0 && want > 0) {
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
static void fill_request(struct request *req, const FCGX_Request *r, struct worker *w)
{
	const char *q;

	memset(req, 0, sizeof(*req));
	req->api = w->api;
	req->db = w->db;
	req->cache = &w->cache;
	req->method = param(r, "REQUEST_METHOD");
	req->target = param(r, "REQUEST_URI");
	q = strchr(req->target, '?');
	req->query = q ? q + 1 : "";
	req->content_type = param(r, "CONTENT_TYPE");
	req->authorization = param(r, "HTTP_AUTHORIZATION");
	req->body = "";
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
	status_cache_fini(&w->cache);
}

/* --- connections --------------------------------------------------------- */

static void conn_free(struct conn *c)
{
	FCGX_Free(&c->fcgi, 1);
	pthread_mutex_lock(&pool.lock);
	c->next = pool.free;
	pool.free = (int)(c - pool.conn);
	pthread_mutex_unlock(&pool.lock);
}

/* NULL: as many as there may be are open. */
static struct conn *conn_new(int fd)
{
	struct conn *c = NULL;

	pthread_mutex_lock(&pool.lock);
	if (pool.free >= 0) {
		c = &pool.conn[pool.free];
		pool.free = c->next;
	}
	pthread_mutex_unlock(&pool.lock);
	if (!c)
		return NULL;
	/* No listening socket: libfcgi reads from this connection and gives up when it ends. */
	if (FCGX_InitRequest(&c->fcgi, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		c->fcgi.ipcFd = -1;
		conn_free(c);
		return NULL;
	}
	c->watched = 0;
	c->fcgi.listen_sock = -1;
	c->fcgi.ipcFd = fd;
	c->fcgi.keepConnection = 1;	/* until the request says otherwise */
	return c;
}

/* Its next request, or its end, wakes one thread. */
static int conn_watch(struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c };

	if (epoll_ctl(pool.epoll, c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fcgi.ipcFd, &ev) != 0)
		return ERR_IO;
	c->watched = 1;
	return 0;
}

static int pool_start(int listen_fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL };
	int flags = fcntl(listen_fd, F_GETFL);

	for (int i = 0; i < CONNS_MAX; i++)
		pool.conn[i].next = i + 1 < CONNS_MAX ? i + 1 : -1;
	pool.free = 0;
	pool.epoll = epoll_create1(EPOLL_CLOEXEC);
	/* Another process may be faster: then accept() must not wait. */
	if (pool.epoll < 0 || flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    epoll_ctl(pool.epoll, EPOLL_CTL_ADD, listen_fd, &ev) != 0)
		return ERR_IO;
	return 0;
}

void fcgi_answer(struct worker *w, struct conn *c, int may_wait)
{
	struct request req;

	fcgi_worker_db(w);
	fill_request(&req, &c->fcgi, w);
	req.may_wait = may_wait;
	reply_reset(&w->reply);
	if (may_wait && read_body(&c->fcgi, &req, &w->body))
		reply_error(&w->reply, 400, "BODY_CUT", "the body ended before its Content-Length");
	else
		route_handle(&req, &w->reply);
	if (w->reply.wait.job_id[0] && park_add(w->api, c, &w->reply.wait) == 0)
		return;
	write_reply(&c->fcgi, &w->reply);
	if (fcgi_stopping())
		c->fcgi.keepConnection = 0;
	FCGX_Finish_r(&c->fcgi);
	if (c->fcgi.ipcFd < 0 || conn_watch(c) != 0)
		conn_free(c);
}

/* --- threads ------------------------------------------------------------- */

/* A new connection, unless another thread or process took it. */
static struct conn *take_new(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct conn *c = fd >= 0 ? conn_new(fd) : NULL;

	if (c)
		return c;
	if (fd >= 0 || (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)) {
		log_warning("accept: %s", fd >= 0 ? "too many connections" : strerror(errno));
		usleep(100000);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void serve_one(struct worker *w)
{
	struct epoll_event ev;
	struct conn *c;

	if (epoll_wait(pool.epoll, &ev, 1, -1) != 1)
		return;
	c = ev.data.ptr ? ev.data.ptr : take_new(w->listen_fd);
	if (!c)
		return;
	if (FCGX_Accept_r(&c->fcgi) != 0)
		conn_free(c);	/* it was closed */
	else
		fcgi_answer(w, c, 1);
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

/* SIGUSR2 without SA_RESTART gets a thread out of epoll_wait(). */
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

/* A signal may come just before epoll_wait() blocks, so it is sent until every thread has seen the flag. */
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
	if (pool_start(listen_fd) != 0) {
		rc = errmsg_set(em, ERR_IO, "NO_POLLER", "the listening socket cannot be polled: %s", strerror(errno));
		goto out;
	}
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
