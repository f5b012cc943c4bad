#include "db/db_uri.h"

#include "test.h"

TEST(good)
{
	struct db_uri u;
	struct errmsg em;

	CHECK_INT(db_uri_parse(&u, "mysql://bob:s%40crt%3A@db.example:3307/pet", &em), 0);
	CHECK_STR(u.user, "bob");
	CHECK_STR(u.password, "s@crt:");
	CHECK_STR(u.host, "db.example");
	CHECK_INT(u.port, 3307);
	CHECK_STR(u.db, "pet");
	CHECK_INT(db_uri_parse(&u, "mysql:///pet?unix_socket=/run/x%20y.sock&user=root", &em), 0);
	CHECK_STR(u.socket, "/run/x y.sock");
	CHECK_STR(u.user, "root");
	CHECK_STR(u.host, "");
	CHECK_INT(db_uri_parse(&u, "mysql://localhost/petplatform", &em), 0);
	CHECK_INT(u.port, 0);
	CHECK_STR(u.user, "");
	CHECK_INT(db_uri_parse(&u, "mysql://u@[::1]:1/d", &em), 0);
	CHECK_STR(u.host, "::1");
	CHECK_INT(u.port, 1);
	CHECK_INT(db_uri_parse(&u, "mysql+pymysql://u:p@h/d?charset=utf8mb4", &em), 0);
	CHECK_STR(u.db, "d");
	/* The last @ ends the account's part: an unencoded one may stand in a password. */
	CHECK_INT(db_uri_parse(&u, "mysql://u:p@q@h/d", &em), 0);
	CHECK_STR(u.password, "p@q");
}

static void refused(const char *uri, const char *part)
{
	struct db_uri u;
	struct errmsg em;

	CHECK_INT(db_uri_parse(&u, uri, &em), ERR_INPUT);
	CHECK_HAS(em.local, part);
	CHECK(strstr(em.local, "hidden") == NULL);
	CHECK(strstr(em.pub, "hidden") == NULL);
}

TEST(bad)
{
	char longer[600];

	refused("", "scheme");
	refused("sqlite:///x.db", "scheme");
	refused("postgres://u:hidden@h/d", "scheme");
	refused("mysql://", "database's name");
	refused("mysql://h", "database's name");
	refused("mysql://h/", "database's name");
	refused("mysql://h/a/b", "database's name");
	refused("mysql://u:hidden@h:0/d", "port");
	refused("mysql://u:hidden@h:65536/d", "port");
	refused("mysql://u:hidden@h:-1/d", "port");
	refused("mysql://u:hidden@h:/d", "port");
	refused("mysql://u:hidden@h:33x/d", "port");
	refused("mysql://u:hidden%zz@h/d", "password");
	refused("mysql://u:hidden%0@h/d", "password");
	refused("mysql://u:hidden%00@h/d", "password");
	refused("mysql:///d?unix_socket=rel", "unix_socket");
	refused("mysql:///d?unix_sock=/x", "option");
	refused("mysql:///d?", "option");
	refused("mysql://[::1/d", "host");
	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "mysql://h/", 10);
	longer[sizeof(longer) - 1] = '\0';
	refused(longer, "database's name");
}

TEST_MAIN(CASE(good), CASE(bad))
