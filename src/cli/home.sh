# A party home: everything one party needs, in one folder, run by one ordinary user. Sourced by the quick start and
# by the end-to-end tests. Wants INST (an installed tree: bin, sbin, libexec, share) and mariadb.sh beside this file.
#
#   home_make HOME PARTY HTTP_PORT NET_PORT RUNTIME   folders, keys, certificate; once
#   home_parties FILE HOME…                            the party file of these homes; give every home the same
#   home_configure HOME                                configuration files, after home_parties
#   home_start HOME | home_stop HOME | home_status HOME
#
#   HOME/etc    configuration, keys, certificates      HOME/data   the party's files (SAFE_WORK_DIR)
#   HOME/log    one file per process                   HOME/state  control folders of tasks (PET_STATE_DIR)
#   RUNTIME     unix sockets; short, since a socket's path ends at 107 bytes

home_get() { sed -n "s/^$2=//p" "$1/home.conf"; }

# The start time makes a recycled pid a different process.
# A zombie has ended: whoever inherited it may be slow to notice.
proc_start() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }

proc_alive() { # HOME NAME
  local pid start
  read -r pid start 2>/dev/null <"$1/pid/$2" || return 1
  [ -n "$start" ] && [ "$(proc_start "$pid")" = "$start" ]
}

proc_launch() { # HOME NAME COMMAND…
  local home=$1 name=$2 pid
  shift 2
  setsid "$@" >>"$home/log/$name.log" 2>&1 </dev/null 9>&- &
  pid=$!
  echo "$pid $(proc_start $pid)" >"$home/pid/$name"
}

