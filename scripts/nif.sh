#!/usr/bin/env bash
# Builds the NIF with cargo alone and puts it where EctoLibSql.Native looks for it.
# Usage: nif.sh [encryption | sqlean]
set -euo pipefail
. "$(dirname "$0")/environment.sh"

name=ecto_libsql
folder=release
arguments=(--release)
# Those are for tests: without optimisation, as the engine's tests have just compiled the C library.
if [[ ${1:-} == encryption || ${1:-} == sqlean ]]; then
  name+=_$1
  folder=debug
  arguments=(--features "$1")
fi

cargo build -p ecto_libsql "${arguments[@]}"

# The builds' libraries have the same name: cargo puts there what it was last asked for.
built=${CARGO_TARGET_DIR:-target}/$folder/libecto_libsql.so
installed=priv/native/$name.so
mkdir -p priv/native
if ! cmp -s "$built" "$installed"; then
  # Renamed into place: a running VM may have the old one mapped.
  cp "$built" "$installed.new"
  mv -f "$installed.new" "$installed"
fi
