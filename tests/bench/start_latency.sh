#!/usr/bin/env bash
# From the submit to both operators started, two idle parties on this machine: N jobs of the test mission, one after the
# other; prints one JSON line. Run from a build folder: abs_top_srcdir=… abs_top_builddir=$PWD …/start_latency.sh [N]
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
parties_start
count=${1:-100}
grant_at "$B" pair '*'
for ((i = 0; i < count; i++)); do
  job=$(submit "$A" '{"mission_name":"pair","mission_params":{"party_a":{},"party_b":{}}}')
  [ -n "$job" ] || { echo "job $i was not accepted" >&2; exit 1; }
  wait_end "$A" "$job" >/dev/null
  wait_end "$B" "$job" >/dev/null
done
started() { # HOME PARTY: job id, microseconds since 1970 of its own task's start
  sql_at "$1" "SELECT j.job_id, CAST(UNIX_TIMESTAMP(t.started_at) * 1000000 AS INT) FROM job j JOIN task t ON t.job = j.id
    WHERE t.party = '$2' AND j.status = 'SUCCESS' ORDER BY 1"
}
sql_at "$A" "SELECT job_id, CAST(UNIX_TIMESTAMP(created_at) * 1000000 AS INT) FROM job WHERE status = 'SUCCESS' ORDER BY 1" >"$dir/t0"
started "$A" party_a >"$dir/t1"
started "$B" party_b >"$dir/t2"
join "$dir/t0" "$dir/t1" | join - "$dir/t2" | awk '{ later = $3 > $4 ? $3 : $4; print (later - $2) / 1000 }' | sort -n | awk '
  { v[NR] = $1 }
  END { printf "{\"name\":\"start_latency\",\"n\":%d,\"p50_ms\":%.1f,\"p90_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f}\n",
    NR, v[int((NR + 1) / 2)], v[int(NR * 0.9 + 0.5)], v[int(NR * 0.99 + 0.5)], v[NR] }'
