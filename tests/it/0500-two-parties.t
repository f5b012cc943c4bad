#!/usr/bin/env bash
# Two real parties: PSI end to end, refusals, kill and rerun at both sides, failures, retries, a DAG with contexts.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
rm "$dir/ops/op-leiden"	# a mission whose operator is not installed
parties_start

psi_request() { # INPUT_A INPUT_B [EXTRA for party_a and party_b]
  printf '{"mission_name":"psi","mission_version":1,"mission_params":{%s"party_a":{"column_name":"id","inputs":{"data":"data/%s"},"outputs":{"data":"data/res.csv"}},"party_b":{"column_name":"id","inputs":{"data":"data/%s"},"outputs":{"data":"data/res.csv"}}}}' "${3:-}" "$1" "$2"
}
pair_request() { # PARAMS_A PARAMS_B [TOP]
  printf '{"mission_name":"pair"%s,"mission_params":{"exchange":1000,"party_a":{%s},"party_b":{%s}}}' "${3:-}" "$1" "$2"
}

# --- PSI ---------------------------------------------------------------------
printf 'id,v\n7,"seven, quoted"\n3,three\n10,ten\n1,one\n' >"$A/data/a.csv"
printf '\357\273\277w,id\r\nx,10\r\ny,2\r\nz,7\r\n\r\n' >"$B/data/b.csv"
printf 'id,v\n8,x\n9,y\n' >"$A/data/none.csv"
printf 'id,v\n1,x\n2,y\n1,z\n' >"$A/data/dup.csv"

job=$(submit "$A" "$(psi_request a.csv b.csv)")
is "$(wait_end "$A" "$job")" FAILED "without a grant the other party refuses"
answer=$(api "$A" "/job/status?job_id=$job")
has "$answer" "grant" "and the submitter reads why"
is "$(sql_at "$B" "SELECT COUNT(*) FROM job WHERE job_id = '$job'")" 0 "nothing was created there"

