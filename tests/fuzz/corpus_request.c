/* The request fuzzer's entry over fixed nasty inputs, every prefix of them, and small changes of each byte. */
#include "../fuzz/fuzz.h"

#include "base/err.h"
#include "test.h"

#define S(s) { s, sizeof(s) - 1 }

static const struct {
	const char *data;
	size_t len;
} corpus[] = {
	S(""), S("{"), S("[]"), S("null"), S("{}"), S("{\"a\":1,\"a\":2}"), S("{\"a\":\"\\ud800\"}"), S("{\"a\":\"\\u0000\"}"),
	S("{\"a\":1e999}"), S("{\"a\":-99999999999999999999}"), S("\xef\xbb\xbf{}"), S("{\"a\":\"\xc0\xaf\"}"),
	S("{\"mission_name\":\"psi\",\"mission_params\":{}}"),
	S("{\"mission_name\":\"psi\",\"mission_version\":\"latest\",\"job_id\":\"j_0123456789abcdef\",\"main_party\":\"party_a\","
	  "\"priority\":-100,\"timeout_seconds\":1,\"max_retries\":0,\"dry_run\":false,\"parties\":{\"party_a\":\"party_a\"},"
	  "\"mission_params\":{\"receiver\":\"both\",\"party_a\":{\"column_name\":[\"id\",\"${job_context.x}\"],"
	  "\"inputs\":{\"data\":\"data/a\"},\"outputs\":{\"data\":\"o/r\"}},\"party_b\":{\"column_name\":\"id\",\"inputs\":{\"data\":\"b\"}}}}"),
	S("{\"mission_name\":\"psi\",\"mission_params\":{\"party_a\":[],\"party_b\":{\"inputs\":[],\"outputs\":7}}}"),
	S("a=1&b=%20&c=%zz&=&a=1&%00=1"), S("data/x"), S("../x"), S("a/./b//c"), S("data/data/x"), S("./data/x"),
	S("eyJhbGciOiJub25lIn0.eyJpc3MiOiJwYXJ0eV9iIn0."), S("e30.e30.e30"), S("..."), S("a.b.c"),
};

TEST(whole)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(corpus); i++)
		CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)corpus[i].data, corpus[i].len), 0);
}

TEST(prefixes)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(corpus); i++)
		for (size_t n = 0; n < corpus[i].len; n++)
			CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)corpus[i].data, n), 0);
}

TEST(changed_bytes)
{
	static const char swap[] = "\0\"{}[]:,.%0\xff\\";
	char copy[1024];

	for (size_t i = 0; i < PET_ARRAY_SIZE(corpus); i++)
		for (size_t k = 0; k < corpus[i].len; k++) {
			memcpy(copy, corpus[i].data, corpus[i].len);
			copy[k] = swap[k % (sizeof(swap) - 1)];
			CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)copy, corpus[i].len), 0);
		}
}

TEST_MAIN(CASE(whole), CASE(prefixes), CASE(changed_bytes))
