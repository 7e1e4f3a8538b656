"""A ledger's state that is remembered is the one that would be read now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ledger_helpers import KEYS, OTHER, Book

from camerad.container.keys import KeyRing
from camerad.ledger import log_segments, state_memory
from camerad.ledger.state_memory import StateMemory, read_state


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path / "ledger")
    made.record("one", "two")
    made.ledger.rotate()
    made.record("three")
    made.hold("one")
    return made


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Epochs whose entries are checked from here on."""
    found: list[int] = []
    real = log_segments.read_epoch

    def noted(before: Any, number: int, *rest: Any) -> log_segments.SegmentReading:
        found.append(number)
        return real(before, number, *rest)

    monkeypatch.setattr(log_segments, "read_epoch", noted)
    return found


def test_what_reads_the_same_is_checked_once(book: Book, judged: list[int]) -> None:
    memory, path = StateMemory(), str(book.path)
    first = memory.read(path, KEYS)
    assert first == read_state(path, KEYS) and first.recordings["one"].held
    judged.clear()
    assert memory.read(path, KEYS) == first
    assert judged == []


@pytest.mark.parametrize("how", ["entry", "epoch", "byte", "key"])
def test_whatever_is_another_is_checked_again(book: Book, judged: list[int], how: str) -> None:
    memory, path, keys = StateMemory(), str(book.path), KEYS
    memory.read(path, KEYS)
    if how == "entry":
        book.record("four")
    elif how == "epoch":
        book.ledger.rotate()
    elif how == "byte":
        # The same length, and a signature that does not hold any more.
        content = bytearray(book.file().read_bytes())
        content[-20] ^= 1
        book.file().write_bytes(content)
    else:
        keys = KeyRing([OTHER.public])
    judged.clear()
    assert memory.read(path, keys) == read_state(path, keys)
    assert judged, "nothing was checked"


@pytest.mark.parametrize("how", ["damaged", "only a checkpoint", "nothing", "large"])
def test_what_is_damaged_not_there_or_large_is_read_anew_each_time(
    book: Book, judged: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    memory, path = StateMemory(), str(book.path)
    monkeypatch.setattr(state_memory, "MOST_RECORDINGS", 2 if how == "large" else 3)
    if how == "damaged":
        with book.file().open("ab") as file:
            file.write(b"no entry\n" + book.lines()[-1])
    elif how == "only a checkpoint":
        (book.path / "000007.checkpoint").write_bytes(b"none")
    elif how == "nothing":
        path = str(tmp_path)
    for _ in range(2):
        judged.clear()
        assert memory.read(path, KEYS) == read_state(path, KEYS)
        assert bool(judged) is (how != "nothing")


def test_so_many_ledgers_are_remembered_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged: list[int]
) -> None:
    monkeypatch.setattr(state_memory, "MOST", 2)
    books = [Book(tmp_path / str(number) / "ledger") for number in range(3)]
    memory = StateMemory()
    for one in books:
        one.record("one")
        memory.read(str(one.path), KEYS)
    judged.clear()
    for one in (books[2], books[1]):
        memory.read(str(one.path), KEYS)
    assert judged == []
    memory.read(str(books[0].path), KEYS)
    assert judged == [books[0].ledger.head.epoch]
