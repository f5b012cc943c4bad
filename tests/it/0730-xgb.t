#!/usr/bin/env bash
# Boosted trees by curl on two real parties, in the form of the published requests: fit, then prediction, both kinds.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
export LC_ALL=C
echo 1..15
parties_start

data() { # SEED LABEL-EXPRESSION: 25 rows
  awk -v seed="$1" "BEGIN { srand(seed); print \"sepal length (cm),x1,x2,label\"; for (i = 0; i < 25; i++) {
    a = 4 + 3 * rand(); b = rand(); c = int(rand() * 5); printf \"%.1f,%.2f,%d,%d\\n\", a, b, c, $2 } }"
}
data 1 '(a + c > 7.5)' >"$A/data/cls.csv"; data 2 '(a + c > 7.5)' >"$B/data/cls.csv"
data 3 'int(3 * a + 2 * c)' >"$A/data/reg.csv"; data 4 'int(3 * a + 2 * c)' >"$B/data/reg.csv"
mkdir -p "$A/data/output" "$B/data/output"
chmod 755 "$A/data/output" "$B/data/output"
fit() { # classifier|regressor DATA OBJECTIVE
  printf '{"mission_name": "xgboost_%s_fit", "mission_version": 1, "mission_params": {"objective:": "%s", "n_estimators": 2, "max_depth": 2, "reg_lambda": 1, "reg_alpha": 0,
    "base_score": 0.5, "learning_rate": 0.1, "min_child_weight": 0.1, "test_size": 0.0,
    "party_a": {"inputs": {"train_data": "data/%s.csv"}, "outputs": {"model_path": "data/%s_server.pkl"}},
    "party_b": {"inputs": {"train_data": "data/%s.csv"}, "outputs": {"model_path": "data/%s_client.pkl"}}}}' "$1" "$3" "$2" "$2" "$2" "$2"
}
predict() { # classifier|regressor DATA
  printf '{"mission_name": "xgboost_%s_predict", "mission_version": 1, "mission_params": {
    "party_a": {"inputs": {"predict_data": "data/%s.csv", "model_path": "data/%s_server.pkl"}, "outputs": {"inference_res_path": "data/output/%s_server.csv"}},
    "party_b": {"inputs": {"predict_data": "data/%s.csv", "model_path": "data/%s_client.pkl"}, "outputs": {"inference_res_path": "data/output/%s_client.csv"}}}}' \
    "$1" "$2" "$2" "$2" "$2" "$2" "$2"
}

for kind in classifier regressor; do
  file=${kind:0:3}; [ $file = cla ] && file=cls
  job=$(submit "$A" "$(fit $kind $file "$([ $kind = classifier ] && echo logitraw || echo squarederror)")")
  is "$(wait_end "$A" "$job")" FAILED "$kind: no grant, no fit"
  grant_at "$B" "xgboost_${kind}_fit" '*'
  grant_at "$B" "xgboost_${kind}_predict" '*'
  job=$(submit "$A" "$(fit $kind $file "$([ $kind = classifier ] && echo logitraw || echo squarederror)")")
  is "$(wait_end "$A" "$job" 120) $(wait_end "$B" "$job" 30)" "SUCCESS SUCCESS" "$kind: the fit succeeds at both"
  job=$(submit "$A" "$(predict $kind $file)")
  is "$(wait_end "$A" "$job" 120) $(wait_end "$B" "$job" 30)" "SUCCESS SUCCESS" "and so does the prediction"
  is "$(wc -l <"$A/data/output/${file}_server.csv") $(wc -l <"$B/data/output/${file}_client.csv")" "26 26" "of the own rows"
  { cut -d, -f4 "$A/data/$file.csv" | paste -d' ' "$A/data/output/${file}_server.csv" - | tail -n +2; } >"$dir/both.$file"
  is "$(awk '{ x += $1; y += $2; xx += $1 * $1; yy += $2 * $2; xy += $1 * $2; n++ }
    END { print ((n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y)) > 0.6 ? "alike" : "unlike") }' "$dir/both.$file")" alike "they go with the labels"
done
has "$(api "$A" /job/submit "$(fit classifier cls logitraw | sed 's/max_depth/max_dept/')")" "max_depth" "a misspelt parameter is refused at submit, with the nearest one"
has "$(api "$A" /job/submit "$(fit classifier cls squarederror)")" "logitraw" "so is an objective of the other kind"
has "$(api "$A" /job/submit "$(fit classifier cls logitraw | sed 's/"n_estimators": 2/"n_estimators": 0/')")" "n_estimators" "and a number out of range"
job=$(submit "$A" "$(predict classifier cls | sed 's/cls_client.pkl/reg_client.pkl/')")
is "$(wait_end "$A" "$job" 60)" FAILED "halves of two models end the job"
is "$(wait_end "$B" "$job" 30)" FAILED "at both parties"
