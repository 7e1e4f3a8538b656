"""Who prefers to wait for a receipt is answered when the check ends, and within a second."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from desk_helpers import ONE, Camera

from camerad.office.server import receipt_routes
from camerad.office.server.ingest import Ingest
from camerad.office.server.receipt_routes import IngestEnds
from camerad.office.server.uploads import Declaration
from tests.unit.office.server.office_scene import OfficeScene

PATIENT = {"Prefer": "wait=1"}


@pytest.fixture
def scene(tmp_path: Path) -> OfficeScene:
    return OfficeScene(tmp_path)


def test_an_alert_is_for_everybody_who_waits_for_that_camera() -> None:
    async def run() -> None:
        ends = IngestEnds(asyncio.get_running_loop())
        first, same, other = ends.next("a"), ends.next("a"), ends.next("b")
        thread = threading.Thread(target=ends.tell, args=["a"])
        thread.start()
        await asyncio.wait_for(first, 10)
        assert same.done() and not other.done()
        assert not ends.next("a").done()
        ends.tell("c")  # nobody waits
        await asyncio.sleep(0)
        thread.join()

    asyncio.run(run())


def test_an_alert_behind_the_end_of_the_loop_is_nobodys() -> None:
    loop = asyncio.new_event_loop()
    ends = IngestEnds(loop)
    loop.close()
    ends.tell("a")


def test_who_prefers_to_wait_is_told_as_soon_as_it_is_checked(
    scene: OfficeScene, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    go = threading.Event()
    take = Ingest.take

    def held(self: Ingest, kid: str, declaration: Declaration) -> None:
        assert go.wait(20)
        take(self, kid, declaration)

    monkeypatch.setattr(Ingest, "take", held)
    with scene.serving() as client:
        client.bring_ledger(camera.root / "ledger")
        final = camera.open()
        known = final.ledger.state.recordings[ONE].final
        final.close()
        assert known is not None
        client.upload(path, known)
        target = f"/v1/recordings/{ONE}/receipt"
        at_once = client.ask("GET", target)
        assert at_once.status == 202 and at_once.headers["Preference-Applied"] is None
        began = time.monotonic()
        waited = client.ask("GET", target, None, PATIENT)
        assert waited.status == 202 and waited["Preference-Applied"] == "wait=1"
        assert time.monotonic() - began >= 0.9
        # Whoever is not told waits for minutes from here on.
        monkeypatch.setattr(receipt_routes, "AGAIN_SECONDS", 600)
        threading.Timer(0.1, go.set).start()
        assert client.ask("GET", target, None, PATIENT).status == 200
        assert client.ask("GET", target, None, PATIENT).status == 200
