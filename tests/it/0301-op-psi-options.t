#!/usr/bin/env bash
# Options of op-psi: how files are read, which rows come out, what is hidden, and every wrong value refused by name.
set -u
. "$abs_top_srcdir/tests/it/op_psi.sh"
echo 1..74
id='{"column_name": "id"}'
with() { printf '{"column_name": "id", %s}' "$1"; }

# --- join -----------------------------------------------------------------------------
mkdir "$dir/left"
printf 'id,x\n3,c\n1,a\n2,b\n' >"$dir/left/a.csv"
printf 'id\n2\n9\n3\n' >"$dir/left/b.csv"
pair left "$(with '"join": "left"')" "$id"
is "$status_a $status_b" "0 0" "join left at one party"
is "$(text a)" $'id,x,matched\n1,a,0\n2,b,1\n3,c,1' "all its rows, with a column that says which matched"
is "$(text b)" $'id\n2\n3' "the other one's rows are those that match"
has "$(record a)" '"rows_out":3' "three rows came out"
has "$(record a)" '"intersection":2' "two keys are common"
pair left '{"column_name": "id", "join": "left", "receiver": "party_b"}' '{"column_name": "id", "receiver": "party_b"}'
is "$status_a $(text a)" "0 id,x,matched" "a party that does not receive gets the header, with the column"
printf 'id,matched\n1,x\n' >"$dir/left/a.csv"
pair left "$(with '"join": "left"')" "$id"
has "$status_a $(record a)" 'has a column \"matched\" already' "a column of that name is refused"
printf '"id"\r\n"7"\r\n"8"\r\n' >"$dir/left/a.csv"
printf 'id\n8\n' >"$dir/left/b.csv"
pair left "$(with '"join": "left"')" "$id"
is "$(text a)" $'"id",matched\n"7",0\n"8",1' "rows keep their own form before the column"

# --- duplicates -------------------------------------------------------------------------
mkdir "$dir/dup"
printf 'id,x\n2,first\n1,only\n2,second\n5,p\n5,q\n2,third\n' >"$dir/dup/a.csv"
printf 'id\n5\n2\n7\n' >"$dir/dup/b.csv"
pair dup "$(with '"duplicates": "first"')" "$id"
is "$status_a $status_b" "0 0" "duplicates: first"
is "$(text a)" $'id,x\n2,first\n5,p' "of each key the first row of the file"
has "$(record b)" '"peer_rows":6' "the other party sees the number of rows, not of keys"
pair dup "$(with '"duplicates": "all"')" "$id"
is "$status_a $status_b" "0 0" "duplicates: all"
is "$(text a)" $'id,x\n2,first\n2,second\n2,third\n5,p\n5,q' "every row of a common key, in the order of the file"
is "$(text b)" $'id\n2\n5' "the other one's once"
has "$(record a)" '"matches":2' "matches counts keys"
has "$(record a)" '"rows_out":5' "rows_out counts rows"
has "$(record b)" '"peer_rows":6' "the other party sees the number of rows again"
pair dup "$(with '"duplicates": "first", "join": "left"')" "$id"
is "$(text a)" $'id,x,matched\n1,only,0\n2,first,1\n5,p,1' "first, left: later rows of a key are left out"
pair dup "$(with '"duplicates": "all", "join": "left"')" "$id"
is "$(text a)" $'id,x,matched\n1,only,0\n2,first,1\n2,second,1\n2,third,1\n5,p,1\n5,q,1' "all, left: every row"
pair dup "$id" "$id"
has "$status_a $(record a)" '65 {' "without the option it is an error"
has "$(record a)" 'lines 2 and 4, lines 5 and 6, lines 2 and 7' "that names the lines"
printf 'id\n4\n4\n4\n' >"$dir/dup/a.csv"
printf 'id\n4\n4\n' >"$dir/dup/b.csv"
pair dup "$(with '"duplicates": "all"')" "$(with '"duplicates": "first"')"
is "$(text a) $(text b)" $'id\n4\n4\n4 id\n4' "one key only, many times at both"

