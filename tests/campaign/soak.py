"""A shift in real time: what grows in it, and whether a single picture is unaccounted for.

The camera is worn, shows people their picture, records and is put back to idle, sixty times in
two hours. Every ten seconds each process of the daemon is looked at: its memory (smaps_rollup in
proc(5)), file descriptors, threads. After the first quarter, in which caches fill, memory has no
slope, and in idle there are as many descriptors and threads as before. What is not there all the
while is no growth. A picture that is looked at has a descriptor for 2 of its 33 ms; the daemon
looks at its card and its clock from threads that live for some milliseconds, and once an hour it
reads through its store. So the least of some looks counts, and of each two that follow.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.campaign import judging
from tests.campaign.table import say
from tests.system.harness import SHIPPED, BodyCamera, body_camera, configuration, until
from tests.system.watching import family

APART_SECONDS: Final = 10.0
LOOKS: Final = 5
LOOK_PAUSE_SECONDS: Final = 0.01
ACTIVATIONS_PER_HOUR: Final = 30
SLOPE_KB: Final = 1024.0
"""Kilobytes per hour that a process may seem to grow by."""
RECORD_SECONDS: Final = (5.0, 40.0)
FIRST_PART: Final = 0.25
_MODULES: Final = ("camerad.capture", "camerad.selfview", "camerad.capture.badge_reader")


@dataclass
class Sample:
    """One look at one process. seconds: since the beginning; the memory is in kilobytes."""

    seconds: float
    pid: int
    stage: str
    rss: int
    pss: int
    descriptors: int
    threads: int


@dataclass
class Grown:
    """What a process came to. slope: kilobytes of RSS per hour; None with too few samples."""

    process: str
    samples: list[Sample] = field(default_factory=list)

    def slope(self, after: float) -> float | None:
        """Least squares through all samples later than `after` seconds."""
        late = [(one.seconds / 3600, one.rss) for one in self.samples if one.seconds >= after]
        if len(late) < 3:
            return None
        mean_x = sum(x for x, _ in late) / len(late)
        mean_y = sum(y for _, y in late) / len(late)
        spread = sum((x - mean_x) ** 2 for x, _ in late)
        return sum((x - mean_x) * (y - mean_y) for x, y in late) / spread


def _name(pid: int, daemon: int) -> str | None:
    """What a process of the daemon's is; None for one that is none of the lasting ones."""
    if pid == daemon:
        return "camerad"
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return next((module for module in _MODULES if module in words), None)
    return None


def lasting(counts: Sequence[int]) -> set[int]:
    """How many there were of something for more than one look, of counts in order of time."""
    return set(map(min, counts, counts[1:]))


def _least(directory: str) -> int:
    """How many entries are there all the while."""
    least = len(os.listdir(directory))
    for _ in range(LOOKS - 1):
        time.sleep(LOOK_PAUSE_SECONDS)
        least = min(least, len(os.listdir(directory)))
    return least


def _look(camera: BodyCamera, seconds: float) -> Iterator[tuple[str, Sample]]:
    stage = str(camera.state["stage"])
    for pid in family(camera.daemon_pid):
        name = _name(pid, camera.daemon_pid)
        if name is None:
            continue
        # A process may end while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            sizes = dict[str, int]()
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                key, _, rest = line.partition(":")
                sizes[key] = int(rest.split()[0])
            descriptors, threads = _least(f"/proc/{pid}/fd"), _least(f"/proc/{pid}/task")
            sample = Sample(seconds, pid, stage, sizes["Rss"], sizes["Pss"], descriptors, threads)
            yield name, sample


