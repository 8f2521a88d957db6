#!/usr/bin/env bash
# soak.sh [KILLS] - sends a transaction of SOAK_GB (10; 0 = none) through both programs
# (tests/e2e/test_big_transaction.py), then kills captures, appliers and Kafka KILLS times (1000)
# under load and proves after each round that nothing was lost and nothing came twice:
# tests/e2e/test_kill.py, test_redis_kill.py, and test_group.py, whose processes also sleep and leave
# (SOAK_OF: of mysql, redis, group), in rounds of SOAK_ROUND kills (100), each with another seed. SLUICE_SEED is the first (default: from the clock),
# so that a round can be repeated. Stops at the first round that fails; logs in build/soak.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stack/common.sh"
cd "$ROOT"

kills=${1:-1000}
round_kills=${SOAK_ROUND:-100}
least=10 # what test_kill.py needs to fit Kafka's kills in
if ! [[ $kills =~ ^[1-9][0-9]*$ ]] || [ "$kills" -lt $least ] || [ "$round_kills" -lt $least ]; then
    die "usage: soak.sh [KILLS], at least $least"
fi
seed=${SLUICE_SEED:-$(date +%s)}
logs=$ROOT/build/soak
mkdir -p "$logs"

gigabytes=${SOAK_GB:-10}
if [ "$gigabytes" -gt 0 ]; then
    # table, binlog and the transaction's cache, at the source and at the target
    space=$(($(df --output=avail "${TMPDIR:-/tmp}" | tail -n 1) / 1000000))
    [ "$space" -ge $((gigabytes * 7)) ] ||
        die "a transaction of $gigabytes GB needs $((gigabytes * 7)) GB in ${TMPDIR:-/tmp}," \
            "which has $space: free them, or give SOAK_GB=$((space / 7))"
    log=$logs/big-transaction.log
    started=$SECONDS
    if ! SLUICE_BIN=${SLUICE_BIN:-$ROOT/build/bin} SLUICE_BIG_WIDTH=2000 \
        SLUICE_BIG_ROWS=$((gigabytes * 500000)) \
        "$CACHE/venv/bin/pytest" tests/e2e/test_big_transaction.py -s >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "the transaction of $gigabytes GB failed, log: $log"
    fi
    say "transaction of $gigabytes GB: $(grep -o "{'capture.*}" "$log"), $((SECONDS - started)) s"
fi

# rounds TEST WHAT - the kills of tests/e2e/TEST.py, whose last line is: N kills, X WHAT, Y records
rounds() {
    local test=$1 what=$2 done_kills=0 round=0 sum=0 records=0 n x r log began=$SECONDS started
    while [ "$done_kills" -lt "$kills" ]; do
        n=$((kills - done_kills))
        [ $n -lt $((round_kills + least)) ] || n=$round_kills
        round=$((round + 1))
        log=$logs/$test-$seed.log
        started=$SECONDS
        if ! SLUICE_BIN=${SLUICE_BIN:-$ROOT/build/bin} SLUICE_KILLS=$n SLUICE_SEED=$seed \
            "$CACHE/venv/bin/pytest" "tests/e2e/$test.py" -s >"$log" 2>&1; then
            tail -n 40 "$log" >&2
            die "$test: round $round failed after $done_kills kills in the rounds before; log: $log;" \
                "again: SLUICE_SEED=$seed SLUICE_KILLS=$n SLUICE_BIN=build/bin" \
                "$CACHE/venv/bin/pytest tests/e2e/$test.py"
        fi
        done_kills=$((done_kills + n))
        read -r x r < <(sed -nE "s/.*kills, ([0-9]+) $what, ([0-9]+) records.*/\1 \2/p" "$log") ||
            die "$test: round $round passed without its summary, log: $log"
        sum=$((sum + x))
        records=$((records + r))
        say "$test, round $round (seed $seed): $n kills, $x $what, $r records," \
            "$((SECONDS - started)) s; $done_kills of $kills kills done"
        seed=$((seed + 1))
    done
    say "soak, $test: $done_kills kills in $round rounds, $sum $what, $records records," \
        "$(((SECONDS - began) / 60)) min: nothing lost, nothing twice"
}

for of in ${SOAK_OF:-mysql redis group}; do
    case $of in
    mysql) rounds test_kill transactions ;;
    redis) rounds test_redis_kill commands ;;
    group) rounds test_group transactions ;;
    *) die "SOAK_OF: $of is neither mysql, redis nor group" ;;
    esac
done
