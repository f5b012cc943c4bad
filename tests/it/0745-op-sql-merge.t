#!/usr/bin/env bash
# op-sql with config.join: merge, against SQLite on the union of the data: drawn tables and queries from a fixed seed, edge cases, and what is refused.
set -u
pet=$abs_top_builddir/pet
export PET_OPERATOR_DIR=$abs_top_builddir LC_ALL=C
dir=$(mktemp -d /tmp/pet-sql-XXXXXX)
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
drawn=60
echo "1..$((drawn + 30 + 47))"

schema() { # NAME PARTY COLUMN:TYPE…
  local name=$1 party=$2 sep=
  shift 2
  printf '{"name":"%s","party":%s,"columns":[' "$name" "$party"
  for c in "$@"; do printf '%s{"name":"%s","type":%s,"party":%s}' "$sep" "${c%:*}" "${c#*:}" "$party"; sep=,; done
  printf ']}'
}
schemas="[$(schema ta 0 id1:2 id2:2 f1:3),$(schema tb 1 id1:2 id2:2 f1:3 f2:3 f3:2 name:0)]"
to=0
run() { # QUERY [MORE]: both parties on a.csv and b.csv
  rm -f a.out b.out
  "$pet" run op-sql --a-input data=a.csv --b-input data=b.csv --a-output data=a.out --b-output data=b.out --param "sql=$1" \
    --param "config={\"schemas\":$schemas,\"table_url\":{\"ta\":\"a.csv\",\"tb\":\"b.csv\"},\"join\":\"merge\",\"reveal_to\":$to${2:-}}" >exits 2>err
}
plain() {
  SQL_PLAIN_NULL=1 "$abs_top_builddir/tests/it/sql_plain" "$1" ta a.csv 'id1 INTEGER, id2 INTEGER, f1 REAL' \
    tb b.plain 'id1 INTEGER, id2 INTEGER, f1 REAL, f2 REAL, f3 INTEGER' | tail -n +2
}
# Rows as a set: numbers to 9 digits are too many for sorting, so rows are sorted by what rounds alike and compared with a tolerance.
same() { # FILE EXPECTED
  awk -F, -v OFS=, 'function round(f) { for (i = 1; i <= NF; i++) f = f (i > 1 ? "," : "") ($i == "" ? "" : sprintf("%.2f", $i + 1e-7)); return f }
    { print round("") "\t" $0 }' "$1" | sort >got.sorted
  awk -F, -v OFS=, 'function round(f) { for (i = 1; i <= NF; i++) f = f (i > 1 ? "," : "") ($i == "" ? "" : sprintf("%.2f", $i + 1e-7)); return f }
    { print round("") "\t" $0 }' "$2" | sort >want.sorted
  paste -d'|' <(cut -f2 got.sorted) <(cut -f2 want.sorted) | awk -F'|' '{ n = split($1, a, ","); if (split($2, b, ",") != n) bad = 1
      for (i = 1; i <= n; i++) { if ((a[i] == "") != (b[i] == "")) bad = 1; d = a[i] - b[i]; if (d < 0) d = -d; s = b[i] < 0 ? -b[i] : b[i]
        if (d > 0.0001 + s / 1000000) bad = 1 } } END { exit bad }'
}
check() { # QUERY NAME
  plain "$1" >want
  run "$1"; rc=$?
  [ $rc = 0 ] && tail -n +2 a.out >got || : >got
  if [ $rc = 0 ] && same got want; then is 0 0 "$2"; else is "$rc: $(tr '\n' ' ' <got) $(head -n 1 err)" "$(tr '\n' ' ' <want)" "$2: $1"; fi
}
draw() { # SEED ROWS: a.csv has unique keys, b.csv repeats; both have NULLs and negatives, in different orders
  awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed); print "id1,id2,f1"; for (i = 0; i < n; i++) k[i] = i - int(n / 2)
    for (i = n - 1; i > 0; i--) { j = int(rand() * (i + 1)); t = k[i]; k[i] = k[j]; k[j] = t }
    for (i = 0; i < n; i++) printf "%s,%d,%s\n", rand() < .1 ? "" : k[i], i - 3, rand() < .1 ? "" : sprintf("%.3f", rand() * 1000 - 600) }' >a.csv
  awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed + 1000); print "id1,id2,f1,f2,f3"; for (i = 0; i < n; i++)
    printf "%s,%d,%s,%.2f,%s\n", rand() < .1 ? "" : int(rand() * n) - int(n / 2), rand() * 5, rand() < .1 ? "" : sprintf("%.2f", rand() * 900 - 500 + .005), rand() * 10 - 5,
      rand() < .1 ? "" : int(rand() * 5) - 3 }' >b.plain
  sed '1s/$/,name/; 2,$s/$/,x/' b.plain >b.csv
}

