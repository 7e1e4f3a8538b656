"""What a start makes of a ledger that a loss of power, a bad card or a person has left."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_helpers import DAYS, KEY, KEYS, OTHER, Book, damage_in, failing, notes_in

from camerad.base.clock import DAY, ClockSource
from camerad.base.errors import StorageError
from camerad.ledger import entries
from camerad.ledger.entry_types import Damaged


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path / "ledger")
    made.record("a")
    made.hold("a")
    return made


def flip(path: Path, line: int, column: int = 200) -> None:
    """Change one bit of a line; lines are counted from 1."""
    lines = path.read_bytes().splitlines(keepends=True)
    changed = bytearray(lines[line - 1])
    changed[column] ^= 1
    lines[line - 1] = bytes(changed)
    path.write_bytes(b"".join(lines))


def test_sectors_lost_from_within_an_append_are_repaired(book: Book) -> None:
    before = book.file().read_bytes()
    book.ledger.append("reboot", reason="x" * 3000, count=None)
    line = bytearray(book.file().read_bytes()[len(before) :])
    line[512:1024] = bytes(512)
    book.ledger.close()
    book.file().write_bytes(before + line)
    assert damage_in(book.path) == []
    assert len(book.open().repairs) == 1
    assert book.kinds() == ["epoch", "carried", "repaired"]
    assert book.damage() == []


def test_a_tail_that_the_next_epoch_does_not_tell_of_is_damage(book: Book) -> None:
    book.ledger.rotate()
    with book.file(1).open("ab") as file:
        file.write(b"eyJ")
    assert book.damage() == ["000001.jws:7: 3 bytes that are no entry"]
    book.file(2).unlink()
    book.ledger.rotate()
    assert book.damage()[0] == "000001.jws:7: 3 bytes that are no entry"


def test_a_tail_that_was_changed_after_it_was_told_of_is_damage(book: Book) -> None:
    with book.file(1).open("ab") as file:
        file.write(b"eyJ")
    book.open()
    with book.file(1).open("ab") as file:
        file.write(b"h")
    assert book.damage() == ["000001.jws:7: 4 bytes that are no entry"]


def test_a_whole_line_that_is_no_entry_is_no_interrupted_append(book: Book) -> None:
    with book.file().open("ab") as file:
        file.write(b"eyJ\n")
    assert book.damage() == ["000001.jws:7: the line is too short for an entry"]
    book.open()
    assert book.names() == ["000001.damaged", "000002.jws"]


def test_a_whole_statement_by_somebody_else_is_no_interrupted_append(book: Book) -> None:
    book.ledger.close()
    entry = entries.sign_entry(
        OTHER, book.ledger.head, *book.ledger.now(), entries.facts_of_kind("uptime", {})
    )
    with book.file().open("ab") as file:
        file.write(entry.token + b"\n")
    assert any("not among those trusted" in text for text in book.damage())
    book.open()
    assert book.names() == ["000001.damaged", "000002.jws"]


def test_damage_within_an_epoch_is_stated_and_everything_behind_it_still_counts(
    book: Book,
) -> None:
    book.record("b")
    book.hold("b")
    flip(book.file(), 6)  # the hold on a
    content = book.file().read_bytes()
    book.open()
    assert book.names() == ["000001.damaged", "000002.jws"]
    assert (book.path / "000001.damaged").read_bytes() == content
    assert "damaged" in book.ledger.repairs[0]
    assert [type(entry.facts) for entry in book.entries()][-1] is Damaged
    assert not book.state.recordings["a"].held  # what was said of it is lost, and so stated
    assert book.state.recordings["b"].held
    damage = book.damage()
    assert damage[0].startswith("000001.damaged:6: ")
    assert damage[1] == "000001.damaged:7: entry 7 follows entry 5"
    assert len(damage) == 2
    assert any("000001.damaged was found damaged" in note for note in notes_in(book.path))


def test_setting_damage_aside_that_is_interrupted_anywhere_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits = []
    for at in range(100):
        book = Book(tmp_path / f"{at}" / "ledger")
        book.record("a")
        book.hold("a")
        book.record("b")
        flip(book.file(), 4)
        with failing(monkeypatch, at) as fails:
            try:
                book.open()
            except StorageError:
                hits.append(fails.hit)
        book.open()
        assert book.names() == ["000001.damaged", "000002.jws"]
        assert book.state.recordings["a"].held
        if not fails.hit:
            break
    assert len(hits) > 6
    assert {"rename", "fsync", "open", "pwritev", "fdatasync"} <= set(hits)


@pytest.mark.parametrize("line", [1, 2])
def test_what_an_epoch_begins_with_is_taken_from_the_one_before_if_it_is_damaged(
    book: Book, line: int
) -> None:
    book.ledger.rotate()
    book.record("b")
    flip(book.file(), line)
    assert book.damage()
    book.open()
    assert book.state.recordings["a"].held
    assert book.state.recordings["b"].final == "final of b"
    assert [closed.number for closed in book.state.epochs] == [1, 2]
    assert book.names() == ["000001.jws", "000002.damaged", "000003.jws"]
    assert all(text.startswith("000002.damaged") for text in book.damage())


@pytest.mark.parametrize("line", [1, 2])
def test_without_the_one_before_it_goes_on_with_what_there_is(book: Book, line: int) -> None:
    book.ledger.rotate()
    book.record("b")
    book.file(1).unlink()
    flip(book.file(), line)
    book.open()
    assert set(book.state.recordings) == {"b"}
    book.clock.advance(DAYS * DAY)
    age_us = book.state.ages(*book.ledger.now()).minimum_us(book.state.recordings["b"].instant)
    assert age_us == DAYS * DAY
    book.ledger.rotate()
    assert book.open().state == book.state


def test_what_has_lost_its_place_in_time_counts_from_the_first_entry_that_can_be_read(
    book: Book,
) -> None:
    """300 recordings need two carried entries, and what is known of time is in the first."""
    book.clock.source = ClockSource.UNKNOWN
    for number in range(300):
        book.record(f"{number}")
    book.ledger.rotate()
    book.file(1).unlink()
    book.clock.advance(DAY)
    book.ledger.append("uptime")
    flip(book.file(), 2)
    book.clock.reboot()
    book.open()
    book.ledger.append("uptime")
    book.clock.advance(DAYS * DAY)
    known = book.state.recordings["299"]
    # Truly DAYS + 1, but the day before the first entry that is left is proven by nothing.
    assert known.age_us(book.state.ages(*book.ledger.now())) == DAYS * DAY
    assert damage_in(book.path)
    book.ledger.rotate()
    book.ledger.rotate()
    assert book.ledger.expire(0) == (2, 3)


def test_a_file_that_ends_within_what_is_carried_is_damage(book: Book) -> None:
    for number in range(300):
        book.opened(f"{number}")
    book.ledger.rotate()
    book.file().write_bytes(b"".join(book.lines()[:2]))
    assert any("1 entries with what is needed" in text for text in book.damage())
    book.open()
    assert len(book.state.recordings) == 301  # all of them: taken from the epoch before
    assert book.state.recordings["a"].held


@pytest.mark.parametrize("tail", [b"eyJ.e.A-_9", b"eyJ", b"e" * 600 + bytes(9), bytes(512)])
def test_what_an_interrupted_append_can_leave_is_no_damage(book: Book, tail: bytes) -> None:
    with book.file().open("ab") as file:
        file.write(tail)
    assert book.damage() == []


@pytest.mark.parametrize("tail", [b"a.b.c.d", b"a b", b"a.b." + b"c" * 87, b"\xff"])
def test_what_no_interrupted_append_can_leave_is_damage(book: Book, tail: bytes) -> None:
    with book.file().open("ab") as file:
        file.write(tail)
    assert book.damage() == ["000001.jws:7: the line was cut short"]


def test_files_that_were_never_published_are_removed(book: Book) -> None:
    (book.path / "000002.jws.new").write_bytes(b"half")
    book.open()
    assert book.names() == ["000001.jws"]


def test_other_files_are_left_alone(book: Book) -> None:
    (book.path / "notes.txt").write_text("mine")
    book.open()
    assert book.names() == ["000001.jws", "notes.txt"]
    assert book.damage() == []


def expired(book: Book) -> None:
    """Leave a checkpoint of epoch 1, and epochs 2 and 3."""
    book.ledger.rotate()
    book.ledger.rotate()
    book.clock.advance(DAYS * DAY)
    assert book.ledger.expire(DAYS) == (1,)


@pytest.mark.parametrize("readable", [True, False])
def test_a_ledger_of_which_only_checkpoints_are_left_goes_on_behind_a_gap(
    book: Book, readable: bool
) -> None:
    expired(book)
    book.file(2).unlink()
    book.file(3).unlink()
    if not readable:
        (book.path / "000001.checkpoint").write_bytes(b"nothing")
    book.open()
    assert book.names() == ["000001.checkpoint", "000003.jws"]
    assert "000002.jws: this part of the ledger is gone" in book.ledger.repairs[0]
    assert any("000002.jws: the epoch is missing" in text for text in book.damage())
    book.record("b")
    assert book.open().state == book.state


def test_a_key_that_was_replaced_while_the_ledger_was_damaged_is_stated(book: Book) -> None:
    flip(book.file(), 4)
    book.key = OTHER
    book.open(KEYS)
    assert book.ledger.state.kid == OTHER.public.thumbprint
    assert book.state.recordings["a"].held
    both = type(KEYS)([KEY.public, OTHER.public])
    assert all(text.startswith("000001.damaged") for text in book.damage(keys=both))
    assert any("was replaced by" in note for note in notes_in(book.path, keys=both))


def test_a_damaged_epoch_expires_like_any_other(book: Book) -> None:
    flip(book.file(), 4)
    book.open()
    book.ledger.rotate()
    book.clock.advance(DAYS * DAY)
    assert book.ledger.expire(DAYS) == (1,)
    assert book.names() == ["000001.checkpoint", "000002.jws", "000003.jws"]
