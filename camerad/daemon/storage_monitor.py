"""Monitors the card: its conditions, and the room left.

Used from the event loop only; whatever touches the storage has a thread of its own, so a card that
hangs delays nothing here (P5).
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from camerad.base.async_utils import until_next
from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import scarcity
from camerad.behaviour.budget import CARD_SECONDS, STALL_LOOK_SECONDS, STALLED_SECONDS
from camerad.behaviour.stages import Condition
from camerad.config import Settings
from camerad.daemon.core import Core
from camerad.daemon.recorders import Recorders
from camerad.store import disk

log = Log(__name__)

WATCH_SECONDS: Final = 5.0
"""How often storage is looked at."""
STORAGE_HYSTERESIS: Final = 1.1
"""A storage condition is cleared once there is so much more room than where it was raised."""

_T = TypeVar("_T")


class StorageMonitor:
    """directory: where recordings go. recorders: what is being written there, which finds out by
    itself what the card takes. make_room: deletes up to so many bytes that an office has already,
    and tells whether anything was. replaced: another card is there than at the start.
    """

    def __init__(
        self,
        core: Core,
        settings: Settings,
        directory: str,
        recorders: Recorders,
        *,
        make_room: Callable[[float], Awaitable[bool]],
        replaced: Callable[[], None],
    ) -> None:
        self._core = core
        self._settings = settings
        self._directory = directory
        self._recorders = recorders
        self._make_room = make_room
        self._replaced = replaced
        self._room: disk.FreeSpace | None = None
        self._failed: StorageError | None = None
        self._errors = 0
        self._refuses = False
        self._stalled_us: int | None = None
        self._full_us: int | None = None
        self._place: tuple[int, int, int] | None = None
        self._asked: asyncio.Future[Any] | None = None
        self._asked_us: int | None = None
        self._owed = asyncio.Event()

    def failed(self, error: StorageError) -> None:
        """Footage could not be written, or would not be: that holds until the card takes something
        again, which is tried every few seconds."""
        self._failed = error
        condition = condition_of(error)
        if condition is not Condition.STORAGE_FAILED:
            self._core.conditions.clear(Condition.STORAGE_FAILED)  # the card has changed its mind
        self._core.conditions.raise_(condition)

    def wait_for(self, answer: asyncio.Future[StorageError | None], asked_us: int) -> None:
        """The card was asked at `asked_us` whether it takes anything. Until it answers it has as
        much to take as in a recording, and is told of in the same way."""
        self._asked_us = asked_us
        self.expect()

        def answered(answer: asyncio.Future[StorageError | None]) -> None:
            self._asked_us = None
            error = answer.exception()
            refusal = error if isinstance(error, StorageError) else answer.result()
            if refusal is not None:
                log.error(MessageId.STORAGE, "%s", refusal)
                self.failed(refusal)

        answer.add_done_callback(answered)

    def expect(self) -> None:
        """The card owes answers from now on, as to a recording that has just begun."""
        self._owed.set()

    def stalled(self, error: StorageError | None) -> None:
        """The card refuses what is being recorded, or no longer: the recorder rides it out
        (`camerad.recording.write_retry`), and decides what becomes of it."""
        self._refuses = error is not None
        self._show_stall()

    def pending(self, at_us: int, since_us: int | None) -> None:
        """Now, at `at_us`, the card has had something to take since then, or nothing (None)."""
        was = self._stalled_us
        self._stalled_us = scarcity.stall_step(was, at_us, since_us)
        if was is None and self._stalled_us is not None:
            log.error(
                MessageId.STORAGE,
                "%s: the card has not answered for %g s; footage waits in memory",
                self._directory,
                STALLED_SECONDS,
            )
        elif was is not None and self._stalled_us is None:
            log.warning(MessageId.STORAGE, "%s: the card answers again", self._directory)
        self._show_stall()

    def _show_stall(self) -> None:
        stalled = self._refuses or self._stalled_us is not None
        self._core.conditions.set(Condition.STORAGE_STALLED, holds=stalled)

    def room(self) -> dict[str, Any] | None:
        """The room left, ready for JSON; None before the first check."""
        if self._room is None:
            return None
        return {"free_bytes": self._room.free_bytes, "minutes_left": self._room.minutes}

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        await asyncio.gather(self._watch_room(), self._watch_answers())

    async def _watch_room(self) -> None:
        while True:
            await self.look()
            await until_next(WATCH_SECONDS)

    async def _watch_answers(self) -> None:
        """An error tells of itself; a card that does not answer is seen by the time only. Where
        it owes none, there is nothing to look for."""
        while True:
            recording = bool(self._recorders)
            since_us = self._recorders.pending_us if recording else self._asked_us
            self.pending(self._core.now_us(), since_us)
            if recording or since_us is not None or self._stalled_us is not None:
                await asyncio.sleep(STALL_LOOK_SECONDS)
            else:
                self._owed.clear()
                await self._owed.wait()

    async def _answer(self, work: Callable[[], _T], known: _T | None = None) -> _T:
        """Ask the card something. Raises StorageError if it does not answer in time. known: an
        answer that has time until the loop catches up with what is as before.

        Then nothing else is asked until it has: each question that hangs holds a thread.
        """
        if self._asked is not None:
            await self._wait_for(self._asked)
            self._asked.exception()  # the answer is not needed any more
        asked = self._core.loop.in_thread(work, known=known)
        self._asked = asked
        await self._wait_for(asked)
        self._asked = None
        return asked.result()

    async def _wait_for(self, asked: asyncio.Future[Any]) -> None:
        await asyncio.wait({asked}, timeout=CARD_SECONDS)
        if not asked.done():
            raise StorageError(
                f"{self._directory}: the card has not answered for {CARD_SECONDS:g} s"
            )

    async def look(self) -> None:
        """Each condition by what it is about: read-only and room by what the file system says, and
        whatever a failed write has raised by whether one succeeds. While nothing is recorded, one
        is also tried where the file system has found an error in itself."""
        rate = self._recorders.bits_per_second or self._settings.camera.bitrate
        limits = self._settings.storage
        known = self._room if self._failed is None else None
        try:
            room = await self._answer(lambda: disk.free_space(self._directory, rate), known)
            # Also after a failure below, the status never shows outdated room.
            self._room = room
            self._place = self._place or room.place
            if room.place != self._place:
                log.critical(
                    MessageId.STORAGE,
                    "%s: it is on another card, or another mount, than at the start; the daemon "
                    "starts anew",
                    self._directory,
                )
                self._replaced()
                return
            short = limits.low_minutes * STORAGE_HYSTERESIS - room.minutes
            if room.minutes < limits.low_minutes and await self._make_room(short * 60 * rate / 8):
                room = await self._answer(lambda: disk.free_space(self._directory, rate))
                self._room = room
            failed = self._failed
            doubtful = room.errors != self._errors and not self._recorders
            if failed is not None or doubtful:
                await self._answer(lambda: disk.probe(self._directory))
                self._errors = room.errors
        except StorageError as error:
            if self._refuses:
                return
            if condition_of(error) not in self._core.conditions:
                log.error(MessageId.STORAGE, "storage: %s", error)
            self.failed(error)
            return
        if failed is not self._failed:
            return  # another write has failed in the meantime: the next look says more
        self._failed = None
        self._core.conditions.clear(Condition.STORAGE_FAILED)
        if room.writable:
            self._core.conditions.clear(Condition.STORAGE_READ_ONLY)
        elif not self._recorders:
            self._core.conditions.raise_(Condition.STORAGE_READ_ONLY)
        full = room.minutes < limits.full_minutes
        self._full_us = (self._full_us or self._core.now_us()) if full else None
        for condition, minutes in (
            (Condition.STORAGE_FULL, limits.full_minutes),
            (Condition.STORAGE_LOW, limits.low_minutes),
        ):
            if condition is Condition.STORAGE_FULL and self._may_pass():
                continue
            if room.minutes < minutes:
                self._core.conditions.raise_(condition)
            elif room.minutes > minutes * STORAGE_HYSTERESIS:
                self._core.conditions.clear(condition)

    def _may_pass(self) -> bool:
        """Whether the card has been full so shortly that it ends no recording yet: as long as the
        ring bridges a card that takes nothing, room that comes back loses nothing."""
        if self._full_us is None or not self._recorders:
            return False
        waited_us = self._core.now_us() - self._full_us
        return waited_us < self._settings.ring.stall_seconds * SECOND


_CONDITIONS: Final = {
    errno.ENOSPC: Condition.STORAGE_FULL,
    errno.EDQUOT: Condition.STORAGE_FULL,
    errno.EROFS: Condition.STORAGE_READ_ONLY,
}


def condition_of(error: StorageError) -> Condition:
    """The condition of a storage that refused a write."""
    return _CONDITIONS.get(error.errno or 0, Condition.STORAGE_FAILED)
