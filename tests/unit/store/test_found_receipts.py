"""Receipts are found without reading all of them, whoever adds and removes them meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import KEY, KEYS, ONE, TWO

from camerad.base.clock import ManualClock
from camerad.base.storage_errors import ForbiddenError
from camerad.container.keys import KeyRing, SigningKey
from camerad.store import found_receipts, receipts
from camerad.store.found_receipts import FoundReceipts

from .test_receipts import OTHER, token


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    found: list[str] = []
    read_plain = receipts.read_plain

    def noted(path: str, what: str, most: int) -> bytes:
        found.append(os.path.basename(path))
        return read_plain(path, what, most)

    monkeypatch.setattr(receipts, "read_plain", noted)
    return found


def names(found: FoundReceipts, directory: Path, recording: str = ONE) -> list[str]:
    """Of the files with receipts about a recording: the same as all files have."""
    filed = found.about(str(directory), KEYS, recording)
    assert filed == list(receipts.read(str(directory), KEYS, recording))
    return [os.path.basename(one.path) for one in filed]


def test_what_another_program_adds_replaces_and_removes_is_noticed(tmp_path: Path) -> None:
    found = FoundReceipts()
    assert names(found, tmp_path) == []
    receipts.write(str(tmp_path), token())
    receipts.write(str(tmp_path), token(TWO))
    assert names(found, tmp_path) == ["0001.jws"]
    receipts.write(str(tmp_path), token())
    assert names(found, tmp_path) == ["0001.jws", "0003.jws"]
    # Others of the same length and time, as a backup brings them.
    for name, other in (("0001", TWO), ("0002", ONE)):
        path = tmp_path / f"{name}.jws"
        state = path.stat()
        new = tmp_path / "new"
        new.write_bytes(token(other))
        os.utime(new, ns=(state.st_atime_ns, state.st_mtime_ns))
        new.replace(path)
    assert names(found, tmp_path) == ["0002.jws", "0003.jws"]
    assert names(found, tmp_path, TWO) == ["0001.jws"]
    (tmp_path / "0002.jws").unlink()
    assert names(found, tmp_path) == ["0003.jws"]
    (tmp_path / "0003.jws").write_bytes(b"rubbish")
    assert names(found, tmp_path) == []


def test_only_what_is_new_and_what_is_asked_for_is_read(tmp_path: Path, read: list[str]) -> None:
    found = FoundReceipts()
    for _ in range(20):
        receipts.write(str(tmp_path), token(TWO))
    found.about(str(tmp_path), KEYS, ONE)
    assert len(read) == 20
    read.clear()
    assert found.about(str(tmp_path), KEYS, ONE) == []
    assert read == []
    receipts.write(str(tmp_path), token())
    assert len(found.about(str(tmp_path), KEYS, ONE)) == 1
    assert set(read) == {"0021.jws"}


def test_a_signature_is_checked_each_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    receipts.write(str(tmp_path), token(key=OTHER))
    found = FoundReceipts()
    for _ in range(2):
        caplog.clear()
        assert found.about(str(tmp_path), KEYS, ONE) == []
        assert "not counted as a receipt" in caplog.text
    keys = KeyRing([KEY.public, OTHER.public, SigningKey.generate().public])
    assert len(found.about(str(tmp_path), keys, ONE)) == 1


def test_what_may_not_be_read_is_not_taken_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts.write(str(tmp_path), token())
    found = FoundReceipts()
    with monkeypatch.context() as patch:

        def forbidden(*_: object) -> bytes:
            raise ForbiddenError("this user may not")

        patch.setattr(receipts, "read_plain", forbidden)
        for _ in range(2):
            with pytest.raises(ForbiddenError):
                found.about(str(tmp_path), KEYS, ONE)
    assert names(found, tmp_path) == ["0001.jws"]


def test_of_few_directories_something_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    monkeypatch.setattr(found_receipts, "MOST_DIRECTORIES", 2)
    found = FoundReceipts()
    directories = [tmp_path / one for one in "abc"]
    for one in directories:
        one.mkdir()
        receipts.write(str(one), token(TWO))
        found.about(str(one), KEYS, ONE)
    read.clear()
    found.about(str(directories[2]), KEYS, ONE)
    assert read == []
    found.about(str(directories[0]), KEYS, ONE)
    assert read == ["0001.jws"]


def test_an_unchanged_directory_is_not_looked_through_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    """What is asked for counts, and not what is there."""
    clock = ManualClock()
    found = FoundReceipts(clock.now_us)
    receipts.write(str(tmp_path), token())
    for _ in range(30):
        receipts.write(str(tmp_path), token(TWO))
    assert found.named(str(tmp_path), [ONE]) == {ONE}
    clock.advance(found_receipts.SETTLED_US)
    assert found.named(str(tmp_path), [ONE]) == {ONE}, "this look settles it"
    looked: list[str] = []
    lstat = os.lstat

    def noted(path: str) -> os.stat_result:
        looked.append(path)
        return lstat(path)

    read.clear()
    monkeypatch.setattr(os, "lstat", noted)
    assert found.named(str(tmp_path), [ONE]) == {ONE}
    assert [os.path.basename(one) for one in looked if one.endswith(".jws")] == ["0001.jws"]
    assert read == []
    assert len(found.about(str(tmp_path), KEYS, ONE)) == 1
    assert read == ["0001.jws"]


def test_in_a_settled_directory_too_every_change_is_noticed(tmp_path: Path) -> None:
    clock = ManualClock()
    found = FoundReceipts(clock.now_us)
    both = (ONE, TWO)
    receipts.write(str(tmp_path), token())
    for _ in range(2):
        assert found.named(str(tmp_path), both) == {ONE}
        clock.advance(found_receipts.SETTLED_US)
    receipts.write(str(tmp_path), token(TWO))
    assert found.named(str(tmp_path), both) == {ONE, TWO}
    for _ in range(2):
        found.named(str(tmp_path), both)
        clock.advance(found_receipts.SETTLED_US)
    # In place, which changes no name: a file is looked at when it is asked for.
    (tmp_path / "0002.jws").write_bytes(b"rubbish")
    assert found.named(str(tmp_path), both) == {ONE}
    (tmp_path / "0001.jws").unlink()
    assert found.named(str(tmp_path), both) == set()
    (tmp_path / "0002.jws").write_bytes(token(TWO))
    assert found.named(str(tmp_path), both) == {TWO}
    assert found.named(str(tmp_path / "none"), both) == set()
