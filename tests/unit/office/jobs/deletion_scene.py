"""An office whose recordings are deleted in time, with their replicas; and scenes of it in words.

A scene is a text of steps, each told by its first word (`Scene`). ONE, TWO and THREE are
recordings, 14 days of retention.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from desk_helpers import DAYS, KEY, ONE, THREE, TWO, Camera
from state_helpers import state_in

from camerad.base.clock import DAY, SECOND, ClockSource
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.office_store import open_office_store
from camerad.office.jobs.alert_rules import StoreFacts
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.replica_job import LOOK_SECONDS, ReplicaJob
from camerad.office.jobs.replica_restore import Restorer, RestoreResult
from camerad.office.jobs.retention_job import RetentionJob
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_store import Lock
from camerad.office.replicas.replicas import Replicas
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.store.locations import office_place

OFFICE = SigningKey.generate()
HOUR = DAY // 24
IN_A_MONTH = 30 * DAY
NAMES = {"ONE": ONE, "TWO": TWO, "THREE": THREE}
TIMES = {"s": SECOND, "h": HOUR, "d": DAY}


class Office:
    """An office's directory that one camera has filled, its replicas, and both workers."""

    def __init__(self, root: Path) -> None:
        self.camera = Camera(root / "camera")
        self.directory = root / "office"
        self.second = root / "second"
        self.second.mkdir()
        self.register = root / "register.json"
        known = RegisteredCamera("cam-1", KEY.public.thumbprint, KEY.public.jwk, 1, None, None, "")
        camera_register.write(str(self.register), Register((known,)))
        self.clock = self.camera.clock
        self.looked: list[StoreFacts] = []
        self.restart()

    def restart(self) -> None:
        """Begin anew, with nothing remembered."""
        self.cameras = Cameras(str(self.register))
        self.store = DirectoryStore(str(self.second), self.clock)
        self.state = state_in(self.directory)
        self.holdings = CameraHoldings(str(self.directory), self.cameras, self.state)
        self.copies = Replicas(self.store, self.clock, self.state)
        directory = str(self.directory)
        self.worker = ReplicaJob(directory, self.copies, self.cameras, OFFICE.public, self.clock)
        self.retention = RetentionJob(
            directory,
            self.cameras,
            OFFICE,
            self.clock,
            looked=self.looked.append,
            elsewhere=self.worker.list_recordings,
        )

    def look(self) -> None:
        """What the server does every quarter of an hour."""
        for work in (self.retention.look, self.worker.look, self.worker.copy):
            with contextlib.suppress(JobFailedError):  # the log says what it was
                assert work() == LOOK_SECONDS

    def take(self, *recordings: str, **how: object) -> None:
        for one in recordings:
            self.camera.put(one, **how)
        self.camera.offload(self.directory)

    @property
    def there(self) -> set[str]:
        return {path.stem for path in self.directory.glob("*/recordings/*.tar")}

    @property
    def copied(self) -> set[str]:
        return {one.name.partition("/")[0] for one in self.store.list_copies()}

    def name(self, recording: str) -> str:
        (one,) = (one.name for one in self.store.list_copies() if one.name.startswith(recording))
        return one

    def lock(self, recording: str) -> Lock:
        found = self.store.lock_of(self.name(recording))
        assert found is not None
        return found

    def file(self, recording: str) -> Path:
        (found,) = self.directory.glob(f"*/recordings/{recording}.tar")
        return found

    def copy(self, recording: str) -> Path:
        """The replica's file."""
        return self.second / self.name(recording)

    def desk(self) -> Any:
        place = office_place(str(self.directory))
        return open_office_store(place, OFFICE, self.clock, KeyRing([KEY.public]), lambda _: None)

    def hold(
        self, recording: str, reason: str = "prosecutor 1 Js 1/26", *, until_us: int | None = None
    ) -> None:
        with self.desk() as store:
            store.hold(recording, reason, "Desk", until_us=until_us)

    def release(self, recording: str) -> None:
        with self.desk() as store:
            store.release(recording, "Desk")

    def restorer(self) -> Restorer:
        return Restorer(self.holdings, self.store, self.cameras, OFFICE.public)


def end_us(office: Office, recording: str) -> int:
    """The legal end, in full seconds."""
    closed = skeleton(str(office.file(recording))).closed_by
    assert closed is not None
    ended_us = closed.end.closing.clock.wall_us
    return (ended_us + DAYS * DAY) // SECOND * SECOND


