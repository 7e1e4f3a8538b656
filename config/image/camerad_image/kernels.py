"""Kernels that are rebuilt from Debian's source, with the drivers of a Camera Module."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError
from camerad_image.flavours import BACKPORTS
from camerad_image.programs import run

OVERLAYS: Final = Path(__file__).resolve().parents[1] / "kernel"
"""Sources of overlays that a rebuilt kernel's package has beside Debian's device trees."""
LOCAL: Final = "camerad"
"""What a rebuilt kernel's version ends with."""
OPTIONS: Final = {
    "VIDEO_IMX219": "m",
    "DMABUF_HEAPS": "y",
    "DMABUF_HEAPS_CMA": "y",
    # Each needs another compiler, and the kernel of one machine would have it, another's not. No
    # driver of these boards is written in Rust, and the image has no 32-bit programs.
    "RUST": "n",
    "COMPAT_VDSO": "n",
    # A key that is made for one build would make no two of them the same.
    "MODULE_SIG_ALL": "n",
    "MODULE_SIG_KEY": '""',
}
"""What is set otherwise than in Debian's configuration."""
TRIED: Final = "neither this kernel nor its camera was tried on a board yet"
"""Of an image with a rebuilt kernel."""
_CROSS: Final = ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-")
_PROFILES: Final = "cross pkg.linux-upstream.nokernelheaders pkg.linux-upstream.nokerneldbg"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A package of a rebuilt kernel: `name` and `version` of the package, `release` of the kernel,
    the text of its configuration, and the names of its overlays."""

    file: Path
    name: str
    version: str
    release: str
    config: str
    overlays: frozenset[str]


def read(folder: Path) -> Rebuilt:
    """The one package of a kernel in the folder KERNEL=; raises ImageError if there is none, or
    another number, or if it is not one of a kernel for arm64."""
    files = [one for one in folder.glob("linux-image-*.deb") if "-dbg_" not in one.name]
    if len(files) != 1:
        raise ImageError(
            f"KERNEL={folder} holds {len(files)} packages linux-image-*.deb, and one is wanted: "
            "'make kernel OUT=DIR' makes it"
        )
    with tempfile.TemporaryDirectory() as name:
        log, tar = Path(name) / "log", Path(name) / "tar"
        run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" >"$2"', "sh", files[0], tar], log=log)
        fields = dict(
            line.split(": ", 1)
            for line in run(
                ["dpkg-deb", "-f", files[0], "Package", "Version", "Architecture"], log=log
            ).splitlines()
        )
        with tarfile.open(tar) as archive:
            names = archive.getnames()
            configs = [one for one in names if one.startswith("./boot/config-")]
            content = archive.extractfile(configs[0]) if len(configs) == 1 else None
            if content is None or fields["Architecture"] != "arm64":
                raise ImageError(
                    f"{files[0]} is no package of one kernel for arm64 with its configuration "
                    "below /boot: 'make kernel OUT=DIR' makes it"
                )
            config = content.read().decode("ascii")
    release = configs[0].removeprefix("./boot/config-")
    found = re.compile(rf"\./usr/lib/linux-image-{re.escape(release)}/overlays/(.+)\.dtbo")
    overlays = frozenset(match[1] for one in names if (match := found.fullmatch(one)))
    return Rebuilt(
        file=files[0],
        name=fields["Package"],
        version=fields["Version"],
        release=release,
        config=config,
        overlays=overlays,
    )


def _fetch(sources: str, work: Path, *, log: Path) -> str:
    """Fetch Debian's packages of the kernel's source and configurations to `work`, which is
    emptied, and unpack them there; returns their version."""
    for name in ("lists/partial", "archives/partial", "apt"):
        (work / name).mkdir(parents=True)
    (work / "apt/list.sources").write_text(sources, encoding="utf-8")
    (work / "status").touch()
    # A separate state: this machine's apt need not know the suite, and stays as it is.
    options = {
        "Dir::State": work,
        "Dir::State::lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache": work,
        "Dir::Etc::sourcelist": work / "apt/list.sources",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferencesparts": "-",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Default-Release": BACKPORTS,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = [f"-o{name}={value}" for name, value in options.items()]
    run(["apt-get", *apt, "update"], log=log)
    stanza = run(["apt-cache", *apt, "show", "--no-all-versions", "linux-source"], log=log)
    series = re.search(r"^Depends: linux-source-([0-9.]+)", stanza, re.M)
    version = re.search(r"^Version: (\S+)", stanza, re.M)
    if series is None or version is None or "~bpo" not in version[1]:
        raise ImageError(f"the sources of packages have no linux-source in {BACKPORTS}")
    names = [f"{one}-{series[1]}={version[1]}" for one in ("linux-source", "linux-config")]
    run(["apt-get", *apt, "download", *names], folder=work, log=log)
    for deb in work.glob("*.deb"):
        run(["dpkg-deb", "-x", deb, work], log=log)
    run(["tar", "-xf", *work.glob("usr/src/linux-source-*.tar.xz")], folder=work, log=log)
    return version[1]


def configure(tree: Path, config: str, *, log: Path) -> str:
    """Configure the kernel's source in `tree` by `config`, the text of Debian's, and OPTIONS, and
    add the overlays; returns the configuration's text. Raises ImageError if an option does not
    come to be set."""
    (tree / ".config").write_text(config, encoding="ascii")
    words = [word for name, value in OPTIONS.items() for word in ("--set-val", name, value)]
    run([tree / "scripts/config", *words], folder=tree, log=log)
    run(["make", *_CROSS, "olddefconfig"], folder=tree, log=log)
    trees = tree / "arch/arm64/boot/dts"
    shutil.copytree(OVERLAYS, trees / "overlays")
    lines = (f"dtb-y += {path.stem}.dtbo\n" for path in sorted(OVERLAYS.glob("*.dtso")))
    (trees / "overlays/Makefile").write_text("".join(lines), encoding="ascii")
    with (trees / "Makefile").open("a", encoding="ascii") as file:
        file.write("subdir-y += overlays\n")
    text = (tree / ".config").read_text(encoding="ascii")
    is_set = dict(re.findall(r"^CONFIG_(\w+)=(.*)$", text, re.M))
    wrong = [
        f"CONFIG_{one}={value}" for one, value in OPTIONS.items() if is_set.get(one, "n") != value
    ]
    if wrong:
        raise ImageError(f"the kernel's source does not take {', '.join(wrong)}: see {log}")
    return text


def make(sources: str, work: Path, out: Path, epoch: int, *, log: Path) -> Path:
    """Make the package of a rebuilt kernel and return it, in the folder `out`. sources: the text
    of apt's, with BACKPORTS; work: a separate folder; epoch: what it is dated at. Takes hours."""
    shutil.rmtree(work, ignore_errors=True)
    version = _fetch(sources, work, log=log)
    (tree,) = (one for one in work.glob("linux-source-*") if one.is_dir())
    (packed,) = work.glob("usr/src/linux-config-*/config.arm64_none_arm64.xz")
    configure(tree, lzma.decompress(packed.read_bytes()).decode("ascii"), log=log)
    environment = {
        "KBUILD_BUILD_TIMESTAMP": f"@{epoch}",
        "SOURCE_DATE_EPOCH": str(epoch),
        "KBUILD_BUILD_USER": LOCAL,
        "KBUILD_BUILD_HOST": LOCAL,
        "KDEB_PKGVERSION": f"{version}+{LOCAL}",
        "KDEB_CHANGELOG_DIST": BACKPORTS,
        "DEBEMAIL": f"{LOCAL}@localhost",
        "DEB_BUILD_PROFILES": _PROFILES,
        # Debian names compilers for the host as well, which this build has no use for.
        "DPKG_FLAGS": "-d",
    }
    command = ["make", *_CROSS, f"-j{os.cpu_count()}", f"LOCALVERSION=-{LOCAL}", "bindeb-pkg"]
    run(command, environment=environment, folder=tree, log=log)
    (made,) = (one for one in work.glob("linux-image-*.deb") if "-dbg_" not in one.name)
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(made, out))
