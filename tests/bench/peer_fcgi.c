/*
 * The figure to beat: a trivial FastCGI worker that answers /job/status with
 * two unprepared queries, no checks, no parameters. One thread per process.
 *
 *	bench_peer SOCKET_OF_FASTCGI SOCKET_OF_DATABASE USER PROCESSES
 */
#include <fcgiapp.h>
#include <mysql.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The text of one query as a JSON list of lists. */
static int query(MYSQL *db, const char *sql, char *out, size_t cap)
{
	size_t n = 0;
	MYSQL_RES *res;
	MYSQL_ROW row;

	if (mysql_query(db, sql) != 0 || !(res = mysql_store_result(db)))
		return -1;
	out[0] = '\0';
	while ((row = mysql_fetch_row(res)))
		for (unsigned i = 0; i < mysql_num_fields(res) && n < cap; i++)
			n += (size_t)snprintf(out + n, cap - n, "%s\"%s\"", n ? ", " : "", row[i] ? row[i] : "");
	mysql_free_result(res);
	return 0;
}

static void answer(FCGX_Request *r, MYSQL *db)
{
	const char *q = FCGX_GetParam("REQUEST_URI", r->envp);
	const char *id = q ? strstr(q, "job_id=") : NULL;
	char sql[512], job[2048], tasks[4096], body[8192];
	int len;

	id = id ? id + 7 : "";
	/* Only letters, digits and _: this is a bench on loopback, and still no place for an injection. */
	if (id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
		id = "";
	snprintf(sql, sizeof(sql), "SELECT id, job_id, mission_name, mission_version, status, created_at, started_at, ended_at "
		 "FROM job WHERE job_id = '%.64s'", id);
	if (query(db, sql, job, sizeof(job)) != 0)
		job[0] = '\0';
	snprintf(sql, sizeof(sql), "SELECT t.name, t.party, t.status, t.progress, t.started_at, t.ended_at, t.error_code "
		 "FROM task t JOIN job j ON j.id = t.job WHERE j.job_id = '%.64s'", id);
	if (query(db, sql, tasks, sizeof(tasks)) != 0)
		tasks[0] = '\0';
	len = snprintf(body, sizeof(body), "{\"success\": true, \"job\": [%s], \"tasks\": [%s]}\n", job, tasks);
	FCGX_FPrintF(r->out, "Status: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		     job[0] ? "200 OK" : "404 Not Found", len, body);
}

static int serve(int fd, const char *db_socket, const char *user)
{
	MYSQL *db = mysql_init(NULL);
	FCGX_Request r;

	if (!mysql_real_connect(db, NULL, user, NULL, "petplatform", 0, db_socket, 0)) {
		fprintf(stderr, "%s\n", mysql_error(db));
		return 1;
	}
	if (FCGX_InitRequest(&r, fd, 0) != 0)
		return 1;
	while (FCGX_Accept_r(&r) == 0) {
		answer(&r, db);
		FCGX_Finish_r(&r);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int fd, count;

	if (argc != 5 || FCGX_Init() != 0)
		return 64;
	count = atoi(argv[4]);
	fd = FCGX_OpenSocket(argv[1], 512);
	if (fd < 0)
		return 70;
	for (int i = 0; i < count; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			_exit(serve(fd, argv[2], argv[3]));
		}
	while (wait(NULL) > 0)
		;
	return 0;
}
