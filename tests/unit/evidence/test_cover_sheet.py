"""The sheet for the prosecutor: everything on one page, in both languages, nothing made up."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from sealed_helpers import (
    KEY,
    KEYS,
    ORIGIN_US,
    WALL_US,
    a_header,
    pack,
    some_closing,
    spliced,
)

from camerad.base.clock import SECOND, ClockSource
from camerad.base.words import Words, languages, words_in
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.heat import Cause
from camerad.capture import pictures
from camerad.container import gaps
from camerad.container.gaps import FRAMES_LOST, Gap
from camerad.container.severity import Severity
from camerad.container.statements import RECOVERED, RateChange
from camerad.control.metrics import REASONS
from camerad.evidence.cover_sheet import (
    LINES,
    NOT_AUTHENTIC,
    RATES,
    VERDICTS,
    CoverSheet,
    DeliveredFile,
    render,
)
from camerad.evidence.record_words import CLOCK, END_REASONS, GAP_REASONS, KINDS, RATE_REASONS
from camerad.ledger.recording_state import Hold
from camerad.recording import recorder
from camerad.stream.sound_messages import NO_SOUND, SOUND_LOST
from camerad.stream.sound_messages import REASONS as SILENT_REASONS
from camerad.verify.findings import MOST, Finding, FindingKind, Result, Span, TimeWorth
from camerad.verify.judge import verify
from camerad.verify.verdict import Report

ENGLISH = words_in("en")
GERMAN = words_in("de")
LENGTH_US = 4 * 3600 * SECOND
BOTH = pytest.mark.parametrize("words", [*map(words_in, languages())], ids=languages())


def a_result(**changes: object) -> Result:
    facts = {
        "header": a_header(trigger_us=ORIGIN_US + 30 * SECOND, sound=True),
        "closing": some_closing(432_000, ORIGIN_US + LENGTH_US),
        "kid": KEY.public.thumbprint,
        "commits": 28_800,
        "frames": 432_000,
        "origin_us": ORIGIN_US,
        "end_us": LENGTH_US,
        "final": "f" * 64,
        "end_linked": True,
    }
    return Result(**(facts | changes))  # type: ignore[arg-type]


def a_sheet(result: Result, **changes: object) -> CoverSheet:
    sheet = CoverSheet(
        report=Report("x.tar", 1, result),
        delivered=(
            DeliveredFile(f"{a_header().id}.mp4", "video", "a" * 64),
            DeliveredFile(f"{a_header().id}.tar", "original", "b" * 64),
            DeliveredFile(
                "player.html", "open in a browser: checks and plays, without a network", "c" * 64
            ),
        ),
        zone=ZoneInfo("Europe/Berlin"),
        zone_name="Europe/Berlin",
        hold=Hold("exported 2026-11-24", "Desk"),
        ledger_agrees=True,
        made_us=WALL_US,
        made_by="Desk",
        software="camerad 1",
        details="checks.json",
        instructions="how-to-verify.txt",
    )
    return replace(sheet, **changes)  # type: ignore[arg-type]


def text_of(page: str) -> str:
    """What a reader sees."""
    body = page[page.index("<body>") :]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)))


def test_it_says_which_recording_by_which_camera_when_and_how_long() -> None:
    text = text_of(render(a_sheet(a_result()), GERMAN))
    for what in (
        a_header().id,
        "cam-1",
        KEY.public.thumbprint,
        "24.11.2026, 16:30:00 Europe/Berlin, UTC+01:00 (15:30:00 UTC)",
        "4:00:00,000",
        "0:30,000",
        "f" * 64,
        "a" * 64,
        "b" * 64,
        "Echt und vollständig",
    ):
        assert what in text


@BOTH
def test_the_number_of_the_file_is_on_it_where_there_is_one(words: Words) -> None:
    assert words.gettext("File number") not in text_of(render(a_sheet(a_result()), words))
    text = text_of(render(a_sheet(a_result(), reference="32-5/2026 <x>"), words))
    assert f"{words.gettext('File number')} 32-5/2026 <x> {words.gettext('Camera')}" in text


def test_the_end_is_counted_from_the_press() -> None:
    # Pressed at 15:30:00 UTC, half a minute after the first picture, and four hours long.
    assert "24 November 2026, 20:29:30" in render(a_sheet(a_result()), ENGLISH)


def test_the_end_is_when_it_was_stopped_not_the_last_picture() -> None:
    """The camera delivered nothing any more in the last half minute."""
    short = a_result(end_us=LENGTH_US - 30 * SECOND)
    assert "24 November 2026, 20:29:30" in render(a_sheet(short), ENGLISH)
    assert "4:00:00.000, 432000 pictures" in render(a_sheet(short), ENGLISH)
    unlinked = replace(short, end_linked=False)
    assert "3:59:30.000, 432000 pictures" in render(a_sheet(unlinked), ENGLISH)
    late = some_closing(432_000, ORIGIN_US + LENGTH_US, RECOVERED)
    other_boot = replace(some_closing(432_000, ORIGIN_US + LENGTH_US), boot_id="another")
    for closing in (late, other_boot):
        text = text_of(render(a_sheet(a_result(closing=closing)), ENGLISH))
        assert f"{'End'} {END_REASONS[closing.reason]} {'Length'}" in text


def test_every_finding_and_every_clock_has_words() -> None:
    assert set(KINDS) == set(FindingKind)
    assert set(CLOCK) == set(TimeWorth)


@BOTH
@pytest.mark.parametrize("worth", [*TimeWorth])
def test_what_the_time_is_worth_stands_beside_the_verdict(words: Words, worth: TimeWorth) -> None:
    result = a_result()
    result.clock_steps[:] = [(0, 3600 * SECOND)] if worth is TimeWorth.STEPPED else []
    other = worth if worth is not TimeWorth.STEPPED else TimeWorth.RTC
    result.clock_sources[:] = [ClockSource(other.value)]
    text = text_of(render(a_sheet(result), words))
    assert (
        " ".join(
            [
                words.gettext("Authentic and complete"),
                words.gettext("Time: {worth}", worth=words.gettext(CLOCK[worth])),
            ]
        )
        in text
    )


@BOTH
def test_gaps_and_remarks_are_listed_and_the_rest_is_counted(words: Words) -> None:
    gaps = [
        Gap(FRAMES_LOST, 3, ORIGIN_US + n * SECOND, ORIGIN_US + n * SECOND + 100_000)
        for n in range(LINES + 2)
    ]
    result = a_result(gaps=gaps)
    result.findings.add(Finding(FindingKind.RECOVERED, Severity.NOTE, "said in English"))
    text = text_of(render(a_sheet(result), words))
    assert text.count(words.gettext(GAP_REASONS[FRAMES_LOST])) == LINES
    assert (
        words.gettext("and {count} more; all of them are in {file}", count=2, file="checks.json")
        in text
    )
    assert words.gettext("Authentic, with the remarks below") in text
    assert words.gettext(KINDS[FindingKind.RECOVERED]) in text
    assert "said in English" not in text


@BOTH
def test_no_sheet_says_continuous_of_what_was_found_otherwise(words: Words) -> None:
    """Whether a gap is stated is one thing, whether the check found any another."""
    plain, continuous = (
        f"{words.gettext('Gaps stated by the camera')} {words.gettext('None.')}",
        words.gettext("None. The footage is continuous from the first picture to the last."),
    )
    assert continuous.startswith(f"{words.gettext('None.')} ")
    note, damage = Severity.NOTE, Severity.DAMAGE
    for kind, severity, whole in (
        (FindingKind.RECOVERED, note, True),
        (FindingKind.UNSTATED, note, False),
        (FindingKind.SILENT, note, False),
        (FindingKind.QUIET, note, False),
        (FindingKind.MISSING, damage, False),
    ):
        result = a_result()
        result.findings.add(Finding(kind, severity, "x", "", "", SECOND, 2 * SECOND))
        text = text_of(render(a_sheet(result), words))
        assert plain in text, kind
        assert (continuous in text) is whole, kind
    replaced = Report("x.tar", 1, a_result(), ledger=[(damage, "another end")])
    assert continuous not in text_of(render(a_sheet(a_result(), report=replaced), words))
    assert continuous in text_of(render(a_sheet(a_result()), words))


@BOTH
def test_fewer_pictures_in_heat_are_on_the_sheet(words: Words) -> None:
    assert words.gettext("Other pictures per second") not in text_of(
        render(a_sheet(a_result()), words)
    )
    changes = [
        RateChange(ORIGIN_US + 65 * SECOND, 30, Cause.HEAT.value, 20),
        RateChange(ORIGIN_US + 125 * SECOND, 20, Cause.COOLED.value, 30),
        *[RateChange(ORIGIN_US + 200 * SECOND, 30, "something new", 15)] * 2,
    ]
    text = text_of(render(a_sheet(a_result(rates=changes)), words))
    assert RATES == 2
    assert set(RATE_REASONS) == set(Cause)
    said = [
        words.gettext(
            "from {time} on {fps} ({reason})",
            time=f"1:05{words.pgettext('decimal sign', '.')}000",
            fps=20,
            reason="{}",
        ),
        words.gettext(
            "from {time} on {fps} ({reason})",
            time=f"2:05{words.pgettext('decimal sign', '.')}000",
            fps=30,
            reason="{}",
        ),
        words.gettext("and {count} more; all of them are in {file}", count=2, file="checks.json"),
    ]
    said[0] = said[0].format(words.gettext(RATE_REASONS[Cause.HEAT]))
    said[1] = said[1].format(words.gettext(RATE_REASONS[Cause.COOLED]))
    assert f"{words.gettext('Other pictures per second')} {'; '.join(said)}" in text


@BOTH
def test_what_is_not_authentic_is_said_first_and_which_check_failed(words: Words) -> None:
    result = a_result()
    result.findings.add(
        Finding(
            FindingKind.CHANGED,
            Severity.DAMAGE,
            "x",
            "000001.m4s.age",
            "000001.m4s.age",
            SECOND,
            2 * SECOND,
        )
    )
    text = text_of(render(a_sheet(result, ledger_agrees=False), words))
    assert words.gettext("NOT authentic as a whole: only the proven parts were opened") in text
    assert words.gettext("Authentic and complete") not in text
    assert (
        ": ".join(
            [
                words.gettext("Fingerprint of every sealed piece ({fragments})", fragments=28_800),
                words.pgettext("check", "FAILED"),
            ]
        )
        in text
    )
    assert (
        ": ".join(
            [
                words.gettext("The camera's or office's ledger names the same final fingerprint"),
                words.pgettext("check", "FAILED"),
            ]
        )
        in text
    )
    assert "000001.m4s.age" in text
    assert f"0:01{words.pgettext('decimal sign', '.')}000" in text


@BOTH
def test_no_check_passes_that_failed_or_that_nobody_can_tell(words: Words) -> None:
    chain, signatures = (
        words.gettext("Unbroken chain from the first statement to the last"),
        words.gettext(
            "Signature of the camera's key on every statement ({statements})", statements=28_802
        ),
    )
    cut = a_result()
    cut.findings.add(Finding(FindingKind.UNCLOSED, Severity.DAMAGE, "x"))
    assert f"{chain}: {words.pgettext('check', 'FAILED')}" in text_of(render(a_sheet(cut), words))
    many = a_result()
    for number in range(MOST):
        many.findings.add(Finding(FindingKind.EXTRA, Severity.DAMAGE, f"x {number}", f"{number}"))
    assert f"{signatures}: {words.gettext('passed')}" in text_of(render(a_sheet(many), words))
    many.findings.add(Finding(FindingKind.FORGED, Severity.DAMAGE, "x", "000003.jws"))
    assert many.findings.dropped == 1
    assert f"{signatures}: {words.pgettext('check', 'FAILED')}" in text_of(
        render(a_sheet(many), words)
    )


def test_the_film_begins_where_it_does_though_the_camera_failed_before_the_press() -> None:
    """All footage is from before the press: 3 s of it, the first 30 s before."""
    text = text_of(render(a_sheet(a_result(end_us=3 * SECOND)), ENGLISH))
    assert "16:29:30" in text
    assert "0:03.000" in text


@BOTH
def test_a_salvaged_one_says_what_is_damaged_and_what_is_in_the_video(words: Words) -> None:
    result = a_result()
    result.findings.add(Finding(FindingKind.CHANGED, Severity.DAMAGE, "x", "000001.m4s.age"))
    result.findings.add(Finding(FindingKind.RECOVERED, Severity.NOTE, "x"))
    report = Report("x.tar", 1, result, written=(Span(0, SECOND), Span(2 * SECOND, 3 * SECOND)))
    text = text_of(render(a_sheet(result, report=report), words))
    damages, contained, remarks, files = (
        text.index(f" {title} ")
        for title in (
            words.gettext("Damage"),
            words.gettext("In the video"),
            words.gettext("Remarks"),
            words.gettext("Files handed over"),
        )
    )
    assert damages < text.index(words.gettext(KINDS[FindingKind.CHANGED])) < contained < remarks
    assert remarks < text.index(words.gettext(KINDS[FindingKind.RECOVERED])) < files
    for begin, end in (("0", "1"), ("2", "3")):
        times = (f"0:0{at}{words.pgettext('decimal sign', '.')}000" for at in (begin, end))
        said = words.gettext("from {begin} to {end}", begin=next(times), end=next(times))
        assert contained < text.index(said) < remarks
    assert (
        words.gettext(
            "Decryption of every piece; the video holds what was checked and nothing else"
        )
        not in text
    )
    assert (
        ": ".join(
            [
                words.gettext(
                    "Decryption of the proven pieces only; the video holds these and nothing else"
                ),
                words.gettext("passed"),
            ]
        )
        in text
    )


@BOTH
def test_what_only_unlinked_statements_say_is_no_fact_on_it(words: Words, tmp_path: Path) -> None:
    path = tmp_path / f"{a_header().id}.tar"
    path.write_bytes(pack(spliced()))
    report = verify(str(path), KEYS)
    assert report.result is not None
    text = text_of(render(a_sheet(report.result, report=report), words))
    length = words.ngettext(
        "{time}, {pictures} in {number} piece",
        "{time}, {pictures} in {number} pieces",
        2,
        time=f"0:01{words.pgettext('decimal sign', '.')}000",
        pictures=words.ngettext("{number} picture", "{number} pictures", 30),
    )
    assert f"{words.gettext('Length')} {length} " in text
    assert f"{words.gettext('Marks')} {words.gettext('none')} " in text
    assert words.gettext(END_REASONS["shutdown"]) not in text
    assert words.gettext(GAP_REASONS[gaps.CUT_OFF]) not in text


@pytest.mark.parametrize(
    ("number", "words"), [(1, ("Bild", "Stück", "Tag")), (2, ("Bilder", "Stücken", "Tagen"))]
)
def test_one_picture_is_a_picture_and_two_are_pictures(number: int, words: tuple[str, ...]) -> None:
    pictures, pieces, days = words
    gap = Gap(FRAMES_LOST, number, ORIGIN_US, ORIGIN_US + 100_000)
    result = a_result(header=a_header(retention_days=number), frames=number, gaps=[gap])
    result.commits = number
    text = text_of(render(a_sheet(result), GERMAN))
    assert f", {number} {pictures} in {number} {pieces} " in text
    assert f"gingen verloren, {number} {pictures} " in text
    assert f"nach {number} {days}, sofern" in text


def test_nothing_stays_in_english_on_a_german_sheet() -> None:
    reasons = {*texts_of(gaps), recorder.FAILED}
    reasons |= texts_of(pictures, "LOST_BY_")
    reasons |= {SOUND_LOST, NO_SOUND, *SILENT_REASONS.values()}
    assert FRAMES_LOST in reasons
    assert set(GAP_REASONS) == reasons
    for trigger, said in (
        ("button:main", "große Taste der Kamera"),
        ("button:side", "Taste „side“"),
        ("control", "Befehl"),
        (CONTINUED, "Fortsetzung"),
    ):
        header = a_header(trigger=trigger, policy="generic")
        text = text_of(render(a_sheet(a_result(header=header)), GERMAN))
        assert f"Ausgelöst durch {said}" in text
        assert trigger not in text
        assert "generic" not in text


def texts_of(module: ModuleType, beginning: str = "") -> set[str]:
    """The texts that a module names, as their names begin."""
    named = vars(module).items()
    return {
        said
        for name, said in named
        if isinstance(said, str) and name.isupper() and name.startswith(beginning)
    }


def test_whatever_ends_a_recording_is_said_in_words() -> None:
    ends = {*REASONS, RECOVERED, recorder.FAILED, recorder.SETTINGS_CHANGED}
    assert set(END_REASONS) == ends


@BOTH
def test_nothing_is_claimed_that_no_signature_proves(words: Words) -> None:
    text = text_of(render(a_sheet(a_result()), words))
    for claim in ("verlässt", "never leaves", "tragenden Person", "wearer,", "Tastendruck"):
        assert claim not in text
    for _, verdict in (*VERDICTS.values(), NOT_AUTHENTIC):
        assert re.search("registrierte ist|one registered", words.gettext(verdict))


def test_the_begin_of_the_film_is_told_from_the_trigger() -> None:
    text = text_of(render(a_sheet(a_result()), GERMAN))
    assert "Ausgelöst 24.11.2026, 16:30:00" in text
    assert "0:30,000 aus dem Vorlaufpuffer; der Film beginnt um 16:29:30" in text


@BOTH
def test_no_section_is_empty(words: Words) -> None:
    assert "<section></section>" not in re.sub(r"\s", "", render(a_sheet(a_result()), words))


def test_what_would_turn_the_text_around_is_shown_as_an_escape() -> None:
    page = render(a_sheet(a_result(header=a_header(device="cam\u202e1\n2"))), ENGLISH)
    assert "\u202e" not in page
    assert "cam\\u202e1\\x0a2" in page


@BOTH
def test_what_was_not_checked_is_said(words: Words) -> None:
    text = text_of(render(a_sheet(a_result(), hold=None, ledger_agrees=None), words))
    assert (
        ": ".join(
            [
                words.gettext("Comparison with a ledger (none was at hand)"),
                words.gettext("not done"),
            ]
        )
        in text
    )
    assert (
        ": ".join(
            [
                words.gettext("Kept from deletion (no store was at hand: place a hold there)"),
                words.gettext("not done"),
            ]
        )
        in text
    )


@BOTH
def test_a_clock_that_is_not_trusted_is_said(words: Words) -> None:
    header = a_header(clock=replace(a_header().clock, source=ClockSource.UNKNOWN))
    text = text_of(render(a_sheet(a_result(header=header)), words))
    assert words.gettext(CLOCK[ClockSource.UNKNOWN]) in text


def test_nothing_that_people_wrote_becomes_markup() -> None:
    header = a_header(device="<b>&\"'", trigger="<script>alert(1)</script>")
    page = render(a_sheet(a_result(header=header), made_by="<i>Desk</i>"), ENGLISH)
    assert "<script>alert" not in page
    assert "<i>Desk" not in page
    assert "&lt;b&gt;&amp;" in page


def test_without_a_header_there_is_no_sheet() -> None:
    with pytest.raises(ValueError, match="header"):
        render(a_sheet(a_result(header=None)), ENGLISH)


@BOTH
def test_the_fullest_sheet_prints_on_one_page_of_a4(words: Words, tmp_path: Path) -> None:
    chromium = shutil.which("chromium-headless-shell")
    if chromium is None:
        pytest.skip("chromium-headless-shell is not installed")
    header = a_header(
        device="d" * 63,
        wearer="w" * 40,
        continues=a_header().id,
        trigger_us=ORIGIN_US + 30 * SECOND,
    )
    result = a_result(
        header=header,
        gaps=[Gap(FRAMES_LOST, 10**6, ORIGIN_US, ORIGIN_US + LENGTH_US)] * 100,
        marks=[ORIGIN_US + n * 100 * SECOND for n in range(100)],
        rates=[RateChange(ORIGIN_US + n * SECOND, 30, Cause.THROTTLED.value, 15) for n in range(9)],
    )
    for kind in FindingKind:
        result.findings.add(Finding(kind, Severity.DAMAGE, "x", "a" * 14, "b" * 14, 0, LENGTH_US))
    hold = Hold("exported 2026-11-24, " + "Az. 123 Js 456/26 " * 5, "Monika Mustermann " * 3)
    sheet = a_sheet(result, hold=hold, made_by="Monika Mustermann, Ordnungsamt Duisburg")
    page = tmp_path / "report.html"
    page.write_text(render(sheet, words), encoding="utf-8")
    printed = tmp_path / "report.pdf"
    subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--print-to-pdf={printed}",
            page.as_uri(),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert re.findall(rb"/Count (\d+)", printed.read_bytes()) == [b"1"]
    # A4 is 210 by 297 mm, which is 595 by 842 points.
    assert re.search(rb"/MediaBox \[0 0 59[45](\.\d+)? 84[12](\.\d+)?\]", printed.read_bytes())
