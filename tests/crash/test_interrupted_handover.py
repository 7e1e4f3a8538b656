"""A hand-over that is interrupted anywhere, on either side, is completed by the next (O3).

The camera's client and the office's server are the real ones; between both is a network that goes
at a byte. Whatever ends, and when: no acknowledged recording is missing at the office or differs
there, nothing is there twice, and at most one part is sent again.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import KEY
from docked_camera import KINDS, Dock
from office_server import environment

from camerad.base.errors import CameradError
from camerad.dock import handover, office_client
from camerad.store.listing import read_info
from tests.breadth import breadth

DOCKS = breadth(1, 12)
POINTS = breadth(8, 45)
"""Of each dock: the longer its camera's ledger is, the fewer of them meet a recording."""
PART = 4 * 1024
HEADS = 24 * 1024
"""More than what a pass sends beside footage and ledger: handshake, and heads of requests."""


@pytest.fixture
def dock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dock]:
    monkeypatch.setattr(handover, "PART", PART)
    monkeypatch.setattr(office_client, "PAUSE_SECONDS", 0.05)
    made = Dock(tmp_path)
    made.server.start()
    yield made
    made.server.close()


def name(number: int) -> str:
    return f"20261124T153000Z-{number:06d}-{number:08x}"


def verdict(dock: Dock) -> dict[str, Any]:
    """What the office's own check says of everything."""
    key = dock.server.root / "device.pem"
    key.write_text(KEY.public.pem)
    command = [sys.executable, "-m", "camerad", "evidence", "verify", str(dock.server.directory)]
    command += ["--key", str(key), "--office-key", str(dock.server.root / "office.pem"), "--json"]
    found = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), timeout=120
    )
    assert found.returncode in (0, 1), found.stdout + found.stderr
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


@pytest.mark.breadth
@pytest.mark.parametrize("seed", range(DOCKS))
def test_o3_whatever_is_interrupted_is_completed_and_nothing_is_there_twice(
    dock: Dock, seed: int
) -> None:
    chance = random.Random(20261128 + seed)
    for number in range(1, POINTS + 1):
        path = dock.camera.put(name(number))
        size = path.stat().st_size
        ledger = sum(one.stat().st_size for one in (dock.camera.root / "ledger").iterdir())
        kind = KINDS[number % len(KINDS)]
        after = chance.randrange(size + ledger + HEADS)
        before = dock.footage
        outcome = dock.hand_over(kind, after)
        told = f"point {number}: {kind} after {after} of {size} bytes, {outcome}"

        there = dock.at_the_office()
        for recording in dock.acknowledged():
            own = dock.camera.recordings / f"{recording}.tar"
            assert there[recording] == own.read_bytes(), told

        if "office" in kind:
            dock.server.kill()
            dock.server.start()
        result = dock.complete()
        assert result.complete and not result.refused, told
        assert name(number) in dock.acknowledged(), told
        assert dock.at_the_office()[name(number)] == path.read_bytes(), told
        # What was on its way when it was cut off counts too.
        assert dock.footage - before <= size + PART, told
    verdict(dock)
    assert not list((dock.server.directory / "office" / "incoming").glob("*/20*"))
    assert not (dock.server.directory / "office" / "quarantine").exists()
    assert read_info(str(path)).final is not None


def test_the_office_away_for_long_costs_nothing_and_everything_follows(dock: Dock) -> None:
    dock.server.kill()
    for number in range(1, 6):
        dock.camera.put(name(number))
        assert dock.hand_over() is None
    dock.server.start()
    result = dock.hand_over()
    assert result is not None and len(result.acknowledged) == 5
    assert dock.acknowledged() == {name(number) for number in range(1, 6)}


def test_what_the_office_does_not_have_is_never_acknowledged(dock: Dock) -> None:
    """A receipt for another file than the camera's is no acknowledgement of it."""
    dock.camera.put(name(1))
    assert dock.hand_over() is not None
    (filed,) = dock.server.directory.glob("*/receipts/*.jws")
    dock.camera.put(name(2))
    assert dock.daemon.accept(filed.read_bytes()) == []
    forged = filed.read_bytes()[:-10] + b"AAAAAAAAAA"
    with pytest.raises(CameradError):
        dock.daemon.accept(forged)
    assert dock.acknowledged() == {name(1)}
