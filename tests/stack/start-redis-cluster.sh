#!/usr/bin/env bash
# start-redis-cluster.sh DATADIR PORT1 PORT2 PORT3 KIND [LINE...] - a cluster of three masters in
# DATADIR/1 to 3 (see start-redis.sh), each with a third of the slots; PORT+10000 are its bus.
# Running already is fine; a stopped one starts again as it was. Stop it by its three folders.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dir=$(readlink -m "${1:?usage: start-redis-cluster.sh DATADIR PORT1 PORT2 PORT3 KIND [LINE...]}")
ports=("${2:?PORT1}" "${3:?PORT2}" "${4:?PORT3}")
kind=${5:?KIND}
shift 5

# ask PORT WORD... - of one node, by the clients of redis-7.0
ask() {
    local port=$1
    shift
    "$STACK/redis-run.sh" redis-7.0 redis-cli -h 127.0.0.1 -p "$port" "$@"
}

# whole PORT - the node knows the three and all slots are served
whole() {
    local info
    info=$(ask "$1" cluster info)
    [[ $info == *cluster_state:ok* && $info == *cluster_known_nodes:3* && $info == *cluster_size:3* ]]
}

# form - tells each node its slots and the first one the others
form() {
    local i from=0 to slots=(5461 10923 16384)
    for i in 0 1 2; do
        to=${slots[i]}
        # shellcheck disable=SC2046 # one word per slot; a range is not for 6.2
        ask "${ports[i]}" cluster addslots $(seq "$from" $((to - 1)))
        ask "${ports[i]}" cluster set-config-epoch $((i + 1))
        from=$to
    done
    ask "${ports[0]}" cluster meet 127.0.0.1 "${ports[1]}"
    ask "${ports[0]}" cluster meet 127.0.0.1 "${ports[2]}"
}

"$STACK/redis-fetch.sh" redis-7.0
fresh=1
for i in 0 1 2; do
    [ ! -e "$dir/$((i + 1))/nodes.conf" ] || fresh=0
    "$STACK/start-redis.sh" "$dir/$((i + 1))" "${ports[i]}" "$kind" "databases 1" \
        "cluster-enabled yes" "cluster-config-file nodes.conf" "cluster-node-timeout 3000" "$@"
done
[ $fresh -eq 0 ] || form >/dev/null
until=$((SECONDS + STACK_DEADLINE_S))
for port in "${ports[@]}"; do
    until whole "$port"; do
        [ $SECONDS -lt $until ] || die "the cluster is not whole: $(ask "$port" cluster nodes)"
        sleep 0.05
    done
done
