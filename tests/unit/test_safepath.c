#include "base/safepath.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "test.h"

static int clean(const char *in, char out[SAFEPATH_MAX], struct errmsg *em)
{
	memset(em, 0, sizeof(*em));
	return safepath_clean(in, out, em);
}

TEST(text_good)
{
	static const char *const rows[][2] = {
		{ "data/x.csv", "x.csv" }, { "x.csv", "x.csv" }, { "./data/x.csv", "x.csv" },
		{ "data//sub/./x", "sub/x" }, { "data/data/x", "data/x" }, { "sub/data/x", "sub/data/x" },
		{ "database/x", "database/x" }, { "data/..x", "..x" }, { "a/...", "a/..." },
		{ "data/\xc3\xa9t\xc3\xa9.csv", "\xc3\xa9t\xc3\xa9.csv" }, { ".petx/y", ".petx/y" },
		{ "a b/c d", "a b/c d" }, { "sub/.pet/x", "sub/.pet/x" },
	};
	char out[SAFEPATH_MAX];
	struct errmsg em;

	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		CHECK_INT(clean(rows[i][0], out, &em), 0);
		CHECK_STR(out, rows[i][1]);
	}
}

TEST(text_bad)
{
	static const char *const rows[][2] = {
		{ "", "empty" }, { "/etc/passwd", "absolute" }, { "..", "'..'" }, { "../x", "'..'" },
		{ "data/../x", "'..'" }, { "a/../b", "'..'" }, { "a/..", "'..'" }, { "data/", "ends with" },
		{ "x/", "ends with" }, { "data", "itself" }, { ".", "itself" }, { "./.", "itself" },
		{ "data/.", "itself" }, { ".pet", ".pet" }, { ".pet/x", ".pet" }, { "data/.pet/x", ".pet" },
		{ "./.pet/x", ".pet" }, { "a\nb", "control" }, { "a\x7f", "control" },
		{ "a\xc2\x9b", "control" }, { "a\xff", "UTF-8" }, { "\xc0\xaf", "UTF-8" },
		{ "\xe0\x80\xaf", "UTF-8" }, { "\xed\xa0\x80", "UTF-8" }, { "\xf4\x90\x80\x80", "UTF-8" },
		{ "\xe2\x82", "UTF-8" },
	};
	char out[SAFEPATH_MAX];
	struct errmsg em;

	for (size_t i = 0; i < PET_ARRAY_SIZE(rows); i++) {
		CHECK_INT(clean(rows[i][0], out, &em), ERR_INPUT);
		CHECK_STR(em.code, "BAD_PATH");
		CHECK_HAS(em.local, rows[i][1]);
	}
	CHECK_INT(clean("secret/../x", out, &em), ERR_INPUT);
	CHECK(strstr(em.pub, "secret") == NULL);
}

TEST(text_long)
{
	char in[600], out[SAFEPATH_MAX];
	struct errmsg em;

	memset(in, 'a', sizeof(in));
	in[512] = '\0';
	in[255] = in[300] = '/';
	CHECK_INT(clean(in, out, &em), 0);
	CHECK_INT(strlen(out), 512);
	in[512] = 'a';
	in[513] = '\0';
	CHECK_INT(clean(in, out, &em), ERR_INPUT);
	CHECK_HAS(em.local, "512");
	memset(in, 'a', sizeof(in));
	in[256] = '\0';
	CHECK_INT(clean(in, out, &em), ERR_INPUT);
	CHECK_HAS(em.local, "255");
}

static char dir[64];

