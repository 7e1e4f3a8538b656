"""The search of a medium for footage in the clear finds it, and says when it cannot be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sealed_helpers import made, office

from tests.campaign import plaintext
from tests.system import sealed

SCRIPT = "IPPPPPPPPPPPPP" * 12
"""Enough for twenty pieces of footage to look for."""


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card with one recording, and beside it the medium that has it and was written in pieces."""
    monkeypatch.setattr(sealed, "office", office)
    monkeypatch.setattr(plaintext, "_APART", 128)  # these pictures are small
    recording = made(SCRIPT)
    card = tmp_path / "card"
    (card / "recordings").mkdir(parents=True)
    (card / "recordings" / "20261124T153000Z-000001-00000001.tar").write_bytes(recording.file)
    with (tmp_path / "medium").open("wb") as medium:
        medium.seek(1 << 20)  # a hole before it, and one behind
        medium.write(recording.file)
        medium.truncate(4 << 20)
    return card


def found(card: Path) -> list[str]:
    workspace = card.parent / "opened"
    workspace.mkdir(exist_ok=True)
    return plaintext.search(card.parent / "medium", card, workspace)


def test_nothing_is_found_where_everything_is_sealed(card: Path) -> None:
    assert found(card) == []


@pytest.mark.parametrize("at", [0, (3 << 20) + 123, (2 << 20) - 24])
def test_a_piece_in_the_clear_is_found_wherever_it_lies(card: Path, at: int) -> None:
    found(card)
    film = next((card.parent / "opened").iterdir()).read_bytes()
    piece = list(plaintext._pieces(film))[10]
    with (card.parent / "medium").open("r+b") as medium:
        medium.seek(at)
        medium.write(piece)
    (told,) = found(card)
    assert told.startswith("in the clear")


def test_a_segment_that_begins_an_mp4_is_found_by_its_boxes(card: Path) -> None:
    found(card)
    film = next((card.parent / "opened").iterdir()).read_bytes()
    with (card.parent / "medium").open("r+b") as medium:
        medium.write(film[:600])
    assert any("ftyp" in told for told in found(card))


def test_a_medium_that_lacks_the_recording_is_not_believed(card: Path) -> None:
    (card.parent / "medium").write_bytes(bytes(4096))
    assert any("misses something" in told for told in found(card))
