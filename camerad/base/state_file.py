"""Small state files that outlive a restart: one id, or one object as JSON.

They are read up to a bound and written durably (`camerad.base.durable_files.publish`).

A damaged file must not keep the others of its directory from being read: the reader skips it and
logs it, once (`SkippedFiles`).
"""

from __future__ import annotations

import logging
from typing import Any, Final, TypeVar

import msgspec

from camerad.base import durable_files, file_status, typed_json
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.text import printable

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_LONGEST_ID: Final = 100
_MOST_SAID: Final = 1000


class StateFileError(StorageError):
    """Error raised when a state file makes no sense; the text says where, and what to do."""


def read_id(path: str, what: str) -> str:
    """The id in the file at `path`; "" if there is no file, or no id of ASCII in it.

    what: what the id is of, for the error. Raises StorageError if the file cannot be read.
    """
    if not file_status.exists(path):
        return ""
    try:
        return read_plain(path, what, _LONGEST_ID).decode("ascii").strip()
    except UnicodeDecodeError:
        return ""


def write_id(path: str, identifier: str) -> None:
    """Put an id into the file at `path`, durably. Raises StorageError."""
    durable_files.publish(path, f"{identifier}\n".encode("ascii"))


def read_json(path: str, kind: type[_T], what: str, largest: int, remedy: str) -> _T | None:
    """The object in the file at `path`; None if there is no file.

    largest: bytes that are read at most. what, remedy: what the file is and what helps, for the
    error. Raises StateFileError if it is no such object, and StorageError if it cannot be read.
    """
    if not file_status.exists(path):
        return None
    content = read_plain(path, what, largest)
    if not content:
        raise StateFileError(
            f"{path}: the {what} cannot be read: it is empty, or is no plain file; {remedy}"
        )
    try:
        return typed_json.decode(content, kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise StateFileError(f"{path}: the {what} cannot be read: {error}; {remedy}") from error


def write_json(path: str, content: Any, *, mode: int = durable_files.MODE) -> None:
    """Put an object into the file at `path`, durably. Raises StorageError."""
    durable_files.publish(path, msgspec.json.encode(content), mode=mode)


class SkippedFiles:
    """Logs skipped files, each once for one reason. what: the consequence, a plain sentence without
    its full stop. Any thread may use it."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._said: set[str] = set()

    def tell(self, error: CameradError) -> None:
        """Log that a file cannot be read. error: names the file and the reason."""
        text = str(error)
        if text in self._said:
            return
        if len(self._said) >= _MOST_SAID:
            self._said.clear()
        self._said.add(text)
        _log.error("%s: %s", self._what, printable(text), extra=MessageId.STORAGE.extra)
