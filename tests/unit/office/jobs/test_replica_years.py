"""O4 through simulated years: a replica goes with its recording, on its day, never before."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import pyrage
import pytest
from retention_world import HOUR, MINUTE, YEARS_AHEAD, OfficeMachine, Truth
from state_helpers import state_in

from camerad.base.clock import DAY, SECOND, ClockSource
from camerad.container.encryption import Sealer
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.statements import FORMAT, Closing, FragmentFacts, Header
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.holdings import make_holding
from camerad.evidence.office_store import open_office_store
from camerad.office.jobs import replica_job
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.replica_job import ReplicaJob
from camerad.office.jobs.retention_job import LOOK_SECONDS, RetentionJob
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_store import ReplicaFault, name_of
from camerad.office.replicas.replicas import Replicas
from camerad.office.server.cameras import Cameras
from camerad.office.server.judgement import Judged
from camerad.recording.container_writer import ContainerWriter
from camerad.store.locations import office_place
from camerad.store.receipts import CopiedRecording
from camerad.store.verified_copy import digest
from tests.breadth import breadth
from tests.unit.office.replicas.replica_scene import replica_fault

SEED: Final = 20261128
RECORDINGS: Final = breadth(25, 2000)
PERIOD: Final = breadth(10, 30)
"""Recordings after which a server is down, a clock wrong and a store away once more."""
CAMERA: Final = SigningKey.generate()
OFFICE: Final = SigningKey.generate()
LOOK_US: Final = round(LOOK_SECONDS) * SECOND
_SEALER: Final = Sealer((str(pyrage.x25519.Identity.generate().to_public()),))


@dataclass(slots=True)
class Truly:
    """What is true of a recording."""

    id: str
    name: str
    end_us: int
    held: bool = False


class World:
    """An office's server and its two directories; true time is known."""

    def __init__(self, root: Path) -> None:
        self.random = Random(SEED)
        self.truth = Truth()
        self.machine = OfficeMachine(self.truth, 1)
        self.machine.boot()
        self.machine.synchronise()
        self.second_machine = OfficeMachine(self.truth, 2)
        self.directory, self.second = root / "office", root / "second"
        self.making = root / "camera"
        for one in (self.directory, self.second, self.making):
            one.mkdir()
        self.holding = make_holding(str(self.directory), "cam-1", CAMERA.public)
        register = root / "register.json"
        public = CAMERA.public
        known = RegisteredCamera("cam-1", public.thumbprint, public.jwk, 1, None, None, "")
        camera_register.write(str(register), Register((known,)))
        self.cameras = Cameras(str(register))
        self.here: dict[str, Truly] = {}
        self.count = 0
        self.held_beyond: set[str] = set()
        self.restart()

    def restart(self) -> None:
        """Another process of the server."""
        self.store = DirectoryStore(str(self.second), self.machine)
        self.copies = Replicas(self.store, self.machine, state_in(self.directory))
        directory = str(self.directory)
        self.worker = ReplicaJob(directory, self.copies, self.cameras, OFFICE.public, self.machine)
        self.retention = RetentionJob(
            directory, self.cameras, OFFICE, self.machine, elsewhere=self.worker.list_recordings
        )
        # Another server on the same directory, which was started now.
        self.second_machine.boot()
        self.second_machine.synchronise()
        store = DirectoryStore(str(self.second), self.second_machine)
        copies = Replicas(store, self.second_machine, state_in(directory))
        self.other = ReplicaJob(directory, copies, self.cameras, OFFICE.public, self.second_machine)

    # ------------------------------------------------------------------ what happens

    def record(self) -> None:
        """A camera records a minute, and hands it over; or it comes by stick."""
        ended_us, days = self.truth.us, self.random.choice((1, 7, 14, 14, 14, 30))
        moment = self.machine.moment()
        right = type(moment)(moment.boot_us, ended_us, ClockSource.SYNCHRONISED)
        identity = f"20260101T120000Z-{self.count:06d}-{self.count:08x}"
        self.count += 1
        header = Header(
            format=FORMAT,
            id=identity,
            device="cam-1",
            boot_id="00000000-0000-4000-8000-0000000000ff",
            clock=right,
            started_wall_us=ended_us,
            trigger="button:main",
            trigger_us=moment.boot_us,
            origin_us=moment.boot_us,
            pre_event_wanted_us=0,
            pre_event_shortfall=None,
            continues=None,
            policy="p",
            retention_days=days,
            width=1280,
            height=720,
            fps=30,
            sound=False,
            encoder="none",
            software="tests",
            wearer=None,
            recipients=(),
        )
        container = ContainerWriter(str(self.making), header, b"init", CAMERA, _SEALER)
        last_us = moment.boot_us + 1
        facts = FragmentFacts(0, moment.boot_us, last_us, last_us, 1, (), (), (), right, None, None)
        container.append(b"a fragment", facts)
        closing = Closing("stop", 1, last_us, (), (), (), header.boot_id, right, None, None)
        final = container.close(closing)
        path = Path(self.holding.recordings, f"{identity}.tar")
        (self.making / f"{identity}.tar").rename(path)
        if self.random.random() < 0.9 and self.second.exists():
            copied = CopiedRecording(identity, final, *digest(str(path)))
            self.copies.secure(str(path), copied, moment)
        name = name_of(identity, final)
        self.here[identity] = Truly(identity, name, ended_us + days * DAY)

    def change_holds(self) -> None:
        place = office_place(str(self.directory))
        trusted = KeyRing([CAMERA.public])
        held = [one for one in self.here.values() if one.held]
        free = [one for one in self.here.values() if not one.held and one.end_us > self.truth.us]
        with open_office_store(place, OFFICE, self.machine, trusted, lambda _: None) as store:
            if held and self.random.random() < 0.3:
                one = self.random.choice(held)
                store.release(one.id, "Desk")
                one.held = False
            elif free:
                one = self.random.choice(free)
                store.hold(one.id, "prosecutor", "Desk")
                one.held = True

    def go_to(self, us: int) -> None:
        self.truth.us = max(self.truth.us, us)
        self.machine.look()
        self.second_machine.look()

    def look(self) -> None:
        workers = [self.worker, self.other]
        if self.random.random() < 0.5:
            workers.reverse()
        for work in (self.retention.look, *(do for one in workers for do in (one.look, one.copy))):
            with contextlib.suppress(JobFailedError):
                work()
        self.check()

    # ------------------------------------------------------------------ what has to hold

    def check(self) -> None:
        if not self.second.exists():
            return
        copies = {one.name for one in self.store.list_copies()}
        files = {path.stem for path in Path(self.holding.recordings).iterdir()}
        for one in list(self.here.values()):
            over = self.truth.us >= one.end_us
            for what, there in (("file", one.id in files), ("copy", one.name in copies)):
                assert there or (over and not one.held), f"{what} of {one.id} is gone early"
            lock = self.store.lock_of(one.name)
            assert lock is None or (lock.until_us or 0) <= one.end_us, "a lock is too long"
            if over and one.held:
                self.held_beyond.add(one.id)
                assert lock is not None and lock.hold
            if over and not one.held and self.machine.source is ClockSource.SYNCHRONISED:
                gone = one.id not in files and one.name not in copies
                assert gone, f"{one.id} is here {(self.truth.us - one.end_us) / HOUR} h late"
                del self.here[one.id]

    def live(self) -> None:
        """Until the next recording comes. The server looks as it does: what counts is when it looks
        first behind each end."""
        until_us = self.truth.us + round(self.random.choice((0.1, 0.3, 0.6, 1)) * DAY)
        ends = sorted(
            one.end_us for one in self.here.values() if self.truth.us < one.end_us <= until_us
        )
        for end_us in ends:
            if self.random.random() < 0.3:
                self.go_to(end_us - SECOND)
                self.look()
            self.go_to(end_us + self.random.randrange(LOOK_US))
            self.look()
        self.go_to(until_us)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fdatasync", lambda descriptor: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    # What is in these recordings is no footage; whether it is judged is another test's matter too.
    def judged(path: str, *_: object) -> Judged:
        return Judged(digest(path), "", "cam-1")

    monkeypatch.setattr(replica_job, "check_recording", judged)


