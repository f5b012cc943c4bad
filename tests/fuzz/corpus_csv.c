/* The CSV fuzzer's entry over fixed nasty inputs, every prefix of them, and small changes of each byte. */
#include "../fuzz/fuzz.h"

#include "base/err.h"
#include "test.h"

#define S(s) { s, sizeof(s) - 1 }

static const struct {
	const char *data;
	size_t len;
} corpus[] = {
	S(""), S("\n"), S("\r"), S("\r\n\r\n"), S("\""), S("\"\""), S("\"\"\""), S(","), S("a"), S("a\n"),
	S("a,b\n1,2\n"), S("a,b\r\n1,2\r\n\r\n\n"), S("\xef\xbb\xbfid,x\n1,2"), S("\xef\xbb\xbf"), S("\xef\xbb"),
	S("\xef\xbb\xbf\"id\",\"a\"\"b\"\n\"1\n2\",\"\r\n\"\n"), S("\"\xef\xbb\xbfid\"\nx\n"), S("a\n\"\"\n\"\"\n"),
	S("\xef\xbb\xbf\xef\xbb\xbf"), S("\xef\xbb\xbf\xef\xbb\xbfid,x\n1,2\n"),
	S("a,b\n,\n\"\",\"\"\n"), S("a,b\n1\n"), S("a,b\n1,2,3\n"), S("a,a\n"), S("a,\n"), S("a\n\nb\n"),
	S("a\n1\"2\n"), S("a\n\"1\"2\n"), S("a\n\"1\n"), S("a\n1\r2\n"), S("a\n1\r"), S("a\0b\n"),
	S("a\n\xc0\xaf\n"), S("a\n\xed\xa0\x80\n"), S("a\n\xf4\x90\x80\x80\n"), S("a\n\xe2\x82\xac\xf0\x9f\x90\xb1\n"),
	S("a\n\xe2\x82"), S("a,b,c,d\n\"\"\"\",\"\"\"\"\"\",\"a\"\"\",\"\"\"a\"\n"),
	S("k,v\n0123456789012345678901234567890123456789012345678901234567,x\r\n2,\"y,\n\"\"z\"\"\"\r\n3,w\r\n"),
	S("key,name,note\n1,\"Ann, A.\",\"said \"\"hi\"\"\"\n2,Bob,\"two\nlines\"\n3,\"\",\n4,x,y\n5,x,y\n6,x,y\n7,x,y\n8,x,y\n"),
};

TEST(whole)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(corpus); i++)
		CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)corpus[i].data, corpus[i].len), 0);
}

TEST(prefixes)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(corpus); i++) {
		for (size_t n = 0; n < corpus[i].len; n++)
			CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)corpus[i].data, n), 0);
	}
}

TEST(changed_bytes)
{
	static const char with[] = { '"', ',', '\n', '\r', 'x', (char)0xe2 };
	char copy[256];

	for (size_t i = 0; i < PET_ARRAY_SIZE(corpus); i++) {
		CHECK(corpus[i].len <= sizeof(copy));
		for (size_t n = 0; n < corpus[i].len; n++) {
			for (size_t k = 0; k < sizeof(with); k++) {
				memcpy(copy, corpus[i].data, corpus[i].len);
				copy[n] = with[k];
				CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)copy, corpus[i].len), 0);
			}
		}
	}
}

TEST_MAIN(CASE(whole), CASE(prefixes), CASE(changed_bytes))
