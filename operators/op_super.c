/*
 * The supervisor: forks the work, appends its progress, ends it when the lease
 * is not renewed or SIGTERM comes, reaps it, and writes the exit record. It
 * does nothing else, so that hardly anything can end it before the work.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "op_impl.h"

#define TICK_MS 100
#define LINE_MS 250		/* at most four progress lines a second */
#define GRACE_MS 700		/* between chan_cancel and SIGKILL: a kill is promised within 2 s */
#define PROGRESS_MAX (256u << 10)
#define LOG_MAX (512u << 10)	/* then it becomes log.1: the tail is always kept */

enum ending { END_NONE, END_CANCELED, END_LEASE };

struct super {
	struct op_ctx *ctx;
	pid_t child;
	int signals, record, log_read, progress;
	int log_ours;		/* fd 2 is control_dir/log, which we keep small */
	int wait_status, reaped;
	enum ending ending;
	int64_t started, kill_at, beat_at, line_at;
	size_t progress_len, log_len;
	char lease[64], line[256];
};

static void control_path(const struct super *s, const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - 64, s->ctx->control_dir, name);
}

static void stage_text(const struct op_ctx *ctx, char out[OP_STAGE_MAX])
{
	uint64_t words[OP_STAGE_MAX / 8];

	for (size_t i = 0; i < PET_ARRAY_SIZE(words); i++)
		words[i] = ctx->shared->stage[i];
	memcpy(out, words, OP_STAGE_MAX);
	out[OP_STAGE_MAX - 1] = '\0';
}

/* --- progress ----------------------------------------------------------- */

static void progress_open(struct super *s)
{
	char path[PATH_MAX], tmp[PATH_MAX];

	control_path(s, "progress", path);
	control_path(s, "progress.new", tmp);
	if (s->progress >= 0)
		close(s->progress);
	s->progress = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	s->progress_len = 0;
	if (s->progress < 0 || rename(tmp, path) != 0)
		log_warning("no progress will be seen: %s: %s", path, strerror(errno));
}

static void progress_line(struct super *s, int64_t now)
{
	struct op_shared *sh = s->ctx->shared;
	char body[224], line[320], stage[OP_STAGE_MAX];
	int n;

	stage_text(s->ctx, stage);
	snprintf(body, sizeof(body), "\"progress\":%.4f,\"stage\":\"%s\",\"bytes_sent\":%llu,\"bytes_received\":%llu,\"rounds\":%llu,\"rss\":%llu}\n",
		 (double)sh->millionths / 1e6, stage, (unsigned long long)sh->bytes_sent,
		 (unsigned long long)sh->bytes_received, (unsigned long long)sh->rounds,
		 (unsigned long long)sh->rss);
	s->line_at = now;
	if (strcmp(body, s->line) == 0)
		return;
	snprintf(s->line, sizeof(s->line), "%s", body);
	n = snprintf(line, sizeof(line), "{\"t\":%.3f,%s", (double)util_wall_us() / 1e6, body);
	if (s->progress_len + (size_t)n > PROGRESS_MAX)
		progress_open(s);
	if (s->progress >= 0 && util_write_all(s->progress, line, (size_t)n) == 0)
		s->progress_len += (size_t)n;
}

/* --- log ---------------------------------------------------------------- */

