#!/usr/bin/env bash
# include_law.sh [ROOT] - who may include whom: the data path is the folder tree (docs: architecture). Prints every
# fault; ends with 1 if there is one.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

# Our own folders that each folder may include from, longest name first; then the client libraries.
folders() {
    case $1 in
    core/*) echo core ;;
    schema/*) echo core schema ;;
    topics/*) echo core topics ;;
    producers/*) echo core schema topics producers ;;
    consumers/*) echo core schema topics consumers ;;
    commands/*) echo core schema topics commands ;;
    esac
}
client_folder() { # the folders that may use a client library's header; empty: everybody
    case $1 in
    librdkafka/*) echo topics ;;
    mysql.h | mysql/* | mariadb/* | errmsg.h | mysqld_error.h) echo producers/mysql consumers/mysql ;;
    hiredis/*) echo schema/redis producers/redis consumers/redis ;;
    openssl/*) echo core ;;
    mongoc/* | bson/* | mongoc.h | bson.h) echo producers/mongodb consumers/mongodb ;;
    yaml.h | microhttpd.h) echo core ;;
    avro.h | avro/*) echo schema ;;
    esac
}

failed=0
fault() {
    echo "$*"
    failed=1
}

# Where a quoted name is: beside the file, or from the root (the compiler looks in this order).
resolve() {
    local beside
    beside=$(realpath -m --relative-to=. "$(dirname "$1")/$2")
    if [ -e "$beside" ]; then
        echo "$beside"
    else
        realpath -m --relative-to=. "$2"
    fi
}

check() { # FILE LINE NAME KIND(" or <)
    local file=$1 line=$2 name=$3 kind=$4 target allowed ok=""
    if [ "$kind" = '"' ]; then
        target=$(resolve "$file" "$name")
        for allowed in $(folders "$file"); do
            case $target in "$allowed"/*) ok=1 ;; esac
        done
        [ -n "$ok" ] || fault "$file:$line: includes $target, which its folder must not know"
        # one plug-in knows nothing of another
        case $file in
        producers/*/* | consumers/*/*)
            case $target in
            "$(dirname "$file")"/* | core/* | schema/* | topics/* | "${file%%/*}"/*.h)
                [[ $target != "${file%%/*}"/*/* || $(dirname "$target") == $(dirname "$file") ]] ||
                    fault "$file:$line: includes $target of another database"
                ;;
            *) fault "$file:$line: includes $target of another database" ;;
            esac
            ;;
        esac
        return
    fi
    allowed=$(client_folder "$name")
    [ -n "$allowed" ] || return 0
    for allowed in $allowed; do
        case $file in "$allowed"/*) ok=1 ;; esac
    done
    [ -n "$ok" ] || fault "$file:$line: includes <$name>, which only $(client_folder "$name") may"
}

count=0
while IFS=: read -r file line text; do
    name=$(sed -E 's/^[^"<]*["<]([^">]*)[">].*/\1/' <<<"$text")
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
