"""Power is lost in one phase of a camera's life, by the hundred: a state is judged within a second.

`tests.campaign.cuts` starts a whole camera on a state and looks at the pictures. Here the states of
a phase are many and come from one run of the camera: the file system is checked and mounted afresh,
the production code repairs what is there in this process, and the judge of the crash tests
(`tests.crash.judge`) holds it to what was certain at that instant by the syncs that had succeeded:
every committed fragment, every recording that was closed or kept, the ledger up to its last entry.

As a test of the test, states are made as a card leaves them that only says that it flushed. They
must be found out.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final
from unittest import mock

from camerad.ledger import entries
from camerad.ledger.entries import Head
from camerad.store import identity
from tests.campaign import blocklog, judging
from tests.campaign.blockstates import Entry, Log, State, states, torn_at
from tests.campaign.checking import checked
from tests.campaign.lives import Life, lines_owed, owed, payload, read_once
from tests.campaign.table import say
from tests.crash.device import STATE
from tests.crash.judge import LEDGER, RECORDINGS, LifeJudge
from tests.crash.model import Tree
from tests.crash.restart import Restarter, remembered
from tests.crash.runs import FAST, quiet
from tests.crash.trace import Promise
from tests.crash.workspace import Workspace
from tests.system import sealed

LOST_SECONDS: Final = 1.0
CAUGHT: Final = 0.5
"""A card that lies has to be found out in more than this share of its states: not in all, since
what it had not written may be nothing that anybody was told of."""
_ONE_CONTROL_PER: Final = 5
_AGAIN: Final = 10
"""One state in so many is started twice."""
_EACH: Final = 50
"""After so many states a judge forgets what it has verified: it is held by its bytes."""


@dataclass
class Tally:
    """What became of the states of a phase. wanted: so many; flushes: of them just after a flush;
    torn: with a write that is there in part; lost: seconds of footage, where something was being
    recorded. controls, caught: states of a card that lies, and those that were found out."""

    phase: str
    wanted: int
    states: int = 0
    flushes: int = 0
    torn: int = 0
    controls: int = 0
    caught: int = 0
    lost: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be."""
        found = list(self.findings)
        if self.states < self.wanted:
            found.append(f"{self.phase}: only {self.states} of {self.wanted} states")
        if self.controls and self.caught <= CAUGHT * self.controls:
            found.append(
                f"{self.phase}: a card that lies was found out in {self.caught} of "
                f"{self.controls} states only"
            )
        return found

    def line(self) -> str:
        """One row of the report."""
        worst = f"{max(self.lost):.2f} s of {len(self.lost)}" if self.lost else "-"
        return (
            f"  {self.phase:13} {self.states:5} states ({self.flushes} at a flush, {self.torn} "
            f"torn)  {len(self.findings)} findings  worst loss {worst}  "
            f"lying card found out {self.caught} of {self.controls}"
        )

    def count(self, state: State, log: Log) -> None:
        """Note what kind of a state it is."""
        self.states += 1
        self.flushes += state.certain == state.issued
        self.torn += any(length < log.entries[number].length for number, length in state.kept)


@contextmanager
def quick() -> Iterator[None]:
    """Production code is quiet, what was checked once is not checked again, and sync(2) leaves the
    machine's other disks alone: of the device that is judged nothing waits to be written."""
    with quiet(), remembered(), mock.patch("os.sync", lambda: None):
        yield


@contextmanager
def fast_directory() -> Iterator[Path]:
    """A directory in memory."""
    with tempfile.TemporaryDirectory(dir=FAST, prefix="camerad-cuts-") as name:
        yield Path(name)


