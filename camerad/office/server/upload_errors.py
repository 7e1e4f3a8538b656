"""Refusals of what a camera uploads: recordings, files of its ledger, and its check-ins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from enum import Enum, auto

from camerad.base.errors import CameradError


class UploadRefusal(Enum):
    """Why something is not taken. `camerad.office.server.refusals` has the answers' statuses."""

    BAD_DECLARATION = auto()
    """It can be no recording's."""
    DECLARED_DIFFERENTLY = auto()
    """The camera declared the same recording before, with another end or length."""
    NOT_WANTED = auto()
    """The office does not take the recording, or has it already."""
    NO_UPLOAD = auto()
    COMPLETE = auto()
    """The upload has all its bytes."""
    BUSY = auto()
    """Another request works on the same upload."""
    SERVER_BUSY = auto()
    """Another server, or a command, holds the office's database."""
    WRONG_OFFSET = auto()
    TOO_LARGE = auto()
    CAMERA_FULL = auto()
    """The camera has as much here before its ingest as it may."""
    NO_ROOM = auto()
    WRONG_BODY = auto()
    """It is not what was signed."""
    WRONG_CHECKSUM = auto()
    BAD_LEDGER = auto()
    """No ledger has such a file, or is made of such files."""
    BAD_CHECK_IN = auto()
    """The camera has not signed it."""
    STALE_CHECK_IN = auto()
    """It is not newer than the last one."""


class UploadError(CameradError):
    """Error raised when something that a camera uploads is not taken. Its text is for the people
    who run the client. headers: fields of the answer."""

    def __init__(
        self, refusal: UploadRefusal, text: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.refusal = refusal
        self.headers = dict(headers or {})


@contextlib.contextmanager
def unless(*refusals: UploadRefusal) -> Iterator[None]:
    """Leave the context without an error for these refusals."""
    try:
        yield
    except UploadError as error:
        if error.refusal not in refusals:
            raise
