#!/usr/bin/env bash
# commands.sh SLUICE - the command line: usage, exit codes, and how `run` supervises. Its children are stand-ins: a
# script beside a copy of sluice that does, life by life, what the lines of $work/capture or $work/apply say.
set -uo pipefail
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp "${1:?the program sluice}" "$work/sluice" || exit 1
sluice=$work/sluice
passed=0
failed=0

cat >"$work/sluice-capture-mysql" <<'S'
#!/usr/bin/env bash
# NAME has a line for each life: exit N | die | wait | until FILE (ends with 0 when that is there)
work=$(dirname "$0")
name=$(basename "$0")
name=${name#sluice-}
name=${name%-mysql}
trap 'echo "$name stopped" >>"$work/lives"; exit 0' TERM
echo "$name $*" >>"$work/lives"
life=$(grep -c "^$name [^s]" "$work/lives")
read -r what how < <(sed -n "${life}p" "$work/$name")
case $what in
exit) exit "$how" ;;
die) kill -KILL $$ ;;
wait | until)
    for ((i = 0; i < 600; i++)); do
        [ "$what" = wait ] || [ ! -e "$work/$how" ] || exit 0
        sleep 0.05
    done
    exit 9
    ;;
esac
S
chmod +x "$work/sluice-capture-mysql"
cp "$work/sluice-capture-mysql" "$work/sluice-apply-mysql"

cat >"$work/t.yaml" <<Y
name: shop
kafka: {bootstrap.servers: "127.0.0.1:1"}
source: {type: mysql, hosts: [h], user: u, password: "\${env:SRC_PASSWORD}"}
target: {type: mysql, hosts: [h], user: u}
state_dir: $work/state
Y
export SRC_PASSWORD=hunter2

bad() {
    failed=$((failed + 1))
    echo "FAIL: $*"
}

