#!/usr/bin/env bash
# run.sh [fix] - layout by clang-format, braces, size and complexity of functions, file length,
# scripts by shellcheck. `fix` lets clang-format rewrite first. Prints every fault.
# shellcheck source=tests/stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stack/common.sh"
cd "$ROOT"

exceptions=tests/lint/lizard-exceptions.txt
folders=(core schema topics producers consumers commands)
mapfile -t sources < <(find "${folders[@]}" tests -name '*.[ch]' | sort)
mapfile -t scripts < <(grep -rlI --exclude-dir={.git,.cache,.run,build} -m1 \
    -e '^#!/usr/bin/env bash' -e '^# shellcheck shell=' . | sort)
failed=0

fault() {
    say "== $*"
    failed=1
}

if [ "${1:-}" = fix ]; then
    clang-format -i "${sources[@]}"
fi
ill=$(clang-format --dry-run "${sources[@]}" 2>&1 | sed -nE 's/^([^:]+):[0-9]+:.*/\1/p' | sort -u)
if [ -n "$ill" ]; then
    say "$ill"
    fault "layout: ./dev lint fix mends it"
fi

# a body without braces: the condition's line ends the statement's head, so nothing opens a block
grep -nHE '^ *((\} )?(else )?if|for|while) \(.*\)$|^ *(\} )?else$' "${sources[@]}" &&
    fault "braces are missing"

# lizard's lines: FILE:LINE: warning: FUNCTION has N NLOC, ...
over=$("$CACHE/venv/bin/lizard" -l c -w -L 60 -C 15 -a 6 "${folders[@]}" || true)
names=$(sed -nE 's/^([^:]+):[0-9]+: warning: (\S+) has .*/\1 \2/p' <<<"$over" | sort -u)
accepted=$(grep -v '^#' $exceptions | sort -u || true)
news=$(comm -23 <(printf '%s' "$names${names:+$'\n'}") <(printf '%s' "$accepted${accepted:+$'\n'}"))
gone=$(comm -13 <(printf '%s' "$names${names:+$'\n'}") <(printf '%s' "$accepted${accepted:+$'\n'}"))
if [ -n "$news" ]; then
    while read -r file function; do
        grep -F "$file:" <<<"$over" | grep -F " $function has "
    done <<<"$news"
    fault "functions over 60 lines, complexity 15 or 6 parameters"
fi
if [ -n "$gone" ]; then
    say "$gone"
    fault "lines of $exceptions that are not needed any more"
fi

for file in "${sources[@]}"; do
    lines=$(wc -l <"$file")
    if [ "$lines" -gt 1200 ]; then
        say "$file: $lines lines"
        fault "files over 1200 lines"
    fi
done

shellcheck -x "${scripts[@]}" || fault "shellcheck"

[ $failed -ne 0 ] || say "lint: ${#sources[@]} C files and ${#scripts[@]} scripts are clean"
exit $failed
