/* The mission fuzzer's entry over fixed inputs, every prefix of them, and small changes of each byte. */
#include "../fuzz/fuzz.h"

#include "base/err.h"
#include "test.h"

#define S(s) { s, sizeof(s) - 1 }
#define HEAD "meta: {name: m, version: 1}\noperators:\n"

static const struct {
	const char *data;
	size_t len;
} corpus[] = {
	S(""), S("\0"), S("---\n...\n"), S("{}"), S("[]"), S("a: b: c"), S("- - - -"), S("? x\n: y"), S("\xef\xbb\xbf"),
	S("\xff\xfe\x00"), S("%YAML 1.1\n---\na"), S("%TAG ! x\n---\n!a b"), S("&a [*a]"), S("a: &x b\nc: *x"), S("<<: {a: b}"),
	S("\"\\u0000\""), S("\"\\xff\""), S("'it''s'"), S("|\n x\n"), S(">-\n x\n y\n"), S("{a: {b: {c: {d: [[[[]]]]}}}}"),
	S("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), S("{{{{{{{{{{"), S("\t"), S("a:\n\t b"), S("@"), S("`"), S("a: !!binary eHg="),
	S("${"), S("${}"), S("$${"), S("$$${x}"), S("${job_context.a"), S("${job_context.a}"), S("x${global_config.}${"), S("$$$$${{}}"),
	S("${a}${b}"), S("${mission_context.a.b.c..d}"),
	S(HEAD "- {name: a, class: psi, party: party_a}\n- {name: b, class: PSITransform, party: party_b}\n"),
	S(HEAD "- {name: a, class: psi, party: party_a, group: g, args: {x: [1, -2.5e3, ~, true, 'y', {z: \"\\u20ac\"}]}}\n"
	  "- {name: b, class: psi, party: party_b, group: g}\n"
	  "- {name: c, class: sql, party: party_a, depends: [a, b], args: {inputs: {t: '${job_context.mission_params.party_a.k}'}}}\n"
	  "- {name: d, class: sql, party: party_b, depends: [b], args: {q: 'a ${job_context.a.rows} b'}}\n"),
	S(HEAD "- {name: a, class: psi, party: party_a, depends: [b]}\n- {name: b, class: psi, party: party_b, depends: [a]}\n"),
	S("{\"meta\":{\"name\":\"m\",\"version\":1},\"operators\":[{\"class\":\"psi\",\"name\":\"a\",\"party\":\"party_a\"},"
	  "{\"class\":\"psi\",\"name\":\"b\",\"party\":\"party_b\"}]}"),
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
	static const char with[] = { '"', ':', '\n', '[', '}', '&', '*', 'a', '$', '-', '\0', (char)0xe2 };
	char copy[600];

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
