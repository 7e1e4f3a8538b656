"""The sheet for the prosecutor: everything on one page, in both languages, nothing made up."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from longest_words import LONGEST
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
from camerad.evidence.sheet_page import PdfLibraryError, pdf_maker
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


def finding(kind: FindingKind, severity: Severity = Severity.DAMAGE, *members: str) -> Finding:
    first, last = (*members, *members)[:2] if members else ("", "")
    return Finding(kind, severity, "x", first, last, SECOND, 2 * SECOND)


def said(
    found: Sequence[Finding] = (), sheet: Mapping[str, object] | None = None, **changes: object
) -> str:
    """What a reader of the English sheet sees. found: findings of the check. sheet: what else the
    sheet has. changes: to the result."""
    result = a_result(**changes)
    for one in found:
        result.findings.add(one)
    return text_of(render(a_sheet(result, **(sheet or {})), ENGLISH))


PLAIN = "Gaps stated by the camera None."
CONTINUOUS = "The footage is continuous from the first picture to the last."
CLOSED = some_closing(432_000, ORIGIN_US + LENGTH_US)
LOST = [
    Gap(FRAMES_LOST, 3, ORIGIN_US + n * SECOND, ORIGIN_US + n * SECOND + 100_000)
    for n in range(LINES + 2)
]
RATES_CHANGED = [
    RateChange(ORIGIN_US + 65 * SECOND, 30, Cause.HEAT.value, 20),
    RateChange(ORIGIN_US + 125 * SECOND, 20, Cause.COOLED.value, 30),
    *[RateChange(ORIGIN_US + 200 * SECOND, 30, "something new", 15)] * 2,
]
UNCHECKED = {"hold": None, "ledger_agrees": None}
UNTRUSTED = replace(a_header().clock, source=ClockSource.UNKNOWN)
CHAIN = "Unbroken chain from the first statement to the last"
SIGNATURES = "Signature of the camera's key on every statement (28802)"
PIECES = "Fingerprint of every sealed piece (28800)"
LEDGER = "The camera's or office's ledger names the same final fingerprint"


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        # Pressed at 15:30:00 UTC, half a minute after the first picture, and four hours long.
        (
            said(),
            ["End 24 November 2026, 20:29:30", CONTINUOUS, "Authentic and complete"],
            ["File number", "Other pictures per second"],
        ),
        (said(sheet={"reference": "1/26 <x>"}), ["File number 1/26 <x> Camera"], []),
        # The camera delivered nothing any more in the last half minute.
        (
            said(end_us=LENGTH_US - 30 * SECOND),
            ["24 November 2026, 20:29:30", "4:00:00.000, 432000 pictures"],
            [],
        ),
        (
            said(end_us=LENGTH_US - 30 * SECOND, end_linked=False),
            ["3:59:30.000, 432000 pictures"],
            [],
        ),
        (
            said(closing=replace(CLOSED, reason=RECOVERED)),
            [f"End {END_REASONS[RECOVERED]} Length"],
            [],
        ),
        (
            said(closing=replace(CLOSED, boot_id="another")),
            [f"End {END_REASONS[CLOSED.reason]} Length"],
            [],
        ),
        # All footage is from before the press: 3 s of it, the first 30 s before.
        (said(end_us=3 * SECOND), ["the film begins at 16:29:30", "0:03.000"], []),
        (
            said([finding(FindingKind.RECOVERED, Severity.NOTE)], gaps=LOST),
            [
                f"{GAP_REASONS[FRAMES_LOST]}, 3 pictures",
                "and 2 more; all of them are in checks.json",
                "Authentic, with the remarks below",
                f"{KINDS[FindingKind.RECOVERED]} (from 0:01.000 to 0:02.000)",
            ],
            [CONTINUOUS],
        ),
        # Whether a gap is stated is one thing, whether the check found any another.
        (said([finding(FindingKind.RECOVERED, Severity.NOTE)]), [PLAIN, CONTINUOUS], []),
        (said([finding(FindingKind.UNSTATED, Severity.NOTE)]), [PLAIN], [CONTINUOUS]),
        (said([finding(FindingKind.SILENT, Severity.NOTE)]), [PLAIN], [CONTINUOUS]),
        (said([finding(FindingKind.QUIET, Severity.NOTE)]), [PLAIN], [CONTINUOUS]),
        (said([finding(FindingKind.MISSING)]), [PLAIN], [CONTINUOUS]),
        (
            said(sheet={"report": Report("x", 1, a_result(), ledger=[(Severity.DAMAGE, "other")])}),
            [],
            [CONTINUOUS],
        ),
        (
            said(rates=RATES_CHANGED),
            [
                "Other pictures per second from 1:05.000 on 20 (camera hot); from 2:05.000 on 30 "
                "(cooled down); and 2 more; all of them are in checks.json"
            ],
            [],
        ),
        (
            said(
                [finding(FindingKind.CHANGED, Severity.DAMAGE, "000001.m4s.age")],
                {"ledger_agrees": False},
            ),
            [
                "NOT authentic as a whole: only the proven parts were opened",
                f"{PIECES}: FAILED",
                f"{LEDGER}: FAILED",
                f"000001.m4s.age: {KINDS[FindingKind.CHANGED]} (from 0:01.000",
            ],
            ["Authentic and complete", "Time:"],
        ),
        (said([finding(FindingKind.UNCLOSED)]), [f"{CHAIN}: FAILED"], []),
        # A check does not pass because the finding was one too many to be kept.
        (
            said(
                [Finding(FindingKind.EXTRA, Severity.DAMAGE, f"x {n}", f"{n}") for n in range(MOST)]
            ),
            [f"{SIGNATURES}: passed", f"{CHAIN}: FAILED"],
            [],
        ),
        (
            said(
                [
                    *(
                        Finding(FindingKind.EXTRA, Severity.DAMAGE, f"x {n}", f"{n}")
                        for n in range(MOST)
                    ),
                    finding(FindingKind.FORGED),
                ]
            ),
            [f"{SIGNATURES}: FAILED"],
            [],
        ),
        (
            said(sheet=UNCHECKED),
            [
                "Comparison with a ledger (none was at hand): not done",
                "Kept from deletion (no store was at hand: place a hold there): not done",
            ],
            [LEDGER],
        ),
        (said(header=a_header(clock=UNTRUSTED)), [CLOCK[ClockSource.UNKNOWN]], []),
        (
            said(header=a_header(device="cam\u202e1\n2", trigger="button:side")),
            ["cam\\u202e1\\x0a2", "Triggered by button “side”"],
            ["\u202e"],
        ),
    ],
)
def test_the_sheet_says(text: str, there: list[str], not_there: list[str]) -> None:
    assert [one for one in there if one not in text] == []
    assert [one for one in not_there if one in text] == []


def test_only_so_many_gaps_are_listed() -> None:
    assert said(gaps=LOST).count(GAP_REASONS[FRAMES_LOST]) == LINES
    assert RATES == 2


@pytest.mark.parametrize("worth", [*TimeWorth])
def test_what_the_time_is_worth_stands_beside_the_verdict(worth: TimeWorth) -> None:
    steps = [(0, 3600 * SECOND)] if worth is TimeWorth.STEPPED else []
    other = worth if worth is not TimeWorth.STEPPED else TimeWorth.RTC
    text = said(clock_steps=steps, clock_sources=[ClockSource(other.value)])
    assert f"Authentic and complete Time: {CLOCK[worth]}" in text


def test_a_salvaged_one_says_what_is_damaged_and_what_is_in_the_video() -> None:
    result = a_result()
    result.findings.add(finding(FindingKind.CHANGED, Severity.DAMAGE, "000001.m4s.age"))
    result.findings.add(Finding(FindingKind.RECOVERED, Severity.NOTE, "x"))
    report = Report("x.tar", 1, result, written=(Span(0, SECOND), Span(2 * SECOND, 3 * SECOND)))
    text = text_of(render(a_sheet(result, report=report), ENGLISH))
    order = [
        *(" Damage ", KINDS[FindingKind.CHANGED], " In the video ", "from 0:00.000 to 0:01.000"),
        *("from 0:02.000 to 0:03.000", " Remarks ", KINDS[FindingKind.RECOVERED]),
        " Files handed over ",
    ]
    places = [text.index(one) for one in order]
    assert places == sorted(places)
    opened = "Decryption of the proven pieces only; the video holds these and nothing else: passed"
    assert opened in text and "Decryption of every piece" not in text


def test_what_only_unlinked_statements_say_is_no_fact_on_it(tmp_path: Path) -> None:
    path = tmp_path / f"{a_header().id}.tar"
    path.write_bytes(pack(spliced()))
    report = verify(str(path), KEYS)
    assert report.result is not None
    text = text_of(render(a_sheet(report.result, report=report), ENGLISH))
    assert "Length 0:01.000, 30 pictures in 2 pieces " in text and "Marks none " in text
    assert END_REASONS["shutdown"] not in text and GAP_REASONS[gaps.CUT_OFF] not in text


def test_a_german_sheet_is_german() -> None:
    text = text_of(render(a_sheet(a_result()), GERMAN))
    for what in (
        *(a_header().id, "cam-1", KEY.public.thumbprint, "f" * 64, "a" * 64, "b" * 64),
        "Ausgelöst 24.11.2026, 16:30:00 Europe/Berlin, UTC+01:00 (15:30:00 UTC)",
        *("4:00:00,000", "0:30,000 aus dem Vorlaufpuffer; der Film beginnt um 16:29:30"),
        "Echt und vollständig",
    ):
        assert what in text
    for trigger, german in (
        *(("button:main", "große Taste der Kamera"), ("button:side", "Taste „side“")),
        *(("control", "Befehl"), (CONTINUED, "Fortsetzung")),
    ):
        header = a_header(trigger=trigger, policy="generic")
        text = text_of(render(a_sheet(a_result(header=header)), GERMAN))
        assert f"Ausgelöst durch {german}" in text
        assert trigger not in text and "generic" not in text


def test_every_word_of_a_record_has_plain_words() -> None:
    reasons = {*texts_of(gaps), recorder.FAILED}
    reasons |= texts_of(pictures, "LOST_BY_")
    reasons |= {SOUND_LOST, NO_SOUND, *SILENT_REASONS.values()}
    assert FRAMES_LOST in reasons
    assert set(GAP_REASONS) == reasons
    assert set(END_REASONS) == {*REASONS, RECOVERED, recorder.FAILED, recorder.SETTINGS_CHANGED}
    assert set(RATE_REASONS) == set(Cause)
    assert set(KINDS) == set(FindingKind)
    assert set(CLOCK) == set(TimeWorth)


def texts_of(module: ModuleType, beginning: str = "") -> set[str]:
    """The texts that a module names, as their names begin."""
    return {
        said
        for name, said in vars(module).items()
        if isinstance(said, str) and name.isupper() and name.startswith(beginning)
    }


@pytest.mark.parametrize(
    ("number", "words"), [(1, ("Bild", "Stück", "Tag")), (2, ("Bilder", "Stücken", "Tagen"))]
)
def test_one_picture_is_a_picture_and_two_are_pictures(number: int, words: tuple[str, ...]) -> None:
    one, pieces, days = words
    gap = Gap(FRAMES_LOST, number, ORIGIN_US, ORIGIN_US + 100_000)
    header = a_header(retention_days=number)
    result = a_result(header=header, frames=number, commits=number, gaps=[gap])
    text = text_of(render(a_sheet(result), GERMAN))
    assert f", {number} {one} in {number} {pieces} " in text
    assert f"gingen verloren, {number} {one} " in text
    assert f"nach {number} {days}, sofern" in text


@BOTH
def test_nothing_is_claimed_that_no_signature_proves(words: Words) -> None:
    page = render(a_sheet(a_result()), words)
    for claim in ("verlässt", "never leaves", "tragenden Person", "wearer,", "Tastendruck"):
        assert claim not in text_of(page)
    for _, verdict in (*VERDICTS.values(), NOT_AUTHENTIC):
        assert re.search("registrierte ist|one registered", words.gettext(verdict))
    assert "<section></section>" not in re.sub(r"\s", "", page)


def test_nothing_that_people_wrote_becomes_markup() -> None:
    header = a_header(device="<b>&\"'", trigger="<script>alert(1)</script>")
    page = render(a_sheet(a_result(header=header), made_by="<i>Desk</i>"), ENGLISH)
    assert "<script>alert" not in page
    assert "<i>Desk" not in page
    assert "&lt;b&gt;&amp;" in page


def test_without_a_header_there_is_no_sheet() -> None:
    with pytest.raises(ValueError, match="header"):
        render(a_sheet(a_result(header=None)), ENGLISH)


def the_fullest() -> CoverSheet:
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
    return a_sheet(result, hold=hold, made_by="Monika Mustermann, Ordnungsamt Duisburg")


FULLEST = pytest.mark.parametrize("words", [words_in("en"), LONGEST], ids=["en", "longest"])


@FULLEST
def test_the_fullest_sheet_prints_on_one_page_of_a4(words: Words, tmp_path: Path) -> None:
    chromium = shutil.which("chromium-headless-shell")
    if chromium is None:
        pytest.skip("chromium-headless-shell is not installed")
    page = tmp_path / "report.html"
    page.write_text(render(the_fullest(), words), encoding="utf-8")
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


@FULLEST
@pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning")
def test_as_pdf_it_is_one_page_that_says_what_it_conforms_to(words: Words, tmp_path: Path) -> None:
    """qpdf finds no fault in its structure; veraPDF, where it is installed, none by ISO 19005-2."""
    path = tmp_path / "sheet.pdf"
    path.write_bytes(pdf_maker()(render(the_fullest(), words)))
    checks = [["qpdf", "--check", path], ["verapdf", "-f", "2a", path]]
    for command in checks[: 2 if shutil.which("verapdf") else 1]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    plain = ["qpdf", "--qdf", "--object-streams=disable", path, "-"]
    content = subprocess.run(plain, capture_output=True, check=True).stdout
    assert re.findall(rb'pdfaid:(part|conformance)[=">]+(\w)', content) == [
        (b"part", b"2"),
        (b"conformance", b"A"),
    ]
    assert subprocess.check_output(["qpdf", "--show-npages", path]) == b"1\n"
    fonts = re.findall(rb"/Type /FontDescriptor", content)
    assert fonts and len(fonts) == len(re.findall(rb"/FontFile[23]? \d+ 0 R", content))
    assert b"/Lang (%s)" % words.language.encode() in content


def test_without_its_library_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(PdfLibraryError, match="extra 'pdf'"):
        pdf_maker()
