#include "table/csv.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "table/csv_mask.h"
#include "table/csv_scan.h"
#include "test.h"

static struct csv *parse(const char *text, struct errmsg *em)
{
	struct csv *c = NULL;

	memset(em, 0, sizeof(*em));
	if (csv_parse(&c, text, strlen(text), "data/in.csv", NULL, em) != 0)
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

	CHECK_INT(csv_parse(&c, "id\n1\0\n", 6, "f", NULL, &em), ERR_INPUT);
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
	CHECK_INT(csv_open(&c, path, "data/f.csv", NULL, &em), ERR_IO);
	CHECK_HAS(em.local, "data/f.csv cannot be read: No such file");
	CHECK(strstr(em.pub, "f.csv") == NULL);
	CHECK_INT(csv_open(&c, dir, "data", NULL, &em), ERR_IO);
	CHECK_HAS(em.local, "Is a directory");
	CHECK_INT(util_write_file(path, "", 0, 0600), 0);
	CHECK_INT(csv_open(&c, path, "f", NULL, &em), ERR_INPUT);
	CHECK_INT(util_write_file(path, "a,b\n1,2\n", 8, 0600), 0);
	CHECK_INT(csv_open(&c, path, "f", NULL, &em), 0);
	CHECK_INT(csv_rows(c), 1);
	csv_free(c);
	CHECK_INT(mkfifo(fifo, 0600), 0);
	CHECK_INT(pthread_create(&t, NULL, feed_pipe, fifo), 0);
	c = NULL;
	CHECK_INT(csv_open(&c, fifo, "f", NULL, &em), 0);
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
	CHECK_INT(csv_writer_open(&w, path, 0), 0);
	CHECK_INT(csv_write_field(w, "\xef\xbb\xbfk", 4), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_write_field(w, "", 0), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_write_field(w, "a\"b,\r\n", 6), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_write_raw(w, "0.10", 4, NULL), 0);
	CHECK_INT(csv_write_field(w, big, 300000), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_writer_close(w), 0);
	CHECK_INT(util_read_file(&b, path, 1 << 20), 0);
	CHECK(b.len > sizeof(start) && memcmp(b.data, start, sizeof(start) - 1) == 0);
	CHECK_INT(csv_open(&c, path, "f", NULL, &em), 0);
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
	CHECK_INT(csv_writer_open(&w, "/nonexistent/x", 0), ERR_IO);
	csv_writer_free(NULL);
	unlink(path);
}

/* The writer's buffer ends at every place of a field: what is written must be what is read. */
TEST(writer_borders)
{
	static const char *const fields[] = { "plain", "with \"quotes\"", "", "a,b", "\"\"\"\"\"\"" };
	char path[] = "/tmp/pet-csv-XXXXXX";
	struct errmsg em = { 0 };
	struct csv_writer *w = NULL;
	struct csv *c = NULL;
	int fd = mkstemp(path), rc;

	CHECK_INT(csv_writer_open(&w, path, 0), 0);
	for (unsigned i = 0; i < 200000; i++) {
		const char *f = fields[i % PET_ARRAY_SIZE(fields)];

		rc = csv_write_field(w, f, strlen(f));
		if (i % 7 == 6 && rc == 0)
			rc = csv_write_end(w);
		CHECK_INT(rc, 0);
	}
	CHECK_INT(csv_write_field(w, "x", 1), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(csv_write_field(w, "y", 1), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_writer_close(w), 0);
	CHECK_INT(csv_open(&c, path, "f", &(struct csv_opts){ .no_header = 1 }, &em), 0);
	CHECK(c && csv_rows(c) == 200000 / 7 + 1);
	for (uint64_t row = 0; row < csv_rows(c); row++) {
		char want[200] = "";

		for (unsigned k = 0; k < 7 && row * 7 + k < 200000; k++)
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s%s", k ? "|" : "", fields[(row * 7 + k) % PET_ARRAY_SIZE(fields)]);
		if (row == csv_rows(c) - 1)
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "|x|y|y|y");
		CHECK_STR(row_text(c, row), want);
	}
	csv_free(c);
	close(fd);
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
	CHECK_INT(csv_parse(&c, b.data, b.len, "f", NULL, &em), 0);
	if (c) {
		CHECK_INT(csv_rows(c), 5000);
		CHECK_STR(row_text(c, 4999), "4999|24990001");
		CHECK_INT(csv_line(c, 4999), 5001);
	}
	csv_free(c);
	buf_free(&b);
}

