#!/usr/bin/env bash
# run.sh [SECONDS] [SEED] - runs each fuzz target of the preset `fuzz` for SECONDS (60), as many at
# once as there are cores, and fails when one of them finds something. fuzz_X starts from
# tests/golden/X, or from all golden files when there is no such folder, and from what it has found
# interesting before, in build/fuzz/corpus. With a SEED it starts from the golden files alone and
# takes the same way each time, so that a test run fails for what was changed and not by luck.
# Inputs that break a target are kept in build/fuzz/findings; they are tried first the next time.
# FUZZ_BIN: where the targets are, if elsewhere.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stack/common.sh"

seconds=${1:-60}
seed=${2:-}
[[ $seconds =~ ^[1-9][0-9]*$ && $seed =~ ^([1-9][0-9]*)?$ ]] || die "usage: run.sh [SECONDS] [SEED]"
bin=${FUZZ_BIN:-$ROOT/build/fuzz/bin}
findings=$ROOT/build/fuzz/findings
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

shopt -s nullglob
targets=("$bin"/fuzz_*)
[ ${#targets[@]} -gt 0 ] || die "no fuzz targets in $bin: ./dev build fuzz"
mkdir -p "$findings"

# fail TARGET WHAT - prints the report's beginning and ends this target's run
fail() {
    local log
    log=$logs/$(basename "$1")
    grep -m1 -A 25 -E 'ERROR: |runtime error: |Assertion|deadly signal' "$log" >&2 ||
        tail -n 30 "$log" >&2
    grep '^Base64: ' "$log" >&2 || true # the input, if it is short
    die "$(basename "$1"): $2"
}

# again TARGET - the findings of earlier runs must pass now
again() {
    local log old=("$findings/$(basename "$1")"-*)
    log=$logs/$(basename "$1")
    [ ${#old[@]} -eq 0 ] || "$1" "${old[@]}" >"$log" 2>&1 ||
        fail "$1" "an earlier finding still breaks it: $(grep -oE 'Running: .*' "$log" | tail -n1)"
}

# run TARGET - prints one line
run() {
    local name seeds corpus folders log
    name=$(basename "$1")
    log=$logs/$name
    corpus=$ROOT/build/fuzz/corpus/$name
    [ -z "$seed" ] || corpus=$logs/corpus-$name
    seeds=$ROOT/tests/golden/${name#fuzz_}
    [ -d "$seeds" ] || seeds=$ROOT/tests/golden
    mkdir -p "$corpus"
    folders=("$corpus")
    [ ! -d "$seeds" ] || folders+=("$seeds")
    "$1" -max_total_time="$seconds" ${seed:+-seed="$seed"} -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$findings/$name-" "${folders[@]}" >"$log" 2>&1 ||
        fail "$1" "broken by $(grep -oE 'written to .*' "$log" | cut -d' ' -f3 || echo "?")"
    printf '%-28s %11s runs  %5s edges  %5s inputs kept\n' "$name" \
        "$(sed -nE 's/^stat::number_of_executed_units: +//p' "$log")" \
        "$(sed -nE 's/.*DONE +cov: ([0-9]+) .*/\1/p' "$log")" \
        "$(sed -nE 's/.*DONE .* corp: ([0-9]+)\/.*/\1/p' "$log")"
}

failed=0
running=0
# one_ended - waits for one of those that run
one_ended() {
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
}

for target in "${targets[@]}"; do
    [ "$running" -lt "$(nproc)" ] || one_ended
    (again "$target" && run "$target") &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    one_ended
done
[ "$failed" -eq 0 ] || die "fuzz: $failed of ${#targets[@]} targets found something, see above"
say "fuzz: ${#targets[@]} targets, $seconds s each, nothing found"
