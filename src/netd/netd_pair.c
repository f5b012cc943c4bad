#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "netd/netd.h"

int slot_open(struct netd *nd, const struct wire_id *id, struct slot **out)
{
	struct slot *s = calloc(1, sizeof(*s)), *old;

	*out = NULL;
	if (!s)
		return ERR_NOMEM;
	s->id = *id;
	s->tcp = -1;
	s->handed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->handed < 0) {
		free(s);
		return ERR_INTERNAL;
	}
	pthread_mutex_lock(&nd->mu);
	for (old = nd->slots; old && !wire_id_equal(&old->id, id); old = old->next)
		;
	if (!old) {
		s->next = nd->slots;
		nd->slots = s;
		*out = s;
		pthread_cond_broadcast(&nd->changed);
	}
	pthread_mutex_unlock(&nd->mu);
	if (!old)
		return 0;
	close(s->handed);
	free(s);
	return ERR_BUSY;
}

void slot_close(struct netd *nd, struct slot *s)
{
	struct slot **at = &nd->slots;

	pthread_mutex_lock(&nd->mu);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	pthread_cond_broadcast(&nd->changed);
	pthread_mutex_unlock(&nd->mu);
	close(s->handed);
	tls_close(s->tls);
	free(s);
}

void slot_relaying(struct netd *nd, struct slot *s, int tcp)
{
	pthread_mutex_lock(&nd->mu);
	s->relaying = 1;
	s->tcp = tcp;
	pthread_mutex_unlock(&nd->mu);
}

static struct slot *find_mirror(struct netd *nd, const struct wire_id *remote)
{
	struct slot *s;

	for (s = nd->slots; s && !wire_id_mirrors(&s->id, remote); s = s->next)
		;
	return s;
}

/* Changes come by the condition variable; the clock of its timed wait must not jump. */
static void wait_changed(struct netd *nd, int64_t until)
{
	struct timespec ts = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };

	pthread_cond_timedwait(&nd->changed, &nd->mu, &ts);
}

static int stopping(struct netd *nd)
{
	struct pollfd p = { .fd = nd->stop, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

int slot_hand(struct netd *nd, const struct wire_id *remote, struct tls *tls, int64_t deadline)
{
	int rc = ERR_TIMEOUT;

	pthread_mutex_lock(&nd->mu);
	while (rc == ERR_TIMEOUT) {
		struct slot *s = find_mirror(nd, remote);
		int64_t now = util_mono_ms();

		if (s && !s->relaying && !s->tls) {
			s->tls = tls;
			rc = eventfd_write(s->handed, 1) == 0 ? 0 : ERR_INTERNAL;
			break;
		}
		/* The peer's gateway came anew, so what the old relay sends goes nowhere: end it, and its operator comes again. */
		if (s && s->relaying && s->tcp >= 0) {
			shutdown(s->tcp, SHUT_RDWR);
			s->tcp = -1;
		}
		if (now >= deadline || stopping(nd))
			break;
		wait_changed(nd, now + 500 < deadline ? now + 500 : deadline);
	}
	pthread_mutex_unlock(&nd->mu);
	return rc;
}