def campaign(
    life: Life, phase: str, count: int, seed: int, first: int = 1, *, controls: bool = True
) -> Tally:
    """So many states of a phase, from the number `first` on. controls: and a fifth as many of a
    card that lies."""
    tally = Tally(phase, max(0, count - first + 1))
    written = _entries(life)
    honest = states(written, life.windows, count, Random(f"{seed}/{phase}"))
    # Before that the camera had no key yet, and nothing was promised.
    since = [(life.windows[0][0], 1 << 63)]
    honest += torn_at(written, blocklog.SUPERBLOCK_TORN, since)
    honest.sort(key=lambda one: (one.certain, one.issued, one.kept))
    lying = states(
        *(written, life.windows, count // _ONE_CONTROL_PER, Random(f"{seed}/{phase}/lying")),
        drop=True,
    )
    with quick():
        for number, state, log, found in _judged(life, honest[first - 1 :]):
            tally.count(state, log)
            tally.lost += found.lost
            tally.findings += [f"{phase} {number + first}: {one}" for one in found.findings]
            for one in found.findings:
                say(f"  FINDING {phase} {number + first}: {one}")
        for _, _, _, found in _judged(life, lying if controls else []):
            tally.controls += 1
            # Not what the file system says of itself: it is the evidence that has to show it.
            tally.caught += any(not one.startswith("e2fsck") for one in found.findings)
    return tally


def _entries(life: Life) -> list[Entry]:
    log = Log(life.log, life.image)
    log.close()
    return log.entries


@dataclass
class Found:
    """lost: seconds of footage."""

    findings: list[str]
    lost: list[float]


def _judged(life: Life, made: list[State]) -> Iterator[tuple[int, State, Log, Found]]:
    with fast_directory() as directory, fast_directory() as scratch:
        image = directory / "image"
        subprocess.run(["cp", "--sparse=always", str(life.image), str(image)], check=True)
        log = Log(life.log, image)
        judge = LifeJudge(str(scratch), notes=True)
        for number, state in enumerate(made):
            if number % _EACH == 0:
                judge = LifeJudge(str(scratch), notes=True)
            twice = number % _AGAIN == 0
            with log.made(state, directory) as cut:
                found = judged(life, state.at_us, cut, judge.fresh(), twice=twice)
            yield number, state, log, found
        log.close()


def judged(life: Life, at_us: int, cut: Path, judge: LifeJudge, *, twice: bool) -> Found:
    """What a start makes of a file system, and what is wrong with that. judge: one who has been
    promised nothing yet; twice: a second start must find nothing to do."""
    found = Found(checked(cut), [])
    root = cut.with_name("root")
    for promise in promises(life, at_us):
        judge.take(promise)
    restart = Restarter(judge)
    try:
        with _shown(life, cut, root / STATE):
            before = Workspace(str(root)).read()
            error = _raised(restart, root)
            after = Workspace(str(root)).read()
            found.findings += judge.judge(before, after, error)
            if error is None:
                found.findings += _deleted(life, after)
                _judge_loss(life, at_us, root, found)
            if error is None and twice:
                if (error := _raised(restart, root)) is not None:
                    found.findings.append(f"a second start fails: {error!r}")
                found.findings += judge.again(after, Workspace(str(root)).read(), [])
    except subprocess.CalledProcessError as failed:
        found.findings.append(f"the file system cannot be mounted: {failed}")
    return found


@contextmanager
def _shown(life: Life, cut: Path, state: Path) -> Iterator[None]:
    """The state directory that is in `cut`."""
    if not life.inside:
        with blocklog.mounted(cut, state):
            yield
        return
    whole = cut.with_name("whole")
    with blocklog.mounted(cut, whole), blocklog.bound(whole / life.inside, state):
        yield


def _raised(restart: Restarter, root: Path) -> Exception | None:
    """What a start raises."""
    try:
        restart(str(root))
    except Exception as error:  # noqa: BLE001 - whatever it is, the judge is told
        return error
    return None


def promises(life: Life, at_us: int) -> list[Promise]:
    """What was certain at an instant, in the words of the judge of the crash tests."""
    thumbprint = identity.published(str(life.card))[0].thumbprint
    found = [
        Promise("now", {"wall_us": life.wall_us + at_us}),
        Promise("identity", {"thumbprint": thumbprint}),
    ]
    for name in life.kept:
        path = life.card / "recordings" / f"{name}.tar"
        facts = {"path": f"{RECORDINGS}{path.name}", "data": path.read_bytes()}
        found.append(Promise("whole", facts))
    for one in owed(life, at_us):
        data = (life.card / "recordings" / one.name).read_bytes()[: one.prefix]
        facts = {"path": f"{RECORDINGS}{one.name}", "data": data}
        found.append(Promise("whole" if one.closed else "begins", facts))
    head = _head(life, at_us)
    if head is not None:
        found.append(Promise("head", {"directory": LEDGER, "head": head}))
    found += [Promise("deleted", {"path": path}) for path in _gone(life, at_us)]
    return found


def _head(life: Life, at_us: int) -> Head | None:
    """The last entry of the ledger that was certain."""
    lines = lines_owed(life, at_us)
    if not lines:
        return None
    last = lines[max(lines)]
    keys = identity.key_ring(str(life.card))
    return [one.entry.head for one in entries.read_lines(last, keys) if one.entry is not None][-1]


def _gone(life: Life, at_us: int) -> list[str]:
    """Files whose removal was certain: deletions are done one after the other, so the entry that
    follows a tombstone is written when what that speaks of has been removed."""
    found, pending = [], ""
    for path in sorted((life.card / "ledger").glob("*.jws")):
        for line in path.read_bytes().splitlines():
            said = payload(line)
            if said["clock"]["boot_us"] > at_us or said["boot_id"] != life.boot_id:
                continue
            if pending:
                found.append(pending)
            pending = ""
            if said["kind"] == "deleted":
                pending = f"{RECORDINGS}{said['facts']['id']}.tar"
    return found


def _deleted(life: Life, after: Tree) -> list[str]:
    """What is due is gone after a start."""
    paths = [f"{RECORDINGS}{name}.tar" for name in life.due]
    return [f"{path} is due, and is still there" for path in paths if path in after.files]


def _judge_loss(life: Life, at_us: int, root: Path, found: Found) -> None:
    """How much footage since the press is not in what was being recorded."""
    for path in judging.recordings(life.card / "recordings"):
        read = read_once(path)
        if read.header["boot_id"] != life.boot_id:
            continue
        # What is from before the press has been promised to nobody.
        began_us = max(read.header["trigger_us"], read.header["origin_us"])
        if read.end is None or not began_us < at_us < read.end["closing"]["at_us"]:
            continue
        kept = root / STATE / "recordings" / path.name
        commits = sealed.read(kept).commits if kept.exists() else ()
        until_us = commits[-1]["facts"]["end_us"] if commits else began_us
        lost = max(0.0, (at_us - max(began_us, until_us)) / 1e6)
        found.lost.append(lost)
        if lost > LOST_SECONDS:
            found.findings.append(f"{path.name}: {lost:.2f} s are lost")
