#!/usr/bin/env bash
# up.sh - starts Kafka, a source (MySQL, or MariaDB where MySQL is not to be had) and a target
# (MariaDB) in .run/up, and writes their addresses to .run/up/env. What runs already stays.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

up=$ROOT/.run/up
mkdir -p "$up"

# port_of NAME WISH - the port that NAME runs on, or a free one for it
port_of() {
    if pid_of "$up/$1" >/dev/null && [ -s "$up/$1/port" ]; then
        cat "$up/$1/port"
    else
        free_port "$2"
    fi
}

# start NAME KIND WISH - sets $address
start() {
    local port
    port=$(port_of "$1" "$3")
    "$STACK/start-$2.sh" "$up/$1" "$port"
    echo "$port" >"$up/$1/port"
    address=127.0.0.1:$port
}

kind=mysql
"$STACK/mysql-fetch.sh" || {
    [ $? -eq 3 ] || exit 1
    kind=mariadb
}
start kafka kafka 19092
kafka=$address
# a data folder belongs to the server that made it
start "source-$kind" $kind 13306
source=$address
start target mariadb 13307
target=$address

cat >"$up/env" <<E
SLUICE_KAFKA=$kafka
SLUICE_SOURCE=$source
SLUICE_SOURCE_KIND=$kind
SLUICE_TARGET=$target
E
cat <<E
kafka   $kafka
source  $source ($kind), root without password, sluice/sluice
target  $target (mariadb), likewise
Also in .run/up/env. A client: mariadb -h 127.0.0.1 -P ${source##*:} -u root
E
