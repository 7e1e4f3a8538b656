"""Red against footage: ``python -m tests.campaign red``.

Scenes of slow, frozen and vanished cards, in which the hand stops, the daemon is asked to end, or
is killed, once or twice, and starts again in 1 to 25 seconds. A scene follows from the seed and its
number. Two things are judged, from the history of the red light's pin and from what the recordings
state, and nothing else is asked:

- every second of red is footage, or a gap that a recording states;
- every second of footage has red, but for the pre-event buffer.

The history has no edge where a daemon is killed, so its lamp counts as lit until the next daemon
drives the line, as on a kernel that leaves lines as they were.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.campaign import judging
from tests.campaign.table import say, spread
from tests.system import sealed
from tests.system.harness import BodyCamera, body_camera, configuration, now_us, until

SPARED_US: Final = 600_000
"""The longest time that is judged as nothing: half a second without a picture is no gap yet
(`camerad.container.gaps.HOLE_US`), and a light is switched a moment after what it tells."""
DARK_US: Final = 100_000
"""Footage that is made so shortly before or after red: a picture, and the loop's turn."""
HOLD_US: Final = 1_200_000
"""The hold that begins a recording: what the ring had of it has no red yet."""
READY_SECONDS: Final = 60.0
CLOSED_SECONDS: Final = 60.0
FAULTS: Final = ("disk_slow", "frozen", "disk_error", "disk_readonly", "disk_full")
ENDS: Final = ("stop", "stop", "ask", "ask", "kill", "kill", "kill", "kill twice", "stop, kill")

Span = tuple[float, float]
"""From one media time to another, microseconds."""


@dataclass(frozen=True)
class Scene:
    """fault, delay, lasts: what the card does `fault_at` seconds after red, for each sync and for
    how long; None: nothing. end: what ends the recording, `end_at` seconds after red. away: seconds
    until a daemon that was killed is started again; stopped: for how long that one then stands
    still, `into` seconds after its start."""

    number: int
    pre_event: bool
    fault: str | None
    fault_at: float
    delay: float
    lasts: float
    end: str
    end_at: float
    away: float
    stopped: float
    into: float

    def told(self) -> str:
        card = "a sound card" if self.fault is None else f"{self.fault} {self.lasts:.1f} s"
        start = f", start {self.away:.1f} + {self.stopped:.1f} s" if "kill" in self.end else ""
        return f"{card} at {self.fault_at:.1f} s, {self.end} at {self.end_at:.1f} s{start}"


def of(seed: int, number: int) -> Scene:
    """The scene of this number, counted from 1."""
    random = Random(f"red/{seed}/{number}")
    fault = random.choice((*FAULTS, *FAULTS[:2], None))
    lasts = random.uniform(2, 9) if random.random() < 0.85 else random.uniform(9, 40)
    fault_at = random.uniform(0.2, 3)
    slow = 1 + 24 * random.random() ** 2
    away, stopped = random.choice(((slow, 0.0), (0.1, slow - 0.5), (0.1, 0.5)))
    return Scene(
        number,
        random.random() < 0.5,
        fault,
        fault_at,
        lasts if fault == "frozen" else random.uniform(0.5, 3.5),
        min(lasts, 12) if fault == "disk_slow" else lasts,
        random.choice(ENDS),
        fault_at + random.uniform(-0.2, 5),
        away,
        stopped,
        random.choice((0.0, 0.0, random.uniform(0.2, 1.5))),
    )


@dataclass
class Judged:
    """What a scene came to. Seconds of red; of that, of footage and of stated gaps; of footage; the
    longest stretch of red that is neither, and of footage that has no red."""

    number: int
    told: str
    red: float = 0.0
    footage: float = 0.0
    gaps: float = 0.0
    unsaid: float = 0.0
    dark: float = 0.0
    recordings: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    def line(self) -> str:
        return (
            f"{self.number:4} red {self.red:5.1f} s, footage {self.footage:5.1f}, gaps "
            f"{self.gaps:5.1f}, neither {self.unsaid:.2f}, dark {self.dark:.2f}  {self.told}"
        )


