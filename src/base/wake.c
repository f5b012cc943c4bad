#include "base/wake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/conf.h"

int wake_path(char *out, size_t cap)
{
	int n = snprintf(out, cap, "%s/sched.sock", conf_get("PET_RUN_DIR", "/run/petplatform"));

	return n > 0 && (size_t)n < cap ? 0 : ERR_INPUT;
}

static int address(struct sockaddr_un *a)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	return wake_path(a->sun_path, sizeof(a->sun_path));
}

void wake_sched(void)
{
	struct sockaddr_un a;
	int fd;

	if (address(&a) != 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	/* No scheduler, or one with a full queue (awake, then): nothing to do about either. */
	if (sendto(fd, "w", 1, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof(a)) < 0)
		errno = 0;
	close(fd);
}

int wake_listen(int *fd, struct errmsg *em)
{
	struct sockaddr_un a;

	if (address(&a) != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "PET_RUN_DIR is too long: a unix socket's path ends at 107 bytes");
	*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return errmsg_set(em, ERR_IO, "SOCKET", "no socket: %s", strerror(errno));
	unlink(a.sun_path);
	if (bind(*fd, (struct sockaddr *)&a, sizeof(a)) != 0 || chmod(a.sun_path, 0660) != 0) {
		errmsg_set(em, ERR_IO, "SOCKET", "%s: %s", a.sun_path, strerror(errno));
		close(*fd);
		return ERR_IO;
	}
	return 0;
}

void wake_drain(int fd)
{
	char c[64];

	while (recv(fd, c, sizeof(c), MSG_DONTWAIT) >= 0)
		;
}
