"""The ages of tombstones, checked from section 5 of ledger-format.md alone."""

from dataclasses import dataclass, field, replace
from typing import Any

SPARED = 600_000_000
TRUSTED = ("synchronised", "rtc")


@dataclass
class Run:
    """Entries of one boot, one after the other. said, synchronised: wall minus boot time."""

    boot: str
    first: int
    last: int
    before: int
    said: list[int] = field(default_factory=list)
    synchronised: list[int] = field(default_factory=list)

    def uptime(self, boot_us: int) -> int:
        """Uptime at a boot time of it."""
        return self.before + min(max(boot_us, self.first), self.last) - self.first

    def learn(self, source: str, *offsets: int) -> None:
        """Take what wall minus boot time was."""
        if source in TRUSTED:
            self.say(*offsets)
        if source == "synchronised":
            every = [*self.synchronised, *offsets]
            self.synchronised = [min(every), max(every)]

    def say(self, *offsets: int) -> None:
        """The same, by anybody's word."""
        every = [*self.said, *offsets]
        self.said = [min(every), max(every)]


@dataclass
class End:
    """When a recording ended, as a ledger has it. at: run and boot time."""

    at: tuple[int, int]
    boot: str
    known: bool = False
    device: str = ""
    final: str | None = None
    own: int | None = None  # its own trusted wall time, where its boot is not the ledger's
    synchronised: int | None = None  # wall time of its end, if that says so
    acknowledged: bool = False


@dataclass
class Stone:
    """A tombstone, and what was known of the recording then."""

    name: str
    why: str
    age: int
    at: tuple[int, int]
    end: End | None


