#include "table/csv.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "test.h"

static struct csv *parse(const char *text, struct errmsg *em)
{
	struct csv *c = NULL;

	memset(em, 0, sizeof(*em));
	if (csv_parse(&c, text, strlen(text), "data/in.csv", em) != 0)
		return NULL;
	return c;
}

/* The fields of a row, joined by | */
static const char *row_text(const struct csv *c, uint64_t row)
{
	static struct buf b;
	struct csv_field f[16];

	buf_clear(&b);
	if (csv_row(c, row, f) != 0)
		return "(error)";
	for (size_t i = 0; i < csv_columns(c); i++) {
		if (buf_str(&b, i ? "|" : "") != 0 || csv_field_text(&f[i], &b) != 0)
			return "(memory)";
	}
	return b.data;
}

static const char *raw_text(const struct csv *c, uint64_t row)
{
	static struct buf b;
	const char *p;
	size_t len;

	buf_clear(&b);
	csv_raw(c, row, &p, &len);
	return buf_add(&b, p, len) == 0 ? b.data : "(memory)";
}

TEST(plain)
{
	struct errmsg em;
	struct csv *c = parse("id,x\n1,0.10\n2,1e5\n3,", &em);

	CHECK(c != NULL);
	if (!c)
		return;
	CHECK_INT(csv_columns(c), 2);
	CHECK_INT(csv_rows(c), 3);
	CHECK_STR(csv_header(c, 0), "id");
	CHECK_STR(csv_header(c, 1), "x");
	CHECK_STR(row_text(c, 0), "1|0.10");
	CHECK_STR(row_text(c, 1), "2|1e5");
	CHECK_STR(row_text(c, 2), "3|");
	CHECK_STR(raw_text(c, 2), "3,");
	CHECK_INT(csv_line(c, 2), 4);
	CHECK_STR(csv_name(c), "data/in.csv");
	csv_free(c);
}

TEST(quotes_crlf_bom)
{
	struct errmsg em;
	struct csv *c = parse("\xef\xbb\xbf\"i\"\"d\",name\r\n"
			      "\"1\",\"a,b\"\r\n"
			      "2,\"say \"\"hi\"\"\r\nthere\"\r\n"
			      "\"\"\"\",\"\"\r\n"
			      "\r\n\n\r\n", &em);

	CHECK(c != NULL);
	if (!c)
		return;
	CHECK_STR(csv_header(c, 0), "i\"d");
	CHECK_INT(csv_rows(c), 3);
	CHECK_STR(row_text(c, 0), "1|a,b");
	CHECK_STR(row_text(c, 1), "2|say \"hi\"\r\nthere");
	CHECK_STR(row_text(c, 2), "\"|");
	CHECK_STR(raw_text(c, 0), "\"1\",\"a,b\"");
	CHECK_STR(raw_text(c, 2), "\"\"\"\",\"\"");
	CHECK_INT(csv_line(c, 2), 5);
	csv_free(c);
}

TEST(header_only)
{
	static const char *const texts[] = { "id", "id\n", "id\r\n", "id\n\n\n", "\"id\"\n" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(texts); i++) {
		struct errmsg em;
		struct csv *c = parse(texts[i], &em);

		CHECK(c != NULL);
		if (!c)
			continue;
		CHECK_INT(csv_rows(c), 0);
		CHECK_STR(csv_header(c, 0), "id");
		csv_free(c);
	}
}

