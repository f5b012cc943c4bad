/*
 * Private set intersection with a choice of protocol.
 *
 * A session is one attempt over one channel. It may intersect any number of
 * list pairs, one after the other ("buckets": the parts into which an operator
 * splits large inputs by a common hash). Set-up, base OTs and VOLE included, is
 * paid once; keys, masks and correlations are fresh per session and used once,
 * and every bucket has hash keys of its own.
 *
 * Both sides call the same functions in the same order. What the other side
 * learns besides the result: the padded count of each list, never the true one.
 * Semi-honest; what a dishonest peer sends can spoil the result, never memory:
 * every length is bounded before it is used.
 *
 * Costs: psi_session_new: 1 exchange and the set-up of the protocol;
 * psi_session_run: 1 exchange and what mpc/vole_psi.h or mpc/ecdh_psi.h says.
 */
#ifndef PET_MPC_PSI_H
#define PET_MPC_PSI_H

#include <stdint.h>

#include "base/err.h"
#include "net/chan.h"

#define PSI_FIRST 1u		/* receivers, as bits */
#define PSI_SECOND 2u
#define PSI_ITEM_BYTES 32
#define PSI_BINDING_BYTES 32

enum psi_protocol { PSI_AUTO, PSI_VOLE, PSI_ECDH };

struct psi_conf {
	enum psi_protocol protocol;	/* the same at both sides; PSI_AUTO: chosen by sizes and the link's measured speed */
	int first;			/* the two sides must differ */
	unsigned receivers;		/* the same at both sides */
	/* Digest of every public option that must agree (columns, buckets, ...); the sides differ = ERR_INPUT. */
	uint8_t binding[PSI_BINDING_BYTES];
	uint64_t expected;		/* padded items of this side over all buckets: chooses protocol and parameters */
	uint32_t lists;			/* how many buckets, about alike, these are; the same at both sides; 0 = 1 */
	int threads;
	void (*progress)(void *arg, double fraction, const char *stage);	/* of the current run; may be NULL */
	void *arg;
};

struct psi_list {
	const uint8_t (*items)[PSI_ITEM_BYTES];	/* digests, distinct; borrowed for the call */
	uint32_t count;
	uint32_t padded;	/* at least count: dummies fill up; 0 = count */
	uint64_t bucket;	/* the same at both sides, and ascending over the runs of a session */
};

struct psi_result {
	uint8_t *matched;	/* owned: count bytes, 1 for an item that both have; NULL at a side that does not receive */
	uint32_t matches;	/* 0 at a side that does not receive */
	uint32_t peer_padded;	/* the padded count of the other side */
};

struct psi_session;

/*
 * c and conf are borrowed until psi_session_free (conf->arg as well). ERR_INPUT
 * "PARAMETERS_DIFFER" when the sides disagree, ERR_PEER, the channel's errors.
 */
int psi_session_new(struct psi_session **out, struct chan *c, const struct psi_conf *conf,
		    struct errmsg *em) PET_MUST_USE;
/* The protocol that runs: never PSI_AUTO. */
enum psi_protocol psi_session_protocol(const struct psi_session *s);
/* After an error the session is of no more use. */
int psi_session_run(struct psi_session *s, const struct psi_list *l, struct psi_result *out,
		    struct errmsg *em) PET_MUST_USE;
/* Wipes all keys. Legal with NULL. */
void psi_session_free(struct psi_session *s);
void psi_result_free(struct psi_result *r);

/* "auto", "vole", "ecdh"; the reverse gives -1 for a name that is none. */
/* Seconds that a session's stages took so far, for benches; zeros where the protocol does not tell. NULL: no such stage. */
#define PSI_STAGES_MAX 7
void psi_session_stages(const struct psi_session *s, double out[PSI_STAGES_MAX]);
const char *psi_stage_name(int stage);

const char *psi_protocol_name(enum psi_protocol p);
int psi_protocol_by_name(const char *name);
/* The most items of one list. */
uint32_t psi_items_max(enum psi_protocol p);

#endif
