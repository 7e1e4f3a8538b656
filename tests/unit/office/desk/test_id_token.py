"""Which keys and signatures of a provider count, whoever calls for them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from city_provider import known_key
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from camerad.base.clock import SECOND
from camerad.office.desk.desk_refusals import RefusalError
from camerad.office.desk.openid_provider import (
    MOST_KEYS,
    TokenKeys,
    UnpublishedKeyError,
    WantedToken,
    check_id_token,
)
from camerad.office.server.openid_settings import OpenidSettings

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
    with pytest.raises(UnpublishedKeyError, match="names none of the provider's keys"):
        subject(token(RSA), published(RSA, OTHER))
    twice = OTHER.as_dict(private=False) | {"kid": RSA.kid}
    with pytest.raises(UnpublishedKeyError):
        subject(token(RSA, kid=RSA.kid), published(RSA, twice))


def test_a_key_that_is_for_something_else_signs_no_token() -> None:
    for more in ({"use": "enc"}, {"alg": "RS512"}, {"kid": 7}):
        with pytest.raises(UnpublishedKeyError):
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
    with pytest.raises(UnpublishedKeyError):
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
