"""A recording is what its content says: copies go with it, whatever they are called, and nothing
else does."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEY, ONE, THREE, TWO, Camera, kinds, open_office, recording
from sealed_helpers import Made, altered, pack, sealed, signed, some_closing

from camerad.base import durable_files
from camerad.base.clock import DAY, SECOND
from camerad.base.errors import StorageError
from camerad.container import jws, recording_files
from camerad.container.chain import HEADER_NAME, Chain
from camerad.container.keys import SigningKey
from camerad.ledger.ledger import read_ledger
from camerad.store import listing
from camerad.store.copies import is_copy
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.locations import place_of
from camerad.store.store import PlaceClaim, Store

OFFICE = SigningKey.generate()
STRANGER = SigningKey.generate()
NAMES = (
    f"{ONE} (1).tar",
    f"Kopie von {ONE}.tar",
    f"{ONE}.tar~",
    f"{ONE}.tar.new",
    "backup.bin",
    "20261124T153000Z-000009-00000009.tar",
)


@pytest.fixture
def office(camera: Camera, tmp_path: Path) -> Path:
    """An office's directory with two recordings."""
    camera.put(ONE)
    camera.put(TWO)
    camera.offload(tmp_path / "office")
    return tmp_path / "office"


def in_office(office: Path) -> Path:
    (holding,) = place_of(str(office)).holdings
    return Path(holding.recordings)


