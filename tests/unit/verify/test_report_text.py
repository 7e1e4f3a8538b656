"""The text of a report with many findings."""

from __future__ import annotations

from camerad.base.clock import SECOND
from camerad.container.gaps import CAPTURE_RESTARTED, FRAMES_LOST, Gap
from camerad.verify.verdict import Report
from tests.unit.evidence.test_cover_sheet import ORIGIN_US, a_result


def test_a_long_gap_does_not_hide_behind_many_short_ones() -> None:
    short = [
        Gap(FRAMES_LOST, 2, ORIGIN_US + at * SECOND, ORIGIN_US + at * SECOND + 100_000)
        for at in range(40, 70)
    ]
    long = Gap(CAPTURE_RESTARTED, None, ORIGIN_US + 80 * SECOND, ORIGIN_US + 201 * SECOND)
    open_end = Gap(FRAMES_LOST, None, ORIGIN_US + 300 * SECOND, None)
    report = Report("x.tar", 1, a_result(gaps=[*short, long, open_end]))
    listed = [line for line in report.text().splitlines() if line.startswith("  gap ")]
    # In their order, the first eighteen of the short ones before the two.
    assert [line.split()[2] for line in listed[:3]] == ["40.000", "41.000", "42.000"]
    assert "from 80.000 s to 201.000 s" in listed[18]
    assert "to the end, wherever that was" in listed[19]
    assert listed[20:] == ["  gap        and 12 more, none of them longer (all with --json)"]