static void log_rotate(struct super *s)
{
	char path[PATH_MAX], old[PATH_MAX];
	int fd;

	control_path(s, "log", path);
	control_path(s, "log.1", old);
	if (rename(path, old) != 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
	s->log_len = 0;
}

/* Everything the work said so far; 0 at its end. */
static int log_copy(struct super *s)
{
	char block[8192];
	ssize_t n;

	while ((n = read(s->log_read, block, sizeof(block))) > 0) {
		if (s->log_ours && s->log_len + (size_t)n > LOG_MAX)
			log_rotate(s);
		if (util_write_all(STDERR_FILENO, block, (size_t)n) == 0)
			s->log_len += (size_t)n;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void log_look(struct super *s)
{
	char path[PATH_MAX];
	struct stat a, b;

	control_path(s, "log", path);
	s->log_ours = lstat(path, &a) == 0 && fstat(STDERR_FILENO, &b) == 0 &&
		      S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	if (s->log_ours)
		s->log_len = (size_t)b.st_size;
}

/* --- ending the work ---------------------------------------------------- */

static void end_work(struct super *s, enum ending why, int64_t now)
{
	if (s->ending != END_NONE)
		return;
	s->ending = why;
	s->kill_at = now + GRACE_MS;
	kill(s->child, SIGTERM);
}

/* The lease is a counter that the scheduler changes; only our own monotonic clock judges its age. */
static void lease_check(struct super *s, int64_t now)
{
	char path[PATH_MAX], text[sizeof(s->lease)] = "";
	int fd;
	ssize_t n;

	if (s->ctx->lease_seconds == 0)
		return;
	control_path(s, "lease", path);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && strcmp(text, s->lease) != 0) {
		memcpy(s->lease, text, sizeof(text));
		s->beat_at = now;
	}
	if (now - s->beat_at >= (int64_t)s->ctx->lease_seconds * 1000) {
		if (s->ending == END_NONE)
			log_error("the lease was not renewed for %d s: the task is ended", s->ctx->lease_seconds);
		end_work(s, END_LEASE, now);
	}
}

static void take_signals(struct super *s, int64_t now)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			end_work(s, END_CANCELED, now);
	if (!s->reaped && waitpid(s->child, &s->wait_status, WNOHANG) == s->child)
		s->reaped = 1;
}

static void watch(struct super *s)
{
	while (!s->reaped) {
		struct pollfd p[2] = { { .fd = s->signals, .events = POLLIN },
				       { .fd = s->log_read, .events = POLLIN } };
		int64_t now;

		poll(p, 2, TICK_MS);
		now = util_mono_ms();
		if (s->log_read >= 0 && (p[1].revents & (POLLIN | POLLHUP)) && !log_copy(s)) {
			close(s->log_read);
			s->log_read = -1;
		}
		take_signals(s, now);
		lease_check(s, now);
		if (s->ending != END_NONE && !s->reaped && now >= s->kill_at)
			kill(s->child, SIGKILL);
		if (now - s->line_at >= LINE_MS)
			progress_line(s, now);
	}
	if (s->log_read >= 0)
		(void)log_copy(s);
}

/* --- the record --------------------------------------------------------- */

static json_t *read_record(int fd)
{
	struct stat st;
	char *text;
	json_t *record = NULL;

	if (fstat(fd, &st) != 0 || st.st_size == 0 || st.st_size > (off_t)OP_RECORD_MAX)
		return NULL;
	text = malloc((size_t)st.st_size);
	if (text && pread(fd, text, (size_t)st.st_size, 0) == (ssize_t)st.st_size)
		record = json_loadb(text, (size_t)st.st_size, 0, NULL);
	free(text);
	return record;
}

static json_t *crashed(struct super *s)
{
	struct errmsg em = { 0 };
	char stage[OP_STAGE_MAX];
	int sig = WTERMSIG(s->wait_status);
	const char *name = sigabbrev_np(sig);

	stage_text(s->ctx, stage);
	if (WIFSIGNALED(s->wait_status))
		errmsg_set(&em, 0, "OPERATOR_CRASHED", "op-%s was killed by signal SIG%s in stage %s%s",
			   s->ctx->op->name, name ? name : "?", stage,
			   sig == SIGKILL ? " (as the kernel does when memory is out)" : "");
	else
		errmsg_set(&em, 0, "OPERATOR_CRASHED", "op-%s ended with code %d and without a result in stage %s",
			   s->ctx->op->name, WEXITSTATUS(s->wait_status), stage);
	return op_record_failed(EX_SOFTWARE, &em);
}

static json_t *ended(const struct super *s)
{
	struct errmsg em = { 0 };

	if (s->ending == END_CANCELED) {
		errmsg_set(&em, 0, "CANCELED", "the task was canceled");
		return op_record_failed(OP_EXIT_CANCELED, &em);
	}
	errmsg_set(&em, 0, "LEASE_LOST", "the scheduler did not renew the task's lease for %d s",
		   s->ctx->lease_seconds);
	return op_record_failed(EX_TEMPFAIL, &em);
}

static int record_status(const json_t *record)
{
	return (int)json_integer_value(json_object_get(record, "status"));
}

/* What happened, in the order of what is known for sure: our own decision, a crash, the work's own words. */
static json_t *make_record(struct super *s)
{
	json_t *record;
	struct errmsg em = { 0 };
	int rc;

	if (s->ending != END_NONE)
		return ended(s);
	record = read_record(s->record);
	if (!WIFEXITED(s->wait_status) || !record ||
	    WEXITSTATUS(s->wait_status) != record_status(record)) {
		json_decref(record);
		return crashed(s);
	}
	if (record_status(record) != EX_OK)
		return record;
	rc = op_record_outputs(s->ctx, record, &em);
	if (rc) {
		json_decref(record);
		record = op_record_failed(op_status(rc), &em);
	}
	return record;
}

static void add_counters(const struct super *s, json_t *record)
{
	struct op_shared *sh = s->ctx->shared;
	char stage[OP_STAGE_MAX];
	struct rusage ru = { 0 };

	stage_text(s->ctx, stage);
	getrusage(RUSAGE_CHILDREN, &ru);
	json_object_set_new(record, "stage", json_string(stage));
	json_object_set_new(record, "bytes_sent", json_integer((json_int_t)sh->bytes_sent));
	json_object_set_new(record, "bytes_received", json_integer((json_int_t)sh->bytes_received));
	json_object_set_new(record, "rounds", json_integer((json_int_t)sh->rounds));
	json_object_set_new(record, "peak_rss_bytes", json_integer((json_int_t)ru.ru_maxrss * 1024));
	json_object_set_new(record, "seconds", json_real((double)(util_mono_ms() - s->started) / 1000));
}

static int finish(struct super *s)
{
	json_t *record = make_record(s);
	int status = EX_OSERR;

	if (!record)
		return status;
	progress_line(s, util_mono_ms());
	add_counters(s, record);
	status = record_status(record);
	if (op_record_write(s->ctx->control_dir, record)) {
		log_error("the exit record cannot be written below %s: %s", s->ctx->control_dir,
			  strerror(errno));
		status = EX_IOERR;
	}
	json_decref(record);
	return status;
}

/* --- start -------------------------------------------------------------- */

static int prepare(struct super *s, int *log_write)
{
	int pipes[2];
	sigset_t mask;

	s->ctx->shared = mmap(NULL, sizeof(*s->ctx->shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->ctx->shared == MAP_FAILED) {
		s->ctx->shared = NULL;
		return ERR_NOMEM;
	}
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) != 0)
		return ERR_IO;
	signal(SIGPIPE, SIG_IGN);
	s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	s->record = memfd_create("record", MFD_CLOEXEC);
	if (s->signals < 0 || s->record < 0 || pipe2(pipes, O_CLOEXEC) != 0)
		return ERR_IO;
	s->log_read = pipes[0];
	*log_write = pipes[1];
	return fcntl(s->log_read, F_SETFL, O_NONBLOCK) == 0 ? 0 : ERR_IO;
}

