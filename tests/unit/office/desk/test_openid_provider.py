"""Misbehaviour of a provider: slow, too big, elsewhere, or another provider."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import city_provider
import pytest
from city_provider import DISCOVERY, CityProvider, Lies, known_key, send
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from msgspec.structs import replace

from camerad.base.clock import SECOND, ManualClock
from camerad.office.desk import openid_provider
from camerad.office.desk.desk_refusals import RefusalError
from camerad.office.desk.openid_provider import (
    LARGEST,
    MOST_KEYS,
    OpenidProvider,
    TokenKeys,
    WantedToken,
    check_id_token,
)
from camerad.office.server.desk_settings import OpenidSettings

from .openid_scene import settings_of

NEVER = threading.Event()
LOOP = asyncio.Runner()
"""One for all: a connection that is cut off is closed in the next run."""
BACK = "https://localhost:8444/openid"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityProvider]:
    with CityProvider(tmp_path_factory.mktemp("city"), BACK) as made, LOOP:
        yield made


@pytest.fixture
def city(running: CityProvider) -> Iterator[CityProvider]:
    yield running
    running.lies = Lies()


def check(settings: OpenidSettings) -> None:
    async def ask() -> None:
        await OpenidProvider(settings, BACK, ManualClock()).check()

    LOOP.run(ask())


def test_a_provider_in_order_is_asked_for_two_documents(city: CityProvider) -> None:
    before = city.asked.total()
    check(settings_of(city))
    assert city.asked.total() == before + 2


def huge(request: BaseHTTPRequestHandler) -> None:
    send(request, 200, {"issuer": "x" * (LARGEST + 1)})


def bomb(request: BaseHTTPRequestHandler) -> None:
    """A small answer that would become a big one."""
    content = gzip.compress(b" " * (16 << 20))
    request.send_response(200)
    request.send_header("Content-Encoding", "gzip")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def drip(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then, so that no single one is late."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b" ")
            request.wfile.flush()
            NEVER.wait(0.02)
    except OSError:
        return


def elsewhere(request: BaseHTTPRequestHandler) -> None:
    request.send_response(302)
    request.send_header("Location", "/realms/city/keys")
    request.send_header("Content-Length", "0")
    request.end_headers()


def failing(request: BaseHTTPRequestHandler) -> None:
    send(request, 500, {})


def no_json(request: BaseHTTPRequestHandler) -> None:
    send(request, 200, "<html>")


def deep(request: BaseHTTPRequestHandler) -> None:
    send(request, 200, "[" * 100_000)


def no_keys(request: BaseHTTPRequestHandler) -> None:
    send(request, 200, {"keys": "none"})


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        (DISCOVERY, huge, f"more than {LARGEST} bytes"),
        (DISCOVERY, bomb, "its discovery document is none"),
        (DISCOVERY, drip, "does not answer within"),
        (DISCOVERY, elsewhere, "answers 302 at 127.0.0.1"),
        (DISCOVERY, failing, "answers 500 at"),
        (DISCOVERY, no_json, "its discovery document is none"),
        (DISCOVERY, deep, "its discovery document is none"),
        ("/keys", no_keys, "what it publishes are no keys"),
        ("/keys", huge, f"more than {LARGEST} bytes"),
    ],
)
def test_an_answer_that_is_none_is_said(
    city: CityProvider,
    path: str,
    answer: Callable[[BaseHTTPRequestHandler], None],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openid_provider, "WHOLE_SECONDS", 0.5 if answer is drip else 10.0)
    city.lies.raw = {path: answer}
    with pytest.raises(RefusalError, match=said):
        check(settings_of(city))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("issuer", "https://login.elsewhere.example", "it calls itself https://login.elsewhere"),
        ("issuer", "https://127.0.0.1/\u202e", r"it calls itself https://127.0.0.1/\\u202e"),
        ("authorization_endpoint", "http://login.city.example/a", "is not HTTPS"),
        ("authorization_endpoint", "javascript:alert(1)", "is not HTTPS"),
        ("token_endpoint", "http://127.0.0.1:8080/t", "is not HTTPS"),
        ("token_endpoint", "https://user:word@login.city.example/t", "is not HTTPS"),
        ("token_endpoint", "https://login.city.example:99999/t", "is not HTTPS"),
        ("jwks_uri", "file:///etc/passwd", "is not HTTPS"),
        ("jwks_uri", "https:///keys", "is not HTTPS"),
        ("jwks_uri", "https://login.city.example/k#f", "is not HTTPS"),
        ("jwks_uri", 7, "its discovery document is none"),
    ],
)
def test_a_document_that_leads_elsewhere_is_refused(
    city: CityProvider, field: str, value: Any, said: str
) -> None:
    city.lies.document = lambda document: document.update({field: value})
    with pytest.raises(RefusalError, match=said):
        check(settings_of(city))


def test_a_certificate_of_another_authority_is_refused(city: CityProvider, tmp_path: Path) -> None:
    settings = settings_of(city)
    with pytest.raises(RefusalError, match="certificate verify failed"):
        check(replace(settings, ca=None))
    wrong = tmp_path / "ca.pem"
    wrong.write_text("none")
    with pytest.raises(RefusalError, match=r"no authority's certificate in PEM \(desk.openid"):
        check(replace(settings, ca=wrong))


@pytest.mark.parametrize("content", [b"", b"\n", "pässword".encode(), b"a\x00b", b"x" * 5000, None])
def test_a_secret_that_is_none_is_said_and_never_repeated(
    city: CityProvider, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RefusalError, match=str(path)) as told:
        check(replace(settings_of(city), client_secret_file=path))
    assert "ssword" not in str(told.value)


def redeem(city: CityProvider, **changes: Any) -> tuple[str, OpenidProvider]:
    """A whole sign-in; changes: of the settings. Returns whom it names."""
    clock = ManualClock()
    city.now = lambda: clock.wall_us() // 1_000_000
    provider = OpenidProvider(replace(settings_of(city), **changes), BACK, clock)

    async def go() -> str:
        address = await provider.address("s", "n", "v" * 43)
        said = city.grant(address, "kim")
        return await provider.redeem(said["code"], said["iss"], "v" * 43, "n", clock.wall_us())

    return LOOP.run(go()), provider


@pytest.mark.parametrize(
    "methods", [["client_secret_post"], ["client_secret_basic"], ["private_key_jwt"], None]
)
def test_the_desk_shows_its_secret_as_the_provider_takes_it(
    city: CityProvider, methods: list[str] | None
) -> None:
    def change(document: dict[str, Any]) -> None:
        if methods is None:
            del document["token_endpoint_auth_methods_supported"]
        else:
            document["token_endpoint_auth_methods_supported"] = methods

    city.lies.document = change
    assert redeem(city)[0] == "kim"


def test_a_secret_that_two_read_differently_goes_where_all_read_it_alike(
    city: CityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that takes Basic as it stands, as some do, in spite of RFC 6749, 2.3.1."""
    monkeypatch.setattr(city_provider, "unquote_plus", lambda text: text)
    with pytest.raises(RefusalError, match="invalid_client"):
        redeem(city)
    city.lies.document = lambda document: document.update(
        token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic"]
    )
    assert redeem(city)[0] == "kim"


