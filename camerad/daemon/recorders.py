"""The running recorders: that of the newest recording, and those that a slow card still closes.

Pure bookkeeping, used on the event loop only; each recorder has a thread of its own.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final

from camerad.behaviour.budget import STOP_SECONDS

if TYPE_CHECKING:
    from camerad.recording.recorder import Recorder

_TELLING_SECONDS: Final = 60
"""A recording tells its rate once it is this long."""


class Recorders:
    """Recordings are numbered from 1 since the start. False if none runs."""

    def __init__(self) -> None:
        self._running: dict[int, Recorder] = {}
        self._ended_slow_syncs = 0
        self._marks = 0
        self.newest_number = 0
        """Number of the recording that was begun last."""

    def __bool__(self) -> bool:
        return bool(self._running)

    def begin(self) -> int:
        """A recording begins: its number, before it has a recorder."""
        self._marks = 0
        self.newest_number += 1
        return self.newest_number

    def add(self, number: int, recorder: Recorder) -> None:
        """The recorder of that recording runs."""
        self._running[number] = recorder

    def remove(self, number: int) -> Recorder:
        """The recorder of that recording has ended; returns it."""
        ended = self._running.pop(number)
        self._ended_slow_syncs += ended.slow_syncs
        return ended

    @property
    def newest(self) -> Recorder | None:
        """The recorder of the newest recording; None once that is closed."""
        return self._running.get(self.newest_number)

    def mark(self, at_us: int) -> None:
        """Set a mark in the newest recording, if it runs."""
        if self.newest is not None:
            self._marks += 1
            self.newest.mark(at_us)

    def cut_short(self, now_us: int, reason: str) -> None:
        """End the post-event time of what is stopping; `reason` is why it ends then."""
        for recorder in self._running.values():
            if recorder.wanted_us >= now_us:
                recorder.stop(now_us, STOP_SECONDS, reason)

    def stop_as(self, ended: Recorder) -> None:
        """End the newest one as that one was to end, should a stop have come just then."""
        if self.newest is not None and ended.stopped_for is not None:
            self.newest.stop(ended.wanted_us, STOP_SECONDS, ended.stopped_for)

    @property
    def slow_syncs(self) -> int:
        """How often the storage was slow over a fragment since the start."""
        running = [recorder.slow_syncs for recorder in self._running.values()]
        return self._ended_slow_syncs + sum(running)

    @property
    def turned_us(self) -> int | None:
        """When the recorder that is furthest behind went round its loop last; None if none runs."""
        return min((recorder.turned_us for recorder in self._running.values()), default=None)

    @property
    def pending_us(self) -> int | None:
        """Since when the storage has had something that it has not yet taken; None: it has not."""
        pending = (recorder.pending_us for recorder in self._running.values())
        return min((one for one in pending if one is not None), default=None)

    def present(self) -> dict[str, Any] | None:
        """The running recording, ready for JSON: seconds that are safe, what started it, and how
        many marks were set since."""
        recorder = self.newest
        if recorder is None:
            return None
        info = recorder.info
        return {
            "seconds": info.seconds if info is not None else 0.0,
            "pre_event_seconds": info.pre_event_seconds if info is not None else 0.0,
            "trigger": recorder.plan.trigger,
            "marks": self._marks,
        }

    @property
    def bits_per_second(self) -> float | None:
        """Bits per second of the newest recording, once that can be told."""
        info = self.newest.info if self.newest is not None else None
        if info is None or info.seconds <= _TELLING_SECONDS:
            return None
        return info.bytes * 8 / info.seconds


def import_recorder() -> None:
    """Have what the first press needs, which to import then would take too long.

    What is there by then stays for the process's life; to look through it for garbage again and
    again would keep a press and every packet waiting, each time for as long as a picture lasts.
    """
    from camerad.recording import recorder  # noqa: F401, PLC0415 - slow to import

    gc.freeze()
