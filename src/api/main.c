/* pet-api: the App Server. One FastCGI process with several threads, or with --workers N several such processes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "api/api.h"
#include "api/listen.h"
#include "base/conf.h"
#include "base/log.h"

#define FILES_MAX 1000	/* below FD_SETSIZE: libfcgi uses select() on what it accepts */

struct start {
	struct api api;
	int fd;
};

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [--workers N]\n"
		"Answers FastCGI on fd 0 when that is a socket, else on $PET_RUN_DIR/api.sock.\n"
		"docs/configuration.md lists the variables.\n", name);
	return EX_USAGE;
}

static void limit_files(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur > FILES_MAX) {
		lim.rlim_cur = FILES_MAX;
		if (setrlimit(RLIMIT_NOFILE, &lim) != 0)
			log_warning("cannot limit open files: %s", strerror(errno));
	}
}

static int serve(void *arg)
{
	struct start *s = arg;
	struct errmsg em = { 0 };
	int rc = fcgi_run(&s->api, s->fd, &em);

	if (rc)
		log_error("%s", em.local);
	return rc;
}

int main(int argc, char **argv)
{
	struct start s = { .fd = -1 };
	struct errmsg em = { 0 };
	long workers = 0;
	int rc = ERR_INTERNAL;
	char *end;

	if (argc == 3 && strcmp(argv[1], "--workers") == 0) {
		workers = strtol(argv[2], &end, 10);
		if (*end || workers < 1 || workers > 64)
			return usage(argv[0]);
	} else if (argc != 1) {
		return usage(argv[0]);
	}
	log_init("pet-api");
	limit_files();
	TRY(conf_init(&em));
	TRY(api_init(&s.api, &em));
	TRY(listen_socket(&s.fd, &s.api, &em));
	if (workers)
		TRY(listen_workers((int)workers, serve, &s, &em));
	else
		TRY(serve(&s));
	rc = 0;
out:
	if (rc && em.local[0])
		log_error("%s", em.local);
	api_fini(&s.api);
	conf_fini();
	return rc == 0 ? 0 : rc == ERR_INPUT ? EX_CONFIG : EX_SOFTWARE;
}