class Times:
    """What a ledger's entries say of time."""

    def __init__(self) -> None:
        self.runs: dict[int, Run] = {}
        self.current = 0
        self.floors: list[tuple[int, int]] = []
        self.ends: dict[str, End] = {}
        self.stones: list[Stone] = []
        self.declared: list[tuple[str, int, int, int]] = []

    def take(self, entry: dict[str, Any]) -> None:
        """Take the next entry."""
        facts, kind, clock = entry["facts"], entry["kind"], entry["clock"]
        if kind == "epoch":
            self.current, self.ends = 0, {}
            if facts["synchronised"]:
                said = facts["synchronised"]
                self.floors.append((said["wall_us"], said["uptime_us"]))
            return
        if kind == "carried":
            self._carried(facts)
            return
        run = self.runs.get(self.current)
        if run is None or run.boot != entry["boot_id"]:
            before = run.uptime(run.last) if run else 0
            self.current += 1
            run = Run(entry["boot_id"], clock["boot_us"], clock["boot_us"], before)
            self.runs[self.current] = run
        run.last = max(run.last, clock["boot_us"])
        run.learn(clock["source"], clock["wall_us"] - clock["boot_us"])
        if kind == "clock_declared":
            said = (facts["who"], facts["run"], facts["boot_us"], facts["wall_us"])
            self.declared += [] if said in self.declared else [said]
        self._recording(entry)

    def _carried(self, facts: dict[str, Any]) -> None:
        for one in facts["runs"]:
            self.current = max(self.current, one["number"])
            run = self.runs.setdefault(one["number"], Run("", 0, 0, 0))
            run.boot, run.before = one["boot_id"], one["uptime_us"]
            run.first, run.last = one["first_us"], one["last_us"]
            run.learn(one["source"], one["low_us"], one["high_us"])
        for one in facts["recordings"]:
            ended = one["ended"] or {"source": "unknown"}
            self.ends[one["id"]] = End(
                (one["instant"]["run"], one["instant"]["boot_us"]),
                one["ended_boot"],
                one["ended"] is not None,
                one["device"],
                one["final"],
                one["stated_us"],
                ended["wall_us"] if ended["source"] == "synchronised" else None,
                one["acknowledged"] is not None,
            )

    def _recording(self, entry: dict[str, Any]) -> None:
        facts, kind, boot = entry["facts"], entry["kind"], entry["boot_id"]
        here = (self.current, entry["clock"]["boot_us"])
        if kind == "unreadable":
            self.ends.setdefault(facts["name"], End(here, boot, known=True))
        named = ("opened", "closed", "recovered", "received", "found", "missing", "changed")
        if kind not in (*named, "hold", "hold_until", "release", "acknowledged", "deleted"):
            return
        if kind == "deleted":
            end = self.ends.get(facts["id"])
            stone = Stone(facts["id"], facts["why"], facts["age_us"], here, end and replace(end))
            self.stones.append(stone)
        end = self.ends.setdefault(facts["id"], End(here, boot))
        if kind == "opened":
            end.boot = boot
        elif kind == "missing" and not end.known:
            end.known, end.boot = True, boot
        elif kind == "acknowledged":
            end.acknowledged |= facts["final"] == end.final
        elif kind in ("closed", "recovered", "received", "found"):
            self._ended(end, here, boot, facts, received=kind == "received")

    def _ended(
        self, end: End, here: tuple[int, int], boot: str, facts: dict[str, Any], *, received: bool
    ) -> None:
        ended, before = facts["ended"], replace(end)
        end.boot, end.final = facts["ended_boot"] or boot, facts["final"]
        end.known, end.device = ended is not None, facts.get("device", end.device)
        end.synchronised = None
        if ended is not None and ended["source"] == "synchronised":
            end.synchronised = ended["wall_us"]
        theirs = received or end.device
        runs = [number for number, run in self.runs.items() if run.boot == end.boot]
        if ended is not None and not theirs and runs:
            self.runs[max(runs)].learn(ended["source"], ended["wall_us"] - ended["boot_us"])
        if before.final != end.final:
            end.acknowledged = False
        elif before.known:
            return  # it was placed when it was heard of first
        if ended is not None and not theirs and runs:
            end.at, end.own = (max(runs), ended["boot_us"]), None
            return
        end.at, end.own = here, None
        if ended is not None and ended["source"] in TRUSTED:
            end.own = ended["wall_us"]

    def exact(self, end: End) -> bool:
        """Whether it ended at that point of this ledger, and not before it."""
        run = self.runs.get(end.at[0])
        return end.known and not end.device and run is not None and run.boot == end.boot

    def latest(self, at: tuple[int, int]) -> int | None:
        """The latest wall time of a point by synchronised time."""
        runs = ((number, run) for number, run in self.runs.items() if number >= at[0])
        found = [
            max(run.synchronised) + (at[1] if number == at[0] else run.first)
            for number, run in runs
            if run.synchronised
        ]
        return min(found, default=None)

    def earliest(self, at: tuple[int, int]) -> int | None:
        """The earliest one."""
        runs = ((number, run) for number, run in self.runs.items() if number <= at[0])
        found = [
            min(run.synchronised) + (at[1] if number == at[0] else run.last)
            for number, run in runs
            if run.synchronised
        ]
        return max(found, default=None)

    def contradicted(self, stone: Stone, others: "list[Times]") -> bool:
        """Whether the recording cannot have been so old."""
        end = stone.end
        if end is None or not end.known:
            return False
        exact = self.exact(end)
        if exact and end.at[0] == stone.at[0] and stone.age > stone.at[1] - end.at[1] + SPARED:
            return True
        ends = [(one, one.ends[stone.name]) for one in others if stone.name in one.ends]
        begun = [one.earliest(its.at) for one, its in ends if one.exact(its)]
        begun.append(self.earliest(end.at) if exact else end.synchronised)
        late, heard = self.latest(stone.at), self.latest(end.at)
        early = max((one for one in begun if one is not None), default=None)
        if late is None or early is None:
            return False
        return stone.age > late - min(early, early if heard is None else heard) + SPARED

    def supported(self, stone: Stone) -> bool:
        """Whether anybody's word makes it so old."""
        end = stone.end
        if stone.age <= SPARED:
            return True
        if end is None or not end.known or end.at[0] not in self.runs:
            return False
        here, there = self.runs[stone.at[0]], self.runs[end.at[0]]
        uptime = here.uptime(stone.at[1])
        late = [one + stone.at[1] for one in here.said]
        late += [wall + uptime - then for wall, then in self.floors]
        early = [one + end.at[1] for one in there.said]
        early += [] if end.own is None else [end.own]
        for number, run in self.runs.items():
            if number <= stone.at[0]:
                since = uptime - run.uptime(run.last)
                late += [one + run.last + since for one in run.synchronised]
            if number > end.at[0]:
                early += [one + run.first for one in run.said]
        most = uptime - there.uptime(end.at[1])
        if late and early:
            most = max(most, max(late) - min(early))
        return stone.age <= most + SPARED

    def taken_back(self) -> list[tuple[int, str]]:
        """What was declared of the time and is contradicted."""
        return [
            (1, f"What {who} declared of the time is contradicted.")
            for who, number, boot_us, wall_us in self.declared
            if self._against(number, boot_us, wall_us) or self.disputed(number, wall_us - boot_us)
        ]

    def disputed(self, number: int, offset: int) -> bool:
        """Whether somebody declared another time in that boot."""
        boot = self.runs[number].boot if number in self.runs else None
        others = [
            wall_us - boot_us
            for _, its, boot_us, wall_us in self.declared
            if its in self.runs and self.runs[its].boot == boot
        ]
        return any(abs(offset - other) > SPARED for other in others)

    def _against(self, number: int, boot_us: int, wall_us: int) -> bool:
        for at, run in self.runs.items():
            if not run.synchronised:
                continue
            low, high = run.synchronised
            if at < number and low + run.last > wall_us + SPARED:
                return True
            if at > number and high + run.first < wall_us - SPARED:
                return True
            if at == number and not low - SPARED <= wall_us - boot_us <= high + SPARED:
                return True
        return False

    def judged(self, others: "list[Times]", *, office: bool) -> list[tuple[int, str]]:
        """What is wrong with the tombstones, or worth knowing. others: ledgers of the devices."""
        found = []
        for _, number, boot_us, wall_us in self.declared:
            if number in self.runs and not self.disputed(number, wall_us - boot_us):
                self.runs[number].say(wall_us - boot_us)
        for one in self.stones:
            if self.contradicted(one, others):
                found.append((2, f"{one.name} cannot have been as old as its tombstone says."))
            elif one.why == "offloaded" and (office or not (one.end and one.end.acknowledged)):
                found.append((2, f"{one.name} was deleted as handed over, which it was not."))
            elif not self.supported(one):
                found.append((1, f"Nothing makes {one.name} as old as its tombstone says."))
        return found
