/*
 * Private set intersection from VOLE and OKVS: Raghuraman and Rindal, "Blazing
 * Fast PSI from Improved OKVS and Subfield VOLE" (RR22, eprint 2022/320),
 * section 6: an OPRF whose input encoding is an OKVS, in the semi-honest model.
 *
 *	R (n items x)                                S (m items y)
 *	P: OKVS with x -> H(x), s words
 *	(A, C) with A + B = C·Delta   <- VOLE ->     (B, Delta)
 *	P + C in order of bins                ->     B += (P + C)·Delta, now B = A + P·Delta
 *	F(x) = H'(Dec(A, x), x)                      F(y) = H'(Dec(B, y) + H(y)·Delta, y)
 *	                                      <-     all F(y), truncated, sorted by value
 *	items whose F stands among them
 *	(if S receives too) a bit for each F(y)  ->  in that order
 *
 * Dec is linear, so F(y) at S equals F(x) at R for y = x; for other y, S's input
 * to H' is off by Delta times something that is not 0, and Delta has 128 bits that
 * R does not know. C hides P from S. S's tags of items that R lacks look random to
 * R, and their order is that of their values. So R learns which of its items S
 * has; S learns nothing, or with flags which of its items R has; both learn the
 * padded counts.
 *
 * x is a digest hashed to 128 bits by AES-CBC-MAC (fixed length; Bellare, Kilian,
 * Rogaway, JCSS 2000) under a key fixed after the lists; H(x) = AES_k(h) + h of the
 * OKVS's own hash h of x, k independent; H'(v, x) = pi(z) + z, z = sigma(v) + h,
 * with a key for pi per bin (mpc/hash.h: domain HASH_PSI).
 *
 * It goes wrong with probability at most 2^-39: 2^-40 for an OKVS that cannot be
 * encoded (the run ends with an error), 2^-40 for two different items with one tag
 * (a wrong match; less where rounding up to bytes made tags longer), and 2^-128·n·m
 * for digests that meet. An attack on H' with 2^q AES calls has advantage about
 * 2^(q-128)·u, u = S's items of a bin: up to 2^14 when n and m are alike, m at worst.
 *
 * A peer that deviates can spoil results and, as S, learn whether a guessed item
 * is R's when it sees R's output; every length is fixed by the two padded counts.
 *
 * Costs: 16·s bytes from R (s = 1.27 n + 3 words a bin of about 2^14 items), 8 to 9
 * bytes per item from S, 1 bit per item back; the VOLE's own. 2 one-way messages, 3
 * with flags, after those of the VOLE.
 */
#ifndef PET_MPC_VOLE_PSI_H
#define PET_MPC_VOLE_PSI_H

#include <stdint.h>

#include "base/err.h"
#include "net/chan.h"

#define VOLE_PSI_ITEM_BYTES 32
#define VOLE_PSI_SEED_BYTES 32
#define VOLE_PSI_ITEMS_MAX (UINT32_C(1) << 28)

/* What a session and its runs took, in seconds; both sides fill what they do. */
enum vole_psi_stage {
	VOLE_PSI_HASH,		/* digests to keys, keys to bins */
	VOLE_PSI_VOLE,		/* in the first run with its base OTs */
	VOLE_PSI_ENCODE,	/* R: encode, mask, send; S: receive, unmask, decode, hash */
	VOLE_PSI_DECODE,	/* R: decode, hash */
	VOLE_PSI_SORT,
	VOLE_PSI_SEND,		/* tags: S sends them, R waits for them */
	VOLE_PSI_MATCH,		/* R: compare; S: wait for the flags */
	VOLE_PSI_STAGES
};

struct vole_psi_conf {
	int receiver;		/* 1: R; the other side has 0 */
	int threads;
	uint64_t expected;	/* R's padded items over all runs, the same at both sides as `lists`: chooses the VOLE's parameters */
	uint64_t lists;		/* so many runs of about the same length; not 0 */
	void (*progress)(void *arg, double fraction, const char *stage);	/* may be NULL */
	void *arg;
};

struct vole_psi_list {
	const uint8_t (*items)[VOLE_PSI_ITEM_BYTES];	/* digests, distinct; borrowed */
	uint32_t count;
	uint32_t padded, peer_padded;	/* what the sides told each other; the difference to count is filled up by dummies */
	uint8_t seed[VOLE_PSI_SEED_BYTES];	/* common and random, made after both lists were fixed; never used twice */
	int flags;			/* S receives as well; the same at both sides */
};

struct vole_psi;

/* The channel is borrowed until vole_psi_free; nothing is sent yet. Fresh Delta and correlations; any number of runs. */
int vole_psi_new(struct vole_psi **out, struct chan *c, const struct vole_psi_conf *conf) PET_MUST_USE;
/*
 * matched: owned, count bytes; NULL at S without flags. ERR_PEER: what no honest
 * peer sends. ERR_CONFLICT: the 2^-40. Afterwards the object is of no use unless 0.
 */
int vole_psi_run(struct vole_psi *v, const struct vole_psi_list *l, uint8_t **matched, uint32_t *matches,
		 struct errmsg *em) PET_MUST_USE;
/* Seconds per stage so far: VOLE_PSI_STAGES of them, and their names. */
const double *vole_psi_times(const struct vole_psi *v);
const char *vole_psi_stage_name(enum vole_psi_stage s);
/* Wipes; NULL is legal. */
void vole_psi_free(struct vole_psi *v);

#endif
