"""`camerad identity show`: what an office needs to check a device's recordings."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import CameradError
from camerad.cli import keys as command
from camerad.cli import main
from camerad.cli.defaults import DEFAULT_STATE
from camerad.config.sections import DeviceSettings
from camerad.container.keys import PublicKey
from camerad.store import identity


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def device(tmp_path: Path) -> identity.Identity:
    made = identity.load_or_create(str(tmp_path))
    identity.confirm(str(tmp_path), made)
    return made


def show(*arguments: str) -> int:
    return command.show_identity(main.make_parser().parse_args(["identity", "show", *arguments]))


def test_it_shows_thumbprint_jwk_and_pem(
    tmp_path: Path, device: identity.Identity, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show("--state", str(tmp_path)) == 0
    said = capsys.readouterr().out
    public = device.key.public
    assert public.thumbprint in said.splitlines()[0]
    assert json.dumps(public.jwk) in said
    assert said.endswith(public.pem)
    assert "formerly" not in said


def test_a_former_key_is_shown_beside_the_current_one(
    tmp_path: Path, device: identity.Identity, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "identity.pem").unlink()
    second = identity.load_or_create(str(tmp_path))
    identity.confirm(str(tmp_path), second)
    show("--state", str(tmp_path))
    assert f"formerly    {device.key.public.thumbprint}" in capsys.readouterr().out
    show("--state", str(tmp_path), "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["thumbprint"] == second.key.public.thumbprint
    assert [one["thumbprint"] for one in found["former"]] == [device.key.public.thumbprint]
    assert PublicKey.from_jwk(found["jwk"]) == second.key.public


def test_each_form_alone_can_be_put_into_a_file_and_openssl_reads_the_pem(
    tmp_path: Path, device: identity.Identity, capsys: pytest.CaptureFixture[str]
) -> None:
    show("--state", str(tmp_path), "--jwk")
    assert PublicKey.from_jwk(json.loads(capsys.readouterr().out)) == device.key.public
    show("--state", str(tmp_path), "--pem")
    pem = capsys.readouterr().out
    asked = ["openssl", "pkey", "-pubin", "-noout", "-text"]
    done = subprocess.run(asked, input=pem, capture_output=True, text=True, check=True)
    assert "ED25519 Public-Key" in done.stdout
    shown = "".join(done.stdout.split("pub:")[1].split()).replace(":", "")
    assert shown == device.key.public.raw.hex()


def test_whoever_may_read_only_the_public_halves_can_show_them(
    tmp_path: Path, device: identity.Identity, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "identity.pem").unlink()
    assert show("--state", str(tmp_path), "--pem") == 0
    assert capsys.readouterr().out == device.key.public.pem


def test_unless_told_it_is_the_state_directory_that_a_configuration_has() -> None:
    assert str(DeviceSettings().state_dir) == DEFAULT_STATE


def test_where_there_is_no_device_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CameradError, match=r"start the camera once.*--state"):
        show("--state", str(tmp_path))


@pytest.mark.parametrize("name", ["identity.pem", "keys"])
def test_a_machine_with_the_key_of_a_device_is_one(tmp_path: Path, name: str) -> None:
    assert not command.is_device(str(tmp_path))
    (tmp_path / name).write_text("")
    assert command.is_device(str(tmp_path))


def test_a_state_directory_that_is_closed_to_us_is_that_of_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "lstat", closed)
    assert command.is_device(str(tmp_path))
