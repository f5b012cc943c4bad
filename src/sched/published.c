#include "sched/published.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/conf.h"

static int open_folder(void)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/sched/published", conf_get("PET_STATE_DIR", "/var/lib/petplatform")) >= (int)sizeof(path) ||
	    util_mkdirs(path, 0700) != 0)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void mark_name(const struct task_id *id, char out[TASKDIR_NAME_MAX])
{
	snprintf(out, TASKDIR_NAME_MAX, "%s.%s", id->job, id->task);
}

int published_note(const struct task_id *id, struct errmsg *em)
{
	char name[TASKDIR_NAME_MAX];
	int dir = open_folder(), fd = -1, rc = ERR_IO;

	mark_name(id, name);
	if (dir >= 0)
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && fsync(fd) == 0 && fsync(dir) == 0)
		rc = 0;
	else
		errmsg_local(em, "the mark sched/published/%s below PET_STATE_DIR cannot be made: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return rc;
}

int published_known(const struct task_id *id)
{
	char name[TASKDIR_NAME_MAX];
	int dir = open_folder(), known;

	mark_name(id, name);
	known = dir >= 0 && faccessat(dir, name, F_OK, 0) == 0;
	if (dir >= 0)
		close(dir);
	return known;
}

void published_sweep(void)
{
	time_t oldest = time(NULL) - (time_t)PUBLISHED_KEEP_DAYS * 86400;
	int dir = open_folder();
	DIR *d = dir >= 0 ? fdopendir(dir) : NULL;
	struct dirent *e;
	struct stat st;

	if (!d && dir >= 0)
		close(dir);
	while (d && (e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_mtime < oldest)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}
