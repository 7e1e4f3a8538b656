"""A listing tells what is there as what it is."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import msgspec
import pytest
from evidence_helpers import MOMENT, a_header, time_of
from sink_helpers import (
    END,
    ID,
    KEY,
    a_closing,
    a_facts,
    abandon,
    members,
    open_sink,
    record,
    small,
)

from camerad.base.clock import ManualClock
from camerad.container import jws, recording_files, ustar
from camerad.container.gaps import Gap
from camerad.container.recording_files import new_id
from camerad.container.ustar import member
from camerad.store import listing
from camerad.store.listing import Listing, list_recordings, read_info
from camerad.store.recovery import repair

BEFORE = "20261124T152900Z-000001-00000000"
"""Id of the recording before."""


def test_a_closed_recording_is_listed_with_all_that_its_file_says(tmp_path: Path) -> None:
    header = a_header(
        trigger_us=time_of(10), pre_event_wanted_us=500_000, continues=BEFORE, sound=True
    )
    path = record(tmp_path, header)
    (info,) = list_recordings(str(tmp_path))
    assert (info.id, info.path, info.device, info.state) == (ID, path, "cam-1", "closed")
    assert (info.reason, info.seconds, info.frames, info.gaps) == ("stop", 1.0, 30, ())
    # Ten pictures lie before the trigger, a third of a second; half a second was wanted.
    assert info.pre_event_seconds == pytest.approx(1 / 3, abs=1e-6)
    assert info.pre_event_shortfall_seconds == pytest.approx(1 / 6, abs=1e-6)
    assert info.started == "2026-11-24T15:30:00.000Z"
    assert (info.policy, info.retention_days, info.sound) == ("generic", 14, True)
    assert (info.continues, info.flagged) == (BEFORE, False)
    assert info.bytes == sum(len(d) for name, d in members(path).items() if name.endswith(".age"))
    assert info.bits_per_second == info.bytes * 8
    assert json.loads(json.dumps(info.as_json()))["gaps"] == []
    assert read_info(path) == info


def test_gaps_and_marks_are_listed(tmp_path: Path) -> None:
    gap = Gap("capture restarted", None, time_of(20), time_of(25))
    last = Gap("camera did not deliver until the stop", None, time_of(30), time_of(60))
    opened = small(tmp_path, 1)
    opened.append(b"fragment", a_facts(1, gaps=(gap,), marks=(time_of(27),)))
    opened.close(a_closing(gaps=(last,), marks=(time_of(60),)))
    (info,) = list_recordings(str(tmp_path))
    assert info.gaps == (gap, last)
    assert info.marks == (0.9, 2.0)
    assert info.flagged
    # A sixth of the second has no pictures; what lies after the last picture is no part of it.
    assert info.bits_per_second == pytest.approx(info.bytes * 8 / (5 / 6), rel=1e-3)


def test_running_interrupted_closed_and_recovered_are_told_apart(tmp_path: Path) -> None:
    known = Listing()
    recording = small(tmp_path, 1)
    path = recording.path

    def seen() -> tuple[str, float, str | None, bool]:
        (info,) = known.read(str(tmp_path))
        assert [info] == list_recordings(str(tmp_path))
        return info.state, info.seconds, info.reason, info.final is not None

    assert seen() == ("recording", 0.5, None, False)
    recording.append(b"fragment", a_facts(1))
    assert seen() == ("recording", 1.0, None, False)
    abandon(recording)
    assert seen() == ("interrupted", 1.0, None, False)
    repair(path, KEY, ManualClock(0, MOMENT.wall_us))
    assert seen() == ("recovered", 1.0, "recovered", True)
    os.unlink(path)
    assert known.read(str(tmp_path)) == []
    small(tmp_path, 1).close(END)
    # Footage was wanted for a second.
    assert seen() == ("closed", 1.0, "stop", True)


def test_a_file_that_did_not_change_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = read_info

    def counted(path: str) -> object:
        read.append(os.path.basename(path))
        return real(path)

    monkeypatch.setattr(listing, "read_info", counted)
    known = Listing()
    record(tmp_path)
    running = small(tmp_path, 1, a_header("20261124T153000Z-000002-00000002"))
    (tmp_path / "20261124T153000Z-000003-00000003.tar").write_bytes(b"none of ours")
    for _ in range(3):
        assert [info.state for info in known.read(str(tmp_path))] == ["recording", "closed"]
    assert sorted(name[17:23] for name in read) == ["000001", "000002", "000003"]
    read.clear()
    running.append(b"fragment", a_facts(1))
    assert known.read(str(tmp_path))[0].seconds == 1.0
    assert [name[17:23] for name in read] == ["000002"]
    running.close(END)


def test_foreign_files_are_left_out_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(record(tmp_path))
    other = "20261124T153000Z-000002-0000000"
    (tmp_path / "notes.tar").write_bytes(path.read_bytes())
    (tmp_path / f"{other}1.mp4").write_bytes(path.read_bytes())
    (tmp_path / f"{other}2.tar").write_bytes(b"\xff\0\n[]\n\n")
    (tmp_path / f"{other}3.tar").mkdir()
    (tmp_path / f"{other}4.tar").write_bytes(path.read_bytes())
    (tmp_path / f"{other}5.tar").write_bytes(path.read_bytes()[:99])
    (tmp_path / f"{other}6.tar").write_bytes(b"")
    known = Listing()
    for _ in range(2):
        assert [info.id for info in known.read(str(tmp_path))] == [ID]
    assert f"this is the recording {ID}, renamed" in caplog.text
    # 2, 4, 5 and 6 are told once; the directory (3) cannot be read, which may pass.
    assert caplog.text.count("cannot be listed") == 4 + 2


def test_a_recording_that_goes_while_it_is_listed_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = record(tmp_path)
    real = os.stat

    def last_seen(where: str, **more: int) -> os.stat_result:
        state = real(where, **more)
        if where == path:
            monkeypatch.undo()
            os.unlink(path)
        return state

    monkeypatch.setattr(os, "stat", last_seen)
    assert list_recordings(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
    assert caplog.text == ""


def test_a_lock_that_cannot_be_asked_for_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(recording_files.fcntl, "flock", refuse)
    assert list_recordings(str(tmp_path)) == []
    assert "cannot read the recording: No locks available" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"started_wall_us": 10**30},
        {"retention_days": 10**30},
        {"origin_us": -(10**30)},
        {"device": "cam\x1b[2J"},
    ],
)
def test_a_header_that_says_what_cannot_be_keeps_no_other_from_being_listed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, object]
) -> None:
    record(tmp_path)
    planted = "20261124T153000Z-000777-0000000a"
    token = jws.sign(KEY, "camerad-header", msgspec.to_builtins(a_header(planted)) | change)
    (tmp_path / f"{planted}.tar").write_bytes(b"".join([*member("header.jws", token), ustar.END]))
    assert [info.id for info in list_recordings(str(tmp_path))] == [ID]
    assert "cannot be listed" in caplog.text
    assert "\x1b" not in caplog.text


def test_a_named_pipe_is_left_out_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / f"{ID}.tar")
    assert list_recordings(str(tmp_path)) == []
    assert "this is no regular file" in caplog.text


def test_a_number_that_no_device_reaches_does_not_lengthen_the_names(tmp_path: Path) -> None:
    (tmp_path / f"20261124T153000Z-{'9' * 18}-00000001.tar").touch()
    assert new_id(str(tmp_path), 0).startswith("19700101T000000Z-000001-")


def test_the_newest_comes_first_even_if_the_clock_was_wrong(tmp_path: Path) -> None:
    made = []
    for wall_us in (1_795_534_200_000_000, 0, 1_795_534_200_000_000, 5):
        identity = new_id(str(tmp_path), wall_us)
        open_sink(tmp_path, a_header(identity, started_wall_us=wall_us), b"init").close(END)
        made.append(identity)
    assert [info.id for info in list_recordings(str(tmp_path))] == made[::-1]
    assert len(set(made)) == 4
