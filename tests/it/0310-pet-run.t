#!/usr/bin/env bash
# pet run: an operator pair by hand, both sides here and one side at a time.
set -u
pet=$abs_top_builddir/pet
export PET_OPERATOR_DIR=$abs_top_builddir
export PET_TEST_OPERATORS=1
dir=$(mktemp -d /tmp/pet-run-t-XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0
check() { # WHAT COMMAND…
  n=$((n + 1))
  local what=$1
  shift
  if "$@"; then echo "ok $n - $what"; else
    echo "not ok $n - $what"
    sed 's/^/# /' out err 2>/dev/null
  fi
}
run() { "$pet" run "$@" >out 2>err; }
status() { local want=$1; shift; "$@"; local got=$?; [ "$got" = "$want" ] || { echo "# status $got, want $want"; return 1; }; }
echo 1..12

printf 'from a\n' >in_a
printf 'from b\n' >in_b
check "a pair runs and its outputs land" run op-test --param exchange=100000 --a-param copy=true --b-param copy=true \
  --a-input data=in_a --b-input data=in_b --a-output data=out_a --b-output data=out_b
check "party a's output" cmp in_a out_a
check "party b's output" cmp in_b out_b
check "one line of JSON with both records" grep -q '^{"party_a":{.*"bytes_sent":10.*"party_b":{.*"status":0' out
check "a slot named twice is a list" run op-test --a-param copy=true --a-input data=in_a --a-input data=in_b \
  --a-output data=two_1 --a-output data=two_2
check "and both are written" cmp in_b two_2
check "a side that fails gives its status" status 65 run op-test --b-param fail=INPUT --a-output data=none --a-param write=x
check "and nothing is written" test ! -e none
check "a wrong parameter is named" status 65 run op-test --param sleep_m=1
check "with the nearest one" grep -q "did you mean 'sleep_ms'" err

port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >key
"$pet" run op-test --party a --listen "127.0.0.1:$port" --key-file key --param exchange=1000 --param write=A \
  --output data=side_a >out_side 2>err_side &
first=$!
check "one side each" run op-test --party b --connect "127.0.0.1:$port" --key-file key --param exchange=1000
wait "$first"
check "and the listening side wrote its output" grep -qx A side_a
