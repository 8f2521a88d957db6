#!/usr/bin/env bash
# start-mysql.sh DATADIR PORT [mysqld options...] - MySQL 9.x from Debian sid on 127.0.0.1:PORT,
# socket DATADIR/mysql.sock, log DATADIR/server.log. Running already is fine.
# Commits survive the kill of the server, not a power failure: give --sync-binlog=1
# --innodb-flush-log-at-trx-commit=1 for both. Options given here win over the ones below.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dir=$(readlink -m "${1:?usage: start-mysql.sh DATADIR PORT [mysqld options...]}")
port=${2:?PORT}
shift 2
tree=$CACHE/mysql/root
# a template of other accounts is another one
template=$CACHE/mysql-template-$(cksum <"$STACK/grants.sql" | cut -d" " -f1)

# base_options DATADIR
base_options() {
    options=(--no-defaults --user="$(id -un)" --basedir="$tree/usr" --datadir="$1/data"
        --plugin-dir="$tree/usr/lib/mysql/plugin" --lc-messages-dir="$tree/usr/share/mysql"
        --character-sets-dir="$tree/usr/share/mysql/charsets" --socket="$(socket_of "$1")"
        --pid-file="$1/mysqld.pid" --secure-file-priv="" --mysqlx=OFF --performance-schema=OFF
        --innodb-redo-log-capacity=64M --innodb-buffer-pool-size=128M)
}

make_template() {
    [ ! -d "$template/data" ] || return 0
    local new=$template.new options
    rm -rf "$new" "$template"
    mkdir -p "$new"
    base_options "$new"
    "$STACK/mysql-run.sh" mysqld "${options[@]}" --initialize-insecure 2>"$new/init.log" || {
        tail -n 20 "$new/init.log" >&2
        die "initialisation failed"
    }
    launch "$new" "ready for connections. Version" "$STACK/mysql-run.sh" mysqld "${options[@]}" \
        --skip-networking --skip-log-bin
    "$STACK/mysql-run.sh" mysql --no-defaults -uroot -S "$(socket_of "$new")" <"$STACK/grants.sql"
    "$STACK/stop.sh" "$new"
    rm -f "$new/data/auto.cnf" # each copy gets a server uuid of its own
    mv "$new" "$template"
}

if pid_of "$dir" >/dev/null; then
    exit 0
fi
[ -d "$tree" ] || "$STACK/mysql-fetch.sh"
if [ ! -d "$dir/data" ]; then
    locked mysql-template make_template
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
launch "$dir" "ready for connections. Version" "$STACK/mysql-run.sh" mysqld "${options[@]}" \
    --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --server-id="$port" \
    --log-bin=binlog --binlog-format=ROW --binlog-row-image=FULL --binlog-row-metadata=FULL \
    --gtid-mode=ON --enforce-gtid-consistency=ON \
    --sync-binlog=0 --innodb-flush-log-at-trx-commit=2 \
    --ssl-ca="$CACHE/tls/ca.pem" --ssl-cert="$CACHE/tls/server.pem" --ssl-key="$CACHE/tls/server.key" \
    --local-infile=ON --default-time-zone=+00:00 \
    --character-set-server=utf8mb4 --max-connections=200 "$@"