@pytest.mark.breadth
def test_o4_through_years_nothing_goes_early_and_nothing_late(tmp_path: Path) -> None:
    world = World(tmp_path)
    random, machine = world.random, world.machine
    began_us = world.truth.us
    downs = wrongs = aways = 0
    while world.count < RECORDINGS:
        world.live()
        happening = world.count % PERIOD
        if happening == 2:
            downs += 1
            world.go_to(world.truth.us + random.choice((1, 3, 20)) * DAY)
            machine.boot()  # it was down over the day
            machine.synchronise()
            world.restart()
        elif happening == 5:
            wrongs += 1
            machine.set_by_hand(random.choice((-YEARS_AHEAD, YEARS_AHEAD, DAY, -DAY)))
            world.look()
            world.go_to(world.truth.us + 2 * HOUR)
            world.look()
            machine.synchronise()
        elif happening == 8:
            aways += 1
            away = world.second.with_name("unplugged")
            world.second.rename(away)
            with replica_fault(ReplicaFault.AWAY):
                world.store.list_copies()
            world.live()
            away.rename(world.second)
        elif random.random() < 0.5:
            world.change_holds()
        world.look()
        world.record()
        world.go_to(world.truth.us + 10 * MINUTE)
        world.look()
    assert min(downs, wrongs, aways) > 0
    for one in world.here.values():
        one.held = False
    place = office_place(str(world.directory))
    trusted = KeyRing([CAMERA.public])
    with open_office_store(place, OFFICE, machine, trusted, lambda _: None) as store:
        for known in list(store.ledger.state.recordings.values()):
            if known.held:
                store.release(known.id, "Desk")
    world.go_to(world.truth.us + 31 * DAY)
    world.look()
    assert world.here == {}
    assert world.store.list_copies() == []
    assert world.held_beyond
    assert world.truth.us - began_us > RECORDINGS / 5 * DAY
