#!/usr/bin/env bash
# include_law.sh [ROOT] - who may include whom: the data path is the folder tree (docs: architecture). Prints every
# fault; ends with 1 if there is one.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

# Functions answer in REPLY: there are thousands of includes, and a subshell for each takes a minute
# on a busy machine.

# Our own folders that each folder may include from, longest name first; then the client libraries.
folders() {
    case $1 in
    core/*) REPLY="core" ;;
    schema/*) REPLY="core schema" ;;
    topics/*) REPLY="core topics" ;;
    producers/*) REPLY="core schema topics producers" ;;
    consumers/*) REPLY="core schema topics consumers" ;;
    commands/*) REPLY="core schema topics commands" ;;
    esac
}
client_folder() { # the folders that may use a client library's header; empty: everybody
    case $1 in
    librdkafka/*) REPLY="topics" ;;
    mysql.h | mysql/* | mariadb/* | errmsg.h | mysqld_error.h) REPLY="producers/mysql consumers/mysql" ;;
    hiredis/*) REPLY="schema/redis producers/redis consumers/redis" ;;
    openssl/*) REPLY="core" ;;
    mongoc/* | bson/* | mongoc.h | bson.h) REPLY="producers/mongodb consumers/mongodb" ;;
    yaml.h | microhttpd.h) REPLY="core" ;;
    avro.h | avro/*) REPLY="schema" ;;
    curl/*) REPLY="schema/registry" ;;
    *) REPLY="" ;;
    esac
}

failed=0
fault() {
    echo "$*"
    failed=1
}

# Where a quoted name is: beside the file, or from the root (the compiler looks in this order).
resolve() {
    REPLY=${1%/*}/$2
    [ -e "$REPLY" ] || REPLY=$2
    case /$REPLY in
    */../* | */./* | *//*) REPLY=$(realpath -m --relative-to=. "$REPLY") ;;
    esac
}

check() { # FILE LINE NAME KIND(" or <)
    local file=$1 line=$2 name=$3 kind=$4 target allowed ok=""
    if [ "$kind" = '"' ]; then
        resolve "$file" "$name"
        target=$REPLY
        folders "$file"
        for allowed in $REPLY; do
            case $target in "$allowed"/*) ok=1 ;; esac
        done
        [ -n "$ok" ] || fault "$file:$line: includes $target, which its folder must not know"
        # one plug-in knows nothing of another
        case $file in
        producers/*/* | consumers/*/*)
            case $target in
            "${file%/*}"/* | core/* | schema/* | topics/* | "${file%%/*}"/*.h)
                [[ $target != "${file%%/*}"/*/* || ${target%/*} == "${file%/*}" ]] ||
                    fault "$file:$line: includes $target of another database"
                ;;
            *) fault "$file:$line: includes $target of another database" ;;
            esac
            ;;
        esac
        return
    fi
    client_folder "$name"
    [ -n "$REPLY" ] || return 0
    for allowed in $REPLY; do
        case $file in "$allowed"/*) ok=1 ;; esac
    done
    [ -n "$ok" ] || fault "$file:$line: includes <$name>, which only $REPLY may"
}

count=0
while IFS=: read -r file line text; do
    name=${text#*[\"<]}
    name=${name%%[\">]*}
    case $text in
    *\"*) check "$file" "$line" "$name" '"' ;;
    *) check "$file" "$line" "$name" '<' ;;
    esac
    count=$((count + 1))
done < <(find core schema topics producers consumers commands -name '*.[ch]' -exec \
    grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' {} + | sort)

if [ $count -eq 0 ]; then
    fault "no include was found: wrong folder?"
fi
[ $failed -ne 0 ] || echo "include law: $count includes are lawful"
exit $failed
