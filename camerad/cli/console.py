"""Messages, tables, progress and passphrases at a command's terminal."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from camerad.base.errors import EX_USAGE, CameradError
from camerad.base.text import printable
from camerad.base.words import ENGLISH, languages
from camerad.container.statements import utc as utc_of

if TYPE_CHECKING:
    from tqdm import tqdm

_LONGEST_PASSPHRASE: Final = 4096


class CommandError(CameradError, ValueError):
    """Error raised when a command cannot be carried out as asked; the text says what to do."""

    def __init__(self, text: str, exit_code: int = EX_USAGE) -> None:
        super().__init__(text)
        self.exit_code = exit_code  # type: ignore[misc]


# ----------------------------------------------------------------------------------- messages


def warn(text: object) -> None:
    """Write one line to standard error, without control characters of the text."""
    sys.stderr.write(f"camerad: {printable(text)}\n")


def print_line(text: object) -> None:
    """Write one line to standard output, without control characters of the text."""
    sys.stdout.write(f"{printable(text)}\n")


def print_json(value: Any, indent: int | None = None) -> None:
    """Write an object as JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=indent) + "\n")


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Write names and values to standard output, one a line."""
    sys.stdout.write("".join(f"{name:<14}{printable(value)}\n" for name, value in fields))


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns, the first of them the heading."""
    shown = [[printable(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    )
    return "".join(f"{line}\n" for line in lines)


def system_language() -> str:
    """This computer's language if there is a catalogue for it, else English (ISO 639-1).

    As the environment names it for messages (POSIX): the system need not have a locale of it.
    """
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    code = re.split("[_.@]", next(filter(None, named), ""))[0].lower()
    return code if code in languages() else ENGLISH


# -------------------------------------------------------------------------------------- times


def local_time(wall_us: int, *, utc: bool) -> datetime:
    """Wall time in this computer's zone (``$TZ``, else localtime(5)), or in UTC. Raises ValueError
    if it is no date."""
    return utc_of(wall_us) if utc else utc_of(wall_us).astimezone()


def format_time(when: datetime) -> str:
    """``2026-11-24 16:30:00 CET``, for people."""
    return f"{when:%Y-%m-%d %H:%M:%S %Z}"


def rfc3339_local(when: datetime) -> str:
    """``2026-11-24T16:30:00.000+01:00``, for programs."""
    return when.isoformat(timespec="milliseconds")


def day_bounds(text: str, *, utc: bool) -> tuple[datetime, datetime]:
    """When a day such as ``2026-11-28`` begins here, and when the next one does. Raises ValueError
    if it is none."""
    day = date.fromisoformat(text)
    try:
        first, last = (datetime(one.year, one.month, one.day) for one in (day, day + timedelta(1)))
        if utc:
            return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
        return first.astimezone(), last.astimezone()
    except OverflowError as error:
        raise ValueError(f"{text} is at the end of time") from error


# ------------------------------------------------------------------------------------ progress


class ProgressBar:
    """A bar over bytes on standard error, if that is a terminal; a context manager."""

    def __init__(self, label: str, total: int = 0) -> None:
        self._bar: tqdm[Any] | None = None
        if sys.stderr.isatty():
            from tqdm import tqdm  # noqa: PLC0415 - slow to import, and often not needed

            self._bar = tqdm(
                desc=printable(label),
                total=total,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                leave=False,
                file=sys.stderr,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def set_done(self, done: int, total: int) -> None:
        """So many bytes of so many are done."""
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)

    def advance(self, count: int) -> None:
        """So many bytes more are done."""
        if self._bar is not None:
            self._bar.update(count)

    def set_label(self, text: str) -> None:
        """What is being done now."""
        if self._bar is not None:
            self._bar.set_description(printable(text))


# ---------------------------------------------------------------------------------- passphrases


def ask_passphrase(question: str) -> str:
    """The answer of the person at the terminal. Raises CommandError if there is none."""
    try:
        return getpass.getpass(question)
    except EOFError:
        raise CommandError(
            "there is no terminal to ask for a passphrase; name a file with --passphrase-file"
        ) from None


def read_passphrase(path: str) -> str:
    """The first line of a file. Raises CommandError."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(_LONGEST_PASSPHRASE).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise CommandError(
            f"{path}: the passphrase cannot be read: {why}; name another file"
        ) from None
