"""Every error of camerad has one root, and each is also the nearest builtin.

The exit codes are those of BSD's ``sysexits.h``, so that a unit file or a shell script can tell
a mistake in the configuration from a missing device without reading the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70
EX_OSERR = 71
EX_CANTCREAT = 73
EX_IOERR = 74
EX_TEMPFAIL = 75
EX_NOPERM = 77
EX_CONFIG = 78
EX_REBOOT = 80
"""Not of ``sysexits.h``: only a reboot of the machine can help. The unit carries it out."""


class CameradError(Exception):
    """Root of every error that camerad raises on purpose. Its text is written for people."""

    exit_code: ClassVar[int] = EX_SOFTWARE


class ConfigError(CameradError, ValueError):
    """Error raised when the configuration has mistakes; the text names every one of them."""

    exit_code = EX_CONFIG

    def __init__(self, mistakes: str | Sequence[str]) -> None:
        self.mistakes = (mistakes,) if isinstance(mistakes, str) else tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class HardwareError(CameradError, OSError):
    """Error raised when a button, a light, a panel or a card reader cannot be driven."""

    exit_code = EX_UNAVAILABLE


class CaptureError(CameradError, OSError):
    """Error raised when the camera or its encoder cannot be opened or does not deliver."""

    exit_code = EX_UNAVAILABLE


class StorageError(CameradError, OSError):
    """Error raised when footage cannot be written, synchronised or listed. cause: has the number of
    the system's error."""

    exit_code = EX_IOERR

    def __init__(self, text: str, cause: OSError | None = None) -> None:
        super().__init__(text)
        self.errno = None if cause is None else cause.errno


class WireError(CameradError, ValueError):
    """Error raised when the capture process sends something that is not of the wire format."""


class RingError(CameradError, BufferError):
    """Error raised when a packet cannot be placed in the pre-event ring."""


class RingLockError(RingError, PermissionError):
    """Error raised when the ring cannot be locked in memory; the text says how to allow it."""

    exit_code = EX_OSERR


class ControlError(CameradError, OSError):
    """Error raised when the control socket cannot be opened or does not answer."""

    exit_code = EX_UNAVAILABLE


class NoDaemonError(ControlError):
    """Error raised when no daemon listens at a control socket."""


class ClosedSocketError(ControlError):
    """Error raised when this user may not open a control socket."""

    exit_code = EX_NOPERM


class NotNowError(CameradError, RuntimeError):
    """Error raised when something is refused because of what else happens; it may work later."""

    exit_code = EX_TEMPFAIL


class NotAllowedError(CameradError, PermissionError):
    """Error raised when this user may not make a request, or has no key for it."""

    exit_code = EX_NOPERM