proc_end() { # HOME NAME [SECONDS]
  local pid start i
  if proc_alive "$1" "$2"; then
    read -r pid start <"$1/pid/$2"
    kill "$pid" 2>/dev/null
    for ((i = 0; i < ${3:-10} * 20; i++)); do
      proc_alive "$1" "$2" || break
      sleep 0.05
    done
    if proc_alive "$1" "$2"; then kill -9 "$pid" 2>/dev/null; fi
  fi
  rm -f "$1/pid/$2"
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

home_make() {
  local home=$1 party=$2 http=$3 net=$4 runtime=$5
  mkdir -p "$home"/{etc,data,state,log,pid,nginx} && chmod 700 "$home" "$home/etc" || return
  if [ ! -f "$home/etc/node.key" ]; then
    (umask 077
      openssl genpkey -algorithm ed25519 -out "$home/etc/node.key" &&
      openssl pkey -in "$home/etc/node.key" -pubout -out "$home/etc/node.pub" &&
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 \
        -keyout "$home/etc/tls.key" -out "$home/etc/tls.crt" -subj "/CN=$party" \
        -addext "subjectAltName=DNS:$party" -addext "basicConstraints=critical,CA:TRUE") >"$home/log/openssl.log" 2>&1 || {
      echo "openssl could not make keys; see $home/log/openssl.log" >&2; return 70; }
  fi
  printf '%s\n' "party=$party" "http=$http" "net=$net" "runtime=$runtime" >"$home/home.conf"
}

# A PEM file as a JSON string.
pem_json() { awk '{printf "%s\\n", $0}' "$1"; }

home_parties() {
  local file=$1 home sep=
  shift
  {
    printf '{'
    for home in "$@"; do
      printf '%s\n  "%s": {\n' "$sep" "$(home_get "$home" party)"
      printf '    "petplatform": {"type": 1, "url": "http://127.0.0.1:%s"},\n' "$(home_get "$home" http)"
      printf '    "petnet": [{"type": 1, "url": "127.0.0.1:%s", "certificates": "%s"}],\n' \
        "$(home_get "$home" net)" "$(pem_json "$home/etc/tls.crt")"
      printf '    "public_key": "%s"\n  }' "$(pem_json "$home/etc/node.pub")"
      sep=,
    done
    printf '\n}\n'
  } >"$file"
}

home_db_uri() { # HOME ACCOUNT
  echo "mysql:///petplatform?unix_socket=$(home_get "$1" runtime)/db/db.sock&user=$2"
}

home_configure() {
  local home=$1 runtime share=$INST/share/petplatform
  runtime=$(home_get "$home" runtime)
  cat >"$home/etc/petplatform.conf" <<CONF
PARTY=$(home_get "$home" party)
CONFIG_FILE=$home/etc/party.json
SAFE_WORK_DIR=$home/data/
NETWORK_SCHEME=${NETWORK_SCHEME:-agent}
PET_RUN_DIR=$runtime
PET_STATE_DIR=$home/state
PET_NODE_KEY=$home/etc/node.key
PET_TLS_CERT=$home/etc/tls.crt
PET_TLS_KEY=$home/etc/tls.key
PET_NET_LISTEN=127.0.0.1:$(home_get "$home" net)
PET_SBIN_DIR=$INST/sbin
PET_OPERATOR_DIR=${PET_OPERATOR_DIR:-$INST/libexec/petplatform}
PET_MISSION_DIR=${PET_MISSION_DIR:-$share/missions}
PET_SQL_DIR=$share/sql
PET_ANONYMOUS=1
${HOME_EXTRA_CONF:-}
CONF
  sed -e "s,@HTTP_LISTEN@,127.0.0.1:$(home_get "$home" http),g" -e "s,@API_SOCKET@,$runtime/api.sock,g" \
    -e "s,@RUN_DIR@,$runtime,g" -e "s,@PREFIX@,$home/nginx,g" -e "s,@LOG_DIR@,$home/log,g" \
    "$share/nginx/nginx-private.conf.in" >"$home/etc/nginx.conf"
  cp "$share/nginx/petplatform-http.conf" "$share/nginx/petplatform-server.conf" "$home/etc/"
}

home_env() { # HOME ACCOUNT COMMAND…: as the party's daemons see the world
  local home=$1 account=$2
  shift 2
  env -u PARTY -u CONFIG_FILE PET_CONF="$home/etc/petplatform.conf" \
    PLATFORM_DB_URI="$(home_db_uri "$home" "$account")" "$@"
}

home_database() { # HOME: the server, the schema, the accounts
  local home=$1 runtime
  runtime=$(home_get "$home" runtime)/db
  # The folder's own name may be too long for a socket; its link in RUNTIME is not.
  mkdir -p "$home/db" && ln -sfn "$home/db" "$runtime" || return
  mariadb_start "$runtime" || return
  ln -sf "$home/db/db.log" "$home/log/mariadbd.log"
  mariadb_create "$runtime" petplatform || return
  home_env "$home" "$(id -un)" "$INST/sbin/pet-migrate" --accounts --private-socket >>"$home/log/migrate.log" 2>&1 || {
    echo "pet-migrate failed: $(tail -n 1 "$home/log/migrate.log")" >&2; return 70; }
}

home_wait() { # HOME NAME SECONDS COMMAND…: until the command succeeds or the process NAME is dead
  local home=$1 name=$2 i n=$(($3 * 20))
  shift 3
  for ((i = 0; i < n; i++)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    if ! proc_alive "$home" "$name"; then break; fi
    sleep 0.05
  done
  echo "$(home_get "$home" party): $name did not come up; the end of $home/log/$name.log: $(tail -n 1 "$home/log/$name.log" 2>/dev/null)" >&2
  return 70
}

home_http() { curl -fsS -m 5 "http://127.0.0.1:$(home_get "$1" http)$2"; }

HOME_PROCESSES="spawn netd api schedd nginx"

home_launch() { # HOME PROCESS
  local home=$1 conf="PET_CONF=$1/etc/petplatform.conf"
  case $2 in
    spawn) proc_launch "$home" spawn env "$conf" "$INST/sbin/pet-spawn" ;;
    netd) proc_launch "$home" netd env "$conf" "$INST/sbin/pet-netd" ;;
    api) proc_launch "$home" api env "$conf" PLATFORM_DB_URI="$(home_db_uri "$home" pet_api)" \
           "$INST/sbin/pet-api" --workers "${HOME_API_WORKERS:-2}" ;;
    schedd) proc_launch "$home" schedd env "$conf" PLATFORM_DB_URI="$(home_db_uri "$home" pet_sched)" \
              "$INST/sbin/pet-schedd" ;;
    nginx) proc_launch "$home" nginx "$(command -v nginx || echo /usr/sbin/nginx)" -p "$home/nginx/" \
             -c "$home/etc/nginx.conf" -e "$home/log/nginx.log" -g 'daemon off;' ;;
    *) echo "no process '$2' in a home" >&2; return 64 ;;
  esac
}

