#!/usr/bin/env bash
# make-certs.sh - certificates of the test servers in $CACHE/tls, made once:
#   ca.pem                       the CA that signs all but the last; other-ca.pem: a stranger
#   server.pem server.key        for localhost, 127.0.0.1 and ::1
#   other-name.pem, expired.pem  by the same CA and with server.key, for another name; past its date
#   client.pem client.key        for accounts that REQUIRE X509
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tls=$CACHE/tls

# authority NAME SUBJECT
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -subj "/CN=$2" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$1.key" -out "$1.pem"
}

# sign NAME KEY SUBJECT NAMES USAGE [openssl ca's dates] - NAME.pem for the key in KEY.key
sign() {
    local name=$1 key=$2 subject=$3 names=$4 usage=$5
    shift 5
    [ -e "$key.key" ] || openssl genrsa -out "$key.key" 2048
    openssl req -new -sha256 -key "$key.key" -subj "/CN=$subject" -out "$name.csr"
    printf '%s\n' "${names:+subjectAltName=$names}" "extendedKeyUsage=$usage" >"$name.ext"
    openssl ca -batch -notext -config ca.cnf -in "$name.csr" -out "$name.pem" -extfile "$name.ext" "$@"
}

make() {
    set -e
    [ ! -e "$tls/ca.pem" ] || return 0
    rm -rf "$tls.new"
    mkdir -p "$tls.new/issued"
    cd "$tls.new"
    authority ca "sluice test CA"
    authority other-ca "another CA"
    : >index.txt
    cat >ca.cnf <<'C'
[ca]
default_ca = it
[it]
database = index.txt
new_certs_dir = issued
certificate = ca.pem
private_key = ca.key
rand_serial = yes
unique_subject = no
default_md = sha256
default_days = 3650
policy = any
[any]
commonName = supplied
C
    sign server server "127.0.0.1" "DNS:localhost,IP:127.0.0.1,IP:::1" serverAuth
    sign other-name server "elsewhere" "DNS:elsewhere.example" serverAuth
    sign expired server "127.0.0.1" "DNS:localhost,IP:127.0.0.1" serverAuth \
        -startdate 20200101000000Z -enddate 20200102000000Z
    sign client client "sluice client" "" clientAuth
    chmod -R a+rX .
    mv "$tls.new" "$tls"
}

mkdir -p "$CACHE"
[ -e "$tls/ca.pem" ] || locked tls make >"$CACHE/tls.log" 2>&1 || {
    tail -n 20 "$CACHE/tls.log" >&2
    die "openssl failed"
}
