#!/usr/bin/env bash
# NETWORK_SCHEME=socket: a gateway per task on an agreed port, that ends with its task; busy ports; mixed schemes.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"
NETWORK_SCHEME=socket
low=$((50000 + RANDOM % 15000))
HOME_EXTRA_CONF="PORT_LOWER_BOUND=$low
PORT_UPPER_BOUND=$((low + 99))"
parties_start
# What follows works without the parties' gateway daemons.
for home in "$A" "$B"; do proc_end "$home" netd; done
is "$(api "$A" /readyz | tr -d ' ' | grep -c '"gateway":true')" 1 "a party without a gateway daemon is ready"

psi_request='{"mission_name":"psi","mission_params":{"party_a":{"column_name":"id","inputs":{"data":"data/a.csv"},"outputs":{"data":"data/res.csv"}},"party_b":{"column_name":"id","inputs":{"data":"data/b.csv"},"outputs":{"data":"data/res.csv"}}}}'
pair_request() { # PARAMS_A PARAMS_B [TOP]
  printf '{"mission_name":"pair"%s,"mission_params":{"exchange":1000,"party_a":{%s},"party_b":{%s}}}' "${3:-}" "$1" "$2"
}
gateways() { pgrep -u "$(id -u)" -cf "pet-netd --tas[k] .*--socket $dir/r"; }
until_gateways() { # COUNT: prints how many there are once it is that, or after 15 s
  for ((i = 0; i < 150; i++)); do [ "$(gateways)" = "$1" ] && break; sleep 0.1; done
  gateways
}
port_at() { sql_at "$1" "SELECT port FROM reservation WHERE job_id = '$job'"; }

printf 'id,v\n7,"seven, quoted"\n3,three\n10,ten\n1,one\n' >"$A/data/a.csv"
printf 'w,id\nx,10\ny,2\nz,7\n' >"$B/data/b.csv"
for home in "$A" "$B"; do grant_at "$home" psi '*'; grant_at "$home" pair '*'; done

# --- both directions ---------------------------------------------------------
for home in "$A" "$B"; do
  name=$(home_get "$home" party)
  job=$(submit "$home" "${psi_request//res.csv/res_$name.csv}")
  is "$(wait_end "$A" "$job")" SUCCESS "PSI submitted at $name succeeds"
  is "$(wait_end "$B" "$job" 20)" SUCCESS "at both parties"
  is "$(cat "$A/data/res_$name.csv")" "$(printf 'id,v\n10,ten\n7,"seven, quoted"')" "with A's rows"
  is "$(tr -d '\r' <"$B/data/res_$name.csv")" "$(printf 'w,id\nx,10\nz,7')" "and B's"
  is "$(until_gateways 0)" 0 "its gateways have ended"
done

# --- while it runs, and kill --------------------------------------------------
slow='"sleep_ms":60000'
for home in "$A" "$B"; do
  name=$(home_get "$home" party)
  job=$(submit "$home" "$(pair_request "$slow" "$slow")")
  is "$(wait_status "$A" "$job" 30 RUNNING)" RUNNING "a long job of $name runs"
  is "$(until_gateways 2)" 2 "with one gateway at each party"
  port=$(port_at "$A")
  n=$((n + 1)); if [ "$port" -ge "$low" ] && [ "$port" -le $((low + 99)) ]; then echo "ok $n - on a port of the range"; else echo "not ok $n - on a port of the range ($port)"; fi
  is "$(port_at "$B")" "$port" "which both parties know"
  is "$(find "$dir/ra/g" "$dir/rb/g" -type s | wc -l)" 2 "and a socket for each operator"
  is "$(api "$home" /job/kill "{\"job_id\":\"$job\"}" | tr -d ' ')" '{"success":true}' "it is killed"
  is "$(wait_end "$A" "$job" 20) $(wait_end "$B" "$job" 20)" "CANCELED CANCELED" "at both parties"
  is "$(until_gateways 0)" 0 "and its gateways with it"
