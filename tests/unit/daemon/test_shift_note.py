"""The note of the present shift: read by the next daemon of its boot, or believed by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.base.clock import SECOND, ManualClock
from camerad.daemon.shift_note import NAME, NotedShift, ShiftNote, Worn


def worn(clock: ManualClock) -> Worn:
    return Worn("W-0815", "control", clock.moment())


def test_what_is_noted_is_read_by_the_next_daemon(tmp_path: Path) -> None:
    clock = ManualClock(5 * SECOND)
    note = ShiftNote(str(tmp_path / "run"), clock)
    assert note.read() is None
    present, moment = worn(clock), clock.moment()
    note.write(present, "relieved")
    clock.advance(SECOND)
    again = ShiftNote(str(tmp_path / "run"), clock)
    assert again.read() == NotedShift(clock.boot_id, moment, present, "relieved")
    again.write(None, "ended")
    noted = note.read()
    assert noted is not None
    assert (noted.present, noted.over) == (None, "ended")


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 4000, b"\xff", b'{"boot_id": 1}'])
def test_one_that_makes_no_sense_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert ShiftNote(str(tmp_path), ManualClock(SECOND)).read() is None


def test_one_of_another_boot_or_of_a_time_to_come_says_nothing(tmp_path: Path) -> None:
    clock = ManualClock(5 * SECOND)
    note = ShiftNote(str(tmp_path), clock)
    note.write(worn(clock), None)
    clock.reboot()
    assert note.read() is None
    clock.advance(5 * SECOND)
    note.write(worn(clock), None)
    assert note.read() is not None
    early = ManualClock()
    early.reboot()
    early.advance(clock.now_us() - 1)
    assert early.boot_id == clock.boot_id
    assert ShiftNote(str(tmp_path), early).read() is None


def test_one_that_cannot_be_written_takes_the_old_one_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one would bring back whoever has given the camera back."""
    clock = ManualClock(5 * SECOND)
    note = ShiftNote(str(tmp_path), clock)
    note.write(worn(clock), None)

    def full(_descriptor: int, *_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("camerad.base.durable_files.write", full)
    note.write(None, "ended")
    assert note.read() is None
    assert list(tmp_path.iterdir()) == []
    assert "the shift cannot be noted" in caplog.text
