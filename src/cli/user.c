/*
 * pet user: who may ask this party. It writes table api_user with the
 * administrator's own database account (PLATFORM_DB_URI) and signs tokens with
 * this party's key (PET_NODE_KEY) or the secret (PET_USER_SECRET_FILE); no
 * daemon can do either.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/conf.h"
#include "base/party.h"
#include "base/usertoken.h"
#include "base/util.h"
#include "cli/cli.h"
#include "db/db_user.h"

struct ctx {
	struct db *db;
	struct errmsg em;
	const char *name;	/* the argument */
};

static int64_t now_s(void)
{
	return util_wall_us() / 1000000;
}

/* Says the sentence; the exit status that goes with the result code. */
static int fail(struct ctx *c, int rc)
{
	if (rc == ERR_NOTFOUND)
		errmsg_set(&c->em, rc, "NO_SUCH_USER", "there is no user %s; pet user list shows them", c->name);
	if (rc == ERR_DB && !c->em.local[0])
		errmsg_set(&c->em, rc, "DATABASE", "the database refused: may this account write table api_user, and has pet-migrate run?");
	fprintf(stderr, "pet user: %s\n", c->em.local[0] ? c->em.local : err_name(rc));
	return rc == ERR_DB || rc == ERR_DB_RETRY ? EX_UNAVAILABLE : rc == ERR_INPUT ? EX_USAGE : EX_DATAERR;
}

/* A number option; LIMIT_KEEP when it is not there, LIMIT_DEFAULT for the word default. */
static int number(int *argc, char **argv, const char *name, int64_t *out, struct errmsg *em)
{
	const char *text = cli_opt(argc, argv, name);
	char *end;

	*out = LIMIT_KEEP;
	if (!text)
		return 0;
	if (strcmp(text, "default") == 0) {
		*out = LIMIT_DEFAULT;
		return 0;
	}
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno || end == text || *end || *out < 0)
		return errmsg_set(em, ERR_INPUT, "BAD_NUMBER", "%s is '%s': expected a number from 0, or default", name, text);
	return 0;
}

/* --- tokens -------------------------------------------------------------- */

static int sign_eddsa(struct buf *out, const char *name, int64_t iat, int64_t exp, struct errmsg *em)
{
	struct token_key *key = NULL;
	const char *path;
	int rc;

	TRY(conf_need("PET_NODE_KEY", &path, em));
	path = conf_get("PET_USER_SIGN_KEY", path);
	TRY(token_key_load(&key, path, em));
	rc = usertoken_make(out, key, name, iat, exp);
out:
	token_key_free(key);
	return rc;
}

static int sign_hs256(struct buf *out, const char *name, int64_t iat, int64_t exp, struct errmsg *em)
{
	struct usertoken_ring *ring = NULL;
	struct buf secret = { 0 };
	const char *path;
	int rc;

	TRY(conf_need("PET_USER_SECRET_FILE", &path, em));
	rc = util_read_file(&secret, path, 1 << 16);
	if (rc) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_SECRET", "PET_USER_SECRET_FILE: cannot read %s: %s", path, strerror(errno));
		goto out;
	}
	/* The checks of pet-api: what it would refuse is not used to sign either. */
	TRY(usertoken_ring_new(&ring, NULL, secret.data ? secret.data : "", exp - iat, em));
	rc = usertoken_make_hs256(out, secret.data, name, iat, exp);
out:
	usertoken_ring_free(ring);
	if (secret.data)
		explicit_bzero(secret.data, secret.cap);
	buf_free(&secret);
	return rc;
}

/* iat is not before tokens_from: a token made in the second of a rotation is a new one. */
static int print_token(struct ctx *c, int64_t life, int hs256)
{
	struct buf token = { 0 };
	struct user_row row;
	int64_t iat = now_s();
	int rc;

	TRY(db_user_get(c->db, &row, c->name));
	rc = ERR_DENIED;
	if (row.revoked || row.role == USER_NODE) {
		errmsg_set(&c->em, rc, "NO_TOKEN", row.revoked ? "%s is revoked: pet user restore %s" :
			   "%s has role node: another party signs its own tokens", c->name, c->name);
		goto out;
	}
	if (iat < row.tokens_from)
		iat = row.tokens_from;
	TRY((hs256 ? sign_hs256 : sign_eddsa)(&token, c->name, iat, iat + life, &c->em));
	puts(token.data);
	rc = 0;
out:
	if (token.data)
		explicit_bzero(token.data, token.cap);
	buf_free(&token);
	return rc;
}

