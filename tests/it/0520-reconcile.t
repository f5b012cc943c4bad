#!/usr/bin/env bash
# Two real parties whose databases differ, as after an old backup: they agree again. And what a job says that it waits for.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
HOME_EXTRA_CONF="PET_RECONCILE_S=1"
parties_start

pair() { printf '{"mission_name":"pair","mission_params":{"exchange":1000,"party_a":{%s},"party_b":{%s}}}' "$1" "$2"; }
waits() { # HOME JOB PART: the status' waiting_for, once it holds PART
  local s i
  for ((i = 0; i < 150; i++)); do
    s=$(api "$1" "/job/status?job_id=$2" | top_field waiting_for)
    case $s in *"$3"*) break ;; esac
    sleep 0.2
  done
  echo "$s"
}
grant_at "$B" pair '*'; grant_at "$A" pair '*'
slow='"sleep_ms":60000'

# --- databases that differ ----------------------------------------------------
for home in "$A" "$B"; do
  name=$(home_get "$home" party)
  job=$(submit "$A" "$(pair '' '')")
  is "$(wait_end "$A" "$job")$(wait_end "$B" "$job")" SUCCESSSUCCESS "a job is done at both"
  sql_at "$home" "UPDATE job SET status = 'RUNNING', ended_at = NULL WHERE job_id = '$job'"
  is "$(wait_end "$home" "$job" 30)" SUCCESS "set back to RUNNING at $name, it is taken over again"
  sql_at "$home" "UPDATE job j JOIN job_group g ON g.job = j.id JOIN task t ON t.job = j.id SET j.status = 'RUNNING', j.ended_at = NULL, g.state = 'PREPARED', g.lease_owner = NULL, t.status = 'PREPARED' WHERE j.job_id = '$job'"
  is "$(wait_end "$home" "$job" 30)" SUCCESS "set back to before the commit at $name, too"
  is "$(sql_at "$home" "SELECT COUNT(*) > 0 FROM v_timeline WHERE job_id = '$job' AND to_state = 'reconcile'")" 1 "and an event says so"
done
for home in "$A" "$B"; do
  job=$(submit "$A" "$(pair "$slow" "$slow")")
  wait_status "$A" "$job" 30 RUNNING >/dev/null
  is "$(wait_status "$B" "$job" 30 RUNNING)" RUNNING "a long job runs"
  other=$A; [ "$home" = "$B" ] || other=$B
  sql_at "$home" "DELETE FROM job WHERE job_id = '$job'"
  has "$(wait_end "$other" "$job" 30)" "E" "forgotten at $(home_get "$home" party), it ends at the other party"
  has "$(api "$other" "/job/status?job_id=$job" | sed 's/.*"errors"//')" "FORGOT" "with that reason"
done

# --- what a job waits for -----------------------------------------------------
proc_end "$B" nginx
job=$(submit "$A" "$(pair '' '')")
is "$(waits "$A" "$job" accept)" "party_b to accept the job" "the other party is away: the status says what is awaited of whom"
home_up "$B" nginx
is "$(wait_end "$A" "$job" 30)" SUCCESS "and the job goes on when it is back"

# --- results that cannot be put in their place ------------------------------------
grant_at "$B" chain '*'
chain() { printf '{"mission_name":"chain","mission_params":{"party_a":{"nap":0,"last_fail":"%s"},"party_b":{}}}' "$1"; }
job=$(submit "$A" "$(chain none | sed 's/"nap":0/"nap":3000/')")
for ((i = 0; i < 200; i++)); do
  [ "$(sql_at "$A" "SELECT t.status FROM task t JOIN job j ON j.id = t.job WHERE j.job_id = '$job' AND t.name = 'last_a'")" = RUNNING ] && break
  sleep 0.1
done
sleep 0.5	# the operator's start looks at the place, too
mkdir "$A/data/last.txt"
said=$(waits "$A" "$job" publish)
has "$said" "party_a to publish the outputs of last_a: " "a folder is in the place of a result: the status says so"
n=$((n + 1)); case $said in */* | *last.txt*) echo "not ok $n - without a path: $said" ;; *) echo "ok $n - without a path" ;; esac
is "$(sql_at "$A" "SELECT which FROM v_stuck WHERE job_id = '$job' AND what = 'publish' AND why = CONCAT('waits to', SUBSTRING_INDEX('$said', ' to', -1))")" test_2 "and so does the DBA's view of what is stuck"
is "$(wait_end "$B" "$job" 30)" SUCCESS "the other party has its own"
is "$(status_of "$A" "$job")" RUNNING "committed is committed: it is tried again and again"
rmdir "$A/data/last.txt"
is "$(wait_end "$A" "$job" 30)" SUCCESS "until the place is free"
is "$(cat "$A/data/last.txt")" "last saw from first_a" "and the result is there"
is "$(api "$A" "/job/status?job_id=$job" | top_field waiting_for)" "" "nothing is awaited any more"
echo "1..$n"
