#!/usr/bin/env bash
# Proves everything: formatting, lints, every Rust test, and a real browser. Installs what it needs by package name.
# A part that cannot run is a failure. Takes no input.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${WEIR_TARGET_DIR:-$HOME/.cache/weir-target}}"
export CARGO_TERM_COLOR=never
summary="$(mktemp)"
trap 'rm -f "$summary"' EXIT

step() { printf '\n== %s\n' "$1"; }

step "tools"
command -v cargo >/dev/null || { echo "a Rust toolchain is needed: https://rustup.rs"; exit 1; }
sudo=""
if [ "$(id -u)" != 0 ]; then sudo="sudo"; fi
missing=()
command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)
python3 -c "import ensurepip, venv" 2>/dev/null || missing+=(python3 python3-venv)
[ -x /usr/bin/chromium ] || missing+=(chromium)
command -v curl >/dev/null || missing+=(curl)
[ -x /usr/sbin/nginx ] || missing+=(nginx-light)
if [ "${#missing[@]}" -gt 0 ]; then
  $sudo apt-get update -qq
  # RUNLEVEL=1: packages must not start services of their own (nginx would listen to everybody).
  $sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
command -v cargo-nextest >/dev/null || cargo install cargo-nextest --locked
(cd tests/clients && npm ci --no-audit --no-fund --silent)
(cd tests/browser && npm ci --no-audit --no-fund --silent)
# SDKs in Python, in an environment of their own beside the build.
python="$CARGO_TARGET_DIR/python-clients"
[ -x "$python/bin/python" ] || python3 -m venv "$python"
"$python/bin/pip" install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
export WEIR_TEST_PYTHON="$python/bin/python"

# Real country data; the test that needs it refuses to run without.
export WEIR_TEST_COUNTRY_DB="$PWD/tests/clients/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"
[ -f "$WEIR_TEST_COUNTRY_DB" ] || { echo "missing: $WEIR_TEST_COUNTRY_DB"; exit 1; }

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "tests"
# Snapshots lie in this checkout, also where another one built the tests into the same target directory.
export INSTA_WORKSPACE_ROOT="$PWD"
cargo nextest run --workspace --locked --no-fail-fast 2>&1 | tee "$summary"

step "program"
cargo build --workspace --locked

step "clients"
(cd tests/clients && node --test --test-concurrency=1)

step "browser"
(cd tests/browser && node --test --test-concurrency=1)

step "all parts passed"
grep -E '^ *Summary ' "$summary"
