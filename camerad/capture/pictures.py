"""Turns the sensor's frames into packets on the wire: numbers, times, gaps and the two counts.

Every frame of the sensor ends as a packet or in a GAP message, as long as footage is asked for
(between `arm` and `disarm`). Frames can go missing in four places: before they reach this process
(the sensor's frame number jumps, or its time does), because their time did not advance, in the
encoder, and because the controller did not read fast enough.

Pure bookkeeping: no clock, no camera, no encoder; frames come in through `Pictures.delivered` and
`Pictures.fed`, packets through `Pictures.encoded`.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from camerad.base.errors import CaptureError
from camerad.stream import wire

BEAT_US: Final = 250_000
"""A BEAT goes out with the first frame after this time."""
IN_ENCODER: Final = 64
"""More pictures than this are never inside an encoder; V4L2's has 16 buffers."""

USUAL: Final = 8
"""By so many pictures a camera is measured that does not say how long each took, as by USB. In the
dark all of them take longer; a few that do are taken for a gap. Its numbers do not tell: Linux
counts a USB camera's pictures by one bit, and two that are lost on the way look like none."""

LOST_BY_CAMERA: Final = "not delivered by the camera"
LOST_BY_TIME: Final = "sensor time did not advance"
LOST_BY_ENCODER: Final = "dropped by the encoder"
LOST_BY_QUEUE: Final = "send queue full"


class Picture(msgspec.Struct):
    """One frame of the sensor.

    frame: the sensor's frame number, modulo 2**32; of a camera that does not number its frames, a
    count of them. pts_us: when it was exposed, microseconds of
    CLOCK_BOOTTIME. lost: how many frames the camera failed to deliver just before it. stale: how
    many were left out just before it because their time had not advanced.
    """

    frame: int
    pts_us: int
    lost: int = 0
    stale: int = 0


class MessageSink(Protocol):
    """Destination of messages; see `camerad.capture.send_queue.Outbox`."""

    def send(self, *parts: bytes | memoryview) -> None: ...
    def has_room(self, size: int) -> bool: ...


