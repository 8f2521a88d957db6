# shellcheck shell=bash
# common.sh - what the start scripts share; sourced, never run.
#
# Layout: downloads and templates in $CACHE (.cache, or SLUICE_CACHE so that several clones share
# one), data of `./dev up` in .run. A server's data folder holds its log, its socket and
# server.pid; the pid is only trusted when the process's command line names that folder.

set -euo pipefail

STACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$STACK/../.." && pwd)
CACHE=$(readlink -m "${SLUICE_CACHE:-$ROOT/.cache}")
KAFKA_VERSION=${KAFKA_VERSION:-3.9.2}
KAFKA_NEXT_VERSION=${KAFKA_NEXT_VERSION:-4.3.1} # the second one of the tests
[ "$KAFKA_VERSION" != next ] || KAFKA_VERSION=$KAFKA_NEXT_VERSION
REGISTRY_VERSION=${REGISTRY_VERSION:-2.6.13.Final}
# used by the scripts that source this file
export STACK ROOT CACHE KAFKA_VERSION KAFKA_NEXT_VERSION REGISTRY_VERSION

STACK_DEADLINE_S=${STACK_DEADLINE_S:-90}

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# step TITLE SCRIPT [ARGS...] - runs a script quietly; one line when it is done, its log's end and
# its exit status when it fails. No shell function: errexit would be off inside it.
step() {
    local title=$1 log start=$SECONDS rc=0
    shift
    log=$(mktemp)
    [ ! -t 1 ] || printf '== %s ...\r' "$title"
    "$@" >"$log" 2>&1 || rc=$?
    if [ $rc -eq 0 ]; then
        printf '== %s: %d s   \n' "$title" $((SECONDS - start))
    else
        printf '== %s: failed (exit status %d)\n' "$title" $rc
        tail -n 60 "$log" >&2
    fi
    rm -f "$log"
    return $rc
}

# java17 - prints a java that is new enough for Kafka (JAVA_HOME's, the PATH's or an installed one)
java17() {
    local java major
    for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] || continue
        major=$("$java" -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p')
        if [ "${major:-0}" -ge 17 ]; then
            echo "$java"
            return
        fi
    done
    return 1
}

# locked NAME COMMAND... - one process at a time builds what is cached under NAME; the lock's file
# descriptor is not inherited by COMMAND, which may leave a server behind
locked() {
    local name=$1
    shift
    mkdir -p "$CACHE"
    (
        flock 9
        "$@" 9>&-
    ) 9>"$CACHE/$name.lock"
}

# port_in_use PORT
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port WISH - WISH, unless it is empty or in use: a random free one below the ephemeral
# range: a port from within it could be taken by any outgoing connection while a server restarts
free_port() {
    local port=$1
    while [ -z "$port" ] || port_in_use "$port"; do
        port=$((15000 + RANDOM % 16000))
    done
    echo "$port"
}

# socket_of DATADIR - where a database listens besides its port: in DATADIR, unless that makes the
# path too long for a socket
socket_of() {
    local socket=$1/mysql.sock
    [ ${#socket} -le 100 ] || socket=/tmp/sluice-$(cksum <<<"$1" | cut -d' ' -f1).sock
    echo "$socket"
}

# pid_of DATADIR - prints the pid of the server that runs there, or fails
pid_of() {
    local pid
    [ -s "$1/server.pid" ] || return 1
    pid=$(cat "$1/server.pid")
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$1/" || return 1
    echo "$pid"
}

# gone PID - it has let go of its files and ports. The command line vanishes earlier than that, and
# the entry in /proc later, if nobody asks for its exit status.
gone() {
    [ -d "/proc/$1" ] || return 0
    grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null &&
        [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -le 1 ]
}

# launch DATADIR READY_TEXT COMMAND... - starts COMMAND in the background, in a session of its
# own, and returns when READY_TEXT is in DATADIR/server.log, or fails with the log's end
launch() {
    local dir=$1 ready=$2 log=$1/server.log from pid until
    shift 2
    touch "$log"
    from=$(($(stat -c %s "$log") + 1))
    setsid "$@" </dev/null >>"$log" 2>&1 &
    pid=$!
    echo "$pid" >"$dir/server.pid"
    until=$((SECONDS + STACK_DEADLINE_S))
    until tail -c +"$from" "$log" | grep -qF -- "$ready"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 20 "$log" >&2
            die "server ended while starting, log: $log"
        fi
        if [ $SECONDS -ge $until ]; then
            kill -KILL "$pid"
            tail -n 20 "$log" >&2
            die "server not ready after $STACK_DEADLINE_S s, log: $log"
        fi
        sleep 0.05
    done
}
