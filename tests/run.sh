#!/bin/sh
# Every test:
#
#   sh tests/run.sh PYTHON [PYTEST ARGUMENT...]
#
# In parts, one after the other, since nothing that computes may run beside what judges pictures and
# instants: whatever its priority, it takes caches and memory from them.
#
# 1. Strict types; then what has to cover what pyproject.toml says, traced. Being traced makes it two
#    to three times as slow, so nothing is in it that covers no more than the rest.
# 2. The other unit tests, and what walks through whole spaces of states or years of a camera's life.
# 3. A cut of the fault campaign, and what waits for real time and does not mind other cameras: four
#    at once, which leaves most of two processors to each of them.
# 4. What judges single pictures and instants of the whole daemon, on two cameras: each takes a quarter
#    of a processor. Judging goes behind recording (tests/system/aside.py).
#
# The longest tests come first (tests/conftest.py), and in parts 3 and 4 whoever is free takes the next
# one, so that nobody waits in the end.
#
# All of them run, whatever the ones before said, so that one run tells everything. Each test has its
# deadline (tests/oversight.py); what that does not end has one for the whole part, in seconds:
# CAMERAD_PART_SECONDS, five times what the longest takes on two processors.
set -u

# Unit tests that cover no more of what has to be covered than the others: of other modules; with a
# process that has to answer in time; or that try every length of something, or hundreds of examples.
untraced='tests/unit/badges tests/unit/campaign tests/unit/capture tests/unit/image
    tests/unit/selfview tests/unit/systemd tests/unit/base/test_journal.py
    tests/unit/test_clapper.py tests/unit/hardware/test_display.py
    tests/unit/cli/test_keys_command.py tests/unit/cli/test_office_machine.py
    tests/unit/cli/test_provision_office_key.py
    tests/unit/verify/test_checker.py tests/unit/office/test_cover_sheet.py
    tests/unit/store/test_store_intake.py tests/unit/stream/test_wire.py
    tests/unit/stream/test_link.py tests/unit/stream/test_link_sound.py
    tests/unit/stream/test_ring_model.py
    tests/unit/behaviour/test_gestures_machine.py tests/unit/behaviour/test_stages_machine.py
    tests/unit/config/test_config_shipped.py
    tests/unit/ledger/test_ledger_cut_short.py tests/unit/ledger/test_ledger_histories.py
    tests/unit/store/test_repair_anywhere.py tests/unit/office/test_decrypt.py
    tests/unit/verify/test_judge.py tests/unit/verify/test_verify_fuzz.py
    tests/unit/provisioning/test_applying_crash.py'
# Unit tests that wait more than they compute, and so have to cover nothing: for deadlines that run
# out, for simulated hardware in real time, for a card that hangs.
waiting='tests/unit/capture/test_hardware.py tests/unit/capture/test_memory.py
    tests/unit/capture/test_process.py tests/unit/doctor/test_hanging_card.py
    tests/unit/test_oversight.py'
# Whole spaces and years among the unit tests.
vast='tests/unit/behaviour/test_stages_promises.py tests/unit/recording/test_hour_of_sound.py
    tests/unit/store/test_retention_years.py'

# pytest is ended as by Ctrl-C, so that it still says what has failed, and a minute later in any case.
# The longest tests are told in the end: whoever adds one sees what it costs.
run() { # PART ARGUMENT...
    number=$1
    shift
    timeout --foreground --signal=INT --kill-after=60 "$limit" "$python" -m pytest --durations=12 --durations-min=5 "$@"
    code=$?
    case $code in
        124 | 137) echo "Part $number has not ended within $limit seconds, and was ended." ;;
    esac
    return "$code"
}

patient() {
    # shellcheck disable=SC2086 # names of files, to be split; below too
    run 3 -m 'patient or not system' $waiting tests/system tests/browser tests/bench hw-mocks/tests "$@"
}
pictures() { run 4 -m 'system and not patient' tests/system tests/browser "$@"; }

# 5: none was chosen, as where arguments name some.
passed() { [ "$1" -eq 0 ] || [ "$1" -eq 5 ]; }

limit=${CAMERAD_PART_SECONDS:-1500}
failed=0
note() { passed "$1" || failed=$1; }

# A moment in which the machine does something else costs a picture, and several cameras feel it more
# than one: what failed in real time is judged once more, one camera alone, and both verdicts are
# printed. A mistake fails both times; and what has not ended by itself is one, whatever is found then.
hung=10 # as in tests/oversight.py
once_more() { # CODE PART ARGUMENT...: what the part has ended with, and what it is
    first=$1 part=$2 before=$failed
    shift 2
    note "$first"
    case $first in 1 | "$hung") ;; *) return ;; esac
    echo 'What failed is judged once more, one camera alone:'
    "$part" --last-failed --last-failed-no-failures none "$@"
    again=$?
    if [ "$first" -eq "$hung" ]; then
        echo "A test of part $number has not ended by itself: that counts, whatever the second look says."
    elif passed "$again" && [ "$again" -ne 5 ]; then
        failed=$before
    fi
}

python=$1
shift
# What pytest makes of a file of tests is made once, and not by every worker of every part.
export PYTHONDONTWRITEBYTECODE=
mkdir -p .cache

"$python" -m mypy
note $?
ignored='' waits=''
for one in $untraced $vast; do ignored="$ignored --ignore=$one"; done
for one in $waiting; do waits="$waits --ignore=$one"; done
# shellcheck disable=SC2086
run 1 --cov -n 2 --dist worksteal $ignored $waits tests/unit "$@"
note $?
# A file is a worker's whole, since what its tests share may take a minute to find.
# shellcheck disable=SC2086
run 2 -n 2 --dist loadscope --no-loadscope-reorder $waits \
    $vast tests/crash tests/tamper tests/independent tests/updates/test_rauc.py $untraced "$@"
note $?

patient -n 4 --dist loadgroup --no-loadscope-reorder "$@"
once_more $? patient "$@"

pictures -n 2 --dist loadgroup --no-loadscope-reorder "$@"
once_more $? pictures "$@"
exit "$failed"
