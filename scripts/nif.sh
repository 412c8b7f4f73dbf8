#!/usr/bin/env bash
# Builds the NIF with cargo alone and puts it where EctoLibSql.Native looks for it.
# Usage: nif.sh [encryption]
set -euo pipefail
. "$(dirname "$0")/environment.sh"

target=${CARGO_TARGET_DIR:-target}
name=ecto_libsql
arguments=()
if [[ ${1:-} == encryption ]]; then
  # Its own folder: the two builds' libraries have the same name.
  target+=-encryption
  name+=_encryption
  arguments=(--features encryption)
fi

cargo build --release -p ecto_libsql --target-dir "$target" "${arguments[@]}"

built=$target/release/libecto_libsql.so
installed=priv/native/$name.so
mkdir -p priv/native
if ! cmp -s "$built" "$installed"; then
  # Renamed into place: a running VM may have the old one mapped.
  cp "$built" "$installed.new"
  mv -f "$installed.new" "$installed"
fi
