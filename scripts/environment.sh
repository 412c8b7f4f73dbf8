# Sourced by the other scripts: the way to the tools, and which of the two builds is run.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

export PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin"
# Elixir warns about any other encoding.
export LC_ALL="${LC_ALL:-C.UTF-8}"

have() { command -v "$1" >/dev/null; }

# Runs a command that may want the network: no prompt, and no longer than so many seconds.
limited() { timeout --kill-after=5 "$@" </dev/null; }

# Gets the Hex packages, or fails and leaves the reason in $packages_missing.
packages_missing=
# shellcheck disable=SC2034 # read by the scripts that source this one
get_packages() {
  local output
  if [[ ${ECTO_LIBSQL_DRIVER_ONLY:-} == 1 ]]; then
    packages_missing='ECTO_LIBSQL_DRIVER_ONLY=1 asks to do without'
    return 1
  fi
  # Mix would else download a rebar3 of its own.
  if have rebar3; then
    export MIX_REBAR3="${MIX_REBAR3:-$(command -v rebar3)}"
  fi
  if ! output=$(limited 60 mix local.hex --force --if-missing 2>&1); then
    packages_missing='Hex, the package manager, is not installed and could not be downloaded'
    return 1
  fi
  if ! output=$(limited 300 mix deps.get 2>&1); then
    printf '%s\n' "$output" | tail -n 20
    packages_missing='mix deps.get failed; its last lines are above'
    return 1
  fi
}

# Runs a command on the driver alone, built without any Hex package in _build/$1.
driver_only() {
  local build=$1
  shift
  ECTO_LIBSQL_DRIVER_ONLY=1 MIX_BUILD_PATH="$PWD/_build/$build" "$@"
}
