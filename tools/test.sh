#!/usr/bin/env bash
# Everything that must hold before a change lands, stage by stage; the first stage that fails ends the run with its name.
# The unit tests are a debug build. The end-to-end tests run on the release build, because that is what users run
# (and the optimiser has its own mistakes); CONFAB_BINARY=… makes them use another one and skips that build.
set -euo pipefail
cd "$(dirname "$0")/.."
export CONFAB_SIMULATION=1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

stage() {
    local name=$1 started=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if ! "$@"; then
        printf '\n== FAILED: %s (after %d s)\n' "$name" $((SECONDS - started))
        exit 1
    fi
    printf '== %s: ok, %d s\n' "$name" $((SECONDS - started))
}

unit_tests() {
    # All at once they would ask PostgreSQL for more connections than it has.
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=6 swift test --skip-build --disable-xctest 2>&1 | grep -v '^◇ ' | tee "$logs/unit"
}

# The same seeds each time, so that a change that breaks nothing does not fail; `make simulate` runs others.
simulation() {
    .build/debug/Simulation 1 150
}

end_to_end_tests() {
    .venv/bin/pytest Tests/e2e --durations=10 2>&1 | tee "$logs/e2e"
}

stage "set-up" tools/setup.sh test
stage "lint" make --no-print-directory lint
stage "debug build" swift build --build-tests
stage "unit tests" unit_tests
stage "simulation" simulation
[ -n "${CONFAB_BINARY:-}" ] || stage "release build" swift build -c release --product confab
stage "profile" .venv/bin/python bench/profile.py --quick
stage "examples" make --no-print-directory examples
stage "end-to-end tests" end_to_end_tests

printf '\n== all stages passed in %d s\n' $SECONDS
grep -E 'Test run with .* passed' "$logs/unit" | tail -n 1
tail -n 1 "$logs/e2e"
