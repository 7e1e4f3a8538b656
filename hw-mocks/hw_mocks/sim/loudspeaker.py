"""What the camera says aloud: the file that its simulated loudspeaker writes, and what it says.

ALSA writes what is played into a file (`hw_mocks.sim.setup`), all of it at once. Which of the
announcements it was is told by its samples; what that says, by the list of sentences that lies
beside it. An office may have spoken its own: then it is heard, and no sentence is known.
"""

from __future__ import annotations

import contextlib
import io
import os
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

SENTENCES: Final = "wording.txt"
"""In a folder of announcements: a line ``name: sentence`` for each file ``name.wav``."""
MAX_BYTES: Final = 16_000_000
"""More than an announcement may take: half a minute in any format that is spoken in."""


class Loudspeaker:
    """`path`: of the file. `directories`: where the announcements lie, best first. A file that is
    no announcement is left out; nothing is raised for it."""

    def __init__(self, path: Path, directories: Sequence[Path]) -> None:
        self._path = path
        self._said = [one for directory in directories for one in _announcements(directory)]
        self._seen: tuple[int, int, int] | None = None
        self._number = 0
        self._sound = b""

    def skip(self) -> None:
        """What was said until now has not been heard by anybody."""
        self._seen = self._look()

    def listen(self) -> dict[str, Any] | None:
        """What has been said since, if anything: {"number", "name": of the announcement, "text":
        its sentence, "language"}; each None where it is not known."""
        seen = self._look()
        if seen is None or seen == self._seen:
            return None
        sound = self._read()
        if sound is None:
            return None  # it is being written
        self._seen, self._sound = seen, sound
        self._number += 1
        told: dict[str, str | None] = dict.fromkeys(("name", "text", "language"))
        samples = _samples(sound)
        for known, one in self._said:
            # The device fills its last period with silence.
            if known and samples.startswith(known) and not any(samples[len(known) :]):
                told = one
                break
        return {"number": self._number, **told}

    def sound(self, number: int) -> bytes | None:
        """What was said, as a WAV file; only the newest is kept."""
        return self._sound if number == self._number and self._sound else None

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> bytes | None:
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            sound = file.read(MAX_BYTES)
            # Its length stands at its beginning, and is written last.
            if len(sound) == int.from_bytes(sound[4:8], "little") + 8 and _samples(sound):
                return sound
        return None


def _samples(sound: bytes) -> bytes:
    """Its samples; none if it is no WAV file. What else such a file says may be said otherwise."""
    try:
        with wave.open(io.BytesIO(sound)) as read:
            samples: bytes = read.readframes(read.getnframes())
    except (wave.Error, EOFError):
        return b""
    return samples


def _announcements(directory: Path) -> list[tuple[bytes, dict[str, str | None]]]:
    sentences: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (directory / SENTENCES).read_text().splitlines():
            name, _, sentence = line.partition(": ")
            sentences[name] = sentence
    language = directory.name if sentences else None
    found = []
    for path in sorted(directory.glob("*.wav")):
        text = sentences.get(path.stem)
        said = {"name": path.stem, "text": text, "language": language}
        found.append((_samples(path.read_bytes()), said))
    return found
