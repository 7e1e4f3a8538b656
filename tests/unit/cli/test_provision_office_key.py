"""`camerad provision`: what signs needs the office's private key, what compares its public half."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from camerad.base.errors import EX_CONFIG
from camerad.config.provisioning import NAME
from camerad.container.keys import SigningKey
from camerad.evidence import provisioning_files
from camerad.provisioning import signing
from tests.unit.cli.conftest import Desk
from tests.unit.cli.provision_steps import NEW, Camera, made


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
    assert (said.code, "others may open what it records" in said.err) == (EX_CONFIG, True)
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
        (_others_may_read, "other users can read this private key"),
        (_others_may_read_the_jwk, "other users can read this private key"),
        (_another_half, "x is not the public half of its d"),
        (_too_short, "d does not have 32 bytes"),
        (_no_key, "name the office's key, or its public half, with --office-key"),
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


def _elsewhere(desk: Desk, tmp_path: Path) -> tuple[Path, Path, str]:
    """A laptop without the office's key: the file of a camera, the table of another, and the
    thumbprint of the key that signed the file."""
    ours, own = made(desk, tmp_path / "first") / NAME, tmp_path / "config/camerad/office.pem"
    thumbprint = SigningKey.from_pem(own.read_bytes()).public.thumbprint
    own.unlink()
    (tmp_path / "cameras.csv").write_text("device.id\ncamera-08\n")
    return ours, tmp_path / "cameras.csv", thumbprint


@pytest.mark.parametrize("action", ["sign", "batch"])
def test_no_key_is_made_where_a_file_says_which_one_is_needed(
    action: str, desk: Desk, tmp_path: Path
) -> None:
    """Another key would sign what no camera of the office takes."""
    ours, cameras, thumbprint = _elsewhere(desk, tmp_path)
    before = (ours.parent / signing.NAME).read_bytes()
    words = {"sign": (ours,), "batch": (ours, cameras, "--output", tmp_path / "out")}[action]
    said = desk("provision", action, *words)
    assert (said.code, said.out) == (EX_CONFIG, "")
    looked = tmp_path / "config/camerad/office.pem"
    assert said.err == (
        f"camerad: {ours}: provision.office_key names the office's key {thumbprint}, but there is "
        f"no key in {looked}; name the file that has it with --office-key, or do this where it "
        "is\n"
    )
    assert not looked.exists() and not (tmp_path / "out").exists()
    assert (ours.parent / signing.NAME).read_bytes() == before


@pytest.mark.parametrize("action", ["sign", "batch"])
def test_the_key_at_hand_does_not_take_the_place_of_that_which_a_file_names(
    action: str, desk: Desk, tmp_path: Path
) -> None:
    ours, cameras, thumbprint = _elsewhere(desk, tmp_path)
    made(desk, tmp_path / "another")  # and with it another key
    other = tmp_path / "config/camerad/office.pem"
    key = SigningKey.from_pem(other.read_bytes()).public
    words = {"sign": (ours,), "batch": (ours, cameras, "--output", tmp_path / "out")}[action]
    said = desk("provision", action, *words)
    assert (said.code, said.out) == (EX_CONFIG, "")
    assert said.err.startswith(
        f"camerad: {ours}: provision.office_key names the office's key {thumbprint}, but the key "
        f"in {other} is {key.thumbprint}. Name the file of the first with --office-key."
    )
    assert not (tmp_path / "out").exists()
    # The office has lost the former: what is advised then helps.
    ours.write_text(
        re.sub(
            r'office_key: "[^"]+"',
            f"office_key: {provisioning_files.encode_key(key)}",
            ours.read_text(),
        )
    )
    (ours.parent / signing.NAME).unlink()
    assert desk("provision", action, *words).code == 0


def test_a_row_says_which_key_is_needed_as_well_as_a_template(desk: Desk, tmp_path: Path) -> None:
    ours, cameras, _ = _elsewhere(desk, tmp_path)
    needed = SigningKey.generate().public
    ours.write_text(re.sub(r"  office_key: .*\n", "", ours.read_text()))
    key = provisioning_files.encode_key(needed)
    rows = f"device.id,provision.office_key\ncamera-08,\ncamera-09,{key}\n"
    cameras.write_text(rows)
    batch = ("provision", "batch", ours, cameras, "--output", tmp_path / "out")
    said = desk(*batch)
    assert said.code == EX_CONFIG
    assert f"{cameras}:3 (camera-09): provision.office_key names the office's key" in said.err
    assert needed.thumbprint in said.err
    assert not (tmp_path / "config/camerad/office.pem").exists()


@pytest.mark.parametrize("own", ["", "office_key:", 'office_key: ""'])
def test_an_office_s_first_key_is_made_where_none_is_named(
    own: str, desk: Desk, tmp_path: Path
) -> None:
    ours, cameras, _ = _elsewhere(desk, tmp_path)
    ours.write_text(re.sub(r"office_key: .*", own, ours.read_text()))
    said = desk("provision", "batch", ours, cameras, "--output", tmp_path / "out")
    assert said.code == 0, said.err
    assert "the office's key was made; keep a copy" in said.err
    assert desk("provision", "check", tmp_path / "out/camera-08" / NAME).code == 0


@pytest.mark.parametrize("own", ["someone", "{x: 1}", "A" * 42])
def test_what_is_named_and_is_no_key_makes_none(own: str, desk: Desk, tmp_path: Path) -> None:
    ours, cameras, _ = _elsewhere(desk, tmp_path)
    ours.write_text(re.sub(r"office_key: .*", f"office_key: {own}", ours.read_text()))
    for words in (("sign", ours), ("batch", ours, cameras, "--output", tmp_path / "out")):
        said = desk("provision", *words)
        assert (said.code, "provision.office_key: " in said.err) == (EX_CONFIG, True), said.err
    assert not (tmp_path / "config/camerad/office.pem").exists()
    assert not (tmp_path / "out").exists()
