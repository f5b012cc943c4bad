#!/usr/bin/env bash
# op-psi end to end: two processes with task documents of their own, over loopback, on CSV files of every shape.
set -u
. "$abs_top_srcdir/tests/it/op_psi.sh"

echo 1..56
id='{"column_name": "id"}'

mkdir "$dir/plain"
printf 'id,x\n3,0.10\n1,1e5\n10,abc\n2,-0\n' >"$dir/plain/a.csv"
printf 'y,id\nq,2\nr,4\ns,10\nt,3\n' >"$dir/plain/b.csv"
pair plain "$id" "$id"
is "$status_a $status_b" "0 0" "two plain files"
is "$(text a)" $'id,x\n10,abc\n2,-0\n3,0.10' "a's rows, all its columns, ordered by key as text"
is "$(text b)" $'y,id\ns,10\nq,2\nt,3' "b's rows in the same order"
has "$(record a)" '"intersection":3' "the result says how many"
has "$(record a | tr -d '\n' | grep -o '"public_result":{[^}]*}')" '"intersection":3' "and both may know"
lacks "$(record a | tr -d '\n' | grep -o '"public_result":{[^}]*}')" 'rows' "row counts are no public result"

mkdir "$dir/forms"
printf '\xef\xbb\xbfid,note\r\n"a,1","say ""hi"""\r\n"b\r\n2",x\r\n"q""q",y\r\n\xc3\xa9,z\r\n,empty\r\n\r\n\n' >"$dir/forms/a.csv"
printf '"id"\n\xc3\xa9\n"q""q"\n"b\r\n2"\n"a,1"\n"plain"\n""\n' >"$dir/forms/b.csv"
threads=4 pair forms "$id" '{"column_name": ["id"]}'
is "$status_a $status_b" "0 0" "BOM, CRLF, quotes, line ends inside quotes, no last line end"
is "$(text a)" $'id,note\n,empty\n"a,1","say ""hi"""\n"b\r\n2",x\n"q""q",y\n\xc3\xa9,z' "rows keep their own form, lines end with LF"
is "$(text b)" $'"id"\n""\n"a,1"\n"b\r\n2"\n"q""q"\n\xc3\xa9' "and the other side's align"

mkdir "$dir/multi"
printf 'first,last,v\nab,c,1\na,bc,2\n"x",y,3\nx,z,4\n' >"$dir/multi/a.csv"
printf 'w,nach,vor\n9,bc,a\n8,y,x\n7,zz,x\n' >"$dir/multi/b.csv"
pair multi '{"column_name": ["first", "last"]}' '{"column_name": ["vor", "nach"]}'
is "$status_a $status_b" "0 0" "a key of two columns"
is "$(text a)" $'first,last,v\na,bc,2\n"x",y,3' "(ab,c) is not (a,bc)"
is "$(text b)" $'w,nach,vor\n9,bc,a\n8,y,x' "columns by name, in the order of the request"

mkdir "$dir/empty"
printf 'id,x\n1,2\n3,4\n' >"$dir/empty/a.csv"
printf 'id\n5\n' >"$dir/empty/b.csv"
pair empty "$id" "$id"
is "$status_a $status_b" "0 0" "nothing in common succeeds"
is "$(text a)|$(text b)" "id,x|id" "with header-only files"
has "$(record b)" '"intersection":0' "and says so"
printf 'id' >"$dir/empty/b.csv"
pair empty "$id" "$id"
is "$status_a $status_b" "0 0" "a file of only a header succeeds"
is "$(text a)|$(text b)" "id,x|id" "with header-only files as well"
printf 'id,x' >"$dir/empty/a.csv"
pair empty "$id" "$id"
is "$status_a $status_b $(text a)" "0 0 id,x" "two such files"

for who in a b; do
  other=b; [ $who = a ] || other=a
  mkdir "$dir/only_$who"
  printf 'id,x\n1,2\n3,4\n' | tee "$dir/only_$who/a.csv" >"$dir/only_$who/b.csv"
  p='{"column_name": "id", "receiver": "party_'$who'"}'
  pair only_$who "$p" "$p"
  is "$status_a $status_b" "0 0" "receiver party_$who"
  is "$(text $who)" $'id,x\n1,2\n3,4' "it gets the rows"
  is "$(text $other)" "id,x" "the other one the header alone"
  lacks "$(record $other)" '"matches"' "and no count"
  lacks "$(record $who)" '"intersection"' "nor does the public result have it"
