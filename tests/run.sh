#!/bin/sh
# Every test, in three parts, one after the other:
#
#   sh tests/run.sh PYTHON [PYTEST ARGUMENT...]
#
# 1. What has to cover what pyproject.toml says, on two processors at once. Being traced makes it two
#    to three times as slow, so nothing is in it that covers no more than the rest.
# 2. Two lanes beside each other. In one, what waits for real time and does not mind others; in the
#    other, which goes behind, what walks through whole spaces of states or years of a camera's life
#    and is bound to the processor. What the second says is told after the first.
# 3. What judges single pictures and instants of the whole daemon, two cameras at once: each takes
#    half a processor. Nothing else runs then, and judging goes behind recording (tests/system/aside.py).
#
# All of them run, whatever the ones before said, so that one run tells everything.
set -u

# Whole spaces and years among the unit tests.
vast='tests/unit/behaviour/test_stages_promises.py tests/unit/evidence/test_hour_of_sound.py
    tests/unit/evidence/test_retention_years.py'

# 5: none was chosen, as where arguments name some.
passed() { [ "$1" -eq 0 ] || [ "$1" -eq 5 ]; }

python=$1
if [ "$python" = vast ]; then
    python=$2
    shift 2
    # The kernel shares processors out between sessions first (sched(7)), if it tells them apart.
    { echo 10 >/proc/self/autogroup; } 2>/dev/null || :
    # A file is a worker's whole, since what its tests share may take a minute to find; the longest
    # come first.
    # shellcheck disable=SC2086 # names of files, to be split
    exec "$python" -m pytest -n 2 --dist loadscope --no-loadscope-reorder \
        tests/crash/test_states.py tests/crash/test_table.py $vast \
        tests/crash tests/tamper tests/independent "$@"
fi
shift

failed=0
note() { passed "$1" || failed=$1; }

ignored=''
for one in $vast; do ignored="$ignored --ignore=$one"; done
# shellcheck disable=SC2086
"$python" -m pytest --cov -n 2 --dist worksteal $ignored tests/unit "$@"
note $?

mkdir -p .cache
log=.cache/tests-vast.log
# A session of its own, so that all of it ends with this script; a shell without job control lets what
# it starts in the background ignore SIGINT, which tests send.
env --default-signal=INT,QUIT setsid nice -n 10 sh "$0" vast "$python" "$@" \
    >"$log" 2>&1 </dev/null &
lane=$!
trap 'kill -s TERM -- "-$lane" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
"$python" -m pytest -n 2 --dist worksteal -m 'patient or not system' \
    tests/system tests/browser tests/bench hw-mocks/tests "$@"
note $?
wait "$lane"
note $?
trap - EXIT INT TERM
cat "$log"

"$python" -m pytest -n 2 --dist worksteal -m 'system and not patient' tests/system tests/browser "$@"
note $?
exit "$failed"
