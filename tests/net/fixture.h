/* Two parties' gateways on this machine, for tests and benches: certificates, party files, processes. */
#ifndef PET_TESTS_NET_FIXTURE_H
#define PET_TESTS_NET_FIXTURE_H

#include <sys/types.h>

#include "net/chan.h"

struct fixture {
	char dir[64];
	int port[2];		/* where each gateway listens */
	int seen_port[2];	/* where the other party looks for it; the same unless a test puts a proxy between */
	int extra_port;		/* a second gateway of party_b in party_a's file; 0: none */
	pid_t pid[2];
	const char *name[2];
	uint8_t key[32];
};

/* A folder below /tmp with certificates and keys of party_a, party_b and a stranger. */
int fixture_init(struct fixture *f) PET_MUST_USE;
/* Ends what still runs, removes the folder. */
void fixture_fini(struct fixture *f);
/* Certificate and key in DIR/NAME.crt and .key, for the given name. */
int fixture_cert(const struct fixture *f, const char *file, const char *name) PET_MUST_USE;
/* Starts a gateway and waits until its socket answers. `cert` NULL: its own. */
int fixture_start(struct fixture *f, int side, const char *cert) PET_MUST_USE;
/* Another gateway of `side`, with a socket in DIR/NUMBER. Its pid, ended by the caller; -1: it did not start. */
pid_t fixture_more(const struct fixture *f, int side, int number, int port, const char *cert);
/* Writes the party file of a side again, for SIGHUP. */
int fixture_party_file(const struct fixture *f, int side) PET_MUST_USE;
/* Sends the signal and waits; returns the exit status, or 128 + the signal that ended it. */
int fixture_stop(struct fixture *f, int side, int sig);
/* What side's operator passes to chan_open; `address` holds the socket's path. */
void fixture_conf(const struct fixture *f, int side, char address[108], struct chan_conf *conf);
/* A port that was free a moment ago. */
int fixture_port(void);
/* Peak resident memory of a running process, in bytes. */
long fixture_rss(pid_t pid);
/* Processor time of a running process so far, user and system, in seconds. */
double fixture_cpu(pid_t pid);
/* Starts a program whose output goes to DIR/log. argv[0] is its path. */
pid_t fixture_spawn(const struct fixture *f, const char *const argv[], const char *const env[]);

#endif
