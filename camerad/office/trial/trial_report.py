"""The report of a pilot: a page, the same as JSON with the proof of the draw, and a signature.

The JSON has plan, seed, and the ledger's entry that committed both before the first shift: anybody
who has it recomputes the draw (`camerad.office.trial.draw`). `check_trial` does so too.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import msgspec

from camerad import __version__
from camerad.base import file_status, typed_json
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.base.words import Words, words_in
from camerad.container import jws
from camerad.container.jws import JwsError
from camerad.container.keys import SigningKey
from camerad.evidence.cover_sheet import escape
from camerad.office.report import report_page as html
from camerad.office.report import report_words as said
from camerad.office.report.figures import Cell, Unit
from camerad.office.report.report_page import REPORT_PAGE
from camerad.office.report.report_statement import HTML, SIGNED, ReportedFile
from camerad.office.trial import trial_words
from camerad.office.trial.analysis import ENOUGH_POWER, needed_shifts, power
from camerad.office.trial.trial_figures import RowGroup, TrialFigures, TrialRow, make_figures
from camerad.office.trial.trial_plan import TrialError, TrialPlan
from camerad.office.trial.trials import (
    LedgerReader,
    NotedRecord,
    Trial,
    TrialEnd,
    find_changed_draw,
    find_changes,
    find_late,
    sort_records,
)

REPORT: Final = "camerad-trial"
JSON: Final = ".json"
_LARGEST: Final = 64 << 20


class TrialStatement(msgspec.Struct, frozen=True):
    """What the office signs: the files of a report. kid: its key."""

    kid: str
    trial: str
    software: str
    files: tuple[ReportedFile, ...]


class TrialProof(msgspec.Struct, frozen=True):
    """What a reader needs to recompute the draw, and the figures. seed: in hex. entry: the token
    that committed plan and seed. last: the last day that counts. changed: how many records were
    changed since they were noted; which, `find_changes` says."""

    plan: TrialPlan
    seed: str
    entry: str
    last: date
    why: TrialEnd
    changed: int
    figures: TrialFigures


def make_trial_report(
    trial: Trial, noted: list[NotedRecord], reader: LedgerReader, key: SigningKey, language: str
) -> dict[str, bytes]:
    """A report's files, by their names; the signature comes last. reader: of the
    office's ledger. key: signs the report. Raises TrialError if the pilot has not ended."""
    if trial.last is None or trial.why is None:
        raise TrialError(
            f"the pilot {trial.plan.name} goes on: no figure by arm is given out before its end"
        )
    proof = TrialProof(
        trial.plan,
        trial.seed.hex(),
        trial.token.decode(),
        trial.last,
        trial.why,
        sum(1 for _ in find_changes(trial, noted, reader)),
        make_figures(trial.plan, trial.drawn(), sort_records(noted), find_late(noted, reader)),
    )
    name = f"{REPORT}-{trial.plan.name}"
    files = {
        name + HTML: _Page(proof, words_in(language)).html().encode(),
        name + JSON: msgspec.json.format(msgspec.json.encode(proof, order="sorted")),
    }
    hashes = (ReportedFile(one, _sha256(content)) for one, content in files.items())
    statement = TrialStatement(key.public.thumbprint, trial.plan.name, __version__, tuple(hashes))
    return files | {name + SIGNED: jws.sign(key, REPORT, statement)}


def check_trial(path: str, reader: LedgerReader) -> tuple[TrialProof, list[str]]:
    """A report's proof, and what is wrong, a sentence each. path: one of its files; they lie
    together. Raises TrialError if there is no proof, and StorageError."""
    stem, _ = os.path.splitext(path)
    token, content = (_read(stem + ending) for ending in (SIGNED, JSON))
    try:
        proof = typed_json.decode(content, TrialProof)
        seed = bytes.fromhex(proof.seed)
    except (msgspec.MsgspecError, ValueError) as error:
        raise TrialError(f"{stem}{JSON}: {printable(error)}") from error
    problems = []
    try:
        statement = jws.read_own(token.strip(), reader.keys, REPORT, TrialStatement)
        signed = {one.name: one.sha256 for one in statement.files}
    except JwsError as error:
        problems.append(f"{stem}{SIGNED}: {printable(error)}")
        signed = {}
    problems += [
        f"{stem}{ending}: it was changed since the office signed it"
        for ending in (HTML, JSON)
        if _sha256(_read(stem + ending)) != signed.get(os.path.basename(stem) + ending)
    ]
    problems += find_changed_draw(proof.plan, seed, proof.entry.encode(), reader)
    return proof, problems


