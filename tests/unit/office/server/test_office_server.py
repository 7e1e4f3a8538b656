"""The whole server, over TLS, with a camera's real recordings, and with whom it keeps out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from desk_helpers import KEY, ONE, TWO, Camera
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.exchange.request_signature import NONCE
from camerad.office.jobs.office_jobs import server_with_jobs
from camerad.office.server.connection_limiter import (
    HANDSHAKE_SECONDS,
    MOST,
    ConnectionLimiter,
    StartError,
    listen,
    tls_context,
)
from camerad.office.server.ingest import Ingest
from camerad.office.server.office_server import HAS_IT
from camerad.office.server.refusal_log import MOST_LOGGED
from camerad.office.server.uploads import Uploads
from camerad.store.device_client import accept_receipt
from tests.unit.office.server.office_scene import (
    DEADLINE,
    ID,
    NAME,
    DockClient,
    OfficeScene,
    Running,
    parts_begun,
    write_register,
)
from tests.waiting import until

ONE_OF = f"/v1/uploads/{ID}"


@pytest.fixture
def scene(tmp_path: Path) -> OfficeScene:
    return OfficeScene(tmp_path)


@pytest.fixture
def client(scene: OfficeScene) -> Iterator[DockClient]:
    with scene.serving() as client:
        yield client


def final_of(path: Path) -> str:
    closed = skeleton(str(path)).closed_by
    assert closed is not None
    return closed.sha256


def acknowledge(camera: Camera, scene: OfficeScene, token: bytes) -> list[str]:
    with camera.open() as store:
        return list(accept_receipt(store, KeyRing([KEY.public, scene.office_key.public]), token))


# ---------------------------------------------------------------------------------- as it should be


def test_a_recording_goes_the_whole_way_and_the_camera_calls_it_acknowledged(
    client: DockClient, scene: OfficeScene, camera: Camera
) -> None:
    path = camera.put(ONE)
    assert client.ask("GET", f"/v1/recordings/{ONE}/receipt").status == 404
    assert client.bring_ledger(camera.root / "ledger").status == 200
    client.upload(path, final_of(path))
    said = client.receipt(ONE)
    assert (said.status, said["Content-Type"]) == (200, "application/jose")
    assert acknowledge(camera, scene, said.body) == [ONE]
    (stored,) = scene.directory.glob(f"*/recordings/{ONE}.tar")
    assert stored.read_bytes() == path.read_bytes()
    # Whoever brings it again is told that it is there.
    again = client.declare(path.stat().st_size, ONE, final_of(path))
    assert (again.status, again.error) == (409, HAS_IT)


def test_what_is_ingested_while_it_is_declared_again_begins_no_other_upload(
    client: DockClient, scene: OfficeScene, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stay for a week: whoever asks next is told that the office has the recording."""
    path = camera.put(ONE)
    declares, files = Uploads.declare, Ingest._file
    declared_again = threading.Event()
    upload = scene.directory / "office" / "incoming" / KEY.public.thumbprint / ONE

    def file_late(*arguments: Any) -> None:
        assert declared_again.wait(DEADLINE)
        files(*arguments)

    def declare_late(*arguments: Any) -> int:
        declared_again.set()
        until(lambda: not upload.exists())
        return declares(*arguments)

    client.bring_ledger(camera.root / "ledger")
    monkeypatch.setattr(Ingest, "_file", file_late)
    client.upload(path, final_of(path))
    monkeypatch.setattr(Uploads, "declare", declare_late)
    said = client.declare(path.stat().st_size, ONE, final_of(path))
    assert (said.status, said.error) == (409, HAS_IT)
    assert not upload.exists()


def test_what_came_before_its_ledger_is_taken_when_that_comes(
    client: DockClient, camera: Camera
) -> None:
    path = camera.put(ONE)
    client.upload(path, final_of(path))
    said = client.receipt(ONE)
    assert (said.status, json.loads(said.body)["waits_for"]) == (409, "ledger")
    assert client.declare(path.stat().st_size, ONE, final_of(path)).status == 201
    client.bring_ledger(camera.root / "ledger")
    for _ in range(500):
        said = client.receipt(ONE)
        if said.status == 200:
            break
    assert said.status == 200


