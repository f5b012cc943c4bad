#include "mpc/perm.h"

#include <sodium.h>
#include <string.h>

#include "base/util.h"

struct stream {
	uint8_t key[crypto_stream_chacha20_KEYBYTES];
	uint64_t block;
	uint32_t word[1024];
	unsigned used;
};

static uint32_t next_word(struct stream *s)
{
	if (s->used == PET_ARRAY_SIZE(s->word)) {
		uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

		memcpy(nonce, &s->block, sizeof(nonce));
		crypto_stream_chacha20((uint8_t *)s->word, sizeof(s->word), nonce, s->key);
		s->block++;
		s->used = 0;
	}
	return s->word[s->used++];
}

/* Uniform in [0, n): Lemire, Fast random integer generation in an interval, 2019, with its exact rejection. */
static uint32_t below(struct stream *s, uint32_t n)
{
	uint64_t m = (uint64_t)next_word(s) * n;

	if ((uint32_t)m < n) {
		uint32_t reject = (0u - n) % n;

		while ((uint32_t)m < reject)
			m = (uint64_t)next_word(s) * n;
	}
	return (uint32_t)(m >> 32);
}

void perm_random(uint32_t *out, uint32_t n)
{
	struct stream s = { .used = PET_ARRAY_SIZE(s.word) };

	_Static_assert(crypto_stream_chacha20_NONCEBYTES == sizeof(s.block), "the nonce is the block number");
	util_random(s.key, sizeof(s.key));
	/* Fisher-Yates from the inside out. */
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = below(&s, i + 1);

		out[i] = out[j];
		out[j] = i;
	}
	sodium_memzero(&s, sizeof(s));
}
