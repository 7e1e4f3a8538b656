"""An append to the ledger that was cut short, at every length that it may have then."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ledger_helpers import Book, found_in

from camerad.ledger.entry_types import RepairedEntry
from tests.breadth import breadth


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path / "ledger")
    made.record("a")
    made.hold("a")
    return made


@pytest.mark.breadth
def test_an_append_that_was_cut_short_anywhere_is_kept_as_what_it_is(book: Book) -> None:
    """Lengths of the interrupted line, with and without zeros behind it; the shortest and the
    longest are among them."""
    before, state = book.file().read_bytes(), book.state
    book.hold("a")
    line = book.file().read_bytes()[len(before) :]
    for length in (*range(1, len(line) - 1, breadth(4, 1)), len(line) - 1):
        torn = line[:length] + bytes(512 if length % 3 == 0 else 0)
        book.ledger.close()
        book.file(1).write_bytes(before + torn)
        book.file(2).unlink(missing_ok=True)
        damage, notes = found_in(book.path, state.head)
        assert damage == []
        assert notes[0].startswith(f"000001.jws:7: {len(torn)} bytes of an interrupted append")
        assert len(book.open().repairs) == 1
        assert book.file(1).read_bytes() == before + torn
        assert book.entries()[-1].facts == RepairedEntry(
            "000001.jws", len(torn), hashlib.sha256(torn).hexdigest()
        )
        assert book.state.recordings == state.recordings
        note = "000002.jws:3: 000001.jws ends with an append that was interrupted"
        assert found_in(book.path, book.ledger.head) == ([], [note])
