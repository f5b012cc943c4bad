/* Circuit PSI against plaintext: sizes, overlaps, payload columns, both receivers. */
#include "mpc/cpsi.h"

#include <sodium.h>
#include <string.h>

#include "mpc/open.h"
#include "pair.h"
#include "../unit/test.h"

#define COLUMNS_MAX 5

struct shape {
	int receiver;
	uint32_t n, m, common;	/* of R, of S */
	unsigned columns;
	int wide;
	size_t bad[2];
};

/* Item i of R is number i; of S, number i + n - common. */
static struct block item_of(uint64_t number)
{
	struct block b;

	crypto_generichash((uint8_t *)&b, sizeof(b), (const uint8_t *)&number, sizeof(number), NULL, 0);
	return b;
}

static uint64_t payload_of(uint64_t number, unsigned column)
{
	return number == 3 ? 0 : number == 4 ? UINT64_MAX : (number + 1) * UINT64_C(0x9e3779b97f4a7c15) + column;
}

/* At R: the match bit and the payloads of every bin. */
static size_t compare(const struct shape *s, const struct bvec *match, const struct avec *value, const uint32_t *where, uint32_t bins)
{
	size_t bad = 0, seen = 0;

	for (uint32_t b = 0; b < bins; b++) {
		int want = where[b] != CPSI_EMPTY && where[b] >= s->n - s->common;

		seen += where[b] != CPSI_EMPTY;
		bad += (int)bits_get(match->w, b) != want;
		for (unsigned c = 0; c < s->columns; c++)
			for (int w = 0; w <= s->wide; w++)
				bad += value[c].v[b * (1u + (unsigned)s->wide) + (unsigned)w] != (want ? payload_of(where[b], c + 100 * (unsigned)w) : 0);
	}
	return bad + (seen != s->n);
}

static int run(struct mpc *m, void *arg)
{
	struct shape *s = arg;
	int me = mpc_party(m) == s->receiver, rc = 0;
	uint32_t own = me ? s->n : s->m, bins = cpsi_bins(s->n), *where = calloc(bins + 1, sizeof(*where));
	struct block *item = calloc(own + 1, sizeof(*item));
	uint64_t *payload[COLUMNS_MAX] = { NULL };
	const uint64_t *columns[COLUMNS_MAX];
	struct avec value[COLUMNS_MAX] = { { 0 } };
	struct bvec match = { 0 };
	struct errmsg em = { .code = "" };
	struct cpsi c = { .receiver = s->receiver, .own = own, .peer = me ? s->m : s->n, .item = item, .columns = s->columns, .wide = s->wide, .payload = columns, .em = &em };

	for (uint32_t i = 0; i < own; i++)
		item[i] = item_of(me ? i : i + s->n - s->common);
	for (unsigned k = 0; k < s->columns; k++) {
		payload[k] = calloc(own + 1, 2 * sizeof(uint64_t));
		columns[k] = payload[k];
		for (uint32_t i = 0; i < own; i++)
			for (int w = 0; w <= s->wide; w++)
				payload[k][i * (1u + (unsigned)s->wide) + (unsigned)w] = payload_of(i + s->n - s->common, k + 100 * (unsigned)w);
		TRY(avec_new(&value[k], bins, s->wide ? 128 : 64, 0));
	}
	TRY(bvec_new(&match, bins));
	TRY(cpsi_run(m, &c, &match, value, where));
	TRY(mpc_reveal_bits(m, s->receiver, &match, &match));
	for (unsigned k = 0; k < s->columns; k++)
		TRY(mpc_reveal(m, s->receiver, &value[k], &value[k]));
	s->bad[mpc_party(m)] = me ? compare(s, &match, value, where, bins) : 0;
out:
	free(where);
	free(item);
	bvec_free(&match);
	for (unsigned k = 0; k < s->columns; k++) {
		free(payload[k]);
		avec_free(&value[k]);
	}
	return rc;
}

static void check(struct shape s, int threads)
{
	struct pair_side side[2] = { { .run = run, .arg = &s }, { .run = run, .arg = &s } };

	for (int p = 0; p < 2; p++)
		side[p].conf = (struct mpc_conf){ .kind = OT_SOFTSPOKEN4, .threads = threads };
	s.bad[0] = s.bad[1] = 1;
	pair_run(side);
	for (int p = 0; p < 2; p++) {
		CHECK_INT(side[p].rc, 0);
		CHECK_STR(side[p].em.local, "");
		CHECK_INT(s.bad[p], 0);
	}
}

TEST(sizes_and_overlaps)
{
	static const uint32_t sizes[][3] = { { 1, 1, 0 }, { 1, 1, 1 }, { 0, 5, 0 }, { 5, 0, 0 }, { 100, 100, 50 }, { 7, 900, 7 }, { 900, 7, 3 }, { 2000, 2000, 2000 }, { 5000, 3000, 1234 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check((struct shape){ .receiver = (int)i % 2, .n = sizes[i][0], .m = sizes[i][1], .common = sizes[i][2], .columns = 1 }, 1);
}

TEST(payload_columns)
{
	for (unsigned columns = 0; columns <= COLUMNS_MAX; columns++)
		for (int wide = 0; wide < 2; wide++)
			check((struct shape){ .receiver = (int)columns % 2, .n = 60, .m = 80, .common = 20, .columns = columns, .wide = wide }, columns == 3 ? 2 : 1);
}

TEST_MAIN(CASE(sizes_and_overlaps), CASE(payload_columns))
