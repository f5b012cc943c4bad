#!/usr/bin/env bash
# op-psi in buckets: small thresholds, so that a few thousand rows go the way of a hundred million. Every result against
# sort and join on the plain files; then operators killed by SIGKILL, and attempts that go on from what they left.
set -u
. "$abs_top_srcdir/tests/it/op_psi.sh"
export LC_ALL=C
echo 1..55

# lists NAME ROWS_A ROWS_B SHARED: keys shuffled; a has a column behind the key, b one before it.
lists() {
  mkdir -p "$dir/$1"
  { echo id,x; seq 1 "$2" | shuf | sed 's/.*/k&,"a ""&"""/'; } >"$dir/$1/a.csv"
  { echo y,id; seq $(($2 - $4 + 1)) $(($2 - $4 + $3)) | shuf | sed 's/.*/b&,k&/'; } >"$dir/$1/b.csv"
}
# The rows that both have, by plain tools: of a, of b.
plain_a() { echo id,x; join -t, <(tail -n +2 "$run/a.csv" | sort -t, -k1,1) <(tail -n +2 "$run/b.csv" | cut -d, -f2 | sort -u); }
plain_b() { echo y,id; join -t, -1 2 -o 1.1,1.2 <(tail -n +2 "$run/b.csv" | sort -t, -k2,2) <(tail -n +2 "$run/a.csv" | cut -d, -f1 | sort -u); }
right() { # NAME: both succeeded, with the rows that plain tools find
  is "$status_a $status_b $(text a | cksum) $(text b | cksum)" "0 0 $(plain_a | cksum) $(plain_b | cksum)" "$1"
}
buckets() { grep -o '"buckets":[0-9]*' "$run/$1/control/exit.json" | cut -d: -f2; }
p() { printf '{"column_name": "id", "bucket_rows": %s%s}' "$1" "${2:+, $2}"; }

lists many 3000 3000 1500
for t in 1 4; do
  threads=$t pair many "$(p 256)" "$(p 256)"
  right "3000 rows each, $t thread(s)"
  is "$(buckets a) $(buckets b)" "16 16" "in 16 buckets"
done
pair many "$(p 1048576)" "$(p 1048576)"
right "the same rows in one"
is "$(buckets a)" "" "without buckets"
lacks "$(ls "$run/a.work")" digests "and without a file of digests"
threads=3 pair many "$(p 16)" "$(p 16)"
right "the smallest buckets"
is "$(buckets a)" 256 "256 of them"
pair many "$(p 256)" "$(p 512)"
is "$((status_a != 0 && status_b != 0))" 1 "parties with different thresholds end both"

# One row more or less than a threshold; and lists of very different length.
for row in '16 16 8' '17 16 16' '16 17 0' '30 30 15' '31 31 31' '60 61 7' '1 200 1' '200 1 1' '0 100 0' '100 0 0' '1000 3 2'; do
  set -- $row
  lists edge "$1" "$2" "$3"
  threads=2 pair edge "$(p 16)" "$(p 16)"
  right "$1 and $2 rows, $3 in common"
done

# Options in buckets.
mkdir "$dir/dup"
{ echo id,x; for i in 1 2 3; do seq 1 400 | shuf | sed "s/.*/k&,$i/"; done; } >"$dir/dup/a.csv"
{ echo y,id; seq 300 700 | shuf | sed 's/.*/b&,k&/'; } >"$dir/dup/b.csv"
pair dup "$(p 64 '"duplicates": "all"')" "$(p 64)"
is "$status_a $status_b" "0 0" "duplicates: all"
is "$(text a | cksum)" "$(plain_a | cksum)" "every row of a common key"
is "$(text b | cksum)" "$(plain_b | cksum)" "and the other's"
pair dup "$(p 64 '"duplicates": "first"')" "$(p 64)"
is "$(text a | cksum)" "$(plain_a | grep -v ',[23]$' | cksum)" "duplicates: first"
pair dup "$(p 64 '"duplicates": "first", "join": "left"')" "$(p 64)"
is "$(text a | wc -l) $(text a | grep -c ',1,1$')" "401 101" "first and left: every key once, 101 of them matched"
pair dup "$(p 64)" "$(p 64)"
has "$status_a $(record a)" 'or more repeat the key of an earlier row: lines' "repeated keys are an error"
has "$(record a)" '65,' "by default"
pair many "$(p 200 '"pad_to": "power_of_two"')" "$(p 200)"
right "padded to a power of two"
has "$(record b)" '"peer_rows":4096' "as the other party sees"
for who in a b; do
  pair many "$(p 256 '"receiver": "party_'$who'"')" "$(p 256 '"receiver": "party_'$who'"')"
  is "$status_a $status_b $(text $who | cksum)" "0 0 $(plain_$who | cksum)" "receiver party_$who"
  is "$(text a | wc -l) $(text b | wc -l)" "$([ $who = a ] && echo 1501 1 || echo 1 1501)" "the other one gets the header"
