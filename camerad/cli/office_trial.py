"""``camerad office trial``: a pilot whose shifts are drawn by lot, from its plan to its report.

These commands work beside the server, on its directory; run them as its user.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from camerad.base.clock import SECOND, SystemClock
from camerad.base.errors import EX_CONFIG
from camerad.base.text import count, printable
from camerad.cli.console import CommandError, print_line, system_language, warn
from camerad.cli.office_log import cosigned
from camerad.container.keys import SigningKey
from camerad.container.statements import rfc3339
from camerad.evidence import office_key_file
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.report.report_days import days_in
from camerad.office.report.report_statement import write_report
from camerad.office.server.cameras import Cameras
from camerad.office.server.office_settings import OfficeFile, load
from camerad.office.server.preflight import check_directory
from camerad.office.server.state_import import open_state
from camerad.office.state.office_state import OfficeState
from camerad.office.trial import trials
from camerad.office.trial.analysis import ENOUGH_POWER, needed_shifts, power
from camerad.office.trial.records import RecordKind, read_record
from camerad.office.trial.trial_plan import EMPTY_PLAN, TrialPlan, load_plan
from camerad.office.trial.trial_report import check_trial, make_trial_report
from camerad.office.trial.trials import LedgerReader, Trial, TrialChange, TrialEnd
from camerad.store.holds import one_line
from camerad.store.locations import office_place
from camerad.transparency.office_log import OfficeLog

CHANGED: Final = 2
"""Exit code where a report was changed, as that of `camerad evidence verify`."""
DAYS_OF_YEAR: Final = 365.25


def plan(options: argparse.Namespace) -> int:
    """Say what a plan can find, before anybody begins; or print an empty one."""
    if options.form:
        sys.stdout.write(EMPTY_PLAN)
    elif options.plan is None:
        raise CommandError("name a plan; --form prints an empty one")
    else:
        for line in _what_it_finds(load_plan(options.plan)):
            print_line(line)
    return 0


def _what_it_finds(said: TrialPlan) -> Iterator[str]:
    shifts = sum(1 for _ in said.shifts())
    usual, relevant = said.usual_percent / 100, said.relevant_percent / 100
    chance, needed = power(shifts, usual, relevant), needed_shifts(usual, relevant)
    yield f"{said.name}: {shifts} shifts from {said.begin} to {said.last}"
    yield (
        f"looked for: {said.outcome} in {said.relevant_percent:g} of 100 shifts instead of "
        f"{said.usual_percent:g}"
    )
    yield f"chance to find that, if it is so: {100 * chance:.0f} %"
    if chance >= ENOUGH_POWER:
        return
    if needed is None:
        yield "no pilot of a bearable length finds so small an effect"
        return
    years = needed / shifts * 7 * said.weeks / DAYS_OF_YEAR
    yield (
        f"{100 * ENOUGH_POWER:.0f} % takes {needed} shifts: {years:.1f} years like this. Begin "
        "only with more teams, more time, an outcome that is more frequent, or a larger effect"
    )


def start(options: argparse.Namespace) -> int:
    """Draw the seed, and commit it with the plan."""
    said = load_plan(options.plan)
    with _changing(options) as change:
        change.begin(said)
    for line in _what_it_finds(said):
        print_line(line)
    print_line(
        "the draw is committed in the office's ledger. Have every camera docked once before "
        f"{said.begin}, so that it witnesses this"
    )
    return 0


def show_draw(options: argparse.Namespace) -> int:
    """Print the shifts of today and of the last days, and what is missing of them."""
    _, state = _open(options.config)
    with state.reading() as rows:
        trial = _running(trials.find_running(rows))
        shifts = trials.list_open(rows, trial, _today())
    state.close()
    for one in shifts:
        noted = "no form yet" if one.form is None else "form"
        if one.deviation is not None:
            noted += f", {one.deviation}"
        print_line(
            f"{one.shift}  {'with' if one.having else 'without'}  {trial.plan.compares}  {noted}"
        )
    return 0


def note(options: argparse.Namespace) -> int:
    """Note a form, a deviation, proceedings or a survey."""
    kind = RecordKind(options.kind)
    fields: dict[str, Any] = {}
    for one in options.fields:
        name, equals, value = one.partition("=")
        if not equals:
            raise CommandError(f"{printable(one)}: write FIELD=VALUE, such as insults=1")
        fields[name] = value
    record = read_record(kind, fields)
    with _changing(options) as change:
        change.note(_running(trials.find_running(change.rows)), kind, options.name, record)
    return 0


def end(options: argparse.Namespace) -> int:
    """End the pilot: nothing is noted any more, and it can be reported."""
    with _changing(options) as change:
        trial = _running(trials.find_running(change.rows))
        ended = change.end(trial, TrialEnd(options.early or TrialEnd.COMPLETE))
    print_line(
        f"{ended.plan.name} ended; shifts up to {ended.last} count. Its seed: {ended.seed.hex()}"
    )
    return 0


def report(options: argparse.Namespace) -> int:
    """Write the report of a pilot that has ended."""
    settings, state = _open(options.config)
    with state.reading() as rows:
        known = trials.list_trials(rows)
        trial = next((one for one in known if options.trial in (None, one.plan.name)), None)
        if trial is None:
            raise CommandError("there is no such pilot")
        noted = trials.list_noted(rows, trial)
    state.close()
    reader, language = _reader(settings), options.language or system_language()
    for text in trials.find_changes(trial, noted, reader):
        warn(f"NOT AS NOTED: {text}")
    files = make_trial_report(trial, noted, reader, _key(settings), language)
    for path in write_report(options.output, files):
        print_line(path)
    return 0


def check(options: argparse.Namespace) -> int:
    """Check a report: signature, seed, plan, and that its draw lies in the log."""
    settings = load(options.config, with_files=False)
    proof, problems = check_trial(options.report, _reader(settings))
    log = OfficeLog(office_place(str(settings.directory)).ledger)
    leaf = log.find(proof.entry.encode())
    if leaf is None:
        problems.append("the entry of the draw is not in the office's log")
    for text in problems:
        print_line(f"NOT AS SIGNED: {text}")
    if proof.changed:
        print_line(f"{count(proof.changed, 'record')} changed since noted, as the report says")
    if problems:
        return CHANGED
    seen = [
        one
        for _, one, _ in cosigned(settings)
        if one is not None and one.checkpoint.size > (leaf or 0) and log.continues(one.checkpoint)
    ]
    first = f", the first at {rfc3339(min(one.seconds for one in seen) * SECOND)}" if seen else ""
    print_line(
        f"as the office signed it. The draw is entry {leaf} of its log, which "
        f"{count(len(seen), 'camera')} cosigned last with it in it{first}"
    )
    return 0


@contextlib.contextmanager
def _changing(options: argparse.Namespace) -> Iterator[TrialChange]:
    settings, state = _open(options.config)
    clock, directory = SystemClock(), str(settings.directory)
    who = one_line("the name", options.who)
    ledger = DeskLedger(directory, state, Cameras(str(settings.register)), _key(settings), clock)
    with ledger.deciding() as decision:
        yield TrialChange(decision.rows, decision.append, who, _today())
    state.close()


def _open(config: str) -> tuple[OfficeFile, OfficeState]:
    settings = load(config, with_files=False)
    check_directory(str(settings.directory))
    return settings, open_state(settings.index, str(settings.directory))


def _running(trial: Trial | None) -> Trial:
    if trial is None:
        raise CommandError("no pilot goes on: begin one with 'camerad office trial start'")
    return trial


def _key(settings: OfficeFile) -> SigningKey:
    key = office_key_file.load_key(str(settings.office_key))
    if key is None:
        raise CommandError(f"{settings.office_key}: there is no key of the office", EX_CONFIG)
    return key


def _reader(settings: OfficeFile) -> LedgerReader:
    own = office_key_file.load_public_key(str(settings.office_key))
    if own is None:
        raise CommandError(f"{settings.office_key}: there is no such key", EX_CONFIG)
    found = office_key_file.ledger_keys(office_place(str(settings.directory)), own)
    if found.problem:
        raise CommandError(found.problem)
    return LedgerReader(found.ring, days_in(None))


def _today() -> date:
    return days_in(None)(SystemClock().wall_us())