verdict() { # CONDITION-COMMAND... -- TEXT
    local command=()
    while [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    shift
    if "${command[@]}"; then
        passed=$((passed + 1))
    else
        bad "$*"
    fi
}

# expect CODE STDOUT-PART STDERR-PART ARGS...; an empty part: nothing is written there
expect() {
    local code=$1 out=$2 err=$3 got
    shift 3
    "$sluice" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    verdict holds $got "$code" "$out" "$err" -- \
        "sluice $*: code $got, wanted $code; stdout: $(head -3 "$work/out"); stderr: $(cat "$work/err")"
}
holds() {
    [ "$1" -eq "$2" ] && part "$3" "$work/out" && part "$4" "$work/err"
}
part() {
    if [ -z "$1" ]; then
        [ ! -s "$2" ]
    else
        grep -qF -- "$1" "$2"
    fi
}

await() { # until a command succeeds
    for ((i = 0; i < 400; i++)); do
        "$@" 2>/dev/null && return
        sleep 0.05
    done
    bad "waited in vain for: $*"
}

plan() { # CAPTURE APPLY: what the children do, lives parted by commas
    tr , '\n' <<<"$1" >"$work/capture"
    tr , '\n' <<<"$2" >"$work/apply"
    rm -f "$work/lives" "$work/flag"
    : >"$work/lives"
}

# lives CODE WANTED ARGS...: run with the planned children; WANTED: their lives, sorted
lives() {
    local code=$1 want=$2 got
    shift 2
    "$sluice" run --skip-precheck "$@" "$work/t.yaml" 2>"$work/err"
    got=$?
    verdict test $got -eq "$code" -- "run $*: code $got, wanted $code: $(cat "$work/err")"
    verdict test "$(lived)" = "$want" -- "run $*: lives '$(lived)', wanted '$want'"
}
lived() {
    sed "s| $work/t.yaml||" "$work/lives" | sort | paste -sd,
}
count() { # N PATTERN: so many lines of lives
    [ "$(grep -c -- "$2" "$work/lives")" = "$1" ]
}

# --- usage ---
expect 0 "sluice 0." "" --version
expect 0 "usage: sluice COMMAND" "" --help
expect 2 "" "usage: sluice COMMAND"
expect 2 "" "unknown command 'statsu'; did you mean 'status'?" statsu
expect 2 "" "unknown command 'zzzzzzz'" zzzzzzz
for command in check precheck capture apply run status topics tail; do
    expect 0 "usage: sluice $command" "" $command --help
    expect 2 "" "usage: sluice $command" $command
done
for command in check precheck capture apply run status topics; do
    expect 2 "" "/nonexistent.yaml: the task file cannot be read" $command /nonexistent.yaml
done
expect 0 "source.hosts" "" check --help
expect 2 "" "unknown argument --frobnicate" run --frobnicate "$work/t.yaml"
expect 2 "" "unknown argument --frobnicate" status --frobnicate "$work/t.yaml"
expect 2 "" "unknown argument --frobnicate" precheck --frobnicate "$work/t.yaml"
expect 2 "" "no check 'source_log_bim' to be ignored; did you mean 'source_log_bin'?" \
    precheck --ignore source_log_bim "$work/t.yaml"
expect 2 "" "usage: sluice topics" topics "$work/t.yaml" destroy
expect 2 "" "is not earliest, latest or time:" tail t -b b:1 --from yesterday
expect 2 "" "--count 0 is no number from 1" tail t -b b:1 --count 0
expect 2 "" "Kafka property no.such" tail t -b b:1 -X no.such=1
expect 2 "" "-X novalue is not NAME=VALUE" tail t -b b:1 -X novalue

# --- check ---
expect 0 'password: "****"' "" check "$work/t.yaml"
verdict test -z "$(grep hunter2 "$work/out")" -- "check prints a secret"
sed 's/^state_dir/tpoics: {}\nstate_dir/' "$work/t.yaml" >"$work/bad.yaml"
expect 2 "" "$work/bad.yaml:5:1: unknown option 'tpoics'; did you mean 'topics'?" check "$work/bad.yaml"
printf 'objects: {include: [shop]}\n' | cat "$work/t.yaml" - >"$work/bad.yaml"
expect 2 "" "$work/bad.yaml:6:21: objects.include 'shop' is no pattern" check "$work/bad.yaml"

# --- capture and apply become the database's program ---
for command in capture apply; do
    plan "exit 7" "exit 7"
    "$sluice" $command "$work/t.yaml" --log-level debug
    verdict test $? -eq 7 -- "the code of sluice-$command-mysql is lost"
    verdict test "$(cat "$work/lives")" = "$command $work/t.yaml --log-level debug" -- "exec of $command"
done

# --- run, to an end ---
u=--until-caught-up
plan "until flag" "wait,exit 0" # all is well: the first applier is stopped, a second one catches up
(await count 1 "^apply" && : >"$work/flag") &
lives 0 "apply,apply $u,apply stopped,capture $u" $u
plan "die,until flag" "wait,exit 0" # one that is killed comes again
(await count 2 "^capture" && await count 1 "^apply" && : >"$work/flag") &
lives 0 "apply,apply $u,apply stopped,capture $u,capture $u" $u
plan "until flag" "wait,die,exit 0"
(await count 1 "^apply" && : >"$work/flag") &
lives 0 "apply,apply $u,apply $u,apply stopped,capture $u" $u
plan "until flag" "wait,exit 1" # the applier fails while it catches up
(await count 1 "^apply" && : >"$work/flag") &
lives 1 "apply,apply $u,apply stopped,capture $u" $u

# --- run, refused: the other one is stopped, and the code is the refusal's ---
for code in 2 3; do
    plan wait "exit $code"
    "$sluice" run --skip-precheck "$work/t.yaml" 2>"$work/err"
    verdict test $? -eq $code -- "run with a refusal: not $code: $(cat "$work/err")"
done

# --- run without an end: what ends is started again; SIGTERM ends both ---
plan "exit 1,exit 0,wait" wait
"$sluice" run --skip-precheck "$work/t.yaml" 2>"$work/err" &
pid=$!
await count 3 "^capture"
await count 1 "^apply"
kill -TERM $pid
wait $pid
verdict test $? -eq 0 -- "run after SIGTERM: $(cat "$work/err")"
verdict count 2 " stopped" -- "SIGTERM did not reach both: $(cat "$work/lives")"

# --- a parent that dies takes its children along ---
plan wait wait
"$sluice" run --skip-precheck "$work/t.yaml" 2>"$work/err" &
pid=$!
await count 1 "^capture"
await count 1 "^apply"
kill -KILL $pid
await count 2 " stopped"
verdict count 2 " stopped" -- "children outlive their parent"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
