#!/usr/bin/env bash
# stop.sh [-9] DATADIR... - stops the server of each folder: SIGTERM, after 30 s SIGKILL; with -9
# SIGKILL at once. A folder whose server does not run is fine.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

signal=TERM
if [ "${1:-}" = -9 ]; then
    signal=KILL
    shift
fi

declare -A pids=()
for dir in "$@"; do
    dir=$(readlink -m "$dir")
    if pid=$(pid_of "$dir"); then
        kill -"$signal" "$pid" 2>/dev/null || true
        pids[$dir]=$pid
    fi
done

until=$((SECONDS + 30))
for dir in "${!pids[@]}"; do
    until gone "${pids[$dir]}"; do
        if [ $SECONDS -ge $until ] && pid=$(pid_of "$dir"); then
            kill -KILL "$pid" 2>/dev/null || true
        fi
        sleep 0.02
    done
    rm -f "$dir/server.pid"
done
