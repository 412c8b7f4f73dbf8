#!/usr/bin/env bash
# The engine's benchmarks, then the driver's.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

bash scripts/setup.sh
cargo bench -p ecto_libsql_engine
if have valgrind; then
  bash scripts/instructions.sh
else
  echo 'Not counted: instructions, for want of valgrind.'
fi
if get_packages; then
  mix run bench/run.exs
else
  echo "Without Hex packages: $packages_missing"
  bash scripts/nif.sh
  driver_only driver_only mix run bench/run.exs
fi
