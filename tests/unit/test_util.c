#include "base/util.h"

#include <stdint.h>

#include "test.h"

TEST(hex)
{
	unsigned char in[3] = { 0, 0xab, 0xff }, back[3];
	char hex[7];

	util_hex(hex, in, 3);
	CHECK_STR(hex, "00abff");
	CHECK_INT(util_unhex(back, 3, hex), 0);
	CHECK(memcmp(in, back, 3) == 0);
	CHECK_INT(util_unhex(back, 3, "00ABfF"), 0);
	CHECK_INT(util_unhex(back, 3, "00abf"), ERR_INPUT);
	CHECK_INT(util_unhex(back, 3, "00abfg"), ERR_INPUT);
	CHECK_INT(util_unhex(back, 0, ""), 0);
}

TEST(job_id)
{
	char a[UTIL_JOB_ID_MAX], b[UTIL_JOB_ID_MAX];

	util_job_id(a);
	util_job_id(b);
	CHECK(strcmp(a, b) != 0);
	CHECK_INT(util_job_id_ok(a), 0);
	CHECK_INT(util_job_id_ok("j_0123456789abcdef"), 0);
	CHECK_INT(util_job_id_ok("j_0123456789abcde"), ERR_INPUT);
	CHECK_INT(util_job_id_ok("x_0123456789abcdef"), ERR_INPUT);
	CHECK_INT(util_job_id_ok("j_0123456789ABCDEF"), ERR_INPUT);
	CHECK_INT(util_job_id_ok("j_0123456789abcd/../x"), ERR_INPUT);
	CHECK_INT(util_job_id_ok(""), ERR_INPUT);
}

TEST(distance)
{
	CHECK_INT(util_distance("", ""), 0);
	CHECK_INT(util_distance("abc", ""), 3);
	CHECK_INT(util_distance("", "abc"), 3);
	CHECK_INT(util_distance("kitten", "sitting"), 3);
	CHECK_INT(util_distance("mission_name", "mision_name"), 1);
}

TEST(files)
{
	char dir[] = "/tmp/pet-test-XXXXXX", path[128], deep[128];
	struct buf b = { 0 };

	CHECK(mkdtemp(dir) != NULL);
	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	CHECK_INT(util_mkdirs(deep, 0700), 0);
	CHECK_INT(util_mkdirs(deep, 0700), 0);
	snprintf(path, sizeof(path), "%s/a/b/f", dir);
	CHECK_INT(util_read_file(&b, path, 10), ERR_IO);
	CHECK_INT(util_write_file(path, "hello", 5, 0600), 0);
	CHECK_INT(util_write_file(path, "world!", 6, 0600), 0);
	CHECK_INT(util_read_file(&b, path, 6), 0);
	CHECK_STR(b.data, "world!");
	buf_clear(&b);
	CHECK_INT(util_read_file(&b, path, 5), ERR_INPUT);
	buf_free(&b);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	CHECK_INT(system(path), 0);
}

TEST(buffer)
{
	struct buf b = { 0 };

	for (int i = 0; i < 1000; i++)
		CHECK_INT(buf_fmt(&b, "%03d,", i), 0);
	CHECK_INT(b.len, 4000);
	buf_eat(&b, 3996);
	CHECK_STR(b.data, "999,");
	CHECK_INT(buf_reserve(&b, SIZE_MAX - 2), ERR_NOMEM);
	buf_free(&b);
	CHECK(b.data == NULL);
}

TEST_MAIN(CASE(hex), CASE(job_id), CASE(distance), CASE(files), CASE(buffer))
