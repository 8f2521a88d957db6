#!/usr/bin/env bash
# start-mariadb.sh DATADIR PORT [mariadbd options...] - Debian's MariaDB on 127.0.0.1:PORT, socket
# DATADIR/mysql.sock, log DATADIR/server.log. Running already is fine.
# Commits survive the kill of the server, not a power failure: give --sync-binlog=1
# --innodb-flush-log-at-trx-commit=1 for both. Options given here win over the ones below.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dir=$(readlink -m "${1:?usage: start-mariadb.sh DATADIR PORT [mariadbd options...]}")
port=${2:?PORT}
shift 2
# a template of other accounts is another one
template=$CACHE/mariadb-template-$(cksum <"$STACK/grants.sql" | cut -d" " -f1)

# base_options DATADIR. A server that starts deletes temporary tables in its tmpdir, whosever they
# are: each has its own.
base_options() {
    mkdir -p "$1/tmp"
    options=(--no-defaults --user="$(id -un)" --datadir="$1/data" --socket="$(socket_of "$1")"
        --tmpdir="$1/tmp"
        --pid-file="$1/mariadbd.pid" --performance-schema=OFF
        --innodb-log-file-size=64M --innodb-buffer-pool-size=128M)
}

make_template() {
    [ ! -d "$template/data" ] || return 0
    local new=$template.new options
    rm -rf "$new" "$template"
    mkdir -p "$new"
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$new/data" \
        --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve \
        --innodb-log-file-size=64M >"$new/init.log" 2>&1 || {
        tail -n 20 "$new/init.log" >&2
        die "initialisation failed"
    }
    base_options "$new"
    launch "$new" "ready for connections" mariadbd "${options[@]}" --skip-networking
    # the anonymous account would shadow sluice@'%' for clients on this host
    {
        echo "DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES;"
        cat "$STACK/grants.sql"
    } | mariadb --no-defaults -uroot -S "$(socket_of "$new")"
    "$STACK/stop.sh" "$new"
    mv "$new" "$template"
}

if pid_of "$dir" >/dev/null; then
    exit 0
fi
if [ ! -d "$dir/data" ]; then
    locked mariadb-template make_template
    mkdir -p "$dir"
    rm -rf "$dir/data.new"
    cp -a --reflink=auto "$template/data" "$dir/data.new"
    mv "$dir/data.new" "$dir/data"
fi
"$STACK/make-certs.sh"
port_in_use "$port" && die "port $port is in use"

base_options "$dir"
# a killed server's lock names its pid, which counts as alive until somebody asks for its exit status
rm -f "$(socket_of "$dir")"*
launch "$dir" "ready for connections" mariadbd "${options[@]}" \
    --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --server-id="$port" \
    --log-bin=binlog --binlog-format=ROW --binlog-row-image=FULL --binlog-row-metadata=FULL \
    --gtid-domain-id=0 --sync-binlog=0 --innodb-flush-log-at-trx-commit=2 \
    --ssl-ca="$CACHE/tls/ca.pem" --ssl-cert="$CACHE/tls/server.pem" --ssl-key="$CACHE/tls/server.key" \
    --local-infile=ON --default-time-zone=+00:00 --character-set-server=utf8mb4 \
    --max-connections=200 "$@"