# ------------------------------------------------------------------------------------- judging


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that do not touch, in order."""
    found: list[Span] = []
    for from_us, to_us in sorted(spans):
        if found and from_us <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], to_us)
        elif to_us > from_us:
            found.append((from_us, to_us))
    return found


def without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """What of `spans` lies in none of `taken`; both as `joined`."""
    left: list[Span] = []
    for from_us, to_us in spans:
        at_us = from_us
        for begin, end in taken:
            if begin > at_us:
                left.append((at_us, min(begin, to_us)))
            at_us = max(at_us, end)
            if at_us >= to_us:
                break
        left.append((at_us, to_us))
    return [one for one in left if one[1] > one[0]]


def total(spans: Iterable[Span]) -> float:
    return sum(to_us - from_us for from_us, to_us in spans) / 1e6


def longest(spans: Iterable[Span]) -> float:
    return max((to_us - from_us for from_us, to_us in spans), default=0.0)


def red_spans(edges: Sequence[dict[str, Any]], from_us: int, to_us: int) -> list[Span]:
    """When red was lit, by the edges of its pin."""
    spans, since = [], None
    for edge in edges:
        if edge["name"] != "red":
            continue
        if edge["on"] and since is None:
            since = edge["at_us"]
        elif not edge["on"] and since is not None:
            spans.append((since, edge["at_us"]))
            since = None
    spans += [] if since is None else [(since, to_us)]
    return [one for one in spans if one[1] > from_us]


def footage(read: sealed.Recording) -> list[Span]:
    """When pictures of a recording were made, by its commits, less what they say is missing."""
    facts = [commit["facts"] for commit in read.commits if commit["facts"]["frames"]]
    made = joined((one["first_us"], one["end_us"]) for one in facts)
    inner = [
        (g["from_us"], g["to_us"]) for g in read.gaps if None not in (g["from_us"], g["to_us"])
    ]
    return without(made, joined(inner))


def stated(read: sealed.Recording) -> list[Span]:
    """The gaps that a recording states. One from nowhere begins with the press."""
    trigger_us = read.header["trigger_us"]
    gaps = [(g["from_us"] or trigger_us, g["to_us"]) for g in read.gaps]
    return [(from_us, to_us) for from_us, to_us in gaps if to_us is not None]


def judge(one: Judged, red: list[Span], films: Sequence[tuple[str, sealed.Recording]]) -> None:
    """Hold the light against the recordings."""
    made = joined(span for _, read in films for span in footage(read))
    gaps = joined(span for _, read in films for span in stated(read))
    one.red, one.footage, one.gaps = total(red), total(made), total(gaps)
    one.recordings = len(films)
    unsaid = without(red, joined((*made, *gaps)))
    one.unsaid = longest(unsaid) / 1e6
    for from_us, to_us in unsaid:
        if to_us - from_us > SPARED_US:
            text = f"{(to_us - from_us) / 1e6:.2f} s of red are neither footage nor a gap"
            one.findings.append(f"{text}: {from_us} to {to_us}")
    near = joined((from_us - DARK_US, to_us + DARK_US) for from_us, to_us in red)
    for name, read in films:
        # What is older than red by its hold, or by the pre-event buffer, was never to have it.
        before = (0, read.header["trigger_us"] + HOLD_US)
        lit = [span for span in near if span[0] < before[1] and span[1] > before[1] - HOLD_US]
        spared = [(0.0, min(before[1], lit[0][0]))] if lit else []
        dark = without(footage(read), joined((*near, *spared)))
        one.dark = max(one.dark, longest(dark) / 1e6)
        one.findings += [
            f"{name}: {(to_us - from_us) / 1e6:.2f} s of footage without red: {from_us} to {to_us}"
            for from_us, to_us in dark
        ]


# ------------------------------------------------------------------------------------- playing


class Player:
    """Plays scenes on one camera."""

    def __init__(self, camera: BodyCamera, workspace: Path) -> None:
        self._camera = camera
        self._directory = camera.state_dir / "camerad" / "recordings"
        self.key = judging.device_key(camera.state_dir / "camerad", workspace / "device.jwk")
        self._known: set[Path] = set()

    def play(self, scene: Scene) -> Judged:
        began, one = time.monotonic(), Judged(scene.number, scene.told())
        camera, began_us = self._camera, now_us()
        try:
            self._perform(scene)
            self._settle()
        except AssertionError as error:
            one.findings.append(str(error))
        ended_us = now_us()
        new = [path for path in judging.recordings(self._directory) if path not in self._known]
        self._known.update(new)
        without_end = [path for path in new if not judging.ended(path)]
        with contextlib.suppress(AssertionError):
            until(lambda: all(map(judging.ended, without_end)), CLOSED_SECONDS, "ends", pause=0.5)
        edges = camera.ask("GET", f"/api/edges?after={began_us - 1}").body
        films = [(path.name, sealed.read(path)) for path in new]
        one.findings += [f"{name} has no end" for name, read in films if read.end is None]
        judge(one, red_spans(edges, began_us, ended_us), films)
        for path in new:
            one.findings += judging.verified(path, self.key, (0, 1))
        one.seconds = time.monotonic() - began
        return one

    def _perform(self, scene: Scene) -> None:
        camera = self._camera
        if scene.pre_event:
            camera.press()
            camera.wait(stage="self_view")
        camera.press("main", 1.3)
        camera.wait(stage="recording")
        lit_us = now_us()
        acts = [(scene.end_at, self._end), (scene.fault_at, self._fail)]
        for at, act in sorted(acts, key=lambda act: act[0]):
            camera.pass_time(max(0.0, at - (now_us() - lit_us) / 1e6))
            act(scene)
        if scene.fault is not None:
            over = scene.fault_at + scene.lasts
            camera.pass_time(max(0.0, over - (now_us() - lit_us) / 1e6))

    def _fail(self, scene: Scene) -> None:
        if scene.fault is None:
            return
        name = "disk_slow" if scene.fault == "frozen" else scene.fault
        # Frozen: whatever syncs within a moment hangs for all of it.
        seconds = 1.5 if scene.fault == "frozen" else scene.lasts
        self._camera.fault(name, seconds, delay=scene.delay)

    def _end(self, scene: Scene) -> None:
        if scene.end.startswith("stop"):
            self._camera.press_stop()
        if scene.end == "ask":
            self._camera.fault("daemon_killed", 0.1, ask=True)
        if "kill" in scene.end:
            self._kill(scene.away, scene.stopped, scene.into)
        if scene.end == "kill twice":
            self._kill(0.1, scene.into, 0.0)

    def _kill(self, away: float, stopped: float, into: float) -> None:
        """Kill the daemon; the next one stands still for a while. Nothing is asked of a daemon that
        has ended by itself."""
        camera = self._camera
        killed_us = now_us()
        camera.fault("daemon_killed", away)
        facts = until(lambda: self._started(killed_us), away + 20, "another daemon", pause=0.01)
        camera.pass_time(into)
        if stopped:
            pid = int(facts["daemon_pid"])
            os.kill(pid, signal.SIGSTOP)
            try:
                camera.pass_time(stopped)
            finally:
                os.kill(pid, signal.SIGCONT)

    def _started(self, after_us: int) -> dict[str, Any] | None:
        facts: dict[str, Any] = json.loads((self._camera.state_dir / "sim.json").read_text())
        return facts if facts["started_us"] > after_us else None

    def _settle(self) -> None:
        """The card is well again, and the camera comes to rest; what goes on is stopped."""
        camera = self._camera
        for name in ("disk_slow", "disk_error", "disk_readonly", "disk_full"):
            camera.fault(name, 0)

        def rests() -> bool:
            state = camera.state
            if state["stage"] == "recording" and state["recording"] and state["recording"]["id"]:
                camera.stop_once()
            elif state["stage"] == "self_view":
                camera.ask("POST", "/api/press", {"button": "display", "seconds": 0.1})
            return bool(state["stage"] == "idle" and state["ready"])

        until(rests, READY_SECONDS, lambda: f"the camera rests: {camera.state}", pause=0.2)


def campaign(
    directory: Path, seed: int, first: int, count: int, notes: Path | None
) -> list[Judged]:
    """So many scenes from number `first` on, on one camera as long as it comes to rest. notes:
    where each is written down, a line of JSON."""
    done: list[Judged] = []
    number = first
    while number < first + count:
        place = directory / f"camera-{number}"
        place.mkdir(parents=True)
        config = configuration(place, pre_event={"seconds": 2}, camera={"bitrate": 1_500_000})
        with contextlib.suppress(AssertionError), body_camera(place, config) as camera:
            player = Player(camera, place)
            while number < first + count:
                one = player.play(of(seed, number))
                number += 1
                done.append(one)
                say(one.line())
                for text in one.findings:
                    say(f"      FINDING {text}")
                if notes is not None:
                    with notes.open("a") as file:
                        file.write(json.dumps(asdict(one)) + "\n")
                if camera.state["stage"] != "idle":
                    break
    return done


def report(done: Sequence[Judged]) -> int:
    """Print what was found; returns the number of findings."""
    say("")
    say(f"red: {len(done)} scenes, {sum(one.recordings for one in done)} recordings")
    for name in ("red", "footage", "gaps"):
        say(f"  seconds of {name}: {sum(getattr(one, name) for one in done):.0f}")
    say(f"  longest red that is neither, s   {spread(one.unsaid for one in done)}")
    say(f"  longest footage without red, s   {spread(one.dark for one in done)}")
    found = [f"scene {one.number}: {text}" for one in done for text in one.findings]
    for text in found:
        say(f"  {text}")
    return len(found)
