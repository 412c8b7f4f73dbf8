#!/usr/bin/env bash
# Installs what the build needs and the machine lacks; where all is there, nothing. On Debian
# through apt, as root or with a sudo that asks nothing; elsewhere it says what to install.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

elixir_wanted=1.15
otp_wanted=25
rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

erlang_packages=(
  erlang-dev erlang-crypto erlang-eunit erlang-inets erlang-parsetools erlang-public-key
  erlang-runtime-tools erlang-ssl erlang-syntax-tools erlang-tools erlang-xmerl
)

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

at_least() { [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

elixir_is_there() {
  have elixir && have mix && elixir -e "
    apps = ~w(crypto eunit inets parsetools public_key runtime_tools ssl syntax_tools tools xmerl)a

    there? =
      Version.match?(System.version(), \">= $elixir_wanted.0\") and
        String.to_integer(System.otp_release()) >= $otp_wanted and
        Enum.all?(apps, &is_list(:code.lib_dir(&1)))

    System.halt(if(there?, do: 0, else: 1))" 2>/dev/null
}

rust_is_there() {
  have cargo && at_least "$rust_wanted" "$(cargo --version 2>/dev/null | cut -d ' ' -f 2)" &&
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1
}

missing_packages() {
  have cc && have make || echo build-essential
  have cmake || echo cmake
  elixir_is_there || printf '%s\n' elixir rebar3 "${erlang_packages[@]}"
  if ! rust_is_there && ! have rustup && ! have curl; then
    printf '%s\n' ca-certificates curl
  fi
}

can_be_root() { [[ $EUID -eq 0 ]] || sudo -n true 2>/dev/null; }

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi
}

candidate() { LC_ALL=C apt-cache policy "$1" | awk '$1 == "Candidate:" { print $2 }'; }

# Debian 12's own Elixir is 1.14: takes what is missing from Debian 13, and nothing else.
use_trixie() {
  say "this Debian's Elixir is $(candidate elixir): taking what is missing from trixie (Debian 13)"
  echo 'deb http://deb.debian.org/debian trixie main' |
    as_root tee /etc/apt/sources.list.d/trixie.list >/dev/null
  printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' |
    as_root tee /etc/apt/preferences.d/trixie >/dev/null
  as_root apt-get update -q
}

install_packages() {
  say "installing with apt: $*"
  as_root apt-get update -q
  local release=()
  if [[ " $* " == *' elixir '* ]] && ! at_least "$elixir_wanted" "$(candidate elixir)"; then
    # shellcheck disable=SC1091
    if [[ $(. /etc/os-release && echo "$ID") != debian ]]; then
      fail "this system's Elixir is $(candidate elixir); Elixir >= $elixir_wanted and Erlang/OTP >= $otp_wanted are needed:" \
        'https://elixir-lang.org/install.html'
    fi
    use_trixie
  fi
  if [[ -f /etc/apt/preferences.d/trixie ]]; then
    release=(-t trixie)
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${release[@]}" "$@"
}

install_rust() {
  say "Rust >= $rust_wanted with rustfmt and clippy is missing: installing it with rustup"
  local profile=(--profile minimal --component rustfmt --component clippy)
  if have rustup; then
    rustup toolchain install stable "${profile[@]}"
  elif have curl; then
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --no-modify-path "${profile[@]}"
  fi
}

mapfile -t packages < <(missing_packages)
if [[ ${#packages[@]} -gt 0 ]]; then
  if have apt-get && can_be_root; then
    install_packages "${packages[@]}"
  else
    fail 'this machine lacks something, and it cannot be installed from here (no apt, or not root).' \
      "As Debian's packages: ${packages[*]}" \
      "That is: a C compiler, make, cmake, Elixir >= $elixir_wanted, Erlang/OTP >= $otp_wanted with its development files, rebar3."
  fi
  elixir_is_there || fail "Elixir >= $elixir_wanted on Erlang/OTP >= $otp_wanted is still missing: https://elixir-lang.org/install.html"
fi

if ! rust_is_there; then
  install_rust || true
  rust_is_there ||
    fail "Rust >= $rust_wanted with cargo, rustfmt and clippy is missing and could not be installed: https://rustup.rs"
fi
