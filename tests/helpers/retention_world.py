"""Years in the life of a camera and of an office's directory, and an oracle that knows true time.

Everything that keeps and deletes is production code: containers, repair, ledger, store, and the
rules by which wall time is trusted. Simulated are true time, the clocks of the machines, and
people. The oracle keeps its own books of true ends and holds, and after every step looks at the
files:

- a file that is gone was neither held nor younger than its retention, in true time, and the ledger
  has its tombstone;
- whenever wall time is synchronised, nothing is left that had to go.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final

import pyrage

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.base.office_time import OfficeClock
from camerad.base.wall_clock import PLAUSIBLE_US, Signs, is_plausible, judge, still_stale
from camerad.container.encryption import Sealer
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.recording_files import SUFFIX, new_id
from camerad.container.severity import Severity
from camerad.container.statements import FORMAT, Closing, FragmentFacts, Header
from camerad.ledger.ledger import read_ledger, read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.recording.container_writer import ContainerWriter
from camerad.store.locations import device_place, office_place
from camerad.store.recovery import RepairOutcome, repair_all
from camerad.store.store import PlaceClaim, Store

HOUR: Final = 3600 * SECOND
MINUTE: Final = 60 * SECOND
YEARS_AHEAD: Final = 1000 * DAY
"""How wrong a clock gets here: more than what is plausible, which is the stated limit."""
BEGIN_US: Final = 1_767_225_600 * SECOND
DAYS: Final = 14

_KEY: Final = SigningKey.generate()
_KEYS: Final = KeyRing([_KEY.public])
OFFICE_KEY: Final = SigningKey.generate()
_SEALER: Final = Sealer((str(pyrage.x25519.Identity.generate().to_public()),))


class Truth:
    """True time, microseconds since the Unix epoch; the only one there is."""

    def __init__(self) -> None:
        self.us = BEGIN_US


class Machine:
    """A computer's clocks, judged as the daemon judges them. number: names it among others.

    rtc_error_us: how far the battery-backed clock is off, None without one.
    """

    def __init__(self, truth: Truth, number: int = 0) -> None:
        self.truth = truth
        self.number = number
        self.boots = 0
        self.rtc_error_us: int | None = 0
        self.error_us = 0
        self._booted_us = truth.us
        self._touched_us: int | None = None
        self._stale_us: int | None = None
        self._signs: Signs | None = None
        self.last_synchronised_us: int | None = None
        self.source = ClockSource.UNKNOWN

    @property
    def boot_id(self) -> str:
        return f"{self.number:08x}-0000-4000-8000-{self.boots:012x}"

    def now_us(self) -> int:
        return self.truth.us - self._booted_us

    def wall_us(self) -> int:
        return self.truth.us + self.error_us

    def moment(self) -> Moment:
        return Moment(self.now_us(), self.wall_us(), self.source)

    def boot(self) -> None:
        """Start the machine: wall time is that of its RTC, or else as it was saved at the end."""
        if self.rtc_error_us is not None:
            self.error_us = self.rtc_error_us
        elif self._signs is not None:
            self.error_us = self._signs.wall_us - self.truth.us
        self.boots += 1
        self._booted_us = self.truth.us
        self._touched_us = self._stale_us = self._signs = None
        self.look()

    def synchronise(self) -> None:
        """A time server was heard; the kernel sets the RTC by it as well."""
        self.error_us = 0
        if self.rtc_error_us is not None:
            self.rtc_error_us = 0
        self._touched_us = self.wall_us()
        self.look()

    def set_by_hand(self, error_us: int) -> None:
        """Somebody sets the clock, to something else than what is true."""
        self.error_us = error_us
        self.look()

    def look(self) -> None:
        """What the daemon does every few seconds."""
        rtc_us = None if self.rtc_error_us is None else self.truth.us + self.rtc_error_us
        now = Signs(self.now_us(), self.wall_us(), self._touched_us, rtc_us)
        self._stale_us = still_stale(self._signs, now, self._stale_us)
        self._signs = now
        self.source = judge(now, self.last_synchronised_us, self._stale_us)
        if self.source is ClockSource.SYNCHRONISED:
            self.last_synchronised_us = max(self.last_synchronised_us or 0, now.wall_us)

    def wait(self, microseconds: int) -> None:
        """Time passes while it runs."""
        self.truth.us += microseconds
        self.look()


class OfficeMachine(Machine):
    """A computer of the evidence desk, judged by `office_clock`'s rule: whose wall time comes from
    its RTC and is believed if it is plausible. kernel: knows that a time server set the clock."""

    kernel = False

    def boot(self) -> None:
        self.kernel = False
        super().boot()

    def synchronise(self) -> None:
        self.kernel = True
        super().synchronise()

    def set_by_hand(self, error_us: int) -> None:
        self.kernel = False
        super().set_by_hand(error_us)

    def look(self) -> None:
        if self.kernel:
            self.source = ClockSource.SYNCHRONISED
            self.last_synchronised_us = max(self.last_synchronised_us or 0, self.wall_us())
            return
        believed = is_plausible(self.wall_us(), self.last_synchronised_us)
        self.source = ClockSource.RTC if believed else ClockSource.UNKNOWN


class OfficeClockOf(OfficeClock):
    """What a command on such a machine goes by. state: what the office's ledger says."""

    def __init__(self, machine: OfficeMachine, state: LedgerState) -> None:
        boot_id = machine.boot_id
        believed = any(run.trusted for run in state.timeline.runs if run.boot_id == boot_id)
        seen = state.timeline.seen_in(boot_id)
        super().__init__(None, seen, believed=believed, rule=lambda *_, **__: machine.source)
        self.boot_id = boot_id  # type: ignore[misc]
        self._machine = machine

    def now_us(self) -> int:
        return self._machine.now_us()

    def wall_us(self) -> int:
        return self._machine.wall_us()


