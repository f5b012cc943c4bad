/*
 * A pseudorandom generator: AES-128 in counter mode under the seed as key.
 *
 * A seed is uniformly random and serves one generator only. Each call of
 * prg_fill starts at the next whole block, so two calls with lengths a and b
 * give the same bytes as one with a + b when a is a multiple of 16. At most
 * 2^64 blocks; distinguishing l blocks from random has advantage l^2 / 2^129.
 */
#ifndef PET_MPC_PRG_H
#define PET_MPC_PRG_H

#include "mpc/aes.h"

struct prg {
	struct aes_key key;
	uint64_t next;		/* number of the next block */
};

void prg_init(struct prg *p, struct block seed);
/* Seed from the kernel. */
void prg_init_random(struct prg *p);
void prg_fill(struct prg *p, void *out, size_t len);
/* n blocks; the same stream as prg_fill. */
void prg_blocks(struct prg *p, struct block *out, size_t n);
void prg_wipe(struct prg *p);

#endif
