#!/usr/bin/env bash
# Users over real HTTP: pet user, tokens, isolation, limits, the REST client, and configurations that must not start.
set -u
. "$abs_top_srcdir/tests/it/api.sh"
dir=$(mktemp -d /tmp/petusr.XXXXXX)
trap 'api_down "$dir"' EXIT
n=0
ok() { # NAME STATUS
  n=$((n + 1))
  if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
code='' body=''
call() { # TOKEN METHOD TARGET [CURL OPTION…]
  local token=$1 method=$2 target=$3
  shift 3
  code=$(curl -s -m 60 -o "$dir/body" -w '%{http_code}' -X "$method" ${token:+-H "Authorization: Bearer $token"} "$@" "$API_URL$target")
  body=$(cat "$dir/body" 2>/dev/null)
}
json() { call "$1" "$2" "$3" -H 'Content-Type: application/json' -d "$4"; }
expect() { # STATUS PART NAME
  local bad=
  n=$((n + 1))
  [ "$code" = "$1" ] || bad="status $code, want $1"
  case $body in *"$2"*) ;; *) bad="$bad; lacks '$2'" ;; esac
  if [ -z "$bad" ]; then echo "ok $n - $3"; else echo "not ok $n - $3"; echo "# $bad: $body"; fi
}
has() { # PART NAME: of the last call's body
  n=$((n + 1))
  case $body in *"$1"*) echo "ok $n - $2" ;; *) echo "not ok $n - $2"; echo "# $body" ;; esac
}
lacks() {
  n=$((n + 1))
  case $body in *"$1"*) echo "not ok $n - $2"; echo "# $body" ;; *) echo "ok $n - $2" ;; esac
}
user() { home_env "$API_HOME" "$(id -un)" "$abs_top_builddir/pet" user "$@" 2>"$dir/err"; }
job_of() { sed -n 's/.*"job_id": "\([^"]*\)".*/\1/p' <<<"$body"; }
restart() { proc_end "$API_HOME" api; home_up "$API_HOME" api >/dev/null; }
conf=$dir/a/etc/petplatform.conf

if ! api_up "$dir" 2 >"$dir/up.log" 2>&1; then
  sed 's/^/# /' "$dir/up.log"
  tail -n 3 "$dir"/a/log/api.log | sed 's/^/# /'
  echo "Bail out! the party does not start"
  exit 1
fi
api_missions
openssl rand -hex 32 >"$dir/secret"
sed -i 's/PET_ANONYMOUS=1/PET_ANONYMOUS=0/' "$conf"
echo "PET_USER_SECRET_FILE=$dir/secret" >>"$conf"
restart
submit="{\"mission_name\": \"psi\", $api_params}"
echo "$submit" >"$dir/request.json"

# rows
user add alice; ok "pet user add" $?
user add --note 'works here too' bob; ok "with a note" $?
user add --role admin root; ok "an admin" $?
user add alice; [ $? = 65 ] && grep -q 'alice exists' "$dir/err"; ok "a name twice is refused" $?
user add party_b; [ $? = 64 ] && grep -q "a party's name" "$dir/err"; ok "a party's name is refused" $?
user add anonymous; [ $? = 64 ]; ok "anonymous is refused" $?
user add Alice; [ $? = 64 ]; ok "capitals are refused" $?
user add --role king eve; [ $? = 64 ] && grep -q 'operator, admin or node' "$dir/err"; ok "an unknown role is refused" $?
user add --role node eve; [ $? = 64 ] && grep -q 'another party' "$dir/err"; ok "role node is for parties" $?
user revoke nobody; [ $? = 65 ] && grep -q 'no user nobody' "$dir/err"; ok "nobody cannot be revoked" $?
user list >"$dir/list" && grep -q '^bob .*operator.*normal.*works here too$' "$dir/list" && grep -q '^root .*admin' "$dir/list"; ok "pet user list" $?
alice=$(user token alice) bob=$(user token --hs256 bob) root=$(user token --days 2 root)
[ -n "$alice" ] && [ -n "$bob" ] && [ -n "$root" ]; ok "pet user token" $?
mariadb --no-defaults -u pet_api -S "$dir/r/db/db.sock" -e "INSERT INTO api_user (name, role) VALUES ('eve', 'admin')" petplatform 2>/dev/null
[ $? != 0 ]; ok "the App Server's account cannot make users" $?
mariadb --no-defaults -u pet_api -S "$dir/r/db/db.sock" -e "UPDATE api_user SET role = 'admin'" petplatform 2>/dev/null
[ $? != 0 ]; ok "nor promote them" $?

