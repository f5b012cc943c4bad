/*
 * Who is richer? Neither says how much. Two terminals:
 *
 *	examples/millionaires 0 127.0.0.1:9000 1000000
 *	examples/millionaires 1 127.0.0.1:9000 2500000
 *
 * A real use has the gateways' TLS between the parties; here the channel is
 * plain, and the key that binds its two ends is zero. Loopback only.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mpc/cmp.h"
#include "mpc/open.h"

int main(int argc, char **argv)
{
	const uint8_t key[32] = { 0 };
	struct errmsg em = { 0 };
	struct chan *chan = NULL;
	struct mpc *mpc = NULL;
	struct avec wealth = { 0 };
	struct bvec poorer = { 0 };
	int party, rc;

	if (argc != 4) {
		fprintf(stderr, "usage: %s 0|1 HOST:PORT WEALTH\n", argv[0]);
		return 64;
	}
	party = atoi(argv[1]) != 0;
	struct chan_conf way = {
		.scheme = "tcp", .address = argv[2], .listen = party == 0, .key = key,
		.self = party ? "bob" : "alice", .peer = party ? "alice" : "bob", .job = "millionaires",
	};
	TRY(chan_open(&way, &chan, &em));
	struct mpc_conf conf = { .chan = chan, .party = party, .kind = OT_AUTO, .threads = 1 };
	TRY(mpc_new(&mpc, &conf, &em));
	TRY(avec_new(&wealth, 1, 64, 0));	/* a vector of one number of 64 bits */
	TRY(bvec_new(&poorer, 1));
	wealth.v[0] = strtoull(argv[3], NULL, 10);
	TRY(mpc_mill(mpc, &poorer, &wealth));	/* shares of: party 0 has less than party 1 */
	TRY(mpc_reveal_bits(mpc, MPC_BOTH, &poorer, &poorer));
	printf("party 0 has %s\n", poorer.w[0] ? "less than party 1" : "at least as much as party 1");
	TRY(chan_close(chan));
out:
	if (rc)
		fprintf(stderr, "%s\n", em.local[0] ? em.local : mpc ? mpc_error(mpc) : err_name(rc));
	bvec_free(&poorer);
	avec_free(&wealth);
	mpc_free(mpc);
	chan_free(chan);
	return rc != 0;
}
