#!/usr/bin/env bash
# pet-migrate: once, twice, two at once, killed half-way, edited files, a newer database, accounts.
set -u
. "$abs_top_srcdir/tests/it/mariadb.sh"
dir=$(mktemp -d /tmp/petmig.XXXXXX)
trap 'mariadb_stop "$dir"; rm -rf "$dir"' EXIT
n=0
is() { # GOT WANT NAME
  n=$((n + 1))
  if [ "$1" = "$2" ]; then echo "ok $n - $3"; else echo "not ok $n - $3"; echo "# got '$1', want '$2'"; fi
}
has() { # TEXT PART NAME
  n=$((n + 1))
  case $1 in *"$2"*) echo "ok $n - $3" ;; *) echo "not ok $n - $3"; echo "# '$1' lacks '$2'" ;; esac
}
echo 1..25
mariadb_start "$dir" || exit 1
migrate="$abs_top_builddir/pet-migrate"
sql="$dir/sql"
cp -r "$abs_top_srcdir/sql" "$sql"
export PET_CONF=/dev/null PET_SQL_DIR=$sql

mariadb_create "$dir" one
export PLATFORM_DB_URI; PLATFORM_DB_URI=$(mariadb_root_uri "$dir" one)
out=$("$migrate" --verify 2>&1); is $? 1 "verify of an empty database fails"
out=$("$migrate" 2>&1); is $? 0 "first run"
has "$out" "0001_schema.sql applied" "it says what it applied"
files=$(ls "$sql"/*.sql | wc -l)
is "$(mariadb_sql "$dir" one 'SELECT COUNT(*) FROM schema_migration WHERE complete')" "$files" "every file is recorded"
out=$("$migrate" 2>&1); is "$?$out" 0 "second run does nothing"
out=$("$migrate" --verify 2>&1); is "$?$out" 0 "verify of a current database"

mariadb_create "$dir" two
PLATFORM_DB_URI=$(mariadb_root_uri "$dir" two)
pids=
for i in 1 2 3 4; do "$migrate" >"$dir/out$i" 2>&1 & pids="$pids $!"; done
bad=0; for p in $pids; do wait "$p" || bad=1; done
is $bad 0 "four at once all end well"
is "$(cat "$dir"/out? | grep -c '0001_schema.sql applied')" 1 "one of them applied the schema"

# Killed half-way: the record is one statement behind, as a kill between a statement and its record leaves it.
mariadb_create "$dir" three
PLATFORM_DB_URI=$(mariadb_root_uri "$dir" three)
"$migrate" 2>/dev/null
mariadb_sql "$dir" three 'DROP TABLE jti; DROP TABLE data_grant; DROP VIEW v_stuck'
total=$(mariadb_sql "$dir" three "SELECT statements FROM schema_migration WHERE name = '0001_schema.sql'")
mariadb_sql "$dir" three "UPDATE schema_migration SET statements = $((total - 3)), complete = 0 WHERE name = '0001_schema.sql'"
out=$("$migrate" 2>&1); is $? 0 "a half-applied file is finished"
is "$(mariadb_sql "$dir" three 'SELECT COUNT(*) FROM jti')" 0 "its last table is there"

PLATFORM_DB_URI=$(mariadb_root_uri "$dir" one)
printf '%s\n' 'CREATE TABLE extra (a INT);' 'CREATE TABLE nonsense (;' >"$sql/9.sql"
out=$("$migrate" 2>&1); is "$?$out" 0 "a file without a number is not a migration"
next=$(printf '%04d' $((files + 1)))
printf '%s\n' 'CREATE TABLE extra (a INT);' 'CREATE TABLE nonsense (;' >"$sql/${next}_bad.sql"
out=$("$migrate" 2>&1); is $? 1 "a broken statement stops it"
has "$out" "${next}_bad.sql, statement 2" "and is named"
# The broken file never completed, so it may still be repaired under its number only by hand: it counts as edited.
printf '%s\n' 'CREATE TABLE extra (a INT);' >"$sql/${next}_bad.sql"
out=$("$migrate" 2>&1); is $? 1 "an edited file is refused"
has "$out" "was edited" "with the reason"
mariadb_sql "$dir" one "DELETE FROM schema_migration WHERE name = '${next}_bad.sql'; DROP TABLE extra"
out=$("$migrate" 2>&1); is $? 0 "after the record was removed it applies"
rm "$sql/${next}_bad.sql"
out=$("$migrate" 2>&1); is $? 1 "a database newer than the program is refused"
has "$out" "does not know" "with the reason"
printf 'CREATE TABLE t (a INT);\n' >"$sql/$(printf '%04d' $((files + 3)))_gap.sql"
out=$("$migrate" 2>&1); has "$out" "missing or there twice" "a gap in the numbers is refused"
rm "$sql/$(printf '%04d' $((files + 3)))_gap.sql"

PLATFORM_DB_URI=$(mariadb_root_uri "$dir" two)
"$migrate" --accounts 2>"$dir/err"; is $? 0 "accounts are made, by socket"
PET_DBA_DB_PASSWORD="it's \\secret" "$migrate" --accounts 2>>"$dir/err"; is $? 0 "and made again, one by password"
dba() { mariadb --no-defaults -u pet_dba "-pit's \\secret" -S "$dir/db.sock" -N -B -e "$1" two 2>&1; }
chmod 755 "$dir"; out=$("$migrate" --accounts --private-socket 2>&1); has "$out" "mode 0700" "no accounts without a secret where others reach the socket"
chmod 700 "$dir"
is "$(dba 'SELECT COUNT(*) FROM v_stuck')" 0 "the DBA reads the views"
has "$(dba 'SELECT channel_key FROM job_group')" "denied" "but no channel keys"
has "$(dba 'DELETE FROM event')" "denied" "and changes nothing"
