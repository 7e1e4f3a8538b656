"""What the camera signs for its office, and what acknowledges a recording, over the socket."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.config.office_section import Office
from camerad.container import jws, recording_ids
from camerad.container.keys import PublicKey, SigningKey, encode_base64url
from camerad.control import dock_routes
from camerad.control.access import HAND_OVER_PATHS
from camerad.control.dock_routes import LONGEST, TAG, NotThisCamerasError, check_base
from camerad.daemon.store_worker import StoreWorker
from camerad.exchange import request_signature
from camerad.exchange.request_signature import RequestToSign
from camerad.store import receipts
from camerad.store.receipts import CopiedRecording, Receipt
from tests.unit.control.test_routes import ID, Ask, clock, keeping, play

__all__ = ["clock", "keeping"]

DESK = SigningKey.generate()
OFFICE = Office("https://office.example:8443", "", encode_base64url(DESK.public.raw), 100)
CAMERA = SigningKey.generate().public.thumbprint
NONCE = "n" * 22


NOW = 1_764_000_000


def base_of(
    url: str = OFFICE.url,
    kid: str = CAMERA,
    *,
    asked: str = f"PATCH /v1/uploads/{ID}",
    created: int = NOW,
    **headers: str,
) -> str:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    method, path = asked.split(" ", 1)
    request = RequestToSign(method, url + path, fields)
    return request_signature.prepare(request, kid, NONCE, created).signature_base.decode()


FULL = {
    "Content_Digest": request_signature.content_digest(b"x"),
    "Upload_Offset": "0",
    "Upload_Length": "5",
    "Upload_Metadata": "recording UjE=,final UjI=",
    "Upload_Checksum": "sha256 UjE=",
}


def test_both_ends_mean_the_same_requests() -> None:
    assert request_signature.TAG == TAG
    assert {*request_signature.COVERED_IF_PRESENT, "@method", "@target-uri"} == dock_routes._COVERED


@pytest.mark.parametrize("headers", [{}, FULL])
@pytest.mark.parametrize("nonce", [NONCE, "s.Az-_09", "n" * 128])
def test_the_base_of_a_request_to_the_office_is_signed(headers: dict[str, str], nonce: str) -> None:
    check_base(base_of(**headers).replace(NONCE, nonce), OFFICE.url, CAMERA, NOW)


@pytest.mark.parametrize(
    "base",
    [
        "",
        "\n",
        "a.b.c",
        jws.sign(SigningKey.generate(), "camerad-receipt", {"a": 1}).decode().rpartition(".")[0],
        base_of() + "\n",
        "\n" + base_of(),
        base_of().replace('"@method": PATCH\n', ""),
        base_of().replace('"@method": PATCH\n', '"@method": PATCH\n"@method": PATCH\n'),
        base_of().replace(' "@target-uri"', ""),
        base_of().replace("camerad-dock", "camerad-other"),
        base_of().replace('tag="', 'x="1";tag="'),
        base_of().replace("ed25519", "rsa-v1_5-sha256"),
        base_of().replace(f';nonce="{NONCE}"', ""),
        base_of().replace(NONCE, 'a";tag="camerad-dock"'),
        base_of().replace(NONCE, "n" * 129),
        base_of(kid="A" * 43),
        base_of("https://office.example:84431"),
        base_of().replace(":8443/", ":8443.evil.example/"),
        base_of("https://other.example"),
        base_of().replace('"@method": PATCH', '"@method": PATCH\r'),
        base_of().replace('"@method": PATCH', '"@method": PÄTCH'),
        base_of().replace('"@target-uri"', '"cookie": a\n"@target-uri"', 1),
        base_of(Upload_Offset="0" * LONGEST),
    ],
)
def test_nothing_else_is_signed(base: str) -> None:
    with pytest.raises(NotThisCamerasError):
        check_base(base, OFFICE.url, CAMERA, NOW)


@pytest.mark.parametrize(
    "asked",
    [
        "POST /v1/uploads",
        f"HEAD /v1/uploads/{ID}",
        f"PATCH /v1/uploads/{ID}",
        f"DELETE /v1/uploads/{ID}",
        f"GET /v1/recordings/{ID}/receipt",
        "POST /v1/check-in",
        f"GET /v1/offers/{'0a' * 32}",
        "GET /v1/ledger",
        "POST /v1/ledger",
        "PUT /v1/ledger/000001.jws",
        "PUT /v1/ledger/000001.damaged",
        "PUT /v1/ledger/123456789.checkpoint",
    ],
)
def test_each_request_of_the_protocol_is_signed_while_it_is_new(asked: str) -> None:
    base = base_of(asked=asked)
    for seconds in (-60, 0, 60):
        check_base(base, OFFICE.url, CAMERA, NOW + seconds)
    # What is signed for later would outlive the process that asked.
    for seconds in (-61, 61, 300, 10**6):
        with pytest.raises(NotThisCamerasError, match="not of now"):
            check_base(base, OFFICE.url, CAMERA, NOW + seconds)


@pytest.mark.parametrize(
    "asked",
    [
        "OPTIONS /v1/uploads",
        "GET /v1/uploads",
        "POST /v1/uploads/",
        "POST /v1/uploads?x",
        f"PUT /v1/uploads/{ID}",
        f"PATCH /v1/uploads/../uploads/{ID}",
        "PATCH /v1/uploads/..",
        "PATCH /v1/uploads/one",
        f"PATCH /v1/uploads/{ID}/x",
        f"PATCH /v1/uploads/{ID}%2f",
        f"DELETE /v1/recordings/{ID}/receipt",
        f"GET /v1/recordings/{ID}",
        "GET /v1/check-in",
        "POST /v1/check-in/x",
        "GET /v1/offers/",
        f"GET /v1/offers/{'0A' * 32}",
        f"PUT /v1/offers/{'0a' * 32}",
        "DELETE /v1/ledger",
        "DELETE /v1/ledger/000001.jws",
        "PUT /v1/ledger/../000001.jws",
        "PUT /v1/ledger/1.jws",
        "PUT /v1/ledger/000001.pem",
        "GET /v1/ledger/",
        "GET /v1/../admin",
        "GET /v1/",
        "BREW /v1/ledger",
    ],
)
def test_a_request_that_the_protocol_does_not_have_is_not_signed(asked: str) -> None:
    with pytest.raises(NotThisCamerasError, match="no such request"):
        check_base(base_of(asked=asked), OFFICE.url, CAMERA, NOW)


def test_both_ends_mean_the_same_ids() -> None:
    assert recording_ids.SPELLED == dock_routes._ID


def test_a_request_is_signed_over_the_socket_with_the_cameras_key(
    keeping: StoreWorker, tmp_path: Path
) -> None:
    async def scene(ask: Ask) -> None:
        _, identity = await ask("GET", "/identity")
        now = keeping.ask(lambda store, _key: store.ledger.now()[1]).result(20).wall_us // SECOND
        base = base_of(kid=identity["thumbprint"], created=now, **FULL)
        status, answer = await ask("POST", "/dock/signature", {"base": base})
        assert status == 200, answer
        signature = base64.b64decode(answer["signature"], validate=True)
        assert PublicKey.from_jwk(identity["jwk"]).verify(signature, base.encode())
        status, answer = await ask("POST", "/dock/signature", {"base": base_of(created=now)})
        assert (status, "names another key" in answer["error"]) == (409, True)
        later = base_of(kid=identity["thumbprint"], created=now + 3600)
        status, answer = await ask("POST", "/dock/signature", {"base": later})
        assert (status, "not of now" in answer["error"]) == (409, True)

    play(keeping, tmp_path, scene, OFFICE)


def test_without_an_office_nothing_is_signed_and_nothing_acknowledged(
    keeping: StoreWorker, tmp_path: Path
) -> None:
    async def scene(ask: Ask) -> None:
        for path, body in (
            ("/dock/signature", {"base": base_of()}),
            ("/dock/receipt", {"receipt": "a.b.c"}),
        ):
            status, answer = await ask("POST", path, body)
            assert (status, "section office" in answer["error"]) == (409, True)

    play(keeping, tmp_path, scene)


def receipt_for(listed: dict[str, Any], keeping: StoreWorker, key: SigningKey = DESK) -> Receipt:
    head = keeping.ask(lambda store, _key: store.ledger.head).result(20)
    boot_id, now = keeping.ask(lambda store, _key: store.ledger.now()).result(20)
    copied = CopiedRecording(listed["id"], listed["final"], "0" * 64, 5)
    return Receipt("camera-07", key.public.thumbprint, "d1", (copied,), head, boot_id, now)


def test_the_offices_receipt_acknowledges_a_recording_once(
    keeping: StoreWorker, tmp_path: Path
) -> None:
    async def scene(ask: Ask) -> None:
        ((listed,),) = [(await ask("GET", "/recordings"))[1]]
        token = receipts.sign(DESK, receipt_for(listed, keeping)).decode()
        done = await ask("POST", "/dock/receipt", {"receipt": token})
        assert done == (200, {"acknowledged": [ID]})
        assert (await ask("GET", "/recordings"))[1][0]["acknowledged"] is True
        again = await ask("POST", "/dock/receipt", {"receipt": token})
        assert again == (200, {"acknowledged": []})

    play(keeping, tmp_path, scene, OFFICE)


def test_no_other_word_acknowledges_one(keeping: StoreWorker, tmp_path: Path) -> None:
    async def scene(ask: Ask) -> None:
        ((listed,),) = [(await ask("GET", "/recordings"))[1]]
        good = receipt_for(listed, keeping)
        stranger = SigningKey.generate()
        # The device's own receipt is for sticks, where somebody carries it.
        own = await ask(
            "POST",
            "/acknowledge",
            {
                "directory": "d1",
                "recordings": [{"id": ID, "final": listed["final"], "sha256": "", "bytes": 5}],
            },
        )
        (copied,) = good.recordings
        for token in (
            receipts.sign(stranger, receipt_for(listed, keeping, stranger)),
            receipts.sign(stranger, good),
            receipts.sign(DESK, replace(good, kid=stranger.public.thumbprint)),
            receipts.sign(DESK, replace(good, recordings=(replace(copied, final="0" * 64),))),
            receipts.sign(DESK, replace(good, recordings=(replace(copied, id="x" + ID),))),
            jws.sign(DESK, "camerad-ledger", good),
            receipts.sign(DESK, good)[:-1],
            own[1]["receipt"].encode(),
        ):
            status, answer = await ask("POST", "/dock/receipt", {"receipt": token.decode()})
            assert status == 409, answer
        assert (await ask("GET", "/recordings"))[1][0]["acknowledged"] is False

    play(keeping, tmp_path, scene, OFFICE)


def test_an_office_key_that_is_none_is_said(keeping: StoreWorker, tmp_path: Path) -> None:
    async def scene(ask: Ask) -> None:
        status, answer = await ask("POST", "/dock/receipt", {"receipt": "a.b.c"})
        assert (status, "office.key" in answer["error"]) == (409, True)

    play(keeping, tmp_path, scene, replace(OFFICE, key="_" * 43))


@pytest.mark.parametrize("path", HAND_OVER_PATHS)
@pytest.mark.parametrize("body", [None, [], {"": 1}, {"base": 1}, {"receipt": None}])
def test_a_body_that_is_another_is_one_sentence(
    keeping: StoreWorker, tmp_path: Path, path: str, body: Any
) -> None:
    async def scene(ask: Ask) -> None:
        status, answer = await ask("POST", path, body)
        assert (status, "another body" in answer["error"]) == (400, True)

    play(keeping, tmp_path, scene, OFFICE)
