#!/usr/bin/env bash
# For maintainers: brings the vendored browser libraries into static/vendor/ at the versions below and writes
# VENDOR.toml. Users and CI never run it; `cargo build` takes the files as they are.
# Needs npm (which checks the packages' integrity), tar and sha256sum.
set -euo pipefail
cd "$(dirname "$0")/static/vendor"

# package, version, licence, file in the package, file here
libraries='
htmx.org 4.0.1 0BSD dist/htmx.min.js htmx.min.js
htmx.org 4.0.1 0BSD LICENSE htmx.LICENSE.txt
'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
  echo '# Files of other projects, byte for byte as published. Written by vendor.sh; a test checks the hashes.'
  while read -r package version licence from to; do
    [ -n "$package" ] || continue
    folder="$work/$package-$version"
    if [ ! -d "$folder" ]; then
      mkdir -p "$folder"
      npm pack --silent --pack-destination "$folder" "$package@$version" >/dev/null
      tar --extract --gzip --file "$folder"/*.tgz --directory "$folder"
    fi
    cp "$folder/package/$from" "$to"
    printf '\n[[file]]\npath = "%s"\nname = "%s"\nversion = "%s"\nlicence = "%s"\nsource = "%s"\nsha256 = "%s"\n' \
      "$to" "$package" "$version" "$licence" "$from" "$(sha256sum "$to" | cut -d' ' -f1)"
  done <<<"$libraries"
} >"$work/VENDOR.toml"

mv "$work/VENDOR.toml" VENDOR.toml
chmod 644 ./*
echo "vendored: $(grep -c '^\[\[file\]\]' VENDOR.toml) files"