# --- the predecessor's wrong answers ------------------------------------------------------------
printf 'id1,id2,f1\n3,0,-10\n1,0,-20\n2,0,500\n' >a.csv
printf 'id1,id2,f1,f2,f3\n2,0,700,0,1\n3,0,-800,0,2\n1,0,-900,0,2\n' >b.plain
sed '1s/$/,name/; 2,$s/$/,/' b.plain >b.csv
check "SELECT b.f3, sum(a.f1) AS s FROM ta a JOIN tb b ON a.id1 = b.id1 GROUP BY b.f3" "ids in different orders"
check "SELECT b.f3, count(*), count(a.f1) FROM ta a JOIN tb b ON a.id1 = b.id1 GROUP BY b.f3" "COUNT"
check "SELECT b.f3, sum(a.f1 * b.f1) FROM ta a JOIN tb b ON a.id1 = b.id1 GROUP BY b.f3" "products beyond 300"
check "SELECT sum(a.f1 * b.f1 * b.f1 - a.f1 / b.f1) FROM ta a JOIN tb b ON a.id1 = b.id1" "powers and a quotient, without GROUP BY"
published="SELECT b.f3 as f3, sum(b.f1) as count_f, sum(b.f1 * b.f1 + a.f1 - a.f1 / b.f1) AS sum_f, sum(b.f1 * a.f1 + 1) as sum_f2 FROM (select id1, id2, f1 from ta where f1 < 90) AS a JOIN (select id1, id2, f1 + f2 + 2.01 as f1, f1 * f2 + 1 as f2, f3 from tb) AS b ON a.id1 = b.id1 GROUP BY b.f3"
check "$published" "the published query"
is "$(head -n 1 a.out)" "f3,count_f,sum_f,sum_f2" "its header"
is "$(ls b.out 2>&1 | grep -c 'No such')" 1 "the other party gets nothing"
to=1; run "$published"; is "$? $(ls a.out 2>/dev/null) $(wc -l <b.out)" "0  2" "reveal_to 1"
to=2; run "$published"; is "$? $(sort a.out | cksum)" "0 $(sort b.out | cksum)" "reveal_to both"; to=0

# --- edges ------------------------------------------------------------------------------------------
sum="SELECT b.f3, count(*), sum(a.id2 * b.f3), sum(a.f1) FROM ta a JOIN tb b ON a.id1 = b.id1 GROUP BY b.f3"
draw 1 40; cp a.csv a.full; cp b.csv b.full; cp b.plain b.plain.full
head -n 1 a.full >a.csv; check "$sum" "an empty table at one party"
check "SELECT count(*), sum(a.id2 * b.f3), sum(a.f1) FROM ta a JOIN tb b ON a.id1 = b.id1" "without groups: one row, sums are NULL"
cp a.full a.csv; head -n 1 b.full >b.csv; head -n 1 b.plain.full >b.plain; check "$sum" "at the other"
head -n 2 b.full >b.csv; head -n 2 b.plain.full >b.plain; check "$sum" "one row"
printf 'id1,id2,f1\n,1,1\n,2,2\n' >a.csv; printf 'id1,id2,f1,f2,f3\n,1,1,1,1\n,2,1,1,1\n' >b.plain; sed '1s/$/,name/; 2,$s/$/,/' b.plain >b.csv
check "$sum" "NULL equals nothing"
printf 'id1,id2,f1\n576460752303423487,4503599627370495,1\n-576460752303423487,-4503599627370495,2\n' >a.csv
printf 'id1,id2,f1,f2,f3\n576460752303423487,1,1,1,2\n-576460752303423487,1,1,1,2\n576460752303423487,1,1,1,3\n' >b.plain; sed '1s/$/,name/; 2,$s/$/,/' b.plain >b.csv
check "SELECT b.f3, sum(a.id2 * b.f3) AS s FROM ta a JOIN tb b ON a.id1 = b.id1 GROUP BY b.f3" "the largest keys and operands"
printf 'id1,id2,f1\n1,4503599627370495,1\n' >a.csv
printf 'id1,id2,f1,f2,f3\n1,4503599627370495,1,1,2\n' >b.plain; sed '1s/$/,name/; 2,$s/$/,/' b.plain >b.csv
run "SELECT sum(a.id2 * b.id2 * 1) AS s FROM ta a JOIN tb b ON a.id1 = b.id1"
is "$(tail -n 1 a.out)" 20282409603651661416747996545025 "a sum beyond 64 bits is exact"

