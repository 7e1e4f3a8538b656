"""The ledger comes as it was at one instant, whatever the daemon does to its files meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from camerad.base.errors import StorageError
from camerad.dock import handover
from camerad.dock.handover import bring_ledger, snapshot
from camerad.dock.office_client import OfficeClient
from camerad.dock.request_bodies import PIECE, Body, FilePart, Text


class Office:
    """Has what it was brought. on_put: is called before each file."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.declared: list[dict[str, str]] = []
        self.on_put = lambda _name: None

    def ledger(self) -> dict[str, str]:
        return {}

    def put_ledger_file(self, name: str, content: Body) -> None:
        self.on_put(name)
        self.files[name] = b"".join(content.pieces())

    def declare_ledger(self, files: Mapping[str, str]) -> tuple[list[str], list[str]]:
        self.declared.append(dict(files))
        return [], []


def bring(directory: Path, office: Office) -> list[str]:
    asking: OfficeClient = office  # type: ignore[assignment]
    return bring_ledger(str(directory), asking, lambda: None)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    for name, content in (
        ("000001.checkpoint", b"c"),
        ("000002.damaged", b"no newline"),
        ("000003.jws", b"a\nb\n"),
        ("000004.jws", b"c\n"),
        ("000004.jws.tmp", b"never published"),
        ("notes", b"not of a ledger"),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_all_files_of_a_ledger_are_brought_and_no_others(ledger: Path) -> None:
    office = Office()
    assert bring(ledger, office) == []
    assert office.files == {
        "000001.checkpoint": b"c",
        "000002.damaged": b"no newline",
        "000003.jws": b"a\nb\n",
        "000004.jws": b"c\n",
    }
    assert set(office.declared[-1]) == set(office.files)


def test_what_is_appended_meanwhile_is_not_in_it(ledger: Path) -> None:
    office = Office()

    def append(_name: str) -> None:
        with (ledger / "000004.jws").open("ab") as file:
            file.write(b"later\n")

    office.on_put = append
    bring(ledger, office)
    assert office.files["000004.jws"] == b"c\n"


def test_an_epoch_that_expires_meanwhile_is_brought_as_what_it_is_then(ledger: Path) -> None:
    office = Office()

    def expire(_name: str) -> None:
        if (ledger / "000002.damaged").exists():
            os.rename(ledger / "000002.damaged", ledger / "000002.checkpoint")

    office.on_put = expire
    bring(ledger, office)
    assert set(office.declared[-1]) == {
        "000001.checkpoint",
        "000002.checkpoint",
        "000003.jws",
        "000004.jws",
    }


def test_an_epoch_of_many_pieces_is_cut_at_its_last_whole_entry(ledger: Path) -> None:
    whole = b"x" * 70_000 + b"\n"
    (ledger / "000004.jws").write_bytes(whole + b"y" * 9_000)
    office = Office()
    bring(ledger, office)
    assert office.files["000004.jws"] == whole
    (ledger / "000004.jws").write_bytes(b"y" * 9_000)
    bring(ledger, office)
    assert office.files["000004.jws"] == b""


def test_a_file_that_no_camera_writes_is_told(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "LARGEST", 100)
    (ledger / "000003.jws").write_bytes(b"x\n" * 51)
    with pytest.raises(StorageError, match=r"000003\.jws.*manipulated"):
        snapshot(str(ledger), lambda: None)


def test_a_link_is_not_followed(ledger: Path, tmp_path: Path) -> None:
    (ledger / "000005.jws").symlink_to("/etc/passwd")
    with pytest.raises(StorageError):
        snapshot(str(ledger), lambda: None)


# ------------------------------------------------------------------------------------ bodies


def test_a_part_of_a_file_is_that_part_as_often_as_it_is_needed(tmp_path: Path) -> None:
    content = os.urandom(3 * PIECE)
    (tmp_path / "f").write_bytes(content)
    with handover.opened(str(tmp_path / "f")) as descriptor:
        part = FilePart(descriptor, "f", 5, 2 * PIECE)
        for _ in range(2):
            pieces = list(part.pieces())
            assert b"".join(pieces) == content[5 : 5 + 2 * PIECE]
            assert max(map(len, pieces)) == PIECE


def test_a_file_that_became_shorter_is_told(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    with (
        handover.opened(str(tmp_path / "f")) as descriptor,
        pytest.raises(StorageError, match="became shorter"),
    ):
        list(FilePart(descriptor, "f", 0, 4).pieces())


def test_a_text_comes_in_pieces() -> None:
    content = os.urandom(2 * PIECE + 1)
    pieces = list(Text(content).pieces())
    assert (b"".join(pieces), len(pieces)) == (content, 3)
