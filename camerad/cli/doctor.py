"""``camerad doctor``: checks whether a camera can be handed out."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from camerad.base.errors import EX_CANTCREAT, CameradError, HardwareError
from camerad.base.words import Words, words_in
from camerad.cli.language import add_language, system_language
from camerad.doctor.checks import BEFORE, CHECKS

if TYPE_CHECKING:
    from camerad.doctor.report import DoctorReport

DEFAULT_CONFIG: Final = "/etc/camerad/camerad.yaml"


class SaveError(CameradError, OSError):
    """Error raised when the report cannot be saved; the text says what to do."""

    exit_code = EX_CANTCREAT


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "doctor",
        help="test every part of the camera, and say what to do about what is wrong",
        description="For technicians: tests every part of the camera, and says in one sentence "
        "what is wrong and what to do. If the daemon runs, the doctor asks it. "
        "Otherwise the doctor tests the parts directly, and no daemon can start "
        "meanwhile. It records nothing, and keeps no picture and no sound. Exit code "
        "0: all is well; 2: something needs attention; 1: something failed. What was "
        "not tested does not count. 64 and above: an error, and no verdict; 73: the "
        "file of --save exists already.",
    )
    parser.add_argument(
        "--config", default=DEFAULT_CONFIG, type=Path, metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument(
        "--socket",
        default=os.environ.get("CAMERAD_SOCKET"),
        metavar="PATH",
        help="where the daemon listens; default: $CAMERAD_SOCKET, or as the configuration says",
    )
    parser.add_argument(
        "--only",
        type=_checks,
        metavar="CHECK,...",
        help="these checks only: " + ", ".join(one for one in CHECKS if one not in BEFORE),
    )
    parser.add_argument(
        "--interactive",
        action="store_true",
        help="ask for a press of each button, and whether lights, vibration, buzzer, loudspeaker "
        "and display are noticed",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument(
        "--save",
        metavar="FILE",
        help="write the report into a new file for the camera's records; its last line is the "
        "JSON object",
    )
    add_language(parser, "of the report")


def _checks(text: str) -> frozenset[str]:
    chosen = frozenset(one.strip() for one in text.split(",") if one.strip())
    unknown = sorted(chosen - set(CHECKS))
    if unknown or not chosen:
        known = ", ".join(CHECKS)
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or text!r}: none of {known}")
    return chosen


class _Progress:
    """One line on a terminal that says what is being tested, and is gone again."""

    def __init__(self, words: Words, *, shown: bool) -> None:
        self._words = words
        self._shown = shown

    def begins(self, check: str, number: int, count: int) -> None:
        """This check comes next."""
        if self._shown:
            from camerad.doctor.sentences import check_name  # noqa: PLC0415 - not for every command

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
    saved = None if options.save is None else _create(options.save)
    try:
        report = _report(options, words)
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
        sys.stdout.write(json.dumps(report.as_json(words)) + "\n")
    else:
        sys.stdout.write("\n" + report.summary(words))
        if options.save is not None:
            sys.stdout.write(
                words.gettext("saved in {path}", path=os.path.abspath(options.save)) + "\n"
            )
    return report.exit_code


def _report(options: argparse.Namespace, words: Words) -> DoctorReport:
    try:
        return asyncio.run(_examine(options, words))
    except ModuleNotFoundError as error:
        raise HardwareError(
            f"the library {error.name} is missing, which only a camera has: run this command on "
            "the camera"
        ) from error


async def _examine(options: argparse.Namespace, words: Words) -> DoctorReport:
    from camerad.base.clock import SystemClock  # noqa: PLC0415
    from camerad.doctor.prompts import Terminal  # noqa: PLC0415
    from camerad.doctor.report import DoctorReport, format_result  # noqa: PLC0415
    from camerad.doctor.runner import Examination  # noqa: PLC0415 - slow to import

    examination = Examination(
        options.config,
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
        raise SaveError(
            f"{path}: exists already and is not overwritten; name another file with --save"
        ) from None
    except OSError as error:
        raise SaveError(f"{path}: the report cannot be saved: {error.strerror}") from error


def _write(descriptor: int, path: str, document: str) -> None:
    rest = memoryview(document.encode())
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError as error:
        raise SaveError(f"{path}: the report cannot be saved: {error.strerror}") from error
