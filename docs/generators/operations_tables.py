"""Writes the tables of docs/operations.md: `python -m generators.operations_tables [--check]`.

What the page says of signals, findings, ledger entries and limits is read from the tables that the
camera works by, so it cannot say anything else; what stands around the tables is written by hand.
A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``. With ``--check``
nothing is written, and the exit code is 1 if the page is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from camerad.base.message_ids import MessageId
from camerad.behaviour import signals, stages
from camerad.behaviour.dock_progress import HandoverState
from camerad.behaviour.scene import GRAVITY
from camerad.behaviour.stages import Condition, CueKind, Stage, State
from camerad.config import fields
from camerad.config.sections import ConfigFile
from camerad.config.wording import LANGUAGES
from camerad.doctor.check_results import FindingId, Level
from camerad.doctor.wording import ENGLISH
from camerad.ledger.entry_types import KINDS
from camerad.selfview.viewer_settings import CAUSES
from generators import written_page
from generators.written_page import markdown_table

PAGE: Final = Path(__file__).parents[2] / "docs" / "operations.md"
CATALOG: Final = Path(__file__).parents[2] / "systemd" / "camerad.catalog"
"""What explains each kind of message of the log (systemd's "Journal Message Catalogs")."""
_PLACE: Final = re.compile(r"\{(\w+)(?:[:!][^}]*)?\}")


def page(text: str) -> str:
    """`text` with every table as the code has it. Raises KeyError for one that there is not."""
    return written_page.with_tables(text, TABLES)


# ------------------------------------------------------------------------------------ signals

_LIGHTS: Final = {
    signals.OFF: "dark",
    signals.ON: "on",
    signals.BLINK: "blinks",
    signals.FLASH: "flashes every three seconds",
}
_TOLD_AT: Final = {
    "self_view": "self-view begins, a press is refused",
    "record": "a recording begins",
    "remind": "a reminder in a recording",
}


_TELLS: Final = {
    CueKind.READY: "it can record, or can record again",
    CueKind.STARTED: "a recording began, or goes on",
    CueKind.STILL_RECORDING: "a recording began, or goes on",
    CueKind.STOPPED: "the recording has ended",
    CueKind.MARKED: "a mark is set",
    CueKind.ASKED: "it records, and the button that ends a recording is held",
    CueKind.SELF_VIEW_ON: "self-view is on",
    CueKind.SELF_VIEW_OFF: "self-view is off",
    CueKind.MUTED: "the recording goes on without sound",
    CueKind.UNMUTED: "the recording's sound is on again",
    CueKind.REFUSED: "a press was refused: because of a condition with *no* in the column *press "
    "records*, or because the camera is switching off",
    CueKind.CUT_OFF: "a recording was cut off, and nobody ended it. The camera does not record now",
    CueKind.RECORDING_FAILED: "the recording could not go on, and has ended",
    CueKind.SHIFT_BEGUN: "a shift has begun",
    CueKind.SHIFT_ENDED: "a shift has ended",
    CueKind.NOT_READY: "on a shift it could not record",
}
"""What is told by the cues that stand for no condition."""
_HANDING_OVER: Final = {
    HandoverState.WAITING: "handing over waits",
    HandoverState.HANDING_OVER: "handing over is under way",
    HandoverState.HANDED_OVER: "handing over is complete",
    HandoverState.FAILED: "handing over does not work",
}
"""What the lights tell of handing over in the dock; it is no condition."""


def _signals() -> str:
    """By what is felt, since that is what somebody reports; silent conditions come last."""
    rows = {
        (_rhythm(kind), says): (_felt(signals.CODES[kind]), *[""] * 4)
        for kind, says in _TELLS.items()
    }
    for condition in Condition:
        look = signals.indication(State(Stage.IDLE, 0, frozenset({condition})))
        lights = {"green": look.green, "amber": look.amber}
        shown = [f"{name} {_LIGHTS[pattern]}" for name, pattern in lights.items() if pattern.steps]
        cue = stages.CUES.get(condition)
        rows["" if cue is None else _rhythm(cue), f"`{condition.value}`"] = (
            "" if cue is None else _felt(signals.CODES[cue]),
            ", ".join(shown),
            ", ".join(
                _TOLD_AT.get(what.value, what.value)
                for what, again in stages.SAID_AGAIN.items()
                if condition in again
            ),
            "no" if condition in stages.REFUSES_START else "yes",
            "ends" if condition in stages.ENDS_RECORDING else "goes on",
        )
    docked = signals.indication(State(Stage.IDLE, 0, frozenset({Condition.DOCKED})))
    for handover in HandoverState:
        look = signals.in_dock(docked, handover)
        lit = {"green": look.green, "amber": look.amber}
        shown = [f"{name} {_LIGHTS[pattern]}" for name, pattern in lit.items() if pattern.steps]
        says = f"in its dock, with an office: {_HANDING_OVER[handover]}"
        rows["", says] = ("", ", ".join(shown), "", "yes", "goes on")
    order = sorted(rows, key=lambda row: (_ORDER.index(row[0]), row[1]))
    head = ("vibration", "says", "full", "in idle", "again when", "press records", "recording")
    return markdown_table(head, ((told, says, *rows[told, says]) for told, says in order))


def _rhythm(kind: CueKind) -> str:
    """What is felt of a cue, where nothing is recorded."""
    felt = _felt(signals.CUE_TABLE[kind][0].value)
    return f"{felt}, twice" if kind in signals.TWICE else felt


def _felt(code: str) -> str:
    return " ".join("long" if stroke == "-" else "short" for stroke in code)


_ORDER: Final = [
    *(f"{_felt(one.value)}{times}" for one in signals.Rhythm for times in ("", ", twice")),
    "",
]
"""Rhythms in the order of their table; what is silent comes last."""


# ------------------------------------------------------------------------------------- doctor


def _doctor() -> str:
    """What may be wrong, with its cure; what is well needs no table."""
    rows = []
    for what in FindingId:
        if what.level is Level.OK:
            continue
        said = ENGLISH.findings[what]
        level = what.level.value.replace("_", " ")
        rows.append((f"`{what.value}`", level, _named(said.sentence), _named(said.cure)))
    return markdown_table(("finding", "status", "says", "what to do"), rows)


def _named(text: str) -> str:
    """The text with the names of what is put in, as in a manual."""
    return _PLACE.sub(lambda found: f"*{found[1]}*", text)


# ------------------------------------------------------------------------------------- ledger


def _ledger() -> str:
    rows = [(f"`{kind}`", _first_sentence(facts)) for kind, facts in KINDS.items()]
    return markdown_table(("kind", "says"), rows)


def _first_sentence(kind: type) -> str:
    text = " ".join((kind.__doc__ or "").split())
    return re.split(r"(?<=\.) ", text)[0]


# ---------------------------------------------------------------------------------------- log


def _log() -> str:
    explained = {}
    for entry in re.split(r"(?m)^-- ", CATALOG.read_text(encoding="utf-8"))[1:]:
        head, _, body = entry.partition("\n\n")
        number, *fields_of = head.splitlines()
        subject = next(line for line in fields_of if line.startswith("Subject: "))
        explained[number] = (subject.removeprefix("Subject: "), body)
    rows = [(f"`{kind.value}`", *explained[kind.value]) for kind in MessageId]
    return markdown_table(("id", "subject", "what it means, and what to do"), rows)


# ------------------------------------------------------------------------------------- limits


def _limits() -> str:
    return markdown_table(
        ("setting", "unless set", "from", "to", "what it is"), _numbers(ConfigFile, None)
    )


def _numbers(kind: type, base: Any, path: str = "") -> Iterator[Sequence[str]]:
    """Every number of the configuration that has bounds."""
    for setting in fields.settings_of(kind, base):
        name = f"{path}{setting.key}"
        if fields.is_section(setting.kind):
            inner = setting.default if isinstance(setting.default, setting.kind) else None
            yield from _numbers(setting.kind, inner, f"{name}.")
        elif bounds := setting.mark(fields.Range):
            default = setting.default
            known = isinstance(default, int | float) and not isinstance(default, bool)
            yield (
                f"`{name}`",
                fields.plain_number(default) if known else "by the policy",
                fields.plain_number(bounds.low),
                f"{fields.plain_number(bounds.high)} {bounds.unit}".rstrip(),
                setting.about,
            )


# ------------------------------------------------------------------------------------- causes


def _causes() -> str:
    """What the display says of each condition, the gravest first."""
    rows = (
        (f"`{one.value}`", *(getattr(LANGUAGES[code], CAUSES[one]) for code in ("de", "en")))
        for one in GRAVITY
    )
    return markdown_table(("condition", "the display in German", "in English"), rows)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "causes": _causes,
    "signals": _signals,
    "doctor": _doctor,
    "ledger": _ledger,
    "log": _log,
    "limits": _limits,
}
"""Every table, by its name in the page."""


def main(arguments: Sequence[str] | None = None, path: Path = PAGE) -> int:
    """The command; returns its exit code."""
    return written_page.run("operations_tables", page, path, arguments)


if __name__ == "__main__":
    sys.exit(main())