done

# --- attempts that go on ------------------------------------------------------------------------
inodes() { (cd "$run/$1.work" && ls -i bucket.* 2>/dev/null | sort); }
slow='"protocol": "ecdh"'	# slow enough to be killed in the middle
lists kill 7000 7000 3000
threads=2 pair kill "$(p 256 "$slow")" "$(p 256 "$slow")"
right "7000 rows each, undisturbed"
old=$(inodes a; inodes b)
resume=1 threads=2 pair kill "$(p 256 "$slow")" "$(p 256 "$slow")"
right "once more, with all buckets finished: as after a kill while the output was written"
has "$(cat "$run/a.log")" 'going on from an earlier attempt: 32 of 32 buckets' "goes on"
is "$(inodes a; inodes b)" "$old" "and computes no bucket again"
rm "$run"/a.work/bucket.{0,7,9} "$run"/b.work/bucket.{7,8}
resume=1 threads=2 pair kill "$(p 256 "$slow")" "$(p 256 "$slow")"
right "with buckets that one of the two lacks"
has "$(cat "$run/b.log")" '28 of 32 buckets' "only what both have is finished"
rm "$run/a.work/state.json"
resume=1 pair kill "$(p 256 "$slow")" "$(p 256 "$slow")"
right "a party without a state, as after a kill while it read: both start anew"
lacks "$(cat "$run/b.log")" 'going on' "and the other one knows"
touch "$run/b.csv"
resume=1 pair kill "$(p 256 "$slow")" "$(p 256 "$slow")"
right "an input that was touched: both start anew"
lacks "$(cat "$run/a.log")" 'going on' "and the other one knows"
sed -i '2d' "$run/a.csv"
resume=1 pair kill "$(p 256 "$slow")" "$(p 256 "$slow")"
right "an input that changed gives the new result"
resume=1 pair kill "$(p 256 '"protocol": "ecdh", "join": "left"')" "$(p 256 "$slow")"
lacks "$(cat "$run/a.log")" 'going on' "another parameter: anew"
printf 'garbage' >"$run/a.work/bucket.3"
resume=1 pair kill "$(p 256 '"protocol": "ecdh", "join": "left"')" "$(p 256 "$slow")"
has "$status_a $(cat "$run/b.log")" '31 of 32 buckets' "a bucket's file that is none is not taken"

# kill9 SIDE: starts both; kills one party's operator, supervisor and work, when it has finished some buckets.
kill9() {
  local side=$1 pa pb victim
  run="$dir/kill"
  rm -rf "$run"/{a,b} "$run"/{a,b}.work
  port=$(free_port)
  document a "$(p 256 "$slow")" "$out" >"$run/a.json"
  document b "$(p 256 "$slow")" "$out" >"$run/b.json"
  "$op" <"$run/a.json" 2>"$run/a.log" & pa=$!
  "$op" <"$run/b.json" 2>"$run/b.log" & pb=$!
  victim=$pa; [ "$side" = a ] || victim=$pb
  for _ in $(seq 2000); do
    [ "$(ls "$run/$side.work" 2>/dev/null | grep -c '^bucket\.[0-9]*$')" -ge 4 ] && break
    kill -0 "$victim" 2>/dev/null || break
    sleep 0.005
  done
  kill -9 "$victim"
  wait "$pa"; status_a=$?
  wait "$pb"; status_b=$?
}
for side in a b; do
  threads=2 kill9 $side 2>/dev/null
  is "$((status_a != 0 && status_b != 0))" 1 "party $side is killed among the buckets: both end"
  lacks "$(ls "$run/$side/staging")" data.0 "without an output"
  resume=1 threads=1 pair kill "$(p 256 "$slow")" "$(p 256 "$slow")"
  right "the next attempt has the result, with another number of threads"
  has "$(cat "$run/a.log")" 'going on from an earlier attempt' "and went on"
done
