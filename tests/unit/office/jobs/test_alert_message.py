"""Messages can be read aloud, in both languages, and never name a camera's wearer."""

from __future__ import annotations

import re

import pytest
from alert_helpers import NOW_US, alert

from camerad.base.words import languages
from camerad.office.jobs.alert_message import (
    MOST_LINES,
    compose,
    describe,
    make_test_message,
    title_of,
)
from camerad.office.jobs.alert_rules import AlertKind, in_order
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.purging import ReasonKind

OFFICE = "https://office.example:8443"
LANGUAGES = languages()
ALL = [
    *(
        alert(AlertKind.NOT_AUTHENTIC, detail=detail, recording="REC")
        for detail in ("missing", "changed", "doubled", "unvouched")
    ),
    *(alert(AlertKind.DELETION_BLOCKED, detail=str(why), recording="REC") for why in ReasonKind),
    *(alert(AlertKind.MISMATCH, detail=str(what), recording="REC") for what in DiscrepancyKind),
    alert(AlertKind.CAMERA_NOT_SEEN, camera="cam-1", at_us=NOW_US, number=3, detail="never"),
    alert(AlertKind.CERTIFICATE_ENDS, at_us=NOW_US, detail="over"),
    *(
        alert(kind, camera="cam-1", recording="REC", at_us=NOW_US, number=3, detail="")
        for kind in AlertKind
        if kind is not AlertKind.NOT_AUTHENTIC
    ),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alert_is_a_whole_sentence(language: str) -> None:
    for one in ALL:
        line = describe(one, language)
        assert line.endswith("."), line
        assert not re.search(r"[{}]|\s\s|\n", line), line


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_title_and_remedy_and_the_worst_is_the_subject(language: str) -> None:
    for kind in AlertKind:
        message = compose([one for one in ALL if one.kind is kind], language, OFFICE)
        assert message.subject.startswith("camerad: ")
        assert OFFICE in message.text
        assert message.language == language
    alerts = in_order(ALL)
    both = compose(alerts, language, OFFICE)
    worst = compose(alerts[:1], language, OFFICE)
    assert both.subject.startswith(worst.subject)
    assert str(len(ALL) - 1) in both.subject


def test_a_day_is_written_as_the_language_has_it() -> None:
    one = alert(AlertKind.MARKED_EXPIRES, camera="cam-1", recording="REC", at_us=NOW_US)
    assert describe(one, "en") == "REC of camera cam-1 is deleted on 2026-11-24."
    assert describe(one, "de") == "REC der Kamera cam-1 wird am 24.11.2026 gelöscht."


def test_a_camera_that_never_came_was_not_there_last_on_any_day() -> None:
    """The day is that on which the register got to know it."""
    never = alert(
        AlertKind.CAMERA_NOT_SEEN, camera="cam-9", at_us=NOW_US, number=40, detail="never"
    )
    english, german = describe(never, "en"), describe(never, "de")
    assert "last on" not in english and "nothing has ever come" in english
    assert "2026-11-24" in english
    assert "zuletzt" not in german and "noch nie" in german and "24.11.2026" in german


def test_a_certificate_that_is_over_does_not_end_in_some_days() -> None:
    over = alert(AlertKind.CERTIFICATE_ENDS, at_us=NOW_US, detail="over")
    assert describe(over, "en").startswith("It ended on 2026-11-24.")
    assert describe(over, "de").startswith("Es endete am 24.11.2026.")


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [("en", 1, "1 day,"), ("en", 2, "2 days,"), ("de", 1, "1 Tag "), ("de", 2, "2 Tagen ")],
)
def test_one_day_is_one_day(language: str, number: int, words: str) -> None:
    one = alert(AlertKind.CAMERA_NOT_SEEN, camera="cam-1", at_us=NOW_US, number=number)
    assert words in describe(one, language)


def test_what_needs_somebody_now_says_so_and_the_rest_does_not() -> None:
    text = compose([alert(AlertKind.STORAGE_FULL), alert(AlertKind.STORAGE_LOW)], "en", OFFICE).text
    assert "The storage takes nothing more (needs you now)\n" in text
    assert "The storage is nearly full\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_full_storage_is_told_with_its_numbers_and_its_place(language: str) -> None:
    """Percent of a large disk say nothing of a reserve."""
    one = alert(AlertKind.STORAGE_FULL, detail="4 MiB", number=5, place="/srv/archive")
    line = describe(one, language)
    for word in ("4 MiB", "5 GiB", "receive.reserve_gib", "/srv/archive."):
        assert word in line


def test_a_flood_is_counted_and_not_listed() -> None:
    many = [
        alert(AlertKind.PUT_APART, str(number), recording=f"REC-{number}")
        for number in range(MOST_LINES + 7)
    ]
    message = compose(many, "en", OFFICE)
    assert message.text.count("REC-") == MOST_LINES
    assert "7 more" in message.text


def test_what_others_wrote_forges_no_line() -> None:
    odd = alert(AlertKind.DELETION_BLOCKED, detail="away", recording="a\nSubject: b\u202e")
    assert describe(odd, "en").count("\n") == 0
    assert "\u202e" not in compose([odd], "en", OFFICE).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_test_is_called_one(language: str) -> None:
    assert "test" in make_test_message(language, OFFICE).subject.lower()


def test_a_message_without_an_alert_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs an alert"):
        compose([], "en", OFFICE)


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_a_title_of_its_own(kind: AlertKind) -> None:
    english, german = title_of(kind, "en"), title_of(kind, "de")
    assert english and german and english != german