def test_a_wrong_secret_is_said_with_what_to_correct(city: CityProvider, tmp_path: Path) -> None:
    wrong = tmp_path / "secret"
    wrong.write_text("another")
    with pytest.raises(
        RefusalError, match=r"\(invalid_client\); correct desk.openid.client_id"
    ) as told:
        redeem(city, client_secret_file=wrong)
    assert "another" not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda one: send(one, 400, {"error": "invalid_scope"}), r"\(invalid_scope\); see what"),
        (lambda one: send(one, 400, "<html>"), "it answers 400 at"),
        (lambda one: send(one, 502, "<html>"), "it answers 502 at"),
        (lambda one: send(one, 200, {"access_token": "a"}), "it gives no ID token"),
        (huge, f"more than {LARGEST} bytes"),
        (elsewhere, "answers 302 at"),
    ],
    ids=["refused", "no reason", "broken", "no token", "huge", "elsewhere"],
)
def test_an_endpoint_that_gives_no_token_is_said(
    city: CityProvider, answer: Callable[[BaseHTTPRequestHandler], None], said: str
) -> None:
    city.lies.raw = {"/token": answer}
    with pytest.raises(RefusalError, match=said):
        redeem(city)


def test_an_address_keeps_the_question_that_it_has(city: CityProvider) -> None:
    there = f"{city.issuer}/authorize?tenant=7"
    city.lies.document = lambda document: document.update(authorization_endpoint=there)
    assert redeem(city)[0] == "kim"


