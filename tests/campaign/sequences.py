"""What happens in a sequence of the fault campaign: presses and faults in time, from a seed alone.

A sequence is one scene of a few seconds, as an officer might have it, with the faults that fall
into it. The number of a sequence says which fault it is about, so that every fault has its turn;
the seed says all the rest: the scene, the instants, what else goes wrong meanwhile.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from hw_mocks.sim.faults import FAULTS

RECORD_SECONDS: Final = 1.2
"""Main held so long in idle records: a fifth longer than it takes."""
STOP_SECONDS: Final = 2.9
"""What ends a recording lasts so long: a hold, a pause and a press."""
_HOLD_SECONDS: Final = 2.4
_CALM: Final = (1.1, 1.9)
"""So long after any other contact."""
ALONE: Final = 0.5
"""Share of the sequences whose fault has no other beside it."""
_LONGEST: Final = {
    # A second and a half without a frame is a stall; much longer ones are the same again.
    "camera": 4.0,
    "microphone": 3.0,
    "card": 5.0,
    "panel": 4.0,
    # A battery that is nearly empty for a minute switches the camera off.
    "power": 10.0,
    "button": 2.0,
    "light": 3.0,
    "clock": 4.0,
}
_SHORTEST: Final = 0.2
_STEPS: Final = (-3600.0, -20.0, 3600.0, 86400.0 * 13, 86400.0 * 400)
"""Seconds by which a clock jumps: summer time, a correction, and spans after which everything or
nothing would be due to be deleted."""
_BESIDE: Final[dict[str, tuple[str, ...]]] = {
    # What shows only where something else makes the camera stop or start.
    "camera_start_error": ("capture_kill",),
    "camera_stop_hang": ("camera_stall",),
}


@dataclass(frozen=True)
class Press:
    """A button, `at` seconds after the beginning, for so many seconds."""

    at: float
    button: str
    seconds: float


@dataclass(frozen=True)
class Fault:
    """A fault, `at` seconds after the beginning. body: what `POST /api/fault` is asked for; lasts:
    seconds until it ends by itself, None if it is over at once."""

    at: float
    body: dict[str, Any]
    lasts: float | None

    @property
    def name(self) -> str:
        return str(self.body["name"])


@dataclass(frozen=True)
class Sequence:
    """presses, faults: in the order of their time. seconds: how long the scene takes."""

    number: int
    scene: str
    presses: tuple[Press, ...]
    faults: tuple[Fault, ...]
    seconds: float

    @property
    def names(self) -> tuple[str, ...]:
        """Its faults, each once."""
        return tuple(dict.fromkeys(fault.name for fault in self.faults))

    def told(self) -> Iterator[str]:
        """All of it, a line each, in the order of time."""
        lines = [
            (press.at, f"press {press.button} {press.seconds:.2f} s") for press in self.presses
        ]
        lines += [(fault.at, f"fault {fault.body}") for fault in self.faults]
        yield f"sequence {self.number}: {self.scene}, {self.seconds:.1f} s"
        for at, line in sorted(lines):
            yield f"  {at:6.3f} s  {line}"


def of(seed: int, number: int) -> Sequence:
    """The sequence of this number, counted from 1."""
    random = Random(f"faults/{seed}/{number}")
    scene, presses, seconds = _scene(random)
    names = list(FAULTS)
    chosen = [names[(number - 1) % len(names)]]
    if random.random() >= ALONE:
        chosen += random.sample(names, random.choice((1, 1, 2, 3)))
    faults = []
    for name in dict.fromkeys(chosen):
        at = random.uniform(0, seconds * 0.8)
        faults.append(_fault(random, name, at))
        beside = _BESIDE.get(name, ())
        faults += [_fault(random, other, at + random.uniform(0, 0.3)) for other in beside]
    return Sequence(number, scene, presses, tuple(sorted(faults, key=lambda one: one.at)), seconds)


def _scene(random: Random) -> tuple[str, tuple[Press, ...], float]:
    """Its name, the presses, and when it is over."""
    scene = random.choice(("recording", "recording", "escalation", "self-view", "idle"))
    at = random.uniform(0.2, 1.0)
    presses: list[Press] = []

    def press(button: str, seconds: float, pause: float) -> None:
        nonlocal at
        presses.append(Press(at, button, seconds))
        at += seconds + pause

    if scene == "recording":
        press("main", RECORD_SECONDS, random.uniform(*_CALM))
    elif scene == "escalation":
        press("main", 0.1, random.uniform(0.8, 2.0))
        press("main", 0.1, random.uniform(*_CALM))
    elif scene == "self-view":
        press("main", 0.1, random.uniform(1.0, 3.0))
        press("display", 0.1, random.uniform(0.5, 1.5))
    if scene in ("recording", "escalation"):
        for _ in range(random.choice((0, 1, 2))):
            press("main", random.uniform(0.05, 0.5), random.uniform(*_CALM))
        presses += stop(at)
        at += STOP_SECONDS + 0.5
    if random.random() < 0.3:
        press("main", random.choice((0.1, RECORD_SECONDS)), random.uniform(0.3, 1.5))
    return scene, tuple(presses), max(at, 2.0)


def stop(at: float) -> tuple[Press, ...]:
    """What ends a recording: a hold, and a press that answers what is felt."""
    return Press(at, "main", _HOLD_SECONDS), Press(at + STOP_SECONDS - 0.1, "main", 0.1)


def _fault(random: Random, name: str, at: float) -> Fault:
    kind = FAULTS[name]
    longest = _LONGEST.get(kind.group, 3.0)
    lasts = random.uniform(_SHORTEST, longest) if kind.lasts else None
    body: dict[str, Any] = {"name": name}
    if name == "clock_step":
        body |= {"seconds": random.choice(_STEPS), "lasts": lasts}
    elif lasts is not None:
        body["seconds"] = lasts
    if kind.counts:
        body["count"] = random.choice((1, 1, 2, 6)) if name == "camera_cancel" else 1
    if kind.on_button:
        body["button"] = random.choice(("main", "display"))
    if kind.on_light:
        body["light"] = random.choice(("red", "green", "amber"))
    if name == "disk_slow":
        body["delay"] = random.choice((0.7, 3.0))
    if name == "disk_full":
        body["bytes_left"] = random.choice((0, 100_000))
    if name == "daemon_killed":
        body["seconds"] = 0.1
    return Fault(at, body, lasts)


def heal(sequence: Sequence, happened: Container[str]) -> Iterator[dict[str, Any]]:
    """What ends each of its faults that may still hold. happened: those that the simulator took;
    some cannot happen to this camera, such as a dock's network to one without an office."""
    for fault in sequence.faults:
        if fault.lasts is None or fault.name not in happened:
            continue
        if fault.name == "clock_step":
            # One synchronisation sets right whatever was wrong with the clocks.
            yield {"name": "clock_unset", "seconds": 0}
        else:
            yield {**fault.body, "seconds": 0}
