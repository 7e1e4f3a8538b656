"""A ledger that lost entries says so, and what it can no longer know deletes nothing."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEYS, ONE, TWO, Camera
from ledger_helpers import Book
from sealed_helpers import made

from camerad.base.clock import DAY
from camerad.container.limits import MOST_DAYS
from camerad.ledger.entry_types import Damaged
from camerad.ledger.ledger import LedgerFinding, read_ledger
from camerad.store import identity
from tests.unit.ledger.test_ledger_repair import flip

HOUR = DAY // 24


def lose_ledger(camera: Camera) -> None:
    shutil.rmtree(camera.root / "ledger")


def qualifying(camera: Camera) -> list[str]:
    """What a check of the ledger says that nobody may miss."""
    findings: list[LedgerFinding]
    _, findings = read_ledger(str(camera.root / "ledger"), KEYS)
    return [one.text for one in findings if one.qualifies]


# --------------------------------------------------------------- a ledger that is gone


@pytest.mark.parametrize("shown_by", ["recordings", "the confirmed key"])
def test_a_ledger_that_is_gone_begins_again_by_saying_so(
    camera: Camera, caplog: pytest.LogCaptureFixture, shown_by: str
) -> None:
    if shown_by == "recordings":
        camera.put(ONE)
    else:
        camera.open().close()
        found = identity.load_or_create(str(camera.root))
        identity.confirm(str(camera.root), found)
    lose_ledger(camera)
    caplog.clear()
    with camera.open() as store:
        assert store.ledger.state.lost is not None
    (said,) = [one for one in caplog.records if one.levelno == logging.CRITICAL]
    assert "camerad evidence hold" in said.getMessage()
    assert [text for text in qualifying(camera) if "all that the ledger had said" in text]


def test_no_recording_whose_hold_was_lost_goes_before_it_can_be_held_again(camera: Camera) -> None:
    path = camera.put(ONE)
    camera.put(TWO)
    with camera.open() as store:
        store.hold(ONE, "prosecutor", "Desk")
        # A day more than its retention: only the hold keeps it.
        camera.clock.advance((DAYS + 1) * DAY)
        assert [one.id for one in store.purge()] == [TWO]
    lose_ledger(camera)
    with camera.open() as store:
        store.reconcile()
        assert store.purge() == []
        # Its whole retention over again, so that whoever placed the hold can place it again.
        camera.clock.advance(DAYS * DAY - HOUR)
        assert store.purge() == []
        (one,) = store.recordings()
        assert one.days_left == 1
        store.hold(ONE, "prosecutor", "Desk")
        camera.clock.advance(DAY)
        assert store.purge() == []
        store.release(ONE, "Desk")
        assert [one.id for one in store.purge()] == [ONE]
    assert not path.exists()


def test_the_time_to_hold_again_outlasts_a_start_and_an_epoch(camera: Camera) -> None:
    camera.put(ONE)
    lose_ledger(camera)
    with camera.open() as store:
        store.reconcile()
        lost = store.ledger.state.lost
        camera.clock.advance((DAYS - 1) * DAY)
        store.ledger.rotate()
        assert store.ledger.state.lost == lost
    camera.clock.reboot()
    with camera.open() as store:
        store.ledger.rotate()
        assert store.ledger.state.lost == lost
        assert store.purge() == []
        camera.clock.advance(DAY)
        assert [one.id for one in store.purge()] == [ONE]


def test_a_loss_that_nothing_can_depend_on_any_more_is_not_carried(camera: Camera) -> None:
    camera.put(ONE)
    lose_ledger(camera)
    with camera.open() as store:
        camera.clock.advance(MOST_DAYS * DAY)
        store.ledger.rotate()
        assert store.ledger.state.lost is None


def test_what_the_office_has_makes_no_room_while_a_hold_may_be_lost(
    camera: Camera, tmp_path: Path
) -> None:
    camera.put(ONE)
    lose_ledger(camera)
    camera.offload(tmp_path / "office")
    with camera.open() as store:
        assert store.ledger.state.recordings[ONE].acknowledged is not None
        assert store.make_room(1 << 40) == []
        camera.clock.advance(DAYS * DAY)
        assert [one.id for one in store.make_room(1 << 40)] == [ONE]


# --------------------------------------------------------------- a part that is gone


def test_a_damaged_line_may_have_been_a_hold_so_retention_counts_anew(tmp_path: Path) -> None:
    book = Book(tmp_path / "ledger")
    book.record("a")
    book.hold("a")
    flip(book.file(), 5)  # epoch, identity, opened, closed, hold
    book.open()
    assert isinstance(book.entries()[-1].facts, Damaged)
    assert book.state.lost is not None


def test_a_deletion_within_the_time_to_hold_again_is_found(tmp_path: Path) -> None:
    book = Book(tmp_path / "ledger")
    book.record("a")
    book.clock.advance(DAYS * DAY)
    flip(book.file(), 2)
    book.open()
    book.ledger.append("deleted", id="a", final="final of a", why="expired", age_us=DAYS * DAY)
    assert any("holds on it may have been lost" in text for text in book.damage())


def test_a_deletion_after_the_time_to_hold_again_is_in_order(tmp_path: Path) -> None:
    book = Book(tmp_path / "ledger")
    book.record("a")
    flip(book.file(), 2)
    book.open()
    book.clock.advance(DAYS * DAY)
    book.ledger.append("deleted", id="a", final="final of a", why="expired", age_us=DAYS * DAY)
    assert not any("recording a was deleted" in text for text in book.damage())


# --------------------------------------------------------------- what only files tell of


def test_a_recording_of_the_device_that_was_only_ever_found_qualifies_its_ledger(
    camera: Camera,
) -> None:
    camera.open().close()
    camera.put(ONE, known=False)
    with camera.open() as store:
        store.reconcile()
        store.ledger.rotate()
    (said,) = qualifying(camera)
    assert said.startswith(f"{ONE} was found, and the ledger had not named it")


LONG = "IPPPPPPPPPPPPPP" * 21
"""Ten seconds and a half, in 21 fragments."""


@pytest.mark.parametrize(("groups", "loss"), [(LONG, True), (LONG[: 15 * 19], False)])
def test_a_ledger_that_was_cut_between_two_entries_is_shown_by_what_was_recorded_then(
    camera: Camera, caplog: pytest.LogCaptureFixture, groups: str, loss: bool
) -> None:
    """A loss of power within a recording's first ten seconds leaves the same as a cut."""
    held = camera.put(ONE)
    with camera.open() as store:
        cut = (camera.root / "ledger" / "000001.jws").read_bytes()
        store.hold(ONE, "prosecutor", "Desk")
    (camera.recordings / f"{TWO}.tar").write_bytes(made(groups, identity=TWO).file)
    with camera.open() as store:
        store.reconcile()
    (camera.root / "ledger" / "000001.jws").write_bytes(cut)
    caplog.clear()
    camera.clock.advance((DAYS + 1) * DAY)
    with camera.open() as store:
        store.reconcile()
        assert (store.ledger.state.lost is not None) is loss
        assert [one.id for one in store.purge()] == ([] if loss else [ONE, TWO])
        head = store.ledger.head
        store.reconcile()
        assert store.ledger.head == head
    assert held.exists() is loss
    assert bool([one for one in caplog.records if one.levelno == logging.CRITICAL]) is loss


def test_a_recording_that_came_back_was_known_and_proves_no_loss(camera: Camera) -> None:
    camera.open().close()
    path = camera.put(ONE)
    content = path.read_bytes()
    with camera.open() as store:
        path.unlink()
        store.reconcile()
        path.write_bytes(content)
        store.reconcile()
    assert qualifying(camera) == []
