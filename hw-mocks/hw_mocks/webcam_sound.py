"""What a visitor's own microphone hears, in place of the film: memory that two processes share.

The simulator's server writes samples as they come from the page (`SoundMemory`), and the simulated
microphone, in another process, reads them at its own instants (`VisitorSound`). As with pictures
(`hw_mocks.webcam`), the memory is anonymous and nobody waits: a ring of `RING_SECONDS`, behind a
page whose head is three unsigned integers of 64 bits: how many samples were ever written, the
instant of the newest in nanoseconds of CLOCK_BOOTTIME (0: nothing is heard), and both combined by
exclusive or. Samples are 16 bits, 48,000 a second.

What is heard is `LAG_SECONDS` old, so that what comes unevenly is heard evenly. Where nothing has
come in time there is silence; when nothing came for `FRESH_SECONDS`, the film is heard again.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

import numpy as np

from hw_mocks.pacing import boottime_ns
from hw_mocks.sound import Sound, Values

RATE: Final = 48_000
RING_SECONDS: Final = 4
LAG_SECONDS: Final = 0.2
FRESH_SECONDS: Final = 1.0
_FRESH_NS: Final = round(FRESH_SECONDS * 1e9)
_LAG: Final = round(LAG_SECONDS * RATE)
_RING: Final = RING_SECONDS * RATE
_HEAD: Final = struct.Struct("<3Q")
_PAGE: Final = 4096
_BYTES: Final = 2
_FULL: Final = 32768.0


class SoundMemory:
    """The writer's end. Raises OSError if the kernel has no memory to give."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("webcam-sound", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, _PAGE + _RING * _BYTES)
        self._written = 0

    @property
    def path(self) -> Path:
        """Where processes of the same user open it, while this process holds it."""
        return Path(f"/proc/{os.getpid()}/fd/{self.fd}")

    def put(self, samples: bytes) -> None:
        """Let these be heard, after the ones before. Raises ValueError for more than a second, or
        for half a sample."""
        if len(samples) % _BYTES or len(samples) > RATE * _BYTES:
            raise ValueError(f"{len(samples)} bytes are no samples of a second at most")
        place = self._written % _RING * _BYTES
        first = samples[: _RING * _BYTES - place]
        os.pwrite(self.fd, first, _PAGE + place)
        os.pwrite(self.fd, samples[len(first) :], _PAGE)
        self._written += len(samples) // _BYTES
        self._write_head(boottime_ns())

    def clear(self) -> None:
        """Let the film be heard at once, and forget every sample."""
        self._write_head(0)
        os.ftruncate(self.fd, _PAGE)
        os.ftruncate(self.fd, _PAGE + _RING * _BYTES)

    def _write_head(self, at_ns: int) -> None:
        os.pwrite(self.fd, _HEAD.pack(self._written, at_ns, self._written ^ at_ns), 0)

    def close(self) -> None:
        """Let go of the memory."""
        os.close(self.fd)


class VisitorSound:
    """A `Sound`: the visitor's, and `film`'s without it. path: of the memory. Raises OSError if
    there is none."""

    def __init__(self, film: Sound, path: Path) -> None:
        self._film = film
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._next: int | None = None
        """The sample that is heard next; None while the film is heard."""

    def heard(self, seconds: Values) -> Values:
        """As `Sound.heard`; of the instants only their number counts, which follow each other."""
        written = self._written()
        if written is None:
            self._next = None
            return self._film.heard(seconds)
        count = len(seconds)
        # At the beginning, and when the two clocks have come apart by more than the lag, anew.
        if self._next is None or not 0 <= written - self._next <= 2 * _LAG + count:
            self._next = max(0, written - _LAG)
        until = min(self._next + count, written)
        heard = np.zeros(count)
        come = self._read(self._next, until)
        heard[: len(come)] = come
        self._next = until
        return heard

    def _written(self) -> int | None:
        """How many samples were written; None if nothing is to be heard of them."""
        written, at_ns, both = _HEAD.unpack(os.pread(self._fd, _HEAD.size, 0))
        fresh = at_ns and written ^ at_ns == both and boottime_ns() - at_ns <= _FRESH_NS
        return written if fresh else None

    def _read(self, first: int, until: int) -> Values:
        pieces = b""
        while first < until:
            count = min(until - first, _RING - first % _RING)
            pieces += os.pread(self._fd, count * _BYTES, _PAGE + first % _RING * _BYTES)
            first += count
        return np.frombuffer(pieces, "<i2") / _FULL
