"""``camerad doctor``: checks whether a camera can be handed out."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from camerad.base import durable_files
from camerad.base.clock import SystemClock
from camerad.base.errors import EX_CANTCREAT, EX_TEMPFAIL
from camerad.base.words import Words, words_in
from camerad.cli.console import CommandError, print_json, system_language
from camerad.config import load
from camerad.control.client import SOCKET_NAME
from camerad.doctor import bring_up
from camerad.doctor.check_results import CheckResult
from camerad.doctor.prompts import Terminal
from camerad.doctor.report import DoctorReport, format_result
from camerad.doctor.runner import Examination
from camerad.doctor.sentences import check_name


class _Progress:
    """One line on a terminal that says what is being tested, and is gone again."""

    def __init__(self, words: Words, *, shown: bool) -> None:
        self._words = words
        self._shown = shown

    def begins(self, check: str, number: int, count: int) -> None:
        """This check comes next."""
        if self._shown:
            part = check_name(check, self._words)
            text = f"[{number}/{count}] {part} ..."
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    words = words_in(options.language or system_language())
    if options.bring_up is not None:
        return _bring_up(options, words)
    saved = None if options.save is None else _create(options.save)
    try:
        report = asyncio.run(_examine(options, words))
        if saved is not None:
            _write(saved, options.save, report.document(words))
    except BaseException:
        if saved is not None:
            with suppress(OSError):  # what went wrong first is what has to be said
                os.unlink(options.save)
        raise
    finally:
        if saved is not None:
            os.close(saved)
    if options.json:
        print_json(report.as_json(words))
    else:
        sys.stdout.write("\n" + report.summary(words))
        if options.save is not None:
            sys.stdout.write(
                words.gettext("saved in {path}", path=os.path.abspath(options.save)) + "\n"
            )
    return report.exit_code


def _bring_up(options: argparse.Namespace, words: Words) -> int:
    """The first hour with a board; returns the exit code."""
    path = os.path.abspath(options.bring_up)
    try:
        begun = bring_up.resume(path)
    except (OSError, ValueError):
        raise CommandError(
            f"{path}: exists already and is not overwritten; name another file with --bring-up",
            EX_CANTCREAT,
        ) from None
    if begun is not None and begun.boot == SystemClock().boot_id:
        raise CommandError(
            f"{path}: the power was not cut since; remove this file to begin anew", EX_CANTCREAT
        )
    if begun is None:
        os.close(_create(path))  # so that it is known at once whether it can be made
        os.unlink(path)
        options.interactive = True
    report = asyncio.run(_first_hour(options, words, path, begun))
    durable_files.publish(path, report.document(words).encode())
    sys.stdout.write("\n" + report.summary(words))
    sys.stdout.write(words.gettext("saved in {path}", path=path) + "\n")
    return report.exit_code


async def _first_hour(
    options: argparse.Namespace, words: Words, path: str, begun: bring_up.BringUp | None
) -> DoctorReport:
    person = Terminal(words)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if begun is None:
        report = await _examine(options, words)
        if report.running:
            raise CommandError(
                "a daemon runs, so the parts were not tested directly: stop it with sudo systemctl "
                "stop camerad, and give the command again",
                EX_TEMPFAIL,
            )
        results = list(report.results)
    else:
        results = begun.results
    settings = load(Path(options.config))
    socket = options.socket or os.path.join(settings.device.runtime_dir, SOCKET_NAME)
    daemon = bring_up.CameraDaemon(settings, socket)

    def add(result: CheckResult) -> None:
        results.append(result)
        sys.stdout.write(format_result(result, words, colour=colour))
        sys.stdout.flush()

    try:
        if begun is not None:
            add(await bring_up.judge_cut(daemon, begun))
        else:
            minute, recording = await bring_up.record(daemon, settings, person)
            add(minute)
            if recording:
                add(await bring_up.await_cut(daemon, path, results, recording, person))
    finally:
        await daemon.close()
    return DoctorReport(results, settings.device.id, SystemClock().moment(), running=False)


async def _examine(options: argparse.Namespace, words: Words) -> DoctorReport:
    examination = Examination(
        Path(options.config),
        options.socket,
        options.only,
        Terminal(words) if options.interactive else None,
    )
    progress = _Progress(words, shown=sys.stderr.isatty() and not options.interactive)
    examination.begins = progress.begins
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    results = []
    async for result in examination.run():
        results.append(result)
        progress.clear()
        if not options.json:
            sys.stdout.write(format_result(result, words, colour=colour))
            sys.stdout.flush()
    settings = examination.settings
    return DoctorReport(
        results,
        None if settings is None else settings.device.id,
        examination.moment or SystemClock().moment(),
        examination.running,
    )


def _create(path: str) -> int:
    """The file of the report, before anything is tested: whether it can be is known at once."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise CommandError(
            f"{path}: exists already and is not overwritten; name another file with --save",
            EX_CANTCREAT,
        ) from None
    except OSError as error:
        raise CommandError(
            f"{path}: the report cannot be saved: {error.strerror}", EX_CANTCREAT
        ) from error


def _write(descriptor: int, path: str, document: str) -> None:
    rest = memoryview(document.encode())
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError as error:
        raise CommandError(
            f"{path}: the report cannot be saved: {error.strerror}", EX_CANTCREAT
        ) from error
