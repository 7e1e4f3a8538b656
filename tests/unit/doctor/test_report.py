"""The report: lines for people, an object for programs, a file with both."""

from __future__ import annotations

import json

from camerad import __version__
from camerad.base.clock import ClockSource, Moment
from camerad.base.words import words_in
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.report import WIDTH, DoctorReport, format_result

ENGLISH, GERMAN = words_in("en"), words_in("de")
SLOW = CheckResult(
    "card",
    FindingId.CARD_SLOW,
    {"rate": 0.12, "needed": 1.0, "worst_ms": 3005.0, "syncs": 2, "limit_ms": 500.0},
)
FINE = CheckResult("light_red", FindingId.OUTPUT_SEEN, {"gpio": 23})
MOMENT = Moment(7, 1_795_525_500_000_000, ClockSource.RTC)
REPORT = DoctorReport(
    [FINE, SLOW, CheckResult("clock", FindingId.CLOCK_UNKNOWN, {"time": "?"})], "c7", MOMENT, False
)


def test_a_line_says_how_bad_what_and_why_and_below_it_what_to_do() -> None:
    said = format_result(SLOW, ENGLISH, colour=False).splitlines()
    assert said[0].split("  ", 1)[0] == "FAILED"
    assert "card" in said[0]
    assert "0.12 MB/s" in said[0]
    below = " ".join(said[1:])
    assert "fix: Replace the card" in " ".join(below.split())
    assert all(len(line) <= WIDTH for line in said)


def test_what_is_well_is_one_line() -> None:
    assert len(format_result(FINE, GERMAN, colour=False).splitlines()) == 1


def test_colour_is_only_there_where_it_is_wanted_and_ends_with_its_word() -> None:
    assert "\x1b" not in format_result(SLOW, ENGLISH, colour=False)
    said = format_result(SLOW, ENGLISH, colour=True)
    assert said.startswith("\x1b[1;31mFAILED")
    assert said.count("\x1b[0m") == 1


def test_words_from_outside_cannot_rewrite_the_terminal() -> None:
    evil = CheckResult("camera", FindingId.CAMERA_DOWN, {"why": "no\x1b[2J\ncamera"})
    said = format_result(evil, ENGLISH, colour=False)
    assert "\x1b" not in said
    assert "\\x1b[2J" in said


def test_every_mistake_of_a_configuration_has_a_line_of_its_own() -> None:
    wrong = CheckResult(
        "configuration", FindingId.CONFIGURATION_WRONG, {"file": "f", "mistakes": "f:1: a\nf:2: b"}
    )
    said = [line.strip() for line in format_result(wrong, ENGLISH, colour=False).splitlines()]
    assert said[0].endswith("f:1: a")
    assert said[1] == "f:2: b"


def test_the_object_is_as_it_is_documented() -> None:
    told = REPORT.as_json(GERMAN)
    assert {key: told[key] for key in told if key not in ("results", "at")} == {
        "version": 1,
        "device": "c7",
        "software": __version__,
        "clock": "rtc",
        "daemon": False,
        "counts": {"ok": 1, "warn": 1, "fail": 1, "not_tested": 0},
        "language": "de",
        "exit_code": 1,
    }
    assert told["at"] == "2026-11-24T13:05:00.000Z"
    assert told["results"][0] == {
        "check": "light_red",
        "status": "ok",
        "finding": "output_seen",
        "text": "Funktioniert (GPIO 23).",
        "cure": "",
        "values": {"gpio": 23},
    }
    assert json.loads(json.dumps(told)) == told


def test_the_file_is_for_people_and_its_last_line_for_programs() -> None:
    document = REPORT.document(ENGLISH)
    assert document.startswith("Check of the body-worn camera c7\n====")
    assert "; the clock was kept by its battery; camerad" in document
    assert "; Uhr batteriegestützt; camerad" in REPORT.document(GERMAN)
    assert "1 ok, 1 warning, 1 failed, 0 not tested" in document
    assert json.loads(document.splitlines()[-1]) == REPORT.as_json(ENGLISH)
    assert "\x1b" not in document
