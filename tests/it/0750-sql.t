#!/usr/bin/env bash
# A query by curl on two real parties, the published one, against SQLite on both tables.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
export LC_ALL=C
echo 1..12
parties_start

awk 'BEGIN { srand(1); print "id1,id2,f1"; for (i = 300; i > 0; i--) printf "%d,%d,%.2f\n", i, i % 50, rand() * 100 }' >"$A/data/table_from_a.csv"
awk 'BEGIN { srand(2); print "id1,id2,f1,f2,f3"; for (i = 100; i < 400; i++) printf "%d,%d,%.2f,%.2f,%d\n", i, i % 30, rand() * 20, rand() * 5, i % 6 - 2 }' >"$B/data/table_from_b.csv"
sql='SELECT b.f3 as f3, sum(b.f1) as count_f, sum(b.f1 * b.f1 + a.f1 - a.f1 / b.f1) AS sum_f, sum(b.f1 * a.f1 + 1) as sum_f2 FROM (select id1, id2, f1 from table_from_a where f1 < 90) AS a JOIN (select id1, id2, f1 + f2 + 2.01 as f1, f1 * f2 + 1 as f2, f3 from table_from_b) AS b ON a.id1 = b.id1 GROUP BY b.f3'
request() { # SQL [REVEAL_TO OUTPUT_A OUTPUT_B]
  printf '{"mission_name": "sql", "mission_version": 1, "mission_params": {"sql": "%s", "config": {"mode": "memory", "schemas": [
    {"name": "table_from_a", "columns": [{"name": "id1", "type": 2, "party": 0}, {"name": "id2", "type": 2, "party": 0}, {"name": "f1", "type": 3, "party": 0}], "party": 0},
    {"name": "table_from_b", "columns": [{"name": "id1", "type": 2, "party": 1}, {"name": "id2", "type": 2, "party": 1}, {"name": "f1", "type": 3, "party": 1},
      {"name": "f2", "type": 3, "party": 1}, {"name": "f3", "type": 2, "party": 1}], "party": 1}],
    "table_url": {"table_from_a": "data/table_from_a.csv", "table_from_b": "data/table_from_b.csv"}, "engine_url": "memory:///", "reveal_to": %s, "task_id": "test_task_id"},
    "party_a": {"inputs": {"data": ["data/table_from_a.csv"]}, "outputs": {"data": [%s]}},
    "party_b": {"inputs": {"data": ["data/table_from_b.csv"]}, "outputs": {"data": [%s]}}}}' "$1" "${2:-0}" "${3-\"data/sql_result.csv\"}" "${4-}"
}

job=$(submit "$A" "$(request "$sql")")
is "$(wait_end "$A" "$job")" FAILED "without a grant the other party refuses"
grant_at "$B" sql '*'
job=$(submit "$A" "$(request "$sql")")
is "$(wait_end "$A" "$job" 120) $(wait_end "$B" "$job" 30)" "SUCCESS SUCCESS" "the published query runs"
is "$(head -n 1 "$A/data/sql_result.csv")" f3,count_f,sum_f,sum_f2 "its columns"
"$dir/inst/sql_plain" "$sql ORDER BY 1" table_from_a "$A/data/table_from_a.csv" 'id1 INTEGER, id2 INTEGER, f1 REAL' \
  table_from_b "$B/data/table_from_b.csv" 'id1 INTEGER, id2 INTEGER, f1 REAL, f2 REAL, f3 INTEGER' >"$dir/want.csv"
is "$(paste -d, "$A/data/sql_result.csv" "$dir/want.csv" | awk -F, 'NR > 1 { for (i = 1; i <= 4; i++) { d = $i - $(i + 4); if (d > 0.001 || d < -0.001) bad++ } } END { print NR, bad + 0 }')" "7 0" "and its rows"
is "$(ls "$B/data")" table_from_b.csv "nothing comes out at the other party"
job=$(submit "$A" "$(request "SELECT f3, count(*) AS n FROM table_from_a a JOIN table_from_b b ON a.id1 = b.id1 GROUP BY f3" 1 '' '"data/counts.csv"')")
is "$(wait_end "$A" "$job" 120) $(wait_end "$B" "$job" 30)" "SUCCESS SUCCESS" "a query whose result is the other party's"
is "$(awk -F, 'NR > 1 { n += $2 } END { print n }' "$B/data/counts.csv") $(ls "$A/data" | grep -c counts)" "201 0" "goes there alone"
job=$(submit "$A" "$(request "SELECT f3, max(a.f1) FROM table_from_a a JOIN table_from_b b ON a.id1 = b.id1 GROUP BY f3")")
is "$(wait_end "$A" "$job" 60)" FAILED "what is not supported ends the job"
has "$(api "$A" "/job/status?job_id=$job")" "line 1, column 12: max is not supported yet" "and says what, and where"
has "$(api "$B" "/job/status?job_id=$job")" "max is not supported yet" "to both, who both know the query"
job=$(submit "$A" "$(request "$sql" 0 '')")
is "$(wait_end "$A" "$job" 60)" FAILED "a receiver without an output"
has "$(api "$A" "/job/status?job_id=$job")" "outputs.data" "is told"