TEST(refused)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "data/in.csv, line 1, column 1: the file is empty" },
		{ "\xef\xbb\xbf", "the file is empty" },
		{ "\n\n", "the file is empty" },
		{ "\nid\n", "line 1, column 1: an empty line" },
		{ "id,x\n1,2\n\n3,4\n", "line 3, column 1: an empty line" },
		{ "id,x\n1,2\n1\n", "line 3, column 1: the row has 1 field, the header has 2" },
		{ "id,x\n\"a\nb\",2\n1,2,3", "line 4, column 1: the row has 3 fields, the header has 2" },
		{ "id,x\n1,\"2\n3\n", "line 2, column 3: the quote that begins this field is never closed" },
		{ "id,x\n1,\"2\"3\n", "line 2, column 6: text after the closing quote" },
		{ "id,x\n1,2\"3\n", "line 2, column 4: a quote inside a field" },
		{ "id,x\n1\r2,3\n", "line 2, column 2: a carriage return without a line feed" },
		{ "id,x\n1,3\r", "line 2, column 4: a carriage return without a line feed" },
		{ "id,x\n\"1\"\r,3\n", "line 2, column 4: a carriage return without a line feed" },
		{ "id,x\n1,\xff\n", "line 2, column 3: byte 0xff is not valid UTF-8" },
		{ "id,x\n1,\xc3(\n", "line 2, column 4: byte 0x28 is not valid UTF-8" },
		{ "id,x\n1,\xe2\x82", "the file ends inside a UTF-8 character" },
		{ "id,x,id\n", "line 1, column 1: the header names column \"id\" twice" },
		{ "id,,x\n", "line 1, column 4: column 2 of the header has no name" },
		{ "id,\"\"\n", "column 2 of the header has no name" },
		{ "\"id\n", "line 1, column 1: the quote that begins" },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(cases); i++) {
		struct errmsg em;
		struct csv *c = parse(cases[i].text, &em);

		CHECK(c == NULL);
		csv_free(c);
		CHECK_HAS(em.local, cases[i].says);
		CHECK_STR(em.code, "INVALID_CSV");
		CHECK(strstr(em.pub, "in.csv") == NULL && strstr(em.pub, "line") == NULL);
	}
}

TEST(nul_byte)
{
	struct csv *c = NULL;
	struct errmsg em = { 0 };

	CHECK_INT(csv_parse(&c, "id\n1\0\n", 6, "f", &em), ERR_INPUT);
	CHECK_HAS(em.local, "f, line 2, column 2: a NUL byte");
}

/* Positions of every special byte against the 64-byte blocks of the scanner: shift the same rows by a growing header. */
TEST(block_borders)
{
	static const char rows[] = "1,2\r\n\"a,\"\"\r\nb\",\"\"\r\n,\n\xc3\xa9,\xe2\x82\xac\r\n12345678,\"x\"\n";
	char text[512];

	for (int pad = 1; pad < 200; pad++) {
		struct errmsg em;
		struct csv *c;

		snprintf(text, sizeof(text), "%0*d,x\n%s", pad, 7, rows);
		c = parse(text, &em);
		CHECK(c != NULL);
		if (!c)
			continue;
		CHECK_INT(csv_rows(c), 5);
		CHECK_STR(row_text(c, 0), "1|2");
		CHECK_STR(row_text(c, 1), "a,\"\r\nb|");
		CHECK_STR(row_text(c, 2), "|");
		CHECK_STR(row_text(c, 3), "\xc3\xa9|\xe2\x82\xac");
		CHECK_STR(row_text(c, 4), "12345678|x");
		CHECK_STR(raw_text(c, 3), "\xc3\xa9,\xe2\x82\xac");
		csv_free(c);
		/* The same with one field too many, and with a stray byte: found wherever they fall. */
		snprintf(text, sizeof(text), "%0*d,x\n1,2\n3,4,5\n", pad, 7);
		CHECK(parse(text, &em) == NULL);
		CHECK_HAS(em.local, "line 3, column 1: the row has 3 fields");
		snprintf(text, sizeof(text), "%0*d,x\n1,2\n3,\xe2(4\n", pad, 7);
		CHECK(parse(text, &em) == NULL);
		CHECK_HAS(em.local, "line 3, column 4: byte 0x28");
	}
}

TEST(find)
{
	struct errmsg em;
	struct csv *c = parse("customer_id,amount\n", &em);
	size_t at = 9;

	CHECK(c != NULL);
	if (!c)
		return;
	CHECK_INT(csv_find(c, "amount", &at, &em), 0);
	CHECK_INT(at, 1);
	CHECK_INT(csv_find(c, "custmer_id", &at, &em), ERR_INPUT);
	CHECK_STR(em.code, "UNKNOWN_COLUMN");
	CHECK_HAS(em.local, "data/in.csv has no column \"custmer_id\"; the nearest of its 2 columns is \"customer_id\"");
	CHECK(strstr(em.pub, "id\"") == NULL);
	csv_free(c);
}

static void *feed_pipe(void *path)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && util_write_all(fd, "a,b\n3,4\n", 8) == 0);
	close(fd);
	return NULL;
}

