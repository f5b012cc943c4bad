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
  sql_at "$home" "UPDATE job SET status = 'RUNNING', ended_at = NULL, rev = rev + 1 WHERE job_id = '$job'"
  is "$(wait_end "$home" "$job" 30)" SUCCESS "set back to RUNNING at $name, it is taken over again"
  sql_at "$home" "UPDATE job j JOIN job_group g ON g.job = j.id JOIN task t ON t.job = j.id SET j.status = 'RUNNING', j.ended_at = NULL, j.rev = j.rev + 1, g.state = 'PREPARED', g.lease_owner = NULL, t.status = 'PREPARED' WHERE j.job_id = '$job'"
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

# --- a backlog ----------------------------------------------------------------------
first=$(submit "$A" "$(pair "$slow" "$slow")")
is "$(wait_status "$B" "$first" 30 RUNNING)" RUNNING "a job runs at both"
proc_end "$B" nginx
big=$(head -c 200000 /dev/zero | tr '\0' x)
for ((i = 0; i < 150; i++)); do
  printf '{"mission_name":"pair","mission_params":{"exchange":1000,"party_a":{},"party_b":{"echo":{"big":"%s"}}}}' "$big" |
    curl -sS -m 30 -H 'Content-Type: application/json' -d @- "http://127.0.0.1:$(home_get "$A" http)/job/submit" >/dev/null
done
is "$(sql_at "$A" "SELECT COUNT(*) FROM outbox WHERE kind = 'submit'")" 150 "150 large submits wait for the other party"
api "$A" /job/kill "{\"job_id\":\"$first\"}" >/dev/null
home_up "$B" nginx
is "$(wait_end "$B" "$first" 30)" CANCELED "a kill after them all arrives"
is "$(sql_at "$B" "SELECT COUNT(*) < 75 FROM job WHERE created_at < (SELECT ended_at FROM job WHERE job_id = '$first') AND job_id <> '$first' AND created_at > (SELECT created_at FROM job WHERE job_id = '$first')")" 1 "and before most of them"
sql_at "$A" "SELECT job_id FROM job WHERE status IN ('INIT', 'RUNNING')" | while read -r job; do api "$A" /job/kill "{\"job_id\":\"$job\"}" >/dev/null; done
for ((i = 0; i < 300; i++)); do
  [ "$(sql_at "$B" "SELECT COUNT(*) FROM job WHERE status IN ('INIT', 'RUNNING')")" = 0 ] && break
  sleep 0.2
done
is "$((i < 300))" 1 "all of them end at both"

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

# --- a backup that is older than what is staged --------------------------------------
staged() { # [MAIN]: a job of party_a whose result is staged there, and cannot be published; party_b has its own
  job=$(submit "$A" "$(chain none | sed "s/\"nap\":0/\"nap\":3000/; s/{/{\"main_party\":\"$1\",/")")
  for ((i = 0; i < 200; i++)); do
    [ "$(sql_at "$A" "SELECT t.status FROM task t JOIN job j ON j.id = t.job WHERE j.job_id = '$job' AND t.name = 'last_a'")" = RUNNING ] && break
    sleep 0.1
  done
  sleep 0.5
  rm "$A/data/last.txt" && mkdir "$A/data/last.txt"
  waits "$A" "$job" publish >/dev/null
  wait_end "$B" "$job" 30
}
older() { # party_a's database, as a backup from before the last group's start has it
  sql_at "$A" "UPDATE job j JOIN job_group g ON g.job = j.id JOIN task t ON t.job_group = g.id SET j.status = 'RUNNING', j.ended_at = NULL, j.rev = j.rev + 1, g.state = 'WAITING', g.lease_owner = NULL, t.status = 'INIT', t.result = NULL, t.outputs = NULL WHERE j.job_id = '$job' AND g.idx = 2;
    DELETE FROM output WHERE job_id = '$job'"
}
for main in party_a party_b; do
  is "$(staged $main)" SUCCESS "a result waits for its place at party_a ($main leads)"
  job=$(sql_at "$A" "SELECT job_id FROM job ORDER BY id DESC LIMIT 1")
  proc_end "$A" schedd
  older
  rmdir "$A/data/last.txt"
  home_up "$A" schedd
  is "$(wait_end "$A" "$job" 30)" SUCCESS "with an older database it is published all the same"
  is "$(cat "$A/data/last.txt")" "last saw from first_a" "under the name that the request gave it"
  is "$(ls "$A/state/tasks" | grep -c "^$job")" 0 "and no folder is left"
  proc_end "$A" schedd
  older
  home_up "$A" schedd
  is "$(wait_end "$A" "$job" 30)" SUCCESS "once more, with nothing staged any longer: the mark says that it is in place"
done
is "$(staged party_b)" SUCCESS "another one"
job=$(sql_at "$A" "SELECT job_id FROM job ORDER BY id DESC LIMIT 1")
proc_end "$A" schedd
older
rmdir "$A/data/last.txt"
chmod -R u+w "$A/state/tasks/$job"* && rm -rf "$A/state/tasks/$job"* "$A/data/.pet/$job"*
home_up "$A" schedd
has "$(waits "$A" "$job" neither)" "party_a to publish the outputs of last_a: an output is neither staged nor published" "the staged result is gone, too: the job does not pretend"
sleep 2
is "$(status_of "$A" "$job")" RUNNING "and does not succeed without it"
is "$(sql_at "$A" "SELECT COUNT(*) FROM v_stuck WHERE job_id = '$job' AND what = 'publish'")" 1 "the DBA sees it"
echo "by hand" >"$A/data/last.txt"
sql_at "$A" "REPLACE INTO output (path, owner, peer, job_id, task) SELECT 'last.txt', owner, peer, job_id, 'last_a' FROM job WHERE job_id = '$job'"
is "$(wait_end "$A" "$job" 30)" SUCCESS "until somebody has put the file back and says so"
echo "1..$n"
