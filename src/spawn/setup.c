/* Configuration, users and folders, once at the start. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/safepath.h"
#include "base/util.h"
#include "spawn/spawn.h"

/* A user by name or number. */
static int find_user(const char *variable, const char *word, uid_t *uid, gid_t *gid, char name[64],
		     struct errmsg *em)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);
	struct passwd *pw = *word && !*end ? getpwuid((uid_t)n) : getpwnam(word);

	if (!pw)
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "%s is '%s': there is no such user",
				  variable, word);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	snprintf(name, 64, "%s", pw->pw_name);
	return 0;
}

static int setup_users(struct spawn *sp, struct errmsg *em)
{
	const char *client = conf_get("PET_SPAWN_CLIENT", NULL);
	const char *user = conf_get("PET_OP_USER", "pet-op");
	char client_name[64];
	int rc = 0;

	sp->client_uid = sp->op_uid = geteuid();
	sp->client_gid = sp->op_gid = getegid();
	if (client)
		TRY(find_user("PET_SPAWN_CLIENT", client, &sp->client_uid, &sp->client_gid, client_name, em));
	if (geteuid() != 0)
		goto out;
	TRY(find_user("PET_OP_USER", user, &sp->op_uid, &sp->op_gid, sp->op_user, em));
	sp->drop = sp->op_uid != 0;
	/* inputs are opened with the operator's rights, and its further groups are part of them; root needs none */
	if (sp->drop && initgroups(sp->op_user, sp->op_gid) != 0)
		rc = errmsg_set(em, ERR_INTERNAL, "NO_USER", "cannot take the groups of %s: %s", sp->op_user,
				strerror(errno));
	if (!sp->drop)
		log_warning("PET_OP_USER is root: only their rule sets hold operators back");
out:
	return rc;
}

static int take_path(const char *variable, const char *fallback, char out[PATH_MAX], struct errmsg *em)
{
	const char *v = conf_get(variable, fallback);
	size_t n = strlen(v);

	while (n > 1 && v[n - 1] == '/')
		n--;
	if (v[0] != '/' || n > PATH_MAX - 512)
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG", "%s is '%s': expected an absolute path",
				  variable, v);
	snprintf(out, PATH_MAX, "%.*s", (int)n, v);
	return 0;
}

/* A folder of our own: made when it is missing, and nobody else may write into it. */
static int own_folder(int at, const char *path, mode_t mode, int *fd, struct errmsg *em)
{
	struct stat st;

	if (mkdirat(at, path, mode) == 0 && fchmodat(at, path, mode, 0) != 0)
		return errmsg_set(em, ERR_IO, "BAD_FOLDER", "%s: %s", path, strerror(errno));
	*fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return errmsg_set(em, ERR_IO, "BAD_FOLDER", "cannot open the folder %s: %s", path, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return errmsg_set(em, ERR_DENIED, "BAD_FOLDER",
				  "the folder %s belongs to someone else, or others may write into it", path);
	return 0;
}

static int open_root(struct spawn *sp, struct errmsg *em)
{
	struct stat st;

	sp->root = open(sp->safe_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sp->root < 0 || fstat(sp->root, &st) != 0)
		return errmsg_set(em, ERR_IO, "BAD_FOLDER", "SAFE_WORK_DIR %s cannot be opened: %s",
				  sp->safe_path, strerror(errno));
	sp->data_gid = st.st_gid;
	/* 0711: operators pass through to the folder whose name they know */
	return own_folder(sp->root, SAFEPATH_PRIVATE, 0711, &sp->private_dir, em);
}

static int open_state(struct spawn *sp, struct errmsg *em)
{
	int state, rc;

	if (util_mkdirs(sp->state_path, 0711) || util_mkdirs(sp->run_path, 0755))
		return errmsg_set(em, ERR_IO, "BAD_FOLDER", "%s or %s cannot be made: %s", sp->state_path,
				  sp->run_path, strerror(errno));
	state = open(sp->state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state < 0)
		return errmsg_set(em, ERR_IO, "BAD_FOLDER", "PET_STATE_DIR %s cannot be opened: %s",
				  sp->state_path, strerror(errno));
	TRY(own_folder(state, "tasks", 0711, &sp->tasks, em));
	TRY(own_folder(state, "pids", 0700, &sp->pids, em));
out:
	close(state);
	return rc;
}

int spawn_setup(struct spawn *sp, struct errmsg *em)
{
	int rc;

	memset(sp, 0, sizeof(*sp));
	sp->root = sp->private_dir = sp->tasks = sp->pids = -1;
	TRY(setup_users(sp, em));
	TRY(conf_int("PET_TASK_MEMORY_BYTES", 0, 0, INT64_MAX / 2, &sp->memory_bytes, em));
	TRY(conf_int("PET_TASK_FILE_BYTES", 0, 0, INT64_MAX / 2, &sp->file_bytes, em));
	TRY(take_path("SAFE_WORK_DIR", "/app/data", sp->safe_path, em));
	TRY(take_path("PET_STATE_DIR", "/var/lib/petplatform", sp->state_path, em));
	TRY(take_path("PET_RUN_DIR", "/run/petplatform", sp->run_path, em));
	TRY(take_path("PET_OPERATOR_DIR", PET_LIBEXECDIR, sp->operators, em));
	TRY(open_root(sp, em));
	TRY(open_state(sp, em));
out:
	return rc;
}

void spawn_fini(struct spawn *sp)
{
	int *const fds[] = { &sp->root, &sp->private_dir, &sp->tasks, &sp->pids };

	for (size_t i = 0; i < PET_ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
