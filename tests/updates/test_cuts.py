"""Power lost while an update is installed, tried and kept: a system starts that is whole, and all
that was recorded is there.

The card is on a device whose every write and flush is logged; states that a loss of power may leave
are made of that log, and each is started as the firmware would.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from camerad.base.errors import CameradError
from camerad.behaviour.update import RunningVersion, UpdatePhase
from camerad.update.boot_selection import BootSelection
from camerad.update.update_file import open_update_file
from camerad.update.updater import Updater
from camerad_image import updates
from camerad_image.boards import SLOTS
from tests.campaign import blocklog, qemulog
from tests.campaign.blocklog import SUPERBLOCK_TORN, WRITE
from tests.campaign.blockstates import Entry, Log, State, lie, states, torn_at
from tests.campaign.checking import CHECK
from tests.crash.runs import FAST
from tests.unit.update.scene import DOCKED
from tests.updates import card
from tests.updates.card import IMAGE, Start, System
from tests.updates.story import EVIDENCE, NEW, OLD, TRY, Story, install

COUNT = int(os.environ.get("CAMERAD_CUTS", "30"))
"""States of the installation that are judged, half as many from then to the trial, and of that."""
QEMU = os.environ.get("CAMERAD_CUTS_LOG") == "qemu"
"""Whether the log is QEMU's, which knows no time, or that of the other campaigns."""


def sh(*words: str | Path) -> str:
    said = subprocess.run([str(one) for one in words], check=True, capture_output=True, text=True)
    return said.stdout


def instant(disk: Path) -> int:
    """What time it is, as the log of a disk knows it too."""
    return qemulog.tell(disk) if QEMU else blocklog.now_us()


@contextlib.contextmanager
def mounted(image: Path, place: Path) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    sh("mount", "-o", "loop,noatime,dioread_lock", image, place)
    try:
        yield
    finally:
        sh("umount", place)


@dataclass
class Life:
    """Two starts as the card saw them. base: the card before. boots: what the boot partition of
    each slot is to be. installing, trying: from when to when, microseconds."""

    base: Path
    log: Path
    boots: dict[str, Path]
    installing: tuple[int, int]
    trying: tuple[int, int]

    def entries(self) -> list[Entry]:
        log = Log(self.log, self.base)
        log.close()
        return log.entries

    def states(
        self, window: tuple[int, int], count: int, seed: int, *, since: int = 0
    ) -> list[State]:
        return states(self.entries(), [window], count, Random(seed), since=since)

    def installed(self) -> int:
        """After how many entries slot B was written."""
        slot = [card.PARTITIONS[name] for name in ("boot-b", "root-b")]
        return max(
            number
            for number, one in enumerate(self.entries(), 1)
            if any(at <= one.offset < at + part.size and one.kind == WRITE for part, at in slot)
        )

    def lying(
        self, window: tuple[int, int], phase: UpdatePhase, count: int, seed: int
    ) -> list[State]:
        """As a card is found after a start that came to its end, if none of its flushes did
        anything from some moment on, before the update reached a phase, which then was told."""
        log, random = Log(self.log, self.base), Random(seed)
        within = [n for n, one in enumerate(log.entries, 1) if window[0] <= one.at_us <= window[1]]
        since, issued = within[0] - 1, within[-1]
        told = log.first(f'"phase":"{phase}"'.encode(), since)
        log.close()
        found = [
            lie(log.entries, issued, window[1], random, told=told, since=since)
            for _ in range(count)
        ]
        return sorted(found, key=lambda one: (one.certain, one.issued, one.kept))

    def told(self, at_us: int) -> tuple[UpdatePhase, ...]:
        """What may have become of the update in the next start, by what had been told."""
        if at_us >= self.trying[1]:
            return (UpdatePhase.CONFIRMED,)
        if at_us >= self.installing[1]:
            return (UpdatePhase.FELL_BACK, UpdatePhase.CONFIRMED)
        return tuple(UpdatePhase)

    def torn(self, window: tuple[int, int]) -> list[State]:
        """Those in which the data partition's superblock is torn."""
        place = card.PARTITIONS["data"][1] + SUPERBLOCK_TORN
        return torn_at(self.entries(), place, [window])


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("only root makes a device that keeps a log, with FUSE")
    story = Story(tmp_path_factory.mktemp("cuts"))
    bundle = story.bundle("new", System(NEW))
    base = story.root / "base.img"
    shutil.copy(story.disk, base)
    keyring = story.authority.keyring
    boots = {
        slot: card.make_system(System(version), keyring, story.root / slot)[1]
        for slot, version in (("A", OLD), ("B", NEW))
    }
    log = story.root / "log"
    windows = []
    if QEMU and (why := qemulog.missing()) is not None:
        pytest.skip(why)
    served = qemulog.served if QEMU else blocklog.served
    with served(story.disk, story.root / "fuse", log) as file:
        story.disk = file
        for number, actions in enumerate([(install(bundle), TRY), ()]):
            from_us = instant(file)
            ended = story.start(*actions, tryboot=number == 1)
            windows.append((from_us, instant(file)))
    assert ended.told("confirm")["out"] == "confirmed"
    return Life(base, log, boots, windows[0], windows[1])


@pytest.fixture
def work() -> Iterator[Path]:
    made = Path(FAST) / f"camerad-update-{os.getpid()}"
    made.mkdir()
    yield made
    shutil.rmtree(made)


