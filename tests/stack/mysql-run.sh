#!/usr/bin/env bash
# mysql-run.sh PROGRAM [ARGS...] - runs mysqld, mysql, mysqladmin, mysqldump, mysqlbinlog ... of the tree
# that mysql-fetch.sh unpacked, with that tree's own loader and libraries.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/stack/debs.sh
. "$STACK/debs.sh"

run_in_tree "$CACHE/mysql/root" "${@:?usage: mysql-run.sh PROGRAM [ARGS...]}"
