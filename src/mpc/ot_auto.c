#include "mpc/ot_auto.h"

#include <stdlib.h>
#include <time.h>

#define PROBE ((size_t)64 << 10)
#define SECOND UINT64_C(1000000)
#define MANY (UINT64_C(1) << 24)	/* COTs: beyond, only the slope counts */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * Computing and transfer overlap. Per COT: nanoseconds of one core and bits on the wire; at the start: what
 * Ferret's first instances cost, and its flights.
 */
static const struct cost {
	enum ot_kind kind;
	uint64_t ns, bits, start_us, start_bytes, flights;
} costs[] = {
	{ OT_SOFTSPOKEN4, 7, 31, 0, 0, 1 },
	{ OT_SOFTSPOKEN8, 32, 15, 0, 0, 1 },
	{ OT_FERRET, 30, 1, 8000, 320000, 4 },
};

static uint64_t cost_us(const struct cost *c, const struct ot_auto *a, uint64_t n)
{
	uint64_t cpu = c->start_us + n * c->ns / 1000 / a->threads;
	uint64_t wire = (c->start_bytes + n * c->bits / 8) * SECOND / a->rate;

	return most(cpu, wire) + c->flights * a->delay_us;
}

enum ot_kind ot_auto_choice(const struct ot_auto *a, uint64_t n)
{
	const struct cost *best = &costs[1];

	n = least(n, MANY);
	if (cost_us(&costs[2], a, n) < cost_us(best, a, n))
		best = &costs[2];
	/* Four times the computing must be worth it: operators have other work for their cores. */
	return cost_us(best, a, n) * 5 / 4 < cost_us(&costs[0], a, n) ? best->kind : costs[0].kind;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec / 1000;
}

static int exchange_us(struct chan *c, const uint8_t *out, uint8_t *in, size_t len, uint64_t *us)
{
	uint64_t start = now_us();
	int rc = chan_exchange(c, out, len, in, len);

	*us = now_us() - start;
	return rc;
}

/* On the wire: little-endian words. */
struct seen {
	uint64_t threads, ping_us, probe_us[2], expect[2];
};

/*
 * One party enters an exchange before the other, and what it waits longer the
 * other waits less: the mean is what one message takes. Bounded, so that no sum overflows.
 */
static uint64_t mean(uint64_t own, uint64_t peer)
{
	return (least(own, 600 * SECOND) + least(peer, 600 * SECOND)) / 2;
}

/* The peer's sender is this party's receiver. */
static void merge(struct ot_auto *a, const struct seen *own, const struct seen *peer)
{
	uint64_t probe = least(mean(own->probe_us[0], peer->probe_us[0]), mean(own->probe_us[1], peer->probe_us[1]));

	a->threads = least(most(1, least(own->threads, peer->threads)), 1024);
	a->delay_us = least(mean(own->ping_us, peer->ping_us), 60 * SECOND);
	a->rate = PROBE * SECOND / most(probe > a->delay_us ? probe - a->delay_us : 0, 10);
	for (int i = 0; i < 2; i++)
		a->expect[i] = least(own->expect[i], peer->expect[!i]);
}

int ot_auto_measure(struct ot_auto *a, struct chan *c)
{
	struct seen own = { .threads = a->threads, .expect = { a->expect[0], a->expect[1] } }, peer;
	uint8_t *out = calloc(2, PROBE), *in = out ? out + PROBE : NULL;
	uint64_t wait = 0;
	int rc = ERR_NOMEM;

	if (!out)
		return ERR_NOMEM;
	/* The first meets a peer that may be late, and tells nothing of the link; after it they are a delay apart at most. */
	TRY(exchange_us(c, out, in, 1, &wait));
	TRY(exchange_us(c, out, in, 1, &own.ping_us));
	TRY(exchange_us(c, out, in, PROBE, &own.probe_us[0]));
	TRY(exchange_us(c, out, in, PROBE, &own.probe_us[1]));
	TRY(chan_exchange(c, &own, sizeof(own), &peer, sizeof(peer)));
	merge(a, &own, &peer);
	rc = 0;
out:
	free(out);
	return rc;
}
