#!/usr/bin/env bash
# kafka-fetch.sh - copies the jars of a Kafka broker from Maven Central, or the mirror that Maven's
# settings name, into $CACHE/kafka-VERSION, and formats a storage folder there once (node 1).
# KAFKA_VERSION: a version, or "next" for the second one of the tests. Exit status 3: Maven has none
# of that version.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dest=$CACHE/kafka-$KAFKA_VERSION
new=$dest.new

download() {
    mvn -q -B -f "$STACK/kafka/pom.xml" "-Pkafka-${KAFKA_VERSION%%.*}" \
        -Dkafka.version="$KAFKA_VERSION" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$new/libs" -DincludeScope=runtime >"$new/mvn.log" 2>&1
}

format_storage() {
    cat >"$new/format.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:1
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:1
log.dirs=$new/storage
P
    "$(java17)" -Xmx128m -XX:TieredStopAtLevel=1 -cp "$new/libs/*" kafka.tools.StorageTool format \
        -t "$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '=')" \
        -c "$new/format.properties" >"$new/format.log" 2>&1
}

fetch() {
    [ ! -d "$dest" ] || return 0
    rm -rf "$new"
    mkdir -p "$new"
    download || download || {
        tail -n 20 "$new/mvn.log" >&2
        ! grep -q "Could not find artifact" "$new/mvn.log" || exit 3
        die "Maven could not get Kafka's jars"
    }
    format_storage || {
        tail -n 20 "$new/format.log" >&2
        die "Kafka's storage could not be formatted"
    }
    mv "$new" "$dest"
}

locked kafka-fetch fetch