def _read(path: str) -> bytes:
    if not file_status.exists(path):
        raise TrialError(f"{path}: it is not there; a report's files lie together")
    return read_plain(path, "report", _LARGEST, linked=True)


class _Page:
    def __init__(self, proof: TrialProof, words: Words) -> None:
        self._proof = proof
        self._plan = proof.plan
        self._words = words

    def html(self) -> str:
        words, plan = self._words, self._plan
        first, last = (said.day(one, words) for one in (plan.begin, self._proof.last))
        text: dict[str, Any] = {
            "title": words.gettext("Body cameras: report of a pilot"),
            "subtitle": words.gettext("{name}: shifts drawn by lot, one analysis", name=plan.name),
            "period": words.gettext("{first} to {last}", first=first, last=last),
            "short": words.gettext("The primary outcome"),
            "cannot_title": words.gettext("What cannot be concluded from this"),
            "method_title": words.gettext("How it was counted"),
            "rests_title": words.gettext("The plan, and the proof of the draw"),
            "made": words.gettext("Made with camerad {software}.", software=__version__),
        }
        method = map(words.gettext, trial_words.METHOD)
        return REPORT_PAGE.substitute(
            {name: escape(one) for name, one in text.items()},
            lang=words.language,
            tiles="".join(self._tiles()),
            plots=html.paragraph(self._conclusion()),
            cannot=html.items(self._cannot()),
            groups="".join(self._groups()),
            months=self._deviations(),
            compared=self._surveys(),
            typed="",
            method=f"<ul>{html.items(method)}</ul>",
            rests=html.items(self._rests()),
            signed=escape(
                words.gettext("'camerad office trial check' finds what was changed since.")
            ),
        )

    def _tiles(self) -> Iterator[str]:
        row = self._proof.figures.rows[0]
        for cell, arm in zip((row.having, row.lacking), self._arms(), strict=True):
            shown = said.shown(cell, row.unit, self._words)
            base = said.base(cell, row.unit, self._words)
            small = f"{arm}: {self._words.gettext(trial_words.OUTCOMES[row.code])}"
            in_words = cell.value is None
            yield html.tile(shown, f"{small} ({base})" if base else small, in_words=in_words)
        if row.effect is not None:
            label = self._words.gettext("in so many more of 100 shifts: 95 % interval, exact")
            yield html.tile(self._effect(row), label, in_words=False)

    def _conclusion(self) -> str:
        effect, words = self._proof.figures.rows[0].effect, self._words
        if effect is None:
            return words.gettext("Too few shifts: nothing can be said without naming people.")
        if effect.low > 0:
            return words.gettext(
                "It happened in more of the shifts with it. Chance alone hardly does that."
            )
        if effect.high < 0:
            return words.gettext(
                "It happened in fewer of the shifts with it. Chance alone hardly does that."
            )
        return words.gettext(
            "The interval has 0 in it: the pilot does not show whether it makes a difference. It "
            "does not show that there is none: everything within the interval may be true."
        )

    def _arms(self) -> tuple[str, str]:
        having, lacking = trial_words.ARMS[self._plan.compares]
        return self._words.gettext(having), self._words.gettext(lacking)

    def _effect(self, row: TrialRow) -> str:
        if row.effect is None:
            return ""
        low, high = (said.number(one, self._words, 1) for one in row.effect)
        return self._words.gettext("{low} to {high}", low=low, high=high)

    def _groups(self) -> Iterator[str]:
        words = self._words
        names = (words.gettext("Figure"), *self._arms(), words.gettext("Difference in 100 shifts"))
        head = "".join(html.th(name, "n" if at else "") for at, name in enumerate(names))
        for group in RowGroup:
            title = words.gettext(trial_words.GROUPS[group])
            rows = [self._row(one) for one in self._proof.figures.rows if one.group is group]
            about = html.paragraph(words.gettext(trial_words.ABOUT[group]))
            table = html.wide(title, html.table("compared", head, rows))
            yield html.section("group", title, about, table)

    def _row(self, row: TrialRow) -> str:
        table = trial_words.OUTCOMES if row.group is RowGroup.OUTCOMES else trial_words.FIGURES
        name = self._words.gettext(trial_words.PARTS[row.part] if row.part else table[row.code])
        cells = (self._cell(one, row.unit) for one in (row.having, row.lacking))
        return html.tr(name, *cells, html.td(self._effect(row), "n"))

    def _cell(self, cell: Cell, unit: Unit) -> str:
        shown = said.shown(cell, unit, self._words)
        base = said.base(cell, unit, self._words) if unit is Unit.SHARE else ""
        return html.td(f"{shown} ({base})" if base else shown, "n" if not cell.why else "why")

    def _deviations(self) -> str:
        title = self._words.gettext("Shifts that were not as drawn, by reason")
        return html.section("fine", title, self._parts(title, self._proof.figures.deviations))

    def _surveys(self) -> str:
        words = self._words
        title = words.gettext("Surveys")
        asked = words.gettext("The question was: do cameras make encounters better?")
        parts = (
            html.h3(words.gettext(trial_words.SURVEYS[name])) + self._parts(title, cells)
            for name, cells in self._proof.figures.surveys.items()
        )
        return html.section("fine", title, html.paragraph(asked), *parts)

    def _parts(self, title: str, cells: dict[str, Cell]) -> str:
        names = {"": self._words.gettext("in all")}
        names |= {one: self._words.gettext(trial_words.PARTS[one]) for one in cells if one}
        rows = (html.tr(names[one], self._cell(cell, Unit.COUNT)) for one, cell in cells.items())
        head = html.th(title) + html.th(self._words.gettext("Number"), "n")
        return html.table("figures", head, rows)

    def _cannot(self) -> Iterator[str]:
        words, proof = self._words, self._proof
        if proof.why is not TrialEnd.COMPLETE:
            yield words.gettext(
                "The pilot was ended before its last day, {last}: {why}.",
                last=said.day(self._plan.last, words),
                why=words.gettext(trial_words.ENDS[proof.why]),
            )
        for code in proof.figures.chosen:
            yield words.gettext(
                "{what}: more unlike between the arms than a fair draw explains. A person may have "
                "chosen; then the difference is not only that of what was drawn.",
                what=words.gettext(trial_words.FIGURES[code]),
            )
        if proof.changed:
            yield words.gettext(
                "Records that are not as the office's ledger has them: {number}.",
                number=proof.changed,
            )
        yield from map(words.gettext, trial_words.CANNOT)

    def _rests(self) -> Iterator[str]:
        words, plan, proof = self._words, self._plan, self._proof
        usual, relevant = plan.usual_percent / 100, plan.relevant_percent / 100
        chance = power(proof.figures.shifts, usual, relevant)
        needed = needed_shifts(usual, relevant)
        yield words.gettext(
            "Primary outcome: {what}. Expected without: {usual} of 100 shifts; looked for: "
            "{relevant}. With {shifts} shifts the chance to find that was {power} %; {enough} % "
            "take {needed} shifts.",
            what=words.gettext(trial_words.OUTCOMES[plan.outcome]),
            usual=said.number(plan.usual_percent, words, 1),
            relevant=said.number(plan.relevant_percent, words, 1),
            shifts=said.number(proof.figures.shifts, words),
            power=said.number(100 * chance, words),
            enough=said.number(100 * ENOUGH_POWER, words),
            needed="–" if needed is None else said.number(needed, words),
        )
        yield words.gettext("Plan, SHA-256 {sha256}", sha256=_sha256(plan.encode()))
        yield words.gettext("Seed {seed}", seed=proof.seed)
        yield words.gettext(
            "Committed before the first shift: SHA-256 {sha256} of the seed, in the office's "
            "signed ledger. Its entry is in the file of data.",
            sha256=_sha256(bytes.fromhex(proof.seed)),
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