# who gets in
call '' GET /api/v1/jobs; expect 401 TOKEN_MISSING "no token"
json '' POST /job/submit "$submit"; expect 401 TOKEN_MISSING "no token at the public face"
call "$alice" GET /api/v1/jobs; expect 200 '"jobs": []' "EdDSA"
call "$bob" GET /api/v1/jobs; expect 200 '"jobs": []' "HS256"
call "${alice%?????}" GET /api/v1/jobs; expect 401 BAD_TOKEN "a cut token"
call "$(user token --seconds 1 alice)x" GET /api/v1/jobs; expect 401 BAD_TOKEN "a longer one"
call "$(PET_NODE_KEY=$dir/b/etc/node.key user token alice)" GET /api/v1/jobs; expect 401 BAD_TOKEN "signed by the other party's key"
b64url() { base64 -w0 | tr '+/' '-_' | tr -d =; }
forged=$(printf '{"alg":"HS256","typ":"JWT"}' | b64url).$(printf '{"name":"root","iat":%d,"exp":%d}' "$(date +%s)" $(($(date +%s) + 60)) | b64url)
mac=$(printf %s "$forged" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -v -tx1 "$dir/a/etc/node.pub" | tr -d ' \n')" -binary | b64url)
call "$forged.$mac" GET /api/v1/jobs; expect 401 BAD_TOKEN "HS256 with the public key as the secret"
forged=$(printf '{"alg":"none"}' | b64url).$(printf '{"name":"root","iat":%d,"exp":%d}' "$(date +%s)" $(($(date +%s) + 60)) | b64url)
call "$forged." GET /api/v1/jobs; expect 401 BAD_TOKEN "alg none"

# isolation
json "$alice" POST /api/v1/jobs "$submit"; expect 200 j_ "alice submits"
a=$(job_of)
json "$bob" POST /job/submit "$submit"; expect 200 j_ "bob submits"
b=$(job_of)
call "$alice" GET /api/v1/jobs; has "$a" "alice's list has alice's"; lacks "$b" "and not bob's"
has '"owner": "alice"' "with the owner's name"
call "$root" GET /api/v1/jobs; has "$a" "the admin's list has alice's"; has "$b" "and bob's"
for t in "GET /job/status?job_id=$a" "GET /job/status?job_id=$a&wait=5" "GET /api/v1/jobs/$a" "GET /api/v1/jobs/$a/tasks/psi_a/log" "POST /api/v1/jobs/$a/cancel" "POST /api/v1/jobs/$a/rerun"; do
  # shellcheck disable=SC2086
  call "$alice" ${t/POST*/GET /api/v1/jobs/$a}; expect 200 success "alice's job is there for alice: $t"
  # shellcheck disable=SC2086
  call "$bob" $t; expect 404 JOB_NOT_FOUND "and not for bob"
done
for t in kill rerun; do json "$bob" POST /job/$t "{\"job_id\": \"$a\"}"; expect 404 JOB_NOT_FOUND "/job/$t by bob"; done
json "$bob" POST /job/submit "{\"mission_name\": \"psi\", \"job_id\": \"$a\", $api_params}"; expect 404 JOB_NOT_FOUND "alice's job_id by bob"
call "$root" GET "/job/status?job_id=$a"; expect 200 INIT "the admin sees it"
call "$root" POST "/api/v1/jobs/$b/cancel"; expect 200 true "and ends bob's"
[ "$(api_sql "SELECT GROUP_CONCAT(status ORDER BY id) FROM job")" = INIT,CANCELED ]; ok "nothing else was changed" $?

# the REST client, unchanged
if command -v python3 >/dev/null; then
  python3 "$abs_top_srcdir/tests/it/rest_client.py" "$API_URL" "$dir/secret" bob "$dir/request.json" >"$dir/py" 2>&1
  [ "$(tail -n 1 "$dir/py")" = ok ]; ok "rest_client.py" $?
  [ "$(tail -n 1 "$dir/py")" = ok ] || sed 's/^/# /' "$dir/py"
else
  skip rest_client.py "no python3 here"
fi
json "$bob" POST /api/v1/jobs "$submit"; expect 200 j_ "the same calls by curl: submit"
b=$(job_of)
call "$bob" GET "/api/v1/jobs?status=INIT&hours=24&limit=1"; expect 200 "$b" "list"
call "$bob" POST "/api/v1/jobs/$b/cancel"; expect 200 true "cancel without a body"
json "$bob" POST "/api/v1/jobs/$b/rerun" '{}'; expect 200 true "rerun"
call "$bob" GET "/api/v1/jobs/$b"; expect 200 '"job_status": "INIT"' "the job"
json "$bob" POST "/api/v1/jobs/$b/cancel" '{}'; expect 200 true "cancel with an empty object"

