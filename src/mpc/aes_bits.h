/*
 * AES rounds on four blocks at a time in plain C, constant time: no table, no
 * branch on data. The state is bit-sliced over eight words.
 *
 * Word m of the input (m = 0 … 7, block m/2) becomes, after aes_bits_turn, the
 * bits 8j + m (j = byte within the word) of plane k = bit k of every byte. A
 * byte in row r, column c of block b is byte j = 4(c mod 2) + r of word
 * m = 2b + c/2; so the next row is 8 bits away, columns c and c + 2 are
 * neighbouring bits, and c and c + 1 differ in the half of the plane.
 *
 * The S-box is the circuit of Boyar and Peralta, A depth-16 circuit for the AES
 * S-box (eprint 2011/332), 128 gates.
 */
#ifndef PET_MPC_AES_BITS_H
#define PET_MPC_AES_BITS_H

#include <stdint.h>

static inline void aes_bits_swap(uint64_t *a, uint64_t *b, int n, uint64_t low)
{
	uint64_t t = (*a >> n ^ *b) & low;

	*b ^= t;
	*a ^= t << n;
}

/* 8x8 bit transpose between word number and bit within each byte; its own inverse. */
static inline void aes_bits_turn(uint64_t q[8])
{
	for (int i = 0; i < 4; i++)
		aes_bits_swap(&q[i], &q[i + 4], 4, UINT64_C(0x0f0f0f0f0f0f0f0f));
	for (int i = 0; i < 8; i += 4)
		for (int k = i; k < i + 2; k++)
			aes_bits_swap(&q[k], &q[k + 2], 2, UINT64_C(0x3333333333333333));
	for (int i = 0; i < 8; i += 2)
		aes_bits_swap(&q[i], &q[i + 1], 1, UINT64_C(0x5555555555555555));
}

/* Names as in the paper: x0 is the top bit of a byte. */
static inline void aes_bits_sub(uint64_t q[8])
{
	uint64_t x0 = q[7], x1 = q[6], x2 = q[5], x3 = q[4], x4 = q[3], x5 = q[2], x6 = q[1], x7 = q[0];
	/* The linear layer in front. */
	uint64_t y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, t0 = x1 ^ x2;
	uint64_t y1 = t0 ^ x7, y4 = y1 ^ x3, y12 = y13 ^ y14, y2 = y1 ^ x0, y5 = y1 ^ x6, y3 = y5 ^ y8;
	uint64_t t1 = x4 ^ y12, y15 = t1 ^ x5, y20 = t1 ^ x1, y6 = y15 ^ x7, y10 = y15 ^ t0, y11 = y20 ^ y9;
	uint64_t y7 = x7 ^ y11, y17 = y10 ^ y11, y19 = y10 ^ y8, y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;
	/* Inversion in the tower GF(((2^2)^2)^2). */
	uint64_t t2 = y12 & y15, t4 = (y3 & y6) ^ t2, t6 = (y4 & x7) ^ t2;
	uint64_t t7 = y13 & y16, t9 = (y5 & y1) ^ t7, t11 = (y2 & y7) ^ t7;
	uint64_t t12 = y9 & y11, t14 = (y14 & y17) ^ t12, t16 = (y8 & y10) ^ t12;
	uint64_t t21 = t4 ^ t14 ^ y20, t22 = t6 ^ t16 ^ y19, t23 = t9 ^ t14 ^ y21, t24 = t11 ^ t16 ^ y18;
	uint64_t t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t29 = (t25 & t27) ^ t22;
	uint64_t t30 = t23 ^ t24, t31 = t22 ^ t26, t33 = (t31 & t30) ^ t24, t34 = t23 ^ t33;
	uint64_t t35 = t27 ^ t33, t36 = t24 & t35, t37 = t36 ^ t34, t38 = t27 ^ t36, t40 = t25 ^ (t29 & t38);
	uint64_t t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37, t45 = t42 ^ t41;
	uint64_t z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1, z5 = t29 & y7;
	uint64_t z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12, z10 = t37 & y3, z11 = t33 & y4;
	uint64_t z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2, z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;
	/* The linear layer behind, with the affine constant 0x63 as complements. */
	uint64_t t46 = z15 ^ z16, t47 = z10 ^ z11, t48 = z5 ^ z13, t49 = z9 ^ z10, t50 = z2 ^ z12, t51 = z2 ^ z5;
	uint64_t t52 = z7 ^ z8, t53 = z0 ^ z3, t54 = z6 ^ z7, t55 = z16 ^ z17, t56 = z12 ^ t48, t57 = t50 ^ t53;
	uint64_t t58 = z4 ^ t46, t59 = z3 ^ t54, t60 = t46 ^ t57, t61 = z14 ^ t57, t62 = t52 ^ t58, t63 = t49 ^ t58;
	uint64_t t64 = z4 ^ t59, t65 = t61 ^ t62, t66 = z1 ^ t63, t67 = t64 ^ t65, s3 = t53 ^ t66;

	q[7] = t59 ^ t63;
	q[6] = t64 ^ ~s3;
	q[5] = t55 ^ ~t67;
	q[4] = s3;
	q[3] = t51 ^ t66;
	q[2] = t47 ^ t65;
	q[1] = t56 ^ ~t62;
	q[0] = t48 ^ ~t60;
}

/* Columns c and c + 2 exchanged. */
static inline uint64_t aes_bits_flip(uint64_t x)
{
	return (x >> 1 & UINT64_C(0x5555555555555555)) | (x & UINT64_C(0x5555555555555555)) << 1;
}

/* Row r moves by r columns: the half of the plane changes, and where the column number overflows the neighbour too. */
static inline void aes_bits_shift_rows(uint64_t q[8])
{
	const uint64_t low = UINT64_C(0xffffffff), row = UINT64_C(0x000000ff000000ff);

	for (int i = 0; i < 8; i++) {
		uint64_t x = q[i], y = x >> 32 | x << 32, f = aes_bits_flip(y);

		q[i] = (x & row) | (((y & low) | (f & ~low)) & row << 8) |
		       (aes_bits_flip(x) & row << 16) | (((y & ~low) | (f & low)) & row << 24);
	}
}

/* Every byte's next row in its column. */
static inline uint64_t aes_bits_next(uint64_t x)
{
	return (x >> 8 & UINT64_C(0x00ffffff00ffffff)) | (x << 24 & UINT64_C(0xff000000ff000000));
}

/* b_r = 2(a_r + a_{r+1}) + a_{r+1} + a_{r+2} + a_{r+3}; doubling moves planes up, the top one back as 0x1b. */
static inline void aes_bits_mix_columns(uint64_t q[8])
{
	uint64_t n[8], s[8];

	for (int i = 0; i < 8; i++) {
		n[i] = aes_bits_next(q[i]);
		s[i] = q[i] ^ n[i];
	}
	for (int i = 0; i < 8; i++) {
		uint64_t d = i ? s[i - 1] : s[7];

		if (i == 1 || i == 3 || i == 4)
			d ^= s[7];
		/* Two rows on, s is a_{r+2} + a_{r+3}. */
		q[i] = d ^ n[i] ^ aes_bits_next(aes_bits_next(s[i]));
	}
}

#endif
