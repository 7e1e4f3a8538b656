"""Uploads are tus 1.0.0 as docs/office-api.md has it (https://tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from state_helpers import revoke, take_back

from camerad.base import durable_files
from camerad.exchange.request_signature import NONCE
from camerad.office.server import bodies, refusals
from camerad.office.server.part_upload import PartUpload
from camerad.office.server.uploads import Uploads
from tests.unit.office.server.office_scene import (
    DEADLINE,
    FINAL,
    ID,
    PART,
    DockClient,
    HalfRequest,
    OfficeScene,
    metadata,
    parts_begun,
)
from tests.waiting import until

PAGE = (Path(__file__).parents[4] / "docs/office-api.md").read_text(encoding="utf-8")
ONE_OF = f"/v1/uploads/{ID}"
FIELDS = {"Upload-Offset": "0", "Content-Type": PART}


@pytest.fixture
def scene(tmp_path: Path) -> OfficeScene:
    return OfficeScene(tmp_path, uploads=2)


@pytest.fixture
def client(scene: OfficeScene) -> Iterator[DockClient]:
    with scene.serving() as client:
        yield client


def number(count: int) -> str:
    return f"20261128T120000Z-{count:06d}-0123abcd"


def half_part(client: DockClient, body: bytes, recording: str = ID, **more: str) -> HalfRequest:
    """A part whose rest comes later."""
    return HalfRequest(client, "PATCH", f"/v1/uploads/{recording}", body, FIELDS, **more)


def when(client: DockClient, scene: OfficeScene, size: int) -> None:
    """Wait until so many bytes have come."""
    pause = threading.Event()
    for _ in range(round(DEADLINE / 0.01)):
        if sum(os.path.getsize(one) for one in scene.directory.glob("*/*/*/*/content")) == size:
            return
        pause.wait(0.01)
    raise AssertionError(f"{size} bytes never came")


# ---------------------------------------------------------------------------------------- protocol


def test_options_say_what_the_page_says(client: DockClient) -> None:
    said = client.send("OPTIONS", "/v1/uploads", None, {})
    assert said.status == 204
    (line,) = re.findall(r"(?m)^\| `OPTIONS /v1/uploads` \| 204: (.*) \|$", PAGE)
    for field in ("Tus-Version", "Tus-Extension", "Tus-Checksum-Algorithm"):
        assert f"`{field}: {said[field]}`" in line
    assert said["Tus-Max-Size"] == str(512 << 30)
    assert said["Tus-Resumable"] == "1.0.0"


def test_an_upload_is_declared_found_again_and_filled(client: DockClient) -> None:
    said = client.declare()
    assert (said.status, said["Location"], said["Upload-Offset"]) == (201, ONE_OF, "0")
    said = client.patch(0, b"0123")
    assert (said.status, said["Upload-Offset"], said.body) == (204, "4", b"")
    said = client.ask("HEAD", ONE_OF)
    assert (said.status, said["Upload-Offset"], said["Upload-Length"]) == (200, "4", "10")
    assert said["Upload-Metadata"] == metadata(ID, FINAL)
    assert said["Cache-Control"] == "no-store"
    said = client.declare()
    assert (said.status, said["Location"], said["Upload-Offset"]) == (201, ONE_OF, "4")
    assert client.declare(final="cd" * 32).status == 409
    said = client.patch(4, b"456789")
    assert (said.status, said["Upload-Offset"]) == (204, "10")


def test_every_answer_speaks_tus_and_has_a_nonce_of_its_own(client: DockClient) -> None:
    answers = [
        client.declare(),
        client.patch(0, b"0"),
        client.patch(0, b"0"),
        client.ask("HEAD", ONE_OF),
        client.ask("HEAD", f"/v1/uploads/{number(9)}"),
        client.send("HEAD", ONE_OF, None, {}),
    ]
    assert [one.status for one in answers] == [201, 204, 409, 200, 404, 401]
    assert len({one[NONCE] for one in answers}) == len(answers)
    assert {one["Tus-Resumable"] for one in answers[:-1]} == {"1.0.0"}
    assert {one["Server"] for one in answers} == {"camerad"}


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0.0, 1.0.0"])
def test_another_version_of_tus_is_answered_with_the_one_that_is_spoken(
    client: DockClient, version: str
) -> None:
    said = client.ask("HEAD", ONE_OF, None, {"Tus-Resumable": version})
    assert (said.status, said["Tus-Version"]) == (412, "1.0.0")


def test_a_part_that_does_not_begin_where_the_upload_ends_is_told_where_that_is(
    client: DockClient,
) -> None:
    client.declare()
    client.patch(0, b"0123")
    for offset in (0, 3, 5, 10**17):
        said = client.patch(offset, b"x")
        assert (said.status, said["Upload-Offset"]) == (409, "4")


def test_an_empty_part_changes_nothing(client: DockClient) -> None:
    client.declare()
    assert client.patch(0, b"").status == 204
    assert client.offset() == 0


def test_a_complete_upload_takes_no_part(client: DockClient) -> None:
    client.declare(4)
    assert client.patch(0, b"0123").status == 204
    # It waits for the camera's ledger, which never came.
    assert client.receipt(ID).status == 409
    assert client.patch(4, b"4").status == 409
    assert client.offset() == 4


def checksum(name: str, body: bytes) -> str:
    digest = hashlib.new(name, body, usedforsecurity=False).digest()
    return f"{name} {base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("name", ["sha256", "sha1"])
def test_a_client_s_own_checksum_is_compared(client: DockClient, name: str) -> None:
    client.declare()
    said = client.patch(0, b"0123", Upload_Checksum=checksum(name, b"other"))
    assert (said.status, client.offset()) == (460, 0)
    assert client.patch(0, b"0123", Upload_Checksum=checksum(name, b"0123")).status == 204


@pytest.mark.parametrize("field", ["md5 AAAA", "sha256 !!", "", "SHA1 AAAA"])
def test_a_checksum_that_nobody_knows_is_refused(client: DockClient, field: str) -> None:
    client.declare()
    assert client.patch(0, b"0123", Upload_Checksum=field).status == 400


METADATA = {
    "none": "",
    "no final": f"recording {base64.b64encode(ID.encode()).decode()}",
    "a third": metadata(ID, FINAL) + ",filename YQ==",
    "twice": metadata(ID, FINAL) + "," + metadata(ID, FINAL),
    "no base64": "recording ???,final ???",
    "no ascii": "recording w7w=,final w7w=",
    "no hash": metadata(ID, "xyz"),
}


@pytest.mark.parametrize("case", METADATA)
def test_metadata_is_a_recording_and_its_final(client: DockClient, case: str) -> None:
    fields = {"Upload-Length": "10", "Upload-Metadata": METADATA[case]}
    said = client.ask("POST", "/v1/uploads", None, fields)
    assert said.status == 400 and said.error


@pytest.mark.parametrize("length", ["", "0", "-1", "1e3", "1" * 19, "0x10", "1 0"])
def test_a_length_is_a_number_above_0(client: DockClient, length: str) -> None:
    fields = {"Upload-Length": length, "Upload-Metadata": metadata(ID, FINAL)}
    assert client.ask("POST", "/v1/uploads", None, fields).status == 400


def test_a_part_has_its_own_type_and_post_has_no_body(client: DockClient) -> None:
    client.declare()
    assert client.patch(0, b"0", Content_Type="text/plain").status == 415
    fields = {"Upload-Length": "10", "Upload-Metadata": metadata(ID, FINAL)}
    assert client.ask("POST", "/v1/uploads", b"x", fields).status == 400


def test_other_methods_are_not_there(client: DockClient) -> None:
    assert client.ask("GET", ONE_OF).status == 405
    assert client.ask("PUT", ONE_OF).status == 405
    assert client.ask("GET", "/v2/uploads").status == 404


# ------------------------------------------------------------------------------------------ bounds


def test_no_part_is_larger_than_64_mib_and_none_goes_beyond_what_is_missing(
    client: DockClient,
) -> None:
    client.declare(1 << 30)
    fields = FIELDS | {"Content-Length": str((64 << 20) + 1)}
    headers = client.sign("PATCH", ONE_OF, b"0", fields)
    assert client.send("PATCH", ONE_OF, None, headers).status == 413
    client.declare(10, number(2))
    assert client.patch(0, b"x" * 11, number(2)).status == 413
    assert client.offset(number(2)) == 0


def test_a_body_has_to_say_its_length(client: DockClient) -> None:
    """So nobody holds a place with a body that never ends."""
    client.declare(10)
    body = b"0123456789"
    headers = client.sign("PATCH", ONE_OF, body, FIELDS) | {"Transfer-Encoding": "chunked"}
    connection = client.connect()
    connection.putrequest("PATCH", ONE_OF)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    with connection.getresponse() as got:
        assert got.status == 411
        assert "Content-Length" in json.loads(got.read())["error"]
    connection.close()
    client.nonce = ""
    assert client.offset() == 0


def test_one_camera_has_two_parts_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = parts_begun(monkeypatch)
    with OfficeScene(tmp_path).serving() as client:
        for count in (1, 2, 3):
            assert client.declare(10, number(count)).status == 201
        halves = [half_part(client, b"0123456789", number(count)) for count in (1, 2)]
        until(lambda: len(begun) == 2, what="both are coming")
        said = client.patch(0, b"0123456789", number(3))
        assert (said.status, "of this camera" in said.error) == (429, True)
        assert [half.end() for half in halves] == [204, 204]
        for half in halves:
            half.close()


def test_one_part_at_a_time_of_an_upload_and_so_many_in_all(
    client: DockClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = parts_begun(monkeypatch)
    for count in (1, 2, 3):
        client.declare(10, number(count))
    first = half_part(client, b"0123456789", number(1))
    second = half_part(client, b"0123456789", number(2))
    try:
        until(lambda: len(begun) == 2, what="both are coming")
        said = client.patch(0, b"01", number(3))
        assert (said.status, said["Retry-After"]) == (429, "5")
        assert second.end() == 204
        said = client.patch(0, b"01", number(1))
        assert (said.status, said["Retry-After"]) == (423, "5")
        assert first.end() == 204
    finally:
        first.close()
        second.close()


def test_a_part_that_is_just_coming_does_not_count_once_its_camera_is_withdrawn(
    client: DockClient, scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = parts_begun(monkeypatch)
    client.declare()
    half = half_part(client, b"0123456789")
    until(lambda: begun, what="it is coming")
    revoke(scene.directory, client.key.public.thumbprint)
    assert half.end() == 403
    half.close()
    take_back(scene.directory, client.key.public.thumbprint)
    assert client.offset() == 0
    assert client.patch(0, b"0123456789").status == 204, "back, it goes on"


def test_who_goes_silent_is_cut_off(
    client: DockClient, scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SILENT_SECONDS", 0.1)
    client.declare()
    half = half_part(client, b"0123456789")
    assert half.status() == 408
    half.close()
    when(client, scene, 0)
    assert client.patch(0, b"0123456789").status == 204


def test_who_drips_is_cut_off_too(client: DockClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte in time, and the whole too late."""
    monkeypatch.setattr(bodies, "SPARE_SECONDS", 0.4)
    body = b"x" * 40
    client.declare(40)
    headers = client.sign("PATCH", ONE_OF, body, FIELDS)
    connection = client.connect()
    connection.putrequest("PATCH", ONE_OF)
    for name, value in (headers | {"Content-Length": "40"}).items():
        connection.putheader(name, value)
    connection.endheaders()
    pause = threading.Event()
    with pytest.raises((OSError, http.client.HTTPException)):
        for _ in range(40):
            connection.send(b"x")
            pause.wait(0.1)
        raise OSError("it was let drip for four seconds")
    connection.close()
    client.nonce = ""
    assert client.offset() == 0