# revocation and rotation count at once
json "$alice" POST /api/v1/jobs "$submit"; w=$(job_of)
curl -s -m 60 -o "$dir/waited" -H "Authorization: Bearer $alice" "$API_URL/job/status?job_id=$w&wait=40" & waiter=$!
sleep 0.3	# most likely it waits now; if not, the answer is the same
user revoke alice; ok "pet user revoke" $?
call "$alice" GET /api/v1/jobs; expect 401 TOKEN_REVOKED "from the next request on"
call "$root" POST "/api/v1/jobs/$w/cancel"; expect 200 true "the job changes"
wait $waiter; grep -q TOKEN_REVOKED "$dir/waited"; ok "a call that waited for it learns nothing any more" $?
user token alice >/dev/null; [ $? = 65 ]; ok "a revoked user gets no token" $?
user restore alice; ok "pet user restore" $?
call "$alice" GET /api/v1/jobs; expect 401 TOKEN_REVOKED "the old token stays refused"
alice=$(user token alice)
call "$alice" GET "/api/v1/jobs/$a"; expect 200 "$a" "a new one is good"
newer=$(user rotate --token alice); ok "pet user rotate" $?
call "$alice" GET /api/v1/jobs; expect 401 TOKEN_REVOKED "the rotated token is refused"
alice=$newer
call "$alice" GET /api/v1/jobs; expect 200 "$a" "the new one is good"
api_sql "DELETE FROM api_user WHERE name = 'bob'"
call "$bob" GET /api/v1/jobs; expect 401 TOKEN_REVOKED "a user without a row"

# two keys, then only the new one
openssl genpkey -algorithm ed25519 -out "$dir/new.key" 2>/dev/null && openssl pkey -in "$dir/new.key" -pubout -out "$dir/new.pub"
cat "$dir/a/etc/node.pub" "$dir/new.pub" >"$dir/keys.pub"
echo "PET_USER_KEYS=$dir/keys.pub" >>"$conf"
restart
new=$(PET_USER_SIGN_KEY=$dir/new.key user token alice)
call "$alice" GET /api/v1/jobs; expect 200 "$a" "two keys: the old one's token"
call "$new" GET /api/v1/jobs; expect 200 "$a" "and the new one's"
sed -i "s,^PET_USER_KEYS=.*,PET_USER_KEYS=$dir/new.pub," "$conf"
restart
call "$alice" GET /api/v1/jobs; expect 401 BAD_TOKEN "the rotated-out key's token"
call "$new" GET /api/v1/jobs; expect 200 "$a" "the new key's"

# limits
user limit --queued 3 alice; ok "pet user limit" $?
user list | grep -q '^alice .* 3 '; ok "is listed" $?
pids=
for i in 1 2 3 4 5 6 7 8; do
  curl -s -m 60 -o "$dir/race$i" -H "Authorization: Bearer $new" -H 'Content-Type: application/json' -d "$submit" "$API_URL/api/v1/jobs" & pids="$pids $!"
done
wait $pids
[ "$(api_sql "SELECT COUNT(*) FROM job WHERE owner = 'alice' AND status = 'INIT'")" = 3 ]; ok "eight at once, and no more than three are queued" $?
[ "$(cat "$dir"/race? | grep -c LIMIT_QUEUED_JOBS)" = 6 ]; ok "the others got the limit's name" $?
json "$new" POST /job/submit "$submit"; expect 429 LIMIT_QUEUED_JOBS "the next one too"
call "$new" GET "/job/status?job_id=$a"; expect 200 INIT "reading is not limited by it"
json "$root" POST /job/submit "$submit"; expect 401 BAD_TOKEN "(root's token is of the old key)"
user limit --queued 0 --running 1 alice; api_sql "UPDATE job SET status = 'RUNNING' WHERE job_id = '$a'"
json "$new" POST /job/submit "$submit"; expect 429 LIMIT_RUNNING_JOBS "running jobs"
user limit --running default --bytes-per-day 1000 alice
json "$new" POST /job/submit "$submit"; expect 200 j_ "bytes: below"
api_sql "UPDATE task t JOIN job j ON j.id = t.job SET t.bytes_sent = 700, t.bytes_received = 300 WHERE j.job_id = '$a' AND t.party = 'party_a'"
json "$new" POST /job/submit "$submit"; expect 429 LIMIT_BYTES_PER_DAY "bytes: at the limit"
api_sql "UPDATE job SET created_at = created_at - INTERVAL 2 DAY WHERE job_id = '$a'"
json "$new" POST /job/submit "$submit"; expect 200 j_ "bytes: yesterday's are over"
user limit --queued 'many' alice; [ $? = 64 ]; ok "a limit that is no number is refused" $?
json "$new" POST /api/v1/jobs "{\"mission_name\": \"psi\", \"dry_run\": true, $api_params}"; expect 200 dry_run "a dry run is no job"

