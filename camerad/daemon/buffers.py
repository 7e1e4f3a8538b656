"""Allocates the locked memory for footage: a ring for pictures, and one for sound."""

from __future__ import annotations

import msgspec

from camerad.base.errors import RingError, RingLockError
from camerad.base.message_ids import Log, MessageId
from camerad.config import Settings
from camerad.hardware import from_settings
from camerad.stream.ring import Ring

_log = Log(__name__)


class Buffers(msgspec.Struct, frozen=True):
    """pictures, sound: the rings; sound is None where recordings are to have none. locked: whether
    they may hold footage while nothing is recorded."""

    pictures: Ring
    sound: Ring | None
    locked: bool

    def close(self) -> None:
        """Overwrite everything and give the memory back."""
        for ring in (self.pictures, self.sound):
            try:
                if ring is not None:
                    ring.close()
            except RingError as error:
                # Storage that never answered still holds a lease; the kernel frees the memory.
                _log.error(MessageId.STORAGE, "%s", error)


def make_rings(settings: Settings) -> Buffers:
    """The rings for the pre-event buffer, or, where they cannot be locked, without one.

    Rings that are not locked are only ever queues to the storage while something is recorded.
    """
    try:
        return _make(settings, lock=True)
    except RingLockError as error:
        _log.error(MessageId.NO_BUFFER, "no pre-event buffer: %s", error)
        return _make(settings, lock=False)


def _make(settings: Settings, *, lock: bool) -> Buffers:
    buffer = settings.policy.pre_event
    most = from_settings.buffer_limit(settings) if lock else None
    pictures = Ring(
        from_settings.ring_bytes(settings),
        buffer.seconds if lock else 0,
        from_settings.group_us(settings),
        most,
        lock=lock,
    )
    sound = None
    try:
        if from_settings.sound(settings) is not None:
            sound = Ring(
                from_settings.sound_ring_bytes(settings),
                # The oldest picture may be a group older than that, and has its sound.
                from_settings.sound_seconds(settings) if lock else 0,
                from_settings.unit_us(settings),
                most,
                lock=lock,
            )
    except BaseException:
        pictures.close()
        raise
    return Buffers(pictures, sound, lock)
