# One party's nginx, App Server and database without scheduler and gateway, from the build tree. Sourced by the API's
# tests and bench; uses the same homes as the quick start.
#
#   api_up DIR [WORKERS]   a home DIR/a (party_a; party_b is in the party file too), DIR short
#   api_down DIR           ends everything that api_up started; safe at any time
#   api_sql STATEMENT      as the database's administrator
#   $API_HOME $API_URL     after api_up
. "$abs_top_srcdir/tests/it/mariadb.sh"
. "$abs_top_srcdir/src/cli/home.sh"
HOME_PROCESSES="api nginx"

api_free_port() {
  local port
  for _ in 1 2 3 4 5 6 7 8 9; do
    port=$((20000 + RANDOM % 12000))
    if port_free $port; then echo $port; return; fi
  done
  return 1
}

# An installed tree as symbolic links into source and build.
api_inst() {
  mkdir -p "$1/share/petplatform" "$1/sbin" &&
  ln -sfn "$abs_top_srcdir/nginx" "$1/share/petplatform/nginx" &&
  ln -sfn "$abs_top_srcdir/sql" "$1/share/petplatform/sql" &&
  ln -sf "$abs_top_builddir/pet-api" "$abs_top_builddir/pet-migrate" "$1/sbin/"
}

api_up() {
  local dir=$1 port
  INST=$dir/inst API_HOME=$dir/a HOME_API_WORKERS=${2:-1}
  port=$(api_free_port) && api_inst "$INST" || return
  home_make "$dir/a" party_a "$port" 1 "$dir/r" && home_make "$dir/b" party_b 2 3 "$dir/rb" &&
  home_parties "$dir/a/etc/party.json" "$dir/a" "$dir/b" && home_configure "$dir/a" || return
  # nginx's workers would run as nobody, who may not enter our folder.
  if [ "$(id -u)" = 0 ]; then sed -i '1i user root;' "$dir/a/etc/nginx.conf"; fi
  API_URL=http://127.0.0.1:$port
  home_start "$dir/a"
}

api_down() {
  INST=$1/inst
  home_stop "$1/a" >/dev/null 2>&1
  rm -rf "$1"
}

api_sql() { mariadb_sql "$(home_get "$API_HOME" runtime)/db" petplatform "$1"; }

# Mission psi as the scheduler would have loaded it, and one whose operator is missing.
api_missions() {
  local dag='{"meta":{"name":"psi","version":1},"operators":[{"class":"psi","name":"psi_a","party":"party_a"},{"class":"psi","name":"psi_b","party":"party_b"}]}'
  local params='{"psi":{"name":"psi","version":"1.0","params":{"type":"object","properties":{"column_name":{"type":["string","array"],"items":{"type":"string"},"x-party":true},"receiver":{"type":"string","enum":["both","party_a","party_b"],"default":"both","x-party":false}},"required":["column_name"]},"inputs":{"properties":{"data":{"type":"string"}},"required":["data"]},"outputs":{"properties":{"data":{"type":"string"}},"required":[]}}}'
  api_sql "INSERT INTO mission (name, version, digest, dag, params, missing) VALUES
    ('psi', 1, REPEAT(CHAR(171), 32), '$dag', '$params', ''), ('leiden', 1, REPEAT(CHAR(1), 32), '$dag', '$params', 'leiden')"
}

api_params='"mission_params": {
  "party_a": {"column_name": "id", "inputs": {"data": "data/a.csv"}, "outputs": {"data": "data/out/r.csv"}},
  "party_b": {"column_name": "id", "inputs": {"data": "data/b.csv"}, "outputs": {"data": "data/out/r.csv"}}}'

# api_finished JOB_ID: a job of two tasks that succeeded.
api_finished() {
  curl -fsS -m 20 -o /dev/null -H 'Content-Type: application/json' "$API_URL/job/submit" \
    -d "{\"mission_name\": \"psi\", \"job_id\": \"$1\", $api_params}" || return
  api_sql "UPDATE task t JOIN job j ON j.id = t.job JOIN job_group g ON g.id = t.job_group
      SET j.status = 'SUCCESS', j.waiting_for = '', j.accepted = 'accepted', j.started_at = NOW(6), j.ended_at = NOW(6), g.state = 'DONE',
        t.status = 'SUCCESS', t.progress = 1, t.stage = 'done', t.attempt = 1, t.started_at = NOW(6), t.ended_at = NOW(6),
        t.bytes_sent = 123456, t.bytes_received = 234567, t.rounds = 12, t.peak_rss_bytes = 34567890
      WHERE j.job_id = '$1'"
}