def is_whole(life: Life, disk: Path, start: Start, work: Path) -> bool:
    boot = card.get(disk, SLOTS[start.slot][0].name, work / "boot.img")
    same = filecmp.cmp(boot, life.boots[start.slot], shallow=False)
    return same and card.is_whole(disk, start, work)


def judged(
    life: Life, at_us: int, disk: Path, work: Path
) -> tuple[str, UpdatePhase | None, list[str]]:
    """The start after: which slot, how far the update is then (None: that cannot be told), and what
    is wrong."""
    try:
        start = card.firmware(disk)
    except card.NoStartError as error:
        return "", None, [f"the firmware starts nothing: {error}"]
    wrong = []
    if not is_whole(life, disk, start, work):
        wrong.append(f"slot {start.slot} starts, and is not whole")
    data = card.get(disk, "data", work / "data.img")
    check = ["/bin/sh", str(CHECK), str(data)]
    mended = subprocess.run(check, capture_output=True, text=True, check=False)
    if mended.returncode != 0:
        wrong.append(f"the check of the data: {mended.stdout}{mended.stderr}")
        return start.slot, None, wrong
    boot = work / "boot"
    boot.mkdir(exist_ok=True)
    try:
        (boot / "autoboot.txt").write_bytes(card.read_fat(disk, "common", "autoboot.txt"))
        with mounted(data, work / "mnt"):
            for name, content in EVIDENCE.items():
                if (work / "mnt/camerad" / name).read_bytes() != content:
                    wrong.append(f"{name} is another")
            kept = open_update_file(str(work / "mnt/provision/update"))
            carrying = Updater(BootSelection(str(boot)), kept, lambda: DOCKED, lambda: ())
            version = {"A": OLD, "B": NEW}[start.slot]
            now = RunningVersion(
                IMAGE, version, updates.MINIMUM, start.slot, BootSelection(str(boot)).primary
            )
            phase = carrying.judge_start(now)
            if kept.state.pending != (work / "mnt/provision/update/pending").exists():
                wrong.append("the units look at something else than is so")
    except (OSError, subprocess.CalledProcessError, CameradError) as error:
        return start.slot, None, [*wrong, f"what is kept cannot be used: {error}"]
    if phase in (UpdatePhase.TO_TRY, UpdatePhase.FELL_BACK):
        try:
            trial = card.firmware(disk, tryboot=True)
        except card.NoStartError as error:
            wrong.append(f"what waits for its trial, or had it, does not start: {error}")
        else:
            if trial.slot != "B" or not is_whole(life, disk, trial, work):
                wrong.append("what waits for its trial, or had it, is not whole")
    if phase not in life.told(at_us):
        wrong.append(f"the update is {phase}, which it cannot be by what had been told")
    if (start.slot == "B") != (phase is UpdatePhase.CONFIRMED):
        wrong.append(f"slot {start.slot} starts, and the update is {phase}")
    return start.slot, phase, wrong


def judge_all(
    life: Life, work: Path, found: list[State]
) -> list[tuple[str, UpdatePhase | None, list[str]]]:
    forward = work / "forward.img"
    shutil.copy(life.base, forward)
    log = Log(life.log, forward)
    verdicts = []
    for state in found:
        log.make(state, work / "disk.img")
        verdicts.append(judged(life, state.at_us, work / "disk.img", work))
    log.close()
    return verdicts


def test_whenever_the_power_is_lost_a_whole_system_starts_with_all_that_was_recorded(
    life: Life, work: Path
) -> None:
    found = life.states(life.installing, COUNT, 1)
    assert len(found) == COUNT
    # Of all writes one in twenty is behind the slot's last one.
    found += life.states(life.installing, COUNT // 2, 3, since=life.installed())
    found += life.states(life.trying, COUNT // 2, 1)
    torn = life.torn(life.installing) + life.torn(life.trying)
    assert len(torn) >= 2, "it is written when it is mounted, at least"
    found = sorted({*found, *torn}, key=lambda one: (one.certain, one.issued, one.kept))
    verdicts = judge_all(life, work, found)
    counted = Counter(f"{slot}: {phase}" for slot, phase, _ in verdicts)
    sys.stdout.write(f"{len(found)} states ({len(torn)} torn superblocks): {dict(counted)}\n")
    assert [wrong for _, _, wrong in verdicts if wrong] == []
    phases = [phase for _, phase, _ in verdicts]
    assert phases[0] is UpdatePhase.IDLE
    assert {UpdatePhase.TO_TRY, UpdatePhase.FELL_BACK} & set(phases)
    assert phases[-1] is UpdatePhase.CONFIRMED, "the last ones are those of the end"


def test_a_card_that_lies_about_its_flushes_is_found_out(life: Life, work: Path) -> None:
    """The test before would otherwise pass where nothing is looked at."""
    for window, told in (
        (life.installing, UpdatePhase.TRYING),
        (life.trying, UpdatePhase.CONFIRMED),
    ):
        found = life.lying(window, told, COUNT // 2, 2)
        caught = [wrong for _, _, wrong in judge_all(life, work, found) if wrong]
        sys.stdout.write(f"{len(caught)} of {len(found)} states of a card that lies found out\n")
        # Two of three are, as a rule: what was lost may be free room, or was written once more.
        assert len(caught) > len(found) // 4