TEST(file_and_pipe)
{
	char dir[] = "/tmp/pet-csv-XXXXXX", path[64], fifo[64];
	struct errmsg em = { 0 };
	struct csv *c = NULL;
	pthread_t t;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/f.csv", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CHECK_INT(csv_open(&c, path, "data/f.csv", &em), ERR_IO);
	CHECK_HAS(em.local, "data/f.csv cannot be read: No such file");
	CHECK(strstr(em.pub, "f.csv") == NULL);
	CHECK_INT(csv_open(&c, dir, "data", &em), ERR_IO);
	CHECK_HAS(em.local, "Is a directory");
	CHECK_INT(util_write_file(path, "", 0, 0600), 0);
	CHECK_INT(csv_open(&c, path, "f", &em), ERR_INPUT);
	CHECK_INT(util_write_file(path, "a,b\n1,2\n", 8, 0600), 0);
	CHECK_INT(csv_open(&c, path, "f", &em), 0);
	CHECK_INT(csv_rows(c), 1);
	csv_free(c);
	CHECK_INT(mkfifo(fifo, 0600), 0);
	CHECK_INT(pthread_create(&t, NULL, feed_pipe, fifo), 0);
	c = NULL;
	CHECK_INT(csv_open(&c, fifo, "f", &em), 0);
	pthread_join(t, NULL);
	if (c)
		CHECK_STR(row_text(c, 0), "3|4");
	csv_free(c);
	unlink(path);
	unlink(fifo);
	rmdir(dir);
}

TEST(writer)
{
	static const char start[] = "\"\xef\xbb\xbfk\"\n\"\"\n\"a\"\"b,\r\n\"\n0.10\n\"\"\"\"";
	char path[] = "/tmp/pet-csv-XXXXXX";
	struct csv_writer *w = NULL;
	struct buf b = { 0 };
	struct csv *c = NULL;
	struct errmsg em = { 0 };
	char *big = malloc(300000);
	int fd = mkstemp(path);

	CHECK(fd >= 0 && big != NULL);
	close(fd);
	memset(big, '"', 300000);
	CHECK_INT(csv_writer_open(&w, path), 0);
	CHECK_INT(csv_write_field(w, "\xef\xbb\xbfk", 4), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_write_field(w, "", 0), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_write_field(w, "a\"b,\r\n", 6), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_write_raw(w, "0.10", 4), 0);
	CHECK_INT(csv_write_field(w, big, 300000), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_writer_close(w), 0);
	CHECK_INT(util_read_file(&b, path, 1 << 20), 0);
	CHECK(b.len > sizeof(start) && memcmp(b.data, start, sizeof(start) - 1) == 0);
	CHECK_INT(csv_open(&c, path, "f", &em), 0);
	if (c) {
		CHECK_STR(csv_header(c, 0), "\xef\xbb\xbfk");
		CHECK_INT(csv_rows(c), 4);
		CHECK_STR(row_text(c, 0), "");
		CHECK_STR(row_text(c, 1), "a\"b,\r\n");
		CHECK_STR(row_text(c, 2), "0.10");
		CHECK_INT(strlen(row_text(c, 3)), 300000);
	}
	csv_free(c);
	buf_free(&b);
	free(big);
	CHECK_INT(csv_writer_open(&w, "/nonexistent/x"), ERR_IO);
	csv_writer_free(NULL);
	unlink(path);
}

TEST(many_rows)
{
	struct buf b = { 0 };
	struct errmsg em = { 0 };
	struct csv *c = NULL;
	int rc = buf_str(&b, "id,square\n");

	for (unsigned i = 0; rc == 0 && i < 5000; i++)
		rc = buf_fmt(&b, "%u,%u\n", i, i * i);
	CHECK_INT(rc, 0);
	CHECK_INT(csv_parse(&c, b.data, b.len, "f", &em), 0);
	if (c) {
		CHECK_INT(csv_rows(c), 5000);
		CHECK_STR(row_text(c, 4999), "4999|24990001");
		CHECK_INT(csv_line(c, 4999), 5001);
	}
	csv_free(c);
	buf_free(&b);
}

TEST_MAIN(CASE(plain), CASE(quotes_crlf_bom), CASE(header_only), CASE(refused), CASE(nul_byte),
	  CASE(block_borders), CASE(find), CASE(file_and_pipe), CASE(writer), CASE(many_rows))
