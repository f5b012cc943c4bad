#!/bin/bash
# All daemons of one party in one container. Ends when one of them ends, so that the container is started again.
#   petplatform-party            run          petplatform-party check    say what is missing, start nothing
# Environment: PARTY, DB_HOST, DB_ROOT_PASSWORD, PET_API_DB_PASSWORD, PET_SCHED_DB_PASSWORD; others as in docs/configuration.md.
set -euo pipefail
run=/run/petplatform state=/var/lib/petplatform conf=/etc/petplatform/petplatform.conf

missing=()
for v in PARTY DB_HOST DB_ROOT_PASSWORD PET_API_DB_PASSWORD PET_SCHED_DB_PASSWORD; do [ -n "${!v:-}" ] || missing+=("the variable $v"); done
for f in /app/parties/party.json /app/keys/node.key /app/keys/tls.crt /app/keys/tls.key; do [ -r "$f" ] || missing+=("the file $f"); done
for p in nginx curl pet-migrate pet-api pet-schedd pet-spawn pet-netd; do command -v "$p" >/dev/null || missing+=("the program $p"); done
if [ ${#missing[@]} -gt 0 ]; then
  printf 'petplatform-party: missing: %s\n' "${missing[@]}" >&2
  exit 78
fi
[ "${1:-run}" != check ] || { echo "petplatform-party: everything is there"; exit 0; }

mkdir -p $run $state/sched $state/nginx /etc/petplatform/keys /var/log/petplatform
chown root:petplatform $run $state && chmod 2771 $run && chmod 755 $state
chown pet-sched:petplatform $state/sched && chmod 700 $state/sched
chown pet-op:pet-op /app/data && chmod 750 /app/data
# Each key for its daemon alone, whatever the volume says.
install -o pet-sched -g pet-sched -m 400 /app/keys/node.key /etc/petplatform/keys/node.key
install -o pet-net -g pet-net -m 400 /app/keys/tls.key /etc/petplatform/keys/tls.key
install -m 444 /app/keys/tls.crt /etc/petplatform/tls.crt

cat >$conf <<CONF
PARTY=$PARTY
CONFIG_FILE=/app/parties/party.json
SAFE_WORK_DIR=/app/data/
PET_RUN_DIR=$run
PET_STATE_DIR=$state
PET_NODE_KEY=/etc/petplatform/keys/node.key
PET_TLS_CERT=/etc/petplatform/tls.crt
PET_TLS_KEY=/etc/petplatform/keys/tls.key
PET_NET_LISTEN=${PET_NET_LISTEN:-0.0.0.0:8410}
PET_ANONYMOUS=${PET_ANONYMOUS:-0}
CONF
chmod 644 $conf
export PET_CONF=$conf
sed -e "s,@HTTP_LISTEN@,${HTTP_LISTEN:-0.0.0.0:8400},g" -e "s,@API_SOCKET@,$run/api.sock,g" -e "s,@RUN_DIR@,$run,g" \
  -e "s,@PREFIX@,$state/nginx,g" -e "s,@LOG_DIR@,/var/log/petplatform,g" \
  /usr/share/petplatform/nginx/nginx-private.conf.in >/etc/petplatform/nginx.conf
cp /usr/share/petplatform/nginx/petplatform-http.conf /usr/share/petplatform/nginx/petplatform-server.conf /etc/petplatform/

until answer=$(mariadb -h "$DB_HOST" -u root -p"$DB_ROOT_PASSWORD" -e 'SELECT 1' 2>&1); do
  echo "waiting for the database at $DB_HOST: $answer" >&2
  sleep 1
done
mariadb -h "$DB_HOST" -u root -p"$DB_ROOT_PASSWORD" -e 'CREATE DATABASE IF NOT EXISTS petplatform'
PLATFORM_DB_URI="mysql://root:$DB_ROOT_PASSWORD@$DB_HOST:3306/petplatform" pet-migrate --accounts --host '%'
unset DB_ROOT_PASSWORD

as() { local user=$1; shift; exec setpriv --reuid="$user" --regid="$user" --groups=petplatform,"$(id -g "$user")" --inh-caps=-all -- "$@"; }
api=$PET_API_DB_PASSWORD sched=$PET_SCHED_DB_PASSWORD
unset PET_API_DB_PASSWORD PET_SCHED_DB_PASSWORD
rm -f $run/*.sock
umask 0007	# sockets are for the group petplatform
setpriv --regid=petplatform --clear-groups pet-spawn & pids=$!
(as pet-net pet-netd) & pids+=" $!"
(PLATFORM_DB_URI="mysql://pet_api:$api@$DB_HOST:3306/petplatform" as pet-api pet-api --workers "${API_WORKERS:-2}") & pids+=" $!"
(PLATFORM_DB_URI="mysql://pet_sched:$sched@$DB_HOST:3306/petplatform" as pet-sched pet-schedd) & pids+=" $!"
nginx -p $state/nginx/ -c /etc/petplatform/nginx.conf -e /var/log/petplatform/nginx.log -g 'user www-data petplatform; daemon off;' & pids+=" $!"
# shellcheck disable=SC2086
trap 'kill $pids 2>/dev/null; wait' TERM INT
status=0
wait -n || status=$?
echo "petplatform-party: a daemon ended with status $status; the container ends" >&2
# shellcheck disable=SC2086
kill $pids 2>/dev/null
wait
exit "$status"