/* In the child: it must not outlive the supervisor, not even one killed by SIGKILL at this instant. */
static int become_work(struct super *s, pid_t parent, int log_write)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		return EX_OSERR;
	dup2(log_write, STDERR_FILENO);
	dup2(log_write, STDOUT_FILENO);
	close(log_write);
	close(s->log_read);
	close(s->signals);
	return op_work(s->ctx, s->record);
}

int op_supervise(struct op_ctx *ctx, int *is_work)
{
	struct super s = { .ctx = ctx, .signals = -1, .record = -1, .log_read = -1, .progress = -1 };
	int log_write = -1, status = EX_OSERR;
	pid_t self = getpid();

	*is_work = 0;
	s.started = s.beat_at = util_mono_ms();
	if (prepare(&s, &log_write)) {
		log_error("the supervisor cannot start: %s", strerror(errno));
		return status;
	}
	op_progress(ctx, 0, "start");
	fflush(NULL);
	s.child = fork();
	if (s.child == 0) {
		*is_work = 1;
		status = become_work(&s, self, log_write);
	} else if (s.child < 0) {
		log_error("cannot fork: %s", strerror(errno));
	} else {
		close(log_write);
		log_look(&s);
		progress_open(&s);
		progress_line(&s, util_mono_ms());
		watch(&s);
		status = finish(&s);
		if (s.progress >= 0)
			close(s.progress);
		close(s.signals);
		if (s.log_read >= 0)
			close(s.log_read);
	}
	close(s.record);
	munmap(ctx->shared, sizeof(*ctx->shared));
	ctx->shared = NULL;
	return status;
}
