"""Checks microphone, loudspeaker, lights, vibration, buzzer and buttons, on the service's devices.

Of a microphone only the loudness is kept. The loudspeaker plays a tone with the service's player;
where there is a microphone it listens meanwhile, since a device that took the tone says nothing of
the wires behind it. What is heard is looked through for the tone alone and overwritten.

Outputs are switched through the daemon's own part for them, and each line is read back: that finds
a short and another driver. A light that is broken draws no current, which no line shows;
``--interactive`` asks a person whether it lights.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
import threading
import wave
from collections.abc import Callable, Mapping
from math import log10
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from camerad.base.clock import SystemClock
from camerad.base.errors import HardwareError
from camerad.behaviour.announcements import Announcement
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.microphone import AlsaDevice, AudioDevice
from camerad.capture.send_queue import overwrite
from camerad.config import Settings
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.checks import BUTTON, OUTPUTS
from camerad.doctor.prompts import Person
from camerad.hardware import from_settings
from camerad.hardware.buttons import Buttons, button_lines
from camerad.hardware.lights import Indicators
from camerad.hardware.speaker import PLAYED, Clip, Speaker, Spoken

_LOOK_SECONDS: Final = 0.02
Samples = NDArray[np.int16]


# -------------------------------------------------------------------------------------- microphone

LISTEN_SECONDS: Final = 1.5
"""Long enough for a word, and for the pause before it."""
LISTEN_PATIENCE_SECONDS: Final = 4.0
"""What opening may take, and what listening may be late by."""
SILENT_PEAK: Final = 2
"""Of 32768: a microphone that works has more noise than the last bit or two of its
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
        return FindingId.MICROPHONE_UNWANTED.found()
    if person is not None:
        person.ask_to_speak()
    return judge_microphone(await asyncio.to_thread(listen, SoundSettings(**wanted)))


def listen(settings: SoundSettings, seconds: float = LISTEN_SECONDS) -> SoundLevels:
    """Listen for so long; returns `LISTEN_PATIENCE_SECONDS` later at the latest, whatever the
    device does."""
    heard = SoundLevels()

    def work() -> None:
        try:
            read_device(AlsaDevice(settings), heard, round(seconds * settings.rate))
        except OSError as error:
            heard.error = f"{settings.device}: {error.strerror or error}"
        finally:
            heard.ended.set()

    threading.Thread(target=work, name="doctor-microphone", daemon=True).start()
    heard.ended.wait(LISTEN_PATIENCE_SECONDS + seconds)
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


def judge_microphone(heard: SoundLevels) -> CheckResult:
    """Judge the recording."""
    if heard.error is not None:
        return FindingId.MICROPHONE_MISSING.found(why=heard.error)
    if not heard.ended.is_set() or not heard.samples:
        return FindingId.MICROPHONE_HANGS.found()
    if heard.peak <= SILENT_PEAK:
        return FindingId.MICROPHONE_SILENT.found(peak=heard.peak)
    percent = round(heard.clipped / heard.samples * 100, 1)
    values = {"peak_db": round(-20 * log10(heard.peak / FULL), 1), "percent": percent}
    loud = heard.clipped > heard.samples * MOST_CLIPPED
    what = FindingId.MICROPHONE_CLIPS if loud else FindingId.MICROPHONE_OK
    return what.found(**values)


# ---------------------------------------------------------------------------------------- the tone

TONE_HERTZ: Final = 1000.0
"""Where small loudspeakers are loud, and mains hum and most of a voice are not."""
TONE_SECONDS: Final = 0.8
TONE_RATE: Final = 16_000
"""Samples per second, as the announcements that come with camerad have: what plays those plays
it."""
LOUDNESS: Final = 0.5
FADE_SECONDS: Final = 0.02
"""So that it begins and ends without a click."""
WINDOW_SECONDS: Final = 0.05
"""What is judged at once: fifty periods of the tone."""
SHARE: Final = 0.25
"""So much of the energy of a window is the tone's where the tone counts as heard. Noise has a
thousandth of its energy there, and a voice comes near it for a syllable at most."""
ENOUGH: Final = 5
"""So many windows with the tone, of the sixteen that it lasts."""


