#!/usr/bin/env bash
# op-leiden as a pair: files of both forms, options, results of both parties together, and every file that is refused.
set -u
pet=$abs_top_builddir/pet
export PET_OPERATOR_DIR=$abs_top_builddir LC_ALL=C
dir=$(mktemp -d /tmp/pet-leiden-XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0
is() { # GOT WANT NAME
  n=$((n + 1))
  if [ "$1" = "$2" ]; then echo "ok $n - $3"; else echo "not ok $n - $3"; printf '%s\n' "got '$1', want '$2'" | sed 's/^/# /'; fi
}
has() { # TEXT PART NAME
  n=$((n + 1))
  case $1 in *"$2"*) echo "ok $n - $3" ;; *) echo "not ok $n - $3"; printf '%s\n' "'$1' lacks '$2'" | sed 's/^/# /' ;; esac
}
lacks() { # TEXT PART NAME
  n=$((n + 1))
  case $1 in *"$2"*) echo "not ok $n - $3"; printf '%s\n' "'$1' has '$2'" | sed 's/^/# /' ;; *) echo "ok $n - $3" ;; esac
}
echo 1..44

run() { # OPTIONS…: both parties on a.w a.n and b.w b.n
  "$pet" run op-leiden --a-input user_weights=a.w --a-input local_nodes=a.n --b-input user_weights=b.w --b-input local_nodes=b.n \
    --a-output cluster=a.out --b-output cluster=b.out "$@" 2>err
}
value() { printf %s "$1" | grep -o "\"$2\":[^,}]*" | head -n 1 | cut -d: -f2; }

# Two groups of four that know each other, one edge between: a has 1 2 5 6, b the others. In the JSON of the published form.
json() { # OWN…: the edges that have an end in OWN, with half the weight where the other is the other party's
  awk -v own="$*" 'BEGIN {
    n = split(own, o, " "); for (i = 1; i <= n; i++) mine[o[i]] = 1
    m = split("1 2,1 3,1 4,2 3,2 4,3 4,5 6,5 7,5 8,6 7,6 8,7 8,4 5", e, ",")
    for (i = 1; i <= m; i++) { split(e[i], v, " "); if (!(v[1] in mine) && !(v[2] in mine)) continue
      w = ((v[1] in mine) && (v[2] in mine)) ? 1 : 0.5; list[v[1]] = list[v[1]] sep[v[1]] "\"" v[2] "\": " w; sep[v[1]] = ", "
      list[v[2]] = list[v[2]] sep[v[2]] "\"" v[1] "\": " w; sep[v[2]] = ", " }
    printf "{"; for (k in list) { printf "%s\"%s\": {%s}", s, k, list[k]; s = ", " } print "}" }'
}
json 1 2 5 6 >a.w
json 3 4 7 8 >b.w
echo '["1", 2, "5", "6"]' >a.n
printf 'node\n3\n4\n7\n8\n' >b.n
out=$(run --param reveal_modularity=true)
is "$?" 0 "two groups: the pair succeeds"
is "$(cut -d, -f1 a.out | tr '\n' ' ')" "user_id 1 2 5 6 " "own nodes in the order of local_nodes"
is "$(sort -u <(tail -n +2 a.out) <(tail -n +2 b.out) | sort | awk -F, '{print $2}' | uniq -c | awk '{print $1}' | tr '\n' ' ')" "4 4 " "two communities of four"
is "$(awk -F, '$1 < 5 && NR > 1' a.out b.out | cut -d, -f2 | sort -u | wc -l)" 1 "each group is one, across the parties"
is "$(value "$out" communities)" 2 "said in the result"
is "$(value "$out" modularity | cut -c1-6)" 0.4230 "with its modularity"
cp a.out first.out
for option in threads=2 seed=7 warm_start=true n_seeds=4 max_move=3 fraction_bits=1 objective=cpm; do
  case $option in threads=*) set -- --threads 2 ;; objective=cpm) set -- --param objective=cpm --param resolution=0.5 ;; *) set -- --param "$option" ;; esac
  run "$@" >/dev/null
  is "$(cksum <a.out)" "$(cksum <first.out)" "the same with $option"
done
out=$(run --param reveal_total_weight=false --param total_weight_limit=100)
is "$? $(cksum <a.out)" "0 $(cksum <first.out)" "the same with a total that nobody learns"
out=$(run --param max_merge=1)
is "$?" 0 "one level"
run --param resolution=100 >/dev/null
is "$(tail -n +2 a.out b.out | grep , | cut -d, -f2 | sort -u | wc -l)" 8 "at a high resolution everybody is alone"

