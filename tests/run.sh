#!/bin/sh
# Every test, in two lanes at once:
#
#   sh tests/run.sh PYTHON [PYTEST ARGUMENT...]
#
# What judges single pictures and instants of the whole daemon runs by itself, one test after the
# other: a processor that is taken away for a tenth of a second costs a picture. Everything else runs
# beside it in the kernel's idle class (sched(7)), which only gets what the first lane leaves over,
# and on a machine with two processors that is more than one of them.
set -u

# 5: none was chosen, as where arguments name some.
passed() { [ "$1" -eq 0 ] || [ "$1" -eq 5 ]; }

# What is bound to the processor has to cover what pyproject.toml says; then what waits for real time
# and does not mind others.
if [ "$1" = beside ]; then
    python=$2
    shift 2
    "$python" -m pytest --cov -n 2 --dist worksteal \
        tests/crash tests/unit tests/tamper tests/independent "$@"
    bound=$?
    "$python" -m pytest -n 2 --dist worksteal -m 'patient or not system' \
        tests/system tests/browser tests/bench hw-mocks/tests "$@"
    waiting=$?
    passed $bound || exit $bound
    passed $waiting || exit $waiting
    exit 0
fi

log=.cache/tests-beside.log
mkdir -p .cache
# A process group of its own, so that all of it ends with this script.
set -m
chrt --idle 0 sh "$0" beside "$@" >"$log" 2>&1 </dev/null &
lane=$!
set +m
trap 'kill -TERM -- "-$lane" 2>/dev/null' EXIT
trap 'exit 130' INT TERM

python=$1
shift
"$python" -m pytest -m 'system and not patient' tests/system tests/browser "$@"
alone=$?
wait "$lane"
others=$?
trap - EXIT
cat "$log"
passed $alone || exit $alone
exit $others
