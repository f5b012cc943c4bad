# What the tests of op-psi share: two operators with task documents of their own over loopback, and TAP. Sourced.
op="$abs_top_builddir/op-psi"
dir=$(mktemp -d /tmp/petpsi.XXXXXX)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
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

key=$(printf '%064d' 7)
# document SIDE PARAMS OUTPUTS: the task document of party a or b in the run's folder.
document() {
  local other=b role=party_a listen=true
  [ "$1" = a ] || { other=a; role=party_b; listen=false; }
  mkdir -p "$run/$1/control" "$run/$1/staging"
  cat <<EOF
{"version": 1, "job_id": "j_0123456789abcdef", "task": "psi_$1", "self": "$1", "peer": "$other",
 "role": "$role", "operator": "psi", "params": $2, "inputs": {"data": "$run/$1.csv"},
 "input_names": {"data": "data/$1.csv"}, "outputs": $3,
 "control_dir": "$run/$1/control", "staging_dir": "$run/$1/staging", "threads": ${threads:-1}, "work_dir": "$run/$1.work",
 "channel": {"scheme": "tcp", "address": "127.0.0.1:$port", "listen": $listen, "key": "$key",
             "connect_ms": 60000, "away_ms": 2000}}
EOF
}
free_port() { # a port that nobody listens on now; the run is tried again should somebody be faster
  local p
  while :; do
    p=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
  done
}
out='{"data": "data/out.csv"}'
# pair NAME PARAMS_A PARAMS_B [OUTPUTS_A OUTPUTS_B]: reads $dir/NAME/{a,b}.csv; leaves $status_a, $status_b, $run.
pair() {
  local pa pb
  run="$dir/$1"
  for _ in 1 2 3; do
    port=$(free_port)
    rm -rf "$run/a" "$run/b"
    [ -n "${resume:-}" ] || rm -rf "$run/a.work" "$run/b.work"
    document a "$2" "${4:-$out}" | "$op" 2>"$run/a.log" & pa=$!
    document b "$3" "${5:-$out}" | "$op" 2>"$run/b.log" & pb=$!
    pids="$pa $pb"
    wait $pa; status_a=$?
    wait $pb; status_b=$?
    pids=
    grep -q 'in use' "$run/a.log" || break
  done
}
# alone PARAMS_A [OUTPUTS_A]: a task that ends before it looks for its peer.
alone() {
  run="$dir/bad"
  port=1
  rm -rf "$run/a"
  document a "$1" "${2:-$out}" | "$op" 2>"$run/a.log"
  status_a=$?
}
text() { cat "$run/$1/staging/data.0"; }
record() { cat "$run/$1/control/exit.json"; }

