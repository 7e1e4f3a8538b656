"""What a store makes of files that somebody else put there: nothing that goes early, nothing that
stops it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEY, KEYS, ONE, THREE, TWO, Camera, open_office, recording
from msgspec.structs import replace
from sealed_helpers import Made, altered, pack, sealed, signed, some_closing

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.container.chain import HEADER_NAME, Chain
from camerad.container.keys import SigningKey
from camerad.container.limits import MOST_DAYS
from camerad.container.statements import Header
from camerad.store import receipts
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.locations import place_of
from camerad.store.store import PlaceClaim, Store
from camerad.store.trust import is_vouched

STRANGER = SigningKey.generate()
OFFICE = SigningKey.generate()


@pytest.fixture
def office(camera: Camera, tmp_path: Path) -> Path:
    """An office's directory with two recordings, which its ledger has not heard of yet."""
    camera.put(ONE)
    camera.put(TWO)
    camera.offload(tmp_path / "office")
    return tmp_path / "office"


def copies(office: Path) -> Path:
    (holding,) = place_of(str(office)).holdings
    return Path(holding.recordings)


def by(key: SigningKey, one: Made, *, ended: Moment | None = None, **changes: object) -> bytes:
    """The recording with another header, all of it signed by `key`. ended: what its end says."""
    header: Header = replace(one.header, **changes)  # type: ignore[arg-type]
    closing = some_closing(sum(facts.frames for facts in one.facts), one.facts[-1].end_us)
    if ended is not None:
        closing = replace(closing, clock=ended, boot_id=header.boot_id)
    return pack(signed(header, [sealed(data) for data in one.plain], one.facts, closing, key=key))


def with_header(one: Made, **changes: object) -> bytes:
    """The recording with its header, and nothing else, replaced by one that a stranger signed."""
    token = Chain(STRANGER).header(replace(one.header, **changes))  # type: ignore[arg-type]
    return pack(altered(one.members, HEADER_NAME, lambda _: token))


def found(store: Store) -> dict[str, tuple[DiscrepancyKind, bool]]:
    return {one.id: (one.what, one.alarm) for one in store.reconcile()}


@pytest.mark.parametrize("planted", ["by a stranger", "another header"])
def test_an_office_deletes_nothing_by_the_word_of_a_file_that_no_trusted_key_signed(
    camera: Camera, office: Path, planted: str
) -> None:
    one = recording(ONE)
    content = (
        by(STRANGER, one, retention_days=1)
        if planted == "by a stranger"
        else with_header(one, retention_days=1)
    )
    (copies(office) / f"{ONE}.tar").write_bytes(content)
    with open_office(office, OFFICE, camera.clock) as store:
        assert found(store) == {
            ONE: (DiscrepancyKind.UNVOUCHED, True),
            TWO: (DiscrepancyKind.RECEIVED, False),
        }
        known = store.ledger.state.recordings[ONE]
        assert (known.retention_days, known.final) == (MOST_DAYS, None)
        camera.clock.advance(DAYS * DAY)
        assert [gone.id for gone in store.purge()] == [TWO]
        assert found(store) == {ONE: (DiscrepancyKind.UNVOUCHED, True)}
        camera.clock.advance((MOST_DAYS - DAYS) * DAY - SECOND)
        assert store.purge() == []
        camera.clock.advance(SECOND)
        assert [gone.id for gone in store.purge()] == [ONE]


def test_what_nobody_vouched_for_is_taken_over_once_its_key_is_trusted(
    camera: Camera, office: Path
) -> None:
    place = place_of(str(office))
    with Store.open(PlaceClaim(place), OFFICE, camera.clock) as store:
        assert set(found(store).values()) == {(DiscrepancyKind.UNVOUCHED, True)}
        assert not any(one.vouched for one in store.recordings())
    with Store.open(PlaceClaim(place), OFFICE, camera.clock, trusted=KEYS) as store:
        assert set(found(store).values()) == {(DiscrepancyKind.RECEIVED, False)}
        assert all(is_vouched(known) for known in store.ledger.state.recordings.values())
        assert store.reconcile() == []
        camera.clock.advance(DAYS * DAY)
        assert {gone.id for gone in store.purge()} == {ONE, TWO}


