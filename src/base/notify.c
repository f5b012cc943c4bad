#include "base/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static int64_t watchdog_ms;

void notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (path && (path[0] == '/' || path[0] == '@') && strlen(path) < sizeof(socket_path))
		memcpy(socket_path, path, strlen(path) + 1);
	if (usec && (!pid || atol(pid) == (long)getpid()))
		watchdog_ms = atoll(usec) / 2000;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void say(const char *text)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = strlen(socket_path);
	int fd;

	if (!n)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	memcpy(sa.sun_path, socket_path, n);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&sa,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warning("cannot notify the service manager at %s", socket_path);
	close(fd);
}

void notify_ready(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "READY=1%s%s", status ? "\nSTATUS=" : "", status ? status : "");
	say(text);
}

void notify_stopping(void)
{
	say("STOPPING=1");
}

void notify_reloading(void)
{
	struct timespec ts;
	char text[96];

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	say(text);
}

void notify_watchdog(void)
{
	say("WATCHDOG=1");
}

int64_t notify_watchdog_ms(void)
{
	return watchdog_ms;
}
