#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

extern char **environ;

static X509 *self_signed(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	X509_NAME *subject;
	X509_EXTENSION *san;
	char text[128];

	if (!x)
		return NULL;
	snprintf(text, sizeof(text), "DNS:%s", name);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	subject = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, subject);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	if (san)
		X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	if (X509_sign(x, key, EVP_sha256()) <= 0) {
		X509_free(x);
		return NULL;
	}
	return x;
}

int fixture_cert(const struct fixture *f, const char *file, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? self_signed(key, name) : NULL;
	char path[128];
	FILE *to = NULL;
	int rc = ERR_INTERNAL;

	snprintf(path, sizeof(path), "%s/%s.key", f->dir, file);
	if (!x || !(to = fopen(path, "w")) || !PEM_write_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL))
		goto out;
	fclose(to);
	snprintf(path, sizeof(path), "%s/%s.crt", f->dir, file);
	if (!(to = fopen(path, "w")) || !PEM_write_X509(to, x))
		goto out;
	rc = 0;
out:
	if (to)
		fclose(to);
	X509_free(x);
	EVP_PKEY_free(key);
	return rc;
}

int fixture_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;

	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && getsockname(fd, (struct sockaddr *)&sa, &n) == 0)
		port = ntohs(sa.sin_port);
	close(fd);
	return port;
}

int fixture_init(struct fixture *f)
{
	int rc = ERR_INTERNAL;

	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/pet-gw-XXXXXX");
	f->name[0] = "party_a";
	f->name[1] = "party_b";
	if (!mkdtemp(f->dir))
		return ERR_IO;
	util_random(f->key, sizeof(f->key));
	for (int i = 0; i < 2; i++) {
		f->port[i] = f->seen_port[i] = fixture_port();
		TRY(fixture_cert(f, f->name[i], f->name[i]));
	}
	TRY(fixture_cert(f, "stranger", "stranger"));
	/* Right name, but a key that nobody has pinned. */
	TRY(fixture_cert(f, "forged", "party_a"));
	rc = 0;
out:
	return rc;
}

static int add_gateway(char *text, size_t size, int port, const char *name)
{
	return snprintf(text, size, "{\"type\": 1, \"url\": \"127.0.0.1:%d\", \"certificates\": \"%s.crt\"}", port, name);
}

/* Each side has a file of its own, since a proxy may stand between the two. */
int fixture_party_file(const struct fixture *f, int side)
{
	char text[2048], path[128];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/party_%d.json", f->dir, side);
	for (int i = 0; i < 2; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s\"%s\": {\"petplatform\": {\"type\": 1, \"url\": \"http://127.0.0.1:1\"}, \"petnet\": [",
				      i ? ", " : "{", f->name[i]);
		if (i == 1 && f->extra_port) {
			n += (size_t)add_gateway(text + n, sizeof(text) - n, f->extra_port, f->name[i]);
			n += (size_t)snprintf(text + n, sizeof(text) - n, ", ");
		}
		n += (size_t)add_gateway(text + n, sizeof(text) - n, f->seen_port[i], f->name[i]);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "]}");
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, "}");
	return util_write_file(path, text, n, 0600);
}

pid_t fixture_spawn(const struct fixture *f, const char *const argv[], const char *const env[])
{
	char log[96];
	pid_t parent = getpid(), pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	/* A test that dies must not leave its gateways behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	snprintf(log, sizeof(log), "%s/log", f->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	for (size_t i = 0; env[i]; i++)
		putenv((char *)(uintptr_t)env[i]);
	execv(argv[0], (char **)(uintptr_t)argv);
	_exit(127);
}

static int answers(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ok;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	ok = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
	close(fd);
	return ok;
}

static const char *program(char *out, size_t size, const char *name)
{
	const char *dir = getenv("abs_top_builddir");

	snprintf(out, size, "%s/%s", dir ? dir : PET_BUILD_DIR, name);
	return out;
}

pid_t fixture_more(const struct fixture *f, int side, int number, int port, const char *cert)
{
	char env[6][192], path[512], sock[108];
	const char *list[7] = { 0 };
	pid_t pid;

	if (fixture_party_file(f, side) != 0)
		return -1;
	snprintf(env[0], sizeof(env[0]), "PARTY=%s", f->name[side]);
	snprintf(env[1], sizeof(env[1]), "CONFIG_FILE=%s/party_%d.json", f->dir, side);
	snprintf(env[2], sizeof(env[2]), "PET_RUN_DIR=%s/%d", f->dir, number);
	snprintf(env[3], sizeof(env[3]), "PET_NET_LISTEN=127.0.0.1:%d", port);
	snprintf(env[4], sizeof(env[4]), "PET_TLS_CERT=%s/%s.crt", f->dir, cert);
	snprintf(env[5], sizeof(env[5]), "PET_TLS_KEY=%s/%s.key", f->dir, cert);
	for (int i = 0; i < 6; i++)
		list[i] = env[i];
	if (util_mkdirs(env[2] + strlen("PET_RUN_DIR="), 0700) != 0)
		return -1;
	pid = fixture_spawn(f, (const char *const[]){ program(path, sizeof(path), "pet-netd"), NULL }, list);
	snprintf(sock, sizeof(sock), "%s/%d/net.sock", f->dir, number);
	for (int64_t end = util_mono_ms() + 20000; util_mono_ms() < end; usleep(2000)) {
		if (answers(sock))
			return pid;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return -1;
}

int fixture_start(struct fixture *f, int side, const char *cert)
{
	f->pid[side] = fixture_more(f, side, side, f->port[side], cert ? cert : f->name[side]);
	return f->pid[side] > 0 ? 0 : ERR_TIMEOUT;
}

int fixture_stop(struct fixture *f, int side, int sig)
{
	int status;

	if (f->pid[side] <= 0)
		return -1;
	kill(f->pid[side], sig);
	while (waitpid(f->pid[side], &status, 0) < 0 && errno == EINTR)
		;
	f->pid[side] = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void fixture_fini(struct fixture *f)
{
	char cmd[128];

	for (int i = 0; i < 2; i++)
		fixture_stop(f, i, SIGKILL);
	if (getenv("PET_TEST_KEEP") || strncmp(f->dir, "/tmp/pet-gw-", 12) != 0)
		return;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", f->dir);
	if (system(cmd) != 0)
		fprintf(stderr, "cannot remove %s\n", f->dir);
}

void fixture_conf(const struct fixture *f, int side, char address[108], struct chan_conf *conf)
{
	snprintf(address, 108, "%s/%d/net.sock", f->dir, side);
	*conf = (struct chan_conf){ .scheme = "agent", .address = address, .self = f->name[side],
				    .peer = f->name[!side], .job = "j_gatewaytest", .key = f->key,
				    .connect_ms = 30000, .away_ms = 30000 };
}

long fixture_rss(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *from;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	from = fopen(path, "r");
	while (from && fgets(line, sizeof(line), from))
		if (sscanf(line, "VmHWM: %ld kB", &kb) == 1)
			break;
	if (from)
		fclose(from);
	return kb < 0 ? -1 : kb * 1024;
}

double fixture_cpu(pid_t pid)
{
	unsigned long user = 0, sys = 0;
	char path[64], text[1024];
	const char *after;
	FILE *from;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	from = fopen(path, "r");
	if (!from)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, from);
	fclose(from);
	text[n] = '\0';
	/* The name may hold anything; the fields start after its parenthesis. */
	after = strrchr(text, ')');
	if (!after || sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
		return 0;
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}