class Pictures:
    """The bookkeeping of one process life.

    frame_us: nominal time from frame to frame. want_key: asks the encoder for a key frame, called
    when packets had to be dropped. `delivered` and `fed` are called from the camera's thread,
    `encoded` from the encoder's, the rest from the thread that takes commands.
    """

    def __init__(self, outbox: MessageSink, frame_us: int, want_key: Callable[[], None]) -> None:
        self._outbox = outbox
        self._frame_us = frame_us
        self._want_key = want_key
        self._lock = threading.Lock()
        self._delivered = 0
        self._encoded = 0
        self._last_seen: Picture | None = None
        self._last_number = 0
        self._last_duration_us = 0
        self._lately_us = deque([frame_us], USUAL)
        self._rest_frame = 0
        self._stale = 0
        self._beat_us: int | None = None
        self._epoch: int | None = None
        self._not_before_us = 0
        self._fed: OrderedDict[int, Picture] = OrderedDict()
        self._last_sent_us: int | None = None
        self._last_encoded_us: int | None = None
        self._missing: Counter[str] = Counter()
        self._skipping = False

    @property
    def delivered_count(self) -> int:
        """Frames that the camera delivered since the process began."""
        return self._delivered

    @property
    def encoded_count(self) -> int:
        """Packets that the encoder gave while footage was asked for, since the process began."""
        return self._encoded

    def arm(self, epoch: int, not_before_us: int) -> None:
        """Send packets under `epoch`, beginning with a key frame of `not_before_us` or later.

        Nothing is sent of a picture that the encoder has been fed by now: where its packet will
        lie may just be overwritten.
        """
        with self._lock:
            self._epoch = epoch
            inside = next(reversed(self._fed.values()), None)
            if inside is not None:
                not_before_us = max(not_before_us, inside.pts_us + 1)
            self._not_before_us = not_before_us
            self._last_sent_us = None
            self._missing.clear()
            self._skipping = False

    def disarm(self) -> None:
        """Let nothing through until the next `arm`."""
        with self._lock:
            self._epoch = None

    @property
    def armed(self) -> bool:
        """Whether packets are sent."""
        return self._epoch is not None

    @property
    def not_before_us(self) -> int:
        """A frame exposed earlier than this need not be encoded."""
        return self._not_before_us

    def delivered(
        self,
        number: int,
        pts_us: int,
        duration_us: int,
        luma: Callable[[], int | None] | None = None,
    ) -> Picture | None:
        """A frame has arrived. number: the camera's, which may stand still. duration_us: how long
        the sensor says it took, 0 if it does not say. luma: tells how bright it is; asked a few
        times a second.

        Returns what to encode, or None if its time is not later than that of the frame before.
        """
        last = self._last_seen
        self._delivered += 1
        if last is None:
            picture = Picture(number, pts_us)
        elif pts_us <= last.pts_us:
            self._stale += 1
            return None
        else:
            # The sensor's number can stand still while the sensor does, so time counts as well.
            by_number = (number - self._last_number - 1 - self._stale) & 0xFFFF_FFFF
            if by_number & 0x8000_0000:
                by_number = 0
            late_us = pts_us - last.pts_us
            # Where the rate changes, the sensor's word for one of the two is that of the other.
            took_us = max(duration_us, self._last_duration_us)
            took_us = took_us or max(self._frame_us, min(self._lately_us))
            self._lately_us.append(late_us)
            by_time = round(late_us / took_us) - 1 if late_us > took_us * 1.5 else 0
            lost = max(by_number, by_time - self._stale)
            numbered = number != self._last_number
            counted = (last.frame + 1 + lost + self._stale) & 0xFFFF_FFFF
            picture = Picture(number if numbered else counted, pts_us, lost, self._stale)
            self._stale = 0
        self._last_seen, self._last_number = picture, number
        self._last_duration_us = duration_us
        if self._beat_us is None or pts_us - self._beat_us >= BEAT_US:
            self._beat_us = pts_us
            self._beat(picture, None if luma is None else luma())
        return picture

    def rests(self) -> None:
        """The sensor stops: what comes next follows nothing."""
        last, self._last_seen = self._last_seen, None
        self._rest_frame = self._rest_frame if last is None else last.frame
        self._last_duration_us, self._stale, self._beat_us = 0, 0, None

    def rest_beat(self, now_us: int) -> None:
        """The process lives, though the sensor is off at `now_us`."""
        self._beat(Picture(self._rest_frame, now_us), None)

    def _beat(self, picture: Picture, luma: int | None) -> None:
        message = wire.message(
            wire.MessageKind.BEAT,
            {
                "frame": picture.frame,
                "pts_us": picture.pts_us,
                "delivered": self._delivered,
                "encoded": self._encoded,
                "luma": luma,
            },
        )
        # A controller that does not read needs no more of them, and the queue has its bound.
        if self._outbox.has_room(len(message)):
            self._outbox.send(message)

    def fed(self, timestamp_us: int, picture: Picture) -> None:
        """`picture` goes into the encoder, which will call it `timestamp_us`."""
        with self._lock:
            self._fed[timestamp_us] = picture
            if len(self._fed) > IN_ENCODER:
                raise CaptureError(f"the encoder has kept {IN_ENCODER} pictures to itself")

    def started(self) -> None:
        """A fresh encoder begins: it holds no picture, and its time starts again."""
        with self._lock:
            self._fed.clear()
            self._last_encoded_us = None

    def encoded(self, body: memoryview, key: bool, timestamp_us: int) -> bool:
        """The encoder gives the packet of the picture that was fed as `timestamp_us`.

        body: the packet in writable memory. Returns whether it goes to the outbox, to which it
        belongs afterwards. Raises CaptureError if the encoder gives what it was not fed, or not in
        the order of time.
        """
        with self._lock:
            picture = self._take(timestamp_us)
            if self._last_encoded_us is not None and picture.pts_us <= self._last_encoded_us:
                raise CaptureError("the encoder gives pictures out of order")
            self._last_encoded_us = picture.pts_us
            if self._epoch is None:
                return False
            if self._last_sent_us is None:
                # Footage begins with a key frame that is new enough.
                self._missing.clear()
                if not key or picture.pts_us < self._not_before_us:
                    return False
            self._encoded += 1
            if not self._passes(key, wire.HEADER.size + len(body)):
                self._missing[LOST_BY_QUEUE] += 1
                return False
            self._state_gaps(picture.pts_us)
            self._last_sent_us = picture.pts_us
            header = wire.MessageHeader(
                wire.MessageKind.PACKET, key, self._epoch, picture.frame, picture.pts_us, len(body)
            )
            self._outbox.send(header.pack(), body)
            return True

    def _take(self, timestamp_us: int) -> Picture:
        """The picture of this packet; older ones in the encoder are lost."""
        if timestamp_us not in self._fed:
            raise CaptureError("the encoder gives a picture that it was not fed")
        while True:
            fed_us, picture = self._fed.popitem(last=False)
            if picture.lost:
                self._missing[LOST_BY_CAMERA] += picture.lost
            if picture.stale:
                self._missing[LOST_BY_TIME] += picture.stale
            if fed_us == timestamp_us:
                return picture
            self._missing[LOST_BY_ENCODER] += 1

    def _passes(self, key: bool, size: int) -> bool:
        """Whether the packet can be queued; if not, none passes before the next key frame."""
        if self._skipping and not key:
            return False
        if self._outbox.has_room(size):
            self._skipping = False
            return True
        self._skipping = True
        self._want_key()
        return False

    def _state_gaps(self, to_us: int) -> None:
        for reason, frames in self._missing.items():
            self._outbox.send(
                wire.message(
                    wire.MessageKind.GAP,
                    {
                        "reason": reason,
                        "frames": frames,
                        "from_us": self._last_sent_us,
                        "to_us": to_us,
                    },
                )
            )
        self._missing.clear()
