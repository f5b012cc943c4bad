/*
 * Bit matrices turned: 128 planes of n bits each into n rows of 128 bits.
 *
 * Bit i of plane b is bit i mod 64 of word i / 64, so planes are arrays of
 * n / 128 blocks. Constant time.
 */
#ifndef PET_MPC_TRANSPOSE_H
#define PET_MPC_TRANSPOSE_H

#include "mpc/block.h"

/*
 * n a multiple of 128. Plane b starts at planes + b * stride, stride >= n / 128
 * blocks. Bit b of out[i] = bit i of plane b. out does not overlap the planes.
 * Strides that are not a multiple of 4 KiB are kinder to the cache.
 */
void transpose_planes(struct block *out, const struct block *planes, size_t stride, size_t n);

struct transpose_ops {
	void (*planes)(struct block *out, const struct block *planes, size_t stride, size_t n);
};

#endif
