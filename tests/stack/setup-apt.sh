#!/usr/bin/env bash
# setup-apt.sh [base|fuzz|lint] - installs the Debian packages that are missing for building and
# testing (base), or what fuzzing and the style check need besides. Silent when nothing is missing.
# No package here starts a service: MariaDB comes as its -core packages.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-base} in
base)
    packages=(gcc libc6-dev make cmake ninja-build pkg-config librdkafka-dev libyaml-dev
        libjansson-dev libmicrohttpd-dev default-libmysqlclient-dev libcmocka-dev libzstd-dev zlib1g-dev
        libhiredis-dev libssl-dev libcurl4-openssl-dev libavro-dev
        mariadb-server-core mariadb-client-core openssl python3-venv python3-pip)
    java17 >/dev/null || packages+=(default-jre-headless)
    # Maven is only there to get the jars of Kafka, of the registry and of the readers
    [ -d "$CACHE/kafka-$KAFKA_VERSION" ] && [ -d "$CACHE/readers" ] &&
        [ -d "$CACHE/registry-$REGISTRY_VERSION" ] ||
        command -v mvn >/dev/null || packages+=(maven)
    ;;
fuzz) packages=(clang llvm libclang-rt-dev) ;;
lint) packages=(clang-format shellcheck) ;;
*) die "unknown group $1" ;;
esac

# missing_of PACKAGE... - those that dpkg does not have installed
missing_of() {
    comm -23 <(printf '%s\n' "$@" | sort) <(
        # shellcheck disable=SC2016 # dpkg-query expands it; it fails when it knows none of them
        dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
            sed -n 's/ installed$//p' | sort
    )
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1
}

mapfile -t missing < <(missing_of "${packages[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0
say "== Debian packages: ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
    die "packages are missing, run as root: apt-get update &&" \
        "apt-get install --no-install-recommends ${missing[*]}"
fi
# a source that is of no use here may fail to update, so only the installation decides
apt update || true
apt install --no-install-recommends "${missing[@]}" || {
    apt update || true
    apt install --no-install-recommends "${missing[@]}"
} || {
    tail -n 30 "$log" >&2
    die "apt-get could not install the packages"
}
