"""Of each outside witness and each time-stamp authority it is known what it vouched for last, and
whether that is more than a day ago."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from vouching_helpers import AWAY, Outside

from camerad.base.clock import DAY, SECOND, ClockSource
from camerad.base.errors import CameradError
from camerad.office.server.log_vouching import LATE_US, LogVouching, Vouching
from camerad.office.server.office_settings import TimeStampSettings
from tests.unit.office.server.office_scene import OfficeScene


def test_each_that_has_not_vouched_for_a_day_is_late_and_so_is_the_quorum(tmp_path: Path) -> None:
    scene = OfficeScene(tmp_path)
    clock = scene.clock
    outside = Outside(scene.directory / "office/log", tmp_path / "policy", "dpo", "city", "new")
    stamps = tuple(TimeStampSettings(f"http://{one}.example/", tmp_path) for one in ("a", "b"))
    settings = replace(scene.settings, witnesses=outside.policy, time_stamps=stamps)
    vouching = LogVouching(settings, clock)
    now_us = clock.wall_us() // SECOND * SECOND
    outside.cosigned("dpo", now_us)
    outside.cosigned("city", now_us - LATE_US - SECOND, 5)
    outside.stamped("a.example", now_us - DAY)
    assert vouching.list_all() == [
        Vouching("dpo", False, 7, now_us, late=False),
        Vouching("city", False, 5, now_us - LATE_US - SECOND, late=True),
        Vouching("new", False, None, None, late=False),
        Vouching("a.example", True, 7, now_us - DAY, late=False),
        Vouching("b.example", True, None, None, late=False),
    ]
    assert vouching.late() == ("city",)
    clock.advance(LATE_US + 2 * SECOND)
    assert vouching.late() == ("dpo", "city", "new", "a.example", "b.example", "")
    # A server that starts again counts for those that never vouched from then on.
    assert LogVouching(settings, clock).late() == ("dpo", "city", "a.example", "")
    # By a clock that may be wrong it is not known when a signature is too old.
    clock.source = ClockSource.UNKNOWN
    assert vouching.late() == ("new", "b.example")
    # A witness of the quorum that has no address is never asked.
    outside.policy.write_text(outside.policy.read_text().replace(f" {AWAY}", ""))
    assert vouching.late() == ("b.example", "")
    assert LogVouching(scene.settings, clock).late() == ()


def test_a_file_that_is_no_cosignature_is_named(tmp_path: Path) -> None:
    scene = OfficeScene(tmp_path)
    outside = Outside(scene.directory / "office/log", tmp_path / "policy", "dpo")
    vouching = LogVouching(replace(scene.settings, witnesses=outside.policy), scene.clock)
    outside.cosigned("dpo", scene.clock.wall_us())
    (path,) = (scene.directory / "office/log/witnesses").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CameradError, match="remove it: the witness cosigns again"):
        vouching.late()
