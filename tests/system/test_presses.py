"""Presses of both buttons, with bounce, at a pace from calm to absurd."""

from __future__ import annotations

import json
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.breadth import breadth
from tests.system import oracle
from tests.system.gaps import judge_gaps, marks
from tests.system.harness import PATIENCE, BodyCamera, body_camera, configuration, until

pytestmark = pytest.mark.system

SEED = 1848
PRESSES = breadth((4, 2, 5, (3, 3), (4, 4)), (6, 4, 10, (6, 8), (8, 8)))
"""Of the main button, calmly; of the other one, calmly; of the main button at an absurd pace; of
both at once, calmly; and at an absurd pace."""
SETTLED = ("idle", "self_view", "recording")
# A press is longer than the debounce time of 20 ms, and stays clear of the holds of 1 s and 2 s.
CALM = ([0.08, 0.15, 0.3, 0.7, 1.3, 2.3], [6, 6, 4, 1, 2, 3], (0.3, 0.9))
ABSURD = ([0.03, 0.05, 0.08, 1.1, 2.1], [10, 8, 4, 1, 1], (0.03, 0.09))


class Stages:
    """Follows the daemon's events: every stage that it shows, in order."""

    def __init__(self, camera: BodyCamera) -> None:
        self.seen: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(camera.control)
        self._socket.sendall(b"GET /events HTTP/1.1\r\nHost: camerad\r\n\r\n")
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        until(lambda: self.seen, PATIENCE, "the first stage is told")

    def _follow(self) -> None:
        with self._socket.makefile("rb") as lines:
            for line in lines:
                if line.startswith(b"data:"):
                    stage = json.loads(line[5:])["stage"]
                    if self.seen[-1:] != [stage]:
                        self.seen.append(stage)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._socket.close()


def play(
    camera: BodyCamera, chance: random.Random, button: str, count: int, pace: tuple
) -> list[oracle.Press]:
    """So many presses of one button; their times as its contacts had them."""
    lengths, weights, (shortest, longest) = pace
    presses = []

    def press(seconds: float, pause: float) -> None:
        told = camera.press(button, seconds)
        presses.append(oracle.Press(button, told["down_us"], told["up_us"]))
        camera.pass_time(pause)

    for _ in range(count):
        (seconds,) = chance.choices(lengths, weights)
        if button == "main" and seconds > 2.2:  # to end a recording, if there is one
            camera.pass_time(1.2)
            press(seconds, 0.4)
            seconds = 0.1
        press(seconds, chance.uniform(shortest, longest))
    return presses


@pytest.mark.breadth
def test_presses_lead_where_the_table_says(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    mains, displays, hurried, calm_hands, hurried_hands = PRESSES
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    environment = {"HW_MOCKS_SEED": str(SEED)}
    with body_camera(tmp_path, config, environment=environment) as camera:
        stages = Stages(camera)
        presses = play(camera, chance, "main", mains, CALM)
        presses += play(camera, chance, "display", displays, CALM)
        presses += play(camera, chance, "main", hurried, ABSURD)
        for pace, counts in ((CALM, calm_hands), (ABSURD, hurried_hands)):
            hands = [random.Random(chance.random()) for _ in range(2)]
            with ThreadPoolExecutor(2) as pool:
                both = [
                    pool.submit(play, camera, hand, button, count, pace)
                    for hand, button, count in zip(hands, ("main", "display"), counts, strict=True)
                ]
            presses += [press for one in both for press in one.result()]
        until(lambda: camera.state["stage"] in SETTLED, PATIENCE, "the camera is at rest")
        camera.pass_time(0.5)
        seen = list(stages.seen)
        explained = oracle.accepts(presses, seen)
        assert explained, (presses, seen)
        if camera.state["stage"] == "recording":
            camera.stop()
        stages.close()
        recordings = camera.recordings[::-1]
        assert tuple(len(marks(camera, recording)) for recording in recordings) in explained
        assert len(recordings) >= 2, "the seed is to reach every stage more than once"
        for recording in recordings:
            judge_gaps(camera, recording)
