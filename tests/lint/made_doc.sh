#!/usr/bin/env bash
# made_doc.sh SLUICE COMMAND FILE - FILE is what `sluice COMMAND` says; of a file with the line
# "<!-- made -->" only what follows it.
set -euo pipefail
from=1
if line=$(grep -nFx -- '<!-- made -->' "$3"); then
    from=$((${line%%:*} + 1))
fi
if ! "$1" "$2" | diff -u <(tail -n +$from "$3") - >&2; then
    echo "$3 is not what the program says; write it (or what follows <!-- made -->) anew:" >&2
    echo "  sluice $2" >&2
    exit 1
fi
