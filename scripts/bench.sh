#!/usr/bin/env bash
# The engine's benchmarks, the driver's, and those against other packages.
# Usage: bench.sh [--quick]   (--quick only checks that every benchmark runs)
set -euo pipefail
. "$(dirname "$0")/environment.sh"

quick=()
once=()
if [[ ${1:-} == --quick ]]; then
  quick=(--quick)
  once=(-- --test)
fi

# A project of its own, with packages that ecto_libsql itself does not need.
peers() {
  cd bench/peers
  if get_packages; then
    mix run run.exs "${quick[@]}"
  else
    echo "Not compared with other packages: $packages_missing"
  fi
}

bash scripts/setup.sh
cargo bench -p ecto_libsql_engine "${once[@]}"
if [[ ${#quick[@]} -gt 0 ]]; then
  echo 'Not counted: instructions, in a quick run.'
elif have valgrind; then
  bash scripts/instructions.sh
else
  echo 'Not counted: instructions, for want of valgrind.'
fi
if get_packages; then
  mix run bench/run.exs "${quick[@]}"
  (peers)
else
  echo "Without Hex packages: $packages_missing"
  bash scripts/nif.sh
  driver_only driver_only mix run bench/run.exs "${quick[@]}"
fi
