#include "mpc/psi_auto.h"

#include <string.h>
#include <time.h>

#define PROBE 16384
#define SETTLED (UINT64_C(1) << 18)	/* from here on VOLE takes less of everything */
#define SECOND UINT64_C(1000000)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t transfer_us(uint64_t bytes, const struct psi_auto *a)
{
	return bytes * SECOND / a->rate;
}

/* Multiplications and transfer overlap; docs/benchmarks.md has the figures behind these. */
static uint64_t ecdh_us(const struct psi_auto *a)
{
	uint64_t cpu = 50 * (a->n + a->m) / a->threads;

	return most(cpu, transfer_us(21 * (a->n + a->m), a)) + 3 * a->delay_us;
}

/* Few words come from 128 COTs of 31 bits each; more by LPN, from about as many COTs whatever their number. */
static uint64_t vole_us(const struct psi_auto *a)
{
	uint64_t words = a->n + a->n / 20 * 7 + 8;
	uint64_t bytes = least(496 * words, 1200000) + 16 * words + 8 * a->m;

	return 25000 + (a->n + a->m) / 8 / a->threads + transfer_us(bytes, a) + 9 * a->delay_us;
}

enum psi_protocol psi_auto_choice(const struct psi_auto *a)
{
	if (a->n + a->m >= SETTLED)
		return PSI_VOLE;
	return ecdh_us(a) < vole_us(a) ? PSI_ECDH : PSI_VOLE;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec / 1000;
}

struct seen {
	uint64_t threads, ping_us, probe_us;
};

int psi_auto_measure(struct psi_auto *a, struct chan *c, int threads)
{
	uint8_t out[PROBE] = { 0 }, in[PROBE];
	struct seen own = { .threads = (uint64_t)threads }, peer;
	uint64_t t0, t1;
	int rc = 0;

	*a = (struct psi_auto){ a->n, a->m, 1, 0, UINT64_C(1) << 32 };
	if (a->n + a->m >= SETTLED)
		return 0;
	t0 = now_us();
	TRY(chan_exchange(c, out, 1, in, 1));
	t1 = now_us();
	TRY(chan_exchange(c, out, sizeof(out), in, sizeof(in)));
	own.ping_us = t1 - t0;
	own.probe_us = now_us() - t1;
	TRY(chan_exchange(c, &own, sizeof(own), &peer, sizeof(peer)));
	/* What the peer says is bounded, so that no sum overflows. */
	a->threads = most(1, least(own.threads, peer.threads));
	a->delay_us = least(most(own.ping_us, peer.ping_us), 60 * SECOND);
	t1 = least(most(own.probe_us, peer.probe_us), 600 * SECOND);
	a->rate = PROBE * SECOND / most(t1 > a->delay_us ? t1 - a->delay_us : 0, 10);
	a->rate = most(a->rate, 1);
out:
	return rc;
}
