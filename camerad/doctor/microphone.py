"""Checks the microphone on the device of the service; only the loudness is kept.

Reading may hang in a driver, so it runs on a thread, with a time limit.
"""

from __future__ import annotations

import asyncio
import threading
from math import log10
from typing import Final

import msgspec
import numpy as np

from camerad.capture.capture_settings import SoundSettings
from camerad.capture.microphone import AlsaDevice, AudioDevice
from camerad.capture.send_queue import overwrite
from camerad.config import Settings
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.prompts import Person
from camerad.hardware import from_settings

LISTEN_SECONDS: Final = 1.5
"""Long enough for a word, and for the pause before it."""
PATIENCE_SECONDS: Final = 4.0
"""What opening may take, and what listening may be late by."""
SILENT_PEAK: Final = 2
"""Of 32768: a microphone that works has more noise of its own than the last bit or two of its
converter; one whose wire is broken gives zeros."""
FULL: Final = 32767
MOST_CLIPPED: Final = 0.01


class SoundLevels(msgspec.Struct):
    """samples: how many; lowest, highest: the least and the greatest of them, 16 bits, signed;
    clipped: how many were at full scale. error: why there are none. ended: set once nothing reads
    the device any more."""

    samples: int = 0
    lowest: int = FULL
    highest: int = -FULL
    clipped: int = 0
    error: str | None = None
    ended: threading.Event = msgspec.field(default_factory=threading.Event)

    @property
    def peak(self) -> int:
        """The largest distance from their middle, 0 to 32767: a constant offset is no sound."""
        return max(0, self.highest - self.lowest + 1) // 2


async def check_microphone(settings: Settings, person: Person | None) -> CheckResult:
    """Listen to the microphone that is configured. person: who is asked to speak."""
    wanted = from_settings.sound(settings)
    if wanted is None:
        return CheckResult("microphone", FindingId.MICROPHONE_UNWANTED)
    if person is not None:
        person.ask_to_speak()
    return judge(await asyncio.to_thread(listen, SoundSettings(**wanted)))


def listen(settings: SoundSettings, seconds: float = LISTEN_SECONDS) -> SoundLevels:
    """Listen for so long; returns `PATIENCE_SECONDS` later at the latest, whatever the device
    does."""
    heard = SoundLevels()

    def work() -> None:
        try:
            read_device(AlsaDevice(settings), heard, round(seconds * settings.rate))
        except OSError as error:
            heard.error = f"{settings.device}: {error.strerror or error}"
        finally:
            heard.ended.set()

    threading.Thread(target=work, name="doctor-microphone", daemon=True).start()
    heard.ended.wait(PATIENCE_SECONDS + seconds)
    return heard


def read_device(device: AudioDevice, heard: SoundLevels, count: int) -> None:
    """Take `count` samples from `device`, if it gives so many, and close it. Raises OSError."""
    try:
        for packet in device.packets():
            samples = np.frombuffer(packet, "<i2")
            if len(samples):
                heard.lowest = min(heard.lowest, int(samples.min()))
                heard.highest = max(heard.highest, int(samples.max()))
                heard.clipped += int(np.count_nonzero(np.abs(samples.astype(np.int32)) >= FULL))
                heard.samples += len(samples)
            overwrite(packet)
            if heard.samples >= count:
                return
    finally:
        device.close()


def judge(heard: SoundLevels) -> CheckResult:
    """Judge the recording."""
    if heard.error is not None:
        return CheckResult("microphone", FindingId.MICROPHONE_MISSING, {"why": heard.error})
    if not heard.ended.is_set() or not heard.samples:
        return CheckResult("microphone", FindingId.MICROPHONE_HANGS)
    if heard.peak <= SILENT_PEAK:
        return CheckResult("microphone", FindingId.MICROPHONE_SILENT, {"peak": heard.peak})
    percent = round(heard.clipped / heard.samples * 100, 1)
    values = {"peak_db": round(-20 * log10(heard.peak / FULL), 1), "percent": percent}
    loud = heard.clipped > heard.samples * MOST_CLIPPED
    what = FindingId.MICROPHONE_CLIPS if loud else FindingId.MICROPHONE_OK
    return CheckResult("microphone", what, values)
