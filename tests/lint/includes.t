#!/usr/bin/env bash
# Who may include whom (docs/architecture.md), and which library header stays where. A layering mistake fails here.
set -u
cd "${abs_top_srcdir:-.}" || exit 99
n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); echo "not ok $n - $1"; printf '%s\n' "$2" | sed 's/^/# /'; }
judge() { if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi; }

# allowed FOLDER "REGEX of project headers that it may include besides its own"
allowed() {
  local dir=$1 regex=$2 bad
  bad=$(grep -rnE '^#include "' "$dir" --include='*.c' --include='*.h' 2>/dev/null |
    grep -vE "#include \"(config\.h|$regex)" )
  judge "$dir includes only what its layer allows" "$bad"
}
allowed src/base 'base/|catalog\.def'
allowed src/db 'db/|base/'
allowed src/net 'net/|base/'
allowed src/netd 'netd/|net/|base/'
allowed src/spawn 'spawn/|base/'
allowed src/mpc 'mpc/|net/chan\.h|base/'
allowed src/table 'table/|base/'
allowed src/api 'api/|routes\.def|db/|base/'
allowed src/sched 'sched/|db/|base/'
allowed operators '[a-z_]+/|op[a-z_]*\.h|base/|net/|mpc/|table/'
judge "operators do not include daemons" \
  "$(grep -rnE '^#include "(api|sched|db|netd|spawn)/' operators 2>/dev/null)"

only() { # only HEADER "REGEX of files"
  judge "$1 stays in its place" \
    "$(grep -rlE "^#include [<\"]([a-z]+/)?$1[>\"]" src operators 2>/dev/null | grep -vE "$2")"
}
only 'mysql\.h' '^src/db/'
only 'fcgiapp\.h' '^src/api/'
only 'openssl/ssl\.h' '^src/net/[a-z_]*tls[a-z_]*\.[ch]$|^src/netd/'

judge "no open ends in the code" \
  "$(grep -rnE '\b(TODO|FIXME|XXX|HACK)\b' src operators sql nginx systemd docker 2>/dev/null)"
judge "no variable-time comparison of secrets by name" \
  "$(grep -rnE 'memcmp\([^)]*(key|secret|mac)' src operators --include='*.c' 2>/dev/null)"
judge "no exit outside main programs" \
  "$(grep -rnE '[^_a-z]exit\(' src/base src/db src/net src/mpc src/table --include='*.c' 2>/dev/null |
     grep -vE '_exit|src/db/migrate')"
echo "1..$n"
