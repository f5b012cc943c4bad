/*
 * Random VOLE over GF(2^128) (elements and modulus: gf128.h):
 *
 *	a[i] + b[i] = c[i] * Delta
 *
 * The receiver holds a and c, the sender b and Delta; c and b are random.
 * Primal LPN with regular noise (Wolverine, eprint 2020/925, figures 5 and 7)
 * over half trees (2022/1431), semi-honest: the errors' values are uniform field
 * elements and the 10-local matrix has uniform full-field coefficients.
 *
 * First elements: 128 COTs q, m = q ^ x Delta make one, b = sum of X^j q_j and
 * a = sum of X^j m_j with c = sum of X^j x_j, with no further message. So Delta
 * is the COTs' Delta: 127 random bits, LSB 1.
 *
 * An object is one direction over a channel with a Delta of its own. Both
 * parties make the same calls with the same counts in the same order; an element
 * is handed out once. Flights: 4 of set-up, one of COTs from receiver to sender,
 * all else goes from sender to receiver without waiting, however many stages.
 * Bytes for 2^21 elements: about 2.3 MB, most of it 128 * 2500 COTs.
 *
 * Errors: what the channel says; ERR_PEER when a message is not what the
 * protocol demands, or the peer asks for another count; vole_error has the
 * sentence. After an error the object only repeats it. Outputs are secrets of
 * the caller, who wipes them.
 */
#ifndef PET_MPC_VOLE_H
#define PET_MPC_VOLE_H

#include <stddef.h>
#include <stdint.h>

#include "mpc/block.h"
#include "net/chan.h"

struct vole;

/*
 * c is borrowed. expected: how many elements will be asked for in all; it sets
 * the sizes and must be equal at both parties. More may be taken, at the price
 * of a new start from COTs.
 */
int vole_new(struct vole **out, struct chan *c, int sender, int threads, uint64_t expected) PET_MUST_USE;
/* Legal with NULL; wipes everything. */
void vole_free(struct vole *v);

/* n elements; n may be 0. The first call does the set-up. */
int vole_send(struct vole *v, struct block *b, size_t n) PET_MUST_USE;
int vole_recv(struct vole *v, struct block *a, struct block *c, size_t n) PET_MUST_USE;

/* The sender's, after its first vole_send. */
struct block vole_delta(const struct vole *v);
/* The sentence of the last error; "" when there was none. Borrowed. */
const char *vole_error(const struct vole *v);

#endif
