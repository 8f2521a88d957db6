# shellcheck shell=bash
# debs.sh - Debian packages of another release without installing them; sourced after common.sh.
# Nothing of the host's apt, dpkg or libc is touched: apt runs with lists, cache and status of its
# own, and run_in_tree starts the programs with the tree's own loader. The mirror is the one the
# host's sources name.

# pulled in by dependencies of scripts that are not run here
DEBS_SKIP='^(perl|perl-base|perl-modules-.*|libperl.*|libgdbm.*|libdb5.*|gcc-.*-base|libc-gconv-modules-extra|openssl-provider-legacy|adduser|passwd|init-system-helpers|sysvinit-utils|lsb-base|debconf|tar|dpkg)_'

# isolated_apt WORK SUITE... - sets APT_CONFIG to an apt that knows these releases only
isolated_apt() {
    local work=$1 mirror arch apt=$1/apt
    shift
    arch=$(dpkg --print-architecture)
    # shellcheck disable=SC2016 # apt expands it
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -m1 -E '/debian/*$') || unavailable "apt's sources name no Debian mirror"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    printf "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror %s main\n" "$@" \
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

# download_debs WORK PACKAGE... - the packages and what they need, into WORK/apt/cache
download_debs() {
    local work=$1 specs
    shift
    apt-get -q update >"$work/apt/log" 2>&1 || unavailable "its index could not be read"
    specs=$(apt-get -y --print-uris --no-install-recommends install "$@" \
        2>>"$work/apt/log" | awk '/^\047/ {print $2}' | grep -Ev "$DEBS_SKIP" |
        sed -E 's/^([^_]+)_([^_]+)_[^_]+\.deb$/\1=\2/; s/%3a/:/') ||
        unavailable "the packages are not in its index"
    # shellcheck disable=SC2086 # one word per package
    (cd "$work/apt/cache" && apt-get -q download $specs >>"$work/apt/log" 2>&1) ||
        unavailable "download failed"
}

unpack_debs() {
    local work=$1 deb dir
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

# fetch_debs DEST "SUITE..." PACKAGE... - makes DEST/root, if it is not there. The caller defines
# unavailable TEXT, which ends the script when the packages are not to be had.
fetch_debs() {
    local dest=$1 suites=$2 work=$1.new
    shift 2
    [ ! -d "$dest/root" ] || return 0
    rm -rf "$work"
    mkdir -p "$work"
    # shellcheck disable=SC2086 # one word per release
    isolated_apt "$work" $suites
    download_debs "$work" "$@"
    unpack_debs "$work"
    rm -rf "$dest"
    mv "$work" "$dest"
}

# run_in_tree ROOT PROGRAM [ARGS...] - becomes the program, with the tree's loader and libraries
run_in_tree() {
    local root=$1 name=$2 loader program dir
    shift 2
    loader=$(echo "$root"/usr/lib/*/ld-linux-*.so.*)
    for dir in bin sbin; do
        program=$root/usr/$dir/$name
        [ ! -x "$program" ] || exec "$loader" --argv0 "$program" \
            --library-path "$(dirname "$loader")" "$program" "$@"
    done
    die "no $name in $root"
}
