"""The copy of a device's ledger at an office only grows: what a device once said cannot be taken
back, by whatever becomes of its card."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_helpers import KEY, KEYS, OTHER, Book, damage_in

from camerad.base import durable_files
from camerad.base.clock import DAY, SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing
from camerad.evidence import ledger_mirror
from camerad.evidence.ledger_mirror import mirror_ledger
from camerad.ledger import log_segments
from camerad.ledger.recording_state import ClosedEpoch
from camerad.ledger.timeline import Instant
from camerad.store.locations import Holding

EPOCH = log_segments.epoch_name


class Copied:
    """A device's ledger, and what an office has of it."""

    def __init__(self, root: Path) -> None:
        self.book = Book(root / "ledger", ManualClock(wall_us=DAY))
        self.holding = Holding(str(root / "office"), str(root / "office" / "recordings"))
        os.makedirs(self.holding.root)
        self.copy = Path(self.holding.ledger)
        self.aside = Path(self.holding.earlier_ledger)

    def mirror(self, *, recent: bool = False, keys: KeyRing = KEYS) -> list[str]:
        return mirror_ledger(str(self.book.path), self.holding, keys, recent=recent)

    def say(self, count: int = 3) -> None:
        """The device goes on."""
        for _ in range(count):
            self.book.clock.advance(SECOND)
            self.book.ledger.append("uptime")

    def rotate(self) -> None:
        self.book.ledger.rotate()
        self.say()

    def card(self) -> dict[str, bytes]:
        """All of the device's ledger, as a copy of its card has it."""
        return {name: (self.book.path / name).read_bytes() for name in self.book.names()}

    def put_back(self, card: dict[str, bytes]) -> None:
        """The card is as it was; nothing has been written since."""
        self.book.ledger.close()
        for name in self.book.names():
            (self.book.path / name).unlink()
        for name, content in card.items():
            (self.book.path / name).write_bytes(content)

    def copied(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.copy.iterdir()}


@pytest.fixture
def copied(tmp_path: Path) -> Copied:
    """Two epochs, and a copy of them."""
    made = Copied(tmp_path)
    made.say()
    made.rotate()
    assert made.mirror() == []
    return made


def test_a_ledger_that_goes_on_is_copied_whole(copied: Copied) -> None:
    copied.say()
    copied.rotate()
    copied.rotate()
    assert copied.mirror(recent=True) == []
    assert copied.copied() == copied.card()
    assert copied.mirror() == []
    assert not copied.aside.exists()


def test_an_entry_that_is_being_appended_comes_with_the_next_copy(copied: Copied) -> None:
    with copied.book.file().open("ab") as file:
        file.write(b"eyJ")
    before = copied.copied()
    assert copied.mirror() == []
    assert copied.copied() == before


# -------------------------------------------------------------------------------------- put back


def rolled_back(copied: Copied) -> None:
    """Its last entries are gone."""
    card = copied.card()
    copied.say()
    copied.mirror()
    copied.put_back(card)


def gone_on(copied: Copied) -> None:
    """The same, and the device has gone on for longer than what is gone."""
    rolled_back(copied)
    copied.book.open()
    copied.say(9)


def epoch_back(copied: Copied) -> None:
    """It was put back by an epoch, whole."""
    card = copied.card()
    copied.rotate()
    copied.mirror()
    copied.put_back(card)


def epoch_back_and_on(copied: Copied) -> None:
    """The same, and the epoch before, of which the copy has all, goes on instead."""
    epoch_back(copied)
    copied.book.open()
    copied.say(9)


def epoch_back_and_begun_again(copied: Copied) -> None:
    """The same, and it has begun the next one anew, and the one after."""
    epoch_back(copied)
    copied.book.open()
    copied.rotate()
    copied.rotate()


def begun_again(copied: Copied) -> None:
    """All of it was removed, and it has begun anew."""
    copied.put_back({})
    copied.book.open()
    for _ in range(4):
        copied.rotate()


