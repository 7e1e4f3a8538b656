"""Checks the loudspeaker with the player of the service, and a tone for an announcement.

Where there is a microphone, it listens meanwhile: that a device took the tone says nothing of the
wires behind it. What is heard is looked through for the tone alone and overwritten.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from camerad.behaviour.announcements import Announcement
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.microphone import AlsaDevice
from camerad.capture.send_queue import overwrite
from camerad.config import Settings
from camerad.doctor import tone
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.microphone import SILENT_PEAK
from camerad.doctor.prompts import Person
from camerad.hardware import from_settings
from camerad.hardware.speaker import PLAYED, Clip, Speaker, Spoken

BEFORE_SECONDS: Final = 0.5
"""How long the microphone listens before the tone: what sounds like it then is none of it."""
AFTER_SECONDS: Final = 1.0
"""How long it listens when the player has ended, which may have filled a buffer only."""
OPEN_SECONDS: Final = 4.0
"""What opening the microphone may take."""
_LOOK_SECONDS: Final = 0.02


async def check_loudspeaker(settings: Settings, person: Person | None) -> CheckResult:
    """Play the tone. person: who is asked whether they heard it."""
    if not settings.policy.announcement:
        return CheckResult("loudspeaker", FindingId.LOUDSPEAKER_UNWANTED)
    missing = missing_files(settings)
    if missing:
        return CheckResult(
            "loudspeaker", FindingId.LOUDSPEAKER_NO_FILE, {"missing": ", ".join(missing)}
        )
    wanted = from_settings.sound(settings)
    listener = None if wanted is None else Listener(SoundSettings(**wanted))
    try:
        if listener is not None:
            await listener.wait_until_listening(BEFORE_SECONDS)
            listener.mark_tone_start()
        spoken = await play(settings.announcements.device)
        if spoken.outcome == PLAYED and person is not None:
            return judge(spoken, noticed=await person.noticed("loudspeaker"))
        if spoken.outcome == PLAYED and listener is not None:
            await asyncio.sleep(tone.SECONDS + AFTER_SECONDS)
    finally:
        if listener is not None:
            listener.close()
    return judge(spoken, heard=None if listener is None else listener.heard)


def missing_files(settings: Settings) -> list[str]:
    """The announcements that have no file."""
    places = from_settings.announcements(settings)
    names = [f"{what.value}.wav" for what in Announcement]
    return [name for name in names if not any((place / name).is_file() for place in places)]


async def play(device: str) -> Spoken:
    """Have service's player play the tone; what came of it."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="camerad-doctor-") as folder:
        path = Path(folder) / "tone.wav"
        tone.write_tone(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        clip = Clip(path, tone.SECONDS, digest)

        async def load() -> Mapping[Announcement, Clip]:
            return {Announcement.RECORDING: clip}

        spoken: asyncio.Future[Spoken] = loop.create_future()
        speaker = Speaker(device, load)
        speaker.start()
        try:
            speaker.say(Announcement.RECORDING, spoken.set_result)
            return await spoken
        finally:
            await speaker.close()


class Listener:
    """Listens to the microphone on a thread of its own, which may hang in a driver, from its making
    until `close`."""

    def __init__(self, settings: SoundSettings) -> None:
        self._settings = settings
        self._ear = tone.ToneDetector(settings.rate)
        self._before = 0
        self._over = threading.Event()
        threading.Thread(target=self._run, name="doctor-ear", daemon=True).start()

    async def wait_until_listening(self, seconds: float) -> None:
        """Wait until it has listened for so long; no longer than opening may take besides, and not
        if there is no microphone."""
        loop = asyncio.get_running_loop()
        end = loop.time() + OPEN_SECONDS + seconds
        enough = seconds / tone.WINDOW_SECONDS
        while self._ear.windows < enough and not self._over.is_set() and loop.time() < end:
            await asyncio.sleep(_LOOK_SECONDS)

    def mark_tone_start(self) -> None:
        """The tone is played from now on."""
        self._before = self._ear.with_tone

    @property
    def heard(self) -> bool | None:
        """Whether the tone was heard since it began; None where that cannot be told: there is no
        microphone, it gives silence only, or something sounds like the tone all the time."""
        ear, before = self._ear, self._before
        if ear.loudest <= SILENT_PEAK or before >= tone.ENOUGH:
            return None
        return ear.with_tone - before >= tone.ENOUGH

    def close(self) -> None:
        """Listen no more."""
        self._over.set()

    def _run(self) -> None:
        try:
            device = AlsaDevice(self._settings)
        except OSError:
            self._over.set()  # what is the matter with it is the microphone's own finding
            return
        try:
            for packet in device.packets():
                self._ear.feed(np.frombuffer(packet, "<i2"))
                overwrite(packet)
                if self._over.is_set():
                    return
        except OSError:
            self._over.set()
        finally:
            device.close()


def judge(spoken: Spoken, *, noticed: bool | None = None, heard: bool | None = None) -> CheckResult:
    """Judge the tone. noticed: what a person said; heard: by the microphone; None: it cannot be
    told."""
    if spoken.outcome != PLAYED:
        return CheckResult(
            "loudspeaker", FindingId.LOUDSPEAKER_FAILS, {"why": spoken.why or spoken.outcome}
        )
    if noticed is not None:
        what = FindingId.LOUDSPEAKER_HEARD if noticed else FindingId.LOUDSPEAKER_UNHEARD
    elif heard is not None:
        what = FindingId.LOUDSPEAKER_HEARD if heard else FindingId.LOUDSPEAKER_FAINT
    else:
        what = FindingId.LOUDSPEAKER_PLAYED
    return CheckResult("loudspeaker", what)
