"""What a ledger says of one recording is read from as little of it as says all, and is no less."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_helpers import KEYS, OTHER, Book

from camerad.base.clock import DAY
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger import entries, ledger_lines, log_segments
from camerad.ledger.audit import read_ledger, read_state
from camerad.ledger.entries import Entry
from camerad.ledger.ledger_lines import carried_about, entries_about, signers, tombstones


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A ledger of six epochs, with a hold in the third."""
    made = Book(tmp_path / "ledger")
    for number in range(5):
        made.record(f"recording {number}", f"other {number}")
        if number == 2:
            made.hold("recording 1")
        made.ledger.rotate()
    return made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the ledger's files that are read from here on."""
    names: list[str] = []
    real = log_segments.read_file

    def noted(directory: str, name: str) -> bytes:
        names.append(name)
        return real(directory, name)

    monkeypatch.setattr(log_segments, "read_file", noted)
    return names


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Entries that are taken apart from here on, one by one."""
    found: list[Entry] = []
    real = entries.parse_entry

    def noted(token: bytes, keys: KeyRing) -> Entry:
        found.append(real(token, keys))
        return found[-1]

    monkeypatch.setattr(ledger_lines, "parse_entry", noted)
    return found


@pytest.mark.parametrize("how", ["damaged", "its beginning is gone", "only a checkpoint", "empty"])
def test_where_the_newest_epoch_is_not_whole_all_are_read_and_no_hold_is_forgotten(
    book: Book, read: list[str], how: str
) -> None:
    path = book.file()
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "damaged":
        path.write_bytes(b"".join(lines) + b"no entry\n" + lines[-1])
    elif how == "its beginning is gone":
        book.ledger.append("uptime")
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[-1])
    elif how == "only a checkpoint":
        (book.path / "000007.checkpoint").write_bytes(b"none")
    else:
        path.write_bytes(b"")
    state = read_state(str(book.path), KEYS)
    assert state.recordings == read_ledger(str(book.path), KEYS)[0].recordings
    assert state.recordings["recording 1"].held
    assert "000001.jws" in read


def test_a_ledger_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert read_state(str(tmp_path), KEYS).recordings == {}


def test_of_the_entries_only_those_about_the_recording_are_taken_apart(
    book: Book, parsed: list[Entry]
) -> None:
    found = list(entries_about(str(book.path), KEYS, "recording 1"))
    assert [one.kind for one in found] == ["opened", "closed", "hold"]
    # Besides, each epoch begins with an entry that has it among what is carried.
    assert {one.kind for one in parsed} == {"opened", "closed", "hold", "carried"}


def test_the_newest_entry_that_carries_a_recording_on_is_found(book: Book) -> None:
    found = carried_about(str(book.path), KEYS, "recording 1")
    assert found is not None and found.epoch == 6
    assert carried_about(str(book.path), KEYS, "recording 99") is None
    assert carried_about(str(book.path), KeyRing([]), "recording 1") is None


def test_an_entry_that_was_repeated_or_put_into_another_epoch_counts_once(book: Book) -> None:
    (hold,) = (
        one for one in entries_about(str(book.path), KEYS, "recording 1") if one.kind == "hold"
    )
    for name in ("000003.jws", "000006.jws"):
        path = book.path / name
        path.write_bytes(path.read_bytes() + hold.token + b"\n")
    found = list(entries_about(str(book.path), KEYS, "recording 1"))
    assert [one.kind for one in found] == ["opened", "closed", "hold"]


def test_an_entry_that_nobody_trusted_signed_is_not_about_the_recording(book: Book) -> None:
    facts = entries.facts_of_kind("hold", {"id": "recording 1", "reason": "none", "who": "nobody"})
    forged = entries.sign_entry(SigningKey.generate(), book.ledger.head, *book.ledger.now(), facts)
    with book.file().open("ab") as file:
        file.write(forged.token + b"\n")
    assert len(list(entries_about(str(book.path), KEYS, "recording 1"))) == 3


def test_a_ledgers_signers_are_found_with_few_entries_taken_apart(
    book: Book, parsed: list[Entry]
) -> None:
    for number in range(20):
        book.record(f"more {number}")
    book.key = OTHER
    book.open(KEYS)
    book.record("last")
    both = KeyRing([*KEYS.values(), OTHER.public])
    parsed.clear()
    found = signers(str(book.path), both)
    assert found.last == OTHER.public.thumbprint
    assert found.all == frozenset(both)
    assert found.replaced == {OTHER.public.thumbprint: next(iter(KEYS))}
    assert len(parsed) < 20


@given(before=st.binary(max_size=5), part=st.binary(min_size=3), after=st.binary(max_size=5))
def test_a_part_of_a_payload_is_found_wherever_it_begins(
    before: bytes, part: bytes, after: bytes
) -> None:
    from camerad.container.keys import encode_base64url

    token = encode_base64url(before + part + after).encode()
    assert any(one in token for one in jws.spellings(part))


def test_tombstones_are_found_in_older_epochs_and_end_when_the_recording_is_back(
    book: Book,
) -> None:
    for name in ("recording 0", "recording 3"):
        book.ledger.append("deleted", id=name, final=None, why="expired", age_us=99 * DAY)
    for _ in range(3):
        book.ledger.rotate()
    asked = ("recording 0", "recording 1", "recording 3", "never")
    headers = {one: f"header of {one}" for one in ("recording 0", "recording 3")}
    assert tombstones(str(book.path), KEYS, asked) == headers
    book.opened("recording 3")
    assert tombstones(str(book.path), KEYS, asked) == {"recording 0": headers["recording 0"]}
