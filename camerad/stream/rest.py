"""Decides when the link may leave packets in the socket instead of waking for each.

Waking for a packet takes more processor time than taking it in. So while footage flows into the
ring and no caller waits for it, the link *rests*: packets lie in the socket until the rest is over,
and then come in one go. There is no rest while the ring lacks its key frame. A rest ends at the
media time of the packet that a reader waits for, of pictures or of sound, at the latest. A reader
that begins to wait for an earlier packet ends it at once.

While nothing is armed there are beats only, which are needed no more often than the ladder judges
by them: a process that lives is heard of once a second. There is no such rest for a while after
something was wanted of the process. So what it still sends of an epoch that is over does not lie in
the socket, and what it answers is heard at once.
"""

from __future__ import annotations

from typing import Final

from camerad.stream.ring import Ring

REST_US: Final = 480_000
"""How long packets may lie in the socket: about fourteen pictures. A rest saves wakes, and this
length saves nine tenths of them. A rest is at most two fifths of the silence that is taken for a
stalled camera."""
REST_ROOM: Final = 3_800_000
"""Room in the socket for a whole rest: 25 Mbit/s, a key frame as large again, and the kernel's own.
With less room a rest is shorter in proportion. Otherwise the capture process would have to keep
packets back, which would be lost with the process."""
CALM_US: Final = 1_000_000
"""How long nothing was wanted of the process before a rest among beats."""


class Rest:
    """The rests of one link, which begins and ends them on its thread; `outlasts` is for any.

    ring: of pictures. sound: that of sound, if there is one. patience_us: the silence that is taken
    for a stalled camera. until_us: when the present rest is over; 0 if there is none.
    """

    def __init__(self, ring: Ring, patience_us: int, sound: Ring | None = None) -> None:
        self._ring = ring
        self._rings = (ring,) if sound is None else (ring, sound)
        self._longest_us = min(REST_US, patience_us * 2 // 5)
        self._calm_us = 0
        self.until_us = 0

    def begin(self, now_us: int, room: int) -> None:
        """All that was sent is here, packets of the ring among it: rest as long as no caller waits.

        room: what the socket takes meanwhile, as `camerad.stream.capture_process` has it.
        """
        self.until_us = 0
        if self._ring.wants_key:
            return
        # Before the reader is asked: should it begin to wait in between, it finds a rest to end.
        self.until_us = until_us = now_us + self._longest_us * min(room, REST_ROOM) // REST_ROOM
        for ring in self._rings:
            if (due_us := ring.due_us) is not None:
                self.until_us = until_us = min(until_us, due_us)

    def begin_idle(self, now_us: int, until_us: int) -> None:
        """Nothing is armed, and a beat has come: rest until then, if nothing was wanted lately."""
        if now_us >= self._calm_us:
            self.until_us = until_us

    def disturb(self, now_us: int) -> None:
        """Something is wanted of the process: listen, and to all that comes of it."""
        self.end()
        self._calm_us = now_us + CALM_US

    def end(self) -> None:
        """Listen from now on."""
        self.until_us = 0

    def lasts(self, now_us: int) -> bool:
        """Whether a rest is on."""
        return now_us < self.until_us

    def outlasts(self, due_us: int) -> bool:
        """Whether the packet of this media time may come while a rest is on."""
        return due_us < self.until_us
