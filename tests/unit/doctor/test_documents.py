"""What the documents for people say is what the camera does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args

import msgspec
import pytest
from generators import operations_tables as handbook
from msgspec.structs import asdict

from camerad.behaviour import bindings, outcomes, signals, stages
from camerad.behaviour.stages import Condition, Intent, Rules, Stage, State
from camerad.cli import main
from camerad.config.display_wording import wording_in
from camerad.container import statements
from camerad.doctor.check_results import FindingId, Level
from camerad.ledger.entries import Payload
from camerad.ledger.entry_types import KINDS
from camerad.store.check_in import CheckIn
from camerad.store.receipts import Receipt

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md", DOCS.parent / "systemd/README.md"]


def named(page: Path) -> str:
    return str(page.relative_to(DOCS.parent))


def named_in(said: str) -> list[str]:
    return re.findall(r"`(\w+)`", said)


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
    page.write_text("before\n<!-- table: signals -->\nold\n<!-- end of table -->\nafter\n")
    assert handbook.main(["--check"], page) == 1
    assert handbook.main([], page) == 0
    assert handbook.main(["--check"], page) == 0
    written = page.read_text()
    assert written.startswith("before\n")
    assert written.endswith("<!-- end of table -->\nafter\n")
    assert "| `battery_critical` | green blinks | ▬ • ▬ • ▬ |" in written


def test_every_table_is_in_the_page_once() -> None:
    assert sorted(re.findall("<!-- table: (.*) -->", text("operations.md"))) == sorted(
        handbook.TABLES
    )


def test_the_format_has_every_kind_of_entry_with_its_fields_and_which_may_be_null() -> None:
    page = " ".join(text("ledger-format.md").split())
    section = page.split("### Kinds ")[1].split(" Elements of ")[0]
    closing = "`id`, `final`, `retention_days`, `ended`, `ended_boot`, `flagged`, `reason`"
    told = {
        kind: says.replace("closing", closing)
        for kinds, says in re.findall(r" - ((?:`\w+`(?:, )?)+): (.*?)(?= - `\w+`[:,]|$)", section)
        for kind in re.findall(r"\w+", kinds)
    }
    assert set(told) == set(KINDS)
    for kind, facts in KINDS.items():
        for one in msgspec.structs.fields(facts):
            null = isinstance(one.type, UnionType) and NoneType in get_args(one.type)
            assert f"`{one.encode_name}{'?' if null else ''}`" in told[kind], kind


STATEMENTS: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("evidence-format.md", "### 3.3"): statements.Header,
    ("evidence-format.md", "### 3.4"): statements.Commit,
    ("evidence-format.md", "`facts`:"): statements.FragmentFacts,
    ("evidence-format.md", "### 3.5"): statements.RecordingEnd,
    ("evidence-format.md", "`closing`:"): statements.Closing,
    ("evidence-format.md", "`microphone`:"): statements.Microphone,
    ("evidence-format.md", "`facts.sound`:"): statements.FragmentSound,
    ("ledger-format.md", "An entry is a statement"): Payload,
    ("ledger-format.md", "A receipt, `receipts/NNNN.jws`"): Receipt,
    ("ledger-format.md", "## 7. Check-ins"): CheckIn,
}


@pytest.mark.parametrize("where", STATEMENTS, ids=" ".join)
def test_the_format_has_every_field_of_a_statement_and_no_other(where: tuple[str, str]) -> None:
    page, begin = where
    (items,) = re.findall(r"(?:^(?:- |  ).*\n)+", text(page).split(f"\n{begin}")[1], re.M)[:1]
    told = {one for said in re.findall(r"^- (.*?`): ", items, re.M) for one in named_in(said)}
    assert told == {one.encode_name for one in msgspec.structs.fields(STATEMENTS[where])}


def test_every_condition_has_its_cause_its_effect_and_its_cure() -> None:
    section = text("operations.md").split("## Conditions\n")[1].split("\n## ")[0]
    explained = {row[0].strip("`"): row for row in rows(section) if row[0].startswith("`")}
    assert set(explained) == {condition.value for condition in Condition}
    for condition in Condition:
        name, cause, effect, cure = explained[condition.value]
        assert all((name, cause, effect, cure))
        assert ("closes a running" in effect) == (
            condition in stages.ENDS_RECORDING or condition is Condition.BATTERY_CRITICAL
        ), name


def test_every_condition_has_its_light_rhythm_and_words() -> None:
    shown = {row[0].strip("`"): row[1:] for row in rows(handbook.TABLES["signals"]())[2:]}
    assert set(shown) == {condition.value for condition in Condition}
    for condition in Condition:
        light, rhythm, *words = shown[condition.value]
        assert ("amber" in light) == (condition in stages.REFUSES_START)
        assert (rhythm != "") == (condition in stages.CUES)
        assert all(words) == (condition is not Condition.DOCKED)


def test_every_finding_of_the_doctor_that_asks_for_a_person_has_its_status() -> None:
    listed = [
        name for row in rows(handbook.TABLES["findings"]())[2:] for name in row[1].split(", ")
    ]
    asking = (Level.FAIL, Level.WARN)
    assert sorted(listed) == sorted(f"`{one.value}`" for one in FindingId if one.level in asking)


@pytest.mark.parametrize("condition", Condition)
def test_what_a_reminder_tells_is_in_the_table(condition: Condition) -> None:
    """By what is played when a recording with nothing else the matter has its reminder."""
    rules = stages.Rules(armed_in=frozenset(), self_view_timeout_us=1)
    state = stages.State(Stage.RECORDING, 0, frozenset({condition}))
    _, effects = outcomes.remind(state, rules.reminder_us, rules)
    told = stages.Cue(stages.CUES[condition]) in effects if condition in stages.CUES else False
    section = text("stages.md").split("## Conditions\n")[1].split("\n## ")[0]
    (row,) = (row for row in rows(section) if condition.value in row[0].split(", "))
    assert ("remind" in row[3]) is told


# ----------------------------------------------------------------------------------- officers

SHORT, LONG = "•", "▬"


def drawn(code: str) -> str:
    """The strokes of a rhythm, as the card draws them."""
    return " ".join(LONG if stroke == "-" else SHORT for stroke in code)


CARDS = {"de": "officer-de.md", "en": "officer-en.md"}
SAYS = {
    "DONE": ("Selbstansicht an", "Self-view on"),
    "RECORDS": ("Sie zeichnet auf", "It records"),
    "LEFT": ("Selbstansicht aus", "Self-view off"),
    "NO_RECORDING": ("Sie zeichnet nicht auf", "It does not record"),
    "SILENT": ("Sie zeichnet ohne Ton auf", "It records without sound"),
    "LIGHT": ("Ein Licht ist gestört", "A light failed"),
    "LOOK": ("Aufs Display sehen", "Look at the display"),
    "POWER_OFF": ("Sie geht in einer halben Minute aus", "It switches off in half a minute"),
}
COLOURS = {"green": ("grün", "green"), "red": ("rot", "red"), "amber": ("gelb", "amber")}
HOW = {
    signals.ON: ("", ""),
    signals.BLINK: (" blinkt", " blinks"),
    signals.FLASH: (" blitzt alle 3 Sekunden", " flashes every 3 seconds"),
}
NUMBER = list(CARDS)
"""Where a language stands in each pair above."""


def section(card: str, number: int) -> list[list[str]]:
    """The rows of a section's table, without its head and ruler."""
    return rows(card.split("\n## ")[number])[2:]