done
pair only_a '{"column_name": "id", "receiver": "party_a"}' '{"column_name": "id", "receiver": "party_a"}' "$out" '{}'
is "$status_a $status_b" "0 0" "a party that does not receive needs no output"
pair only_a "$id" "$id" '{}' "$out"
is "$status_a" 65 "a receiver does"
has "$(record a)" 'outputs.data is missing' "and is told"
pair only_a "$id" '{"column_name": "id", "receiver": "party_a"}'
is "$((status_a != 0 && status_b != 0))" 1 "parties that differ in receiver end both"
lacks "$(ls "$run/a/staging" "$run/b/staging")" data.0 "without any output"

mkdir "$dir/bad"
printf 'id,x\n1,2\n7,4\n1,3\n7,5\n7,6\n' >"$dir/bad/a.csv"
printf 'id\n1\n' >"$dir/bad/b.csv"
pair bad "$id" "$id"
is "$status_a" 65 "duplicate keys"
has "$(record a)" 'data/a.csv: 3 rows repeat the key of an earlier row: lines 2 and 4, lines 3 and 5, lines 3 and 6' "the rows are named at home"
has "$(record a)" '"error_public":"duplicate keys in the key column(s)"' "and only there"
is "$((status_b != 0))" 1 "the other party ends too"
lacks "$(record b)" 'lines' "without the rows"
lacks "$(record b)" 'data/a.csv' "and without the file"

printf 'customer_id,x\n1,2\n' >"$dir/bad/a.csv"
pair bad '{"column_name": "custmer_id"}' "$id"
is "$status_a" 65 "a column that is not there"
has "$(record a)" 'no column \"custmer_id\"; the nearest of its 2 columns is \"customer_id\"' "names the nearest"
printf 'id,x\n1,2\n1,"3\n' >"$dir/bad/a.csv"
pair bad "$id" "$id"
is "$status_a" 65 "an unclosed quote"
has "$(record a)" 'data/a.csv, line 3, column 3: the quote that begins this field is never closed' "says where"
: >"$dir/bad/a.csv"
pair bad "$id" "$id"
has "$status_a $(record a)" 'data/a.csv, line 1, column 1: the file is empty' "an empty file"
rm "$dir/bad/a.csv"
pair bad "$id" "$id"
has "$(record a)" 'data/a.csv cannot be read: No such file' "a missing file"
printf 'id\n1\n' >"$dir/bad/a.csv"
alone '{"column_name": []}'
has "$status_a $(record a)" 'column_name is an empty list' "no column at all"
alone '{"column_name": ["id", "id"]}'
has "$status_a $(record a)" 'names the same column at places 1 and 2' "a column twice"
alone '{"column_name": "id", "protocol": "volex"}'
has "$status_a $(record a)" 'protocol is \"volex\"' "a protocol that is not offered"
alone '{"column_name": "id", "dupes": "first"}'
has "$status_a $(record a)" 'params.dupes is unknown' "an option that is not offered"
printf 'id,k\n1,2\n' >"$dir/bad/a.csv"
pair bad '{"column_name": ["id", "k"]}' "$id"
is "$status_a $status_b" "65 65" "keys of two columns against one"
has "$(record b)" 'differ in the number of key columns' "says so at both"

# 3000 rows each, shuffled, half in common: outputs must align row by row.
mkdir "$dir/many"
{ echo id,x; seq 1 3000 | shuf | sed 's/.*/k&,a&/'; } >"$dir/many/a.csv"
{ echo y,id; seq 1501 4500 | shuf | sed 's/.*/b&,k&/'; } >"$dir/many/b.csv"
threads=2 pair many "$id" "$id"
is "$status_a $status_b" "0 0" "3000 rows each"
is "$(text a | wc -l) $(text b | wc -l)" "1501 1501" "1500 in common"
is "$(text a | tail -n +2 | cut -d, -f1)" "$(text b | tail -n +2 | cut -d, -f2)" "row by row the same key"
is "$(text a | tail -n +2 | cut -d, -f1)" "$(seq 1501 3000 | sed 's/^/k/' | LC_ALL=C sort)" "the right ones, in bytewise order"
threads=1 pair many "$id" "$id"
is "$(text a | cksum)" "$(threads=2 text a | cksum)" "one thread gives the same file"