# --- what a party sees has the same size for all tables of the same sizes ---------------------------------------
size() { # the bytes that each party's protocol sent
  run "$published" || echo failed
  grep -o '"bytes_sent":[0-9]*' exits | tr '\n' ' '
}
seq 1 50 | awk 'BEGIN { print "id1,id2,f1" } { print $1 ",1,-5" }' >a.csv
seq 1 50 | awk 'BEGIN { print "id1,id2,f1,f2,f3,name" } { print $1 ",1,2,3," $1 % 40 "," }' >b.csv
all=$(size)
is "$(wc -l <a.out)" 41 "every key meets, in 40 groups"
seq 1 50 | awk 'BEGIN { print "id1,id2,f1" } { print $1 + 100 ",1," ($1 < 40 ? 95 : "") }' >a.csv
seq 1 50 | awk 'BEGIN { print "id1,id2,f1,f2,f3,name" } { print "7,1,2,3,4," }' >b.csv
is "$(size)" "$all" "none does, most rows are filtered, one group: as many bytes"

# --- drawn queries ------------------------------------------------------------------------------------
query() { # SEED
  awk -v seed="$1" 'function pick(list,  v, k) { k = split(list, v, ";"); return v[1 + int(rand() * k)] }
    function term() { return pick("a.f1;b.f1;a.id2;b.f3;b.f2;a.f1 * b.f1;a.id2 * b.f3;(a.f1 - b.f1) * (a.id2 + b.f2);a.f1 / b.f1;b.f1 / (a.f1 - 1000.5);abs(b.f1) - a.f1;-a.f1;a.id2 - b.id2;2 * a.f1 + 3;-3 * b.f3 * a.id2;coalesce(a.f1, 0) * b.f2;CASE WHEN b.f1 < 0 THEN 1 ELSE -2.5 END * a.f1") }
    BEGIN { srand(seed); keys = pick("b.f3;b.f3, b.id2;b.id2;;b.f3"); s = "SELECT " keys (keys == "" ? "" : ", ")
      k = 1 + int(rand() * 3); for (i = 0; i < k; i++) s = s (i ? ", " : "") pick("count(*);count(a.f1);count(" term() ");sum(" term() ");sum(" term() " + " term() ");sum(" term() " - " term() ")")
      s = s pick(" FROM ta a JOIN tb b ON a.id1 = b.id1; FROM tb b JOIN ta AS a ON b.id1 = a.id1 AND a.f1 < 100; FROM (SELECT id1, f1, id2 FROM ta WHERE f1 BETWEEN -500 AND 200.5) a, tb b WHERE a.id1 = b.id1 AND b.f3 IS NOT NULL; FROM ta a INNER JOIN (SELECT id1, f1 * 2 AS f1, f2, f3, id2 FROM tb WHERE f3 IN (-2, -1, 0, 1)) AS b ON a.id1 = b.id1; FROM ta a JOIN (SELECT id1, sum(f1) AS f1, min(f2) AS f2, max(f3) AS f3, count(*) AS id2 FROM tb GROUP BY id1) b ON b.id1 = a.id1 WHERE NOT (b.f2 > 4 OR b.f2 IS NULL) AND NOT a.id2 % 7 = 0")
      print s (keys == "" ? "" : " GROUP BY " keys) }'
}
for seed in $(seq 1 $drawn); do
  [ $((seed % 6)) = 1 ] && draw "$seed" $((seed * 7 % 31 + 1))
  check "$(query "$seed")" "drawn query $seed"
done

# --- the same generator against the circuit PSI: no NULLs, and b's keys once -------------------------------
run_psi() { # QUERY
  rm -f a.out b.out
  "$pet" run op-sql --a-input data=a.csv --b-input data=b.csv --a-output data=a.out --param "sql=$1" \
    --param "config={\"schemas\":$schemas,\"table_url\":{\"ta\":\"$PWD/a.csv\",\"tb\":\"$PWD/b.csv\"},\"reveal_to\":0}" >exits 2>err
}
draw_psi() { # SEED ROWS
  awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed); print "id1,id2,f1"; for (i = 0; i < n; i++) printf "%d,%d,%.3f\n", int(rand() * n) - int(n / 2), i - 3, rand() * 1000 - 600 }' >a.csv
  awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed + 1000); print "id1,id2,f1,f2,f3"; for (i = n - 1; i >= 0; i--)
    printf "%d,%d,%.2f,%.2f,%d\n", i - int(n / 2), rand() * 5, rand() * 900 - 500 + .005, rand() * 10 - 5, int(rand() * 5) - 3 }' >b.plain
  sed '1s/$/,name/; 2,$s/$/,x/' b.plain >b.csv
}
psi=0
for seed in $(seq 101 250); do
  q=$(query "$seed")
  case $q in *CASE* | *"sum(f1)"*) continue ;; esac
  [ $psi = 30 ] && break
  [ $((psi % 6)) = 0 ] && draw_psi "$seed" $((seed * 7 % 31 + 5))
  psi=$((psi + 1))
  plain "$q" | sed 's/,,/,0,/g; s/,,/,0,/g; s/,$/,0/; s/^,/0,/; s/^$/0/' >want
  run_psi "$q"; rc=$?
  [ $rc = 0 ] && tail -n +2 a.out >got || : >got
  if [ $rc = 0 ] && same got want; then is 0 0 "psi, drawn query $seed"; else is "$rc: $(tr '\n' ' ' <got) $(head -n 1 err)" "$(tr '\n' ' ' <want)" "psi, drawn query $seed: $q"; fi
