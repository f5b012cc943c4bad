/*
 * Protocols under the constant-time check, both parties in one process over an
 * in-memory channel. Linked with --wrap ($(CT_WRAP) in Makefile.am), so that
 *
 *	all that util_random returns is secret,
 *	all that chan_send is given becomes public (it was sent),
 *	what a group operation says on a point's validity is public: for points
 *	of honest parties it is false with negligible probability only.
 *
 * Include it in one file of a program.
 */
#ifndef PET_TESTS_CT_CT_TWO_H
#define PET_TESTS_CT_CT_TWO_H

#include "ct.h"

#include <pthread.h>
#include <sodium.h>

#include "net/chan.h"

#define CT_WRAPPED(type, name, params, args, after) \
	type __real_##name params; \
	type __wrap_##name params; \
	type __wrap_##name params \
	{ \
		type rc = __real_##name args; \
		after; \
		return rc; \
	}
#define CT_RC_PUBLIC CT_PUBLIC(&rc, sizeof(rc))

CT_WRAPPED(int, crypto_scalarmult_ristretto255, (unsigned char *q, const unsigned char *n, const unsigned char *p),
	   (q, n, p), CT_RC_PUBLIC)
CT_WRAPPED(int, crypto_scalarmult_ristretto255_base, (unsigned char *q, const unsigned char *n), (q, n), CT_RC_PUBLIC)
CT_WRAPPED(int, crypto_core_ristretto255_add, (unsigned char *r, const unsigned char *p, const unsigned char *q),
	   (r, p, q), CT_RC_PUBLIC)
CT_WRAPPED(int, crypto_core_ristretto255_sub, (unsigned char *r, const unsigned char *p, const unsigned char *q),
	   (r, p, q), CT_RC_PUBLIC)
CT_WRAPPED(int, sodium_is_zero, (const unsigned char *n, const size_t len), (n, len), CT_RC_PUBLIC)

void __real_util_random(void *out, size_t len);
void __wrap_util_random(void *out, size_t len);
void __wrap_util_random(void *out, size_t len)
{
	__real_util_random(out, len);
	CT_SECRET(out, len);
}

int __real_chan_send(struct chan *c, const void *data, size_t len);
int __wrap_chan_send(struct chan *c, const void *data, size_t len);
int __wrap_chan_send(struct chan *c, const void *data, size_t len)
{
	CT_PUBLIC(data, len);
	return __real_chan_send(c, data, len);
}

struct ct_party {
	int (*run)(struct chan *c, void *arg);
	void *arg;
	struct chan *chan;
	int rc;
};

static void *ct_party_main(void *arg)
{
	struct ct_party *p = arg;

	p->rc = p->run(p->chan, p->arg);
	if (p->rc)
		chan_cancel(p->chan);
	return NULL;
}

/* Runs both; 0 when both returned 0. */
static int ct_two(int (*a)(struct chan *, void *), int (*b)(struct chan *, void *), void *arg)
{
	struct ct_party p[2] = { { .run = a, .arg = arg, .rc = ERR_INTERNAL }, { .run = b, .arg = arg, .rc = ERR_INTERNAL } };
	pthread_t thread;
	int rc = ERR_INTERNAL;

	if (chan_mem_pair(&p[0].chan, &p[1].chan) != 0)
		return rc;
	if (pthread_create(&thread, NULL, ct_party_main, &p[1]) == 0) {
		ct_party_main(&p[0]);
		pthread_join(thread, NULL);
		rc = p[0].rc ? p[0].rc : p[1].rc;
	}
	chan_free(p[0].chan);
	chan_free(p[1].chan);
	return rc;
}

#endif
