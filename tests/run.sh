#!/bin/sh
# Every test:
#
#   sh tests/run.sh PYTHON [PYTEST ARGUMENT...]
#
# In parts, one after the other, since nothing that computes may run beside what judges pictures and
# instants: whatever its priority, it takes caches and memory from them.
#
# 1. Strict types; then what has to cover what pyproject.toml says, traced, on two processors at once.
#    Being traced makes it two to three times as slow, so nothing is in it that covers no more than the
#    rest.
# 2. The other unit tests, and what walks through whole spaces of states or years of a camera's life.
# 3. A cut of the fault campaign, on two cameras at once as all that follows.
# 4. Unit tests in which a process has to answer in time; then what waits for real time and does not
#    mind another camera.
# 5. What judges single pictures and instants of the whole daemon: each takes a quarter of a processor.
#    Judging goes behind recording (tests/system/aside.py).
#
# All of them run, whatever the ones before said, so that one run tells everything.
set -u

# Unit tests that cover nothing of what has to be covered.
untraced='tests/unit/badges tests/unit/campaign tests/unit/capture tests/unit/selfview
    tests/unit/systemd'
# Unit tests in which a process has to answer in time; traced like the others.
timely='tests/unit/stream/test_link.py tests/unit/stream/test_link_sound.py
    tests/unit/hardware/test_display.py'
# Whole spaces and years among the unit tests.
vast='tests/unit/behaviour/test_stages_promises.py tests/unit/evidence/test_hour_of_sound.py
    tests/unit/evidence/test_retention_years.py'
campaign=tests/system/test_fault_campaign.py
# What both that are traced cover together is judged in the end.
traced='--cov --cov-report= --cov-fail-under=0 -n 2 --dist worksteal'

# 5: none was chosen, as where arguments name some.
passed() { [ "$1" -eq 0 ] || [ "$1" -eq 5 ]; }

failed=0
note() { passed "$1" || failed=$1; }

# In real time, on two cameras at once. A moment in which the machine does something else costs a
# picture, and two cameras feel it more than one: what fails is judged once more, one camera alone, and
# both verdicts are printed. A mistake fails both times.
real_time() {
    "$python" -m pytest -n 2 --dist worksteal "$@"
    code=$?
    if [ "$code" -eq 1 ]; then
        echo 'What failed is judged once more, one camera alone:'
        "$python" -m pytest --last-failed --last-failed-no-failures none "$@"
        code=$?
        [ "$code" -ne 5 ] || code=1
    fi
    note "$code"
}

python=$1
shift

"$python" -m mypy
note $?
ignored=''
for one in $untraced $timely $vast; do ignored="$ignored --ignore=$one"; done
# shellcheck disable=SC2086 # names of files and options, to be split; below too
COVERAGE_FILE=.coverage.rest "$python" -m pytest $traced $ignored tests/unit "$@"
note $?
# A file is a worker's whole, since what its tests share may take a minute to find; the longest come
# first.
# shellcheck disable=SC2086
"$python" -m pytest -n 2 --dist loadscope --no-loadscope-reorder \
    tests/crash/test_states.py tests/crash/test_table.py $vast \
    tests/crash tests/tamper tests/independent tests/updates/test_rauc.py $untraced "$@"
note $?

real_time "$campaign" "$@"
# shellcheck disable=SC2086
COVERAGE_FILE=.coverage.timely "$python" -m pytest $traced $timely "$@"
note $?
real_time -m 'patient or not system' --ignore="$campaign" \
    tests/system tests/browser tests/bench hw-mocks/tests "$@"
real_time -m 'system and not patient' tests/system tests/browser "$@"

"$python" -m coverage combine -q .coverage.timely .coverage.rest && "$python" -m coverage report
note $?
exit "$failed"
