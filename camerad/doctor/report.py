"""Writes the report: lines for people, an object for programs, and a file with both.

The object of ``--json``; names do not change, new ones may come::

    version    1
    device     the device's id; null where the configuration is not in order
    software   the version of camerad
    at         wall time (RFC 3339), and what it is worth ("synchronised", "rtc", "unknown")
    clock
    daemon     whether a daemon had the parts, so that it was asked
    results    [{"check", "status": "ok" | "warn" | "fail" | "not_tested", "finding", "text",
               "cure", "values"}]; `camerad.doctor.checks` and `camerad.doctor.check_results` have
               the names, text and cure are in `language`
    counts     how many results have which status
    language   "de" or "en"
    exit_code  of the command
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from camerad import __version__
from camerad.base.clock import Moment
from camerad.base.text import printable
from camerad.container.statements import rfc3339
from camerad.doctor.check_results import CheckResult, Level, exit_code
from camerad.doctor.wording import DoctorWording

VERSION: Final = 1
WIDTH: Final = 100

_COLOURS: Final = {
    Level.OK: "\x1b[32m",
    Level.WARN: "\x1b[33m",
    Level.FAIL: "\x1b[1;31m",
    Level.NOT_TESTED: "\x1b[2m",
}
"""SGR sequences (ECMA-48, 8.3.117)."""
_PLAIN: Final = "\x1b[0m"


def format_result(result: CheckResult, wording: DoctorWording, *, colour: bool) -> str:
    """One result for people: how bad, what, the sentence, and below it the cure; ends with a line
    break."""
    level, name = wording.levels[result.level], wording.name(result.check)
    wide = max(len(word) for word in wording.levels.values())
    names = max(len(word) for word in wording.checks.values()) + 1
    indent = " " * (wide + names + 4)
    marked = level.ljust(wide)
    if colour:
        marked = f"{_COLOURS[result.level]}{marked}{_PLAIN}"
    said = _paragraphs(wording.sentence(result), len(indent))
    text = f"{marked}  {printable(name).ljust(names)}  " + f"\n{indent}".join(said) + "\n"
    if cure := wording.cure_of(result):
        arrow = f"{wording.cure}: "
        told = _paragraphs(cure, len(indent) + len(arrow))
        text += f"{indent}{arrow}" + f"\n{indent}{' ' * len(arrow)}".join(told) + "\n"
    return text


def _paragraphs(text: str, indent: int) -> list[str]:
    """`text` in lines that fit, each paragraph from a line of its own; commands and paths are not
    broken."""
    return [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(
            printable(paragraph),
            WIDTH - indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


class DoctorReport(msgspec.Struct, frozen=True):
    """Everything that was found. device: id, None where it is not known. moment: when."""

    results: Sequence[CheckResult]
    device: str | None
    moment: Moment
    running: bool

    @property
    def exit_code(self) -> int:
        """Of the command."""
        return exit_code(self.results)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings are of which level."""
        counted = Counter(result.level for result in self.results)
        return {level.value: counted[level] for level in Level}

    def summary(self, wording: DoctorWording) -> str:
        """One line for people; ends with a line break."""
        return wording.summary.format(**self.counts) + "\n"

    def as_json(self, wording: DoctorWording) -> dict[str, Any]:
        """The object that is described above."""
        return {
            "version": VERSION,
            "device": self.device,
            "software": __version__,
            "at": rfc3339(self.moment.wall_us),
            "clock": self.moment.source.value,
            "daemon": self.running,
            "results": [
                {
                    "check": result.check,
                    "status": result.level.value,
                    "finding": result.finding.value,
                    "text": wording.sentence(result),
                    "cure": wording.cure_of(result),
                    "values": dict(result.values),
                }
                for result in self.results
            ],
            "counts": self.counts,
            "language": wording.code,
            "exit_code": self.exit_code,
        }

    def document(self, wording: DoctorWording) -> str:
        """The file for the camera's records: the report for people, and as its last line the
        object, so that ``tail -n 1`` gives it to a program."""
        title = wording.title.format(device=self.device or "?")
        subtitle = wording.subtitle.format(
            at=rfc3339(self.moment.wall_us), clock=self.moment.source.value, software=__version__
        )
        said = "".join(format_result(result, wording, colour=False) for result in self.results)
        told = json.dumps(self.as_json(wording))
        rule = "=" * len(printable(title))
        head = f"{printable(title)}\n{rule}\n{subtitle}\n"
        return f"{head}\n{said}\n{self.summary(wording)}\n{told}\n"
