#!/usr/bin/env bash
# Builds and runs the fuzz targets: fuzz.sh [SECONDS [TARGET…]], 60 seconds for each of all by default. What a target has found out about
# the code (its corpus) stays in .fuzz/TARGET/corpus and is where the next run goes on; inputs that ended a run go to .fuzz/TARGET/failures.
# JOBS processes share one corpus (default 1); FUZZ_FLAGS are more flags for libFuzzer, FUZZ_SANITIZE=address adds the address sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(find Fuzz -mindepth 1 -maxdepth 1 -type d ! -name Support -printf '%f\n' | sort)

sanitizers=fuzzer${FUZZ_SANITIZE:+,$FUZZ_SANITIZE}
scratch=.build-fuzz${FUZZ_SANITIZE:+-$FUZZ_SANITIZE}
# Gold, which Swift links with otherwise, cannot read what libFuzzer's library contains. A release build keeps the checks of the language
# and our preconditions; testing is enabled since the target of the shard reaches into Transport.
build=(swift build -c release --scratch-path "$scratch" -Xswiftc "-sanitize=$sanitizers" -Xswiftc -use-ld=lld -Xswiftc -enable-testing)
export CONFAB_FUZZ=1
# Swift's own report of a crash would come before libFuzzer can keep the input, and hashes that differ from run to run would hide it again.
export SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1

failed=()
for target in "${targets[@]}"; do
    "${build[@]}" --product "Fuzz$target"
    program=$scratch/release/Fuzz$target folder=.fuzz/$target
    rm -rf "$folder/seeds"
    mkdir -p "$folder/seeds" "$folder/corpus" "$folder/failures"
    "$program" --seeds "$folder/seeds"
    "$program" --words "$folder/words"
    printf '\n== %s, %d s\n' "$target" "$seconds"
    "$program" -max_total_time="$seconds" -dict="$folder/words" -artifact_prefix="$folder/failures/" \
        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 ${JOBS:+-fork="$JOBS"} ${FUZZ_FLAGS:-} \
        "$folder/corpus" "$folder/seeds" 2>&1 | tee "$folder/log" | grep -E --line-buffered 'pulse|INITED|ERROR|Fatal|stat::|Test unit|cov: ' \
        | grep -v --line-buffered -E 'NEW|REDUCE|RELOAD' || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] && exit 0
printf '\n== FAILED: %s\n' "${failed[*]}"
for target in "${failed[@]}"; do
    printf '   SWIFT_BACKTRACE=enable=no %s INPUT    # for each of:\n' "$scratch/release/Fuzz$target"
    ls -t .fuzz/"$target"/failures/* 2>/dev/null | head -n 3 | sed 's/^/   /'
done
exit 1
