"""What the simulated microphone hears: a film's own sound, speech, or a clapper.

Everything is a function of media time, so that sound and picture can be compared: `Sound.heard`
gives the values at given instants, in seconds since the exposure of frame 0.

The clapper flashes and beeps: while it claps, the simulated sensor sees white (`flashes`), and the
microphone hears a tone. Each clap of ten in a row has a pitch of its own, so that it cannot be
mistaken for a neighbour. How many frames lie from clap to clap is what HW_MOCKS_CLAPPER says.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from hw_mocks import decoding

CLAPPER_VARIABLE: Final = "HW_MOCKS_CLAPPER"
FLASH_FRAMES: Final = 3
"""How many frames a flash lasts."""
PITCHES: Final = 10
PITCH_HZ: Final = 1000.0
PITCH_STEP_HZ: Final = 100.0
LOUDNESS: Final = 0.5

SPEECH: Final = (
    "This is the simulated microphone of a body worn camera. "
    "You hear a voice that was made by a computer. "
    "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."
)
PAUSE_SECONDS: Final = 0.5
"""Between the end of speech and its beginning anew."""

Values = NDArray[np.float64]


class SoundError(ValueError):
    """Error raised when there is nothing to hear: no such file, or no program that speaks."""


def flashes(number: int, every: int) -> bool:
    """Whether frame `number` sees the clapper's flash, if it claps every so many frames."""
    return number % every < FLASH_FRAMES


def pitch_hz(clap: int) -> float:
    """The frequency of a clap's tone, by its number."""
    return PITCH_HZ + PITCH_STEP_HZ * (clap % PITCHES)


class Sound(Protocol):
    """Something to be heard."""

    def heard(self, seconds: Values) -> Values:
        """The values, -1 to 1, at these seconds since frame 0."""


class Silence:
    """Nothing."""

    def heard(self, seconds: Values) -> Values:
        """As `Sound.heard`."""
        return np.zeros_like(seconds)


class Clapper:
    """Tones that begin and end with the flashes: one every `every` frames of `fps` a second."""

    def __init__(self, every: int, fps: float) -> None:
        self._period = every / fps
        self._length = FLASH_FRAMES / fps

    def heard(self, seconds: Values) -> Values:
        """As `Sound.heard`."""
        clap = np.floor(seconds / self._period)
        since = seconds - clap * self._period
        tone = PITCH_HZ + PITCH_STEP_HZ * np.mod(clap, PITCHES)
        heard: Values = np.sin(2 * np.pi * tone * since) * (LOUDNESS * (since < self._length))
        return heard


class Recorded:
    """Recorded samples, over and over. rate: samples per second."""

    def __init__(self, samples: Values, rate: float) -> None:
        # Closed to a ring, so that there is something between the last sample and the first.
        self._samples = np.append(samples, samples[:1])
        self._rate = rate
        self._count = len(samples)

    def heard(self, seconds: Values) -> Values:
        """As `Sound.heard`."""
        places = np.mod(seconds * self._rate, self._count)
        # Just below zero rounds to the whole length.
        before = np.minimum(places.astype(np.intp), self._count - 1)
        share = places - before
        heard: Values = (1 - share) * self._samples[before] + share * self._samples[before + 1]
        return heard


class Beside:
    """Another sound, and over it what a loudspeaker beside the microphone plays.

    path: the file that ALSA's file device writes in the place of the loudspeaker. It takes all of a
    sound at once; that begins to be heard when the file is whole, and lasts as long as it is.
    """

    def __init__(self, sound: Sound, path: Path) -> None:
        self._sound = sound
        self._path = path
        self._seen = self._look()
        self._samples: Values = np.empty(0)
        self._rate = 1.0
        self._begins = 0.0

    def heard(self, seconds: Values) -> Values:
        """As `Sound.heard`."""
        heard = self._sound.heard(seconds)
        seen = self._look()
        if len(seconds) and seen != self._seen and self._read():
            self._seen, self._begins = seen, float(seconds[0])
        if len(self._samples):
            at = np.arange(len(self._samples)) / self._rate
            heard = heard + np.interp(seconds - self._begins, at, self._samples, left=0, right=0)
        return heard

    def _look(self) -> tuple[int, int] | None:
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return None
        return state.st_mtime_ns, state.st_size

    def _read(self) -> bool:
        """Whether the file is whole; its header says how long it is only then."""
        try:
            with wave.open(str(self._path), "rb") as file:
                channels, rate = file.getnchannels(), file.getframerate()
                count = file.getnframes()
                content = file.readframes(count)
                if file.getsampwidth() != 2 or not content or len(content) < 2 * channels * count:
                    return False
        except (OSError, EOFError, wave.Error):
            return False
        values = np.frombuffer(content, "<i2").reshape(-1, channels)
        self._samples, self._rate = values.mean(axis=1) / 32768, rate
        return True


