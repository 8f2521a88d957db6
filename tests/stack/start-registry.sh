#!/usr/bin/env bash
# start-registry.sh DATADIR PORT [property=value...] - a schema registry on 127.0.0.1:PORT, log
# DATADIR/server.log; the base URL for clients is http://127.0.0.1:PORT/apis/ccompat/v7. It keeps
# its schemas in memory: started again it is empty. Running already is fine. Properties are those of
# the server.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dir=$(readlink -m "${1:?usage: start-registry.sh DATADIR PORT [property=value...]}")
port=${2:?PORT}
shift 2

if pid_of "$dir" >/dev/null; then
    exit 0
fi
app=$CACHE/registry-$REGISTRY_VERSION
[ -d "$app" ] || "$STACK/registry-fetch.sh"
java=$(java17) || die "no Java 17 or later, run ./dev setup"
mkdir -p "$dir"
port_in_use "$port" && die "port $port is in use"

properties=("-Dsluice.data=$dir/" -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$port"
    "${@/#/-D}")
cd "$app"
launch "$dir" "Listening on: http://127.0.0.1:$port" "$java" -Xmx256m -XX:+UseSerialGC \
    -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError "${properties[@]}" \
    -jar "apicurio-registry-app-$REGISTRY_VERSION-runner.jar"
