"""Facts that the server gathers about its office: real files, a real store, a real register."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import DAYS, ONE, TWO, Camera
from prometheus_client import CollectorRegistry
from state_helpers import revoke, state_in
from vault_helpers import KID, Vault, register

from camerad.base.clock import DAY, SECOND
from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.container.skeleton import skeleton
from camerad.evidence.office_store import open_office_store
from camerad.office.jobs import alert_watch
from camerad.office.jobs.alert_rules import Alert, AlertKind, StoreFacts
from camerad.office.jobs.alert_watch import AlertWatch, last_seen_us
from camerad.office.jobs.job_metrics import JobMetrics
from camerad.office.jobs.retention_job import RetentionJob
from camerad.office.server.alert_settings import NotifySettings
from camerad.office.server.quarantine import list_quarantined
from camerad.office.server.upload_limits import UploadLimits
from camerad.store.locations import Holding, office_place

MARK = {"marks": (SECOND // 2,)}


class Watched:
    """An office with its worker and its watch. camera: its clock is the office's."""

    def __init__(self, root: Path) -> None:
        self.camera = Camera(root / "camera")
        self.vault = Vault(root / "archive")
        self.clock = self.vault.clock = self.camera.clock
        self.vault.restart()
        self.urgent = 0
        self.metrics = JobMetrics(CollectorRegistry())
        self.watch = AlertWatch(
            str(self.vault.root),
            state_in(self.vault.root),
            self.vault.cameras,
            self.vault.uploads,
            settings=NotifySettings(free_percent=1),
            metrics=self.metrics,
            clock=self.clock,
            certificate_end_us=self.clock.wall_us() + 800 * DAY,
            urgent=self._count,
        )
        self.facts: list[StoreFacts] = []
        self.worker = RetentionJob(
            str(self.vault.root),
            self.vault.cameras,
            self.vault.key,
            self.clock,
            looked=self._looked,
        )

    def _count(self) -> None:
        self.urgent += 1

    def _looked(self, facts: StoreFacts) -> None:
        self.facts.append(facts)
        self.watch.store_looked_at(facts)

    def take(self, *recordings: str, **how: object) -> None:
        for one in recordings:
            self.camera.put(one, **how)
        self.vault.dock(self.camera)
        for path in self.vault.root.rglob("*"):
            if path.parent.name in ("ledger", "receipts"):
                os.utime(path, ns=(0, self.clock.wall_us() * 1000))

    def look(self) -> dict[AlertKind, list[Alert]]:
        """Both look; returns what people have to know, by its kind."""
        self.worker.look()
        self.watch.look()
        found: dict[AlertKind, list[Alert]] = {}
        for one in self.watch.present() or ():
            found.setdefault(one.kind, []).append(one)
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_marked_recording_is_told_before_it_is_deleted(watched: Watched) -> None:
    watched.take(ONE)
    watched.take(TWO, **MARK)
    assert watched.look() == {}
    watched.clock.advance((DAYS - 4) * DAY)
    assert AlertKind.MARKED_EXPIRES not in watched.look()
    watched.clock.advance(DAY)
    (one,) = watched.look()[AlertKind.MARKED_EXPIRES]
    assert (one.recording, one.camera) == (TWO, "cam-1")
    watched.clock.advance(3 * DAY)
    assert AlertKind.MARKED_EXPIRES not in watched.look()
    assert watched.facts[-1].deleted == 2
    assert watched.facts[-1].here == 0


def test_a_hold_beyond_its_day_is_told_and_its_reason_is_not(watched: Watched) -> None:
    watched.take(ONE)
    watched.look()
    place = office_place(str(watched.vault.root))
    keys = watched.vault.cameras.keys()
    with open_office_store(place, watched.vault.key, watched.clock, keys, lambda _: None) as store:
        store.hold(ONE, "Aktenzeichen", "Frau Muster")
    watched.clock.advance((DAYS - 1) * DAY)
    assert AlertKind.HELD_BEYOND_DAY not in watched.look()
    watched.clock.advance(DAY)
    (one,) = watched.look()[AlertKind.HELD_BEYOND_DAY]
    assert (one.recording, one.camera) == (ONE, "cam-1")
    assert "Muster" not in repr(one)
    assert watched.facts[-1].held == 1


def test_what_the_comparison_finds_is_told_at_once(watched: Watched) -> None:
    watched.take(ONE, TWO)
    watched.look()
    one, two = sorted(watched.vault.root.glob("*/recordings/*.tar"))
    one.unlink()
    with two.open("r+b") as file:
        file.truncate(two.stat().st_size - 4096)
    found = watched.look()[AlertKind.NOT_AUTHENTIC]
    assert {(one.recording, one.detail) for one in found} == {(ONE, "missing"), (TWO, "changed")}
    assert watched.urgent == 1
    assert watched.look()[AlertKind.NOT_AUTHENTIC] == found, "as long as it is so"
    assert watched.urgent == 1, "nothing new"


def test_a_camera_whose_directory_is_away_is_told_by_its_name(
    watched: Watched, tmp_path: Path
) -> None:
    watched.take(ONE)
    watched.look()
    (own,) = (path for path in watched.vault.root.iterdir() if path.name.startswith("cam-1-"))
    own.rename(tmp_path / own.name)
    found = watched.look()[AlertKind.DELETION_BLOCKED]
    assert [(one.detail, one.recording) for one in found] == [("away", "cam-1")]


