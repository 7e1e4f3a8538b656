"""A camera is one camera in a report, also after a new key and a new name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from report_year import DAY_OF, SyntheticCamera
from state_helpers import state_in

from camerad.base.clock import SECOND
from camerad.container.keys import KeyRing
from camerad.office.report.figures import PeopleFrom, Why
from camerad.office.report.month_sums import Month, count_cameras
from camerad.office.report.report_days import ReportPeriod
from camerad.office.report.report_sources import OfficeRecords, make_figures, read_sources
from camerad.office.report.typed_form import NO_FORM
from camerad.store.locations import office_place

PERIOD = ReportPeriod(date(2026, 3, 1), date(2026, 3, 31))
HOURS = 8 * 3600 * SECOND
DAYS = range(2, 29)


def at(day: int, hour: int) -> int:
    return int(datetime(2026, 3, day, hour, tzinfo=UTC).timestamp()) * SECOND


def work(camera: SyntheticCamera, day: int) -> None:
    """A day of a camera that is used without shifts of persons."""
    for stage, following in (
        ("idle", "self_view"),
        ("self_view", "recording"),
        ("recording", "idle"),
    ):
        camera.passes(stage, following, 5)
    camera.running_us += HOURS
    camera.ready_us += HOURS
    camera.shift_us += HOURS
    camera.shifts += 1
    camera.check_in(at(day, 18), 70)


@pytest.mark.parametrize(
    ("count", "change"),
    [(4, "none"), (4, "set_back"), (4, "set_back_in_use"), (4, "renamed"), (5, "set_back")],
)
def test_a_camera_that_gets_another_key_or_name_is_still_one(
    tmp_path: Path, count: int, change: str
) -> None:
    office = OfficeRecords(state_in(tmp_path), office_place(str(tmp_path)), KeyRing(), DAY_OF)
    with office.state.writing() as rows:
        cameras = [SyntheticCamera(number, rows) for number in range(1, count + 1)]
        for camera in cameras:
            camera.check_in(at(1, 6), 80)
        for day in DAYS:
            if day == 15 and change.startswith("set_back"):
                if change.endswith("use"):  # on that day it comes back by both keys
                    work(cameras[0], day)
                cameras[0] = SyntheticCamera(1, rows)
                cameras[0].check_in(at(15, 5), 80)
            elif day == 15 and change == "renamed":
                cameras[0].number = 9
            for camera in cameras:
                work(camera, day)
    sources = read_sources(office, PERIOD)
    report = make_figures(sources, PERIOD, "UTC", NO_FORM)
    figures = {figure.key: figure.total for figure in report.figures}
    assert report.people is PeopleFrom.CAMERAS
    assert figures["cameras_available"].value == report.coverage.cameras == count
    if count == 4:
        assert report.runs == ()
        assert figures["self_views"].why is figures["camera_days_out"].why is Why.PEOPLE
    else:
        assert figures["self_views"].value == figures["camera_days_out"].value == 5 * len(DAYS)


def test_the_smaller_number_counts_of_keys_and_names() -> None:
    first, day = ("kid-1", "cam-1"), date(2026, 3, 15)
    for other in (("kid-2", "cam-1"), ("kid-1", "cam-2")):
        assert count_cameras({first, other}) == 1
        month = Month(out={first, other}, back={(first, day), (other, day)})
        assert (month.cameras, month.camera_days) == (1, 1)
        later = month.with_other(Month(back={(other, date(2026, 3, 16))}))
        assert later.camera_days == 2
    assert count_cameras({first, ("kid-2", "cam-2")}) == 2
    assert count_cameras(set()) == 0
