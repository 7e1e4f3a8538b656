"""The checks of the fault campaign: silent about a sequence that went well, loud about each wrong.

What was seen is made up here, so that each check is tried alone; that the real daemon's mistakes
are found in what is really seen is for the planted ones (``tests/campaign/planted.py``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from camerad.verify.verdict import Report, Verdict
from tests.campaign import promises, sequences
from tests.campaign.seen import Film, Pressed, Said, Seen, Span
from tests.system import sealed

pytestmark = pytest.mark.campaign

T0 = 1_000_000_000
"""Media time at which the sequence begins; the sensor's epoch as well."""
DOWN, UP = T0 + 1_000_000, T0 + 2_200_000
"""Main is held for 1.2 s, so a recording begins at DOWN + 1 s."""
TRIGGER = DOWN + 1_000_000
STOP_DOWN, STOP_UP = TRIGGER + 2_000_000, TRIGGER + 4_200_000
STOPPED = STOP_DOWN + 2_000_000
FIRST = 60
"""The picture exposed at the trigger: 2 s of 30 pictures."""
NUMBERS = tuple(range(FIRST, FIRST + 120))


def edge(name: str, at_us: int, on: bool) -> dict[str, Any]:
    return {"name": name, "at_us": at_us, "on": on, "level": int(on)}


def said(at_us: int, stage: str, **more: Any) -> Said:
    state = {"stage": stage, "ready": True, "recording": None, "conditions": []}
    return Said(at_us, {**state, **more})


def report(verdict: Verdict) -> Report:
    return cast(Report, SimpleNamespace(verdict=verdict, as_json=lambda: {"verdict": verdict}))


def film(numbers: tuple[int, ...] = NUMBERS, **more: Any) -> Film:
    """Four seconds of recording, committed twice a second, each a little later. gaps: as its
    statements say."""
    commits = []
    for at in range(8):
        facts = {
            "clock": {"boot_us": TRIGGER + (at + 1) * 500_000 + 100_000},
            "last_us": TRIGGER + (at + 1) * 500_000 - 33_333,
            "frames": 0,
            "gaps": [],
            "marks": [],
        }
        commits.append({"facts": facts})
    commits[-1]["facts"]["frames"] = len(numbers)
    commits[-1]["facts"]["gaps"] = more.pop("gaps", [])
    header = {"trigger_us": TRIGGER, "origin_us": TRIGGER, "continues": None}
    end = {"closing": {"reason": "stop", "gaps": [], "marks": [], "clock": {"boot_us": STOPPED}}}
    read = sealed.Recording(header, b"", (b"",) * 8, tuple(commits), more.pop("end", end))
    whole = Film(
        Path("/c/camerad/recordings/a.tar"),
        read,
        numbers,
        None,
        report(Verdict.AUTHENTIC),
        altered_is_found=True,
        epoch_us=T0,
    )
    return replace(whole, **more)


def seen(*names: str, **more: Any) -> Seen:
    """A recording from idle that was stopped; all that a well camera does about it."""
    faults = tuple(sequences.Fault(0.5, {"name": name}, None) for name in names)
    sequence = sequences.Sequence(1, "recording", (), faults, 8.0)
    well = Seen(
        sequence,
        T0,
        presses=[Pressed("main", DOWN, UP), Pressed("main", STOP_DOWN, STOP_UP)],
        faults=[Span(name, T0 + 500_000, T0 + 500_000, {"name": name}) for name in names],
        said=[
            said(T0 - 10_000_000, "idle"),
            said(TRIGGER + 5_000, "recording"),
            said(STOPPED + 5_000, "stopping"),
            said(STOPPED + 60_000, "idle"),
        ],
        edges=[
            edge("red", TRIGGER + 3_000, True),
            edge("vibration", TRIGGER + 4_000, True),
            edge("vibration", TRIGGER + 500_000, False),
            edge("vibration", STOPPED + 4_000, True),
            edge("red", STOPPED + 50_000, False),
        ],
        changed=[
            (TRIGGER + 100_000, "/c/camerad/ledger/000001.jws"),
            (TRIGGER + 100_000, "/c/camerad/recordings/a.tar"),
        ],
        films=[film()],
        left={"camerad": 0},
        healed_us=STOPPED,
        ready_us=STOPPED + 100_000,
    )
    return replace(well, **more)


def findings(what: Seen) -> dict[str, list[str]]:
    """What each check says, where it says anything."""
    said = {name: [*filter(None, check(what))] for name, check in promises.CHECKS.items()}
    return {name: texts for name, texts in said.items() if texts}


