#!/usr/bin/env bash
# Licences, duplicate crates and where crates come from, by deny.toml. The list of known
# vulnerabilities is not consulted: it would have to be fetched, and a build must not depend on
# what was published this morning.
set -euo pipefail
cd "$(dirname "$0")/.."

# Known to build with the toolchain of this project.
version=0.20.2
tools="$HOME/.cache/kukaku/tools"
deny="$(command -v cargo-deny || true)"
if [ -z "$deny" ]; then
  deny="$tools/bin/cargo-deny"
  if [ ! -x "$deny" ]; then
    echo "Building cargo-deny $version once, in $tools (some minutes)"
    env -u CARGO_TARGET_DIR cargo install --locked --quiet --root "$tools" --version "$version" cargo-deny
  fi
fi
"$deny" --locked check licenses bans sources
