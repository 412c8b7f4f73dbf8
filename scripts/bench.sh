#!/usr/bin/env bash
# The engine's benchmarks, the driver's, and those against other packages, which write their tables
# into docs/performance.md and their plots into docs/plots.
# Usage: bench.sh [--quick]   (--quick only checks that every benchmark runs, and writes nothing)
set -euo pipefail
. "$(dirname "$0")/environment.sh"

quick=()
build=driver_only
parts=0
if [[ ${1:-} == --quick ]]; then
  quick=(--quick)
  # What the tests have built.
  export MIX_ENV=test
  build=driver_only_test
fi

# part NAME COMMAND...
part() {
  printf '\n== %s\n' "$1"
  shift
  "$@"
  parts=$((parts + 1))
}

# A project of its own, with packages that ecto_libsql itself does not need.
peers() (
  cd bench/peers
  if [[ ${#quick[@]} -eq 0 ]]; then
    mix run run.exs
  else
    local docs
    docs=$(mktemp -d)
    cp ../../docs/performance.md "$docs"
    mix test
    mix run run.exs --quick --write --docs "$docs"
    rm -r "$docs"
  fi
)

bash scripts/setup.sh
if [[ ${#quick[@]} -gt 0 ]]; then
  part 'engine' cargo test -p ecto_libsql_engine --benches
else
  part 'engine' cargo bench -p ecto_libsql_engine
  if have valgrind; then
    part 'instructions' bash scripts/instructions.sh
  else
    echo 'Not counted: instructions, for want of valgrind.'
  fi
fi

if get_packages; then
  part 'driver' mix run bench/run.exs "${quick[@]}"
  cd bench/peers
  if get_packages; then
    cd ../..
    part 'other packages' peers
  else
    echo "Not run: benches against other packages, $packages_missing"
  fi
else
  bash scripts/nif.sh
  part 'driver' driver_only "$build" mix run bench/run.exs "${quick[@]}"
  echo "Not run: benches against other packages, $packages_missing"
fi
if [[ -n $packages_missing ]]; then
  echo "Not run: benches of JSON and of full text, $packages_missing"
elif DATA=$(bash scripts/data.sh) && WORDNET=$(bash scripts/data.sh wordnet); then
  export DATA WORDNET
  part 'JSON' mix run bench/json.exs "${quick[@]}"
  part 'full text' mix run bench/fts.exs "${quick[@]}"
else
  echo 'Not run: benches of JSON and of full text, for want of their data.'
fi
# They start a server, and are built with what the tests start it with.
if [[ -n $packages_missing ]]; then
  echo "Not run: benches of servers and replicas, $packages_missing"
elif SQLD_BIN=$(bash scripts/sqld.sh); then
  export SQLD_BIN
  part 'server' env MIX_ENV=test mix run bench/server.exs "${quick[@]}"
  part 'replica' env MIX_ENV=test mix run bench/replica.exs "${quick[@]}"
else
  echo 'Not run: benches of servers and replicas, for want of sqld.'
fi
printf '\n%d passed, 0 failed\n' "$parts"
