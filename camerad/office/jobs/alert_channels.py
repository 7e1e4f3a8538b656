"""What carries alerts to people: the log and mail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from camerad.base.errors import EX_UNAVAILABLE, CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.office.jobs.alert_message import AlertMessage, title_of
from camerad.office.jobs.alert_rules import LOGGED_ELSEWHERE

log = logging.getLogger(__name__)

SEND_SECONDS: Final = 30.0
"""For each step of sending a message,"""
WHOLE_SECONDS: Final = 120.0
"""and for all of it."""
_LONGEST_SECRET: Final = 4096


class ChannelError(CameradError, ConnectionError):
    """Error raised when a message did not get through; the text says why, and what to do."""

    exit_code = EX_UNAVAILABLE


class PartlySentError(ChannelError):
    """Error raised when some people have the message, and others did not get it; the text says who
    did not. Sent once more, it would come to the former again. again: sends it to those of the
    latter who were refused for the moment only, and raises PartlySentError if it cannot reach all
    of them now, or another ChannelError; None if there is nobody to try again."""

    def __init__(self, text: str, again: Callable[[], None] | None = None) -> None:
        super().__init__(text)
        self.again: Final = again


class Channel(Protocol):
    """Carries messages. name: in log and metrics. at_once: nothing waits for the day's message."""

    name: str
    at_once: bool

    def send(self, message: AlertMessage) -> None:
        """Send a message; it blocks. Raises ChannelError; then it may have arrived all the same."""


class LogChannel:
    """The log, in English, whether anything else is set up or not."""

    name = "log"
    at_once = True

    def send(self, message: AlertMessage) -> None:
        """Log each alert that nobody else logs."""
        for one, line in zip(message.alerts, message.lines, strict=True):
            if one.kind not in LOGGED_ELSEWHERE:
                title = title_of(one.kind, message.language)
                log.warning("%s: %s", title, line, extra=MessageId.ALERT.extra)


def read_secret(path: str, what: str) -> list[str]:
    """The lines of a file with a secret, without what is empty. Raises ChannelError, which never
    repeats it."""
    try:
        content = read_plain(path, what, _LONGEST_SECRET, linked=True)
        lines = [line.strip() for line in content.decode("utf-8").splitlines()]
    except StorageError as error:
        raise ChannelError(str(error)) from error
    except UnicodeDecodeError:
        raise ChannelError(f"{path}: this is no text (UTF-8), and no {what}") from None
    found = [line for line in lines if line]
    if not found:
        raise ChannelError(f"{path}: there is no {what} in this file; write it there")
    return found
