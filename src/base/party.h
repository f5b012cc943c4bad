/*
 * The party file (CONFIG_FILE): who the parties are, where their API and
 * gateways listen, which certificate and which signing key each has.
 * A missing or misspelt key is an error with the key's path and the file's name.
 */
#ifndef PET_BASE_PARTY_H
#define PET_BASE_PARTY_H

#include "base/err.h"

#define PARTY_NAME_MAX 64	/* with the NUL; [a-z0-9_-], starts with a letter */
#define PARTY_MAX 64
#define PARTY_NET_MAX 16

struct party_net {
	char *address;		/* host:port of a gateway */
	char *certificates;	/* PEM text: the CA or the certificate that is pinned for this party */
};

struct party {
	char name[PARTY_NAME_MAX];
	char *url;		/* API base, no trailing slash */
	char *public_key;	/* Ed25519 PEM, or NULL while the party sends no node tokens */
	struct party_net net[PARTY_NET_MAX];
	size_t net_count;
};

struct party_file {
	struct party party[PARTY_MAX];
	size_t count;
};

/* `certificates` and `public_key` may be paths relative to the file: out always holds the PEM text. Owned: party_file_free. */
int party_file_load(struct party_file **out, const char *path, struct errmsg *em) PET_MUST_USE;
void party_file_free(struct party_file *pf);
/* NULL when there is none of that name. */
const struct party *party_find(const struct party_file *pf, const char *name);
int party_name_ok(const char *name) PET_MUST_USE;

#endif