grant_at "$B" psi b.csv
grant_at "$A" psi a.csv
job=$(submit "$A" "$(psi_request a.csv b.csv)")
is "$(wait_end "$A" "$job")" SUCCESS "PSI succeeds"
is "$(wait_end "$B" "$job" 10)" SUCCESS "and is a success at the other party"
is "$(cat "$A/data/res.csv")" "$(printf 'id,v\n10,ten\n7,"seven, quoted"')" "A's rows, ordered by key"
is "$(tr -d '\r' <"$B/data/res.csv")" "$(printf 'w,id\nx,10\nz,7')" "B's rows align with them"
is "$(api "$A" "/job/status?job_id=$job" | grep -o '"progress": *"[^"]*"' | head -n 1 | tr -d ' ')" '"progress":"100.00%"' "progress is complete"
is "$(find "$A/data" "$B/data" "$A/state/tasks" "$B/state/tasks" -mindepth 1 -path '*.*.*.*' -name "$job*" | wc -l)" 0 "no staging is left"

job=$(submit "$B" "$(psi_request a.csv b.csv)")
is "$(wait_end "$B" "$job")" FAILED "the other party may submit too, but replaces no output of a user here"
is "$(cat "$A/data/res.csv")" "$(printf 'id,v\n10,ten\n7,"seven, quoted"')" "which keeps its content"
for again in "to a place of its own" "twice: it replaces its own earlier output"; do
  job=$(submit "$B" "$(psi_request a.csv b.csv | sed 's/res.csv/res_b.csv/g')")
  is "$(wait_end "$B" "$job")" SUCCESS "it writes $again"
done
job=$(submit "$A" "$(psi_request a.csv b.csv | sed 's/res.csv/res_b.csv/g')")
is "$(wait_end "$A" "$job")" FAILED "nor does a user here replace the other party's"
printf 'precious\n' >"$A/data/res2.csv"
job=$(submit "$B" "$(psi_request a.csv b.csv | sed 's/res.csv/res2.csv/')")
is "$(wait_end "$B" "$job")" FAILED "a file that is no earlier output is not replaced"
is "$(cat "$A/data/res2.csv")" precious "and keeps its content"

grant_at "$B" psi '*'
grant_at "$A" psi '*'
job=$(submit "$A" "$(psi_request none.csv b.csv)")
is "$(wait_end "$A" "$job")" SUCCESS "an empty intersection succeeds"
is "$(cat "$A/data/res.csv")" "id,v" "with a header-only file"
job=$(submit "$A" "$(psi_request dup.csv b.csv)")
is "$(wait_end "$A" "$job")" FAILED "duplicate keys are an error"
has "$(api "$A" "/job/status?job_id=$job")" "uplicate" "with its sentence at home"
is "$(wait_end "$B" "$job" 10)" FAILED "which ends the job at both"
job=$(submit "$A" "$(psi_request missing.csv b.csv)")
is "$(wait_end "$A" "$job")" FAILED "a missing input is an error"
has "$(api "$A" "/job/status?job_id=$job")" "missing.csv" "that names it at home"
n=$((n + 1)); if api "$B" "/job/status?job_id=$job" | grep -q missing.csv; then echo "not ok $n - and not at the other party"; else echo "ok $n - and not at the other party"; fi

# --- refusals ----------------------------------------------------------------
has "$(api "$A" /job/submit '{"mission_name":"psy","mission_params":{}}')" "'psi'" "a misspelt mission: the nearest is named"
has "$(api "$A" /job/submit '{"mission_name":"leiden","mission_params":{}}')" "not installed at this party: leiden" "a mission without its operator is refused by name"
has "$(api "$A" /job/submit "$(psi_request ../etc/passwd b.csv)")" "inputs.data" "a path that leaves the folder is refused with its place"
has "$(api "$A" /job/submit '{"mission_name":')" "line" "broken JSON is refused with its place"
has "$(api "$A" "/job/status?job_id=j_0000000000000000000")" '"success": false' "no such job"

# --- kill and rerun ----------------------------------------------------------
grant_at "$B" pair '*'; grant_at "$A" pair '*'; grant_at "$B" chain '*'
slow='"sleep_ms":60000'
operators() { # how many processes of the test's own operators there are
  local p count=0
  for p in $(pgrep -u "$(id -u)" -x op-test); do
    [ "$(readlink "/proc/$p/exe")" != "$dir/ops/op-test" ] || count=$((count + 1))
  done
  echo $count
}
for home in "$A" "$B"; do
  name=$(home_get "$home" party)
  job=$(submit "$A" "$(pair_request "$slow" "$slow")")
  is "$(wait_status "$A" "$job" 30 RUNNING)" RUNNING "a long job runs (to be killed at $name)"
  for ((i = 0; i < 200; i++)); do [ "$(operators)" -ge 2 ] && break; sleep 0.1; done
  is "$((i < 200))" 1 "with an operator at each party"
  is "$(api "$home" /job/kill "{\"job_id\":\"$job\"}" | tr -d ' ')" '{"success":true}' "kill at $name is accepted"
  is "$(wait_end "$A" "$job" 20)" CANCELED "canceled at party_a"
  is "$(wait_end "$B" "$job" 20)" CANCELED "canceled at party_b"
  for ((i = 0; i < 100; i++)); do [ "$(operators)" = 0 ] && break; sleep 0.1; done
  is "$(operators)" 0 "and its processes are gone"
  has "$(api "$home" /job/kill "{\"job_id\":\"$job\"}")" '"success": false' "a finished job cannot be killed"
done
has "$(api "$A" /job/rerun "{\"job_id\":\"$job\"}")" '"success": true' "rerun at party_a is accepted"
is "$(wait_epoch "$B" "$job" 1)" 1 "the rerun crosses"
is "$(wait_status "$B" "$job" 30 RUNNING)" RUNNING "it runs again at both"
api "$A" /job/kill "{\"job_id\":\"$job\"}" >/dev/null
is "$(wait_end "$B" "$job" 20)" CANCELED "and can be killed again"
wait_end "$A" "$job" 20 >/dev/null

# --- failures ----------------------------------------------------------------
job=$(submit "$A" "$(pair_request '"fail":"INPUT","fail_public":"public words","fail_local":"private words"' "$slow")")
is "$(wait_end "$A" "$job")" FAILED "a failing operator fails the job"
is "$(wait_end "$B" "$job" 20)" FAILED "at both parties, though the other one slept"
has "$(api "$B" "/job/status?job_id=$job")" "public words" "the other party reads the public text"
n=$((n + 1)); if api "$B" "/job/status?job_id=$job" | grep -q "private words"; then echo "not ok $n - and not the private one"; else echo "ok $n - and not the private one"; fi
has "$(api "$A" "/job/status?job_id=$job" | sed 's/.*"errors"//')" "words" "the root cause is among the errors at home"
job=$(submit "$A" "$(pair_request '"crash":11' '')")
is "$(wait_end "$A" "$job")" FAILED "a crashing operator fails the job"
job=$(submit "$A" "$(pair_request '"fail_attempts":1' '')")
is "$(wait_end "$A" "$job")" SUCCESS "a temporary failure is tried again"
is "$(sql_at "$B" "SELECT attempt FROM job_group g JOIN job j ON j.id = g.job WHERE j.job_id = '$job'")" 1 "as the second attempt at both"
job=$(submit "$A" "$(pair_request '"fail_attempts":1' '' ',"max_retries":0')")
is "$(wait_end "$A" "$job")" FAILED "but not without retries"
job=$(submit "$A" "$(pair_request "$slow" "$slow" ',"timeout_seconds":2')")
is "$(wait_end "$A" "$job" 30)" FAILED "a job ends at its timeout"
is "$(wait_end "$B" "$job" 20)" FAILED "at both parties"

# --- a DAG -------------------------------------------------------------------
chain() { printf '{"mission_name":"chain","mission_params":{"party_a":{"nap":0,"last_fail":"%s"},"party_b":{}}}' "$1"; }
job=$(submit "$A" "$(chain none)")
is "$(wait_end "$A" "$job")" SUCCESS "a DAG of three levels succeeds"
is "$(cat "$B/data/middle.txt")" "middle wrote from first_a" "a public result crossed to the other party's task"
is "$(cat "$A/data/last.txt")" "last saw from first_a" "and reached a later task at home"
job=$(submit "$A" "$(chain INPUT)")
is "$(wait_end "$A" "$job")" FAILED "its last group fails"
before=$(sql_at "$B" "SELECT t.ended_at FROM task t JOIN job j ON j.id = t.job WHERE j.job_id = '$job' AND t.name = 'middle_b'")
has "$(api "$B" /job/rerun "{\"job_id\":\"$job\"}")" '"success": true' "rerun at the follower"
is "$(wait_epoch "$A" "$job" 1)" 1 "starts it again at the leader"
is "$(wait_end "$A" "$job")" FAILED "it fails again"
is "$(sql_at "$B" "SELECT t.ended_at FROM task t JOIN job j ON j.id = t.job WHERE j.job_id = '$job' AND t.name = 'middle_b'")" "$before" "and finished groups kept their results"

wait_empty() { # HOME TABLE: prints how many rows are left
  local i rows
  for ((i = 0; i < 200; i++)); do
    rows=$(sql_at "$1" "SELECT COUNT(*) FROM $2")
    [ "$rows" = 0 ] && break
    sleep 0.1
  done
  echo "$rows"
}
for home in "$A" "$B"; do
  is "$(wait_empty "$home" outbox)" 0 "every message was delivered from $(home_get "$home" party)"
  is "$(wait_empty "$home" reservation)" 0 "no slot is held at the end at $(home_get "$home" party)"
done
echo "1..$n"
