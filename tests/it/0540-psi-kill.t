#!/usr/bin/env bash
# An operator killed by SIGKILL in the middle of a PSI in buckets, at either of two real parties: the platform goes on,
# by itself or by rerun, from the buckets that both had finished, and the result is that of plain tools.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
export LC_ALL=C
echo 1..10
parties_start

{ echo id,x; seq 1 9000 | shuf | sed 's/.*/k&,a&/'; } >"$A/data/a.csv"
{ echo id,y; seq 4001 13000 | shuf | sed 's/.*/k&,b&/'; } >"$B/data/b.csv"
grant_at "$B" psi b.csv
request='{"mission_name":"psi","mission_params":{"protocol":"ecdh","bucket_rows":256,
  "party_a":{"column_name":"id","inputs":{"data":"a.csv"},"outputs":{"data":"res.csv"}},
  "party_b":{"column_name":"id","inputs":{"data":"b.csv"},"outputs":{"data":"res.csv"}}}}'
plain() { echo "$1"; join -t, <(tail -n +2 "$A/data/a.csv" | sort -t, -k1,1) <(tail -n +2 "$B/data/b.csv" | sort -t, -k1,1) | cut -d, -f"$2"; }

buckets() { find "$1/data/.pet" -path "*$2.*" -name 'bucket.*' 2>/dev/null | wc -l; }	# HOME JOB
operator() { cut -d' ' -f1 "$1/state/pids/$2".* 2>/dev/null; }	# HOME JOB: leader of its operator's process group

for home in "$A" "$B"; do
  name=$(home_get "$home" party)
  job=$(submit "$A" "$request")
  for ((i = 0; i < 600; i++)); do [ "$(buckets "$home" "$job")" -ge 4 ] && break; sleep 0.05; done
  is "$((i < 600))" 1 "buckets are finished at $name"
  kill -9 -- "-$(operator "$home" "$job")"
  is "$?" 0 "its operator is killed"
  # Lost without a word, it is the user who says rerun; a loss that the platform tries again by itself is as good.
  ended=$(wait_end "$A" "$job" 120)
  if [ "$ended" = FAILED ]; then
    wait_end "$B" "$job" 30 >/dev/null
    api "$A" /job/rerun "{\"job_id\":\"$job\"}" >/dev/null
    wait_epoch "$A" "$job" 1 >/dev/null
    ended=$(wait_end "$A" "$job" 120)
  fi
  [ "$ended" != SUCCESS ] || ended=$(wait_end "$B" "$job" 30)
  is "$ended" SUCCESS "the job gets there all the same"
  is "$(cksum <"$A/data/res.csv") $(cksum <"$B/data/res.csv")" "$(plain id,x 1,2 | cksum) $(plain id,y 1,3 | cksum)" "with the result of plain tools"
  has "$(sql_at "$home" "SELECT GROUP_CONCAT(log_tail SEPARATOR ' ') FROM task t JOIN job j ON j.id = t.job WHERE j.job_id = '$job'")" \
    "going on from an earlier attempt" "from where it was"
done
