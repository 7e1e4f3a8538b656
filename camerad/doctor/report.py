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
from camerad.base.clock import ClockSource, Moment
from camerad.base.text import printable
from camerad.base.words import N_, Words
from camerad.container.statements import rfc3339
from camerad.doctor.check_results import CheckResult, Level, exit_code
from camerad.doctor.checks import CHECK_NAMES
from camerad.doctor.sentences import check_name, remedy, sentence

VERSION: Final = 1
WIDTH: Final = 100

LEVELS: Final = {
    Level.OK: N_("ok"),
    Level.WARN: N_("WARNING"),
    Level.FAIL: N_("FAILED"),
    Level.NOT_TESTED: N_("not tested"),
}
_COLOURS: Final = {
    Level.OK: "\x1b[32m",
    Level.WARN: "\x1b[33m",
    Level.FAIL: "\x1b[1;31m",
    Level.NOT_TESTED: "\x1b[2m",
}
"""SGR sequences (ECMA-48, 8.3.117)."""
_PLAIN: Final = "\x1b[0m"
_CLOCKS: Final = {
    ClockSource.SYNCHRONISED: N_("set by a time server"),
    ClockSource.RTC: N_("kept by its battery"),
    ClockSource.UNKNOWN: N_("NOT reliable"),
}


def format_result(result: CheckResult, words: Words, *, colour: bool) -> str:
    """One result for people: how bad, what, the sentence, and below it the cure; ends with a line
    break."""
    level, name = words.gettext(LEVELS[result.level]), check_name(result.check, words)
    wide = max(len(words.gettext(one)) for one in LEVELS.values())
    names = max(len(check_name(one, words)) for one in CHECK_NAMES) + 1
    indent = " " * (wide + names + 4)
    marked = level.ljust(wide)
    if colour:
        marked = f"{_COLOURS[result.level]}{marked}{_PLAIN}"
    said = _paragraphs(sentence(result, words), len(indent))
    text = f"{marked}  {printable(name).ljust(names)}  " + f"\n{indent}".join(said) + "\n"
    if cure := remedy(result, words):
        arrow = words.gettext("fix") + ": "
        told = _paragraphs(cure, len(indent) + len(arrow))
        text += f"{indent}{arrow}" + f"\n{indent}{' ' * len(arrow)}".join(told) + "\n"
    return text


def _paragraphs(text: str, indent: int) -> list[str]:
    """`text` in lines that fit, each paragraph on a new line; commands and paths are not
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

    def summary(self, words: Words) -> str:
        """One line for people; ends with a line break."""
        return (
            words.ngettext(
                "{ok} ok, {warn} warning, {fail} failed, {not_tested} not tested",
                "{ok} ok, {warn} warnings, {fail} failed, {not_tested} not tested",
                self.counts[Level.WARN.value],
                **self.counts,
            )
            + "\n"
        )

    def as_json(self, words: Words) -> dict[str, Any]:
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
                    "text": sentence(result, words),
                    "cure": remedy(result, words),
                    "values": dict(result.values),
                }
                for result in self.results
            ],
            "counts": self.counts,
            "language": words.language,
            "exit_code": self.exit_code,
        }

    def document(self, words: Words) -> str:
        """The file for the camera's records: the report for people, and as its last line the
        object, so that ``tail -n 1`` gives it to a program."""
        title = words.gettext("Check of the body-worn camera {device}", device=self.device or "?")
        subtitle = words.gettext(
            "{at}; the clock was {clock}; camerad {software}",
            at=rfc3339(self.moment.wall_us),
            clock=words.gettext(_CLOCKS[self.moment.source]),
            software=__version__,
        )
        said = "".join(format_result(result, words, colour=False) for result in self.results)
        told = json.dumps(self.as_json(words))
        rule = "=" * len(printable(title))
        head = f"{printable(title)}\n{rule}\n{subtitle}\n"
        return f"{head}\n{said}\n{self.summary(words)}\n{told}\n"
