"""Takes messages from the socket into the rings, and counts the frames.

A packet's bytes go from the kernel straight to their place in the ring, and sound to its place in a
ring of its own (`camerad.stream.sound_intake`). What must not be kept (a
packet of an earlier epoch, or one that finds no room) passes through the ring's locked scratch
memory, piece by piece, each piece overwritten before the next. No other memory of the controller
ever holds a byte of footage.

Frames are counted by the sensor's own numbers: where two consecutive packets of one process are not
consecutive frames, what is missing is a gap, unless the process has stated it itself.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from camerad.base.errors import RingError, WireError
from camerad.container.gaps import CAPTURE_RESTARTED, FRAMES_LOST, Gap, add_frames
from camerad.stream.packets import PacketInfo
from camerad.stream.ring import Ring
from camerad.stream.sound_intake import SoundIntake
from camerad.stream.wire import (
    FOOTAGE,
    HEADER,
    MAX_JSON,
    MessageHeader,
    MessageKind,
    parse_body,
    unpack,
)

_NUMBERS = 2**32


class Intake:
    """Receives from one capture process after another; for one thread.

    ring: takes the pictures. sound: takes the sound; None: all sound is discarded. on_gap: called
    with every gap that was stated in a ring.
    epoch: packets of this `arm` command are kept, others discarded; None: all are discarded.
    body: the JSON object of the last message that was no footage.
    """

    def __init__(
        self, ring: Ring, on_gap: Callable[[Gap], None], sound: SoundIntake | None = None
    ) -> None:
        self._ring = ring
        self._sound = sound
        self._on_gap = on_gap
        self._head = memoryview(bytearray(HEADER.size))
        self._json = memoryview(bytearray(MAX_JSON))
        self.epoch: int | None = None
        self.body: dict[str, Any] = {}
        self._forget_message()
        self._forget_frames()

    def _forget_message(self) -> None:
        self._header: MessageHeader | None = None
        self._room: memoryview | None = None
        self._got = 0

    def _forget_frames(self) -> None:
        self._last: MessageHeader | None = None
        self._stated: int | None = 0
        """Frames after the last packet that the process has accounted for; None: all of them."""
        self._jumps: deque[tuple[int, int]] = deque(maxlen=16)

    def arm(self, epoch: int | None) -> None:
        """Keep packets of `epoch` from now on; what is arriving of another one goes."""
        if epoch != self.epoch:
            self.epoch = epoch
            self._forget_frames()
            self._abandon()

    def arm_sound(self, epoch: int | None) -> None:
        """Keep sound of `epoch` from now on; what is arriving of another one goes."""
        if self._sound is not None and self._sound.arm(epoch):
            self._room = None

    def _abandon(self) -> None:
        """Drop an incomplete picture."""
        header = self._header
        if self._room is not None and header is not None and header.kind is MessageKind.PACKET:
            self._room = None
            self._ring.abandon()

    def end(self) -> None:
        """The process has ended: what came of a message is void, and the recording has a gap."""
        self._abandon()
        if self._sound is not None:
            self._sound.end()
        self._forget_message()
        self._forget_frames()
        if self.epoch is not None:
            last_us = self._ring.last_pts_us
            if self._ring.note_gap(CAPTURE_RESTARTED, None, last_us, None, broken=True):
                self._on_gap(Gap(CAPTURE_RESTARTED, None, last_us, None))

    def pump(self, source: socket.socket, now_us: int) -> MessageHeader | None:
        """Receive one message, or as much of it as is there; its header once it is complete.

        Never blocks. Raises WireError if what arrives is not of the wire format or does not go on
        from what came before, EOFError at the end of the stream, OSError if the socket fails.
        """
        while True:
            header = self._header
            if header is None:
                if not self._receive(source, self._head[self._got :]):
                    return None
                if self._got == HEADER.size:
                    self._got = 0
                    self._header = unpack(self._head)
                    self._begin(self._header)
            elif not self._receive(source, self._target(header)):
                return None
            elif self._got == header.length:
                self._complete(header, now_us)
                self._forget_message()
                return header

    def _target(self, header: MessageHeader) -> memoryview:
        if self._room is not None:
            return self._room[self._got :]
        if header.kind in FOOTAGE:
            return self._ring.scratch[: header.length - self._got]
        return self._json[self._got : header.length]

    def _receive(self, source: socket.socket, target: memoryview) -> bool:
        try:
            size = source.recv_into(target, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        if not size:
            raise EOFError("the capture process closed its socket")
        self._got += size
        if self._header is not None and self._header.kind in FOOTAGE and self._room is None:
            self._ring.scrub(size)
        return True

    def _begin(self, header: MessageHeader) -> None:
        if header.kind is MessageKind.SOUND:
            self._room = None if self._sound is None else self._sound.begin(header)
            return
        if header.kind is not MessageKind.PACKET or header.epoch != self.epoch:
            return
        last = self._last
        if last is not None and header.pts_us <= last.pts_us:
            raise WireError(f"media time goes back from {last.pts_us} us to {header.pts_us}")
        if last is not None and not 0 < (header.frame - last.frame) % _NUMBERS < _NUMBERS // 2:
            raise WireError(f"frame {header.frame} comes after frame {last.frame}")
        try:
            self._room = self._ring.reserve(header.length)
        except RingError:
            # The ring has counted it; its bytes have to be read all the same.
            self._room = None

    def _complete(self, header: MessageHeader, now_us: int) -> None:
        if header.kind is MessageKind.SOUND:
            if self._sound is not None and self._room is not None:
                self._room = None
                self._sound.complete(header, now_us)
        elif header.kind is not MessageKind.PACKET:
            self.body = parse_body(self._json[: header.length])
            if header.kind is MessageKind.GAP:
                self._note(self.body)
        elif header.epoch == self.epoch:
            self._count(header)
            if self._room is not None:
                self._room = None
                info = PacketInfo(
                    header.epoch, header.frame, header.pts_us, header.key, header.length
                )
                try:
                    self._ring.commit(info, now_us)
                except RingError as error:
                    self._ring.abandon()
                    raise WireError(str(error)) from None

    def _count(self, header: MessageHeader) -> None:
        """State the frames between the last packet and this one that no gap accounts for."""
        last = self._last
        if last is not None and self._stated is not None:
            missing = (header.frame - last.frame) % _NUMBERS - 1 - self._stated
            if missing > 0:
                self._jumps.append((last.pts_us, header.pts_us))
                self._state(Gap(FRAMES_LOST, missing, last.pts_us, header.pts_us))
        self._last = header
        self._stated = 0

    def _note(self, body: dict[str, Any]) -> None:
        """A gap that the process states; raises WireError if it is not of the form of one."""
        reason, frames = body.get("reason"), body.get("frames")
        from_us, to_us = body.get("from_us"), body.get("to_us")
        if not isinstance(reason, str) or not all(
            value is None or (type(value) is int and value >= 0)
            for value in (frames, from_us, to_us)
        ):
            raise WireError(f"not a gap: {body}")
        last = self._last
        if last is not None and to_us is not None and to_us <= last.pts_us:
            # It comes late: the packet after it is here, and its number has told of the jump.
            if any(start < to_us and (from_us or 0) < end for start, end in self._jumps):
                return
        else:
            self._stated = add_frames(self._stated, frames)
        if self.epoch is not None:
            self._state(Gap(reason, frames, from_us, to_us))

    def _state(self, gap: Gap) -> None:
        if self._ring.note_gap(gap.reason, gap.frames, gap.from_us, gap.to_us):
            self._on_gap(gap)
