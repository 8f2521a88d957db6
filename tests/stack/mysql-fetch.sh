#!/usr/bin/env bash
# mysql-fetch.sh - unpacks Debian sid's MySQL server, its clients and libmysqlclient's headers,
# with all libraries they need, into $CACHE/mysql/root (see debs.sh); mysql-run.sh starts them.
# Exit status 3: no MySQL to be had from sid; callers then do with MariaDB.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/stack/debs.sh
. "$STACK/debs.sh"

unavailable() {
    printf 'mysql-fetch.sh: no MySQL from Debian sid (%s), MariaDB has to stand in\n' "$*" >&2
    exit 3
}

locked mysql-fetch fetch_debs "$CACHE/mysql" sid \
    mysql-server-core mysql-client-core libmysqlclient24 libmysqlclient-dev
