"""A rebuilt kernel's package takes the place of the archive's, or is refused in a sentence."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from camerad_image import __main__ as command
from camerad_image import build, flavours, kernels, parts, rootfs
from camerad_image.errors import ImageError

RELEASE = "7.3.4-camerad"
VERSION = "7.3.4-1~bpo13+1+camerad"
CONFIG = "".join(f"CONFIG_{name}=y\n" for name in parts.PARTS["imx219"].drivers)
OVERLAY = f"usr/lib/linux-image-{RELEASE}/overlays/camerad-imx219.dtbo"
BASE = f"Package: linux-image-{RELEASE}\nStatus: install ok installed\nVersion: {VERSION}\n"


def package(
    folder: Path, config: str = CONFIG, overlay: str = OVERLAY, architecture: str = "arm64"
) -> Path:
    """A folder with a package as the kernel's own sources make it, but without a kernel."""
    root = folder / "root"
    for name, text in (
        (f"boot/config-{RELEASE}", config),
        (overlay, "overlay"),
        (
            "DEBIAN/control",
            f"Package: linux-image-{RELEASE}\nVersion: {VERSION}\nArchitecture: {architecture}\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: Linux\n",
        ),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["dpkg-deb", "--build", root, folder], check=True, capture_output=True)
    return folder


def ordered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str | Path
) -> tuple[int, str]:
    """What the command answers where it would only say which file the image would be."""
    options = ["--flavour", "debian-backports", "--board", "5", "--name", *map(str, words)]
    monkeypatch.setattr(sys, "argv", ["camerad_image", *options])
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    code = command.main()
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize(
    ("changed", "more", "said"),
    [
        ({}, (), "camerad-debian-backports-5-imx219.img.zst"),
        ({}, ("--board", "4"), "KERNEL= is for FLAVOUR=debian-backports BOARD=5, and no other"),
        ({}, ("--flavour", "raspios"), "KERNEL= is for FLAVOUR=debian-backports BOARD=5"),
        *(
            (
                {"config": CONFIG.replace(f"CONFIG_{one}=y\n", "")},
                (),
                f"PARTS=imx219: kernel {RELEASE} has no CONFIG_{one}",
            )
            for one in ("VIDEO_IMX219", "DMABUF_HEAPS", "DMABUF_HEAPS_CMA")
        ),
        ({"overlay": "usr/other"}, (), "comes without the overlay camerad-imx219"),
        ({"architecture": "amd64"}, (), "is no package of one kernel for arm64"),
    ],
)
def test_a_package_that_lacks_what_the_camera_takes_is_refused(  # noqa: PLR0917 - fixtures
    changed: dict[str, str],
    more: tuple[str, ...],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = package(tmp_path, **changed)
    words = ("--parts", "imx219", "--kernel", made, *more)
    code, answer = ordered(capsys, monkeypatch, *words)
    assert said in answer
    assert answer.count("\n") == 1
    assert code == (0 if "img.zst" in said else 1)


def test_the_camera_without_such_a_package_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words, said in (
        ((), "no kernel of an archive has what it takes: name a rebuilt one with KERNEL=DIR"),
        (("--kernel", tmp_path), f"KERNEL={tmp_path} holds 0 packages linux-image-*.deb"),
    ):
        code, answer = ordered(capsys, monkeypatch, "--parts", "imx219", *words)
        assert (code, answer.count("\n")) == (1, 1)
        assert said in answer


def test_it_is_installed_in_place_of_the_archives_and_kept_for_the_bill(tmp_path: Path) -> None:
    kernel = kernels.read(package(tmp_path))
    flavour = flavours.flavour("debian-backports")
    words = rootfs.mmdebstrap(flavour, Path("s"), Path("r"), tmp_path / "kept", kernel=kernel)
    (included,) = (word for word in words if word.startswith("--include="))
    assert flavour.kernel not in included.removeprefix("--include=").split(",")
    (hook,) = (word.partition("=")[2] for word in words if "dpkg -i" in word)
    (tmp_path / "kept").mkdir()
    (tmp_path / "new").mkdir()
    hook = hook.replace("chroot", 'test -f "$1"/kernel.deb && echo')
    done = subprocess.run(["sh", "-ec", hook, "sh", tmp_path / "new"], check=True, stdout=-1)
    assert done.stdout.decode() == f"{tmp_path}/new dpkg -i /kernel.deb\n"
    assert [one.name for one in (tmp_path / "kept").iterdir()] == [
        f"linux-image-{RELEASE}_{VERSION}_arm64.deb"
    ]
    assert not list((tmp_path / "new").iterdir())


def test_packages_of_an_earlier_build_are_used_with_the_kernel_that_they_have(
    tmp_path: Path,
) -> None:
    status = tmp_path / "base/var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    order = build.Order(
        flavours.flavour("debian-backports"), "5", tmp_path / "out", tmp_path / "base", None, 0
    )
    with_kernel = replace(order, kernel=kernels.read(package(tmp_path)))
    status.write_text(BASE)
    build.check(with_kernel, tmp_path / "work")
    with pytest.raises(ImageError, match="no package linux-image-arm64 of the backports"):
        build.check(order, tmp_path / "work")
    status.write_text(BASE.replace(VERSION, "7.3.3"))
    with pytest.raises(ImageError, match=rf"not made with linux-image-{RELEASE} 7\.3\.4"):
        build.check(with_kernel, tmp_path / "work")
