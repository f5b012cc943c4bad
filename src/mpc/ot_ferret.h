/*
 * Ferret (eprint 2020/924) with half-tree's correlated GGM trees (2022/1431): many
 * COTs from a few, one flight from the sender, about 1.2 bits per COT (c10).
 *
 * One LPN instance (lpn_params.h) consumes M COTs (q, u, m = q ^ u Delta): k are
 * the secret, h are spent on each of t trees. Tree i gives 2^h COTs with choice
 * bits e_i, a unit vector: regular noise. With A the public matrix (lpn_code.h):
 *
 *	sender q' = leaves ^ A q,   receiver m' = leaves ^ A m = q' ^ (e ^ A u) Delta
 *
 * and e ^ A u, LPN samples, are the new choice bits. Where the errors are comes
 * from the trees' own choice bits, so nothing is sent but the corrections of the
 * trees: 16 (h - 1) bytes for 2^h COTs. The sender makes and sends them group by
 * group (four trees), and both add A's rows to a group while it is in cache.
 *
 * An instance ends with the outputs that the next one consumes; they are made
 * only when there is a next one. Secrets, errors and matrix are new in every
 * instance. Semi-honest: pseudorandomness of the choice bits rests on LPN, the
 * hiding of errors and Delta on the trees' hash (ggm.h).
 *
 * Matrix of instance i: seed AES_session({ i, HASH_FERRET }), i = 1, 2, …; session of
 * the trees: AES_session({ 0, HASH_FERRET }), group g of instance i has number i 2^32 + g.
 * `session` is the block of the bootstrap's base OTs; correlations start out of
 * SoftSpoken (ot_softspoken.h) for one instance of c9, which starts c10.
 *
 * This is the part behind the bootstrap. Everything in it is deterministic.
 */
#ifndef PET_MPC_OT_FERRET_H
#define PET_MPC_OT_FERRET_H

#include "mpc/lpn_params.h"
#include "mpc/ot_backend.h"

struct ferret;

/* Which instances make `expect` correlations: c9 alone while it lasts, else c10, after one c9. */
enum lpn_set ferret_set_for(uint64_t expect);

/* conf: chan, role, threads. `most` is the largest set that will be started. */
int ferret_new(struct ferret **out, const struct ot_conf *conf, enum lpn_set most) PET_MUST_USE;
void ferret_free(struct ferret *f);
/* Where the first instance's correlations are to be written: `room` blocks, at least M of every set up to `most`. */
struct block *ferret_base(struct ferret *f, size_t *room);
/* The first instance, once its base is there. delta: at the receiver ignored. */
void ferret_start(struct ferret *f, enum lpn_set set, struct block delta, struct block session);
/* The next instance, of this set, from this one's last outputs. Sender: sends; receiver: receives. */
int ferret_renew(struct ferret *f, enum lpn_set set) PET_MUST_USE;
/* COTs in a group of the instance, and groups left besides what the next instance, of `next`, needs. */
size_t ferret_group(const struct ferret *f);
uint64_t ferret_left(const struct ferret *f, enum lpn_set next);
/* The next `groups` groups; at most ferret_left. */
int ferret_run(struct ferret *f, struct block *out, size_t groups) PET_MUST_USE;

#endif
