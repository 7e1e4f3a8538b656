"""Whether work that is done again and again rests, so that a test's clock goes on only then."""

from __future__ import annotations

import threading


class Pauses(threading.Condition):
    """In the place of a `PeriodicJob`'s own: remembers how long it was asked to wait last.

    seconds: of that; None: nobody waits, or who waits was told to look at the clock again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: float | None = None

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds = timeout
        try:
            return super().wait(timeout)
        finally:
            self.seconds = None

    def notify_all(self) -> None:
        self.seconds = None
        super().notify_all()