# --- reading ------------------------------------------------------------------------------
mkdir "$dir/read"
printf 'id;x\n1,5;"a;b"\n2;c\n' >"$dir/read/a.csv"
printf 'x\tid\nz\t1,5\n' >"$dir/read/b.csv"
pair read "$(with '"delimiter": ";"')" "$(with '"delimiter": "\t"')"
is "$status_a $status_b" "0 0" "delimiters"
is "$(text a)|$(text b)" $'id;x\n1,5;"a;b"|x\tid\nz\t1,5' "each party its own, in the output too"
pair read "$(with '"delimiter": ";", "join": "left"')" "$(with '"delimiter": "\t"')"
is "$(text a)" $'id;x;matched\n1,5;"a;b";1\n2;c;0' "the column of join left comes behind the same delimiter"
printf '7,a\n8,b\n' >"$dir/read/a.csv"
printf 'b,8\nc,9\n' >"$dir/read/b.csv"
pair read '{"column_name": "1", "header": false}' '{"column_name": "2", "header": false}'
is "$status_a $status_b" "0 0" "files without a header"
is "$(text a)|$(text b)" '8,b|b,8' "columns by number, no header in the output"
pair read '{"column_name": "1", "header": false, "join": "left"}' '{"column_name": "2", "header": false}'
is "$(text a)" $'7,a,0\n8,b,1' "join left without a header"
pair read '{"column_name": "id", "header": false}' '{"column_name": "2", "header": false}'
has "$status_a $(record a)" 'without a header its 2 columns are \"1\" to \"2\"' "a name is refused"
: >"$dir/read/a.csv"
pair read '{"column_name": "1", "header": false}' '{"column_name": "2", "header": false}'
is "$status_a $status_b $(text a)" "0 0 " "an empty file without a header has no rows"
printf 'id\n\xff\xfe\nb\x00c\nplain\n' >"$dir/read/a.csv"
printf 'id\nb\x00c\n\xff\xfe\nb\n' >"$dir/read/b.csv"
pair read "$id" "$id"
has "$status_a $(record a)" 'byte 0xff is not valid UTF-8' "bytes that are not UTF-8 are refused"
pair read "$(with '"encoding_errors": "keep"')" "$(with '"encoding_errors": "keep"')"
is "$status_a $status_b" "0 0" "or kept, NUL too"
is "$(text a | od -An -tx1 | tr -d ' \n')" "69640a6200630aff""fe0a" "and come out as they went in, in bytewise order"

# --- normalisation ---------------------------------------------------------------------------
mkdir "$dir/norm"
printf 'id,x\n" Anna ",1\nBERT\t,2\n\xc3\x84,3\nc d,4\n' >"$dir/norm/a.csv"
printf 'id\nanna\nbert\n\xc3\xa4\nc  d\n' >"$dir/norm/b.csv"
pair norm "$id" "$id"
is "$(text a)|$(text b)" "id,x|id" "without options a blank and a capital count"
n2='{"column_name": "id", "trim": true, "casefold": "ascii"}'
pair norm "$n2" "$n2"
is "$status_a $status_b" "0 0" "trim and casefold"
is "$(text a)|$(text b)" $'id,x\n" Anna ",1\nBERT\t,2|id\nanna\nbert' "rows come out as they were, aligned by the compared text; only A to Z fold, blanks inside stay"
pair norm "$(with '"trim": true')" "$(with '"trim": true')"
is "$(text a)|$(text b)" "id,x|id" "trim alone"
pair norm "$n2" "$(with '"trim": true')"
is "$((status_a != 0 && status_b != 0))" 1 "parties that normalise differently end both"
has "$(record a)" 'different common parameters' "and say why"
printf 'id,x\nA,1\na,2\n' >"$dir/norm/a.csv"
pair norm "$n2" "$n2"
has "$status_a $(record a)" 'lines 2 and 3' "keys that are one after normalising are duplicates"
printf 'id,k\nx,\n" ",x\n' >"$dir/norm/a.csv"
printf 'id,k\n,x\nx,y\n' >"$dir/norm/b.csv"
pair norm '{"column_name": ["id", "k"], "trim": true}' '{"column_name": ["id", "k"], "trim": true}'
is "$(text a)|$(text b)" $'id,k\n" ",x|id,k\n,x' "two columns: each is trimmed for itself"