def emptied(copied: Copied) -> None:
    """All of it was removed."""
    copied.put_back({})


ROLLED_BACK = pytest.mark.parametrize(
    "happens",
    [
        rolled_back,
        gone_on,
        epoch_back,
        epoch_back_and_on,
        epoch_back_and_begun_again,
        begun_again,
        emptied,
    ],
)


@ROLLED_BACK
def test_a_device_that_was_put_back_does_not_replace_the_longer_copy(
    copied: Copied, happens: Callable[[Copied], None]
) -> None:
    witnessed = copied.copied()
    happens(copied)
    witnessed |= copied.copied()  # what was copied before the card was put back
    for _ in range(2):
        (problem,) = copied.mirror()
        assert "put back" in problem
        assert copied.mirror(recent=True) == [problem] or happens is emptied
        assert copied.copied() == witnessed
    assert damage_in(copied.copy) == []


@ROLLED_BACK
def test_what_the_device_says_instead_is_kept_aside_and_grows(
    copied: Copied, happens: Callable[[Copied], None]
) -> None:
    happens(copied)
    witnessed = copied.copied()
    copied.mirror()
    copied.book.open()
    copied.say()
    copied.rotate()
    # However far it comes, and whatever expires meanwhile.
    for _ in range(4):
        assert len(copied.mirror()) == 1
        branch = min(path.name for path in copied.aside.iterdir())[:6]
        # What is before the branch expires in the copy as it does on the device.
        assert from_on(branch, copied.copied()) == from_on(branch, witnessed)
        for name, content in copied.card().items():
            if name >= branch and witnessed.get(name) != content:
                assert (copied.aside / name).read_bytes() == content
        copied.rotate()
        copied.book.clock.advance(40 * DAY)
        copied.book.ledger.expire(30)
    assert not [path for path in copied.aside.iterdir() if "-" in path.name]


def from_on(branch: str, of: dict[str, bytes]) -> dict[str, bytes]:
    """The files of an epoch and of those behind it."""
    return {name: content for name, content in of.items() if name >= branch}


def test_a_device_that_is_put_back_again_leaves_both_branches(copied: Copied) -> None:
    gone_on(copied)
    copied.mirror()
    first = (copied.aside / EPOCH(2)).read_bytes()
    card = copied.card()
    copied.say()
    copied.mirror()
    copied.put_back(card)
    copied.mirror()  # a part of what is there
    copied.book.open()
    copied.say(9)
    copied.mirror()
    kept = [path.read_bytes() for path in copied.aside.iterdir()]
    assert len(kept) == 2
    assert copied.card()[EPOCH(2)] in kept
    assert all(one.startswith(first) for one in kept)


# ------------------------------------------------------------------------------- gone, and expired


def test_an_epoch_that_is_gone_from_the_device_stays_in_the_copy(copied: Copied) -> None:
    copied.rotate()
    copied.mirror()
    copied.book.file(2).unlink()
    copied.rotate()
    (problem,) = copied.mirror()
    assert "epoch 2 is gone" in problem
    assert set(copied.copied()) == {EPOCH(number) for number in (1, 2, 3, 4)}


def expire(copied: Copied) -> None:
    """Begin two epochs, and let the first ones expire."""
    copied.rotate()
    copied.rotate()
    copied.book.clock.advance(40 * DAY)
    assert copied.book.ledger.expire(30) == (1, 2)


def test_an_expired_epoch_goes_from_the_copy(copied: Copied) -> None:
    expire(copied)
    assert copied.mirror() == []
    assert copied.copied() == copied.card()
    assert damage_in(copied.copy) == []


def test_a_checkpoint_that_was_made_again_is_the_same(copied: Copied) -> None:
    """An expiry that was interrupted makes it again, later."""
    closed = copied.book.state.epochs[0]
    copied.rotate()
    for _ in range(2):
        copied.book.clock.advance(SECOND)
        token = log_segments.make_checkpoint(KEY, closed, *copied.book.ledger.now())
        (copied.book.path / log_segments.checkpoint_name(1)).write_bytes(token)
        assert copied.mirror() == []
    (copied.book.path / EPOCH(1)).unlink()
    assert copied.mirror() == []
    assert EPOCH(1) not in copied.copied()


