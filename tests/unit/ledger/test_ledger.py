"""A ledger's promises while it is written: durable, in order, all or nothing."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledger_helpers import DAYS, KEY, KEYS, OTHER, Book, ended, failing, notes_in
from msgspec.structs import replace

from camerad.base.clock import DAY, ClockSource, ManualClock
from camerad.base.errors import StorageError
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger import entries
from camerad.ledger.claim import Claim
from camerad.ledger.entries import LATE_US
from camerad.ledger.entry_types import KINDS
from camerad.ledger.ledger import MOST_ENTRIES, Ledger, entries_about
from camerad.ledger.recording_state import Hold, RecordingState
from camerad.store.holds import MOST_HOLDS

HOUR = DAY // 24


def known(book: Book, name: str) -> RecordingState:
    return book.state.recordings[name]


def test_an_append_is_one_write_and_one_synchronisation(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.ledger.append("uptime")  # the file is open from here on
    with failing(monkeypatch, -1) as fails:
        book.ledger.append("uptime")
    assert fails.calls == 2  # pwritev, fdatasync


@pytest.mark.parametrize("rotated", [False, True])
def test_what_the_wearer_wanted_of_a_recording_outlives_a_start_and_an_epoch(
    book: Book, rotated: bool
) -> None:
    def says(stage: str, display: bool = False) -> None:
        book.ledger.append("stage", stage=stage, display=display)

    def wanted() -> tuple[bool, int | None]:
        if rotated:
            book.ledger.rotate()
        assert book.open().state == book.check()[0]
        assert book.damage() == []
        return book.state.display, book.state.muted_us

    says("recording", display=True)
    book.ledger.append("mute", on=True, at_us=7)
    assert wanted() == (True, 7)
    says("recording")
    assert wanted() == (False, 7)  # a display that is switched changes nothing about sound
    book.ledger.append("mute", on=False, at_us=9)
    assert wanted() == (False, None)
    book.ledger.append("mute", on=True, at_us=11)
    says("stopping")
    assert wanted() == (False, None)  # the next recording begins unmuted


def test_a_recording_is_known_from_its_beginning_to_its_tombstone(book: Book) -> None:
    book.opened("a")
    assert (known(book, "a").final, known(book, "a").ended) == (None, None)
    book.closed("a", flagged=True)
    assert (known(book, "a").final, known(book, "a").flagged) == ("final of a", True)
    book.ledger.append("acknowledged", id="a", final="final of a", receipt="receipt")
    assert known(book, "a").acknowledged == "receipt"
    book.ledger.append("missing", id="a")
    assert not known(book, "a").here
    book.ledger.append(
        "found",
        **{
            name: fact for name, fact in ended("a", book.clock.moment()).items() if name != "reason"
        },
        header="header of a",
    )
    assert known(book, "a").here
    assert known(book, "a").acknowledged == "receipt"
    book.ledger.append("deleted", id="a", final="final of a", why="expired", age_us=DAYS * DAY)
    assert not known(book, "a").here


def test_an_acknowledgement_counts_for_the_bytes_that_it_names(book: Book) -> None:
    book.record("a")
    book.ledger.append("acknowledged", id="a", final="another", receipt="receipt")
    assert known(book, "a").acknowledged is None
    book.ledger.append("acknowledged", id="a", final="final of a", receipt="receipt")
    assert known(book, "a").acknowledged == "receipt"
    book.closed("a", final="another")
    assert known(book, "a").acknowledged is None


def test_a_hold_on_what_the_ledger_does_not_know_is_kept(book: Book) -> None:
    book.hold("somewhere else")
    book.ledger.rotate()
    assert known(book, "somewhere else").held


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        *((one, {"role": "desk", "approved_by": ""}) for one in ("viewed", "downloaded")),
        ("viewing_approved", {"person": "p"}),
        ("judged", {"verdict": "qualified", "key": "k", "final": "f"}),
    ],
)
def test_who_looked_and_what_a_tab_found_changes_nothing_of_a_recording(
    book: Book, kind: str, said: dict[str, str]
) -> None:
    said |= {"who": "w"} | ({} if kind == "judged" else {"reason": "r", "case": ""})
    book.record("ended")
    book.opened("running")
    before = book.state.recordings
    for name in ("ended", "running", "somewhere else"):
        book.ledger.append(kind, id=name, **said)
    assert book.state.recordings == before
    book.ledger.rotate()
    assert book.state.recordings == before


def test_what_is_held_gets_no_tombstone(book: Book) -> None:
    book.record("a")
    book.hold("a")
    head = book.ledger.head
    with pytest.raises(ValueError, match="a is held"):
        book.ledger.append("deleted", id="a", final="final of a", why="expired", age_us=0)
    assert book.ledger.head == head


@pytest.mark.parametrize(
    ("kind", "facts", "text"),
    [
        ("gossip", {}, "no kind of ledger entry"),
        ("epoch", {}, "the ledger's own"),
        ("hold", {"id": "a"}, "not the facts"),
        ("hold", {"id": 1, "reason": "r", "who": "w"}, "not the facts"),
        ("uptime", {"more": 1}, "not the facts"),
        # No reader takes an entry with these: it would be damage at the next start.
        ("hold", {"id": "two\nlines", "reason": "r", "who": "w"}, "id is not one line"),
        ("fault", {"condition": "x" * 201, "holds": True}, "at most 200 characters"),
        ("mute", {"on": True, "at_us": -1}, "at_us is -1"),
        ("opened", {"id": "a", "header": "\x1b[2J"}, "characters that print"),
    ],
)
def test_what_is_no_fact_is_refused_and_nothing_written(
    book: Book, kind: str, facts: dict[str, Any], text: str
) -> None:
    before = book.file().read_bytes()
    with pytest.raises(ValueError, match=text):
        book.ledger.append(kind, **facts)
    assert book.file().read_bytes() == before


def test_every_kind_can_be_read_back(book: Book) -> None:
    given = {"id": "c", "who": "w", "role": "desk", "reason": "r", "case": "", "approved_by": ""}
    examples: dict[str, dict[str, Any]] = {
        "start": {"software": "s", "policy": "p", "settings": "x"},
        "stop": {},
        "stage": {"stage": "idle", "display": False},
        "opened": {"id": "a", "header": "h"},
        "closed": ended("a", book.clock.moment()),
        "recovered": ended("b", book.clock.moment()) | {"torn": 7},
        "received": ended("c", book.clock.moment()) | {"device": "d", "kid": "k"},
        "found": {
            "id": "e",
            "header": "h",
            "final": None,
            "retention_days": 1,
            "ended": None,
            "flagged": False,
        },
        "missing": {"id": "e"},
        "replaced": {"id": "a"},
        "changed": {"id": "e", "final": "f"},
        "hold": {"id": "a", "reason": "r", "who": "w"},
        "release": {"id": "a", "who": "w"},
        "acknowledged": {"id": "a", "final": "f", "receipt": "r"},
        "deleted": {"id": "a", "final": None, "why": "other", "age_us": 1},
        "settings": {
            "settings": "x",
            "overridden": [{"key": "k", "configured": "c", "allowed": "a"}],
            "reason": None,
            "authorised_by": None,
        },
        "fault": {"condition": "storage_full", "holds": True},
        "shift_begun": {
            "wearer": "W-1",
            "source": "badge",
            "began": book.clock.moment(),
            "began_boot": "b",
        },
        "shift_ended": {"why": "time"},
        "provisioned": {
            "outcome": "refused",
            "sha256": "s",
            "serial": None,
            "office": "o",
            "device": "d",
            "why": "unsigned",
            "retires": None,
        },
        "updated": {"outcome": "confirmed", "version": "2", "before": "1", "slot": "B"},
        "mute": {"on": True, "at_us": 7},
        "announcement": {
            "what": "recording",
            "sha256": "s",
            "at_us": 7,
            "recording": None,
            "outcome": "failed",
            "why": "w",
        },
        "reboot": {"reason": "r", "count": 1},
        "clock": {"step_us": -1, "source": "rtc"},
        "uptime": {},
        "removed_empty": {"name": "n"},
        "unreadable": {"name": "n", "sha256": "s"},
        "signed": {"who": "w", "what": "in", "how": "passkey"},
        "viewed": given,
        "downloaded": given,
        "viewing_approved": {"id": "c", "who": "w", "person": "p", "reason": "r", "case": ""},
        "rights": {"person": "p", "who": "", "what": "added", "roles": ("desk",)},
        "case": {
            "case": "7",
            "who": "w",
            "what": "opened",
            "recording": "",
            "reason": "",
            "sha256": "s",
        },
        "camera": {
            "kid": "k",
            "name": "n",
            "who": "w",
            "what": "withdrawn",
            "why": "lost",
            "reason": "r",
        },
        "offer": {
            "kid": "k",
            "name": "n",
            "who": "w",
            "what": "offered",
            "offer": "update",
            "sha256": "s",
            "version": "2",
        },
        "access_request": {"number": "2026-12-03-1", "who": "w", "what": "answered", "found": 3}
        | {"received": "2026-12-01", "from_us": 1, "to_us": 9, "answers": ("kept", "deleted")},
        "trial_started": {"trial": "t", "who": "w", "plan": "p", "seed": "s"},
        "trial_noted": {"trial": "t", "who": "w", "what": "form", "about": "a", "sha256": "s"},
        "report_made": {
            "who": "w",
            "first": "2026-01-01",
            "last": "2026-12-31",
            "language": "de",
            "sha256": "s",
        },
        "packaged": {"id": "c", "who": "w", "case": "", "policy": "p", "entries": 3}
        | {"origin": "o", "size": 9, "root": "r"},
        "redacted": {"id": "c", "who": "w", "recipient": "person", "reference": "", "sha256": "s"},
        "judged": {"id": "c", "who": "w", "verdict": "qualified", "key": "k", "final": "f"},
        "clock_declared": {"who": "w", "run": 1, "boot_us": 5, "wall_us": 7},
        "hold_until": {"id": "c", "reason": "r", "who": "w", "until_us": 7},
        "hold_ground": {"id": "c", "who": "w", "ground": "danger"},
        "release_reason": {"id": "c", "who": "w", "reason": "r"},
        "office_checkpoint": {"office": "k", "origin": "o", "size": 1, "root": "r", "lost": None},
        "office_disputed": {
            "office": "k",
            "why": "put_back",
            "seen_size": 2,
            "origin": "o",
            "size": 1,
            "root": "r",
        },
        "history_lost": {"origin": "o", "size": 1, "root": "r", "reason": "r", "who": "w"},
    }
    own = {"epoch", "carried", "identity", "repaired", "damaged", "epoch_expired", "unread"}
    assert set(examples) | own == set(KINDS)
    written = [book.ledger.append(kind, **facts) for kind, facts in examples.items()]
    assert book.entries()[-len(written) :] == written
    assert book.state.recordings["c"].device == "d"
    assert book.damage() == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_after_a_failed_append_the_next_takes_its_place(
    book: Book, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    book.record("a")
    state = book.state
    with failing(monkeypatch, 0, code, (call,)), pytest.raises(StorageError) as raised:
        book.ledger.append("reboot", reason="x" * 5000, count=None)
    assert raised.value.errno == code
    assert book.state is state
    book.ledger.append("uptime")
    assert book.kinds()[-2:] == ["closed", "uptime"]
    book.ledger.append("uptime")
    assert book.lines()[-1].endswith(b"\n")
    assert book.damage() == []
    assert book.open().repairs == ()


def test_a_failed_append_that_left_half_a_line_leaves_none_behind_the_next(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwritev

    def half(descriptor: int, pieces: list[memoryview], offset: int) -> int:
        monkeypatch.undo()
        write(descriptor, [pieces[0][: len(pieces[0]) // 2]], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwritev", half)
    with pytest.raises(StorageError, match="storage is full"):
        book.ledger.append("reboot", reason="x" * 5000, count=None)
    assert len(book.lines()[-1]) > 2000  # half of it is there
    book.ledger.append("uptime")
    assert book.damage() == []
    assert book.open().repairs == ()


def test_an_entry_that_cannot_be_written_because_the_file_is_gone_is_told(book: Book) -> None:
    book.file().unlink()
    with pytest.raises(StorageError, match="cannot open the file"):
        book.ledger.append("uptime")


def test_threads_append_one_after_the_other(book: Book) -> None:
    def write() -> None:
        for _ in range(25):
            book.ledger.append("uptime")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert book.kinds().count("uptime") == 100
    assert book.damage() == []


def test_the_next_epoch_begins_with_all_that_is_needed_and_without_what_is_not(book: Book) -> None:
    book.record("a", "b", "c")
    book.opened("running")
    book.hold("a")
    book.clock.advance(DAYS * DAY)
    book.ledger.append("deleted", id="b", final="final of b", why="expired", age_us=DAYS * DAY)
    before = book.state.recordings
    book.ledger.rotate()
    assert book.state.recordings == before  # the tombstone stays for one epoch more
    book.ledger.rotate()
    assert set(book.state.recordings) == {"a", "c", "running"}
    assert known(book, "a") == before["a"]
    assert [closed.number for closed in book.state.epochs] == [1, 2]
    assert book.open().state == book.check()[0]
    assert book.damage() == []


def test_recordings_with_many_long_holds_are_carried_in_as_many_entries_as_they_need(
    book: Book,
) -> None:
    # 100 recordings with as much of reasons and names as may be: 16 MB, of which an entry takes
    # half a megabyte. The signatures are what takes the time, so the holds are not appended.
    held = Hold("\N{EURO SIGN}" * 200, "\N{EURO SIGN}" * 200)
    book.opened("a")
    one = replace(book.state.recordings["a"], holds=(held,) * MOST_HOLDS)
    many = {f"{number}": replace(one, id=f"{number}") for number in range(100)}
    book.ledger._state = replace(book.state, recordings=many)
    book.ledger.rotate()
    ledger = book.open()
    assert not ledger.lossy
    assert ledger.state.recordings == many


def test_a_vanished_recording_is_given_up_when_it_would_have_been_deleted(book: Book) -> None:
    book.record("a")
    book.ledger.append("missing", id="a")
    book.ledger.rotate()
    assert "a" in book.state.recordings
    book.clock.advance(DAYS * DAY)
    book.ledger.rotate()
    assert "a" not in book.state.recordings
    assert book.damage() == []


def test_an_epoch_lasts_a_day_and_expires_with_its_retention(book: Book) -> None:
    assert book.ledger.rotate_and_expire(DAYS) == ()
    assert book.ledger.head.epoch == 1
    for day in range(2, 2 * DAYS):
        book.clock.advance(DAY)
        book.ledger.rotate_and_expire(DAYS)
        assert book.ledger.head.epoch == day
    # The newest began today, the one before yesterday; the last that has to go ended 14 days ago.
    kept = DAYS + 1
    assert [name for name in book.names() if name.endswith(".jws")] == [
        f"{number:06d}.jws" for number in range(2 * DAYS - kept, 2 * DAYS)
    ]
    assert book.damage(book.ledger.head) == []


def test_the_epoch_before_the_newest_never_expires(book: Book) -> None:
    book.ledger.rotate()
    book.clock.advance(400 * DAY)
    assert book.ledger.expire(0) == ()
    book.ledger.rotate()
    assert book.ledger.expire(0) == (1,)


def test_an_epoch_with_many_entries_is_followed_by_the_next(book: Book) -> None:
    for _ in range(MOST_ENTRIES - len(book.entries())):
        book.ledger.append("uptime")
    book.ledger.rotate_and_expire(DAYS)
    assert book.ledger.head.epoch == 2


def test_without_a_trusted_clock_epochs_expire_by_uptime_alone(tmp_path: Path) -> None:
    clock = ManualClock(source=ClockSource.UNKNOWN)
    book = Book(tmp_path / "ledger", clock)
    book.ledger.rotate()
    book.ledger.rotate()
    clock.step_wall(400 * DAY)
    assert book.ledger.expire(DAYS) == ()
    clock.advance(DAYS * DAY)
    assert book.ledger.expire(DAYS) == (1,)


def test_a_rotation_that_fails_anywhere_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits = []
    for at in range(100):
        book = Book(tmp_path / f"{at}" / "ledger")
        book.record("a")
        with failing(monkeypatch, at) as fails:
            try:
                book.ledger.rotate()
            except StorageError:
                hits.append(fails.hit)
            else:
                break
        book.hold("a")  # lands where the next start looks
        assert book.damage(book.ledger.head) == []
        state = book.state
        assert book.open().state == state
        assert known(book, "a").held
    # Only a close may fail without anybody minding, and it is not among these calls.
    assert hits == ["unlink", "open", "pwritev", "fdatasync", "rename", "open", "fsync"]


def test_the_name_of_an_epoch_is_made_durable_before_anything_is_said_to_be(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing(monkeypatch, 0, calls=("fsync",)), pytest.raises(StorageError):
        book.ledger.rotate()
    assert book.ledger.head.epoch == 2
    with failing(monkeypatch, 0, calls=("fsync",)), pytest.raises(StorageError):
        book.ledger.append("uptime")
    with failing(monkeypatch, -1, calls=("fsync",)) as fails:
        book.ledger.append("uptime")
        assert fails.calls == 1
        book.ledger.append("uptime")
        assert fails.calls == 1


def test_the_entries_about_a_recording_can_be_extracted(book: Book) -> None:
    book.record("a", "b")
    book.ledger.rotate()
    book.hold("a")
    found = list(entries_about(str(book.path), KEYS, "a"))
    assert [entry.kind for entry in found] == ["opened", "closed", "hold"]
    assert all(entry.token + b"\n" in b"".join(book.lines(entry.epoch)) for entry in found)


def test_a_key_that_was_replaced_is_a_fact(book: Book) -> None:
    book.record("a")
    book.key = OTHER
    ledger = book.open(KEYS)
    assert (ledger.state.kid, ledger.repairs) == (OTHER.public.thumbprint, ())
    both = KeyRing([KEY.public, OTHER.public])
    assert book.damage(keys=both) == []
    note = notes_in(book.path, keys=both)[0]
    assert note.endswith(f"was replaced by {OTHER.public.thumbprint}")
    assert book.damage()  # by a key that is not among those trusted
    book.ledger.rotate()
    assert book.damage(keys=both) == []


def test_a_ledger_by_a_key_that_nobody_knows_is_set_aside(book: Book) -> None:
    book.record("a")
    book.key = SigningKey.generate()
    ledger = book.open()
    assert "damaged" in ledger.repairs[0]
    assert book.names() == ["000001.damaged", "000002.jws"]
    assert ledger.state.recordings == {}


def test_an_entry_of_a_kind_that_is_not_known_here_is_passed_over(book: Book) -> None:
    head, (boot_id, now) = book.ledger.head, book.ledger.now()
    payload = entries.Payload(
        head.sequence + 1,
        head.sha256,
        1,
        "invented",
        boot_id,
        now,
        msgspec.Raw(b'{"a":{"b":1},"id":"x"}'),
    )
    token = jws.sign(KEY, entries.LEDGER, payload)
    with book.file().open("ab") as file:
        file.write(token + b"\n")
    book.open()
    book.record("a")
    assert book.kinds()[-3] == "invented"
    assert book.entries()[-3].facts is None
    assert book.damage() == []
    assert "x" not in book.state.recordings


def test_the_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file")
    with pytest.raises(StorageError, match="ledger"):
        Ledger.open(Claim(str(tmp_path / "ledger")), KEY, ManualClock())


def test_an_age_counts_from_when_it_was_written_not_from_when_it_happened(book: Book) -> None:
    """What another boot's clock says of an end is not on the timeline, so it counts from its entry:
    an hour that the entry had to wait makes nothing older than it can be shown to be."""
    noted = book.clock.moment()
    book.clock.advance(HOUR)
    facts = ended("a", replace(noted, source=ClockSource.UNKNOWN), ended_boot="another")
    written = book.ledger.append("closed", happened=noted, **facts)
    assert written.happened == noted
    assert book.entries()[-1].happened == noted
    book.clock.advance(HOUR)
    known = book.state.recordings["a"]
    assert known.age_us(book.state.ages(*book.ledger.now())) == HOUR


@pytest.mark.parametrize(("late_us", "said"), [(LATE_US - 1, False), (LATE_US, True)])
def test_an_entry_says_when_it_happened_only_if_that_is_not_now(
    book: Book, late_us: int, said: bool
) -> None:
    noted = book.clock.moment()
    book.clock.advance(late_us)
    assert (book.ledger.append("uptime", happened=noted).happened is not None) is said
