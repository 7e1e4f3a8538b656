"""What a check of a ledger says without writing anything, with public keys alone."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledger_helpers import DAYS, KEY, KEYS, OTHER, Book, damage_in, found_in, notes_in
from msgspec.structs import replace

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.base.errors import StorageError
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import audit, entries, log_segments
from camerad.ledger.entries import Payload
from camerad.ledger.entry_types import Carried, EpochExpired, Fact
from camerad.ledger.epoch_start import carry_over
from camerad.ledger.ledger import Head, read_ledger, read_state
from camerad.ledger.ledger_lines import signers
from camerad.ledger.ledger_state import describe_harm
from camerad.ledger.recording_entries import Deleted, HoldReleased

UNPROVABLE = "that the ledger was put back to an older state of itself cannot be excluded"


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Epochs 1 and 2 have expired, 3 to 5 are there."""
    made = Book(tmp_path / "ledger")
    made.record("a", "b")
    for _ in range(3):
        made.hold("a")
        made.ledger.rotate()
    made.clock.advance(DAYS * DAY)
    assert made.ledger.expire(DAYS) == (1, 2)
    made.ledger.append("deleted", id="b", final="final of b", why="expired", age_us=DAYS * DAY)
    made.ledger.rotate()
    made.hold("a")
    return made


def test_a_sound_ledger_has_no_findings_but_what_cannot_be_proven(book: Book) -> None:
    state, findings = book.check(book.ledger.head)
    assert findings == []
    assert state == book.state
    (note,) = notes_in(book.path)
    assert note.startswith(UNPROVABLE)


