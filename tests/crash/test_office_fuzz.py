"""Whatever is sent to the office's server, it answers as docs/office-api.md says, grows no larger,
and goes on serving an honest camera.

In every run for a few seconds; CAMERAD_FUZZ_MINUTES says how long it goes on, by another seed each
minute or so.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from docked_camera import Dock
from hw_mocks.fleet.fleet_office import peak_megabytes
from hypothesis import HealthCheck, Phase, given, seed, settings
from office_fuzz import MOVES, OTHERS, Fuzzer, Move

from camerad.container.keys import SigningKey
from tests.breadth import breadth

MINUTES = float(os.environ.get("CAMERAD_FUZZ_MINUTES", "0"))
EXAMPLES = breadth(40, 80)
GROWTH_MEGABYTES = 60.0
"""What requests of 1 KB may have the server take beyond what it has after its first ones."""


@pytest.mark.breadth
@pytest.mark.timeout(600 + 60 * MINUTES)
def test_o7_no_request_breaks_the_server_or_keeps_an_honest_camera_out(tmp_path: Path) -> None:
    taken_over = SigningKey.generate()
    dock = Dock(tmp_path, stolen=taken_over.public)
    dock.camera.put(OTHERS)
    dock.server.start()
    section = dock.section
    fuzzer = Fuzzer(section.url, dock.server.port, section.ca, taken_over)
    try:
        assert dock.hand_over() is not None
        play(fuzzer, 0)
        before = peak_megabytes(dock.server.pid)
        until, number = time.monotonic() + MINUTES * 60, 0
        while time.monotonic() < until:
            number += 1
            play(fuzzer, number)
        assert peak_megabytes(dock.server.pid) - before < GROWTH_MEGABYTES
        # Another camera's recording and receipt are none of the stranger's.
        for path in (f"/v1/recordings/{OTHERS}/receipt", f"/v1/uploads/{OTHERS}"):
            assert fuzzer.ask(Move(path=path))[0] in (404, 405)
        # Signed and in order, some of it was carried out: the fuzz gets in.
        assert fuzzer.statuses[200] and fuzzer.statuses[201] and fuzzer.statuses[400]
        dock.camera.put("20261124T160000Z-000010-00000010")
        result = dock.complete()
        assert len(result.acknowledged) == 1 and not result.refused
        assert dock.acknowledged() == set(dock.at_the_office())
    finally:
        fuzzer.close()
        dock.server.close()  # which looks for a mistake of ours in the log
    kept = {path.name for path in dock.server.directory.iterdir()}
    assert {name for name in kept if name != "office" and not name.startswith("cam-1-")} <= {
        name for name in kept if name.startswith("stolen-")
    }


def play(fuzzer: Fuzzer, number: int) -> None:
    """So many conversations."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(moves=MOVES)
    def conversation(moves: list[Move]) -> None:
        fuzzer.play(moves)

    conversation()
