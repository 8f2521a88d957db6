#!/usr/bin/env bash
# setup.sh [main] - installs and downloads what building and testing need and what is not there yet;
# main: only what the main job needs (MySQL, Kafka, MariaDB).
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$STACK/setup-apt.sh" base
cmp -s "$ROOT/tests/requirements.txt" "$CACHE/venv/installed.txt" ||
    step "Python packages for the tests" "$STACK/setup-python.sh"
[ -d "$CACHE/kafka-$KAFKA_VERSION" ] ||
    step "Kafka $KAFKA_VERSION" "$STACK/kafka-fetch.sh"
[ -d "$CACHE/mysql/root" ] ||
    step "MySQL from Debian sid" "$STACK/mysql-fetch.sh" || [ $? -eq 3 ]
[ "${1:-}" != main ] || exit 0
[ -d "$CACHE/kafka-$KAFKA_NEXT_VERSION" ] ||
    step "Kafka $KAFKA_NEXT_VERSION" env KAFKA_VERSION=next "$STACK/kafka-fetch.sh" ||
    [ $? -eq 3 ]
[ -d "$CACHE/registry-$REGISTRY_VERSION" ] ||
    step "schema registry $REGISTRY_VERSION" "$STACK/registry-fetch.sh" || [ $? -eq 3 ]
diff -rq "$ROOT/tests/e2e/readers" "$CACHE/readers/from" >/dev/null 2>&1 ||
    step "readers of Canal JSON for the tests" "$STACK/readers-fetch.sh"
for kind in redis-6.2 redis-7.0 redis-8.0 valkey-8.0 valkey-9.1; do
    [ -d "$CACHE/$kind/root" ] ||
        step "$kind" "$STACK/redis-fetch.sh" "$kind" || [ $? -eq 3 ]
done
