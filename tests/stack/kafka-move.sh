#!/usr/bin/env bash
# kafka-move.sh ADDRESS FILE - has a Kafka cluster move partitions to other brokers; FILE is the JSON
# that kafka-reassign-partitions.sh takes. Returns when the cluster has begun with it.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

address=${1:?usage: kafka-move.sh ADDRESS FILE}
file=${2:?FILE}
java=$(java17) || die "no Java 17 or later, run ./dev setup"
"$java" -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dlog4j.configuration="file:$STACK/kafka/log4j.properties" \
    -Dlog4j2.configurationFile="$STACK/kafka/log4j2.xml" -cp "$CACHE/kafka-$KAFKA_VERSION/libs/*" \
    org.apache.kafka.tools.reassign.ReassignPartitionsCommand \
    --bootstrap-server "$address" --reassignment-json-file "$file" --execute
