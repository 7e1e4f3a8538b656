"""Why a hand-over, or a part of it, came to nothing."""

from __future__ import annotations

from camerad.base.errors import EX_TEMPFAIL, CameradError
from camerad.behaviour.dock_progress import HandoverTrouble


class OfficeUnavailableError(CameradError, ConnectionError):
    """Error raised when the office's server cannot be reached, or takes nothing from this camera
    just now. trouble: why; None if it works, and the office only asks to wait. retry_after: seconds
    that it asks to wait, None if it asks for nothing."""

    exit_code = EX_TEMPFAIL

    def __init__(
        self,
        text: str,
        retry_after: float | None = None,
        *,
        trouble: HandoverTrouble | None = HandoverTrouble.OFFICE,
    ) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.trouble = trouble


class OfficeAddressError(OfficeUnavailableError):
    """Error raised when nobody knows the address of the office's server."""


class SignatureRefusedError(OfficeUnavailableError):
    """Error raised when the office does not take this camera's signature. withdrawn: since it has
    withdrawn the camera."""

    def __init__(self, text: str, *, withdrawn: bool) -> None:
        super().__init__(text, trouble=HandoverTrouble.REGISTER)
        self.withdrawn = withdrawn


class OfficeAnswerError(CameradError, ValueError):
    """Error raised when the office's server answers one request as docs/office-api.md has not."""


class RecordingRefusedError(CameradError, ValueError):
    """Error raised when the office will not take a recording; the text is its reason."""


class UploadDeferredError(CameradError, RuntimeError):
    """Error raised when the office begins no further upload just now; those that have begun go on.
    retry_after: seconds that it asks to wait, None if it asks for nothing."""

    exit_code = EX_TEMPFAIL

    def __init__(self, text: str, retry_after: float | None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class OffsetMovedError(CameradError, ValueError):
    """Error raised when a part did not count; where the upload goes on has to be asked for."""


class PartDeferredError(CameradError, RuntimeError):
    """Error raised when the office takes no part of an upload just now. retry_after: seconds to
    wait."""

    exit_code = EX_TEMPFAIL

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class HandoverStoppedError(CameradError, InterruptedError):
    """Error raised when a hand-over was told to stop."""
