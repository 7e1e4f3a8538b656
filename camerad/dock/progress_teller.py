"""Tells how handing over goes: the service manager in words, and the camera's daemon by a word of
its table, again and again (`camerad.behaviour.dock_progress`).

Nothing waits for that: the daemon is told on a thread of its own, the newest word only. A daemon
that does not listen is told the next time; the log says so once.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final, Protocol

from camerad.base import sd_notify
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.behaviour.dock_progress import REPEAT_SECONDS, HandoverProgress
from camerad.control.client import TIMEOUT_SECONDS, refusal, request

log = logging.getLogger(__name__)

_REST_SECONDS: Final = 0.25
"""Between two words: a camera full of short recordings has a new one with each."""
_OK: Final = 200


class ProgressReport(Protocol):
    """Is told how handing over goes. text: in words, for technicians."""

    def say(self, text: str, word: HandoverProgress | None = None) -> None:
        """How it goes now. word: for the camera to show; None: what it shows goes on."""

    def forget(self, text: str) -> None:
        """Nothing is to be shown of it any more."""


class NoReport:
    """A `ProgressReport` that goes nowhere."""

    def say(self, text: str, word: HandoverProgress | None = None) -> None:
        """Nothing."""

    def forget(self, text: str) -> None:
        """Nothing."""


class ProgressTeller:
    """A `ProgressReport`, from `start` to `close`. socket: the daemon's. repeat_seconds: how often
    a word is said again."""

    def __init__(self, socket: str, repeat_seconds: float = REPEAT_SECONDS) -> None:
        self._socket = socket
        self._repeat_seconds = repeat_seconds
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._text = ""
        self._word: HandoverProgress | None = None
        self._told: HandoverProgress | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._work, name="progress", daemon=True)

    def start(self) -> None:
        """Begin; nothing is told before the first word."""
        self._thread.start()

    def close(self) -> None:
        """Tell no more, and wait until that is so."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def say(self, text: str, word: HandoverProgress | None = None) -> None:
        """See `ProgressReport`; returns at once."""
        with self._changed:
            self._take(text, self._word if word is None else word)

    def forget(self, text: str) -> None:
        """See `ProgressReport`; returns at once."""
        with self._changed:
            self._take(text, None)

    def _take(self, text: str, word: HandoverProgress | None) -> None:
        if text != self._text:
            sd_notify.notify(f"STATUS={text}")
        new = word != self._word
        self._text, self._word = text, word
        if new:  # else it would put off that the word is said again
            self._changed.notify_all()

    # ------------------------------------------------------------------ on its thread

    def _work(self) -> None:
        while (word := self._next()) is not None:
            self._tell(word)
            self._closing.wait(_REST_SECONDS)

    def _next(self) -> HandoverProgress | None:
        """The next word to be told, once it is time for it; None at the end."""
        with self._changed:
            while not self._closing.is_set():
                if self._word is None:
                    self._told = None
                    self._changed.wait()
                elif self._word != self._told or not self._changed.wait(self._repeat_seconds):
                    self._told = self._word
                    return self._word
            return None

    def _tell(self, word: HandoverProgress) -> None:
        body: dict[str, Any] = {
            "state": word.state.value,
            "done": word.done,
            "total": word.total,
            "trouble": None if word.trouble is None else word.trouble.value,
        }
        try:
            status, answer = request(self._socket, "POST", "/dock/progress", body, TIMEOUT_SECONDS)
            if status != _OK:
                said = answer.get("error", status) if isinstance(answer, dict) else status
                raise refusal(status, str(said))
        except CameradError as error:
            if not self._failed:
                log.warning(
                    "the camera does not show how handing over goes: %s",
                    error,
                    extra=MessageId.DETAIL.extra,
                )
            self._failed = True
        else:
            self._failed = False