def test_a_client_that_was_cut_off_in_a_part_goes_on_where_that_began(
    client: DockClient, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = parts_begun(monkeypatch)
    path = camera.put(ONE)
    client.bring_ledger(camera.root / "ledger")
    content = path.read_bytes()
    client.declare(len(content), ONE, final_of(path))
    client.patch(0, content[:5000], ONE)
    target = f"/v1/uploads/{ONE}"
    fields = {"Upload-Offset": "5000", "Content-Type": "application/offset+octet-stream"}
    headers = client.sign("PATCH", target, content[5000:9000], fields)
    broken = client.connect()
    broken.putrequest("PATCH", target)
    for name, value in (*headers.items(), ("Content-Length", "4000")):
        broken.putheader(name, value)
    broken.endheaders(content[5000:7000])
    client.nonce = ""
    until(lambda: len(begun) == 2, what="the second part is coming")
    broken.close()
    # A part that begins elsewhere is refused for that once no other one comes.
    until(lambda: client.patch(0, b"0", ONE).status == 409, what="the part is given up")
    assert client.offset(ONE) == 5000
    client.upload(path, final_of(path))
    assert client.receipt(ONE).status == 200


def test_a_server_that_is_started_again_goes_on(scene: OfficeScene, camera: Camera) -> None:
    path, content = camera.put(ONE), b""
    content = path.read_bytes()
    with scene.serving() as client:
        client.bring_ledger(camera.root / "ledger")
        client.declare(len(content), ONE, final_of(path))
        client.patch(0, content[:5000], ONE)
    with scene.serving() as client:
        assert client.offset(ONE) == 5000
        client.upload(path, final_of(path))
        assert client.receipt(ONE).status == 200


def test_a_complete_upload_that_nobody_took_is_taken_at_the_start(
    scene: OfficeScene, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    with monkeypatch.context() as patch:
        patch.setattr("camerad.office.server.ingest_queue.IngestQueue.start", lambda _: None)
        with scene.serving() as client:
            client.bring_ledger(camera.root / "ledger")
            client.upload(path, final_of(path))
            assert client.ask("GET", f"/v1/recordings/{ONE}/receipt").status == 202
    with scene.serving() as client:
        assert client.receipt(ONE).status == 200


def test_two_recordings_on_one_connection(client: DockClient, camera: Camera) -> None:
    paths = [camera.put(ONE), camera.put(TWO)]
    client.bring_ledger(camera.root / "ledger")
    for path in paths:
        client.upload(path, final_of(path))
    assert [client.receipt(one).status for one in (ONE, TWO)] == [200, 200]


def test_what_does_not_verify_is_refused_with_a_reason_and_not_asked_for_again(
    client: DockClient, camera: Camera, scene: OfficeScene
) -> None:
    path = camera.put(ONE)
    client.bring_ledger(camera.root / "ledger")
    final, content = final_of(path), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    client.upload(path, final)
    said = client.receipt(ONE)
    assert said.status == 409 and said.error
    assert client.declare(len(content), ONE, final).status == 409
    assert not list(scene.directory.glob(f"*/recordings/{ONE}.tar"))


# -------------------------------------------------------------------------------------- who is kept


def test_whoever_cannot_prove_a_registered_key_gets_one_answer_and_the_log_says_why(
    scene: OfficeScene, client: DockClient, caplog: pytest.LogCaptureFixture
) -> None:
    stranger, former = SigningKey.generate(), SigningKey.generate()
    write_register(scene.register, (NAME, KEY.public, (former.public.thumbprint,)))
    own, ours = client.sign("HEAD", ONE_OF), client.sign("GET", "/v1/ledger", key=stranger)
    quoted = f'"{KEY.public.thumbprint}"'
    asked = {
        "nothing": {"Tus-Resumable": "1.0.0"},
        "an unknown key": ours,
        "a former key": client.sign("GET", "/v1/ledger", key=former),
        "another request": own,
        "a registered key": own | {"Signature": ours["Signature"]},
        "no body": client.sign("GET", "/v1/ledger", b"x", key=stranger),
        "no body by the camera": client.sign("GET", "/v1/ledger", b"x") | {"Content-Digest": "x"},
        "a path": {one: ours[one].replace(stranger.public.thumbprint, "../../x") for one in ours},
        "no ASCII": own | {"Signature-Input": "camerad=\xfc"},
        "no structure": own | {"Signature-Input": "camerad=("},
        "a number": own | {"Signature-Input": own["Signature-Input"].replace(quoted, "7")},
    }
    answers = {}
    with caplog.at_level(logging.WARNING):
        for case, headers in asked.items():
            said = client.send("GET", "/v1/ledger", None, headers)
            answers[case] = (said.status, said.body, {*said.headers} - {NONCE})
    assert {one[0] for one in answers.values()} == {401}, answers
    assert all(one == answers["nothing"] for one in answers.values()), answers
    assert stranger.public.thumbprint in caplog.text
    assert f"camera {NAME} was replaced" in caplog.text
    assert [one for one in caplog.records if one.exc_info] == []
    assert not (scene.directory / "office/incoming" / stranger.public.thumbprint).exists()


def test_a_stolen_key_counts_no_more_once_it_was_replaced(
    scene: OfficeScene, client: DockClient
) -> None:
    assert client.declare().status == 201
    new = SigningKey.generate()
    write_register(scene.register, (NAME, new.public, (KEY.public.thumbprint,)))
    said = client.patch(0, b"0123")
    assert said.status == 401
    assert client.declare(key=new).status == 201
    write_register(scene.register)
    assert client.declare(key=new).status == 401


def test_a_request_that_is_sent_again_is_refused(client: DockClient) -> None:
    client.declare()
    headers = client.sign("HEAD", ONE_OF)
    assert client.send("HEAD", ONE_OF, None, headers).status == 200
    again = client.send("HEAD", ONE_OF, None, headers)
    assert again.status == 401, "HEAD has no body to say why in"
    headers = client.sign("GET", "/v1/ledger")
    assert client.send("GET", "/v1/ledger", None, headers).status == 200
    said = client.send("GET", "/v1/ledger", None, headers)
    assert said.status == 401 and "used before" in said.error
    assert client.offset() == 0


def test_a_body_that_was_exchanged_behind_its_signature_leaves_nothing(
    client: DockClient, scene: OfficeScene
) -> None:
    client.declare()
    fields = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    headers = client.sign("PATCH", ONE_OF, b"0123456789", fields)
    for body in (b"forged9876", b"01234"):
        said = client.send("PATCH", ONE_OF, body, headers)
        assert said.status == 400 and "not the one that was signed" in said.error
        headers = client.sign("PATCH", ONE_OF, b"0123456789", fields)
    (content,) = scene.directory.glob("office/incoming/*/*/content")
    assert content.read_bytes() == b""
    # Nor does one that was taken away.
    said = client.send_lines("PATCH", ONE_OF, None, [*headers.items(), ("Content-Length", "0")])
    assert said.status == 400


@pytest.mark.parametrize("name", ["Content-Digest", "Upload-Offset", "Signature", "Tus-Resumable"])
def test_a_header_field_that_counts_comes_once(client: DockClient, name: str) -> None:
    client.declare()
    fields = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    headers = client.sign("PATCH", ONE_OF, b"0123", fields)
    lines = [*headers.items(), (name.upper(), headers[name])]
    said = client.send_lines("PATCH", ONE_OF, b"0123", lines)
    assert said.status == 400 and "twice" in said.error
    assert client.offset() == 0


def test_a_signature_is_for_this_office_and_this_path(client: DockClient) -> None:
    for wrong in ("https://localhost:9999", "http://localhost:8443", "https://other:8443"):
        assert client.declare(url=wrong).status == 401
    headers = client.sign("HEAD", ONE_OF)
    assert client.send("HEAD", ONE_OF + "?x=1", None, headers).status == 401
    headers = client.sign("HEAD", ONE_OF) | {"X-HTTP-Method-Override": "PATCH"}
    assert client.send("HEAD", ONE_OF, None, headers).status == 400


def test_an_unsigned_request_gets_a_nonce_and_nothing_else(client: DockClient) -> None:
    for method, path in (("POST", "/v1/uploads"), ("GET", "/v1/ledger"), ("GET", "/")):
        said = client.send(method, path, None, {"Tus-Resumable": "1.0.0"})
        assert (said.status, bool(said[NONCE])) == (401, True)
        assert said.error


def test_who_is_refused_again_and_again_fills_no_log(
    client: DockClient, scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(MOST_LOGGED + 30):
        client.send("GET", "/v1/ledger", None, {})
    assert caplog.text.count("refused GET") == MOST_LOGGED
    scene.clock.advance(60 * SECOND)
    client.send("GET", "/v1/ledger", None, {})
    assert caplog.text.count("refused GET") == MOST_LOGGED + 1
    assert "30 more requests were refused or failed" in caplog.text


def test_what_fails_by_a_mistake_of_ours_again_and_again_fills_no_log(
    client: DockClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(*_: object) -> None:
        raise RuntimeError("a mistake")

    client.declare()
    monkeypatch.setattr(Uploads, "find", mistaken)
    assert {client.ask("HEAD", ONE_OF).status for _ in range(MOST_LOGGED + 30)} == {500}
    assert caplog.text.count("RuntimeError: a mistake") == MOST_LOGGED


def test_a_camera_whose_clock_is_wrong_gets_through_with_the_servers_nonce_alone(
    client: DockClient, scene: OfficeScene
) -> None:
    client.send("OPTIONS", "/v1/uploads", None, {})
    scene.clock.advance(301 * SECOND)
    assert client.declare(created=7).status == 401, "its nonce of before the pause is too old"
    assert client.declare(created=7).status == 201
    own = iter(f"{number:043d}" for number in range(9))
    now = scene.clock.wall_us() // SECOND
    assert client.declare(nonce=next(own), created=now - 301).status == 401
    assert client.declare(nonce=next(own), created=7).status == 401
    assert client.declare(nonce="0" * 43, created=now).status == 201
    assert client.declare(nonce="0" * 43, created=now).status == 401


def test_the_office_s_server_takes_no_client_s_nonce_in_its_first_minutes(
    client: DockClient, scene: OfficeScene
) -> None:
    """It does not remember what it took before its start."""
    said = client.declare(nonce="n" * 22)
    assert said.status == 401 and "has started" in said.error
    scene.clock.advance(300 * SECOND)
    assert client.declare(nonce="n" * 22).status == 401
    scene.clock.advance(SECOND)
    assert client.declare(nonce="m" * 22).status == 201


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fregister.json", "%2fetc%2fpasswd", f"{ID}%00", f"{ID}.tar"]
)
def test_no_name_leads_out_of_the_office_s_directory(
    client: DockClient, scene: OfficeScene, name: str
) -> None:
    before = _all_but_its_own_part(scene)
    requests = [
        ("HEAD", f"/v1/uploads/{name}"),
        ("GET", f"/v1/recordings/{name}/receipt"),
    ]
    for method, path in requests:
        assert client.ask(method, path).status == 404
    for path in (f"/v1/uploads/{name}", f"/v1/ledger/{name}"):
        method = "PATCH" if "uploads" in path else "PUT"
        fields = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        assert client.ask(method, path, b"x", fields).status in (400, 404)
    assert client.declare(recording=name).status == 400
    assert _all_but_its_own_part(scene) == before


def test_what_a_declared_name_leads_to_is_neither_read_nor_told(
    client: DockClient, scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    """A file with a reason, and one without, outside of the office's directory; and nothing."""
    for name in ("told", "bare"):
        (scene.root / f"{name}.tar").touch()
    (scene.root / "told.json").write_text('{"why": "a text of this machine"}')
    up = "../" * 4
    names = (f"{up}told", f"{up}bare", f"{up}none", f"{scene.root}/told", "\0", "a\0b", "\x7f")
    answers = [client.declare(recording=name) for name in names]
    assert {one.status for one in answers} == {400} and len({one.body for one in answers}) == 1
    assert [one for one in caplog.records if one.exc_info] == []


def _all_but_its_own_part(scene: OfficeScene) -> list[Path]:
    """Without the office's ledger and keys, which the server makes soon after its start."""
    own = scene.directory / "office"
    return sorted(
        path
        for path in scene.root.rglob("*")
        if own not in path.parents or own / "incoming" in path.parents
    )


def test_ten_terabytes_are_refused_at_once(client: DockClient) -> None:
    said = client.declare(10 << 40)
    assert said.status == 413 and "camera_gib" in said.error


def test_a_camera_that_has_as_much_here_as_it_may_is_told_why(scene: OfficeScene) -> None:
    receive = replace(scene.settings.receive, camera_gib=1)
    scene.settings = replace(scene.settings, receive=receive)
    with scene.serving() as client:
        assert client.declare(1 << 29).status == 201
        said = client.declare((1 << 29) + 1, TWO)
        assert said.status == 507 and int(said["Retry-After"]) > 0
        assert "receive.camera_gib" in said.error


# ------------------------------------------------------------------------------------------- bounds


def closed_by_peer(connection: socket.socket, seconds: float = 0.2) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_who_only_opens_connections_keeps_nobody_out(
    scene: OfficeScene, client: DockClient
) -> None:
    """However many they are, and from several addresses: another one's is let in at their expense,
    and at nobody's who has fewer."""
    few = client.connect()
    few.connect()
    opened = [
        socket.create_connection(("127.0.0.1", client.port), DEADLINE, (f"127.0.0.{2 + n % 4}", 0))
        for n in range(MOST + 8)
    ]
    try:
        # Those beyond the bound are closed at once, and not when their time for TLS is over.
        began = time.monotonic()
        assert all(closed_by_peer(one, DEADLINE) for one in opened[MOST:])
        assert time.monotonic() - began < HANDSHAKE_SECONDS
        assert not any(map(closed_by_peer, opened[:2]))
        assert client.declare().status == 201
        few.request("GET", "/")
        assert few.getresponse().status
    finally:
        few.close()
        for one in opened:
            one.close()


def test_what_is_no_tls_is_closed_and_harms_nobody(client: DockClient) -> None:
    with socket.create_connection(("127.0.0.1", client.port), DEADLINE) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert plain.recv(100)[:3] != b"HTT"
    assert client.declare().status == 201


def test_old_tls_is_refused(client: DockClient) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", client.port), DEADLINE) as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(plain)


def test_bytes_that_are_no_http_are_answered_and_leave_the_server_alone(
    client: DockClient,
) -> None:
    connection = client.connect()
    connection.connect()
    connection.sock.sendall(b"\x00\x01 nonsense\r\n\r\n")
    assert connection.sock.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.0 400")
    connection.close()
    assert client.declare().status == 201


def test_a_head_that_does_not_end_is_given_up(
    scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.office.server.connection_limiter.IDLE_SECONDS", 0.3)
    with scene.serving() as client:
        connection = client.connect()
        connection.connect()
        # Given up before its beginning came, or with some of it unread, it ends with an error.
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            connection.sock.sendall(b"GET / HTTP/1.1\r\nA: ")
            assert connection.sock.recv(1) == b""
        connection.close()


def test_a_second_server_on_the_same_directory_is_refused(
    scene: OfficeScene, client: DockClient
) -> None:
    with (
        pytest.raises(StartError, match="another server works"),
        Running(server_with_jobs(scene.settings, scene.clock)),
    ):
        pass
    assert client.declare().status == 201


def test_a_port_that_is_taken_is_said(client: DockClient) -> None:
    with pytest.raises(StartError, match=f"port {client.port}"):
        listen("127.0.0.1", client.port)


def test_the_end_cuts_off_what_does_not_end(
    scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that never ends: the server ends all the same, and nothing of it counts."""
    monkeypatch.setattr("camerad.office.server.office_server.END_SECONDS", 0.2)
    with scene.serving() as client:
        client.declare()
        fields = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        headers = client.sign("PATCH", ONE_OF, b"0123456789", fields)
        hanging = client.connect()
        hanging.putrequest("PATCH", ONE_OF)
        for name, value in (*headers.items(), ("Content-Length", "10")):
            hanging.putheader(name, value)
        hanging.endheaders(b"01234")
        client.nonce = ""
        assert client.offset() == 0
    hanging.close()
    with scene.serving() as client:
        assert client.offset() == 0
        assert client.patch(0, b"0123456789").status == 204
    (content,) = scene.directory.glob("office/incoming/*/*/content")
    assert os.path.getsize(content) == 10


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ([f"H{number}: x" for number in range(38)], 401),
        ([f"H{number}: x" for number in range(60)], 400),
        (["H: " + "x" * 2000], 401),
        (["H: " + "x" * 2100], 400),
    ],
)
def test_a_head_is_small_so_that_unfinished_ones_fill_no_memory(
    client: DockClient, head: list[str], status: int
) -> None:
    connection = client.connect()
    connection.connect()
    lines = ["GET /v1/ledger HTTP/1.1", "Host: localhost", *head, "", ""]
    connection.sock.sendall("\r\n".join(lines).encode())
    said = connection.sock.recv(100)
    connection.close()
    assert int(said.split()[1]) == status


def test_refusals_of_a_camera_fill_no_log_either(
    client: DockClient, scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    client.declare(10)
    for _ in range(MOST_LOGGED + 5):
        assert client.declare(11).status == 409
    lines = [one.getMessage() for one in caplog.records]
    assert len([one for one in lines if "of the camera" in one]) == MOST_LOGGED
    assert len([one for one in lines if "and now with 11" in one]) == 1
    scene.clock.advance(60 * SECOND)
    client.declare(11)
    assert "5 more requests were refused or failed in a minute" in caplog.text


def test_a_connection_that_comes_as_the_server_ends_is_closed(scene: OfficeScene) -> None:
    """Its handshake is given up before it began."""

    async def life() -> socket.socket:
        server = web.Server(lambda _: web.Response())  # type: ignore[arg-type]
        listener = listen("127.0.0.1", 0)
        context = tls_context(str(scene.settings.tls.certificate), str(scene.settings.tls.key))
        limiter = ConnectionLimiter(server, listener, context)
        client = socket.create_connection(listener.getsockname(), DEADLINE)
        limiter._accept()
        await limiter.close()
        return client

    with asyncio.run(life()) as client:
        assert closed_by_peer(client)
