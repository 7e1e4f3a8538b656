"""What the documents for people say is what the camera does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml
from generators import operations_tables as handbook

from camerad.behaviour import gestures, outcomes, signals, stages
from camerad.behaviour.stages import Condition, CueKind, Intent, Rules, Stage, State
from camerad.cli import main
from camerad.config.sections import ConfigFile
from camerad.ledger.entry_types import KINDS

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md", DOCS.parent / "systemd/README.md"]


def named(page: Path) -> str:
    return str(page.relative_to(DOCS.parent))


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table."""
    return [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in page.splitlines()
        if line.startswith("|")
    ]


# --------------------------------------------------------------------------------- operations


def test_the_tables_of_the_committed_page_are_up_to_date(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert handbook.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_the_module_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["handbook", "--check"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(handbook.__file__, run_name="__main__")
    assert ended.value.code == 0


def test_a_table_that_is_out_of_date_is_found_and_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: limits -->\nold\n<!-- end of table -->\nafter\n")
    assert handbook.main(["--check"], page) == 1
    assert handbook.main([], page) == 0
    assert handbook.main(["--check"], page) == 0
    written = page.read_text()
    assert written.startswith("before\n")
    assert written.endswith("<!-- end of table -->\nafter\n")
    assert "| `storage.low_minutes` | 30 | 1 | 600 minutes |" in written


def test_every_table_is_in_the_page_once() -> None:
    assert sorted(re.findall("<!-- table: (.*) -->", text("operations.md"))) == sorted(
        handbook.TABLES
    )
    assert {f"| `{kind}` |" in handbook.page(text("operations.md")) for kind in KINDS} == {True}


def test_every_condition_has_its_cause_and_its_cure() -> None:
    section = text("operations.md").split("## Conditions\n")[1].split("\n## ")[0]
    explained = {row[0].strip("`"): row for row in rows(section) if row[0].startswith("`")}
    assert set(explained) == {condition.value for condition in Condition}
    for condition in Condition:
        name, cause, notices, effect, cure = explained[condition.value]
        assert all((name, cause, notices, effect, cure))
        # Green that blinks, or amber: whether a press would be refused must be right.
        assert ("amber" in notices) == (condition in stages.REFUSES_START), name
        assert ("closes a running" in effect or "the same, reason" in effect) == (
            condition in stages.ENDS_RECORDING or condition is Condition.BATTERY_CRITICAL
        ), name


def strokes_of(cell: str) -> str:
    return "".join("." if word == "short" else "-" for word in cell.split())


def test_every_rhythm_that_is_felt_is_found_by_its_strokes() -> None:
    felt = [
        row for row in rows(handbook.TABLES["signals"]()) if set(row[0]) <= set("short lng,twice")
    ]
    found = {strokes_of(row[0].removesuffix(", twice")) for row in felt}
    # What a recording alone can tell is in no row of its own, but for being muted.
    assert found - {""} == {one.value for one in signals.Rhythm}
    assert {strokes_of(row[2]) for row in felt} - {""} == set(signals.CODES.values())
    assert {row[1].strip("`") for row in felt if row[1].startswith("`")} == {
        condition.value for condition in Condition
    }
    assert len({tuple(row) for row in felt}) == len(felt)


@pytest.mark.parametrize("condition", Condition)
def test_what_a_reminder_tells_is_in_the_table(condition: Condition) -> None:
    """By what is played when a recording with nothing else the matter has its reminder."""
    rules = stages.Rules(armed_in=frozenset(), self_view_timeout_us=1)
    state = stages.State(Stage.RECORDING, 0, frozenset({condition}))
    _, effects = outcomes.remind(state, rules.reminder_us, rules)
    told = stages.Cue(stages.CUES[condition]) in effects if condition in stages.CUES else False
    (row,) = (
        row for row in rows(handbook.TABLES["signals"]()) if row[1].strip("`") == condition.value
    )
    assert ("a reminder in a recording" in row[4]) is told


# ----------------------------------------------------------------------------------- officers

SHORT, LONG = "•", "▬"
RHYTHMS = {
    CueKind.READY: "ready",
    CueKind.STARTED: "recording; again",
    CueKind.STILL_RECORDING: "recording; again",
    CueKind.STOPPED: "recording stopped",
    CueKind.SELF_VIEW_OFF: "self-view off",
    CueKind.MARKED: "mark set",
    CueKind.SELF_VIEW_ON: "self-view on",
    CueKind.MUTED: "sound off",
    CueKind.REFUSED: "refused",
    CueKind.STORAGE_LOW: "card nearly full",
    CueKind.STORAGE_STALLED: "card does not answer",
    CueKind.BATTERY_LOW: "battery low",
    CueKind.CLOCK_UNTRUSTED: "clock uncertain",
    CueKind.MICROPHONE_DOWN: "microphone failed",
    CueKind.DISPLAY_DOWN: "display failed",
    CueKind.LIGHT_DOWN: "light failed",
    CueKind.HOT: "too hot",
    CueKind.SHIFT_BEGUN: "shift begun",
    CueKind.NOT_READY: "on shift, and it could not record",
    CueKind.CUT_OFF: "The last recording was cut off",
    CueKind.STORAGE_FULL: "Card full",
    CueKind.STORAGE_FAILED: "Card failed",
    CueKind.CAMERA_DOWN: "Camera failed",
    CueKind.NO_RECIPIENTS: "Not set up",
}


@pytest.mark.parametrize("kind", RHYTHMS)
def test_an_officers_card_has_the_rhythm_that_is_felt(kind: CueKind) -> None:
    strokes, _ = signals.CUE_TABLE[kind]
    wanted = " ".join(LONG if stroke == "-" else SHORT for stroke in strokes)
    felt = [row for row in rows(text("officer.md")) if set(row[0]) & {SHORT, LONG}]
    found = [row[0] for row in felt if RHYTHMS[kind] in row[-1]]
    assert found == [wanted], kind


def test_what_is_told_beside_another_rhythm_is_that_one_and_more() -> None:
    told = {
        CueKind.UNMUTED: (CueKind.MUTED, ".."),
        CueKind.BATTERY_CRITICAL: (CueKind.BATTERY_LOW, "-"),
    }
    for kind, (first, more) in told.items():
        assert signals.CUE_TABLE[kind][0] == signals.CUE_TABLE[first][0] + more
    assert signals.CUE_TABLE[CueKind.SHIFT_ENDED][0] == "--.-"
    assert "(▬ ▬ • ▬ ended)" in text("officer.md")
    assert set(RHYTHMS) | set(told) | {CueKind.SHIFT_ENDED} == set(CueKind)


def test_a_camera_that_refuses_says_why_with_a_rhythm_that_is_on_the_card() -> None:
    for condition in stages.REFUSES_START:
        assert stages.CUES[condition] in RHYTHMS, condition


def test_the_card_holds_the_buttons_as_long_as_the_camera_wants() -> None:
    held = {
        binding.intent: binding.hold_us / 1e6
        for table in gestures.DEFAULT_TWO_BUTTONS
        for binding in table.bindings
        if binding.hold_us
    }
    assert (held[Intent.RECORD], held[Intent.STOP]) == (1, 2)
    card = text("officer.md")
    assert "**1 Sekunde halten**" in card
    assert "**2 Sekunden halten**" in card
    assert held[Intent.SHOW_STATUS] == held[Intent.TOGGLE_MUTE] == 1


def test_the_card_says_what_the_display_shows_of_a_recording_that_is_begun_at_once() -> None:
    rules = Rules(frozenset(), 120_000_000)
    state, _ = outcomes.start(State(Stage.IDLE, 0), 0, 0, "button:main", rules)
    (said,) = (row[-1] for row in rows(text("officer.md")) if "at once" in row[0])
    assert ("the display shows it" in said) == state.display_on


def test_an_officers_card_fits_a_page_and_its_pictures_are_there() -> None:
    card = text("officer.md")
    # A page of A4 holds some sixty lines of a table at a readable size.
    assert len(card.splitlines()) <= 60
    pictures = re.findall(r'src="([^"]+)"', card)
    assert pictures
    assert all((DOCS / picture).is_file() for picture in pictures)


# -------------------------------------------------------------------------------- technicians


def wiring() -> list[list[str]]:
    """Part, GPIO and pin, as the page has them."""
    cells = rows(text("technician.md"))
    return [row[:3] for row in cells if len(row) == 4 and row[1].isdecimal()]


def test_the_wiring_that_technicians_are_told_is_that_of_the_shipped_configuration() -> None:
    told = {what: int(gpio) for what, gpio, _ in wiring()}
    file = ConfigFile(policy="generic")
    shipped = yaml.safe_load((DOCS.parent / "config" / "camerad.yaml").read_text())
    assert told == {
        "button main": shipped["buttons"]["main"]["gpio"],
        "button display": shipped["buttons"]["display"]["gpio"],
        "light green": file.lights.green.gpio,
        "light red": file.lights.red.gpio,
        "light amber": file.lights.amber.gpio,
        "vibration": file.vibration.gpio,
        "buzzer": file.buzzer.gpio,
    }


# Pins of the 40-pin header (the "GPIO and the 40-pin header" of Raspberry Pi's documentation).
HEADER = {17: 11, 27: 13, 22: 15, 23: 16, 24: 18, 25: 22, 18: 12}


def test_the_pins_of_the_header_are_those_of_their_gpios() -> None:
    told = {int(gpio): int(pin) for _, gpio, pin in wiring()}
    assert told == HEADER


def commands(page: str) -> list[str]:
    """The lines of a page's blocks that call `camerad`, by whatever path."""
    whole = re.sub(r"\\\n *", "", page)
    return re.findall(r"(?m)^ {4,}(?:sudo )?(?:[\w.~/-]*/)?(camerad [^#\n>]+)", whole)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_in_a_document_is_one_that_there_is(page: Path) -> None:
    """Of `camerad`: each is taken by the parser, with what stands in for names."""
    for command in commands(page.read_text(encoding="utf-8")):
        words = re.sub(r"\$\(date [^)]*\)", "today", command).split()[1:]
        main.make_parser().parse_args(words)


def test_commands_are_found_in_the_pages_that_have_most_of_them() -> None:
    """Where none is seen, the test before proves nothing."""
    assert len(commands(text("technician.md"))) > 20
    assert len(commands((DOCS.parent / "README.md").read_text(encoding="utf-8"))) > 5


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_make_is_asked_for_in_a_document_it_can_make(page: Path) -> None:
    makefile = (DOCS.parent / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    settings = set(re.findall(r"(?m)^([A-Z_]+) \?=", makefile)) | {"PYTHON"}
    written = page.read_text(encoding="utf-8")
    for asked in re.findall(r"(?m)(?:^ {4,}|`)make ([a-z][^`#\n]*)", written):
        words = re.sub(r"'[^']*'|\"[^\"]*\"", "", asked).split()
        assert {word for word in words if "=" not in word} <= targets, asked
        assert {word.split("=")[0] for word in words if "=" in word} <= settings, asked


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    """Also to headings, by the name that GitHub gives them: words with dashes, punctuation left
    out."""
    written = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", written) + re.findall(r'src="([^"]+)"', written)
    for target in targets:
        if not target.startswith("https://"):
            name, _, heading = target.partition("#")
            there = page.parent / name if name else page
            assert there.exists(), target
            assert not heading or heading in headings(there), target


def headings(page: Path) -> set[str]:
    found = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}