def test_a_part_is_asked_for_only_once_its_signature_holds(client: DockClient) -> None:
    client.declare()
    refused = half_part(client, b"0123456789", Expect="100-continue", Upload_Length="1")
    assert refused.status() == 401
    refused.close()
    wanted = half_part(client, b"0123456789", Expect="100-continue")
    line = wanted.connection.sock.recv(100)
    assert line == b"HTTP/1.1 100 Continue\r\n\r\n"
    wanted.connection.send(b"01234")
    assert wanted.end() == 204
    wanted.close()


def test_a_full_storage_is_said_and_costs_nothing(
    client: DockClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.declare()
    with monkeypatch.context() as patch:
        patch.setattr("camerad.office.server.uploads.Uploads.spare", lambda *_: -1)
        assert client.patch(0, b"0123").status == 507
        assert client.declare(recording=number(2)).status == 507
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        said = client.patch(0, b"0123")
        assert said.status == 507 and "no room" in said.error
    assert client.patch(0, b"0123").status == 204


def test_a_storage_that_fails_is_said_without_its_paths(
    client: DockClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client.declare()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(5, "EIO")))
        said = client.patch(0, b"0123")
    assert said.status == 503 and "/" not in said.error
    assert "cannot synchronise" in caplog.text
    assert client.offset() == 0


