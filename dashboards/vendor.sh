#!/usr/bin/env bash
# For maintainers: brings the vendored browser libraries into static/vendor/ at the versions of vendor/package-lock.json
# and writes VENDOR.toml. Run again, it makes the same bytes. Users and CI never run it; `cargo build` takes the files as
# they are. Needs npm (which checks the packages' integrity), node, gzip and sha256sum.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/static/vendor"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/vendor/* "$work"
(cd "$work" && npm ci --silent --ignore-scripts --no-audit --no-fund)
packages="$work/node_modules"

# htmx writes its licence in words of its own; all others are SPDX names.
field() { node -p "require('$packages/$1/package.json').$2" | sed 's/^BSD-0-Clause$/0BSD/'; }

# entry PACKAGE FILE SOURCE: describes FILE, which is here already.
entry() {
  printf '\n[[file]]\npath = "%s"\nname = "%s"\nversion = "%s"\nlicence = "%s"\nsource = "%s"\nbytes = %s\ngzip_bytes = %s\nsha256 = "%s"\n' \
    "$2" "$1" "$(field "$1" version)" "$(field "$1" license)" "$3" \
    "$(stat -c %s "$2")" "$(gzip -9nc "$2" | wc -c)" "$(sha256sum "$2" | cut -d' ' -f1)"
}

# plain PACKAGE SOURCE FILE: a file as it was published.
plain() {
  cp "$packages/$1/$2" "$3"
  entry "$1" "$3" "$2"
}

# bundle PACKAGE NAME: vendor/NAME.js with all that it imports as one ES module, and the licences of all that is in it.
bundle() {
  (cd "$work" && ./node_modules/.bin/esbuild "$2.js" --bundle --format=esm --minify --target=es2022 \
    --legal-comments=none --charset=utf8 --log-level=warning --metafile="$2.json" --outfile="out/$2.js")
  cp "$work/out/$2.js" "$2.js"
  entry "$1" "$2.js" "bundled from dashboards/vendor/$2.js by esbuild $(field esbuild version)"
  (cd "$work" && node licences.mjs "$2.json") >"$2.LICENSE.txt"
  entry "$1" "$2.LICENSE.txt" "the licences of every package in $2.js"
}

{
  echo '# Files of other projects, as published or bundled. Written by vendor.sh; a test checks the hashes.'
  plain htmx.org dist/htmx.min.js htmx.min.js
  plain htmx.org LICENSE htmx.LICENSE.txt
  bundle codemirror codemirror
  bundle echarts echarts
  bundle tabulator-tables tabulator
  plain tabulator-tables dist/css/tabulator.min.css tabulator.min.css
} >"$work/VENDOR.toml"

mv "$work/VENDOR.toml" VENDOR.toml
chmod 644 ./*
echo "vendored: $(grep -c '^\[\[file\]\]' VENDOR.toml) files"
