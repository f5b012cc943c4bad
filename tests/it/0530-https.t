#!/usr/bin/env bash
# The schedulers talk https: through nginx with TLS, to a pinned certificate that carries the party's name.
set -u
. "$abs_top_srcdir/tests/it/parties.sh"
parties_setup "$@"

# Homes as always, and beside each nginx's plain server one with TLS, which the party file names.
eval "plain_$(declare -f home_configure)"
eval "plain_$(declare -f home_parties)"
tls_a=$(free_port) tls_b=$(free_port)
home_parties() { # FILE HOME…
  plain_home_parties "$@" &&
    sed -i "s,http://127.0.0.1:$(home_get "$A" http),https://127.0.0.1:$tls_a,; s,http://127.0.0.1:$(home_get "$B" http),https://127.0.0.1:$tls_b/," "$1"
}
home_configure() { # HOME
  local port=$tls_a
  [ "$1" = "$A" ] || port=$tls_b
  plain_home_configure "$1"
  cp "$1/etc/tls.crt" "$1/etc/api.crt" && cp "$1/etc/tls.key" "$1/etc/api.key"
  sed -e "s,@TLS_LISTEN@,127.0.0.1:$port,; s,@CERTIFICATE@,$1/etc/api.crt,; s,@CERTIFICATE_KEY@,$1/etc/api.key," \
    -e "s,@LOG_DIR@/petplatform-access.log,$1/log/tls.log,; s,@SHARE_DIR@,$1/etc," \
    "$INST/share/petplatform/nginx/petplatform-tls.conf.in" >"$1/etc/tls.conf"
  sed -i '$ d' "$1/etc/nginx.conf"
  printf '    include tls.conf;\n}\n' >>"$1/etc/nginx.conf"
}
HOME_EXTRA_CONF="PET_RECONCILE_S=1"
parties_start
grant_at "$B" pair '*'; grant_at "$A" pair '*'
pair='{"mission_name":"pair","mission_params":{"exchange":1000,"party_a":{},"party_b":{}}}'

job=$(submit "$A" "$pair")
is "$(wait_end "$A" "$job")$(wait_end "$B" "$job" 10)" SUCCESSSUCCESS "a job runs over https"
job=$(submit "$B" "$pair")
is "$(wait_end "$B" "$job")$(wait_end "$A" "$job" 10)" SUCCESSSUCCESS "from the other side, too"
for home in "$A" "$B"; do
  is "$(grep -c '"POST /api/v1/peer/groups/start HTTP/2.0" 200' "$home/log/tls.log")" 1 "the start came to $(home_get "$home" party) over TLS, on HTTP/2"
done
is "$(cat "$A"/log/access.log "$B"/log/access.log | grep -c /api/v1/peer)" 0 "and nothing of the peers came without"

# --- other certificates --------------------------------------------------------
certificate() { # DNS [SIGNED]: a fresh one for party_b's nginx, by its own key or by that of the pinned one
  (
    cd "$B/etc" || exit
    if [ $# = 1 ]; then
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout api.key -out api.crt \
        -subj "/CN=$1" -addext "subjectAltName=DNS:$1"
    else
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout api.key -out api.csr -subj "/CN=$1" &&
        openssl x509 -req -in api.csr -CA tls.crt -CAkey tls.key -CAcreateserial -days 2 -out api.crt \
          -extfile <(printf 'subjectAltName=DNS:%s\n' "$1")
    fi
  ) >>"$dir/openssl.log" 2>&1
}
anew() { proc_end "$B" nginx; home_up "$B" nginx; }
said() { # TEXT: how often the scheduler of party_a has said it; waits until once more than $before
  local i
  for ((i = 0; i < 100; i++)); do
    [ "$(grep -c "$1" "$A/log/schedd.log")" -gt "$before" ] && break
    sleep 0.1
  done
  [ "$(grep -c "$1" "$A/log/schedd.log")" -gt "$before" ] && echo yes
}
refused() { # NAME REASON: a job submitted now does not get through
  before=$(grep -c "$2" "$A/log/schedd.log")
  peers=$(wc -l <"$B/log/tls.log")
  anew
  job=$(submit "$A" "$pair")
  is "$(said "$2")" yes "$1: the scheduler says what is wrong"
  is "$(status_of "$A" "$job")" INIT "the job waits"
  is "$(wc -l <"$B/log/tls.log")" "$peers" "and no request, nor its token, was sent"
}
certificate party_b
refused "a certificate of that name that is not the pinned one" "party_b does not answer: SSL certificate problem"
certificate mallory signed
anew
sleep 3	# longer than the pause between two tries
is "$(status_of "$A" "$job")" INIT "one that the pinned key signed for another name does not do either"
certificate party_b signed
anew
is "$(wait_end "$A" "$job" 30)" SUCCESS "one that the pinned key signed for the party does, and the job goes on"
certificate mallory signed
refused "another name" "party_b does not answer: SSL: no alternative certificate subject name matches"
cp "$A/etc/tls.crt" "$B/etc/api.crt" && cp "$A/etc/tls.key" "$B/etc/api.key"
anew
sleep 3
is "$(status_of "$A" "$job")" INIT "nor does a third party's own certificate that is pinned for another"
cp "$B/etc/tls.crt" "$B/etc/api.crt" && cp "$B/etc/tls.key" "$B/etc/api.key"
anew
is "$(wait_end "$A" "$job" 30)" SUCCESS "with the pinned one all is well"

# --- what a scheduler does not start with ----------------------------------------
schedd_with() { # URL: what it says of the other party's
  sed "s,https://127.0.0.1:$tls_b/,$1," "$A/etc/party.json" >"$dir/party.json"
  mkdir -p "$dir/state"
  home_env "$A" pet_sched CONFIG_FILE="$dir/party.json" PET_STATE_DIR="$dir/state" timeout 20 "$INST/sbin/pet-schedd" 2>&1
  echo "ends with $?"
}
answer=$(schedd_with http://192.0.2.1:80)
has "$answer" "party_b.petplatform.url is http://192.0.2.1:80: plain http is for loopback only, use https" "plain http to another machine is refused at the start"
has "$answer" "ends with 78" "as a wrong configuration"
for url in http://127.0.0.1.example.org:80 ftp://127.0.0.1 https:// https://user@127.0.0.1 127.0.0.1:80; do
  has "$(schedd_with "$url")" "party_b.petplatform.url" "so is $url"
done
echo "1..$n"
