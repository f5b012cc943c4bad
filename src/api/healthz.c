/* GET /healthz: this process answers. It asks nobody else, so that a dead database does not restart the API. */
#include "api/api.h"

int healthz(struct request *req, struct reply *out, struct errmsg *em)
{
	(void)em;
	int rc;

	TRY(buf_str(&out->body, "{\"success\": true, \"party\": "));
	TRY(reply_string(&out->body, req->api->self));
	TRY(buf_str(&out->body, "}\n"));
	rc = 0;
out:
	return rc;
}