GAP = {"reason": "frames lost", "frames": 3}


def hole(after: int, before: int) -> dict[str, Any]:
    """A gap between two pictures."""
    at_us = [T0 + round(number * 1e6 / 30) for number in (after, before)]
    return {**GAP, "from_us": at_us[0], "to_us": at_us[1]}


HOLED = tuple(number for number in NUMBERS if not 80 < number < 84)

WRONG: dict[str, tuple[str, Seen]] = {
    "a file in idle": ("P1", seen(changed=[(T0 + 1, "/c/camerad/spool.bin")])),
    "a recording grows in idle": ("P1", seen(changed=[(T0 + 1, "/c/camerad/recordings/a.tar")])),
    "packets in memory": ("P2", seen(films=[], left={"camerad": 3})),
    "red dark": ("P3", seen(edges=[edge("vibration", at, True) for at in (TRIGGER, STOPPED)])),
    "red late": (
        "P3",
        seen(
            edges=[
                edge("amber", TRIGGER, True),
                edge("red", TRIGGER + 800_000, True),
                edge("vibration", STOPPED, True),
            ]
        ),
    ),
    "red out early": (
        "P3",
        seen(edges=[*seen().edges[:-1], edge("red", STOPPED - 50_000, False)]),
    ),
    "in the clear": ("P4", seen(clear=["a.tar"])),
    "no answer": ("P5", seen(edges=[edge("red", T0 - 5, True)])),
    "a late answer": (
        "P5",
        seen(edges=[edge("red", T0 - 5, True), edge("red", TRIGGER + 150_000, True)]),
    ),
    "changed after its end": ("P6", seen(altered=["a.tar"])),
    "no end": ("P6", seen(films=[film(end=None)])),
    "does not play": ("P6", seen(films=[film(problem="moov", numbers=NUMBERS)])),
    "a kill costs two seconds": (
        "P6",
        seen(
            films=[film(NUMBERS[:30])],
            faults=[Span("daemon_killed", TRIGGER + 3_000_000, TRIGGER + 3_000_000, {})],
        ),
    ),
    "not authentic": ("P7", seen(films=[film(report=report(Verdict.NOT_AUTHENTIC))])),
    "a change does not show": ("P7", seen(films=[film(altered_is_found=False)])),
    "a gap not stated": ("P8", seen(films=[film(HOLED)])),
    "a gap that is none": ("P8", seen(films=[film(gaps=[hole(80, 84)])])),
    "a gap too short": ("P8", seen(films=[film(HOLED, gaps=[hole(80, 83)])])),
    "a gap too long": ("P8", seen(films=[film(HOLED, gaps=[hole(80, 86)])])),
    "gone": ("P9", seen(vanished=["a.tar"])),
    "deleted before its time": (
        "P9",
        seen(ledger=[{"kind": "deleted", "facts": {"id": "a"}}]),
    ),
    "a gap because of the display": (
        "P10",
        seen("display_kill", films=[film(HOLED, gaps=[hole(80, 84)])]),
    ),
    "not ready": ("ready", seen(ready_us=None)),
    "ready late": ("ready", seen(ready_us=STOPPED + 60_000_000)),
    "ended": ("ready", seen(ended="the daemon has ended")),
}


def test_nothing_is_found_where_all_is_well() -> None:
    assert findings(seen()) == {}
    assert findings(seen("display_kill")) == {}


def test_a_gap_that_is_stated_is_right() -> None:
    assert findings(seen("camera_cancel", films=[film(HOLED, gaps=[hole(80, 84)])])) == {}
    # Two statements that touch where the picture is missing say the same.
    both = [hole(80, 82), hole(82, 84)]
    assert findings(seen("camera_cancel", films=[film(HOLED, gaps=both)])) == {}


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_is_found_by_the_check_of_its_promise(what: str) -> None:
    promise, made = WRONG[what]
    assert promise in findings(made)


def test_every_promise_has_a_wrong() -> None:
    assert {promise for promise, _ in WRONG.values()} == set(promises.CHECKS)


def test_a_mark_that_is_in_no_recording_is_found() -> None:
    pressed = Pressed("main", TRIGGER + 1_000_000, TRIGGER + 1_100_000)
    answered = edge("vibration", TRIGGER + 1_110_000, True)
    what = seen()
    what.presses.append(pressed)
    what.edges = sorted([*what.edges, answered], key=lambda one: one["at_us"])
    assert "no mark" in " ".join(findings(what)["P5"])
    what.films[0].read.commits[2]["facts"]["marks"].append(pressed.down_us)
    assert findings(what) == {}