class Shift:
    """One shift, so many minutes long. notes: a file that every sample is added to, one a line."""

    def __init__(
        self,
        camera: BodyCamera,
        workspace: Path,
        minutes: float,
        seed: int,
        notes: Path | None = None,
    ) -> None:
        self._camera = camera
        self._workspace = workspace
        self._seconds = minutes * 60
        self._random = Random(f"soak/{seed}")
        self._notes = notes
        self._began = time.monotonic()
        self._next = 0.0
        self._judged = set[str]()
        self.grown: dict[str, Grown] = {}
        self.findings: list[str] = []
        self.pictures = 0
        self.missing = 0
        self.activations = 0

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def run(self) -> None:
        """Wear the camera until the shift is over."""
        activations = max(2, round(self._seconds / 3600 * ACTIVATIONS_PER_HOUR))
        for number in range(activations):
            self._until(self._seconds * (number + 0.5) / activations)
            room = self._seconds / activations
            self._activate(min(self._random.uniform(*RECORD_SECONDS), room * 0.4))
        self._until(self._seconds)

    def _until(self, seconds: float) -> None:
        while self._now < seconds:
            if self._now >= self._next:
                self._next += APART_SECONDS
                for name, sample in _look(self._camera, self._now):
                    self.grown.setdefault(name, Grown(name)).samples.append(sample)
                    self._note(name, sample)
            time.sleep(min(1.0, max(0.0, min(seconds, self._next) - self._now)))

    def _note(self, name: str, sample: Sample) -> None:
        if self._notes is not None:
            with self._notes.open("a") as notes:
                notes.write(json.dumps({"process": name, **asdict(sample)}) + "\n")

    def _activate(self, seconds: float) -> None:
        camera = self._camera
        self.activations += 1
        camera.press()
        camera.wait(stage="self_view")
        self._until(self._now + 2.0)
        camera.press()
        camera.wait(stage="recording")
        self._until(self._now + seconds)
        camera.press_stop()
        camera.wait(stage="idle", ready=True)
        for path in judging.recordings(camera.state_dir / "camerad" / "recordings"):
            if path.name in self._judged:
                continue
            self._judged.add(path.name)
            film = judging.film(path, camera.epoch_us, self._workspace)
            self.findings += film.findings
            self.missing += film.missing
            if film.first_us is not None and film.last_us is not None:
                self.pictures += round((film.last_us - film.first_us) / judging.PERIOD_US)

    def judge(self) -> None:
        """What has grown, and what is not as often there as it was."""
        first = self._seconds * FIRST_PART
        for name, grown in sorted(self.grown.items()):
            slope = grown.slope(first)
            idle = [s for s in grown.samples if s.seconds >= first and s.stage == "idle"]
            counts = {
                "file descriptors": lasting([sample.descriptors for sample in idle]),
                "threads": lasting([sample.threads for sample in idle]),
            }
            last = grown.samples[-1]
            told = "-" if slope is None else f"{slope:+.0f} kB/h"
            say(
                f"{name:18} {len(grown.samples):4} samples  RSS {last.rss} kB  PSS {last.pss} kB  "
                f"slope {told}  {counts}"
            )
            if slope is not None and slope > SLOPE_KB:
                self.findings.append(f"{name} grows by {slope:.0f} kB per hour")
            if len({sample.pid for sample in grown.samples}) > 1:
                self.findings.append(f"{name} was another process in the end than at first")
            for what, seen in counts.items():
                if len(seen) > 1:
                    self.findings.append(f"{name} has between {sorted(seen)} {what} in idle")


def campaign(directory: Path, minutes: float, seed: int, notes: Path | None = None) -> int:
    """A shift of so many minutes; returns the number of findings. notes: see `Shift`."""
    workspace = directory / "work"
    workspace.mkdir()
    sections: dict[str, Any] = {"pre_event": {"seconds": 10}, "camera": SHIPPED}
    with body_camera(directory, configuration(directory, **sections)) as camera:
        shift = Shift(camera, workspace, minutes, seed, notes)
        shift.run()
        shift.judge()
        key = judging.device_key(camera.state_dir / "camerad", workspace / "device.jwk")
        until(lambda: camera.state["stage"] == "idle", 20, "the camera is idle")
        shift.findings += judging.verified(camera.state_dir / "camerad", key, (0,))
    say(
        f"soak: {minutes:g} minutes, {shift.activations} activations, {shift.pictures} pictures, "
        f"{shift.missing} of them in stated gaps, {len(shift.findings)} findings"
    )
    for one in shift.findings:
        say(f"  {one}")
    return len(shift.findings)
