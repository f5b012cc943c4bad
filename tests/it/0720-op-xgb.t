#!/usr/bin/env bash
# op-xgb as a pair: both partitions, classifier and regressor, against the plain algorithm on the same rows; files that are refused.
set -u
pet=$abs_top_builddir/pet plain=$abs_top_builddir/tests/it/xgb_plain
export PET_OPERATOR_DIR=$abs_top_builddir LC_ALL=C
dir=$(mktemp -d /tmp/pet-xgb-XXXXXX)
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
echo 1..36

# rows N SEED: a b c d s t: two normal-like, two with few values, and two labels that depend on them.
rows() {
  awk -v n="$1" -v seed="$2" 'BEGIN { srand(seed); for (i = 0; i < n; i++) {
    a = rand() + rand() + rand() - 1.5; b = rand() * 4 - 2; c = int(rand() * 4); d = int(rand() * 3) * 1.5 - 1
    s = a - 1.3 * b + (c > 1 && d > 0 ? 2 : 0) + 0.3 * rand(); printf "%.5f,%.5f,%d,%.1f,%d,%.3f\n", a, b, c, d, (s > 0.9), 10 * s + 50 } }'
}
horizontal() { # N SEED COLUMN-OF-LABEL
  rows=$1
  rows "$1" "$2" >all
  { echo a,b,c,d,label; head -n $(($1 / 3)) all | cut -d, -f1-4,"$3"; } >a.csv
  { echo label,d,c,b,a; tail -n +$(($1 / 3 + 1)) all | awk -F, -v l="$3" -v OFS=, '{ print $l, $4, $3, $2, $1 }'; } >b.csv
}
vertical() {
  rows=$1
  rows "$1" "$2" >all
  { echo c,a,label; awk -F, -v l="$3" -v OFS=, '{ print $3, $1, $l }' all; } >a.csv
  { echo d,id,b; awk -F, -v OFS=, '{ print $4, NR, $2 }' all; } >b.csv
}
fit() { # KIND OPTIONS…
  "$pet" run "op-xgb_$1_fit" --a-input train_data=a.csv --b-input train_data=b.csv --a-output model_path=a.model --b-output model_path=b.model "${@:2}" 2>err
}
predict() { # KIND OPTIONS…
  "$pet" run "op-xgb_$1_predict" --a-input predict_data=a.csv --b-input predict_data=b.csv --a-input model_path=a.model --b-input model_path=b.model \
    --a-output inference_res_path=a.out --b-output inference_res_path=b.out "${@:2}" 2>err
}
# like KIND PARTITION TREES DEPTH LAMBDA ALPHA GAMMA ETA WEIGHT BASE BINS: predictions after a fit, as near to the plain ones as ties allow
like() {
  rm -f ./*.model ./*.out
  fit "$1" --param n_estimators="$3" --param max_depth="$4" --param reg_lambda="$5" --param reg_alpha="$6" --param min_split_loss="$7" \
    --param learning_rate="$8" --param min_child_weight="$9" --param base_score="${10}" --param max_bin="${11}" --param test_size=0 --threads "${threads:-1}" >fit.json
  predict "$1" >predict.json
  { tail -n +2 a.out; [ "$2" = vertical ] || tail -n +2 b.out; } >got
  "$plain" "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9" "${10}" "${11}" a.csv b.csv >want
  is "$(paste -d' ' got want | awk -v unit="$([ "$1" = regressor ] && echo 0.02 || echo 0.001)" '{ d = $1 - $2; if (d < 0) d = -d; bad += d > unit }
    END { print NR, bad <= NR * 0.1 ? "near" : bad " rows differ" }')" "$rows near" "$*"
}

horizontal 150 1 5
like classifier horizontal 1 3 1 0 0 0.3 0.5 0.5 32
threads=2 like classifier horizontal 4 3 1 0 0 0.3 0.5 0.5 16
like classifier horizontal 2 2 2 0.7 0.5 0.3 1 0.5 64
is "$(predict classifier --param output=class >/dev/null; tail -n +2 a.out | sort -u | tr '\n' ' ')" "0 1 " "classes"
predict classifier --param output=probability >/dev/null
is "$(tail -n +2 a.out | awk '$1 <= 0 || $1 >= 1' | wc -l)" 0 "probabilities"
horizontal 150 2 6
like regressor horizontal 1 3 1 0 0 0.3 1 0.5 32
like regressor horizontal 3 2 0 5 1 1 1 50 8
vertical 120 3 5
like classifier vertical 1 3 1 0 0 0.3 0.5 0.5 32
like classifier vertical 3 2 1 0 0 1 0.5 0.5 256
is "$(cmp a.out b.out && echo same)" same "both parties have vertical data's predictions"
vertical 120 4 6
like regressor vertical 2 3 1 0 0 0.3 1 0.5 32

# Rows that are kept out are evaluated; predictions go where an output is named; other columns do not matter.
horizontal 200 7 5
out=$(fit classifier --param n_estimators=5 --param learning_rate=1)
is "$(printf %s "$out" | grep -o '"training_rows_of_both":[0-9]*' | head -n 1)" '"training_rows_of_both":141' "three of ten rows of each party are kept out"
is "$(printf %s "$out" | grep -o '"test_error":[0-9.]*' | cut -d: -f2 | head -n 1 | awk '{ print ($1 < 0.25 ? "good" : $1) }')" good "and predicted well"
horizontal 200 8 6
out=$(fit regressor --param n_estimators=10 --param learning_rate=0.5)
is "$(printf %s "$out" | grep -o '"test_rmse":[0-9.]*' | cut -d: -f2 | head -n 1 | awk '{ print ($1 < 12 ? "good" : $1) }')" good "so are numbers"
rm -f ./*.out
"$pet" run op-xgb_regressor_predict --a-input predict_data=a.csv --b-input predict_data=b.csv --a-input model_path=a.model --b-input model_path=b.model \
  --b-output inference_res_path=b.out >/dev/null
is "$? $(ls ./*.out)" "0 ./b.out" "a party that names no output gets none"
{ echo more,d,c,b,a; tail -n +2 b.csv | sed 's/^[^,]*/text/'; } >c.csv && mv c.csv b.csv
predict regressor >/dev/null
is "$? $(wc -l <b.out)" "0 135" "a column that the model does not know may hold anything"
head -n 1 a.csv >c.csv && mv c.csv a.csv
predict regressor >/dev/null
is "$? $(cat a.out)" "0 prediction" "a party without rows"

# Data at its edges.
printf 'x,label\n1,1\n' >a.csv
printf 'x,label\n' >b.csv
fit classifier --param n_estimators=1 --param test_size=0 >/dev/null
is "$?" 0 "one row at one party"
printf 'x,y,label\n1,5,1\n1,5,1\n' >a.csv
printf 'x,y,label\n1,5,1\n' >b.csv
fit classifier --param n_estimators=2 --param test_size=0 --param reg_lambda=0 >/dev/null && predict classifier >/dev/null
is "$? $(tail -n +2 a.out | sort -u | wc -l)" "0 1" "constant features and one class: one value for all"
printf 'x,label\n-1e30,0\n1e30,1\n-1e30,0\n1e30,1\n' >a.csv
cp a.csv b.csv
fit classifier --param n_estimators=1 --param max_depth=1 --param test_size=0 --param min_child_weight=0 >/dev/null && predict classifier >/dev/null
is "$? $(tail -n +2 a.out | awk '{ print ($1 > 0.5) }' | tr '\n' ' ')" "0 0 1 0 1 " "extreme values"

# --- refusals --------------------------------------------------------------------------------------
refused() { # PART NAME OPTIONS…: in what a reads
  local record
  rm -f ./*.model
  record=$(fit classifier --param n_estimators=1 "${@:3}")
  has "$(cat err)$(printf %s "$record" | sed 's/"party_b".*//')" "$1" "$2"
}
good() { printf 'x,label\n1,0\n2,1\n' >a.csv; cp a.csv b.csv; }
good; printf 'x,label\n1,0\nabc,1\n' >a.csv; refused 'line 3, column \"x\"' "text in a column"
is "$(ls ./*.model 2>/dev/null)" "" "no model then"
good; printf 'x,label\n1,0\n,1\n' >a.csv; refused 'line 3, column \"x\"' "a missing value"
good; printf 'x,label\n1,0\nnan,1\n' >a.csv; refused 'line 3' "NaN"
good; printf 'x,label\n1,0\n1,2\n' >a.csv; refused 'row 2' "a label that is no class"
good; printf 'z,label\n1,0\n1,1\n' >a.csv; refused 'same columns' "other columns"
good; printf 'x\n1\n' >a.csv; printf 'x\n1\n' >b.csv; refused 'no party has the label' "no label at all"
good; refused 'both parties have the label' "vertical data with two labels" --param partition=vertical
good; printf 'y\n1\n2\n3\n' >b.csv; refused 'numbers differ' "vertical data with other rows"
good; refused 'shared' "a model of another kind" --param model=public
good; refused 'min_child_samples' "more rows to a side" --param min_child_samples=2
good; fit classifier --param n_estimators=1 --param test_size=0 >/dev/null; cp a.model old.model
fit classifier --param n_estimators=1 --param test_size=0 >/dev/null; cp old.model a.model
has "$(predict classifier)" 'halves of one model' "halves of two models"
cp b.model a.model
has "$(predict classifier)" "other party's half" "the other party's half"
has "$(predict regressor)" 'xgboost_classifier_predict' "a classifier's model at the regressor's"
echo '{"format": "x"}' >a.model
has "$(predict classifier)" 'format and version' "what is no model"
lacks "$(cat b.model)" '"x": 1' "a model file shows no row"
