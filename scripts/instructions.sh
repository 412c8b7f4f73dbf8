#!/usr/bin/env bash
# Instructions of the engine and of the C API for the same work: what more runs cost, so that
# opening and filling the database does not count. Fails where the engine takes more of them than
# instructions.budget allows.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

few=1000
many=6000
program=$(cargo bench -p ecto_libsql_engine --bench instructions --no-run --message-format=json |
  sed -n 's/.*"executable":"\([^"]*instructions[^"]*\)".*/\1/p' | tail -n 1)

count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

passed=0
failed=0
while read -r work budget; do
  for side in c_api engine; do
    declare "$side=$((($(count "$work" "$side" "$many") - $(count "$work" "$side" "$few")) / (many - few)))"
  done
  # shellcheck disable=SC2154 # declared above
  percent=$(((100 * engine + c_api / 2) / c_api))
  if [[ $percent -le $budget ]]; then
    passed=$((passed + 1))
    verdict=ok
  else
    failed=$((failed + 1))
    verdict='OVER BUDGET'
  fi
  printf '%-12s C API %d, engine %d instructions: %d %%, budget %d %%: %s\n' \
    "$work" "$c_api" "$engine" "$percent" "$budget" "$verdict"
done < <(grep -v '^#' scripts/instructions.budget)
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
