"""Alerts follow from facts, and every kind of alert has its cause."""

from __future__ import annotations

from typing import Any

import pytest
from alert_helpers import NOW_US, office_facts

from camerad.base.clock import DAY
from camerad.office.jobs.alert_rules import (
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
K = AlertKind
Alerts = list[dict[str, Any]]
GRAVE = ("MISSING", "CHANGED", "DOUBLED", "UNVOUCHED")
OTHERS = ("UNREADABLE", "COPY")


def store(**found: Any) -> OfficeFacts:
    return office_facts(store=StoreFacts(NOW_US, **found))


def dated(what: str, left_us: int) -> OfficeFacts:
    return store(**{what: (DatedRecording(ONE, "cam-1", NOW_US + left_us),)})


def differs(kind: str) -> OfficeFacts:
    return store(differences=((DiscrepancyKind[kind], ONE),))


def ends(left_us: int) -> OfficeFacts:
    return office_facts(certificate_end_us=NOW_US + left_us)


MARKED = {"kind": K.MARKED_EXPIRES, "camera": "cam-1", "recording": ONE, "at_once": False}
HOLD = {"kind": K.HOLD_ENDS, "camera": "cam-1", "recording": ONE}
FILLS = {"kind": K.QUARANTINE_FILLS, "camera": "cam-1"}
QUARANTINE = {"kind": K.QUARANTINED, "again_days": 7, "at_once": True}
CERTIFICATE = {"kind": K.CERTIFICATE_ENDS}
CASES: dict[str, tuple[OfficeFacts, Alerts]] = {
    "all is well": (office_facts(), []),
    "nothing is known": (office_facts(store=None, total=0), []),
    **{
        f"a difference: {one}": (
            differs(one),
            [{"kind": kind, "recording": ONE, "detail": one.lower(), "at_once": now}],
        )
        for kind, now, names in ((K.NOT_AUTHENTIC, True, GRAVE), (K.MISMATCH, False, OTHERS))
        for one in names
    },
    **{
        f"kept beyond its day: {why}": (store(reasons=((why, ONE),)), [{"at_once": True}])
        for why in ReasonKind
        if why is not ReasonKind.NOT_TAKEN_OVER
    },
    "what the next look takes over": (store(reasons=((ReasonKind.NOT_TAKEN_OVER, ONE),)), []),
    "marked, 3 days before its deletion": (dated("marked", 3 * DAY), [MARKED]),
    "marked, earlier": (dated("marked", 3 * DAY + 1), []),
    "marked, and over": (dated("marked", -DAY), [MARKED]),
    # Another end is told anew. The day is the last one on which it is held.
    "a hold ends in 3 days": (
        dated("hold_ends", 3 * DAY),
        [HOLD | {"state": str(NOW_US + 3 * DAY), "at_us": NOW_US + 3 * DAY - 1}],
    ),
    "a hold ends later": (dated("hold_ends", 3 * DAY + 1), []),
    "held beyond its day": (
        dated("held_beyond", -5 * DAY),
        [{"kind": K.HELD_BEYOND_DAY, "number": 5, "again_days": 30}],
    ),
    "retention has run": (office_facts(since_look_us=DAY // 24 - 1), []),
    "retention stands still": (
        office_facts(since_look_us=5 * DAY // 24, store=None),
        [{"kind": K.DELETION_STANDS_STILL, "number": 5, "at_once": True}],
    ),
    "quarantined, each file": (
        office_facts(quarantined=(("cam-1", ONE), ("cam-1", f"{ONE}-2"))),
        [QUARANTINE | {"recording": ONE}, QUARANTINE | {"recording": f"{ONE}-2"}],
    ),
    "its place is nearly half full": (office_facts(quarantine_fills=(("cam-1", 49),)), []),
    "half full": (office_facts(quarantine_fills=(("cam-1", 50),)), [FILLS | {"state": ""}]),
    "full": (office_facts(quarantine_fills=(("cam-1", 100),)), [FILLS | {"state": "full"}]),
    # Of 100, 5 stay free, and 10 % are nearly full.
    "storage takes nothing more": (office_facts(free=4), [{"kind": K.STORAGE_FULL}]),
    "storage is nearly full": (office_facts(free=9), [{"kind": K.STORAGE_LOW}]),
    "storage has room": (office_facts(free=10), []),
    "how much is free, and has to be": (
        office_facts(free=4 << 20, total=900 << 30, reserve=5 << 30, directory="/srv"),
        [{"detail": "4 MiB", "number": 5, "place": "/srv"}],
    ),
    "parts that cannot be read": (
        office_facts(unread=("office/quarantine", "storage")),
        [{"kind": K.STORAGE_FAILS, "about": one} for one in ("office/quarantine", "storage")],
    ),
    "the certificate, long before": (ends(61 * DAY), []),
    "weekly": (ends(60 * DAY), [CERTIFICATE | {"again_days": 7}]),
    "daily": (ends(14 * DAY), [CERTIFICATE | {"again_days": 1}]),
    "nearly over": (ends(1), [CERTIFICATE | {"detail": "", "number": 0}]),
    "over": (ends(0), [CERTIFICATE | {"detail": "over", "number": 0, "again_days": 1}]),
    "by a clock that may be wrong": (
        office_facts(
            trusted=False,
            cameras=(CameraSeen("kid-1", "cam-1", NOW_US - 400 * DAY),),
            certificate_end_us=0,
        ),
        [],
    ),
    "cameras that did not come": (
        office_facts(
            cameras=(
                CameraSeen("kid-1", "cam-1", NOW_US - 7 * DAY),
                CameraSeen("kid-2", "cam-2", NOW_US - 7 * DAY + 1),
                CameraSeen("kid-3", "cam-3", None, NOW_US - 30 * DAY),
                CameraSeen("kid-4", "cam-4", None, NOW_US - DAY),
                CameraSeen("kid-5", "cam-5", None),
            )
        ),
        [
            {"camera": "cam-1", "number": 7, "detail": ""},
            {"camera": "cam-3", "number": 30, "detail": "never"},
        ],
    ),
    "replicas": (office_facts(replicas_fail=True), [{"kind": K.REPLICAS, "at_once": True}]),
    "each that does not vouch for the log, and that too many do not": (
        office_facts(log_unvouched=("a.example", "dpo", "")),
        [
            {"kind": K.LOG_UNVOUCHED, "place": "", "detail": "quorum"},
            *(
                {"kind": K.LOG_UNVOUCHED, "place": one, "detail": ""}
                for one in ("a.example", "dpo")
            ),
        ],
    ),
    "the gravest comes first": (
        office_facts(
            store=StoreFacts(
                NOW_US,
                marked=(DatedRecording(ONE, "cam-1", NOW_US),),
                differences=((DiscrepancyKind.CHANGED, ONE),),
            ),
            free=9,
            quarantined=(("cam-1", ONE),),
        ),
        [
            {"kind": one}
            for one in (K.NOT_AUTHENTIC, K.QUARANTINED, K.STORAGE_LOW, K.MARKED_EXPIRES)
        ],
    ),
}


@pytest.mark.parametrize(("facts", "expected"), CASES.values(), ids=CASES)
def test_alerts_follow_from_facts(facts: OfficeFacts, expected: Alerts) -> None:
    found = decide(facts, SETTINGS)
    assert [
        {name: getattr(one, name) for name in said}
        for one, said in zip(found, expected, strict=True)
    ] == expected
    assert len({one.key for one in found}) == len(found)


def test_what_is_found_twice_is_one_alert() -> None:
    """The comparison says that a file is gone; from then on it is a reason why something is kept.
    Of a clock it does not matter what the sentence says."""
    missing = {"reasons": ((ReasonKind.MISSING, ONE),)}
    differences = ((DiscrepancyKind.MISSING, ONE),)
    at_first, later = store(differences=differences, **missing), store(**missing)
    assert decide(at_first, SETTINGS) == decide(later, SETTINGS)
    clocks = (store(reasons=((ReasonKind.CLOCK, text),)) for text in ("a", "b"))
    assert len({one.key for facts in clocks for one in decide(facts, SETTINGS)}) == 1


def test_a_camera_that_is_away_again_is_told_anew() -> None:
    def away(now_us: int, seen_us: int) -> Any:
        facts = office_facts(now_us=now_us, cameras=(CameraSeen("kid-1", "cam-1", seen_us),))
        (one,) = decide(facts, SETTINGS)
        return one

    once, again = away(NOW_US, NOW_US - 7 * DAY), away(NOW_US + 9 * DAY, NOW_US + DAY)
    assert once.key == again.key and once.state != again.state


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
    ("said", "kinds"),
    [
        ({}, set()),
        ({"unread": ("office/incoming",)}, set()),
        ({"unread": ("office/quarantine",)}, {K.QUARANTINED, K.QUARANTINE_FILLS}),
        ({"unread": ("storage",)}, {K.STORAGE_FULL, K.STORAGE_LOW}),
        ({"unread": ("cameras",)}, {K.CAMERA_NOT_SEEN}),
        ({"trusted": False}, {K.CERTIFICATE_ENDS, K.CAMERA_NOT_SEEN}),
        (
            {"store": None},
            {K.NOT_AUTHENTIC, K.DELETION_BLOCKED, K.MISMATCH}
            | {K.MARKED_EXPIRES, K.HOLD_ENDS, K.HELD_BEYOND_DAY},
        ),
    ],
)
def test_what_was_not_looked_at_is_not_taken_for_well(
    said: dict[str, Any], kinds: set[AlertKind]
) -> None:
    assert find_unknown(office_facts(**said)) == kinds
