#!/usr/bin/env bash
# Every refusal of docs/api.md over real HTTP: nginx, pet-api and a database; no scheduler, no gateway.
set -u
. "$abs_top_srcdir/tests/it/api.sh"
dir=$(mktemp -d /tmp/petapi.XXXXXX)
trap 'api_down "$dir"' EXIT
n=0
ok() { # NAME STATUS
  n=$((n + 1))
  if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

code='' body='' head=''
# call METHOD TARGET [CURL OPTION…]: sets code, body, head
call() {
  local method=$1 target=$2
  shift 2
  code=$(curl -s -m 60 -o "$dir/body" -D "$dir/head" -w '%{http_code}' -X "$method" "$@" "$API_URL$target")
  body=$(cat "$dir/body" 2>/dev/null) head=$(cat "$dir/head" 2>/dev/null)
}
json() { call "$1" "$2" -H 'Content-Type: application/json' -d "$3"; }
# expect STATUS PART NAME: of the last call; every failure must have the contract's shape and type
expect() {
  local bad=
  n=$((n + 1))
  [ "$code" = "$1" ] || bad="status $code, want $1"
  case $body in *"$2"*) ;; *) bad="$bad; '$body' lacks '$2'" ;; esac
  case $head in *'ontent-Type: application/json'*) ;; *) bad="$bad; not of type JSON" ;; esac
  if [ "$1" -ge 400 ]; then
    case $body in '{"success": false, "error_code": "'[A-Z]*'", "error_message": "'*'"'*) ;; *) bad="$bad; not an error object: $body" ;; esac
  fi
  case $head in *nginx/*) bad="$bad; nginx tells its version" ;; esac
  if [ -z "$bad" ]; then echo "ok $n - $3"; else echo "not ok $n - $3"; printf '%s\n' "$bad" | sed 's/^/# /'; fi
}
header() { # PART NAME
  n=$((n + 1))
  case $head in *"$1"*) echo "ok $n - $2" ;; *) echo "not ok $n - $2"; printf '%s\n' "$head" | sed 's/^/# /' ;; esac
}
# raw BYTES: a request that curl would not make
raw() {
  exec 4<>"/dev/tcp/127.0.0.1/${API_URL##*:}"
  printf "$1" >&4
  timeout 20 cat <&4 >"$dir/raw"
  exec 4>&-
  code=$(sed -n '1s/HTTP[^ ]* \([0-9]*\).*/\1/p' "$dir/raw")
  head=$(sed '/^\r*$/q' "$dir/raw") body=$(sed '1,/^\r*$/d' "$dir/raw")
}

job=j_0123456789abcdef0
export PET_API_THREADS=4
if ! api_up "$dir" 2 >"$dir/up.log" 2>&1; then
  sed 's/^/# /' "$dir/up.log"
  tail -n 3 "$dir"/a/log/api.log | sed 's/^/# /'
  echo "Bail out! the party does not start"
  exit 1
fi
api_missions
submit="{\"mission_name\": \"psi\", $api_params}"

call GET /healthz; expect 200 party_a healthz
call GET /readyz; expect 503 SCHEDULER_AWAY "readyz without a scheduler"
api_sql "INSERT INTO scheduler (id) VALUES ('test')"
call GET /readyz; expect 503 GATEWAY_AWAY "readyz without a gateway"

# methods, paths, types
call GET /; expect 404 NO_SUCH_ENDPOINT "no such path"
call GET /job; expect 404 NO_SUCH_ENDPOINT "no such path below"
call GET /job/submit; expect 405 METHOD_NOT_ALLOWED "GET of submit"
header 'Allow: POST' "405 has Allow"
call DELETE "/job/status?job_id=$job"; expect 405 'GET, HEAD' "DELETE of status"
call POST /job/submit -d "$submit"; expect 415 NOT_JSON "a form is no JSON"
json POST /job/submit ''; expect 400 BAD_JSON "an empty body"
json POST /job/submit '[1, 2]'; expect 400 NOT_AN_OBJECT "a list"
json POST /job/submit '{
  "mission_name": "psi",
  "mission_params": {]
}'; expect 400 'line 3 column 22' "broken JSON with line and column"
json POST /job/submit '{"mission_name": "psi", "mission_name": "psi"}'; expect 400 duplicate "a key twice"
json POST /job/submit "$(printf '{"mission_name": "\xff"}')"; expect 400 BAD_JSON "not UTF-8"
head -c 1048577 /dev/zero | tr '\0' ' ' >"$dir/large"
call POST /job/submit -H 'Content-Type: application/json' --data-binary "@$dir/large"; expect 413 BODY_TOO_LARGE "over 1 MiB"
head -c 1048570 /dev/zero | tr '\0' ' ' >"$dir/large"
call POST /job/submit -H 'Content-Type: application/json' --data-binary "@$dir/large"; expect 400 BAD_JSON "just below 1 MiB is read"
call POST /job/submit -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' -d "{"; expect 400 BAD_JSON "chunked"

