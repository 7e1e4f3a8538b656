"""Whatever is cut, and whoever starts anew: it ends, it goes on, nothing is sent twice beyond one
part, and nothing is acknowledged without the office's receipt (O2, O3)."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from msgspec.structs import replace
from small_office import CuttingWire, Fault

from camerad.base.errors import CameradError
from camerad.dock.errors import HandoverStoppedError, OfficeUnavailableError
from camerad.dock.handover import Handover
from camerad.dock.request_bodies import Body, FilePart, PartDigests
from tests.breadth import breadth
from tests.unit.dock.scene import PART, Scene

SIZE = 5 * PART + 11
SEEDS = breadth(4, 40)
PLACES = breadth(16, 48)
STATUSES = (400, 401, 404, 409, 413, 429, 460, 500, 502, 503, 507)


@pytest.mark.breadth
def test_a_pass_that_is_cut_anywhere_is_completed_by_the_next(scene: Scene) -> None:
    """At places all over a pass, one connection each: up, from the handshake to the last byte."""
    wire = CuttingWire(scene.office.port)
    scene.port = wire.port
    try:
        whole = 40_000
        for number, cut in enumerate(range(0, whole, whole // PLACES)):
            name = f"r{number}"
            scene.record(name, SIZE)
            wire.cuts = [(cut, 1 << 40)]
            try:
                scene.run()
            except OfficeUnavailableError:
                scene.run()
            assert scene.daemon.acknowledged[-1] == name
            assert scene.office.received[name] <= SIZE + PART
            assert scene.office.recordings[name] == scene.content[name]
    finally:
        wire.close()


@pytest.mark.breadth
@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_faults_in_any_order(scene: Scene, seed: int, tmp_path: Path) -> None:
    """Passes run until one finds nothing to do; each may meet cuts, wrong answers, an office that
    starts anew, and a client that starts anew (as every pass here does)."""
    draw = random.Random(seed)
    wire = CuttingWire(scene.office.port)
    scene.port = wire.port
    for number in range(3):
        scene.record(f"r{number}", draw.choice((1, PART, SIZE)))
    passes = draw.randrange(2, 7)
    disturbances = 0
    try:
        for _ in range(passes):
            wire.cuts = [
                (draw.choice((1 << 40, draw.randrange(60_000))), draw.randrange(20_000))
                for _ in range(draw.randrange(3))
            ]
            scene.office.faults = [_fault(draw) for _ in range(draw.randrange(4))]
            disturbances += len(wire.cuts) + len(scene.office.faults)
            if draw.random() < 0.3:
                scene.office.restart()
            with contextlib.suppress(CameradError):
                scene.run()
            assert set(scene.daemon.acknowledged) <= set(scene.office.recordings)
        wire.cuts, scene.office.faults = [], []
        for _ in range(4):
            found = scene.run()
            if found.complete and not scene.daemon.to_hand_over():
                break
        assert sorted(scene.daemon.acknowledged) == sorted(scene.content)
        assert scene.office.recordings == scene.content
        # A disturbance costs a part at most; a ledger of 40 bytes and what is declared come on top.
        sent = sum(connection.traffic.sent for connection in scene.connections)
        once = sum(map(len, scene.content.values()))
        assert sent <= once + disturbances * PART + len(scene.connections) * 2_000
    finally:
        wire.close()


def _fault(draw: random.Random) -> Fault:
    method, path = draw.choice(
        [
            ("GET", "/v1/recordings"),
            ("GET", "/v1/ledger"),
            ("PUT", "/v1/ledger"),
            ("POST", "/v1/ledger"),
            ("HEAD", "/v1/uploads"),
            ("POST", "/v1/uploads"),
            ("PATCH", "/v1/uploads"),
        ]
    )
    match draw.randrange(4):
        case 0:
            return Fault(method, path, draw.choice(STATUSES), after=draw.random() < 0.5)
        case 1:
            return Fault(method, path, raw=draw.randbytes(draw.randrange(200)))
        case 2:
            return Fault(method, path, raw=b"", after=True)
        case _:
            body = draw.choice((b"", b"[]", b"{}", b'{"files": 1}', b"\xff"))
            return Fault(method, path, draw.choice((200, 201, 202, 204)), body=body)


@pytest.mark.breadth
@pytest.mark.parametrize("seed", range(breadth(4, 12)))
def test_a_client_that_is_stopped_anywhere_goes_on(scene: Scene, seed: int) -> None:
    """The request at which it is told to stop is drawn; what it had is not sent again."""
    draw = random.Random(seed)
    scene.record("one", SIZE)
    stopping = draw.randrange(1, 14)
    connection = scene.connection()
    right = scene.office._right

    async def stop(request: object) -> object:
        answer = await right(request)  # type: ignore[arg-type]
        if len(scene.office.requests) == stopping:
            connection.interrupt()
        return answer

    scene.office._right = stop  # type: ignore[method-assign, assignment]
    with pytest.raises(HandoverStoppedError):
        scene.handover(connection).run()
    scene.run()
    assert scene.daemon.acknowledged == ["one"]
    assert scene.office.received["one"] <= SIZE + PART


@pytest.mark.parametrize("by", [-PART, PART, 1])
def test_a_client_that_resumes_at_a_wrong_offset_is_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, by: int
) -> None:
    """The planted mistake "resume at a wrong offset", of the client: the office takes no such part,
    nothing is acknowledged, and what is there is the recording's beginning still."""
    scene.record("one", SIZE)
    connection = scene.connection()
    scene.office.faults = [Fault("PATCH", "/v1/uploads", raw=b"", after=True)]
    with pytest.raises(OfficeUnavailableError):
        scene.handover(connection).run()
    begin = Handover._begin
    monkeypatch.setattr(Handover, "_begin", lambda *args: begin(*args) + by)
    with contextlib.suppress(CameradError):
        scene.run()
    assert scene.daemon.acknowledged == []
    monkeypatch.undo()
    scene.run()
    assert scene.office.recordings["one"] == scene.content["one"]


def test_a_client_that_sends_other_bytes_than_it_hashed_is_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted mistake "hash of the wrong bytes": that of the first part goes with each."""
    scene.record("one", SIZE)
    right = PartDigests.of

    def of(digests: PartDigests, body: Body) -> str:
        return right(digests, replace(body, offset=0) if isinstance(body, FilePart) else body)

    with monkeypatch.context() as patched:
        patched.setattr(PartDigests, "of", of)
        with contextlib.suppress(CameradError):
            scene.run()
        assert scene.daemon.acknowledged == []
    monkeypatch.undo()
    scene.run()
    assert scene.office.recordings["one"] == scene.content["one"]
