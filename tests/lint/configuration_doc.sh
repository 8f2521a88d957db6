#!/usr/bin/env bash
# configuration_doc.sh SLUICE ROOT - docs/configuration.md is what the program says.
set -euo pipefail
if ! "$1" document-options | diff -u "$2/docs/configuration.md" - >&2; then
    echo "docs/configuration.md is not what the option tables say; write it anew:" >&2
    echo "  sluice document-options >docs/configuration.md" >&2
    exit 1
fi