static int take_life(int *argc, char **argv, int64_t *life, struct errmsg *em)
{
	int64_t days, seconds;
	int rc;

	TRY(number(argc, argv, "--days", &days, em));
	TRY(number(argc, argv, "--seconds", &seconds, em));
	*life = USERTOKEN_LIFE_S;
	if (days > 36500 || seconds > 36500 * INT64_C(86400) || days == 0 || seconds == 0 || days == LIMIT_DEFAULT || seconds == LIMIT_DEFAULT)
		return errmsg_set(em, ERR_INPUT, "BAD_NUMBER", "a token lives from 1 second to 36500 days");
	if (days > 0)
		*life = days * 86400;
	if (seconds > 0)
		*life = seconds;
out:
	return rc;
}

static int do_token(struct ctx *c, int argc, char **argv)
{
	int hs256 = cli_flag(&argc, argv, "--hs256");
	int64_t life;
	int rc;

	TRY(take_life(&argc, argv, &life, &c->em));
	TRY(cli_rest(argc, argv, 1, "pet user token [--days N | --seconds N] [--hs256] NAME"));
	c->name = argv[1];
	rc = print_token(c, life, hs256);
out:
	return rc;
}

/* --- rows ---------------------------------------------------------------- */

/* A user named as a party would be taken for that party's jobs by a person who reads a list. */
static int check_name(const char *name, enum user_role role, struct errmsg *em)
{
	struct party_file *pf = NULL;
	const char *self;
	int rc, party;

	if (usertoken_name_ok(name))
		return errmsg_set(em, ERR_INPUT, "BAD_NAME", "'%.64s' cannot be a user's name: expected 1 to 63 of a-z 0-9 . _ - @, "
				  "beginning with a letter or digit, and not anonymous", name);
	TRY(conf_need("PARTY", &self, em));
	TRY(party_file_load(&pf, conf_get("CONFIG_FILE", "/app/parties/party.json"), em));
	party = party_find(pf, name) != NULL;
	if (role == USER_NODE && (!party || strcmp(name, self) == 0))
		rc = errmsg_set(em, ERR_INPUT, "BAD_NAME", "role node is for another party of the party file, and %s is none", name);
	else if (role != USER_NODE && party)
		rc = errmsg_set(em, ERR_INPUT, "BAD_NAME", "%s is a party's name: a user needs another one", name);
out:
	party_file_free(pf);
	return rc;
}

static int take_role(enum user_role *out, const char *text, struct errmsg *em)
{
	for (*out = 0; *out < USER_ROLES; (*out)++)
		if (strcmp(text, user_role_name[*out]) == 0)
			return 0;
	return errmsg_set(em, ERR_INPUT, "BAD_ROLE", "--role is '%.32s': expected operator, admin or node", text);
}

static int do_add(struct ctx *c, int argc, char **argv)
{
	const char *role_text = cli_opt(&argc, argv, "--role"), *note = cli_opt(&argc, argv, "--note");
	int want_token = cli_flag(&argc, argv, "--token");
	enum user_role role;
	int rc;

	TRY(take_role(&role, role_text ? role_text : "operator", &c->em));
	TRY(cli_rest(argc, argv, 1, "pet user add [--role operator|admin|node] [--note TEXT] [--token] NAME"));
	c->name = argv[1];
	TRY(check_name(c->name, role, &c->em));
	rc = db_user_add(c->db, c->name, role, note ? note : "");
	if (rc == ERR_CONFLICT)
		errmsg_set(&c->em, rc, "USER_EXISTS", "user %s exists; pet user restore takes a revocation back", c->name);
	if (rc == 0 && want_token)
		rc = print_token(c, USERTOKEN_LIFE_S, 0);
out:
	return rc;
}

static int one_name(struct ctx *c, int argc, char **argv, const char *usage)
{
	int rc = cli_rest(argc, argv, 1, usage);

	c->name = rc ? "" : argv[1];
	return rc;
}

static int do_revoke(struct ctx *c, int argc, char **argv)
{
	int rc = one_name(c, argc, argv, "pet user revoke NAME");

	return rc ? rc : db_user_state(c->db, c->name, 1, now_s());
}

/* Tokens of before the revocation stay refused: whoever took them still has them. */
static int do_restore(struct ctx *c, int argc, char **argv)
{
	int rc = one_name(c, argc, argv, "pet user restore NAME");

	return rc ? rc : db_user_state(c->db, c->name, 0, now_s());
}