# nginx's own answers
raw 'GARBAGE\r\n\r\n'; expect 400 BAD_REQUEST "garbage instead of HTTP"
raw "GET /healthz HTTP/1.1\r\nHost: x\r\nX: $(head -c 40000 /dev/zero | tr '\0' a)\r\nConnection: close\r\n\r\n"; expect 400 HEADER_TOO_LARGE "huge headers"
raw "GET /$(head -c 9000 /dev/zero | tr '\0' a) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"; expect 414 URI_TOO_LONG "a long request line"
raw 'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'; expect 405 METHOD_NOT_ALLOWED TRACE
raw 'POST /job/kill HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n'; expect 501 BAD_TRANSFER_ENCODING "an unknown encoding"
raw 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'; expect 505 BAD_HTTP_VERSION "an unknown HTTP version"

# fields
json POST /job/submit "{\"mision_name\": \"psi\", $api_params}"; expect 400 "did you mean 'mission_name'" "unknown key with the nearest one"
json POST /job/submit "{\"mission_name\": 7, $api_params}"; expect 400 BAD_FIELD "wrong type"
json POST /job/submit '{"mission_name": "psi"}'; expect 400 MISSING_FIELD "missing key"
json POST /job/submit "{\"mission_name\": \"pis\", $api_params}"; expect 404 "did you mean 'psi'" "unknown mission"
json POST /job/submit "{\"mission_name\": \"psi\", \"mission_version\": 9, $api_params}"; expect 404 NO_SUCH_MISSION "unknown version"
json POST /job/submit "{\"mission_name\": \"leiden\", $api_params}"; expect 400 OPERATOR_NOT_INSTALLED "a mission whose operator is missing"
json POST /job/submit "${submit/\"column_name\"/\"colum_name\"}"; expect 400 UNKNOWN_PARAMETER "unknown parameter"
json POST /job/submit "${submit/data\/a.csv/data\/..\/..\/etc\/passwd}"; expect 400 BAD_PATH "a path that leaves"
json POST /job/submit "${submit/data\/a.csv/\/etc\/passwd}"; expect 400 BAD_PATH "an absolute path"
json POST /job/submit "{\"mission_name\": \"psi\", \"parties\": {\"party_b\": \"party_z\"}, $api_params}"; expect 400 UNKNOWN_PARTY "a party that is not in the party file"
json POST /job/submit "{\"mission_name\": \"psi\", \"main_party\": \"party_z\", $api_params}"; expect 400 main_party "a main party that takes no part"
json POST /job/submit "{\"mission_name\": \"psi\", \"job_id\": \"x\", $api_params}"; expect 400 job_id "a job_id of another pattern"
[ "$(api_sql 'SELECT COUNT(*) FROM job')" = 0 ]; ok "none of these created anything" $?

# jobs
json POST /job/submit "{\"mission_name\": \"psi\", \"dry_run\": true, $api_params}"; expect 200 '"dry_run": true' "dry run"
[ "$(api_sql 'SELECT COUNT(*) FROM job')" = 0 ]; ok "a dry run creates nothing" $?
json POST /job/submit "{\"mission_name\": \"psi\", \"job_id\": \"$job\", \"priority\": 5, $api_params}"; expect 200 "$job" "a job_id of one's own"
json POST /job/submit "{\"priority\": 5, $api_params, \"job_id\": \"$job\",  \"mission_name\": \"psi\"}"; expect 200 "$job" "the same body again is the same job"
[ "$(api_sql 'SELECT COUNT(*) FROM job')" = 1 ]; ok "there is one row" $?
json POST /job/submit "{\"mission_name\": \"psi\", \"job_id\": \"$job\", \"priority\": 6, $api_params}"; expect 409 error_code "another body under the same job_id"
api_sql "UPDATE job SET owner = 'somebody' WHERE job_id = '$job'"
json POST /job/submit "{\"mission_name\": \"psi\", \"job_id\": \"$job\", \"priority\": 5, $api_params}"; expect 404 error_code "somebody else's job_id"
api_sql "UPDATE job SET owner = 'anonymous' WHERE job_id = '$job'"
pids=
for i in 1 2 3 4 5 6; do
  curl -s -m 60 -H 'Content-Type: application/json' -d "{\"mission_name\": \"psi\", \"job_id\": \"j_racing_0123456789\", $api_params}" "$API_URL/job/submit" >"$dir/race$i" & pids="$pids $!"
