#!/usr/bin/env bash
# op-psi without rows: counts and sums over the common keys, against plain tools; too few keys; what is refused.
set -u
. "$abs_top_srcdir/tests/it/op_psi.sh"
export LC_ALL=C
echo 1..25
with() { printf '{"column_name": "id", %s}' "$1"; }
other() { # WHO: what came out there
  cat "$run/$1/staging/data.0" 2>/dev/null
}

mkdir "$dir/sum"
awk 'BEGIN { print "id,amt,n"; for (i = 60; i > 0; i--) printf "k%d,%.2f,%d\n", i, i * 1.25 - 20, -i }' >"$dir/sum/a.csv"
awk 'BEGIN { print "x,id"; for (i = 41; i <= 300; i++) printf "%d,k%d\n", i * 3000000, i }' >"$dir/sum/b.csv"
pair sum "$(with '"output": "count"')" "$(with '"output": "count"')"
is "$status_a $status_b" "0 0" "output: count"
is "$(other a) $(other b)" $'count\n20 count\n20' "how many keys both have, at both"
lacks "$(record a)$(record b)" '"matches"' "and nothing else"
pair sum "$(with '"output": "sum", "sum_columns": ["amt", "n"]')" "$(with '"output": "sum", "sum_columns": ["x"]')"
is "$(other a)" $'count,party_a.amt,party_a.n,party_b.x\n20,862.5,-1010,3030000000' "output: sum, of columns of both"
is "$(other a | cksum)" "$(other b | cksum)" "the same at both"
threads=4 pair sum "$(with '"output": "sum", "receiver": "party_b"')" "$(with '"output": "sum", "receiver": "party_b", "sum_columns": ["x"]')"
is "$status_a $status_b $(other b)" $'0 0 count,party_b.x\n20,3030000000' "one receiver alone"
is "$(other a)" "" "the other one gets nothing"
pair sum "$(with '"output": "sum", "min_count": 21, "sum_columns": ["amt"]')" "$(with '"output": "sum", "min_count": 21')"
is "$status_a $(other a)" $'0 count,party_a.amt\nsuppressed,' "fewer keys than min_count are suppressed"
has "$(record a)" '"suppressed":true' "which the result says"
pair sum "$(with '"output": "count", "min_count": 20, "pad_to": "power_of_two"')" "$(with '"output": "count", "min_count": 20')"
is "$status_a $(other b)" $'0 count\n20' "exactly min_count are enough; padding changes nothing"
has "$(record b)" '"peer_rows":64' "but what the other party sees"

printf 'id,v\na,1\nb,2.000001\na,10\nc,5\n' >"$dir/sum/a.csv"
printf 'id\na\nb\nz\n' >"$dir/sum/b.csv"
s='"output": "sum"'
pair sum "$(with "$s, \"sum_columns\": [\"v\"], \"duplicates\": \"all\"")" "$(with "$s")"
is "$(other b)" $'count,party_a.v\n2,13.000001' "duplicates: all adds up the rows of a key"
pair sum "$(with "$s, \"sum_columns\": [\"v\"], \"duplicates\": \"first\"")" "$(with "$s")"
is "$(other b)" $'count,party_a.v\n2,3.000001' "first takes the first"
pair sum "$(with "$s, \"sum_columns\": [\"v\"]")" "$(with "$s")"
has "$status_a $(record a)" 'rows 1 and 3 have the same key' "error names the rows"
lacks "$(record b)" 'rows 1' "at home"
printf 'id,v\na,-7.5\n' >"$dir/sum/a.csv"
pair sum "$(with "$s, \"sum_columns\": [\"v\"], \"min_count\": 1")" "$(with "$s, \"min_count\": 1")"
is "$(other a)" $'count,party_a.v\n1,-7.5' "one key, where min_count allows it"
printf 'id,v\n' >"$dir/sum/a.csv"
pair sum "$(with "$s, \"sum_columns\": [\"v\"]")" "$(with "$s")"
is "$status_a $(other a)" $'0 count,party_a.v\nsuppressed,' "an empty file"

printf 'id,v\na,1\nb,x\n' >"$dir/sum/a.csv"
pair sum "$(with "$s, \"sum_columns\": [\"v\"]")" "$(with "$s")"
has "$status_a $(record a)" 'line 3, column \"v\": expected a number' "text in a column to be summed"
is "$((status_b != 0)) $(other b)" "1 " "ends both, without an output"
printf 'id,v\na,1e13\n' >"$dir/sum/a.csv"
pair sum "$(with "$s, \"sum_columns\": [\"v\"]")" "$(with "$s")"
has "$(record a)" 'below 4' "a number that is too large"
printf 'id,v\na,1\n' >"$dir/sum/a.csv"
pair sum "$(with "$s, \"sum_columns\": [\"vv\"]")" "$(with "$s")"
has "$(record a)" 'vv' "a column that is not there"
mkdir "$dir/bad" && cp "$dir/sum/a.csv" "$dir/bad/a.csv"
alone "$(with '"output": "count", "sum_columns": ["v"]')"
has "$(record a)" 'sum_columns is for output: sum' "columns without a sum"
alone "$(with '"output": "count", "join": "left"')"
has "$(record a)" 'left is for output: rows' "a left join without rows"
alone "$(with '"output": "count", "min_count": 0')"
has "$(record a)" 'min_count is 0' "min_count: 0"
pair sum "$(with '"output": "count"')" "$(with '"output": "rows"')"
is "$((status_a != 0 && status_b != 0))" 1 "parties with different outputs end both"