def test_what_an_interrupted_append_left_is_missed_when_it_is_gone(book: Book) -> None:
    path, (*lines, last) = book.file(), book.lines()
    whole = b"".join(lines)
    path.write_bytes(whole + last[: len(last) // 2])
    book.open()
    assert damage_in(book.path) == []
    path.write_bytes(whole)
    assert damage_in(book.path) == [
        f"{path.name}: it does not end with the bytes that were told of"
    ]


def test_a_recording_whose_file_has_changed_came_to_harm_and_one_that_was_deleted_did_not(
    book: Book,
) -> None:
    assert describe_harm(book.state.recordings["b"], book.state) is None
    book.record("c")
    assert describe_harm(book.state.recordings["c"], book.state) is None
    book.ledger.append("changed", id="c", final=None)
    text = describe_harm(book.state.recordings["c"], book.state)
    assert text == "its file does not end as the device's ledger says"


def test_a_ledger_put_back_is_found_against_a_witnessed_head_and_only_so(book: Book) -> None:
    book.file().write_bytes(b"".join(book.lines()[:-1]))
    assert damage_in(book.path) == []
    (text,) = damage_in(book.path, book.ledger.head)
    last = book.ledger.head.sequence
    assert text == (
        f"the ledger was put back: it ends with entry {last - 1}, but entry {last} was witnessed"
    )


def test_an_older_witnessed_head_is_found_in_its_place(book: Book) -> None:
    for entry in book.entries(4):
        assert book.check(entry.head)[1] == []
    forged = Head(4, book.entries(4)[1].sequence, "0" * 64)
    assert damage_in(book.path, forged)[0].startswith("000004.jws:2: ")


def test_a_witnessed_head_that_has_expired_is_compared_with_its_checkpoint(book: Book) -> None:
    name = log_segments.checkpoint_name(2)
    checkpoint = log_segments.parse_checkpoint((book.path / name).read_bytes(), KEYS)
    assert book.check(Head(2, checkpoint.last, checkpoint.final))[1] == []
    (text,) = damage_in(book.path, Head(2, checkpoint.last, "0" * 64))
    assert text.startswith("000002.checkpoint: entry")
    (note,) = notes_in(book.path, Head(2, checkpoint.last - 1, "0" * 64))
    assert note.endswith("which was witnessed, has expired")


def test_a_name_does_not_make_billions_of_epochs_be_looked_for(book: Book) -> None:
    """Whoever can put a file there would keep every check busy for hours, and fill the memory."""
    (book.path / "999999999999.jws").write_bytes(b"")
    found = [text for text in damage_in(book.path) if "missing" in text]
    assert found == [
        "000006.jws: this epoch and all up to 999999999998 are missing, and there are no "
        "checkpoints"
    ]


def test_a_checkpoint_in_anothers_place_is_found(book: Book) -> None:
    os.rename(book.path / "000001.checkpoint", book.path / "000002.checkpoint")
    damage = damage_in(book.path)
    assert "000002.checkpoint: this is the checkpoint of epoch 1" in damage


def test_a_damaged_checkpoint_is_found(book: Book) -> None:
    (book.path / "000001.checkpoint").write_bytes(b"nothing")
    assert damage_in(book.path) == ["000001.checkpoint: a compact JWS has three parts"]


def test_a_checkpoint_that_does_not_fit_its_neighbours_is_found(book: Book) -> None:
    path = book.path / "000002.checkpoint"
    checkpoint = log_segments.parse_checkpoint(path.read_bytes(), KEYS)
    other = log_segments.EpochCheckpoint(
        **{name: getattr(checkpoint, name) for name in checkpoint.__struct_fields__}
        | {"previous": "0" * 64}
    )
    path.write_bytes(jws.sign(KEY, log_segments.CHECKPOINT, other))
    assert damage_in(book.path) == ["000002.checkpoint: it does not follow what is before it"]


def test_a_checkpoint_and_its_epoch_may_both_be_there_and_must_agree(book: Book) -> None:
    for final in (None, "0" * 64):
        entry = book.entries(3)[-1]
        first = book.entries(3)[0]
        checkpoint = log_segments.EpochCheckpoint(
            3,
            first.sequence,
            entry.sequence,
            first.previous,
            final or entry.sha256,
            *book.ledger.now(),
        )
        token = jws.sign(KEY, log_segments.CHECKPOINT, checkpoint)
        (book.path / "000003.checkpoint").write_bytes(token)
        told = [] if final is None else ["000003.jws: it ends otherwise than its checkpoint says"]
        assert damage_in(book.path) == told


def test_neighbours_that_say_the_same_are_one_finding(book: Book) -> None:
    keys = KeyRing([OTHER.public])
    texts = damage_in(book.path, keys=keys)
    assert len([text for text in texts if text.startswith("000004.jws:1")]) == 1
    assert any("(and up to line" in text for text in texts)
    assert read_ledger(str(book.path), keys)[0].recordings == {}


def test_a_renamed_file_is_found_also_where_nothing_is_known_of_before(book: Book) -> None:
    book.file(5).unlink()
    os.rename(book.file(4), book.path / "000006.jws")
    texts = [text for text in damage_in(book.path) if text.startswith("000006.jws")]
    assert texts[0].endswith("belongs to epoch 4")


def test_a_directory_without_a_ledger_is_damage(tmp_path: Path) -> None:
    assert damage_in(tmp_path) == ["there is no ledger"]
    with pytest.raises(StorageError, match="cannot list the ledger"):
        read_ledger(str(tmp_path / "none"), KEYS)


def test_a_file_that_cannot_be_read_is_named(book: Book) -> None:
    book.file(4).unlink()
    book.file(4).mkdir()
    with pytest.raises(StorageError, match=r"000004\.jws: cannot read the ledger"):
        book.check()


def sign(book: Book, facts: Fact) -> None:
    """Append a signed entry as no production code would."""
    entry = entries.sign_entry(KEY, book.ledger.head, *book.ledger.now(), facts)
    with book.file().open("ab") as file:
        file.write(entry.token + b"\n")


def test_a_tombstone_of_a_held_recording_is_found_although_signed(book: Book) -> None:
    sign(book, Deleted("a", "final of a", "expired", DAYS * DAY))
    (text,) = damage_in(book.path)
    assert text.endswith("the recording a was deleted although it was held")


def test_a_tombstone_before_its_time_is_found_although_signed(book: Book) -> None:
    book.record("c", "d")
    book.clock.advance(DAYS * DAY)
    sign(book, Deleted("c", "final of c", "expired", DAYS * DAY - 1))
    (text,) = damage_in(book.path)
    assert text.endswith("the recording c was deleted before its time")


def test_with_an_epoch_all_before_it_have_expired(book: Book) -> None:
    """Whatever entries are lost in between."""
    assert [one.number for one in book.state.epochs] == [3, 4]
    sign(book, EpochExpired(4, book.state.epochs[-1].last))
    assert book.check()[0].epochs == ()


def test_a_tombstone_that_is_in_order_is_none_of_these(book: Book) -> None:
    book.record("c")
    book.ledger.append("acknowledged", id="c", final="final of c", receipt="a receipt")
    book.ledger.append("deleted", id="c", final="final of c", why="offloaded", age_us=0)
    book.ledger.append("deleted", id="unheard of", final=None, why="expired", age_us=0)
    assert damage_in(book.path) == []


@pytest.mark.parametrize(
    ("why", "then", "says"),
    [
        ("expired", "the same boot", "cannot have been older than 0.01 days"),
        ("expired", "synchronised", "cannot have been older than 0.01 days"),
        ("expired", "synchronised later", "cannot have been older than 0.06 days"),
        ("expired", "nobody knows", "nothing in the ledger says that so much time had passed"),
        ("expired", "declared", ""),
        ("expired", "declared twice", "nothing in the ledger says that so much time had passed"),
        ("expired", "declared twice", "in the same boot another time was declared"),
        ("expired", "14 days later", ""),
        ("offloaded", "14 days later", "no receipt for it is named"),
    ],
)
def test_the_age_in_a_tombstone_is_held_against_all_that_the_ledger_says_of_time(
    tmp_path: Path, why: str, then: str, says: str
) -> None:
    """A recording of 20 minutes ago is deleted at an age of 14 days by who has the ledger's key."""
    book = Book(tmp_path / "ledger")
    book.record("c")
    book.clock.advance(20 * 60 * SECOND if then != "14 days later" else DAYS * DAY)
    if then != "the same boot":
        book.clock.reboot()
        book.open()
    if then not in ("synchronised", "14 days later"):
        book.clock.source = ClockSource.UNKNOWN
    declared = {"declared": [DAYS], "declared twice": [DAYS, -DAYS]}.get(then, [])
    for days in declared:
        book.clock.step_wall(days * DAY)
        said = {"who": "Desk", "run": 2, "boot_us": 0, "wall_us": book.clock.wall_us()}
        book.ledger.append("clock_declared", **said)
    book.ledger.append("deleted", id="c", final="final of c", why=why, age_us=DAYS * DAY)
    if then == "synchronised later":
        book.clock.advance(3600 * SECOND)
        book.clock.reboot()
        book.clock.source = ClockSource.SYNCHRONISED
        book.open().append("uptime")
    damage, notes = found_in(book.path)
    remark = bool(declared) or then == "nobody knows"
    found = [one for one in (notes if remark else damage) if says in one]
    if says:
        assert len(found) == 1 + ("another" in says)
    else:
        assert (damage, len(notes)) == ([], 1 + len(declared))


def test_an_epoch_that_forgets_a_hold_is_found_although_signed(book: Book) -> None:
    head, (boot_id, now) = book.ledger.head, book.ledger.now()
    after = book.state.with_entry(
        entries.sign_entry(KEY, head, boot_id, now, HoldReleased("a", "nobody"))
    )
    begun, carried = carry_over(after, boot_id, now, 6, None)
    content = b""
    for facts in (begun, *carried):
        entry = entries.sign_entry(KEY, head, boot_id, now, facts)
        head = entry.head
        content += entry.token + b"\n"
    (book.path / "000006.jws").write_bytes(content)
    (text,) = damage_in(book.path)
    assert text == "000006.jws:2: it does not say about a what the epoch before said"


def test_what_is_carried_counts_only_at_the_beginning(book: Book) -> None:
    known = book.state.recordings["a"]
    sign(book, Carried((), (replace(known, holds=()),), ()))
    state, _ = book.check()
    assert state.recordings == book.state.recordings


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (b'{"id":"a","id":"a","who":"x"}', "not in its one spelling"),
        (b'{"who":"x","id":"a"}', "not in its one spelling"),
        (b'{"id":"a", "who":"x"}', "not in its one spelling"),
        (b'{"id":"a"}', "is wrong"),
        (b'"text"', "is wrong"),
    ],
)
def test_signed_facts_in_another_spelling_are_no_entry(book: Book, facts: bytes, text: str) -> None:
    boot_id, now = book.ledger.now()
    head = book.ledger.head
    raw = msgspec.Raw(facts)
    payload = Payload(head.sequence + 1, head.sha256, 5, "release", boot_id, now, raw)
    with book.file().open("ab") as file:
        file.write(jws.sign(KEY, entries.LEDGER, payload) + b"\n")
    (found,) = damage_in(book.path)
    assert text in found


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sequence": 7777}, "entry 7777 follows entry"),
        ({"previous": "0" * 64}, "names another entry before it"),
        ({"epoch": 9}, "belongs to epoch 9"),
        ({"happened": Moment(10**15, 0, ClockSource.RTC)}, "tells of what happened after it"),
    ],
)
def test_a_signed_entry_that_does_not_follow_is_found(
    book: Book, change: dict[str, object], text: str
) -> None:
    boot_id, now = book.ledger.now()
    head = book.ledger.head
    fields: dict[str, object] = {
        "sequence": head.sequence + 1,
        "previous": head.sha256,
        "epoch": 5,
        "kind": "uptime",
        "boot_id": boot_id,
        "clock": now,
        "facts": msgspec.Raw(b"{}"),
    }
    payload = Payload(**(fields | change))  # type: ignore[arg-type]
    with book.file().open("ab") as file:
        file.write(jws.sign(KEY, entries.LEDGER, payload) + b"\n")
    (found,) = damage_in(book.path)
    assert text in found


