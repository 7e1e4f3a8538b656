"""Errors that stop an upload. Each text is meant for the people who run the client."""

from __future__ import annotations

from camerad.base.errors import CameradError


class BadDeclarationError(CameradError, ValueError):
    """Error raised when an upload is declared that can be no recording's."""


class DeclaredDifferentlyError(CameradError, ValueError):
    """Error raised when a camera declares a recording again, and differently."""


class NotWantedError(CameradError, RuntimeError):
    """Error raised when the office does not take a recording, or has it already."""


class NoUploadError(CameradError, LookupError):
    """Error raised when there is no such upload of that camera."""


class CompleteError(CameradError, RuntimeError):
    """Error raised when an upload that has all its bytes is to be changed."""


class UploadBusyError(CameradError, RuntimeError):
    """Error raised when another request works on the same upload."""


class DeclaringBusyError(CameradError, RuntimeError):
    """Error raised when another server keeps the office's uploads to itself: ask again."""


class WrongOffsetError(CameradError, ValueError):
    """Error raised when a part does not begin where the upload ends. offset: where that is."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"the upload has {offset} bytes; begin there")
        self.offset = offset


class TooLargeError(CameradError, ValueError):
    """Error raised when a recording, or a part, has more bytes than the office takes."""


class TooManyUploadsError(CameradError, RuntimeError):
    """Error raised when a camera has as many unfinished uploads as it may have."""


class CameraQuotaError(CameradError, RuntimeError):
    """Error raised when a camera has as much here before its ingest as it may."""


class NoRoomError(CameradError, RuntimeError):
    """Error raised when the office's storage has no room for what was declared."""


class WrongBodyError(CameradError, ValueError):
    """Error raised when a part is not the one that was signed."""


class WrongChecksumError(CameradError, ValueError):
    """Error raised when a part has not the client's own checksum."""


class TakenElsewhereError(CameradError):
    """Error raised when another server takes a recording of the same camera over: ask again."""
