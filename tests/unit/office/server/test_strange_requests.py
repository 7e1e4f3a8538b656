"""Whatever a registered camera signs, and whatever bytes a stranger sends, nothing breaks."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.office.server.office_scene import (
    DEADLINE,
    ID,
    PART,
    DockClient,
    OfficeScene,
    metadata,
)

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
NUMBERS = st.integers(-(2**70), 2**70).map(str) | PRINTABLE
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"])
SEGMENT = st.sampled_from([ID, "..", "%2e%2e", "%00", "a", "", "000001.jws", "%ff", "*"])
PATHS = st.builds(
    lambda head, tail: "/" + "/".join(["v1", head, *tail]),
    st.sampled_from(["uploads", "ledger", "recordings", "x"]),
    st.lists(SEGMENT, max_size=3) | st.just([ID, "receipt"]),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "Upload-Length": NUMBERS,
        "Upload-Offset": NUMBERS | st.just("0"),
        "Upload-Metadata": PRINTABLE | st.just(metadata(ID, "ab" * 32)),
        "Upload-Checksum": PRINTABLE | st.just("sha1 AAAA"),
        "Content-Type": PRINTABLE | st.just(PART),
        "Content-Digest": PRINTABLE,
        "Content-Encoding": st.sampled_from(["gzip", "br", "x"]),
        "Tus-Resumable": PRINTABLE,
        "Range": PRINTABLE,
    },
)
BODIES = st.none() | st.binary(max_size=300) | st.sampled_from([b"{", b"[]", b'{"files":{}}'])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> OfficeScene:
    return OfficeScene(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def client(scene: OfficeScene) -> Iterator[DockClient]:
    with scene.serving() as client:
        yield client


USUAL = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@USUAL
@given(method=METHODS, path=PATHS, fields=FIELDS, body=BODIES)
def test_every_signed_request_is_answered_in_order(
    client: DockClient,
    caplog: pytest.LogCaptureFixture,
    *,
    method: str,
    path: str,
    fields: dict[str, str],
    body: bytes | None,
) -> None:
    caplog.clear()
    fields = {name: value.strip() for name, value in fields.items()}
    try:
        headers = client.sign(method, path, body, fields)
    except Exception:  # noqa: BLE001 - the client's library signs no such thing
        return
    if method == "CONNECT":
        return  # of HTTP, and not of ours: what follows is no answer
    said = client.send(method, path, body, headers)
    assert said.status < 500, said
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    if said.status >= 400 and method != "HEAD" and said["Content-Type"].startswith("application"):
        assert json.loads(said.body)["error"]


@USUAL
@given(data=st.binary(max_size=400), http=st.booleans())
def test_bytes_of_any_kind_leave_the_server_as_it_is(
    client: DockClient, caplog: pytest.LogCaptureFixture, data: bytes, http: bool
) -> None:
    caplog.clear()
    if http:
        connection = client.connect()
        connection.connect()
        connection.sock.sendall(b"POST /v1/uploads HTTP/1.1\r\n" + data + b"\r\n\r\n")
        connection.sock.settimeout(0.01)
        with contextlib.suppress(OSError):  # it waits for the rest, or has had enough
            connection.sock.recv(100)
        connection.close()
    else:
        with socket.create_connection(("127.0.0.1", client.port), DEADLINE) as plain:
            plain.sendall(data)
    assert client.declare().status == 201
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\0\1\2\r\n\r\n", 400),
        (b"FOO BAR\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: office\r\nExpect: 100\xb7\xd3-continue\r\n\r\n", 417),
        (b"POST /v1/uploads HTTP/1.1\r\nHost: office\r\nExpect: 200-ok\r\n\r\n", 417),
    ],
    ids=["bytes", "line", "long", "expectation that is no ASCII", "other expectation"],
)
def test_what_is_no_http_is_answered_in_our_words(
    client: DockClient, caplog: pytest.LogCaptureFixture, sent: bytes, status: int
) -> None:
    connection = client.connect()
    connection.connect()
    connection.sock.sendall(sent)
    said = HTTPResponse(connection.sock)
    said.begin()
    assert (said.status, said.headers["Server"]) == (status, "camerad")
    assert json.loads(said.read()) == {"error": "these bytes are no request that is read here"}
    assert connection.sock.recv(1) == b"", "the connection is closed"
    connection.close()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_no_request_left_anything_outside_of_the_uploads(scene: OfficeScene) -> None:
    names = {path.name for path in scene.root.iterdir()}
    made = {"ca.pem", "ca.key", "server.pem", "server.key", "office.pem", "register.json"}
    assert names == made | {"archive"}
