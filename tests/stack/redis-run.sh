#!/usr/bin/env bash
# redis-run.sh KIND PROGRAM [ARGS...] - runs server, redis-cli, redis-benchmark ... of the tree that
# redis-fetch.sh made; "server" is the kind's own.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/stack/debs.sh
. "$STACK/debs.sh"

kind=${1:?usage: redis-run.sh KIND PROGRAM [ARGS...]}
program=${2:?PROGRAM}
shift 2
[ "$program" != server ] || program=${kind%%-*}-server
root=$CACHE/$kind/root
# one from a Python package runs with the host's libraries
[ -d "$root/lib" ] || exec "$root/usr/bin/$program" "$@"
run_in_tree "$root" "$program" "$@"
