"""A year of an office with known truth: signed readings, a signed ledger, and what they add up to.

Everything is as cameras and the office write it, but for the recordings' own files. What happened
is drawn by a seed; `truth` has it by month.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from unittest import mock

from sqlalchemy import Connection
from state_helpers import state_in

from camerad.base.clock import SECOND, ClockSource, ManualClock, Moment
from camerad.container.gaps import FRAMES_LOST, Gap
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.statements import RecordingInfo
from camerad.control.check_in_report import counters_of
from camerad.control.metrics import BOUNDS, Histogram
from camerad.evidence import office_key_file
from camerad.ledger.claim import Claim
from camerad.ledger.entries import NOTHING, Entry, Head, sign_entry
from camerad.ledger.entry_types import EpochBegun, ShiftBegun
from camerad.ledger.ledger import Ledger
from camerad.office.report import camera_readings
from camerad.office.report.camera_readings import Reading
from camerad.office.report.ledger_tallies import LedgerTallies
from camerad.office.report.report_days import days_in
from camerad.office.report.report_sources import OfficeRecords
from camerad.store import check_in
from camerad.store.check_in import CheckIn, RecordingCounts
from camerad.store.locations import office_place

DAY_OF: Final = days_in(UTC)
HOUR: Final = 3600
KEEP_DAYS: Final = 14
SHIFT_HOURS: Final = 8


@dataclass
class Truth:
    """What happened in a month."""

    self_views: int = 0
    led: int = 0
    recordings: int = 0
    shifts: int = 0
    back: int = 0
    seconds: list[float] = field(default_factory=list)
    batteries: list[int] = field(default_factory=list)
    received: int = 0
    deleted: int = 0
    late: int = 0
    holds: int = 0
    holds_until: int = 0
    viewed: Counter[str] = field(default_factory=Counter)
    downloaded: Counter[str] = field(default_factory=Counter)
    handed_over: int = 0
    given_seconds: list[int] = field(default_factory=list)
    recorded_seconds: list[int] = field(default_factory=list)
    deleted_unseen: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    grounds: Counter[str] = field(default_factory=Counter)


class SyntheticCamera:
    """A camera that counts. Its statements are signed by its own key."""

    def __init__(self, number: int, rows: Connection) -> None:
        self.key = SigningKey.generate()
        self.number = number
        self.rows = rows
        self.entered: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.lasted: dict[str, Histogram] = {}
        self.running_us = self.ready_us = self.shift_us = self.shifts = 0
        self.sequence = 0
        self.boot = 1
        self.last: Reading | None = None
        self.shift_entries: list[tuple[str, int]] = []

    def lose_counters(self) -> None:
        """On a new card it counts from 0."""
        for one in (self.entered, self.ended, self.failures):
            one.clear()
        self.lasted.clear()
        self.running_us = self.ready_us = self.shift_us = self.shifts = 0

    def passes(self, stage: str, following: str, seconds: float) -> None:
        """It leaves a stage."""
        self.lasted.setdefault(f"{stage} {following}", Histogram()).observe(seconds)
        self.entered[following] += 1

    def wear(self, wearer: str, at_us: int) -> None:
        """Its ledger says who wears it."""
        self.shift_entries.append((wearer, at_us))
        self.shifts += 1

    def check_in(self, wall_us: int, battery: int) -> None:
        """It is in its dock, and says how it is."""
        self.sequence += 1
        dumped = {
            "entered": dict(self.entered),
            "lasted": {name: [*one.counts, one.total] for name, one in self.lasted.items()},
            "recordings": dict(self.ended),
            "failures": dict(self.failures),
            "handover_failures": {},
            "shifts": self.shifts,
            "us": [self.running_us, self.ready_us, self.shift_us],
        }
        said = CheckIn(
            device=f"camera-{self.number:02}",
            kid=self.key.public.thumbprint,
            head=Head(1, self.sequence, "ab" * 32),
            boot_id=f"00000000-0000-4000-8000-{self.boot:012x}",
            clock=Moment(self.sequence * SECOND, wall_us, ClockSource.SYNCHRONISED),
            software="0.1.0",
            image=None,
            conditions=("docked",),
            ready=True,
            battery=battery,
            storage=None,
            doctor=None,
            recordings=RecordingCounts(0, 0, 0),
            counters=counters_of(dumped),
            settings=None,
            waiting=(),
            refused_offers=(),
        )
        token = check_in.sign(self.key, said)
        new = Reading(self.key.public.thumbprint, wall_us, said, token)
        camera_readings.keep(self.rows, self.key.public, new, self.last)
        self.last = new


class SyntheticYear:
    """An office's directory below `root`. days: from `first` on. wearers: people who take turns;
    cameras: what they wear. quiet: months in which next to nothing happens. late: deletions that
    are. lost_on: days on which a camera loses its counters in its dock. Rates are for an hour of a
    shift."""

    def __init__(
        self,
        root: Path,
        first: date = date(2025, 12, 31),
        days: int = 366,
        *,
        cameras: int = 8,
        wearers: int = 12,
        self_view_rate: float = 0.3,
        share_led: float = 0.3,
        direct_rate: float = 0.02,
        late: int = 0,
        quiet: tuple[int, ...] = (),
        key: SigningKey | None = None,
        lost_on: tuple[date, ...] = (),
        seed: int = 1,
    ) -> None:
        self.root = root / "archive"
        self.root.mkdir(parents=True, exist_ok=True)
        self.random = random.Random(seed)
        self.key = key or SigningKey.generate()
        self.first, self.days = first, days
        self.quiet = quiet
        self.rates = self_view_rate, share_led, direct_rate
        self.wearers = [f"wearer-{number:02}" for number in range(wearers)]
        self.truth: dict[tuple[int, int], Truth] = {}
        self.roster: list[tuple[date, str, int]] = []
        """Who wore which camera on which day: what an attacker knows."""
        self.lost_on = lost_on
        self._late_left = late
        self._looks = random.Random(seed + 1)
        self._given: set[str] = set()
        self._ends: list[tuple[int, str]] = []
        with contextlib.closing(state_in(self.root)) as state, state.writing() as rows:
            self.cameras = [SyntheticCamera(number, rows) for number in range(cameras)]
            self._live()
        # That what is written is durable is tried elsewhere; a year of it takes half a minute.
        with mock.patch("os.fdatasync"), mock.patch("os.fsync"):
            self._write_camera_ledgers()
            self._write_office_ledger()

    def of(self, day: date) -> Truth:
        """A month's truth."""
        return self.truth.setdefault((day.year, day.month), Truth())

    @property
    def tallies(self) -> LedgerTallies:
        """Where the office's ledger is added up."""
        return LedgerTallies(str(self.root), DAY_OF)

    def tally(self) -> int:
        """Add it up, as the server does."""
        files = mock.patch("camerad.office.report.ledger_tallies._info", info_of)
        with files, mock.patch("os.fdatasync"), mock.patch("os.fsync"):
            place = office_place(str(self.root))
            return self.tallies.make(place, self.key, self.keys)

    @property
    def records(self) -> OfficeRecords:
        """What a report is made of."""
        place, keys = office_place(str(self.root)), KeyRing([self.key.public])
        return OfficeRecords(state_in(self.root), place, keys, DAY_OF)

    @property
    def keys(self) -> KeyRing:
        """Of the cameras."""
        return KeyRing(one.key.public for one in self.cameras)

    # ------------------------------------------------------------------ a year

    def _live(self) -> None:
        for camera in self.cameras:
            camera.check_in(_at(self.first, 6), 100)
        for number in range(1, self.days):
            day = self.first + timedelta(days=number)
            on_duty = [one for one in self.cameras if self.random.random() < 0.6]
            if day in self.lost_on:
                self.cameras[0].lose_counters()
            for camera, wearer in zip(
                on_duty, self.random.sample(self.wearers, len(self.wearers)), strict=False
            ):
                self._shift(camera, wearer, day)

    def _shift(self, camera: SyntheticCamera, wearer: str, day: date) -> None:
        truth, draw = self.of(day), self.random
        battery = draw.randint(60, 100)
        camera.check_in(_at(day, 7), battery)
        truth.batteries.append(battery)
        self.roster.append((day, wearer, camera.number))
        camera.wear(wearer, _at(day, 8))
        camera.entered["idle"] += 1
        rate, share, direct = self.rates
        if day.month in self.quiet:
            rate, direct = rate / 60, 0.0
        for _ in range(_poisson(draw, rate * SHIFT_HOURS)):
            truth.self_views += 1
            camera.passes("idle", "self_view", draw.uniform(10, 3000))
            if draw.random() < share:
                seconds = draw.expovariate(1 / 20)
                truth.led += 1
                truth.seconds.append(seconds)
                camera.passes("self_view", "recording", seconds)
                self._record(camera, day)
            else:
                camera.passes("self_view", "idle", draw.uniform(2, 90))
        for _ in range(_poisson(draw, direct * SHIFT_HOURS)):
            camera.passes("idle", "recording", draw.uniform(10, 3000))
            self._record(camera, day)
        if draw.random() < 0.03:
            camera.failures["battery_low"] += 1
            truth.failures["battery_low"] += 1
        camera.running_us += 9 * HOUR * SECOND
        camera.ready_us += 9 * HOUR * SECOND - 60 * SECOND
        camera.shift_us += SHIFT_HOURS * HOUR * SECOND
        truth.shifts += 1
        truth.back += 1
        camera.check_in(_at(day, 17), 30)

    def _record(self, camera: SyntheticCamera, day: date) -> None:
        self.of(day).recordings += 1
        camera.passes("recording", "stopping", self.random.uniform(20, 900))
        camera.ended["stop"] += 1
        camera.entered["idle"] += 1
        number = len(self._ends) + 1
        ended_us = _at(day, 9) + self.random.randrange(7 * HOUR) * SECOND
        recording = f"{day:%Y%m%d}T{9:02}0000Z-{number:06}-{number:08x}"
        self._ends.append((ended_us, recording))

    # ------------------------------------------------------------------ ledgers

    def _write_camera_ledgers(self) -> None:
        """The copies of the cameras' ledgers, as far as a report looks at them."""
        for camera in self.cameras:
            public = camera.key.public
            directory = self.root / f"camera-{camera.number:02}-{public.thumbprint[:8]}"
            (directory / "recordings").mkdir(parents=True)
            (directory / "ledger").mkdir()
            (directory / "device.jwk").write_text(json.dumps(public.jwk))
            head, boot = NOTHING, "00000000-0000-4000-8000-000000000001"
            lines = []
            facts: list[tuple[int, object]] = [
                (_at(self.first, 5), EpochBegun(1, None, 0, None, "", None, 0))
            ]
            for wearer, at_us in camera.shift_entries:
                began = Moment(0, at_us, ClockSource.SYNCHRONISED)
                facts.append((at_us, ShiftBegun(wearer, "badge", began, boot)))
            for at_us, one in facts:
                moment = Moment(at_us - _at(self.first, 0), at_us, ClockSource.SYNCHRONISED)
                entry: Entry = sign_entry(camera.key, head, boot, moment, one)  # type: ignore[arg-type]
                head = entry.head
                lines.append(entry.token + b"\n")
            (directory / "ledger" / "000001.jws").write_bytes(b"".join(lines))

    def _write_office_ledger(self) -> None:
        """The office's own ledger: what it took over, held and deleted, a file a week."""
        place = office_place(str(self.root))
        clock = ManualClock(wall_us=_at(self.first, 0))
        begun_us = clock.wall_us()
        (self.root / "office").mkdir(exist_ok=True)
        ledger = Ledger.open(Claim(place.ledger), self.key, clock)
        office_key_file.remember_key(office_place(str(self.root)), self.key.public)
        events = []
        for ended_us, recording in sorted(self._ends):
            taken_us = ended_us + self.random.randrange(1, 9) * HOUR * SECOND
            due_us = ended_us + KEEP_DAYS * 24 * HOUR * SECOND
            gone_us = due_us + self.random.randrange(0, 900) * SECOND
            events.append((taken_us, "received", recording, ended_us))
            if self._late_left and self.random.random() < 0.2:
                self._late_left -= 1
                gone_us = due_us + 5 * HOUR * SECOND
            elif self.random.random() < 0.02:
                events.append((taken_us + HOUR * SECOND, "hold", recording, ended_us))
                released_us = due_us + 20 * HOUR * SECOND
                events.append((released_us, "release", recording, ended_us))
                gone_us = released_us + 600 * SECOND
            events.append((gone_us, "deleted", recording, ended_us))
            events += self._uses(recording, taken_us, gone_us, ended_us)
        until_us = _at(self.first + timedelta(days=self.days), 0)
        week = 0
        for at_us, kind, recording, ended_us in sorted(events):
            if at_us >= until_us:
                break
            while at_us >= begun_us + (week + 1) * 7 * 24 * HOUR * SECOND:
                week += 1
                clock.advance(begun_us + week * 7 * 24 * HOUR * SECOND - clock.wall_us())
                ledger.rotate()
            clock.advance(at_us - clock.wall_us())
            self._enter(ledger, kind, recording, ended_us, clock)
        clock.advance(until_us - clock.wall_us())
        ledger.rotate()
        ledger.close()

    def _uses(
        self, recording: str, taken_us: int, gone_us: int, ended_us: int
    ) -> list[tuple[int, str, str, int]]:
        """Who is given it, and what else is done with it, while it is there."""
        draw, found = self._looks, []
        for kind, often in (("viewed", 0.3), ("viewed", 0.1), ("downloaded", 0.08), ("case", 0.05)):
            if draw.random() < often:
                found.append((draw.randrange(taken_us + 1, gone_us), kind, recording, ended_us))
        if draw.random() < 0.02:
            found.append((draw.randrange(taken_us + 1, gone_us), "hold_until", recording, ended_us))
        return found

    def _give(self, ledger: Ledger, kind: str, recording: str, truth: Truth) -> None:
        role = self._looks.choices(("desk", "supervisor"), (7, 3))[0]
        ledger.append(
            kind, id=recording, who="k.clerk", role=role, reason="12/26", case="", approved_by=""
        )
        (truth.viewed if kind == "viewed" else truth.downloaded)[role] += 1
        if recording not in self._given:
            self._given.add(recording)
            truth.given_seconds.append(round(info_of(None, recording).seconds))

    def _say_ground(self, ledger: Ledger, recording: str, truth: Truth) -> None:
        ground = random.Random(recording).choices(("prosecution", "person", ""), (6, 3, 1))[0]
        truth.grounds[ground or "none"] += 1
        if ground:
            ledger.append("hold_ground", id=recording, who="k", ground=ground)

    def _enter(
        self, ledger: Ledger, kind: str, recording: str, ended_us: int, clock: ManualClock
    ) -> None:
        truth = self.of(DAY_OF(clock.wall_us()))
        now_us = clock.wall_us()
        if kind == "received":
            truth.received += 1
            back_us = now_us - ended_us
            ended = Moment(clock.now_us() - back_us, ended_us, ClockSource.SYNCHRONISED)
            ledger.append(
                "received",
                id=recording,
                final="f" * 64,
                retention_days=KEEP_DAYS,
                ended=ended,
                flagged=False,
                reason="stop",
                device="camera",
                kid=self.cameras[0].key.public.thumbprint,
                header="e" * 64,
            )
            truth.recorded_seconds.append(round(info_of(None, recording).seconds))
        elif kind in ("viewed", "downloaded"):
            self._give(ledger, kind, recording, truth)
        elif kind == "case":
            for what in ("opened", "added", "handed_over"):
                ledger.append(
                    "case",
                    case="12/26",
                    who="k.clerk",
                    what=what,
                    recording=recording,
                    reason="",
                    sha256="a" * 64,
                )
            truth.handed_over += 1
        elif kind == "hold_until":
            truth.holds_until += 1
            until_us = now_us + 3 * 24 * HOUR * SECOND
            ledger.append("hold_until", id=recording, reason="r", who="k", until_us=until_us)
            self._say_ground(ledger, recording, truth)
            ledger.append("release", id=recording, who="k")
        elif kind == "hold":
            truth.holds += 1
            ledger.append("hold", id=recording, reason="file 12/26 of A. Person", who="B. Person")
            self._say_ground(ledger, recording, truth)
        elif kind == "release":
            ledger.append("release", id=recording, who="B. Person")
        else:
            truth.deleted += 1
            truth.deleted_unseen += recording not in self._given
            age_us = now_us - ended_us
            late_us = age_us - KEEP_DAYS * 24 * HOUR * SECOND
            truth.late += HOUR * SECOND < late_us < 6 * HOUR * SECOND
            ledger.append("deleted", id=recording, final="f" * 64, why="expired", age_us=age_us)


