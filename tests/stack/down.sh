#!/usr/bin/env bash
# down.sh - stops what up.sh started; the data stays in .run/up for the next time.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

up=$ROOT/.run/up
"$STACK/stop.sh" "$up/kafka" "$up/source-mysql" "$up/source-mariadb" "$up/target"
rm -f "$up/env"
