#!/usr/bin/env bash
# readers-fetch.sh - other people's readers of Canal JSON (tests/e2e/readers): copies their jars from
# Maven Central, or the mirror that Maven's settings name, and compiles the program that drives
# them, into $CACHE/readers. Prints nothing.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

from=$ROOT/tests/e2e/readers
dest=$CACHE/readers
new=$dest.new

download() {
    mvn -q -B -f "$from/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$new/libs" -DincludeScope=runtime >"$new/mvn.log" 2>&1
}

# the compiler is one of the jars: a JRE is enough
compile() {
    "$(java17)" -cp "$new/libs/*" org.eclipse.jdt.internal.compiler.batch.Main -17 \
        -cp "$(printf '%s:' "$new"/libs/*.jar)" -d "$new/classes" "$from/Readers.java" \
        >"$new/compile.log" 2>&1
}

fetch() {
    ! diff -rq "$from" "$dest/from" >/dev/null 2>&1 || return 0
    rm -rf "$new"
    mkdir -p "$new"
    download || download || {
        tail -n 20 "$new/mvn.log" >&2
        die "Maven could not get the readers' jars"
    }
    compile || {
        tail -n 20 "$new/compile.log" >&2
        die "the readers could not be compiled"
    }
    cp -r "$from" "$new/from"
    rm -rf "$dest"
    mv "$new" "$dest"
}

locked readers-fetch fetch
