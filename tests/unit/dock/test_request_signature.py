"""A request's signature holds for that request, that body and that key, and for nothing else."""

from __future__ import annotations

import base64

import pytest

from camerad.base.errors import CameradError
from camerad.container import jws
from camerad.container.keys import PublicKey, SigningKey
from camerad.exchange import request_signature
from camerad.exchange.request_signature import RequestSignatureError, RequestToSign

KEY = SigningKey.generate()
URL = "https://office.example:8443/v1/uploads/R1"
NONCE = "n" * 22


def find(kid: str) -> PublicKey:
    if kid != KEY.public.thumbprint:
        raise CameradError(f"{kid} is not registered")
    return KEY.public


def signed(
    method: str = "PATCH", body: bytes | None = b"footage", key: SigningKey = KEY, **headers: str
) -> RequestToSign:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        fields["Content-Digest"] = request_signature.content_digest(body)
    request = RequestToSign(method, URL, fields)
    prepared = request_signature.prepare(request, key.public.thumbprint, NONCE, 1_764_000_000)
    request_signature.attach(request, prepared, key.sign(prepared.signature_base))
    return request


def check(request: RequestToSign, **changed: object) -> request_signature.SignedRequest:
    said = {"method": request.method, "url": request.url, "headers": request.headers} | changed
    has_body = bool(said.pop("has_body", "Content-Digest" in request.headers))
    return request_signature.check(**said, find_key=find, has_body=has_body)  # type: ignore[arg-type]


def test_what_was_signed_holds_and_says_by_whom_when_and_over_which_body() -> None:
    found = check(signed(Upload_Offset="0"))
    assert found.kid == KEY.public.thumbprint
    assert (found.created, found.nonce) == (1_764_000_000, NONCE)
    assert base64.b64encode(found.digest or b"").decode() in request_signature.content_digest(
        b"footage"
    )


def test_a_request_without_a_body_has_no_digest() -> None:
    assert check(signed("GET", None)).digest is None


def test_a_clock_that_is_wrong_by_decades_is_the_callers_to_judge() -> None:
    request = RequestToSign("GET", URL, {})
    prepared = request_signature.prepare(request, KEY.public.thumbprint, NONCE, 4_000_000_000)
    request_signature.attach(request, prepared, KEY.sign(prepared.signature_base))
    assert check(request).created == 4_000_000_000


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "DELETE"},
        {"url": URL + "2"},
        {"url": URL.replace("office.example", "other.example")},
    ],
)
def test_another_request_is_not_signed_by_it(changed: dict[str, str]) -> None:
    with pytest.raises(RequestSignatureError, match=r"is not one over .* https://"):
        check(signed(), **changed)


@pytest.mark.parametrize("name", ["Content-Digest", "Upload-Offset", "Upload-Metadata"])
def test_a_field_that_counts_cannot_be_changed(name: str) -> None:
    request = signed(Upload_Offset="0", Upload_Metadata="recording UjE=")
    request.headers[name] = request_signature.content_digest(b"x") if name[0] == "C" else "5"
    with pytest.raises(RequestSignatureError):
        check(request)


def test_a_field_that_counts_cannot_be_added() -> None:
    request = signed()
    request.headers["upload-length"] = "5"
    with pytest.raises(RequestSignatureError, match="was not covered"):
        check(request)


def test_a_body_needs_its_digest() -> None:
    with pytest.raises(RequestSignatureError, match="needs Content-Digest"):
        check(signed("POST", None), has_body=True)


@pytest.mark.parametrize(
    "value",
    ["sha-512=:" + "A" * 86 + "==:", "sha-256=:AAAA:", "", "sha-256=:" + "A" * 43 + "=:, a=1"],
)
def test_a_digest_has_one_spelling(value: str) -> None:
    request = signed("POST", None)
    request.headers["Content-Digest"] = value
    with pytest.raises(RequestSignatureError):
        check(request)
    with pytest.raises((RequestSignatureError, request_signature.HTTPMessageSignaturesException)):
        fields = {"Content-Digest": value}
        again = RequestToSign("POST", URL, fields)
        prepared = request_signature.prepare(again, KEY.public.thumbprint, NONCE, 1)
        request_signature.attach(again, prepared, KEY.sign(prepared.signature_base))
        check(again, has_body=True)


def test_another_key_is_refused_with_the_registers_own_words() -> None:
    with pytest.raises(CameradError, match="is not registered"):
        check(signed(key=SigningKey.generate()))


def test_a_key_that_only_says_that_it_is_the_registered_one_is_refused() -> None:
    request = RequestToSign("GET", URL, {})
    prepared = request_signature.prepare(request, KEY.public.thumbprint, NONCE, 1)
    forged = SigningKey.generate().sign(prepared.signature_base)
    request_signature.attach(request, prepared, forged)
    with pytest.raises(RequestSignatureError):
        check(request)


@pytest.mark.parametrize("missing", ["nonce", "created"])
def test_nonce_and_time_are_needed(missing: str) -> None:
    from http_message_signatures import HTTPMessageSigner, algorithms

    request = RequestToSign("GET", URL, {})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519)
    prepared = signer.prepare(
        request,
        key_id=KEY.public.thumbprint,
        nonce=None if missing == "nonce" else NONCE,
        label="camerad",
        tag="camerad-dock",
        covered_component_ids=("@method", "@target-uri"),
    )
    if missing == "created":
        base = prepared.signature_base.decode()
        created = base.split("created=", 1)[1].split(";", 1)[0]
        part = f"created={created};"
        prepared = type(prepared)(
            base.replace(part, "").encode(),
            prepared.signature_params.replace(part, ""),
            prepared.label,
            prepared.algorithm_id,
        )
    signer.apply(request, prepared, KEY.sign(prepared.signature_base))
    with pytest.raises(RequestSignatureError, match="needs a nonce and its time"):
        check(request)


def test_no_statement_can_be_taken_for_a_request_nor_a_request_for_a_statement() -> None:
    token = jws.sign(KEY, "camerad-header", {"id": "x"})
    assert b'"' not in jws.parse(token).signed
    request = RequestToSign("GET", URL, {})
    base = request_signature.prepare(request, KEY.public.thumbprint, NONCE, 1).signature_base
    assert base.startswith(b'"@method": GET\n')
    with pytest.raises(jws.JwsError):
        jws.parse(base)
