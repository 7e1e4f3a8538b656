"""Directories in an office that are one camera's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import KEY, Camera
from vault_helpers import KID

from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence.holdings import make_holding
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.store import camera_directories
from camerad.store.camera_directories import by_camera
from camerad.store.locations import Holding, office_place

NEW = SigningKey.generate()
OTHER = SigningKey.generate()


class Office:
    """An office's directory with those of cameras."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.camera = Camera(root.parent / "camera")
        root.mkdir()

    def add(self, name: str, *keys: SigningKey) -> Holding:
        """A directory of the last key, with a ledger that went through all of them."""
        holding = make_holding(str(self.root), name, keys[-1].public)
        former = KeyRing([key.public for key in keys])
        for key in keys:
            with_key = Ledger.open(Claim(holding.ledger), key, self.camera.clock, former)
            with_key.rotate()
            with_key.close()
        return holding

    def together(self) -> set[frozenset[str]]:
        """The names of the directories, those of one camera together."""
        cameras = by_camera(office_place(str(self.root)).holdings)
        return {frozenset(os.path.basename(one.root) for one in several) for several in cameras}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "office")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose beginnings are read."""
    found: list[str] = []

    def noted(path: str, what: str, most: int | None = None) -> bytes:
        found.append(os.path.basename(path))
        return read_plain(path, what, most)

    monkeypatch.setattr(camera_directories, "read_plain", noted)
    return found


def named(name: str, key: SigningKey) -> str:
    return f"{name}-{key.public.thumbprint[:8]}"


def test_a_name_a_key_or_a_former_key_in_common_makes_one_camera_of_them(office: Office) -> None:
    office.add("cam-1", KEY)
    office.add("cam-2", OTHER)
    assert len(office.together()) == 2
    office.add("cam-3", KEY, NEW)
    one = {named("cam-1", KEY), named("cam-3", NEW)}
    assert office.together() == {frozenset(one), frozenset({named("cam-2", OTHER)})}
    # By the name with the one, and by the key with the other.
    third = SigningKey.generate()
    office.add("cam-4", third)
    office.add("cam-3", third)
    one |= {named("cam-4", third), named("cam-3", third)}
    assert office.together() == {frozenset(one), frozenset({named("cam-2", OTHER)})}
    os.rename(office.root / named("cam-3", third), office.root / named("cam-2", third))
    assert len(office.together()) == 2


def test_a_ledger_s_files_are_looked_into_once_until_one_is_another(
    office: Office, read: list[str]
) -> None:
    ledger = Path(office.add("cam-1", KEY).ledger)
    office.add("cam-2", OTHER, NEW)
    for _ in range(3):
        assert len(office.together()) == 2
    assert sorted(read) == sorted(f"00000{n}.jws" for n in (1, 2, 1, 2, 3))
    del read[:]
    for _ in range(2):
        # As many bytes, and the name stays.
        content = (ledger / "000001.jws").read_bytes()
        theirs = next(office.root.glob("cam-2-*/ledger/000003.jws")).read_bytes()
        changed = ledger / "changed"
        changed.write_bytes((theirs + content)[: len(content)])
        changed.rename(ledger / "000001.jws")
        assert len(office.together()) == 1
    assert sorted(read) == ["000001.jws", "000001.jws", "000002.jws", "000002.jws"]


def test_what_cannot_be_read_is_known_by_its_name_and_looked_at_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.add("cam-1", KEY)
    office.add("cam-2", KEY, NEW)
    office.add("cam-1", OTHER)

    def fail(*_: object) -> bytes:
        raise StorageError("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(camera_directories, "read_plain", fail)
        assert office.together() == {
            frozenset({named("cam-1", KEY), named("cam-1", OTHER)}),
            frozenset({named("cam-2", NEW)}),
        }
    assert len(office.together()) == 1


def test_in_what_is_no_directory_nothing_is_read(office: Office, read: list[str]) -> None:
    ledger = Path(office.add("cam-1", KEY).ledger)
    office.add("cam-2", NEW)
    del read[:]
    theirs = next(office.root.glob("cam-2-*/ledger"))
    ledger.rename(office.root.parent / "ledger")
    ledger.symlink_to(theirs)
    assert len(office.together()) == 2
    assert all(
        one.broken == (KID[:8] in one.root) for one in office_place(str(office.root)).holdings
    )
    assert len(read) == 2, "of the other one"