@dataclass(slots=True)
class Truly:
    """What is true about a recording in one store.

    since_us: from when on the store can know its age: its true end if its clock was right then, or
    else the first synchronised moment after it; None before that. held: as people said.
    """

    id: str
    ended_us: int
    days: int
    since_us: int | None
    dated: bool
    held: bool = False


@dataclass
class Books:
    """The oracle's books of one store. deleted: ids that are gone, as they should be."""

    what: str
    here: dict[str, Truly] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    held_beyond: set[str] = field(default_factory=set)

    def synchronised(self, now_us: int) -> None:
        """The store hears of the true time: what ended before is no older than now."""
        for one in self.here.values():
            if one.since_us is None:
                one.since_us = now_us

    def compare(self, store: Store, truth: Truth) -> None:
        """Whatever is gone was to go, and has its tombstone."""
        files = _files(store)
        assert files <= set(self.here), f"{self.what}: files that nobody made"
        for name in set(self.here) - files:
            one = self.here.pop(name)
            age_us = truth.us - one.ended_us
            assert not one.held, f"{self.what}: {name} was held and is gone"
            assert age_us >= one.days * DAY, f"{self.what}: {name} is gone at {age_us / DAY} days"
            tombstone = store.ledger.state.recordings[name].deleted
            assert tombstone is not None, f"{self.what}: {name} is gone without a tombstone"
            assert one.days * DAY <= tombstone.age_us <= age_us
            self.deleted.add(name)

    def nothing_due(self, truth: Truth) -> None:
        """What had to go is gone."""
        for one in self.here.values():
            if one.held:
                if truth.us - one.ended_us >= one.days * DAY:
                    self.held_beyond.add(one.id)
                continue
            if one.since_us is not None:
                age_us = truth.us - one.since_us
                assert age_us < one.days * DAY, f"{self.what}: {one.id} is here at {age_us / DAY}"


