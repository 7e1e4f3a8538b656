"""Messages can be read aloud, in all languages, and never name a camera's wearer."""

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
from camerad.office.jobs.alert_rules import Alert, AlertKind, in_order
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.purging import ReasonKind

OFFICE = "https://office.example:8443"
LANGUAGES = languages()
UNSEEN = alert(AlertKind.CAMERA_NOT_SEEN, camera="cam-1", at_us=NOW_US, number=3)
NEVER = alert(AlertKind.CAMERA_NOT_SEEN, camera="cam-1", at_us=NOW_US, number=3, detail="never")
OVER = alert(AlertKind.CERTIFICATE_ENDS, at_us=NOW_US, detail="over")
MARKED = alert(AlertKind.MARKED_EXPIRES, camera="cam-1", recording="REC", at_us=NOW_US)
FULL = alert(AlertKind.STORAGE_FULL, detail="4 MiB", number=5, place="/srv/archive")
ALL = [
    *(
        alert(AlertKind.NOT_AUTHENTIC, detail=detail, recording="REC")
        for detail in ("missing", "changed", "doubled", "unvouched")
    ),
    *(alert(AlertKind.DELETION_BLOCKED, detail=str(why), recording="REC") for why in ReasonKind),
    *(alert(AlertKind.MISMATCH, detail=str(what), recording="REC") for what in DiscrepancyKind),
    *(NEVER, OVER),
    *(
        alert(kind, camera="cam-1", recording="REC", at_us=NOW_US, number=3, detail="")
        for kind in AlertKind
        if kind is not AlertKind.NOT_AUTHENTIC
    ),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_whole_sentences_title_and_remedy_and_the_worst_is_the_subject(
    language: str,
) -> None:
    for one in ALL:
        line = describe(one, language)
        assert line.endswith("."), line
        assert not re.search(r"[{}]|\s\s|\n", line), line
    for kind in AlertKind:
        message = compose([one for one in ALL if one.kind is kind], language, OFFICE)
        assert message.subject.startswith("camerad: ")
        assert OFFICE in message.text
        assert message.language == language
    alerts = in_order(ALL)
    both = compose(alerts, language, OFFICE)
    assert both.subject.startswith(compose(alerts[:1], language, OFFICE).subject)
    assert str(len(ALL) - 1) in both.subject
    assert "test" in make_test_message(language, OFFICE).subject.lower()
    titles = {title_of(kind, language) for kind in AlertKind}
    others = {title_of(kind, one) for kind in AlertKind for one in LANGUAGES if one != language}
    assert len(titles) == len(AlertKind) and not titles & others


@pytest.mark.parametrize(
    ("one", "language", "said", "unsaid"),
    [
        (MARKED, "en", "REC of camera cam-1 is deleted on 2026-11-24.", "{"),
        (MARKED, "de", "REC der Kamera cam-1 wird am 24.11.2026 gelöscht.", "{"),
        # One that never came was not there last on any day.
        (NEVER, "en", "nothing has ever come of it. The register has known it since 2026", "last"),
        (NEVER, "de", "noch nie", "zuletzt"),
        (OVER, "en", "It ended on 2026-11-24.", "days"),
        (OVER, "de", "Es endete am 24.11.2026.", "Tagen"),
        (UNSEEN, "en", "3 days,", "day,"),
        (UNSEEN, "de", "3 Tagen ", "Tag "),
        (alert(UNSEEN.kind, camera="c", at_us=NOW_US, number=1), "en", "1 day,", "days"),
        (alert(UNSEEN.kind, camera="c", at_us=NOW_US, number=1), "de", "1 Tag ", "Tagen"),
        *((FULL, one, "4 MiB", "%") for one in LANGUAGES),
        *((FULL, one, "5 GiB", "%") for one in LANGUAGES),
        *((FULL, one, "receive.reserve_gib", "%") for one in LANGUAGES),
        *((FULL, one, "/srv/archive.", "%") for one in LANGUAGES),
        # What others wrote forges no line.
        (alert(AlertKind.DELETION_BLOCKED, detail="away", recording="a\nb\u202e"), "en", "", "\n"),
        (alert(AlertKind.DELETION_BLOCKED, detail="away", recording="\u202e"), "en", "", "\u202e"),
    ],
)
def test_a_sentence_says_what_it_is_about(
    one: Alert, language: str, said: str, unsaid: str
) -> None:
    line = describe(one, language)
    assert said in line and unsaid not in line


def test_what_needs_a_person_now_says_so_and_a_flood_is_counted() -> None:
    text = compose([alert(AlertKind.STORAGE_FULL), alert(AlertKind.STORAGE_LOW)], "en", OFFICE).text
    assert "The storage takes nothing more (needs you now)\n" in text
    assert "The storage is nearly full\n" in text
    many = [
        alert(AlertKind.QUARANTINED, str(number), recording=f"REC-{number}")
        for number in range(MOST_LINES + 7)
    ]
    text = compose(many, "en", OFFICE).text
    assert text.count("REC-") == MOST_LINES and "7 more" in text
