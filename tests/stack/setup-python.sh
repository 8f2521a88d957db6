#!/usr/bin/env bash
# setup-python.sh - the virtual environment of the tests, $CACHE/venv, from tests/requirements.txt.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

venv=$CACHE/venv
wanted=$ROOT/tests/requirements.txt

install() {
    ! cmp -s "$wanted" "$venv/installed.txt" || return 0
    local python=python3
    # a python3 of the user's own may come without venv, Debian's has it by python3-venv
    "$python" -c 'import ensurepip' 2>/dev/null || python=/usr/bin/python3
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$venv/installed.txt"
}

locked venv install
