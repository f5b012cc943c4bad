/* The forked half: opens the channel, greets the peer, runs the operator, leaves its part of the exit record. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "op_impl.h"

#define TICK_MS 200

/* Copies the counters to the shared page, and turns a SIGTERM into chan_cancel, whatever the work is busy with. */
struct ticker {
	struct op_ctx *ctx;
	pthread_t thread;
	_Atomic int stop;
	int running;
};

static void copy_counters(struct op_ctx *ctx)
{
	struct chan *c = ctx->chan;
	struct chan_stats st;
	struct rusage ru;

	if (getrusage(RUSAGE_SELF, &ru) == 0)
		ctx->shared->rss = (uint64_t)ru.ru_maxrss * 1024;
	if (!c)
		return;
	chan_stats(c, &st);
	ctx->shared->bytes_sent = st.bytes_sent;
	ctx->shared->bytes_received = st.bytes_received;
	ctx->shared->rounds = st.rounds;
}

static void *tick(void *arg)
{
	struct ticker *t = arg;
	const struct timespec wait = { .tv_nsec = TICK_MS * 1000000L };
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	while (!t->stop) {
		struct chan *c;

		if (sigtimedwait(&term, NULL, &wait) == SIGTERM && !t->stop)
			t->ctx->canceled = 1;
		c = t->ctx->chan;
		/* again at every tick: the channel may have been opened just after */
		if (t->ctx->canceled && c)
			chan_cancel(c);
		copy_counters(t->ctx);
	}
	return NULL;
}

static int ticker_start(struct ticker *t)
{
	if (pthread_create(&t->thread, NULL, tick, t) != 0)
		return errmsg_set(&t->ctx->em, ERR_INTERNAL, "NO_THREAD", "cannot start a thread");
	t->running = 1;
	return 0;
}

static void ticker_stop(struct ticker *t)
{
	if (!t->running)
		return;
	t->stop = 1;
	pthread_kill(t->thread, SIGTERM);	/* wakes it at once */
	pthread_join(t->thread, NULL);
	t->running = 0;
}

static int open_channel(struct op_ctx *ctx)
{
	const json_t *d = json_object_get(ctx->doc, "channel");
	struct chan_conf conf = {
		.scheme = json_string_value(json_object_get(d, "scheme")),
		.address = json_string_value(json_object_get(d, "address")),
		.listen = json_is_true(json_object_get(d, "listen")),
		.self = ctx->self, .peer = ctx->peer, .job = ctx->job,
		.epoch = ctx->epoch, .group = ctx->group, .attempt = ctx->attempt, .shard = ctx->shard,
		.connect_ms = (uint32_t)json_integer_value(json_object_get(d, "connect_ms")),
		.away_ms = (uint32_t)json_integer_value(json_object_get(d, "away_ms")),
	};
	struct chan *c = NULL;
	uint8_t key[32];
	int rc;

	if (!d)
		return 0;
	TRY(util_unhex(key, sizeof(key), json_string_value(json_object_get(d, "key"))));
	conf.key = key;
	op_progress(ctx, 0, "connect");
	TRY(chan_open(&conf, &c, &ctx->em));
	ctx->chan = c;
	op_progress(ctx, 0, "greet");
	rc = op_hello(ctx);
out:
	explicit_bzero(key, sizeof(key));
	return rc;
}

/* An error without a sentence still gets one that names the class and the stage. */
static void explain(struct op_ctx *ctx, int rc)
{
	struct chan *c = ctx->chan;
	const char *why = c ? chan_error(c) : "";

	if (rc == 0 || ctx->em.code[0])
		return;
	if ((rc == ERR_PEER || rc == ERR_TIMEOUT) && *why)
		errmsg_set(&ctx->em, rc, "PEER_LOST", "the channel to the other party failed: %s", why);
	else if (rc == ERR_NOMEM)
		errmsg_set(&ctx->em, rc, "NO_MEMORY", "the operator ran out of memory");
	else
		errmsg_set(&ctx->em, rc, err_name(rc), "the operator failed: %s", err_name(rc));
}

static int work(struct op_ctx *ctx)
{
	int rc;

	TRY(open_channel(ctx));
	op_progress(ctx, 0, "run");
	TRY(ctx->op->run(ctx));
	/* a peer that did not come to its own end makes our result worthless: the group is the unit */
	if (ctx->chan)
		TRY(chan_close(ctx->chan));
	op_progress(ctx, 1, "end");
out:
	if (rc > 0)
		rc = ERR_INTERNAL;
	explain(ctx, rc);
	return rc;
}

static json_t *public_part(const struct op_ctx *ctx)
{
	json_t *out = json_object();

	for (const char *const *key = ctx->op->public_context; key && *key; key++) {
		json_t *v = json_object_get(ctx->result, *key);

		if (v && json_object_set(out, *key, v))
			break;
	}
	return out;
}

static int leave_record(struct op_ctx *ctx, int rc, int fd)
{
	json_t *record = op_record_failed(op_status(rc), &ctx->em);
	char *text;
	int ok;

	if (record && rc == 0) {
		json_object_set(record, "result", ctx->result);
		json_object_set_new(record, "public_result", public_part(ctx));
	}
	text = record ? json_dumps(record, JSON_COMPACT) : NULL;
	ok = text && strlen(text) <= OP_RECORD_MAX ? util_write_all(fd, text, strlen(text)) : ERR_NOMEM;
	free(text);
	json_decref(record);
	return ok;
}

int op_work(struct op_ctx *ctx, int record_fd)
{
	struct ticker t = { .ctx = ctx };
	int rc;

	signal(SIGPIPE, SIG_IGN);
	rc = ticker_start(&t);
	if (rc == 0)
		rc = work(ctx);
	ticker_stop(&t);
	copy_counters(ctx);
	chan_free(ctx->chan);
	ctx->chan = NULL;
	if (rc)
		log_error("%s: %s", ctx->em.code, ctx->em.local);
	if (leave_record(ctx, rc, record_fd)) {
		log_error("the result could not be handed over: it is larger than %u bytes, or memory is out",
			  OP_RECORD_MAX);
		return EX_SOFTWARE;
	}
	return op_status(rc);
}
