#!/usr/bin/env bash
# The main job on real input: a Cargo.lock in a database, and questions to it. The driver alone
# does it: no Hex package is needed.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

bash scripts/setup.sh
bash scripts/nif.sh
driver_only driver_only mix compile
driver_only driver_only mix run demo/run.exs

# The example applications, which need Hex packages.
if get_packages; then
  for example in examples/*/; do
    (cd "$example" && mix deps.get && mix demo)
  done
else
  printf 'Not run: the example applications in examples/. Why: %s.\n' "$packages_missing"
fi
