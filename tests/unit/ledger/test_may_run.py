"""What a device's ledger has to say before a lock makes a file a recording that runs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from sealed_helpers import BOOT, a_header, at

from camerad.base.clock import SECOND, ClockSource, Moment
from camerad.ledger.boot_runs import BootRun, BootRuns
from camerad.ledger.ledger_state import UNSAID_US, LedgerState
from camerad.ledger.recording_state import RecordingState, Tombstone
from camerad.ledger.timeline import Instant, Timeline

BEGAN_US = 5_000 * SECOND
HEADER = replace(a_header(), clock=Moment(BEGAN_US, 0, ClockSource.UNKNOWN))
BEGUN = RecordingState(
    id=HEADER.id,
    device="",
    header="a" * 64,
    final=None,
    ended=None,
    ended_boot=BOOT,
    instant=Instant(1, BEGAN_US),
    stated_us=None,
    retention_days=0,
    flagged=False,
    holds=(),
    acknowledged=None,
    missing=False,
    changed=None,
    deleted=None,
    known_since=3,
)


def written_until(last_us: int, boot: str = BOOT) -> Timeline:
    return Timeline(BootRuns((BootRun(1, boot, 0, last_us, 0),)))


def knows(known: RecordingState) -> LedgerState:
    return LedgerState(recordings={known.id: known}, timeline=written_until(BEGAN_US))


def test_what_was_begun_in_this_boot_and_has_not_ended_may_run() -> None:
    assert knows(BEGUN).may_run(HEADER, BOOT)


@pytest.mark.parametrize(
    "known",
    [
        replace(BEGUN, ended=at(BEGAN_US), final="b" * 64),
        replace(BEGUN, ended=at(BEGAN_US)),
        replace(BEGUN, missing=True),
        replace(BEGUN, deleted=Tombstone("expired", 0, 1)),
    ],
    ids=["ended", "never to be ended", "missing", "deleted"],
)
def test_what_the_ledger_knows_otherwise_does_not_run(known: RecordingState) -> None:
    assert not knows(known).may_run(HEADER, BOOT)


def test_no_recorder_has_outlived_its_boot() -> None:
    assert not knows(BEGUN).may_run(HEADER, "another")


@pytest.mark.parametrize(
    ("timeline", "may"),
    [
        (written_until(BEGAN_US), True),
        (written_until(BEGAN_US + UNSAID_US - 1), True),
        (written_until(BEGAN_US + UNSAID_US), False),
        (written_until(BEGAN_US, "another"), False),
        (Timeline(), False),
    ],
)
def test_what_began_with_the_last_entry_may_still_have_to_be_named(
    timeline: Timeline, may: bool
) -> None:
    assert LedgerState(timeline=timeline).may_run(HEADER, BOOT) is may
