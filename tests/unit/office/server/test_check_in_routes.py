"""Check-ins over TLS: what a camera says, what it is to bring again, what is on offer to it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from check_in_helpers import WALL_US, said, token
from desk_helpers import KEY, KEYS, ONE, TWO, Camera, facts_of
from state_helpers import (
    check_ins_in,
    offer_settings,
    offers_in,
    state_in,
    uploads_in,
    withdraw_offer,
)
from vault_helpers import Vault

from camerad.base.clock import DAY, ManualClock, SystemClock
from camerad.base.errors import NotNowError, StorageError
from camerad.config.office_section import Office
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey, encode_base64url
from camerad.container.skeleton import skeleton
from camerad.dock import handover, office_client
from camerad.dock.daemon_client import ToHandOver
from camerad.dock.handover import Handover, HandoverMemory
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import KeySigner, OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.evidence.office_store import open_office_store
from camerad.ledger.ledger_state import LedgerState
from camerad.office.jobs.retention_job import RetentionJob
from camerad.office.server import lost_recordings
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.office.server.ingest import Ingest
from camerad.office.server.lost_recordings import LostRecordings
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import Declaration
from camerad.office.state.office_state import OfficeState
from camerad.provisioning.validation import digest
from camerad.store import check_in
from camerad.store.check_in import SETTINGS, RefusedOffer, RunningSettings
from camerad.store.device_client import accept_receipt
from camerad.store.locations import place_of
from camerad.transparency.camera_witness import witness_name
from camerad.transparency.checkpoints import WITNESS, NoteKey, cosign
from camerad.transparency.office_log import OfficeLog

from .office_scene import URL, DockClient, OfficeScene
from .settings_helpers import an_offer

JOSE = {"Content-Type": "application/jose"}
KID = KEY.public.thumbprint


@pytest.fixture
def office(tmp_path: Path) -> OfficeScene:
    return OfficeScene(tmp_path)


def check_in_by(client: DockClient, *given: Any, **other: Any) -> Any:
    answer = client.ask("POST", "/v1/check-in", token(*given, **other), JOSE)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_a_check_in_is_to_come_later_while_the_database_is_locked(
    office: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(_: OfficeState) -> None:
        raise NotNowError("another request uses the office's database for too long")

    with office.serving() as client:
        with monkeypatch.context() as patched:
            patched.setattr(OfficeState, "writing", held)
            said = client.ask("POST", "/v1/check-in", token(), JOSE)
        assert (said.status, int(said["Retry-After"]) > 0) == (503, True)
        check_in_by(client)


def test_a_check_in_is_durable_before_its_answer(office: OfficeScene) -> None:
    with office.serving() as client:
        answer = check_in_by(client)
    assert answer == {"time_us": office.clock.wall_us(), "lacks": []}
    kept = check_ins_in(office.directory, Cameras(str(office.register)), office.clock).last(KID)
    assert kept is not None and kept.said == said()


def test_a_cosignature_that_a_camera_brings_satisfies_the_policy_of_the_office(
    office: OfficeScene,
) -> None:
    outside = SigningKey.generate()
    witnesses = office.root / "witnesses"
    witnesses.write_text(
        f"witness dpo {NoteKey('dpo', WITNESS, outside.public)} http://192.0.2.7\nquorum dpo\n"
    )
    cameras, log = Cameras(str(office.register)), OfficeLog(f"{office.directory}/office/ledger")
    RetentionJob(
        str(office.directory), cameras, office.office_key, office.clock, witnesses=str(witnesses)
    ).look()
    known = log.read()
    assert known is not None
    now = known[1].checkpoint
    by_camera = cosign(KEY, witness_name(KEY.public), now, 7)
    with office.serving() as client:
        check_in_by(client)
        check_in_by(client, 101, 6, witnessed=str(known[1].with_lines([by_camera])))
        assert log.newest_cosigned() is None, "the outside witness has not"
        other = cosign(SigningKey.generate(), "dpo", now, 7)
        log.keep(str(known[1].with_lines([other])))
        assert log.newest_cosigned() is None, "that was another one"
        log.keep(str(known[1].with_lines([cosign(outside, "dpo", now, 8)])))
        found = log.newest_cosigned()
        # The same once more, at another time: as a witness does every quarter of an hour.
        log.keep(str(known[1].with_lines([cosign(outside, "dpo", now, 9)])))
    assert found is not None and found.checkpoint == now
    again = log.newest_cosigned()
    assert again is not None and len(again.lines) == len(found.lines) == 3


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (token(), {"Content-Type": "application/json"}, 415),
        (b"a.b.c", JOSE, 400),
        (token(key=SigningKey.generate()), JOSE, 400),
        (token(50), JOSE, 409),
        (token(), JOSE, 409),
        (b"a" * (check_in.LONGEST + 1), JOSE, 413),
    ],
)
def test_what_counts_for_nothing_is_refused(
    office: OfficeScene, body: bytes, headers: dict[str, str], status: int
) -> None:
    with office.serving() as client:
        check_in_by(client)
        assert client.ask("POST", "/v1/check-in", body, headers).status == status
        check_in_by(client, 101)


def test_without_the_cameras_signature_nothing_is_said(office: OfficeScene) -> None:
    stranger = SigningKey.generate()
    with office.serving() as client:
        assert client.send("POST", "/v1/check-in", token(), JOSE).status == 401
        refused = client.ask("POST", "/v1/check-in", token(), JOSE, key=stranger)
        assert refused.status == 401
        offered = f"/v1/offers/{'0' * 64}"
        assert client.ask("GET", offered, key=stranger).status == 401
        assert client.ask("GET", offered).status == 404
        assert client.ask("GET", "/v1/offers/..%2f").status == 404


# ---------------------------------------------------------------------------------------- offers


def test_settings_are_offered_until_the_camera_has_decided(office: OfficeScene) -> None:
    offers = offers_in(office.directory)
    file, offer = an_offer(office.office_key, KID)
    offer_settings(office.directory, KID, offer)
    sha256 = hashlib.sha256(offer).hexdigest()
    offered = {"sha256": sha256, "bytes": len(offer)}
    with office.serving() as client:
        assert check_in_by(client, 100)[SETTINGS] == offered
        assert check_in_by(client, 101)[SETTINGS] == offered
        assert SETTINGS not in check_in_by(client, 102, waiting=(sha256,))
        refused = (RefusedOffer(sha256, SETTINGS, "old", "why"),)
        assert SETTINGS not in check_in_by(client, 103, refused_offers=refused)
        assert offers.find(KID, SETTINGS) is not None
        running = RunningSettings(digest(file), 2, "")
        assert SETTINGS not in check_in_by(client, 104, settings=running)
    # It may have a passphrase, and is of no use any more.
    assert offers.find(KID, SETTINGS) is None


def test_an_offer_is_fetched_whole_or_in_ranges(office: OfficeScene) -> None:
    _, offer = an_offer(office.office_key, KID)
    offer_settings(office.directory, KID, offer)
    path = f"/v1/offers/{hashlib.sha256(offer).hexdigest()}"
    with office.serving() as client:
        whole = client.ask("GET", path)
        assert (whole.status, whole.body, whole["Accept-Ranges"]) == (200, offer, "bytes")
        for wanted, begin, end in (
            ("bytes=0-9", 0, 10),
            ("bytes=10-", 10, len(offer)),
            ("bytes=-5", len(offer) - 5, len(offer)),
            (f"bytes=5-{len(offer) + 99}", 5, len(offer)),
        ):
            answer = client.ask("GET", path, None, {"Range": wanted})
            assert (answer.status, answer.body) == (206, offer[begin:end])
            assert answer["Content-Range"] == f"bytes {begin}-{end - 1}/{len(offer)}"
        for wanted in (f"bytes={len(offer)}-", "bytes=9-1", "lines=1-2", "bytes=0-1,5-6"):
            answer = client.ask("GET", path, None, {"Range": wanted})
            assert (answer.status, answer["Content-Range"]) == (416, f"bytes */{len(offer)}")


def test_what_lies_there_and_is_no_offer_is_offered_all_the_same(office: OfficeScene) -> None:
    """The camera judges it, and says so."""
    offers = offers_in(office.directory)
    offer_settings(office.directory, KID, b"nothing")
    found = offers.find(KID, SETTINGS)
    assert found is not None and found.file == ""
    assert list(offers.for_camera(KID, said())) == [found]
    assert withdraw_offer(office.directory, KID, SETTINGS) == found
    assert withdraw_offer(office.directory, KID, SETTINGS) is None


def test_an_offer_that_cannot_be_read_keeps_no_camera_from_its_dock(office: OfficeScene) -> None:
    (office.directory / "office" / "offers").mkdir(parents=True)
    os.symlink(office.root, office.directory / "office" / "offers" / KID)
    with office.serving() as client:
        assert check_in_by(client) == {"time_us": office.clock.wall_us(), "lacks": []}


def test_a_camera_s_ledger_that_cannot_be_read_keeps_no_camera_from_its_dock(
    office: OfficeScene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The statement was kept before, so to send it again would not help."""

    def away(*_: object) -> None:
        raise StorageError("the disk with the cameras' ledgers does not answer")

    monkeypatch.setattr(CameraHoldings, "ledger_state", away)
    with office.serving() as client:
        assert check_in_by(client) == {"time_us": office.clock.wall_us(), "lacks": []}
    assert "the disk with the cameras' ledgers" in caplog.text


