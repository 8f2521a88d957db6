#!/usr/bin/env bash
# run.sh [mysql|redis|codec] [ARGS...] - measures build/bin on real servers; ARGS: see run.sh mysql --help.
# codec: the message formats alone, one core, no server; ARGS: how many messages.
# The table goes to stdout and, with the machine's facts and every single run, to build/bench.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stack/common.sh"

suite=mysql
case ${1:-} in
mysql | redis)
    suite=$1
    shift
    ;;
codec)
    shift
    step "build bench_codec" cmake --build "$ROOT/build/release" --target bench_codec
    exec "$ROOT/build/bin/bench_codec" "$@"
    ;;
-* | "") ;;
*) die "no measurements named $1; there are: mysql, redis, codec" ;;
esac
exec "$CACHE/venv/bin/python" "$ROOT/tests/bench/$suite.py" "$@"
