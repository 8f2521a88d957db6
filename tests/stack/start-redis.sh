#!/usr/bin/env bash
# start-redis.sh DATADIR PORT KIND [LINE...] - a Redis or Valkey (see redis-fetch.sh) on
# 127.0.0.1:PORT, log DATADIR/server.log. Running already is fine; a stopped one starts again with
# what its SAVE left. Each LINE goes to the configuration and wins over the ones below;
# "tls-port N" makes it listen with the test certificate besides.
# Accounts: redis.acl; the user default needs no password.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dir=$(readlink -m "${1:?usage: start-redis.sh DATADIR PORT KIND [LINE...]}")
port=${2:?PORT}
kind=${3:?KIND}
shift 3

write_configuration() {
    cat <<C
bind 127.0.0.1
port $port
dir $dir
daemonize no
set-proc-title no
save ""
appendonly no
databases 256
maxmemory-policy noeviction
repl-diskless-sync-delay 0
repl-backlog-size 64mb
client-output-buffer-limit replica 0 0 0
aclfile $dir/redis.acl
C
    [ "$kind" = redis-6.2 ] || echo "enable-debug-command yes"
    if [[ " $*" == *" tls-port "* ]]; then
        cat <<C
tls-ca-cert-file $CACHE/tls/ca.pem
tls-cert-file $CACHE/tls/server.pem
tls-key-file $CACHE/tls/server.key
tls-auth-clients no
C
    fi
    [ $# -eq 0 ] || printf '%s\n' "$@"
}

if pid_of "$dir" >/dev/null; then
    exit 0
fi
"$STACK/redis-fetch.sh" "$kind"
"$STACK/make-certs.sh"
mkdir -p "$dir"
[ -e "$dir/redis.acl" ] || cp "$STACK/redis.acl" "$dir/redis.acl"
port_in_use "$port" && die "port $port is in use"
write_configuration "$@" >"$dir/redis.conf"
launch "$dir" "Ready to accept connections" "$STACK/redis-run.sh" "$kind" server "$dir/redis.conf"
