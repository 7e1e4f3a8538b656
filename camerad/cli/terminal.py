"""A command's terminal: its three streams, and the Ctrl-C that comes from it.

Imported before everything else, so it needs nothing but the standard library, and nothing slow.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import Any, Final, NoReturn, TextIO

INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit code of a command that Ctrl-C has ended, as shells have it."""
OUTPUT: Final = "standard output"
ERRORS: Final = "standard error"


class Interrupts:
    """What Ctrl-C does in this process, from its first instant to its last.

    Nothing happens where the parent process has SIGINT ignored, as shells do in the background.
    came: whether there was one while something was done. An extension module whose import it
    interrupts may raise something else in its place, such as ImportError.
    """

    def __init__(self) -> None:
        self.came = False
        self._heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN

    def begin(self) -> None:
        """From here on it raises KeyboardInterrupt, so that what was begun is ended in order."""
        self._set(self._interrupt)

    def end(self) -> None:
        """All is done and said: it ends the process, which only takes itself apart any more."""
        self._set(signal.SIG_DFL)

    def _set(self, handler: Any) -> None:
        if self._heard:
            signal.signal(signal.SIGINT, handler)

    def _interrupt(self, _: int, __: FrameType | None) -> NoReturn:
        self.came = True
        raise KeyboardInterrupt


class _Stream(io.FileIO):
    """A stream of the process whose errors say which it is, as those of a file do."""

    def __init__(self, descriptor: int, called: str) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._called = called

    def write(self, data: Any, /) -> int:
        """As `io.FileIO.write`."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = self._called
            raise


def open_streams() -> None:
    """Make the three streams fit for every text.

    A letter that the encoding does not have is escaped, as ``\\xfc``. What cannot be written raises
    OSError with `OUTPUT` or `ERRORS` as its file. One that was closed is as /dev/null: otherwise
    the next file that is opened would take its place, and what is said would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
    sys.stdout = _text(sys.stdout, 1, OUTPUT)
    sys.stderr = _text(sys.stderr, 2, ERRORS)


def close_streams() -> None:
    """Have everything that was said arrive, as far as it can: what cannot is dropped.

    Python would try it once more at its exit, and put another exit code, 120, in the place
    of ours.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _text(stream: TextIO | None, descriptor: int, called: str) -> io.TextIOWrapper:
    # Python has none where the descriptor was closed.
    encoding = "utf-8" if stream is None else stream.encoding
    return io.TextIOWrapper(
        io.BufferedWriter(_Stream(descriptor, called)),
        encoding,
        errors="backslashreplace",
        line_buffering=descriptor == 2 or os.isatty(descriptor),
    )
