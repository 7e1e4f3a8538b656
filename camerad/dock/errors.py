"""Errors of uploads to the office."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from camerad.base.errors import EX_TEMPFAIL, CameradError
from camerad.behaviour.dock_progress import HandoverTrouble


class OfficeFault(Enum):
    """Why the office takes nothing, where a technician can mend it."""

    ADDRESS = "address"
    """The server's name has no address."""
    AUTHORITY = "authority"
    """The server's certificate is not by the authority that the camera trusts."""
    TIME = "time"
    """That certificate, or its authority's, does not count now, by the camera's clock."""
    NAME = "name"
    """That certificate is for another address."""
    UNREGISTERED = "unregistered"
    """The office does not take this camera's signature."""
    WITHDRAWN = "withdrawn"
    """The office has withdrawn the camera."""


class OfficeUnavailableError(CameradError, ConnectionError):
    """Error raised when the office's server cannot be reached, or takes nothing from this camera
    just now. trouble: why; None if it works, and the office only asks to wait. retry_after: seconds
    that it asks to wait, None if it asks for nothing. fault: more exactly, if it is known. details:
    of the certificates, for people."""

    exit_code = EX_TEMPFAIL

    def __init__(
        self,
        text: str,
        retry_after: float | None = None,
        *,
        trouble: HandoverTrouble | None = HandoverTrouble.OFFICE,
        fault: OfficeFault | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.retry_after: Final = retry_after
        self.trouble: Final = trouble
        self.fault: Final = fault
        self.details: Final = details or {}


class AnswerKind(Enum):
    """Kinds of answers with which an upload does not go on."""

    WRONG = "wrong"
    """The answer breaks the protocol (docs/office-api.md)."""
    REFUSED = "refused"
    """The office will not take the recording; the text is its reason."""
    DEFERRED = "deferred"
    """The office begins no further upload, or sends or takes no part, just now; uploads that have
    begun go on."""
    MOVED = "moved"
    """A part did not count: ask where the upload goes on."""


class OfficeAnswerError(CameradError, ValueError):
    """Error raised when the office does not do what one request asks. retry_after: seconds that it
    asks to wait, 0 if it asks for nothing."""

    def __init__(
        self, text: str, kind: AnswerKind = AnswerKind.WRONG, retry_after: float = 0.0
    ) -> None:
        super().__init__(text)
        self.kind: Final = kind
        self.retry_after: Final = retry_after


class HandoverStoppedError(CameradError, InterruptedError):
    """Error raised when a hand-over was told to stop."""