done
wait $pids

# connections that nginx keeps
urls=$(for ((i = 0; i < 400; i++)); do echo "url = \"$API_URL/job/status?job_id=$job\""; echo 'output = "/dev/null"'; done)
good=$(echo "$urls" | curl -s -m 60 --no-keepalive -Z --parallel-max 40 -K - -w '%{http_code}\n' | grep -c '^200$')
[ "$good" = 400 ]; ok "400 calls by 40 at once over kept connections: $good" $?
read -r parent _ <"$dir/a/pid/api"
worker=$(cat "/proc/$parent/task/$parent/children"); worker=${worker%% *}
open=$(find "/proc/${worker:-$parent}/fd" -lname 'socket:*' | wc -l)
[ "$open" -lt 64 ]; ok "$open sockets are open afterwards" $?
[ "$(cat "$dir"/race? | grep -c '"success": true')" = 6 ] && [ "$(api_sql "SELECT COUNT(*) FROM job WHERE job_id = 'j_racing_0123456789'")" = 1 ]
ok "six at once make one job" $?

call GET "/job/status?job_id=$job"; expect 200 '"task_status": {"psi_a": "INIT", "psi_b": "INIT"}' status
call GET "/job/status"; expect 400 MISSING_FIELD "status without job_id"
call GET "/job/status?job_id=%zz"; expect 400 BAD_QUERY "a broken query string"
call GET "/job/status?job_id=j_00000000000000000000"; expect 404 JOB_NOT_FOUND "status of no job"
call GET "/api/v1/jobs/$job"; expect 200 '"job_status": "INIT"' "the REST form"
call GET "/api/v1/jobs?limit=1"; expect 200 '"cursor": ' "the list"
call GET "/api/v1/jobs/$job/tasks/psi_a/log"; expect 200 '"log": ' "a task's log"
call GET "/api/v1/jobs/$job/tasks/none/log"; expect 404 NO_SUCH_TASK "the log of no task"
call GET /api/v1/missions/psi; expect 200 '"parameters": {"psi"' "a mission's parameters"
json POST /job/rerun "{\"job_id\": \"$job\"}"; expect 409 error_code "rerun of a job that has not ended"

# waiting
start=$(date +%s%N)
call GET "/job/status?job_id=$job&wait=1"; expect 200 INIT "a wait without a change"
[ $((($(date +%s%N) - start) / 1000000)) -ge 900 ]; ok "it took its second" $?
curl -s -m 60 "$API_URL/job/status?job_id=$job&wait=40" >"$dir/waited" & waiter=$! pids=
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  curl -s -m 60 "$API_URL/job/status?job_id=$job&wait=40" >/dev/null & pids="$pids $!"
done
sleep 0.5
call GET "/job/status?job_id=$job"; expect 200 INIT "21 waiting calls do not starve 8 threads"
start=$(date +%s)
json POST /job/kill "{\"job_id\": \"$job\"}"; expect 200 true kill
wait $waiter
grep -q CANCELED "$dir/waited" && [ $(($(date +%s) - start)) -lt 30 ]; ok "the waiting call sees the change" $?
wait $pids
json POST /job/kill "{\"job_id\": \"$job\"}"; expect 409 error_code "kill of a finished job"
json POST /job/kill '{"job_id": "j_00000000000000000000"}'; expect 404 JOB_NOT_FOUND "kill of no job"
json POST /job/rerun "{\"job_id\": \"$job\"}"; expect 200 true "rerun of a canceled job"
call GET "/job/status?job_id=$job"; expect 200 '"epoch": 1' "the next epoch"
call POST "/api/v1/jobs/$job/cancel"; expect 200 true "cancel by the REST form"