class Camera:
    """A camera with its store, in the hands of people."""

    def __init__(self, root: Path, truth: Truth, random: Random) -> None:
        self.root = root
        self.truth = truth
        self.random = random
        self.machine = Machine(truth)
        self.books = Books("camera")
        self.made = 0
        self._store: Store | None = None
        self._dated_here: list[Truly] = []
        (root / "recordings").mkdir(parents=True)

    @property
    def store(self) -> Store:
        assert self._store is not None
        return self._store

    def boot(self) -> None:
        """The start of the daemon: repair, then files and ledger compared."""
        self.machine.boot()
        self._dated_here = []
        self._store = Store.open(PlaceClaim(device_place(str(self.root))), _KEY, self.machine)
        known = self.store.ledger.state.timeline.synchronised
        if known is not None:
            before_us = self.machine.last_synchronised_us or 0
            self.machine.last_synchronised_us = max(before_us, known.wall_us)
            self.machine.look()
        self.store.ledger.append("start", software="tests", policy="p", settings="s")
        self.repair()
        self.housekeeping()

    def repair(self) -> None:
        """Recordings without an end get one, and the ledger hears of it."""
        for repaired in repair_all(str(self.root / "recordings"), _KEY, self.machine):
            assert repaired.outcome is RepairOutcome.RECOVERED
        assert not [one for one in self.store.reconcile() if one.alarm]

    def end(self) -> None:
        """Power off, in order or not: nothing is lost of what counts here."""
        if self.random.random() < 0.5:
            self.store.ledger.append("stop")
        self.store.close()
        self._store = None

    def synchronise(self) -> None:
        self.machine.synchronise()
        for one in self._dated_here:
            one.since_us = one.ended_us  # this boot knows the time, and so when it was
        self.books.synchronised(self.truth.us)
        self.store.ledger.append("clock", step_us=None, source=self.machine.source)
        self.machine.wait(30 * SECOND)
        self.housekeeping()

    def housekeeping(self) -> None:
        """What the daemon does every half minute."""
        self.store.purge()
        self.store.ledger.rotate_and_expire(DAYS)
        self.books.compare(self.store, self.truth)
        if self.machine.source is ClockSource.SYNCHRONISED:
            self.books.nothing_due(self.truth)

    def wait(self, hours: float) -> None:
        """The daemon runs for so long."""
        left_us = round(hours * HOUR)
        while left_us > 0:
            self.machine.wait(min(left_us, HOUR))
            left_us -= HOUR
            self.store.ledger.append("uptime")
            self.housekeeping()

    def record(self, *, interrupted: bool) -> None:
        """One recording, of a minute. interrupted: by the end of the daemon, so that it has no end,
        or the ledger does not know it."""
        machine, directory = self.machine, str(self.root / "recordings")
        begin_us = machine.now_us()
        header = Header(
            format=FORMAT,
            id=new_id(directory, machine.wall_us()),
            device="cam-1",
            boot_id=machine.boot_id,
            clock=machine.moment(),
            started_wall_us=machine.wall_us(),
            trigger="button:main",
            trigger_us=begin_us,
            origin_us=begin_us,
            pre_event_wanted_us=0,
            pre_event_shortfall=None,
            continues=None,
            policy="p",
            retention_days=self.random.choice((1, DAYS, DAYS, DAYS, 30)),
            width=1280,
            height=720,
            fps=30,
            sound=False,
            encoder="none",
            software="tests",
            wearer=None,
            recipients=(),
        )
        container = ContainerWriter(directory, header, b"init", _KEY, _SEALER)
        self.store.ledger.append("opened", id=header.id, header=container.header_sha256)
        machine.wait(MINUTE)
        now, last_us = machine.moment(), machine.now_us()
        facts = FragmentFacts(0, begin_us, last_us, last_us, 1800, (), (), (), now, None, None)
        container.append(b"a fragment", facts)
        known = machine.source is not ClockSource.UNKNOWN and machine.error_us == 0
        truly = Truly(
            header.id, self.truth.us, header.retention_days, self.truth.us if known else None, known
        )
        self.books.here[header.id] = truly
        self._dated_here.append(truly)
        self.made += 1
        if interrupted and self.random.random() < 0.5:
            assert container._descriptor is not None
            os.close(container._descriptor)
            return
        flagged = self.random.random() < 0.1
        marks = (last_us,) if flagged else ()
        closing = Closing("stop", 1800, last_us, (), marks, (), machine.boot_id, now, None, None)
        final = container.close(closing)
        if not interrupted:
            self.store.ledger.append(
                "closed",
                id=header.id,
                final=final,
                retention_days=header.retention_days,
                ended=now,
                flagged=flagged,
                reason="stop",
            )

    def hold_or_release(self) -> None:
        change_holds(self.store, self.books, self.random)

    def check(self) -> None:
        check_ledger(self.store, _KEY)


