"""A file is the recording in its header, whatever it is called: the ledger's word counts for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera
from sealed_helpers import LOCKED, PASSPHRASE

from camerad.base.clock import SECOND
from camerad.store.locations import place_of

from .conftest import Desk

COPY = f"{ONE} (1).tar"
"""As a file manager calls a second file of one name."""


class Shelf:
    """A store with a recording, and another end of it: of one id, one key and one header."""

    def __init__(self, camera: Camera, root: Path, key: Path, kind: str) -> None:
        camera.put(ONE)
        marked = Camera(root / "other").put(ONE, marks=(SECOND // 2,))
        self.other = marked.read_bytes()
        self.state, self.recordings = camera.recordings.parent, camera.recordings
        if kind == "office":
            camera.offload(root / "archive")
            self.state = root / "archive"
            self.recordings = Path(place_of(str(self.state)).holdings[0].recordings)
        self.good = (self.recordings / f"{ONE}.tar").read_bytes()
        self.about = ("--key", key, "--state", self.state)

    def put(self, name: str, content: bytes) -> Path:
        path = self.recordings / name
        path.write_bytes(content)
        return path


@pytest.fixture(params=["device", "office"])
def shelf(request: pytest.FixtureRequest, camera: Camera, tmp_path: Path, key: Path) -> Shelf:
    return Shelf(camera, tmp_path, key, request.param)


@pytest.mark.parametrize("name", [f"{ONE}.tar", COPY, f"{TWO}.tar"])
def test_an_end_that_the_ledger_does_not_name_is_found_under_any_name(
    shelf: Shelf, desk: Desk, name: str
) -> None:
    said = desk("evidence", "verify", shelf.put(name, shelf.other), *shelf.about)
    assert (said.code, "the ledger knows the end" in said.out) == (2, True)


def test_a_copy_by_another_name_is_what_the_ledger_names(shelf: Shelf, desk: Desk) -> None:
    copy = shelf.put(COPY, shelf.good)
    assert desk("evidence", "verify", copy, *shelf.about).code == 0
    said = desk("evidence", "verify", shelf.state, *shelf.about)
    assert "1 recording: 1 authentic and complete, and 1 copy of them" in said.out


def test_what_ends_otherwise_is_no_copy(shelf: Shelf, desk: Desk) -> None:
    shelf.put(COPY, shelf.other)
    said = desk("evidence", "verify", shelf.state, *shelf.about)
    assert (said.code, "2 recordings" in said.out, "copy" in said.out) == (2, True, False)


def test_another_recording_under_a_recording_s_name_is_still_found(
    shelf: Shelf, desk: Desk, tmp_path: Path
) -> None:
    two = Camera(tmp_path / "third").put(TWO).read_bytes()
    said = desk("evidence", "verify", shelf.put(f"{ONE}.tar", two), *shelf.about)
    assert said.code == 2


def test_what_is_exported_by_another_name_is_compared_with_the_ledger(
    shelf: Shelf, desk: Desk, tmp_path: Path
) -> None:
    identity, passphrase = tmp_path / "desk.age", tmp_path / "passphrase"
    identity.write_bytes(LOCKED)
    passphrase.write_text(f"{PASSPHRASE}\n")
    how = ("--identity", identity, "--passphrase-file", passphrase, "--who", "Desk")
    other = shelf.put(COPY, shelf.other)
    assert desk("evidence", "export", other, *shelf.about, *how, "--output", tmp_path).code == 2
    shelf.put(COPY, shelf.good)
    said = desk("evidence", "export", other, *shelf.about, *how, "--output", tmp_path)
    assert said.code == 0
    (page,) = tmp_path.glob(f"{ONE} (1)*/report.html")
    assert "none was at hand" not in page.read_text()
