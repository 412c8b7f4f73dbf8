#!/usr/bin/env bash
# Every layer of tests that this machine can run, and at the end which ran, how many tests each,
# and what did not run and why. A layer that fails or that runs no test fails the whole.
# shellcheck disable=SC2317 # the layers' functions are called by name
set -euo pipefail
. "$(dirname "$0")/environment.sh"

export MIX_ENV=test
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
summary=()
not_run=()
passed_in_all=0
failed_in_all=0
status=0

# Sums the closing lines of cargo test, ExUnit and lint up: "passed failed". An excluded test has
# not run; ExUnit counts it among its tests where it writes ", N excluded".
count_tests() {
  awk '
    function before(word) { return match($0, "[0-9]+ " word) ? substr($0, RSTART) + 0 : 0 }
    /^test result: / { passed += before("passed"); failed += before("failed") }
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += before("passed"); failed += before("failed") }
    /^[0-9]+ (doctest|test|propert).* failures?/ {
      excluded = match($0, ", [0-9]+ excluded") ? substr($0, RSTART + 2) + 0 : 0
      failures = before("failure") + before("invalid")
      passed += before("doctest") + before("test") + before("propert") - failures - excluded - before("skipped")
      failed += failures
    }
    END { print passed + 0, failed + 0 }' "$1"
}

# layer NAME COMMAND...: the command is a pipeline's part, where `set -e` does not reach: functions
# run as layers join their steps with &&.
layer() {
  local name=$1 log="$logs/$1" started=$SECONDS verdict=ok passed failed
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$log" || verdict=FAILED
  read -r passed failed < <(count_tests "$log")
  if [[ $verdict == ok && $passed -eq 0 ]]; then
    verdict='FAILED: it ran no test'
  elif [[ $failed -gt 0 ]]; then
    verdict=FAILED
  fi
  [[ $verdict == ok ]] || status=1
  passed_in_all=$((passed_in_all + passed))
  failed_in_all=$((failed_in_all + failed))
  summary+=("$(printf '%-42s %5d passed %3d failed %4d s  %s' \
    "$name" "$passed" "$failed" $((SECONDS - started)) "$verdict")")
}

lint() {
  cargo fmt --all --check &&
    cargo clippy --workspace --all-targets -- -D warnings &&
    mix_project mix format --check-formatted &&
    mix_project mix compile --force --warnings-as-errors &&
    echo '4 passed, 0 failed'
}

# The Elixir tests that need no Hex package.
driver_tests() {
  mix test "$@" test/driver test/doctest_test.exs test/encryption_test.exs demo/demo_test.exs
}

adapter_tests() {
  mix test test/connection test/adapter test/sandbox
}

# Ecto's suites and the adapter's tests, on a server or a replica: ECTO_LIBSQL_MODE.
repo_tests() {
  ECTO_LIBSQL_MODE=$1 mix test.repo
}

guide_tests() {
  mix test test/guides
}

example_tests() {
  local example
  for example in examples/*/; do
    (cd "$example" && mix deps.get && mix test) || return
  done
}

driver_alone() {
  bash scripts/nif.sh && driver_only driver_only_test driver_tests
}

encryption() {
  bash scripts/nif.sh encryption &&
    ECTO_LIBSQL_ENCRYPTION=1 driver_only encryption_test driver_tests --only encryption
}

bash scripts/setup.sh
if get_packages; then
  packages=yes
  mix_project() { "$@"; }
else
  packages=no
  bash scripts/nif.sh
  mix_project() { driver_only driver_only_test "$@"; }
fi

# Gets sqld, libSQL's server, or leaves the reason in $sqld_missing.
sqld_missing=
if [[ ${ECTO_LIBSQL_NO_SQLD:-} == 1 ]]; then
  sqld_missing='ECTO_LIBSQL_NO_SQLD=1 asks to do without'
elif SQLD_BIN=$(bash scripts/sqld.sh 2>"$logs/sqld"); then
  export SQLD_BIN
else
  export ECTO_LIBSQL_NO_SQLD=1
  unset SQLD_BIN
  sqld_missing=$(<"$logs/sqld")
fi

# Gets the data sets of the guides, or leaves the reason in $data_missing.
data_missing=
if DATA=$(bash scripts/data.sh 2>"$logs/data"); then
  export DATA
else
  unset DATA
  data_missing=$(<"$logs/data")
fi

# The release build's longest steps are of one core: it goes on beside the checks, which take no part of
# it, and whose `mix compile` waits for it and would say what is wrong.
cargo build --release -p ecto_libsql >/dev/null 2>&1 &

layer 'format and lint' lint
layer 'engine' cargo test -p ecto_libsql_engine
if have valgrind; then
  layer 'engine, budgets of instructions' bash scripts/instructions.sh
else
  not_run+=('engine, budgets of instructions (there is no valgrind)')
fi
# Of files and pages; what has nothing to do with these has run without.
layer 'engine, with encryption' cargo test -p ecto_libsql_engine --features encryption --lib \
  --test allocations --test backup --test changeset --test connection --test offline \
  --test replica --test session
layer 'engine, with sqlean' cargo test -p ecto_libsql_engine --features sqlean --test sqlean
if [[ $packages == yes ]]; then
  layer 'driver, with Hex packages' driver_tests
else
  not_run+=('driver, with Hex packages (the same tests as without, and properties with StreamData)')
fi
layer 'driver, without Hex packages' driver_alone
layer 'driver, with encryption' encryption
# Without Hex packages, the kills of the driver's clients alone.
layer 'load' mix_project mix test test/load
layer 'offline writes' mix_project mix test test/offline
if [[ -z $sqld_missing ]]; then
  layer 'server' mix_project mix test test/server
else
  not_run+=("server ($sqld_missing)")
fi
if [[ $packages == yes ]]; then
  layer 'adapter' adapter_tests
  layer "adapter, Ecto's own suites" mix test.integration
  for mode in remote replica; do
    if [[ -z $sqld_missing ]]; then
      layer "adapter and Ecto's suites, $mode" repo_tests "$mode"
    else
      not_run+=("adapter and Ecto's suites, $mode ($sqld_missing)")
    fi
  done
  if [[ -z $data_missing ]]; then
    layer 'guides' guide_tests
  else
    not_run+=("guides ($data_missing)")
  fi
  layer 'example application' example_tests
else
  not_run+=(adapter "adapter, Ecto's own suites" "adapter and Ecto's suites, remote and replica"
    guides 'example application')
fi
layer 'benches run' bash scripts/bench.sh --quick
mapfile -t -O "${#not_run[@]}" not_run < <(sed -n 's/^Not run: //p' "$logs/benches run")

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
for name in "${not_run[@]}"; do
  printf 'Not run: %s\n' "$name"
done
if [[ $packages == no ]]; then
  printf 'Why: there are no Hex packages: %s.\n' "$packages_missing"
fi
printf 'total: %d passed, %d failed\n' "$passed_in_all" "$failed_in_all"
exit "$status"
