/* Configuration, command line, and what SIGHUP reads again: party file, certificate and key. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/util.h"
#include "netd/netd.h"

enum opt { OPT_TASK = 256, OPT_JOB, OPT_EPOCH, OPT_GROUP, OPT_ATTEMPT, OPT_PEER, OPT_LISTEN, OPT_CONNECT,
	   OPT_SOCKET, OPT_LEASE, OPT_LEASE_SECONDS, OPT_IDLE_SECONDS, OPT_LIFE_FD };

static const struct option options[] = {
	{ "task", no_argument, NULL, OPT_TASK },
	{ "job", required_argument, NULL, OPT_JOB },
	{ "epoch", required_argument, NULL, OPT_EPOCH },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "attempt", required_argument, NULL, OPT_ATTEMPT },
	{ "peer", required_argument, NULL, OPT_PEER },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "connect", required_argument, NULL, OPT_CONNECT },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "lease", required_argument, NULL, OPT_LEASE },
	{ "lease-seconds", required_argument, NULL, OPT_LEASE_SECONDS },
	{ "idle-seconds", required_argument, NULL, OPT_IDLE_SECONDS },
	{ "life-fd", required_argument, NULL, OPT_LIFE_FD },
	{ NULL, 0, NULL, 0 },
};

static int number(const char *name, const char *text, int64_t low, int64_t *out, struct errmsg *em)
{
	char *end;
	long long v = strtoll(text, &end, 10);

	if (*text == '\0' || *end || v < low || v > UINT32_MAX)
		return errmsg_set(em, ERR_INPUT, "USAGE", "--%s %s: expected a whole number from %lld", name, text, (long long)low);
	*out = v;
	return 0;
}

static int copy(char *out, size_t size, const char *name, const char *text, struct errmsg *em)
{
	if (strlen(text) >= size)
		return errmsg_set(em, ERR_INPUT, "USAGE", "%s: at most %zu characters", name, size - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int take(struct netd_task *t, int opt, const char *name, struct errmsg *em)
{
	int64_t v = 0;
	int rc = 0;

	switch (opt) {
	case OPT_TASK: t->on = 1; break;
	case OPT_JOB: return copy(t->id.job, sizeof(t->id.job), "--job", optarg, em);
	case OPT_PEER: return copy(t->id.to, sizeof(t->id.to), "--peer", optarg, em);
	case OPT_LISTEN: t->listen = optarg; break;
	case OPT_CONNECT: t->connect = optarg; break;
	case OPT_SOCKET: t->socket = optarg; break;
	case OPT_LEASE: t->lease = optarg; break;
	case OPT_EPOCH: rc = number(name, optarg, 0, &v, em); t->id.epoch = (uint32_t)v; break;
	case OPT_GROUP: rc = number(name, optarg, 0, &v, em); t->id.group = (uint32_t)v; break;
	case OPT_ATTEMPT: rc = number(name, optarg, 0, &v, em); t->id.attempt = (uint32_t)v; break;
	case OPT_LEASE_SECONDS: rc = number(name, optarg, 1, &v, em); t->lease_ms = v * 1000; break;
	case OPT_IDLE_SECONDS: rc = number(name, optarg, 1, &v, em); t->idle_ms = v * 1000; break;
	case OPT_LIFE_FD: rc = number(name, optarg, 3, &v, em); t->life_fd = (int)v; break;
	default: return ERR_INPUT;
	}
	return rc;
}

static int arguments(struct netd *nd, int argc, char **argv, struct errmsg *em)
{
	struct netd_task *t = &nd->task;
	int opt, at = 0, rc;

	t->lease_ms = t->idle_ms = 30000;
	t->life_fd = -1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, &at)) != -1) {
		if (opt == '?' || opt == ':')
			return errmsg_set(em, ERR_INPUT, "USAGE", "%s: no such option, or its value is missing", argv[optind - 1]);
		rc = take(t, opt, options[at].name, em);
		if (rc)
			return rc;
	}
	if (optind < argc)
		return errmsg_set(em, ERR_INPUT, "USAGE", "%s: expected options only", argv[optind]);
	if (!t->on)
		return argc > 1 ? errmsg_set(em, ERR_INPUT, "USAGE", "%s is for --task only", argv[1]) : 0;
	if (!t->id.job[0] || !t->id.to[0] || !t->socket || !t->listen == !t->connect)
		return errmsg_set(em, ERR_INPUT, "USAGE",
				  "--task needs --job, --peer, --socket, and either --listen or --connect");
	return 0;
}

int netd_load_site(struct netd *nd, struct errmsg *em)
{
	struct site *s = calloc(1, sizeof(*s)), *old;
	const struct party *own;
	int rc = ERR_NOMEM;

	if (!s)
		return rc;
	atomic_init(&s->refs, 1);
	TRY(party_file_load(&s->pf, nd->party_path, em));
	own = party_find(s->pf, nd->self);
	if (!own) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PARTY is %s, which is not in %s", nd->self, nd->party_path);
		goto out;
	}
	if (nd->task.on && !party_find(s->pf, nd->task.id.to)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "--peer %s is not in %s", nd->task.id.to, nd->party_path);
		goto out;
	}
	TRY(tls_ctx_new(nd->cert, nd->key, s->pf, nd->self, &s->tls, em));
	if (!nd->listen[0])
		TRY(copy(nd->listen, sizeof(nd->listen), "PET_NET_LISTEN", own->net[0].address, em));
	pthread_mutex_lock(&nd->mu);
	old = nd->site;
	nd->site = s;
	pthread_mutex_unlock(&nd->mu);
	site_unref(old);
	return 0;
out:
	site_unref(s);
	return rc;
}

struct site *netd_site(struct netd *nd)
{
	struct site *s;

	pthread_mutex_lock(&nd->mu);
	s = nd->site;
	atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&nd->mu);
	return s;
}

void site_unref(struct site *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	tls_ctx_free(s->tls);
	party_file_free(s->pf);
	free(s);
}

int netd_configure(struct netd *nd, int argc, char **argv, struct errmsg *em)
{
	const char *self, *listen;
	int rc = ERR_INTERNAL;

	TRY(arguments(nd, argc, argv, em));
	TRY(conf_need("PARTY", &self, em));
	nd->party_path = conf_get("CONFIG_FILE", "/app/parties/party.json");
	TRY(conf_need("PET_TLS_CERT", &nd->cert, em));
	TRY(conf_need("PET_TLS_KEY", &nd->key, em));
	TRY(conf_int("PET_NET_MAX_STREAMS", 1024, 1, 100000, &nd->max_streams, em));
	TRY(conf_int("PET_NET_MAX_OPENING", 128, 1, 10000, &nd->max_opening, em));
	TRY(copy(nd->self, sizeof(nd->self), "PARTY", self, em));
	memcpy(nd->task.id.from, nd->self, sizeof(nd->self));
	listen = nd->task.on ? nd->task.listen ? nd->task.listen : "" : conf_get("PET_NET_LISTEN", "");
	TRY(copy(nd->listen, sizeof(nd->listen), "PET_NET_LISTEN", listen, em));
	if (nd->task.on)
		TRY(copy(nd->socket, sizeof(nd->socket), "--socket", nd->task.socket, em));
	else if (snprintf(nd->socket, sizeof(nd->socket), "%s/net.sock", conf_get("PET_RUN_DIR", "/run/petplatform")) >=
		 (int)sizeof(nd->socket))
		TRY(errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PET_RUN_DIR is too long: a unix socket's path ends at 107 bytes"));
	TRY(netd_load_site(nd, em));
out:
	return rc;
}
