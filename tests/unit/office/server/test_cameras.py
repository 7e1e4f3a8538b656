"""Only cameras of the register count, and the register is as it is now."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from camerad.container.keys import SigningKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import RegisterError
from camerad.office.server.cameras import Cameras, UnregisteredError
from tests.unit.office.server.office_scene import write_register

ONE, TWO, OLD = (SigningKey.generate().public for _ in range(3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "register.json"
    write_register(found, ("cam-1", ONE, (OLD.thumbprint,)))
    return found


def test_a_camera_is_found_by_its_key(path: Path) -> None:
    cameras = Cameras(str(path))
    assert cameras.find(ONE.thumbprint).name == "cam-1"
    assert cameras.key(ONE.thumbprint) == ONE


def test_a_key_that_was_replaced_has_a_sentence_of_its_own(path: Path) -> None:
    with pytest.raises(UnregisteredError, match="of camera cam-1 was replaced"):
        Cameras(str(path)).find(OLD.thumbprint)


@pytest.mark.parametrize(
    "kid", ["", "x", "\x1b[2J" * 20, TWO.thumbprint], ids=["none", "short", "odd", "another"]
)
def test_another_key_is_nobody_s(path: Path, kid: str) -> None:
    with pytest.raises(UnregisteredError, match="in the server's register") as said:
        Cameras(str(path)).find(kid)
    assert "\x1b" not in str(said.value)
    assert re.search(r"\(\d cameras?\)\. If the camera was collected at the desk", str(said.value))
    assert "put the desk's register.json into place on the server" in str(said.value)


def test_what_is_changed_in_the_register_counts_at_once(path: Path) -> None:
    cameras = Cameras(str(path))
    write_register(path, ("cam-1", TWO, (ONE.thumbprint,)))
    assert cameras.find(TWO.thumbprint).name == "cam-1"
    with pytest.raises(UnregisteredError, match="was replaced"):
        cameras.find(ONE.thumbprint)


def test_a_register_that_comes_later_is_read_then(tmp_path: Path) -> None:
    path = tmp_path / "register.json"
    cameras = Cameras(str(path))
    with pytest.raises(UnregisteredError):
        cameras.find(ONE.thumbprint)
    write_register(path, ("cam-1", ONE, ()))
    assert cameras.find(ONE.thumbprint).name == "cam-1"


@pytest.mark.parametrize("harm", ["removed", "damaged", "forbidden"])
def test_a_register_that_cannot_be_read_any_more_counts_as_it_was_and_the_log_says_so_once(
    path: Path, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    cameras = Cameras(str(path))
    if harm == "removed":
        path.unlink()
    elif harm == "damaged":
        path.write_text("nonsense")
    else:
        path.unlink()
        path.mkdir()
    for _ in range(3):
        assert cameras.find(ONE.thumbprint).name == "cam-1"
    assert len(caplog.records) == 1
    assert "when it was read last" in caplog.text
    if harm == "damaged":
        write_register(path, ("cam-2", ONE, ()))
        assert cameras.find(ONE.thumbprint).name == "cam-2"


def test_a_damaged_register_is_an_error_at_the_start(path: Path) -> None:
    path.write_text("nonsense")
    with pytest.raises(RegisterError, match="no register"):
        Cameras(str(path))


def test_a_camera_whose_key_is_another_one_than_it_says_is_left_out_alone(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_register(path, ("cam-1", ONE, ()), ("cam-2", TWO, ()))
    text = path.read_text()
    path.write_text(text.replace(f'"thumbprint": "{TWO.thumbprint}"', '"thumbprint": "../x"'))
    with pytest.raises(camera_register.RegisterError):
        Cameras(str(path))
    another = f'"thumbprint": "{"x" * 43}"'
    path.write_text(text.replace(f'"thumbprint": "{TWO.thumbprint}"', another))
    cameras = Cameras(str(path))
    assert cameras.find(ONE.thumbprint).name == "cam-1"
    assert "cam-2 is left out" in caplog.text
    with pytest.raises(UnregisteredError):
        cameras.find(TWO.thumbprint)


def test_a_file_that_did_not_change_is_not_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras = Cameras(str(path))
    monkeypatch.setattr(camera_register, "read", None)
    assert cameras.find(ONE.thumbprint).name == "cam-1"
    os.utime(path, ns=(1, 1))
    with pytest.raises(TypeError):
        cameras.find(ONE.thumbprint)
