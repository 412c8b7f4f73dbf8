#!/usr/bin/env bash
# Instructions of the engine and of the C API for the same work: what more runs cost, so that
# opening and filling the database does not count.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

program=$(cargo bench -p ecto_libsql_engine --bench instructions --no-run --message-format=json |
  sed -n 's/.*"executable":"\([^"]*instructions[^"]*\)".*/\1/p' | tail -n 1)

count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# Work, and a smaller and a larger number of runs.
while read -r work few many; do
  for side in c_api engine; do
    declare "$side=$((($(count "$work" "$side" "$many") - $(count "$work" "$side" "$few")) / (many - few)))"
  done
  # shellcheck disable=SC2154 # declared above
  awk -v work="$work" -v c="$c_api" -v e="$engine" \
    'BEGIN { printf "%-12s C API %d, engine %d instructions: %.2f\n", work, c, e, e / c }'
done <<END
point_read 1000 11000
insert 1000 11000
scan 1 2
sort 10 60
prepare 100 1100
END