# -------------------------------------------------------------------------------- what was lost


def test_a_ledger_whose_recordings_are_called_like_paths_is_asked_for_none_of_them(
    office: OfficeScene, tmp_path: Path
) -> None:
    camera = Camera(tmp_path / "state")
    camera.put(ONE)
    (facts,) = [facts_of(str(one), "closed", own=True) for one in camera.recordings.iterdir()]
    with camera.open() as store:
        for name in ("../../told", "/etc/passwd"):
            store.ledger.append("opened", id=name, header="ab" * 32)
            store.ledger.append("closed", **(facts | {"id": name}))
            store.ledger.append("acknowledged", id=name, final=facts["final"], receipt="cd" * 32)
    with office.serving() as client:
        assert client.bring_ledger(camera.root / "ledger").status == 200
        assert check_in_by(client)["lacks"] == []


class Daemon:
    """What the camera's daemon does, on its real store."""

    def __init__(self, camera: Camera, office: KeyRing) -> None:
        self.camera = camera
        self.office = office
        self.check_ins = 0

    def to_hand_over(self, also: Collection[str] = ()) -> list[ToHandOver]:
        with self.camera.open() as store:
            return [
                ToHandOver(one.id, str(self.camera.recordings / f"{one.id}.tar"), one.final)
                for one in store.ledger.state.recordings.values()
                if one.here and (one.acknowledged is None or one.id in also)
            ]

    def accept(self, token: bytes) -> list[str]:
        with self.camera.open() as store:
            return accept_receipt(store, self.office, token)

    def check_in(self) -> bytes:
        with self.camera.open() as store:
            head = store.ledger.head
        self.check_ins += 1
        return token(100 + self.check_ins, head=head)

    def show_log(self, log: str) -> tuple[bool, str | None]:
        return False, None

    def offer_settings(self, offer: bytes) -> str | None:
        raise AssertionError("nothing is on offer")


