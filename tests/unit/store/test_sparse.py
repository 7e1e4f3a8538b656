"""A file of a terabyte of zeros that takes no room costs nobody any time.

What is said of it is what would be said of a short one. The limit is that of the tests themselves:
to read a terabyte takes an hour.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import ONE, Camera, recording
from sealed_helpers import KEY, KEYS, made, pack, without

from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.base.safe_read import sha256_plain
from camerad.container import jws, sparse, ustar
from camerad.container.chain import HEADER_NAME
from camerad.container.reader import LostBytes, Tail, walk_members
from camerad.container.skeleton import skeleton
from camerad.daemon.crash_recovery import CrashRecovery
from camerad.daemon.heartbeat import Heartbeat
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.listing import read_info
from camerad.store.recovery import LONGEST_TAIL, RepairOutcome, repair
from camerad.verify.findings import FindingKind
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict

TERABYTE = 1 << 40
NAME = f"{ONE}.tar"
UNENDED = pack(without(made().members, "end.jws"), end=bytes(ustar.BLOCK))
LONGEST_S = 10
"""Seconds; none of it takes one. A terabyte that is read takes some hundred at the least."""


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < LONGEST_S


def sparse_file(path: Path, content: bytes, size: int = TERABYTE) -> Path:
    path.write_bytes(content)
    try:
        os.truncate(path, size)
    except OSError:
        pytest.skip("this file system has no files of a terabyte")
    if path.stat().st_blocks * 512 > len(content) + (1 << 20):
        pytest.skip("this file system has no holes")
    return path


def kinds(path: Path) -> set[FindingKind]:
    result = verify(str(path), KEYS).result
    assert result is not None
    return {found.kind for found in result.findings}


def test_zeros_behind_the_end_are_damage_at_once(tmp_path: Path) -> None:
    path = sparse_file(tmp_path / NAME, recording(ONE).file)
    report = verify(str(path), KEYS)
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert kinds(path) == {FindingKind.ARCHIVE}
    assert read_info(str(path)).state == "interrupted"


def test_zeros_behind_the_last_commit_are_reserved_room(tmp_path: Path) -> None:
    path = sparse_file(tmp_path / NAME, UNENDED)
    assert kinds(path) == {FindingKind.UNCLOSED}
    assert skeleton(str(path)).point.commits == len(made().facts)


def test_members_behind_a_terabyte_of_nothing_are_found(tmp_path: Path) -> None:
    whole = recording(ONE).file
    at = whole.index(b"000001.m4s.age")
    path = sparse_file(tmp_path / NAME, whole[:at])
    with path.open("ab") as file:
        file.write(whole[at:])
    assert kinds(path) == {FindingKind.LOST}
    with path.open("rb") as file:
        (lost,) = (one for one in walk_members(file.fileno()) if isinstance(one, LostBytes))
    assert (lost.offset, lost.size) == (at, TERABYTE - at)


def test_a_member_is_not_as_long_as_its_header_says_if_no_member_can_be(tmp_path: Path) -> None:
    """Eleven octal digits say eight gibibytes; here are a hundred of these."""
    huge = (1 << 33) - ustar.BLOCK
    header = bytearray(ustar.header("000000.m4s.age", 0))
    header[124:136] = b"%011o\0" % huge
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = sparse_file(tmp_path / NAME, recording(ONE).file[: -len(ustar.END)], 100 << 33)
    with path.open("r+b") as file:
        for number in range(1, 100):
            file.seek(number << 33)
            file.write(header)
    with path.open("rb") as file:
        *_, tail = walk_members(file.fileno())
    assert isinstance(tail, Tail)
    assert verify(str(path), KEYS).verdict is Verdict.NOT_AUTHENTIC


def test_what_another_program_put_in_is_passed_over_unread(tmp_path: Path) -> None:
    content = recording(ONE).file[: -len(ustar.END)]
    header = bytearray(ustar.BLOCK)
    header[:5] = b"notes"
    header[100:108] = b"0000644\0"
    header[124:136] = b"%011o\0" % ((1 << 33) - ustar.BLOCK)
    header[156:157] = b"0"
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = sparse_file(tmp_path / NAME, content + header, len(content) + (1 << 33))
    with path.open("ab") as file:
        file.write(ustar.END)
    assert kinds(path) == {FindingKind.FOREIGN}


def test_repair_cuts_a_terabyte_of_zeros_off(tmp_path: Path) -> None:
    path = sparse_file(tmp_path / NAME, UNENDED)
    assert repair(str(path), KEY, ManualClock()).outcome is RepairOutcome.RECOVERED
    assert path.stat().st_size < 2 * len(UNENDED)
    assert verify(str(path), KEYS).verdict is Verdict.QUALIFIED


def test_repair_removes_a_terabyte_of_nothing(tmp_path: Path) -> None:
    path = sparse_file(tmp_path / NAME, b"")
    assert repair(str(path), KEY, ManualClock()).outcome is RepairOutcome.EMPTY


def test_more_zeros_than_any_recorder_reserves_are_not_read_on_and_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system without holes."""
    path = sparse_file(tmp_path / NAME, UNENDED)
    monkeypatch.setattr(sparse, "next_data", lambda _, offset: offset)
    repaired = repair(str(path), KEY, ManualClock())
    assert repaired.outcome is RepairOutcome.DAMAGED
    assert path.stat().st_size == TERABYTE
    other = sparse_file(tmp_path / NAME.replace("000001", "000002"), b"", 2 * LONGEST_TAIL)
    zeros = [(0, bytes(LONGEST_TAIL)), (LONGEST_TAIL, b"\0")]
    monkeypatch.setattr(sparse, "data_pieces", lambda _, offset: iter(zeros))
    assert repair(str(other), KEY, ManualClock()).outcome is RepairOutcome.UNREADABLE


def test_a_camera_starts_and_goes_on_at_once(camera: Camera, tmp_path: Path) -> None:
    """The recording ran in this boot, and its file has grown to a terabyte since."""
    boot = camera.clock
    one = recording(ONE)
    path = sparse_file(camera.recordings / NAME, pack(without(one.members, "end.jws"), end=b""))
    with camera.open() as store:
        header = jws.digest(one.content(HEADER_NAME))
        store.ledger.append("opened", id=ONE, header=header)
        heartbeat = Heartbeat(str(tmp_path / "run"), boot)
        mending = CrashRecovery(str(camera.recordings), boot, lambda *_, **__: None, heartbeat)
        assert mending.cut_off(store, KEY, boot.now_us(), recorded=True) == (None, True)
        assert not mending.repair_all(store, KEY, lambda *_: None)
        assert [one.what for one in store.reconcile()] == [DiscrepancyKind.ENDED]
    assert path.stat().st_size < SECOND


def test_a_file_that_was_put_aside_is_noted_without_reading_its_holes(camera: Camera) -> None:
    path = sparse_file(camera.recordings / NAME, b"to whom it may concern")
    with camera.open() as store:
        assert repair(str(path), KEY, camera.clock).outcome is RepairOutcome.UNREADABLE
        assert [one.what for one in store.reconcile()] == [DiscrepancyKind.UNREADABLE]
    assert sha256_plain(f"{camera.recordings}/{ONE}.unreadable", "file") == ""


def test_a_storage_that_fails_behind_the_last_commit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / NAME
    path.write_bytes(UNENDED)

    def refuse(*_: object) -> Iterator[tuple[int, bytes]]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(sparse, "data_pieces", refuse)
    with pytest.raises(StorageError, match="read the recording"):
        repair(str(path), KEY, ManualClock())
    assert path.read_bytes() == UNENDED
