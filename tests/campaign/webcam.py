"""A visitor whose own camera is filmed for half an hour: what grows, and what it costs.

Chromium shows its fake camera to the page, and the page sends its pictures and what its fake
microphone hears. The camera records for most of the time, with pauses. Every ten seconds each
process is looked at: its memory, its file descriptors, and its processor time. In the last quarter
no process has more memory than in the second, when caches are full: neither the daemon's nor what
takes the pictures. The server keeps the newest 5,000 reports of the simulated hardware, of which
two come in a second, and may grow by those. The browser's own memory is the browser's. Each
recording verifies, and has more of the visitor's pictures than of the film.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Final

from tests.browser.person import browser
from tests.browser.visitor import FLAGS, is_visitor, pictures
from tests.campaign.soak import APART_SECONDS, Grown, Sample
from tests.campaign.table import say
from tests.system.harness import BodyCamera, body_camera
from tests.system.watching import family
from tests.waiting import until

CONFIG: Final = Path(__file__).parents[2] / "hw-mocks" / "bodycam.yaml"
GROWTH_KB: Final = 1024.0
"""Kilobytes that the middle of a quarter's looks may lie above that of another."""
REPORT_KB: Final = 1.0
RECORD_SECONDS: Final = 100.0
PAUSE_SECONDS: Final = 10.0
PATIENCE: Final = 60.0
EVERY: Final = 150
"""Pictures from one that is looked at to the next: five seconds."""
_NAMES: Final = {
    "hw_mocks.webcam_decoder": "decoder",
    "hw_mocks.sim": "server",
    "camerad.capture": "capture",
    "camerad.selfview": "display",
    "hw_mocks.boot": "daemon",
}
_TICK: Final = os.sysconf("SC_CLK_TCK")


def _name(pid: int) -> str | None:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return next((name for word, name in _NAMES.items() if word in words), None)
    return None


def _processor_seconds(pid: int) -> float:
    # User and system time are the 14th and the 15th field; the second one may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _look(pid: int, seconds: float) -> Sample:
    sizes = dict[str, int]()
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, _, rest = line.partition(":")
        sizes[key] = int(rest.split()[0])
    descriptors, threads = (len(os.listdir(f"/proc/{pid}/{what}")) for what in ("fd", "task"))
    return Sample(seconds, pid, "", sizes["Rss"], sizes["Pss"], descriptors, threads)


class Visit:
    """One visit, so many minutes long, to a camera that a page feeds already."""

    def __init__(
        self,
        camera: BodyCamera,
        simulator: int,
        minutes: float,
        scratch: Path,
        notes: Path | None = None,
    ) -> None:
        self._camera = camera
        self._simulator = simulator
        self._seconds = minutes * 60
        self._scratch = scratch
        self._notes = notes
        self._began = time.monotonic()
        self._next = 0.0
        self.grown: dict[str, Grown] = {}
        self.processor: dict[str, float] = {}
        self.findings: list[str] = []
        self.recordings = self.shown = self.looked_at = 0

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def run(self) -> None:
        """Record, and pause, until the time is over."""
        while self._now < self._seconds:
            self._camera.press("main", 1.3)
            self._camera.wait(PATIENCE, stage="recording")
            self._until(min(self._now + RECORD_SECONDS, self._seconds))
            self._camera.press_stop()
            self._camera.wait(PATIENCE, stage="idle")
            self._judge_recording()
            self._until(min(self._now + PAUSE_SECONDS, self._seconds))

    def _until(self, seconds: float) -> None:
        while self._now < seconds:
            if self._now >= self._next:
                self._next += APART_SECONDS
                for pid in family(self._simulator):
                    self._note(pid)
            time.sleep(min(1.0, max(0.0, min(seconds, self._next) - self._now)))

    def _note(self, pid: int) -> None:
        name = _name(pid)
        # A process may end while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if name is not None:
                sample = _look(pid, self._now)
                self.grown.setdefault(name, Grown(name)).samples.append(sample)
                if self._notes is not None:
                    with self._notes.open("a") as notes:
                        notes.write(json.dumps({"process": name, **asdict(sample)}) + "\n")
                self.processor[name] = _processor_seconds(pid)

    def _judge_recording(self) -> None:
        recording = self._camera.recordings[0]
        found = self._camera.ask("POST", "/api/open", {"id": recording["id"]}).body
        self.recordings += 1
        if found["verdict"] not in ("authentic", "qualified"):
            self.findings.append(f"{recording['id']}: {found}")
            return
        film = self._scratch / "film.mp4"
        with urllib.request.urlopen(self._camera.url + found["film"], timeout=60) as answer:
            film.write_bytes(answer.read())
        looked_at = pictures(film, EVERY)
        self.looked_at += len(looked_at)
        self.shown += sum(map(is_visitor, looked_at))

    def _quarter(self, grown: Grown, number: int) -> list[Sample]:
        """The looks in a quarter of the time, counted from 0."""
        from_s, to_s = (self._seconds * one / 4 for one in (number, number + 1))
        return [one for one in grown.samples if from_s <= one.seconds < to_s]

    def _median(self, grown: Grown, number: int) -> float:
        # What a picture takes while it is decoded is there at some looks and not at others.
        return median(one.rss for one in self._quarter(grown, number))

    def _kept(self) -> float:
        """Kilobytes that the server's reports may take; it keeps so many, and then no more."""
        return len(self._camera.ask("GET", "/api/reports").body) * REPORT_KB

    def judge(self) -> None:
        """What has grown, and what it cost."""
        for name, grown in sorted(self.grown.items()):
            first, last = self._median(grown, 1), self._median(grown, 3)
            allowed = GROWTH_KB + (self._kept() if name == "server" else 0)
            share = 100 * self.processor[name] / self._now
            say(
                f"{name:8} {len(grown.samples):4} samples  RSS {first:.0f} kB, then {last:.0f} kB, "
                f"of {allowed:.0f} kB more that are allowed  processor {share:.1f} %"
            )
            if last - first > allowed:
                self.findings.append(f"{name} has grown by {last - first:.0f} kB")
            counts = [
                {one.descriptors for one in self._quarter(grown, number)} for number in (1, 3)
            ]
            if max(counts[1]) > max(counts[0]) + 1:
                self.findings.append(f"{name} has more and more file descriptors: {counts}")
        say(f"{self.recordings} recordings; visitor in {self.shown} of {self.looked_at} pictures")
        if self.shown <= self.looked_at // 2:
            self.findings.append("the film was there more often than the visitor")


def campaign(directory: Path, minutes: float, notes: Path | None = None) -> int:
    """A visit of so many minutes; returns the number of findings. notes: a file that every look at
    a process is added to, one a line."""
    with body_camera(directory, CONFIG, page=True) as camera, browser(*FLAGS) as chromium:
        page = chromium.new_context(locale="en-GB").new_page()
        page.goto(camera.url)
        page.locator("#webcam-name").click()
        page.locator("#webcam-sound").check()
        page.locator("#webcam-toggle").click()
        until(lambda: camera.ask("GET", "/api/webcam").body["feeding"], PATIENCE, "the page sends")
        facts = json.loads((camera.state_dir / "sim.json").read_text())
        visit = Visit(camera, int(facts["pid"]), minutes, directory, notes)
        visit.run()
        visit.judge()
        page.locator("#webcam-toggle").click()
        say(f"{camera.ask('GET', '/api/webcam').body['pictures']} pictures came")
    for one in visit.findings:
        say(f"  {one}")
    return len(visit.findings)
