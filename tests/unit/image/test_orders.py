"""What is wrong with an order is said at once, and not after ten minutes of packages."""

from __future__ import annotations

import fcntl
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from camerad_image import __main__ as command
from camerad_image import boards, build, flavours
from camerad_image.errors import ImageError
from camerad_image.parts import chosen
from tests.updates import pki


@pytest.fixture
def order(tmp_path: Path) -> build.Order:
    sources = tmp_path / "apt.sources"
    sources.write_text("Types: deb\nURIs: http://m.example\nSuites: trixie\n")
    return build.Order(flavours.flavour("debian"), "all", tmp_path / "out", None, sources, 0)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a build works; this user counts as root, and nothing is built."""
    monkeypatch.setattr(command, "CACHE", tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setattr(sys, "argv", ["camerad_image", "--out", str(tmp_path / "out")])
    return tmp_path


def test_an_order_in_which_all_is_right_is_taken(order: build.Order, tmp_path: Path) -> None:
    authority = pki.make(tmp_path / "keys")
    signer = (authority.signer[0], "pkcs11:token=releases")
    right = replace(order, keyring=authority.folder / "update-ca.pem", signer=signer)
    build.check(right, tmp_path / "work")
    assert order.out.is_dir()


def test_a_mistake_in_an_order_is_said_before_anything_is_built(
    order: build.Order, tmp_path: Path
) -> None:
    missing, file = (tmp_path / name for name in ("missing", "file"))
    file.touch()
    authority = pki.make(tmp_path / "keys")
    keyring, (certificate, key) = authority.folder / "update-ca.pem", authority.signer
    wrong = {
        "BOARD=9: there are zero2w, ": replace(order, boards="9"),
        r"BOARD=5: a 5 .*no driver for its card .*; FLAVOUR=debian-backports or raspios": replace(
            order, boards="5"
        ),
        f"BASE={missing} is no packages": replace(order, base=missing),
        f"SOURCES={file} names no archive": replace(order, sources=file),
        "^FLAVOUR=raspios wants SOURCES=FILE, .* no linux-image-rpi-v8: .* trixie of both": replace(
            order, flavour=flavours.flavour("raspios"), sources=None
        ),
        f"KEYRING={missing} cannot be read": replace(order, keyring=missing),
        "takes certificates only|takes the authority's": replace(order, keyring=file),
        "made without KEYRING=": replace(order, signer=("c", "k")),
        f"CERT={missing} cannot be read": replace(
            order, keyring=keyring, signer=(str(missing), "k")
        ),
        f"KEY={missing} cannot be read": replace(
            order, keyring=keyring, signer=(certificate, str(missing))
        ),
        f"CERT={keyring} is an authority's": replace(
            order, keyring=keyring, signer=(str(keyring), key)
        ),
        f"KEYRING={certificate} has no authority's": replace(order, keyring=Path(certificate)),
        f"OUT={file}/out cannot be made": replace(order, out=file / "out"),
        "OUT=/proc/self cannot be written to": replace(order, out=Path("/proc/self")),
    }
    work = tmp_path / "work"
    for said, one in wrong.items():
        with pytest.raises(ImageError, match=said):
            build.Build(one, work).build()
    assert not work.exists()


def test_an_image_for_every_board_says_first_which_of_them_does_not_start(
    order: build.Order,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_packages(*_arguments: object, **_more: object) -> Path:
        raise ImageError(capsys.readouterr().err)

    monkeypatch.setattr(build.space, "WORK", 0)
    monkeypatch.setattr(build.rootfs, "make_base", no_packages)
    with pytest.raises(ImageError, match=r"^ +0 s  BOARD=all: a 5 does not start"):
        build.Build(order, tmp_path / "work").build()
    raspios = flavours.flavour("raspios")
    assert boards.check_flavour("all", raspios) == boards.check_flavour("5", raspios) == []


def test_packages_that_are_not_of_this_order_are_told_before_they_are_copied(
    order: build.Order, tmp_path: Path
) -> None:
    """This machine's root has a list of packages as well, and so has the other flavour's base."""
    status = tmp_path / "base/var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    raspios = replace(order, base=tmp_path / "base", flavour=flavours.flavour("raspios"))
    ours = f"Package: {order.flavour.kernel}\nArchitecture: arm64\n"
    for one, content, said in (
        (raspios, ours, "has no package linux-image-rpi-v8, so it was not made for"),
        (replace(raspios, flavour=order.flavour), "Package: dpkg\n", "not made for FLAVOUR=debian"),
        (
            replace(raspios, flavour=flavours.flavour("debian-backports")),
            f"{ours}Version: 6.12\n",
            "no package linux-image-arm64 of the backports",
        ),
        (
            replace(raspios, parts=chosen("wifi")),
            "Package: linux-image-rpi-v8\n",
            "PARTS=wifi: BASE has no package",
        ),
    ):
        status.write_text(content)
        with pytest.raises(ImageError, match=said):
            build.check(one, tmp_path / "work")
    assert not order.out.exists()
    status.write_text(ours)
    build.check(replace(order, base=tmp_path / "base"), tmp_path / "work")


@pytest.mark.parametrize("option", ["--out", "--base", "--sources", "--keyring"])
@pytest.mark.usefixtures("cache")
def test_an_option_that_names_nothing_is_not_the_folder_one_is_in(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Whatever the command makes of it, nothing is built here.
    monkeypatch.setattr(command, "_build", lambda *_arguments: None)
    monkeypatch.setattr(sys, "argv", ["camerad_image", option, ""])
    with pytest.raises(SystemExit):
        command.main()
    assert f"argument {option}: nothing is named" in capsys.readouterr().err


def test_packages_alone_are_made_of_the_same_order(
    order: build.Order,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def make(
        flavour: flavours.Flavour, text: str, work: Path, *_more: object, **_named: object
    ) -> Path:
        asked.append((flavour.name, text))
        return work / "base"

    monkeypatch.setattr(build.rootfs, "make_base", make)
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--sources", str(order.sources), "--packages"])
    assert command.main() == 0
    assert capsys.readouterr().out == f"{cache / 'debian/base'}\n"
    assert asked == [("debian", "Types: deb\nURIs: http://m.example\nSuites: trixie\n")]
    assert list((cache / "out").iterdir()) == []


def test_two_builds_at_once_are_refused(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (cache / "debian.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert command.main() == 1
    assert "another build of FLAVOUR=debian is running" in capsys.readouterr().err
    assert not (cache / "out").exists()
