#!/bin/sh
# Fetches the parts of others that the console serves, from npm, and compares them with SHA256SUMS.
# A new version: change it here, run the script with --record, look at the differences, run the tests.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fetch() { # PACKAGE VERSION FILE...
	package=$1 version=$2
	shift 2
	(cd "$tmp" && npm pack --silent "$package@$version" >name)
	tar -xzf "$tmp/$(cat "$tmp/name")" -C "$tmp"
	for file; do cp "$tmp/package/$file" .; done
	rm -rf "$tmp/package"
}

fetch htmx.org 4.0.1 dist/htmx.min.js dist/ext/hx-sse.min.js
fetch @picocss/pico 2.1.1 css/pico.min.css

vendored="htmx.min.js hx-sse.min.js pico.min.css"
[ "${1:-}" != --record ] || sha256sum $vendored >SHA256SUMS
sha256sum --check --strict SHA256SUMS
