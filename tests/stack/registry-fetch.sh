#!/usr/bin/env bash
# registry-fetch.sh - gets Apicurio Registry, which speaks Confluent's API, from Maven Central or the
# mirror that Maven's settings name, into $CACHE/registry-VERSION. Prints nothing. Exit status
# 3: there is none to be had there.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dest=$CACHE/registry-$REGISTRY_VERSION
new=$dest.new

download() {
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        "-Dartifact=io.apicurio:apicurio-registry-app:$REGISTRY_VERSION:tar.gz:all" \
        -DoutputDirectory="$new" >"$new/mvn.log" 2>&1
}

fetch() {
    [ ! -d "$dest" ] || return 0
    rm -rf "$new"
    mkdir -p "$new"
    download || download || {
        tail -n 20 "$new/mvn.log" >&2
        ! grep -q "Could not find artifact" "$new/mvn.log" || exit 3
        die "Maven could not get the schema registry"
    }
    tar -xzf "$new"/*.tar.gz -C "$new"
    rm -f "$new"/*.tar.gz
    mv "$new" "$dest"
}

locked registry-fetch fetch