home_up() { # HOME PROCESS: launched unless it lives, and waited for
  local home=$1 runtime
  runtime=$(home_get "$home" runtime)
  if ! proc_alive "$home" "$2"; then
    # A dead process leaves its socket, which would look like a new one's.
    case $2 in
      netd) rm -f "$runtime/net.sock" ;;
      api|spawn) rm -f "$runtime/$2.sock" ;;
    esac
    home_launch "$home" "$2" || return
  fi
  case $2 in
    spawn) home_wait "$home" spawn 20 test -S "$runtime/spawn.sock" ;;
    netd) home_wait "$home" netd 20 test -S "$runtime/net.sock" ;;
    api) home_wait "$home" api 20 test -S "$runtime/api.sock" ;;
    nginx) home_wait "$home" nginx 20 home_http "$home" /healthz ;;
    schedd) : ;;	# waited for by /readyz, which looks at its heartbeat
  esac
}

home_start() {
  local home=$1 runtime p port
  runtime=$(home_get "$home" runtime)
  mkdir -p "$runtime" && chmod 700 "$runtime" || return
  for p in nginx:http netd:net; do
    port=$(home_get "$home" "${p#*:}")
    proc_alive "$home" "${p%:*}" || port_free "$port" || {
      echo "port $port of 127.0.0.1 is in use by another program: end it, or choose other ports" >&2; return 69; }
  done
  home_database "$home" || return
  for p in $HOME_PROCESSES; do home_up "$home" "$p" || return; done
}

# /readyz says 200 when database, scheduler and gateway are all up.
home_ready() { home_wait "$1" schedd 30 home_http "$1" /readyz; }

# Operators outlive the daemons by design; a home that is stopped ends them too.
home_end_operators() {
  local f pid start
  for f in "$1"/state/tasks/*/pid; do
    [ -f "$f" ] || continue
    read -r pid start _ <"$f"
    if [ -n "$start" ] && [ "$(proc_start "$pid")" = "$start" ]; then kill "$pid" 2>/dev/null; fi
  done
}

home_stop() {
  local home=$1 p runtime
  [ -f "$home/home.conf" ] || return 0
  runtime=$(home_get "$home" runtime)
  for p in nginx schedd; do proc_end "$home" "$p"; done
  home_end_operators "$home"
  for p in api netd spawn; do proc_end "$home" "$p"; done
  mariadb_stop "$runtime/db"
  rm -rf "$runtime"
}

home_status() { # one line per process; fails when one is dead
  local home=$1 p rc=0 party runtime
  party=$(home_get "$home" party)
  runtime=$(home_get "$home" runtime)
  if [ ! -d "$runtime" ]; then echo "$party stopped"; return 1; fi
  if mariadb_alive "$runtime/db"; then echo "$party mariadbd up"; else echo "$party mariadbd DEAD (log: $home/log/mariadbd.log)"; rc=1; fi
  for p in $HOME_PROCESSES; do
    if proc_alive "$home" "$p"; then
      echo "$party $p up"
    elif [ ! -f "$home/pid/$p" ]; then
      echo "$party $p not started"
      rc=1
    else
      echo "$party $p DEAD (log: $home/log/$p.log)"
      rc=1
    fi
  done
  return $rc
}
