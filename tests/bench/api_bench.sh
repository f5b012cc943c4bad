#!/usr/bin/env bash
# What `pet-bench api` measures against: nginx, pet-api, MariaDB with one finished job, and beside it the same nginx and
# MariaDB with other workers. Prints "url pids" lines when they are up, and ends everything when stdin ends.
#
#   api_bench.sh KIND WORKERS THREADS     KIND: api, fcgi (bench_peer), flask (peer_flask.py under gunicorn)
set -u
. "$abs_top_srcdir/tests/it/api.sh"
kind=$1 workers=$2
export PET_API_THREADS=$3
dir=$(mktemp -d /tmp/petab.XXXXXX)
peer=
trap 'if [ -n "$peer" ]; then kill "$peer" 2>/dev/null; wait "$peer" 2>/dev/null; fi; api_down "$dir"' EXIT
job=j_0123456789abcdef0
say() { sed 's/^/pet-bench: /' "$dir"/up.log >&2; tail -n 3 "$dir"/a/log/*.log >&2; exit 70; }
api_up "$dir" "$workers" >"$dir/up.log" 2>&1 && api_missions && api_finished $job || say
db=$dir/r/db/db.sock
worker=$(cut -d' ' -f1 "$dir/a/pid/api")
case $kind in
  fcgi)
    "$abs_top_builddir/bench_peer" "$dir/peer.sock" "$db" "$(id -un)" "$3" 2>"$dir/up.log" & peer=$! worker=$!
    for ((i = 0; i < 100; i++)); do [ -S "$dir/peer.sock" ] && break; sleep 0.05; done
    sed -i "s,server unix:.*;,server unix:$dir/peer.sock;,; /keepalive /d" "$dir/a/etc/nginx.conf"
    # libfcgi's own loop binds a thread to each connection that stays open.
    sed -i 's,fastcgi_keep_conn on;,fastcgi_keep_conn off;,' "$dir/a/etc/petplatform-server.conf"
    ;;
  flask)
    (cd "$abs_top_srcdir/tests/bench" && exec /usr/bin/python3 -m gunicorn -w 4 --log-level warning -b "unix:$dir/peer.sock" \
      --env "PEER_DB=mysql+pymysql://$(id -un)@/petplatform?unix_socket=$db" peer_flask:app) >"$dir/up.log" 2>&1 & peer=$! worker=$!
    for ((i = 0; i < 200; i++)); do [ -S "$dir/peer.sock" ] && break; sleep 0.05; done
    sed -i "s,server unix:.*;,server unix:$dir/peer.sock;," "$dir/a/etc/nginx.conf"
    sed -i 's,fastcgi_pass .*;,proxy_pass http://petplatform_api;,; s,^ *fastcgi_.*,,' "$dir/a/etc/petplatform-server.conf"
    ;;
esac
nginx=$(cut -d' ' -f1 "$dir/a/pid/nginx")
if [ "$kind" != api ]; then
  proc_end "$dir/a" nginx
  home_launch "$dir/a" nginx
  nginx=$(cut -d' ' -f1 "$dir/a/pid/nginx")
fi
for ((i = 0; i < 200; i++)); do
  curl -fsS -m 5 -o /dev/null "$API_URL/job/status?job_id=$job" 2>"$dir/up.log" && break
  sleep 0.05
done
curl -fsS -m 5 -o /dev/null "$API_URL/job/status?job_id=$job" 2>"$dir/up.log" || say
pids() { echo "$1$(for c in $(cat /proc/"$1"/task/*/children); do printf ',%s' "$c"; done)"; }
echo "${API_URL##*:} /job/status?job_id=$job $(pids "$nginx") $(pids "$worker") $(cat "$dir/a/db/db.pid" 2>/dev/null || cat "$dir/r/db/db.pid")"
cat >/dev/null
