"""`camerad provision`: what signs needs the office's private key, what compares its public half."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from camerad.config.provisioning import NAME
from camerad.errors import EX_CONFIG
from camerad.evidence.keys import SigningKey
from tests.unit.commands.conftest import Desk
from tests.unit.commands.provision_steps import NEW, Camera, made


@pytest.mark.parametrize("kind", ["public PEM", "public JWK", "private JWK"])
def test_cameras_are_collected_and_files_checked_by_the_public_half_of_the_office_s_key(
    kind: str, desk: Desk, tmp_path: Path
) -> None:
    """The technician's computer can sign nothing, and need not."""
    ours, own = made(desk, tmp_path / "first"), tmp_path / "config/camerad/office.pem"
    made(desk, tmp_path / "theirs", "camera-07", "--office-key", tmp_path / "stranger.pem")
    public = tmp_path / "technician" / "office.key"
    public.parent.mkdir()
    public.write_text(
        {
            "public PEM": lambda: desk("provision", "public-key").out,
            "public JWK": lambda: desk("provision", "public-key", "--jwk").out,
            "private JWK": lambda: jwk_of(own),
        }[kind]()
    )
    public.chmod(0o600 if "private" in kind else 0o644)
    own.unlink()
    by = ("--office-key", public)
    assert desk("provision", "check", ours / NAME, *by).code == 0
    strange = desk("provision", "check", tmp_path / "theirs" / NAME, *by)
    assert (strange.code, "another office's key" in strange.err) == (EX_CONFIG, True)
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    camera.life(ours)
    said = desk("provision", "collect", camera.boot, "--register", book, *by)
    assert said.code == 0, said.err
    other = Camera(desk, tmp_path / "other")
    other.life(tmp_path / "theirs")
    said = desk("provision", "collect", other.boot, "--register", book, *by)
    assert (said.code, "may be open to others" in said.err) == (EX_CONFIG, True)
    assert not own.exists(), "no other key was made"


def jwk_of(private: Path) -> str:
    """A private key as JWK (RFC 8037, 2), by the library itself."""
    key = serialization.load_pem_private_key(private.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    x, d = (
        base64.urlsafe_b64encode(half).rstrip(b"=").decode()
        for half in (key.public_key().public_bytes_raw(), key.private_bytes_raw())
    )
    return json.dumps({"kty": "OKP", "crv": "Ed25519", "x": x, "d": d})


def _others_may_read(key: Path) -> None:
    key.chmod(0o644)


def _others_may_read_the_jwk(key: Path) -> None:
    key.write_text(jwk_of(key))
    key.chmod(0o644)


def _another_half(key: Path) -> None:
    jwk = json.loads(jwk_of(key))
    jwk["x"] = SigningKey.generate().public.jwk["x"]
    key.write_text(json.dumps(jwk))


def _too_short(key: Path) -> None:
    key.write_text(json.dumps({**json.loads(jwk_of(key)), "d": "AAAA"}))


def _no_key(key: Path) -> None:
    key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_others_may_read, "others than its owner may read this private key"),
        (_others_may_read_the_jwk, "others than its owner may read this private key"),
        (_another_half, "x is not the public half of its d"),
        (_too_short, "d does not have 32 bytes"),
        (_no_key, "name the office's own key, or its public half, with --office-key"),
        (Path.unlink, "there is no office's key"),
    ],
)
def test_what_is_no_office_s_key_checks_nothing(
    spoil: Callable[[Path], None], told: str, desk: Desk, tmp_path: Path
) -> None:
    key = tmp_path / "technician.key"
    ours = made(desk, tmp_path / "first", "camera-07", "--office-key", key)
    spoil(key)
    for words in (
        ("check", ours / NAME),
        ("collect", tmp_path, "--register", tmp_path / "register.json"),
        ("public-key",),
    ):
        said = desk("provision", *words, "--office-key", key)
        assert (said.code, said.out) == (EX_CONFIG, "")
        assert told in said.err


def test_the_public_half_signs_nothing_and_that_is_said(desk: Desk, tmp_path: Path) -> None:
    ours = made(desk, tmp_path / "first")
    public = tmp_path / "public.pem"
    public.write_text(desk("provision", "public-key").out)
    for words in (
        ("sign", ours / NAME),
        ("new", "--device", "camera-08", *NEW, "--output", tmp_path / "08"),
    ):
        said = desk("provision", *words, "--office-key", public)
        assert (said.code, "the public half of a key, which signs nothing" in said.err) == (
            EX_CONFIG,
            True,
        )
    assert not (tmp_path / "08").exists()