def test_a_trusted_key_that_does_not_say_whom_it_replaces_is_found(book: Book) -> None:
    entry = entries.sign_entry(
        OTHER, book.ledger.head, *book.ledger.now(), entries.facts_of_kind("uptime", {})
    )
    with book.file().open("ab") as file:
        file.write(entry.token + b"\n")
    (found,) = damage_in(book.path, keys=KeyRing([KEY.public, OTHER.public]))
    assert "is by another key, and does not say that it replaces" in found


def test_signers_are_found_past_a_line_that_is_no_entry(book: Book) -> None:
    path = book.file()
    path.write_bytes(path.read_bytes() + b"no entry\n")
    found = signers(str(book.path), KEYS)
    assert (found.last, found.all) == (KEY.public.thumbprint, {KEY.public.thumbprint})


def test_a_file_without_any_entry_names_no_signer_and_takes_none_away(book: Book) -> None:
    number = log_segments.list_files(str(book.path)).newest
    (book.path / log_segments.epoch_name(number + 1)).write_bytes(b"none\n" * 3)
    found = signers(str(book.path), KEYS)
    assert (found.last, found.all) == (KEY.public.thumbprint, {KEY.public.thumbprint})


def test_findings_beyond_the_most_are_counted_whatever_they_are() -> None:
    reading = log_segments.SegmentReading(None)
    for number in range(log_segments.MOST_FINDINGS + 3):
        reading.find(number, "damaged")
    assert (len(reading.damage), reading.left_out) == (log_segments.MOST_FINDINGS, 3)


