"""The daemon is killed again and again, in one world that goes on; nothing committed may be lost.

Each run kills the whole daemon (its children die with it) at a seeded instant, lets it be started
again as a service manager would, and judges what was left: the recording that ran, and the one that
goes on from it. That one is the next run's victim, so that no time is lost in between.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from camerad.base.errors import CameradError
from camerad.container.keys import KeyRing
from camerad.container.severity import Severity
from camerad.ledger.ledger import read_ledger
from tests.campaign import judging
from tests.campaign.table import Run, say
from tests.system import sealed
from tests.system.harness import BodyCamera, body_camera, configuration, now_us, until

PHASES: Final = ("running", "running", "running", "first", "stop", "repair", "repair")
"""What a kill falls into, as often as each stands here: somewhere in a recording; its first 300 ms;
its stop; the repair of what an earlier kill left."""
LOST_SECONDS: Final = 1.0
GOES_ON_SECONDS: Final = 2.0
READY_SECONDS: Final = 20.0
HOLD_US: Final = 1_000_000
"""Main is held so long to record."""
UNSURE_US: Final = 150_000
"""Around a decision, nobody can tell from outside on which side of it a kill fell."""
RESTART_SECONDS: Final = 0.1
BUSY_PERCENT: Final = 60.0
"""Share of the last ten seconds in which something waited for a processor (PSI, "some avg10"): on a
machine that is busier than that, times are the machine's and not the camera's."""
SLOW_SYNC_SECONDS: Final = 0.3


class Victim:
    """A body camera whose daemon is killed."""

    def __init__(self, camera: BodyCamera, workspace: Path) -> None:
        self.camera = camera
        self.workspace = workspace
        self.card = camera.state_dir / "camerad"
        self.directory = self.card / "recordings"
        self.syncs: list[dict[str, Any]] = []
        self.key = judging.device_key(self.card, workspace / "device.jwk")
        self.ring = KeyRing.read([str(self.key)])
        self._seen_us = 0

    def facts(self) -> dict[str, Any]:
        """What the simulator says of itself now."""
        facts: dict[str, Any] = json.loads((self.camera.state_dir / "sim.json").read_text())
        return facts

    def hear(self) -> None:
        """Take in which syncs were reported since."""
        reports = self.camera.ask("GET", f"/api/reports?after={self._seen_us}").body
        new = [one for one in reports if "synced" in one]
        self.syncs = [*self.syncs[-500:], *new]
        self._seen_us = max([self._seen_us, *(one["at_us"] for one in new)])

    def synced(self, path: Path, until_us: int) -> int:
        """How many syncs of a file had succeeded by then."""
        name = os.path.realpath(path)
        return sum(one["synced"] == name and one["at_us"] <= until_us for one in self.syncs)

    def kill(self) -> int:
        """Kill the daemon now; returns when that was."""
        body = {"name": "daemon_killed", "seconds": RESTART_SECONDS}
        reply = self.camera.ask("POST", "/api/fault", body)
        assert reply.status == 200, reply
        at_us: int = reply.body["at_us"]
        return at_us

    def started(self, killed_us: int) -> int:
        """Wait until another daemon was started; returns when that was."""

        def look() -> int | None:
            started_us: int = self.facts()["started_us"]
            return started_us if started_us > killed_us else None

        return until(look, 10, "the daemon is started again", pause=0.005)

    def up(self) -> str:
        """Wait until the camera can record, or does; returns its stage."""

        def look() -> str | None:
            state = self.camera.state
            if state["stage"] == "recording" and state["recording"] and state["recording"]["id"]:
                return "recording"
            return "idle" if state["stage"] == "idle" and state["ready"] else None

        return until(look, READY_SECONDS, f"the camera is ready: {self.camera.state}")

    def settle(self) -> None:
        """Wait for the end of what the camera does by itself, recording apart."""
        until(lambda: self.camera.state["stage"] in ("idle", "recording"), 10, "it rests")

    def hold(self, down: bool) -> int:
        """Press main down, or let it go; returns when that was."""
        reply = self.camera.ask("POST", "/api/press", {"button": "main", "down": down})
        assert reply.status == 200, reply
        self.camera.touched_us = int(reply.body["at_us"] or now_us())
        return self.camera.touched_us


def wait_until(at_us: float) -> None:
    """Real time is what this is about."""
    time.sleep(max(0.0, (at_us - now_us()) / 1e6))


@contextmanager
def victim(directory: Path) -> Iterator[Victim]:
    """A camera to be killed, with a pre-event buffer of two seconds."""
    with body_camera(directory, configuration(directory, pre_event={"seconds": 2})) as camera:
        workspace = directory / "work"
        workspace.mkdir()
        yield Victim(camera, workspace)


class Kills:
    """Runs the campaign on one camera. seed, number: make a run what it is."""

    def __init__(self, victim: Victim, seed: int) -> None:
        self._victim = victim
        self._seed = seed
        self._known: set[str] = set()

    def run(self, number: int) -> Run:
        """One kill, or two; judged."""
        random = Random(f"{self._seed}/{number}")
        phase = random.choice(PHASES)
        run = Run(number, phase)
        try:
            getattr(self, f"_{phase}")(run, random)
        except AssertionError as error:
            run.findings.append(str(error))
            self._victim.settle()
        return run

    # ------------------------------------------------------------------ phases

    def _running(self, run: Run, random: Random) -> None:
        path = self._recording()
        wait_until(now_us() + random.uniform(0, 2.5e6))
        killed_us = self._victim.kill()
        self._after(run, path, killed_us, killed_us, goes_on=True)

    def _first(self, run: Run, random: Random) -> None:
        self._idle()
        victim = self._victim
        before = set(judging.recordings(victim.directory))
        down_us = victim.hold(True)
        begun_us = down_us + HOLD_US
        wait_until(begun_us + random.uniform(0, 300_000))
        killed_us = victim.kill()
        victim.hold(False)
        began = [path for path in judging.recordings(victim.directory) if path not in before]
        # It ran if anything of it was certain; else the press may be forgotten with it.
        victim.hear()
        certain = bool(began) and victim.synced(began[0], killed_us) >= 2
        path = began[0] if began else None
        goes_on = True if certain else None
        self._after(run, path, killed_us, killed_us, goes_on=goes_on, begun_us=begun_us)

    def _stop(self, run: Run, random: Random) -> None:
        path = self._recording()
        victim = self._victim
        wait_until(now_us() + random.uniform(0, 500_000))
        stop_us = victim.camera.press_stop()["decided_us"]
        wait_until(stop_us + random.uniform(-100_000, 700_000))
        killed_us = victim.kill()
        goes_on = None
        if killed_us < stop_us - UNSURE_US:
            goes_on = True
        if killed_us > stop_us + UNSURE_US:
            goes_on = False
        self._after(run, path, killed_us, min(killed_us, stop_us), goes_on=goes_on)

    def _repair(self, run: Run, random: Random) -> None:
        path = self._recording()
        victim = self._victim
        wait_until(now_us() + random.uniform(0, 1.5e6))
        first_us = victim.kill()
        started_us = victim.started(first_us)
        # From before its first line to well after the recording went on.
        wait_until(started_us + random.uniform(0, 1.2e6))
        killed_us = victim.kill()
        self._after(run, path, killed_us, first_us, goes_on=True)

    # ------------------------------------------------------------------ before

    def _recording(self) -> Path:
        """See to it that a recording runs, with something committed; returns its file."""
        victim, camera = self._victim, self._victim.camera
        victim.settle()
        if camera.state["stage"] == "idle":
            camera.press("main", 1.3)
        state = until(
            lambda: (s := camera.state)["recording"] and s["recording"]["seconds"] > 0.1 and s,
            10,
            "something is committed",
        )
        return victim.directory / f"{state['recording']['id']}{judging.SUFFIX}"

    def _idle(self) -> None:
        victim, camera = self._victim, self._victim.camera
        victim.settle()
        if camera.state["stage"] == "recording":
            camera.press_stop()
        camera.wait(10, stage="idle", ready=True)

    # ------------------------------------------------------------------ after

    def _after(
        self,
        run: Run,
        path: Path | None,
        killed_us: int,
        wanted_us: int,
        *,
        goes_on: bool | None,
        begun_us: int | None = None,
    ) -> None:
        """Judge. path: what ran. killed_us: the last kill. wanted_us: up to when footage of `path`
        was owed. goes_on: whether another recording must follow, None if both are right."""
        victim = self._victim
        started_us = victim.started(killed_us)
        stage = victim.up()
        run.ready = (now_us() - started_us) / 1e6
        victim.hear()
        newest = judging.recordings(victim.directory)
        following = newest[-1] if stage == "recording" else None
        if path is not None and path.exists():
            until(lambda: judging.ended(path), 10, f"{path.name} is closed")
            self._judge(run, path, killed_us, wanted_us)
        elif path is not None and victim.synced(path, killed_us) >= 2:
            run.findings.append(f"{path.name} has vanished")
        if run.lost is None and begun_us is not None:
            run.lost = max(0.0, (killed_us - begun_us) / 1e6)
            run.note = "nothing was committed yet"
        if run.lost is not None and run.lost > LOST_SECONDS:
            self._too_long(run, f"{run.lost:.2f} s are lost", killed_us)
        if goes_on is True and following is None:
            run.findings.append("the recording that ran does not go on")
        if goes_on is False and following is not None:
            run.findings.append("it records although the recording had been stopped")
        if following is not None:
            header = self._judge_following(run, path, following)
            run.since_kill = (header["origin_us"] - killed_us) / 1e6
            run.since_start = (header["origin_us"] - started_us) / 1e6
            if run.since_start > GOES_ON_SECONDS:
                text = f"it goes on {run.since_start:.2f} s after the start"
                self._too_long(run, text, killed_us)
        self._judge_ledger(run)
        here = {one.name for one in judging.recordings(victim.directory)}
        run.findings += [f"{name} has vanished" for name in sorted(self._known - here)]
        self._known = {one.name for one in newest if judging.ended(one)}

    def _judge(self, run: Run, path: Path, killed_us: int, wanted_us: int) -> None:
        victim = self._victim
        film = judging.film(path, victim.camera.epoch_us, victim.workspace)
        run.findings += film.findings
        run.missing = film.missing
        # The first sync is that of the header, each later one that of a commit; the last may be
        # that of an end.
        certain = victim.synced(path, wanted_us) - 1 - (film.reason != "recovered")
        if film.commits < certain:
            run.findings.append(f"{path.name}: {certain} commits were certain, {film.commits} left")
        if film.last_us is not None:
            run.lost = max(0.0, (wanted_us - film.last_us) / 1e6)
        codes = (1,) if film.reason == "recovered" else (0, 1)
        run.findings += judging.verified(path, victim.key, codes)

    def _judge_following(
        self,
        run: Run,
        path: Path | None,
        following: Path,
    ) -> dict[str, Any]:
        """The recording that goes on names the one before; returns its header."""
        victim = self._victim
        header = sealed.read(following).header
        continues, chain = header["continues"], []
        # After two kills there may be a short recording in between.
        while continues is not None and path is not None and continues != path.stem:
            chain.append(continues)
            between = victim.directory / f"{continues}{judging.SUFFIX}"
            continues = sealed.read(between).header["continues"] if between.exists() else None
        if path is not None and continues != path.stem:
            run.findings.append(f"{following.name} goes on from {chain}, not from {path.name}")
        for between in chain:
            film = judging.film(
                victim.directory / f"{between}{judging.SUFFIX}",
                victim.camera.epoch_us,
                victim.workspace,
            )
            run.findings += film.findings
            run.findings += judging.verified(film.path, victim.key, (1,))
        if chain:
            run.note = "killed twice, the second time with a recording between"
        return header

    def _judge_ledger(self, run: Run) -> None:
        """The ledger verifies; it is written while it is read, so an entry may be half there."""

        def look() -> str | None:
            try:
                _, found = read_ledger(str(self._victim.card / "ledger"), self._victim.ring)
            except CameradError as error:
                return str(error)
            return "; ".join(str(one) for one in found if one.severity is Severity.DAMAGE)

        for _ in range(20):
            text = look()
            if not text:
                return
            time.sleep(0.05)
        run.findings.append(f"ledger: {text}")

    def _too_long(self, run: Run, text: str, at_us: int) -> None:
        """Something took too long: a finding, unless the machine was busy with other things."""
        took = [one["took_us"] for one in self._victim.syncs if abs(one["at_us"] - at_us) < 3e6]
        slowest = max(took, default=0) / 1e6
        pressure = float(Path("/proc/pressure/cpu").read_text().split()[1].partition("=")[2])
        text += f" (slowest sync {slowest:.2f} s, waiting for processors {pressure:.0f} %)"
        if pressure > BUSY_PERCENT or slowest > SLOW_SYNC_SECONDS:
            run.excused.append(text)
        else:
            run.findings.append(text)


def campaign(directory: Path, runs: int, seed: int, first: int = 1) -> list[Run]:
    """All runs on one camera, and its whole store verified at the end."""
    done: list[Run] = []
    with victim(directory) as camera:
        kills = Kills(camera, seed)
        for number in range(first, first + runs):
            began = time.monotonic()
            done.append(kills.run(number))
            say(f"{done[-1].line()}  ({time.monotonic() - began:.1f} s)")
        camera.settle()
        if camera.camera.state["stage"] == "recording":
            camera.camera.stop()
        done[-1].findings += judging.verified(camera.card, camera.key, (0, 1))
    return done
