#include "base/notify.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	CHECK_INT(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static const char *heard(int fd)
{
	static char text[512];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Without the variable nothing happens, and nothing may crash. */
TEST(silent)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	notify_init();
	notify_ready("x");
	notify_watchdog();
	notify_stopping();
	CHECK_INT(notify_watchdog_ms(), 0);
}

TEST(speaks)
{
	char path[64], pid[32];
	int fd;

	snprintf(path, sizeof(path), "/tmp/pet-notify-%d", (int)getpid());
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	fd = listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	notify_init();
	CHECK(getenv("NOTIFY_SOCKET") == NULL);
	CHECK_INT(notify_watchdog_ms(), 15000);
	notify_ready("2 parties");
	CHECK_STR(heard(fd), "READY=1\nSTATUS=2 parties");
	notify_ready(NULL);
	CHECK_STR(heard(fd), "READY=1");
	notify_watchdog();
	CHECK_STR(heard(fd), "WATCHDOG=1");
	notify_reloading();
	CHECK_HAS(heard(fd), "RELOADING=1\nMONOTONIC_USEC=");
	notify_stopping();
	CHECK_STR(heard(fd), "STOPPING=1");
	close(fd);
	unlink(path);
	notify_watchdog();	/* nobody listens any more: a warning, no more */
}

TEST_MAIN(CASE(silent), CASE(speaks))