def test_an_epoch_that_has_expired_in_the_copy_does_not_come_back(copied: Copied) -> None:
    """As where nothing but this was put back."""
    first = copied.card()[EPOCH(1)]
    expire(copied)
    copied.mirror()
    (copied.book.path / EPOCH(1)).write_bytes(first)
    (copied.book.path / log_segments.checkpoint_name(1)).unlink()
    assert copied.mirror() == []
    assert EPOCH(1) not in copied.copied()


def checkpoint(copied: Copied, **changed: object) -> bytes:
    closed = copied.book.state.epochs[0]
    said = {
        "number": 1,
        "first": closed.first,
        "last": closed.last,
        "previous": closed.previous,
        "final": closed.final,
        "ended": Instant(1, 1),
    }
    key = changed.pop("key", KEY)
    made = ClosedEpoch(**(said | changed))  # type: ignore[arg-type]
    return log_segments.make_checkpoint(key, made, *copied.book.ledger.now())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"final": "0" * 64},
        {"last": 1},
        {"first": 2},
        {"previous": "0" * 64},
        {"number": 2},
        {"key": OTHER},
        None,
    ],
)
def test_a_checkpoint_that_does_not_fit_takes_nothing_away(
    copied: Copied, changed: dict[str, object] | None
) -> None:
    witnessed = copied.copied()
    token = b"junk" if changed is None else checkpoint(copied, **changed)
    (copied.book.path / log_segments.checkpoint_name(1)).write_bytes(token)
    copied.book.file(1).unlink()
    assert len(copied.mirror()) == 1
    assert copied.copied() == witnessed


def test_a_checkpoint_of_an_epoch_that_went_on_since_the_copy_fits(copied: Copied) -> None:
    copied.say()
    copied.rotate()
    copied.rotate()
    copied.book.clock.advance(40 * DAY)
    assert copied.book.ledger.expire(30) == (1, 2)
    assert copied.mirror() == []
    assert copied.copied() == copied.card()


def test_another_checkpoint_of_an_expired_epoch_is_another_branch(copied: Copied) -> None:
    token = checkpoint(copied, final="0" * 64)
    expire(copied)
    copied.mirror()
    witnessed = copied.copied()
    (copied.book.path / log_segments.checkpoint_name(1)).write_bytes(token)
    copied.say()
    assert len(copied.mirror()) == 1
    assert copied.copied() == witnessed


# ---------------------------------------------------------------------------------------- damaged


def damage(copied: Copied, line: int) -> None:
    """A line of the newest epoch is damaged on the card, and the next start finds it."""
    lines = copied.book.lines()
    lines[line] = b"x" + lines[line][1:]
    copied.book.file().write_bytes(b"".join(lines))
    copied.book.open()


def test_an_epoch_that_was_damaged_and_goes_on_takes_its_place(copied: Copied) -> None:
    witnessed = copied.copied()[EPOCH(2)]
    copied.say()
    damage(copied, 1)
    (problem,) = copied.mirror()
    assert "damaged" in problem
    assert copied.copied() == copied.card()
    (kept,) = copied.aside.iterdir()
    assert kept.read_bytes() == witnessed
    assert copied.mirror() == []
    copied.rotate()
    assert copied.mirror() == []


def test_an_epoch_whose_last_entries_are_damaged_does_not_take_the_place_of_a_longer_copy(
    copied: Copied,
) -> None:
    witnessed = copied.copied()
    damage(copied, -1)
    for _ in range(2):
        assert len(copied.mirror()) == 1
        assert copied.copied() == witnessed


# ------------------------------------------------------------------------------- what nobody signed


