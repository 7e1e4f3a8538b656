"""Is there a wheel for 64-bit ARM of everything that camerad needs? pip is asked.

Asked is for each extra of pyproject.toml by itself, with the versions of constraints.txt, and for
each Python that camerad supports, on the oldest system that brings it. Nothing may be compiled: a
package without a wheel is an error, but for SOURCE_ONLY.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from camerad_image import python
from camerad_image.errors import ImageError
from camerad_image.programs import run
from tests.arm64.pip_elsewhere import MACHINE

TREE: Final = Path(__file__).parents[2]
BASE: Final = "base"
"""What camerad needs wherever it is installed; no extra of pyproject.toml has this name."""
PICAMERA2: Final = "picamera2"
SOURCE_ONLY: Final = (python.SOURCE_ONLY, "python-prctl")
"""What picamera2 needs and is published as source only, on every machine. An image has the modules
of the first, and Debian's package of the second; so has Raspberry Pi OS of both."""
_PIP: Final = (sys.executable, str(Path(__file__).with_name("pip_elsewhere.py")))


@dataclass(frozen=True, slots=True)
class Python:
    """A Python that camerad supports, and the oldest system that brings it: `glibc` is the minor
    version of that one's glibc, by which wheels are chosen."""

    version: str
    glibc: int
    system: str

    @property
    def minor(self) -> str:
        """As 3.13."""
        return self.version.rpartition(".")[0]


PYTHONS: Final = (
    Python("3.11.2", 36, "Debian 12"),
    Python("3.12.3", 39, "Ubuntu 24.04"),
    Python("3.13.5", 41, "Debian 13"),
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """One that pip has chosen."""

    name: str
    version: str
    file: str

    @property
    def compiled(self) -> bool:
        """Whether it is for one kind of processor."""
        return not self.file.endswith("-any.whl")


def normal(name: str) -> str:
    """A package's name in the form of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(project: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What each extra of pyproject.toml's table ``project`` asks for, with what BASE does."""
    base = tuple(project["dependencies"])
    extras = project["optional-dependencies"]
    return {BASE: base, **{name: (*base, *extras[name]) for name in sorted(extras)}}


def project() -> Mapping[str, Any]:
    """pyproject.toml's table of that name."""
    table: Mapping[str, Any] = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
    return table


def without_sources(names: Iterable[str], needs: Iterable[str]) -> list[str]:
    """`names`, with what picamera2 `needs` in its place if it is among them: all but SOURCE_ONLY.
    It is chosen by itself then, since pip would ask for wheels of those too."""
    names = list(names)
    if PICAMERA2 not in names:
        return names
    names.remove(PICAMERA2)
    own = [one for one in needs if "extra ==" not in one]
    return names + [one for one in own if normal(re.split(r"[^\w.-]", one)[0]) not in SOURCE_ONLY]


def read(report: Mapping[str, Any], version: str) -> list[Wheel]:
    """What pip has chosen, by its report; raises ImageError if it thought of another machine."""
    environment = report["environment"]
    thought = (environment["platform_machine"], environment["python_full_version"])
    if thought != (MACHINE, version):
        raise ImageError(f"pip chose for {' '.join(thought)} instead of {MACHINE} {version}")
    return [
        Wheel(
            one["metadata"]["name"],
            one["metadata"]["version"],
            one["download_info"]["url"].rpartition("/")[2],
        )
        for one in report["install"]
    ]


def _ask(there: Python, names: Iterable[str], *options: str, log: Path) -> list[Wheel]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        words = [*_PIP, there.version, "install", "--quiet", "--dry-run", "--ignore-installed"]
        words += ["--disable-pip-version-check", "--no-input", "--only-binary=:all:", *options]
        words += [f"--target={folder}/none", f"--report={report}", "-c", "constraints.txt"]
        choose = python.choose(python=there.minor, glibc=there.glibc)
        run([*words, *choose, *names], log=log, folder=TREE)
        return read(json.loads(report.read_text(encoding="utf-8")), there.version)


def resolve(there: Python, names: Iterable[str], *, log: Path) -> list[Wheel]:
    """The wheels of all that `names` ask for, on that Python on 64-bit ARM. Raises ImageError with
    pip's own words if one is missing."""
    names = list(names)
    alone: list[Wheel] = []
    if PICAMERA2 in names:
        alone = _ask(there, [PICAMERA2], "--no-deps", log=log)
    needs = metadata.requires(PICAMERA2) or ()
    return [*alone, *_ask(there, without_sources(names, needs), log=log)]


def fetch(there: Python, chosen: Iterable[Wheel], folder: Path, *, log: Path) -> list[Path]:
    """Download them into `folder`, unless they are there, and return the files."""
    chosen = list(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    words = [*_PIP, there.version, "download", "--quiet", "--disable-pip-version-check"]
    words += ["--no-input", "--no-deps", "--only-binary=:all:", f"--find-links={folder}"]
    names = [f"{one.name}=={one.version}" for one in chosen]
    choose = python.choose(python=there.minor, glibc=there.glibc)
    run([*words, *choose, "-d", folder, *names], log=log)
    return [folder / one.file for one in chosen]