# CSV, in which each edge stands once; graphs for viewers.
{ echo source,target,weight; printf '1,2,1\n5,6,1\n1,3,0.5\n1,4,0.5\n2,3,.5\n2,4,5e-1\n5,7,0.5\n5,8,0.5\n6,7,0.5\n8,6,0.5\n4,5,0.5\n'; } >a.w
run --a-output graph=g.graphml --a-output picture=p.svg --b-output graph=g.dot >/dev/null
is "$? $(cksum <a.out)" "0 $(cksum <first.out)" "the same from CSV"
is "$(grep -c '<node' g.graphml) $(grep -c '<edge' g.graphml)" "8 11" "GraphML of the own part"
is "$(grep -c '<circle' p.svg) $(grep -c '<rect x' p.svg) $(grep -c '<line' p.svg)" "4 4 11" "a picture: own nodes round, the others square"
is "$(grep -c -- ' -- ' g.dot)" 11 "DOT"

# Names of any text, nodes without an edge, a loop, parties that have nothing in common.
printf '{"a,\\"b": {"ü": 2, "a,\\"b": 3}, "ü": {"a,\\"b": 2}}' >a.w
echo '["ü", "a,\"b", "alone"]' >a.n
echo '{}' >b.w
echo '[]' >b.n
out=$(run)
is "$?" 0 "odd names, and a party with nothing"
is "$(sed 's/,[01]$//' a.out)" "$(printf 'user_id,cluster_id\nü\n"a,""b"\nalone')" "are written as CSV demands"
is "$(sed -n '2s/.*,//p' a.out) $(sed -n 's/^"a.*,//p' a.out)" "$(sed -n 's/^alone,//p' a.out | tr 01 10 | sed 's/.*/& &/')" "and the pair is one community"
is "$(cat b.out)" user_id,cluster_id "nothing comes out there"
echo '{}' >a.w
echo '[]' >a.n
run >/dev/null
is "$? $(cat a.out)" "0 user_id,cluster_id" "an empty graph"
echo '["x"]' >a.n
run >/dev/null
is "$(tail -n 1 a.out)" x,0 "one node"

# --- refusals: the place at home, nothing of it at the other party ------------------------------
refused() { # PART NAME: of a's local text; b learns no value
  local record
  rm -f a.out b.out
  record=$(run "${@:3}")
  has "$(printf %s "$record" | sed 's/"party_b".*//' | grep -o '"error_local":.*')" "$1" "$2"
}
good() { printf '{"1": {"2": 1}, "2": {"1": 1}}' >a.w; echo '["1"]' >a.n; printf '{"3": {"2": 1}}' >b.w; echo '["3", "2"]' >b.n; }
good; printf '{"1": {"2": -1}}' >a.w; refused '[\"1\"][\"2\"]: expected a number' "a negative weight"
is "$(ls a.out b.out 2>/dev/null)" "" "and nothing is written"
good; printf '{"1": {"2": "x"}}' >a.w; refused 'expected a number' "a weight that is text"
good; printf '{"1": {"2": 1}, "2": {"1": 2}}' >a.w; refused 'it has two weights' "two weights of an edge"
good; printf '{"1": {"2": 1}, "2": {}}' >a.w; refused 'does not list the first' "an edge at one of two keys"
good; printf '{"1": {"2": 1}, "1": {}}' >a.w; refused 'line 1' "a key twice"
good; printf '{"1": 5}' >a.w; refused 'expected an object' "no object of objects"
good; printf 'source,target,weight\n1,2,1\n2,1,1\n' >a.w; refused 'rows 1 and 2 are the same edge' "an edge twice in CSV"
good; printf 'source,target,weight\n1,2,1\n2,3,1x\n' >a.w; refused 'row 2: weight' "a weight of CSV that is none"
good; printf 'source,targe\n1,2\n' >a.w; refused 'target' "a column that is not there"
good; echo '["1", "1"]' >a.n; refused 'twice' "an own node twice"
good; echo '["1", 1.5]' >a.n; refused 'entry 2' "an own node that is a fraction"
good; printf '{"1": {"2": 1e-9}}' >a.w; refused 'more fraction_bits' "a weight too small for its unit"
record=$(printf %s "$(run)")
lacks "$(printf %s "$record" | sed 's/.*"party_b"//')" '1e-9' "which the other party does not read"
good; printf '{"1": {"2": 1e30}}' >a.w; refused 'less fraction_bits' "one too large"
good; echo '["1", "2"]' >a.n; refused 'both parties list' "a node of both parties"
good; record=$(run --param reveal_total_weight=false); has "$(cat err)$record" 'total_weight_limit' "a hidden total without a bound"
good; record=$(run --a-output graph=g.txt); has "$record" '.graphml or .dot' "a graph of no known form"
