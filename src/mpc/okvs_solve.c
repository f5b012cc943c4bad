/* Small dense systems over GF(2^128): the gap rows of a bin, at most as many as dense columns. */
#include "mpc/gf128.h"
#include "mpc/okvs_bin.h"

static int is_zero(struct block a)
{
	return (a.w[0] | a.w[1]) == 0;
}

/* Makes column c of row r one and clears it in all other rows (Gauss-Jordan). */
static void eliminate(struct block *m, struct block *rhs, uint32_t rows, uint32_t cols, uint32_t r, uint32_t c)
{
	struct block inv = gf128_inv(m[r * cols + c]);

	gf128_mul_by(&m[r * cols], &m[r * cols], inv, cols);
	rhs[r] = gf128_mul(rhs[r], inv);
	for (uint32_t i = 0; i < rows; i++) {
		struct block f = m[i * cols + c];

		if (i == r)
			continue;
		gf128_add_mul_by(&m[i * cols], &m[r * cols], f, cols);
		rhs[i] = block_xor(rhs[i], gf128_mul(rhs[r], f));
	}
}

int okvs_solve_var(struct block *m, struct block *rhs, uint32_t rows, uint32_t cols, struct block *d)
{
	uint32_t pivot[64];

	if (rows > PET_ARRAY_SIZE(pivot))
		return ERR_CONFLICT;
	for (uint32_t r = 0; r < rows; r++) {
		uint32_t c = 0;

		while (c < cols && is_zero(m[r * cols + c]))
			c++;
		if (c == cols)
			return ERR_CONFLICT;
		eliminate(m, rhs, rows, cols, r, c);
		pivot[r] = c;
	}
	/* A pivot column is zero outside its row: what is left beside it are the free columns. */
	for (uint32_t r = 0; r < rows; r++) {
		d[pivot[r]] = block_zero();
	}
	for (uint32_t r = 0; r < rows; r++) {
		struct block x = rhs[r];

		for (uint32_t c = 0; c < cols; c++)
			if (c != pivot[r] && !is_zero(m[r * cols + c]))
				x = block_xor(x, gf128_mul(m[r * cols + c], d[c]));
		d[pivot[r]] = x;
	}
	return 0;
}
