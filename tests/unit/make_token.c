/* make_token KEYFILE ISS AUD METHOD PATH BODY: prints a node token. For tests only. */
#include <stdio.h>
#include <string.h>

#include "base/token.h"

int main(int argc, char **argv)
{
	char token[TOKEN_NODE_MAX];
	struct token_key *key;
	struct token_request req;
	struct errmsg em = { 0 };
	int rc;

	if (argc != 7)
		return 64;
	if (token_key_load(&key, argv[1], &em)) {
		fprintf(stderr, "%s\n", em.local);
		return 65;
	}
	req = (struct token_request){ argv[4], argv[5], argv[6], strlen(argv[6]) };
	rc = token_node_make(token, key, argv[2], argv[3], &req);
	token_key_free(key);
	return rc == 0 && puts(token) >= 0 ? 0 : 70;
}
