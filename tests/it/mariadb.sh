# A private MariaDB in a folder: no network, one unix socket, its own user. Sourced by tests and by the quick start.
#
#   mariadb_start DIR [OPTION…]  makes DIR/data when it is not there, starts the server, waits until it answers
#   mariadb_stop DIR             clean shutdown; SIGKILL after 20 s
#   mariadb_alive DIR
#   mariadb_root_uri DIR DB      the URI of the account that may do everything (the OS user's, over the socket)
#
# The socket is DIR/db.sock: DIR must be short (a unix path ends at 107 bytes). Needs mariadb-server-core only.

# A zombie has ended: whoever inherited it may be slow to notice.
mariadb_pid_lives() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) && [[ ${stat##*) } != Z* ]]
}

mariadb_alive() {
  local pid
  pid=$(cat "$1/db.pid" 2>/dev/null) && [ -n "$pid" ] && mariadb_pid_lives "$pid"
}

mariadb_root_uri() {
  echo "mysql:///$2?unix_socket=$1/db.sock&user=$(id -un)"
}

mariadb_start() {
  local dir=$1 user i
  shift
  user=$(id -un)
  if mariadb_alive "$dir"; then return 0; fi
  if [ ${#dir} -gt 95 ]; then echo "the folder's name is too long for a unix socket: $dir" >&2; return 64; fi
  # A starting server removes the temporary tables of every other one that shares its folder for them.
  mkdir -p "$dir/tmp"
  if [ ! -d "$dir/data/mysql" ]; then
    rm -rf "$dir/data.new"
    # --force: without it, a machine whose own name does not resolve is refused.
    TMPDIR=$dir/tmp mariadb-install-db --no-defaults --force --user="$user" --datadir="$dir/data.new" --skip-test-db --skip-name-resolve \
      --auth-root-authentication-method=socket --auth-root-socket-user="$user" >"$dir/db.log" 2>&1 || {
      tail -n 5 "$dir/db.log" >&2; echo "mariadb-install-db failed; see $dir/db.log" >&2; return 70; }
    mv "$dir/data.new" "$dir/data"
  fi
  rm -f "$dir/db.pid"
  # A session of its own: it ends by mariadb_stop, not by a terminal's Ctrl-C.
  setsid mariadbd --no-defaults --user="$user" --datadir="$dir/data" --tmpdir="$dir/tmp" --socket="$dir/db.sock" --pid-file="$dir/db.pid" \
    --skip-networking --skip-log-bin --innodb-log-file-size=32M --innodb-buffer-pool-size=64M \
    --performance-schema=OFF --character-set-server=utf8mb4 --log-error="$dir/db.log" "$@" \
    >>"$dir/db.log" 2>&1 </dev/null 9>&- &
  local server=$!
  for ((i = 0; i < 600; i++)); do
    if mariadb --no-defaults -u "$user" -S "$dir/db.sock" -e 'SELECT 1' >/dev/null 2>&1; then return 0; fi
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.05
  done
  echo "mariadbd did not start; the end of $dir/db.log:" >&2
  tail -n 5 "$dir/db.log" >&2
  return 70
}

mariadb_stop() {
  local pid i
  pid=$(cat "$1/db.pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for ((i = 0; i < 400; i++)); do
    mariadb_pid_lives "$pid" || return 0
    sleep 0.05
  done
  kill -9 "$pid" 2>/dev/null || true
}

# mariadb_create DIR DB: makes the database when it is not there.
mariadb_create() {
  mariadb --no-defaults -u "$(id -un)" -S "$1/db.sock" \
    -e "CREATE DATABASE IF NOT EXISTS \`$2\` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
}

# mariadb_sql DIR DB STATEMENT: rows without headings, tab separated.
mariadb_sql() {
  mariadb --no-defaults -u "$(id -un)" -S "$1/db.sock" -N -B -e "$3" "$2"
}
