#!/usr/bin/env bash
# Runs the programs of tests/ct under valgrind at every level that it can emulate: a branch or an address that depends
# on a secret fails. Valgrind 3.19 knows AES-NI and PCLMULQDQ, not VAES or AVX-512: those levels compile the same
# kernels over another vector layer and are skipped by name.
set -u
skip_all() { echo "1..0 # SKIP $1"; exit 0; }
command -v valgrind >/dev/null || skip_all "valgrind is not installed (Debian's package valgrind)"
cd "${abs_top_builddir:-.}" || exit 99
grep -q '^#define HAVE_VALGRIND_MEMCHECK_H 1' config.h || skip_all "built without valgrind/memcheck.h: configure again"
# The sanitizers' runtime and valgrind's do not go together.
grep -qE '^HARDEN_CFLAGS.*-fsanitize' Makefile && skip_all "a build with sanitizers"

read -ra programs <<<"${CT_TESTS:-tests/ct/ct_sym}"
levels=(portable aesni vaes avx512)
n=0
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT
vg() { timeout 300 valgrind -q --error-exitcode=99 --leak-check=no --suppressions="${abs_top_srcdir:-.}/tests/ct/ct.supp" "$@" >"$out" 2>&1; }
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); echo "not ok $n - $1"; head -40 "$out" | sed 's/^/# /'; }

for p in "${programs[@]}"; do
  name=${p##*/}
  for l in "${levels[@]}"; do
    export PET_CPU=$l
    if ! vg "$p" level; then not_ok "$name at level $l starts"; continue; fi
    if ! grep -qx "$l" "$out"; then ok "$name at level $l # SKIP valgrind or this machine lacks it"; continue; fi
    if vg "$p"; then ok "$name at level $l"; else not_ok "$name at level $l"; fi
  done
  export PET_CPU=portable
  vg "$p" leak
  if [ $? = 99 ]; then ok "$name: a branch on a secret is noticed"; else not_ok "$name: a branch on a secret is noticed"; fi
done
echo "1..$n"
