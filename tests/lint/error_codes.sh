#!/usr/bin/env bash
# error_codes.sh TREE - every code that a program can end or retry with has a line in docs/errors.md or
# docs/precheck.md, and docs/errors.md tells of no code that none of them has. Codes that are made of
# a server's own error (mysql_1146, redis_wrongtype) are left out.
set -euo pipefail
cd "$1"
word='[a-z][a-z0-9_]*'
string="\"$word\""
# the first string of a call is its code, or else its text: then a variable holds the code
call="cdc_error_(set|refuse)\\([^\";]*$string( *: *$string)* *,"
variable="\\bcode = [^;]*;|snprintf\\(code,[^\";]*$string"

printed() {
    find core producers consumers schema topics commands -name '*.c' -print0 | sort -z | xargs -0 cat |
        tr '\n' ' ' | grep -oE "$call|$variable" | grep -oE "$string" | tr -d '"' | sort -u
}

# words FILE... - what stands between backticks
words() {
    grep -ohE "\`$word\`" "$@" | tr -d '`' | sort -u
}

# the first column of the tables of codes
told() {
    sed -nE '/^\| code \|/,/^$/s/^\| ([^|]*) \|.*/\1/p' docs/errors.md | words
}

[ "$(printed | wc -l)" -gt 100 ] || {
    echo "hardly any code was found in the sources: this script no longer knows how they are set"
    exit 1
}
failed=0
if missing=$(comm -23 <(printed) <(words docs/errors.md docs/precheck.md) | grep .); then
    echo "codes without a line in docs/errors.md:" "$missing"
    failed=1
fi
if gone=$(comm -13 <(printed) <(told) | grep .); then
    echo "codes of docs/errors.md that no program has:" "$gone"
    failed=1
fi
exit $failed
