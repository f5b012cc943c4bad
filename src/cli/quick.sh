#!/usr/bin/env bash
# The part of ./quickstart that runs as an ordinary user, from the installed tree: two homes, one job.
#   quick.sh RUN start|stop|status|clean
set -euo pipefail
RUN=$1 INST=$1/inst
. "$INST/share/petplatform/mariadb.sh"
. "$INST/share/petplatform/home.sh"
A=$RUN/party_a B=$RUN/party_b
base_port=${PET_PORT:-8400}

# A private folder of our own, short enough for unix sockets; somebody else's is never used.
runtime_folder() {
  local dir
  dir=/tmp/pet-$(id -u)-$(printf %s "$RUN" | cksum | cut -c1-6)
  mkdir -p -m 700 "$dir"
  if [ -L "$dir" ] || [ ! -O "$dir" ]; then echo "$dir is a link or belongs to somebody else: remove it, or start from a checkout at another path" >&2; return 73; fi
  chmod 700 "$dir"
  echo "$dir"
}

# Two lists of customers that share every third row of A; made here, the same at every run.
sample_data() {
  [ -f "$A/data/customers.csv" ] || awk 'BEGIN {
    print "id,age,visits"
    for (i = 1; i <= 300; i++) printf "c%05d,%d,%d\n", (i * 7919) % 99991, 18 + (i * 31) % 60, (i * 17) % 40 }' >"$A/data/customers.csv"
  [ -f "$B/data/accounts.csv" ] || awk 'BEGIN {
    print "id,balance,segment"
    for (i = 3; i <= 300; i += 3) printf "c%05d,%.2f,%s\n", (i * 7919) % 99991, (i * 977) % 100000 / 10, i % 2 ? "retail" : "business"
    for (i = 301; i <= 500; i++) printf "c%05d,%.2f,%s\n", (i * 7919) % 99991, (i * 977) % 100000 / 10, i % 2 ? "retail" : "business" }' >"$B/data/accounts.csv"
}

request() {
  cat <<'JSON'
{
  "mission_name": "psi",
  "mission_version": 1,
  "mission_params": {
    "party_a": {"column_name": "id", "inputs": {"data": "data/customers.csv"}, "outputs": {"data": "data/psi_result.csv"}},
    "party_b": {"column_name": "id", "inputs": {"data": "data/accounts.csv"}, "outputs": {"data": "data/psi_result.csv"}}
  }
}
JSON
}

make_homes() {
  local runtime
  runtime=$(runtime_folder)
  home_make "$A" party_a "$base_port" $((base_port + 10)) "$runtime/a"
  home_make "$B" party_b $((base_port + 1)) $((base_port + 11)) "$runtime/b"
  home_parties "$A/etc/party.json" "$A" "$B"
  cp "$A/etc/party.json" "$B/etc/party.json"
  home_configure "$A"
  home_configure "$B"
  sample_data
  request >"$RUN/psi.json"
}

grant() {
  local db
  db=$(home_get "$B" runtime)/db
  mariadb_sql "$db" petplatform "INSERT INTO data_grant (mission, peer, input_path, output_dir, note)
    SELECT 'psi', 'party_a', 'accounts.csv', '.', 'quick start' FROM DUAL
    WHERE NOT EXISTS (SELECT 1 FROM data_grant WHERE note = 'quick start')"
  echo "granted at party_b: party_a may run mission psi on accounts.csv, results below the data folder (table data_grant)"
}

json_word() { # KEY: the string value of a key in the JSON on stdin; enough for this script's own answers
  sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p' | head -n 1
}

run_job() {
  local url answer id status last='' i
  url=http://127.0.0.1:$(home_get "$A" http)
  echo "+ curl -s $url/job/submit -H 'Content-Type: application/json' -d @run/psi.json"
  answer=$(curl -sS -m 20 "$url/job/submit" -H 'Content-Type: application/json' -d @"$RUN/psi.json")
  echo "$answer"
  id=$(json_word job_id <<<"$answer")
  [ -n "$id" ] || { echo "the job was not accepted" >&2; return 1; }
  for ((i = 0; i < 60; i++)); do
    answer=$(curl -sS -m 20 "$url/job/status?job_id=$id&wait=2")
    status=$(json_word status <<<"$answer")
    if [ "$answer" != "$last" ]; then echo "$status $(json_word progress <<<"$answer")"; last=$answer; fi
    case $status in SUCCESS) break ;; FAILED|CANCELED) break ;; esac
  done
  if [ "$status" != SUCCESS ]; then echo "$answer"; echo "the job did not end with SUCCESS; logs: run/party_a/log, run/party_b/log" >&2; return 1; fi
  echo "SUCCESS"
  echo "party_a's result ($(($(wc -l <"$A/data/psi_result.csv") - 1)) rows, run/party_a/data/psi_result.csv):"
  head -n 4 "$A/data/psi_result.csv"
  echo "party_b's result ($(($(wc -l <"$B/data/psi_result.csv") - 1)) rows, run/party_b/data/psi_result.csv):"
  head -n 4 "$B/data/psi_result.csv"
  cat <<EOF

Try next (docs/api.md):
  curl -s '$url/job/status?job_id=$id'
  curl -s 'http://127.0.0.1:$(home_get "$B" http)/job/status?job_id=$id'        the same job at the other party
  curl -s $url/job/submit -H 'Content-Type: application/json' -d @run/psi.json
  curl -s $url/job/kill   -H 'Content-Type: application/json' -d '{"job_id": "JOB"}'
  curl -s $url/job/rerun  -H 'Content-Type: application/json' -d '{"job_id": "JOB"}'
  ./quickstart status | stop | clean
EOF
}

case ${2:-start} in
  start)
    make_homes
    pids=()
    for home in "$A" "$B"; do home_start "$home" & pids+=($!); done
    for pid in "${pids[@]}"; do wait "$pid"; done
    home_ready "$A"
    home_ready "$B"
    grant
    run_job
    ;;
  stop)
    home_stop "$A"
    home_stop "$B"
    rmdir "$(runtime_folder)"
    echo "stopped"
    ;;
  status)
    rc=0
    for home in "$A" "$B"; do
      if [ -f "$home/home.conf" ]; then home_status "$home" || rc=1; else echo "${home##*/} was never started"; rc=1; fi
    done
    exit $rc
    ;;
esac
