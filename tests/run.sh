#!/usr/bin/env bash
# Runs every test of the workspace, keeps the output, and ends with the count on a line of its
# own: "N passed, N failed". Fails if a test failed, and also if one could not be built, died
# without a result, or if there was none at all.
set -uo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/kukaku/target}"
export CARGO_TERM_COLOR=never
log="$CARGO_TARGET_DIR/kukaku-test.log"
mkdir -p "$CARGO_TARGET_DIR"

cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

read -r passed failed < <(awk '
  /^test result: (ok|FAILED)\. [0-9]+ passed; [0-9]+ failed;/ { passed += $4; failed += $6 }
  END { print passed + 0, failed + 0 }' "$log")

# cargo saw something go wrong that no test counted: a build error or a test that died.
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
  failed=1
fi
echo "Output kept in $log"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
