"""Clients that others wrote, and one of curl and openssl, upload to the office's server.

tuspy knows nothing of signatures; they are added to its requests below it. What curl does is what
docs/office-api.md says, word for word.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from desk_helpers import KEY, ONE, TWO, Camera
from office_server import OfficeServer
from tusclient.client import TusClient
from tusclient.exceptions import TusUploadFailed

from camerad.container.keys import KeyRing, PublicKey, decode_base64url
from camerad.exchange import request_signature
from camerad.exchange.request_signature import RequestToSign
from camerad.store import receipts

ROOT = Path(__file__).parents[2]
PART = 4096


class Stranger:
    """A camera's recordings, and who brings them to the office in its own way."""

    def __init__(self, root: Path) -> None:
        self.camera = Camera(root / "camera")
        self.server = OfficeServer(root / "office", KEY.public, "cam-1")
        self.section = self.server.section
        self.ca = root / "ca.pem"
        self.ca.write_text(self.section.ca)
        self.url = self.section.url

    def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> requests.Response:
        """A request as any program would make it; signed below."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return requests.request(method, self.url + path, data=body, headers=headers, timeout=30)

    def bring_ledger(self) -> None:
        files = {}
        for path in (self.camera.root / "ledger").glob("*.jws"):
            content = path.read_bytes()
            files[path.name] = hashlib.sha256(content).hexdigest()
            assert self.ask("PUT", f"/v1/ledger/{path.name}", content).status_code == 204
        said = self.ask("POST", "/v1/ledger", json.dumps({"files": files}).encode())
        assert (said.status_code, said.json()["problems"]) == (200, [])

    def receipt(self, recording: str) -> receipts.Receipt:
        deadline = time.monotonic() + 30
        while True:
            said = self.ask("GET", f"/v1/recordings/{recording}/receipt")
            if said.status_code == 200:
                office = PublicKey(decode_base64url(self.section.key))
                return receipts.parse(said.content, KeyRing([office]))
            assert said.status_code == 202 and time.monotonic() < deadline, said.text
            time.sleep(0.05)

    def final(self, recording: str) -> str:
        with self.camera.open() as store:
            final = store.ledger.state.recordings[recording].final
        assert final is not None
        return final


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    made = Stranger(tmp_path)
    made.server.start()
    made.server.plug()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.ca))
    send = requests.Session.send
    nonce = {"": "none-yet-" + secrets.token_urlsafe(12)}

    def signed(session: requests.Session, request: Any, **how: Any) -> requests.Response:
        for _ in range(2):
            fields = {name: str(value) for name, value in request.headers.items()}
            if request.body:
                fields["Content-Digest"] = request_signature.content_digest(bytes(request.body))
            message = RequestToSign(request.method, request.url, fields)
            prepared = request_signature.prepare(
                message, KEY.public.thumbprint, nonce[""], int(time.time())
            )
            request_signature.attach(message, prepared, KEY.sign(prepared.signature_base))
            request.headers.update(message.headers)
            answer = send(session, request, **how)
            nonce[""] = answer.headers.get("Camerad-Nonce", secrets.token_urlsafe(24))
            if answer.status_code != 401:
                break
        return answer

    monkeypatch.setattr(requests.Session, "send", signed)
    yield made
    made.server.close()


def test_tuspy_uploads_a_recording_is_interrupted_and_goes_on(stranger: Stranger) -> None:
    content = stranger.camera.put(ONE).read_bytes()
    stranger.bring_ledger()
    client = TusClient(f"{stranger.url}/v1/uploads")
    about = {"recording": ONE, "final": stranger.final(ONE)}
    how: dict[str, Any] = {"chunk_size": PART, "upload_checksum": True, "metadata": about}
    first = client.uploader(file_stream=BytesIO(content), **how)
    first.upload(stop_at=2 * PART)
    again = client.uploader(file_stream=BytesIO(content), url=first.url, **how)
    assert again.offset == 2 * PART
    again.upload()
    receipt = stranger.receipt(ONE)
    assert receipt.recordings[0].sha256 == hashlib.sha256(content).hexdigest()
    (copy,) = stranger.server.directory.glob(f"*/recordings/{ONE}.tar")
    assert copy.read_bytes() == content


def test_tuspy_is_told_of_a_wrong_checksum_and_nothing_of_the_part_counts(
    stranger: Stranger,
) -> None:
    path = stranger.camera.put(ONE)
    client = TusClient(f"{stranger.url}/v1/uploads")
    about = {"recording": ONE, "final": stranger.final(ONE)}
    upload = client.uploader(
        file_stream=BytesIO(path.read_bytes()), chunk_size=PART, metadata=about
    )
    upload.set_url(upload.create_url())
    upload.offset = 0
    client.set_headers({"Upload-Checksum": "sha1 " + base64.b64encode(bytes(20)).decode()})
    with pytest.raises(TusUploadFailed) as failed:
        upload.upload_chunk()
    assert failed.value.status_code == 460
    assert upload.get_offset() == 0


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Upload_Offset": "1"}, 409),
        ({"Tus_Resumable": "0.2.2"}, 412),
        ({"Upload_Checksum": "crc32 AAAA"}, 400),
        ({"Content_Type": "application/octet-stream"}, 415),
    ],
)
def test_the_protocol_s_own_errors(stranger: Stranger, fields: dict[str, str], status: int) -> None:
    path = stranger.camera.put(ONE)
    encoded = [
        f"{name} {base64.b64encode(value.encode()).decode()}"
        for name, value in (("recording", ONE), ("final", stranger.final(ONE)))
    ]
    said = stranger.ask(
        "POST",
        "/v1/uploads",
        Tus_Resumable="1.0.0",
        Upload_Length=str(path.stat().st_size),
        Upload_Metadata=",".join(encoded),
    )
    assert said.status_code == 201
    right = {
        "Tus_Resumable": "1.0.0",
        "Upload_Offset": "0",
        "Content_Type": "application/offset+octet-stream",
    }
    part = path.read_bytes()[:PART]
    refused = stranger.ask("PATCH", f"/v1/uploads/{ONE}", part, **(right | fields))
    assert refused.status_code == status, refused.text
    assert stranger.ask("PATCH", f"/v1/uploads/{ONE}", part, **right).status_code == 204


def test_curl_and_openssl_do_it_as_the_page_says(stranger: Stranger, tmp_path: Path) -> None:
    path = stranger.camera.put(TWO)
    stranger.bring_ledger()
    content = path.read_bytes()
    (tmp_path / "part-1").write_bytes(content[:PART])
    (tmp_path / "part-2").write_bytes(content[PART:])
    page = (ROOT / "docs/office-api.md").read_text()
    function, steps = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    script = tmp_path / "client.sh"
    script.write_text(f"set -eu\n{function}\n{steps}")
    done = subprocess.run(
        ["sh", script],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "URL": stranger.url,
            "CA": str(stranger.ca),
            "KEY": str(stranger.camera.root / "identity.pem"),
            "KID": KEY.public.thumbprint,
            "ID": TWO,
            "FINAL": stranger.final(TWO),
            "LENGTH": str(len(content)),
            "OFFSET": str(PART),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    statuses = re.findall(r"^HTTP/1\.1 (\d+)", done.stdout, re.MULTILINE)
    assert statuses[:4] == ["201", "204", "200", "204"], done.stdout
    assert statuses[4] in ("200", "202")
    assert f"Upload-Offset: {PART}\r\n".lower() in done.stdout.lower().replace("\n", "\r\n")
    assert stranger.receipt(TWO).recordings[0].bytes == len(content)