def test_a_mistake_of_ours_harms_nobody_else(
    client: DockClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client.declare()
    with monkeypatch.context() as patch:
        patch.setattr(PartUpload, "write", lambda *_: 1 / 0)
        said = client.patch(0, b"0123")
    assert (said.status, "ZeroDivisionError" in caplog.text) == (500, True)
    assert client.patch(0, b"0123").status == 204


def test_a_large_part_takes_no_more_memory_than_two_pieces(
    client: DockClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces are handed on as they come: none is larger than what is read at once besides."""
    pieces = []
    write = PartUpload.write

    def note(part: PartUpload, piece: bytes) -> None:
        pieces.append(len(piece))
        write(part, piece)

    monkeypatch.setattr(PartUpload, "write", note)
    body = os.urandom(6 << 20)
    client.declare(len(body))
    assert client.patch(0, body).status == 204
    assert sum(pieces) == len(body)
    assert max(pieces) <= bodies.PIECE + (1 << 18)


def test_nothing_is_answered_before_it_is_durable(
    client: DockClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, count = durable_files.sync, Uploads._count

    def synced(descriptor: int, path: str) -> None:
        sync(descriptor, path)
        if ID in path:  # what the server does beside its requests has syncs of its own
            done.append(os.path.basename(path))

    def counted(*arguments: Any) -> None:
        count(*arguments)
        done.append("row")

    client.declare()
    monkeypatch.setattr(durable_files, "sync", synced)
    monkeypatch.setattr(Uploads, "_count", counted)
    assert client.patch(0, b"0123").status == 204
    assert done == ["content", "row"]


def test_the_page_names_every_status_that_a_camera_may_meet() -> None:
    statuses = set(refusals._STATUS.values()) | {412, 415, 408}
    assert [one for one in sorted(map(int, statuses)) if str(one) not in PAGE] == []
