#define _GNU_SOURCE 1
#include "base/safepath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- the text ------------------------------------------------------------ */

static int refuse(const char *in, const char *why, struct errmsg *em)
{
	errmsg_set(em, ERR_INPUT, "BAD_PATH", "a path %s", why);
	errmsg_local(em, "the path '%.200s' %s", in, why);
	return ERR_INPUT;
}

/* Length of the UTF-8 sequence at s, 0 when it is none (overlong forms, surrogates and over U+10FFFF included). */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static int check_chars(const char *in, struct errmsg *em)
{
	const unsigned char *s = (const unsigned char *)in;

	while (*s) {
		size_t n = utf8_len(s);

		if (n == 0)
			return errmsg_set(em, ERR_INPUT, "BAD_PATH", "a path is not valid UTF-8");
		/* C0, DEL and C1: they would write into terminals and logs */
		if (*s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0))
			return errmsg_set(em, ERR_INPUT, "BAD_PATH", "a path holds a control character");
		s += n;
	}
	return 0;
}

/* One part of the path appended, "." and empty parts dropped. */
static int add_part(const char *in, const char *part, size_t n, char *out, struct errmsg *em)
{
	size_t used = strlen(out);

	if (n == 0 || (n == 1 && part[0] == '.'))
		return 0;
	if (n == 2 && part[0] == '.' && part[1] == '.')
		return refuse(in, "holds '..': name files below the safe work dir directly", em);
	if (n > 255)
		return refuse(in, "has a part of more than 255 bytes", em);
	snprintf(out + used, SAFEPATH_MAX - used, "%s%.*s", used ? "/" : "", (int)n, part);
	return 0;
}