done
job=$(submit "$A" "$(pair_request '"crash":11' "$slow" ',"max_retries":0')")
is "$(wait_end "$A" "$job")" FAILED "an operator crashes"
is "$(until_gateways 0)" 0 "and no gateway stays"
is "$(find "$dir/ra/g" "$dir/rb/g" -type s | wc -l)" 0 "nor a socket"
job=$(submit "$A" "$(pair_request "$slow" "$slow" ',"max_retries":0')")
is "$(until_gateways 2)" 2 "a job whose gateways are killed"
for ((i = 0; i < 100; i++)); do [ "$(find "$dir/ra/g" "$dir/rb/g" -type s | wc -l)" = 2 ] && break; sleep 0.1; done
pgrep -u "$(id -u)" -f "pet-netd --tas[k] .*--socket $dir/r" | while read -r pid; do kill -9 "$pid"; done
sockets=$(find "$dir/ra/g" "$dir/rb/g" -type s | wc -l)
api "$A" /job/kill "{\"job_id\":\"$job\"}" >/dev/null
is "$(wait_end "$A" "$job" 90 >/dev/null; wait_end "$B" "$job" 20 >/dev/null; until_gateways 0)" 0 "ends"
for home in "$A" "$B"; do proc_end "$home" schedd; home_up "$home" schedd; done	# the sweep is the first thing that a scheduler does
for ((i = 0; i < 100; i++)); do [ "$(find "$dir/ra/g" "$dir/rb/g" -type s | wc -l)" = 0 ] && break; sleep 0.1; done
is "$sockets $(find "$dir/ra/g" "$dir/rb/g" -type s | wc -l)" "2 0" "the two sockets that they leave are swept away"

# --- a port that another program holds -----------------------------------------
hold_next() { # the port that comes next at A, until $holder is ended
  port=$(($(sql_at "$A" "SELECT value FROM setting WHERE name = 'port_last'") + 1))
  [ "$port" -le $((low + 99)) ] || port=$low
  perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 1) or die; sleep 300' "$port" &
  holder=$!
  for ((i = 0; i < 100; i++)); do port_free "$port" || break; sleep 0.05; done
}
hold_next
job=$(submit "$B" "$(pair_request '' '')")
is "$(wait_end "$B" "$job")" SUCCESS "a busy port is survived"
is "$(sql_at "$A" "SELECT attempt FROM job_group g JOIN job j ON j.id = g.job WHERE j.job_id = '$job'")" 1 "by another attempt on another port"
kill "$holder"; wait "$holder" 2>/dev/null
hold_next
job=$(submit "$A" "$(pair_request '' '' ',"max_retries":0')")
is "$(wait_end "$A" "$job")" FAILED "but not without retries"
has "$(api "$A" "/job/status?job_id=$job")" "gateway could not be started" "and the reason is told"
kill "$holder"; wait "$holder" 2>/dev/null
wait_end "$B" "$job" 20 >/dev/null
is "$(until_gateways 0)" 0 "no gateway stays"

# --- the other party uses the other scheme --------------------------------------
sed -i 's/^NETWORK_SCHEME=.*/NETWORK_SCHEME=agent/' "$B/etc/petplatform.conf"
proc_end "$B" schedd
home_up "$B" netd && home_up "$B" schedd && home_ready "$B"
for ((i = 0; i < 100; i++)); do [ "$(sql_at "$B" "SELECT value FROM setting WHERE name = 'scheme'")" = agent ] && break; sleep 0.1; done
job=$(submit "$A" "$(pair_request '' '')")
is "$(wait_end "$A" "$job")" FAILED "a pair of two schemes is refused"
has "$(api "$A" "/job/status?job_id=$job")" "party_a has NETWORK_SCHEME socket and party_b has agent: both must have the same" "with a sentence that names both"
is "$(sql_at "$B" "SELECT COUNT(*) FROM job WHERE job_id = '$job'")" 0 "and nothing was created there"
job=$(submit "$B" "$(pair_request '' '')")
is "$(wait_end "$B" "$job")" FAILED "the other way round too"
has "$(api "$B" "/job/status?job_id=$job")" "party_b has NETWORK_SCHEME agent and party_a has socket" "with its sentence"

# --- configuration ---------------------------------------------------------------
refused() { PET_CONF=$A/etc/petplatform.conf env "$@" timeout 20 "$INST/sbin/pet-schedd" 2>&1; }
has "$(refused NETWORK_SCHEME=pigeon)" "expected agent or socket" "another scheme is refused at the start"
has "$(refused PORT_LOWER_BOUND=80)" "PORT_LOWER_BOUND" "a port outside the range too"
has "$(refused PORT_LOWER_BOUND=60000 PORT_UPPER_BOUND=50000)" "above PORT_UPPER_BOUND" "and an empty range"

for home in "$A" "$B"; do
  is "$(sql_at "$home" "SELECT COUNT(*) FROM reservation")" 0 "no slot is held at the end at $(home_get "$home" party)"
done
echo "1..$n"
