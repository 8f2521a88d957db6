#!/usr/bin/env bash
# mysql-run.sh PROGRAM [ARGS...] - runs mysqld, mysql, mysqladmin, mysqldump, mysqlbinlog ... of the tree
# that mysql-fetch.sh unpacked, with that tree's own loader and libraries.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

root=$CACHE/mysql/root
loader=$(echo "$root"/usr/lib/*/ld-linux-*.so.*)
program=$root/usr/bin/${1:?usage: mysql-run.sh PROGRAM [ARGS...]}
[ -x "$program" ] || program=$root/usr/sbin/$1
[ -x "$program" ] || die "no $1 in $root, run mysql-fetch.sh"
shift
exec "$loader" --argv0 "$program" --library-path "$(dirname "$loader")" "$program" "$@"