# another party: revoked at once, and limited
node() { # PATH BODY
  call "$("$abs_top_builddir/tests/unit/make_token" "$dir/b/etc/node.key" party_b party_a POST "$1" "$2")" POST "$1" -H 'Content-Type: application/json' -d "$2"
}
node /api/v1/peer/jobs '{}'; expect 400 BAD_FIELD "party_b is let in"
user add --role node party_b && user revoke party_b
node /api/v1/peer/jobs '{}'; expect 401 TOKEN_REVOKED "party_b revoked"
node /api/v1/peer/reconcile 'no json'; expect 401 TOKEN_REVOKED "before anything is read"
user restore party_b	# from the next second on: its tokens are made each for one request
for ((i = 0; i < 100; i++)); do node /api/v1/peer/jobs '{}'; [ "$code" != 401 ] && break; sleep 0.1; done
expect 400 BAD_FIELD "and restored"
user token party_b; [ $? = 65 ] && grep -q 'signs its own' "$dir/err"; ok "a party gets no user token" $?
call "$("$abs_top_builddir/tests/unit/make_token" "$dir/a/etc/node.key" party_a party_b GET /api/v1/jobs '')" GET /api/v1/jobs; expect 401 BAD_TOKEN "a node token of this party itself is no user token"

# requests per second, of one token
sed -i 's/zone=petplatform_user:8m rate=100r.s/zone=petplatform_user:8m rate=1r\/m/; ' "$dir/a/etc/nginx.conf"
sed -i 's/zone=petplatform_user burst=200 nodelay/zone=petplatform_user burst=2 nodelay/' "$dir/a/etc/petplatform-server.conf"
proc_end "$API_HOME" nginx; home_up "$API_HOME" nginx >/dev/null
for i in 1 2 3; do call "$new" GET /api/v1/missions; done; expect 200 missions "three in a burst of two and one"
call "$new" GET /api/v1/missions; expect 429 LIMIT_REQUESTS_PER_SECOND "the fourth has the limit's name"
call "$(PET_USER_SIGN_KEY=$dir/new.key user token --days 3 alice)" GET /api/v1/missions; expect 200 missions "another token has its own count"
call '' GET /healthz; expect 200 true "health is not counted with them"

# what must not start, and says why
refuses() { # KEY=VALUE PART NAME
  (cp "$conf" "$dir/bad.conf"; sed -i "/^${1%%=*}=/d" "$dir/bad.conf"; echo "$1" >>"$dir/bad.conf"
   PET_CONF=$dir/bad.conf PLATFORM_DB_URI=$(home_db_uri "$API_HOME" pet_api) PET_RUN_DIR=$dir timeout 20 "$abs_top_builddir/pet-api" >"$dir/start.log" 2>&1 </dev/null)
  local rc=$?
  n=$((n + 1))
  if [ $rc = 78 ] && grep -q "${1%%=*}" "$dir/start.log" && grep -q "$2" "$dir/start.log"; then echo "ok $n - $3"; else echo "not ok $n - $3"; echo "# exit status $rc: $(tail -n 1 "$dir/start.log")"; fi
}
refuses PARTY= 'PARTY is not set' "no PARTY"
refuses PARTY=party_z party_z "a PARTY that the file does not name"
echo short >"$dir/short"; : >"$dir/empty"
refuses PET_USER_SECRET_FILE="$dir/short" '5 characters' "a short secret"
refuses PET_USER_SECRET_FILE="$dir/empty" empty "an empty secret"
refuses PET_USER_SECRET_FILE="$dir/new.pub" PEM "a public key as the secret"
refuses PET_USER_SECRET_FILE="$dir/none" "$dir/none" "a secret's file that is not there"
refuses PET_USER_KEYS="$dir/short" Ed25519 "no key"
refuses PET_USER_KEYS="$dir/empty" Ed25519 "an empty file of keys"
refuses PET_USER_KEYS="$dir/none" "$dir/none" "a key file that is not there"
refuses PET_USER_TOKEN_LIFE_MAX=forever 'expected an integer' "a life that is no number"
refuses PET_ANONYMOUS=yes 'expected an integer' "PET_ANONYMOUS of another kind"
refuses PET_LIMIT_QUEUED_JOBS=-1 'expected an integer' "a negative limit"
refuses PET_PEER_LIMIT_RUNNING_JOBS=x 'expected an integer' "a peer's limit that is no number"
refuses CONFIG_FILE="$dir/none.json" none.json "no party file" 
sed 's/BEGIN PUBLIC KEY/BEGIN PUBLIC KEX/' "$dir/a/etc/party.json" >"$dir/party.json"
refuses CONFIG_FILE="$dir/party.json" public_key "a party's key that is none"
echo "1..$n"