def test_what_was_quarantine_is_told_with_the_camera_s_name(watched: Watched) -> None:
    path = watched.camera.put(ONE)
    watched.vault.bring_ledger(watched.camera)
    content = bytearray(path.read_bytes())
    closed = skeleton(str(path)).closed_by
    assert closed is not None
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert watched.vault.hand_over(path, final=closed.sha256) is None
    (one,) = watched.look()[AlertKind.QUARANTINED]
    assert (one.camera, one.recording) == ("cam-1", ONE)
    assert watched.urgent == 1
    assert list(list_quarantined(str(watched.vault.root))) == [(KID, ONE)]
    register(watched.vault.register, ("other", SigningKey.generate().public, ()))
    (one,) = watched.look()[AlertKind.QUARANTINED]
    assert one.camera == KID, "the register has no name of it any more"


def test_that_the_place_of_what_was_quarantine_fills_is_told(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AlertKind.QUARANTINE_FILLS not in watched.look()
    below = watched.vault.root / "office" / "quarantine" / KID
    below.mkdir(parents=True)
    (below / f"{ONE}.tar").write_bytes(bytes(600))
    monkeypatch.setattr(watched.vault.uploads, "limits", UploadLimits(reserve=0, camera=1000))
    (found,) = watched.look()[AlertKind.QUARANTINE_FILLS]
    assert (found.camera, found.number, found.state) == ("cam-1", 60, "")


def test_a_camera_that_does_not_come_is_told(watched: Watched) -> None:
    watched.take(ONE)
    assert AlertKind.CAMERA_NOT_SEEN not in watched.look()
    watched.clock.advance(7 * DAY)
    (one,) = watched.look()[AlertKind.CAMERA_NOT_SEEN]
    assert (one.camera, one.number) == ("cam-1", 7)


def test_a_camera_that_never_came_is_told_by_the_day_it_was_collected(watched: Watched) -> None:
    """The register of these tests says 2026-11-24, which the clock is at."""
    watched.clock.advance(9 * DAY)
    assert [one.camera for one in watched.look()[AlertKind.CAMERA_NOT_SEEN]] == ["cam-1"]
    revoke(watched.vault.root, KID)
    assert AlertKind.CAMERA_NOT_SEEN not in watched.look(), "the office revoked it on purpose"


def test_storage_without_room_is_told(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs

    def full(path: object) -> os.statvfs_result:
        found = list(real(path))  # type: ignore[arg-type]
        found[4] = 0  # f_bavail
        return os.statvfs_result(found)

    monkeypatch.setattr(alert_watch.os, "statvfs", full)
    assert AlertKind.STORAGE_LOW in watched.look()


def test_what_cannot_be_looked_at_is_told_and_the_rest_is_looked_at(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_root: str) -> None:
        raise StorageError("office/quarantine: input/output error")

    monkeypatch.setattr(alert_watch, "list_quarantined", fail)
    watched.clock.advance(9 * DAY)
    found = watched.look()
    assert [one.about for one in found[AlertKind.STORAGE_FAILS]] == ["office/quarantine"]
    assert AlertKind.CAMERA_NOT_SEEN in found
    watched.look()
    assert caplog.text.count("input/output error") == 1


def test_nothing_is_told_before_the_store_was_looked_at_but_not_for_ever(watched: Watched) -> None:
    watched.clock.advance(9 * DAY)
    fresh = Watched(watched.vault.root.parent / "other")
    fresh.watch.look()
    assert fresh.watch.present() is None
    fresh.clock.advance(2 * DAY // 24)
    fresh.watch.look()
    kinds = [one.kind for one in fresh.watch.present() or ()]
    assert kinds == [AlertKind.DELETION_STANDS_STILL]


# ------------------------------------------------------------------------------------ last seen


def holding(root: Path) -> Holding:
    for name in ("ledger", "receipts", "recordings"):
        (root / "cam" / name).mkdir(parents=True, exist_ok=True)
    return Holding(str(root / "cam"), str(root / "cam" / "recordings"))


def test_the_newest_of_check_in_ledger_and_receipts_counts(tmp_path: Path) -> None:
    one = holding(tmp_path)
    assert last_seen_us(None, []) is None
    assert last_seen_us(None, [one]) is None
    for number, name in enumerate(("ledger/1.jws", "receipts/a.jws"), 1):
        path = tmp_path / "cam" / name
        path.touch()
        os.utime(path, (0, number * 1000))
    assert last_seen_us(None, [one]) == 2000 * SECOND
    assert last_seen_us(5000 * SECOND, [one]) == 5000 * SECOND
    assert last_seen_us(5000 * SECOND, []) == 5000 * SECOND


def test_what_cannot_be_read_is_an_error_and_not_an_absence(tmp_path: Path) -> None:
    one = holding(tmp_path)
    (tmp_path / "cam" / "ledger").rmdir()
    (tmp_path / "cam" / "ledger").touch()
    with pytest.raises(StorageError):
        last_seen_us(None, [one])


def test_where_nothing_was_quarantine_there_is_nothing(tmp_path: Path) -> None:
    assert list(list_quarantined(str(tmp_path))) == []
    (tmp_path / "office").mkdir()
    (tmp_path / "office" / "quarantine").touch()
    assert list(list_quarantined(str(tmp_path))) == []