# --- padding ----------------------------------------------------------------------------------
mkdir "$dir/pad"
printf 'id\n1\n2\n3\n4\n5\n' >"$dir/pad/a.csv"
printf 'id\n5\n6\n1\n' >"$dir/pad/b.csv"
pair pad "$(with '"pad_to": "power_of_two"')" "$id"
is "$status_a $status_b" "0 0" "pad_to at one party"
is "$(text a)|$(text b)" $'id\n1\n5|id\n1\n5' "the result is the same"
has "$(record a)" '"peer_rows":3' "the other's number is known"
has "$(record b)" '"peer_rows":8' "its own up to the next power of two"
printf 'id\n' >"$dir/pad/a.csv"
pair pad "$(with '"pad_to": "power_of_two"')" "$id"
is "$status_a $status_b $(text b)" "0 0 id" "no rows, padded"
has "$(record b)" '"peer_rows":1' "look like one"

# --- keys -------------------------------------------------------------------------------------
mkdir "$dir/keys"
long=$(head -c 10000 /dev/zero | tr '\0' k)
printf 'id,n\n,1\n%s,2\n%sx,3\n01,4\n1.0,5\n1,6\n1e0,7\n+1,8\n' "$long" "$long" >"$dir/keys/a.csv"
printf 'id\n1\n%s\n\n' "$long" | sed 's/^$/""/' >"$dir/keys/b.csv"
pair keys "$id" "$id"
is "$status_a $status_b" "0 0" "keys of 0 to 10,001 bytes, numbers in many forms"
is "$(text a | cut -c1-3,10001-)" $'id,\n,1\n1,6\nkkk,2' "only what is written alike is one key"
printf 'id,n\n"a""b",1\n"a,b",2\n"a\nb",3\n' >"$dir/keys/a.csv"
printf 'id\n"a\nb"\n"a""b"\na\n' >"$dir/keys/b.csv"
pair keys "$id" "$id"
is "$(text a)" $'id,n\n"a\nb",3\n"a""b",1' "quotes are no part of a key"

# --- wrong values -----------------------------------------------------------------------------
mkdir "$dir/bad"
printf 'id\n1\n' >"$dir/bad/a.csv"
for row in 'join|"right"|\"inner\", \"left\"' 'duplicates|"last"|\"error\", \"first\", \"all\"' 'output|"counts"|one of \"rows\"' \
  'delimiter|" "|one of' 'header|"no"|expected true or false' 'encoding_errors|"ignore"|\"error\", \"keep\"' 'trim|1|expected true or false' \
  'casefold|"unicode"|\"none\", \"ascii\"' 'pad_to|"1024"|\"none\", \"power_of_two\"' 'bucket_rows|1|from 16 to 16777216' 'protocol|"dh"|one of \"auto\"'; do
  IFS='|' read -r name value want <<<"$row"
  alone "$(with "\"$name\": $value")"
  has "$status_a $(record a)" "params.$name is $(printf '%s' "$value" | sed 's/"/\\"/g')" "$name: $value is refused by name"
  has "$(record a)" "$(printf '%s' "$want" | sed 's/\\*"/\\"/g')" "with what would be right"
done
has "$("$op" --describe)" '"when": "duplicates: error (the default) at the other party"' "--describe says what repeated keys disclose"
has "$("$op" --describe)" '"when": "pad_to: power_of_two at the other party"' "and what padding hides"
