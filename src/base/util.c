#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

int64_t util_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t util_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void util_random(void *out, size_t len)
{
	unsigned char *p = out;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			log_error("the kernel gives no randomness: %s", strerror(errno));
			abort();
		}
		p += n;
		len -= (size_t)n;
	}
}

void util_hex(char *out, const void *in, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = in;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int util_unhex(void *out, size_t len, const char *hex)
{
	unsigned char *p = out;

	if (strlen(hex) != 2 * len)
		return ERR_INPUT;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return ERR_INPUT;
		p[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}

void util_job_id(char out[UTIL_JOB_ID_MAX])
{
	unsigned char r[16];
	char hex[33], t[16];
	uint64_t ms = (uint64_t)util_wall_us() / 1000;
	size_t i = sizeof(t) - 1;

	t[i] = '\0';
	do {
		t[--i] = "0123456789abcdefghijklmnopqrstuvwxyz"[ms % 36];
		ms /= 36;
	} while (ms && i);
	util_random(r, sizeof(r));
	util_hex(hex, r, sizeof(r));
	snprintf(out, UTIL_JOB_ID_MAX, "j_%s_%s", t + i, hex);
}

int util_job_id_ok(const char *id)
{
	size_t n = strlen(id);

	if (n < 18 || n > 62 || id[0] != 'j' || id[1] != '_')
		return ERR_INPUT;
	for (size_t i = 2; i < n; i++) {
		char c = id[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return ERR_INPUT;
	}
	return 0;
}

int util_read_file(struct buf *b, const char *path, size_t max)
{
	int rc = ERR_IO, saved;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t start = b->len;

	if (fd < 0)
		return ERR_IO;
	for (;;) {
		ssize_t n;

		if (b->len - start > max) {
			rc = ERR_INPUT;
			goto out;
		}
		TRY(buf_reserve(b, 65536));
		n = read(fd, b->data + b->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = ERR_IO;
			goto out;
		}
		b->len += (size_t)n;
		b->data[b->len] = '\0';
		if (n == 0)
			break;
	}
	rc = 0;
out:
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int util_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return ERR_IO;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int util_write_file(const char *path, const void *data, size_t len, unsigned mode)
{
	char tmp[PATH_MAX];
	unsigned char r[8];
	char hex[17];
	int rc = ERR_IO, fd = -1, saved;

	util_random(r, sizeof(r));
	util_hex(hex, r, sizeof(r));
	if (snprintf(tmp, sizeof(tmp), "%s.%s.tmp", path, hex) >= (int)sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return ERR_IO;
	}
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
	if (fd < 0)
		return ERR_IO;
	TRY(util_write_all(fd, data, len));
	rc = ERR_IO;
	if (fsync(fd) != 0 || rename(tmp, path) != 0)
		goto out;
	rc = 0;
out:
	saved = errno;
	close(fd);
	if (rc)
		unlink(tmp);
	errno = saved;
	return rc;
}

int util_mkdirs(const char *path, unsigned mode)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return ERR_IO;
	}
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, (mode_t)mode) != 0 && errno != EEXIST)
			return ERR_IO;
		part[i] = path[i];
	}
	return 0;
}

unsigned util_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[65];

	if (n > 64 || m > 64)
		return 64;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);
			unsigned best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = best < change ? best : change;
		}
	}
	return row[m];
}
