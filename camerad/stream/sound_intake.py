"""Sound on its way into its ring: keeps access units, and states missing ones.

Units are counted by their own numbers, as pictures are (`camerad.stream.intake`): what is missing
between two of them is a gap. But nothing that sound does costs a picture. Where a number or a time
goes back, the unit is left out and stated as missing, and the process goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from camerad.base.errors import RingError
from camerad.container.gaps import CAPTURE_RESTARTED, Gap
from camerad.stream.packets import PacketInfo
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SOUND_LOST
from camerad.stream.wire import MessageHeader

_NUMBERS: Final = 2**32


class SoundIntake:
    """For the thread of `Intake`, which calls it.

    on_gap: called with every gap that was stated in the ring, but for restarts, which the pictures'
    gap tells of. epoch: sound of this `sound` command is kept, other is discarded; None: all is.
    """

    def __init__(self, ring: Ring, on_gap: Callable[[Gap], None]) -> None:
        self._ring = ring
        self._on_gap = on_gap
        self._receiving = False
        self._last: MessageHeader | None = None
        self.epoch: int | None = None

    def arm(self, epoch: int | None) -> bool:
        """Keep sound of `epoch` from now on. True if a unit was arriving, which is void now."""
        if epoch == self.epoch:
            return False
        self.epoch = epoch
        self._last = None
        return self.abandon()

    def abandon(self) -> bool:
        """Drop an incomplete unit; returns whether there was one."""
        receiving, self._receiving = self._receiving, False
        if receiving:
            self._ring.abandon()
        return receiving

    def end(self) -> None:
        """The process has ended: what follows comes from another one, which counts anew."""
        self.abandon()
        self._last = None
        if self.epoch is not None:
            self._ring.note_gap(CAPTURE_RESTARTED, None, self._ring.last_pts_us, None, broken=True)

    def begin(self, header: MessageHeader) -> memoryview | None:
        """Where the body of this unit belongs; None if it is to be discarded."""
        if header.epoch != self.epoch:
            return None
        last = self._last
        if last is not None:
            missing = (header.frame - last.frame) % _NUMBERS - 1
            if header.pts_us <= last.pts_us or not 0 <= missing < _NUMBERS // 2:
                self._state(Gap(SOUND_LOST, 1, last.pts_us, None))
                return None
            if missing:
                self._state(Gap(SOUND_LOST, missing, last.pts_us, header.pts_us))
        self._last = header
        try:
            room = self._ring.reserve(header.length)
        except RingError:
            return None  # the ring has counted it
        self._receiving = True
        return room

    def complete(self, header: MessageHeader, now_us: int) -> None:
        """All of a unit is in its room."""
        self._receiving = False
        info = PacketInfo(header.epoch, header.frame, header.pts_us, True, header.length)
        try:
            self._ring.commit(info, now_us)
        except RingError:
            # Another process' clock, or a mistake of ours: its time is not later than the last's.
            self._ring.abandon()
            self._state(Gap(SOUND_LOST, 1, self._ring.last_pts_us, None))

    def _state(self, gap: Gap) -> None:
        if self._ring.note_gap(gap.reason, gap.frames, gap.from_us, gap.to_us):
            self._on_gap(gap)
