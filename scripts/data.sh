#!/usr/bin/env bash
# Prints the path of a folder with the data sets of vega-datasets, a package of npm's, for the guides
# in docs/: $DATA, else one in the cache, which is downloaded the first time. Where there is none it
# says why, in one line, and fails.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

package=vega-datasets-2.11.0
url=https://registry.npmjs.org/vega-datasets/-/$package.tgz
sha256=d888f3d9f0a9799a2f6066e5dbe5ed40eb86f75b4568b493d9bdd55e9652050a
cached=${XDG_CACHE_HOME:-${HOME:-}/.cache}/ecto_libsql/$package

fail() {
  printf 'there are no data sets: %s\n' "$*" >&2
  exit 1
}

# Renamed into place: other test runs may look for it at the same time.
get() {
  have curl || fail 'there is no curl to download them with'
  limited 300 curl --proto '=https' -sSfL -o "$1/package.tgz" "$url" 2>/dev/null ||
    fail "$url could not be downloaded"
  printf '%s  %s\n' "$sha256" "$1/package.tgz" | sha256sum --check --status 2>/dev/null ||
    fail "$url is not the file it should be"
  tar -xzf "$1/package.tgz" -C "$1" package/data || fail "$url could not be unpacked"
  mv -T "$1/package/data" "$cached" 2>/dev/null || [[ -d $cached ]]
}

if [[ -n ${DATA:-} ]]; then
  [[ -d $DATA ]] || fail "DATA is $DATA, which is no folder"
  printf '%s\n' "$DATA"
else
  if [[ ! -d $cached ]]; then
    mkdir -p "${cached%/*}"
    folder=$(mktemp -d "$cached.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    get "$folder"
  fi
  printf '%s\n' "$cached"
fi
