"""RAUC itself, with files as slots: what it takes, what it refuses, and what it asks our backend.

Its bundles are of the format "plain" here, which needs no device mapper; those of the format
"verity", which cameras take, are read under a kernel that has it (test_life.py). Signature, minimum
version and backend are the same.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camerad.behaviour import update
from camerad.behaviour.update import UpdatePhase
from camerad.update.errors import BundleRefusedError, UpdateError
from camerad.update.rauc import Rauc
from camerad_image import updates
from camerad_image.boards import SLOTS
from tests.unit.update.scene import COMPATIBLE, NEW, OLD, Scene
from tests.updates import pki


def configuration(root: Path, minimum: str) -> str:
    """The recipe's own, with files in `root` in the place of partitions and of a camera's places,
    and the format that needs no device mapper."""
    text = updates.system_conf(COMPATIBLE, minimum)
    places = {
        "bundle-formats=verity": "bundle-formats=plain",
        f"data-directory={updates.DATA}": f"data-directory={root}/rauc",
        "mountprefix=/run/rauc": f"mountprefix={root}/mount",
        f"backend={updates.BACKEND}": f"backend={root}/boot-slot",
        f"path={updates.KEYRING}": f"path={root}/keyring.pem",
        **{
            f"device={part.link}": f"device={root}/{part.name}"
            for slot in SLOTS.values()
            for part in slot
        },
    }
    for old, new in places.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


CONTENT = {"root.img": b"root of the new system" * 4096, "boot.img": b"its kernel" * 512}
ROOM = 1 << 20


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> pki.Authority:
    for program in ("rauc", "dbus-run-session", "mksquashfs", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if os.geteuid() != 0:
        pytest.skip("RAUC mounts bundles, which takes root")
    return pki.make(tmp_path_factory.mktemp("authority") / "keys")


def backend(root: Path, boot: Path, data: Path) -> None:
    """The program that RAUC asks, at root/boot-slot; what it was asked is in root/asked."""
    words = f"--boot {boot} --data {data} --cmdline {root}/cmdline"
    path = root / "boot-slot"
    path.write_text(
        f'#!/bin/sh\necho "$@" >>{root}/asked\n'
        f'exec {sys.executable} -m camerad update slot {words} "$@"\n'
    )
    path.chmod(0o755)


class Camera(Scene):
    """A scene with slots, and a RAUC of its own."""

    def set_up(self, authority: pki.Authority, minimum: str) -> None:
        (self.root / "system.conf").write_text(configuration(self.root, minimum))
        (self.root / "keyring.pem").write_text(authority.keyring)
        (self.root / "cmdline").write_text("rauc.slot=A")
        for name in ("rauc", "mount"):
            (self.root / name).mkdir()
        for name in ("root-a", "boot-a", "root-b", "boot-b"):
            (self.root / name).write_bytes(bytes(ROOM))
        backend(self.root, self.root / "boot", self.root / "data")

    def make_bundle(
        self, signer: tuple[str, str], version: str = NEW, compatible: str = COMPATIBLE
    ) -> Path:
        folder = self.root / "bundle"
        folder.mkdir()
        for name, content in CONTENT.items():
            (folder / name).write_bytes(content)
        text = updates.manifest(compatible, version).replace("format=verity", "format=plain")
        (folder / "manifest.raucm").write_text(text)
        path = self.root / "camerad.raucb"
        words = ["rauc", "bundle", f"--cert={signer[0]}", f"--key={signer[1]}"]
        subprocess.run([*words, folder, path], check=True, capture_output=True)
        return path

    def slot_b(self) -> tuple[bytes, bytes]:
        return (self.root / "root-b").read_bytes(), (self.root / "boot-b").read_bytes()

    def asked(self) -> list[str]:
        return (self.root / "asked").read_text().splitlines()


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A D-Bus of the test's own, as `camerad update install` starts itself under one."""
    words = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.stdout.readline().strip())
        yield
        daemon.kill()


@pytest.fixture
def camera(tmp_path: Path, authority: pki.Authority, bus: None) -> Camera:
    made = Camera(tmp_path)
    made.set_up(authority, "0.1.0-0")
    return made


def install(camera: Camera, bundle: Path) -> None:
    rauc = Rauc(str(camera.root / "system.conf"))
    camera.updates.install(str(bundle), camera.running, rauc, again=False)


