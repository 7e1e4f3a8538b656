"""Records the clapper while everything happens that may part sound from picture, and judges it.

What is judged is the film that the evidence desk gets from ``camerad evidence open``, stretch by
stretch: between two troubles every clap has to be there, seen and heard at one time, and at the
time of the file at which it was clapped.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import statistics
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hw_mocks.sound import PITCHES

from tests.system import clapper, sealed
from tests.system.harness import BodyCamera, now_us, until

AT_MOST_MS: Final = 40
"""How far sound and picture may be apart."""
CLAP_US: Final = 1_000_000
STEP_SECONDS: Final = -3600
STALL_SECONDS: Final = 2.0
GONE_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 10.0
"""Deadline of all that has to come back."""


def status(camera: BodyCamera) -> dict[str, Any]:
    """What the daemon itself says of the camera."""
    with contextlib.closing(http.client.HTTPConnection("camerad", timeout=5)) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(camera.control)
        connection.request("GET", "/status")
        body: dict[str, Any] = json.load(connection.getresponse())
    return body


def wait_for(camera: BodyCamera, **wanted: object) -> None:
    """Wait until the daemon says so."""
    until(
        lambda: wanted.items() <= status(camera).items(),
        AGAIN_SECONDS,
        lambda: f"{wanted}; it is {status(camera)}",
    )


def _stall(camera: BodyCamera) -> None:
    camera.fault("camera_stall", STALL_SECONDS)
    camera.pass_time(STALL_SECONDS)


def _kill(camera: BodyCamera) -> None:
    old = camera.capture_pid
    camera.fault("capture_kill")
    until(lambda: camera.capture_pid not in (None, old), AGAIN_SECONDS, "another capture process")


def _step(camera: BodyCamera) -> None:
    # Set right again while the clapper goes on: two steps.
    body = {"name": "clock_step", "seconds": STEP_SECONDS, "lasts": 2}
    assert camera.ask("POST", "/api/fault", body).status == 200


def _unplug(camera: BodyCamera) -> None:
    camera.fault("microphone_gone", GONE_SECONDS)
    camera.wait_for_condition("microphone_down", holds=True)
    assert camera.state["stage"] == "recording"


def _mute(camera: BodyCamera) -> None:
    camera.press_and_hold()
    wait_for(camera, muted=True)
    camera.pass_time(1.2)
    camera.press_and_hold()
    wait_for(camera, muted=False)


TROUBLES: Final[Mapping[str, Callable[[BodyCamera], None]]] = {
    "stall": _stall,
    "kill": _kill,
    "clock step": _step,
    "unplugged": _unplug,
    "muted": _mute,
}
"""What happens, by name; each returns when nothing has to be done about it any more."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Media time in which nothing happens. name: what happened before."""

    name: str
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The claps of a stretch."""

    name: str
    seconds: float
    claps: tuple[clapper.Clap, ...]

    @property
    def mean_ms(self) -> float:
        """How much later than its flash a beep is on average."""
        return statistics.fmean(clap.offset_ms for clap in self.claps)

    @property
    def worst_ms(self) -> float:
        """The offset that is furthest from none."""
        return max((clap.offset_ms for clap in self.claps), key=abs)

    def line(self) -> str:
        """For people."""
        told = f"{self.name:10} {self.seconds:6.1f} s  {len(self.claps):4} claps"
        if not self.claps:
            return told
        return f"{told}  mean {self.mean_ms:+6.1f} ms  worst {self.worst_ms:+6.1f} ms"


def quiet(camera: BodyCamera, name: str, seconds: float) -> Stretch:
    """Wait until camera and microphone are well, and then let so much time pass."""

    def well() -> bool:
        told = status(camera)
        ill = {"camera_down", "microphone_down"} & set(camera.state["conditions"])
        return told["microphone"] == "on" and not ill

    until(well, AGAIN_SECONDS, f"all is well after: {name}")
    # A beep can be judged once a little sound has come before it, and a flash after a picture.
    from_us = now_us() + CLAP_US
    camera.pass_time(1 + seconds)
    return Stretch(name, from_us, now_us())


def record(camera: BodyCamera, before: float, troubles: Sequence[str], after: float) -> Claps:
    """One recording: quiet for `before` seconds, and for `after` seconds behind each trouble."""
    camera.press("main", 1.3)
    wait_for(camera, stage="recording", microphone="on")
    stretches = [quiet(camera, "quiet", before)]
    for name in troubles:
        TROUBLES[name](camera)
        stretches.append(quiet(camera, name, after))
    listed = camera.stop()
    return Claps(camera, listed, stretches)


class Claps:
    """What a recording shows and says. Raises ClapperError if its claps are not in order."""

    def __init__(
        self, camera: BodyCamera, listed: Mapping[str, Any], stretches: Sequence[Stretch]
    ) -> None:
        self.recording: Final = sealed.read(listed["path"])
        self.film: Final = opened(camera, listed)
        found = clapper.judge(self.film)
        self.drift_ms_per_minute: Final = found.drift_ms_per_minute
        origin_us = self.recording.header["origin_us"]
        begins_s = (origin_us - camera.epoch_us) / CLAP_US
        """Claps from the sensor's first picture to the recording's."""
        for clap in found.both:
            if clap.pitch != round(begins_s + clap.flash) % PITCHES:
                raise clapper.ClapperError(f"{clap} is at the time of another one")
        self._stretches: Final = tuple(stretches)
        self.heard: Final = [
            Heard(
                one.name,
                (one.to_us - one.from_us) / 1e6,
                tuple(
                    clap
                    for clap in found.both
                    if one.from_us <= origin_us + clap.flash * 1e6 < one.to_us
                ),
            )
            for one in stretches
        ]

    @property
    def sound_gaps(self) -> list[dict[str, Any]]:
        """All gaps in the sound that are stated."""
        return [gap for facts in self.recording.facts for gap in facts["sound"]["gaps"]]

    @property
    def sound_states(self) -> list[str]:
        """All states in which sound was, as stated."""
        return [one["state"] for facts in self.recording.facts for one in facts["sound"]["states"]]

    @property
    def clock_steps(self) -> list[float]:
        """All jumps of the wall clock that are stated, in seconds."""
        steps = [facts["clock_step_us"] for facts in self.recording.facts]
        return [step_us / 1e6 for step_us in steps if step_us is not None]

    def _holes(self, stretch: Stretch) -> list[dict[str, Any]]:
        """The gaps in the pictures that are stated of a stretch."""
        return [
            gap
            for facts in self.recording.facts
            for gap in facts["gaps"]
            if (gap["from_us"] or 0) < stretch.to_us and (gap["to_us"] or 0) > stretch.from_us
        ]

    def findings(self) -> list[str]:
        """Where claps are missing, or not together."""
        found = []
        for one, stretch in zip(self.heard, self._stretches, strict=True):
            # One begins every second; the first and the last may be cut by the stretch's ends.
            if len(one.claps) < int(one.seconds) - 1:
                # A flash right behind a hole is left out: a machine that lost pictures explains it.
                holes = [gap["reason"] for gap in self._holes(stretch)]
                what = f"; no pictures: {', '.join(holes)}" if holes else "; no picture is missing"
                found.append(f"{one.name}: {len(one.claps)} claps in {one.seconds:.1f} s{what}")
            elif abs(one.worst_ms) > AT_MOST_MS:
                found.append(f"{one.name}: sound is {one.worst_ms:+.1f} ms after its picture")
        return found

    def lines(self) -> list[str]:
        """All of it, for people."""
        return [
            *(one.line() for one in self.heard),
            f"drift {self.drift_ms_per_minute:+.2f} ms a minute",
        ]


def opened(camera: BodyCamera, listed: Mapping[str, Any]) -> Path:
    """The film as ``camerad evidence open`` makes it, which has to call it authentic."""
    reply = camera.ask("POST", "/api/open", {"id": listed["id"]})
    assert reply.status == 200, reply
    assert reply.body["verdict"] in ("authentic", "qualified"), reply.body
    to = camera.state_dir.parent / f"{listed['id']}-desk.mp4"
    address = camera.url + reply.body["film"]
    with urllib.request.urlopen(address, timeout=60) as film, to.open("wb") as copy:
        shutil.copyfileobj(film, copy)
    return to
