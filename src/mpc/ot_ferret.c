/* Ferret behind ot.h: bootstrap out of SoftSpoken, then instance after instance. */
#include "mpc/ot_ferret.h"

#include <stdlib.h>

/* k = 8: 15 bits each. 73,332 are wanted: 137 KB instead of 284 at k = 4, for one or two milliseconds more. */
#define BOOT (&ot_softspoken8)
#define BOOT_SET LPN_C9
#define AT_ONCE_BYTES (OT_STEP_BYTES / 2)	/* corrections of the groups of one call; a renewal or two comes on top */

struct ot_ferret {
	struct ot_conf conf;
	enum lpn_set set;		/* after the first instance: what is expected, then what both agreed on */
	struct ferret *lpn;
	void *boot;			/* until set-up is done */
	struct ot_facts facts;		/* of the bootstrap */
};

static void ferret_close(void *impl)
{
	struct ot_ferret *o = impl;

	if (!o)
		return;
	if (o->boot)
		BOOT->free(o->boot);
	ferret_free(o->lpn);
	explicit_bzero(o, sizeof(*o));
	free(o);
}

/* --- set-up: the bootstrap's phases, its correlations, the first instances ---- */

/* Runs f over the batches of the bootstrap's correlations; flushed one by one, so that the parties work abreast. */
static int boot_batches(struct ot_ferret *o, int (*f)(void *impl, struct block *x, size_t count))
{
	size_t room, batches;
	struct block *base = ferret_base(o->lpn, &room);
	int rc = 0;

	BOOT->facts(o->boot, &o->facts);
	batches = ((size_t)lpn_base(lpn_params(BOOT_SET)) + o->facts.batch - 1) / o->facts.batch;
	if (batches * o->facts.batch > room)
		return ERR_INTERNAL;
	for (; batches && !rc; batches--) {
		rc = f(o->boot, base, 1);
		base += o->facts.batch;
		if (!rc)
			rc = chan_flush(o->conf.chan);
	}
	return rc;
}

static int first_instances(struct ot_ferret *o)
{
	ferret_start(o->lpn, BOOT_SET, o->facts.delta, o->facts.session);
	BOOT->free(o->boot);
	o->boot = NULL;
	return o->set == BOOT_SET ? 0 : ferret_renew(o->lpn, o->set);
}

static int send_set(const struct ot_ferret *o)
{
	uint8_t set = (uint8_t)o->set;

	return chan_send(o->conf.chan, &set, 1);
}

/* The parties may expect different numbers: the smaller set is taken, by both. */
static int recv_set(struct ot_ferret *o)
{
	uint8_t set;
	int rc = chan_recv(o->conf.chan, &set, 1);

	if (rc)
		return rc;
	if (set >= LPN_SETS || (o->conf.role == OT_RECEIVER && set > o->set))
		return ot_peer_broke(o->conf.em, "a parameter set that was not offered");
	o->set = set < o->set ? (enum lpn_set)set : o->set;
	return 0;
}

/* Phases past the bootstrap's: the receiver's messages, the sender's answer and trees, the receiver's trees. */
static int ferret_setup(void *impl, unsigned phase)
{
	struct ot_ferret *o = impl;
	int rc = ERR_INTERNAL;

	if (phase < BOOT->phases)
		return BOOT->setup(o->boot, phase);
	switch (phase - BOOT->phases) {
	case 0:
		TRY(send_set(o));
		TRY(boot_batches(o, BOOT->recv_start));
		break;
	case 1:
		TRY(recv_set(o));
		TRY(send_set(o));
		TRY(boot_batches(o, BOOT->send_serve));
		TRY(first_instances(o));
		break;
	default:
		TRY(recv_set(o));
		TRY(boot_batches(o, BOOT->recv_finish));
		TRY(first_instances(o));
	}
	rc = 0;
out:
	return rc;
}

static void ferret_facts(const void *impl, struct ot_facts *out)
{
	const struct ot_ferret *o = impl;
	const unsigned depth = lpn_params(o->set)->depth;

	*out = o->facts;
	out->batch = ferret_group(o->lpn);
	out->at_once = AT_ONCE_BYTES / (out->batch / (1u << depth) * (depth - 1) * sizeof(struct block));
}

/* --- correlations ---------------------------------------------------------- */

static int produce(struct ot_ferret *o, struct block *out, size_t groups)
{
	int rc = 0;

	for (size_t n; groups && !rc; groups -= n) {
		uint64_t left = ferret_left(o->lpn, o->set);

		n = 0;
		if (left == 0) {
			rc = ferret_renew(o->lpn, o->set);
			continue;
		}
		n = groups < left ? groups : (size_t)left;
		rc = ferret_run(o->lpn, out, n);
		out += n * ferret_group(o->lpn);
	}
	return rc;
}

/* The sender speaks first and alone: what the receiver has to say is in its choice bits. */
static int ferret_recv_start(void *impl, struct block *m, size_t count)
{
	(void)impl;
	(void)m;
	(void)count;
	return 0;
}

static int ferret_send_serve(void *impl, struct block *q, size_t count)
{
	return produce(impl, q, count);
}

static int ferret_recv_finish(void *impl, struct block *m, size_t count)
{
	return produce(impl, m, count);
}

static int ferret_open(void **impl, const struct ot_conf *conf)
{
	struct ot_ferret *o = calloc(1, sizeof(*o));
	int rc = ERR_NOMEM;

	*impl = o;
	if (!o)
		return ERR_NOMEM;
	o->conf = *conf;
	o->set = ferret_set_for(conf->expect);
	TRY(BOOT->open(&o->boot, conf));
	TRY(ferret_new(&o->lpn, conf, o->set));
	rc = 0;
out:
	return rc;
}

const struct ot_backend ot_ferret = {
	.name = "ferret", .phases = 7, .open = ferret_open, .setup = ferret_setup, .facts = ferret_facts,
	.recv_start = ferret_recv_start, .send_serve = ferret_send_serve, .recv_finish = ferret_recv_finish,
	.free = ferret_close,
};
