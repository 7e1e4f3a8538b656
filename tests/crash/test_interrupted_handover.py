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
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from check_in_helpers import token
from desk_helpers import KEY, Camera
from office_server import PATIENCE, OfficeServer, environment

from camerad.base.clock import SystemClock
from camerad.base.errors import CameradError
from camerad.container.keys import KeyRing, PublicKey, decode_base64url
from camerad.dock import handover, office_client
from camerad.dock.daemon_client import ToHandOver
from camerad.dock.errors import HandoverStoppedError, OfficeUnavailableError
from camerad.dock.handover import Handover, HandoverMemory, HandoverResult
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.dock.signers import KeySigner
from camerad.store.device_client import accept_receipt
from camerad.store.listing import read_info
from tests.breadth import breadth

POINTS = breadth(8, 500)
PART = 4 * 1024
HEADS = 24 * 1024
"""More than what a pass sends beside footage and ledger: handshake, and heads of requests."""
KINDS = ("network", "client", "office", "network and office")


class Daemon:
    """What the camera's daemon does for a hand-over, on its real store."""

    def __init__(self, camera: Camera, office: PublicKey) -> None:
        self.camera = camera
        self.office = KeyRing([office])
        self.check_ins = 0

    def to_hand_over(self, also: Collection[str] = ()) -> list[ToHandOver]:
        with self.camera.open() as store:
            known = store.ledger.state.recordings.values()
            return [
                ToHandOver(one.id, str(self.camera.recordings / f"{one.id}.tar"), one.final)
                for one in known
                if one.acknowledged is None or one.id in also
            ]

    def check_in(self) -> bytes:
        self.check_ins += 1
        with self.camera.open() as store:
            return token(self.check_ins, head=store.ledger.head)

    def offer_settings(self, offer: bytes) -> str | None:
        raise AssertionError("nothing is on offer")

    def accept(self, token: bytes) -> list[str]:
        with self.camera.open() as store:
            return accept_receipt(store, self.office, token)


class Dock:
    """A camera and its office."""

    def __init__(self, root: Path) -> None:
        self.camera = Camera(root / "camera")
        self.server = OfficeServer(root / "office", KEY.public, "cam-1")
        self.section = self.server.section
        self.daemon = Daemon(self.camera, PublicKey(decode_base64url(self.section.key)))
        self.memory = HandoverMemory()
        self.failure: Exception | None = None

    def hand_over(self, fault: str | None = None, after: int = 0) -> HandoverResult | None:
        """One pass; None if it was interrupted. fault: one of KINDS, when so many bytes more have
        gone to the office."""
        relay, clock = self.server.relay, SystemClock()
        connection = OfficeConnection(
            self.section, trusting(self.section.ca, check_time=True), clock
        )
        done = threading.Event()
        from_here = relay.passed

        def watch() -> None:
            while not done.is_set() and relay.passed < from_here + after:
                time.sleep(0.0005)
            if done.is_set():
                return
            if "office" in str(fault):
                self.server.kill()
            if fault == "client":
                connection.interrupt()

        watcher = threading.Thread(target=watch)
        self.server.plug(after if "network" in str(fault) else None)
        if fault not in (None, "network"):
            watcher.start()
        try:
            client = OfficeClient(self.section.url, connection, KeySigner(KEY), clock)
            step = self.memory.check_in
            return Handover(
                str(self.camera.root / "ledger"),
                self.daemon,
                client,
                connection,
                clock,
                check_in=OfficeCheckIn(self.daemon, client, clock, step, self.memory.is_new),
                memory=self.memory,
            ).run()
        except (OfficeUnavailableError, HandoverStoppedError) as error:
            self.failure = error
            return None
        finally:
            done.set()
            if watcher.ident is not None:
                watcher.join()
            connection.close()
            self.server.pull()

    def complete(self) -> HandoverResult:
        """The next pass. An office that still works on what was interrupted asks to wait."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.hand_over()) is None:
            waits = isinstance(self.failure, OfficeUnavailableError) and self.failure.retry_after
            assert waits and time.monotonic() < deadline, repr(self.failure)
            time.sleep(0.05)
        return found

    def at_the_office(self) -> dict[str, bytes]:
        """The recordings that the office has; each once."""
        paths = list(self.server.directory.glob("*/recordings/*"))
        assert len({path.name for path in paths}) == len(paths)
        return {path.stem: path.read_bytes() for path in paths}

    def acknowledged(self) -> set[str]:
        with self.camera.open() as store:
            known = store.ledger.state.recordings.values()
            return {one.id for one in known if one.acknowledged is not None}


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
def test_o3_whatever_is_interrupted_is_completed_and_nothing_is_there_twice(dock: Dock) -> None:
    chance = random.Random(20261128)
    for number in range(1, POINTS + 1):
        path = dock.camera.put(name(number))
        size = path.stat().st_size
        ledger = sum(one.stat().st_size for one in (dock.camera.root / "ledger").iterdir())
        kind = KINDS[number % len(KINDS)]
        after = chance.randrange(size + ledger + HEADS)
        before = dock.server.relay.passed
        outcome = dock.hand_over(kind, after)
        interrupted = dock.server.relay.passed - before
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
        again = dock.server.relay.passed - before - size
        # Of footage at most a part came twice; ledger and heads may have.
        assert again <= PART + 2 * (ledger + HEADS) + 8192, f"{told}: {interrupted}, {again}"
    verdict(dock)
    assert not list((dock.server.directory / "office" / "incoming").glob("*/20*"))
    assert not (dock.server.directory / "office" / "apart").exists()
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
