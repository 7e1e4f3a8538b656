"""Alerts follow from facts, and every kind of alert has its cause."""

from __future__ import annotations

import pytest
from alert_helpers import NOW_US, office_facts

from camerad.base.clock import DAY
from camerad.office.jobs.alert_rules import (
    Alert,
    AlertKind,
    CameraSeen,
    DatedRecording,
    OfficeFacts,
    StoreFacts,
    decide,
    find_unknown,
    subject_of,
)
from camerad.office.server.alert_settings import NotifySettings
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.purging import ReasonKind

ONE = "20261124T153000Z-000001-00000001"
SETTINGS = NotifySettings()


def found(facts: OfficeFacts) -> list[tuple[AlertKind, str]]:
    return [(one.kind, one.about) for one in decide(facts, SETTINGS)]


def the_one(facts: OfficeFacts) -> Alert:
    (one,) = decide(facts, SETTINGS)
    return one


def test_where_all_is_well_nobody_is_told_anything() -> None:
    assert decide(office_facts(), SETTINGS) == ()
    assert decide(office_facts(store=None, total=0), SETTINGS) == ()


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (DiscrepancyKind.MISSING, AlertKind.NOT_AUTHENTIC),
        (DiscrepancyKind.CHANGED, AlertKind.NOT_AUTHENTIC),
        (DiscrepancyKind.DOUBLED, AlertKind.NOT_AUTHENTIC),
        (DiscrepancyKind.UNVOUCHED, AlertKind.NOT_AUTHENTIC),
        (DiscrepancyKind.UNREADABLE, AlertKind.MISMATCH),
        (DiscrepancyKind.COPY, AlertKind.MISMATCH),
    ],
)
def test_what_the_comparison_finds_is_told(what: DiscrepancyKind, kind: AlertKind) -> None:
    one = the_one(office_facts(store=StoreFacts(NOW_US, differences=((what, ONE),))))
    assert (one.kind, one.recording, one.detail) == (kind, ONE, str(what))
    assert one.at_once == (kind is AlertKind.NOT_AUTHENTIC)


def test_a_recording_is_told_once_whoever_found_that_it_is_gone() -> None:
    """The comparison says so once; from then on it is a reason why something may be kept."""
    at_first = StoreFacts(
        NOW_US,
        differences=((DiscrepancyKind.MISSING, ONE),),
        reasons=((ReasonKind.MISSING, ONE),),
    )
    later = StoreFacts(NOW_US, reasons=((ReasonKind.MISSING, ONE),))
    assert the_one(office_facts(store=at_first)) == the_one(office_facts(store=later))


@pytest.mark.parametrize("why", [one for one in ReasonKind if one is not ReasonKind.NOT_TAKEN_OVER])
def test_whatever_keeps_recordings_beyond_their_day_is_told_at_once(why: ReasonKind) -> None:
    one = the_one(office_facts(store=StoreFacts(NOW_US, reasons=((why, ONE),))))
    assert one.at_once


def test_what_the_next_look_takes_over_is_not_told() -> None:
    reasons = ((ReasonKind.NOT_TAKEN_OVER, ONE),)
    assert decide(office_facts(store=StoreFacts(NOW_US, reasons=reasons)), SETTINGS) == ()


def test_a_clock_that_nobody_confirms_is_one_alert_whatever_the_sentence_says() -> None:
    alerts = {
        the_one(office_facts(store=StoreFacts(NOW_US, reasons=((ReasonKind.CLOCK, text),)))).key
        for text in ("a", "b")
    }
    assert len(alerts) == 1


@pytest.mark.parametrize(
    ("left_us", "told"),
    [(3 * DAY, True), (3 * DAY + 1, False), (0, True), (-DAY, True)],
)
def test_a_marked_recording_is_told_days_before_its_deletion(left_us: int, told: bool) -> None:
    """3 days before, as the settings say."""
    marked = (DatedRecording(ONE, "cam-1", NOW_US + left_us),)
    alerts = decide(office_facts(store=StoreFacts(NOW_US, marked=marked)), SETTINGS)
    assert [one.kind for one in alerts] == [AlertKind.MARKED_EXPIRES] * told
    assert all(one.camera == "cam-1" and one.recording == ONE for one in alerts)


