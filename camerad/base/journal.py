"""Sends log messages to systemd's journal, with priority, place and kind.

Each message goes to the journal's socket as one datagram of named fields (systemd's "Native Journal
Protocol"): its text, priority, place in the code, and the id of its kind
(`camerad.base.message_ids`), by which it can be found and is explained. Where the daemon's
standard error is no journal, in a terminal or a test, messages are lines there.

A journal that does not listen, or has no room just now, must not hold up a camera: the message is
dropped, and the next one that arrives says how many were.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from typing import Final

from camerad.base.message_ids import MessageId

SOCKET: Final = "/run/systemd/journal/socket"
LINES: Final = "%(levelname)s %(name)s: %(message)s"
LONGEST: Final = 16 * 1024
"""Bytes of a message; a datagram has room for more."""

_PRIORITIES: Final = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
"""syslog(3) numbers them from 0, the system is unusable, to 7, debug."""


def set_up(level: int) -> None:
    """Send what is logged from `level` on to the journal, or to standard error as lines."""
    handler: logging.Handler
    if connected():
        handler = JournalHandler()
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(LINES))
    logging.basicConfig(level=level, handlers=[handler])


def connected() -> bool:
    """Whether standard error is the journal's: $JOURNAL_STREAM names it (systemd.exec(5))."""
    stream = os.fstat(2)
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"


class JournalHandler(logging.Handler):
    """path: the journal's socket, which need not be there yet. Raises nothing, and never waits."""

    def __init__(self, path: str = SOCKET) -> None:
        super().__init__()
        self._path = path
        self._lost = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one message."""
        try:
            self._socket.sendto(self._datagram(record), self._path)
        except OSError:
            self._lost += 1
        except Exception:  # noqa: BLE001 - as every handler does: what is logged wrongly is told
            self.handleError(record)
        else:
            self._lost = 0

    def _datagram(self, record: logging.LogRecord) -> bytes:
        fields = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(_PRIORITIES.get(record.levelno, 6)),
            "SYSLOG_IDENTIFIER": "camerad",
            "LOGGER": record.name,
            "THREAD": str(record.threadName),
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName,
        }
        kind = getattr(record, "message_id", None)
        if isinstance(kind, MessageId):
            fields |= {"MESSAGE_ID": kind.value, "CAMERAD_KIND": kind.name.lower()}
        if self._lost:
            fields["CAMERAD_LOST"] = str(self._lost)
        return b"".join(_field(name, text) for name, text in fields.items())

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def _field(name: str, text: str) -> bytes:
    """NAME=text, or with its length in front of it where it has lines."""
    value = text.encode(errors="replace")[:LONGEST]
    if b"\n" not in value:
        return name.encode() + b"=" + value + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