def named(copied: Copied, **files: bytes) -> None:
    """The device's ledger is said to be these files: their names without the dot."""
    copied.put_back({f"{name[1:7]}.{name[7:]}": content for name, content in files.items()})


def selections(lines: list[bytes]) -> list[bytes]:
    """Signed lines of an epoch, and not all of them, or not so that all count."""
    return [lines[-1], b"".join([*lines[:2], lines[-1]]), b"".join([lines[-1], *lines])]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_file_called_damaged_takes_no_entry_from_the_copy(copied: Copied, which: int) -> None:
    card, witnessed = copied.card(), copied.copied()
    lines = card[EPOCH(2)].splitlines(keepends=True)
    evil = selections(lines)[which]
    named(copied, _000001jws=card[EPOCH(1)], _000002damaged=evil)
    for _ in range(2):
        (problem,) = copied.mirror()
        assert "no signed entry says" in problem
        assert copied.copied() == witnessed
        (kept,) = copied.aside.iterdir()
        assert kept.read_bytes() == evil
    # It is no other branch: the device's own ledger goes on.
    copied.put_back(card)
    copied.book.open()
    copied.say()
    assert copied.mirror() == []
    assert copied.copied() == copied.card()


def test_a_file_called_damaged_takes_the_place_if_all_of_the_copy_counts_in_it(
    copied: Copied,
) -> None:
    """As before the next epoch says so: the start was interrupted."""
    card = copied.card()
    more = card[EPOCH(2)] + b"what the card made of it\n"
    named(copied, _000001jws=card[EPOCH(1)], _000002damaged=more)
    assert len(copied.mirror()) == 1
    assert copied.copied()[log_segments.damaged_name(2)] == more


@pytest.mark.parametrize("content", [b"this is no entry of a ledger\n", b""])
def test_an_epoch_that_nobody_signed_is_not_taken(copied: Copied, content: bytes) -> None:
    card, witnessed = copied.card(), copied.copied()
    for name in ("_000009jws", "_000009damaged"):
        named(copied, _000001jws=card[EPOCH(1)], _000002jws=card[EPOCH(2)], **{name: content})
        assert len(copied.mirror()) == 1
        assert copied.copied() == witnessed
        assert not copied.aside.exists()
    copied.put_back(card)
    assert copied.mirror() == []


@pytest.mark.parametrize("at", [1, 99])
def test_lines_that_nobody_signed_do_not_stand_in_the_way(copied: Copied, at: int) -> None:
    card = copied.card()
    lines = card[EPOCH(2)].splitlines(keepends=True)
    copied.book.open()
    copied.say()
    after = copied.card()
    # Behind what the copy has, or within what is new.
    evil = after[EPOCH(2)].splitlines(keepends=True)
    evil.insert(len(lines) + at, b"this is no entry\n")
    named(copied, _000001jws=card[EPOCH(1)], _000002jws=b"".join(evil))
    assert copied.mirror() == []
    copied.put_back(after)
    assert "none of the device's keys signed" in copied.mirror()[0]
    assert copied.copied() == after
    assert not copied.aside.exists()


def test_what_is_refused_does_not_fill_the_storage(copied: Copied) -> None:
    card = copied.card()
    lines = card[EPOCH(2)].splitlines(keepends=True)
    for number in range(ledger_mirror.MOST_REFUSED + 3):
        evil = lines[-1] + b"%d\n" % number
        named(copied, _000001jws=card[EPOCH(1)], _000002damaged=evil)
        assert len(copied.mirror()) == 1
    assert len(list(copied.aside.iterdir())) == ledger_mirror.MOST_REFUSED


def test_two_that_copy_a_ledger_at_once_do_not_mix(copied: Copied) -> None:
    claim = durable_files.lock_directory(str(copied.copy))
    try:
        copied.say()
        with pytest.raises(StorageError, match="another program copies"):
            copied.mirror()
    finally:
        os.close(claim)
    assert copied.mirror() == []
    assert copied.copied() == copied.card()
