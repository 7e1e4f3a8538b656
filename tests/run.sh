#!/bin/sh
# Every test, in three parts, one after the other:
#
#   sh tests/run.sh PYTHON [PYTEST ARGUMENT...]
#
# 1. What is bound to the processor, on two of them at once; it has to cover what pyproject.toml says.
# 2. What waits for real time and does not mind others beside it, two at once as well.
# 3. What judges single pictures and instants of the whole daemon, by itself: a processor that is
#    taken away for a tenth of a second costs a picture.
#
# All three run, whatever the ones before said, so that one run tells everything.
set -u

python=$1
shift

# 5: none was chosen, as where arguments name some.
failed=0
pytest() {
    "$python" -m pytest "$@"
    code=$?
    [ $code -eq 0 ] || [ $code -eq 5 ] || failed=$code
}

pytest --cov -n 2 --dist worksteal tests/crash tests/unit tests/tamper tests/independent "$@"
pytest -n 2 --dist worksteal -m 'patient or not system' \
    tests/system tests/browser tests/bench hw-mocks/tests "$@"
pytest -m 'system and not patient' tests/system tests/browser "$@"
exit $failed