def decode(path: Path) -> tuple[Values, int]:
    """The sound of a file, mixed to one channel, and its rate; no samples if it has none.

    Where a packet cannot be decoded there is silence, so that what comes later stays with its
    pictures. Raises SoundError if nothing can be read.
    """
    import av

    try:
        with contextlib.closing(av.open(str(path))) as container:
            if not container.streams.audio:
                return np.empty(0), 1
            stream = container.streams.audio[0]
            mixer = av.AudioResampler(format="dbl", layout="mono", rate=stream.rate)
            pieces = [np.empty(0)]
            ends: float | None = None
            for frame in decoding.frames(path, container, stream):
                if ends is not None and frame.time is not None:
                    pieces.append(np.zeros(max(0, round((frame.time - ends) * stream.rate))))
                pieces += [piece.to_ndarray()[0] for piece in mixer.resample(frame)]
                if frame.time is not None:
                    ends = frame.time + frame.samples / stream.rate
            pieces += [piece.to_ndarray()[0] for piece in mixer.resample(None)]
            return np.concatenate(pieces), stream.rate
    except (OSError, av.FFmpegError) as error:
        raise SoundError(f"{path}: no sound can be read from it: {error.strerror}") from error


def film(path: Path) -> Sound | None:
    """A film's own sound, over and over as its pictures are; None if it has none.

    Raises SoundError if it cannot be read.
    """
    samples, rate = decode(path)
    return Recorded(samples, rate) if len(samples) else None


def speak(text: str, path: Path) -> None:
    """Have espeak-ng speak `text` into a WAV file. Raises SoundError if it cannot."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise SoundError("there is no espeak-ng: install it, or run hw-mocks/prepare.sh")
    done = subprocess.run(
        [program, "-v", "en", "-w", str(path), text], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SoundError(f"espeak-ng cannot speak: {done.stderr.strip()}")


def speech(text: str = SPEECH) -> Sound:
    """Speech by espeak-ng, over and over. Raises SoundError where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        speak(text, path)
        samples, rate = decode(path)
    return Recorded(np.append(samples, np.zeros(round(rate * PAUSE_SECONDS))), rate)


def sound_of(order: dict[str, Any]) -> Sound:
    """The sound that an order asks for.

    {"kind": "film", "path": ...} falls back to speech where a film is silent; {"kind": "speech",
    "text": ...}; {"kind": "clapper", "every": frames, "fps": ...}; {"kind": "silence"}. With
    "speaker": PATH, what is written there is heard besides (`Beside`); with "visitor": PATH, what a
    visitor's microphone hears, while it does (`hw_mocks.webcam_sound`). Raises SoundError if there
    is nothing to hear, or no such kind.
    """
    match order:
        case {"speaker": path, **rest}:
            return Beside(sound_of(rest), Path(path))
        case {"visitor": path, **rest}:
            from hw_mocks.webcam_sound import VisitorSound

            return VisitorSound(sound_of(rest), Path(path))
        case {"kind": "film", "path": path}:
            return film(Path(path)) or speech()
        case {"kind": "speech"}:
            return speech(order.get("text", SPEECH))
        case {"kind": "clapper", "every": every, "fps": fps}:
            return Clapper(int(every), float(fps))
        case {"kind": "silence"}:
            return Silence()
    raise SoundError(f"no such sound: {order}")