done

# --- what is refused ---------------------------------------------------------------------------------
draw 5 10
refuse() { # QUERY PART NAME
  run "$1"; rc=$?
  has "$rc $(tr '\n' ' ' <err)" "$2" "$3"
}
join="FROM ta a JOIN tb b ON a.id1 = b.id1"
refuse "SELECT sum(a.f1 $join" "line 1, column" "a syntax error has its place"
refuse "SELECT sum(a.f9) $join" "no column f9; the nearest is f1" "an unknown column, with the nearest"
refuse "SELECT sum(f1) $join" "ambiguous" "an ambiguous column"
refuse "SELECT sum(a.f1) FROM tx a JOIN tb b ON a.id1 = b.id1" "no table tx" "an unknown table"
refuse "SELECT a.f1, b.f2 $join" "must stand in GROUP BY" "rows without aggregate"
refuse "SELECT avg(a.f1) $join" "avg over a join" "AVG"
refuse "SELECT min(a.f1) $join" "min" "MIN"
refuse "SELECT count(DISTINCT a.f1) $join" "DISTINCT" "COUNT(DISTINCT)"
refuse "SELECT sum(a.f1) FROM ta a LEFT JOIN tb b ON a.id1 = b.id1" "INNER JOIN" "LEFT JOIN"
refuse "SELECT sum(a.f1) $join WHERE a.f1 < b.f1" "condition on columns of both" "a filter over both"
refuse "SELECT sum(a.f1 / (a.f1 + b.f1)) $join" "divisor" "a divisor of both"
refuse "SELECT sum(a.id2 / b.f3) $join" "quotient of INTs" "an INT quotient of both"
refuse "SELECT sum(abs(a.f1 * b.f1)) $join" "only + - * /" "a function over both"
refuse "SELECT sum(a.f1) $join GROUP BY b.f3 HAVING count(*) > 1" "HAVING is not supported" "HAVING"
refuse "SELECT b.f3, sum(a.f1) $join GROUP BY b.f3 ORDER BY b.f3" "ORDER BY is not supported" "ORDER BY"
refuse "SELECT b.f3, sum(a.f1) $join GROUP BY b.f3 LIMIT 3" "LIMIT is not supported" "LIMIT"
refuse "SELECT sum(a.f1) $join GROUP BY a.id2, b.f3" "both parties" "groups of both"
refuse "SELECT b.name, sum(a.f1) $join GROUP BY b.name" "CHAR" "groups of CHAR"
refuse "SELECT sum(a.f1) FROM ta a JOIN tb b ON a.f1 = b.f1" "join key of type DOUBLE" "a DOUBLE join key"
refuse "SELECT sum(a.f1) FROM ta a, tb b" "without key = key" "a cross join"
refuse "SELECT sum(x.f1) FROM ta x JOIN ta y ON x.id1 = y.id1" "within one party" "a join within one party"
refuse "SELECT sum(a.f1 + sum(b.f1)) $join" "inside an expression" "an aggregate in an aggregate"
refuse "SELECT sum(a.f1) $join UNION SELECT 1" "UNION" "UNION"
refuse "DELETE FROM ta" "expected one SELECT" "another statement"
run "SELECT sum(a.f1) $join" ',"reveal_tu":1'
has "$(cat err)" "no reveal_tu" "an unknown key of config"
printf 'id1,id2,f1\n1,2,3\n1,x,3\n' >a.csv
refuse "SELECT sum(a.f1) $join" "line 3, column id2" "a value of a wrong type, with its line and column"
printf 'id1,id2,f1\n1,2,3\n1,2,4\n' >a.csv
refuse "SELECT b.f3, sum(a.f1) $join GROUP BY b.f3" "more than once" "keys that repeat at both parties"
printf 'id1,id2,f1\n1,9007199254740993,3\n' >a.csv
refuse "SELECT sum(a.id2 * b.f3) $join" "out of range" "an operand out of range is no wrong sum"
rm -f a.csv; printf 'id1,id2\n1,2\n' >a.csv
refuse "SELECT sum(a.f1) $join" "f1" "a column that the file lacks"