/* --- the fast scanner against plain code ------------------------------------------- */

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Text of mostly special bytes: every second one a letter. */
static void random_text(char *out, size_t n, uint32_t *seed)
{
	static const char bytes[] = "\"\",,\n\r\n;\0\xc3\xa9";

	for (size_t i = 0; i < n; i++) {
		uint32_t r = next_random(seed);

		out[i] = r & 1 ? 'x' : bytes[(r >> 1) % (sizeof(bytes) - 1)];
	}
}

TEST(mask_paths_agree)
{
	struct csv_masks a[9], b[9];
	uint8_t text[9 * CSV_BLOCK];
	uint32_t seed = 7;
	int paths = 0;

	for (const struct csv_mask_path *p = csv_mask_paths; p->name; p++)
		paths += p->usable();
	CHECK(paths >= 1);
	for (int round = 0; round < 400; round++) {
		uint64_t before = round & 1 ? ~(uint64_t)0 : 0;
		size_t blocks = 1 + (size_t)round % 9;

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (uint8_t)next_random(&seed);
		if (round & 2)
			random_text((char *)text, sizeof(text), &seed);
		for (const struct csv_mask_path *p = csv_mask_paths; p->name; p++) {
			uint64_t x, y;

			if (!p->usable())
				continue;
			x = csv_mask_paths[0].masks(a, text, blocks, ';', before);
			y = p->masks(b, text, blocks, ';', before);
			CHECK(x == y && memcmp(a, b, blocks * sizeof(*a)) == 0);
		}
	}
}

/* Rows of three fields, about every second one in quotes; in half of the cases one byte is changed to a special one. */
static size_t random_rows(char *out, size_t size, uint32_t *seed)
{
	static const char *const fields[] = { "", "abc", "\"\"", "\"a\"\"b\"", "\"x,\r\ny\"", "\"\"\"\"", "long text of forty bytes without a quote", "\"\n\"" };
	size_t n = 0;

	for (unsigned i = 0; n + 64 < size; i++) {
		const char *f = fields[next_random(seed) % PET_ARRAY_SIZE(fields)];

		n += (size_t)snprintf(out + n, size - n, "%s%s", i % 3 == 0 && !*f ? "1" : f, i % 3 < 2 ? "," : next_random(seed) & 1 ? "\n" : "\r\n");
	}
	if (next_random(seed) & 1)
		out[next_random(seed) % n] = "\",\n\rx"[next_random(seed) % 5];
	return n;
}

/* What RFC 4180 and csv.h say, in the plainest way: the number of rows with their offsets, or -1. */
static long plain_scan(const char *p, size_t len, int any_bytes, size_t *rows)
{
	size_t i = 0, columns = 0, fields = 1, start = 0;
	long count = 0;
	int blank = 0;

	while (i < len) {
		if (p[i] == '"') {
			for (i++; ; i++) {
				if (i >= len)
					return -1;
				if (p[i] != '"')
					continue;
				if (i + 1 >= len || p[i + 1] != '"')
					break;
				i++;
			}
			i++;
			if (i < len && p[i] != ',' && p[i] != '\n' && p[i] != '\r')
				return -1;
		} else {
			while (i < len && p[i] != ',' && p[i] != '\n' && p[i] != '\r') {
				if (p[i] == '"' || (!any_bytes && p[i] == 0))
					return -1;
				i++;
			}
		}
		if (i < len && p[i] == ',') {
			fields++;
			i++;
			if (i < len)
				continue;
		}
		if (i < len && p[i] == '\r' && (i + 1 >= len || p[i + 1] != '\n'))
			return -1;
		if (i == start) {
			blank = 1;
		} else {
			if (blank || (columns && fields != columns))
				return -1;
			columns = fields;
			rows[count++] = start;
		}
		i += i < len ? 1 + (p[i] == '\r') : 0;
		start = i;
		fields = 1;
	}
	return columns ? count : -1;
}