def there(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def said(store: Store) -> list[tuple[DiscrepancyKind, str]]:
    return [(one.what, one.id) for one in store.reconcile()]


def forged(one: Made, key: SigningKey) -> bytes:
    """A recording that says to be `one`, signed anew by somebody."""
    closing = some_closing(sum(facts.frames for facts in one.facts), one.facts[-1].end_us)
    segments = [sealed(data) for data in one.plain]
    return pack(signed(one.header, segments, one.facts, closing, key=key))


Content = Callable[[bytes, bytes], bytes]


def changed(one: bytes, how: str) -> bytes:
    half = len(one) // 2
    return {
        "cut off": one[:half],
        "damaged": one[:half] + b"\1" * 4096 + one[half + 4096 :],
        "with room behind it": one[:-4096] + bytes(1 << 20),
        "no fragment": one[:2048],
    }[how]


def with_strangers_header(_one: bytes, _two: bytes) -> bytes:
    token = Chain(STRANGER).header(recording(ONE).header)
    return pack(altered(recording(TWO).members, HEADER_NAME, lambda _: token))


PLANTED: list[tuple[str, Content, str, DiscrepancyKind, list[str]]] = [
    # name, content, what is held, what is said of ONE, what is left when both are due
    *((name, lambda one, _: one, TWO, DiscrepancyKind.COPY, [f"{TWO}.tar"]) for name in NAMES),
    *(
        ("copy", lambda one, _, how=how: changed(one, how), "", DiscrepancyKind.COPY, [])
        for how in ("cut off", "damaged", "with room behind it", "no fragment")
    ),
    (
        f"{ONE} (1).tar",
        lambda one, _: one,
        ONE,
        DiscrepancyKind.COPY,
        [f"{ONE} (1).tar", f"{ONE}.tar"],
    ),
    # What holds another recording as well, or only says to be this one, is no copy. Another header
    # by the same key has not the bytes that the ledger knows.
    (
        "both.tar",
        lambda one, two: one + two,
        TWO,
        DiscrepancyKind.UNVOUCHED,
        [f"{TWO}.tar", "both.tar"],
    ),
    *(
        ("copy.tar", content, "", DiscrepancyKind.UNVOUCHED, ["copy.tar"])
        for content in (
            lambda *_: forged(recording(ONE), STRANGER),
            lambda *_: forged(recording(ONE, first=30), KEY),
            with_strangers_header,
        )
    ),
]


@pytest.mark.parametrize(("name", "content", "held", "what", "left"), PLANTED)
def test_p9_a_copy_goes_with_its_recording_and_nothing_else_does(
    camera: Camera,
    office: Path,
    *,
    name: str,
    content: Content,
    held: str,
    what: DiscrepancyKind,
    left: list[str],
) -> None:
    """Whatever it is called; and what it is not is named each time, and written nowhere."""
    copies = in_office(office)
    one, two = ((copies / f"{each}.tar").read_bytes() for each in (ONE, TWO))
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        if held:
            store.hold(held, "prosecutor", "Desk")
        (copies / name).write_bytes(content(one, two))
        camera.clock.advance(DAYS * DAY)
        head = store.ledger.head
        found = said(store)
        assert (what, ONE) in found or name.endswith(".new")  # an offload may be under way
        assert said(store) == found and store.ledger.head == head
        assert {gone.id for gone in store.purge()} == {ONE, TWO} - {held}
        assert there(copies) == left


@pytest.mark.parametrize("name", NAMES)
def test_p9_a_copy_on_a_device_goes_with_its_recording(camera: Camera, name: str) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        shutil.copy(path, camera.recordings / name)
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        store.purge()
    assert there(camera.recordings) == []


def test_p9_a_copy_goes_when_its_recording_makes_room(camera: Camera, tmp_path: Path) -> None:
    path = camera.put(ONE)
    camera.offload(tmp_path / "office")
    shutil.copy(path, camera.recordings / "copy.tar")
    with camera.open() as store:
        store.make_room(1)
    assert there(camera.recordings) == []


def test_p9_a_copy_that_comes_back_after_the_deletion_goes_at_the_next_look(
    camera: Camera, office: Path
) -> None:
    copies = in_office(office)
    kept = (copies / f"{ONE}.tar").read_bytes()
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        store.purge()
        (copies / "copy.tar").write_bytes(kept)
        assert said(store) == [(DiscrepancyKind.DELETED, ONE)]
        (copies / "copy.tar").write_bytes(kept)
        store.purge()
        assert there(copies) == []


@pytest.mark.parametrize("part", ["whole", "cut off"])
def test_p9_a_copy_goes_by_a_tombstone_that_only_older_epochs_know(
    camera: Camera, office: Path, part: str
) -> None:
    copies = in_office(office)
    kept = (copies / f"{ONE}.tar").read_bytes()
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        store.purge()
        store.ledger.rotate()
        store.ledger.rotate()
        assert ONE not in store.ledger.state.recordings
        (copies / "copy.tar").write_bytes(kept if part == "whole" else kept[: len(kept) // 2])
        assert said(store) == [(DiscrepancyKind.DELETED, ONE)]
        assert there(copies) == []
        assert ONE not in store.ledger.state.recordings


def test_p9_a_copy_goes_when_nothing_but_its_own_word_is_left(camera: Camera, office: Path) -> None:
    copies = in_office(office)
    kept = (copies / f"{ONE}.tar").read_bytes()
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        store.purge()
        for _ in range(3):
            store.ledger.rotate()
        camera.clock.advance(100 * DAY)
        store.ledger.expire(31)
        (copies / "copy.tar").write_bytes(kept)
        assert said(store) == [(DiscrepancyKind.RENAMED, ONE), (DiscrepancyKind.RECEIVED, ONE)]
        assert [gone.id for gone in store.purge()] == [ONE]
        assert there(copies) == []


def test_p9_what_lies_under_a_deleted_name_and_is_another_recording_stays(
    camera: Camera, office: Path
) -> None:
    copies = in_office(office)
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        store.hold(TWO, "prosecutor", "Desk")
        one, two, swap = copies / f"{ONE}.tar", copies / f"{TWO}.tar", copies / "swap"
        content = two.read_bytes()
        one.rename(swap)
        two.rename(one)
        swap.rename(two)
        camera.clock.advance(DAYS * DAY)
        store.reconcile()
        assert [gone.id for gone in store.purge()] == [ONE]
        assert there(copies) == [f"{ONE}.tar"]
        store.reconcile()
        assert there(copies) == [f"{TWO}.tar"]
        assert two.read_bytes() == content
        assert store.ledger.state.recordings[TWO].here


@pytest.mark.parametrize(
    ("planted", "left"), [("vouched", [THREE]), ("a stranger's", []), ("link", [ONE])]
)
def test_what_lies_under_a_deleted_name_stays_if_it_is_vouched_for_or_no_plain_file(
    camera: Camera, office: Path, tmp_path: Path, planted: str, left: list[str]
) -> None:
    copies = in_office(office)
    key = STRANGER if planted == "a stranger's" else KEY
    elsewhere = tmp_path / "elsewhere.tar"
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        store.purge()
        assert there(copies) == []
        elsewhere.write_bytes(forged(recording(THREE), key))
        if planted == "link":
            (copies / f"{ONE}.tar").symlink_to(elsewhere)
        else:
            shutil.copy(elsewhere, copies / f"{ONE}.tar")
        store.reconcile()
        assert there(copies) == [f"{one}.tar" for one in left]
    assert elsewhere.exists()  # nothing is done where a link leads


@pytest.mark.parametrize("wrong", ["no recording", "gone", "cannot be read on"])
def test_what_nobody_can_tell_is_no_copy(
    camera: Camera, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    path = camera.put(ONE)
    header = jws.digest(recording(ONE).content(HEADER_NAME))
    copy = camera.recordings / "copy.tar"
    copy.write_bytes(path.read_bytes()[:-4096])
    assert is_copy(str(copy), header)
    if wrong == "no recording":
        copy.write_bytes(b"no recording")
    elif wrong == "gone":
        copy.unlink()
    else:

        def failing(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr("camerad.store.copies.sparse.data_pieces", failing)
    assert not is_copy(str(copy), header)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".new")])
def test_a_recording_that_was_renamed_gets_its_name_back_and_goes_in_time(
    camera: Camera, office: Path, name: str
) -> None:
    copies = in_office(office)
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        (copies / f"{ONE}.tar").rename(copies / name)
        assert said(store) == [(DiscrepancyKind.RENAMED, ONE)]
        assert there(copies) == [f"{ONE}.tar", f"{TWO}.tar"]
        assert store.reconcile() == []
        camera.clock.advance(DAYS * DAY)
        assert {gone.id for gone in store.purge()} == {ONE, TWO}


def test_a_recording_that_cannot_be_renamed_keeps_nothing_else_from_being_looked_at(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = in_office(office)
    with open_office(office, OFFICE, camera.clock) as store:
        (copies / f"{ONE}.tar").rename(copies / "copy.tar")

        def refuse(path: str, to: str) -> None:
            raise StorageError(f"{path}: cannot be {to}")

        monkeypatch.setattr(durable_files, "rename", refuse)
        assert (DiscrepancyKind.UNREADABLE, ONE) in said(store)
        assert TWO in store.ledger.state.recordings


def test_a_part_of_a_recording_gets_no_name_and_goes_when_the_recording_would_have_gone(
    camera: Camera, office: Path
) -> None:
    copies = in_office(office)
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        whole = (copies / f"{ONE}.tar").read_bytes()
        (copies / f"{ONE}.tar").unlink()
        (copies / "copy.tar").write_bytes(whole[: len(whole) // 2])
        assert said(store) == [(DiscrepancyKind.MISSING, ONE), (DiscrepancyKind.COPY, ONE)]
        camera.clock.advance(DAYS * DAY - 3 * DAY // 24)
        assert store.purge() == []
        camera.clock.advance(3 * DAY // 24)
        assert {gone.id for gone in store.purge()} == {ONE, TWO}
        assert there(copies) == []


def test_a_device_gives_no_name_to_what_its_ledger_never_knew(camera: Camera) -> None:
    (camera.recordings / "copy.tar").write_bytes(recording(ONE).file)
    with camera.open() as store:
        assert said(store) == [(DiscrepancyKind.UNVOUCHED, ONE)]
        assert not store.ledger.lossy
    assert there(camera.recordings) == ["copy.tar"]


def test_a_device_gives_its_name_back_to_what_it_misses(camera: Camera) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        path.rename(camera.recordings / "copy.tar")
        assert said(store) == [(DiscrepancyKind.RENAMED, ONE)]
        assert store.ledger.state.recordings[ONE].here


def test_a_copy_goes_with_what_nobody_vouches_for_only_if_its_header_is_the_same(
    camera: Camera, office: Path
) -> None:
    copies = in_office(office)
    with Store.open(PlaceClaim(place_of(str(office))), OFFICE, camera.clock) as store:
        store.reconcile()
        assert not store.ledger.state.recordings[ONE].header
        shutil.copy(copies / f"{ONE}.tar", copies / "copy.tar")
        (copies / "forged.tar").write_bytes(forged(recording(ONE), STRANGER))
        camera.clock.advance(366 * DAY)
        store.purge()
        assert there(copies) == ["forged.tar"]


def test_what_cannot_be_looked_at_is_named_and_left(camera: Camera, tmp_path: Path) -> None:
    path = camera.put(ONE)
    elsewhere = tmp_path / "elsewhere.tar"
    shutil.copy(path, elsewhere)
    copies = camera.recordings
    os.mkfifo(copies / "pipe.tar")
    (copies / "folder").mkdir()
    shutil.copy(path, copies / "folder" / f"{ONE}.tar")
    (copies / "link.tar").symlink_to(elsewhere)
    (copies / f"{ONE} (2).tar").write_bytes(b"no recording")
    with (copies / "sparse.tar").open("wb") as file:
        file.truncate(1 << 40)
    (copies / ".DS_Store").write_bytes(b"none of ours")
    (copies / f"{TWO}.unreadable").write_bytes(path.read_bytes())
    odd = {"pipe.tar", "folder", "link.tar", f"{ONE} (2).tar", "sparse.tar"}
    with camera.open() as store:
        found = [one for one in store.reconcile() if one.what is DiscrepancyKind.UNREADABLE]
        assert {os.path.basename(one.id) for one in found} - {f"{TWO}.unreadable"} == odd
        # A path is said once in a sentence.
        assert [one.id for one in found if str(one).count(one.id) > 1] == []
        camera.clock.advance(DAYS * DAY)
        assert [gone.id for gone in store.purge()] == [ONE]
    assert set(there(copies)) == odd | {".DS_Store", f"{TWO}.unreadable"}
    assert elsewhere.exists()


def test_a_directory_that_cannot_be_listed_keeps_no_other_recording_from_being_deleted(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = in_office(office)
    other = office / "another" / "recordings"
    other.mkdir(parents=True)
    real = recording_files.list_names

    def names(directory: str) -> list[str]:
        if directory == str(other):
            raise StorageError(f"{directory}: cannot list recordings: this user may not")
        return real(directory)

    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        shutil.copy(copies / f"{ONE}.tar", copies / "copy.tar")
        monkeypatch.setattr(listing, "list_names", names)
        assert {gone.id for gone in store.purge()} == {ONE, TWO}
    assert there(copies) == []


def test_a_copy_is_written_down_nowhere_and_the_ledger_holds_its_tombstone_once(
    camera: Camera,
) -> None:
    path = camera.put(ONE, marks=(SECOND // 2,))
    with camera.open() as store:
        shutil.copy(path, camera.recordings / "copy.tar")
        head = store.ledger.head
        assert said(store) == [(DiscrepancyKind.COPY, ONE)]
        assert said(store) == [(DiscrepancyKind.COPY, ONE)]
        assert store.ledger.head == head
        camera.clock.advance(DAYS * DAY)
        store.purge()
        assert kinds(store)[-1:] == ["deleted"]
    _, findings = read_ledger(str(camera.root / "ledger"), camera.ledger().keys)
    assert [one for one in findings if one.qualifies] == []