static int do_rotate(struct ctx *c, int argc, char **argv)
{
	int want_token = cli_flag(&argc, argv, "--token");
	int rc = one_name(c, argc, argv, "pet user rotate [--token] NAME");

	TRY(rc);
	TRY(db_user_rotate(c->db, c->name, now_s()));
	if (want_token)
		rc = print_token(c, USERTOKEN_LIFE_S, 0);
out:
	return rc;
}

static int do_limit(struct ctx *c, int argc, char **argv)
{
	struct job_limits l;
	int rc;

	TRY(number(&argc, argv, "--running", &l.running, &c->em));
	TRY(number(&argc, argv, "--queued", &l.queued, &c->em));
	TRY(number(&argc, argv, "--bytes-per-day", &l.bytes_day, &c->em));
	TRY(one_name(c, argc, argv, "pet user limit [--running N] [--queued N] [--bytes-per-day N] NAME (0: no limit, default: the configured one)"));
	if (l.running > INT32_MAX || l.queued > INT32_MAX)
		return errmsg_set(&c->em, ERR_INPUT, "BAD_NUMBER", "more jobs than there can be: at most %d", INT32_MAX);
	rc = db_user_limit(c->db, c->name, &l);
out:
	return rc;
}

static const char *limit_text(char out[24], int64_t v)
{
	if (v == LIMIT_DEFAULT)
		return "default";
	snprintf(out, 24, "%lld", (long long)v);
	return v ? out : "none";
}

static int print_row(const struct user_row *u, void *arg)
{
	char a[24], b[24], c[24];

	(void)arg;
	printf("%-24s %-8s %-7s %-8s %-8s %-14s %.10s %s\n", u->name, user_role_name[u->role], u->revoked ? "revoked" : "normal",
	       limit_text(a, u->limits.running), limit_text(b, u->limits.queued), limit_text(c, u->limits.bytes_day),
	       u->created_at, u->note);
	return 0;
}

static int do_list(struct ctx *c, int argc, char **argv)
{
	int rc = cli_rest(argc, argv, 0, "pet user list");

	TRY(rc);
	printf("%-24s %-8s %-7s %-8s %-8s %-14s %-10s %s\n", "NAME", "ROLE", "STATE", "RUNNING", "QUEUED", "BYTES/DAY", "SINCE", "NOTE");
	rc = db_user_list(c->db, print_row, NULL);
out:
	return rc;
}

/* --- pet user ------------------------------------------------------------ */

static const struct verb {
	const char *name;
	int (*run)(struct ctx *c, int argc, char **argv);
	const char *usage;
} verbs[] = {
	{ "add", do_add, "add [--role operator|admin|node] [--note TEXT] [--token] NAME" },
	{ "token", do_token, "token [--days N | --seconds N] [--hs256] NAME   a new token (30 days); older ones stay good" },
	{ "rotate", do_rotate, "rotate [--token] NAME                           end all tokens that NAME has" },
	{ "revoke", do_revoke, "revoke NAME                                     refuse NAME from now on" },
	{ "restore", do_restore, "restore NAME                                    take a revocation back; old tokens stay refused" },
	{ "limit", do_limit, "limit [--running N] [--queued N] [--bytes-per-day N] NAME" },
	{ "list", do_list, "list" },
};

static int usage(void)
{
	fprintf(stderr, "usage: pet user COMMAND …   (on the party's own machine, as an administrator; docs/users.md)\n\n");
	for (size_t i = 0; i < PET_ARRAY_SIZE(verbs); i++)
		fprintf(stderr, "  pet user %s\n", verbs[i].usage);
	return EX_USAGE;
}

int cmd_user(int argc, char **argv)
{
	const struct verb *v = NULL;
	struct ctx c = { .name = "" };
	int rc;

	for (size_t i = 0; argc > 1 && i < PET_ARRAY_SIZE(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			v = &verbs[i];
	if (!v)
		return usage();
	TRY(conf_init(&c.em));
	TRY(db_open(&c.db, conf_get("PLATFORM_DB_URI", "mysql://localhost/petplatform"), &c.em));
	rc = v->run(&c, argc - 1, argv + 1);
out:
	rc = rc ? (rc == ERR_INPUT && !c.em.local[0] ? EX_USAGE : fail(&c, rc)) : 0;
	db_close(c.db);
	conf_fini();
	return rc;
}