class Scene:
    """Plays steps at an office, with what they expect."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.began_us = office.clock.wall_us()
        self.ends: dict[str, int] = {}
        self.done: RestoreResult | None = None

    def play(self, text: str) -> None:
        for step in filter(
            None, (one.strip() for line in text.splitlines() for one in line.split(";"))
        ):
            word, *rest = step.split()
            act: Callable[..., None] = getattr(self, f"do_{word.replace('+', '_')}")
            try:
                act(*(NAMES.get(one, one) for one in rest))
            except AssertionError as error:
                raise AssertionError(f"{step}: {error}") from error

    def do_take(self, *recordings: str) -> None:
        self.office.take(*recordings)
        self.ends |= {one: end_us(self.office, one) for one in recordings}

    def do_undated(self, recording: str) -> None:
        """Take one whose camera had no trusted clock: its end is counted from its entry."""
        self.office.take(recording, closed=ClockSource.UNKNOWN)
        self.ends[recording] = (self.office.clock.wall_us() + DAYS * DAY) // SECOND * SECOND

    def do_look(self) -> None:
        self.office.look()

    def do_delete(self) -> None:
        """Look for what is due alone."""
        self.office.retention.look()

    def do_restart(self) -> None:
        self.office.restart()

    def do_pass(self, *times: str) -> None:
        """Such as ``30d``."""
        for time in times:
            self.office.clock.advance(int(time[:-1]) * TIMES[time[-1]])

    def do_until(self, recording: str, plus: str) -> None:
        """Until so long after, or before, its legal end."""
        to_us = self.ends[recording] + int(plus[:-1]) * TIMES[plus[-1]]
        self.office.clock.advance(to_us - self.office.clock.wall_us())

    def do_set(self, plus: str) -> None:
        """Set the clock."""
        self.office.clock.step_wall(int(plus[:-1]) * TIMES[plus[-1]])

    def do_distrust(self) -> None:
        self.office.clock.source = ClockSource.UNKNOWN

    def do_trust(self) -> None:
        self.office.clock.source = ClockSource.SYNCHRONISED

    def do_hold(self, recording: str, until: str = "") -> None:
        """until: such as ``30d`` after the beginning."""
        until_us = self.began_us + int(until[:-1]) * DAY if until else None
        self.office.hold(recording, f"reason {until}", until_us=until_us)

    def do_release(self, recording: str) -> None:
        self.office.release(recording)

    def do_lose(self, *recordings: str) -> None:
        """Remove files; the whole directory without any."""
        for one in recordings:
            self.office.file(one).unlink()
        if not recordings:
            self.office.directory.rename(self.office.directory.with_name("lost"))
            self.office.directory.mkdir()

    def do_spoil(self, *recordings: str) -> None:
        """Change bytes of replicas."""
        for one in recordings:
            with self.office.copy(one).open("r+b") as file:
                file.seek(5000)
                file.write(b"another byte")

    def do_unhold(self, recording: str) -> None:
        """End a hold in the store itself."""
        self.office.store.hold(self.office.name(recording), on=False)

    def do_unlock(self, recording: str) -> None:
        self.office.copy(recording).with_suffix(".lock").unlink()

    def do_postpone(self, recording: str) -> None:
        """Lock a month longer, as by a store whose clock is behind."""
        lock, until_us = self.office.copy(recording).with_suffix(".lock"), self.ends[recording]
        lock.write_text(lock.read_text().replace(str(until_us), str(until_us + IN_A_MONTH)))

    def do_unplug(self) -> None:
        self.office.second.rename(self.office.second.with_name("unplugged"))

    def do_plug(self) -> None:
        if self.office.second.exists():
            self.office.second.rmdir()
        self.office.second.with_name("unplugged").rename(self.office.second)

    def do_empty(self) -> None:
        """Another storage is there."""
        self.office.second.mkdir()

    def do_forget(self) -> None:
        """The register has no camera any more."""
        camera_register.write(str(self.office.register), Register(()))

    def do_overwrite(self, recording: str) -> None:
        self.office.file(recording).write_bytes(b"somebody else's")

    def do_cut(self, recording: str) -> None:
        """A replica has another length."""
        path = self.office.copy(recording)
        os.truncate(path, path.stat().st_size - 1)

    def do_restore(self, recording: str = "") -> None:
        self.done = self.office.restorer().restore(recording or None)

    # What is expected.

    def do_here(self, *recordings: str) -> None:
        assert self.office.there == set(recordings)

    def do_copied(self, *recordings: str) -> None:
        assert self.office.copied == set(recordings)
        if not recordings:
            assert list(self.office.second.iterdir()) == []

    def do_same(self, *recordings: str) -> None:
        for one in recordings:
            assert self.office.copy(one).read_bytes() == self.office.file(one).read_bytes()

    def do_locked(self, *recordings: str) -> None:
        for one in recordings:
            assert self.office.lock(one) == Lock(self.ends[one])

    def do_sooner(self, recording: str) -> None:
        """It has a lock, and that is shorter than its camera's time says."""
        assert (self.office.lock(recording).until_us or 0) < self.ends[recording]
        assert not self.office.lock(recording).hold

    def do_fails(self) -> None:
        assert self.office.worker.fails

    def do_works(self) -> None:
        assert not self.office.worker.fails

    def do_locked_held(self, recording: str) -> None:
        assert self.office.lock(recording) == Lock(self.ends[recording], hold=True)

    def do_held(self, recording: str) -> None:
        assert self.office.lock(recording) == Lock(None, hold=True)

    def do_restored(self, *recordings: str) -> None:
        assert self.done is not None and set(self.done.restored) == set(recordings)
        assert bool(self.done.refused) is not bool(recordings)

    def do_because(self, *words: str) -> None:
        """Why nothing came back."""
        assert self.done is not None
        assert all(" ".join(words) in one for one in self.done.refused), self.done.refused
