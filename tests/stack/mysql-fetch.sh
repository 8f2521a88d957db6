#!/usr/bin/env bash
# mysql-fetch.sh - unpacks Debian sid's MySQL server, its clients and libmysqlclient's headers,
# with all libraries they need, into $CACHE/mysql/root. Nothing of the host's apt, dpkg or libc is
# touched: apt runs with lists, cache and status of its own, and mysql-run.sh starts the programs
# with the tree's own loader. The mirror is the one the host's sources name.
# Exit status 3: no MySQL to be had from sid; callers then do with MariaDB.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dest=$CACHE/mysql
work=$CACHE/mysql.new
packages=(mysql-server-core mysql-client-core libmysqlclient24 libmysqlclient-dev)
# pulled in by dependencies of scripts that are not run here
skip='^(perl|perl-base|perl-modules-.*|libperl.*|libgdbm.*|libdb5.*|gcc-.*-base|libc-gconv-modules-extra|openssl-provider-legacy)_'

unavailable() {
    printf 'mysql-fetch.sh: no MySQL from Debian sid (%s), MariaDB has to stand in\n' "$*" >&2
    exit 3
}

isolated_apt() {
    local mirror arch apt=$work/apt
    arch=$(dpkg --print-architecture)
    # shellcheck disable=SC2016 # apt expands it
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -m1 -E '/debian/*$') || unavailable "apt's sources name no Debian mirror"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" \
        >"$apt/sources.list"
    # Check-Valid-Until: a frozen mirror's index is past its date; its signature is still checked
    cat >"$apt/apt.conf" <<C
Dir::State "$apt";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "2";
C
    export APT_CONFIG=$apt/apt.conf
}

download() {
    local specs
    apt-get -q update >"$work/apt/log" 2>&1 || unavailable "its index could not be read"
    specs=$(apt-get -y --print-uris --no-install-recommends install "${packages[@]}" \
        2>>"$work/apt/log" | awk '/^\047/ {print $2}' | grep -Ev "$skip" |
        sed -E 's/^([^_]+)_([^_]+)_[^_]+\.deb$/\1=\2/; s/%3a/:/') ||
        unavailable "the packages are not in its index"
    # shellcheck disable=SC2086 # one word per package
    (cd "$work/apt/cache" && apt-get -q download $specs >>"$work/apt/log" 2>&1) ||
        unavailable "download failed"
}

unpack() {
    local deb dir
    for dir in lib lib64 bin sbin; do
        mkdir -p "$work/root/usr/$dir"
        ln -s "usr/$dir" "$work/root/$dir"
    done
    for deb in "$work"/apt/cache/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/root" --keep-directory-symlink \
            --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
    done
    rm -rf "$work/apt"
}

fetch() {
    [ ! -d "$dest/root" ] || return 0
    rm -rf "$work"
    mkdir -p "$work"
    isolated_apt
    download
    unpack
    rm -rf "$dest"
    mv "$work" "$dest"
}

locked mysql-fetch fetch