@pytest.mark.parametrize(
    ("left_us", "told"),
    [(3 * DAY, True), (3 * DAY + 1, False), (0, True)],
)
def test_the_end_of_a_hold_is_told_days_before(left_us: int, told: bool) -> None:
    """3 days before, as the settings say; another end is told anew. The day is the last one on
    which it is held."""
    ends = (DatedRecording(ONE, "cam-1", NOW_US + left_us),)
    alerts = decide(office_facts(store=StoreFacts(NOW_US, hold_ends=ends)), SETTINGS)
    assert [one.kind for one in alerts] == [AlertKind.HOLD_ENDS] * told
    for one in alerts:
        assert (int(one.state), one.at_us) == (NOW_US + left_us, NOW_US + left_us - 1)


def test_a_hold_beyond_the_recording_s_day_is_told_every_30_days() -> None:
    beyond = (DatedRecording(ONE, "cam-1", NOW_US - 5 * DAY),)
    one = the_one(office_facts(store=StoreFacts(NOW_US, held_beyond=beyond)))
    assert (one.kind, one.number, one.again_days) == (AlertKind.HELD_BEYOND_DAY, 5, 30)


def test_deletion_that_nobody_looked_after_for_an_hour_stands_still() -> None:
    assert found(office_facts(since_look_us=DAY // 24 - 1)) == []
    one = the_one(office_facts(since_look_us=5 * DAY // 24, store=None))
    assert (one.kind, one.number, one.at_once) == (AlertKind.DELETION_STANDS_STILL, 5, True)


def test_each_file_that_was_put_apart_is_told_every_week() -> None:
    apart = (("cam-1", ONE), ("cam-1", f"{ONE}-2"))
    alerts = decide(office_facts(apart=apart), SETTINGS)
    assert len({one.key for one in alerts}) == 2
    assert {(one.kind, one.again_days, one.at_once) for one in alerts} == {
        (AlertKind.PUT_APART, 7, True)
    }


@pytest.mark.parametrize(
    ("free", "kinds"),
    [(4, [AlertKind.STORAGE_FULL]), (9, [AlertKind.STORAGE_LOW]), (10, []), (100, [])],
)
def test_storage_is_told_before_it_is_full(free: int, kinds: list[AlertKind]) -> None:
    """Of 100, 5 stay free, and 10 % are nearly full."""
    assert [kind for kind, _ in found(office_facts(free=free))] == kinds


def test_a_full_storage_says_how_much_is_free_and_how_much_has_to_be() -> None:
    one = the_one(office_facts(free=4 << 20, total=900 << 30, reserve=5 << 30, directory="/srv"))
    assert (one.detail, one.number, one.place) == ("4 MiB", 5, "/srv")


def test_what_cannot_be_looked_at_is_told() -> None:
    facts = office_facts(unread=("office/apart", "storage"))
    assert found(facts) == [
        (AlertKind.STORAGE_FAILS, "office/apart"),
        (AlertKind.STORAGE_FAILS, "storage"),
    ]


@pytest.mark.parametrize(
    ("days", "again"), [(61, None), (60, 7), (15, 7), (14, 1), (0, 1), (-3, 1)]
)
def test_a_certificate_is_told_weekly_and_daily_at_last(days: int, again: int | None) -> None:
    alerts = decide(office_facts(certificate_end_us=NOW_US + days * DAY), SETTINGS)
    assert [one.again_days for one in alerts] == ([] if again is None else [again])


@pytest.mark.parametrize(("left_us", "detail"), [(1, ""), (0, "over"), (-DAY, "over")])
def test_a_certificate_that_is_over_is_told_as_that(left_us: int, detail: str) -> None:
    one = the_one(office_facts(certificate_end_us=NOW_US + left_us))
    assert (one.detail, one.number) == (detail, 0)


def test_a_camera_is_told_that_did_not_come_and_anew_when_it_is_away_again() -> None:
    cameras = (
        CameraSeen("kid-1", "cam-1", NOW_US - 7 * DAY),
        CameraSeen("kid-2", "cam-2", NOW_US - 7 * DAY + 1),
        CameraSeen("kid-3", "cam-3", None, NOW_US - 30 * DAY),
        CameraSeen("kid-4", "cam-4", None, NOW_US - DAY),
        CameraSeen("kid-5", "cam-5", None),
    )
    alerts = decide(office_facts(cameras=cameras), SETTINGS)
    assert [(one.camera, one.number, one.detail) for one in alerts] == [
        ("cam-1", 7, ""),
        ("cam-3", 30, "never"),
    ]
    again = (CameraSeen("kid-1", "cam-1", NOW_US + DAY),)
    (other,) = decide(office_facts(now_us=NOW_US + 9 * DAY, cameras=again), SETTINGS)
    assert other.key == alerts[0].key
    assert other.state != alerts[0].state


def test_by_a_clock_that_may_be_wrong_no_camera_is_away() -> None:
    cameras = (CameraSeen("kid-1", "cam-1", NOW_US - 400 * DAY),)
    facts = office_facts(trusted=False, cameras=cameras, certificate_end_us=0)
    assert decide(facts, SETTINGS) == ()


def test_the_gravest_comes_first() -> None:
    facts = office_facts(
        store=StoreFacts(
            NOW_US,
            marked=(DatedRecording(ONE, "cam-1", NOW_US),),
            differences=((DiscrepancyKind.CHANGED, ONE),),
        ),
        free=9,
        apart=(("cam-1", ONE),),
    )
    assert [kind for kind, _ in found(facts)] == [
        AlertKind.NOT_AUTHENTIC,
        AlertKind.PUT_APART,
        AlertKind.STORAGE_LOW,
        AlertKind.MARKED_EXPIRES,
    ]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        (f"{ONE}: its file has vanished", ONE),
        (f"/a/b/recordings/{ONE}.tar: this file is not it: see", ONE),
        ("/a/office/ledger: the ledger lost entries", "/a/office/ledger"),
    ],
)
def test_a_sentence_of_the_store_is_about_what_stands_before_its_colon(
    text: str, subject: str
) -> None:
    assert subject_of(text) == subject


@pytest.mark.parametrize(
    ("percent", "state"), [(49, None), (50, ""), (100, "full")], ids=["49", "50", "100"]
)
def test_what_was_put_apart_is_told_when_its_place_is_half_full(
    percent: int, state: str | None
) -> None:
    said = decide(office_facts(apart_fills=(("cam-1", percent), ("", 0))), SETTINGS)
    assert [one.state for one in said] == ([] if state is None else [state])


def test_what_was_put_apart_of_all_is_told_as_that() -> None:
    one = the_one(office_facts(apart_fills=(("", 80),)))
    assert (one.camera, one.detail, one.number) == ("", "all", 80)


def test_replica_that_fail_are_told_at_once() -> None:
    found = the_one(office_facts(replicas_fail=True))
    assert (found.kind, found.at_once) == (AlertKind.REPLICAS, True)


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        (office_facts(), set()),
        (office_facts(unread=("office/incoming",)), set()),
        (office_facts(unread=("office/apart",)), {AlertKind.PUT_APART, AlertKind.APART_FILLS}),
        (office_facts(unread=("storage",)), {AlertKind.STORAGE_FULL, AlertKind.STORAGE_LOW}),
        (office_facts(unread=("cameras",)), {AlertKind.CAMERA_NOT_SEEN}),
        (
            office_facts(trusted=False),
            {AlertKind.CERTIFICATE_ENDS, AlertKind.CAMERA_NOT_SEEN},
        ),
    ],
    ids=["all", "uploads", "apart", "storage", "cameras", "clock"],
)
def test_what_was_not_looked_at_is_not_taken_for_well(
    facts: OfficeFacts, kinds: set[AlertKind]
) -> None:
    assert find_unknown(facts) == kinds


def test_without_a_look_at_the_store_nobody_knows_of_its_recordings() -> None:
    found = find_unknown(office_facts(store=None))
    assert AlertKind.NOT_AUTHENTIC in found and AlertKind.STORAGE_FULL not in found
