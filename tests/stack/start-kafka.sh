#!/usr/bin/env bash
# start-kafka.sh DATADIR PORT [property=value...] - one Kafka broker (KRaft, also its own controller),
# plaintext on 127.0.0.1:PORT, log DATADIR/server.log. Running already is fine; a stopped one starts
# again with its data. Properties given here win over the ones below.
# KAFKA_VERSION: see kafka-fetch.sh. KAFKA_HEAP sets the heap.
# KAFKA_BENCH=1: a full compiler and a bigger heap, for measuring.
# A node of a cluster: KAFKA_CLUSTER_ID the same for all, and as properties node.id, listeners,
# controller.quorum.voters and, if it is not both, process.roles. The first ones return only when a
# majority of the controllers runs.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dir=$(readlink -m "${1:?usage: start-kafka.sh DATADIR PORT [property=value...]}")
port=${2:?PORT}
shift 2
kafka=$CACHE/kafka-$KAFKA_VERSION
if [ "${KAFKA_BENCH:-}" = 1 ]; then
    jvm=(-Xms1g "-Xmx${KAFKA_HEAP:-1g}" -XX:+UseG1GC)
else
    jvm=(-Xms128m "-Xmx${KAFKA_HEAP:-384m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1)
fi

write_properties() {
    local controller
    controller=$(free_port "")
    cat >"$dir/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=134217728
num.network.threads=2
num.io.threads=4
# after a kill the controller refuses the new broker until the old one's session has expired
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
P
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$dir/server.properties"
}

random_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '='; }

# No two brokers of a cluster may have the same folder by its id.
copy_template() {
    local node
    node=$(sed -n 's/^node\.id=//p' "$dir/server.properties" | tail -n 1)
    rm -rf "$dir/data.new"
    cp -a "$kafka/storage" "$dir/data.new"
    sed -i -e "s/^cluster\.id=.*/cluster.id=${KAFKA_CLUSTER_ID:-$(random_id)}/" \
        -e "s/^directory\.id=.*/directory.id=$(random_id)/" -e "s/^node\.id=.*/node.id=$node/" \
        "$dir/data.new/meta.properties"
    mv "$dir/data.new" "$dir/data"
}

if pid_of "$dir" >/dev/null; then
    exit 0
fi
[ -d "$kafka" ] || "$STACK/kafka-fetch.sh"
java=$(java17) || die "no Java 17 or later, run ./dev setup"
mkdir -p "$dir"
write_properties "$@"
[ -d "$dir/data" ] || copy_template
port_in_use "$port" && die "port $port is in use"

launch "$dir" "Kafka Server started" "$java" "${jvm[@]}" -XX:+ExitOnOutOfMemoryError \
    -Djava.awt.headless=true -Dlog4j.configuration="file:$STACK/kafka/log4j.properties" \
    -Dlog4j2.configurationFile="$STACK/kafka/log4j2.xml" \
    -cp "$kafka/libs/*" kafka.Kafka "$dir/server.properties"
