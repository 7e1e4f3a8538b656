"""On a card without a free byte, what is due goes on time all the same."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEYS, ONE, TWO, Camera

from camerad.base import durable_files, storage_errors
from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.container.severity import Severity
from camerad.ledger.ledger import read_ledger
from camerad.ledger.reserved_space import BYTES, NAME, PIECE, Reserve

BLOCK = 4096


class Card:
    """A card of so many bytes below `root`, counted in blocks as file systems do."""

    def __init__(self, root: Path, capacity: int) -> None:
        self.root = root
        self.capacity = capacity

    def used(self) -> int:
        sizes = (path.lstat().st_size for path in self.root.rglob("*") if path.is_file())
        return sum(-(-size // BLOCK) * BLOCK for size in sizes)

    def take(self, descriptor: int, end: int) -> None:
        """Raises ENOSPC unless a file can grow up to `end`."""
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if not path.startswith(f"{self.root}{os.sep}"):
            return
        size = os.fstat(descriptor).st_size
        grown = max(0, -(-end // BLOCK) - -(-size // BLOCK)) * BLOCK
        if grown and self.used() + grown > self.capacity:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def full(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """A card without a free block, and too little left of the ledger's last one for an entry."""
    card = Card(camera.root, 0)
    pwritev, fallocate = os.pwritev, os.posix_fallocate

    def writing(descriptor: int, pieces: Any, offset: int) -> int:
        card.take(descriptor, offset + sum(len(piece) for piece in pieces))
        return pwritev(descriptor, pieces, offset)

    def reserving(descriptor: int, offset: int, length: int) -> None:
        card.take(descriptor, offset + length)
        fallocate(descriptor, offset, length)

    card.capacity = card.used()
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", writing)
        patched.setattr(os, "posix_fallocate", reserving)
        with camera.open() as store:
            store.ledger.reserve = None
            with pytest.raises(StorageError, match="full"):
                for _ in range(BLOCK):
                    store.ledger.append("uptime")
        yield card


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    made = Camera(tmp_path / "state")
    with made.open() as store:
        store.purge()  # as twice a minute: from the first time on there is a reserve
    return made


def reserved(camera: Camera) -> int:
    return (camera.root / NAME).stat().st_size


def damage(camera: Camera) -> list[str]:
    _, findings = read_ledger(str(camera.root / "ledger"), KEYS)
    return [str(one) for one in findings if one.severity is Severity.DAMAGE]


def test_a_device_keeps_room_for_its_ledger(camera: Camera) -> None:
    state = (camera.root / NAME).stat()
    # Blocks of its own, not a hole; some file systems count one more for where they are.
    assert state.st_size == BYTES
    assert state.st_blocks * 512 >= BYTES


def test_what_is_due_goes_on_time_on_a_card_without_a_free_byte(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    with full(camera, monkeypatch) as card:
        camera.clock.advance(DAYS * DAY)
        # Nothing was given up before a start needed it.
        assert reserved(camera) == BYTES
        with camera.open() as store:
            assert [one.id for one in store.purge()] == [ONE]
            assert store.ledger.state.recordings[ONE].deleted is not None
        assert not path.exists()
        # A recording of 14 kB makes no room for a whole piece; the next one that goes does.
        assert BYTES - PIECE <= reserved(camera) <= BYTES
        assert card.used() <= card.capacity
    assert damage(camera) == []


def test_a_start_on_a_full_card_goes_on_even_where_the_last_append_was_cut_short(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    with full(camera, monkeypatch):
        newest = max((camera.root / "ledger").glob("*.jws"))
        with newest.open("ab") as file:
            file.write(b"eyJ")
        camera.clock.advance(DAYS * DAY)
        with camera.open() as store:
            store.ledger.append("start", software="s", policy="p", settings="x")
            assert [one.id for one in store.purge()] == [ONE]
    assert damage(camera) == []


def test_a_hold_is_taken_on_a_full_card_but_nothing_else_empties_the_reserve(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    camera.put(TWO)
    with full(camera, monkeypatch) as card, camera.open() as store:
        store.hold(ONE, "prosecutor", "Desk")
        assert store.ledger.state.recordings[ONE].held
        # Somebody else takes whatever becomes free, until only what deletions need is left.
        with pytest.raises(StorageError, match="full"):
            for _ in range(10_000):
                store.ledger.append("reboot", reason="x" * 4000, count=None)
                card.capacity = card.used()
        assert reserved(camera) == BYTES // 2
        camera.clock.advance(DAYS * DAY)
        assert [one.id for one in store.purge()] == [TWO]


def test_the_reserve_is_filled_up_again_as_soon_as_there_is_room(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    with full(camera, monkeypatch) as card, camera.open() as store:
        store.hold(ONE, "prosecutor", "Desk")
        assert reserved(camera) < BYTES
        card.capacity += BYTES
        store.purge()
        assert reserved(camera) == BYTES


def test_giving_up_fails_like_any_other_write(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise storage_errors.explain("cut the file", "x", OSError(errno.EIO, "input/output"))

    reserve = Reserve(str(camera.root))
    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "truncate", refuse)
        with pytest.raises(StorageError, match="input/output"):
            reserve.release(1, urgent=True)
    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "preallocate", refuse)
        reserve.release(1, urgent=True)
        with pytest.raises(StorageError, match="input/output"):
            reserve.fill()
    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "x")))
        with pytest.raises(StorageError, match="look at the file"):
            reserve.fill()


def test_an_epoch_expires_on_a_full_card_and_not_without_room(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    with camera.open() as store:
        store.ledger.rotate()
        store.ledger.rotate()
    with full(camera, monkeypatch), camera.open() as store:
        camera.clock.advance(DAYS * DAY)
        reserve, store.ledger.reserve = store.ledger.reserve, None
        with pytest.raises(StorageError, match="full"):
            store.ledger.expire(DAYS)
        store.ledger.reserve = reserve
        assert store.ledger.expire(DAYS) == (1,)
    assert damage(camera) == []
