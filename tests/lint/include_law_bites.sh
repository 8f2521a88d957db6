#!/usr/bin/env bash
# include_law_bites.sh - the include law must refuse what it forbids: each fault alone, in a tree of its own.
set -euo pipefail
law=$(realpath "$(dirname "${BASH_SOURCE[0]}")/include_law.sh")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{core,schema,topics,commands,producers/mysql,producers/redis,consumers/mysql}
: >"$tree/core/event.h" # "event.h" is found beside the file
failed=0

try() { # FILE INCLUDE WANTED(0 lawful, 1 not)
    local got=0
    printf '#include %s\n' "$2" >"$tree/$1"
    "$law" "$tree" >/dev/null || got=1
    rm "$tree/$1"
    if [ $got -ne "$3" ]; then
        echo "$1 including $2: wanted $3, got $got"
        failed=1
    fi
}

try core/x.c '"topics/producer.h"' 1
try core/x.c '<librdkafka/rdkafka.h>' 1
try core/x.c '<mysql.h>' 1
try core/x.c '"event.h"' 0
try schema/x.c '"topics/producer.h"' 1
try schema/x.c '"core/event.h"' 0
try topics/x.c '"schema/codec.h"' 1
try topics/x.c '<librdkafka/rdkafka.h>' 0
try producers/x.c '"consumers/replay.h"' 1
try producers/x.c '<librdkafka/rdkafka.h>' 1
try producers/x.c '"producers/mysql/options.h"' 0
try producers/mysql/x.c '<mysql.h>' 0
try producers/mysql/x.c '"producers/redis/psync.h"' 1
try producers/mysql/x.c '"../redis/psync.h"' 1
try producers/mysql/x.c '"../../consumers/replay.h"' 1
try producers/redis/x.c '<mysql/mysql.h>' 1
try consumers/x.c '"producers/capture.h"' 1
try consumers/mysql/x.c '<mysql.h>' 0
try commands/x.c '"producers/capture.h"' 1
try commands/x.c '"consumers/replay.h"' 1
try commands/x.c '"topics/consumer.h"' 0
try commands/x.c '<librdkafka/rdkafka.h>' 1
[ $failed -ne 0 ] || echo "the include law refuses what it forbids"
exit $failed
