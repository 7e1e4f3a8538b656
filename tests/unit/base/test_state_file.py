"""A small file of its own says what was written last, or that it makes no sense."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from camerad.base import state_file
from camerad.base.errors import StorageError


def test_an_id_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = str(tmp_path / "id")
    assert state_file.read_id(path, "id") == ""
    state_file.write_id(path, "0a1b")
    assert state_file.read_id(path, "id") == "0a1b"
    assert (tmp_path / "id").read_bytes() == b"0a1b\n"


def test_an_id_that_is_not_ascii_is_none_and_one_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "id"
    path.write_bytes(b"\xff\xfe")
    assert state_file.read_id(str(path), "id") == ""
    path.write_bytes(b"a" * 5000)
    assert state_file.read_id(str(path), "id") == "a" * 100


def test_an_object_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = str(tmp_path / "object.json")
    assert state_file.read_json(path, dict[str, int], "object", 100, "remove it") is None
    state_file.write_json(path, {"one": 1}, mode=0o600)
    assert state_file.read_json(path, dict[str, int], "object", 100, "remove it") == {"one": 1}
    assert (tmp_path / "object.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"one": "two"}', b'{"one": 1' + b" " * 100])
def test_what_is_no_such_object_is_named_with_what_helps(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "object.json"
    path.write_bytes(content)
    with pytest.raises(
        state_file.StateFileError, match=r"the object cannot be read: .*; remove it"
    ):
        state_file.read_json(str(path), dict[str, int], "object", 100, "remove it")


def test_an_object_that_is_nested_too_deeply_is_none(tmp_path: Path) -> None:
    path = tmp_path / "object.json"
    path.write_bytes(b"[" * 5000)
    with pytest.raises(state_file.StateFileError, match="the object cannot be read"):
        state_file.read_json(str(path), Any, "object", 10_000, "remove it")


def test_each_skipped_file_is_said_once_for_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    skipped = state_file.SkippedFiles("a record counts no more")
    for _ in range(2):
        for number in range(1001):
            skipped.tell(StorageError(f"/there/{number}: cannot be read"))
            skipped.tell(StorageError(f"/there/{number}: cannot be read"))
    said = [one.getMessage() for one in caplog.records]
    assert said[0] == "a record counts no more: /there/0: cannot be read"
    assert len(said) == 2 * 1001, "what was said a thousand reasons ago is said again"


def test_what_is_no_plain_file_is_called_so(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "object.json")
    with pytest.raises(state_file.StateFileError, match="it is empty, or is no plain file; remove"):
        state_file.read_json(str(path), Any, "object", 100, "remove it")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(StorageError, match="symbolic link"):
        state_file.read_id(str(tmp_path / "link"), "id")