int safepath_clean(const char *in, char out[SAFEPATH_MAX], struct errmsg *em)
{
	size_t len = strlen(in);
	const char *p = in;
	int rc;

	out[0] = '\0';
	if (len == 0)
		return errmsg_set(em, ERR_INPUT, "BAD_PATH", "a path is empty");
	if (len >= SAFEPATH_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_PATH", "a path is longer than 512 bytes");
	TRY(check_chars(in, em));
	if (in[0] == '/')
		return refuse(in, "is absolute: it must be relative to the safe work dir, as in data/file.csv", em);
	if (in[len - 1] == '/')
		return refuse(in, "ends with '/': it must name a file", em);
	for (;;) {
		size_t n = strcspn(p, "/");

		TRY(add_part(in, p, n, out, em));
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	if (strncmp(out, "data/", 5) == 0)
		memmove(out, out + 5, strlen(out + 5) + 1);
	else if (strcmp(out, "data") == 0)
		out[0] = '\0';
	if (out[0] == '\0')
		return refuse(in, "names the safe work dir itself: it must name a file in it", em);
	p = SAFEPATH_PRIVATE;
	len = strlen(p);
	if (strncmp(out, p, len) == 0 && (out[len] == '/' || out[len] == '\0'))
		return refuse(in, "lies in the platform's own folder .pet", em);
out:
	return rc;
}

/* --- the resolution ------------------------------------------------------- */

static int fail(const char *clean, int err, struct errmsg *em)
{
	const char *why = err == ELOOP ? "a symbolic link stands on the way; name the file itself" :
			  err == ENOTDIR ? "a part of the path is not a folder" :
			  err == EXDEV ? "it leaves the safe work dir" : strerror(err);
	int rc = err == ENOENT ? ERR_NOTFOUND : err == EACCES || err == EPERM ? ERR_DENIED :
		 err == ELOOP || err == ENOTDIR || err == EXDEV || err == ENAMETOOLONG ? ERR_INPUT : ERR_IO;

	errmsg_set(em, rc, rc == ERR_NOTFOUND ? "FILE_NOT_FOUND" : "FILE_NOT_READABLE",
		   "a file named in the request cannot be opened");
	errmsg_local(em, "%s (below the safe work dir) cannot be opened: %s", clean, why);
	return rc;
}

/* O_NONBLOCK: a FIFO must not hold us up; only a regular file passes. */
static int want_regular(int opened, const char *clean, int *fd, struct errmsg *em)
{
	struct stat st;

	if (fstat(opened, &st) == 0 && S_ISREG(st.st_mode)) {
		*fd = opened;
		return 0;
	}
	close(opened);
	errmsg_set(em, ERR_INPUT, "FILE_NOT_READABLE", "a path named in the request is not a regular file");
	errmsg_local(em, "%s (below the safe work dir) is not a regular file", clean);
	return ERR_INPUT;
}

int safepath_open(int root, const char *clean, int *fd, struct errmsg *em)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long r = syscall(SYS_openat2, root, clean, &how, sizeof(how));

	if (r < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		return safepath_open_by_hand(root, clean, fd, em);
	if (r < 0)
		return fail(clean, errno, em);
	return want_regular((int)r, clean, fd, em);
}

/* Opens the folder `n` bytes of name say, below dir; a link is ELOOP. */
static int open_folder(int dir, const char *name, size_t n)
{
	char part[256];

	if (n >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, name, n);
	part[n] = '\0';
	if (strcmp(part, "..") == 0 || strcmp(part, ".") == 0 || n == 0) {
		errno = EXDEV;
		return -1;
	}
	return openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int safepath_open_by_hand(int root, const char *clean, int *fd, struct errmsg *em)
{
	int dir, opened, saved;
	const char *base;
	int rc = safepath_parent(root, clean, 0, &dir, &base, em);

	if (rc)
		return rc;
	if (strchr(base, '/') || strcmp(base, "..") == 0) {
		close(dir);
		return fail(clean, strchr(base, '/') ? ENOENT : EXDEV, em);
	}
	opened = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	saved = errno;
	close(dir);
	if (opened < 0)
		return fail(clean, saved, em);
	return want_regular(opened, clean, fd, em);
}

/* A folder made for a result belongs to whom the folder above belongs to. */
static int make_folder(int dir, const char *name, size_t n)
{
	char part[256];
	struct stat st;
	int made;

	snprintf(part, sizeof(part), "%.*s", (int)(n < 256 ? n : 255), name);
	if (mkdirat(dir, part, 0770) != 0 && errno != EEXIST)
		return -1;
	made = open_folder(dir, name, n);
	if (made >= 0 && geteuid() == 0 && fstat(dir, &st) == 0 &&
	    fchown(made, st.st_uid, st.st_gid) != 0) {
		close(made);
		return -1;
	}
	if (made >= 0)
		(void)fsync(dir);
	return made;
}

/* O_NOFOLLOW|O_DIRECTORY says ENOTDIR of a link: tell the two apart for the message. */
static int which(int dir, const char *name, size_t n, int err)
{
	char part[256];
	struct stat st;

	snprintf(part, sizeof(part), "%.*s", (int)(n < 256 ? n : 255), name);
	if (err == ENOTDIR && fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return ELOOP;
	return err;
}

int safepath_parent(int root, const char *clean, int make, int *dir, const char **base,
		    struct errmsg *em)
{
	int at = fcntl(root, F_DUPFD_CLOEXEC, 3), next, err;
	size_t n;

	if (at < 0)
		return fail(clean, errno, em);
	while (clean[n = strcspn(clean, "/")] == '/') {
		next = open_folder(at, clean, n);
		if (next < 0 && errno == ENOENT && make)
			next = make_folder(at, clean, n);
		if (next < 0 && errno == ENOENT && !make)
			break;
		err = next < 0 ? which(at, clean, n, errno) : 0;
		close(at);
		if (next < 0)
			return fail(clean, err, em);
		at = next;
		clean += n + 1;
	}
	*dir = at;
	*base = clean;
	return 0;
}

static int target_bad(int rc, const char *clean, const char *what, struct errmsg *em)
{
	errmsg_set(em, rc, rc == ERR_CONFLICT ? "OUTPUT_EXISTS" : "BAD_OUTPUT", "a result cannot be put where the request wants it");
	errmsg_local(em, "the result %s (below the safe work dir) %s", clean, what);
	return rc;
}

int safepath_target(int root, const char *clean, int replace, struct errmsg *em)
{
	struct stat st;
	const char *base;
	int dir, rc = safepath_parent(root, clean, 0, &dir, &base, em);

	if (rc)
		return target_bad(ERR_INPUT, clean, "has a file or a symbolic link where a folder should be", em);
	if (strchr(base, '/') || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) != 0)
		rc = faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 :
		     target_bad(ERR_DENIED, clean, "cannot be made: its folder is not writable for the platform", em);
	else if (!S_ISREG(st.st_mode))
		rc = target_bad(ERR_CONFLICT, clean, "would replace something that is not a regular file", em);
	else if (!replace)
		rc = target_bad(ERR_CONFLICT, clean, "would replace a file that is not an earlier result of the same user: choose another name, or remove it", em);
	close(dir);
	return rc;
}