class Dock:
    """A camera with two recordings, and the server that it is docked at."""

    def __init__(self, office: OfficeScene, camera: Camera, port: int) -> None:
        self.office = office
        self.camera = camera
        self.daemon = Daemon(camera, KeyRing([office.office_key.public]))
        self.port = port
        self.sent = 0

    def dock(self) -> handover.HandoverResult:
        """One pass, of another process each time."""
        ca = Path(self.office.authority.certificate).read_text()
        section = Office(URL, ca, encode_base64url(self.office.office_key.public.raw), 1000)
        clock = SystemClock()
        connection = OfficeConnection(section, trusting(ca, check_time=True), clock)
        connection._port = self.port
        memory = HandoverMemory()
        client = OfficeClient(URL, connection, KeySigner(KEY), clock)
        try:
            return Handover(
                str(self.camera.root / "ledger"),
                self.daemon,
                client,
                connection,
                clock,
                check_in=OfficeCheckIn(self.daemon, client, clock, memory.check_in, memory.is_new),
                memory=memory,
            ).run()
        finally:
            self.sent = connection.traffic.sent
            connection.close()

    def files(self, name: str) -> dict[str, Path]:
        return {path.name: path for path in self.office.directory.glob(f"*/{name}/*")}

    def receipt_of(self, recording: str) -> Path:
        """The one receipt about it."""
        (found,) = [
            path
            for path in self.files("receipts").values()
            if recording in str(jws_payload(path.read_bytes()))
        ]
        return found


