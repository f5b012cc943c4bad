/* A uniformly random secret permutation of 0 … n-1, from a ChaCha20 stream under a fresh kernel key. */
#ifndef PET_MPC_PERM_H
#define PET_MPC_PERM_H

#include <stdint.h>

#include "base/err.h"

/* Fills out[0 … n-1]. */
void perm_random(uint32_t *out, uint32_t n);

#endif
