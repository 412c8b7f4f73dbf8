#!/usr/bin/env bash
# Instructions of the engine and of the C API for the same work: what more runs cost, so that
# opening and filling the database does not count.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

few=1000
many=11000
program=$(cargo bench -p ecto_libsql_engine --bench instructions --no-run --message-format=json |
  sed -n 's/.*"executable":"\([^"]*instructions[^"]*\)".*/\1/p' | tail -n 1)

count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

for work in point_read insert; do
  for side in c_api engine; do
    declare "$side=$((($(count "$work" "$side" "$many") - $(count "$work" "$side" "$few")) / (many - few)))"
  done
  # shellcheck disable=SC2154 # declared above
  awk -v work="$work" -v c="$c_api" -v e="$engine" \
    'BEGIN { printf "%-12s C API %d, engine %d instructions: %.2f\n", work, c, e, e / c }'
done
