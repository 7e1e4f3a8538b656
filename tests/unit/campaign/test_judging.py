"""A recording is looked at while it is written: half a statement is none."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hw_mocks.pacing import NANOSECONDS, Pace

from tests.campaign import judging
from tests.system import sealed

pytestmark = pytest.mark.campaign

FRAGMENT = b"sealed"


def token(**says: Any) -> bytes:
    """A compact JWS; nobody looks at its signature here."""
    parts = (b'{"alg":"EdDSA"}', json.dumps(says).encode(), bytes(range(64)))
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


COMMIT = token(fragment={"sha256": hashlib.sha256(FRAGMENT).hexdigest()}, facts={"frames": 15})
END = token(closing={"reason": "stop"})


def archive(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


WHOLE = archive(
    ("header.jws", token(origin_us=0)),
    ("init.mp4.age", b"sealed"),
    ("000000.m4s.age", FRAGMENT),
    ("000000.jws", COMMIT),
    ("end.jws", END),
)


def cut(path: Path, statement: bytes, kept: int) -> Path:
    """The recording with only so many bytes of a statement and nothing behind them, in a file that
    has the room for the rest."""
    at = WHOLE.index(statement) + kept
    path.write_bytes(WHOLE[:at] + bytes(len(WHOLE) - at))
    return path


def test_a_recording_has_ended_when_all_of_its_end_is_there(tmp_path: Path) -> None:
    path = tmp_path / "recording.tar"
    assert judging.ended(cut(path, END, len(END)))
    assert [kept for kept in range(len(END)) if judging.ended(cut(path, END, kept))] == []
    assert sealed.read(path).end is None


@pytest.mark.parametrize("room", [0, len(WHOLE)], ids=["grows", "has room"])
def test_a_recording_that_is_only_being_made_has_not_ended(room: int, tmp_path: Path) -> None:
    path = tmp_path / "recording.tar"
    assert not judging.ended(path)

    def is_ended(kept: int) -> bool:
        path.write_bytes(WHOLE[:kept].ljust(room, b"\0"))
        return judging.ended(path)

    ends = WHOLE.index(END) + len(END)
    assert [kept for kept in range(0, ends, 7) if is_ended(kept)] == []
    assert is_ended(len(WHOLE))


@pytest.mark.parametrize("kept", range(0, len(COMMIT), 7))
def test_a_commit_of_which_a_part_is_there_is_none(kept: int, tmp_path: Path) -> None:
    found = sealed.read(cut(tmp_path / "recording.tar", COMMIT, kept))
    assert (found.commits, found.fragments, found.end) == ((), (), None)


@pytest.mark.parametrize("rate", [30, 20, 15])
def test_a_frame_has_the_number_that_the_sensor_gave_it(rate: int) -> None:
    epoch_us = 5_401_621_781
    full, thinned = (Fraction(NANOSECONDS, one) for one in (30, rate))
    pace = Pace(epoch_us * 1000, full, epoch_us * 1000)
    pace.change(thinned)
    for _ in range(3_000):
        assert judging.frame_number(pace.at_ns // 1000, epoch_us) == pace.number
        pace.advance()
