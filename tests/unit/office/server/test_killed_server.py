"""The server's process is killed again and again while a camera hands over: nothing is lost, and no
more than one part is sent again."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import pytest
from desk_helpers import KEY, ONE, TWO, Camera

from camerad.base.clock import SystemClock
from camerad.container.keys import KeyRing
from camerad.container.skeleton import skeleton
from camerad.evidence.holdings import directory_id
from camerad.office.server.office_settings import example
from camerad.store.device_client import accept_receipt
from tests.breadth import breadth
from tests.unit.office.server.office_scene import DEADLINE, DockClient, OfficeScene

PART = 2_000


class KilledServer:
    """A process of `camerad office serve`, which is begun anew whenever it is gone."""

    def __init__(self, scene: OfficeScene) -> None:
        directory_id(str(scene.directory))  # as 'camerad office init' makes it
        self._config = scene.root / "office.yaml"
        # Port 0 is none that a person may write; it is what the tests' server has.
        text = example(scene.settings).replace("port: 0", "host: 127.0.0.1\n  port: 1")
        self._config.write_text(text.replace("reserve_gib: 5", "reserve_gib: 0"))
        self._process: subprocess.Popen[str] | None = None
        self.starts = 0

    def port(self) -> int:
        """Where it listens, started if it is not."""
        if self._process is None:
            self.starts += 1
            program = (
                "import sys; from camerad.office.server import connection_limiter, office_server;"
                "there = connection_limiter.listen;"
                "office_server.listen = lambda host, _: there(host, 0);"
                "from camerad.cli.main import main;"
                "sys.exit(main(['office', 'serve', '--config', sys.argv[1]]))"
            )
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, str(self._config)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stderr=subprocess.PIPE,
                text=True,
            )
            self._line = self._ready()
        found = re.search(r" at port ([0-9]+)", self._line)
        assert found is not None, self._line
        return int(found[1])

    def _ready(self) -> str:
        assert self._process is not None and self._process.stderr is not None
        for line in self._process.stderr:
            if " at port " in line:
                return line.strip()
        raise AssertionError("the server ended")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.mark.breadth
@pytest.mark.parametrize("seed", range(breadth(1, 12)))
def test_a_server_that_is_killed_loses_nothing(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    scene, camera = OfficeScene(tmp_path), Camera(tmp_path / "state")
    paths = [camera.put(ONE), camera.put(TWO)]
    server = KilledServer(scene)
    sent = 0
    calls = random.randrange(2, 8)

    killers: list[threading.Timer] = []

    def client() -> DockClient:
        for killer in killers:
            killer.join()
        return DockClient(scene.authority.certificate, server.port(), KEY, SystemClock())

    def kill_now_and_then() -> None:
        """Within the next milliseconds, and so in the middle of what comes next."""
        nonlocal calls
        calls -= 1
        if calls == 0 and server.starts < 4:
            calls = random.randrange(2, 8)
            killers.append(threading.Timer(random.uniform(0, 0.008), server.kill))
            killers[-1].start()

    def hand_over() -> dict[str, bytes]:
        nonlocal sent
        dock = client()
        try:
            dock.bring_ledger(camera.root / "ledger")
            for path in paths:
                content, recording = path.read_bytes(), path.name.removesuffix(".tar")
                closed = skeleton(str(path)).closed_by
                assert closed is not None
                said = dock.declare(len(content), recording, closed.sha256)
                offset = len(content) if said.status == 409 else int(said["Upload-Offset"])
                while offset < len(content):
                    kill_now_and_then()
                    body = content[offset : offset + PART]
                    sent += len(body)
                    said = dock.patch(offset, body, recording)
                    assert said.status == 204, said
                    offset = int(said["Upload-Offset"])
                kill_now_and_then()
            found = {path.stem: dock.receipt(path.stem) for path in paths}
            assert {one.status for one in found.values()} == {200}, found
            return {name: one.body for name, one in found.items()}
        finally:
            dock.close()

    try:
        for _ in range(20):
            try:
                receipts = hand_over()
                break
            except (OSError, http.client.HTTPException):
                continue
        else:
            raise AssertionError("it never came to an end")
        for killer in killers:
            killer.join()
        assert server.starts > 1, "it was never killed"
        # The last one may have been killed after the receipt and before the upload was removed.
        server.port()
        pause = threading.Event()
        for _ in range(round(DEADLINE / 0.02)):
            if not list(scene.directory.glob("office/incoming/*/2*")):
                break
            pause.wait(0.02)
        else:
            raise AssertionError("an upload that was taken over was never removed")
    finally:
        for killer in killers:
            killer.join()
        server.kill()
    keys = KeyRing([KEY.public, scene.office_key.public])
    with camera.open() as store:
        for token in receipts.values():
            accept_receipt(store, keys, token)
        assert all(store.ledger.state.recordings[one].acknowledged for one in (ONE, TWO))
    for path in paths:
        (copy,) = scene.directory.glob(f"*/recordings/{path.name}")
        assert copy.read_bytes() == path.read_bytes()
    size = sum(path.stat().st_size for path in paths)
    assert sent <= size + PART * (server.starts - 1)
