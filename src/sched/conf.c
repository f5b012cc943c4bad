#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/conf.h"
#include "base/util.h"
#include "base/wake.h"
#include "db/db_slot.h"
#include "sched/http.h"
#include "sched/sched.h"

static int number(const char *name, int64_t fallback, int64_t low, int64_t high, int64_t scale, int64_t *out, struct errmsg *em)
{
	int rc = conf_int(name, fallback, low, high, out, em);

	*out *= scale;
	return rc;
}

static int numbers(struct sched_conf *c, struct errmsg *em)
{
	int64_t cores = sysconf(_SC_NPROCESSORS_ONLN);
	int rc;

	TRY(number("MAX_JOB_LIMIT", cores > 0 ? cores : 1, 1, 10000, 1, &c->slots, em));
	TRY(number("PET_POLL_MS", 1000, 10, 60000, 1, &c->poll_ms, em));
	TRY(number("PET_BEAT_MS", 1000, 50, 60000, 1, &c->beat_ms, em));
	TRY(number("PET_LEASE_S", 60, 1, 3600, 1, &c->lease_seconds, em));
	TRY(number("PET_TAKE_OVER_S", 30, 1, 3600, 1000, &c->take_over_ms, em));
	TRY(number("PET_PEER_TIMEOUT_MS", 5000, 100, 120000, 1, &c->peer_timeout_ms, em));
	TRY(number("PET_START_WAIT_S", 10, 1, 3600, 1000, &c->start_wait_ms, em));
	TRY(number("PET_RECONCILE_S", 5, 1, 3600, 1000, &c->reconcile_ms, em));
	TRY(number("PET_KILL_GRACE_MS", 1000, 0, 60000, 1, &c->grace_ms, em));
	TRY(number("PET_TASK_THREADS", 0, 0, 4096, 1, &c->threads, em));
	TRY(number("PORT_LOWER_BOUND", SLOT_PORT_MIN, SLOT_PORT_MIN, SLOT_PORT_MAX, 1, &c->port_low, em));
	TRY(number("PORT_UPPER_BOUND", SLOT_PORT_MAX, SLOT_PORT_MIN, SLOT_PORT_MAX, 1, &c->port_high, em));
	if (c->port_low > c->port_high) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PORT_LOWER_BOUND is %lld, above PORT_UPPER_BOUND %lld",
				(long long)c->port_low, (long long)c->port_high);
		goto out;
	}
	if (c->beat_ms * 3 > c->take_over_ms || c->beat_ms * 3 > c->lease_seconds * 1000)
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PET_BEAT_MS must be at most a third of PET_TAKE_OVER_S and PET_LEASE_S");
out:
	return rc;
}

static int names(struct sched *s, struct errmsg *em)
{
	struct sched_conf *c = &s->conf;
	const char *file = conf_get("CONFIG_FILE", "/app/parties/party.json"), *key = conf_get("PET_NODE_KEY", NULL);
	int rc;

	TRY(conf_need("PARTY", &c->party, em));
	c->db_uri = conf_get("PLATFORM_DB_URI", "mysql://localhost/petplatform");
	c->mission_dir = conf_get("PET_MISSION_DIR", PET_DATADIR "/missions");
	c->operator_dir = conf_get("PET_OPERATOR_DIR", PET_LIBEXECDIR);
	c->run_dir = conf_get("PET_RUN_DIR", "/run/petplatform");
	c->scheme = conf_get("NETWORK_SCHEME", "agent");
	if (strcmp(c->scheme, "agent") != 0 && strcmp(c->scheme, "socket") != 0) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "NETWORK_SCHEME is '%s': expected agent or socket", c->scheme);
		goto out;
	}
	TRY(party_file_load(&s->parties, file, em));
	if (!party_find(s->parties, c->party)) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PARTY is '%s', which %s does not name", c->party, file);
		goto out;
	}
	for (size_t i = 0; i < s->parties->count; i++)
		if (strcmp(s->parties->party[i].name, c->party) != 0)
			TRY(http_check(&s->parties->party[i], em));
	c->gateway_listen = conf_get("PET_NET_LISTEN", party_find(s->parties, c->party)->net[0].address);
	if (key)
		TRY(token_key_load(&s->key, key, em));
	else if (s->parties->count > 1)
		rc = errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PET_NODE_KEY is not set: the file of this party's private Ed25519 key");
out:
	return rc;
}

/*
 * The instance's name stays the same over a restart, so that its leases are its
 * own again at once; the lock makes sure that there is only one at a time.
 */
static int identity(struct sched *s, struct errmsg *em)
{
	const char *state = conf_get("PET_STATE_DIR", "/var/lib/petplatform"), *id = conf_get("PET_INSTANCE", NULL);
	char path[4096], host[48] = "";

	/* Its own folder: $PET_STATE_DIR itself belongs to pet-spawn. */
	snprintf(path, sizeof(path), "%s/sched", state);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return errmsg_set(em, ERR_IO, "BAD_CONFIG", "%s cannot be made: %s (PET_STATE_DIR)", path, strerror(errno));
	snprintf(path, sizeof(path), "%s/sched/schedd.lock", state);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return errmsg_set(em, ERR_IO, "BAD_CONFIG", "%s cannot be made: %s (PET_STATE_DIR)", path, strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return errmsg_set(em, ERR_BUSY, "RUNNING", "another pet-schedd holds %s", path);
	gethostname(host, sizeof(host) - 1);
	snprintf(s->id, sizeof(s->id), "%.64s", id ? id : host);
	s->who.id = s->id;
	s->who.self = s->conf.party;
	return 0;
}

int sched_conf_load(struct sched *s, struct errmsg *em)
{
	int rc;

	s->wake_fd = s->event_fd = s->lock_fd = -1;
	TRY(names(s, em));
	TRY(numbers(&s->conf, em));
	TRY(identity(s, em));
	rc = wake_listen(&s->wake_fd, em);
out:
	return rc;
}

void sched_conf_free(struct sched *s)
{
	char path[128];

	if (s->wake_fd >= 0) {
		close(s->wake_fd);
		if (wake_path(path, sizeof(path)) == 0)
			unlink(path);
	}
	if (s->event_fd >= 0)
		close(s->event_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	token_key_free(s->key);
	party_file_free(s->parties);
}
