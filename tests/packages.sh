# Debian packages by purpose, and one function that installs the missing ones. Sourced by ./check and ./quickstart.
BUILD_PACKAGES=(gcc make autoconf automake pkg-config libc6-dev
  libfcgi-dev libmariadb-dev libjansson-dev libcurl4-openssl-dev libssl-dev libyaml-dev libsodium-dev libsqlite3-dev libpg-query-dev)
RUN_PACKAGES=(mariadb-server-core mariadb-client-core nginx-core curl openssl)
TEST_PACKAGES=(procps valgrind libigraph-dev)

# need_packages NAME…: installs what is not there, and says so. Services that come along are neither started nor enabled.
need_packages() {
  local missing=() p sudo=()
  for p in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
      echo "missing Debian packages: ${missing[*]}; install them as root, or install sudo" >&2; return 69; }
    sudo=(sudo)
  fi
  echo "installing Debian packages: ${missing[*]}"
  # policy-rc.d 101 keeps new services from starting; masking before keeps nginx from being enabled.
  local policy=/usr/sbin/policy-rc.d own_policy= own_mask= unit=/etc/systemd/system/nginx.service
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null && "${sudo[@]}" chmod 755 "$policy" && own_policy=1
  fi
  if [ ! -e /usr/sbin/nginx ] && [ ! -e "$unit" ] && [ ! -L "$unit" ]; then
    "${sudo[@]}" mkdir -p "${unit%/*}" && "${sudo[@]}" ln -s /dev/null "$unit" && own_mask=1
  fi
  local rc=0
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
    { "${sudo[@]}" apt-get update -q >/dev/null &&
      "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null; } || rc=69
  [ -z "$own_policy" ] || "${sudo[@]}" rm -f "$policy"
  [ -z "$own_mask" ] || "${sudo[@]}" rm -f "$unit"
  [ "$rc" = 0 ] || echo "apt-get could not install: ${missing[*]}" >&2
  return $rc
}