def test_a_commit_that_was_certain_is_there_after_a_kill() -> None:
    """The header and eight commits were synchronised; the kill comes just before a ninth."""
    killed_us = STOPPED - 1_000
    killed = Span("daemon_killed", killed_us, killed_us, {})
    syncs = [{"synced": "/c/a.tar", "at_us": TRIGGER + n * 400_000} for n in range(9)]
    whole = seen(faults=[killed], syncs=syncs)
    assert findings(whole) == {}
    syncs.append({"synced": "/c/a.tar", "at_us": killed_us - 1})
    assert "9 commits were certain" in " ".join(findings(whole)["P6"])
    # The card had refused the ninth; what it was asked to keep then is the file without it.
    refused = {"hit": "disk_full", "path": "/c/a.tar", "at_us": killed_us - 10}
    assert findings(seen(faults=[killed], syncs=syncs, refused=[refused])) == {}


def test_red_that_is_shorted_for_longer_than_a_look_is_to_be_told_to_wearer_and_ledger() -> None:
    dark = [edge("vibration", at_us, True) for at_us in (TRIGGER, STOPPED)]
    span = Span("light_dead", TRIGGER, STOPPED + 1_000_000, {"light": "red"})
    entry = {"kind": "fault", "facts": {"condition": "light_down", "holds": True}}
    quiet = seen().said
    told = [*quiet, said(TRIGGER + 1_000_000, "recording", conditions=["light_down"])]
    told.sort(key=lambda one: one.at_us)
    for spoken, entries, what in (
        (quiet, [], "the wearer was not told"),
        (quiet, [entry], "the wearer was not told"),
        (told, [], "nothing in the ledger says so"),
    ):
        found = findings(seen(faults=[span], edges=dark, said=spoken, ledger=entries))
        assert list(found) == ["P3"]
        assert what in found["P3"][0]
    assert findings(seen(faults=[span], edges=dark, said=told, ledger=[entry])) == {}
    # What held when the sequence began is in the ledger already.
    old = [said(one.at_us, one.state["stage"], conditions=["light_down"]) for one in quiet]
    assert findings(seen(faults=[span], edges=dark, said=old)) == {}
    lit = [edge("red", TRIGGER + 2_000_000, True), *dark]
    short = replace(span, to_us=TRIGGER + 2_000_000)
    what = seen(faults=[short], edges=sorted(lit, key=lambda one: one["at_us"]))
    assert findings(what) == {}


def test_red_is_judged_between_the_commits_too_and_a_fault_explains_its_own_time_only() -> None:
    off = edge("red", TRIGGER + 2_000_000, False)
    on = edge("red", TRIGGER + 2_400_000, True)
    edges = sorted([*seen().edges, off, on], key=lambda one: one["at_us"])
    assert "dark for 0.40 s" in findings(seen(edges=edges))["P3"][0]
    span = Span("light_dead", TRIGGER + 2_000_000, TRIGGER + 2_300_000, {"light": "red"})
    assert findings(seen(edges=edges, faults=[span])) == {}
    # Over long before, or of another light, or only of the beginning: no excuse.
    wrong = (
        replace(span, from_us=T0, to_us=T0 + 1),
        replace(span, body={"light": "green"}),
        replace(span, from_us=TRIGGER + 500_000, to_us=TRIGGER + 1_000_000),
    )
    for one in wrong:
        assert list(findings(seen(edges=edges, faults=[one]))) == ["P3"]
    twice = [span, replace(span, from_us=TRIGGER + 2_200_000, to_us=TRIGGER + 2_400_000)]
    assert findings(seen(edges=edges, faults=twice)) == {}


def test_every_promise_is_judged_where_all_is_well() -> None:
    what = seen("display_kill", known=1, sought=1)
    judged = {name: list(check(what)).count(None) for name, check in promises.CHECKS.items()}
    assert all(judged.values()), judged


def test_a_camera_that_is_not_ready_because_of_its_display_is_found() -> None:
    what = seen("display_hang")
    what.said.insert(1, said(T0 + 600_000, "idle", ready=False))
    assert "not ready" in " ".join(findings(what)["P10"])
    # With a fault of the camera beside it, that may be the reason.
    other = seen("display_hang", "camera_stall", said=what.said)
    assert "P10" not in findings(other)
