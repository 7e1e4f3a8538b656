"""Declares the texts that a language has for the doctor's findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from camerad.doctor.check_results import CheckResult, FindingId, Level


class Sentence(msgspec.Struct, frozen=True):
    """A plain sentence, and what to do about it; "" where nothing is to be done.

    Names in braces are values of the result, put in by ``str.format``.
    """

    sentence: str
    cure: str = ""


class DoctorWording(msgspec.Struct, frozen=True):
    """A language's texts.

    checks: what a person calls each check; `name` has the rest. states: what "on" and "off" are
    called, where a result has one of them as its value ``state``. summary: {ok}, {warn}, {fail},
    {not_tested} are counts. asks: questions to the person at the camera.
    """

    code: str
    yes: str
    levels: Mapping[Level, str]
    checks: Mapping[str, str]
    states: Mapping[str, str]
    button: str
    findings: Mapping[FindingId, Sentence]
    title: str
    subtitle: str
    summary: str
    cure: str
    progress: str
    saved: str
    ask_seen: str
    ask_display: str
    ask_press: str
    ask_speak: str

    def name(self, check: str) -> str:
        """A check's name for people."""
        kind, _, rest = check.partition("_")
        if check in self.checks:
            return self.checks[check]
        return self.button.format(name=rest) if kind == "button" else check

    def sentence(self, result: CheckResult) -> str:
        """The result in one sentence."""
        return self._put(self.findings[result.finding].sentence, result)

    def cure_of(self, result: CheckResult) -> str:
        """The remedy; "" if there is none."""
        return self._put(self.findings[result.finding].cure, result)

    def _put(self, text: str, result: CheckResult) -> str:
        values: dict[str, Any] = {"part": self.name(result.check), **result.values}
        if "state" in values:
            values["state"] = self.states.get(values["state"], values["state"])
        return text.format(**values)