def test_a_hold_on_what_nobody_vouches_for_stays_when_it_is_taken_over(
    camera: Camera, office: Path
) -> None:
    place = place_of(str(office))
    with Store.open(PlaceClaim(place), OFFICE, camera.clock) as store:
        store.reconcile()
        store.hold(ONE, "prosecutor", "Desk")
    with Store.open(PlaceClaim(place), OFFICE, camera.clock, trusted=KEYS) as store:
        store.reconcile()
        camera.clock.advance(2 * MOST_DAYS * DAY)
        assert [gone.id for gone in store.purge()] == [TWO]


def test_a_planted_file_does_not_vouch_for_the_time(camera: Camera, office: Path) -> None:
    far = Moment(1, camera.clock.wall_us() + 3650 * DAY, ClockSource.SYNCHRONISED)
    planted = by(STRANGER, recording(THREE), id=THREE, clock=far)
    (copies(office) / f"{THREE}.tar").write_bytes(planted)
    camera.clock.source = ClockSource.UNKNOWN
    with open_office(office, OFFICE, camera.clock) as store:
        assert found(store)[THREE] == (DiscrepancyKind.UNVOUCHED, True)
        known = store.ledger.state.recordings[THREE]
        assert known.ended is not None
        assert not known.ended.trusted
        assert store.ledger.state.timeline.synchronised is None


def test_a_device_cannot_speak_for_the_boots_of_the_office(camera: Camera, office: Path) -> None:
    camera.clock.source = ClockSource.UNKNOWN
    boot_id, wall_us = camera.clock.boot_id, camera.clock.wall_us()
    far = Moment(1, wall_us + 3650 * DAY, ClockSource.SYNCHRONISED)
    content = by(KEY, recording(THREE), boot_id=boot_id, ended=far)
    (copies(office) / f"{THREE}.tar").write_bytes(content)
    with open_office(office, OFFICE, camera.clock) as store:
        assert found(store)[THREE] == (DiscrepancyKind.RECEIVED, False)
        assert store.ledger.state.recordings[THREE].ended == far
        assert not any(run.trusted for run in store.ledger.state.timeline.runs)
        assert store.purge() == []