@pytest.mark.parametrize("line", [b"\n", b"no entry of a ledger\n", b"." * 300 + b"\n"])
def test_a_file_of_lines_that_are_no_entries_costs_little_memory(book: Book, line: bytes) -> None:
    """Brought on a stick, say: the desk's check survives it, and tells of it."""
    number = log_segments.list_files(str(book.path)).newest
    path = book.path / log_segments.epoch_name(number)
    junk = line * 20_000
    path.write_bytes(path.read_bytes() + junk)
    content = path.read_bytes()
    tracemalloc.start()
    try:
        reading = log_segments.read_epoch(None, number, content, KEYS)
        assert signers(str(book.path), KEYS).last == KEY.public.thumbprint
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000 + 2 * len(content)
    lines = len(junk) // len(line)
    assert len(reading.damage) == min(lines, log_segments.MOST_FINDINGS) + 1
    assert reading.damage[-1][1] == f"{lines - log_segments.MOST_FINDINGS} lines more are damaged"
    assert reading.state is not None
    assert reading.state.head == book.ledger.head


@pytest.mark.parametrize(
    ("change", "again"),
    [
        *(("nothing", False), ("entry", True), ("epoch", True), ("byte", True), ("key", True)),
        *(("damaged", True), ("only a checkpoint", True), ("large", True)),
    ],
)
def test_a_state_is_remembered_while_the_newest_epoch_has_the_same_bytes(
    book: Book, monkeypatch: pytest.MonkeyPatch, change: str, again: bool
) -> None:
    judged: list[int] = []
    read_epoch = log_segments.read_epoch

    def noted(before: Any, number: int, *rest: Any) -> log_segments.SegmentReading:
        judged.append(number)
        return read_epoch(before, number, *rest)

    book.record("one", "two")
    book.hold("one")
    path, keys = str(book.path), KEYS
    if change == "large":
        monkeypatch.setattr(audit, "MOST_RECORDINGS", 1)
    if change == "damaged":
        with book.file().open("ab") as file:
            file.write(b"no entry\n" + book.lines()[-1])
    assert read_state(path, keys).recordings["one"].held
    if change == "entry":
        book.record("three")
    elif change == "epoch":
        book.ledger.rotate()
    elif change == "only a checkpoint":
        (book.path / "000007.checkpoint").write_bytes(b"none")
    elif change == "byte":  # of the last signature: the length stays
        content = bytearray(book.file().read_bytes())
        content[-20] ^= 1
        book.file().write_bytes(content)
    elif change == "key":
        keys = KeyRing([OTHER.public])
    monkeypatch.setattr(log_segments, "read_epoch", noted)
    state = read_state(path, keys)
    assert bool(judged) is again
    assert state == read_ledger(path, keys)[0]