def write_tone(path: Path) -> None:
    """Make a WAV file of it, mono, 16 bits."""
    at_s = np.arange(round(TONE_SECONDS * TONE_RATE)) / TONE_RATE
    fade = np.clip(np.minimum(at_s, TONE_SECONDS - at_s) / FADE_SECONDS, 0, 1)
    values = np.rint(32767 * LOUDNESS * fade * np.sin(2 * np.pi * TONE_HERTZ * at_s)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TONE_RATE)
        file.writeframes(values.tobytes())


class ToneDetector:
    """Listens for the tone in samples of `rate` per second; keeps none but those of a window.

    windows: how many were heard to the end; with_tone: how many of them had the tone; loudest: the
    largest distance of a sample from the middle of its window, 0 to 32767.
    """

    def __init__(self, rate: int) -> None:
        self.windows = 0
        self.with_tone = 0
        self.loudest = 0.0
        count = round(WINDOW_SECONDS * rate)
        self._wave = np.exp(-2j * np.pi * TONE_HERTZ / rate * np.arange(count))
        self._window = np.zeros(count)
        self._filled = 0

    def feed(self, samples: Samples) -> None:
        """Hear these samples, which follow on those before."""
        while len(samples):
            room = len(self._window) - self._filled
            part, samples = samples[:room], samples[room:]
            self._window[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if self._filled == len(self._window):
                self._judge()
                self._filled = 0

    def _judge(self) -> None:
        values = self._window - self._window.mean()
        energy = float(values @ values)
        # A pure tone of amplitude A has the energy A²n/2, and its product with the wave is An/2.
        of_tone = 2 * abs(values @ self._wave) ** 2 / len(values)
        self.windows += 1
        self.with_tone += energy > 0 and of_tone >= SHARE * energy
        self.loudest = max(self.loudest, float(np.abs(values).max()))
        self._window[:] = 0


# ------------------------------------------------------------------------------------- loudspeaker

BEFORE_SECONDS: Final = 0.5
"""How long the microphone listens before the tone: what sounds like it then is none of it."""
AFTER_SECONDS: Final = 1.0
"""How long it listens when the player has ended, which may have filled a buffer only."""
OPEN_SECONDS: Final = 4.0
"""What opening the microphone may take."""


async def check_loudspeaker(settings: Settings, person: Person | None) -> CheckResult:
    """Play the tone. person: who is asked whether they heard it."""
    if not settings.policy.announcement:
        return FindingId.LOUDSPEAKER_UNWANTED.found()
    missing = missing_files(settings)
    if missing:
        return FindingId.LOUDSPEAKER_NO_FILE.found(missing=", ".join(missing))
    wanted = from_settings.sound(settings)
    listener = None if wanted is None else Listener(SoundSettings(**wanted))
    try:
        if listener is not None:
            await listener.wait_until_listening(BEFORE_SECONDS)
            listener.mark_tone_start()
        spoken = await play(settings.announcements.device)
        if spoken.outcome == PLAYED and person is not None:
            return judge_loudspeaker(spoken, noticed=await person.noticed("loudspeaker"))
        if spoken.outcome == PLAYED and listener is not None:
            await asyncio.sleep(TONE_SECONDS + AFTER_SECONDS)
    finally:
        if listener is not None:
            listener.close()
    return judge_loudspeaker(spoken, heard=None if listener is None else listener.heard)


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
        write_tone(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        clip = Clip(path, TONE_SECONDS, digest)

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
    """Listens to the microphone on a separate thread, which may hang in a driver, from its making
    until `close`."""

    def __init__(self, settings: SoundSettings) -> None:
        self._settings = settings
        self._ear = ToneDetector(settings.rate)
        self._before = 0
        self._over = threading.Event()
        threading.Thread(target=self._run, name="doctor-ear", daemon=True).start()

    async def wait_until_listening(self, seconds: float) -> None:
        """Wait until it has listened for so long; no longer than opening may take besides, and not
        if there is no microphone."""
        loop = asyncio.get_running_loop()
        end = loop.time() + OPEN_SECONDS + seconds
        enough = seconds / WINDOW_SECONDS
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
        if ear.loudest <= SILENT_PEAK or before >= ENOUGH:
            return None
        return ear.with_tone - before >= ENOUGH

    def close(self) -> None:
        """Listen no more."""
        self._over.set()

    def _run(self) -> None:
        # What is the matter with the microphone is its own finding.
        with contextlib.suppress(OSError), contextlib.closing(AlsaDevice(self._settings)) as device:
            for packet in device.packets():
                self._ear.feed(np.frombuffer(packet, "<i2"))
                overwrite(packet)
                if self._over.is_set():
                    break
        self._over.set()


def judge_loudspeaker(
    spoken: Spoken, *, noticed: bool | None = None, heard: bool | None = None
) -> CheckResult:
    """Judge the tone. noticed: what a person said; heard: by the microphone; None: it cannot be
    told."""
    if spoken.outcome != PLAYED:
        return FindingId.LOUDSPEAKER_FAILS.found(why=spoken.why or spoken.outcome)
    if noticed is not None:
        what = FindingId.LOUDSPEAKER_HEARD if noticed else FindingId.LOUDSPEAKER_UNHEARD
    elif heard is not None:
        what = FindingId.LOUDSPEAKER_HEARD if heard else FindingId.LOUDSPEAKER_FAINT
    else:
        what = FindingId.LOUDSPEAKER_PLAYED
    return what.found()


# -------------------------------------------------------------- lights, vibration, buzzer, buttons

ON_SECONDS: Final = 0.4
"""Long enough to be seen, felt and heard."""
STUCK_SECONDS: Final = 1.0
"""No press lasts so long on a camera on the bench."""
PRESS_SECONDS: Final = 10.0

# ----------------------------------------------------------------------------------- outputs


async def check_output(settings: Settings, check: str, person: Person | None) -> CheckResult:
    """Switch one of `checks.OUTPUTS` on and off. A line that cannot be opened is a finding."""
    wired = next(one for one in from_settings.outputs(settings) if one.name == OUTPUTS[check])
    faults: list[str] = []
    try:
        indicators = Indicators((wired,), lambda _, what: faults.append(what or ""))
    except HardwareError as error:
        return FindingId.OUTPUT_TAKEN.found(check, gpio=wired.gpio, why=str(error))
    try:
        rises = indicators.switch(wired.name, on=True)
        if person is not None and rises:
            seen = await person.noticed(check)
        else:
            await asyncio.sleep(ON_SECONDS)
            seen = None
        falls = indicators.switch(wired.name, on=False)
    finally:
        indicators.close()
    return judge_output(check, wired.gpio, rises=rises, falls=falls, seen=seen)


def judge_output(
    check: str, gpio: int, *, rises: bool, falls: bool, seen: bool | None
) -> CheckResult:
    """Judge the line. rises, falls: the line was on, and off, when it was driven so. seen: what a
    person said, None if no person was asked."""
    if not (rises and falls):
        state = "off" if rises else "on"
        return FindingId.OUTPUT_DEAD.found(check, gpio=gpio, state=state)
    what = {None: FindingId.OUTPUT_OK, True: FindingId.OUTPUT_SEEN, False: FindingId.OUTPUT_UNSEEN}[
        seen
    ]
    return what.found(check, gpio=gpio)


# ----------------------------------------------------------------------------------- buttons


async def check_button(settings: Settings, check: str, person: Person | None) -> CheckResult:
    """Look whether a button is stuck; with a person, whether a press arrives."""
    line = next(one for one in button_lines(settings) if check == BUTTON + one.button)
    values: dict[str, Any] = {"gpio": line.gpio}
    # By its edge, since on a busy board a press may begin and end between two looks at the line.
    arrived = threading.Event()

    def edge(_button: str, pressed: bool, _at_us: int) -> None:
        if pressed:
            arrived.set()

    try:
        watched = Buttons((line,), edge, SystemClock())
    except HardwareError as error:
        return FindingId.BUTTON_TAKEN.found(check, **values, why=str(error))

    def is_free() -> bool:
        return not watched.levels()[line.button]

    try:
        if not await _within(STUCK_SECONDS, is_free):
            return FindingId.BUTTON_STUCK.found(check, **values)
        if person is None:
            return FindingId.BUTTON_FREE.found(check, **values)
        arrived.clear()
        person.ask_to_press(check, PRESS_SECONDS)
        if not await _within(PRESS_SECONDS, lambda: arrived.is_set() or not is_free()):
            values |= {"seconds": PRESS_SECONDS}
            return FindingId.BUTTON_UNPRESSED.found(check, **values)
        if not await _within(PRESS_SECONDS, is_free):
            return FindingId.BUTTON_STUCK.found(check, **values)
        return FindingId.BUTTON_WORKS.found(check, **values)
    finally:
        watched.close()


async def _within(seconds: float, happens: Callable[[], bool]) -> bool:
    """Whether it is so at some moment within this time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not happens():
        if loop.time() > end:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True
