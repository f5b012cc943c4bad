# Two real parties for end-to-end tests: private MariaDB, nginx, API, scheduler, spawner and gateway each, in a
# temporary folder, on free loopback ports, as an ordinary user. Sourced by tests/it/0*.t:
#
#   . "$abs_top_srcdir/tests/it/parties.sh"
#   parties_setup "$@"      installs the build into $dir/inst; as root, runs the test again as an ordinary user
#   parties_start           makes and starts $A and $B, waits until both are ready; ends them when the test ends
#
# Then: is, has, submit, job, field, wait_status, sql_at.

is() { # GOT WANT NAME
  n=$((n + 1))
  if [ "$1" = "$2" ]; then echo "ok $n - $3"; else echo "not ok $n - $3"; printf "got '%s', want '%s'\n" "$1" "$2" | sed 's/^/# /'; fi
}
has() { # TEXT PART NAME
  n=$((n + 1))
  case $1 in *"$2"*) echo "ok $n - $3" ;; *) echo "not ok $n - $3"; printf "'%s' lacks '%s'\n" "$1" "$2" | sed 's/^/# /' ;; esac
}

shopt -s extglob

parties_setup() {
  n=0
  if [ -n "${PET_IT_DIR:-}" ]; then
    dir=$PET_IT_DIR
  else
    dir=$(mktemp -d /tmp/pit.XXXXXX)
    trap 'exit 1' INT TERM
    trap parties_remove EXIT
    mkdir -p "$dir/inst" "$dir/ops" "$dir/src" && chmod 755 "$dir"
    MAKEFLAGS= make -s -C "$abs_top_builddir" install prefix="$dir/inst" exec_prefix="$dir/inst" \
      systemdsystemunitdir="$dir/inst/systemd" >"$dir/install.log" 2>&1 || { cat "$dir/install.log" >&2; exit 1; }
    cp "$dir"/inst/libexec/petplatform/op-* "$abs_top_builddir"/op-test "$dir/ops/"
    [ ! -x "$abs_top_builddir/tests/it/sql_plain" ] || cp "$abs_top_builddir/tests/it/sql_plain" "$dir/inst/"
    cp -r "$abs_top_srcdir"/tests/it "$abs_top_srcdir"/tests/bench "$dir/src/"
    mkdir "$dir/missions"
    cp "$dir"/inst/share/petplatform/missions/*.yml "$abs_top_srcdir"/tests/it/missions/*.yml "$dir/missions/"
    export PET_IT_DIR=$dir
    # Servers do not run as root. The user may not be able to read the checkout, so everything it needs is in $dir.
    if [ "$(id -u)" = 0 ]; then
      chown -R nobody "$dir"
      parties_as_nobody "$@"
      exit $?
    fi
  fi
  trap parties_end EXIT
  trap 'exit 1' INT TERM
  parties_names
  export PET_OPERATOR_DIR=$dir/ops PET_MISSION_DIR=$dir/missions
}

parties_names() {
  INST=$dir/inst A=$dir/a B=$dir/b
  . "$INST/share/petplatform/mariadb.sh"
  . "$INST/share/petplatform/home.sh"
}

# The inner shell ends the homes. A signal is passed on to it, and $dir stays until it is gone; if it died without
# cleaning up, the homes are ended here.
parties_as_nobody() {
  local inner rc=1
  (cd / && exec setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups \
    env HOME=/ USER=nobody bash "$dir/src/$(basename "$(dirname "$0")")/${0##*/}" "$@") &
  inner=$!
  trap 'kill "$inner" 2>/dev/null' INT TERM
  while kill -0 "$inner" 2>/dev/null; do wait "$inner"; rc=$?; done
  return $rc
}

parties_remove() {
  trap '' INT TERM
  if [ -d "$dir/a" ] || [ -d "$dir/b" ]; then
    parties_names
    home_stop "$A" >/dev/null 2>&1
    home_stop "$B" >/dev/null 2>&1
  fi
  [ -n "${PET_IT_KEEP:-}" ] || rm -rf "$dir"
}

parties_end() {
  local p
  trap '' INT TERM
  for p in "$A" "$B"; do
    [ -z "${PET_IT_KEEP:-}" ] || tail -n 40 "$p"/log/*.log | sed 's/^/# /'
    home_stop "$p" >/dev/null 2>&1
  done
  [ -n "${PET_IT_KEEP:-}" ] || rm -rf "$dir"
}

free_port() { # a port nobody listens on now, from a random place
  local p i
  for ((i = 0; i < 200; i++)); do
    p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if port_free "$p"; then echo "$p"; return; fi
  done
  return 1
}

parties_start() {
  local p pids=()
  HOME_EXTRA_CONF="PET_TEST_OPERATORS=1
${HOME_EXTRA_CONF:-}"
  home_make "$A" party_a "$(free_port)" "$(free_port)" "$dir/ra" && home_make "$B" party_b "$(free_port)" "$(free_port)" "$dir/rb" &&
    home_parties "$A/etc/party.json" "$A" "$B" && cp "$A/etc/party.json" "$B/etc/party.json" || exit 1
  for p in "$A" "$B"; do home_configure "$p"; done
  for p in "$A" "$B"; do home_start "$p" & pids+=($!); done
  for p in "${pids[@]}"; do wait "$p" || { echo "Bail out! a party did not start"; exit 1; }; done
  for p in "$A" "$B"; do home_ready "$p" || { echo "Bail out! a party is not ready"; exit 1; }; done
}

api() { # HOME PATH [BODY]: the answer, whatever its status
  if [ $# -gt 2 ]; then
    curl -sS -m 30 -H 'Content-Type: application/json' -d "$3" "http://127.0.0.1:$(home_get "$1" http)$2"
  else
    curl -sS -m 30 "http://127.0.0.1:$(home_get "$1" http)$2"
  fi
}

# The value of a string key at the top of an answer (the answers print their own keys before any nested ones).
top_field() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | sed 's/.*: *"//; s/"$//'; }

submit() { api "$1" /job/submit "$2" | top_field job_id; }	# HOME BODY: the job's id
status_of() { api "$1" "/job/status?job_id=$2" | top_field status; }

wait_status() { # HOME JOB SECONDS PATTERN: prints the status once it matches or has ended, or the last one
  local s i
  for ((i = 0; i < $3 * 10; i++)); do
    s=$(status_of "$1" "$2")
    # shellcheck disable=SC2254
    case $s in $4 | SUCCESS | FAILED | CANCELED) break ;; esac
    sleep 0.1
  done
  echo "$s"
}
wait_end() { wait_status "$1" "$2" "${3:-60}" "@(SUCCESS|FAILED|CANCELED)"; }
wait_epoch() { # HOME JOB EPOCH: prints the epoch once the rerun has arrived there, or the last one
  local e i
  for ((i = 0; i < 200; i++)); do
    e=$(sql_at "$1" "SELECT epoch FROM job WHERE job_id = '$2'")
    [ "$e" = "$3" ] && break
    sleep 0.1
  done
  echo "$e"
}

sql_at() { mariadb_sql "$(home_get "$1" runtime)/db" petplatform "$2"; }	# HOME STATEMENT
grant_at() { # HOME MISSION INPUT: the other party may run MISSION on INPUT
  sql_at "$1" "INSERT INTO data_grant (mission, peer, input_path, output_dir) VALUES ('$2', '$(home_get "$1" party | sed 's/a$/X/; s/b$/a/; s/X$/b/')', '$3', '.')"
}