static int make_tree(void)
{
	char cmd[512];

	snprintf(dir, sizeof(dir), "/tmp/pet-sp-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	snprintf(cmd, sizeof(cmd),
		 "cd %s && mkdir -p root/sub out && echo in > root/f && echo deep > root/sub/g && echo no > out/secret"
		 " && ln -s ../out/secret root/link && ln -s f root/inner && ln -s ../out root/dirlink"
		 " && ln -s sub root/sublink && ln -s /proc/self/cwd root/magic && mkfifo root/fifo && mkdir root/folder", dir);
	CHECK_INT(system(cmd), 0);
	snprintf(cmd, sizeof(cmd), "%s/root", dir);
	return open(cmd, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void drop_tree(int root)
{
	char cmd[128];

	close(root);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	CHECK_INT(system(cmd), 0);
}

typedef int opener(int, const char *, int *, struct errmsg *);

static int try_open(opener *f, int root, const char *path, char first[8])
{
	struct errmsg em = { 0 };
	int fd = -1, rc = f(root, path, &fd, &em);

	memset(first, 0, 8);
	if (rc == 0) {
		CHECK(read(fd, first, 7) >= 0);
		close(fd);
	} else {
		CHECK(em.code[0] && em.local[0]);
	}
	return rc;
}

static void opens(opener *f)
{
	int root = make_tree();
	char t[8];

	CHECK_INT(try_open(f, root, "f", t), 0);
	CHECK_STR(t, "in\n");
	CHECK_INT(try_open(f, root, "sub/g", t), 0);
	CHECK_STR(t, "deep\n");
	CHECK_INT(try_open(f, root, "missing", t), ERR_NOTFOUND);
	CHECK_INT(try_open(f, root, "no/such/file", t), ERR_NOTFOUND);
	CHECK_INT(try_open(f, root, "link", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "inner", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "dirlink/secret", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "sublink/g", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "magic/f", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "fifo", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "folder", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "f/x", t), ERR_INPUT);
	/* texts that safepath_clean would never let through */
	CHECK_INT(try_open(f, root, "../out/secret", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "sub/../../out/secret", t), ERR_INPUT);
	CHECK_INT(try_open(f, root, "..", t), ERR_INPUT);
	CHECK(try_open(f, root, "/etc/passwd", t) != 0);
	drop_tree(root);
}

TEST(open_kernel) { opens(safepath_open); }
TEST(open_by_hand) { opens(safepath_open_by_hand); }

TEST(parent)
{
	int root = make_tree(), d = -1;
	const char *base;
	struct errmsg em = { 0 };
	struct stat st;

	CHECK_INT(safepath_parent(root, "new/deep/er/file", 0, &d, &base, &em), 0);
	CHECK_STR(base, "new/deep/er/file");
	close(d);
	CHECK(fstatat(root, "new", &st, 0) != 0);
	CHECK_INT(safepath_parent(root, "new/deep/er/file", 1, &d, &base, &em), 0);
	CHECK_STR(base, "file");
	close(d);
	CHECK(fstatat(root, "new/deep/er", &st, 0) == 0 && S_ISDIR(st.st_mode));
	CHECK_INT(safepath_parent(root, "dirlink/file", 1, &d, &base, &em), ERR_INPUT);
	CHECK_HAS(em.local, "symbolic link");
	CHECK_INT(safepath_parent(root, "f/file", 1, &d, &base, &em), ERR_INPUT);
	CHECK_INT(safepath_parent(root, "../out/file", 1, &d, &base, &em), ERR_INPUT);
	drop_tree(root);
}

TEST(target)
{
	int root = make_tree();
	struct errmsg em = { 0 };

	CHECK_INT(safepath_target(root, "fresh", 0, &em), 0);
	CHECK_INT(safepath_target(root, "a/b/fresh", 0, &em), 0);
	CHECK_INT(safepath_target(root, "f", 0, &em), ERR_CONFLICT);
	CHECK_STR(em.code, "OUTPUT_EXISTS");
	CHECK_INT(safepath_target(root, "f", 1, &em), 0);
	CHECK_INT(safepath_target(root, "link", 1, &em), ERR_CONFLICT);
	CHECK_INT(safepath_target(root, "folder", 1, &em), ERR_CONFLICT);
	CHECK_INT(safepath_target(root, "dirlink/x", 0, &em), ERR_INPUT);
	CHECK_INT(safepath_target(root, "f/x", 0, &em), ERR_INPUT);
	drop_tree(root);
}

TEST_MAIN(CASE(text_good), CASE(text_bad), CASE(text_long), CASE(open_kernel), CASE(open_by_hand),
	  CASE(parent), CASE(target))
