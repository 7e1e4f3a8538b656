"""What the simulated loudspeaker played, and what it said."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest

from hw_mocks.sim.loudspeaker import Loudspeaker

RATE = 16_000


def sound(*samples: int) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(one.to_bytes(2, "little") for one in samples))
    return written.getvalue()


@pytest.fixture
def announcements(tmp_path: Path) -> Path:
    directory = tmp_path / "de"
    directory.mkdir()
    (directory / "wording.txt").write_text("ended: Sie ist beendet.\nmuted: Ohne Ton.\n")
    (directory / "ended.wav").write_bytes(sound(1, 2, 3))
    (directory / "muted.wav").write_bytes(sound(1, 2, 3, 4))
    (directory / "broken.wav").write_bytes(b"RIFF")
    return directory


def test_what_is_said_is_told_once_and_with_its_sentence(
    tmp_path: Path, announcements: Path
) -> None:
    path = tmp_path / "speaker.wav"
    speaker = Loudspeaker(path, [announcements])
    assert speaker.listen() is None
    # The device fills its last period with silence.
    path.write_bytes(sound(1, 2, 3, 0, 0, 0))
    known = {"name": "ended", "text": "Sie ist beendet.", "language": "de"}
    assert speaker.listen() == {"number": 1, **known}
    assert speaker.listen() is None
    assert speaker.sound(1) == path.read_bytes()
    assert speaker.sound(0) is None and speaker.sound(2) is None
    path.write_bytes(sound(1, 2, 3, 4))
    told = speaker.listen()
    assert told is not None and (told["number"], told["name"]) == (2, "muted")
    assert speaker.sound(1) is None


def test_an_offices_own_announcement_has_no_sentence(tmp_path: Path, announcements: Path) -> None:
    path = tmp_path / "speaker.wav"
    own = tmp_path / "own"
    own.mkdir()
    (own / "ended.wav").write_bytes(sound(9, 9))
    speaker = Loudspeaker(path, [own, announcements])
    path.write_bytes(sound(9, 9))
    told = speaker.listen()
    assert told == {"number": 1, "name": "ended", "text": None, "language": None}
    path.write_bytes(sound(7, 7, 7))
    assert speaker.listen() == {"number": 2, "name": None, "text": None, "language": None}


def test_what_is_being_written_or_was_said_before_is_not_told(
    tmp_path: Path, announcements: Path
) -> None:
    path = tmp_path / "speaker.wav"
    path.write_bytes(sound(1, 2, 3))
    speaker = Loudspeaker(path, [announcements])
    speaker.skip()
    assert speaker.listen() is None
    whole = sound(1, 2, 3, 4)
    for part in (whole[:20], whole[:-1], sound()):
        path.write_bytes(part)
        assert speaker.listen() is None
    path.write_bytes(whole)
    assert speaker.listen() is not None