def bold(cell: str) -> str:
    """What is printed bold at the beginning of a cell, without what ends it."""
    found = re.match(r"\*\*(.+?)[:;,.]?\*\*", cell)
    assert found is not None, cell
    return found[1]


def signs(language: str) -> dict[str, str]:
    """What every sign of a card says, both its sides together."""
    card = text(CARDS[language])
    sides = [section(card, number) for number in (1, 2)]
    assert [len(side) for side in sides] == [10, 10]
    return dict(row for side in sides for row in side)


@pytest.mark.parametrize("language", CARDS)
def test_an_officers_card_has_every_rhythm_and_what_it_says(language: str) -> None:
    strokes = {one: says for one, says in signs(language).items() if set(one) <= {*"•▬ "}}
    felt = {drawn(one.value): SAYS[one.name][NUMBER.index(language)] for one in signals.Rhythm}
    assert {one: bold(says) for one, says in strokes.items()} == felt
    # The reminder, and what is told twice.
    records, none = (drawn(one.value) for one in (signals.Rhythm.RECORDS, NO_RECORDING))
    rules = Rules(frozenset(), 120_000_000)
    assert re.findall(r"\d+", strokes[records]) == [str(rules.reminder_us // 1_000_000)]
    assert ("Zweimal: abgebrochen", "Twice: it was cut off")[NUMBER.index(language)] in (
        strokes[none]
    )
    assert {signals.CUE_TABLE[kind][0] for kind in signals.TWICE} == {NO_RECORDING}


NO_RECORDING = signals.Rhythm.NO_RECORDING


@pytest.mark.parametrize("language", CARDS)
def test_an_officers_card_has_every_light_that_a_camera_can_show(language: str) -> None:
    """By what each lamp does in the states that an officer meets."""
    states = [
        State(Stage.STARTING, 0),
        *(State(stage, 0) for stage in Stage if stage is not Stage.STARTING),
        *(State(Stage.IDLE, 0, frozenset({one})) for one in Condition),
    ]
    number = NUMBER.index(language)
    seen = {
        COLOURS[colour][number] + HOW[pattern][number]
        for state in states
        for colour in COLOURS
        if (pattern := getattr(signals.indication(state), colour)) is not signals.OFF
    }
    lamps = {pair[number] for pair in COLOURS.values()}
    told = {bold(sign) for sign in signs(language) if sign.strip("*").split()[0] in lamps}
    assert told == seen
    assert len(told) == 6


@pytest.mark.parametrize("language", CARDS)
def test_p5_what_a_card_says_of_green_is_what_the_big_button_does(language: str) -> None:
    """Once is self-view; twice, or a hold, records; and red says so."""
    said = signs(language)
    green, red = (COLOURS[one][NUMBER.index(language)] for one in ("green", "red"))
    assert ("zweimal drücken oder 1 Sekunde", "twice, or hold it for 1 second")[
        NUMBER.index(language)
    ] in said[f"**{green}**"]
    assert bold(said[f"**{red}**"]) == SAYS["RECORDS"][NUMBER.index(language)]
    rules, state = Rules(frozenset(), 120_000_000), State(Stage.IDLE, 0)
    for stage in (Stage.SELF_VIEW, Stage.RECORDING):
        press = stages.Intended(0, Intent.ESCALATE, 0, "button:main", state.stage)
        state, _ = stages.step(state, press, rules)
        assert state.stage is stage
        lit = signals.indication(state)
        assert (lit.green, lit.red) == (
            (signals.ON, signals.OFF) if stage is Stage.SELF_VIEW else (signals.OFF, signals.ON)
        )


@pytest.mark.parametrize("language", CARDS)
def test_a_card_holds_the_buttons_as_long_as_the_camera_wants(language: str) -> None:
    held = {
        binding.intent: str(binding.hold_us // 1_000_000)
        for table in bindings.DEFAULT_TWO_BUTTONS
        for binding in table.bindings
        if binding.hold_us
    }
    seconds = [re.findall(r"(\d) [Ss]e[kc]", says) for says in signs(language).values()]
    front, back = seconds[:10], seconds[10:]
    # Green, green that blinks, and amber; the way to end; behind: both buttons.
    assert front[0] == [held[Intent.RECORD]]
    assert front[1] == front[3] == [held[Intent.SHOW_STATUS]]
    assert front[9] == [held[Intent.STOP]]
    assert (back[6], back[8]) == ([held[Intent.RECORD]], [held[Intent.TOGGLE_MUTE]])


def test_the_cards_say_the_same_in_the_same_order() -> None:
    shapes = [
        [(len(cells), bool(set(cells[0]) & {SHORT, LONG})) for cells in rows(text(card))]
        for card in CARDS.values()
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("language", CARDS)
def test_a_card_uses_the_words_of_the_display(language: str) -> None:
    wording = asdict(wording_in(language))
    card = text(CARDS[language])
    words = {
        "de": ("große Taste", "Displaytaste", "Selbstansicht", "Marke", "Vorlauf", "andere Kamera"),
        "en": ("big button", "display button", "self-view", "mark", "run-up", "another camera"),
    }[language]
    assert [word for word in words if word not in card] == []
    said = " ".join(wording[name] for name in wording if name.startswith("cause_"))
    for phrase in (
        ("roße Taste", "ndere Kamera nehmen", "ach dem Dienst melden"),
        (
            "big button",
            "ake another camera",
            "eport it after the shift",
        ),
    )[NUMBER.index(language)]:
        assert phrase in said
        assert phrase in card


# ---------------------------------------------------------------------------------- all pages


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
    assert len(commands((DOCS.parent / "README.md").read_text(encoding="utf-8"))) > 3


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_make_is_asked_for_in_a_document_it_can_make(page: Path) -> None:
    makefile = (DOCS.parent / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z0-9-]+):", makefile))
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
    written = page.read_text(encoding="utf-8")
    found = re.findall(r"(?m)^#+ (.+)$", written)
    named = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}
    return named | set(re.findall(r'<a id="([^"]+)">', written))