def padded(content: bytes) -> bytes:
    return content.ljust(ROOM, b"\0")


def test_a_bundle_is_written_into_the_slot_that_does_not_run_and_waits_for_its_trial(
    camera: Camera, authority: pki.Authority
) -> None:
    install(camera, camera.make_bundle(authority.signer))
    assert camera.slot_b() == tuple(padded(content) for content in CONTENT.values())
    for name in ("root-a", "boot-a"):
        assert (camera.root / name).read_bytes() == bytes(ROOM), "the system that runs"
    assert camera.kept.state.phase is UpdatePhase.TO_TRY
    assert camera.card.primary == "A"
    # What RAUC does, the unit tests' played RAUC does too, in this order.
    assert [line for line in camera.asked() if line.startswith("set")] == [
        "set-state B bad",
        "set-primary B",
    ]


def test_whoever_builds_a_bundle_checks_it_by_the_page_s_command(
    camera: Camera, authority: pki.Authority, tmp_path: Path
) -> None:
    (command,) = re.findall(r"(?m)^    (rauc --conf=.+) dist/\S+$", pki.PAGE.read_text())
    forged = tmp_path / "forged"
    forged.mkdir()
    ours = camera.make_bundle(authority.signer)
    theirs = Camera(forged).make_bundle(another(authority, forged))
    codes = [
        subprocess.run(
            [*command.split(), bundle], cwd=authority.folder, capture_output=True, check=False
        ).returncode
        for bundle in (ours, theirs)
    ]
    assert codes == [0, 1]


def another(authority: pki.Authority, folder: Path) -> tuple[str, str]:
    return pki.make(folder / "stranger").signer


def test_a_stranger_s_bundle_is_refused(camera: Camera, authority: pki.Authority) -> None:
    bundle = camera.make_bundle(another(authority, camera.root))
    with pytest.raises(BundleRefusedError, match="not a bundle that this camera trusts"):
        install(camera, bundle)
    assert camera.kept.state.phase is UpdatePhase.IDLE
    assert camera.slot_b() == (bytes(ROOM), bytes(ROOM))


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole[:900] + bytes([whole[900] ^ 1]) + whole[901:],
        lambda whole: b"",
    ],
    ids=["half", "without its last byte", "a bit changed", "nothing"],
)
def test_a_bundle_that_is_not_whole_is_refused(
    camera: Camera, authority: pki.Authority, damage: Callable[[bytes], bytes]
) -> None:
    bundle = camera.make_bundle(authority.signer)
    bundle.write_bytes(damage(bundle.read_bytes()))
    with pytest.raises(BundleRefusedError):
        install(camera, bundle)
    assert camera.slot_b() == (bytes(ROOM), bytes(ROOM))


def test_an_older_system_than_the_minimum_is_refused_by_us_and_by_rauc(
    camera: Camera, authority: pki.Authority
) -> None:
    conf = camera.root / "system.conf"
    conf.write_text(conf.read_text().replace("version=0.1.0-0", "version=0.2.0-20261126184501"))
    bundle = camera.make_bundle(authority.signer, "0.2.0-20261126184500")
    rauc = Rauc(str(conf))
    # Ours goes by what the running system says; this one would let it in.
    with pytest.raises(UpdateError, match=r"(?i)version"):
        camera.updates.install(str(bundle), camera.running, rauc, again=False)
    assert camera.slot_b() == (bytes(ROOM), bytes(ROOM))
    assert camera.kept.state.phase is UpdatePhase.IDLE


def test_an_installation_that_must_not_go_on_is_ended(
    camera: Camera, authority: pki.Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.update.rauc.LOOK_SECONDS", 0.001)
    bundle = camera.make_bundle(authority.signer)
    rauc = Rauc(str(camera.root / "system.conf"))
    camera.kept.write(update.UpdateState(UpdatePhase.INSTALLING, "B", NEW, OLD), tell=False)
    with pytest.raises(UpdateError, match="given up, because it is not in its dock"):
        rauc.install(str(bundle), lambda: "it is not in its dock")
    assert camera.card.primary == "A"
    assert camera.kept.state.phase is UpdatePhase.INSTALLING, "whoever called it says that it ended"


def test_a_rauc_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UpdateError, match="cannot be run"):
        Rauc("/nowhere", str(tmp_path / "rauc")).info(__file__)
