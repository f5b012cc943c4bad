/* pet-schedd: what its threads share. One thread advances jobs and runs tasks; two per peer deliver messages. */
#ifndef PET_SCHED_SCHED_H
#define PET_SCHED_SCHED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/party.h"
#include "base/token.h"
#include "db/db.h"
#include "db/db_sched.h"

/* docs/configuration.md explains each. */
struct sched_conf {
	const char *party, *db_uri, *mission_dir, *operator_dir, *run_dir, *scheme;
	const char *gateway_listen;	/* scheme socket: an address of this machine; its port is replaced */
	int64_t port_low, port_high;
	int64_t slots, poll_ms, beat_ms, lease_seconds, take_over_ms, peer_timeout_ms, start_wait_ms, reconcile_ms, threads;
	int64_t grace_ms;	/* from SIGTERM to SIGKILL of an operator that should end */
};

struct sched {
	struct sched_conf conf;
	char id[SCHED_ID_MAX];
	struct sched_who who;
	struct party_file *parties;
	struct token_key *key;	/* NULL: this party sends nothing (no PET_NODE_KEY) */
	int wake_fd;		/* datagrams of pet-api */
	int event_fd;		/* senders wake the main thread */
	int lock_fd;		/* one scheduler per state folder */
	atomic_int stop, reload;
	pthread_mutex_t mutex;
	pthread_cond_t more;	/* the main thread wakes senders */
	uint64_t generation;	/* grows with each wake; under mutex */
};

/* conf.c: reads the environment; errors name the variable. */
int sched_conf_load(struct sched *s, struct errmsg *em) PET_MUST_USE;
void sched_conf_free(struct sched *s);
/* Wakes the senders (main thread), the main thread (senders). */
void sched_wake_senders(struct sched *s);
void sched_wake_main(struct sched *s);

/* missions.c: every *.yml into table mission. A bad file is logged and left out; only a database error is returned. */
int sched_missions(struct sched *s, struct db *db) PET_MUST_USE;

/* loop.c: until stop. */
int sched_loop(struct sched *s, struct db *db) PET_MUST_USE;

/* sender.c: two threads per other party of the party file. After an error *out is to be joined, too, once `stop` is set. */
struct sender;
int sender_start(struct sender **out, struct sched *s, const struct party *peer) PET_MUST_USE;
void sender_join(struct sender *p);

#endif
