/* GET /readyz: may this party take jobs? Database, scheduler, gateway. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"
#include "db/db_ready.h"
#include "db/db_slot.h"

#define SCHED_MAX_S 10

/* Non-blocking: a gateway whose queue is full is as good as away. */
static int gateway_up(const struct api *api)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, up;

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/net.sock", api->run_dir) >= (int)sizeof(sa.sun_path))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	up = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
	close(fd);
	return up;
}

int readyz(struct request *req, struct reply *out, struct errmsg *em)
{
	int database = 0, scheduler = 0, gateway = gateway_up(req->api);
	char scheme[SLOT_SCHEME_MAX];
	const char *code, *text;
	int64_t age;

	(void)em;
	if (req->db) {
		int rc = db_ready_sched_age(req->db, &age);

		database = rc == 0 || rc == ERR_NOTFOUND;
		scheduler = rc == 0 && age <= SCHED_MAX_S;
		/* each task has a gateway of its own */
		if (database && slot_scheme(req->db, scheme) == 0 && strcmp(scheme, "socket") == 0)
			gateway = 1;
	}
	if (database && scheduler && gateway)
		return buf_str(&out->body, "{\"success\": true, \"database\": true, \"scheduler\": true, \"gateway\": true}\n");
	code = !database ? "DATABASE_AWAY" : !scheduler ? "SCHEDULER_AWAY" : "GATEWAY_AWAY";
	text = !database ? "the database does not answer"
	     : !scheduler ? "no scheduler was seen in the last 10 seconds: is pet-schedd running?"
			  : "the gateway's socket accepts no connection: is pet-netd running?";
	out->status = 503;
	return buf_fmt(&out->body, "{\"success\": false, \"error_code\": \"%s\", \"error_message\": \"%s\", "
		       "\"database\": %s, \"scheduler\": %s, \"gateway\": %s}\n", code, text,
		       database ? "true" : "false", scheduler ? "true" : "false", gateway ? "true" : "false");
}
