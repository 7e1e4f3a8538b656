"""`camerad office`: two commands are all that a small office types."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, Camera
from hw_mocks.free_port import free_port
from msgspec.structs import replace

from camerad.base.errors import EX_CONFIG, EX_USAGE
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence.office_key_file import load_or_create_key
from camerad.office.server import office_settings
from camerad.store import receipts
from camerad.store.locations import PlaceKind, place_of
from tests.unit.cli.conftest import Desk
from tests.unit.office.server.office_scene import write_register

URL = "https://office.example:9443"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "config" / "camerad"


def everything(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_init_makes_everything_that_serve_needs(desk: Desk, home: Path, tmp_path: Path) -> None:
    said = desk("office", "init", "archive", "--url", URL)
    assert (said.code, "made the office's key" in said.err) == (0, True)
    settings = office_settings.load(str(home / "office.yaml"))
    assert (settings.url, settings.listen.port) == (URL, 9443)
    assert settings.directory == tmp_path / "archive"
    assert place_of(str(tmp_path / "archive")).kind is PlaceKind.OFFICE
    for name in ("office.pem", "office-tls/server.key", "office-tls/authority.key"):
        assert os.stat(home / name).st_mode & 0o777 == 0o600
    for word in (URL, "office-tls/authority.pem", "fingerprint  ", "0 cameras", "office serve"):
        assert word in said.out
    settle(home)
    checked = desk("office", "config", "check", home / "office.yaml")
    assert checked.code == 0 and "there is no register yet" in checked.err
    write_register(home / "register.json", ("cam-1", KEY.public, ()))
    checked = desk("office", "config", "check", home / "office.yaml")
    assert (checked.out, checked.err) == (f"{home / 'office.yaml'}: in order\n", "")
    path = home / "office.yaml"
    path.write_text(path.read_text().replace("port: 9443", "port: 9444"))
    checked = desk("office", "config", "check", path)
    assert checked.code == 0 and "url names port 9443, and the server listens at" in checked.err


def settle(home: Path) -> None:
    """Whatever room this computer has, it is enough."""
    path = home / "office.yaml"
    path.write_text(path.read_text().replace("reserve_gib: 5", "reserve_gib: 0"))


def test_an_authority_that_is_gone_is_not_made_anew(desk: Desk, home: Path) -> None:
    """Cameras trust it and no other one; its key alone may lie there."""
    desk("office", "init", "archive", "--url", URL)
    tls = home / "office-tls"
    key = (tls / "authority.key").read_bytes()
    (tls / "authority.pem").unlink()
    said = desk("office", "init", "archive")
    assert (said.code, "cameras trust no other one" in said.err) == (EX_CONFIG, True)
    assert (tls / "authority.key").read_bytes() == key
    assert not (tls / "authority.pem").exists()
    assert desk("office", "init", "archive", "--new-authority").code == 0
    assert (tls / "authority.key").read_bytes() != key


def test_another_authority_beside_one_that_is_there_is_not_made_and_that_is_said(
    desk: Desk, home: Path, tmp_path: Path
) -> None:
    desk("office", "init", "archive", "--url", URL)
    before = everything(tmp_path)
    said = desk("office", "init", "archive", "--new-authority")
    assert said.code == EX_CONFIG
    assert f"{home}/office-tls/authority.pem: there is an authority" in said.err
    assert everything(tmp_path) == before


def test_a_key_that_signed_receipts_is_not_replaced(desk: Desk, home: Path, tmp_path: Path) -> None:
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.offload(tmp_path / "archive")
    place = place_of(str(tmp_path / "archive"))
    (filed,) = receipts.read(place.holdings[0].receipts, KeyRing([KEY.public]))
    lost = SigningKey.generate()
    again = replace(filed.receipt, kid=lost.public.thumbprint)
    receipts.write(place.holdings[0].receipts, receipts.sign(lost, again))
    said = desk("office", "init", "archive", "--url", URL)
    assert (said.code, lost.public.thumbprint in said.err) == (EX_CONFIG, True)
    assert not (home / "office.pem").exists()


def test_init_run_again_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    desk("office", "init", "archive", "--url", URL)
    before = everything(tmp_path)
    assert desk("office", "init", "archive").code == 0
    assert desk("office", "init", "archive", "--url", URL).code == 0
    assert everything(tmp_path) == before


def test_another_url_in_the_settings_gets_another_certificate_of_the_same_authority(
    desk: Desk, home: Path
) -> None:
    desk("office", "init", "archive", "--url", URL)
    path = home / "office.yaml"
    path.write_text(path.read_text().replace("office.example", "other.example"))
    authority = (home / "office-tls/authority.pem").read_bytes()
    said = desk("office", "init", "archive")
    assert "new: start the server again" in said.out
    assert (home / "office-tls/authority.pem").read_bytes() == authority
    shown = ssl._ssl._test_decode_cert(str(home / "office-tls/server.pem"))  # type: ignore[attr-defined]
    assert shown["subjectAltName"] == (("DNS", "other.example"),)


@pytest.mark.parametrize(
    "different",
    [["elsewhere"], ["archive", "--url", "https://x"], ["archive", "--register", "y.json"]],
)
def test_what_the_settings_say_otherwise_is_not_changed_but_said(
    desk: Desk, tmp_path: Path, different: list[str]
) -> None:
    desk("office", "init", "archive", "--url", URL)
    before = everything(tmp_path)
    said = desk("office", "init", *different)
    assert said.code == EX_CONFIG and "change it there" in said.err
    assert everything(tmp_path) == before


def test_certificates_of_the_city_are_left_alone(desk: Desk, home: Path) -> None:
    desk("office", "init", "archive", "--url", URL)
    path = home / "office.yaml"
    own = home / "city.pem"
    path.write_text(path.read_text().replace("office-tls/server.pem", "city.pem"))
    said = desk("office", "init", "archive")
    assert (said.code, f"{own}, your own" in said.out) == (0, True)
    assert not own.exists()


def test_a_directory_that_cameras_offloaded_to_is_taken_as_it_is(
    desk: Desk, tmp_path: Path
) -> None:
    camera = Camera(tmp_path / "state")
    camera.put(ONE)
    archive = tmp_path / "archive"
    archive.mkdir()
    assert desk("offload", archive, "--same-disk").code == 0
    before = everything(archive)
    assert desk("office", "init", archive, "--url", URL).code == 0
    assert everything(archive) == before


def test_a_directory_whose_ledger_another_key_signed_is_refused(
    desk: Desk, tmp_path: Path, home: Path
) -> None:
    camera = Camera(tmp_path / "state")
    camera.put(ONE)
    archive = tmp_path / "archive"
    archive.mkdir()
    desk("offload", archive, "--same-disk")
    (home / "keys").mkdir(parents=True)
    (home / "keys/camera.pem").write_text(camera.key.public.pem)
    (copy,) = archive.glob("*/recordings/*.tar")
    # The first command that changes something there begins the office's own ledger.
    held = desk("evidence", "hold", copy, "--reason", "a", "--who", "b", "--trust-clock")
    assert held.code == 0, held.err
    (home / "office.pem").rename(home / "former.pem")
    said = desk("office", "init", archive, "--url", URL)
    assert said.code == EX_CONFIG and "name that key with --office-key" in said.err
    load_or_create_key(str(home / "wrong.pem"))
    said = desk("office", "init", archive, "--url", URL, "--office-key", home / "wrong.pem")
    assert said.code == EX_CONFIG and "signed by another key" in said.err
    assert (
        desk("office", "init", archive, "--url", URL, "--office-key", home / "former.pem").code == 0
    )


def test_a_camera_s_state_directory_is_no_office_s(desk: Desk, tmp_path: Path) -> None:
    Camera(tmp_path / "state")
    said = desk("office", "init", tmp_path / "state", "--url", URL)
    assert said.code == EX_CONFIG and "a camera's state directory" in said.err


@pytest.mark.parametrize("url", ["http://x", "https://x/y", "x", "https://x:99999"])
def test_a_url_that_is_none_is_said_before_anything_is_made(
    desk: Desk, tmp_path: Path, url: str
) -> None:
    said = desk("office", "init", "archive", "--url", url)
    assert said.code == EX_CONFIG and "url: found the text" in said.err
    assert everything(tmp_path) == {}


def test_check_names_every_mistake_by_its_line(desk: Desk, home: Path) -> None:
    desk("office", "init", "archive", "--url", URL)
    path = home / "office.yaml"
    path.write_text(path.read_text().replace("uploads: 20", "uploads: many"))
    (home / "office.pem").unlink()
    said = desk("office", "config", "check", path)
    assert said.code == EX_CONFIG
    assert len(said.err.splitlines()) == 2
    assert "receive.uploads: " in said.err and "office_key: there is no file" in said.err
    assert "put it back from its backup. Without it no camera believes a receipt" in said.err
    assert "office init" not in said.err, "which would make another key"


@pytest.mark.parametrize("mount_point", [True, False])
def test_storage_that_is_not_mounted_becomes_no_new_office(
    desk: Desk, home: Path, tmp_path: Path, mount_point: bool
) -> None:
    """Neither is it advised, nor done by mistake."""
    desk("office", "init", "archive", "--url", URL)
    archive = tmp_path / "archive"
    archive.rename(tmp_path / "unmounted")
    if mount_point:
        archive.mkdir()
    checked = desk("office", "config", "check", home / "office.yaml")
    assert checked.code != 0 and "mount the storage that has it" in checked.err
    said = desk("office", "init", "archive")
    assert (said.code, list(archive.glob("*"))) == (EX_CONFIG, [])
    assert f"{archive} is gone" in said.err and "--new-directory" in said.err
    assert archive.exists() == mount_point
    assert desk("office", "init", "archive", "--new-directory").code == 0
    assert place_of(str(archive)).kind is PlaceKind.OFFICE


def test_serve_says_what_is_missing(desk: Desk, home: Path) -> None:
    said = desk("office", "serve")
    assert said.code == EX_CONFIG and "camerad office init DIR" in said.err
    assert desk("office").code == EX_USAGE


WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from camerad.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("library", ["aiohttp", "http_message_signatures", "prometheus_client"])
def test_serve_without_its_libraries_says_how_to_install_them(desk: Desk, library: str) -> None:
    desk("office", "init", "archive", "--url", URL)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, library, "office", "serve"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == EX_CONFIG
    assert f"{library} is missing" in done.stderr
    assert "with its extra 'office'" in done.stderr


def test_two_commands_and_a_camera_is_answered(desk: Desk, home: Path, tmp_path: Path) -> None:
    """A process of its own, which ends in order when it is told to."""
    assert desk("office", "init", "archive", "--url", "https://localhost:8443").code == 0
    path = home / "office.yaml"
    port = free_port()
    settle(home)
    write_register(home / "register.json", ("cam-1", KEY.public, ()))
    path.write_text(path.read_text().replace("port: 8443", f"host: localhost\n  port: {port}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "camerad", "office", "serve"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert f"at port {port}; 1 camera in the register, " in line, line
        assert line.endswith("B free\n"), line
        context = ssl.create_default_context(cafile=str(home / "office-tls/authority.pem"))
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(
                f"https://localhost:{port}/v1/ledger", context=context, timeout=20
            )
        with refused.value as answer:
            assert answer.code == 401
            assert answer.headers["Camerad-Nonce"]
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=20)
        assert (process.returncode, "the server ends" in rest) == (0, True)
        assert "alembic" not in rest, "how a library makes the index is nobody's business"
    finally:
        process.kill()
        process.communicate()


def test_the_office_s_key_is_one_that_signs(desk: Desk, home: Path, tmp_path: Path) -> None:
    home.mkdir(parents=True)
    (home / "office.pem").write_text(SigningKey.generate().public.pem)
    said = desk("office", "init", "archive", "--url", URL)
    assert said.code == EX_CONFIG and "public half" in said.err
