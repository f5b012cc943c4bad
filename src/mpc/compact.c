#include <stdlib.h>
#include <string.h>

#include "mpc/mux.h"
#include "mpc/open.h"
#include "mpc/permute.h"
#include "mpc/scan.h"

/*
 * place[i]: of a valid row how many valid ones stand before it, else how many invalid ones do, after all valid
 * ones. With c the prefix sums of the bits (inclusive) that is c[i] - 1 or c[n-1] + i - c[i].
 */
static int places(struct mpc *m, struct avec *place, const struct avec *bit, const struct bvec *valid)
{
	struct avec front = { 0 };
	size_t n = place->n;
	uint64_t all;
	int rc;

	TRY(avec_new(&front, n, place->bits, 0));
	avec_prefix_sum(&front, bit);
	all = front.v[n - 1];
	for (size_t i = 0; i < n; i++) {
		uint64_t c = front.v[i], pub = mpc_party(m) == 0;

		front.v[i] = (c - pub) & bits_mask(place->bits);
		place->v[i] = (all + pub * i - c) & bits_mask(place->bits);
	}
	TRY(mpc_select(m, place, valid, &front, place));
out:
	avec_free(&front);
	return rc;
}

/* 0 when v holds each of 0 … n - 1 once. */
static int is_permutation(const uint64_t *v, size_t n)
{
	uint64_t *seen = calloc(bits_words(n) + 1, sizeof(*seen));
	int rc = seen ? 0 : ERR_NOMEM;

	for (size_t i = 0; !rc && i < n; i++) {
		if (v[i] >= n || bits_get(seen, v[i]))
			rc = ERR_PEER;
		else
			seen[v[i] / 64] |= (uint64_t)1 << (v[i] % 64);
	}
	free(seen);
	return rc;
}

/* tmp has n elements. */
static void scatter(struct avec *column, struct avec *tmp, const uint64_t *to)
{
	for (size_t i = 0; i < column->n; i++)
		tmp->v[to[i]] = column->v[i];
	memcpy(column->v, tmp->v, column->n * sizeof(*column->v));
}

int mpc_compact(struct mpc *m, struct avec *const *column, size_t columns, struct bvec *valid)
{
	struct avec place = { 0 }, bit = { 0 }, tmp = { 0 }, *all[PERMUTE_COLUMNS_MAX];
	size_t n = valid->n;
	unsigned bits = 1;
	int rc;

	if (columns > PERMUTE_COLUMNS_MAX - 2 || n > INT32_MAX)
		return ERR_INPUT;
	for (size_t c = 0; c < columns; c++) {
		if (column[c]->n != n || column[c]->bits > 64)
			return ERR_INPUT;
		all[c] = column[c];
	}
	TRY(mpc_op(m, MPC_OP_COMPACT, n, columns));
	if (n < 2)
		goto out;
	while (((size_t)1 << bits) <= n)
		bits++;
	TRY(avec_new(&place, n, bits, 0));
	TRY(avec_new(&bit, n, bits, 0));
	TRY(avec_new(&tmp, n, 64, 0));
	TRY(mpc_b2a(m, &bit, valid));
	TRY(places(m, &place, &bit, valid));
	/* A bit's parity is the sum of its shares' parities: the shares move, and their lowest bits are shares of the bit. */
	all[columns] = &bit;
	all[columns + 1] = &place;
	TRY(mpc_shuffle(m, all, columns + 2));
	TRY(mpc_reveal(m, MPC_BOTH, &place, &place));
	TRY(is_permutation(place.v, n));
	for (size_t c = 0; c <= columns; c++)
		scatter(all[c], &tmp, place.v);
	for (size_t i = 0; i < n; i++)
		valid->w[i / 64] ^= ((bit.v[i] & 1) ^ bits_get(valid->w, i)) << (i % 64);
out:
	avec_free(&place);
	avec_free(&bit);
	avec_free(&tmp);
	return rc;
}
