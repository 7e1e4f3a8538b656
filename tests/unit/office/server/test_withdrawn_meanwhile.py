"""A camera that is withdrawn while it still sends: what is just coming counts no more."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from check_in_helpers import token
from desk_helpers import KEY, ONE, Camera
from state_helpers import revoke, state_in, take_back

from camerad.office.server.authentication import Authentication
from camerad.office.server.check_ins import arrival_times
from camerad.store.locations import office_place
from tests.unit.office.server.office_scene import DEADLINE, DockClient, HalfRequest, OfficeScene


@pytest.fixture
def scene(tmp_path: Path) -> OfficeScene:
    return OfficeScene(tmp_path)


@pytest.fixture
def client(scene: OfficeScene) -> Iterator[DockClient]:
    with scene.serving() as client:
        yield client


@pytest.fixture
def admitted(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a request was let in."""
    found, check = threading.Event(), Authentication.check_not_revoked

    async def checked(guard: Authentication, request: web.Request) -> None:
        await check(guard, request)
        found.set()

    monkeypatch.setattr(Authentication, "check_not_revoked", checked)
    return found


def kept(scene: OfficeScene) -> set[str]:
    """All that came from the camera. The server begins the office's own ledger by itself."""
    found = {path for part in ("*.jws", "*.jsonl") for path in scene.directory.rglob(part)}
    own = Path(office_place(str(scene.directory)).ledger)
    kept = {str(path.relative_to(scene.directory)) for path in found if path.parent != own}
    return kept | {str(at_us) for at_us in arrival_times(state_in(scene.directory)).values()}


@pytest.mark.parametrize("what", ["check-in", "ledger file", "ledger list"])
def test_nothing_counts_that_comes_after_its_camera_was_withdrawn(
    scene: OfficeScene,
    client: DockClient,
    admitted: threading.Event,
    tmp_path: Path,
    what: str,
) -> None:
    Camera(tmp_path / "camera").put(ONE)
    (file,) = (tmp_path / "camera/ledger").glob("*.jws")
    content = file.read_bytes()
    listed = json.dumps({"files": {file.name: hashlib.sha256(content).hexdigest()}}).encode()
    method, path, body, kind = {
        "check-in": ("POST", "/v1/check-in", token(), "application/jose"),
        "ledger file": ("PUT", f"/v1/ledger/{file.name}", content, "application/octet-stream"),
        "ledger list": ("POST", "/v1/ledger", listed, "application/json"),
    }[what]
    if what == "ledger list":
        assert client.ask("PUT", f"/v1/ledger/{file.name}", content).status == 204
    before = kept(scene)
    admitted.clear()
    half = HalfRequest(client, method, path, body, {"Content-Type": kind})
    assert admitted.wait(DEADLINE)
    revoke(scene.directory, KEY.public.thumbprint)
    assert half.end() == 403
    half.close()
    assert kept(scene) == before
    # Back, it may.
    take_back(scene.directory, KEY.public.thumbprint)
    assert client.ask(method, path, body, {"Content-Type": kind}).status in (200, 204)
    assert kept(scene) != before
