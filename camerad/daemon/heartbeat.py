"""Heartbeat of a recording: a note that outlives the daemon, written without waiting for a card.

While a recording runs, a thread writes four times a second up to when its footage is wanted: now,
or the stop. If the daemon dies, or leaves because the card does not answer, the next one closes the
recording and has the end say so, together with the gap between the last picture that is kept and
then (`camerad.store.unwritten_end`). Without a note, as after a loss of power, only the stored
footage is known.

A lamp may shine on when its daemon is killed, until the next one puts it out first thing
(`camerad.daemon.early_start`). When that was is noted too: the end accounts for it.

The notes are one small file per recording in ``<runtime_dir>/wanted``, which is in memory (/run):
they need no card, outlive the daemon, and vanish with the boot whose clock they tell. They are
unsigned, so no more is believed of them than that: a time of this boot that is not in the future.
One that is missing or cannot be read costs that gap, and nothing else.

The red light shines from the press on, and a slow card may need seconds to make the file. Until it
is there the note is called by its trigger, and the next daemon can tell of a recording that never
got a file.

A thread of its own, since the loop and the recorder may both hang while the red light is on.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from camerad.base import typed_json
from camerad.base.clock import SECOND, Clock
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour.budget import STALLED_SECONDS
from camerad.container.gaps import CUT_OFF, NO_ANSWER, NOT_STORED

if TYPE_CHECKING:
    from camerad.recording.recorder import Recorder

log = Log(__name__)

DIRECTORY: Final = "wanted"
BEAT_SECONDS: Final = 0.25
"""Half a fragment: no note is older when the daemon dies."""
_LONGEST: Final = 4096
"""Bytes of a note that are read; one has some hundred."""
_NAMELESS: Final = "triggered-"
"""Before the media time of its trigger, in the name of the note of what has no file yet."""
_STALLED_US: Final = round(STALLED_SECONDS * SECOND)


class WantedNote(msgspec.Struct, frozen=True):
    """until_us: media time in the boot boot_id up to which footage was wanted. why: what the matter
    was with anything that is missing before. stopped: why it was to end, None if it was not.
    muted_us: media time since when the wearer wanted no sound of it, None if they did.
    lit: its red light shone; lit_us: until when at most, once the next daemon has put it out.
    trigger, trigger_us: what started it, and when; continues: which recording it goes on from;
    wearer: who was on a shift. As long as it has no file; else None.
    """

    boot_id: str
    until_us: int
    why: str = CUT_OFF
    stopped: str | None = None
    muted_us: int | None = None
    lit: bool = True
    lit_us: int = 0
    trigger: str | None = None
    trigger_us: int | None = None
    continues: str | None = None
    wearer: str | None = None

    @property
    def owed_us(self) -> int:
        """Media time up to which its end has to account for footage."""
        return max(self.until_us, self.lit_us)


class Heartbeat:
    """runtime_dir: the daemon's directory in /run. What cannot be written there is logged once."""

    def __init__(self, runtime_dir: str, clock: Clock) -> None:
        self._directory: Final = os.path.join(runtime_dir, DIRECTORY)
        self._clock = clock
        self._lock = threading.Lock()
        self._new: queue.SimpleQueue[Recorder | None] = queue.SimpleQueue()
        self._running: list[Recorder] = []
        self._over: set[str] = set()
        self._nameless: set[str] = set()
        """Notes of recordings that have no file yet: on a slow card that takes seconds."""
        self._thread: threading.Thread | None = None
        self._failed = False

    def follow(self, running: Recorder) -> None:
        """Note of it until it has ended, up to when it is wanted. For the loop; it waits for
        nothing."""
        self._new.put(running)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
            self._thread.start()

    def hurry(self) -> None:
        """Note what is so now, and not with the next beat only. For the loop."""
        self._new.put(None)

    # From any thread but the loop's

    def left(self, recording: str, until_us: int, reason: str) -> None:
        """Its recorder has ended for this reason, and could not write its end: nothing more is
        wanted of it."""
        with self._lock:
            self._over.add(recording)
            boot_id = self._clock.boot_id
            self._write(recording, WantedNote(boot_id, until_us, NOT_STORED, reason, lit=False))

    def put_out(self, name: str, note: WantedNote, dark_us: int) -> WantedNote:
        """Its red light was out by then; returns what is noted of it now."""
        note = replace(note, lit=False, lit_us=dark_us)
        with self._lock:
            self._write(name, note)
        return note

    def forget(self, recording: str) -> None:
        """It has its end."""
        with self._lock:
            self._over.add(recording)
            self._remove(recording)

    def left_behind(self) -> dict[str, WantedNote]:
        """Notes of earlier daemons in this boot, by name."""
        try:
            names = os.listdir(self._directory)
        except OSError:
            return {}  # nothing was noted, or it cannot be read: that costs gaps
        notes = ((name, self.read(name)) for name in names)
        return {name: note for name, note in notes if note is not None}

    def rename(self, name: str, recording: str) -> None:
        """What was noted under this name is of that recording."""
        with self._lock:
            try:
                os.rename(self._path(name), self._path(recording))
            except OSError as error:
                self._complain(error)

    def read(self, recording: str) -> WantedNote | None:
        """Its note of this boot; None without a credible one."""
        try:
            with open(self._path(recording), "rb") as file:
                note = typed_json.decode(file.read(_LONGEST), WantedNote)
        except (OSError, msgspec.DecodeError):
            return None
        this_boot = note.boot_id == self._clock.boot_id
        return note if this_boot and 0 <= note.until_us <= self._clock.now_us() else None

    # The thread

    def _run(self) -> None:
        while True:
            with contextlib.suppress(queue.Empty):
                new = self._new.get(timeout=BEAT_SECONDS if self._running else None)
                self._running += () if new is None else (new,)
            with self._lock:
                self._beat()

    def _beat(self) -> None:
        self._running = [one for one in self._running if not one.join(0)]
        if not self._running:
            self._over.clear()
        nameless, now_us = set(), self._clock.now_us()
        for running in self._running:
            note = WantedNote(
                self._clock.boot_id,
                running.wanted_us,
                stopped=running.stopped_for,
                muted_us=running.muted_us,
                lit=running.stopped_for is None or running.wanted_us > now_us,
            )
            pending_us = running.pending_us
            if running.refused:
                note = replace(note, why=NOT_STORED)
            elif pending_us is not None and self._clock.now_us() - pending_us > _STALLED_US:
                note = replace(note, why=NO_ANSWER)
            plan, info = running.plan, running.info
            if info is None:
                name = f"{_NAMELESS}{plan.trigger_us}"
                nameless.add(name)
                note = replace(
                    note,
                    trigger=plan.trigger,
                    trigger_us=plan.trigger_us,
                    continues=plan.continues,
                    wearer=plan.wearer,
                )
                self._write(name, note)
            elif info.id not in self._over:
                self._write(info.id, note)
        for name in self._nameless - nameless:
            self._remove(name)
        self._nameless = nameless

    def _path(self, recording: str) -> str:
        return os.path.join(self._directory, recording)

    def _write(self, recording: str, note: WantedNote) -> None:
        """In place, by one call that no signal divides; a shorter note is filled up with spaces."""
        content = msgspec.json.encode(note).ljust(_LONGEST // 8)
        try:
            descriptor = self._opened(self._path(recording))
            try:
                os.pwrite(descriptor, content, 0)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._complain(error)

    def _opened(self, path: str) -> int:
        """A note's descriptor. The directory is made when it is missed, not looked for at each."""
        flags = os.O_WRONLY | os.O_CREAT
        try:
            return os.open(path, flags, 0o640)
        except FileNotFoundError:
            os.makedirs(self._directory, mode=0o750, exist_ok=True)
            return os.open(path, flags, 0o640)

    def _remove(self, name: str) -> None:
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            log.error(
                MessageId.STORAGE,
                "%s: the progress of recordings cannot be noted: %s",
                self._directory,
                error,
            )
