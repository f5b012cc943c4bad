#!/usr/bin/env bash
# Leiden by curl on two real parties: the karate club, half of the members each, in the form of the published request.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
export LC_ALL=C
echo 1..12
parties_start

# Zachary 1977. Members with an even number are party_a's.
ties='0-1 0-2 0-3 0-4 0-5 0-6 0-7 0-8 0-10 0-11 0-12 0-13 0-17 0-19 0-21 0-31 1-2 1-3 1-7 1-13 1-17 1-19 1-21 1-30 2-3 2-7 2-8 2-9
 2-13 2-27 2-28 2-32 3-7 3-12 3-13 4-6 4-10 5-6 5-10 5-16 6-16 8-30 8-32 8-33 9-33 13-33 14-32 14-33 15-32 15-33 18-32 18-33 19-33
 20-32 20-33 22-32 22-33 23-25 23-27 23-29 23-32 23-33 24-25 24-27 24-31 25-31 26-29 26-33 27-33 28-31 28-33 29-32 29-33 30-32
 30-33 31-32 31-33 32-33'
weights() { # 0 or 1: what lies at that party
  printf '%s\n' $ties | awk -F- -v p="$1" '{ a = $1 % 2; b = $2 % 2; if (a == b && a != p) next; w = a == b ? 1 : 0.5
    l[$1] = l[$1] s[$1] "\"" $2 "\":" w; s[$1] = ","; l[$2] = l[$2] s[$2] "\"" $1 "\":" w; s[$2] = "," }
    END { printf "{"; for (k in l) { printf "%s\"%s\":{%s}", t, k, l[k]; t = "," } print "}" }'
}
weights 0 >"$A/data/weights.json"
weights 1 >"$B/data/weights.json"
seq 0 2 33 | paste -sd, | sed 's/.*/[&]/' >"$A/data/nodes.json"
seq 1 2 33 | paste -sd, | sed 's/.*/[&]/' >"$B/data/nodes.json"
request() { # MORE
  printf '{"mission_name": "leiden", "mission_version": 1, "mission_params": {"max_move": 20, "max_merge": 10, %s
    "party_a": {"inputs": {"user_weights": "data/weights.json", "local_nodes": "data/nodes.json"}, "outputs": {"cluster": "data/clusters.csv"}},
    "party_b": {"inputs": {"user_weights": "data/weights.json", "local_nodes": "data/nodes.json"}, "outputs": {"cluster": "data/clusters"}}}}' "${1:-}"
}
modularity() { # of both files together
  cat "$A/data/clusters.csv" "$B/data/clusters" | awk -F, -v ties="$(echo $ties)" '$1 != "user_id" { c[$1] = $2 } END {
    n = split(ties, t, " "); for (i = 1; i <= n; i++) { split(t[i], e, "-"); k[c[e[1]]]++; k[c[e[2]]]++; if (c[e[1]] == c[e[2]]) inside++ }
    for (i in k) q += k[i] * k[i]; printf "%.4f", inside / n - q / (4 * n * n) }'
}

job=$(submit "$A" "$(request)")
is "$(wait_end "$A" "$job")" FAILED "without a grant the other party refuses"
grant_at "$B" leiden '*'
job=$(submit "$A" "$(request)")
is "$(wait_end "$A" "$job" 120)" SUCCESS "the club falls into communities"
is "$(wait_end "$B" "$job" 30)" SUCCESS "at both parties"
is "$(wc -l <"$A/data/clusters.csv") $(wc -l <"$B/data/clusters")" "18 18" "each party has its own members"
is "$(modularity | awk '{ print ($1 >= 0.4188 ? "good" : $1) }')" good "modularity as good as can be (0.4188 to 0.4198)"
has "$(api "$A" "/job/status?job_id=$job")" '"progress": "100.00%"' "all is done"

job=$(submit "$B" "$(request '"n_seeds": 2, "reveal_modularity": true,' | sed 's/clusters/theirs/g')")
is "$(wait_end "$B" "$job")" FAILED "the other party needs a grant too"
grant_at "$A" leiden '*'
job=$(submit "$B" "$(request '"n_seeds": 2, "reveal_modularity": true,' | sed 's/clusters/theirs/g')")
is "$(wait_end "$B" "$job" 120)" SUCCESS "and runs then"
has "$(api "$A" /job/submit "$(request '"max_mov": 3,')")" "did you mean" "a misspelt option is refused at submit"
has "$(api "$A" /job/submit "$(request '"objective": "conductance",')")" "objective" "so is an objective that there is not"
job=$(submit "$A" "$(request '"reveal_total_weight": false,')")
is "$(wait_end "$A" "$job")" FAILED "a total that is hidden without a bound ends the job"
has "$(api "$A" "/job/status?job_id=$job")" total_weight_limit "with what is missing"