NOW = 1_795_540_000
SETTINGS = OpenidSettings(
    "https://login.city.example", "desk", Path("/secret"), "City", prompt="provider"
)
WANTED = WantedToken(SETTINGS, "n", NOW * SECOND)
CLAIMS = {"iss": SETTINGS.issuer, "aud": ["desk"], "sub": "s-1", "exp": NOW + 60, "iat": NOW}
RSA, OTHER = known_key(0), known_key(1)


def published(*keys: Any, **more: Any) -> TokenKeys:
    said = [one if isinstance(one, dict) else one.as_dict(private=False) | more for one in keys]
    return TokenKeys(json.dumps({"keys": said}).encode())


def token(key: Any, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode({"alg": algorithm, **header}, {**CLAIMS, "nonce": "n"}, key, [algorithm])


def subject(said: str, keys: TokenKeys) -> str:
    return check_id_token(said, keys, WANTED, NOW * SECOND)


@pytest.mark.parametrize(
    ("algorithm", "curve"), [("ES256", "P-256"), ("ES384", "P-384"), ("ES512", "P-521")]
)
def test_elliptic_curves_count_each_with_its_own_signature(algorithm: str, curve: str) -> None:
    key = ECKey.generate_key(curve, {"kid": "e"})
    assert subject(token(key, algorithm, kid="e"), published(RSA, key)) == "s-1"
    wrong = ECKey.generate_key("P-256" if curve != "P-256" else "P-384", {"kid": "e"})
    with pytest.raises(RefusalError, match="no token, or not signed"):
        subject(token(key, algorithm, kid="e"), published(wrong))


def test_one_key_needs_no_name_and_several_do() -> None:
    assert subject(token(RSA), published(RSA)) == "s-1"
    assert subject(token(RSA), published(RSA, ECKey.generate_key("P-256"))) == "s-1"
    with pytest.raises(RefusalError, match="names none of the provider's keys"):
        subject(token(RSA), published(RSA, OTHER))
    twice = OTHER.as_dict(private=False) | {"kid": RSA.kid}
    with pytest.raises(RefusalError, match="names none"):
        subject(token(RSA, kid=RSA.kid), published(RSA, twice))


def test_a_key_that_is_for_something_else_signs_no_token() -> None:
    for more in ({"use": "enc"}, {"alg": "RS512"}, {"kid": 7}):
        with pytest.raises(RefusalError, match="names none"):
            subject(token(RSA), published(RSA, **more))
    pss = RSA.as_dict(private=True) | {"alg": "PS256"}
    assert subject(token(RSAKey.import_key(pss), "PS256"), published(RSA, alg="PS256")) == "s-1"


def test_what_signs_no_token_is_passed_over_in_what_is_published() -> None:
    odd = [
        OKPKey.generate_key("Ed25519").as_dict(private=False),
        OctKey.generate_key(256).as_dict(private=True),
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"},
        {"kty": "RSA", "n": 7, "e": "AQAB"},
        {},
        {"kty": ["RSA"]},
    ]
    assert subject(token(RSA, kid=RSA.kid), published(*odd, RSA)) == "s-1"


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_key_that_is_too_short_signs_no_token() -> None:
    short = RSAKey.generate_key(1024, {"kid": "short"})
    with pytest.raises(RefusalError, match="names none"):
        subject(token(short, kid="short"), published(short))


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b'{"keys": 7}',
        b'{"keys": [7]}',
        b"[" * 100_000,
        json.dumps({"keys": [{}] * (MOST_KEYS + 1)}).encode(),
    ],
    ids=["empty", "list", "number", "numbers", "deep", "many"],
)
def test_what_is_no_set_of_keys_is_refused(wrong: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        TokenKeys(wrong)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": None},
        {"alg": ["RS256"]},
        {"alg": "RS256", "kid": 7},
        {"alg": "RS256", "crit": ["b64"], "b64": False},
        {"alg": "RS256", "crit": ["other"], "other": 1},
    ],
    ids=["no algorithm", "a list", "a number", "not encoded", "critical"],
)
def test_a_header_that_is_none_is_refused(header: dict[str, Any]) -> None:
    head, *rest = token(RSA).split(".")
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    with pytest.raises(RefusalError):
        subject(".".join([head, *rest]), published(RSA))


def test_a_header_may_say_more_than_is_known() -> None:
    assert subject(token(RSA, x5t="A", kid=RSA.kid), published(RSA)) == "s-1"