/* Random text through every path, in steps of one batch: accepted where plain_scan accepts, with the same rows. */
TEST(scan_against_plain)
{
	enum { LEN = 700 };
	size_t rows[LEN];
	uint32_t seed = 3;
	long accepted = 0;

	for (int round = 0; round < 60000; round++) {
		size_t len = next_random(&seed) % (round % 16 ? 24 : LEN);
		struct csv_opts opts = { .delimiter = ',', .no_header = 1, .any_bytes = 1 };
		char text[LEN];
		long want;

		if (round % 16)
			random_text(text, len, &seed);
		else
			len = random_rows(text, LEN, &seed);
		want = plain_scan(text, len, 1, rows);
		for (const struct csv_mask_path *p = csv_mask_paths; p->name; p++) {
			struct errmsg em = { 0 };
			struct csv_scan s;
			int rc;

			if (!p->usable())
				continue;
			csv_scan_init(&s, (const uint8_t *)text, len, "f", &opts);
			s.masks = p->masks;
			rc = csv_scan_more(&s, SIZE_MAX, &em);
			if (want < 0 && rc == 0 && !s.columns)
				want = 0;	/* nothing but empty lines is no row */
			CHECK_INT(rc, want < 0 ? ERR_INPUT : 0);
			if (rc == 0) {
				CHECK_INT(s.count, want);
				for (uint64_t i = 0; i < s.count && want == (long)s.count; i++)
					CHECK_INT(s.rows[i], rows[i]);
				accepted++;
			} else {
				CHECK(em.local[0] != 0);
			}
			csv_scan_fini(&s);
		}
	}
	CHECK(accepted > 1000);
}

/* --- options ------------------------------------------------------------------------ */

TEST(delimiter)
{
	struct csv_opts opts = { .delimiter = ';' };
	struct errmsg em = { 0 };
	struct csv *c = NULL;
	char path[] = "/tmp/pet-csv-XXXXXX";
	struct csv_writer *w = NULL;
	struct buf b = { 0 };
	int fd = mkstemp(path);

	CHECK_INT(csv_parse(&c, "id;x\n1,5;\"a;b\"\n", 15, "f", &opts, &em), 0);
	CHECK(c && csv_columns(c) == 2 && csv_rows(c) == 1);
	CHECK_STR(row_text(c, 0), "1,5|a;b");
	CHECK_INT(csv_writer_open(&w, path, ';'), 0);
	CHECK_INT(csv_write_field(w, "1,5", 3), 0);
	CHECK_INT(csv_write_field(w, "a;b", 3), 0);
	CHECK_INT(csv_write_end(w), 0);
	CHECK_INT(csv_write_raw(w, "1,5;\"a;b\"", 9, "1"), 0);
	CHECK_INT(csv_writer_close(w), 0);
	CHECK_INT(util_read_file(&b, path, 100), 0);
	CHECK_STR(b.data, "1,5;\"a;b\"\n1,5;\"a;b\";1\n");
	csv_free(c);
	buf_free(&b);
	close(fd);
	unlink(path);
}

TEST(no_header)
{
	struct csv_opts opts = { .no_header = 1 };
	struct errmsg em = { 0 };
	struct csv *c = NULL;
	const char *p;
	size_t at = 9, len;

	CHECK_INT(csv_parse(&c, "7,a\n8,a\n", 8, "f", &opts, &em), 0);
	CHECK(c && csv_rows(c) == 2);
	CHECK_STR(row_text(c, 0), "7|a");
	CHECK_STR(csv_header(c, 1), "2");
	CHECK_INT(csv_find(c, "2", &at, &em), 0);
	CHECK_INT(at, 1);
	csv_raw_header(c, &p, &len);
	CHECK_INT(len, 0);
	CHECK_INT(csv_find(c, "3", &at, &em), ERR_INPUT);
	CHECK_HAS(em.local, "without a header its 2 columns are \"1\" to \"2\"");
	csv_free(c);
	c = NULL;
	CHECK_INT(csv_parse(&c, "7,a\n8\n", 6, "f", &opts, &em), ERR_INPUT);
	CHECK_HAS(em.local, "line 2, column 1: the row has 1 field, the first one has 2");
	/* nothing at all is no row; any number may be a column */
	CHECK_INT(csv_parse(&c, "", 0, "f", &opts, &em), 0);
	CHECK(c && csv_rows(c) == 0);
	CHECK_INT(csv_find(c, "5", &at, &em), 0);
	CHECK_INT(csv_find(c, "id", &at, &em), ERR_INPUT);
	csv_free(c);
}

