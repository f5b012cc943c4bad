/* AES against FIPS 197, SP 800-38A and OpenSSL; the PRG on it; every level. */
#include <openssl/evp.h>

#include "base/util.h"
#include "levels.h"
#include "mpc/aes.h"
#include "mpc/prg.h"

static struct block hex(const char *s)
{
	struct block b = { { 0 } };

	CHECK_INT(util_unhex(&b, sizeof(b), s), 0);
	return b;
}

TEST(fips197)
{
	EACH_LEVEL {
		struct aes_key k;
		struct block in = hex("00112233445566778899aabbccddeeff"), out;

		aes_key_set(&k, hex("000102030405060708090a0b0c0d0e0f"));
		aes_ecb(&k, &out, &in, 1);
		CHECK(block_equal(out, hex("69c4e0d86a7b0430d8cdb78070b4c55a")));
		/* Appendix A.1: the last round key. */
		aes_key_set(&k, hex("2b7e151628aed2a6abf7158809cf4f3c"));
		CHECK(block_equal(k.rk[10], hex("d014f9a8c9ee2589e13f0cc8b6630ca6")));
	}
}

TEST(sp800_38a_ecb)
{
	static const char *const pairs[4][2] = {
		{ "6bc1bee22e409f96e93d7e117393172a", "3ad77bb40d7a3660a89ecaf32466ef97" },
		{ "ae2d8a571e03ac9c9eb76fac45af8e51", "f5d3d58503b9699de785895a96fdbaaf" },
		{ "30c81c46a35ce411e5fbc1191a0a52ef", "43b1cd7f598ece23881b00e3ed030688" },
		{ "f69f2445df4f9b17ad2b417be66c3710", "7b0c785e27e8ad3f8223207104725dd4" },
	};

	EACH_LEVEL {
		struct aes_key k;
		struct block in[4], out[4];

		aes_key_set(&k, hex("2b7e151628aed2a6abf7158809cf4f3c"));
		for (int i = 0; i < 4; i++)
			in[i] = hex(pairs[i][0]);
		aes_ecb(&k, out, in, 4);
		for (int i = 0; i < 4; i++)
			CHECK(block_equal(out[i], hex(pairs[i][1])));
	}
}

static void openssl_ecb(struct block key, struct block *out, const struct block *in, size_t n)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0;

	CHECK(c && EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, (const unsigned char *)&key, NULL) == 1);
	CHECK(EVP_CIPHER_CTX_set_padding(c, 0) == 1);
	CHECK(EVP_EncryptUpdate(c, (unsigned char *)out, &len, (const unsigned char *)in, (int)(n * 16)) == 1);
	CHECK_INT(len, n * 16);
	EVP_CIPHER_CTX_free(c);
}

#define MOST 300

TEST(all_sizes_against_openssl)
{
	static struct block in[MOST], want[MOST], got[MOST + 1];
	struct block key;

	cpu_test_data(&key, 1, 1);
	cpu_test_data(in, MOST, 2);
	openssl_ecb(key, want, in, MOST);
	EACH_LEVEL {
		struct aes_key k;

		aes_key_set(&k, key);
		for (size_t n = 0; n <= MOST; n++) {
			memset(got, 0x5a, sizeof(got));
			aes_ecb(&k, got, in, n);
			CHECK_BLOCKS(got, want, n);
			/* nothing is written behind the end */
			CHECK(got[n].w[0] == UINT64_C(0x5a5a5a5a5a5a5a5a) && got[n].w[1] == got[n].w[0]);
		}
		memcpy(got, in, sizeof(in));
		aes_ecb(&k, got, got, MOST);
		CHECK_BLOCKS(got, want, MOST);
	}
}

/* Blocks are aligned to 16 bytes only: every place within a wider vector. */
TEST(odd_starts)
{
	static struct block in[MOST + 4], want[MOST], got[MOST + 4];
	struct block key;

	cpu_test_data(&key, 1, 5);
	cpu_test_data(in, PET_ARRAY_SIZE(in), 6);
	for (size_t from = 0; from < 4; from++) {
		openssl_ecb(key, want, in + from, MOST);
		EACH_LEVEL {
			struct aes_key k;

			aes_key_set(&k, key);
			for (size_t to = 0; to < 4; to++) {
				aes_ecb(&k, got + to, in + from, MOST);
				CHECK_BLOCKS(got + to, want, MOST);
			}
		}
	}
}

TEST(counter_mode_is_ecb_of_counters)
{
	static const uint64_t firsts[] = { 0, 1, 511, UINT64_C(0xfffffff0), UINT64_MAX - 20 };
	static struct block in[MOST], want[MOST], got[MOST];
	struct block key;

	cpu_test_data(&key, 1, 3);
	EACH_LEVEL {
		struct aes_key k;

		aes_key_set(&k, key);
		for (size_t f = 0; f < PET_ARRAY_SIZE(firsts); f++) {
			for (size_t i = 0; i < MOST; i++)
				in[i] = block_set(firsts[f] + i, 77);
			openssl_ecb(key, want, in, MOST);
			for (size_t n = 0; n <= MOST; n += 1 + n / 9) {
				aes_ctr(&k, 77, firsts[f], got, n);
				CHECK_BLOCKS(got, want, n);
			}
		}
	}
}

TEST(prg_stream)
{
	static uint8_t whole[1 << 12], parts[(1 << 12) + 1];
	struct block seed;

	cpu_test_data(&seed, 1, 4);
	EACH_LEVEL {
		struct prg p;
		size_t at = 0;

		prg_init(&p, seed);
		prg_fill(&p, whole, sizeof(whole));
		CHECK_INT(p.next, sizeof(whole) / 16);
		/* the same stream in whole blocks, to a misaligned place */
		prg_init(&p, seed);
		for (size_t step = 16; at + step <= sizeof(whole); at += step, step += 16)
			prg_fill(&p, parts + 1 + at, step);
		CHECK(memcmp(whole, parts + 1, at) == 0);
		/* a part of a block uses up the block */
		prg_init(&p, seed);
		prg_fill(&p, parts, 5);
		prg_fill(&p, parts + 5, 16);
		CHECK(memcmp(parts, whole, 5) == 0 && memcmp(parts + 5, whole + 16, 16) == 0);
		prg_fill(&p, parts, 0);
		CHECK_INT(p.next, 2);
		prg_wipe(&p);
		CHECK(p.next == 0 && block_equal(p.key.rk[3], block_zero()));
	}
}

TEST(prg_random_seeds_differ)
{
	struct prg a, b;
	struct block x, y;

	prg_init_random(&a);
	prg_init_random(&b);
	prg_blocks(&a, &x, 1);
	prg_blocks(&b, &y, 1);
	CHECK(!block_equal(x, y));
}

TEST_MAIN(CASE(fips197), CASE(sp800_38a_ecb), CASE(all_sizes_against_openssl), CASE(odd_starts),
	  CASE(counter_mode_is_ecb_of_counters), CASE(prg_stream), CASE(prg_random_seeds_differ))
