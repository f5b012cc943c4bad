/* What the two operators tell each other before the protocol. */
#include <sodium.h>
#include <string.h>

#include "base/util.h"
#include "psi/job.h"

#define MAGIC UINT64_C(0x3230495350504f50)	/* "POPPSI02" */

/* Both directions at once; words are little-endian, as in the channel's own. */
struct start {
	uint64_t magic, columns, workers, resumable;
	uint8_t session[PSI_SESSION_BYTES];
	uint8_t share[32];	/* of the key, should there be a new one */
};

struct sizes {
	uint64_t padded;
	uint8_t done[PSI_DONE_BYTES];
};

_Static_assert(sizeof(struct start) == 80 && sizeof(struct sizes) == 136, "nothing but the fields goes out");

static int lost(const struct psi_job *j, int rc)
{
	if (rc == ERR_PEER && !op_errmsg(j->ctx)->code[0])
		errmsg_set(op_errmsg(j->ctx), rc, "PEER_LOST", "%s", chan_error(op_chan(j->ctx)));
	return rc;
}

/* Neither party alone chooses the key: both shares are on the way before one arrives. */
static void new_key(struct psi_job *j, const uint8_t own[32], const uint8_t theirs[32])
{
	static const char key_domain[] = "petplatform psi digest key, version 2", session_domain[] = "petplatform psi session, version 2";
	crypto_generichash_state st;
	int first = op_is_first(j->ctx);

	crypto_generichash_init(&st, NULL, 0, sizeof(j->hash_key));
	crypto_generichash_update(&st, (const uint8_t *)key_domain, sizeof(key_domain));
	crypto_generichash_update(&st, first ? own : theirs, 32);
	crypto_generichash_update(&st, first ? theirs : own, 32);
	crypto_generichash_final(&st, j->hash_key, sizeof(j->hash_key));
	crypto_generichash_init(&st, NULL, 0, sizeof(j->session));
	crypto_generichash_update(&st, (const uint8_t *)session_domain, sizeof(session_domain));
	crypto_generichash_update(&st, j->hash_key, sizeof(j->hash_key));
	crypto_generichash_final(&st, j->session, sizeof(j->session));
}

int psi_agree_start(struct psi_job *j)
{
	struct start own = { .magic = MAGIC, .columns = j->keys.columns, .workers = (uint64_t)j->workers,
			     .resumable = (uint64_t)j->resumable }, peer;
	struct errmsg *em = op_errmsg(j->ctx);
	int rc;

	memcpy(own.session, j->session, sizeof(own.session));
	util_random(own.share, sizeof(own.share));
	TRY(chan_exchange(op_chan(j->ctx), &own, sizeof(own), &peer, sizeof(peer)));
	if (peer.magic != MAGIC || peer.resumable > 1 || peer.workers < 1 || peer.workers > PSI_WORKERS_MAX)
		return errmsg_set(em, ERR_PEER, "PEER_PROTOCOL", "the other party does not speak op-psi, version 2");
	if (peer.columns != own.columns)
		return errmsg_set(em, ERR_INPUT, "PARAMETERS_DIFFER", "the two parties' requests differ in the number of key columns");
	if ((int)peer.workers < j->workers)
		j->workers = (int)peer.workers;
	if (!own.resumable || !peer.resumable || memcmp(own.session, peer.session, sizeof(own.session)) != 0) {
		psi_state_forget(j);
		new_key(j, own.share, peer.share);
	}
out:
	return lost(j, rc);
}

/* One party alone may be large: then the other one's rows go to the file as well. */
static int use_buckets(struct psi_job *j)
{
	char path[PATH_MAX];
	int rc;

	TRY(psi_work_path(j, "digests", path));
	TRY(psi_store_spill(&j->store, path, 1));
	rc = psi_state_save(j);
out:
	return psi_disk_error(j, rc, op_errmsg(j->ctx));
}

int psi_agree_sizes(struct psi_job *j)
{
	struct sizes own = { .padded = j->padded }, peer;
	int rc;

	memcpy(own.done, j->done, sizeof(own.done));
	TRY(chan_exchange(op_chan(j->ctx), &own, sizeof(own), &peer, sizeof(peer)));
	if (peer.padded > PSI_ROWS_MAX)
		return errmsg_set(op_errmsg(j->ctx), ERR_PEER, "PEER_PROTOCOL", "the other party says that it has more than %u rows", PSI_ROWS_MAX);
	j->peer_padded = peer.padded;
	j->buckets = psi_bins_count(j->padded > peer.padded ? j->padded : peer.padded, j->bucket_rows);
	j->capacity = psi_bins_capacity(j->padded, j->buckets);
	/* only what both have finished is finished */
	for (size_t i = 0; i < sizeof(own.done); i++)
		j->both_done[i] = own.done[i] & peer.done[i];
	if (j->buckets > 1 && !j->resumable)
		TRY(use_buckets(j));
out:
	return lost(j, rc);
}