# node tokens
token() { "$abs_top_builddir/tests/unit/make_token" "$dir/b/etc/node.key" party_b party_a "$@"; }
peer=/api/v1/peer/jobs/kill
body_text='{"protocol": 1}'
json POST $peer "$body_text"; expect 401 TOKEN_MISSING "a peer endpoint without a token"
header WWW-Authenticate "401 says how"
t=$(token POST $peer "$body_text")
node() { call POST $peer -H 'Content-Type: application/json' -H "Authorization: Bearer $1" -d "$2"; }
node "$t" '{"protocol": 2}'; expect 401 "another body" "a token for another body"
node "$(token POST /api/v1/peer/jobs "$body_text")" "$body_text"; expect 401 "another path" "a token for another path"
node "$("$abs_top_builddir/tests/unit/make_token" "$dir/a/etc/node.key" party_b party_a POST $peer "$body_text")" "$body_text"; expect 401 signature "a token of another key"
node "$("$abs_top_builddir/tests/unit/make_token" "$dir/a/etc/node.key" party_a party_a POST $peer "$body_text")" "$body_text"; expect 401 "this party itself" "a token of our own"
node "$t" "$body_text"
[ "$code" != 401 ] && [ "$code" != 500 ]; ok "a good token gets through" $?
node "$t" "$body_text"; expect 401 TOKEN_REPLAYED "once only"
call GET /api/v1/missions -H "Authorization: Bearer $t"; expect 401 BAD_TOKEN "a node is no user"
for e in jobs jobs/rerun groups/reserve groups/release groups/start groups/commit reconcile; do
  for text in '{}' '{"protocol": 1}' '{"protocol": 1, "job_id": [], "seq": -1, "epoch": "x"}'; do
    call POST /api/v1/peer/$e -H 'Content-Type: application/json' -H "Authorization: Bearer $(token POST /api/v1/peer/$e "$text")" -d "$text"
    [ "$code" -lt 500 ] || echo "# $e $text: $code $body"
    [ "$code" -lt 500 ]; ok "peer/$e: nonsense is never a 500" $?
  done
done

# the packaged default
sed -i 's/PET_ANONYMOUS=1/PET_ANONYMOUS=0/' "$dir/a/etc/petplatform.conf"
proc_end "$dir/a" api; home_up "$dir/a" api >/dev/null
json POST /job/submit "$submit"; expect 401 TOKEN_MISSING "without anonymous users"
call GET /api/v1/jobs; expect 401 TOKEN_MISSING "without anonymous users, the REST form"
sed -i 's/PET_ANONYMOUS=0/PET_ANONYMOUS=1/' "$dir/a/etc/petplatform.conf"
echo PET_API_BODY_MAX=2000 >>"$dir/a/etc/petplatform.conf"
proc_end "$dir/a" api; home_up "$dir/a" api >/dev/null
large=$(head -c 100000 /dev/zero | tr '\0' x) mixed=
for ((i = 0; i < 20; i++)); do
  json POST /job/submit "{\"x\": \"$large\"}"; mixed=$mixed$code
  call GET "/job/status?job_id=$job"; mixed=$mixed$code
done
[ "$mixed" = "$(for ((i = 0; i < 20; i++)); do printf 413200; done)" ]; ok "bodies that are not read leave the next request alone" $?
sed -i '/PET_API_BODY_MAX/d' "$dir/a/etc/petplatform.conf"
proc_end "$dir/a" api; home_up "$dir/a" api >/dev/null

# things that die
call GET "/job/status?job_id=$job"; expect 200 CANCELED "a restarted App Server knows the job"
mariadb_stop "$dir/r/db"
call GET "/job/status?job_id=$job"; expect 503 DATABASE_AWAY "database away"
json POST /job/submit "$submit"; expect 503 DATABASE_AWAY "database away at submit"
call GET /readyz; expect 503 DATABASE_AWAY "readyz without a database"
call GET /healthz; expect 200 true "healthz without a database"
mariadb_start "$dir/r/db" >/dev/null
for ((i = 0; i < 100; i++)); do call GET "/job/status?job_id=$job"; [ "$code" = 200 ] && break; sleep 0.1; done
expect 200 CANCELED "the database comes back"
proc_end "$dir/a" api
call GET "/job/status?job_id=$job"; expect 502 API_AWAY "App Server away"
n_logs=$(grep -c 'mission_params\|a\.csv' "$dir/a/log/api.log")
[ "$n_logs" = 0 ]; ok "the log holds no parameters" $?
echo "1..$n"