TEST(any_bytes)
{
	struct csv_opts opts = { .any_bytes = 1 };
	struct errmsg em = { 0 };
	struct csv *c = NULL;
	struct csv_field f[2];

	CHECK_INT(csv_parse(&c, "id,x\n\xff\0,\"\xc3\"\n", 12, "f", &opts, &em), 0);
	CHECK(c && csv_rows(c) == 1 && csv_row(c, 0, f) == 0);
	CHECK(f[0].len == 2 && memcmp(f[0].data, "\xff\0", 2) == 0);
	CHECK(f[1].len == 1 && f[1].data[0] == (char)0xc3 && f[1].quoted);
	csv_free(c);
	c = NULL;
	CHECK_INT(csv_parse(&c, "i\0d,x\n", 6, "f", &opts, &em), ERR_INPUT);
	CHECK_HAS(em.local, "line 1, column 2: a NUL byte in the header");
	CHECK_INT(csv_parse(&c, "id,x\n1,\"\n", 9, "f", &opts, &em), ERR_INPUT);
	CHECK_HAS(em.local, "never closed");
}

/* --- windows ------------------------------------------------------------------------ */

static int make_long(struct buf *b, unsigned rows)
{
	int rc = buf_str(b, "id,text\r\n");

	for (unsigned i = 0; rc == 0 && i < rows; i++)
		rc = buf_fmt(b, i % 3 ? "%u,plain text of row %u\r\n" : "\"%u\",\"quoted \"\"%u\"\",\r\nin two lines\"\r\n", i, i * 7);
	return rc ? rc : buf_str(b, "\r\n\n");
}

static void same_rows(const struct csv *part, const struct csv *whole, uint64_t row)
{
	const char *p, *q;
	size_t n, m;

	csv_raw(part, row, &p, &n);
	csv_raw(whole, csv_first(part) + row, &q, &m);
	CHECK(n == m && memcmp(p, q, n) == 0);
}

TEST(windows)
{
	char path[] = "/tmp/pet-csv-XXXXXX";
	struct csv *whole = NULL, *part = NULL;
	struct errmsg em = { 0 };
	struct buf b = { 0 };
	struct csv_field f[2];
	uint64_t rows = 0, windows = 0, at, size;

	CHECK(mkstemp(path) >= 0);
	CHECK_INT(make_long(&b, 500000), 0);
	CHECK_INT(util_write_file(path, b.data, b.len, 0600), 0);
	CHECK_INT(csv_parse(&whole, b.data, b.len, "f", NULL, &em), 0);
	CHECK_INT(csv_rows(whole), 500000);
	CHECK_INT(csv_stream(&part, path, "f", NULL, &em), 0);
	CHECK_INT(csv_columns(part), 2);
	for (;; windows++) {
		CHECK_INT(csv_next(part, &em), 0);
		CHECK_INT(csv_first(part), rows);
		if (!csv_rows(part))
			break;
		for (uint64_t i = 0; i < csv_rows(part); i += 97)
			same_rows(part, whole, i);
		same_rows(part, whole, csv_rows(part) - 1);
		CHECK_INT(csv_row_part(part, 0, 1, f), 0);
		CHECK_INT(csv_line(part, 0), csv_line(whole, rows));
		rows += csv_rows(part);
	}
	csv_progress(part, &at, &size);
	CHECK(at == size && size == b.len);
	CHECK_INT(rows, 500000);
	CHECK(windows > 40);
	csv_free(part);
	/* an error far behind is found when its window comes */
	CHECK_INT(buf_str(&b, "1,2,3\n"), 0);
	CHECK_INT(util_write_file(path, b.data, b.len, 0600), 0);
	CHECK_INT(csv_stream(&part, path, "f", NULL, &em), 0);
	while (csv_next(part, &em) == 0)
		CHECK(csv_rows(part) > 0);
	CHECK_HAS(em.local, "an empty line before the last row");
	csv_free(part);
	csv_free(whole);
	buf_free(&b);
	unlink(path);
}

TEST_MAIN(CASE(plain), CASE(quotes_crlf_bom), CASE(header_only), CASE(refused), CASE(nul_byte),
	  CASE(block_borders), CASE(find), CASE(file_and_pipe), CASE(writer), CASE(writer_borders), CASE(many_rows),
	  CASE(mask_paths_agree), CASE(scan_against_plain), CASE(delimiter), CASE(no_header), CASE(any_bytes), CASE(windows))