def jws_payload(content: bytes) -> Any:
    return json.loads(jws.parse(content).payload)


@pytest.fixture
def dock(office: OfficeScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dock]:
    monkeypatch.setattr(handover, "FIRST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(office_client, "PAUSE_SECONDS", 0.02)
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.put(TWO)
    office.clock = SystemClock()  # type: ignore[assignment]
    with office.serving() as client:
        made = Dock(office, camera, client.port)
        assert sorted(made.dock().acknowledged) == [ONE, TWO]
        yield made


def test_what_the_office_lost_comes_again(dock: Dock) -> None:
    content = dock.files("recordings")[f"{ONE}.tar"].read_bytes()
    dock.files("recordings")[f"{ONE}.tar"].unlink()
    dock.receipt_of(ONE).unlink()
    found = dock.dock()
    assert found.acknowledged == () and found.complete  # the camera's ledger said so before
    assert dock.files("recordings")[f"{ONE}.tar"].read_bytes() == content
    assert dock.receipt_of(ONE).exists()
    assert dock.sent > len(content)
    dock.dock()
    assert dock.sent < len(content), "nothing is brought again that is there"


def test_of_a_file_without_its_receipt_only_the_receipt_is_made_again(dock: Dock) -> None:
    path = dock.files("recordings")[f"{ONE}.tar"]
    before = os.stat(path).st_ino
    dock.receipt_of(ONE).unlink()
    dock.dock()
    assert dock.receipt_of(ONE).exists()
    assert os.stat(path).st_ino == before
    assert dock.sent < path.stat().st_size, "nothing of the recording is sent"


def test_of_a_receipt_without_its_file_the_recording_comes_again(dock: Dock) -> None:
    path = dock.files("recordings")[f"{TWO}.tar"]
    content = path.read_bytes()
    path.unlink()
    dock.dock()
    assert dock.files("recordings")[f"{TWO}.tar"].read_bytes() == content


def test_what_the_camera_has_no_more_stays_lost(dock: Dock) -> None:
    dock.files("recordings")[f"{ONE}.tar"].unlink()
    dock.receipt_of(ONE).unlink()
    (dock.camera.recordings / f"{ONE}.tar").unlink()
    assert dock.dock().complete
    assert list(dock.files("recordings")) == [f"{TWO}.tar"]


def test_what_lies_apart_is_not_asked_for(dock: Dock) -> None:
    dock.files("recordings")[f"{ONE}.tar"].unlink()
    dock.receipt_of(ONE).unlink()
    quarantined = dock.office.directory / "office" / "quarantine" / KID
    quarantined.mkdir(parents=True)
    (quarantined / f"{ONE}.tar").write_bytes(b"x")
    (quarantined / f"{ONE}.json").write_text('{"why": "a test", "sha256": "", "bytes": 1}')
    assert dock.dock().refused == {}
    assert list(dock.files("recordings")) == [f"{TWO}.tar"]


def test_so_many_are_named_at_once(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_recordings, "MOST", 1)
    for path in (*dock.files("recordings").values(), *dock.files("receipts").values()):
        path.unlink()
    dock.dock()
    assert len(dock.files("recordings")) == 1
    dock.dock()
    assert len(dock.files("recordings")) == 2


def test_what_the_office_deleted_in_its_time_is_not_asked_for(dock: Dock) -> None:
    later = ManualClock(wall_us=WALL_US + 30 * DAY)
    place = place_of(str(dock.office.directory))
    key = dock.office.office_key
    with open_office_store(place, key, later, KEYS, lambda _text: None) as store:
        assert len(store.purge()) == 2
    assert not dock.files("recordings")
    assert dock.dock().complete
    assert not dock.files("recordings")


def test_an_office_whose_ledger_is_by_another_key_asks_for_nothing(
    dock: Dock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can tell then what it has deleted."""
    later = ManualClock(wall_us=WALL_US + 30 * DAY)
    stranger = SigningKey.generate()
    shutil.rmtree(dock.office.directory / "office" / "ledger", ignore_errors=True)
    shutil.rmtree(dock.office.directory / "office" / "keys", ignore_errors=True)
    place = place_of(str(dock.office.directory))
    with open_office_store(place, stranger, later, KEYS, lambda _text: None, replace=True):
        pass
    for path in (*dock.files("recordings").values(), *dock.files("receipts").values()):
        path.unlink()
    dock.dock()
    assert not dock.files("recordings")
    assert "signed by another key" in caplog.text


def test_what_is_on_its_way_is_not_asked_for(dock: Dock, tmp_path: Path) -> None:
    cameras = Cameras(str(dock.office.register))
    root, clock = str(dock.office.directory), ManualClock()
    uploads = uploads_in(root, UploadLimits(reserve=0), clock)
    holdings = CameraHoldings(root, cameras, state_in(root))
    ingest = Ingest(holdings, uploads, dock.office.office_key, clock)
    lost = LostRecordings(holdings, ingest, uploads)
    assert lost.find(KID) == []
    path = dock.files("recordings")[f"{ONE}.tar"]
    content = path.read_bytes()
    path.unlink()
    assert lost.find(KID) == [ONE]
    closed = skeleton(str(dock.camera.recordings / f"{ONE}.tar")).closed_by
    assert closed is not None
    uploads.declare(KID, Declaration(ONE, closed.sha256, len(content)))
    assert lost.find(KID) == [ONE]
    part = uploads.begin(KID, ONE, 0)
    part.write(content)
    part.finish(hashlib.sha256(content).digest())
    part.close()
    assert lost.find(KID) == []
    shutil.rmtree(next(dock.office.directory.glob("*/ledger")))
    assert lost.find(KID) == []


@pytest.mark.parametrize("number", [3, 30])
def test_the_ledger_is_read_once_however_much_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As after a restoration from a backup: then everything is named."""
    camera, vault = Camera(tmp_path / "state"), Vault(tmp_path / "archive")
    facts = facts_of(str(camera.put(ONE)), "closed", own=True)
    names = [f"20261124T153000Z-{one:06d}-{one:08x}" for one in range(10, 10 + number)]
    with camera.open() as store:
        for one in names:
            store.ledger.append("opened", id=one, header=jws.digest(one.encode()))
            store.ledger.append("closed", **(facts | {"id": one}))
            store.ledger.append("acknowledged", id=one, final=facts["final"], receipt="ab" * 32)
    vault.bring_ledger(camera)
    read: list[str] = []
    state = CameraHoldings.ledger_state

    def noted(holdings: CameraHoldings, kid: str) -> LedgerState | None:
        read.append(kid)
        return state(holdings, kid)

    monkeypatch.setattr(CameraHoldings, "ledger_state", noted)
    lost = LostRecordings(vault.holdings, vault.ingest, vault.uploads)
    assert lost.find(KID) == names
    assert read == [KID]


def test_no_more_is_looked_at_than_is_named(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    cameras = Cameras(str(dock.office.register))
    root, clock = str(dock.office.directory), ManualClock()
    uploads = uploads_in(root, UploadLimits(reserve=0), clock)
    holdings = CameraHoldings(root, cameras, state_in(root))
    ingest = Ingest(holdings, uploads, dock.office.office_key, clock)
    lost = LostRecordings(holdings, ingest, uploads)
    for path in dock.files("receipts").values():
        path.unlink()
    monkeypatch.setattr(lost_recordings, "MOST", 1)
    asked: list[str] = []
    monkeypatch.setattr(uploads, "find_complete", lambda _, one: asked.append(one))
    assert lost.find(KID) == [ONE]
    assert asked == [ONE]
