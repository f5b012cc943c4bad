/* TAP for C tests: TEST(name) { CHECK(...); } and TEST_MAIN(case, case, …). */
#ifndef PET_TESTS_UNIT_TEST_H
#define PET_TESTS_UNIT_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failed;

#define CHECK(cond) do { \
	if (!(cond)) { \
		test_failed = 1; \
		printf("# %s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #cond); \
	} } while (0)
#define CHECK_INT(got, want) do { \
	long long got_ = (long long)(got), want_ = (long long)(want); \
	if (got_ != want_) { \
		test_failed = 1; \
		printf("# %s:%d: %s is %lld, want %lld\n", __FILE__, __LINE__, #got, got_, want_); \
	} } while (0)
#define CHECK_STR(got, want) do { \
	const char *got_ = (got), *want_ = (want); \
	if (!got_ || strcmp(got_, want_) != 0) { \
		test_failed = 1; \
		printf("# %s:%d: %s is \"%s\", want \"%s\"\n", __FILE__, __LINE__, #got, \
		       got_ ? got_ : "(null)", want_); \
	} } while (0)
#define CHECK_HAS(got, part) do { \
	const char *got_ = (got), *part_ = (part); \
	if (!got_ || !strstr(got_, part_)) { \
		test_failed = 1; \
		printf("# %s:%d: %s is \"%s\", which lacks \"%s\"\n", __FILE__, __LINE__, #got, \
		       got_ ? got_ : "(null)", part_); \
	} } while (0)

struct test_case {
	const char *name;
	void (*run)(void);
};

#define TEST(name) static void test_##name(void)
#define CASE(name) { #name, test_##name }

#define TEST_MAIN(...) \
int main(void) \
{ \
	static const struct test_case cases[] = { __VA_ARGS__ }; \
	size_t count = sizeof(cases) / sizeof(cases[0]), bad = 0; \
	setvbuf(stdout, NULL, _IOLBF, 0); \
	printf("1..%zu\n", count); \
	for (size_t i = 0; i < count; i++) { \
		test_failed = 0; \
		cases[i].run(); \
		printf("%s %zu - %s\n", test_failed ? "not ok" : "ok", i + 1, cases[i].name); \
		bad += test_failed != 0; \
	} \
	return bad != 0; \
}

#endif