class Office:
    """The office's directory, on two computers that are seldom switched off."""

    def __init__(self, root: Path, truth: Truth, random: Random) -> None:
        self.root = root
        self.truth = truth
        self.random = random
        self.machines = [OfficeMachine(truth, 1), OfficeMachine(truth, 2)]
        self.books = Books("office")
        self.seen: set[str] = set()
        """The boots in which somebody worked on it."""
        self.copies = root / "cam-1-12345678" / "recordings"
        self.copies.mkdir(parents=True)
        (self.copies.parent / "device.jwk").write_text("of no meaning here")
        (root / "office").mkdir()
        (root / "office" / "id").write_text("office\n")

    def visit(self, camera: Camera | None = None) -> None:
        """Somebody works on the directory for a moment, after copying what a camera has new."""
        machine = self.random.choice(self.machines)
        self._live(machine)
        new = [] if camera is None else self._copy(camera)
        place = office_place(str(self.root))
        known = read_state(place.ledger, KeyRing([OFFICE_KEY.public])) if self.seen else None
        clock = OfficeClockOf(machine, known or LedgerState())
        self.seen.add(machine.boot_id)
        with Store.open(PlaceClaim(place), OFFICE_KEY, clock, trusted=_KEYS) as store:
            known = store.ledger.state.timeline.synchronised
            if known is not None:
                machine.last_synchronised_us = known.wall_us
                machine.look()
            for one in new:
                since_us = one.ended_us if one.dated else None
                self.books.here[one.id] = replace(one, since_us=since_us, held=False)
            synchronised = machine.source is ClockSource.SYNCHRONISED
            store.reconcile()
            if synchronised:
                self.books.synchronised(self.truth.us)
            change_holds(store, self.books, self.random)
            store.purge()
            store.ledger.rotate_and_expire(DAYS)
            self.books.compare(store, self.truth)
            if synchronised:
                self.books.nothing_due(self.truth)

    def _copy(self, camera: Camera) -> list[Truly]:
        """Copy the camera's recordings that have an end and were never here."""
        seen = self.books.deleted | set(self.books.here)
        new = []
        for known in camera.store.ledger.state.recordings.values():
            if known.here and known.final is not None and known.id not in seen:
                name = known.id + SUFFIX
                shutil.copyfile(camera.root / "recordings" / name, self.copies / name)
                new.append(camera.books.here[known.id])
        return new

    def _live(self, machine: OfficeMachine) -> None:
        """What happens to an office's computer between two visits."""
        if self.random.random() < 0.1:
            machine.rtc_error_us = self.random.choice((0, YEARS_AHEAD, -YEARS_AHEAD))
            machine.boot()
        if self.random.random() < 0.7:
            machine.synchronise()
        elif self.random.random() < 0.4:
            # Before the first entry of a boot nobody can tell what is plausible from what is true.
            plausible = (-15 * DAY, 15 * DAY, 300 * DAY) if machine.boot_id in self.seen else ()
            machine.set_by_hand(self.random.choice((-YEARS_AHEAD, YEARS_AHEAD, *plausible)))
        else:
            machine.look()

    def check(self) -> None:
        with Store.open(
            PlaceClaim(office_place(str(self.root))), OFFICE_KEY, self.machines[0]
        ) as store:
            check_ledger(store, OFFICE_KEY)


def change_holds(store: Store, books: Books, random: Random) -> None:
    """Somebody holds a recording, or releases one."""
    held = [one for one in books.here.values() if one.held]
    free = [one for one in books.here.values() if not one.held]
    if held and random.random() < 0.3:
        one = random.choice(held)
        store.release(one.id, "Desk")
        one.held = False
    elif free:
        one = random.choice(free)
        store.hold(one.id, "prosecutor", "Desk")
        one.held = True


def release_all(store: Store, books: Books) -> None:
    """Everything is over."""
    for one in books.here.values():
        if one.held:
            store.release(one.id, "Desk")
            one.held = False


def check_ledger(store: Store, key: SigningKey) -> None:
    """The ledger proves itself, against its own head."""
    directory, head = store.ledger.directory, store.ledger.head
    state, findings = read_ledger(directory, KeyRing([key.public]), head)
    assert [str(one) for one in findings if one.severity is Severity.DAMAGE] == []
    assert state == store.ledger.state


def _files(store: Store) -> set[str]:
    return {
        name.removesuffix(SUFFIX)
        for holding in store.place.holdings
        for name in os.listdir(holding.recordings)
        if name.endswith(SUFFIX)
    }


assert YEARS_AHEAD > PLAUSIBLE_US