def test_an_end_other_than_the_receipts_is_not_taken_over(camera: Camera, office: Path) -> None:
    other = recording(ONE, marks=(SECOND // 2,))
    (copies(office) / f"{ONE}.tar").write_bytes(other.file)
    with open_office(office, OFFICE, camera.clock) as store:
        assert found(store)[ONE] == (DiscrepancyKind.UNVOUCHED, True)


@pytest.mark.parametrize("kind", ["empty", "noise", "zeros", "directory", "dangling", "pipe"])
def test_what_only_has_a_recordings_name_stops_nothing(
    camera: Camera, office: Path, kind: str
) -> None:
    for directory in (camera.recordings, copies(office)):
        path = directory / f"{THREE}.tar"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "dangling":
            path.symlink_to(directory / "nowhere")
        else:
            path.write_bytes({"empty": b"", "noise": b"x" * 4096, "zeros": bytes(4096)}[kind])
    with camera.open() as store:
        store.reconcile()
        assert {one.info.id for one in store.recordings()} == {ONE, TWO}
    with open_office(office, OFFICE, camera.clock) as store:
        assert found(store)[ONE] == (DiscrepancyKind.RECEIVED, False)
        camera.clock.advance(DAYS * DAY)
        assert {gone.id for gone in store.purge()} == {ONE, TWO}


@pytest.mark.parametrize(
    "absurd",
    [
        {"started_wall_us": 10**30},
        {"retention_days": 10**30},
        {"retention_days": -5},
        {"origin_us": -(10**400)},
        {"device": "cam\n\x1b[2Jx"},
    ],
)
@pytest.mark.parametrize("key", [STRANGER, KEY])
def test_absurd_statements_stop_nothing(
    camera: Camera, office: Path, absurd: dict[str, object], key: SigningKey
) -> None:
    one = recording(THREE)
    try:
        token = Chain(key).header(replace(one.header, **absurd))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        pytest.skip("nothing that camerad has can write this")
    content = pack(altered(one.members, HEADER_NAME, lambda _: token))
    for directory in (camera.recordings, copies(office)):
        (directory / f"{THREE}.tar").write_bytes(content)
    with camera.open() as store:
        store.reconcile()
        [listed.as_json() for listed in store.recordings()]
    with open_office(office, OFFICE, camera.clock) as store:
        assert found(store)[ONE] == (DiscrepancyKind.RECEIVED, False)
        [listed.as_json() for listed in store.recordings()]
        camera.clock.advance(DAYS * DAY)
        assert {ONE, TWO} == {gone.id for gone in store.purge()}


def test_a_device_believes_no_stranger_either(camera: Camera) -> None:
    path = camera.put(ONE)
    planted = camera.recordings / f"{TWO}.tar"
    planted.write_bytes(by(STRANGER, recording(TWO), retention_days=1))
    with camera.open() as store:
        assert found(store) == {TWO: (DiscrepancyKind.UNVOUCHED, True)}
        camera.clock.advance(2 * DAY)
        assert store.purge() == []
        assert path.exists()
    # It is not handed over, and keeps nothing else from it.
    done = camera.offload(camera.root.parent / "office")
    assert done.copied == [ONE]
    assert [problem.split(":")[0] for problem in done.problems] == [TWO]


def test_every_copy_of_what_is_due_goes(camera: Camera, office: Path) -> None:
    second = office / "cam-2-00000000" / "recordings"
    second.mkdir(parents=True)
    content = (copies_of_first(office) / f"{ONE}.tar").read_bytes()
    (second / f"{ONE}.tar").write_bytes(content)
    with open_office(office, OFFICE, camera.clock) as store:
        said = [(one.what, one.alarm) for one in store.reconcile() if one.id == ONE]
        assert said == [(DiscrepancyKind.RECEIVED, False), (DiscrepancyKind.DOUBLED, True)]
        camera.clock.advance(DAYS * DAY)
        store.purge()
    assert not list(office.glob(f"*/recordings/{ONE}.tar"))


def copies_of_first(office: Path) -> Path:
    return Path(place_of(str(office)).holdings[0].recordings)


def test_a_bad_twin_does_not_keep_the_good_one_from_being_taken_over(
    camera: Camera, office: Path
) -> None:
    twin = office / "aaa-00000000" / "recordings"
    twin.mkdir(parents=True)
    (twin / f"{ONE}.tar").write_bytes(by(STRANGER, recording(ONE), retention_days=1))
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        known = store.ledger.state.recordings[ONE]
        assert (known.retention_days, known.device) == (DAYS, "cam-1")


def test_a_directory_with_a_deleted_recordings_name_stops_no_start(camera: Camera) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        camera.clock.advance(DAYS * DAY)
        store.purge()
    path.mkdir()
    with camera.open() as store:
        assert found(store) == {ONE: (DiscrepancyKind.UNREADABLE, True)}
        assert store.purge() == []


def test_a_pipe_in_place_of_a_receipt_or_of_the_ledger_blocks_nobody(
    camera: Camera, office: Path
) -> None:
    (holding,) = place_of(str(office)).holdings
    os.unlink(os.path.join(holding.receipts, "0001.jws"))
    os.mkfifo(os.path.join(holding.receipts, "0001.jws"))
    os.unlink(os.path.join(holding.ledger, "000001.jws"))
    os.mkfifo(os.path.join(holding.ledger, "000001.jws"))
    with open_office(office, OFFICE, camera.clock) as store:
        assert found(store)[ONE] == (DiscrepancyKind.RECEIVED, False)
    assert len(list(receipts.read(holding.receipts, KEYS))) == 1
    camera.offload(office)
    assert os.path.isfile(os.path.join(holding.ledger, "000001.jws"))


def test_what_is_printed_of_a_difference_is_one_line(camera: Camera, office: Path) -> None:
    one = recording(THREE)
    (copies(office) / f"{THREE}.tar").write_bytes(by(KEY, one))
    with open_office(office, OFFICE, camera.clock) as store:
        differences = store.reconcile()
    assert differences
    for difference in differences:
        assert str(difference).isprintable()