def info_of(_place: object, recording: str) -> RecordingInfo:
    """What a recording of the made-up year says of itself."""
    draw = random.Random(recording)
    reason = draw.choices(("stop", "shutdown", "battery_critical", "failed"), (90, 6, 3, 1))[0]
    gaps = (Gap(FRAMES_LOST, 3, None, None),) if draw.random() < 0.02 else ()
    return RecordingInfo(
        id=recording,
        path="",
        device="camera",
        wearer=None,
        started="",
        seconds=draw.expovariate(1 / 240) + 8,
        pre_event_seconds=draw.uniform(0, 30),
        pre_event_shortfall_seconds=0,
        frames=0,
        bytes=0,
        bits_per_second=0,
        gaps=gaps,
        marks=(),
        flagged=False,
        sound=True,
        sound_gaps=(),
        rates=(),
        continues=None,
        policy="",
        retention_days=14,
        state="closed",
        reason=reason,
        final=None,
    )


def _at(day: date, hour: int) -> int:
    """Wall time, microseconds."""
    return round(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * SECOND


def _poisson(draw: random.Random, expected: float) -> int:
    """A Poisson number, by the times between events."""
    count, passed = 0, draw.expovariate(1)
    while passed < expected:
        count += 1
        passed += draw.expovariate(1)
    return count


__all__ = ["BOUNDS", "DAY_OF", "SyntheticYear", "Truth"]
